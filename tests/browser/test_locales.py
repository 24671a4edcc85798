"""Node texts of every language in the real frontend, in both renderers."""

import pytest
import torch
from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS, PACK_FOLDER
from node_texts import TRANSLATIONS, read
from playwright.sync_api import expect

from richspace_core import RichSpaceError
from richspace_core.finder.cosine import Scores, cosine_choice

expect.set_options(timeout=SETTLED_MS)

FINDER = "RichSpaceOptimalInterpolate"

both_renderers = pytest.mark.parametrize("nodes_2", [False, True], ids=["classic", "nodes-2"])


def names_on(frontend, node):
    """Return the names on a node: its title, and those of its sockets and widgets."""
    return frontend.page.evaluate(
        """id => {
            const node = app.graph.getNodeById(id), name = it => it.label || it.localized_name || it.name;
            return {
                title: node.title, inputs: node.inputs.filter(it => !it.widget).map(name),
                widgets: node.widgets.map(name), outputs: node.outputs.map(name),
            };
        }""",
        node,
    )


@pytest.mark.parametrize(("language", "nodes_2"), [*zip(TRANSLATIONS, (False, True, False), strict=True)])
def test_a_node_speaks_the_language(open_page, usual_errors, language, nodes_2):
    texts = read(language)[FINDER]
    with open_page(nodes_2=nodes_2, language=language) as frontend:
        frontend.open_blank()
        node = frontend.add_node(FINDER, (500, 300))
        names = names_on(frontend, node)
        assert names["title"] == texts["display_name"]
        assert names["inputs"] == ["A", "B", *(texts["inputs"][name]["name"] for name in ("guide", "guides_guide_2"))]
        assert {texts["inputs"][name]["name"] for name in ("steps", "index")} <= {*names["widgets"]}
        assert names["outputs"] == [output["name"] for output in texts["outputs"].values()]
        assert frontend.page.get_by_text(texts["display_name"]).count() == nodes_2  # not on a canvas
        assert frontend.tooltip(node) == texts["description"]
        for socket in ("guide", "a", "guides.guide_2"):
            assert frontend.tooltip(node, socket) == texts["inputs"][socket.replace(".", "_")]["tooltip"]
        frontend.tooltip(node, "guide")
        frontend.screenshot(ARTIFACTS / "browser" / f"texts-{language}-{'nodes-2' if nodes_2 else 'classic'}.png")
        assert_the_page_speaks(frontend, node, read(language, "main")["richspace"])
        assert frontend.complaints() == []
        assert frontend.errors - usual_errors == set()


def assert_the_page_speaks(frontend, node, texts):
    """Check what the pack's own scripts show: curves, remarks and errors."""
    scores = Scores(torch.ones(30).double(), torch.linspace(0, 1, 30).double())
    choice = cosine_choice(
        scores, 14, continuous_weight=0.5, foot_coefficient=0.5, counted=True, guide_count=2, remarks=("its own words",)
    )
    output = {"richspace": [[choice.as_json()]]}
    frontend.page.evaluate("([id, output]) => app.graph.getNodeById(id).onExecuted(output)", [node, output])
    legend = frontend.page.locator(".richspace-legend")
    expect(legend).to_contain_text(texts["page"]["truncated"])
    assert frontend.page.locator(".richspace-note").all_inner_texts() == [
        texts["page"]["run again to mix it"],
        "its own words",
        texts["reports"]["the average of {count} guides is closest to pure {pure}"].format(count=2, pure="A"),
    ]
    error = RichSpaceError("guide_2", expected="a prompt with words", got="an empty one", hint="Unknown hint.")
    script = f"/extensions/{PACK_FOLDER}/error_texts.js"
    shown = frontend.page.evaluate(
        "async ([path, message, id]) => (await import(path)).describeError(message, app.graph.getNodeById(id))",
        [script, str(error), node],
    )
    guide = next(name for name in names_on(frontend, node)["inputs"] if name.endswith(" 2"))
    assert shown.split("\n") == [
        guide,
        texts["page"]["Expected: {value}"].format(value=texts["errors"]["a prompt with words"]),
        texts["page"]["Got: {value}"].format(value=texts["errors"]["an empty one"]),
        "Unknown hint.",
    ]


@both_renderers
def test_the_places_of_a_growing_list_have_tooltips_in_english(open_page, nodes_2):
    expected = read("en")[FINDER]["inputs"]["guides_guide_2"]["tooltip"]
    with open_page(nodes_2=nodes_2) as frontend:
        frontend.open_blank()
        node = frontend.add_node(FINDER, (500, 300))
        assert frontend.tooltip(node, "guides.guide_2") == expected
        assert frontend.tooltip(node, "guide").startswith("A sentence that describes the mixture.")


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_the_menu_s_categories_speak_the_language(open_page, language):
    mix = read(language, "main")["nodeCategories"]["mix"]
    with open_page(language=language) as frontend:
        category = frontend.page.evaluate("type => LiteGraph.registered_node_types[type].category", FINDER)
        assert category == f"RichSpace/{mix}"
