"""Palette and fonts of everything that the pack draws: plots, contact sheets, thumbnails and the curves in the page.

The curve colors are Okabe and Ito's, which every kind of color vision can tell apart; line styles differ as well. The
font is the one that matplotlib ships, so every machine draws the same picture.

References:
    Okabe and Ito, Color Universal Design, 2008.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

GROUND = "#1e1e24"
FIELD = "#25252d"
GRID = "#3b3b47"
TEXT = "#f2f2f5"
MUTED = "#b4b4c2"
CHOSEN = "#f5a81c"
GUIDE = "#1fc497"
CURVES = ("#56b4e9", "#dd8dbb")
"""Colors of curves, in order; a curve that decides over others is drawn in the color of text."""
DASHES: tuple[Any, ...] = ("-", (0, (3, 1.2)))
"""Line styles of curves, in the same order."""

SIZE, TITLE_SIZE = 22, 31
"""Sizes of text and of titles in plots, in 1/768 of the picture's width."""


def font_file(*, bold: bool = False) -> Path:
    """Return the path of the font."""
    import matplotlib

    return Path(matplotlib.get_data_path(), "fonts", "ttf", f"DejaVuSans{'-Bold' * bold}.ttf")


def plot_font(size: float = SIZE, *, bold: bool = False) -> Any:
    """Return the font for matplotlib."""
    from matplotlib.font_manager import FontProperties

    return FontProperties(fname=font_file(bold=bold), size=size)


def picture_font(size: float, *, bold: bool = False) -> Any:
    """Return the font for Pillow."""
    from PIL import ImageFont

    return ImageFont.truetype(str(font_file(bold=bold)), size)
