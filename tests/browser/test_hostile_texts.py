"""Prompts that try to be HTML: the page shows them as text, and nothing in them runs."""

import pytest
from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS
from playwright.sync_api import expect

WORDS = "<script>window.taken=1</script> <img src=x onerror='window.taken=1'> [a](javascript:window.taken=1) <b>bold"
CONTROLS = "\x1b[31mred \u202ethgir"  # the color of a terminal, and text in the other direction

expect.set_options(timeout=SETTLED_MS)


@pytest.fixture
def page(page):
    """Check at the end that nothing of a prompt became an element or ran."""
    yield page
    assert page.page.evaluate("window.taken") is None
    ours = page.page.locator(".richspace-report, .richspace-error, .richspace-panel")
    assert ours.count()
    assert ours.locator("script, img, a, b").count() == 0


def shoot(frontend, name):
    frontend.settle()
    frontend.screenshot(ARTIFACTS / "browser" / f"{name}-{'nodes-2' if frontend.nodes_2 else 'classic'}.png")


def test_in_the_curves(page):
    page.set_widget("Load the model", "model", "CogVideoX-2b")  # takes any word, unlike the demo's model
    page.set_widget("A: circle", "text", f"a red circle {WORDS}")
    page.run()
    shoot(page, "hostile-curves")
    expect(page.page.locator(".richspace-prompts")).to_contain_text(f"A: a red circle {WORDS}")


def test_in_an_error(page):
    page.set_widget("A: circle", "text", f"a red circle {WORDS} {CONTROLS}")
    assert page.run()["status"]["status_str"] == "error"
    shoot(page, "hostile-error")
    said = page.page.locator(".richspace-error")
    expect(said).to_contain_text("text: expected only words that this model knows")
    expect(said).to_contain_text('"<script>window.taken=1</script>", "<img", "src=x"')
    expect(said).to_contain_text(r'"\x1b[31mred", "\u202ethgir"')
