"""Node texts of every language in the real frontend, in both renderers."""

import pytest
from environment.checkout import ARTIFACTS
from node_texts import TRANSLATIONS, read

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


@both_renderers
@pytest.mark.parametrize("language", TRANSLATIONS)
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
        assert frontend.complaints() == []
        assert frontend.errors - usual_errors == set()


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
