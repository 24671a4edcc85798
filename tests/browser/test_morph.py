"""The curve of a morph in its node: the drawing edits the text, in both renderers, by pointer and keyboard."""

import io
import json

import av
import numpy as np
import pytest
from comfyui.frontend import SETTLED_MS
from comfyui.server import output_files
from environment.checkout import ARTIFACTS, ROOT
from playwright.sync_api import expect

from richspace_core import RichSpaceError
from richspace_core.morph.curve import PRESETS
from richspace_core.morph.text import format_keyframes, parse_keyframes

NODE, TITLE = "RichSpaceMorph", "RichSpace Morph"
KEYFRAME = ".richspace-morph-chart .keyframe"
RUN = {"frames": 17, "middles": [0, 2.5, 6.5, 10.5, 14.5], "prompts": ["a tiger", "a zebra"]}
SAVED = "() => app.graph.serialize().nodes.find(it => it.type === 'RichSpaceMorph').widgets_values"
IS_TEXT = """text => app.graph.nodes.find(it => it.type === "RichSpaceMorph")?.widgets
    .find(it => it.name === "curve").value === text"""
SET = """(node, text) => {
    const widget = node.widgets.find(it => it.name === "curve");
    widget.value = text;
    widget.callback?.(text, app.canvas, node);
}"""
CONNECT = """([source, id, name]) => {
    const node = app.graph.getNodeById(id);
    app.graph.getNodeById(source).connect(0, node, node.inputs.findIndex(it => it.name === name));
}"""
OPEN = "() => { const {subgraph} = app.graph.nodes.find(it => it.subgraph); app.canvas.openSubgraph(subgraph); }"
PARSE = """async texts => {
    const source = performance.getEntriesByType("resource").map(it => it.name).find(it => it.endsWith("morph_text.js"));
    const {parseKeyframes, formatKeyframes, PRESETS} = await import(source);
    const read = ([text, prompts]) => { const it = parseKeyframes(text, prompts); return it && formatKeyframes(it); };
    return [texts.map(read), PRESETS];
}"""
TEXTS = [
    "0%: A, 40%: A, 60%: B",
    "0: A, 24: B",
    " 0% :a ;\n12.5%:  b , ",
    "50%: 70% A",
    "50%: B + 70%A",
    "50%: 100% A",
    "50%: 0% A",
    "50%: 33.3% A + 33.3% B + F",
    "",
    " , ",
    "0%: A, x: B",
    "0%: A 40%: B",
    "0% A",
    "0%: G",
    "0%: Apple",
    "0%: A, 40%:",
    "0%: 70 A",
    "0%: A, 120%: B",
    "1.5: A",
    "0%: 120% A",
    "0%: 70% A + 40% B",
    "0%: 70% C",
    "0%: A + B",
    "0%: 50% A + 50% A",
    "-5%: A",
    "0%: A,, 50%: B",
]

expect.set_options(timeout=SETTLED_MS)


@pytest.fixture(scope="module", params=[False, True], ids=["classic", "nodes-2"])
def frontend(request, open_page):
    with open_page(nodes_2=request.param) as opened:
        yield opened


@pytest.fixture
def page(frontend):
    """Open an empty graph with the node in it."""
    frontend.open_blank()
    frontend.morph = frontend.add_node(NODE, (450, 120))
    frontend.settle()
    expect(frontend.page.locator(KEYFRAME)).to_have_count(2)
    return frontend


def text(page):
    return page.widget(TITLE, "curve")


def write(page, value):
    page.set_widget(TITLE, "curve", value)
    page.settle()


def keyframe(page, at):
    return page.page.locator(KEYFRAME).nth(at)


def middle(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def field(page):
    """Return the place of the drawn field on the screen: left, top, width and height."""
    box = page.page.locator(".richspace-morph-chart .field").bounding_box()
    return box["x"], box["y"], box["width"], box["height"]


def drag(page, at, place, height):
    """Drag a keyframe to a share of the time and of the height of the field."""
    left, top, width, tall = field(page)
    mouse = page.page.mouse
    mouse.move(*middle(keyframe(page, at)))
    mouse.down()
    mouse.move(left + place * width, top + height * tall, steps=4)
    mouse.up()
    page.settle()


def shot(page, name):
    page.screenshot(ARTIFACTS / "browser" / f"morph-{name}-{'nodes-2' if page.nodes_2 else 'classic'}.png")


def test_the_drawing_shows_the_text(page):
    write(page, "0%: A, 40%: A, 60%: B")
    expect(page.page.locator(KEYFRAME)).to_have_count(3)
    left, top, width, height = field(page)
    places = [middle(keyframe(page, at)) for at in range(3)]
    assert [(x - left) / width for x, _ in places] == pytest.approx([0, 0.4, 0.6], abs=0.02)
    assert [(y - top) / height for _, y in places] == pytest.approx([0, 0, 1], abs=0.02)
    shot(page, "text")


def test_a_keyframe_is_dragged_in_time_and_between_the_prompts(page):
    write(page, "0%: A, 40%: A, 60%: B")
    drag(page, 1, 0.2, 0)
    assert text(page) == "0%: A, 20%: A, 60%: B"
    drag(page, 2, 0.8, 0.3)
    assert text(page) == "0%: A, 20%: A, 80%: 70% A + 30% B"
    drag(page, 2, 0.05, 0)  # not beyond its neighbor
    assert text(page) == "0%: A, 20%: A, 21%: A"


def test_undo_takes_a_drag_back_and_the_workflow_saves_the_text(page):
    drag(page, 1, 0.75, 1)
    drag(page, 1, 0.5, 1)
    assert text(page) == "0%: A, 50%: B"
    assert "0%: A, 50%: B" in json.dumps(page.page.evaluate(SAVED))
    page.page.keyboard.press("Control+z")
    page.page.wait_for_function(IS_TEXT, arg="0%: A, 75%: B", timeout=SETTLED_MS)
    page.settle()
    left, _, width, _ = field(page)
    expect(page.page.locator(KEYFRAME)).to_have_count(2)
    assert (middle(keyframe(page, 1))[0] - left) / width == pytest.approx(0.75, abs=0.02)


def test_a_double_click_adds_and_a_right_click_removes(page):
    left, top, width, height = field(page)
    page.page.mouse.dblclick(left + 0.3 * width, top + 0.9 * height)
    page.settle()
    assert text(page) == "0%: A, 30%: 10% A + 90% B, 100%: B"
    assert page.page.get_by_placeholder("Add a node...").count() == 0
    page.page.mouse.click(*middle(keyframe(page, 1)), button="right")
    page.settle()
    assert text(page) == "0%: A, 100%: B"
    page.page.mouse.click(*middle(keyframe(page, 1)), button="right")
    page.page.mouse.click(*middle(keyframe(page, 0)), button="right")
    page.settle()
    assert text(page) == "0%: A"  # one stays


def test_the_keyboard_does_it_all(page):
    keyframe(page, 1).focus()
    for key in ("ArrowLeft", "Shift+ArrowLeft", "ArrowUp"):
        page.page.keyboard.press(key)
    assert text(page) == "0%: A, 89%: 5% A + 95% B"
    page.page.keyboard.press("a")
    assert text(page) == "0%: A, 89%: A"
    page.page.keyboard.press("Shift+Tab")
    page.page.keyboard.press("b")
    assert text(page) == "0%: B, 89%: A"
    page.page.keyboard.press("Insert")
    assert text(page) == "0%: B, 45%: 50% A + 50% B, 89%: A"
    page.page.keyboard.press("Delete")
    assert text(page) == "0%: B, 89%: A"
    assert len(page.nodes()) == 1  # the canvas has not deleted the node


def test_presets_are_those_of_the_library(page):
    for name, wanted in PRESETS.items():
        page.page.get_by_role("button", name=name, exact=True).click()
        assert text(page) == wanted
    page.page.locator(".richspace-morph").get_by_role("button", name="linear", exact=True).click()
    assert page.widget(TITLE, "interpolation") == "smooth"
    page.settle()
    shot(page, "smooth")
    page.page.locator(".richspace-morph").get_by_role("button", name="smooth", exact=True).click()
    assert page.widget(TITLE, "interpolation") == "linear"


def test_frames_are_counted_as_soon_as_their_number_is_known(page):
    page.page.evaluate(
        "([id, run]) => app.graph.getNodeById(id).onExecuted({richspace_morph: [run]})", [page.morph, RUN]
    )
    page.settle()
    expect(page.page.locator(".richspace-morph-chart .moment")).to_have_count(5)
    page.page.get_by_role("button", name="%", exact=True).click()
    assert text(page) == "0: A, 16: B"
    drag(page, 1, 0.5, 1)
    assert text(page) == "0: A, 8: B"
    shot(page, "frames")
    page.page.get_by_role("button", name="frames", exact=True).click()
    assert text(page) == "0%: A, 50%: B"


def test_more_prompts_have_a_lane_each(page):
    write(page, "0%: A, 50%: C, 100%: B")
    _, top, _, height = field(page)
    heights = [(middle(keyframe(page, at))[1] - top) / height for at in range(3)]
    assert heights == pytest.approx([0, 1, 0.5], abs=0.02)
    drag(page, 1, 0.3, 0.45)
    assert text(page) == "0%: A, 30%: B, 100%: B"
    shot(page, "lanes")


def test_a_typo_keeps_the_presets_as_a_way_out(page):
    write(page, "0%: A, half: B")
    expect(page.page.locator(".richspace-morph .richspace-note")).to_contain_text("the text has a typo")
    shot(page, "typo")
    page.page.get_by_role("button", name="A to B", exact=True).click()
    expect(page.page.locator(".richspace-morph .richspace-note")).to_be_empty()
    write(page, "0%: A, 60%: B, 40%: A")
    expect(page.page.locator(".richspace-morph .richspace-note")).to_contain_text("in order of time")


def test_several_prompts_have_a_ribbon_each_as_thick_as_its_share(page):
    write(page, "0%: A, 50%: 50% A + 50% C, 100%: B")
    ribbons = page.page.locator(".richspace-morph-chart .ribbon")
    expect(ribbons).to_have_count(3)
    thickest = [box["height"] for box in (ribbons.nth(at).bounding_box() for at in range(3))]
    # A and B are whole somewhere; C is nowhere more than half.
    assert [each / thickest[0] for each in thickest] == pytest.approx([1, 1, 0.5], rel=0.1)
    assert thickest[0] > 8
    shot(page, "ribbons")
    write(page, "0%: A, 100%: B")
    expect(ribbons).to_have_count(0)


def test_a_keyframe_behind_the_end_can_be_dragged_back(page):
    page.set_widget(TITLE, "frames", 17)
    write(page, "0: A, 60: B")
    expect(page.page.locator(".richspace-morph .richspace-note")).to_contain_text("within the video")
    left, _, width, _ = field(page)
    assert middle(keyframe(page, 1))[0] == pytest.approx(left + width, abs=2)
    shot(page, "outside")
    drag(page, 1, 0.5, 1)
    assert text(page) == "0: A, 8: B"
    expect(page.page.locator(".richspace-morph .richspace-note")).to_be_empty()


def test_nothing_can_be_dragged_while_the_text_has_a_typo(page):
    write(page, "0%: A, half: B")
    before = page.errors.copy()
    drag(page, 1, 0.5, 0.5)
    keyframe(page, 1).focus()
    for key in ("ArrowLeft", "Delete", "b"):
        page.page.keyboard.press(key)
    page.page.mouse.click(*middle(keyframe(page, 1)), button="right")
    if page.nodes_2:  # the node's menu opens instead
        page.page.locator(".p-contextmenu").get_by_role("menubar").press("Escape")
    expect(page.page.locator(".p-contextmenu:visible")).to_have_count(0)
    assert text(page) == "0%: A, half: B"
    assert page.errors == before
    assert len(page.nodes()) == 1  # the canvas has not deleted the node
    chart, note = (page.page.locator(f".richspace-morph .richspace-{name}") for name in ("morph-chart svg", "note"))
    lower_edge = chart.bounding_box()["y"] + chart.bounding_box()["height"]
    assert lower_edge <= note.bounding_box()["y"] + 1  # the drawing has made room for the note


def test_a_copy_has_a_curve_of_its_own(page):
    write(page, "0%: A, 40%: A, 60%: B")
    page.page.evaluate("id => app.canvas.selectItems([app.graph.getNodeById(id)])", page.morph)
    page.page.mouse.move(300, 900)
    page.page.keyboard.press("Control+c")
    page.page.keyboard.press("Control+v")
    page.page.wait_for_function("() => app.graph.nodes.length === 2", timeout=SETTLED_MS)
    page.settle()
    expect(page.page.locator(KEYFRAME)).to_have_count(6)
    page.page.evaluate(f"id => {{ ({SET})(app.graph.nodes.find(it => String(it.id) !== id), '0%: B'); }}", page.morph)
    page.settle()
    expect(page.page.locator(KEYFRAME)).to_have_count(4)
    assert text(page) == "0%: A, 40%: A, 60%: B"


def test_it_works_in_a_subgraph(page):
    source = page.add_node("RichSpaceEmptyCogVideoXLatent", (50, 120))
    page.page.evaluate(CONNECT, [source, page.morph, "latent"])
    page.page.evaluate("id => app.canvas.selectItems([app.graph.getNodeById(id)])", page.morph)
    page.page.evaluate("app.extensionManager.command.execute('Comfy.Graph.ConvertToSubgraph')")
    page.page.wait_for_function("() => app.rootGraph.nodes.some(it => it.subgraph)", timeout=SETTLED_MS)
    page.settle()
    assert page.complaints() == []
    page.page.evaluate(OPEN)
    page.settle()
    expect(page.page.locator(KEYFRAME)).to_have_count(2)
    drag(page, 1, 0.5, 1)
    read = "() => app.canvas.graph.nodes.find(it => it.type === 'RichSpaceMorph').widgets[0].value"
    assert page.page.evaluate(read) == "0%: A, 50%: B"
    page.page.evaluate("() => app.canvas.setGraph(app.rootGraph)")
    page.settle()


def test_it_folds_and_shrinks(page):
    fold = "id => app.graph.getNodeById(id).collapse()"
    page.page.evaluate(fold, page.morph)
    page.settle()
    expect(page.page.locator(".richspace-morph:visible")).to_have_count(0)
    page.page.evaluate(fold, page.morph)
    page.settle()
    expect(page.page.locator(KEYFRAME)).to_have_count(2)
    page.page.evaluate("id => { const it = app.graph.getNodeById(id); it.setSize(it.computeSize()); }", page.morph)
    page.settle()
    drag(page, 1, 0.5, 1)
    assert text(page) == "0%: A, 50%: B"
    shot(page, "small")


def test_81_frames_are_counted(page):
    page.set_widget(TITLE, "frames", 81)
    write(page, "0: A, 80: B")
    drag(page, 1, 0.5, 1)
    assert text(page) == "0: A, 40: B"
    keyframe(page, 1).focus()
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("Shift+ArrowRight")
    assert text(page) == "0: A, 51: B"
    shot(page, "81-frames")


def test_a_dragged_keyframe_changes_the_video_at_that_moment(frontend):
    """As an artist: open the demo, drag, press Run, and look at the frames."""
    frontend.drop(ROOT / "workflows" / "Morph (demo).json")
    frontend.set_widget("Sample the video", "steps", 8)
    reds = []
    for first, second in ((0.05, 0.15), (0.85, 0.95)):
        order = (1, 2) if first < 0.5 else (2, 1)
        for at in order:
            drag(frontend, at, *((first, 0) if at == 1 else (second, 1)))
        entry = frontend.run()
        (file,) = (file for file in output_files(entry) if file["filename"].endswith(".mp4"))
        with av.open(io.BytesIO(frontend.server.view(file))) as video:
            frames = np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]).astype(int)
        red, blue = ((frames[..., color] - frames[..., 2 - color]).clip(min=0).sum(axis=(1, 2)) for color in (0, 2))
        reds.append(int(np.count_nonzero(red > blue)))  # frames whose shape is red rather than blue
    frontend.wait_for_outputs()
    shot(frontend, "dragged")
    assert reds[0] <= 5
    assert reds[1] >= 12


def test_a_curve_from_another_node_is_only_shown(page):
    source = page.add_node("PrimitiveString", (50, 120))
    page.page.evaluate(CONNECT, [source, page.morph, "curve"])
    page.settle()
    expect(page.page.locator(".richspace-morph .richspace-note")).to_contain_text("another node writes the curve")
    drag(page, 1, 0.5, 1)
    assert text(page) == "0%: A, 100%: B"


def test_page_and_library_read_the_same_texts(page):
    def library(text, prompts):
        try:
            return format_keyframes(parse_keyframes(text, prompts))
        except RichSpaceError:
            return None

    asked = [[text, prompts] for text in TEXTS for prompts in (2, 3)]
    read, presets = page.page.evaluate(PARSE, asked)
    assert presets == PRESETS
    assert dict(zip(map(str, asked), read, strict=True)) == {str(each): library(*each) for each in asked}
