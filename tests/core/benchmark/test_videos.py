"""The command `videos` on the demo model: its results, and what it keeps of earlier runs."""

import csv
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
from environment.checkout import ROOT
from small_models.vbench import save_clip_b32

from richspace_core.benchmark import cli, outputs, rendering
from richspace_core.benchmark.hashes import hash_bytes, hash_json
from richspace_core.metrics import FrameScores, registry


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Results of a finished run. Copy them before you change them."""
    folder = tmp_path_factory.mktemp("results")
    assert run_here(folder) == 0
    return folder


@pytest.fixture
def copy(results, tmp_path):
    """Results of a finished run that a test may change."""
    return shutil.copytree(results, tmp_path / "results")


@pytest.fixture
def sampled(monkeypatch):
    """Seeds of the clips that are sampled from now on."""
    seeds = []
    sample = rendering.sample_latents

    def note(*arguments, seed, **options):
        seeds.append(seed)
        return sample(*arguments, seed=seed, **options)

    monkeypatch.setattr(rendering, "sample_latents", note)
    return seeds


@pytest.fixture
def brightness(monkeypatch):
    """Metric that is in the registry only during a test."""

    def measure(frames):
        return FrameScores(frames.mean((1, 2, 3)).double().cpu())

    metric = registry.Metric("brightness", "the frames are bright", (), measure)
    monkeypatch.setattr(registry, "METRICS", (*registry.METRICS, metric))
    return metric


def scores(folder):
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_clip_is_there_with_its_scores(results):
    assert len(clip_folders(results)) == len(MIXTURES) * len(ARMS) * 2
    rows = scores(results)
    drafted = {"share seen", "distance from balance"}
    assert {row["metric"] for row in rows} == {
        "subject consistency",
        "aesthetic quality",
        "temporal flickering",
        *drafted,
    }
    assert len(rows) == 5 * len(clip_folders(results))
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
    assert "http" not in page  # nothing is loaded from the network


def test_the_videos_play(results):
    import av

    for folder in clip_folders(results):
        with av.open(str(folder / "video.mp4")) as video:
            frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
            assert (len(frames), frames[0].shape) == (9, (32, 48, 3))
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
    assert len(sampled) == 1  # the other clip lost only its video, which is decoded from its latents
    assert scores(copy) == scores(results)
    assert cut.read_bytes() == (clip_folders(results)[0] / "latents.safetensors").read_bytes()


def test_what_is_made_again_and_why_is_said(copy, sampled, results, capsys):
    rendered, scored, *_ = clip_folders(copy)
    shutil.rmtree(rendered)
    (scored / "video.mp4").unlink()
    assert run_here(copy) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "Reason: " in line]
    name = f"{scored.parent.name}, {scored.name.replace('-seed', ', seed ')}"
    assert line == f"Decoding and scoring again (the latents are kept): {name}. Reason: video.mp4 is missing."
    assert len(sampled) == 1
    assert scores(copy) == scores(results)


def test_a_score_that_was_edited_is_noticed(copy, sampled, results, capsys):
    file = clip_folders(copy)[0] / "clip.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["scores"]["subject consistency"] = 0.999
    file.write_text(json.dumps(content), encoding="utf-8")
    assert run_here(copy) == 0
    assert "Reason: clip.json was edited or damaged: its contents do not match" in capsys.readouterr().err
    assert len(sampled) == 1  # no value of such a record is used, not even its render key
    assert scores(copy) == scores(results)


def test_results_of_an_earlier_version_are_scored_again(copy, sampled, results, capsys):
    for folder in clip_folders(copy):
        content = json.loads((folder / "clip.json").read_text(encoding="utf-8"))
        del content["sha256"]  # as in earlier versions
        content["scores"]["subject consistency"] = 0.999
        (folder / "clip.json").write_text(json.dumps(content), encoding="utf-8")
    assert run_here(copy) == 0
    assert "and 9 more. Reason: clip.json is from an earlier version" in capsys.readouterr().err
    assert sampled == []
    assert scores(copy) == scores(results)
    assert run_here(copy) == 0
    assert "Reason: " not in capsys.readouterr().err


def test_latents_that_are_none_are_a_clear_error(copy, capsys):
    """This needs a forged record, or one without a checksum."""
    folder = clip_folders(copy)[0]
    content = json.loads((folder / "clip.json").read_text(encoding="utf-8"))
    del content["sha256"]
    content["files"]["latents.safetensors"] = hash_bytes(b"no latents")
    (folder / "latents.safetensors").write_bytes(b"no latents")
    (folder / "clip.json").write_text(json.dumps(content), encoding="utf-8")
    assert run_here(copy) == 2
    said = error_line(capsys)
    assert re.search(
        r"seed 0, latents\.safetensors: expected the latents of a video, got other content \(.*\)\. Del", said
    )


@pytest.fixture
def no_model(monkeypatch):
    """Fail if a T5 or a CogVideoX is loaded: errors must come earlier."""

    def refuse(*_arguments, **_options):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(cli, "load_text_encoder", refuse)
    monkeypatch.setattr(rendering.ClipRenderer, "__init__", refuse)


def error_line(capsys):
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    return line


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("name", ["report.html", "table.md", "scores.csv", "index.md", "index.csv"])
def test_a_folder_in_the_place_of_a_result_is_said_before_the_work(name, tmp_path, capsys):
    (tmp_path / name).mkdir()
    assert run_here(tmp_path, metrics=False) == 2
    assert error_line(capsys).startswith(f"error: out: expected a file, {tmp_path / name}, got a folder in its place.")


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("name", ["", "clips", "clips/Red+Blue", "clips/Circle+Square+Star/direct-seed1"])
def test_a_file_in_the_place_of_a_folder_is_said_before_the_work(name, tmp_path, capsys):
    place = tmp_path / "results" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("a note", encoding="utf-8")
    assert run_here(tmp_path / "results", metrics=False) == 2
    assert error_line(capsys).startswith(f"error: out: expected a folder, {place}, got a file in its place.")


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("name", ["index.md", "index.csv"])
def test_the_command_index_checks_its_outputs_too(name, tmp_path, capsys):
    (tmp_path / name).mkdir()
    assert cli.main(["index", str(ROOT / "demo_model"), "--out", str(tmp_path)]) == 2
    assert error_line(capsys).startswith(f"error: out: expected a file, {tmp_path / name}, got a folder")


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("package", ["av", "jinja2", "tqdm"])
def test_a_missing_package_is_said_before_the_work(package, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    assert run_here(tmp_path, metrics=False) == 2
    expected = (
        f'error: packages: expected av, jinja2, tqdm, got no {package}. Install the missing packages: pip install "'
    )
    assert error_line(capsys).startswith(expected)


def test_a_disk_that_fills_up_loses_no_finished_clip(copy, sampled, monkeypatch, results, capsys):
    resource = pytest.importorskip("resource")  # not on Windows
    monkeypatch.setattr(outputs, "_PROBE_BYTES", 1)
    shutil.rmtree(clip_folders(copy)[0])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))  # bytes: less than a clip's latents
    try:
        assert run_here(copy) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    said = error_line(capsys)
    assert re.search(
        r"out: expected a file that can be written, .*latents\.safetensors, got File too large\. Check", said
    )
    assert not list(copy.rglob("*.part"))
    assert run_here(copy) == 0
    assert len(sampled) == 2  # the same clip twice
    assert scores(copy) == scores(results)


def test_out_of_memory_is_one_line(copy, monkeypatch, capsys):
    def decode(*_arguments, **_options):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1 GiB.")

    shutil.rmtree(clip_folders(copy)[0])
    monkeypatch.setattr(rendering, "decode_latents", decode)
    assert run_here(copy) == 2
    assert error_line(capsys).startswith("error: device: out of memory (CUDA out of memory). Try --tiled, ")


def test_a_mixture_that_is_named_twice_is_rendered_once(copy, sampled):
    assert run_here(copy, "--only", *MIXTURES, MIXTURES[0]) == 0
    assert sampled == []
    assert len((copy / "index.csv").read_text(encoding="utf-8").splitlines()) == 1 + len(MIXTURES)


def test_more_seeds_and_other_metrics_keep_what_is_there(copy, sampled, results):
    assert run_here(copy, "--seeds", "3", metrics=False) == 0
    assert sampled == [2] * (len(MIXTURES) * len(ARMS))
    unscored = {"subject consistency", "aesthetic quality"}
    kept = [row for row in scores(results) if row["metric"] not in unscored]
    assert [row for row in scores(copy) if row["seed"] != "2"] == kept


def test_a_metric_that_is_added_to_the_registry_is_in_every_result(copy, sampled, brightness, capsys):
    assert run_here(copy) == 0
    said = capsys.readouterr()
    assert f"and 9 more. Reason: it has no score of {brightness.name}." in said.err
    assert sampled == []
    assert f"| {brightness.name}, optimum | {brightness.name}, direct | {brightness.name}, balance |" in said.out
    assert {brightness.name} < {row["metric"] for row in scores(copy)}
    page = (copy / "report.html").read_text(encoding="utf-8")
    assert f"<dt>{brightness.name}</dt><dd>{brightness.description}</dd>" in page
    assert run_here(copy) == 0
    assert "Reason: " not in capsys.readouterr().err


def test_background_consistency_is_scored_when_its_weights_are_given(copy, sampled, results, tmp_path, capsys):
    save_clip_b32(tmp_path / "clip_b32.safetensors")
    assert run_here(copy, "--clip-b32", str(tmp_path / "clip_b32.safetensors")) == 0
    assert "Reason: it was scored with other metrics, other drafts or another --tiled." in capsys.readouterr().err
    assert sampled == []
    added = [row for row in scores(copy) if row["metric"] == "background consistency"]
    assert len(added) == len(clip_folders(copy))
    assert all(0 < float(row["score"]) < 1 for row in added)
    assert [row for row in scores(copy) if row not in added] == scores(results)


def test_another_number_of_steps_is_another_video(copy, sampled):
    assert run_here(copy, "--steps", "3") == 0
    assert len(sampled) == len(clip_folders(copy))


def test_other_drafts_are_another_balance_and_another_share(copy, sampled, capsys):
    assert run_here(copy, "--draft-steps", "2") == 0
    said = capsys.readouterr().err
    assert "Reason: it was scored with other metrics, other drafts or another --tiled." in said
    assert "balance, seed 0; " in said
    assert "Reason: it was made with other prompts, another model or other settings." in said
    assert len(sampled) == len(clip_folders(copy)) // len(ARMS)  # the other arms keep their latents


def test_results_without_the_balance_keep_their_latents(copy, sampled, results):
    """Results of the version that had only the paper's two arms, and no shares."""
    for folder in clip_folders(copy):
        if folder.name.startswith("balance"):
            shutil.rmtree(folder)
            continue
        content = json.loads((folder / "clip.json").read_text(encoding="utf-8"))
        del content["sha256"], content["scores"]["share seen"], content["scores"]["distance from balance"]
        content["score"] = "the key of scores without drafts"
        content["sha256"] = hash_json(content)
        (folder / "clip.json").write_text(json.dumps(content), encoding="utf-8")
    assert run_here(copy) == 0
    assert sampled == [0] * len(MIXTURES) + [1] * len(MIXTURES)  # the clips of the balance
    assert scores(copy) == scores(results)


def test_the_balance_is_found_again_for_a_clip_whose_video_is_lost(copy, sampled, results):
    (lost,) = copy.rglob("Circle+Square+Star/balance-seed1/clip.json")
    before = json.loads(lost.read_text(encoding="utf-8"))
    assert len(before["indices"]) == 2
    lost.with_name("video.mp4").unlink()
    assert run_here(copy) == 0
    assert sampled == []
    after = json.loads(lost.read_text(encoding="utf-8"))
    assert after["indices"] == before["indices"]
    assert after["scores"] == before["scores"]
    # Encoding a video again may give other bytes.
    assert after["files"]["latents.safetensors"] == before["files"]["latents.safetensors"]
    assert scores(copy) == scores(results)


def test_the_page_says_what_the_drafts_show(results):
    page = (results / "report.html").read_text(encoding="utf-8")
    for folder in clip_folders(results):
        record = json.loads((folder / "clip.json").read_text(encoding="utf-8"))
        path = (folder / "video.mp4").relative_to(results).as_posix()
        (note,) = re.findall(rf'<a href="{re.escape(path)}">play the video</a>: ([^<]*)<', page)
        chosen = f"candidate {', then '.join(map(str, record['indices']))} of 30, " if "indices" in record else ""
        assert note == f"{chosen}share seen {record['scores']['share seen']:.2f}"
        assert bool(chosen) == (record["arm"] == "balance")


def test_a_run_that_is_killed_loses_no_finished_clip(tmp_path, sampled, results):
    process = subprocess.Popen(videos_command(tmp_path), stderr=subprocess.DEVNULL)
    while process.poll() is None and len(list(tmp_path.rglob("balance-*/clip.json"))) < 1:
        time.sleep(0.05)
    process.kill()
    process.wait()
    finished = {file: file.read_bytes() for file in tmp_path.rglob("clip.json")}
    assert run_here(tmp_path) == 0
    assert len(sampled) == len(clip_folders(results)) - len(finished)
    assert {file: file.read_bytes() for file in finished} == finished
    assert scores(tmp_path) == scores(results)


def test_an_interrupted_run_loses_no_finished_clip(tmp_path, results):
    process = subprocess.Popen(videos_command(tmp_path), stderr=subprocess.PIPE, text=True)
    while process.poll() is None and len(list(tmp_path.rglob("clip.json"))) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 130
    assert "Interrupted. Finished clips are kept" in said
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "Tiger+Zebra"], "only: expected names from Red+Blue"),
        (["--width", "30"], "width: expected"),
        (["--dino", "nowhere"], "nowhere"),
        (
            ["--clip", "nowhere"],
            "clip, aesthetic-head: expected all of these weights, for aesthetic quality, or none of them, got only "
            "clip. Add --aesthetic-head (LAION's aesthetic head), or leave out --clip.",
        ),
        (["--device", "toaster"], "device: expected a device that torch can use, got toaster"),
        (["--steps", "0"], "steps: expected an integer >= 1, got 0"),
        (["--draft-steps", "1001"], "draft-steps: expected at most 1000, the length of the model's schedule, got 1001"),
        (["--steps", "1001"], "steps: expected at most 1000, the length of the model's schedule, got 1001"),
        (["--device", "meta"], "device: expected a device that torch can use, got meta"),
        (["--table-1"], "table-1: expected names from Red+Blue"),
        (["--prompts", "nowhere.json"], "prompts: expected a JSON file that can be read, got nowhere.json"),
        (["--ray", ""], "ray: expected the address of a running Ray cluster, got an empty address"),
    ],
)
def test_what_is_wrong_is_one_line(options, message, tmp_path, capsys):
    assert run_here(tmp_path, *options, metrics=False) == 2
    said = capsys.readouterr().err
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert message in line
    assert not list(tmp_path.rglob("clip.json"))


@pytest.mark.parametrize("model", ["README.md", "docs", "nowhere"])
def test_a_model_that_is_none_is_one_line(model, tmp_path, capsys):
    assert cli.main(["videos", str(ROOT / model), "--out", str(tmp_path / "results")]) == 2
    assert f"{model}/model_index.json: expected a file, got nothing that can be read" in error_line(capsys)
    assert not (tmp_path / "results").exists()
