"""Widths of texts, and texts that are cut to a width."""

import pytest

from richspace_core.drawing.lettering import Lettering

WIDTH = 120


@pytest.fixture(scope="module")
def lettering():
    return Lettering(12)


def test_a_text_that_fits_stays_as_it_is(lettering):
    assert lettering.elide("a red circle", WIDTH) == "a red circle"
    assert lettering.elide("", 0) == ""


@pytest.mark.parametrize("text", ["a red circle that moves to the right", "x" * 63, "x" * 64, "x" * 65, "AVAVA " * 200])
def test_a_longer_text_keeps_what_fits(text, lettering):
    shown = lettering.elide(text, WIDTH)
    kept = shown.removesuffix("…")
    assert lettering.width(shown) <= WIDTH
    assert text.startswith(kept)
    following = text[len(kept) :].split(maxsplit=1)[0] if " " in text else text[len(kept)]
    assert lettering.width(f"{kept} {following}…") > WIDTH, "another word would have fitted"


def test_one_letter_is_left_in_no_room(lettering):
    assert lettering.elide("circle", 0) == "c…"


def test_a_very_long_prompt_is_not_measured_whole(monkeypatch):
    lettering, measured = Lettering(12), []
    width = lettering.width
    monkeypatch.setattr(lettering, "width", lambda text: measured.append(len(text)) or width(text))
    assert lettering.elide("a red circle " * 20_000, WIDTH) == lettering.elide("a red circle " * 20, WIDTH)
    assert max(measured) < 500
    assert len(measured) < 50
