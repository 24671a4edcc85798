"""The browser's tier: one real server and one real browser in each process that runs tests."""

import functools
from pathlib import Path

import pytest
from checkout import ARTIFACTS
from comfy_server import ComfyServer
from frontend import Frontend, chromium
from newest_frontend import newest_frontend
from single_files import add_single_files
from tiny_models import save_tiny_folder

TINY_MODEL = "CogVideoX-2b"  # what the workflows for it call it


def pytest_collection_modifyitems(items):
    """Try a failed test of this tier once more, and say so: a busy machine can keep a real page from being in time."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def server(tmp_path_factory, worker_id):
    """A running ComfyUI with this pack and tiny models, one of the form of CogVideoX-2b; its log is kept."""
    base = tmp_path_factory.mktemp("browser")
    save_tiny_folder(base / "models" / "diffusers" / TINY_MODEL, "2b")
    add_single_files(base)
    with ComfyServer(base, log=ARTIFACTS / f"browser-tests-{worker_id}.log") as running:
        yield running


@pytest.fixture(scope="session")
def newest_server(tmp_path_factory, worker_id):
    """A running ComfyUI with this pack, that serves the newest frontend in place of its own."""
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
    """Opens a page of the frontend, as a context manager; `nodes_2=True` for its other renderer."""
    return functools.partial(Frontend, browser, server)


@pytest.fixture(scope="session")
def usual_errors(open_page):
    """What the console says on a page where nobody has opened anything."""
    errors = set()
    for nodes_2 in (False, True):
        with open_page(nodes_2=nodes_2) as frontend:
            frontend.page.wait_for_load_state("networkidle")
            errors |= frontend.errors
    assert not any("richspace" in error.lower() for error in errors)
    return errors
