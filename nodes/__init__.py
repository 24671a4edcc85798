"""ComfyUI's side of the pack: node schemas and thin execute functions."""

from __future__ import annotations

from . import (
    balance,
    balance_chain,
    cogvideox,
    cogvideox_options,
    embedding_files,
    encode,
    evaluate,
    find,
    lora,
    mix,
    morph,
    native_cogvideox,
    view,
)
from .host import vision
from .host.api import ComfyExtension, io
from .host.replacements import register_replacements


class RichSpaceExtension(ComfyExtension):
    """Nodes and folders that the pack adds to ComfyUI."""

    async def on_load(self) -> None:
        """Register folders and replaced nodes; ComfyUI calls this once, before `get_node_list`."""
        embedding_files.register_folder()
        vision.register_folder()
        await register_replacements()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """Return the nodes, in the order of their topics."""
        topics = (
            encode,
            find,
            balance,
            balance_chain,
            mix,
            morph,
            cogvideox,
            cogvideox_options,
            native_cogvideox,
            lora,
            view,
            evaluate,
            embedding_files,
        )
        return [node for topic in topics for node in topic.NODES]
