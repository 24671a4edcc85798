"""The table of `dev.py versions`: what was run with which versions, when, and how it ended."""

from __future__ import annotations

import dataclasses
import datetime
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reliability.trials import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


@dataclass
class Row:
    """A combination that was tried.

    Args:
        name: Name of the combination.
        about: What is special about it.
        date: Day on which it was tried.
        versions: Versions of Python and of the libraries that ran.
        outcomes: Results by trial.
        absent: Why the combination could not be had; empty if it could.
    """

    name: str
    about: str
    date: str
    versions: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    absent: str = ""

    @property
    def is_good(self) -> bool:
        """Whether every trial went well. A combination that could not be had has not failed."""
        return all(outcome.ok for outcome in self.outcomes.values())


def today() -> str:
    """Return the date in UTC, such as 2026-11-26."""
    return datetime.datetime.now(datetime.timezone.utc).date().isoformat()


def read_rows(file: Path) -> list[Row]:
    """Return the rows of a table that was saved; none without a file."""
    if not file.is_file():
        return []
    rows = json.loads(file.read_text(encoding="utf-8"))
    return [
        Row(**{**row, "outcomes": {check: Outcome(**outcome) for check, outcome in row["outcomes"].items()}})
        for row in rows
    ]


def save_row(file: Path, row: Row) -> None:
    """Add a row to a saved table, in place of an earlier one of the same name."""
    rows = [*(other for other in read_rows(file) if other.name != row.name), row]
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(json.dumps([dataclasses.asdict(it) for it in rows], indent=2), encoding="utf-8")
    unfinished.replace(file)


def write_markdown(rows: Iterable[Row], order: Sequence[str]) -> str:
    """Return the table as Markdown, in the order of the combinations' names."""
    by_name = {row.name: row for row in rows}
    lines = ["| combination | versions | result | date |", "| --- | --- | --- | --- |"]
    lines += [_line(by_name[name]) for name in order if name in by_name]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    cells = [f"`{row.name}`: {row.about}", describe_versions(row.versions), _describe_result(row), row.date]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def describe_versions(versions: Mapping[str, str]) -> str:
    """Return versions as in "Python 3.11.7, torch 2.14.1"."""
    named = (f"{'Python' if name == 'python' else name} {version}" for name, version in versions.items() if version)
    return ", ".join(named)


def _describe_result(row: Row) -> str:
    if row.absent:
        return f"could not be had: {row.absent}"
    return "<br>".join(
        f"{check}: {'ok' if outcome.ok else '**failed**'}, {outcome.seen}" for check, outcome in row.outcomes.items()
    )
