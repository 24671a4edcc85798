"""The one place that imports the host's node API, and the types that travel on this pack's wires."""

from __future__ import annotations

from comfy_api.v0_0_2 import ComfyAPI, ComfyExtension, io, ui

CogVideoX = io.Custom("RICHSPACE_COGVIDEOX")
"""A `models.CogVideoXModel`."""

T5 = io.Custom("RICHSPACE_T5")
"""A `models.T5Encoder`."""

Scores = io.Custom("RICHSPACE_SCORES")
"""A tuple of `richspace_core.plotting.ScorePanel`, one for each finder."""

__all__ = ["T5", "CogVideoX", "ComfyAPI", "ComfyExtension", "Scores", "io", "show_text", "ui"]


def show_text(node: type[io.ComfyNode], text: str) -> None:
    """Show a line of text on a node that is being executed; it needs `io.Hidden.unique_id` in its schema."""
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    if server is not None and node.hidden is not None:
        server.send_progress_text(text, node.hidden.unique_id)
