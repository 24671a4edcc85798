"""Workflows as apps: the graph is their first view, and the app shows prompts, share and seed, and the video."""

import pytest
from comfyui.frontend import SETTLED_MS
from environment.checkout import ARTIFACTS, ROOT
from playwright.sync_api import expect

TWO = ["prompt A", "prompt B", "share of A", "seed"]
MORPH = ["prompt A", "prompt B", "keyframes", "seed"]
INPUTS = {
    "Mix two prompts (demo)": TWO,
    "Mix two prompts (CogVideoX)": TWO,
    "Morph (demo)": MORPH,
    "Morph (CogVideoX)": MORPH,
    "Mix three prompts (demo)": ["prompt A", "prompt B", "prompt C", "shares (empty: all equal)", "seed"],
}
OUTPUT = """() => app.graph.extra.linearData.outputs.map(id => app.graph.getNodeById(id).type)"""
TO_APP, TO_GRAPH = "Enter app mode", "Enter node graph"

expect.set_options(timeout=SETTLED_MS)


def switch(frontend, control):
    """Press the page's own control of the view."""
    frontend.page.get_by_role("button", name=control).first.click()


def shoot(frontend, name):
    frontend.screenshot(ARTIFACTS / "browser" / f"app-{name}-{'nodes-2' if frontend.nodes_2 else 'classic'}.png")


@pytest.mark.parametrize("name", INPUTS)
def test_it_opens_as_a_graph_and_its_app_shows_what_an_artist_sets(open_page, name):
    with open_page() as frontend:
        frontend.drop(ROOT / "workflows" / f"{name}.json")
        switch(frontend, TO_APP)
        expect(frontend.page.get_by_test_id("builder-widget-label")).to_have_text(INPUTS[name])
        shoot(frontend, name)
        assert frontend.page.evaluate(OUTPUT) == ["SaveVideo"]
        switch(frontend, TO_GRAPH)


def test_the_app_makes_a_video(open_page, renderer):
    with open_page(nodes_2=renderer) as frontend:
        frontend.drop(ROOT / "workflows" / "Mix two prompts (demo).json")
        frontend.set_widget("Sample the video", "steps", 2)
        switch(frontend, TO_APP)
        frontend.page.get_by_test_id("linear-widgets").locator("textarea").first.fill(
            "a large plain green star moves right"
        )
        with frontend.page.expect_response(lambda it: it.url.endswith("/api/prompt")) as response:
            frontend.page.get_by_test_id("linear-run-button-icon").click()
        entry = frontend.server.wait(response.value.json()["prompt_id"], 300)
        assert entry["status"]["completed"], entry["status"]
        expect(frontend.page.get_by_test_id("linear-center-panel").locator("video").first).to_be_visible()
        shoot(frontend, "ran")
        switch(frontend, TO_GRAPH)
