"""`dev.py workflows`: have the frontend write workflows/api from the files in workflows/, and the blueprints.

With --thumbnails it also draws the pictures of the templates dialog, from a run of each workflow on the demo model. A
workflow for another model gets a picture of its connected steps instead.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blueprint_recipes import RECIPES, write_blueprints
from comfyui.frontend import Frontend, chromium
from comfyui.server import ComfyServer, output_files
from environment.checkout import ROOT
from environment.programs import Progress, run_to_the_end
from PIL import Image
from small_models.single_files import add_single_files
from thumbnails import draw_course, draw_flow, draw_redrawing, draw_thumbnail, read_frames

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WORKFLOWS = ROOT / "workflows"
DEMO = "bundled demo"
STEPS = 20  # as in the demo's workflow
# Prompts for the demo model, which knows few words, in place of a workflow's own: A, B and C, and the guides.
LITTLE_PROMPTS = ("a red circle moves right", "a blue square moves right", "a yellow star moves right")
LITTLE_GUIDES = (
    "a red and blue circle moves right",
    "a blue and red square moves right",
    "a red and yellow circle moves right",
    "a yellow and red star moves right",
)
GUIDE = "Guide"  # how the titles of guides begin
CARDS = {
    "Mix two prompts (CogVideoX)": (
        ("a large plain cyan star moves right", "a large plain magenta square moves right"),
        ("a large plain cyan and magenta star moves right", "a large plain magenta and cyan square moves right"),
    ),
    "Mix in KSampler (CogVideoX)": (
        ("a large plain yellow star moves left", "a large plain violet circle moves left"),
        (),
    ),
    "Mix in CogVideoX 1.5": (("a large plain magenta star moves right", "a large plain blue circle moves right"), ()),
    "Morph (CogVideoX)": (("a large plain orange star moves right", "a large plain blue triangle moves right"), ()),
}
"""Prompts and guides of the pictures of workflows for other models, so that no two cards look alike."""

# The loader recognizes the model in these files by its width, so that no tiny one can be put in their place.
FULL_SIZE = ("Mix in CogVideoX 1.5",)
COGVIDEOX_LOADERS = ("RichSpaceLoadCogVideoX", "RichSpaceLoadCogVideoXNative")
FINDERS = ("RichSpaceOptimalInterpolate", "RichSpaceBalance", "RichSpaceCogVideoXBalance")
CHAINS = ("RichSpaceCogVideoXChainedBalance",)
ENCODER = "RichSpaceCogVideoXEncode"
FLOW = ("A and B:\nCLIP Text Encode", "RichSpace Balance", "KSampler, as always")
MORPH = "RichSpaceMorph"
MORPH_FLOW = (FLOW[0], "RichSpace Morph:\nA becomes B over time", FLOW[-1])
FLOW_CAPTION = "needs the model's own files; the bundled\ndemo model cannot run it"


def api_file(file: Path) -> Path:
    """Return the path of a workflow's API format."""
    return file.parent / "api" / file.name


def write_api_file(frontend: Frontend, file: Path) -> dict[str, Any]:
    """Have the frontend convert a workflow to API format; write and return it."""
    frontend.drop(file)
    prompt = frontend.api_prompt()
    target = api_file(file)
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(prompt, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return prompt


def on_the_demo_model(
    prompt: Mapping[str, Any],
    *,
    keep_its_own: bool = True,
    prompts: Sequence[str] = LITTLE_PROMPTS,
    guides: Sequence[str] = LITTLE_GUIDES,
) -> dict[str, Any]:
    """Return a workflow for the demo model: with few steps, and with prompts from its vocabulary.

    Different texts become different prompts, in their order; an empty text stays empty.

    Args:
        prompt: Workflow in API format.
        keep_its_own: Whether a workflow for the demo model stays as it is. An earlier version may have had a demo model
            with other words.
        prompts: The new prompts.
        guides: The new guides.
    """
    if keep_its_own and any(node["inputs"].get("model") == DEMO for node in prompt.values()):
        return dict(prompt)
    demo, few = {"model": DEMO}, {"steps": STEPS}
    changes = {
        "RichSpaceLoadCogVideoX": demo,
        "RichSpaceLoadCogVideoXNative": demo,
        "RichSpaceCogVideoXSample": few,
        "KSampler": few,
    }
    known = _new_texts(prompt, prompts, guides) | {"": ""}
    changed = {}
    for name, node in _with_parts_of_one_folder(prompt).items():
        inputs = node["inputs"] | changes.get(node["class_type"], {})
        if "text" in inputs:
            inputs["text"] = known[inputs["text"]]
        changed[name] = node | {"inputs": inputs}
    return changed


def _with_parts_of_one_folder(prompt: Mapping[str, Any]) -> dict[str, Any]:
    """Return a workflow that takes text encoder and VAE from the folder that its transformer is in, not from files."""
    loader = next((name for name, node in prompt.items() if node["class_type"] == COGVIDEOX_LOADERS[1]), None)
    moved = {"CLIPLoader": [1], "RichSpaceFixCogVideoX": [0, 2], "VAELoader": [2]}  # outputs of the loader, in order
    places = {name: moved[node["class_type"]] for name, node in prompt.items() if node["class_type"] in moved}
    if loader is None or not places:
        return dict(prompt)

    def moved_link(value: Any) -> Any:
        is_moved = isinstance(value, list) and value[0] in places
        return [loader, places[value[0]][value[1]]] if is_moved else value

    return {
        name: node | {"inputs": {key: moved_link(value) for key, value in node["inputs"].items()}}
        for name, node in prompt.items()
        if name not in places
    }


def _new_texts(prompt: Mapping[str, Any], prompts: Sequence[str], guides: Sequence[str]) -> dict[str, str]:
    """Return prompts and guides by the texts of a workflow that they replace."""
    texts: dict[bool, dict[str, None]] = {False: {}, True: {}}
    for node in prompt.values():
        if text := node["inputs"].get("text"):
            texts[node["_meta"]["title"].startswith(GUIDE)][text] = None
    return dict(zip(texts[False], prompts, strict=False)) | dict(zip(texts[True], guides, strict=False))


def title_of(file: Path) -> str:
    """Return the title of a workflow: the first heading of its note."""
    nodes = json.loads(file.read_text(encoding="utf-8"))["nodes"]
    note = next(node for node in nodes if node["type"] == "MarkdownNote" and node["title"] == "Read me")
    return str(note["widgets_values"][0]).partition("\n")[0].lstrip("# ")


def write_thumbnail(server: ComfyServer, file: Path, prompt: Mapping[str, Any]) -> None:
    """Run a workflow on the demo model and draw how its mixture was found, with its video or picture."""
    if not any(node["class_type"] in COGVIDEOX_LOADERS for node in prompt.values()):
        is_morph = any(node["class_type"] == MORPH for node in prompt.values())
        picture = draw_flow(title_of(file), MORPH_FLOW if is_morph else FLOW, FLOW_CAPTION)
        picture.save(file.with_suffix(".jpg"), quality=88, optimize=True)
        return
    prompts, guides = CARDS.get(file.stem, (LITTLE_PROMPTS, LITTLE_GUIDES))
    prompt = on_the_demo_model(prompt, prompts=prompts, guides=guides)
    entry = server.run(prompt)
    draw_picture(server, file, prompt, entry).save(file.with_suffix(".jpg"), quality=88, optimize=True)


def draw_picture(server: ComfyServer, file: Path, prompt: Mapping[str, Any], entry: Mapping[str, Any]) -> Image.Image:
    """Draw the thumbnail of a workflow from what its run has made."""
    if encoder := next((node for node in prompt.values() if node["class_type"] == ENCODER), None):
        return draw_redrawing(title_of(file), *_before_and_after(server, prompt, entry, encoder["inputs"]["frames"]))
    kinds = {name: node["class_type"] for name, node in prompt.items() if node["class_type"] in (*FINDERS, *CHAINS)}
    finders = [*kinds]
    results = [
        file
        for name, output in entry["outputs"].items()
        if name not in finders
        for file in output_files({"outputs": {name: output}})
    ]
    result = max(results, key=lambda file: (file["filename"].endswith(".mp4"), file["type"] == "output"))
    content = server.view(result)
    frames = read_frames(content) if result["filename"].endswith(".mp4") else [Image.open(io.BytesIO(content))]
    if any(node["class_type"] == MORPH for node in prompt.values()):
        return draw_course(title_of(file), frames)
    # Balance makes the video where there is one; otherwise the last finder does.
    shown = next((name for name, kind in kinds.items() if kind.endswith("Balance")), finders[-1])
    (plot,) = output_files({"outputs": {"finder": entry["outputs"][shown]}})
    return draw_thumbnail(title_of(file), Image.open(io.BytesIO(server.view(plot))), frames)


def _before_and_after(
    server: ComfyServer, prompt: Mapping[str, Any], entry: Mapping[str, Any], start: list[Any]
) -> list[list[Image.Image]]:
    """Return the frames of two saved videos: first of the one whose frames come from this output, then of the other."""
    videos = {}
    for name in (name for name, node in prompt.items() if node["class_type"] == "SaveVideo"):
        (saved,) = output_files({"outputs": {name: entry["outputs"][name]}})
        created = prompt[name]["inputs"]["video"][0]
        videos[prompt[created]["inputs"]["images"] == start] = read_frames(server.view(saved))
    return [videos[True], videos[False]]


def export(*, thumbnails: bool) -> None:
    """Write every file."""
    files = sorted(WORKFLOWS.glob("*.json"))
    progress = Progress("Writing workflows/api, the blueprints" + (" and the thumbnails" if thumbnails else ""))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        base = Path(folder)
        add_single_files(base)  # so that no workflow misses a model
        server = running.enter_context(ComfyServer(base))
        browser = running.enter_context(chromium())
        frontend = running.enter_context(Frontend(browser, server))
        write_blueprints(frontend, RECIPES)
        for file in files:
            progress.show(file.stem)
            prompt = write_api_file(frontend, file)
            if thumbnails:
                write_thumbnail(server, file, prompt)
    progress.end("done")


def main() -> None:
    """Read the command line and write the files."""
    parser = argparse.ArgumentParser(description="Write workflows/api from the files in workflows/.")
    parser.add_argument("--thumbnails", action="store_true", help="run the workflows and draw their thumbnails too")
    export(thumbnails=parser.parse_args().thumbnails)


if __name__ == "__main__":
    sys.exit(run_to_the_end(main))
