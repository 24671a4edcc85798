"""Means over seeds, and tables as CSV."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .outputs import write_output

AVERAGE = "Average"
"""Name of the last row of the scores' table, which no mixture may have."""


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and its standard error, which is NaN where there is one seed."""

    mean: float
    error: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Estimate:
        """The estimate from at least one value."""
        count = len(values)
        return cls(statistics.fmean(values), statistics.stdev(values) / math.sqrt(count) if count > 1 else math.nan)

    def __str__(self) -> str:
        return f"{self.mean:.4f}" + ("" if math.isnan(self.error) else f" ± {self.error:.4f}")


def write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows as CSV, None as an empty cell; a float keeps all its digits."""
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    writer.writerow(header)
    writer.writerows(rows)
    write_output(file, target.getvalue())
