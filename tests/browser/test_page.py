"""Nodes, templates and errors of the pack in the real frontend."""

import json

import pytest
from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS, PACK_FOLDER, ROOT
from playwright.sync_api import expect
from thumbnails import SIDE

DEMO = ROOT / "tests" / "data" / "workflows" / "finder_three_prompts.json"
TEMPLATES = ROOT / "workflows"
CHAIN = """() => {
    const find = title => app.graph.nodes.find(node => node.title === title);
    const chain = LiteGraph.createNode("RichSpaceChainedFinder");
    chain.pos = find("First finder: A + B").pos;
    app.graph.add(chain);
    const inputs = () => chain.inputs.map(input => input.name).filter(name => /^(first|stages)/.test(name));
    const grown = [inputs()];
    for (const title of ["A: circle", "B: square", "Guide for A + B", "C: star", "Guide for (A + B) + C"]) {
        find(title).connect(0, chain, chain.inputs.findIndex(input => input.link == null && !input.widget));
        grown.push(inputs());
    }
    const sampler = find("Sample the video"), plot = find("Draw the last finder's scores");
    chain.connect(0, sampler, sampler.inputs.findIndex(input => input.name === "positive"));
    chain.connect(1, plot, 0);
    for (const title of ["First finder: A + B", "Second finder: (A + B) + C"]) app.graph.remove(find(title));
    return grown;
}"""

# The parts of the graph that the minimap covers.
COVERED = """() => {
    const map = document.querySelector("[data-testid=minimap-container]").getBoundingClientRect();
    const {scale, offset} = app.canvas.ds, {left, top} = app.canvas.canvas.getBoundingClientRect();
    return [...app.graph.groups, ...app.graph.nodes].filter(({boundingRect: [x, y, width, height]}) =>
        left + scale * (x + width + offset[0]) > map.left && top + scale * (y + height + offset[1]) > map.top
    ).map(it => it.title);
}"""
# Inputs without a socket until something else is connected.
UNTIL_WIRED = {"RichSpaceChainedFinder": {f"guides_{number}" for number in range(2, 7)}}

expect.set_options(timeout=SETTLED_MS)

both_renderers = pytest.mark.parametrize("nodes_2", [False, True], ids=["classic", "nodes-2"])


def pack_nodes(server):
    """Return {node id: name in the menus} of this pack's nodes."""
    ours = {name: about for name, about in server.object_info().items() if name.startswith("RichSpace")}
    return {name: about["display_name"] for name, about in ours.items()}


@both_renderers
def test_every_node_is_found_by_its_name_and_added(open_page, server, usual_errors, nodes_2):
    names = pack_nodes(server)
    with open_page(nodes_2=nodes_2) as frontend:
        frontend.open_blank()
        frontend.page.evaluate("app.canvas.ds.changeScale(0.35, [0, 0])")  # or there is no room for all of them
        if not nodes_2:  # the search is the same in both renderers
            found = frontend.search(*names.values())
            assert {name: offered[0] for name, offered in found.items()} == {name: name for name in names.values()}
            first = next(iter(names.values()))
            frontend.add_from_search(first, (150, 130))
        places = [(node_id, (700 * (number % 7), 550 * (number // 7))) for number, node_id in enumerate(names)]
        frontend.add_nodes(places if nodes_2 else places[1:])
        frontend.screenshot(ARTIFACTS / "browser" / f"every-node-{'nodes-2' if nodes_2 else 'classic'}.png")
        assert {node["type"]: node["title"] for node in frontend.nodes()} == names
        assert frontend.complaints() == []
        assert frontend.errors - usual_errors == set()
        about = server.object_info()
        for node in frontend.nodes():
            order = about[node["type"]]["input_order"]
            shown = [name.partition(".")[0] for name in [*node["inputs"], *node["widgets"]]]
            later = UNTIL_WIRED.get(node["type"], set())
            assert {*order.get("required", []), *order.get("optional", [])} - later <= {*shown}
            assert not later & {*shown}


@both_renderers
def test_the_chained_finder_grows_and_runs(open_page, server, usual_errors, nodes_2):
    server.free()  # a node with a cached result would not show its text again
    with open_page(nodes_2=nodes_2) as frontend:
        frontend.drop(DEMO)
        grown = frontend.page.evaluate(CHAIN)
        names = [f"stages.{kind}_{number}" for number in (2, 3, 4) for kind in ("prompt", "guide")]
        # There is a free socket for the next prompt, and once that is connected, one for its guide.
        assert grown == [["first", *names[:count]] for count in (3, 3, 3, 3, 4, 5)]
        frontend.set_widget("Sample the video", "steps", 2)
        (chain,) = (it for it in frontend.api_prompt().values() if it["class_type"] == "RichSpaceChainedFinder")
        assert chain["inputs"] == {"steps": 30, "indices": "", "first": ["2", 0]} | {
            name: [str(number), 0] for number, name in enumerate(names[:4], start=3)
        }
        entry = frontend.run()
        frontend.wait_for_outputs()
        frontend.screenshot(ARTIFACTS / "browser" / f"chained-finder-{'nodes-2' if nodes_2 else 'classic'}.png")
        assert entry["status"]["completed"]
        (verdicts,) = (shown["text"] for shown in entry["outputs"].values() if "richspace" in shown)
        assert len(verdicts) == 2
        for line in "\n".join(verdicts).splitlines():
            expect(frontend.page.get_by_text(line, exact=True).first).to_be_visible()
        assert len(frontend.videos()) == 1
        assert frontend.complaints() == []
        assert frontend.errors - usual_errors == set()


@both_renderers
def test_an_error_is_said_on_the_page(open_page, nodes_2):
    with open_page(nodes_2=nodes_2) as frontend:
        frontend.drop(DEMO)
        frontend.set_widget("B: square", "text", "")
        entry = frontend.run()
        assert entry["status"]["status_str"] == "error"
        frontend.page.get_by_test_id("error-overlay").wait_for(timeout=SETTLED_MS)
        frontend.page.get_by_test_id("error-overlay-see-errors").click()
        body = frontend.page.locator("body")
        expect(body).to_contain_text("First finder: A + B", use_inner_text=True)
        expect(body).to_contain_text("b: expected a prompt with words, got an empty one", use_inner_text=True)
        frontend.screenshot(ARTIFACTS / "browser" / f"error-{'nodes-2' if nodes_2 else 'classic'}.png")


def test_an_unknown_node_is_complained_of(open_page, tmp_path):
    workflow = json.loads(DEMO.read_text(encoding="utf-8"))
    workflow["nodes"][0]["type"] = "RichSpaceNobodyKnows"
    file = tmp_path / "unknown.json"
    file.write_text(json.dumps(workflow), encoding="utf-8")
    with open_page() as frontend:
        frontend.drop(file)
        assert "red or unknown: Load the model" in frontend.complaints()


def test_the_templates_dialog_shows_every_workflow(open_page, usual_errors):
    with open_page() as frontend:
        templates = frontend.open_templates(PACK_FOLDER)
        frontend.screenshot(ARTIFACTS / "browser" / "templates.png")
        # In place of a missing picture, the frontend shows its own, in another size.
        assert templates == {file.stem: SIDE for file in TEMPLATES.glob("*.json")}
        assert frontend.errors - usual_errors == set()


def test_a_template_opens_large_enough_to_be_read_and_beside_the_minimap(open_page):
    """The classic renderer draws no texts below a certain scale, and the minimap covers a corner of the window."""
    with open_page() as frontend:
        frontend.page.evaluate("app.extensionManager.setting.set('Comfy.Minimap.Visible', true)")
        for number, file in enumerate(sorted(TEMPLATES.glob("*.json"))):
            if number:
                frontend.open_as_template(file)
            else:
                frontend.open_template(PACK_FOLDER, file.stem)
            assert not frontend.page.evaluate("app.canvas.low_quality"), file.stem
            frontend.page.get_by_test_id("minimap-container").wait_for(timeout=SETTLED_MS)
            assert frontend.page.evaluate(COVERED) == [], file.stem
        frontend.screenshot(ARTIFACTS / "browser" / "template.png")
