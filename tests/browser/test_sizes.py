"""Width, height and frames: arrows, dragging and typing give possible values, and saved values are kept."""

import json

import pytest
from comfyui.frontend import SETTLED_MS
from environment.checkout import ROOT

DEMO = ROOT / "tests" / "data" / "workflows" / "finder_two_prompts.json"
NATIVE = ROOT / "workflows" / "Mix in KSampler (demo).json"
SAMPLER, LATENT = "Sample the video", "Size of the video"
# The position of a number's arrow, or of its middle, on the screen in the classic renderer.
PLACE = """([title, name, side]) => {
    const node = app.graph.nodes.find(node => node.title === title);
    const widget = node.widgets.find(widget => widget.name === name), {scale, offset} = app.canvas.ds;
    const {left, top} = app.canvas.canvas.getBoundingClientRect();
    const across = {"-1": 25, "0": node.size[0] / 2, "1": node.size[0] - 25}[side];
    return [left + scale * (node.pos[0] + across + offset[0]), top + scale * (node.pos[1] + widget.y + 10 + offset[1])];
}"""
# A node in its own subgraph, with its size promoted to the subgraph node.
PROMOTE = """title => {
    const {subgraph, node} = app.graph.convertToSubgraph(new Set(app.graph.nodes.filter(it => it.title === title)));
    const inner = subgraph.nodes.find(it => it.title === title);
    for (const name of ["width", "frames"])
        subgraph.addInput(name, "INT").connect(inner.inputs.find(input => input.name === name), inner);
    Object.assign(node, {title: "promoted"});
    node.setSize([310, 200]);
}"""


@pytest.fixture(params=[False, True], ids=["classic", "nodes-2"])
def page(request, open_page):
    with open_page(nodes_2=request.param) as frontend:
        yield frontend


def number(frontend, title, name):
    """Find a number widget in Nodes 2.0."""
    node = frontend.page.evaluate("title => String(app.graph.nodes.find(it => it.title === title).id)", title)
    return frontend.page.locator(f'[data-node-id="{node}"] [aria-label="{name}"]').first


def press(frontend, title, name, side):
    """Press the left (-1) or right (1) arrow of a number and return its value."""
    if frontend.nodes_2:
        button = number(frontend, title, name).get_by_test_id("increment" if side > 0 else "decrement")
        button.dispatch_event("click", timeout=SETTLED_MS)  # the toolbox of the selection may cover it
    else:
        frontend.page.mouse.click(*frontend.page.evaluate(PLACE, [title, name, str(side)]))
    frontend.settle()
    return frontend.widget(title, name)


def write(frontend, title, name, value):
    """Type another value into a number and return its value."""
    if frontend.nodes_2:
        field = number(frontend, title, name).get_by_role("spinbutton")
        field.fill(str(value), force=True)
        field.press("Enter")
    else:
        frontend.page.mouse.click(*frontend.page.evaluate(PLACE, [title, name, "0"]))
        dialog = frontend.page.locator(".graphdialog input")
        dialog.fill(str(value))
        dialog.press("Enter")
    frontend.settle()
    return frontend.widget(title, name)


def drag(frontend, title, name, pixels):
    """Drag over a number and return all values on the way."""
    if frontend.nodes_2:
        box = number(frontend, title, name).get_by_role("spinbutton").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    else:
        x, y = frontend.page.evaluate(PLACE, [title, name, "0"])
    values = set()
    frontend.page.mouse.move(x, y)
    frontend.page.mouse.down()
    for step in range(1, 9):
        frontend.page.mouse.move(x + pixels * step / 8, y)
        values.add(frontend.widget(title, name))
    frontend.page.mouse.up()
    frontend.settle()
    return values | {frontend.widget(title, name)}


@pytest.mark.parametrize(("file", "title"), [(DEMO, SAMPLER), (NATIVE, LATENT)], ids=["sample", "empty-latent"])
def test_arrows_dragging_and_typing_give_sizes_that_exist(page, file, title):
    page.drop(file)
    for name in ("width", "height", "frames"):
        page.set_widget(title, name, 0)
    assert [press(page, title, "frames", side) for side in (1, 1, 1, -1, -1, -1)] == [9, 17, 25, 17, 9, 1]
    assert press(page, title, "frames", -1) == 0
    for name in ("width", "height"):
        assert [press(page, title, name, side) for side in (1, 1, 1, -1)] == [16, 32, 48, 32]
    assert [write(page, title, "frames", value) for value in (49, 50, 3, 2000, 0)] == [49, 49, 1, 1025, 0]
    assert [write(page, title, "width", value) for value in (720, 725)] == [720, 720]
    write(page, title, "frames", 49)
    dragged = drag(page, title, "frames", 60)
    assert len(dragged) > 1
    assert all(value % 8 == 1 for value in dragged)
    assert all(value % 16 == 0 for value in drag(page, title, "width", 60))


def test_a_size_that_was_saved_stays_as_it_is(page, tmp_path):
    workflow = json.loads(DEMO.read_text(encoding="utf-8"))
    (sampler,) = (node for node in workflow["nodes"] if node["title"] == SAMPLER)
    sampler["widgets_values"][:3] = [100, 50, 24]
    file = tmp_path / "odd.json"
    file.write_text(json.dumps(workflow), encoding="utf-8")
    page.drop(file)
    assert [page.widget(SAMPLER, name) for name in ("width", "height", "frames")] == [100, 50, 24]
    sent = next(node for node in page.api_prompt().values() if node["class_type"] == "RichSpaceCogVideoXSample")
    assert [sent["inputs"][name] for name in ("width", "height", "frames")] == [100, 50, 24]
    page.settle()
    assert press(page, SAMPLER, "frames", 1) == 33
    assert press(page, SAMPLER, "width", 1) in (112, 128)


def test_numbers_at_a_subgraph_go_the_same_way(page):
    page.drop(DEMO)
    page.page.evaluate(PROMOTE, SAMPLER)
    page.settle()
    # Nodes 2.0 of the pinned frontend calls no callback of a promoted number: there it goes along multiples of 8.
    steps = [8, 16, 8, 0] if page.nodes_2 else [9, 17, 9, 1]
    assert [press(page, "promoted", "frames", side) for side in (1, 1, -1, -1)] == steps
    assert [press(page, "promoted", "width", side) for side in (1, 1)] == [16, 32]
    inner = [
        node["inputs"]
        for node in page.page.evaluate("async () => Object.values((await app.graphToPrompt()).output)")
        if node["class_type"] == "RichSpaceCogVideoXSample"
    ]
    assert [(inputs["width"], inputs["frames"]) for inputs in inner] == [(32, steps[-1])]
