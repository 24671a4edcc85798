"""Curves of any finder, drawn by their order whatever their names are, with or without a guide."""

import pytest
import torch
from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS
from playwright.sync_api import expect

from richspace_core.finder.choice import Choice, Curve
from richspace_core.finder.cosine import Scores, cosine_choice

THIRD_FINDER = "RichSpaceThirdFinder"  # added to ComfyUI's list of nodes; the pack's script does not know it
SHOW = """([id, choice]) => app.graph.getNodeById(id).onExecuted({richspace: [[choice]]})"""
COLORS = """() => Object.fromEntries([...document.querySelectorAll(".richspace-chart .curve")].map(curve => [
    curve.classList[1], [getComputedStyle(curve).stroke, getComputedStyle(curve).strokeDasharray]]))"""
LEGEND_COLORS = """() => [...document.querySelectorAll(".richspace-legend span")].map(entry => {
    const {borderTopColor, borderTopStyle} = getComputedStyle(entry, "::before");
    return [entry.textContent, borderTopColor, borderTopStyle];
})"""

expect.set_options(timeout=SETTLED_MS)


def shares_of_a(power):
    return (torch.arange(1, 31).double() / 30) ** power


def cosine():
    scores = Scores(0.99 - (shares_of_a(1) - 0.4) ** 2 / 90, 0.97 - (shares_of_a(1) - 0.5) ** 2 / 30)
    return cosine_choice(scores, 14, continuous_weight=0.45, foot_coefficient=0.44, counted=True)


def similarity():
    values = 0.998 - (shares_of_a(1) - 0.6) ** 2 / 400
    return Choice(18, best=18, optimum=0.6, curves=(Curve("similarity", values),), guide=1.2)


def share_seen():
    curve = Curve("share seen", shares_of_a(3))
    return Choice(24, best=24, optimum=0.79, curves=(curve,), remarks=("looked at 5 drafts",))


@pytest.fixture(scope="module", params=[False, True], ids=["classic", "nodes-2"])
def page(request, open_page):
    """Open a page with the node of a finder that the pack's script does not know."""

    def add_finder(route):
        response = route.fetch()
        nodes = response.json()
        nodes[THIRD_FINDER] = nodes["RichSpaceOptimalInterpolate"] | {"name": THIRD_FINDER, "display_name": "Third"}
        route.fulfill(response=response, json=nodes)

    with open_page(nodes_2=request.param, new=True) as frontend:
        frontend.page.route("**/object_info", add_finder)
        frontend.reload()
        frontend.open_blank()
        frontend.finder = frontend.add_node(THIRD_FINDER, (500, 250))
        yield frontend


def show(page, choice, name):
    page.page.evaluate(SHOW, [page.finder, choice.as_json()])
    page.settle()
    expect(page.page.locator(".richspace-chart svg")).to_have_count(1)
    page.screenshot(ARTIFACTS / "browser" / f"curves-{name}-{'nodes-2' if page.nodes_2 else 'classic'}.png")
    return page.page.evaluate(COLORS)


def legend(page):
    return page.page.locator(".richspace-legend span").all_inner_texts()


def guide_marks(page):
    return page.page.locator(".richspace-chart .guide").count()


def test_the_deciding_curve_has_the_color_of_text_and_the_others_one_each(page):
    colors = show(page, cosine(), "cosine")
    assert list(colors) == ["deciding", "first", "second"]
    assert len({color for color, _ in colors.values()}) == 3
    assert [dashes == "none" for _, dashes in colors.values()] == [True, True, False]
    assert legend(page) == ["sum", "full", "truncated", "optimum 45.0% A", "guide"]
    keys = {name: tuple(look) for name, *look in page.page.evaluate(LEGEND_COLORS)}
    for name, style in (("sum", "deciding"), ("full", "first"), ("truncated", "second")):
        assert keys[name] == (colors[style][0], "dashed" if style == "second" else "solid")
    assert guide_marks(page) == 1


def test_a_single_curve_has_the_first_color_and_all_the_room(page):
    first = show(page, cosine(), "cosine")["first"]
    assert show(page, similarity(), "similarity") == {"first": first}
    assert legend(page) == ["similarity", "optimum 60.0% A", "guide (beyond A)"]
    assert guide_marks(page) == 1
    assert page.page.locator(".richspace-chart .field").count() == 1


def test_a_finder_without_a_guide_shows_none(page):
    assert list(show(page, share_seen(), "share-seen")) == ["first"]
    assert legend(page) == ["share seen", "optimum 79.0% A"]
    assert guide_marks(page) == 0
    expect(page.page.locator(".richspace-choice")).to_have_text("24 of 30: 80% A, 20% B")
    expect(page.page.locator(".richspace-note")).to_have_text("looked at 5 drafts")
    points = page.page.locator(".richspace-chart .curve.first").get_attribute("points").split()
    assert len(points) == 30


@pytest.mark.parametrize(("bound", "low"), [(1, 0.999999), (255, 200)])
def test_no_number_beyond_what_a_curve_can_reach(page, bound, low):
    curve = Curve("brightness", low + (bound - low) * shares_of_a(1), bound=bound)
    show(page, Choice(30, best=30, optimum=1, curves=(curve,)), f"bound-{bound}")
    numbers = page.page.locator(".richspace-chart text[text-anchor=end]").all_text_contents()
    assert len(numbers) >= 2
    assert max(map(float, numbers)) <= bound


def test_a_finder_can_report_in_words_too(page):
    report = {"richspace_report": [{"text": "5 drafts of 4 steps", "warning": "the drafts hardly differ"}]}
    page.page.evaluate("([id, output]) => app.graph.getNodeById(id).onExecuted(output)", [page.finder, report])
    expect(page.page.locator(".richspace-report")).to_contain_text("5 drafts of 4 steps")
    page.page.evaluate("([id, output]) => app.graph.getNodeById(id).onExecuted(output)",
                       [page.finder, {"richspace_report": [{"text": "", "warning": ""}]}])  # fmt: skip
    expect(page.page.locator(".richspace-report")).to_have_count(0)
