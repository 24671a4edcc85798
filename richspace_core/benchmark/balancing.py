"""Balance of a mixture's prompts, found by looking at drafts, and the share seen in any other embedding's draft.

The prompts are mixed one after another. With two prompts, the balance shows A's share 1/2. A third prompt is mixed with
the balance of the first two, which should then be seen with the share 2/3; and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Protocol

from torch import Tensor

from ..embedding import TextEmbedding
from ..errors import RichSpaceError
from ..finder.balance import SHARE_SEEN, Balance, Draft, find_balance, share_seen
from ..finder.geometry import interpolate

LOOKS = 3
"""Largest number of drafts that a search makes in addition to those of A and B."""

MakeDrafter = Callable[[Callable[[int], TextEmbedding]], Draft]
"""Maps a function from a candidate to its embedding to a function from the candidate to its draft."""


class ScoreKind(Protocol):
    """Kind of score that a clip has: a metric of the registry, or one that drafts give."""

    @property
    def name(self) -> str:
        """Name in tables and files."""

    @property
    def description(self) -> str:
        """Meaning of a high score."""


@dataclass(frozen=True)
class DraftScore:
    """Score of a clip that is computed from drafts.

    Args:
        name: Name in tables and files.
        description: Meaning of a high score.
    """

    name: str
    description: str


SEEN = DraftScore(
    SHARE_SEEN,
    "the draft of the clip's embedding looks like A's draft (1) and not like the last prompt's (0); A is the first "
    "prompt, or Balance's mixture of all prompts except the last one",
)
MISSED = DraftScore(
    "distance from balance",
    "the share seen is far from the wanted one, which is 1/2 for two prompts and 2/3 for three; lower is better",
)
DRAFT_SCORES = (SEEN, MISSED)
"""Scores that are computed from drafts, in the order of the table."""


@dataclass(frozen=True, eq=False)
class MixtureBalance:
    """Balance of a mixture's prompts.

    Args:
        stages: Search for each prompt after the first one.
        embedding: Mixture of all prompts.
        draft: Draft of the mixture.
        draft_a: Draft of A in the last stage.
        draft_b: Draft of B in the last stage, the last prompt.
    """

    stages: tuple[Balance, ...]
    embedding: TextEmbedding
    draft: Tensor
    draft_a: Tensor
    draft_b: Tensor

    @property
    def indices(self) -> tuple[int, ...]:
        """Candidate chosen in each stage."""
        return tuple(stage.index for stage in self.stages)

    def score(self, draft: Tensor) -> dict[str, float]:
        """Compute the scores of `DRAFT_SCORES` for a draft, by their names."""
        seen = share_seen(draft, self.draft_a, self.draft_b)
        return {SEEN.name: seen, MISSED.name: abs(seen - self.stages[-1].share)}


def balance_mixture(prompts: Sequence[TextEmbedding], make_drafter: MakeDrafter, *, steps: int) -> MixtureBalance:
    """Find the balance of a mixture's prompts, one after another.

    Args:
        prompts: Embeddings of the prompts, at least two.
        make_drafter: Maker of the function that makes each stage's drafts.
        steps: Number of candidates of each stage.

    Raises:
        RichSpaceError: If the drafts of a stage cannot be made or compared; the message names the stage.
    """
    mixture, *others = prompts
    stages: list[Balance] = []
    for number, prompt in enumerate(others, start=1):
        candidate = partial(mix, mixture, prompt, steps=steps)
        draft = cache(make_drafter(candidate))
        try:
            found = find_balance(draft, share=number / (number + 1), steps=steps, looks=LOOKS)
        except RichSpaceError as error:
            raise error.within(f"Balance, stage {number}") from error
        stages.append(found)
        mixture = candidate(found.index)
    return MixtureBalance(tuple(stages), mixture, draft(found.index), draft(steps), draft(0))


def mix(a: TextEmbedding, b: TextEmbedding, index: int, *, steps: int) -> TextEmbedding:
    """Return candidate `index`, 0 (exactly B) .. steps (exactly A)."""
    if index == 0:
        return b
    values = interpolate(a.values, b.values, index=index, steps=steps)
    return TextEmbedding(values, max(a.token_count, b.token_count))
