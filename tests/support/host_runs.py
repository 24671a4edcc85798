"""A prompt's run as the frontend sees it: executed nodes, progress and previews."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from comfyui.server import PromptError
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from comfyui.events import Event
    from comfyui.server import ComfyServer

PREVIEW, TEXT = 1, 3  # ComfyUI's numbers of these kinds of binary messages


@dataclass
class HostRun:
    """Events of a prompt's run, and its history entry."""

    events: list[Event] = field(default_factory=list)
    entry: dict[str, Any] = field(default_factory=dict)

    def data(self, kind: str) -> list[Any]:
        """Return the data of every event of a kind."""
        return [event.data for event in self.events if event.type == kind]

    @property
    def executed(self) -> set[str]:
        """Nodes that were executed."""
        return {data["node"] for data in self.data("executing") if data["node"] is not None}

    @property
    def cached(self) -> set[str]:
        """Nodes whose results were cached."""
        return {node for data in self.data("execution_cached") for node in data["nodes"]}

    def progress(self, node: str) -> list[tuple[int, int]]:
        """Return (value, max) of a node's progress bar, in order."""
        return [(data["value"], data["max"]) for data in self.data("progress") if data["node"] == node]

    @property
    def previews(self) -> list[Image.Image]:
        """Previews, in order."""
        return [
            Image.open(io.BytesIO(data[8:]))  # 4 bytes for the kind of message, 4 for JPEG or PNG
            for data in self.data("binary")
            if struct.unpack_from(">I", data) == (PREVIEW,)
        ]

    def texts(self, node: str) -> list[str]:
        """Return the texts that were shown on a node while it ran, in order."""
        found = []
        for data in self.data("binary"):
            kind, length = struct.unpack_from(">II", data)
            if kind == TEXT and data[8 : 8 + length].decode() == node:
                found.append(data[8 + length :].decode())
        return found


def watch(
    server: ComfyServer,
    prompt: Mapping[str, Any],
    *,
    previews: bool = False,
    on_event: Callable[[Event], None] = lambda _: None,
) -> HostRun:
    """Run a prompt and record its events. A prompt that fails or is interrupted raises nothing.

    Args:
        server: Server to run it on.
        prompt: Prompt in API format.
        previews: Whether to ask for previews.
        on_event: Function that is called with each event when it arrives.
    """
    run = HostRun()
    wishes = {"preview_method": "auto" if previews else "none"}
    with server.listen() as events:
        prompt_id = server.queue(prompt, client_id=events.client_id, extra_data=wishes)
        for event in events.until_done(prompt_id):
            run.events.append(event)
            on_event(event)
    run.entry = server.wait(prompt_id)
    return run


def failed(server: ComfyServer, prompt: Mapping[str, Any]) -> tuple[str, str]:
    """Run a prompt that fails; return the name of the node that does, and the message that the artist reads."""
    with pytest.raises(PromptError) as caught:
        server.run(prompt)
    details = caught.value.details
    assert details["exception_type"].isidentifier()  # no module path is shown before the message
    return details["node_id"], details["exception_message"].strip()
