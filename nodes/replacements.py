"""Node ids of earlier versions, and what takes their place in workflows that people have saved.

The host does it in two places: its frontend offers the replacement when such a workflow is opened, and its server makes
it when a script queues one. Neither guesses, so each entry says everything:

    io.NodeReplace(
        old_node_id="RichSpaceBlend",
        new_node_id="RichSpaceInterpolate",
        old_widget_ids=["amount"],  # the old node's widgets in their order: a saved workflow has their values alone
        input_mapping=[
            {"old_id": "first", "new_id": "a"},
            {"old_id": "second", "new_id": "b"},
            {"old_id": "amount", "new_id": "index"},
            {"set_value": 30, "new_id": "steps"},
        ],
        output_mapping=[{"old_idx": 0, "new_idx": 0}],
    )
"""

from __future__ import annotations

from .host_api import ComfyAPI, io

REPLACEMENTS: tuple[io.NodeReplace, ...] = ()


async def register_replacements() -> None:
    """Tell the host of all of them."""
    api = ComfyAPI()
    for replacement in REPLACEMENTS:
        await api.node_replacement.register(replacement)
