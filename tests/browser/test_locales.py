"""Node texts of every language in the real frontend, in both renderers."""

import re

import pytest
import torch
from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS, PACK_FOLDER, ROOT
from known_texts import PHRASE, kind_of
from node_texts import TRANSLATIONS, read
from playwright.sync_api import expect

from richspace_core import RichSpaceError
from richspace_core.finder.cosine import Scores, cosine_choice

FINDER_WORKFLOW = ROOT / "tests" / "data" / "workflows" / "finder_two_prompts.json"

expect.set_options(timeout=SETTLED_MS)

FINDER = "RichSpaceOptimalInterpolate"

HINT = "Run the workflow to see how the candidates score."

#: Values of the kinds in web/texts.js.
SAMPLES = {"count": "1,234", "word": "blocks.0.attn-q", "shape": "[2, 3]"}

#: Texts of libraries, files and users, which are no lines of the pack.
OF_OTHERS = [
    *("tiger.safetensors", "a tiger by a river, on a rock", "constructor", "red and blue", "none of this, and that"),
    "Error while deserializing header: header too large",
    "[Errno 28] No space left on device",
    "mat1 and mat2 shapes cannot be multiplied (77x768 and 1024x320)",
    "The size of tensor a (8) must match the size of tensor b (4) at non-singleton dimension 1",
    "CUDA error: an illegal memory access was encountered",
]

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
        category = frontend.page.evaluate("type => LiteGraph.registered_node_types[type].category", FINDER)
        assert category == f"RichSpace/{read(language, 'main')['nodeCategories']['mix']}"
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
    assert_the_page_knows_each_line(frontend, texts)
    assert_a_line_on_a_sampling_node_is_translated(frontend, node, texts)
    error = RichSpaceError("guide_2", expected="a prompt with words", got="an empty one", hint="Unknown hint.")
    shown = describe_error(frontend, node, error)
    guide = next(name for name in names_on(frontend, node)["inputs"] if name.endswith(" 2"))
    assert shown.split("\n") == [
        guide,
        texts["page"]["Expected: {value}"].format(value=texts["errors"]["a prompt with words"]),
        texts["page"]["Got: {value}"].format(value=texts["errors"]["an empty one"]),
        "Unknown hint.",
    ]
    error = RichSpaceError(
        "text encoder, a",
        expected="a conditioning with one prompt",
        got="an error of the model: It failed. Twice",
        hint="Correct the value, or the node that it comes from.",
    )
    assert describe_error(frontend, node, error).split("\n") == [
        f"{texts['errors']['text encoder']} · A",
        texts["page"]["Expected: {value}"].format(value=texts["errors"][error.expected]),
        texts["page"]["Got: {value}"].format(
            value=texts["errors"]["an error of the model: {error}"].format(error="It failed. Twice")
        ),
        texts["errors"][error.hint],
    ]


def describe_error(frontend, node, error):
    """Return an error's message as the page shows it in a node."""
    return frontend.page.evaluate(
        "async ([path, message, id]) => (await import(path)).describeError(message, app.graph.getNodeById(id))",
        [f"/extensions/{PACK_FOLDER}/error_texts.js", str(error), node],
    )


def assert_the_page_knows_each_line(frontend, texts):
    """Check that each line is translated by its own key, and that texts of others stay as they are."""
    for group, phrase in (("reports", "float8 weights"), ("errors", "a damaged file")):
        samples = [_sample(key, text, phrase, texts[group][phrase]) for key, text in texts[group].items()]
        lines = [*(line for line, _ in samples), *OF_OTHERS]
        assert dict(zip(lines, translate(frontend, lines, group), strict=True)) == dict(samples) | {
            line: line for line in OF_OTHERS
        }
    many = texts["reports"]["tiled VAE"], texts["reports"]["compiled blocks"]
    assert translate(frontend, ["tiled VAE, compiled blocks"], "reports")[0] in (", ".join(many), "、".join(many))


def assert_a_line_on_a_sampling_node_is_translated(frontend, node, texts):
    """Check a line that Python sends while a node runs; ComfyUI's page shows it in a widget."""
    line, *_ = (line for line in texts["reports"] if line.startswith("The prompts have {count} tokens"))
    shown = progress_text(frontend, node, line.format(count=226))
    assert texts["reports"][line].format(count=226) in shown


def translate(frontend, lines, group):
    """Return lines from Python as the page shows them."""
    return frontend.page.evaluate(
        """async ([path, group, lines]) => {
            const {translate} = await import(path);
            return lines.map(line => translate(line, group));
        }""",
        [f"/extensions/{PACK_FOLDER}/texts.js", group, lines],
    )


def _sample(key, text, phrase, translated_phrase):
    """Return a line that Python makes from a key, and the line in which the page shows it."""
    values = {name: SAMPLES.get(kind_of(name), "Some value's 7") for name in re.findall(r"\{(\w+)\}", key)}
    phrases = [name for name in values if kind_of(name) == PHRASE]
    return key.format(**values | dict.fromkeys(phrases, phrase)), text.format(
        **values | dict.fromkeys(phrases, translated_phrase)
    )


def progress_text(frontend, node, text):
    """Return the values of a node's widgets after a line has come for it from a run."""
    return frontend.page.evaluate(
        """async ([id, text]) => {
            const {api} = await import("/scripts/api.js");
            const prompt_id = "translated", state = {value: 0, max: 1, state: "running", prompt_id};
            const nodes = {[id]: {...state, node_id: id, display_node_id: id}};
            api.dispatchCustomEvent("execution_start", {prompt_id});
            api.dispatchCustomEvent("progress_state", {prompt_id, nodes});
            api.dispatchCustomEvent("progress_text", {nodeId: id, text, prompt_id});
            api.dispatchCustomEvent("progress_state", {prompt_id, nodes: {}});
            api.dispatchCustomEvent("execution_success", {prompt_id});
            return app.graph.getNodeById(id).widgets.map(({value}) => value);
        }""",
        [str(node), text],
    )


@both_renderers
def test_the_places_of_a_growing_list_have_tooltips_in_english(open_page, nodes_2):
    expected = read("en")[FINDER]["inputs"]["guides_guide_2"]["tooltip"]
    with open_page(nodes_2=nodes_2) as frontend:
        frontend.open_blank()
        node = frontend.add_node(FINDER, (500, 300))
        assert frontend.tooltip(node, "guides.guide_2") == expected
        assert frontend.tooltip(node, "guide").startswith("A sentence that describes the mixture.")


def test_the_texts_follow_a_change_of_the_language(open_page):
    texts = read("es", "main")["richspace"]
    with open_page() as frontend:
        frontend.drop(FINDER_WORKFLOW)
        for language, hint in (("es", texts["page"][HINT]), ("en", HINT)):
            frontend.page.evaluate("name => app.extensionManager.setting.set('Comfy.Locale', name)", language)
            expect(frontend.page.locator(".richspace-view").filter(has_text=hint)).to_have_count(1)
