"""Shares, averages and best indices, with 95% intervals."""

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
_TIE = 0.02  # coordinates that differ by less count as equally near to 0.5


@dataclass(frozen=True)
class IntervalEstimate:
    """A number with its 95% interval."""

    value: float
    low: float
    high: float

    def format(self, template: str = "{:.0%}") -> str:
        """Format the number and its interval, each with `template`."""
        return f"{template.format(self.value)} ({template.format(self.low)} to {template.format(self.high)})"


def compute_wilson_interval(share: float, count: float) -> tuple[float, float]:
    """Compute Wilson's 95% interval of a share of `count` trials.

    For whole numbers this is SciPy's `binomtest(...).proportion_ci(method="wilson")`. SciPy accepts only whole numbers,
    but the effective number of trials in `estimate_share` is a fraction.
    """
    center = share + _Z**2 / (2 * count)
    spread = _Z * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    scale = 1 + _Z**2 / count
    return max(0.0, (center - spread) / scale), min(1.0, (center + spread) / scale)


def estimate_share(groups: Sequence[Sequence[bool]]) -> IntervalEstimate:
    """Estimate the share of true answers, with Wilson's interval for the effective number of independent trials.

    The answers in one group (the clips of one pair) may be correlated. The variance between the groups shows how many
    independent trials would vary as much. The effective number is at least the number of groups and at most the number
    of answers. If every group has one answer, the result is Wilson's usual interval.

    Args:
        groups: The answers by group; no group is empty.
    """
    answers = [answer for group in groups for answer in group]
    value = sum(answers) / len(answers)
    means = np.array([np.mean(group) for group in groups])
    count = float(len(groups))  # used if there is no variance: one group, or equal answers
    if 0 < value < 1 and len(groups) > 1 and means.std() > 0:
        effective = value * (1 - value) / (means.var(ddof=1) / len(means))
        count = min(max(count, effective), len(answers))
    return IntervalEstimate(value, *compute_wilson_interval(value, count))


def estimate_mean(values: Sequence[float], seed: int = 0) -> IntervalEstimate:
    """Estimate the mean of one value for each pair, with a bootstrap interval (percentiles) over the pairs.

    For a single value, both ends of the interval are that value.
    """
    average = float(np.mean(values))
    if len(values) == 1:
        return IntervalEstimate(average, average, average)
    random = np.random.default_rng(seed)
    result = bootstrap((values,), np.mean, n_resamples=_RESAMPLES, method="percentile", rng=random)
    return IntervalEstimate(average, *map(float, result.confidence_interval))


def fit_falling(values: Sequence[float]) -> NDArray[np.float64]:
    """Fit a falling sequence to noisy values by least squares."""
    fitted: NDArray[np.float64] = isotonic_regression(values, increasing=False).x
    return fitted


def find_nearest_to_middle(indices: Sequence[int], coordinates: Sequence[float]) -> float:
    """Return the index whose coordinate is nearest to 0.5, or the average of all that are as near within 0.02."""
    distances = np.abs(np.asarray(coordinates) - 0.5)
    return float(np.asarray(indices)[distances <= distances.min() + _TIE].mean())


def find_turning_point(
    indices: Sequence[int], coordinates: Sequence[float], levels: tuple[float, float]
) -> float | None:
    """Find the index where a sweep turns from one feature to the other: half-way between its crossings of two levels.

    In a sweep that jumps, this is the position of the jump, while the index nearest to 0.5 could be anywhere on one
    side of it. In a sweep that stays near the middle for a while, it is the middle of that part.

    Args:
        indices: Indices of the candidates, ascending.
        coordinates: Their coordinates, from 1 (B) to 0 (A) as the indices rise. `fit_falling` removes the noise.
        levels: Two coordinates, such as 0.25 and 0.75.

    Returns:
        An index, or None if the sweep does not reach from B to A.
    """
    fitted = fit_falling(coordinates)
    crossings = [_find_crossing(np.asarray(indices, dtype=np.float64), fitted, level) for level in levels]
    return None if None in crossings else float(np.mean(crossings))  # type: ignore[arg-type]


def _find_crossing(indices: NDArray[np.float64], fitted: NDArray[np.float64], level: float) -> float | None:
    above = int((fitted > level).sum())
    if above in (0, len(fitted)):
        return None
    before, after = fitted[above - 1], fitted[above]
    part = (before - level) / (before - after)
    return float(indices[above - 1] + part * (indices[above] - indices[above - 1]))
