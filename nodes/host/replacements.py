"""Node ids of earlier versions, and what takes their place in workflows that people have saved.

An entry says everything, since nothing is guessed that it leaves out:

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

The host's server makes the replacement when a prompt is queued, if the old id is no node any more. It cannot do so
where a prompt lacks `_meta` or an input that the mapping names, so map only what the old node required. The frontend
offers it when a workflow is opened, finds the values of widgets by `old_widget_ids`, their order in the old node, and
leaves out inputs of growing lists (`stages.prompt_2`).
"""

from __future__ import annotations

from .api import ComfyAPI, io

REPLACEMENTS: tuple[io.NodeReplace, ...] = ()


async def register_replacements() -> None:
    """Tell the host of all of them."""
    api = ComfyAPI()
    for replacement in REPLACEMENTS:
        await api.node_replacement.register(replacement)
