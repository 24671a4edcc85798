"""The command `videos`, whole, on the demo model: what it makes, and what it does not make twice."""

import csv
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from benchmark_runs import ARMS, MIXTURES, clip_folders, run_here, videos_command
from checkout import ROOT

from richspace_core.benchmark import cli, rendering
from richspace_core.benchmark.rendering import encode_video


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A finished run. Copy it before you change it."""
    folder = tmp_path_factory.mktemp("results")
    assert run_here(folder) == 0
    return folder


@pytest.fixture
def copy(results, tmp_path):
    """A finished run that may be changed."""
    return shutil.copytree(results, tmp_path / "results")


@pytest.fixture
def sampled(monkeypatch):
    """The seeds of the clips that are sampled from now on."""
    seeds = []
    sample = rendering.sample_latents

    def note(*arguments, seed, **options):
        seeds.append(seed)
        return sample(*arguments, seed=seed, **options)

    monkeypatch.setattr(rendering, "sample_latents", note)
    return seeds


def scores(folder):
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_clip_is_there_with_its_scores(results):
    assert len(clip_folders(results)) == len(MIXTURES) * len(ARMS) * 2
    rows = scores(results)
    assert {row["metric"] for row in rows} == {"subject consistency", "aesthetic quality", "temporal flickering"}
    assert len(rows) == 3 * len(clip_folders(results))
    for folder in clip_folders(results):
        record = json.loads((folder / "clip.json").read_text(encoding="utf-8"))
        assert {file.name for file in folder.iterdir()} == {"clip.json", *record["files"]}


def test_the_tables_and_the_page_are_there(results):
    table = (results / "table.md").read_text(encoding="utf-8")
    assert [row.split(" | ")[0].strip("| ") for row in table.splitlines()[2:]] == [*MIXTURES, "Average"]
    assert (results / "index.csv").is_file()
    page = (results / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == len(clip_folders(results))
    assert page.count("data:image/png;base64,") == len(MIXTURES)
    assert "http" not in page  # nothing is fetched from anywhere


def test_the_videos_play(results):
    import av

    for folder in clip_folders(results):
        with av.open(str(folder / "video.mp4")) as video:
            frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
            assert (len(frames), frames[0].shape) == (9, (64, 64, 3))
            assert video.streams.video[0].average_rate == 8


def test_nothing_is_rendered_again(copy, sampled):
    before = scores(copy), [(folder / "clip.json").read_bytes() for folder in clip_folders(copy)]
    assert run_here(copy) == 0
    assert sampled == []
    assert before == (scores(copy), [(folder / "clip.json").read_bytes() for folder in clip_folders(copy)])


def test_a_corrupt_clip_is_found_and_made_as_it_was(copy, sampled, results):
    cut, changed = clip_folders(copy)[0] / "latents.safetensors", clip_folders(copy)[3] / "video.mp4"
    cut.write_bytes(cut.read_bytes()[:-50])
    content = bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    assert run_here(copy) == 0
    assert len(sampled) == 1  # of the other one only the video was bad, and the latents are enough for that
    assert scores(copy) == scores(results)
    assert cut.read_bytes() == (clip_folders(results)[0] / "latents.safetensors").read_bytes()


def test_more_seeds_and_other_metrics_keep_what_is_there(copy, sampled, results):
    assert run_here(copy, "--seeds", "3", metrics=False) == 0
    assert sampled == [2] * (len(MIXTURES) * len(ARMS))
    kept = [row for row in scores(results) if row["metric"] == "temporal flickering"]
    assert [row for row in scores(copy) if row["seed"] != "2"] == kept


def test_another_number_of_steps_is_another_video(copy, sampled):
    assert run_here(copy, "--steps", "3") == 0
    assert len(sampled) == len(clip_folders(copy))


def test_an_interrupted_run_loses_no_finished_clip(tmp_path, results):
    process = subprocess.Popen(videos_command(tmp_path), stderr=subprocess.PIPE, text=True)
    while process.poll() is None and len(list(tmp_path.rglob("clip.json"))) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 130
    assert "Interrupted. What is finished is kept" in said
    assert "Traceback" not in said
    finished = {file: file.read_bytes() for file in tmp_path.rglob("clip.json")}
    assert 2 <= len(finished) < len(clip_folders(results))
    assert run_here(tmp_path) == 0
    assert {file: file.read_bytes() for file in finished} == finished
    assert scores(tmp_path) == scores(results)


def test_the_readmes_command_runs(tmp_path, monkeypatch):
    (line,) = re.findall(r"^python (-m richspace_core\.benchmark .*)$", (ROOT / "README.md").read_text("utf-8"), re.M)
    monkeypatch.chdir(ROOT)
    command = [sys.executable, *line.removesuffix("results").split(), str(tmp_path), "--steps", "2", "--seeds", "1"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "| Average |" in said
    assert (tmp_path / "report.html").is_file()


def test_the_documented_commands_are_understood():
    page = (ROOT / "docs" / "EVALUATION.md").read_text("utf-8")
    commands = re.findall(r"^python -m richspace_core\.benchmark ((?:index|videos) [^.\n]\S+.*)$", page, re.M)
    assert len(commands) == 3
    for command in commands:
        assert cli.parse(command.split()).out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "Tiger+Zebra"], "only: expected names out of Red+Blue"),
        (["--width", "30"], "width: expected"),
        (["--dino", "nowhere"], "nowhere"),
        (["--clip", "nowhere"], "clip, aesthetic-head: expected both"),
        (["--device", "toaster"], "device: expected one that torch has here, got toaster"),
        (["--steps", "0"], "steps: expected an integer >= 1, got 0"),
    ],
)
def test_what_is_wrong_is_one_line(options, message, tmp_path, capsys):
    assert run_here(tmp_path, *options, metrics=False) == 2
    said = capsys.readouterr().err
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert message in line
    assert not list(tmp_path.rglob("clip.json"))


def test_help_can_be_read_by_a_person():
    for command in ([], ["index"], ["videos"]):
        run = [sys.executable, "-m", "richspace_core.benchmark", *command, "--help"]
        said = subprocess.run(run, capture_output=True, text=True, check=True).stdout
        assert "usage: python -m richspace_core.benchmark" in said
        assert "None" not in said


def test_a_video_keeps_its_frames():
    import av

    frames = torch.linspace(0, 1, 5 * 32 * 48 * 3).reshape(5, 32, 48, 3)
    with av.open(io.BytesIO(encode_video(frames))) as video:
        decoded = [torch.from_numpy(frame.to_ndarray(format="rgb24")) for frame in video.decode(video=0)]
    assert (torch.stack(decoded).float() / 255 - frames).abs().mean() < 0.02
