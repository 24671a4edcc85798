"""Mixtures to render: the paper's, in this project's words, or those in a file of the user's own."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from ..errors import PromptError
from ..paper.reported import STEPS

PAPER_PROMPTS = Path(__file__).with_name("prompts.json")
"""File with every mixture of the paper. The paper prints only the prompts of Figure 2(a); the others are similar."""
AVERAGE = "Average"
"""Name of the last row of the score table, which no mixture may have."""

_TRAILING_COMMA = re.compile(r"\s*,\s*[\]}]")
_KEYS = {"name", "prompts", "guides", "figure", "index"}
_FORM = (
    'a list of objects like {"name": "Tiger+Zebra", "prompts": ["The tiger ...", "The zebra ..."], '
    '"guides": ["The tiger, with stripes like zebra ..."]}'
)


@dataclass(frozen=True)
class Mixture:
    """Two or more prompts, and the guides that describe their mixture.

    Args:
        name: Name in tables and folders.
        prompts: Plain prompts, at least two.
        guides: One guide fewer than prompts; guide i describes the mixture of the first i + 1 prompts.
        figure: Figure of the paper that shows it, or an empty text.
        index: Optimal index that the paper reports for the last guide; None if it reports none.
    """

    name: str
    prompts: tuple[str, ...]
    guides: tuple[str, ...]
    figure: str = ""
    index: int | None = None

    @property
    def direct_prompt(self) -> str:
        """Guide that describes the whole mixture, with whose video the mixture is compared."""
        return self.guides[-1]


def load_mixtures(file: Path) -> tuple[Mixture, ...]:
    """Read a file of mixtures.

    Args:
        file: JSON in the form of `PAPER_PROMPTS`, in UTF-8, UTF-16 or UTF-32, with or without a byte order mark;
            "figure" and "index" can be left out.

    Raises:
        PromptError: If the file cannot be read, two mixtures have the same name, or an entry has an unknown or repeated
            key, an index outside 1..30, two equal prompts at its beginning, or not one guide fewer than prompts.
    """
    entries = _read_json(file)
    if not isinstance(entries, list) or not entries:
        raise PromptError("prompts", expected=_FORM, got=f"{type(entries).__name__} in {file.name}")
    mixtures = tuple(_parse_mixture(entry, f"prompts, entry {number}") for number, entry in enumerate(entries, start=1))
    _require_different_names([mixture.name for mixture in mixtures])
    return mixtures


def choose_mixtures(mixtures: Iterable[Mixture], names: Sequence[str], *, option: str = "only") -> tuple[Mixture, ...]:
    """Return the mixtures with these names, each once, in the order of the names; without names, return all.

    Args:
        mixtures: Mixtures to choose from.
        names: Names of some of them.
        option: Option that the names come from, for the error message.

    Raises:
        PromptError: If no mixture has one of the names.
    """
    known = {mixture.name: mixture for mixture in mixtures}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise PromptError(option, expected=f"names from {', '.join(known)}", got=", ".join(unknown))
    return tuple(known[name] for name in dict.fromkeys(names)) or tuple(known.values())


def _read_json(file: Path) -> Any:
    hint = f"It must contain {_FORM}."
    cause: Exception
    try:
        # From bytes, json recognizes every encoding of Unicode; editors and shells of Windows write several.
        return json.loads(file.read_bytes(), object_pairs_hook=_to_object)
    except OSError as error:
        problem, cause = str(error.strerror), error
    except UnicodeDecodeError as error:
        problem, cause, hint = f"not UTF-8: {error.reason}", error, "Save it as UTF-8 in your editor."
    except json.JSONDecodeError as error:
        problem, cause = f"line {error.lineno}, column {error.colno}: {error.msg}", error
        if _TRAILING_COMMA.match(error.doc, len(error.doc[: error.pos].rstrip(", \t\r\n"))):
            hint = "Remove the comma before the closing bracket."
    except (_RepeatedKeyError, RecursionError, ValueError) as error:  # ValueError: a number with thousands of digits
        problem, cause = str(error), error
    raise PromptError(
        "prompts", expected="a JSON file that can be read", got=f"{file} ({problem})", hint=hint
    ) from cause


class _RepeatedKeyError(Exception):
    """Error for a JSON object with a repeated key, of which the json module would keep the last."""


def _to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        (key, count), *_ = Counter(key for key, _ in pairs).most_common()
        raise _RepeatedKeyError(f'the key "{key}" occurs {count} times in one object')
    return content


def _require_different_names(names: Sequence[str]) -> None:
    """Raise an error if two names would share a row or, on file systems that ignore case, a folder."""
    first: dict[str, str] = {}
    for name in names:
        other = first.get(name.casefold())
        if other is not None:
            got = f"{name} twice" if name == other else f"{other} and {name}"
            raise PromptError("prompts", expected="a different name for each mixture", got=got)
        first[name.casefold()] = name


def _parse_mixture(entry: Any, where: str) -> Mixture:
    if not isinstance(entry, dict):
        raise PromptError(where, expected="an object", got=type(entry).__name__)
    if unknown := sorted(set(entry) - _KEYS):
        raise PromptError(where, expected=f"only the keys {', '.join(sorted(_KEYS))}", got=", ".join(unknown))
    name, figure, index = entry.get("name"), entry.get("figure", ""), entry.get("index")
    if not _are_texts([name]) or not isinstance(figure, str) or not (index is None or type(index) is int):
        raise PromptError(where, expected="a name, and optionally a figure and an integer index", got=str(entry)[:80])
    _require_usable_name(str(name), where)
    where = f"{where} ({name})"
    if index is not None and not 1 <= index <= STEPS:
        raise PromptError(where, expected=f"an index from 1 to {STEPS}, or no index", got=str(index)[:40])
    prompts, guides = entry.get("prompts"), entry.get("guides")
    if not _are_texts(prompts) or not _are_texts(guides) or len(prompts) < 2 or len(guides) != len(prompts) - 1:
        got = f"prompts {str(prompts)[:60]} and guides {str(guides)[:60]}"
        raise PromptError(where, expected="at least two prompts, and one guide fewer than prompts", got=got)
    if prompts[0] == prompts[1]:
        raise PromptError(where, expected="two different prompts to mix", got=f'"{prompts[0][:60]}" twice')
    return Mixture(str(name), tuple(prompts), tuple(guides), figure, index)


def _require_usable_name(name: str, where: str) -> None:
    """Raise an error for a name that would break a table's rows or look like its last row."""
    if not name.isprintable():
        raise PromptError(where, expected="a name on one line, without control characters", got=repr(name)[:80])
    if name.strip().casefold() == AVERAGE.casefold():
        raise PromptError(where, expected="another name", got=f"{name}, which is the name of the table's last row")


def _are_texts(values: Any) -> TypeGuard[list[str]]:
    return isinstance(values, list) and all(isinstance(value, str) and value.strip() for value in values)
