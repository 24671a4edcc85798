"""Workflows saved with each released version, opened in the present frontend."""

import json

import pytest
from environment.checkout import ROOT

FILES = [file for file in sorted((ROOT / "tests" / "archive").glob("*/*.json")) if file.name != "surface.json"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_released_workflow_opens_with_what_it_said(open_page, file):
    with open_page() as frontend:
        frontend.drop(file)
        assert frontend.complaints() == []
        prompt = frontend.api_prompt()
    released = json.loads((file.parent / "api" / file.name).read_text(encoding="utf-8"))
    assert prompt.keys() == released.keys()
    for name, node in released.items():
        assert prompt[name]["class_type"] == node["class_type"]
        assert {key: prompt[name]["inputs"].get(key) for key in node["inputs"]} == node["inputs"]
