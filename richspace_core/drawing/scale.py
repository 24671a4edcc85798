"""Scales of plots: limits, ticks and labels, from matplotlib's own tick locators."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor

_ROUND_STEPS = [1, 2, 5, 10]


@dataclass(frozen=True)
class ValueScale:
    """Limits of a vertical axis, its ticks, and their labels with all digits."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    @classmethod
    def fit(cls, values: Tensor, bound: float, *, percent: bool = False) -> ValueScale:
        """Return a scale that shows how `values` differ, without ticks beyond `bound`, the largest absolute value."""
        low, high = float(values.min()), float(values.max())
        # Differences that seven digits cannot show stay flat; a single value has no differences.
        span = max(high - low, 2e-5) if high > low else 0.1
        middle = (low + high) / 2
        low, high = min(low, middle - span / 2) - 0.1 * span, max(high, middle + span / 2) + 0.16 * span
        inside = [tick for tick in _round_ticks(low, high, parts=3) if max(low, -bound) <= tick <= min(high, bound)]
        step = min((right - left for left, right in itertools.pairwise(inside)), default=high - low)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        ticks = tuple(round(tick, decimals) + 0.0 for tick in inside)  # + 0.0: no negative zero
        form = f".{max(0, decimals - 2)}%" if percent else f".{decimals}f"
        return cls(low, high, ticks, tuple(f"{tick:{form}}".replace("-", "\N{MINUS SIGN}") for tick in ticks))


def candidate_ticks(steps: int) -> list[int]:
    """Return the candidates to number on an axis: both ends, and round numbers in the middle half."""
    middle = (round(tick) for tick in _round_ticks(0, steps, parts=5, integer=True))
    return sorted({1, *(tick for tick in middle if tick > 1 and 0.25 <= tick / steps <= 0.75), steps})


def _round_ticks(low: float, high: float, *, parts: int, **options: Any) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    return [float(tick) for tick in MaxNLocator(parts, steps=_ROUND_STEPS, **options).tick_values(low, high)]
