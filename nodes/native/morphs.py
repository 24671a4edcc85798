"""Masks over time with a corrected CogVideoX: in front of the video, and in ComfyUI's context windows.

ComfyUI 0.30 fits a mask over time to the whole latent video and to nothing else. CogVideoX 1.5 samples more latent
frames in front of a video, and a context window is a part of one.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from comfy.context_windows import IndexListContextHandler
from torch import Tensor

from ...richspace_core import SamplingError
from ..host.temporal_masks import MASK, has_mask_over_time, is_over_time, lengthen, require_own_masks, without_guard

_FRAMES = 2  # dimension of the frames in ComfyUI's latents, 1 in their masks


@dataclass(frozen=True, eq=False)
class _Held:
    """Mask that ComfyUI passes on to a window unchanged, since it is no tensor."""

    mask: Tensor


def fit_masks(conds: dict[str, list[dict[str, Any]]], latents: int, surplus: int) -> bool:
    """Fit the masks over time to a video, and return whether there are any.

    Args:
        conds: Conditionings of ComfyUI's guider by name, as it copied them for this sampling; changed in place.
        latents: Number of latent frames of the video.
        surplus: Number of latent frames that are sampled in front of it.

    Raises:
        SamplingError: If a morph is not whole, or is for a video of another length.
    """
    for name, entries in conds.items():
        require_own_masks(name, entries, latents)
        for place, guarded in enumerate(entries):
            entries[place] = entry = without_guard(guarded)
            if surplus and is_over_time(entry.get(MASK)) and len(entry[MASK]) == latents:
                entry[MASK] = lengthen(entry[MASK], surplus)
    return any(has_mask_over_time(entries) for entries in conds.values())


def windows_with_masks(handler: IndexListContextHandler) -> IndexListContextHandler:
    """Return a copy of ComfyUI's context windows that cuts masks over time to each window.

    Raises:
        SamplingError: If each window takes one of the entries alone.
    """
    if handler.split_conds_to_windows:
        raise SamplingError(
            "context windows",
            expected="split_conds_to_windows off for a morph",
            got="on",
            hint="A morph needs all of its entries in every window.",
        )
    windows = copy.copy(handler)
    resize = windows.get_resized_cond

    def with_masks(cond_in: list[dict[str, Any]] | None, x_in: Tensor, window: Any, device: Any = None) -> Any:
        if cond_in is None:
            return None
        held = [{**each, MASK: _Held(each[MASK])} if _is_over(each, x_in) else each for each in cond_in]
        resized = resize(held, x_in, window, device)
        for each in resized:
            if isinstance(each.get(MASK), _Held):
                each[MASK] = window.get_tensor(each[MASK].mask, device, dim=_FRAMES - 1)
        return resized

    windows.get_resized_cond = with_masks
    return windows


def _is_over(entry: dict[str, Any], x_in: Tensor) -> bool:
    """Return whether an entry has a mask over time, which ComfyUI holds as ``[1, f, h, w]`` while it samples."""
    mask = entry.get(MASK)
    return isinstance(mask, Tensor) and mask.ndim == 4 and mask.shape[_FRAMES - 1] == x_in.shape[_FRAMES]
