"""Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with all columns except the first aligned to the right.

    Example:
        >>> print(markdown_table(["name", "index"], [["Tiger+Zebra", "14"]]))
        | name | index |
        | :--- | ---: |
        | Tiger+Zebra | 14 |
    """
    rule = [":---", *["---:"] * (len(header) - 1)]
    escaped = ([cell.replace("|", r"\|").replace("\n", " ") for cell in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *escaped])
