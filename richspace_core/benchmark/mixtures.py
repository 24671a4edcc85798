"""What is mixed: the paper's mixtures in this project's words, or a file of one's own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from ..errors import PromptError

PAPER_PROMPTS = Path(__file__).with_name("prompts.json")
"""Every mixture of the paper. Only the prompts of its Figure 2(a) are known; the others follow their pattern."""

_FORM = (
    'a list of objects like {"name": "Tiger+Zebra", "prompts": ["The tiger ...", "The zebra ..."], '
    '"guides": ["The tiger, with stripes like zebra ..."]}'
)


@dataclass(frozen=True)
class Mixture:
    """Two prompts or more, and what describes their mixture.

    Args:
        name: What it is called in tables and folders.
        prompts: The plain prompts, at least two.
        guides: One fewer: each describes the mixture of the prompts up to the one after its place.
        figure: The paper's figure that shows it; empty if none does.
        index: The optimal index that the paper reports for the last of the lines; None if it reports none.
    """

    name: str
    prompts: tuple[str, ...]
    guides: tuple[str, ...]
    figure: str = ""
    index: int | None = None

    @property
    def direct_prompt(self) -> str:
        """The guide that describes all of it: what the video is compared with."""
        return self.guides[-1]


def load_mixtures(file: Path) -> tuple[Mixture, ...]:
    """Read a file of prompts.

    Args:
        file: JSON in the form of `PAPER_PROMPTS`; "figure" and "index" may be left out.

    Raises:
        PromptError: If it cannot be read, or an entry has no two prompts, or not one guide fewer than prompts.
    """
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PromptError(
            "prompts", expected="a JSON file that can be read", got=f"{file} ({error})", hint=f"It holds {_FORM}."
        ) from error
    if not isinstance(entries, list) or not entries:
        raise PromptError("prompts", expected=_FORM, got=f"{type(entries).__name__} in {file.name}")
    mixtures = tuple(_mixture(entry, f"prompts, entry {number}") for number, entry in enumerate(entries, start=1))
    names = [mixture.name for mixture in mixtures]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PromptError("prompts", expected="a name of its own for each mixture", got=f"{twice[0]} twice")
    return mixtures


def choose(mixtures: Iterable[Mixture], names: Sequence[str]) -> tuple[Mixture, ...]:
    """Those of `mixtures` that are named, in the order of the names; all of them where none is named.

    Raises:
        PromptError: If a name is none of theirs.
    """
    known = {mixture.name: mixture for mixture in mixtures}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise PromptError("only", expected=f"names out of {', '.join(known)}", got=unknown[0])
    return tuple(known[name] for name in names) or tuple(known.values())


def _mixture(entry: Any, where: str) -> Mixture:
    if not isinstance(entry, dict):
        raise PromptError(where, expected="an object", got=type(entry).__name__)
    name, figure, index = entry.get("name"), entry.get("figure", ""), entry.get("index")
    prompts, guides = entry.get("prompts"), entry.get("guides")
    if not _are_texts([name]) or not isinstance(figure, str) or not (index is None or isinstance(index, int)):
        raise PromptError(where, expected="a name, perhaps a figure and a whole index", got=str(entry)[:80])
    if not _are_texts(prompts) or not _are_texts(guides) or len(prompts) < 2 or len(guides) != len(prompts) - 1:
        raise PromptError(
            f"{where} ({name})",
            expected="two prompts or more, and one guide fewer",
            got=f"prompts {str(prompts)[:60]} and guides {str(guides)[:60]}",
        )
    return Mixture(str(name), tuple(prompts), tuple(guides), figure, index)


def _are_texts(values: Any) -> TypeGuard[list[str]]:
    return isinstance(values, list) and all(isinstance(value, str) and value.strip() for value in values)
