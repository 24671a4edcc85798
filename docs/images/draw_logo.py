"""Draws icon.png and banner.png beside this file, which the registry shows: `python docs/images/draw_logo.py`.

Two prompts, the line between them, and the perpendicular from the guide, whose foot is the mixture.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

ICON_SIZE, BANNER_SIZE = (400, 400), (1260, 540)  # square, and 21:9
FINER = 4  # drawn this many times larger, then made smaller: smooth edges

_GROUND, _LINE, _TEXT, _MUTED, _GUIDE = "#1e1e24", "#565664", "#f2f2f5", "#b4b4c2", "#f5a81c"  # as the score plot's
_A, _B = (np.array(ImageColor.getrgb(color)) for color in ("#ff5d5d", "#3f8cff"))
_WEIGHT = 0.46  # the share of B in the mixture

Point = np.ndarray  # [2], x and y


def draw_mixture(draw: ImageDraw.ImageDraw, a: Point, b: Point, size: float) -> None:
    """Two prompts at `a` and `b`, a guide above the line between them, and its foot; `size` is a prompt's radius."""
    foot = a + _WEIGHT * (b - a)
    along = (b - a) / np.linalg.norm(b - a)
    upward = np.array([along[1], -along[0]])
    guide = foot + 3.3 * size * upward
    thick = round(size / 9)
    draw.line([tuple(a), tuple(b)], fill=_LINE, width=thick)
    draw.line([tuple(guide), tuple(foot)], fill=_GUIDE, width=thick)
    corner = 0.95 * size * along, 0.95 * size * (along + upward), 0.95 * size * upward
    draw.line([tuple(foot + point) for point in corner], fill=_GUIDE, width=thick // 2, joint="curve")
    for share, center, radius in ((0, a, 1), (1, b, 1), (_WEIGHT, foot, 0.6)):
        draw.polygon(_outline(center, radius * size, share), fill=_color(share))
    draw.ellipse([*(guide - 0.3 * size), *(guide + 0.3 * size)], fill=_GUIDE)


def draw_icon() -> Image.Image:
    """The square one."""
    picture = Image.new("RGB", tuple(FINER * side for side in ICON_SIZE), _GROUND)
    side = FINER * ICON_SIZE[0]
    draw_mixture(ImageDraw.Draw(picture), side * np.array([0.2, 0.8]), side * np.array([0.8, 0.6]), 0.14 * side)
    return picture.resize(ICON_SIZE, Image.Resampling.LANCZOS)


def draw_banner() -> Image.Image:
    """The wide one, with the pack's name."""
    width, height = (FINER * side for side in BANNER_SIZE)
    picture = Image.new("RGB", (width, height), _GROUND)
    draw = ImageDraw.Draw(picture)
    draw_mixture(draw, height * np.array([0.29, 0.77]), height * np.array([1.05, 0.53]), 0.145 * height)
    left = 0.575 * width
    draw.text((left, 0.5 * height), "RichSpace", _TEXT, _font(0.15 * height, bold=True), anchor="ls")
    draw.multiline_text(
        (left, 0.56 * height),
        "Mix two or three prompts\nin one video.",
        _MUTED,
        _font(0.062 * height),
        spacing=round(0.022 * height),
    )
    return picture.resize(BANNER_SIZE, Image.Resampling.LANCZOS)


def _outline(center: Point, radius: float, share: float) -> list[tuple[float, float]]:
    """A superellipse: a circle for `share` 0, nearly a square for 1."""
    power = 2 / (2 * 5**share)
    angles = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)  # [256, 2]
    shape = np.sign(circle) * np.abs(circle) ** power
    area = 0.5 * np.abs(np.sum(shape[:, 0] * np.roll(shape[:, 1], -1) - shape[:, 1] * np.roll(shape[:, 0], -1)))
    return [tuple(point) for point in center + radius * np.sqrt(np.pi / area) * shape]  # all of the same area


def _color(share: float) -> tuple[int, ...]:
    return tuple(round(value) for value in (1 - share) * _A + share * _B)


def _font(size: float, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The font that matplotlib ships, so that every machine draws the same picture."""
    name = f"DejaVuSans{'-Bold' * bold}.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)), round(size))


def main() -> None:
    """Write both files."""
    folder = Path(__file__).parent
    for name, picture in {"icon": draw_icon(), "banner": draw_banner()}.items():
        picture.save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
