"""Rows of a contact sheet that can be clicked to take their candidate, in the real frontend."""

import pytest
from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS, ROOT
from PIL import Image
from playwright.sync_api import expect

STRIP = ROOT / "workflows" / "Choose a mixture by eye (demo).json"
FINDER, SWEEP, SHEET = "What the guides mean", "Five candidates", "One row each"
INDICES = (1, 8, 15, 22, 30)
SHOW = "([title, output]) => app.graph.nodes.find(node => node.title === title).onExecuted(output)"
REMOVE = "title => app.graph.remove(app.graph.nodes.find(node => node.title === title))"
UNWIRE = """title => {
    const node = app.graph.nodes.find(node => node.title === title);
    node.disconnectInput(node.inputs.findIndex(({name}) => name === "labels"));
}"""

expect.set_options(timeout=SETTLED_MS)


@pytest.fixture
def page(open_page, renderer, server):
    """Open the template of the strip, with the output of a run."""
    picture = server.base / "output" / "sheet_of_a_test.png"
    picture.parent.mkdir(exist_ok=True)
    Image.new("RGB", (400, 500), "navy").save(picture)
    rows = [
        {"label": f"{index} of 30: {index / 30:.0%} A", "top": place / 5, "bottom": (place + 0.9) / 5}
        for place, index in enumerate(INDICES)
    ]
    with open_page(nodes_2=renderer) as frontend:
        frontend.drop(STRIP)
        image = {"filename": picture.name, "subfolder": "", "type": "output"}
        frontend.page.evaluate(SHOW, [SHEET, {"images": [image], "richspace_sheet": [rows]}])
        expect(rows_of(frontend)).to_have_count(len(INDICES))
        frontend.settle()
        yield frontend


def rows_of(frontend):
    return frontend.page.locator(".richspace-sheet-row")


def taken(frontend):
    return frontend.page.locator(".richspace-sheet-row.richspace-taken")


def note(frontend):
    return frontend.page.locator(".richspace-sheet-note").inner_text()


def test_a_click_sets_the_finder_s_index_and_another_one_resets_it(page):
    assert note(page) == "Click a row to take its candidate."
    rows_of(page).nth(2).click()
    assert (page.widget(FINDER, "index"), page.widget(SWEEP, "candidates")) == (15, "")
    assert note(page) == f"{FINDER} takes 15 of 30 in the next run. Click the row again to undo."
    expect(taken(page)).to_have_attribute("title", "15 of 30: 50% A")
    page.screenshot(ARTIFACTS / "browser" / f"sheet-{'nodes-2' if page.nodes_2 else 'classic'}.png")
    rows_of(page).nth(3).click()
    assert page.widget(FINDER, "index") == 22
    rows_of(page).nth(3).click()
    assert page.widget(FINDER, "index") == 0
    expect(taken(page)).to_have_count(0)
    page.set_widget(FINDER, "index", 8)
    expect(taken(page)).to_have_attribute("title", "8 of 30: 27% A")


def test_without_a_finder_of_the_same_mixture_a_click_sets_the_sweep_s_candidates(page):
    page.set_widget(FINDER, "steps", 20)
    page.set_widget(SWEEP, "candidates", "1, 8, 15, 22, 30")
    rows_of(page).nth(1).click()
    assert (page.widget(FINDER, "index"), page.widget(SWEEP, "candidates")) == (0, "8")
    assert note(page) == f"{SWEEP} makes only 8 of 30 in the next run. Click the row again to undo."
    rows_of(page).nth(1).click()
    assert page.widget(SWEEP, "candidates") == "1, 8, 15, 22, 30"
    page.page.evaluate(REMOVE, FINDER)
    rows_of(page).nth(0).click()
    assert page.widget(SWEEP, "candidates") == "1"


def test_a_sheet_of_other_labels_is_a_picture(page):
    page.page.evaluate(UNWIRE, SHEET)
    page.settle()
    expect(rows_of(page)).to_have_count(0)
    assert page.widget(FINDER, "index") == 0
