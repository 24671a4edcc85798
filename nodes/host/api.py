"""ComfyUI's node API, which only this module imports, and the types of this pack's own connections."""

from __future__ import annotations

from typing import Any

from comfy_api.v0_0_2 import ComfyAPI, ComfyExtension, io, ui

CogVideoX = io.Custom("RICHSPACE_COGVIDEOX")
"""A `models.CogVideoXModel`."""

T5 = io.Custom("RICHSPACE_T5")
"""A `models.T5Encoder`."""

Scores = io.Custom("RICHSPACE_SCORES")
"""A tuple of `richspace_core.finder.choice.Choice`, one for each finder."""

__all__ = [
    "T5",
    "CogVideoX",
    "ComfyAPI",
    "ComfyExtension",
    "Scores",
    "io",
    "report",
    "running_node",
    "show_on_node",
    "ui",
]


def report(text: str, *, warning: str = "", note: str = "") -> dict[str, Any]:
    """Return the `ui` of a NodeOutput that shows a text on the node, through this pack's script (``web/``).

    The schema needs `has_intermediate_output=True` if the node is not an output node. With it, ComfyUI shows the text
    again when the result comes from its cache, and keeps it in the history.

    Args:
        text: What the node did.
        warning: What the user should know, shown in the color of a warning.
        note: What the user may want to know, shown in gray.
    """
    shown = {"text": text, "warning": warning} | ({"note": note} if note else {})
    return {"text": ("\n".join(filter(None, shown.values())),), "richspace_report": (shown,)}


def running_node() -> str | None:
    """Return the id of the running node, which may belong to another pack; None outside a prompt."""
    from comfy_execution.utils import get_executing_context

    context = get_executing_context()
    return None if context is None else str(context.node_id)


def show_on_node(node_id: str | None, text: str) -> None:
    """Show a text on a node of the running prompt, until it gets another text or the page is reloaded."""
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)  # none in a script
    if server is not None and node_id is not None:
        server.send_progress_text(text, node_id)
