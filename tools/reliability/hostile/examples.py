"""Examples in the order of their numbers, from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

BATCH = 25


def batch_of(strategy: st.SearchStrategy[Any], number: int, batch: int) -> list[Any]:
    """Return the examples of a batch, which depend on nothing but the strategy, the seed and the batch's number.

    Args:
        strategy: Strategy of the examples; they are plain descriptions.
        number: Seed.
        batch: Number of the batch, from 0.
    """
    found: list[Any] = []

    @seed(number * 1_000_003 + batch)
    @settings(
        max_examples=BATCH,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found[:BATCH]


def examples(
    strategy: st.SearchStrategy[Any], number: int, count: int, only: int | None = None
) -> Iterator[tuple[int, Any]]:
    """Yield examples with their numbers; with `only`, the one of that number."""
    batches = range(-(-count // BATCH)) if only is None else [only // BATCH]
    for batch in batches:
        for place, example in enumerate(batch_of(strategy, number, batch)):
            at = batch * BATCH + place
            if at < count if only is None else at == only:
                yield at, example
