"""Fixtures and hooks of all tiers: folder, server, random seeds, threads, and tests that need a GPU."""

import os
import random
import signal
from pathlib import Path

import pytest
from environment.checkout import ROOT

TINY_MODEL = "CogVideoX-2b"  # the folder name that the workflows use


def pytest_configure():
    # Small models are slower on several threads, and much slower if other programs use the cores. The programs that the
    # tests start take it from here.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # A request to terminate ends the tests, and the servers that they started, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A job in the background ignores Ctrl-C, as would the programs that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not _cuda_is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs an accelerator"))


def _cuda_is_available():
    import torch

    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def root() -> Path:
    """Folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def server(tmp_path_factory, worker_id):
    """Run ComfyUI with this pack and tiny models, one of them in the form of CogVideoX-2b, and keep its log.

    The tests of the host and of the browser that run in one process share it, because it takes long to start. Two
    monitors tell what its process holds and when its denoisers are called.
    """
    from comfyui.server import ComfyServer
    from environment.checkout import ARTIFACTS, link_folder
    from reliability import cancels, small_runs
    from small_models.single_files import add_single_files
    from small_models.tiny_models import save_tiny_folder

    base = tmp_path_factory.mktemp("server")
    save_tiny_folder(base / "models" / "diffusers" / TINY_MODEL, "2b")
    add_single_files(base)
    for monitor in (small_runs.MONITOR, cancels.MONITOR):
        link_folder(base / "custom_nodes" / monitor.name, monitor)
    # `dev.py versions` runs these tests with another frontend too.
    options = ["--front-end-root", os.environ["FRONTEND_ROOT"]] if os.environ.get("FRONTEND_ROOT") else []
    with ComfyServer(base, log=ARTIFACTS / f"server-of-tests-{worker_id}.log", options=options) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Use one thread in this process, whatever the environment says."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeds():
    """Start every test from the same global random state. Tests of randomness pass generators."""
    import numpy
    import torch

    random.seed(0)
    numpy.random.seed(0)
    torch.manual_seed(0)
