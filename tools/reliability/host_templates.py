"""ComfyUI's templates in its own page and server, for `dev.py versions`.

The frontend converts every template that uses conditionings, and ComfyUI validates it. The models are absent, so the
answer is a refusal that names them. The program prints one line of JSON: a hash of what was sent, and the answer, by
template. With and without the pack, it should print the same.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from comfyui.frontend import Frontend, chromium
from comfyui.server import ComfyServer, PromptError
from environment.checkout import find_host
from environment.programs import Progress, ToolError, run_to_the_end

if TYPE_CHECKING:
    from collections.abc import Iterator

Item = TypeVar("Item")

# Nodes that make conditionings. Most templates have them in a subgraph.
MARKS = ('"CONDITIONING"', "CLIPTextEncode")

CONVERT = """async content => {
    await app.loadGraphData(content);
    return (await app.graphToPrompt()).output;
}"""


def find_templates() -> Iterator[tuple[str, dict[str, Any]]]:
    """Return name and content of every template and blueprint of ComfyUI that uses conditionings.

    Raises:
        ToolError: If the package with the templates is not installed.
    """
    package = importlib.util.find_spec("comfyui_workflow_templates_json")
    host = find_host()
    if package is None or not package.submodule_search_locations or host is None:
        raise ToolError("ComfyUI's templates are not installed.")
    folders = [Path(next(iter(package.submodule_search_locations))), host / "blueprints"]
    for file in sorted(file for folder in folders for file in folder.rglob("*.json")):
        text = file.read_text(encoding="utf-8")
        content = json.loads(text)
        if isinstance(content, dict) and "nodes" in content and any(mark in text for mark in MARKS):
            yield file.name, content


def spread(items: list[Item], count: int) -> list[Item]:
    """Return `count` evenly spaced items, or all of them for 0.

    >>> spread([0, 1, 2, 3, 4, 5], 3)
    [0, 2, 4]
    """
    if not 0 < count < len(items):
        return items
    return [items[number * len(items) // count] for number in range(count)]


def validate(server: ComfyServer, prompt: dict[str, Any]) -> Any:
    """Return ComfyUI's answer to a prompt, without what differs from run to run."""
    if not prompt:
        return "empty"
    try:
        server.queue(prompt)
    except PromptError as error:
        return order({key: error.details.get(key) for key in ("error", "node_errors")})
    server.interrupt()
    return "accepted"


def order(answer: Any) -> Any:
    """Sort every list in an answer, because ComfyUI lists the inputs of a node in a random order."""
    if isinstance(answer, dict):
        return {key: order(value) for key, value in answer.items()}
    if isinstance(answer, list):
        return sorted((order(value) for value in answer), key=json.dumps)
    return answer


def main() -> None:
    """Convert and validate the templates, and print the answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--with-pack", action="store_true", help="link this pack into custom_nodes")
    parser.add_argument("--pack", type=Path, action="append", default=[], help="folder of a further pack")
    parser.add_argument("--count", type=int, default=0, help="number of templates, evenly spaced (default: all)")
    parser.add_argument("options", nargs="*", help="further arguments of ComfyUI's main.py, after --")
    options = parser.parse_args()
    answers, templates = {}, spread([*find_templates()], options.count)
    progress = Progress("Converting templates")
    with tempfile.TemporaryDirectory(prefix="versions-") as folder:
        base = Path(folder)
        for pack in options.pack:
            shutil.copytree(pack, base / "custom_nodes" / pack.name)
        server = ComfyServer(base, log=options.log, with_pack=options.with_pack, options=options.options)
        with server, chromium() as browser, Frontend(browser, server) as frontend:
            for number, (name, content) in enumerate(templates, start=1):
                prompt = frontend.page.evaluate(CONVERT, content)
                sent = hashlib.sha256(json.dumps(prompt, sort_keys=True).encode()).hexdigest()
                answers[name] = [sent, validate(server, prompt)]
                progress.show(f"{number} of {len(templates)}")
    progress.end("done")
    sys.stdout.write(json.dumps(answers) + "\n")


if __name__ == "__main__":
    sys.exit(run_to_the_end(main))
