"""How often an arm finds a mixture where there is one, how far it is from the nearest one, and what it costs.

Some pairs have no candidate that shows both features. No choice of a candidate can find one there, so these figures
count only the pairs that have one, in the sweep of the first repetition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .estimates import IntervalEstimate, estimate_mean, estimate_share
from .figures import HALF, ChosenIndices, Figures, PairRecords, select_sweep
from .pairs import AVERAGED, KINDS, Pair, Source
from .searches import AVERAGED_COST


@dataclass(frozen=True)
class Reachable:
    """A pair with a candidate that shows both features.

    Args:
        kind: The kind of the two features.
        records: The pair's records.
        choice: The indices that the finders chose.
        good: The candidates that show both features.
    """

    kind: str
    records: PairRecords
    choice: ChosenIndices
    good: Sequence[int]

    def shows_both(self, arm: str) -> bool:
        """Return whether the arm's clip of the first repetition shows both features."""
        return self.records[self.choice.arms[arm], 0].both

    def measure_distance(self, arm: str) -> int | None:
        """Return the distance of the arm's candidate from the nearest that shows both, or None if it is not one."""
        source: Source = self.choice.arms[arm]
        return min(abs(source - index) for index in self.good) if isinstance(source, int) else None


def summarize_reach(
    pairs: Sequence[Pair], records: Sequence[PairRecords], choices: Sequence[ChosenIndices], clip_steps: int
) -> Figures:
    """Estimate for each arm the share of reachable pairs in which it shows both, its distance and its cost.

    Args:
        pairs: The pairs.
        records: Their records.
        choices: The indices that the finders chose.
        clip_steps: Denoiser steps of a clip, which an arm that averages predictions pays for each step.

    Returns:
        The number of pairs by kind, and for each arm its shares by kind and in all, its distance and its cost.
    """
    reachable = list_reachable(pairs, records, choices)
    count = {kind: sum(each.kind == kind for each in reachable) for kind in KINDS}
    rows = {}
    for arm in choices[0].arms if reachable else ():
        distances = [each.measure_distance(arm) for each in reachable]
        rows[arm] = {
            "shares": _estimate_shares({kind: [e for e in reachable if e.kind == kind] for kind in KINDS}, arm),
            "distance": None if None in distances else estimate_mean(distances),  # type: ignore[arg-type]
            "cost": compute_cost(arm, choices, clip_steps),
        }
    return {"pairs": count, "of": len(pairs), "arms": rows}


def list_reachable(
    pairs: Sequence[Pair], records: Sequence[PairRecords], choices: Sequence[ChosenIndices]
) -> list[Reachable]:
    """List the pairs with a candidate that shows both features."""
    found = []
    for pair, clips, choice in zip(pairs, records, choices, strict=True):
        good = [index for index, record in select_sweep(clips).items() if record.both]
        if good:
            found.append(Reachable(pair.kind, clips, choice, good))
    return found


def _estimate_shares(groups: Mapping[str, Sequence[Reachable]], arm: str) -> dict[str, IntervalEstimate]:
    answers = {kind: [[each.shows_both(arm)] for each in group] for kind, group in groups.items() if group}
    shares = {kind: estimate_share(each) for kind, each in answers.items()}
    return shares | {"all": estimate_share([one for each in answers.values() for one in each])}


def compute_cost(arm: str, choices: Sequence[ChosenIndices], clip_steps: int) -> dict[str, float]:
    """Compute an arm's mean and largest cost over the pairs, in denoiser steps on top of those of one clip."""
    searches = {search.arm: search for search in choices[0].searches}
    costs = np.zeros(len(choices))
    if arm in searches:
        costs += [choice.searches[searches[arm]].cost for choice in choices]
    if arm == HALF or (arm in searches and searches[arm].way == AVERAGED):
        costs += (AVERAGED_COST - 1) * clip_steps
    return {"mean": float(costs.mean()), "largest": float(costs.max())}
