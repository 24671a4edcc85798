"""The finder on every mixture, beside the indices that the paper reports."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..embedding import TextEmbedding
from ..errors import RichSpaceError
from ..finder.cosine import ChainedInterpolation, OptimalInterpolation, find_optimal_chain
from ..paper.reported import STEPS
from ..tables import markdown_table
from .mixtures import Mixture
from .outputs import write_output
from .tables import write_csv
from .text_encoder import PromptCutWarning, TextEncoder

INDEX_TABLE, INDEX_CSV = "index.md", "index.csv"

_HEADER = ("mixture", "figure", "index", "paper", "difference", "share of A", "optimum", "foot")


@dataclass(frozen=True, eq=False)
class Finding:
    """A mixture and what the finder made of it.

    Args:
        mixture: What was mixed.
        chain: The finder's result, one stage for each guide.
        direct: The embedding of the guide that describes all of it.
    """

    mixture: Mixture
    chain: ChainedInterpolation
    direct: TextEmbedding

    @property
    def last(self) -> OptimalInterpolation:
        """The stage that mixes in the last prompt, which is the one whose index the paper reports."""
        return self.chain.stages[-1]

    @property
    def reported(self) -> int | None:
        """The paper's index; None where there is none on a line of as many steps."""
        return self.mixture.index if self.last.steps == STEPS else None


@dataclass(frozen=True)
class Distances:
    """How far three ways to choose an index lie from the paper's, on average over the mixtures that it reports.

    Args:
        count: Number of those mixtures.
        finder: The finder's mean distance.
        middle: That of always taking the middle candidate, 15.
        random: What a random candidate would have, in expectation.
    """

    count: int
    finder: float
    middle: float
    random: float


def find(mixture: Mixture, encoder: TextEncoder, *, steps: int) -> Finding:
    """Encode a mixture's prompts and run the finder on them.

    Raises:
        RichSpaceError: If a prompt cannot be encoded or mixed; the message names the mixture and the prompt.

    Warns:
        PromptCutWarning: For each prompt that is too long, with the same names.
    """
    first, *others = (
        _encode(encoder, prompt, f"{mixture.name}, prompt {number}")
        for number, prompt in enumerate(mixture.prompts, start=1)
    )
    guides = [
        _encode(encoder, guide, f"{mixture.name}, guide {number}")
        for number, guide in enumerate(mixture.guides, start=1)
    ]
    try:
        chain = find_optimal_chain(first, list(zip(others, guides, strict=True)), steps=steps)
    except RichSpaceError as error:
        raise error.within(mixture.name) from error
    return Finding(mixture, chain, guides[-1])


def _encode(encoder: TextEncoder, text: str, where: str) -> TextEmbedding:
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always", PromptCutWarning)
        try:
            embedding = encoder.encode(text)
        except RichSpaceError as error:
            raise type(error)(where, expected=error.expected, got=error.got, hint=error.hint) from error
    for warning in given:
        warnings.warn(f"{where}: {warning.message}", warning.category, stacklevel=3)
    return embedding


def distances(findings: Iterable[Finding]) -> Distances | None:
    """Mean distances from the paper's indices; None where none of the mixtures can be compared with one."""
    pairs = [(one.last.index, one.reported) for one in findings if one.reported is not None]
    if not pairs:
        return None
    return Distances(
        count=len(pairs),
        finder=statistics.fmean(abs(found - paper) for found, paper in pairs),
        middle=statistics.fmean(abs(STEPS // 2 - paper) for _, paper in pairs),
        random=statistics.fmean(abs(index - paper) for _, paper in pairs for index in range(1, STEPS + 1)),
    )


def index_cells(findings: Iterable[Finding]) -> tuple[Sequence[str], list[list[str]]]:
    """Header and rows of the indices' table, as texts."""
    return _HEADER, [[_shown(cell) for cell in _row(finding)] for finding in findings]


def index_report(findings: Sequence[Finding]) -> str:
    """The indices as a Markdown table, and below it the mean distances in words."""
    table = markdown_table(*index_cells(findings))
    summary = distances(findings)
    if summary is None:
        return table + "\n\nThe paper reports no index for these mixtures on lines of as many steps.\n"
    return (
        f"{table}\n\nMean distance from the paper's index over {summary.count} mixtures: **{summary.finder:.2f}**. "
        f"Always the middle candidate: {summary.middle:.2f}. A random candidate: {summary.random:.2f}.\n"
    )


def write_index(folder: Path, findings: Sequence[Finding]) -> None:
    """Write ``index.csv`` and ``index.md``."""
    write_csv(folder / INDEX_CSV, _HEADER, map(_row, findings))
    write_output(folder / INDEX_TABLE, index_report(findings))


def _row(finding: Finding) -> list[object]:
    last, mixture, reported = finding.last, finding.mixture, finding.reported
    difference = None if reported is None else last.index - reported
    found = last.weight, last.continuous_weight, last.foot_coefficient
    return [mixture.name, mixture.figure, last.index, mixture.index, difference, *found]


def _shown(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.3f}"
    return "" if cell is None else str(cell)
