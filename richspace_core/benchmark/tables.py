"""Rows of texts as a table in Markdown and as CSV."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


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


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is aligned to the right.

    Example:
        >>> print(markdown_table(["name", "index"], [["Tiger+Zebra", "14"]]))
        | name | index |
        | --- | ---: |
        | Tiger+Zebra | 14 |
    """
    rule = ["---", *["---:"] * (len(header) - 1)]
    escaped = ([cell.replace("|", r"\|").replace("\n", " ") for cell in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *escaped])


def write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows as CSV, None as an empty cell; a float keeps all its digits."""
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(header)
        writer.writerows(rows)
