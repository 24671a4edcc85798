"""What is mixed: the paper's mixtures in this project's words, or a file of one's own."""

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
from .tables import AVERAGE

PAPER_PROMPTS = Path(__file__).with_name("prompts.json")
"""Every mixture of the paper. Only the prompts of its Figure 2(a) are known; the others follow their pattern."""

_TRAILING_COMMA = re.compile(r"\s*,\s*[\]}]")
_KEYS = {"name", "prompts", "guides", "figure", "index"}
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
        file: JSON in the form of `PAPER_PROMPTS`, in UTF-8, UTF-16 or UTF-32, with or without a byte order mark;
            "figure" and "index" may be left out.

    Raises:
        PromptError: If it cannot be read, two mixtures have one name, or an entry has an unknown or repeated key, an
            index that is not on the paper's lines, no two different prompts, or not one guide fewer than prompts.
    """
    entries = _read_json(file)
    if not isinstance(entries, list) or not entries:
        raise PromptError("prompts", expected=_FORM, got=f"{type(entries).__name__} in {file.name}")
    mixtures = tuple(_mixture(entry, f"prompts, entry {number}") for number, entry in enumerate(entries, start=1))
    _require_different_names([mixture.name for mixture in mixtures])
    return mixtures


def choose(mixtures: Iterable[Mixture], names: Sequence[str], *, option: str = "only") -> tuple[Mixture, ...]:
    """Return those of `mixtures` that are named, each once, in the order of the names; all of them without names.

    Args:
        mixtures: To choose from.
        names: Names of some of them.
        option: What the names come from, for the error.

    Raises:
        PromptError: If a name is none of theirs.
    """
    known = {mixture.name: mixture for mixture in mixtures}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise PromptError(option, expected=f"names out of {', '.join(known)}", got=", ".join(unknown))
    return tuple(known[name] for name in dict.fromkeys(names)) or tuple(known.values())


def _read_json(file: Path) -> Any:
    hint = f"It must hold {_FORM}."
    cause: Exception
    try:
        # Bytes, because json then recognizes each encoding of Unicode, as Windows' editors and shells write them.
        return json.loads(file.read_bytes(), object_pairs_hook=_object)
    except OSError as error:
        problem, cause = str(error.strerror), error
    except UnicodeDecodeError as error:
        problem, cause, hint = f"not UTF-8: {error.reason}", error, "Save it as UTF-8 in your editor."
    except json.JSONDecodeError as error:
        problem, cause = f"line {error.lineno}, column {error.colno}: {error.msg}", error
        if _TRAILING_COMMA.match(error.doc, len(error.doc[: error.pos].rstrip(", \t\r\n"))):
            hint = "Remove the comma before the closing bracket."
    except (_RepeatedKeyError, RecursionError, ValueError) as error:  # ValueError: a number of thousands of digits
        problem, cause = str(error), error
    raise PromptError(
        "prompts", expected="a JSON file that can be read", got=f"{file} ({problem})", hint=hint
    ) from cause


class _RepeatedKeyError(Exception):
    """An object in JSON that has one key twice, of which the json module would keep the last."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        (key, count), *_ = Counter(key for key, _ in pairs).most_common()
        raise _RepeatedKeyError(f'the key "{key}" is there {count} times in one object')
    return content


def _require_different_names(names: Sequence[str]) -> None:
    """Raise an error if two names would share a row or, where file names ignore case, a folder."""
    first: dict[str, str] = {}
    for name in names:
        other = first.get(name.casefold())
        if other is not None:
            got = f"{name} twice" if name == other else f"{other} and {name}"
            raise PromptError("prompts", expected="a name of its own for each mixture", got=got)
        first[name.casefold()] = name


def _mixture(entry: Any, where: str) -> Mixture:
    if not isinstance(entry, dict):
        raise PromptError(where, expected="an object", got=type(entry).__name__)
    if unknown := sorted(set(entry) - _KEYS):
        raise PromptError(where, expected=f"only the keys {', '.join(sorted(_KEYS))}", got=", ".join(unknown))
    name, figure, index = entry.get("name"), entry.get("figure", ""), entry.get("index")
    if not _are_texts([name]) or not isinstance(figure, str) or not (index is None or type(index) is int):
        raise PromptError(where, expected="a name, perhaps a figure and a whole index", got=str(entry)[:80])
    _require_usable_name(str(name), where)
    where = f"{where} ({name})"
    if index is not None and not 1 <= index <= STEPS:
        raise PromptError(where, expected=f"an index from 1 to {STEPS}, or none", got=str(index)[:40])
    prompts, guides = entry.get("prompts"), entry.get("guides")
    if not _are_texts(prompts) or not _are_texts(guides) or len(prompts) < 2 or len(guides) != len(prompts) - 1:
        got = f"prompts {str(prompts)[:60]} and guides {str(guides)[:60]}"
        raise PromptError(where, expected="two prompts or more, and one guide fewer", got=got)
    if prompts[0] == prompts[1]:
        raise PromptError(where, expected="two different prompts to mix", got=f'"{prompts[0][:60]}" twice')
    return Mixture(str(name), tuple(prompts), tuple(guides), figure, index)


def _require_usable_name(name: str, where: str) -> None:
    """Raise an error for a name that would break the lines of a table, or be taken for its last row."""
    if not name.isprintable():
        raise PromptError(where, expected="a name in one line, without control characters", got=repr(name)[:80])
    if name.strip().casefold() == AVERAGE.casefold():
        raise PromptError(where, expected="another name", got=f"{name}, which the table's last row has")


def _are_texts(values: Any) -> TypeGuard[list[str]]:
    return isinstance(values, list) and all(isinstance(value, str) and value.strip() for value in values)
