"""Fixtures of the browser tests: one real server and one real browser for each process that runs tests."""

import functools
import os
from pathlib import Path

import pytest
from comfyui.frontend import Frontend, chromium
from comfyui.server import ComfyServer
from environment.checkout import ARTIFACTS
from environment.newest_frontend import newest_frontend
from small_models.single_files import add_single_files
from small_models.tiny_models import save_tiny_folder

TINY_MODEL = "CogVideoX-2b"  # the folder name that the workflows use


def pytest_collection_modifyitems(items):
    """Rerun a failed test of this tier once, and report it: on a busy machine, a real page can be too slow."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def server(tmp_path_factory, worker_id):
    """Run ComfyUI with this pack and tiny models, one of them in the form of CogVideoX-2b, and keep its log."""
    base = tmp_path_factory.mktemp("browser")
    save_tiny_folder(base / "models" / "diffusers" / TINY_MODEL, "2b")
    add_single_files(base)
    # `dev.py versions` runs these tests with another frontend too.
    options = ["--front-end-root", os.environ["FRONTEND_ROOT"]] if os.environ.get("FRONTEND_ROOT") else []
    with ComfyServer(base, log=ARTIFACTS / f"browser-tests-{worker_id}.log", options=options) as running:
        yield running


@pytest.fixture(scope="session")
def newest_server(tmp_path_factory, worker_id):
    """Run ComfyUI with this pack and with the newest frontend instead of its own."""
    options = ["--front-end-root", str(newest_frontend())]
    log = ARTIFACTS / f"newest-frontend-{worker_id}.log"
    with ComfyServer(tmp_path_factory.mktemp("newest"), log=log, options=options) as running:
        yield running


@pytest.fixture(scope="session")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def open_page(browser, server):
    """Return a function that opens a page as a context manager; `nodes_2=True` takes the other renderer."""
    return functools.partial(Frontend, browser, server)


@pytest.fixture(scope="session")
def usual_errors(open_page):
    """Collect the errors in the console of a page on which nothing was opened."""
    errors = set()
    for nodes_2 in (False, True):
        with open_page(nodes_2=nodes_2) as frontend:
            frontend.page.wait_for_load_state("networkidle")
            errors |= frontend.errors
    assert not any("richspace" in error.lower() for error in errors)
    return errors
