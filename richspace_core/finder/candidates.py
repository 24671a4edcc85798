"""Candidates between two prompts: selections of them, and their names.

References:
    RichSpace, Definition 5.1: candidate i of k has the share i/k of A and the rest of B.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from ..errors import RichSpaceError
from .geometry import require_index, require_steps

if TYPE_CHECKING:
    from collections.abc import Iterable

_PART = re.compile(r"\s*(\d{1,9})\s*(?:[-\u2013]\s*(\d{1,9})\s*)?")  # a number or a range, with a hyphen or a dash
_FORM = 'numbers and ranges such as "1, 8, 15-18"'


def evenly_spread(count: int, steps: int) -> list[int]:
    """Return candidates at equal distances from the first to the last, or the middle one if `count` is 1.

    Args:
        count: Number of candidates to return, at least 1; if there are fewer, all are returned.
        steps: Number of candidates k.

    Returns:
        Indices in 1..k, each once, in order.

    Raises:
        RichSpaceError: If `count` or `steps` is below 1.

    Example:
        >>> evenly_spread(5, 30)
        [1, 8, 15, 22, 30]
        >>> evenly_spread(1, 30), evenly_spread(9, 3)
        ([15], [1, 2, 3])
    """
    require_steps(steps)
    if count < 1:
        raise RichSpaceError("count", expected="at least 1 candidate", got=str(count))
    if count == 1:
        return [(steps + 1) // 2]
    gaps = min(count, steps) - 1
    return [1 + number * (steps - 1) // max(gaps, 1) for number in range(gaps + 1)]


def parse_candidates(text: str, steps: int) -> list[int]:
    """Return the candidates that a text names.

    Args:
        text: Numbers and ranges, separated by commas. A range may run backward.
        steps: Number of candidates k.

    Returns:
        Indices in 1..k in the order of the text, each once.

    Raises:
        RichSpaceError: If the text has the wrong form, or names a candidate that does not exist.

    Example:
        >>> parse_candidates("30, 1, 15-18", 30)
        [30, 1, 15, 16, 17, 18]
    """
    found: dict[int, None] = {}
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise RichSpaceError(
                "candidates",
                expected=_FORM,
                got=repr(part.strip()) if part.strip() else "a comma with nothing before or after it",
                hint="Leave it empty to spread the candidates evenly.",
            )
        first = int(match[1])
        last = int(match[2] or first)
        _require_candidates((first, last), steps, name="candidates")
        step = 1 if first <= last else -1
        found.update(dict.fromkeys(range(first, last + step, step)))
    return list(found)


def parse_indices(text: str, stages: int, steps: int) -> list[int]:
    """Return the candidate that a text picks by hand for each stage of a chain; 0 lets the finder choose.

    Args:
        text: Numbers in the order of the stages, separated by commas. A place without a number counts as 0, and so do
            the stages after the last number.
        stages: Number of stages.
        steps: Number of candidates k in each stage.

    Returns:
        Indices in 0..k, one for each stage.

    Raises:
        RichSpaceError: If the text has the wrong form or more numbers than stages, or names a candidate that does not
            exist.

    Example:
        >>> parse_indices("0, 17", 3, 30), parse_indices("", 2, 30)
        ([0, 17, 0], [0, 0])
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > stages or not all(re.fullmatch(r"[0-9]{0,9}", part) for part in parts):
        raise RichSpaceError(
            "indices",
            expected=f"at most {stages} whole numbers separated by commas, one for each stage",
            got=repr(text),
            hint="0 lets the finder choose in a stage. Leave it empty to let it choose in all of them.",
        )
    indices = [int(part or "0") for part in parts]
    _require_candidates([index for index in indices if index], steps, name="indices")
    return indices + [0] * (stages - len(indices))


def _require_candidates(indices: Iterable[int], steps: int, *, name: str) -> None:
    try:
        for index in indices:
            require_index(index, steps)
    except RichSpaceError as error:
        raise error.renamed({"index": name}) from error


def shares(index: int, steps: int) -> tuple[str, str]:
    """Return the shares of A and B in a candidate, in percent; with decimals if there are more than 100 candidates.

    Example:
        >>> shares(14, 30), shares(999, 1000)
        (('47%', '53%'), ('99.9%', '0.1%'))
    """
    decimals = max(0, math.ceil(math.log10(steps)) - 2)  # 999 of 1000 is not 100% A
    share = round(100 * index / steps, decimals)
    return f"{share:.{decimals}f}%", f"{100 - share:.{decimals}f}%"


def label(index: int, steps: int) -> str:
    """Return the label of a candidate's video.

    Example:
        >>> label(15, 30)
        '15 of 30: 50% A'
    """
    return f"{index} of {steps}: {shares(index, steps)[0]} A"


def file_name(index: int, steps: int) -> str:
    """Return a name for a candidate's file. Names of the same steps sort in the order of the candidates.

    Example:
        >>> file_name(7, 30)
        'candidate_07_of_30'
    """
    return f"candidate_{index:0{len(str(steps))}}_of_{steps}"
