"""Optimal interpolation finder: the point between two prompts that a guide sentence describes.

References:
    RichSpace, Algorithm 1 for two prompts, Section 4.1 and Figure 3 for a third one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ..embedding import TextEmbedding, describe
from ..errors import EmbeddingError, RichSpaceError
from .choice import Choice, Curve
from .geometry import LineGram, candidate_positions, guide_names, point_on_line, require_steps

#: One guide, or several that are averaged. The projection onto the line is linear, so the foot of their average is the
#: average of their feet. With several wordings of one mixture, single words count less and what the wordings share
#: counts more. The average is not rounded to the guides' dtype, and n_c is the largest of their token counts.
Guide: TypeAlias = TextEmbedding | Sequence[TextEmbedding]

#: Sizes of the grids that find the continuous optimum, each around the best point of the one before.
_GRIDS = (33, 17, 17)
#: Difference of two prompts, as a share of their length, below which the choice remarks that they are almost the same.
_LEAST_CONTRAST = 0.05
#: Share of one prompt below which the choice remarks that the mixture is nearly pure.
_LEAST_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class Scores:
    """Similarity of each candidate to the guide's foot; float64 ``[steps]`` on the CPU.

    Entry 0 belongs to the paper's index 1.

    Args:
        full: Scores of the whole embeddings, padding included: the global view.
        truncated: Scores of the rows up to the longest prompt, with a foot of their own: the local view.
    """

    full: Tensor
    truncated: Tensor

    @property
    def total(self) -> Tensor:
        """Sum of both scores, which decides (Algorithm 1, lines 21-24)."""
        return self.full + self.truncated

    @property
    def steps(self) -> int:
        """Number of candidates k."""
        return len(self.full)

    @property
    def best_index(self) -> int:
        """Best candidate, 1..steps; of equal ones the smallest index (Algorithm 1, line 26)."""
        return int(self.total.argmax()) + 1


@dataclass(frozen=True, eq=False)
class OptimalInterpolation:
    """Result of the finder, made by `find_optimal`.

    Args:
        scores: Curves that decided.
        a: First prompt, as it was given.
        b: Second prompt, as it was given.
        full: Line through the full embeddings, with the guide's foot on it.
        truncated: The same line on the rows of the longest prompt, with a foot of its own.
        guide_count: Number of guides that were averaged.
    """

    scores: Scores
    a: TextEmbedding
    b: TextEmbedding
    full: LineGram
    truncated: LineGram
    guide_count: int

    @property
    def index(self) -> int:
        """Chosen candidate, 1..steps: 1 is nearly B, steps is exactly A."""
        return self.scores.best_index

    @property
    def steps(self) -> int:
        """Number of candidates k."""
        return self.scores.steps

    @property
    def weight(self) -> float:
        """Share of A in the chosen candidate, index / steps."""
        return self.index / self.steps

    @property
    def foot_coefficient(self) -> float:
        """Position of the guide's foot on the line through the full embeddings: 0 is A, 1 is B."""
        return self.full.foot

    @property
    def contrast(self) -> float:
        """Difference of the prompts' own tokens: the length of B - A, as a share of the longer of A and B."""
        return self.truncated.contrast

    @cached_property
    def continuous_weight(self) -> float:
        """Share of A in [0, 1] with the highest total score, without steps; computed on first access."""
        return 1 - _best_position(self.full, self.truncated)

    @cached_property
    def embedding(self) -> TextEmbedding:
        """Chosen candidate, in the dtype and on the device of the input; computed on first access.

        Its token count is the larger one of A and B.
        """
        return self._mixture(torch.lerp(self.b.values, self.a.values, self.weight))  # `interpolate` without its checks

    @cached_property
    def foot(self) -> TextEmbedding:
        """Perpendicular foot of the guide on the line through A and B; computed on first access."""
        return self._mixture(point_on_line(self.a.values, self.b.values, self.foot_coefficient))

    def choice(
        self,
        *,
        index: int | None = None,
        counted: bool = True,
        remarks: Sequence[str] = (),
        name_a: str = "A",
        name_b: str = "B",
    ) -> Choice:
        """Return the result in the form that every finder shares, to be shown, saved or drawn.

        Args:
            index: Candidate picked by hand, 1..steps; None for the finder's own.
            counted: False if the prompts' tokens were not counted, so that only the full embedding was scored.
            remarks: Remarks to put before the finder's own.
            name_a: Text of prompt A.
            name_b: Text of prompt B.

        Raises:
            RichSpaceError: If `index` is not one of the candidates.
        """
        return cosine_choice(
            self.scores,
            self.index if index is None else index,
            continuous_weight=self.continuous_weight,
            foot_coefficient=self.foot_coefficient,
            counted=counted,
            guide_count=self.guide_count,
            contrast=self.contrast,
            remarks=remarks,
            name_a=name_a,
            name_b=name_b,
        )

    def _mixture(self, values: Tensor) -> TextEmbedding:
        return TextEmbedding(values, max(self.a.token_count, self.b.token_count))


@dataclass(frozen=True, eq=False)
class ChainedInterpolation:
    """Result of a chain of finders, made by `find_optimal_chain`.

    Args:
        stages: Result of each stage, in order.
    """

    stages: tuple[OptimalInterpolation, ...]

    @property
    def embedding(self) -> TextEmbedding:
        """Mixture of the last stage, which holds every prompt."""
        return self.stages[-1].embedding


def find_optimal(a: TextEmbedding, b: TextEmbedding, guide: Guide, *, steps: int = 30) -> OptimalInterpolation:
    """Find the interpolation of two prompts that a guide sentence describes.

    Each of the k candidates ``(i / k) A + ((k - i) / k) B`` is scored by its cosine similarity to the guide's
    perpendicular foot on the line through A and B, once on the full embeddings and once on their first
    ``max(n_a, n_b, n_c)`` rows. The highest sum wins; of equal sums, the smallest index.

    Args:
        a: First prompt, ``[n, d]``.
        b: Second prompt, same shape, dtype and device.
        guide: Sentence that describes the mixture, same shape, dtype and device; or several to average, see `Guide`.
        steps: Number of candidates k, at least 1; the paper uses 30.

    Returns:
        The chosen index, its weight and embedding, the foot, the score curves and the continuous optimum.

    Raises:
        RichSpaceError: If `steps` < 1, no guide is given, the embeddings do not match, A = B, or a value is not finite.

    Reference:
        RichSpace, Algorithm 1, which has one guide. Its line 28 has ``E_tc`` where the first prompt, A, is meant.

    Example:
        >>> a = TextEmbedding(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), token_count=1)
        >>> b = TextEmbedding(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), token_count=1)
        >>> guide = TextEmbedding(torch.tensor([[0.8, 0.3], [0.3, 0.8]]), token_count=1)
        >>> result = find_optimal(a, b, guide, steps=4)
        >>> result.index, result.weight, round(result.continuous_weight, 4)
        (3, 0.75, 0.75)
        >>> other = TextEmbedding(torch.tensor([[0.2, 0.7], [0.7, 0.2]]), token_count=2)  # a wording nearer to B
        >>> find_optimal(a, b, [guide, other], steps=4).index
        2
    """
    require_steps(steps)
    guides = _require_guides(guide)
    full = LineGram.measure(a.values, b.values, *(one.values for one in guides))
    truncated = full.head(max(prompt.token_count for prompt in (a, b, *guides)))
    positions = candidate_positions(steps)
    scores = Scores(full.scores(positions), truncated.scores(positions))
    return OptimalInterpolation(scores, a, b, full, truncated, len(guides))


def find_optimal_chain(
    first: TextEmbedding, stages: Sequence[tuple[TextEmbedding, Guide]], *, steps: int = 30
) -> ChainedInterpolation:
    """Mix three prompts or more: each stage mixes the result so far with one more prompt.

    Args:
        first: First prompt, ``[n, d]``.
        stages: For each stage, the prompt to add and the guide that describes the mixture so far with that prompt; or
            several guides to average.
        steps: Number of candidates k of every stage.

    Returns:
        Result of every stage; the embedding of the last one mixes all prompts.

    Raises:
        RichSpaceError: If there is no stage, or a stage fails as in `find_optimal`; the message names the stage.

    Reference:
        RichSpace, Section 4.1 and Figure 3: the finder on (E_ab, E_c) after the one on (E_a, E_b).
    """
    if not stages:
        raise RichSpaceError("stages", expected="at least one (prompt, guide) pair", got="none")
    results: list[OptimalInterpolation] = []
    mixture = first
    for number, (prompt, guide) in enumerate(stages, start=1):
        try:
            results.append(find_optimal(mixture, prompt, guide, steps=steps))
        except RichSpaceError as error:
            raise error.within(f"stage {number}") from error
        mixture = results[-1].embedding
    return ChainedInterpolation(tuple(results))


def cosine_choice(
    scores: Scores,
    index: int,
    *,
    continuous_weight: float,
    foot_coefficient: float,
    counted: bool,
    guide_count: int = 1,
    contrast: float = 1.0,
    remarks: Sequence[str] = (),
    name_a: str = "A",
    name_b: str = "B",
) -> Choice:
    """Return a choice by cosine scores in the form that every finder shares.

    Args:
        scores: Curves that decided.
        index: Candidate taken, 1..steps.
        continuous_weight: Share of A in [0, 1] with the highest score.
        foot_coefficient: Position of the guide's foot: 0 is A, 1 is B, outside [0, 1] beyond the two prompts.
        counted: False if the prompts' tokens were not counted, so that only the full embedding was scored.
        guide_count: Number of guides that were averaged.
        contrast: Difference of the prompts: the length of B - A, as a share of the longer of A and B.
        remarks: Remarks to put before the finder's own.
        name_a: Text of prompt A.
        name_b: Text of prompt B.

    Raises:
        RichSpaceError: If `index` is not one of the candidates.
    """
    own = (
        "" if counted else "scored on the full embedding (no token counts)",
        "A and B are almost the same: every mixture looks alike" if contrast < _LEAST_CONTRAST else "",
        _describe_guide(scores.best_index / scores.steps, foot_coefficient, guide_count),
    )
    said = tuple(filter(None, (*remarks, *own)))
    curves = _curves(scores, counted=counted)
    return Choice(index, scores.best_index, continuous_weight, curves, 1 - foot_coefficient, said, name_a, name_b)


def _curves(scores: Scores, *, counted: bool) -> tuple[Curve, ...]:
    """Return the curve that decides, and the curves that it is the sum of."""
    if not counted:
        return (Curve("similarity", scores.full),)
    total = Curve("sum", scores.total, bound=2.0, derived=True)
    return total, Curve("full", scores.full), Curve("truncated", scores.truncated)


def _describe_guide(share: float, foot_coefficient: float, guide_count: int) -> str:
    """Describe what is unusual about the guide in one line: each line of a plot's header takes room from the curves."""
    beyond = "A" if foot_coefficient < 0 else "B" if foot_coefficient > 1 else ""
    pure = "A" if share > 1 - _LEAST_SHARE else "B" if share < _LEAST_SHARE else ""
    guide = f"the average of {guide_count} guides" if guide_count > 1 else "the guide"
    if beyond:
        return f"{guide} points beyond {beyond}" + (f": nearly pure {pure} is best" if pure else "")
    if pure:
        return f"{guide} is closest to pure {pure}"
    return f"guided by {guide}" if guide_count > 1 else ""


def _require_guides(guide: object) -> tuple[TextEmbedding, ...]:
    """Return the guides as a tuple, whether one was given or a sequence."""
    guides: tuple[Any, ...] = (guide,)
    if isinstance(guide, Sequence) and not isinstance(guide, str):
        guides = tuple(guide)
    hint = "Give one embedding, or a sequence of embeddings to average."
    if not guides:
        raise EmbeddingError("guide", expected="at least one TextEmbedding", got="an empty sequence", hint=hint)
    for name, one in zip(guide_names(len(guides)), guides, strict=True):
        if not isinstance(one, TextEmbedding):
            raise EmbeddingError(name, expected="a TextEmbedding", got=describe(one), hint=hint)
    return guides


def _best_position(full: LineGram, truncated: LineGram) -> float:
    """Return the position in [0, 1] (0 is A) with the highest total score.

    Each grid is narrower, around the best point of the one before; the peak of a parabola through the best three points
    of the last grid is the result.
    """
    low, high = 0.0, 1.0
    for points in _GRIDS:
        positions = torch.linspace(low, high, points, dtype=torch.float64)
        totals = full.scores(positions) + truncated.scores(positions)
        best = int(totals.argmax())
        low, high = float(positions[max(best - 1, 0)]), float(positions[min(best + 1, points - 1)])
    if not 0 < best < points - 1:
        return float(positions[best])
    before, peak, after = totals[best - 1 : best + 2].tolist()
    bend = before - 2 * peak + after
    offset = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float(positions[best]) + offset * float(positions[1] - positions[0])
