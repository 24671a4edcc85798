"""Errors in a subgraph, in another view or off the screen, shown where the user is looking."""

import pytest
from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS
from playwright.sync_api import expect

FINDER = "Circle + square"
PROMPTS = ["A: circle", "B: square", "Guide: the mixture in words", FINDER]
MESSAGE = "B: expected a prompt with words"
WRAP = """titles => {
    const nodes = app.graph.nodes.filter(node => titles.includes(node.title) || (titles.includes("") && node.subgraph));
    const {node} = app.graph.convertToSubgraph(new Set(nodes));
    node.title = "outer";
}"""
WRITE = """([title, text]) => {
    const all = [app.rootGraph, ...app.rootGraph.subgraphs.values()].flatMap(graph => graph.nodes);
    all.find(node => node.title === title).widgets.find(widget => widget.name === "text").value = text;
}"""
OPEN = """() => {
    const node = app.canvas.graph.nodes.find(node => node.subgraph);
    app.canvas.openSubgraph(node.subgraph, node);
}"""
TOASTS = ".p-toast-message, [data-testid=toast]"

expect.set_options(timeout=SETTLED_MS)


def fail(frontend):
    frontend.page.evaluate(WRITE, ["B: square", ""])
    assert frontend.run()["status"]["status_str"] == "error"


def mend(frontend):
    frontend.page.evaluate(WRITE, ["B: square", "a large plain blue square moves right"])
    assert frontend.run()["status"]["completed"]


def notes(frontend):
    return frontend.page.locator(".richspace-error:visible")


def toasts(frontend):
    """Find the toasts of the pack; ComfyUI's own do not contain the message."""
    return frontend.page.locator(TOASTS).filter(has_text=MESSAGE)


def shoot(frontend, name):
    frontend.settle()
    frontend.screenshot(ARTIFACTS / "browser" / f"{name}-{'nodes-2' if frontend.nodes_2 else 'classic'}.png")


def test_a_node_in_view_has_its_note_and_no_toast(page):
    fail(page)
    expect(notes(page)).to_have_count(1)
    expect(toasts(page)).to_have_count(0)


def test_a_node_that_is_off_the_screen_has_a_toast_too(page):
    page.page.evaluate("app.canvas.ds.offset = [-9000, -9000]")
    page.settle()
    fail(page)
    expect(toasts(page)).to_have_count(1)
    mend(page)
    expect(toasts(page)).to_have_count(0)


@pytest.mark.parametrize("depth", [1, 2])
def test_an_error_in_a_subgraph_is_read_on_every_node_around_it(page, depth):
    page.page.evaluate(WRAP, PROMPTS)
    if depth == 2:
        page.page.evaluate(WRAP, ["", "Load the model"])
    page.settle()
    fail(page)
    expect(notes(page)).to_have_count(1)
    expect(notes(page)).to_contain_text(FINDER)
    expect(notes(page)).to_contain_text(MESSAGE)
    expect(toasts(page)).to_have_count(1)
    shoot(page, f"failure-outside-{depth}")
    outer, note = page.page.evaluate("""() => {
        const node = app.graph.nodes.find(node => node.title === "outer"), {scale, offset} = app.canvas.ds;
        const {left, top, width} = document.querySelector(".richspace-canvas-note").getBoundingClientRect();
        return [[scale * (node.pos[0] + offset[0]), scale * (node.pos[1] + node.size[1] + offset[1])], [left, top]];
    }""")
    assert abs(note[0] - outer[0]) < 2
    assert 0 < note[1] - outer[1] < 60
    for _ in range(depth):
        page.page.evaluate(OPEN)
        page.settle()
        expect(notes(page)).to_have_count(1)
        expect(notes(page)).to_contain_text(MESSAGE)
    page.page.evaluate("app.canvas.setGraph(app.rootGraph)")
    mend(page)
    expect(notes(page)).to_have_count(0)
    expect(toasts(page)).to_have_count(0)


def test_the_note_outside_goes_with_its_node(page):
    page.page.evaluate(WRAP, PROMPTS)
    fail(page)
    expect(notes(page)).to_have_count(1)
    page.open_blank()
    expect(page.page.locator(".richspace-canvas-note")).to_have_count(0)


def test_the_app_mode_has_a_toast(page):
    page.page.evaluate("app.extensionManager.command.execute('Comfy.ToggleLinear')")
    expect(page.page.locator("#graph-canvas")).to_be_hidden()
    page.page.evaluate(WRITE, ["B: square", ""])
    with page.page.expect_response(lambda it: it.url.endswith("/api/prompt")) as response:
        page.page.evaluate("app.queuePrompt(0)")
    page.server.wait(response.value.json()["prompt_id"])
    expect(toasts(page)).to_have_count(1)
    shoot(page, "failure-in-app-mode")
    assert notes(page).count() == 0
