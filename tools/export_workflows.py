"""`dev.py workflows`: writes workflows/api from the files in workflows/, and the blueprint, by the frontend's own hand.

With --thumbnails it draws the pictures of the templates dialog, too, of a run of each on the bundled demo model; for
those of other models, which it cannot stand for, a picture of what is wired to what.
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

from blueprint import write_blueprint
from comfyui.frontend import Frontend, chromium
from comfyui.server import ComfyServer, PromptError, output_files
from environment.checkout import ROOT
from environment.programs import Progress, ToolError, end_on_sigterm
from PIL import Image
from small_models.single_files import add_single_files
from thumbnails import draw_flow, draw_thumbnail, read_frames

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKFLOWS = ROOT / "workflows"
DEMO = "bundled demo"
STEPS = 20  # as the demo's workflow has it
# Stand for a workflow's own prompts on the demo model, which knows few words: A, B, their guide, and again with C.
LITTLE_PROMPTS = (
    "a red circle moves right",
    "a blue square moves right",
    "a red and blue circle moves right",
    "a yellow star moves right",
    "a red and yellow circle moves right",
)

COGVIDEOX_LOADERS = ("RichSpaceLoadCogVideoX", "RichSpaceLoadCogVideoXNative")
FLOW = ("A, B and a guide:\nCLIP Text Encode", "RichSpace\nOptimal Interpolation", "KSampler, as always")
FLOW_CAPTION = "needs the model's own files; the bundled\ndemo model cannot stand for it"


def api_file(file: Path) -> Path:
    """Where the API format of a workflow lies."""
    return file.parent / "api" / file.name


def write_api_file(frontend: Frontend, file: Path) -> dict[str, Any]:
    """Have the frontend turn a workflow into API format; returns what was written."""
    frontend.drop(file)
    prompt = frontend.api_prompt()
    target = api_file(file)
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(prompt, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return prompt


def on_the_demo_model(prompt: Mapping[str, Any], *, keep_its_own: bool = True) -> dict[str, Any]:
    """A workflow on the bundled model: as it is if made for that, else with few steps and with prompts that it knows.

    Different texts become different prompts, in the order in which they come; an empty one stays empty. Without
    `keep_its_own` that happens to the demo's workflows, too: an earlier version's model may have known other words.
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
    texts = dict.fromkeys(node["inputs"].get("text") for node in prompt.values())
    known = dict(zip(filter(None, texts), LITTLE_PROMPTS, strict=False)) | {"": ""}
    changed = {}
    for name, node in prompt.items():
        inputs = node["inputs"] | changes.get(node["class_type"], {})
        if "text" in inputs:
            inputs["text"] = known[inputs["text"]]
        changed[name] = node | {"inputs": inputs}
    return changed


def title_of(file: Path) -> str:
    """What a workflow's own note calls it: the note's first heading."""
    nodes = json.loads(file.read_text(encoding="utf-8"))["nodes"]
    note = next(node for node in nodes if node["type"] == "MarkdownNote" and node["title"] == "Read me")
    return str(note["widgets_values"][0]).partition("\n")[0].lstrip("# ")


def write_thumbnail(server: ComfyServer, file: Path, prompt: Mapping[str, Any]) -> None:
    """Run a workflow on the demo model and draw its picture: the last finder's scores, and the video or the picture."""
    if not any(node["class_type"] in COGVIDEOX_LOADERS for node in prompt.values()):
        picture = draw_flow(title_of(file), FLOW, FLOW_CAPTION)
        picture.save(file.with_suffix(".jpg"), quality=88, optimize=True)
        return
    prompt = on_the_demo_model(prompt)
    entry = server.run(prompt)
    finders = [name for name, node in prompt.items() if node["class_type"] == "RichSpaceOptimalInterpolate"]
    (plot,) = output_files({"outputs": {"last": entry["outputs"][finders[-1]]}})
    results = [
        shown
        for name, output in entry["outputs"].items()
        if name not in finders
        for shown in output_files({"outputs": {name: output}})
    ]
    result = max(results, key=lambda shown: (shown["filename"].endswith(".mp4"), shown["type"] == "output"))
    content = server.view(result)
    frames = read_frames(content) if result["filename"].endswith(".mp4") else [Image.open(io.BytesIO(content))]
    picture = draw_thumbnail(title_of(file), Image.open(io.BytesIO(server.view(plot))), frames)
    picture.save(file.with_suffix(".jpg"), quality=88, optimize=True)


def export(*, thumbnails: bool) -> None:
    """Writes every file anew."""
    files = sorted(WORKFLOWS.glob("*.json"))
    progress = Progress("Writing workflows/api, the blueprint" + (" and the thumbnails" if thumbnails else ""))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        base = Path(folder)
        add_single_files(base)  # so that nothing is missing
        server = running.enter_context(ComfyServer(base))
        browser = running.enter_context(chromium())
        frontend = running.enter_context(Frontend(browser, server))
        write_blueprint(frontend)
        for file in files:
            progress.show(file.stem)
            prompt = write_api_file(frontend, file)
            if thumbnails:
                write_thumbnail(server, file, prompt)
    progress.end("done")


def main() -> int:
    """Reads the command line and writes the files; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write workflows/api from the files in workflows/.")
    parser.add_argument("--thumbnails", action="store_true", help="run the workflows and draw their thumbnails too")
    options = parser.parse_args()
    end_on_sigterm()
    try:
        export(thumbnails=options.thumbnails)
    except (ToolError, PromptError) as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
