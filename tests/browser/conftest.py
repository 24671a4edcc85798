"""Fixtures of the browser tests: one real browser, and its pages, for each process that runs tests."""

from pathlib import Path

import pytest
from comfyui.frontend import chromium
from comfyui.server import ComfyServer
from environment.checkout import ARTIFACTS, ROOT
from environment.newest_frontend import newest_frontend
from kept_pages import KeptPages

#: Two prompts, the finder, and a video.
FINDER_WORKFLOW = ROOT / "tests" / "data" / "workflows" / "finder_two_prompts.json"


def pytest_collection_modifyitems(items):
    """Rerun a failed test of this tier up to twice, and report it: on a busy machine, a real page can be too slow."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.flaky(reruns=2))


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
def kept_pages(browser, server):
    """Pages that the tests of this process use one after another."""
    pages = KeptPages(browser, server)
    yield pages
    pages.forget()


@pytest.fixture(scope="session")
def open_page(kept_pages):
    """Return a function that opens a page as a context manager; `nodes_2=True` takes the other renderer."""
    return kept_pages.open


@pytest.fixture(params=[False, True], ids=["classic", "nodes-2"])
def renderer(request):
    """Whether "Nodes 2.0" draws the nodes."""
    return request.param


@pytest.fixture
def page(open_page, renderer):
    """Open a page with two prompts and the finder, which have not been run."""
    with open_page(nodes_2=renderer) as frontend:
        frontend.drop(FINDER_WORKFLOW)
        frontend.set_widget("Sample the video", "steps", 2)
        yield frontend


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """After a failed test, the next one has a new page."""
    report = yield
    if report.failed and "kept_pages" in item.funcargs:
        item.funcargs["kept_pages"].forget()
    return report


@pytest.fixture(scope="session")
def usual_errors(open_page):
    """Collect the errors in the console of a page on which nothing was opened."""
    errors = set()
    for nodes_2 in (False, True):
        with open_page(nodes_2=nodes_2, new=True) as frontend:
            frontend.page.wait_for_load_state("networkidle")
            errors |= frontend.errors
    assert not any("richspace" in error.lower() for error in errors)
    return errors
