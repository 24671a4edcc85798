"""Scripts in docs/NATIVE_COGVIDEOX.md, which run against the real ComfyUI and print the figures in the text."""

import os
import re
import subprocess
import sys
from itertools import pairwise

import pytest

CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def sections(root):
    """Return {heading: its text} of every section, with the set-up under an empty heading."""
    text = (root / "docs" / "NATIVE_COGVIDEOX.md").read_text(encoding="utf-8")
    first, *rest = text.split("\n## ")
    return {"": first} | {part.partition("\n")[0]: part for part in rest}


@pytest.fixture(scope="module")
def printed(sections, host, tmp_path_factory):
    """Return {heading: last line that its script prints}; one process runs all scripts in order."""
    code = "\n".join(
        f'{CODE.search(text)[1]}\nprint("## {heading}")' for heading, text in sections.items() if CODE.search(text)
    )
    file = tmp_path_factory.mktemp("reports") / "reports.py"
    file.write_text(code, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(host), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, file], cwd=host, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return {line[3:]: before for before, line in pairwise(lines) if line.startswith("## ")}


def test_every_section_with_a_figure_prints_it(sections, printed):
    figures = {heading: heading.rpartition(": ")[2] for heading in sections if re.search(r": [\d.]+$", heading)}
    assert len(figures) == 8
    for heading, figure in figures.items():
        # Random weights differ between versions of torch, and what they make wrong with them.
        assert float(printed[heading].rpartition(": ")[2]) == pytest.approx(float(figure), rel=0.5), heading


def test_the_others_show_what_they_say(printed):
    assert printed["Prompts: parentheses are weights, and nothing is cut"].endswith("250 times 'tiger': 751")
    assert printed["The published files are not recognized"] == "The published names: None"
    assert printed["Published LoRAs have no effect"] == "Layers that a LoRA of 6 changes: 0"
    assert float(printed["DoRA is scaled by the norm of the unchanged weight"].rpartition(": ")[2]) > 0.1


def test_every_cause_has_a_place_and_a_cure(sections):
    for heading, text in sections.items():
        if heading and heading != "Attention on a CPU":
            assert re.search(r"`comfy/[\w/]+\.py`", text), heading
            assert "\nIn ComfyUI: " in text, heading
            assert " Here: " in text, heading
