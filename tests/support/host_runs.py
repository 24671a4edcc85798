"""A prompt's run as the frontend sees it: which nodes were executed, their progress, and previews."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from comfyui.events import Event
    from comfyui.server import ComfyServer

PREVIEW, TEXT = 1, 3  # the host's numbers of those kinds of binary messages


@dataclass
class HostRun:
    """What the host said while a prompt ran, and the prompt's entry in its history."""

    events: list[Event] = field(default_factory=list)
    entry: dict[str, Any] = field(default_factory=dict)

    def data(self, kind: str) -> list[Any]:
        """The data of every event of a kind."""
        return [event.data for event in self.events if event.type == kind]

    @property
    def executed(self) -> set[str]:
        """The nodes that were executed."""
        return {data["node"] for data in self.data("executing") if data["node"] is not None}

    @property
    def cached(self) -> set[str]:
        """The nodes whose results the host still had."""
        return {node for data in self.data("execution_cached") for node in data["nodes"]}

    def progress(self, node: str) -> list[tuple[int, int]]:
        """(value, max) of a node's progress bar, in order."""
        return [(data["value"], data["max"]) for data in self.data("progress") if data["node"] == node]

    @property
    def previews(self) -> list[Image.Image]:
        """The previews, in order."""
        return [
            Image.open(io.BytesIO(data[8:]))  # 4 bytes for the kind of message, 4 for JPEG or PNG
            for data in self.data("binary")
            if struct.unpack_from(">I", data) == (PREVIEW,)
        ]

    def texts(self, node: str) -> list[str]:
        """The texts that were shown on a node while it ran, in order."""
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
    """Run a prompt and keep what the host says; a prompt that fails or is interrupted is no error here.

    Args:
        server: The host.
        prompt: In the API format.
        previews: Whether the user wants previews.
        on_event: Called with each event when it comes.
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
