"""Every blueprint as an artist meets it: its file, its labels in both renderers, and a run on the demo model."""

import json

import pytest
from blueprint_recipes import BALANCE_TWO, COMPARE_TWO, MIX_TO_VIDEO, MORPH_TWO, RECIPES, make_blueprint
from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS
from graph_scripts import ADD_AND_WIRE
from playwright.sync_api import expect

CANVAS = (600, 150)  # an empty place
AWAY = 260  # pixels from an output to an empty place
OUTPUT = """name => {
    const node = app.graph.nodes[0];
    const dot = document.querySelector(`[data-slot-key="${node.id}-out-${node.findOutputSlot(name)}"]`);
    if (dot) {
        const {x, y, width, height} = dot.getBoundingClientRect();
        return [x + width / 2, y + height / 2];
    }
    const {x, y} = app.canvas.canvas.getBoundingClientRect();
    const place = app.canvas.ds.convertOffsetToCanvas(node.getOutputPos(node.findOutputSlot(name)));
    return [place[0] + x, place[1] + y];
}"""
# What is written at the texts of the first node: above each in the classic renderer, in its corner in Nodes 2.0.
TEXT_LABELS = """() => [...document.querySelectorAll(
    app.ui.settings.getSettingValue("Comfy.VueNodes.Enabled")
        ? "[data-node-id] label:has(+ textarea)" : ".dom-widget .richspace-labeled-text > span"
)].filter(label => label.checkVisibility()).map(label => label.textContent.trim())"""
# The nodes around a blueprint for any model: native model, latent, sampler and decoder.
SURROUND = (
    "positive => {"
    + ADD_AND_WIRE
    + """    const mix = app.graph.nodes[0];
    mix.pos = [380, 100];
    const load = add("RichSpaceLoadCogVideoXNative", [-20, 100], {model: "bundled demo"});
    const latent = add("RichSpaceEmptyCogVideoXLatent", [-20, 400], {frames: 9});
    const sample = add("KSampler", [850, 100], {steps: 2, seed: 42, cfg: 4, scheduler: "simple"});
    const decode = add("VAEDecode", [850, 560]), shown = add("PreviewImage", [1200, 100]);
    for (const to of [latent, mix, sample]) wire(load, "model", to, "model");
    wire(load, "clip", mix, "clip");
    wire(load, "vae", decode, "vae");
    for (const to of [mix, sample]) wire(latent, "latent", to, to === mix ? "latent" : "latent_image");
    wire(mix, positive, sample, "positive");
    wire(mix, "negative", sample, "negative");
    wire(sample, "LATENT", decode, "samples");
    wire(decode, "IMAGE", shown, "images");
}"""
)

expect.set_options(timeout=SETTLED_MS)


class Hand:
    """Mouse and keyboard of an artist, whose actions are counted."""

    def __init__(self, page):
        self.page = page
        self.actions = 0

    def open_search(self, place):
        self.actions += 1
        self.page.mouse.dblclick(*place)

    def type_and_enter(self, words, found):
        """Type words and press Enter, once the search offers what was looked for first."""
        self.actions += 2
        self.page.keyboard.type(words)
        expect(self.page.get_by_role("option").first).to_contain_text(found)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("option")).to_have_count(0)

    def click(self, *place):
        self.actions += 1
        self.page.mouse.click(*place)
        self.page.wait_for_function("() => app.canvas.state.ghostNodeId === null")

    def drag(self, start, end):
        self.actions += 1
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=5)
        self.page.mouse.up()

    def choose(self, entry):
        self.actions += 1
        self.page.locator(".litecontextmenu").get_by_text(entry, exact=True).click()


def shoot(frontend, name):
    frontend.settle()
    frontend.screenshot(ARTIFACTS / "browser" / f"{name}-{'nodes-2' if frontend.nodes_2 else 'classic'}.png")


def test_the_files_are_what_the_frontend_makes(open_page):
    with open_page(new=True) as frontend:  # which then knows the blueprints twice
        made = {recipe.name: make_blueprint(frontend, recipe) for recipe in RECIPES}
    stored = {recipe.name: json.loads(recipe.file.read_text(encoding="utf-8")) for recipe in RECIPES}
    assert made == stored, "Run `python3 dev.py workflows`."


def test_each_opens_with_readable_labels(open_page, renderer, server):
    node_types = server.object_info()
    with open_page(nodes_2=renderer) as frontend:
        for recipe in RECIPES:
            frontend.open_blank()
            frontend.add_from_search(recipe.name, CANVAS)
            shoot(frontend, recipe.name)
            assert frontend.complaints() == []
            (node,) = frontend.nodes()
            assert node["title"] == recipe.name
            assert [*node["inputs"], *node["widgets"]] == [it.label for it in recipe.inputs]
            texts = [it.label for it in recipe.inputs if is_long_text(recipe, it, node_types)]
            assert frontend.page.evaluate(TEXT_LABELS) == texts


def is_long_text(recipe, shown, node_types):
    title, name = shown.ends[0]
    about = node_types[recipe.node(title).type]["input"]["required"].get(name, [None, {}])
    return about[0] == "STRING" and about[1].get("multiline", False)


def test_an_artist_makes_a_first_video_in_fewer_than_ten_actions(open_page, renderer):
    with open_page(nodes_2=renderer) as frontend:
        frontend.open_blank()
        page, hand = frontend.page, Hand(frontend.page)
        hand.open_search(CANVAS)
        hand.type_and_enter("mix two", MIX_TO_VIDEO.name)
        hand.click(*CANVAS)
        frontend.settle()
        x, y = page.evaluate(OUTPUT, "video")
        hand.drag((x, y), (x + AWAY, y))
        hand.choose("Search")
        hand.type_and_enter("save video", "Save Video")
        hand.actions += 1  # Run, where the new node is laid down
        entry = frontend.run()
        assert entry["status"]["completed"], entry["status"]
        frontend.wait_for_outputs()
        shoot(frontend, "blueprint-first-video")
        assert len(frontend.videos()) == 1
        assert frontend.complaints() == []
        assert hand.actions < 10


@pytest.mark.parametrize(
    ("recipe", "positive"), [(BALANCE_TWO, "mixture"), (MORPH_TWO, "positive")], ids=lambda it: getattr(it, "name", "")
)
def test_it_runs_with_a_sampler_of_comfyui(open_page, recipe, positive):
    with open_page() as frontend:
        frontend.open_blank()
        frontend.add_from_search(recipe.name, CANVAS)
        frontend.page.evaluate(SURROUND, positive)
        entry = frontend.run()
        assert entry["status"]["completed"], entry["status"]
        frontend.wait_for_outputs()
        shoot(frontend, f"{recipe.name}-ran")
        assert frontend.complaints() == []


def test_the_comparison_is_a_picture_of_all_four(open_page):
    with open_page(nodes_2=True) as frontend:
        frontend.open_blank()
        frontend.add_from_search(COMPARE_TWO.name, CANVAS)
        frontend.set_widget(COMPARE_TWO.name, "steps", 2)
        entry = frontend.run()
        assert entry["status"]["completed"], entry["status"]
        shown = frontend.page.locator(".image-preview img").first
        expect(shown).to_be_visible()
        shoot(frontend, f"{COMPARE_TWO.name}-ran")
