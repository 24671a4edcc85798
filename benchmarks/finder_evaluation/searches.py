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

from richspace_core import find_balance

from .pairs import AVERAGED, CANDIDATES, SLERP, STEPS, Mixed, Source


@dataclass(frozen=True)
class Search:
    """One way to search.

    Args:
        way: How two prompts are mixed.
        draft_steps: Steps of each draft. A draft of one step is the model's first prediction.
        looks: Largest number of looks, without the drafts of A and B.
    """

    way: str
    draft_steps: int
    looks: int

    def make_source(self, index: int) -> Source:
        """Return the source of the candidate that the search took."""
        return index if self.way == CANDIDATES else Mixed(self.way, index)

    @property
    def arm(self) -> str:
        """The name of the arm in the tables."""
        drafts = "first step" if self.draft_steps == 1 else f"{self.draft_steps}-step drafts"
        looks = f"{self.looks} look{'s' if self.looks > 1 else ''}"
        return f"{_NAMES[self.way]}: {drafts}, {looks}"


AVERAGED_COST = 1.5  # of a step with two prompts and the negative one, in steps with one prompt and the negative one
_NAMES = {CANDIDATES: "Balance", AVERAGED: "averaged predictions, Balance", SLERP: "slerp, Balance"}

SEARCHES = (
    *(Search(CANDIDATES, draft_steps, looks) for draft_steps in (1, 4, 8) for looks in (1, 2, 3, 4)),
    Search(AVERAGED, 8, 3),
    Search(SLERP, 1, 3),
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
#: Makes the draft of a candidate from the way to mix, its index and the number of steps.
MakeDraft: TypeAlias = Callable[[str, int, int], Tensor]


def run_searches(make_draft: MakeDraft) -> dict[Search, Found]:
    """Run all of `SEARCHES` with one pair's drafts."""
    draft = cache(make_draft)
    found = {}
    for search in SEARCHES:
        balance = find_balance(
            lambda index, search=search: draft(search.way, index, search.draft_steps), steps=STEPS, looks=search.looks
        )
        looks = len(balance.looks) - 2
        each = AVERAGED_COST if search.way == AVERAGED else 1.0
        found[search] = Found(balance.index, search.draft_steps * (2 + each * looks))
    return found
