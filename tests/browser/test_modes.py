"""Nodes that are bypassed, muted or moved into a subgraph: the other nodes run, or the error says why not."""

from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS
from playwright.sync_api import expect

FINDER, GUIDE, SECOND_GUIDE = "Circle + square", "Guide: the mixture in words", "Guide: in another order"
SELECT = """titles => app.canvas.selectItems(app.graph.nodes.filter(node => titles.includes(node.title)))"""
# The encode node of a second guide, connected to the finder's growing list.
ADD_GUIDE = """([finder, title]) => {
    const find = title => app.graph.nodes.find(node => node.title === title);
    const node = LiteGraph.createNode("RichSpaceT5Encode");
    Object.assign(node, {title, pos: [400, 1000]});
    app.graph.add(node);
    node.widgets.find(widget => widget.name === "text").value = "a large plain blue and red square moves right";
    const load = app.graph.nodes.find(node => node.type === "RichSpaceLoadCogVideoX");
    load.connect(1, node, 0);
    node.connect(0, find(finder), find(finder).inputs.findIndex(input => input.name === "guides.guide_2"));
}"""
OPEN = """() => {
    const node = app.rootGraph.nodes.find(it => it.subgraph);
    app.canvas.openSubgraph(node.subgraph, node);
}"""

expect.set_options(timeout=SETTLED_MS)


def do(frontend, command, *titles):
    """Select nodes and execute a command, as a key or the menu would."""
    frontend.page.evaluate(SELECT, titles)
    frontend.page.evaluate("name => app.extensionManager.command.execute(name)", command)
    frontend.settle()


def mute(frontend, title):
    do(frontend, "Comfy.Canvas.ToggleSelectedNodes.Mute", title)


def bypass(frontend, title):
    do(frontend, "Comfy.Canvas.ToggleSelectedNodes.Bypass", title)


def refused(frontend):
    """Press Run, expect that the server refuses the workflow, and return its errors."""
    with frontend.page.expect_response(lambda it: it.url.endswith("/api/prompt")) as response:
        frontend.page.get_by_test_id("queue-button").click()
    assert not response.value.ok
    errors = response.value.json()["node_errors"].values()
    return [f"{error['message']}: {error['details']}" for node in errors for error in node["errors"]]


def scores(entry):
    """Return the panel of the only finder in a run."""
    ((panel,),) = next(output["richspace"] for output in entry["outputs"].values() if "richspace" in output)
    return panel


def test_behind_a_bypassed_finder_comes_its_first_prompt(page):
    bypass(page, FINDER)
    prompt = page.api_prompt()
    assert not any(node["class_type"] == "RichSpaceOptimalInterpolate" for node in prompt.values())
    (sampler,) = (node for node in prompt.values() if node["class_type"] == "RichSpaceCogVideoXSample")
    assert prompt[sampler["inputs"]["positive"][0]]["_meta"]["title"] == "A: circle"


def test_a_muted_further_guide_is_left_out(page):
    page.page.evaluate(ADD_GUIDE, [FINDER, SECOND_GUIDE])
    page.settle()
    assert "guided by the average of 2 guides" in scores(page.run())["remarks"]
    mute(page, SECOND_GUIDE)
    entry = page.run()
    assert entry["status"]["completed"]
    assert not any("guides" in remark for remark in scores(entry)["remarks"])


def test_without_its_guide_the_finder_is_refused_by_name(page):
    mute(page, GUIDE)
    assert "Required input is missing: guide" in refused(page)
    expect(page.page.get_by_test_id("error-overlay")).to_be_visible()  # the page hears of it after the test
    assert any(FINDER in complaint for complaint in page.complaints())


def test_a_subgraph_of_one_s_own(page):
    do(page, "Comfy.Graph.ConvertToSubgraph", "A: circle", "B: square", GUIDE, FINDER)
    entry = page.run()
    assert entry["status"]["completed"]
    panel = scores(entry)
    page.page.evaluate(OPEN)
    expect(page.page.locator(".richspace-choice:visible")).to_have_text(panel["choices"][panel["chosen"] - 1])
    page.screenshot(ARTIFACTS / "browser" / f"own-subgraph-{'nodes-2' if page.nodes_2 else 'classic'}.png")
    page.reload()
    if not page.page.evaluate("() => app.canvas.subgraph"):
        page.page.evaluate(OPEN)
    expect(page.page.locator(".richspace-choice:visible")).to_have_text(panel["choices"][panel["chosen"] - 1])
