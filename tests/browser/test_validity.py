"""Curves and reports: shown as long as they are valid, wherever their node is moved, and dimmed while it is off."""

from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS
from playwright.sync_api import expect

FINDER, PROMPT, GUIDE = "Circle + square", "B: square", "Guide: the mixture in words"
STAR = "a large plain green star moves right"
SELECT = "titles => app.canvas.selectItems(app.graph.nodes.filter(node => titles.includes(node.title)))"
OPEN = """() => {
    const node = app.rootGraph.nodes.find(it => it.subgraph);
    app.canvas.openSubgraph(node.subgraph, node);
}"""
UNPACK = "() => app.graph.unpackSubgraph(app.graph.nodes.find(it => it.subgraph))"
# The opacity of an element, including that of the elements around it.
OPACITY = """element => {
    let opacity = 1;
    for (let it = element; it; it = it.parentElement) opacity *= getComputedStyle(it).opacity;
    return opacity;
}"""

expect.set_options(timeout=SETTLED_MS)


def run(frontend):
    """Run the workflow, wait until the page shows its finder's curves, and return their panel."""
    entry = frontend.run()
    assert entry["status"]["completed"]
    ((panel,),) = next(it["richspace"] for it in entry["outputs"].values() if "richspace" in it)
    expect(choice(frontend)).to_have_text(panel["choices"][panel["chosen"] - 1])
    return panel


def choice(frontend):
    return frontend.page.locator(".richspace-choice:visible")


def curve(frontend):
    return frontend.page.locator(".richspace-chart .curve.deciding")


def shown(frontend):
    """Return the prompts and the legend of the finder's curves, read at once, since the page may draw them again."""
    texts = ".richspace-prompts, .richspace-legend"
    return frontend.page.evaluate(f"[...document.querySelectorAll('{texts}')].map(element => element.innerText)")


def refuse(frontend, index):
    """Make the finder refuse an index."""
    frontend.set_widget(FINDER, "index", index)
    assert frontend.run()["status"]["status_str"] == "error"
    expect(frontend.page.locator(".richspace-error")).to_have_count(1)


def do(frontend, command, *titles):
    """Select nodes and execute a command, as a key or the menu would."""
    frontend.page.evaluate(SELECT, titles)
    frontend.page.evaluate("name => app.extensionManager.command.execute(name)", command)
    frontend.settle()


def test_a_refused_index_leaves_the_curves(page):
    run(page)
    before = shown(page)
    assert len(before) == 2
    for index in (31, 40, 50, 60, 70):  # more in a row than the page searches when it is opened
        refuse(page, index)
        page.page.wait_for_load_state("networkidle")  # the page has checked whether the curves are still valid
        assert shown(page) == before
    page.screenshot(ARTIFACTS / "browser" / f"index-refused-{'nodes-2' if page.nodes_2 else 'classic'}.png")
    page.set_widget(PROMPT, "text", STAR)  # now the curves belong to another prompt
    refuse(page, 80)
    expect(curve(page)).to_have_count(0)


def test_a_node_that_does_not_run_is_dim_with_all_that_is_in_it(page):
    run(page)
    scores = page.page.locator(".richspace-scores")
    assert scores.evaluate(OPACITY) == 1
    for command in ("Comfy.Canvas.ToggleSelectedNodes.Bypass", "Comfy.Canvas.ToggleSelectedNodes.Mute"):
        do(page, command, FINDER)
        page.screenshot(ARTIFACTS / "browser" / f"dim-{command[-4:]}-{'nodes-2' if page.nodes_2 else 'classic'}.png")
        assert 0.1 < scores.evaluate(OPACITY) < 0.6
        do(page, command, FINDER)
        assert scores.evaluate(OPACITY) == 1


def test_what_is_put_into_a_subgraph_and_taken_out_keeps_its_curves(page):
    panel = run(page)
    expected = panel["choices"][panel["chosen"] - 1]
    do(page, "Comfy.Graph.ConvertToSubgraph", "A: circle", PROMPT, GUIDE, FINDER)
    page.page.evaluate(OPEN)
    expect(choice(page)).to_have_text(expected)
    expect(page.page.locator(".richspace-report:visible")).to_have_count(3)
    page.screenshot(ARTIFACTS / "browser" / f"converted-{'nodes-2' if page.nodes_2 else 'classic'}.png")
    page.page.evaluate("() => app.canvas.setGraph(app.rootGraph)")
    page.page.evaluate(UNPACK)
    page.settle()
    expect(choice(page)).to_have_text(expected)
