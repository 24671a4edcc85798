"""Draw icon.png and banner.png, which the registry shows: `python docs/images/draw_logo.py`.

They show two prompts, the line between them, and the perpendicular from the guide, whose foot is the mixture.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from richspace_core.drawing import theme

ICON_SIZE, BANNER_SIZE = (400, 400), (1260, 540)  # square, and 21:9
FINER = 4  # drawn this many times larger and then scaled down, for smooth edges

_A, _B = (np.array(ImageColor.getrgb(color)) for color in theme.PROMPTS)
_WEIGHT = 0.46  # share of B in the mixture

Point = np.ndarray  # [2], x and y


def draw_mixture(draw: ImageDraw.ImageDraw, a: Point, b: Point, size: float) -> None:
    """Draw prompts of radius `size` at `a` and `b`, a guide above the line between them, and the guide's foot."""
    foot = a + _WEIGHT * (b - a)
    along = (b - a) / np.linalg.norm(b - a)
    upward = np.array([along[1], -along[0]])
    guide = foot + 3.3 * size * upward
    thick = round(size / 9)
    draw.line([tuple(a), tuple(b)], fill=theme.LINE, width=thick)
    draw.line([tuple(guide), tuple(foot)], fill=theme.CHOSEN, width=thick)
    corner = 0.95 * size * along, 0.95 * size * (along + upward), 0.95 * size * upward
    draw.line([tuple(foot + point) for point in corner], fill=theme.CHOSEN, width=thick // 2, joint="curve")
    for share, center, radius in ((0, a, 1), (1, b, 1), (_WEIGHT, foot, 0.6)):
        draw.polygon(_outline(center, radius * size, share), fill=_color(share))
    draw.ellipse([*(guide - 0.3 * size), *(guide + 0.3 * size)], fill=theme.CHOSEN)


def draw_icon() -> Image.Image:
    """Draw the square icon."""
    picture = Image.new("RGB", tuple(FINER * side for side in ICON_SIZE), theme.GROUND)
    side = FINER * ICON_SIZE[0]
    draw_mixture(ImageDraw.Draw(picture), side * np.array([0.2, 0.8]), side * np.array([0.8, 0.6]), 0.14 * side)
    return picture.resize(ICON_SIZE, Image.Resampling.LANCZOS)


def draw_banner() -> Image.Image:
    """Draw the wide banner, with the pack's name."""
    width, height = (FINER * side for side in BANNER_SIZE)
    picture = Image.new("RGB", (width, height), theme.GROUND)
    draw = ImageDraw.Draw(picture)
    draw_mixture(draw, height * np.array([0.29, 0.77]), height * np.array([1.05, 0.53]), 0.145 * height)
    left = 0.575 * width
    draw.text(
        (left, 0.5 * height), "RichSpace", theme.TEXT, theme.picture_font(round(0.15 * height), bold=True), anchor="ls"
    )
    draw.multiline_text(
        (left, 0.56 * height),
        "Mix two or three prompts\nin one video.",
        theme.MUTED,
        theme.picture_font(round(0.062 * height)),
        spacing=round(0.022 * height),
    )
    return picture.resize(BANNER_SIZE, Image.Resampling.LANCZOS)


def _outline(center: Point, radius: float, share: float) -> list[tuple[float, float]]:
    """Return the outline of a superellipse: a circle for `share` 0, nearly a square for 1."""
    power = 2 / (2 * 5**share)
    angles = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)  # [256, 2]
    shape = np.sign(circle) * np.abs(circle) ** power
    area = 0.5 * np.abs(np.sum(shape[:, 0] * np.roll(shape[:, 1], -1) - shape[:, 1] * np.roll(shape[:, 0], -1)))
    return [tuple(point) for point in center + radius * np.sqrt(np.pi / area) * shape]  # all have the same area


def _color(share: float) -> tuple[int, ...]:
    return tuple(round(value) for value in (1 - share) * _A + share * _B)


def main() -> None:
    """Write both files."""
    folder = Path(__file__).parent
    for name, picture in {"icon": draw_icon(), "banner": draw_banner()}.items():
        picture.save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
