"""Replacements of node ids from earlier versions, for saved workflows.

An entry must be complete, because ComfyUI does not guess what is missing:

    io.NodeReplace(
        old_node_id="RichSpaceBlend",
        new_node_id="RichSpaceInterpolate",
        old_widget_ids=["amount"],
        input_mapping=[
            {"new_id": "a", "old_id": "first"},
            {"new_id": "b", "old_id": "second"},
            {"new_id": "index", "old_id": "amount"},
            {"new_id": "steps", "set_value": 30},
        ],
        output_mapping=[{"old_idx": 0, "new_idx": 0}],
    )

ComfyUI's server replaces a node when a prompt is queued and no node has the old id. It cannot replace a node if the
prompt lacks `_meta` or an input that the mapping names, so map only inputs that the old node required. The frontend
offers the replacement when a workflow is opened. It finds the values of widgets by `old_widget_ids`, which is their
order in the old node, and leaves out inputs of growing lists (`stages.prompt_2`).
"""

from __future__ import annotations

from .api import ComfyAPI, io

REPLACEMENTS: tuple[io.NodeReplace, ...] = ()


async def register_replacements() -> None:
    """Register all replacements with ComfyUI."""
    api = ComfyAPI()
    for replacement in REPLACEMENTS:
        await api.node_replacement.register(replacement)
