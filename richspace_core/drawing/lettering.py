"""Texts in pictures, in the font that matplotlib ships: every machine draws the same."""

from __future__ import annotations

import unicodedata

from .theme import font_file


class Lettering:
    """Which characters the font has, and how wide a text comes out.

    Args:
        size: Of the letters, in the unit in which widths are given.
    """

    def __init__(self, size: float) -> None:
        from matplotlib.ft2font import FT2Font

        self._face = FT2Font(str(font_file()))
        self._face.set_size(size, 72)

    def drawable(self, text: str) -> str:
        """What of `text` the font can set, in one line; nothing where most of its letters would be lost."""
        one_line = " ".join(text.split())
        kept = " ".join("".join(filter(self._has, one_line)).split())
        letters, left = (sum(map(str.isalnum, part)) for part in (one_line, kept))
        return kept if left and 2 * left >= letters else ""

    def elide(self, text: str, width: float) -> str:
        """`text`, cut short with an ellipsis where it is wider than `width`."""
        if self.width(text) <= width:
            return text
        end = next((end for end in range(len(text), 1, -1) if self.width(text[:end] + "…") <= width), 1)
        space = text.rfind(" ", 0, end + 1)
        end = space if space > end / 2 else end  # between words, unless that would lose too much
        return text[:end].rstrip(" ,.;:") + "…"

    def width(self, text: str) -> float:
        """How wide a text is."""
        self._face.set_text(text)
        return float(self._face.get_width_height()[0]) / 64  # FreeType counts in 1/64

    def _has(self, character: str) -> bool:
        # Older matplotlib sets right-to-left scripts backwards, so they count as not there.
        leftward = unicodedata.bidirectional(character) in ("R", "AL")
        return character.isprintable() and not leftward and self._face.get_char_index(ord(character)) != 0
