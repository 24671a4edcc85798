"""Searches of the balance finder, with drafts from the model itself, and what they cost.

A pair's searches run in one worker process. A draft is made once for all numbers of looks, because a search with fewer
looks is the beginning of a longer one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from richspace_core import Balance, find_balance

from .pairs import AVERAGED, CANDIDATES, SLERP, STEPS, Mixed, Source


@dataclass(frozen=True)
class Draft:
    """How a draft is made.

    Args:
        steps: Number of denoising steps that are taken.
        schedule: Number of steps of the schedule. If more than are taken, the draft is the clean clip that the model
            predicts in the last step taken.
    """

    steps: int
    schedule: int

    @property
    def name(self) -> str:
        """The name in the tables. The only step of a schedule predicts what the first of any other does."""
        if self.steps == 1:
            return "first step"
        return f"{self.steps}-step drafts" if self.steps == self.schedule else f"step {self.steps} of {self.schedule}"


FIRST_STEP, SECOND_STEP, SHORT, LONG = Draft(1, 1), Draft(2, 8), Draft(4, 4), Draft(8, 8)


@dataclass(frozen=True)
class Search:
    """One way to search.

    Args:
        way: How two prompts are mixed.
        draft: How the drafts are made.
        looks: Largest number of looks, without the drafts of A and B.
        crossing: Take the candidate where the curve through the looks crosses the wanted share, whether it was drafted
            or not, instead of the nearest look.
    """

    way: str
    draft: Draft
    looks: int
    crossing: bool = False

    def make_source(self, index: int) -> Source:
        """Return the source of the candidate that the search took."""
        return index if self.way == CANDIDATES else Mixed(self.way, index)

    @property
    def arm(self) -> str:
        """The name of the arm in the tables."""
        looks = f"{self.looks} look{'s' if self.looks > 1 else ''}"
        return f"{_NAMES[self.way]}: {self.draft.name}, {looks}{', crossing' if self.crossing else ''}"

    def choose(self, balance: Balance) -> int:
        """Return the candidate that this way to search takes."""
        if not self.crossing:
            return balance.index
        return min(max(round(balance.continuous_weight * STEPS), 1), STEPS - 1)


AVERAGED_COST = 1.5  # of a step with two prompts and the negative one, in steps with one prompt and the negative one
_NAMES = {CANDIDATES: "Balance", AVERAGED: "averaged predictions, Balance", SLERP: "slerp, Balance"}

SEARCHES = (
    *(Search(CANDIDATES, draft, looks) for draft in (FIRST_STEP, SECOND_STEP, SHORT, LONG) for looks in (1, 2, 3, 4)),
    *(Search(CANDIDATES, draft, 3, crossing=True) for draft in (FIRST_STEP, SECOND_STEP, LONG)),
    Search(AVERAGED, LONG, 3),
    Search(SLERP, FIRST_STEP, 3),
)


@dataclass(frozen=True)
class Found:
    """What a search found.

    Args:
        index: The candidate that it took.
        cost: Denoiser steps of all drafts, those of A and B included.
    """

    index: int
    cost: float


@dataclass(frozen=True, eq=False)
class SearchJob:
    """The searches of one pair.

    Args:
        a: Embedding of prompt A, float32 ``[n, d]``.
        b: Embedding of prompt B.
        token_count: Number of rows that belong to the longer prompt.
        seed: Seed of the drafts' noise, that of the pair's clips.
    """

    a: NDArray[np.float32]
    b: NDArray[np.float32]
    token_count: int
    seed: int


#: Runs all of `SEARCHES` for each job, in order.
SearchPairs: TypeAlias = Callable[[Sequence[SearchJob]], Iterable[dict[Search, Found]]]
#: Makes the draft of a candidate from the way to mix, its index and how the draft is made.
MakeDraft: TypeAlias = Callable[[str, int, Draft], Tensor]


def run_searches(make_draft: MakeDraft) -> dict[Search, Found]:
    """Run all of `SEARCHES` with one pair's drafts."""
    draft = cache(make_draft)
    found = {}
    for search in SEARCHES:
        balance = find_balance(
            lambda index, search=search: draft(search.way, index, search.draft), steps=STEPS, looks=search.looks
        )
        each = AVERAGED_COST if search.way == AVERAGED else 1.0
        cost = search.draft.steps * (2 + each * (len(balance.looks) - 2))
        found[search] = Found(search.choose(balance), cost)
    return found
