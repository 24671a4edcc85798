"""Groups of frames through which diffusers' CogVideoX autoencoder goes: how many there are, and which one is done."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeAlias

import torch

#: Called with the number of groups done and the number of all groups.
GroupCallback: TypeAlias = Callable[[int, int], None]


@contextmanager
def watched_groups(
    vae: Any, coder: torch.nn.Module, total: int, *, tiled: bool, on_group: GroupCallback | None
) -> Iterator[None]:
    """Context in which an autoencoder works in tiles or not, and tells of each group; afterwards it is as before.

    Args:
        vae: A diffusers `AutoencoderKLCogVideoX`.
        coder: Its encoder or decoder, which runs once for each group of frames of each tile.
        total: Number of all groups, as from `count_groups`.
        tiled: Whether it works in overlapping tiles.
        on_group: Called after each group.
    """
    was_tiled = vae.use_tiling
    vae.use_tiling = tiled
    done = count(1)
    watch = coder.register_forward_hook(lambda *_: on_group(next(done), total) if on_group else None)
    try:
        yield
    finally:
        watch.remove()
        vae.use_tiling = was_tiled


def count_groups(
    vae: Any, sides: tuple[int, int], tile: tuple[int, int], *, tiled: bool, frames: int, at_once: int
) -> int:
    """Count the groups of frames of all of diffusers' tiles.

    Args:
        vae: A diffusers `AutoencoderKLCogVideoX`.
        sides: Height and width of what is encoded or decoded.
        tile: Height and width of a tile, in the same unit.
        tiled: Whether the autoencoder works in tiles.
        frames: Number of frames.
        at_once: Number of frames that the autoencoder takes at once.
    """
    groups = max(1, frames // at_once)
    if not tiled or (sides[0] <= tile[0] and sides[1] <= tile[1]):
        return groups
    overlaps = vae.tile_overlap_factor_height, vae.tile_overlap_factor_width
    strides = (int(side * (1 - overlap)) for side, overlap in zip(tile, overlaps, strict=True))
    return groups * math.prod(len(range(0, side, step)) for side, step in zip(sides, strides, strict=True))
