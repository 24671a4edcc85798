"""The same clips on a real Ray cluster of two workers, one of which is killed."""

import filecmp
import signal
import subprocess
import time

import pytest
from benchmark_runs import clip_folders, run_here, videos_command
from ray_nodes import RayNodes


@pytest.fixture(scope="module")
def nodes():
    with RayNodes() as running:
        running.add()
        yield running


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The same run in this process."""
    folder = tmp_path_factory.mktemp("expected")
    assert run_here(folder) == 0
    return folder


def start(nodes, folder, *options):
    command = videos_command(folder, "--ray", nodes.address, *options)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_a_killed_worker_loses_nothing(nodes, tmp_path, expected):
    run, killed = start(nodes, tmp_path), None
    while run.poll() is None:
        if not killed and clip_folders(tmp_path) and len(at_work := nodes.workers("render")) == 2:
            killed = at_work[0]
            killed.kill()
        time.sleep(0.02)
    said = run.communicate()[0]
    assert run.returncode == 0, said
    assert killed
    for name in ("table.md", "scores.csv", "index.csv"):
        assert filecmp.cmp(tmp_path / name, expected / name, shallow=False), name
    for ours, theirs in zip(clip_folders(tmp_path), clip_folders(expected), strict=True):
        assert filecmp.cmp(ours / "latents.safetensors", theirs / "latents.safetensors", shallow=False)


def test_a_machine_that_joins_is_put_to_work(nodes, tmp_path, expected):
    nodes.remove()
    run = start(nodes, tmp_path, "--seeds", "100")
    while run.poll() is None and not clip_folders(tmp_path):
        time.sleep(0.05)
    nodes.add()
    while run.poll() is None and len(nodes.workers("render")) < 2:
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    said = run.communicate()[0]
    assert run.returncode == 130, said
    for clip in clip_folders(tmp_path):
        known = expected / clip.relative_to(tmp_path) / "latents.safetensors"
        assert not known.is_file() or filecmp.cmp(clip / known.name, known, shallow=False)


def test_an_error_in_a_worker_is_said_as_one_from_here(nodes, tmp_path, tiny_folder):
    command = videos_command(tmp_path, "--ray", nodes.address, "--t5", str(tiny_folder("2b")))
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 2
    assert "error: positive: expected an embedding of 64 tokens" in run.stderr
    assert "Traceback" not in run.stderr


def test_no_cluster_is_a_clear_error(tmp_path):
    run = subprocess.run(videos_command(tmp_path, "--ray", "127.0.0.1:9"), capture_output=True, text=True)
    assert run.returncode == 2
    assert "error: ray: expected the address of a running Ray cluster, got 127.0.0.1:9" in run.stderr
