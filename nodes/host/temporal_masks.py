"""Masks over time in a CONDITIONING: entries that count with another weight in each latent frame.

ComfyUI's samplers average the predictions of all entries of a conditioning, each weighted by its `mask` and its
`mask_strength`. For a video, a mask of shape ``[latent frames, height, width]`` is one over time. A node that sets a
mask afterwards replaces it, and with it the course of the morph; context windows do not cut it. Each entry therefore
carries two things that notice this while any model of ComfyUI samples: `MorphStrength` and `MorphNote`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from comfy.conds import CONDRegular
from torch import Tensor

from ...richspace_core import SamplingError

if TYPE_CHECKING:
    from typing_extensions import Self

MASK, STRENGTH = "mask", "mask_strength"
_KEY, _NOTE = "richspace_morph", "note"
_ENTRY_STRENGTH = "strength"
_FRAMES = 2  # dimension of the frames in a mask as ComfyUI multiplies it, [batch, channels, frames, height, width]


class MorphNote(CONDRegular):
    """Note in an entry of a morph that says which mask is the morph's own.

    ComfyUI's context windows take it for a part of the prompt that they have to cut, and it refuses that. RichSpace's
    corrected models remove it, since they cut the mask as well.

    Args:
        mask: Mask over time, ``[latent frames, height, width]``.
    """

    def __init__(self, mask: Tensor) -> None:
        self._mask = mask
        self.latents = len(mask)
        super().__init__(torch.zeros(1, 1, self.latents))

    def is_about(self, mask: Any) -> bool:
        """Return whether `mask` is the morph's own."""
        return mask is self._mask

    def _copy_with(self, cond: Tensor) -> MorphNote:
        """Refuse to be cut to a context window."""
        raise SamplingError(
            "context windows",
            expected="none for a morph with this model",
            got=f"one of {cond.shape[_FRAMES]} of {self.latents} latent frames",
            hint="ComfyUI does not cut masks over time to a window. Remove the context windows, or sample with "
            "RichSpace Load CogVideoX (native), which does.",
        )


class MorphStrength(float):
    """Strength of an entry of a morph, which notices that another node has replaced the mask over time.

    It is a plain number. Only where PyTorch multiplies a mask of a video with it, as ComfyUI's samplers do before they
    call the model, it requires a mask for every latent frame.

    Args:
        value: Strength.
        latents: Number of latent frames of the morph.
    """

    _latents: int

    def __new__(cls, value: float, latents: int) -> Self:
        """Make the number."""
        strength = super().__new__(cls, value)
        strength._latents = latents
        return strength

    def __getnewargs__(self) -> tuple[float, int]:  # type: ignore[override] # a float has one argument
        """Return the arguments for a copy."""
        return float(self), self._latents

    @classmethod
    def __torch_function__(
        cls, function: Callable[..., Any], _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run a function of PyTorch with the plain number, after a look at the masks among its arguments."""
        strengths = [arg for arg in args if isinstance(arg, cls)]
        for mask in args:
            if isinstance(mask, Tensor) and mask.ndim == _FRAMES + 3:
                for strength in strengths:
                    strength._require_frames(mask)
        return function(*(float(arg) if isinstance(arg, cls) else arg for arg in args), **(kwargs or {}))

    def _require_frames(self, mask: Tensor) -> None:
        if mask.shape[_FRAMES] == 1:
            raise _replaced("positive")


def with_mask(extras: Mapping[str, Any], mask: Tensor) -> dict[str, Any]:
    """Return a conditioning's dictionary with a morph's mask over time."""
    strength = {STRENGTH: extras.get(STRENGTH, 1.0) if extras.get(MASK) is not None else 1.0}
    strength[_ENTRY_STRENGTH] = MorphStrength(extras.get(_ENTRY_STRENGTH, 1.0), len(mask))
    return {**extras, MASK: mask, **strength, "set_area_to_bounds": False, _KEY: {_NOTE: MorphNote(mask)}}


def without_guard(extras: Mapping[str, Any]) -> dict[str, Any]:
    """Return the dictionary of an entry without what notices that its mask is replaced or cut."""
    plain = {key: value for key, value in extras.items() if key != _KEY}
    if isinstance(plain.get(_ENTRY_STRENGTH), MorphStrength):
        plain[_ENTRY_STRENGTH] = float(plain[_ENTRY_STRENGTH])
    return plain


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
        note = _read_note(entry)
        if note is None:
            continue
        if not note.is_about(entry.get(MASK)):
            raise _replaced(name)
        if note.latents != latents:
            raise SamplingError(
                name,
                expected=f"a morph for this video of {latents} latent frames",
                got=f"one for {note.latents}",
                hint="Give RichSpace Morph the latent, or the number of frames, that you sample.",
            )


def _read_note(extras: Mapping[str, Any]) -> MorphNote | None:
    """Return the note in the dictionary of an entry of a morph; None for anything else under its key."""
    kept = extras.get(_KEY)
    note = kept.get(_NOTE) if isinstance(kept, Mapping) else None
    return note if isinstance(note, MorphNote) else None


def lengthen(mask: Tensor, surplus: int) -> Tensor:
    """Return a mask over time with `surplus` more latent frames in front, which are like the first."""
    return torch.cat([mask[:1].expand(surplus, -1, -1), mask])


def _replaced(name: str) -> SamplingError:
    return SamplingError(
        name,
        expected="the morph of RichSpace Morph with its own masks over time",
        got="one whose masks another node has replaced",
        hint="Set the mask on prompt A before RichSpace Morph: the morph then stays inside it.",
    )
