"""Table of the rendered clips' scores in the form of the paper's Table 1: means over seeds, next to the paper's."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..markdown import markdown_table
from ..metrics import registry
from ..paper.reported import TABLE_1, ReportedScores
from .balancing import DRAFT_SCORES, ScoreKind
from .clips import ARMS, Arm
from .mixtures import AVERAGE
from .outputs import write_csv, write_output
from .records import ClipRecord

SCORE_TABLE, SCORES_CSV = "table.md", "scores.csv"

_TABLE_1_COLUMNS = (registry.SUBJECT_CONSISTENCY.name, registry.AESTHETIC_QUALITY.name)
"""Metrics in a pair of `ReportedScores`, in order."""
_CLIP_HEADER = ("mixture", "arm", "seed", "metric", "score")


@dataclass(frozen=True)
class SeedMean:
    """Mean over seeds.

    Args:
        mean: The mean.
        error: Its standard error; NaN for one seed.
    """

    mean: float
    error: float

    @classmethod
    def from_values(cls, values: Sequence[float]) -> SeedMean:
        """Compute the mean of one value per seed, at least one."""
        count = len(values)
        return cls(statistics.fmean(values), statistics.stdev(values) / math.sqrt(count) if count > 1 else math.nan)

    def __str__(self) -> str:
        return f"{self.mean:.4f}" + ("" if math.isnan(self.error) else f" ± {self.error:.4f}")


@dataclass(frozen=True)
class ScoreCell:
    """One number of the table.

    Args:
        measured: Mean and standard error over seeds.
        reported: The paper's number; None if Table 1 has none.
    """

    measured: SeedMean
    reported: float | None

    def __str__(self) -> str:
        return str(self.measured) + ("" if self.reported is None else f" (paper: {self.reported:.4f})")


@dataclass(frozen=True)
class ScoreTable:
    """Scores by mixture, metric and arm; the last row is the average over the mixtures.

    Args:
        metrics: Scores that every clip has: metrics in the order of the registry, then those that drafts give.
        arms: Arms that have clips.
        rows: Cells of each mixture, by its name.
    """

    metrics: tuple[ScoreKind, ...]
    arms: tuple[Arm, ...]
    rows: dict[str, dict[tuple[str, Arm], ScoreCell]]

    @classmethod
    def from_records(cls, records: Iterable[ClipRecord]) -> ScoreTable:
        """Compute the table of finished clips."""
        records = list(records)
        kinds: tuple[ScoreKind, ...] = (*registry.METRICS, *DRAFT_SCORES)
        metrics = tuple(kind for kind in kinds if all(kind.name in record.scores for record in records))
        arms = tuple(arm for arm in ARMS if any(record.arm == arm for record in records))
        columns = [(metric.name, arm) for metric in metrics for arm in arms]
        names = list(dict.fromkeys(record.mixture for record in records))
        rows = {
            name: _make_row(_find_reported(name), [record for record in records if record.mixture == name], columns)
            for name in names
        }
        if len(names) > 1:
            rows[AVERAGE] = _make_row(_find_reported_average(names), records, columns)
        return cls(metrics, arms, rows)

    @property
    def columns(self) -> tuple[tuple[str, Arm], ...]:
        """Name of the metric, and arm, of each column."""
        return tuple((metric.name, arm) for metric in self.metrics for arm in self.arms)

    def to_cells(self) -> tuple[list[str], list[list[str]]]:
        """Return the header and the rows as texts."""
        header = ["mixture", *(f"{metric}, {arm}" for metric, arm in self.columns)]
        return header, [[name, *(str(row[column]) for column in self.columns)] for name, row in self.rows.items()]

    def to_markdown(self) -> str:
        """Return the table in Markdown."""
        return markdown_table(*self.to_cells()) + "\n"


def write_scores(folder: Path, records: Sequence[ClipRecord]) -> None:
    """Write ``table.md``, and ``scores.csv`` with every clip's scores to the last digit."""
    write_output(folder / SCORE_TABLE, ScoreTable.from_records(records).to_markdown())
    write_csv(
        folder / SCORES_CSV,
        _CLIP_HEADER,
        (
            (record.mixture, record.arm, record.seed, metric, score)
            for record in records
            for metric, score in record.scores.items()
        ),
    )


def _make_row(
    reported: ReportedScores | None, records: Sequence[ClipRecord], columns: Sequence[tuple[str, Arm]]
) -> dict[tuple[str, Arm], ScoreCell]:
    return {(metric, arm): _make_cell(reported, records, metric, arm) for metric, arm in columns}


def _make_cell(reported: ReportedScores | None, records: Sequence[ClipRecord], metric: str, arm: Arm) -> ScoreCell:
    """Average over the mixtures for each seed, and then over the seeds."""
    by_seed: dict[int, list[float]] = {}
    for record in records:
        if record.arm == arm:
            by_seed.setdefault(record.seed, []).append(record.scores[metric])
    paper = None
    if reported is not None and metric in _TABLE_1_COLUMNS and arm != "balance":
        paper = getattr(reported, arm)[_TABLE_1_COLUMNS.index(metric)]
    return ScoreCell(SeedMean.from_values([statistics.fmean(scores) for scores in by_seed.values()]), paper)


def _find_reported(name: str) -> ReportedScores | None:
    """Find a mixture's row in Table 1; the order of its parts does not matter."""
    return next((row for row in TABLE_1 if _split_name(row.name) == _split_name(name)), None)


def _find_reported_average(names: Sequence[str]) -> ReportedScores | None:
    """Return the last row of Table 1 if it is the average of exactly these mixtures."""
    *rows, average = TABLE_1
    return average if {_split_name(name) for name in names} == {_split_name(row.name) for row in rows} else None


def _split_name(name: str) -> frozenset[str]:
    return frozenset(part.strip().lower() for part in name.split("+"))
