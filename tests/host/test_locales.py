"""The real host hands the node texts of every language to its frontend."""

import json

import pytest
from environment.checkout import ROOT

LANGUAGES = sorted(folder.name for folder in (ROOT / "locales").iterdir())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_host_hands_out_the_texts_of_a_language(server, language):
    told = server.get("/i18n")[language]
    for file in (ROOT / "locales" / language).iterdir():
        content = json.loads(file.read_text(encoding="utf-8"))
        expected = content if file.stem == "main" else {file.stem: content}
        assert {name: told[name] for name in expected} == expected
