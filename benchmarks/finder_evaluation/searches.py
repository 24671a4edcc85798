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
import torch
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
        checked: Look at first predictions instead if A's and B's drafts differ in another way than those do. Then what
            the noise decides differs too, and the drafts mislead.
    """

    way: str
    draft: Draft
    looks: int
    crossing: bool = False
    checked: bool = False

    def make_source(self, index: int) -> Source:
        """Return the source of the candidate that the search took."""
        return index if self.way == CANDIDATES else Mixed(self.way, index)

    @property
    def arm(self) -> str:
        """The name of the arm in the tables."""
        looks = f"{self.looks} look{'s' if self.looks > 1 else ''}"
        return (
            f"{_NAMES[self.way]}: {self.draft.name}, {looks}{', crossing' * self.crossing}{', checked' * self.checked}"
        )

    def choose(self, balance: Balance) -> int:
        """Return the candidate that this way to search takes."""
        if not self.crossing:
            return balance.index
        return min(max(round(balance.continuous_weight * STEPS), 1), STEPS - 1)


#: Correlation of the differences between A and B, in drafts and in first predictions, from which drafts are trusted.
#: Chosen on seeds 101 and 102, where it was at least 0.77 for complete prompts and 0.41 to 0.79 for open ones.
AGREEMENT = 0.75
AVERAGED_COST = 1.5  # of a step with two prompts and the negative one, in steps with one prompt and the negative one
_NAMES = {CANDIDATES: "Balance", AVERAGED: "averaged predictions, Balance", SLERP: "slerp, Balance"}

SEARCHES = (
    *(Search(CANDIDATES, draft, looks) for draft in (FIRST_STEP, SECOND_STEP, SHORT, LONG) for looks in (1, 2, 3, 4)),
    *(Search(CANDIDATES, draft, 3, crossing=True) for draft in (FIRST_STEP, SECOND_STEP, LONG)),
    Search(CANDIDATES, LONG, 3, checked=True),
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
    return {search: _run_search(search, draft) for search in SEARCHES}


def _run_search(search: Search, draft: MakeDraft) -> Found:
    used = search.draft
    if search.checked and compute_agreement(draft, search) < AGREEMENT:
        used = FIRST_STEP
    balance = find_balance(lambda index: draft(search.way, index, used), steps=STEPS, looks=search.looks)
    each = AVERAGED_COST if search.way == AVERAGED else 1.0
    # The first predictions of A and B are made on the way to their drafts.
    cost = 2 * search.draft.steps + each * used.steps * (len(balance.looks) - 2)
    return Found(search.choose(balance), cost)


def compute_agreement(draft: MakeDraft, search: Search) -> float:
    """Compute the correlation of what differs between A and B in the search's drafts and in first predictions."""
    differences = [
        (draft(search.way, STEPS, kind) - draft(search.way, 0, kind)).flatten() for kind in (search.draft, FIRST_STEP)
    ]
    return float(torch.corrcoef(torch.stack(differences).double())[0, 1])
