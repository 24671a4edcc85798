"""Fixtures of the browser tests: one real browser, and its pages, for each process that runs tests."""

from pathlib import Path

import pytest
from comfyui.frontend import chromium
from environment.checkout import ROOT
from kept_pages import KeptPages

#: Two prompts, the finder, and a video.
FINDER_WORKFLOW = ROOT / "tests" / "data" / "workflows" / "finder_two_prompts.json"

#: The kept pages, for the hook that closes them.
PAGES = pytest.StashKey[KeptPages]()


def pytest_collection_modifyitems(items):
    """Rerun a failed test of this tier up to twice, and report it: on a busy machine, a real page can be too slow."""
    for item in items:
        if _is_here(item):
            item.add_marker(pytest.mark.flaky(reruns=2))


def _is_here(item):
    return item.path.is_relative_to(Path(__file__).parent)


@pytest.fixture(scope="session")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def kept_pages(browser, server, pytestconfig):
    """Pages that the tests of this process use one after another."""
    return pytestconfig.stash.setdefault(PAGES, KeptPages(browser, server))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """Close the pages once a test of another tier is next, since they take processor time as long as they are open."""
    yield
    if PAGES in item.config.stash and nextitem and not _is_here(nextitem):
        item.config.stash[PAGES].forget()


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
    """Return the errors in the console of a page on which nothing was opened."""
    with open_page(new=True) as frontend:
        frontend.page.wait_for_load_state("networkidle")
    assert not any("richspace" in error.lower() for error in frontend.errors)
    return frontend.errors
