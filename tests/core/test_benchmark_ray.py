"""The same clips on a real Ray cluster of two workers, one of which is killed."""

import filecmp
import os
import signal
import subprocess
import time
import warnings

import psutil
import pytest
from benchmark_runs import clip_folders, run_here, videos_command

from richspace_core import RichSpaceError
from richspace_core.benchmark.runners import OnRay

WORKER = "ray::ClipWorker"


@pytest.fixture(scope="module")
def cluster():
    """Two machines of one CPU each, as far as Ray can tell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own, about its future
        from ray.cluster_utils import Cluster

        running = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        running.add_node(num_cpus=1)
    yield running
    running.shutdown()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The same run in this process."""
    folder = tmp_path_factory.mktemp("expected")
    assert run_here(folder) == 0
    return folder


def workers(cluster):
    """The processes that render right now."""
    raylets = [node.all_processes["raylet"][0].process.pid for node in cluster.list_all_nodes()]
    children = [child for raylet in raylets for child in psutil.Process(raylet).children(recursive=True)]
    return [child for child in children if f"{WORKER}.render" in " ".join(child.cmdline())]


def start(cluster, folder):
    command = videos_command(folder, "--ray", cluster.address)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def assert_same(folder, expected):
    for name in ("table.md", "scores.csv", "index.csv"):
        assert filecmp.cmp(folder / name, expected / name, shallow=False), name
    for ours, theirs in zip(clip_folders(folder), clip_folders(expected), strict=True):
        assert filecmp.cmp(ours / "latents.safetensors", theirs / "latents.safetensors", shallow=False)


def test_a_killed_worker_loses_nothing(cluster, tmp_path, expected):
    run, killed = start(cluster, tmp_path), []
    while run.poll() is None:
        if not killed and list(tmp_path.rglob("clip.json")) and len(at_work := workers(cluster)) == 2:
            killed.append(at_work[0].pid)
            os.kill(at_work[0].pid, signal.SIGKILL)
        time.sleep(0.02)
    said = run.communicate()[0]
    assert run.returncode == 0, said
    assert killed
    assert_same(tmp_path, expected)


def test_a_machine_that_joins_is_put_to_work(cluster, tmp_path, expected):
    *_, last = cluster.list_all_nodes()
    cluster.remove_node(last)
    run = start(cluster, tmp_path)
    while run.poll() is None and not list(tmp_path.rglob("clip.json")):
        time.sleep(0.05)
    cluster.add_node(num_cpus=1)
    most = 0
    while run.poll() is None:
        most = max(most, len(workers(cluster)))
        time.sleep(0.1)
    assert run.returncode == 0, run.communicate()[0]
    assert most == 2
    assert_same(tmp_path, expected)


def test_an_error_in_a_worker_is_said_as_it_is_here(cluster, tmp_path):
    command = videos_command(tmp_path, "--ray", cluster.address, "--dino", str(tmp_path))
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 2
    assert "error: " in run.stderr
    assert "Traceback" not in run.stderr


def test_no_cluster_is_a_clear_error():
    with pytest.raises(RichSpaceError, match=r"ray: expected the address of a running Ray cluster, got 127\.0\.0\.1:9"):
        OnRay("127.0.0.1:9")
