"""Each workflow in the real frontend: dropped, inspected, run, and inspected again."""

import io
import itertools
import json
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comfyui.frontend import SETTLED_MS, Frontend
from comfyui.server import output_files
from environment.checkout import ARTIFACTS, ROOT
from export_workflows import FULL_SIZE, api_file
from PIL import Image
from playwright.sync_api import expect

WORKFLOWS = sorted(file for file in (ROOT / "workflows").glob("*.json") if file.stem not in FULL_SIZE)
RENDERERS = ("classic", "nodes-2")
# The demo's workflows in both renderers; each of the others, which are laid out like them, in one of the two.
VISITS = [
    (file, renderer)
    for number, file in enumerate(WORKFLOWS)
    for renderer in RENDERERS
    if file.stem.endswith("(demo)") or renderer == RENDERERS[number % 2]
]
FINDERS = (
    "RichSpaceOptimalInterpolate",
    "RichSpaceBalance",
    "RichSpaceCogVideoXBalance",
    "RichSpaceCogVideoXChainedBalance",
)
# The result is a picture instead of a video.
RESULT_PICTURES = ("RichSpaceCompare", "RichSpaceContactSheet", "SaveImage")
BY_HAND = "Redraw a video (demo)"  # its mixture is chosen by hand, so it has no curves
# Settings that make each of them quick.
QUICK = {
    **{
        title: {"steps": 2}
        for title in ("Sample the video", "Sample the videos", "Sample the picture", "Redraw the video")
    },
    "Size and length": {"width": 48, "height": 32, "length": 9},
    "Size of the picture": {"width": 64, "height": 64},
}
_CUT_SCORES = """() => [...document.querySelectorAll('.richspace-chart')].flatMap(chart => {
    const {left, right} = chart.getBoundingClientRect();
    return [...chart.querySelectorAll('text')].filter(text => {
        const box = text.getBoundingClientRect();
        return box.left < left || box.right > right;
    }).map(text => text.textContent);
})"""
# Colors of the score curves and of their title in the page. The nodes hardly contain them before a run.
_CURVE_COLORS = """() => {
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    const pixel = color => {
        context.fillStyle = color;
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const style = selector => getComputedStyle(document.querySelector(selector));
    const curves = [...document.querySelectorAll(".richspace-chart .curve")];
    return [curves.map(curve => pixel(getComputedStyle(curve).stroke)), [pixel(style(".richspace-choice").color)]];
}"""

expect.set_options(timeout=SETTLED_MS)


@dataclass(frozen=True)
class Look:
    """State of the page at one time."""

    nodes: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    complaints: list[str]
    cut_texts: list[str]
    window: Image.Image


@dataclass(frozen=True)
class Visit:
    """Workflow that was dropped and run, with the state of the page before and after."""

    file: Path
    frontend: Frontend
    opened: Look
    saved: dict[str, Any]
    api_prompt: dict[str, Any]
    entry: dict[str, Any]
    ran: Look


def look(frontend):
    window = Image.open(io.BytesIO(frontend.page.screenshot()))
    return Look(frontend.nodes(), frontend.groups(), frontend.complaints(), frontend.cut_texts(), window.convert("RGB"))


@pytest.fixture(scope="module", params=VISITS, ids=lambda it: f"{it[0].stem}-{it[1]}")
def visit(request, open_page, server):
    file, renderer = request.param
    server.free()  # a node with a cached result would not show its text again
    with open_page(nodes_2=renderer == "nodes-2") as frontend:
        frontend.drop(file)
        opened, saved, prompt = look(frontend), frontend.page.evaluate("app.graph.serialize()"), frontend.api_prompt()
        for node, widgets in QUICK.items():
            for name, value in widgets.items():
                if any(shown["title"] == node for shown in opened.nodes):
                    frontend.set_widget(node, name, value)
        with frontend.drawing_seldom():
            entry = frontend.run()
            frontend.wait_for_outputs()
        frontend.screenshot(ARTIFACTS / "browser" / f"{file.stem}-{renderer}.png")
        yield Visit(file, frontend, opened, saved, prompt, entry, look(frontend))


def test_it_opens_without_a_complaint(visit):
    assert visit.opened.complaints == []


def test_it_says_what_the_file_says(visit):
    written = {node["id"]: node for node in json.loads(visit.file.read_text(encoding="utf-8"))["nodes"]}
    shown = {node["id"]: node for node in visit.saved["nodes"]}
    assert shown.keys() == written.keys()
    for name, node in written.items():
        said = {key: node[key] for key in ("type", "title", "pos", "widgets_values", "properties") if key in node}
        assert {key: shown[name].get(key, []) for key in said} == said  # newer frontends leave out empty lists


def test_the_api_file_is_what_the_frontend_makes_of_it(visit):
    file = visit.file.parent / "api" / visit.file.name
    assert json.loads(file.read_text(encoding="utf-8")) == visit.api_prompt, "Run `python3 dev.py workflows`."


@pytest.mark.parametrize("when", ["opened", "ran"])
def test_nothing_overlaps(visit, when):
    seen = getattr(visit, when)
    for boxes in (seen.nodes, seen.groups):
        overlaps = [
            (one["title"], other["title"]) for one, other in itertools.combinations(boxes, 2) if overlap(one, other)
        ]
        assert overlaps == []


@pytest.mark.parametrize("when", ["opened", "ran"])
def test_every_node_but_notes_lies_in_a_group(visit, when):
    seen = getattr(visit, when)
    nodes = [node for node in seen.nodes if node["type"] != "MarkdownNote"]
    assert [node["title"] for node in nodes if not any(contains(group, node) for group in seen.groups)] == []


@pytest.mark.parametrize("when", ["opened", "ran"])
def test_every_text_fits_into_its_box(visit, when):
    assert getattr(visit, when).cut_texts == []


def test_the_whole_graph_is_in_the_window(visit):
    width, height = visit.opened.window.size
    for node in visit.opened.nodes:
        left, top, wide, high = node["place"]
        assert left > 60  # the side bar
        assert top > 60  # the tabs
        assert left + wide < width
        assert top + high < height


def test_the_video_appears(visit):
    assert visit.entry["status"]["completed"]
    shown = [node for node in visit.ran.nodes if node["type"] == "SaveVideo"]
    if not shown:
        (pictures,) = (node["id"] for node in visit.ran.nodes if node["type"] in RESULT_PICTURES)
        assert visit.entry["outputs"][pictures]["images"]  # `wait_for_outputs` has checked that they are shown
        return
    videos = visit.frontend.videos()
    # A sweep saves several, of which the node shows one at a time.
    saved = [file for file in output_files(visit.entry) if file["filename"].endswith(".mp4")]
    queries = [dict(urllib.parse.parse_qsl(video["query"].lstrip("?"))) for video in videos]
    files = [{key: query.get(key) for key in saved[0]} for query in queries]
    assert len({file["filename"] for file in files}) == len(files) == len(shown)
    assert all(file in saved for file in files)
    for video in videos:
        assert video["size"] == ([64, 64] if visit.file.stem.endswith("(demo)") else [48, 32])
        assert video["ready"]


def test_the_curves_are_seen_in_the_finders(visit):
    finders = [node for node in visit.ran.nodes if node["type"] in FINDERS]
    morphs = [node for node in visit.ran.nodes if node["type"] == "RichSpaceMorph"]
    assert visit.frontend.page.locator(".richspace-morph-chart svg").count() == len(morphs)
    assert finders or morphs or visit.file.stem == BY_HAND
    for node in finders:
        curves, title = (
            [share_of(colors, seen.window, node) for seen in (visit.opened, visit.ran)]
            for colors in visit.frontend.page.evaluate(_CURVE_COLORS)
        )
        assert curves[1] - curves[0] > 1e-3
        assert title[1] - title[0] > 3e-4


def test_every_number_beside_the_curves_is_read_whole(visit):
    assert visit.frontend.page.evaluate(_CUT_SCORES) == []


def test_the_verdicts_are_read_on_the_finders(visit):
    for node in visit.ran.nodes:
        if node["type"] in FINDERS:
            verdicts = visit.entry["outputs"][node["id"]]["text"]
            assert all(" of 30: " in verdict for verdict in verdicts)
            for line in "\n".join(verdicts).splitlines():
                expect(visit.frontend.page.get_by_text(line, exact=True).first).to_be_visible()


def test_what_a_comparison_leaves_out_is_read_on_it(visit):
    for node in visit.ran.nodes:
        if node["type"] == "RichSpaceCompare":
            (said,) = visit.entry["outputs"][node["id"]]["richspace_report"]
            assert said["note"].startswith("No scores: ")  # there are no weights here
            expect(visit.frontend.page.get_by_text(said["note"]).first).to_be_visible()


def test_nothing_is_complained_of_after_the_run(visit):
    assert visit.ran.complaints == []


def test_the_console_says_nothing_new(visit, usual_errors):
    assert visit.frontend.errors - usual_errors == set()


def overlap(one, other):
    (x, y, width, height), (u, v, wide, high) = one["box"], other["box"]
    return x < u + wide and u < x + width and y < v + high and v < y + height


def contains(group, node):
    (x, y, width, height), (u, v, wide, high) = group["box"], node["box"]
    return x <= u and y <= v and u + wide <= x + width and v + high <= y + height


def share_of(colors, window, node):
    """Return the share of a node's pixels in one of some colors, with a tolerance for scaling."""
    left, top, width, height = node["place"]
    pixels = np.asarray(window.crop((left, top, left + width, top + height)), dtype=int)  # [h, w, 3]
    return float(np.any([np.abs(pixels - color).max(axis=-1) < 4 for color in colors], axis=0).mean())


def test_comfyui_offers_to_download_the_files_of_a_workflow(open_page):
    """In place of its run, since the files would have to be as large as the published ones."""
    (name,) = FULL_SIZE
    file = ROOT / "workflows" / f"{name}.json"
    with open_page() as frontend:
        frontend.drop(file)
        assert frontend.api_prompt() == json.loads(api_file(file).read_text(encoding="utf-8"))
        assert frontend.cut_texts() == []
        frontend.page.get_by_text("View details").first.click()
        expect(frontend.page.get_by_test_id("missing-model-download")).to_have_count(2)  # the server has the T5
        expect(frontend.page.get_by_test_id("missing-model-download-all")).to_be_visible()
        node = frontend.page.locator(".richspace-report:visible")
        expect(node).to_contain_text("CogVideoX_1_5_5b_T2V_bf16.safetensors is not installed.")
