"""Texts that the page can translate, as web/texts.js finds them by their English keys."""

from __future__ import annotations

import re
from collections.abc import Iterable

from error_parts import PLACE

PHRASE = "phrase"
_VALUES = {"count": r"\d[\d.,]*", "word": r"\S+", "shape": r"\[[\d, ]*\]", PHRASE: "(.+)"}
_OF_A_FORM = rf"[\w/]*{PLACE}"


def kind_of(name: str) -> str:
    """Return the kind of a value, by its name in a key."""
    return name.split("_")[0]


class KnownTexts:
    """Texts that can be made from keys.

    Args:
        keys: English texts with values in braces.
        as_forms: Whether the texts to find have a `PLACE` for each value, instead of the value.
    """

    def __init__(self, keys: Iterable[str], *, as_forms: bool = False) -> None:
        self._patterns = {key: _pattern(key, as_forms=as_forms) for key in keys}
        self.used: set[str] = set()

    def has(self, text: str) -> bool:
        """Return whether a text is known, and note every key that makes it."""
        fitting = {key for key, pattern in self._patterns.items() if self._fits(pattern.fullmatch(text))}
        self.used |= fitting
        items = text.split(", ")
        return bool(fitting) or (len(items) > 1 and all(map(self.has, items)))

    def _fits(self, found: re.Match[str] | None) -> bool:
        return found is not None and all(map(self.has, found.groups()))


def _pattern(key: str, *, as_forms: bool) -> re.Pattern[str]:
    literals, names = re.split(r"\{\w+\}", key), [kind_of(name) for name in re.findall(r"\{(\w+)\}", key)]
    of_lines = [_VALUES.get(kind, ".+?") for kind in names]
    values = [_VALUES[PHRASE] if kind == PHRASE else _OF_A_FORM for kind in names] if as_forms else of_lines
    parts = [part for pair in zip(map(re.escape, literals), [*values, ""], strict=True) for part in pair]
    return re.compile("".join(parts), re.DOTALL)
