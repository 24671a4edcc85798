"""Masks over time in a CONDITIONING: entries that count with another weight in each latent frame.

ComfyUI's samplers average the predictions of all entries of a conditioning, each weighted by its `mask` and its
`mask_strength`. For a video, a mask of shape ``[latent frames, height, width]`` is one over time. A node that sets a
mask afterwards replaces it, and with it the course of the morph; `MorphNote` lets this pack's samplers notice that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from ...richspace_core import SamplingError

MASK, STRENGTH = "mask", "mask_strength"
_KEY = "richspace_morph"


class MorphNote:
    """Note in an entry of a morph that says which mask is the morph's own.

    Args:
        mask: Mask over time, ``[latent frames, height, width]``.
    """

    def __init__(self, mask: Tensor) -> None:
        self._mask = mask
        self.latents = len(mask)

    def is_about(self, mask: Any) -> bool:
        """Return whether `mask` is the morph's own."""
        return mask is self._mask


def with_mask(extras: Mapping[str, Any], mask: Tensor) -> dict[str, Any]:
    """Return a conditioning's dictionary with a morph's mask over time."""
    strength = {STRENGTH: extras.get(STRENGTH, 1.0) if extras.get(MASK) is not None else 1.0}
    return {**extras, MASK: mask, **strength, "set_area_to_bounds": False, _KEY: MorphNote(mask)}


def is_over_time(mask: Any) -> bool:
    """Return whether the `mask` of an entry differs from one latent frame to the next."""
    return isinstance(mask, Tensor) and mask.ndim == 3 and len(mask) > 1


def has_mask_over_time(entries: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether one of the dictionaries of a conditioning has a mask over time."""
    return any(is_over_time(entry.get(MASK)) for entry in entries)


def require_own_masks(name: str, entries: Iterable[Mapping[str, Any]], latents: int) -> None:
    """Raise an error unless the morphs among some entries are whole and fit the video.

    Args:
        name: Input that they came from.
        entries: Dictionaries of a conditioning.
        latents: Number of latent frames of the video.

    Raises:
        SamplingError: If another node has replaced the mask of a morph, or the morph is for a video of another length.
    """
    for entry in entries:
        note = entry.get(_KEY)
        if not isinstance(note, MorphNote):
            continue
        if not note.is_about(entry.get(MASK)):
            raise SamplingError(
                name,
                expected="the morph of RichSpace Morph with its own masks over time",
                got="one whose masks another node has replaced",
                hint="Set the mask on prompt A before RichSpace Morph: the morph then stays inside it.",
            )
        if note.latents != latents:
            raise SamplingError(
                name,
                expected=f"a morph for this video of {latents} latent frames",
                got=f"one for {note.latents}",
                hint="Give RichSpace Morph the latent, or the number of frames, that you sample.",
            )


def lengthen(mask: Tensor, surplus: int) -> Tensor:
    """Return a mask over time with `surplus` more latent frames in front, which are like the first."""
    return torch.cat([mask[:1].expand(surplus, -1, -1), mask])
