"""Characters that act instead of being read: on a terminal, and on the direction in which text is written."""

from __future__ import annotations

import unicodedata

#: Characters that make text look as if other text stood there.
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_control(letter: str) -> bool:
    """Return whether a character moves the cursor, changes colors or turns the direction of writing."""
    return unicodedata.category(letter) == "Cc" or letter in _DIRECTIONS


def escape_controls(text: str) -> str:
    r"""Return a text in which control characters other than line breaks are written out.

    Example:
        >>> print(escape_controls("a \x1b[31mred circle"))
        a \x1b[31mred circle
    """
    return "".join(
        letter.encode("unicode_escape").decode() if is_control(letter) and letter != "\n" else letter for letter in text
    )
