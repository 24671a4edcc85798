"""The palette of the drawings and the colors of the page, which are one."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest
from colors import oklab

from richspace_core.drawing import theme

if TYPE_CHECKING:
    from pathlib import Path

DRAWN = {"first": theme.CURVES[0], "second": theme.CURVES[1], "chosen": theme.CHOSEN, "guide": theme.GUIDE}
LEAST_TOLD_APART = 0.06  # in OKLab; the page darkens the guide a little, so that it differs more from the first curve


@pytest.fixture(scope="module")
def page_colors(root: Path) -> dict[str, tuple[float, float, float]]:
    """OKLab lightness, chroma and hue of each color of the page on a dark ground."""
    css = (root / "web" / "richspace.css").read_text(encoding="utf-8")
    number = r"(?:calc\(\s*([\d.]+) \+ ([\d.]+) \* var\(--richspace-on-dark\)\s*\)|([\d.]+))"
    color = rf"--richspace-(\w+): oklch\(\s*from var\(--richspace-ground\)\s*{number}\s*{number}\s*{number}\s*\);"
    return {name: _on_dark(numbers) for name, *numbers in re.findall(color, css)}


def _on_dark(numbers: list[str]) -> tuple[float, float, float]:
    lightness, chroma, hue = (sum(float(part or 0) for part in numbers[start : start + 3]) for start in (0, 3, 6))
    return lightness, chroma, hue


@pytest.mark.parametrize("name", DRAWN)
def test_the_page_has_the_hues_of_the_drawings(page_colors: dict[str, tuple[float, float, float]], name: str) -> None:
    lightness, chroma, hue = page_colors[name]
    red, green, blue = (int(DRAWN[name][start : start + 2], 16) for start in (1, 3, 5))
    _, a, b = drawn = oklab((red, green, blue))
    assert abs(math.degrees(math.atan2(b, a)) % 360 - hue) < 2
    there = lightness, chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    assert math.dist(drawn, there) < LEAST_TOLD_APART
