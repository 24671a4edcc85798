"""Drafts of a balance run in the node: in order, apart from each other, and taken by a click."""

import base64
import itertools

import pytest
from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS
from playwright.sync_api import expect

from richspace_core.finder.balance import Balance, Look

SHOW = """([id, choice, width]) => {
    const node = app.graph.getNodeById(id);
    node.setSize([width, node.size[1]]);
    node.onExecuted({richspace: [[choice]]});
}"""
#: A square, as a picture that every browser can show.
PICTURE = (
    "data:image/svg+xml;base64,"
    + base64.b64encode(
        b'<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96"><rect width="96" height="96" /></svg>'
    ).decode()
)

expect.set_options(timeout=SETTLED_MS)


def balance_run(*between):
    looks = tuple(Look(index, (index / 30) ** 2) for index in (0, *between, 30))
    described = Balance(looks, 30, 0.5).choice().as_json()
    return described | {"measured": [{**each, "picture": PICTURE} for each in described["measured"]]}


@pytest.fixture(scope="module", params=[False, True], ids=["classic", "nodes-2"])
def page(request, open_page):
    with open_page(nodes_2=request.param) as frontend:
        frontend.open_blank()
        frontend.finder = frontend.add_node("RichSpaceOptimalInterpolate", (500, 250))
        yield frontend


@pytest.mark.parametrize("width", [420, 230])
@pytest.mark.parametrize("between", [(15, 20, 21), tuple(range(12, 22))])
def test_drafts_stand_in_order_and_a_click_takes_one(page, between, width):
    page.page.evaluate(SHOW, [page.finder, balance_run(*between), width])
    page.settle()
    drafts = page.page.locator(".richspace-draft")
    expect(drafts).to_have_count(len(between) + 2)
    page.screenshot(
        ARTIFACTS / "browser" / f"balance-{len(between)}-{width}-{'nodes-2' if page.nodes_2 else 'classic'}.png"
    )
    boxes = [draft.bounding_box() for draft in drafts.all()]
    assert all(left["x"] + left["width"] <= right["x"] for left, right in itertools.pairwise(boxes))
    expect(page.page.locator(".richspace-key-wanted")).to_have_text("wanted 50%")
    first = drafts.nth(1)
    share = round(100 * between[0] / 30)
    seen = round(100 * (between[0] / 30) ** 2)
    words = f"candidate {between[0]} of 30: {share}% A, {seen}% seen"
    assert (first.get_attribute("title"), first.locator("img").get_attribute("alt")) == (words, words)
    first.click()
    index = "id => app.graph.getNodeById(id).widgets.find(({name}) => name === 'index').value"
    assert page.page.evaluate(index, page.finder) == between[0]
    first.click()  # as on the chart, a second click lets the finder choose again
    assert page.page.evaluate(index, page.finder) == 0
