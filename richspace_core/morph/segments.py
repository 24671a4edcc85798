"""Segments of a video: latent frames that share one mixture, so that one prediction serves them all."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, pairwise

import torch
from torch import Tensor

from ..errors import RichSpaceError

_DECIMALS = 4  # of a share: finer differences cannot be seen


@dataclass(frozen=True, eq=False)
class Segment:
    """Latent frames with one mixture.

    Args:
        shares: Share of each prompt, ``[prompts]``, adding up to 1.
        frames: Weight of the mixture in each latent frame, ``[latents]``, in [0, 1].
    """

    shares: Tensor
    frames: Tensor


def exact_segments(weights: Tensor, most: int) -> list[Segment]:
    """Return a segment for each different mixture, in order of time.

    If there are more than `most`, neighbors in that order are joined to `most` groups of nearly equal size, each with
    the average of its latent frames' mixtures.

    Args:
        weights: Share of each prompt in each latent frame, ``[prompts, latents]``.
        most: Largest number of segments, at least 1.

    Raises:
        RichSpaceError: If `most` is below 1.

    Example:
        >>> [segment.frames.tolist() for segment in exact_segments(torch.tensor([[1, 1, 0.5], [0, 0, 0.5]]), most=9)]
        [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if most < 1:
        raise RichSpaceError("most_mixtures", expected="at least 1", got=str(most))
    frames_of: dict[tuple[float, ...], list[int]] = {}
    for frame, mixture in enumerate(weights.T.round(decimals=_DECIMALS).tolist()):
        frames_of.setdefault(tuple(mixture), []).append(frame)
    groups = list(frames_of.values())
    count = min(most, len(groups))
    bounds = [len(groups) * number // count for number in range(count + 1)]
    return [_segment(weights, [*chain(*groups[start:end])]) for start, end in pairwise(bounds)]


def prompt_segments(weights: Tensor) -> list[Segment]:
    """Return a segment for each prompt that has a share anywhere, weighted by its share in each latent frame."""
    prompts = len(weights)
    own = torch.eye(prompts, dtype=weights.dtype)
    return [Segment(own[number], weights[number]) for number in range(prompts) if bool(weights[number].any())]


def _segment(weights: Tensor, frames: list[int]) -> Segment:
    chosen = torch.zeros(weights.shape[1], dtype=weights.dtype)
    chosen[frames] = 1
    return Segment(weights[:, frames].mean(dim=1).round(decimals=_DECIMALS), chosen)
