"""The benchmark's page in a real browser, opened as a file."""

import pytest
from benchmark_runs import ARMS, MIXTURES, run_here
from environment.checkout import ARTIFACTS


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark")
    assert run_here(folder, "--width", "0", "--height", "0") == 0  # of the model's own size
    return folder


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 600)])
def test_the_page_shows_tables_curves_and_strips(browser, results, scheme, width):
    page = browser.new_page(viewport={"width": width, "height": 1000}, color_scheme=scheme)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((results / "report.html").as_uri())
    page.wait_for_load_state("networkidle")
    pictures = page.evaluate("[...document.images].map(image => [image.complete, image.naturalWidth])")
    page.screenshot(path=ARTIFACTS / "browser" / f"benchmark-report-{scheme}.png", full_page=True)
    assert len(pictures) == len(MIXTURES) * (1 + 2 * len(ARMS))
    assert all(complete and size > 300 for complete, size in pictures)
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")  # wide tables scroll on their own
    widened = (
        "document.querySelectorAll('h3, dd').forEach(text => text.insertAdjacentText('beforeend', 'x'.repeat(300)))"
    )
    page.evaluate(widened)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")  # long names and prompts are wrapped
    page.reload()
    for name in MIXTURES:
        assert page.get_by_role("heading", name=name, exact=True).is_visible()
    assert page.get_by_role("cell", name="Average").is_visible()
    for address in page.evaluate(
        "[...document.querySelectorAll('figcaption a')].map(link => link.getAttribute('href'))"
    ):
        assert (results / address).is_file()
    page.close()
