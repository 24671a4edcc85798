"""Lettering of pictures: the characters that the font has, and the width of texts."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right

from .theme import font_file

_FIRST_LOOK = 64  # characters


class Lettering:
    """Lettering in the font of `theme` at one size.

    Args:
        size: Size of the letters, in the unit of the widths.
    """

    def __init__(self, size: float) -> None:
        from matplotlib.ft2font import FT2Font

        self._face = FT2Font(str(font_file()))
        self._face.set_size(size, 72)

    def drawable(self, text: str) -> str:
        """Return the part of `text` that the font can draw, in one line; empty if that loses most letters."""
        one_line = " ".join(text.split())
        kept = " ".join("".join(filter(self._has, one_line)).split())
        letters, left = (sum(map(str.isalnum, part)) for part in (one_line, kept))
        return kept if left and 2 * left >= letters else ""

    def elide(self, text: str, width: float) -> str:
        """Return `text`, shortened with an ellipsis if it is wider than `width`."""
        most = _FIRST_LOOK
        while most < len(text) and self.width(text[:most]) <= width:
            most *= 2
        if most >= len(text) and self.width(text) <= width:
            return text
        # Widths are searched, not tried one after another: a prompt may be thousands of words long.
        ends = range(1, min(most, len(text)))
        end = max(1, bisect_right(ends, width, key=lambda end: self.width(text[:end] + "…")))
        space = text.rfind(" ", 0, end + 1)
        end = space if space > end / 2 else end  # between words, unless that loses too much
        return text[:end].rstrip(" ,.;:") + "…"

    def wrap(self, text: str, width: float, lines: int) -> list[str]:
        """Return `text` in at most `lines` lines, the last one shortened if the rest is wider than `width`."""
        words, wrapped = text.split(), list[str]()
        while words and len(wrapped) < lines - 1:
            count = 1
            while count < len(words) and self.width(" ".join(words[: count + 1])) <= width:
                count += 1
            wrapped.append(self.elide(" ".join(words[:count]), width))
            words = words[count:]
        return [*wrapped, self.elide(" ".join(words), width)] if words else wrapped

    def width(self, text: str) -> float:
        """Return the width of a text."""
        self._face.set_text(text)
        return float(self._face.get_width_height()[0]) / 64  # FreeType counts in 1/64

    def _has(self, character: str) -> bool:
        # Older versions of matplotlib draw right-to-left scripts backward, so these count as missing.
        leftward = unicodedata.bidirectional(character) in ("R", "AL")
        return character.isprintable() and not leftward and self._face.get_char_index(ord(character)) != 0
