"""Palette and fonts of every picture: plots, contact sheets, thumbnails and the logo.

The curves have colors of Okabe and Ito, which every kind of color vision can tell apart, and different line styles. The
font comes with matplotlib, so that every machine draws the same picture. The curves on ComfyUI's page have the same
hues; their lightness follows the page's theme.

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
GUIDE = "#6ae1b7"
CURVES = ("#56b4e9", "#dd8dbb")
"""Colors of curves, in order; a curve that decides over others has the color of text."""
DASHES: tuple[Any, ...] = ("-", (0, (3, 1.2)))
"""Line styles of curves, in the same order."""
PROMPTS = ("#ff5d5d", "#3f8cff")
"""Colors of the prompts A and B in the logo."""
LINE = "#565664"
"""Color of the line between the prompts in the logo."""
NODE, FINDER_NODE = "#3a3a46", "#33335c"
"""Grounds of ComfyUI's own nodes and of a finder, as in the workflows."""

SIZE, TITLE_SIZE = 22, 31
"""Sizes of text and of titles in plots, in 1/768 of the picture's width."""


def font_file(*, bold: bool = False) -> Path:
    """Return the path of the font file."""
    import matplotlib

    return Path(matplotlib.get_data_path(), "fonts", "ttf", f"DejaVuSans{'-Bold' * bold}.ttf")


def plot_font(size: float = SIZE, *, bold: bool = False) -> Any:
    """Return the font for matplotlib."""
    from matplotlib.font_manager import FontProperties

    return FontProperties(fname=font_file(bold=bold), size=size)


def curve_look(number: int) -> tuple[str, Any]:
    """Return the color and line style of curve `number`, counted from 0; the first four differ."""
    count = len(CURVES)
    return CURVES[number % count], DASHES[(number + number // count) % count]


def picture_font(size: float, *, bold: bool = False) -> Any:
    """Return the font for Pillow."""
    from PIL import ImageFont

    return ImageFont.truetype(str(font_file(bold=bold)), size)
