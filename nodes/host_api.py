"""The one place that imports the host's node API, and the types that travel on this pack's wires."""

from __future__ import annotations

from typing import Any

from comfy_api.v0_0_2 import ComfyAPI, ComfyExtension, io, ui

CogVideoX = io.Custom("RICHSPACE_COGVIDEOX")
"""A `models.CogVideoXModel`."""

T5 = io.Custom("RICHSPACE_T5")
"""A `models.T5Encoder`."""

Scores = io.Custom("RICHSPACE_SCORES")
"""A tuple of `richspace_core.plotting.ScorePanel`, one for each finder."""

__all__ = [
    "T5",
    "CogVideoX",
    "ComfyAPI",
    "ComfyExtension",
    "Scores",
    "io",
    "report",
    "show_on_running_node",
    "ui",
]


def report(text: str, *, warning: str = "") -> dict[str, Any]:
    """What a node says on itself, for a NodeOutput's `ui`: the page shows it with this pack's script (``web/``).

    In the schema of a node that is no output node belongs `has_intermediate_output=True`: with it the host says it
    again when the result comes from its cache, and keeps it in the history.
    """
    return {
        "text": ("\n".join(filter(None, (text, warning))),),
        "richspace_report": ({"text": text, "warning": warning},),
    }


def show_on_running_node(text: str) -> None:
    """Show a text on the node that is being run, which may be another pack's or the host's own.

    The page leaves it there until the node gets another text. Where no server runs, as in a script, nothing is shown.
    """
    from comfy_execution.utils import get_executing_context
    from server import PromptServer

    server, context = getattr(PromptServer, "instance", None), get_executing_context()
    if server is not None and context is not None:
        server.send_progress_text(text, context.node_id)
