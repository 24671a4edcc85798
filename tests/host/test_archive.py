"""The workflows of every released version, as they were, through the real host of today."""

import json

import pytest
from comfyui.server import output_files
from environment.checkout import ROOT
from export_workflows import on_the_demo_model
from thumbnails import read_frames

FILES = sorted((ROOT / "tests" / "archive").glob("*/api/*.json"))
STEPS = 2


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parents[1].name}-{file.stem}")
def test_a_released_workflow_runs(server, file):
    prompt = on_the_demo_model(json.loads(file.read_text(encoding="utf-8")), keep_its_own=False)
    for node in prompt.values():
        if node["class_type"] == "RichSpaceCogVideoXSample":
            node["inputs"]["steps"] = STEPS
    entry = server.run(prompt)  # refused, or a node that fails: PromptError
    (video,) = (file for file in output_files(entry) if file["filename"].endswith(".mp4"))
    assert len(read_frames(server.view(video))) == 9
