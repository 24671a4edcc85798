"""The blueprint "Mix three prompts": found by its name, connected, run, and opened to see its curves."""

import pytest
from blueprint_recipes import MIX_THREE
from blueprint_recipes.three_prompts import FINDERS, TEXTS
from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS
from graph_scripts import ADD_AND_WIRE
from playwright.sync_api import expect

STEPS = 30
WORDS = dict(
    zip(
        TEXTS,
        (
            "a large plain red circle moves right",
            "a large plain blue square moves right",
            "a large plain red and blue circle and square moves right",
            "a large plain yellow star moves right",
            "a large plain red and blue and yellow star moves right",
        ),
        strict=True,
    )
)
# The nodes around it: model, sampler, decoder and video, connected as an artist would do it.
SURROUND = (
    "() => {"
    + ADD_AND_WIRE
    + """    const mix = app.graph.nodes[0];
    mix.pos = [380, 100];
    const load = add("RichSpaceLoadCogVideoX", [-20, 100], {model: "bundled demo"});
    const negative = add("RichSpaceT5Encode", [-20, 400]);
    const sample = add("RichSpaceCogVideoXSample", [850, 100], {steps: 2, seed: 7});
    const decode = add("RichSpaceCogVideoXDecode", [850, 560]);
    const video = add("CreateVideo", [1200, 100]), save = add("SaveVideo", [1200, 300]);
    wire(load, "text encoder", mix, "text encoder");
    wire(load, "text encoder", negative, "encoder");
    wire(load, "model", sample, "model");
    wire(mix, "mixture", sample, "positive");
    wire(negative, "conditioning", sample, "negative");
    wire(load, "model", decode, "model");
    wire(sample, "latent", decode, "latent");
    wire(decode, "frames", video, "images");
    wire(video, "VIDEO", save, "video");
}"""
)
OPEN = (
    "() => { const node = app.rootGraph.nodes.find(it => it.subgraph); app.canvas.openSubgraph(node.subgraph, node); }"
)
CLOSE = "() => app.canvas.setGraph(app.rootGraph)"
FINDER = """([title, name]) => app.rootGraph.nodes.find(it => it.subgraph).subgraph.nodes
    .find(it => it.title === title).widgets.find(it => it.name === name).value"""
FIRST, SECOND = FINDERS

expect.set_options(timeout=SETTLED_MS)


@pytest.fixture(params=[False, True], ids=["classic", "nodes-2"])
def page(request, open_page):
    """Open a page with the blueprint, added from the search, and the nodes that it needs. It has not been run."""
    with open_page(nodes_2=request.param) as frontend:
        frontend.open_blank()
        frontend.add_from_search(MIX_THREE.name, (700, 200))
        assert frontend.complaints() == []
        frontend.page.evaluate(SURROUND)
        frontend.page.evaluate("app.canvas.ds.changeScale(0.8, [0, 0]); app.canvas.ds.offset = [120, 80]")
        for name, text in WORDS.items():
            frontend.set_widget(MIX_THREE.name, name, text)
        frontend.settle()
        yield frontend


def shoot(frontend, name):
    frontend.settle()
    frontend.screenshot(ARTIFACTS / "browser" / f"{name}-{'nodes-2' if frontend.nodes_2 else 'classic'}.png")


def run(frontend):
    """Run the workflow and return the panel of each finder by the title of its node."""
    entry = frontend.run()
    assert entry["status"]["completed"], entry["status"]
    inside = {name: output for name, output in entry["outputs"].items() if "richspace" in output}
    assert all(":" in name for name in inside)
    panels = [inside[name]["richspace"][0][0] for name in sorted(inside)]
    return dict(zip((FIRST, SECOND), panels, strict=True))


def choices(frontend):
    return frontend.page.locator(".richspace-choice:visible")


def click(frontend, number, index):
    """Click a candidate in the chart with this number."""
    field = frontend.page.locator(".richspace-chart:visible").nth(number).locator(".field").first.bounding_box()
    across = (index + 0.025 * STEPS) / (1.05 * STEPS)
    frontend.page.mouse.click(field["x"] + across * field["width"], field["y"] + field["height"] / 3)


def words_of(panels):
    return [panel["choices"][panel["chosen"] - 1] for panel in panels.values()]


def test_it_is_added_with_its_prompts_and_makes_a_video(page, usual_errors):
    shoot(page, "blueprint")
    panels = run(page)
    page.wait_for_outputs()
    shoot(page, "blueprint-ran")
    assert panels[FIRST]["prompts"] == {"A": WORDS["prompt 1"], "B": WORDS["prompt 2"]}
    assert WORDS["prompt 1"] in panels[SECOND]["prompts"]["A"]
    assert panels[SECOND]["prompts"]["B"] == WORDS["prompt 3"]
    assert len(page.videos()) == 1
    assert page.complaints() == []
    assert page.errors - usual_errors == set()


def test_the_curves_are_inside_and_a_click_there_takes_a_candidate(page):
    panels = run(page)
    page.page.evaluate(OPEN)
    expect(choices(page)).to_have_text(words_of(panels))
    shoot(page, "blueprint-inside")
    click(page, 0, 20)
    assert page.page.evaluate(FINDER, [FIRST, "index"]) == 20
    page.page.evaluate(CLOSE)
    page.settle()
    again = run(page)
    assert again[FIRST]["chosen"] == 20
    page.page.evaluate(OPEN)
    expect(choices(page)).to_have_text(words_of(again))


def test_the_curves_are_inside_after_a_reload(page):
    panels = run(page)
    page.reload()
    page.page.evaluate(OPEN)
    expect(choices(page)).to_have_text(words_of(panels))
    click(page, 1, 5)
    assert page.page.evaluate(FINDER, [SECOND, "index"]) == 5


def test_a_reload_of_the_opened_subgraph_keeps_the_curves(page):
    panels = run(page)
    page.page.evaluate(OPEN)
    expect(choices(page)).to_have_text(words_of(panels))
    page.reload()
    if not page.page.evaluate("() => app.canvas.subgraph"):
        page.page.evaluate(OPEN)
    expect(choices(page)).to_have_text(words_of(panels))


def test_an_error_inside_is_read_in_its_node(page):
    page.set_widget(MIX_THREE.name, "prompt 3", "")
    assert page.run()["status"]["status_str"] == "error"
    page.page.evaluate(OPEN)
    expect(page.page.locator(".richspace-error:visible")).to_have_text(
        "B: expected a prompt with words, got an empty one. Describe what the video should show."
    )
    shoot(page, "blueprint-error")
