"""Run a workflow in API format on a running ComfyUI, with changed inputs, and fetch the files that it saves.

The only package that this script needs is aiohttp, which every ComfyUI has.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import uuid
from pathlib import Path
from typing import Any

import aiohttp

Prompt = dict[str, dict[str, Any]]  # node id: its class_type, inputs, and title


def change(prompt: Prompt, title: str, name: str, value: str) -> None:
    """Set an input of the node with this title to another value of the same type: text, number, true or false."""
    nodes = [node for node in prompt.values() if node["_meta"]["title"] == title]
    if len(nodes) != 1 or name not in nodes[0]["inputs"]:
        known = [f"  {node['_meta']['title']}: {', '.join(node['inputs'])}" for node in prompt.values()]
        sys.exit(f"There is no single node {title!r} with an input {name!r}. The nodes are:\n" + "\n".join(known))
    try:
        is_text = isinstance(nodes[0]["inputs"][name], str)
        nodes[0]["inputs"][name] = value if is_text else json.loads(value)
    except json.JSONDecodeError:
        sys.exit(f"{title}: {name} is not a text, so it cannot be set to {value!r}.")


async def run(server: str, prompt: Prompt, folder: Path) -> None:
    """Queue a prompt, show its progress, and fetch every file that it saves."""
    client = uuid.uuid4().hex  # the server sends this client messages about the prompts that it queues
    async with (
        aiohttp.ClientSession(server) as session,
        session.ws_connect("/ws", params={"clientId": client}, max_msg_size=0) as events,  # first, to see every message
    ):
        prompt_id = await queue(session, prompt, client)
        await follow(events, prompt, prompt_id)
        async with session.get(f"/history/{prompt_id}") as answer:
            outputs = (await answer.json())[prompt_id]["outputs"]
        for output in outputs.values():
            for file in (item for items in output.values() for item in items):
                if isinstance(file, dict) and file.get("type") == "output":  # previews have the type temp
                    await fetch(session, file, folder)


async def queue(session: aiohttp.ClientSession, prompt: Prompt, client: str) -> str:
    """Queue a prompt and return its id, or exit with the errors that the server found in it."""
    async with session.post("/prompt", json={"prompt": prompt, "client_id": client}) as answer:
        reply = await answer.json()
    if wrong := reply.get("node_errors"):
        problems = [
            f"  {prompt[node]['_meta']['title']}: {each['message']}: {each['details']}"
            for node, found in wrong.items()
            for each in found["errors"]
        ]
        sys.exit("The server refused the workflow:\n" + "\n".join(problems))
    if "prompt_id" not in reply:
        sys.exit(f"The server refused the workflow: {reply['error']['message']}")
    return str(reply["prompt_id"])


async def follow(events: aiohttp.ClientWebSocketResponse, prompt: Prompt, prompt_id: str) -> None:
    """Show the server's messages about a prompt until it is done."""
    async for message in events:
        event = (
            json.loads(message.data) if message.type == aiohttp.WSMsgType.TEXT else {}
        )  # binary messages are previews
        if event.get("data", {}).get("prompt_id") == prompt_id:
            show(prompt, event["type"], event["data"])
            if event["type"] == "executing" and event["data"]["node"] is None:  # done, and in the history
                return
    sys.exit("The server closed the connection.")


def show(prompt: Prompt, kind: str, data: dict[str, Any]) -> None:
    """Print which node and which of its steps is running, or exit with the message of a node that failed."""
    if kind == "executing" and data["node"]:
        print(prompt[data["node"]]["_meta"]["title"], flush=True)
    elif kind == "progress":
        print(f"  {data['value']} of {data['max']}", flush=True)
    elif kind == "execution_error":
        sys.exit(f"{prompt[data['node_id']]['_meta']['title']} failed: {data['exception_message']}")
    elif kind == "execution_interrupted":
        sys.exit("The run was canceled.")


async def fetch(session: aiohttp.ClientSession, file: dict[str, str], folder: Path) -> None:
    """Copy one of the server's files to a local folder."""
    folder.mkdir(parents=True, exist_ok=True)
    async with session.get("/view", params=file) as answer:
        answer.raise_for_status()
        target = folder / Path(file["filename"]).name
        target.write_bytes(await answer.read())
    print(target)


def main() -> None:
    """Run the workflow that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("workflow", type=Path, help="a file in API format, such as those in workflows/api")
    parser.add_argument("--server", default="http://127.0.0.1:8188", help="address of ComfyUI (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path("results"), help="folder for the files (default: results)")
    parser.add_argument(
        "--set",
        nargs=3,
        action="append",
        default=[],
        metavar=("TITLE", "INPUT", "VALUE"),
        help="repeat to set several inputs",
    )
    options = parser.parse_args()
    prompt = json.loads(options.workflow.read_text(encoding="utf-8"))
    for title, name, value in options.set:
        change(prompt, title, name, value)
    try:
        asyncio.run(run(options.server, prompt, options.folder))
    except aiohttp.ClientConnectionError as error:
        sys.exit(f"ComfyUI does not answer at {options.server}: {error}")


if __name__ == "__main__":
    main()
