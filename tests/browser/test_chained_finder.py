"""Sockets of Mix Several Prompts: further guides of a prompt appear only once the prompt is connected."""

import pytest
import torch
from environment.checkout import ARTIFACTS
from node_texts import TRANSLATIONS, read
from playwright.sync_api import expect

from richspace_core.finder.choice import Choice, Curve

RISING = torch.arange(1, 31).double() / 30
CHAIN = "RichSpaceChainedFinder"
# The finder and some encode nodes; `shown` reads its sockets and the title of the node connected to each.
PREPARE = """count => {
    const add = (type, pos, title) => {
        const node = LiteGraph.createNode(type);
        Object.assign(node, {pos, title});
        app.graph.add(node);
        return node;
    };
    for (let place = 0; place < count; place++) add("RichSpaceT5Encode", [100, 100 + 60 * place], `text ${place}`)
        .collapse();
    add("RichSpaceChainedFinder", [600, 100], "chain");
}"""
WIRE = """([title, name]) => {
    const chain = app.graph.nodes.find(node => node.title === "chain");
    app.graph.nodes.find(node => node.title === title)
        .connect(0, chain, chain.inputs.findIndex(input => input.name === name));
}"""
UNWIRE = """name => {
    const chain = app.graph.nodes.find(node => node.title === "chain");
    chain.disconnectInput(chain.inputs.findIndex(input => input.name === name));
}"""
SHOWN = """graph => graph.nodes.filter(node => node.type === "RichSpaceChainedFinder").map(chain =>
    chain.inputs.filter(input => !input.widget).map(input => {
        const link = chain.getInputLink(chain.inputs.indexOf(input));
        const name = input.label || input.localized_name || input.name;
        return link ? `${name} < ${graph.getNodeById(link.origin_id)?.title}` : name;
    }))"""
COPY = """() => {
    app.canvas.selectItems(app.graph.nodes);
    app.canvas.copyToClipboard();
    app.canvas.pasteFromClipboard({position: [900, 300]});
}"""
INPUTS_KEPT_AND_NOW = """() => {
    const {activeState} = app.extensionManager.workflow.activeWorkflow.changeTracker;
    return [activeState, app.graph.serialize()].map(({nodes}) =>
        JSON.stringify(nodes.find(node => node.title === "chain").inputs));
}"""
NEW = ["prompt 1", "prompt 2", "guide 2", "prompt 3"]
WIRES = ["first", "stages.prompt_2", "stages.guide_2", "stages.prompt_3", "stages.guide_3"]
FURTHER = ["guides_2.guide_2_b", "guides_3.guide_3_b"]
WIRED = [
    "prompt 1 < text 0",
    "prompt 2 < text 1",
    "guide 2 < text 2",
    "prompt 3 < text 3",
    "guide 3 < text 4",
    "prompt 4",
    "guide 2 b < text 5",
    "guide 2 c",
    "guide 3 b < text 6",
    "guide 3 c",
]
# Sockets that the pack's first versions saved: further guides of every prompt, connected or not.
OLD_PLACES = [f"guides_{number}.guide_{number}_b" for number in range(2, 7)]


@pytest.fixture(params=[False, True], ids=["classic", "nodes-2"])
def page(request, open_page):
    with open_page(nodes_2=request.param) as frontend:
        frontend.open_blank()
        frontend.page.evaluate(PREPARE, len(WIRES) + len(FURTHER))
        frontend.settle()
        yield frontend


def wire(frontend, names=(*WIRES, *FURTHER)):
    for place, name in enumerate(names):
        frontend.page.evaluate(WIRE, [f"text {place}", name])
        frontend.settle()  # the frontend adds the next socket in a later frame


def unwire(frontend, name):
    frontend.page.evaluate(UNWIRE, name)
    for _ in range(2):  # the frontend closes the gap in a later frame
        frontend.settle()


def shown(frontend, graph="app.graph"):
    """Return the sockets of every chained finder in a graph."""
    return frontend.page.evaluate(f"() => ({SHOWN})({graph})")


def sent(frontend):
    """Return the finder's inputs as a run would send them: {input: title of the node connected to it}."""
    prompt = frontend.page.evaluate("async () => (await app.graphToPrompt()).output")
    (chain,) = (node["inputs"] for node in prompt.values() if node["class_type"] == CHAIN)
    return {name: prompt[wired[0]]["_meta"]["title"] for name, wired in chain.items() if isinstance(wired, list)}


def test_further_guides_have_sockets_once_their_prompt_is_wired(page):
    assert shown(page) == [NEW]
    wire(page, WIRES[:1])
    assert [name.partition(" <")[0] for name in shown(page)[0]] == NEW
    wire(page, WIRES[:2])
    assert [name.partition(" <")[0] for name in shown(page)[0]] == [*NEW, "guide 2 b"]
    wire(page)
    assert shown(page) == [WIRED]
    page.screenshot(ARTIFACTS / "browser" / f"further-guides-{'nodes-2' if page.nodes_2 else 'classic'}.png")
    if page.nodes_2:
        read_there = page.page.locator("[data-node-id] .lg-slot--input", has_text="guide").all_inner_texts()
        assert read_there == [name.partition(" <")[0] for name in WIRED if name.startswith("guide")]
    assert sent(page) == {name: f"text {place}" for place, name in enumerate((*WIRES, *FURTHER))}


def test_they_go_with_their_prompt_unless_they_are_wired(page):
    wire(page)
    unwire(page, "stages.guide_3")
    unwire(page, "stages.prompt_3")
    assert shown(page) == [[*WIRED[:3], "prompt 3", *WIRED[6:]]]
    unwire(page, FURTHER[1])
    assert shown(page) == [[*WIRED[:3], "prompt 3", *WIRED[6:8]]]


def test_the_order_is_that_of_the_prompts(page):
    page.page.evaluate(WIRE, ["text 3", "stages.prompt_3"])
    page.page.evaluate(WIRE, ["text 1", "stages.prompt_2"])
    assert [name.partition(" <")[0] for name in shown(page)[0]][-2:] == ["guide 2 b", "guide 3 b"]


def test_a_click_takes_a_candidate_of_a_stage(page):
    panels = [Choice(best, best=best, optimum=0.5, curves=(Curve("similarity", RISING),)) for best in (14, 18)]
    chain = page.page.evaluate("String(app.graph.nodes.find(node => node.title === 'chain').id)")
    output = {"richspace": [[panel.as_json() for panel in panels]]}
    page.page.evaluate("([id, output]) => app.graph.getNodeById(id).onExecuted(output)", [chain, output])
    charts, notes = page.page.locator(".richspace-chart"), page.page.locator(".richspace-note")

    def click(stage):
        expect(charts.locator("svg")).to_have_count(2)
        page.settle()  # the curves move while their node is laid out
        field = charts.nth(stage).locator(".field").bounding_box()
        page.page.mouse.click(field["x"] + field["width"] * (20 / 30 + 0.025) / 1.05, field["y"] + 20)

    click(1)
    assert page.widget("chain", "indices") == "0, 20"
    expect(notes).to_have_text(["picked by hand (the finder says 18)", "run again to mix it"])
    click(0)
    assert page.widget("chain", "indices") == "20, 20"
    assert notes.all_inner_texts()[1::2] == [
        "run again to mix it",
        "an earlier stage has changed: run again for these curves",
    ]
    page.page.evaluate("() => app.extensionManager.command.execute('Comfy.Undo')")
    page.settle()
    assert page.widget("chain", "indices") == "0, 20"
    page.page.evaluate("([id, output]) => app.graph.getNodeById(id).onExecuted(output)", [chain, output])
    click(1)
    assert page.widget("chain", "indices") == ""
    expect(notes).to_have_count(0)


def test_saved_and_opened_it_is_the_same(page):
    wire(page)
    before = sent(page)
    page.page.evaluate("async () => app.loadGraphData(JSON.parse(JSON.stringify(app.graph.serialize())))")
    page.settle()
    assert shown(page) == [WIRED]
    assert sent(page) == before
    page.reload()
    assert shown(page) == [WIRED]
    assert sent(page) == before


def test_undo_and_redo(page):
    wire(page, WIRES[:3])
    capture = "app.extensionManager.workflow.activeWorkflow.changeTracker.captureCanvasState()"
    page.page.evaluate(capture)
    fewer = shown(page)
    page.page.evaluate(WIRE, ["text 3", "stages.prompt_3"])
    page.page.evaluate(capture)
    more = shown(page)
    assert more[0][-1] == "guide 3 b"
    for command, expected in (("Comfy.Undo", fewer), ("Comfy.Redo", more)):
        page.page.evaluate("name => app.extensionManager.command.execute(name)", command)
        page.settle()
        assert shown(page) == expected
        # Otherwise the frontend would take a difference for a change by the user, and clear the redo queue.
        kept, now = page.page.evaluate(INPUTS_KEPT_AND_NOW)
        assert kept == now


def test_a_copy_is_wired_alike(page):
    wire(page)
    page.page.evaluate(COPY)
    for _ in range(2):
        page.settle()
    assert shown(page) == [WIRED, WIRED]


def test_a_subgraph_is_wired_alike(page):
    wire(page)
    before = sent(page)
    page.page.evaluate("app.graph.convertToSubgraph(new Set(app.graph.nodes))")
    page.settle()
    assert sent(page) == before
    assert shown(page, "app.rootGraph.nodes.find(node => node.subgraph).subgraph") == [WIRED]


def test_a_workflow_of_an_earlier_version_is_opened(page):
    wire(page)
    before = sent(page)
    page.page.evaluate(
        """async names => {
            const saved = JSON.parse(JSON.stringify(app.graph.serialize()));
            const chain = saved.nodes.find(node => node.type === "RichSpaceChainedFinder");
            for (const input of chain.inputs) {
                delete input.localized_name;
                if (input.name.includes(".")) input.label = input.name.split(".")[1];
            }
            for (const name of names) if (!chain.inputs.some(input => input.name === name))
                chain.inputs.push({name, type: "CONDITIONING", label: name.split(".")[1], shape: 7, link: null});
            await app.loadGraphData(saved);
        }""",
        OLD_PLACES,
    )
    page.settle()
    assert shown(page) == [WIRED]
    assert sent(page) == before


@pytest.mark.parametrize(("language", "nodes_2"), [*zip(TRANSLATIONS, (False, True, False), strict=True)])
def test_the_names_are_alike_in_every_language(open_page, language, nodes_2):
    texts = read(language)[CHAIN]["inputs"]
    with open_page(nodes_2=nodes_2, language=language) as frontend:
        frontend.open_blank()
        frontend.page.evaluate(PREPARE, 2)
        wire(frontend, WIRES[:2])
        places = ["first", "stages_prompt_2", "stages_guide_2", "stages_prompt_3", "guides_2_guide_2_b"]
        assert [name.partition(" <")[0] for name in shown(frontend)[0]] == [texts[place]["name"] for place in places]
        chain = frontend.page.evaluate("String(app.graph.nodes.find(node => node.title === 'chain').id)")
        assert frontend.tooltip(chain, "guides_2.guide_2_b") == texts["guides_2_guide_2_b"]["tooltip"]


def test_the_compare_node_s_copy_is_wired_alike(open_page):
    """The growing list of Compare also comes before its widgets."""
    with open_page() as frontend:
        frontend.open_blank()
        frontend.page.evaluate("""() => {
            const compare = LiteGraph.createNode("RichSpaceCompare");
            app.graph.add(compare);
            for (const name of ["video_1", "video_2", "video_3"]) {
                const image = LiteGraph.createNode("EmptyImage");
                image.title = name;
                app.graph.add(image);
                image.connect(0, compare, compare.inputs.findIndex(input => input.name === `videos.${name}`));
            }
        }""")
        frontend.page.evaluate(COPY)
        frontend.settle()
        copies = frontend.page.evaluate("""() => app.graph.nodes.filter(node => node.type === "RichSpaceCompare")
            .map(node => node.inputs.map((input, slot) => [
                input.label || input.localized_name || input.name,
                app.graph.getNodeById(node.getInputLink(slot)?.origin_id)?.title,
            ]).filter(([, title]) => title))""")
        assert copies == 2 * [[[f"video {number}", f"video_{number}"] for number in (1, 2, 3)]]
