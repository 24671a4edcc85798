"""The host's side of the pack: node schemas and thin execute functions."""

from __future__ import annotations

from . import cogvideox, encode, mix, view
from .host_api import ComfyExtension, io
from .replacements import register_replacements


class RichSpaceExtension(ComfyExtension):
    """Everything the pack adds to ComfyUI."""

    async def on_load(self) -> None:
        """What the host is told when it loads the pack: which nodes take the place of earlier versions'."""
        await register_replacements()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """The nodes, in the order of their topics."""
        return [*encode.NODES, *mix.NODES, *cogvideox.NODES, *view.NODES]
