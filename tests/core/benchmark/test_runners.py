"""Runners on a real Ray cluster: the same clips as in one process, and errors if there is no cluster."""

import filecmp
import os
import re
import signal
import socket
import subprocess
import time

import pytest
from benchmark_runs import clip_folders, run_here, videos_command
from ray_nodes import RayNodes

from richspace_core import RichSpaceError
from richspace_core.benchmark import cluster
from richspace_core.benchmark.runners import OnRay

# These come first: a cluster that runs on this machine would be found in place of the recorded one.


@pytest.fixture
def record(tmp_path, monkeypatch):
    """File that names the cluster that was last started on this machine, in a temporary folder."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    file = tmp_path / "ray" / "ray_current_cluster"
    file.parent.mkdir()
    return file


def free_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_the_record_of_a_cluster_that_is_gone_is_a_quick_error(record):
    record.write_text(free_address(), encoding="utf-8")
    port = record.read_text(encoding="utf-8").rpartition(":")[2]
    start = time.monotonic()
    with pytest.raises(RichSpaceError, match=rf"got auto \(Ray uses .*:{port}, where no cluster is running: "):
        OnRay("auto")
    assert time.monotonic() - start < 60  # ray.init takes 825 seconds


def test_the_environment_names_a_cluster_that_is_gone(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", free_address())
    with pytest.raises(RichSpaceError, match=r"got auto \(Ray uses 127\.0\.0\.1:\d+, where no cluster is"):
        OnRay("auto")


def test_an_address_where_something_else_listens_is_an_error_in_time(monkeypatch):
    monkeypatch.setattr(cluster, "_TRIAL_SECONDS", 5.0)
    with socket.create_server(("", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(RichSpaceError, match=rf"got {address} \(no answer within 5 seconds\)"):
            OnRay(address)


@pytest.mark.parametrize("address", ["cluster", "127.0.0.1:99999", "127.0.0.1:port", "no-such-host.invalid:6379"])
def test_what_is_no_address_is_an_error(address):
    with pytest.raises(RichSpaceError, match=rf"^ray: expected the address .*, got {re.escape(address)} \("):
        OnRay(address)


@pytest.fixture(scope="module")
def nodes():
    if os.name == "nt":
        pytest.skip("Ray's clusters of several nodes are for Linux and macOS")
    with RayNodes() as running:
        yield running


@pytest.fixture
def two_nodes(nodes):
    nodes.add()
    yield nodes
    nodes.remove()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Results of the same run in this process."""
    folder = tmp_path_factory.mktemp("expected")
    assert run_here(folder) == 0
    return folder


def start(nodes, folder, *options):
    command = videos_command(folder, "--ray", nodes.address, *options)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_an_error_in_a_worker_is_said_as_one_from_here(nodes, tmp_path, tiny_folder):
    command = videos_command(tmp_path, "--ray", nodes.address, "--t5", str(tiny_folder("2b")))
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 2
    assert "error: Red+Blue, seed 0, " in run.stderr
    assert "positive: expected an embedding of 64 tokens" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_killed_worker_loses_nothing(two_nodes, tmp_path, expected):
    run, killed = start(two_nodes, tmp_path), None
    while run.poll() is None:
        if not killed and clip_folders(tmp_path) and len(at_work := two_nodes.workers("render")) == 2:
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
    run = start(nodes, tmp_path, "--seeds", "100")
    while run.poll() is None and not clip_folders(tmp_path):
        time.sleep(0.05)
    nodes.add()
    while run.poll() is None and len(nodes.workers("render")) < 2:
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    said = run.communicate()[0]
    nodes.remove()
    assert run.returncode == 130, said
    for clip in clip_folders(tmp_path):
        known = expected / clip.relative_to(tmp_path) / "latents.safetensors"
        assert not known.is_file() or filecmp.cmp(clip / known.name, known, shallow=False)


def test_no_cluster_is_a_clear_error(tmp_path, capsys):
    assert run_here(tmp_path, "--ray", "127.0.0.1:9") == 2
    assert "error: ray: expected the address of a running Ray cluster, got 127.0.0.1:9" in capsys.readouterr().err
