"""docs/API.md: its script and its command, run as a reader runs them, against the real host."""

import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from environment.checkout import ROOT
from thumbnails import read_frames

PAGE = (ROOT / "docs" / "API.md").read_text(encoding="utf-8")
SCRIPT = ROOT / "docs" / "queue_workflow.py"
WORKFLOW = "workflows/api/Mix two prompts (demo).json"
QUICK = ["--set", "Sample the video", "steps", "2"]


@pytest.fixture
def queue(server, tmp_path):
    """Runs the script as a program, its files in a folder of the test."""

    def run(*arguments, address=server.address):
        command = [sys.executable, SCRIPT, *arguments, "--server", address, "--folder", tmp_path]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    return run


def video_of(run):
    """The frames of the one video that a run has fetched, [n, h, w, 3]."""
    assert run.returncode == 0, run.stderr
    (file,) = re.findall(r"^(.+\.mp4)$", run.stdout, re.MULTILINE)
    with open(file, "rb") as content:
        return np.stack([np.asarray(frame) for frame in read_frames(content.read())])


def test_the_page_shows_the_script():
    (shown,) = re.findall(r"^```python\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert shown == SCRIPT.read_text(encoding="utf-8")


def test_the_page_s_command_fetches_a_video_with_its_changes(queue):
    (command,) = re.findall(r"^python docs/queue_workflow\.py (.+)$", PAGE, re.MULTILINE)
    run = queue(*shlex.split(command))
    green_and_blue = video_of(run)
    assert green_and_blue.shape == (9, 64, 64, 3)
    assert [line for line in run.stdout.splitlines() if " of 20" in line][-1] == "  20 of 20"
    for title in ("A: circle", "Guide: the mixture in words", "Sample the video", "Save the video"):
        assert title in run.stdout.splitlines()
    # Away from the ground, which is the same everywhere, a mixture with green is greener than one with red.
    assert excess(green_and_blue, 1) > excess(video_of(queue(WORKFLOW, "--set", "Sample the video", "seed", "7")), 1)


def excess(video, channel):
    """By how much a colour's part exceeds the mean of the three, at the pixel where it does most."""
    return float((video[..., channel].astype(float) - video.mean(axis=-1)).max())


def test_a_seed_is_a_video(queue):
    first, other, again = (
        video_of(queue(WORKFLOW, *QUICK, "--set", "Sample the video", "seed", seed)) for seed in ("1", "2", "1")
    )
    # Of the same frames two files may differ in details: under load the encoder does not always decide alike.
    assert distance(first, again) < 0.3 * distance(first, other)


def distance(one, other):
    """The mean difference of two videos' blocks of 8 x 8 pixels, in which an encoder's decisions cancel out."""
    blocks = [video.reshape(len(video), 8, 8, 8, 8, 3).mean(axis=(2, 4)) for video in (one, other)]
    return float(np.abs(blocks[0] - blocks[1]).mean())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["No such title", "text", "x"], "Guide: the mixture in words: text"),
        (["Sample the video", "sed", "1"], "There is no single node 'Sample the video' with an input 'sed'"),
        (["Sample the video", "seed", "seven"], "seed is not a text, so it cannot be set to 'seven'."),
        (["Sample the video", "steps", "0"], "Sample the video: Value 0 smaller than min"),
        (["A: circle", "text", "a flying teapot"], "A: circle failed: "),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(queue, changes, said):
    run = queue(WORKFLOW, "--set", *changes)
    assert run.returncode == 1
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_no_server(queue):
    run = queue(WORKFLOW, address="http://127.0.0.1:9")
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert run.stderr.startswith("ComfyUI does not answer at http://127.0.0.1:9")
