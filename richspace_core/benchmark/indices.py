"""Indices that the finder chooses for each mixture, compared with those that the paper reports."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..cogvideox.t5 import EncodedPrompt
from ..embedding import TextEmbedding
from ..errors import RichSpaceError
from ..finder.cosine import ChainedInterpolation, OptimalInterpolation, find_optimal_chain
from ..markdown import markdown_table
from ..paper.reported import STEPS
from .mixtures import Mixture
from .outputs import write_csv, write_output
from .text_encoder import TextEncoder

INDEX_TABLE, INDEX_CSV = "index.md", "index.csv"

_HEADER = ("mixture", "figure", "index", "paper", "difference", "share of A", "optimum", "foot")


@dataclass(frozen=True, eq=False)
class Finding:
    """Result of the finder for a mixture.

    Args:
        mixture: The mixture.
        chain: Result of the finder, with one stage for each guide.
        direct: Embedding of the guide that describes the whole mixture.
        prompts: Embeddings of the prompts.
        notices: Sentence for each text that was too long for the model; names the mixture, the text and its lost words.
    """

    mixture: Mixture
    chain: ChainedInterpolation
    direct: TextEmbedding
    prompts: tuple[TextEmbedding, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def last(self) -> OptimalInterpolation:
        """Stage that adds the last prompt, whose index the paper reports."""
        return self.chain.stages[-1]

    @property
    def reported(self) -> int | None:
        """Index that the paper reports; None if it reports none for this number of candidates."""
        return self.mixture.index if self.last.steps == STEPS else None


@dataclass(frozen=True)
class IndexDistances:
    """Mean distances from the paper's indices for three ways to choose a candidate.

    Args:
        count: Number of mixtures for which the paper reports an index.
        finder: Mean distance of the finder.
        middle: Mean distance of the middle candidate, 15.
        random: Expected mean distance of a random candidate.
    """

    count: int
    finder: float
    middle: float
    random: float


def find_mixture(mixture: Mixture, encoder: TextEncoder, *, steps: int) -> Finding:
    """Encode the prompts of a mixture and run the finder on them.

    Raises:
        RichSpaceError: If a prompt cannot be encoded or mixed; the message names the mixture and the prompt.
    """
    texts = {f"{mixture.name}, prompt {number}": text for number, text in enumerate(mixture.prompts, start=1)}
    texts |= {f"{mixture.name}, guide {number}": text for number, text in enumerate(mixture.guides, start=1)}
    encoded = {place: _encode(encoder, text, place) for place, text in texts.items()}
    first, *others = (each.embedding for each in encoded.values())
    added = len(mixture.prompts) - 1
    prompts, guides = others[:added], others[added:]
    try:
        chain = find_optimal_chain(first, list(zip(prompts, guides, strict=True)), steps=steps)
    except RichSpaceError as error:
        raise error.within(mixture.name) from error
    cut = {place: each.tokens.cut_notice for place, each in encoded.items()}
    notices = tuple(f"{place}: {notice}" for place, notice in cut.items() if notice)
    return Finding(mixture, chain, guides[-1], (first, *prompts), notices)


def _encode(encoder: TextEncoder, text: str, place: str) -> EncodedPrompt:
    try:
        return encoder.encode(text)
    except RichSpaceError as error:
        raise type(error)(place, expected=error.expected, got=error.got, hint=error.hint) from error


def compute_distances(findings: Iterable[Finding]) -> IndexDistances | None:
    """Compute the mean distances from the paper's indices; None if the paper reports none for these mixtures."""
    pairs = [(one.last.index, one.reported) for one in findings if one.reported is not None]
    if not pairs:
        return None
    return IndexDistances(
        count=len(pairs),
        finder=statistics.fmean(abs(found - paper) for found, paper in pairs),
        middle=statistics.fmean(abs(STEPS // 2 - paper) for _, paper in pairs),
        random=statistics.fmean(abs(index - paper) for _, paper in pairs for index in range(1, STEPS + 1)),
    )


def format_index_cells(findings: Iterable[Finding]) -> tuple[Sequence[str], list[list[str]]]:
    """Return the header and the rows of the indices' table as texts."""
    return _HEADER, [[_format_cell(cell) for cell in _make_row(finding)] for finding in findings]


def format_index_report(findings: Sequence[Finding]) -> str:
    """Return the indices as a Markdown table, followed by the mean distances."""
    table = markdown_table(*format_index_cells(findings))
    summary = compute_distances(findings)
    if summary is None:
        return table + "\n\nThe paper reports no index for these mixtures with this number of candidates.\n"
    return (
        f"{table}\n\nMean distance from the paper's index over {summary.count} mixtures: **{summary.finder:.2f}**. "
        f"Always the middle candidate: {summary.middle:.2f}. A random candidate: {summary.random:.2f}.\n"
    )


def write_index(folder: Path, findings: Sequence[Finding]) -> None:
    """Write ``index.csv`` and ``index.md``."""
    write_csv(folder / INDEX_CSV, _HEADER, map(_make_row, findings))
    write_output(folder / INDEX_TABLE, format_index_report(findings))


def _make_row(finding: Finding) -> list[object]:
    last, mixture, reported = finding.last, finding.mixture, finding.reported
    difference = None if reported is None else last.index - reported
    found = last.weight, last.continuous_weight, last.foot_coefficient
    return [mixture.name, mixture.figure, last.index, mixture.index, difference, *found]


def _format_cell(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.3f}"
    return "" if cell is None else str(cell)
