"""The statistics of the finder's evaluation: shares, differences and sweeps, with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import ndtri
from scipy.stats import bootstrap

_Z = float(ndtri(0.975))  # of a 95% interval
_RESAMPLES = 4000
_TIE = 0.02  # coordinates that differ by less are equally near the middle


@dataclass(frozen=True)
class Estimate:
    """A number and its 95% interval."""

    value: float
    low: float
    high: float

    def shown(self, form: str = "{:.0%}") -> str:
        """As text, each number formatted by `form`."""
        return f"{form.format(self.value)} ({form.format(self.low)} to {form.format(self.high)})"


def wilson(share: float, count: float) -> tuple[float, float]:
    """Wilson's 95% interval of a share that was seen in so many trials.

    For whole numbers it is SciPy's `binomtest(...).proportion_ci("wilson")`, which takes no others; the trials that
    `share` counts are seldom whole.
    """
    centre = share + _Z**2 / (2 * count)
    spread = _Z * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    scale = 1 + _Z**2 / count
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def share(groups: Sequence[Sequence[bool]]) -> Estimate:
    """The share of true answers, with Wilson's interval for as many *independent* trials as they are worth.

    The answers of one group (the clips of one pair) may be alike. The variance between the groups says how many
    independent trials would vary as much: no fewer than there are groups and no more than there are answers. Groups of
    one give Wilson's own interval.

    Args:
        groups: The answers, group by group; none is empty.
    """
    answers = [answer for group in groups for answer in group]
    value = sum(answers) / len(answers)
    means = np.array([np.mean(group) for group in groups])
    count = float(len(groups))  # all the same, or one group alone: no variance to go by
    if 0 < value < 1 and len(groups) > 1 and means.std() > 0:
        worth = value * (1 - value) / (means.var(ddof=1) / len(means))
        count = min(max(count, worth), len(answers))
    return Estimate(value, *wilson(value, count))


def mean(values: Sequence[float], seed: int = 0) -> Estimate:
    """The mean, with a bootstrap interval (percentiles) over the values, one for each pair; none around one value."""
    average = float(np.mean(values))
    if len(values) == 1:
        return Estimate(average, average, average)
    random = np.random.default_rng(seed)
    found = bootstrap((values,), np.mean, n_resamples=_RESAMPLES, method="percentile", rng=random)
    return Estimate(average, *map(float, found.confidence_interval))


def falling(values: Sequence[float]) -> NDArray[np.float64]:
    """The falling sequence nearest to a noisy one by least squares."""
    fitted: NDArray[np.float64] = isotonic_regression(values, increasing=False).x
    return fitted


def nearest_to_middle(indices: Sequence[int], coordinates: Sequence[float]) -> float:
    """The index whose coordinate is nearest to 0.5; the middle of those that are as near within 0.02."""
    distances = np.abs(np.asarray(coordinates) - 0.5)
    return float(np.asarray(indices)[distances <= distances.min() + _TIE].mean())


def turning_point(indices: Sequence[int], coordinates: Sequence[float], levels: tuple[float, float]) -> float | None:
    """Where a sweep turns from one feature to the other: half-way between its crossings of two levels.

    Of a sweep that jumps this is the place of the jump, where the index nearest to 0.5 would be anywhere on the side
    that happens to end nearer; of one that rests in the middle it is the middle of the rest.

    Args:
        indices: The candidates, rising.
        coordinates: Their coordinates, from 1 (B) to 0 (A) as the indices rise; noise is smoothed by `falling`.
        levels: Of the coordinates, such as 0.25 and 0.75.

    Returns:
        An index, or None if the sweep does not reach from B to A.
    """
    fitted = falling(coordinates)
    crossings = [_crossing(np.asarray(indices, dtype=np.float64), fitted, level) for level in levels]
    return None if None in crossings else float(np.mean(crossings))  # type: ignore[arg-type]


def _crossing(indices: NDArray[np.float64], fitted: NDArray[np.float64], level: float) -> float | None:
    above = int((fitted > level).sum())
    if above in (0, len(fitted)):
        return None
    before, after = fitted[above - 1], fitted[above]
    part = (before - level) / (before - after)
    return float(indices[above - 1] + part * (indices[above] - indices[above - 1]))
