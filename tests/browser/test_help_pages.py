"""Help pages in the frontend's panel, and the command that makes their pictures."""

import re

import pytest
from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS, ROOT
from help_further_scenes import further_scenes
from help_pictures import photograph
from help_scenes import Scene, scenes
from playwright.sync_api import expect
from surface import read_surface

DOCS = ROOT / "web" / "docs"
SHOWN = ("RichSpaceOptimalInterpolate", "RichSpaceContactSheet", "RichSpaceLoadEmbedding", "RichSpaceMorph")
ARE_LOADED = """count => {
    const pictures = [...document.querySelectorAll(".node-help-content img")];
    return pictures.length === count && pictures.every(picture => picture.naturalWidth > 0);
}"""

both_renderers = pytest.mark.parametrize("nodes_2", [False, True], ids=["classic", "nodes-2"])


@both_renderers
def test_a_help_page_opens_with_its_pictures(open_page, nodes_2):
    with open_page(nodes_2=nodes_2) as frontend:
        for node_id in SHOWN:
            frontend.open_blank()
            frontend.open_help(frontend.add_node(node_id, (300, 300)))
            page = (DOCS / f"{node_id}.md").read_text(encoding="utf-8")
            help_page = frontend.page.locator(".node-help-content")
            expect(help_page.locator("h1, h2")).to_have_text(re.findall(r"^#+ (.+)$", page, re.MULTILINE))
            pictures = page.count("](images/")
            frontend.page.wait_for_function(ARE_LOADED, arg=pictures, timeout=SETTLED_MS)
            widths = help_page.locator("img").evaluate_all("all => all.map(it => it.getBoundingClientRect().width)")
            assert min(widths) > 200
            name = f"help-{node_id}-{'nodes-2' if nodes_2 else 'classic'}.png"
            frontend.screenshot(ARTIFACTS / "browser" / name)


def test_every_node_has_a_scene():
    assert scenes().keys() == read_surface()["nodes"].keys()


def test_every_picture_has_a_scene():
    pictures = {file.stem for file in (DOCS / "images").glob("*.png")}
    assert (scenes() | further_scenes()).keys() == pictures


def test_a_picture_shows_its_node_after_a_run(open_page):
    scene = scenes()["RichSpaceOptimalInterpolate"]
    with open_page(nodes_2=True) as frontend:
        picture = photograph(frontend, scene)
        expect(frontend.page.locator(".richspace-choice")).to_have_text("13 of 30: 43% A, 57% B")
        (box,) = scene.shown.values()
        assert box[2] < picture.width < box[2] + 50
        # The next scene, whose nodes have the same names, does not show the pictures of this one.
        photograph(frontend, Scene(scenes()["RichSpaceInterpolate"].prompt, {"mix": box}))
        assert frontend.page.locator("[data-node-id=mix] img").count() == 0
