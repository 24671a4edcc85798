"""Palette of all pictures: no other module has its own colors, and the page has the same hues."""

import re
from pathlib import Path

import pytest
from colors import least_difference, oklch

from richspace_core.drawing import theme

ROOT = Path(__file__).parents[3]
DRAWING = sorted(Path(theme.__file__).parent.glob("*.py"))
OTHERS = [*ROOT.rglob("thumbnails.py"), ROOT / "docs" / "images" / "draw_logo.py"]
MARKED = {"chosen": theme.CHOSEN, "guide": theme.GUIDE, "first curve": theme.CURVES[0], "second curve": theme.CURVES[1]}

# The lightness of a variable on a dark ground; calc() has the light one, and what is added in the dark.
NUMBER = r"([\d.]+|calc\([\d.]+ \+ [\d.]+ \* var\(--richspace-on-dark\)\))"
VARIABLE = re.compile(
    rf"--richspace-([\w-]+):\s*oklch\(\s*from var\(--richspace-ground\)\s+{NUMBER}\s+{NUMBER}\s+{NUMBER}"
)


@pytest.fixture(scope="module")
def in_the_dark():
    """Return the colors of the page's variables on a dark ground."""
    page = " ".join((ROOT / "web" / "richspace.css").read_text(encoding="utf-8").split())

    def number(text):
        return sum(map(float, re.findall(r"[\d.]+", text)))

    return {name: tuple(map(number, parts)) for name, *parts in VARIABLE.findall(page)}


@pytest.mark.parametrize(
    "file", [*(file for file in DRAWING if file.stem != "theme"), *OTHERS], ids=lambda file: file.stem
)
def test_no_other_module_has_colors_or_fonts_of_its_own(file):
    text = file.read_text(encoding="utf-8")
    assert re.findall(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b|DejaVu", text) == []


def test_colors_differ():
    palette = [theme.GROUND, theme.FIELD, theme.GRID, theme.TEXT, theme.MUTED, *MARKED.values()]
    assert len({*palette}) == len(palette)
    assert all(re.fullmatch(r"#[0-9a-f]{6}", color) for color in palette)


def test_four_curves_look_different():
    looks = [theme.curve_look(number) for number in range(4)]
    assert looks[:2] == list(zip(theme.CURVES, theme.DASHES, strict=True))
    assert all(look not in looks[:number] for number, look in enumerate(looks))


@pytest.mark.parametrize("name", ["chosen", "first curve", "second curve"])
def test_the_guide_differs_from_every_other_mark(name):
    guide, other = (bytes.fromhex(color[1:]) for color in (theme.GUIDE, MARKED[name]))
    assert abs(oklch(guide)[0] - oklch(other)[0]) > 0.04  # in a gray copy, too
    assert least_difference([guide, other]) > 0.09


@pytest.mark.parametrize("color", MARKED.values(), ids=MARKED)
def test_the_page_has_the_same_hues(color, in_the_dark):
    lightness, chroma, hue = oklch(bytes.fromhex(color[1:]))
    # The page rounds to two digits, and its chroma is one that it has in the light, too.
    close = [
        name
        for name, (other_lightness, other_chroma, other_hue) in in_the_dark.items()
        if abs(hue - other_hue) < 6 and abs(lightness - other_lightness) < 0.01 and abs(chroma - other_chroma) < 0.04
    ]
    assert len(close) == 1, (lightness, chroma, hue, in_the_dark)
