"""Colors as people see them: how well one is read on another, and whether two can be told apart."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: What the three kinds of color blindness leave of linear red, green and blue (Machado, Oliveira, Fernandes, 2009).
VISIONS = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopia": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}


def contrast(one: Sequence[float], other: Sequence[float]) -> float:
    """Return WCAG's contrast ratio of two sRGB colors with channels of 0 to 255.

    Example:
        >>> round(contrast((0, 0, 0), (255, 255, 255)))
        21
    """
    dark, light = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in map(_linear, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def least_difference(colors: Iterable[Sequence[float]]) -> float:
    """Return the smallest OKLab distance between any two of some colors, in the kind of vision that sees it worst."""
    pairs = list(itertools.combinations(map(_linear, colors), 2))
    return min(
        math.dist(_oklab(_times(vision, one)), _oklab(_times(vision, other)))
        for vision in VISIONS.values()
        for one, other in pairs
    )


def oklab(color: Sequence[float]) -> tuple[float, ...]:
    """Return the OKLab coordinates of an sRGB color with channels of 0 to 255."""
    return _oklab(_linear(color))


def _linear(color: Sequence[float]) -> tuple[float, ...]:
    parts = [part / 255 for part in color[:3]]
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)


def _times(matrix: Sequence[Sequence[float]], color: Sequence[float]) -> tuple[float, ...]:
    return tuple(sum(a * b for a, b in zip(row, color, strict=True)) for row in matrix)


def _oklab(linear: Sequence[float]) -> tuple[float, ...]:
    """The coordinates of Ottosson's OKLab, in which equal distances look equally different."""
    cones = _times(
        ((0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
         (0.0883024619, 0.2817188376, 0.6299787005)),
        linear,
    )  # fmt: skip
    return _times(
        ((0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099),
         (0.0259040371, 0.7827717662, -0.8086757660)),
        [math.copysign(abs(part) ** (1 / 3), part) for part in cones],
    )  # fmt: skip
