"""`dev.py demo`: mix prompts on the bundled model in a real ComfyUI, and print where the videos and pictures are."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from comfyui.server import ComfyServer, node_title, raise_for_status
from environment.checkout import ARTIFACTS, ROOT, RUN
from environment.programs import Progress, run_to_the_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from comfyui.events import Event

WORKFLOWS = ROOT / "workflows" / "api"
SHOWN = {
    "Comparing Balance with its prompts, the paper's finder and the middle": "Compare mixtures (demo)",
    "Mixing three prompts": "Mix three prompts (demo)",
}
RESULTS = ARTIFACTS / "demo"
MODEL_CARD = ROOT / "demo_model" / "README.md"
BAR_WIDTH = 24


def show_progress(what: str, prompt: Mapping[str, Any], events: Iterable[Event]) -> None:
    """Draw a progress bar from ComfyUI's events: every node counts equally, the running one in part."""
    progress, finished, running = Progress(what), set[str](), ""
    try:
        for event in events:
            part = 0.0
            if event.type == "execution_cached":
                finished.update(event.data["nodes"])
            elif event.type == "executing":
                finished.update({running} - {""})
                running = event.data["node"] or ""
            elif event.type == "progress":
                part = event.data["value"] / event.data["max"]
            else:
                continue
            title = node_title(prompt, running) if running else ""
            progress.show(f"{bar((len(finished) + part) / len(prompt))}  {title}")
    except BaseException:
        progress.end("stopped")
        raise
    progress.end("done" if event.type == "execution_success" else "failed")


def bar(share: float) -> str:
    """Return a progress bar in plain characters.

    >>> bar(0.5)
    '[############............]  50%'
    """
    filled = round(share * BAR_WIDTH)
    return f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {share:4.0%}"


def describe_results(prompt: Mapping[str, Any], entry: Mapping[str, Any], server: ComfyServer) -> str:
    """Describe every text and file that the nodes made, and copy the files to the artifacts."""
    lines = []
    for node_id, output in entry["outputs"].items():
        items = [item for shown in output.values() if isinstance(shown, list) for item in shown]
        texts = [item for item in items if isinstance(item, str)]
        files = [item for item in items if isinstance(item, dict) and "filename" in item]
        if texts or files:
            lines.append(f"{node_title(prompt, node_id)}:")
        lines += [textwrap.indent(text, "  ") for text in texts]
        lines += [f"  {shutil.copy2(server.path(file), RESULTS)}" for file in files]
    return "\n".join(lines)


def describe_balance(prompt: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """Describe what each Balance node chose and what it cost, a line for each stage; empty without such a node.

    The node says this itself, in two lines: ``15 of 30: 50% A, 50% B`` and ``4 drafts of 2 steps: 51% of A seen``.
    """
    lines = []
    for node_id, output in entry["outputs"].items():
        if not prompt[node_id]["class_type"].endswith("Balance"):
            continue
        for stage, text in enumerate(output["text"], start=1):
            chosen, cost, *_ = text.splitlines()
            where = f" in stage {stage}" if len(output["text"]) > 1 else ""
            lines.append(f"Balance chose candidate {chosen}{where}. It looked at {cost}.")
    return "\n".join(lines)


def about_the_model(card: str) -> str:
    """Return the first paragraph below the title of a model card, as plain text."""
    body = card.partition("\n# ")[2].partition("\n\n")[2]
    return " ".join(body.partition("\n\n")[0].replace("**", "").split())


def run_workflow(server: ComfyServer, what: str, name: str) -> str:
    """Run a workflow with a progress bar; return a description of its results."""
    prompt = json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))
    with server.listen() as events:
        prompt_id = server.queue(prompt, client_id=events.client_id)
        show_progress(what, prompt, events.until_done(prompt_id, timeout=1800))
    entry = server.wait(prompt_id)
    raise_for_status(prompt, entry)
    return "\n".join(filter(None, (describe_balance(prompt, entry), describe_results(prompt, entry, server))))


def demo() -> None:
    """Start ComfyUI, run the workflows, print their results, and stop ComfyUI."""
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    starting = Progress("Starting ComfyUI")
    with ComfyServer(RUN / "demo") as server:
        starting.end("ready")
        results = {what: run_workflow(server, what, name) for what, name in SHOWN.items()}
    for what, result in results.items():
        sys.stdout.write(f"\n{what}\n{'-' * len(what)}\n{result}\n")
    model = "About the model: " + about_the_model(MODEL_CARD.read_text(encoding="utf-8"))
    sys.stdout.write(f"\n{textwrap.fill(model, 100)}\n")


if __name__ == "__main__":
    sys.exit(run_to_the_end(demo))
