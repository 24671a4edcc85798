"""The rendered clips' scores in the form of the paper's Table 1: each arm's mean over seeds, beside the paper's."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..paper.reported import TABLE_1, ReportedScores
from ..tables import markdown_table
from .clips import ARMS, Arm
from .outputs import write_output
from .records import ClipRecord
from .rendering import AESTHETIC, FLICKERING, SUBJECT
from .tables import AVERAGE, Estimate, write_csv

SCORE_TABLE, SCORES_CSV = "table.md", "scores.csv"

_IN_TABLE_1 = {SUBJECT: 0, AESTHETIC: 1}  # places in a pair of ReportedScores
_ORDER = (SUBJECT, AESTHETIC, FLICKERING)
_CLIP_HEADER = ("mixture", "arm", "seed", "metric", "score")


@dataclass(frozen=True)
class Cell:
    """One number of the table.

    Args:
        measured: Mean and standard error over seeds.
        reported: The paper's; None where Table 1 has none.
    """

    measured: Estimate
    reported: float | None

    def __str__(self) -> str:
        return str(self.measured) + ("" if self.reported is None else f" (paper: {self.reported:.4f})")


@dataclass(frozen=True)
class ScoreTable:
    """Cells by mixture, metric and arm; the last row is the average over the mixtures.

    Args:
        metrics: Those that were measured.
        rows: By the mixture's name.
    """

    metrics: tuple[str, ...]
    rows: dict[str, dict[tuple[str, Arm], Cell]]

    @classmethod
    def of(cls, records: Iterable[ClipRecord]) -> ScoreTable:
        """The table of finished clips, which each have been scored by the same metrics."""
        records = list(records)
        metrics = tuple(metric for metric in _ORDER if all(metric in record.scores for record in records))
        names = list(dict.fromkeys(record.mixture for record in records))
        rows = {name: _row(_reported(name), [one for one in records if one.mixture == name], metrics) for name in names}
        if len(names) > 1:
            rows[AVERAGE] = _row(_reported_average(names), records, metrics)
        return cls(metrics, rows)

    @property
    def columns(self) -> tuple[tuple[str, Arm], ...]:
        """Metric and arm of each column."""
        return tuple((metric, arm) for metric in self.metrics for arm in ARMS)

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows as texts."""
        header = ["mixture", *(f"{metric}, {arm}" for metric, arm in self.columns)]
        return header, [[name, *(str(row[column]) for column in self.columns)] for name, row in self.rows.items()]

    def markdown(self) -> str:
        """The table in Markdown."""
        return markdown_table(*self.cells()) + "\n"


def write_scores(folder: Path, records: Sequence[ClipRecord]) -> None:
    """Write ``table.md``, and every clip's scores with all their digits as ``scores.csv``."""
    write_output(folder / SCORE_TABLE, ScoreTable.of(records).markdown())
    write_csv(
        folder / SCORES_CSV,
        _CLIP_HEADER,
        (
            (record.mixture, record.arm, record.seed, metric, score)
            for record in records
            for metric, score in record.scores.items()
        ),
    )


def _row(
    reported: ReportedScores | None, records: Sequence[ClipRecord], metrics: Sequence[str]
) -> dict[tuple[str, Arm], Cell]:
    return {(metric, arm): _cell(reported, records, metric, arm) for metric in metrics for arm in ARMS}


def _cell(reported: ReportedScores | None, records: Sequence[ClipRecord], metric: str, arm: Arm) -> Cell:
    """The estimate from each seed's mean over the mixtures."""
    by_seed: dict[int, list[float]] = {}
    for record in records:
        if record.arm == arm:
            by_seed.setdefault(record.seed, []).append(record.scores[metric])
    place = _IN_TABLE_1.get(metric)
    paper = None if reported is None or place is None else getattr(reported, arm)[place]
    return Cell(Estimate.of([statistics.fmean(scores) for scores in by_seed.values()]), paper)


def _reported(name: str) -> ReportedScores | None:
    """The row of Table 1 for a mixture, whichever of its parts is named first."""
    return next((row for row in TABLE_1 if _parts(row.name) == _parts(name)), None)


def _reported_average(names: Sequence[str]) -> ReportedScores | None:
    """The last row of Table 1, if the mixtures are the ones that it is the average of."""
    *rows, average = TABLE_1
    return average if {_parts(name) for name in names} == {_parts(row.name) for row in rows} else None


def _parts(name: str) -> frozenset[str]:
    return frozenset(part.strip().lower() for part in name.split("+"))
