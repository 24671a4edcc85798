"""Shares that are even in what is seen: the wanted share over time, mapped to embedding weights.

A finder that looks at drafts measures the share of A that each candidate shows. Its curve is inverted here: for a
wanted share, the weight at which that share is seen.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import RichSpaceError


def weights_seen_as(weights: Tensor, seen: Sequence[float]) -> Tensor:
    """Map the shares of A and B so that the share of A between the two is the share seen.

    The sum of A's and B's shares stays as it is, and so do the shares of other prompts.

    Args:
        weights: Wanted share of each prompt in each latent frame, ``[prompts, latents]``; A and B come first.
        seen: Share of A seen at each candidate 1..k, whose weight is index / k. At weight 0, B alone is seen.

    Returns:
        Same shape and dtype as `weights`.

    Raises:
        RichSpaceError: If the curve does not rise from B to A.

    Example:
        >>> weights_seen_as(torch.tensor([[0.5], [0.5]]), seen=[0.25, 0.75, 1.0]).round(decimals=3)
        tensor([[0.5000],
                [0.5000]])
    """
    knots = _rising(seen)
    both = weights[:2].sum(dim=0)
    wanted = torch.where(both > 0, weights[0] / both.clamp(min=1e-12), 0)
    mapped = torch.tensor([_invert(knots, float(share)) for share in wanted], dtype=weights.dtype)
    return torch.cat([torch.stack([mapped * both, (1 - mapped) * both]), weights[2:]])


def _rising(seen: Sequence[float]) -> list[float]:
    """Return the curve from weight 0 to 1 without its dips, from 0 to 1."""
    if len(seen) < 2 or not all(abs(value) < float("inf") for value in seen) or seen[-1] <= seen[0]:
        raise RichSpaceError(
            "scores",
            expected="a curve of the share seen that rises from B to A",
            got=f"{len(seen)} values" + (f" from {seen[0]:.2f} to {seen[-1]:.2f}" if seen else ""),
            hint="Connect the scores of RichSpace Balance for the same two prompts.",
        )
    knots = [0.0]
    for value in seen[:-1]:
        knots.append(min(max(value, knots[-1]), 1.0))
    return [*knots, 1.0]


def _invert(knots: list[float], share: float) -> float:
    """Return the weight at which a rising curve reaches a share; `knots` are at equal distances from 0 to 1."""
    if share <= 0 or share >= 1:
        return min(max(share, 0.0), 1.0)
    after = bisect_left(knots, share)
    low, high = knots[after - 1], knots[after]
    return (after - 1 + (share - low) / (high - low)) / (len(knots) - 1)
