"""A real ComfyUI that runs demo workflows, for `dev.py versions`, which starts this program in each environment.

It prints one line of JSON: the texts that the nodes show, and how many videos and pictures were saved, by workflow.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from comfyui.server import ComfyServer, node_title, output_files
from environment.checkout import ROOT
from environment.programs import ToolError, run_to_the_end

WORKFLOWS = ("Mix two prompts (demo)", "Mix in KSampler (demo)")


def run_workflow(server: ComfyServer, name: str) -> dict[str, Any]:
    """Run a workflow; return the first line that each node shows, and the number of its files.

    Raises:
        ToolError: If a file is empty, or there is none.
    """
    prompt = json.loads((ROOT / "workflows" / "api" / f"{name}.json").read_text(encoding="utf-8"))
    entry = server.run(prompt, timeout=900)
    sizes = [len(server.view(file)) for file in output_files(entry)]
    if not sizes or not all(sizes):
        raise ToolError(f"{name} saved no file, or an empty one: {sizes}")
    shown = {
        node_title(prompt, node): output["text"][0].splitlines()[0]
        for node, output in sorted(entry["outputs"].items())
        if output.get("text")
    }
    return {"shown": shown, "files": len(sizes)}


def main() -> None:
    """Run the demo workflows and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--pack", type=Path, action="append", default=[], help="folder of a further pack")
    parser.add_argument("options", nargs="*", help="further arguments of ComfyUI's main.py, after --")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="versions-") as folder:
        base = Path(folder)
        for pack in arguments.pack:
            shutil.copytree(pack, base / "custom_nodes" / pack.name)
        with ComfyServer(base, log=arguments.log, options=arguments.options) as server:
            nodes = sum(name.startswith("RichSpace") for name in server.object_info())
            runs = {name: run_workflow(server, name) for name in WORKFLOWS}
    sys.stdout.write(json.dumps({"nodes": nodes, "runs": runs}) + "\n")


if __name__ == "__main__":
    sys.exit(run_to_the_end(main))
