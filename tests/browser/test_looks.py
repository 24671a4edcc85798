"""Colors and layout of the pack's texts and curves, on every palette."""

import pytest
from colors import contrast, least_difference
from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS, ROOT
from playwright.sync_api import expect

DEMO = ROOT / "tests" / "data" / "workflows" / "finder_two_prompts.json"
FINDER, GUIDE = "Circle + square", "Guide: the mixture in words"
KNOWN, UNKNOWN = "a large plain red and blue square moves right", "a large plain purple zeppelin moves right"
TOO_LONG = " and ".join(["a large plain red circle moves right"] * 9)
BUILT_IN = ["dark", "light", "solarized", "arc", "nord", "github"]
# Custom palettes: a light ground that is not declared as light, and a ground halfway between light and dark.
MADE = {
    name: {
        "id": name,
        "name": name,
        "colors": {
            "node_slot": {},
            "litegraph_base": {"NODE_DEFAULT_BGCOLOR": ground},
            "comfy_base": {"comfy-menu-bg": ground, "fg-color": text},
        },
    }
    for name, ground, text in [("paper", "#f3e9d2", "#3b2f1e"), ("slate", "#6f7479", "#ffffff")]
}
SET_PALETTE = """async id => {
    await app.extensionManager.setting.set("Comfy.ColorPalette", id);
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
# The color of every element that a selector finds and of the ground below it, in red, green and blue.
COLORS = """([selector, property, ground]) => {
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    const pixel = color => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = color;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data];
    };
    const below = element => {
        for (let it = element; it; it = it.parentElement) {
            const color = pixel(getComputedStyle(it).backgroundColor);
            if (color[3]) return color;
        }
    };
    const field = element => pixel(getComputedStyle(element.parentElement.querySelector(".field")).fill);
    const shown = [...document.querySelectorAll(selector)].filter(it => it.checkVisibility());
    return shown.map(it => [pixel(getComputedStyle(it)[property]), ground === "field" ? field(it) : below(it)]);
}"""
TEXTS = [
    "choice", "note", "legend span", "prompts span", "automatic", "report div", "warning", "error",
]  # fmt: skip
MARKS = {
    ".curve.deciding": "stroke", ".curve.first": "stroke", ".curve.second": "stroke", ".optimum": "stroke",
    ".guide": "fill", ".chosen": "fill", ".best": "stroke",
}  # fmt: skip
SAYS_NOTHING = """title => app.graph.nodes.find(node => node.title === title).widgets.every(widget =>
    widget.name !== "richspace-report")"""
HEIGHTS = """() => Object.fromEntries(app.graph.nodes.map(node => [node.title, [node.size[1],
    document.querySelector(`[data-node-id="${node.id}"]`)?.offsetHeight ?? 0]]))"""

expect.set_options(timeout=SETTLED_MS)


@pytest.fixture(scope="module", params=[False, True], ids=["classic", "nodes-2"])
def any_page(request, open_page, server):
    """Open a page in each renderer, once for all tests here.

    The server knows the custom palettes, which a page reads when it opens.
    """
    server.request("/settings", {"Comfy.CustomColorPalettes": MADE})
    with open_page(nodes_2=request.param, new=True) as frontend:
        yield frontend


@pytest.fixture
def page(any_page):
    """Open the two-prompt demo again on that page."""
    any_page.page.evaluate("text => app.loadGraphData(JSON.parse(text))", DEMO.read_text(encoding="utf-8"))
    any_page.settle()
    any_page.set_widget("Sample the video", "steps", 1)
    try:
        yield any_page
    finally:  # the server keeps settings
        any_page.page.evaluate(SET_PALETTE, "dark")
        any_page.page.evaluate("app.extensionManager.setting.set('Comfy.RightSidePanel.IsOpen', false)")


@pytest.fixture
def shoot(request, page):
    """Return a function that saves a screenshot of the window."""

    def keep(name):
        page.settle()
        which = request.node.callspec.id
        page.screenshot(ARTIFACTS / "browser" / f"{name}-{which}.png")

    return keep


def run(page):
    """Run the workflow and wait until the page shows its outputs."""
    assert page.run()["status"]["completed"]
    page.wait_for_outputs()
    expect(page.page.locator(".richspace-error")).to_have_count(0)


def fail(page, title):
    """Make the node with this title fail, by a word that the demo does not know."""
    page.set_widget(title, "text", UNKNOWN)
    assert page.run()["status"]["status_str"] == "error"
    expect(page.page.locator(".richspace-error")).to_be_visible(timeout=SETTLED_MS)
    page.page.wait_for_function(SAYS_NOTHING, arg=title, timeout=SETTLED_MS)  # its report was about another prompt


def colors(page, selector, style, ground="below"):
    found = page.page.evaluate(COLORS, [selector, style, ground])
    assert found, selector
    return found


def test_every_text_and_curve_is_read_on_every_palette(page, shoot):
    page.set_widget("A: circle", "text", TOO_LONG)
    page.set_widget(FINDER, "index", 28)
    run(page)
    fail(page, GUIDE)  # the finder does not run, and keeps its curves
    grounds = set()
    for palette in [*BUILT_IN, *MADE]:
        page.page.evaluate(SET_PALETTE, palette)
        shoot(f"looks-{palette}")
        for text in TEXTS:
            for color, ground in colors(page, f".richspace-{text}", "color"):
                assert contrast(color, ground) >= 4.5, (palette, text, color, ground)
        for color, ground in colors(page, ".richspace-chart text", "fill"):
            assert contrast(color, ground) >= 4.5, (palette, color, ground)
        marks = {}
        for mark, style in MARKS.items():
            ((marks[mark], field), *_) = colors(page, f".richspace-chart {mark}", style, "field")
            assert contrast(marks[mark], field) >= 3, (palette, mark, marks[mark], field)
        curves = [marks[f".curve.{name}"] for name in ("deciding", "first", "second")]
        assert least_difference(curves) > 0.08, (palette, marks)
        assert least_difference([*curves, marks[".chosen"]]) > 0.04, (palette, marks)  # their shapes differ as well
        for name in (".curve.deciding", ".curve.first", ".curve.second", ".chosen"):
            assert least_difference([marks[".guide"], marks[name]]) > 0.06, (palette, name, marks)
        ((_, ground),) = colors(page, ".richspace-panel", "color")
        grounds.add(tuple(ground))
    assert len(grounds) == len(BUILT_IN) + len(MADE) or page.nodes_2  # there the finder has its own color


def heights(page):
    """Return {title: (height in the graph, height on the page, or 0 if the node is not drawn there)}."""
    for _ in range(3):  # heights follow a text some frames later
        page.settle()
    return page.page.evaluate(HEIGHTS)


def drag_corner(page, title, distance):
    """Make the node with this title higher by dragging its corner."""
    (node,) = (node for node in page.nodes() if node["title"] == title)
    x, y, width, height = node["place"]
    scale = width / node["box"][2]
    on_page = heights(page)[title][1]
    corner = x + width - 3, y + (on_page * scale if on_page else height) - 3
    page.page.mouse.move(*corner)
    page.page.mouse.down()
    page.page.mouse.move(corner[0], corner[1] + distance, steps=4)
    page.page.mouse.up()


def test_an_error_leaves_the_layout_as_it_was(page, shoot):
    run(page)
    before = heights(page)
    fail(page, GUIDE)
    during = heights(page)
    shoot("layout-error")
    assert max(during[GUIDE]) > max(before[GUIDE])
    assert {title for title in before if during[title] != before[title]} == {GUIDE}
    saved = page.page.evaluate("app.graph.serialize().nodes.map(node => [node.title, node.size[1]])")
    assert [GUIDE, before[GUIDE][0]] in saved
    page.set_widget(GUIDE, "text", KNOWN)
    run(page)
    shoot("layout-after-error")
    assert heights(page) == before


def test_a_height_that_the_user_dragged_stays(page, shoot):
    run(page)
    before = heights(page)
    fail(page, GUIDE)
    drag_corner(page, GUIDE, 60)
    dragged = heights(page)
    assert max(dragged[GUIDE]) > max(before[GUIDE]) + 60
    page.set_widget(GUIDE, "text", KNOWN)
    run(page)
    shoot("layout-dragged")
    assert heights(page) == dragged


def test_a_report_that_shrinks_gives_the_room_back(page):
    page.page.evaluate("""title => {
        const node = app.graph.nodes.find(node => node.title === title);
        node.setSize([node.size[0], 175]);
    }""", GUIDE)  # fmt: skip
    run(page)
    before = heights(page)
    page.set_widget(GUIDE, "text", TOO_LONG)
    run(page)
    assert max(heights(page)[GUIDE]) > max(before[GUIDE])
    page.set_widget(GUIDE, "text", KNOWN)
    run(page)
    assert heights(page) == before


def test_the_side_panel_takes_nothing_from_the_node(page, shoot):
    run(page)
    chart = page.page.locator(".richspace-chart svg")
    before = chart.bounding_box()
    page.page.evaluate("title => app.canvas.selectItems(app.graph.nodes.filter(it => it.title === title))", FINDER)
    for is_open in (True, False):
        page.page.evaluate("it => app.extensionManager.setting.set('Comfy.RightSidePanel.IsOpen', it)", is_open)
        panel = page.page.get_by_test_id("properties-panel")
        expect(panel).to_have_count(int(is_open), timeout=SETTLED_MS)
        if is_open:
            expect(panel).to_contain_text("steps", timeout=SETTLED_MS)
            shoot("side-panel")
            assert "richspace-" not in panel.inner_text()
        assert chart.bounding_box() == before
