"""Text form of keyframes: what it means, where a typo is, and that it comes back as it went in."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from richspace_core import RichSpaceError
from richspace_core.morph.curve import LETTERS, Keyframe
from richspace_core.morph.text import format_keyframes, parse_keyframes

A, B = (("A", 100.0),), (("B", 100.0),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0%: A, 40%: A, 60%: B", [Keyframe(0, A), Keyframe(40, A), Keyframe(60, B)]),
        ("0: A, 24: B", [Keyframe(0, A, True), Keyframe(24, B, True)]),
        (" 0% :a ;\n12.5%:  b , ", [Keyframe(0, A), Keyframe(12.5, B)]),
        ("50%: 70% A", [Keyframe(50, (("A", 70), ("B", 30)))]),
        ("50%: 70% B", [Keyframe(50, (("A", 30), ("B", 70)))]),
        ("50%: 70% A + 30% B", [Keyframe(50, (("A", 70), ("B", 30)))]),
        ("50%: B + 70%A", [Keyframe(50, (("A", 70), ("B", 30)))]),
        ("50%: 100% A", [Keyframe(50, A)]),
        ("50%: 0% A", [Keyframe(50, B)]),
        ("0%: A\n100%: B\n", [Keyframe(0, A), Keyframe(100, B)]),
        ("50%: 33.3% A + 33.3% B + F", [Keyframe(50, (("A", 33.3), ("B", 33.3), ("F", 33.4)))]),
    ],
)
def test_reads_the_grammar(text, expected):
    assert list(parse_keyframes(text)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected at least one keyframe, got none"),
        (" , ", "expected a time such as"),
        ("0%: A, x: B", r"expected a time such as \"40%\", or the number of a frame, got 'x: B' at character 8"),
        ("0%: A 40%: B", r"expected a comma between keyframes, got '40%: B' at character 7"),
        ("0% A", r"expected a colon after the time, got 'A' at character 4"),
        ("0%: G", r"expected the letter of a prompt, A to F, got 'G' at character 5"),
        ("0%: Apple", r"expected the letter of a prompt, A to F, got 'Apple' at character 5"),
        ("0%: A, 40%:", r"expected the letter of a prompt, A to F, got nothing after '0%: A, 40%:'"),
        ("0%: 70 A", r"expected a percent sign after the share of a prompt, got 'A' at character 8"),
        (
            "0%: A, 120%: B",
            r"expected a time of at most 100%, the last frame of the video, got '120%: B' at character 8",
        ),
        ("1.5: A", r"expected a whole number of a frame, .*, got '1.5: A' at character 1"),
        ("0%: 120% A", r"expected a share of at most 100%, got '120% A' at character 5"),
        ("0%: 70% A + 40% B", r"shares that add up to 100%, but they add up to 110%, got '70% A \+ 40% B' at char"),
        ("0%: 70% A + 20% B", r"but they add up to 90%, got"),
        ("0%: 70% C", r"but they add up to 70%, got '70% C' at character 5"),
        ("0%: A + B", r"a share for every prompt of a mixture but one, got 'A \+ B' at character 5"),
        ("0%: 50% A + 50% A", r"each prompt once in a mixture, but A is there twice"),
        ("-5%: A", r"expected a time such as .* got '-5%: A' at character 1"),
    ],
)
def test_names_the_place_of_a_typo(text, message):
    with pytest.raises(RichSpaceError, match=f"^curve: .*{message}"):
        parse_keyframes(text, prompts=2)


def test_the_rest_is_only_clear_between_two_prompts():
    with pytest.raises(RichSpaceError, match=r"add up to 70%, got '70% A' at character 5"):
        parse_keyframes("0%: 70% A", prompts=3)


hundredths = st.integers(0, 10_000).map(lambda number: number / 100)


@st.composite
def keyframes(draw):
    is_frame = draw(st.booleans())
    time = float(draw(st.integers(0, 1000))) if is_frame else draw(hundredths)
    letters = draw(st.lists(st.sampled_from(LETTERS), min_size=1, max_size=4, unique=True))
    cuts = sorted(
        draw(st.lists(st.integers(1, 9999), min_size=len(letters) - 1, max_size=len(letters) - 1, unique=True))
    )
    bounds = [0, *cuts, 10_000]
    shares = [(end - start) / 100 for start, end in pairwise(bounds)]
    return Keyframe(time, tuple(zip(letters, shares, strict=True)), is_frame)


@given(st.lists(keyframes(), min_size=1, max_size=8))
def test_the_text_form_comes_back_as_it_went_in(drawn):
    text = format_keyframes(tuple(drawn))
    assert list(parse_keyframes(text, prompts=6)) == drawn
    assert format_keyframes(parse_keyframes(text, prompts=6)) == text


def refusal(text):
    """Return the error that a text is refused with; None if it is a curve."""
    try:
        parse_keyframes(text)
    except RichSpaceError as error:
        return error
    return None


@given(st.text(alphabet="0123456789%:;,.+ABab \nxG", max_size=24))
def test_any_other_text_is_refused_with_a_hint(text):
    error = refusal(text)
    if error is None:
        parsed = parse_keyframes(text)
        assert parse_keyframes(format_keyframes(parsed)) == parsed
    else:
        assert error.argument == "curve"
        assert error.hint
