"""Curve of a morph: shares in each latent frame."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from richspace_core import RichSpaceError
from richspace_core.morph.curve import PRESETS, Keyframe, LatentTimes, MorphCurve
from richspace_core.morph.text import parse_keyframes

VIDEO = LatentTimes(latents=5, group=4)  # 17 frames


def weights(text, times=VIDEO, prompts=2, interpolation="linear"):
    return MorphCurve(parse_keyframes(text, prompts), interpolation).weights(times, prompts)


@pytest.mark.parametrize(("group", "frames"), [(4, 17), (6, 25), (8, 33), (1, 5)])
def test_a_latent_frame_stands_for_the_middle_of_its_group(group, frames):
    times = LatentTimes(latents=5, group=group)
    groups = [[0], *([1 + group * number + place for place in range(group)] for number in range(4))]
    assert times.frames == frames == sum(map(len, groups))
    assert times.middles == [sum(each) / len(each) for each in groups]


def test_linear_shares_are_on_the_line_through_the_keyframes():
    shares = weights("0%: A, 100%: B")[0]
    assert shares.tolist() == pytest.approx([1 - middle / 16 for middle in VIDEO.middles])


def test_smooth_shares_start_and_end_slowly_and_agree_in_the_middle():
    times = LatentTimes(latents=41, group=1)
    linear, smooth = (weights("0%: B, 100%: A", times, interpolation=each)[0] for each in ("linear", "smooth"))
    part = torch.arange(41, dtype=torch.float64) / 40
    torch.testing.assert_close(linear, part)
    torch.testing.assert_close(smooth, 3 * part**2 - 2 * part**3)


def test_shares_are_constant_before_the_first_and_after_the_last_keyframe():
    assert weights("8: A").tolist() == [[1] * 5, [0] * 5]
    shares = weights("6: A, 12: B", LatentTimes(latents=17, group=1))[0]
    assert shares[:7].tolist() == [1] * 7
    assert shares[12:].tolist() == [0] * 5
    assert shares[9] == 0.5


def test_percent_and_frames_name_the_same_time():
    torch.testing.assert_close(weights("25%: A, 75%: B"), weights("4: A, 12: B"))


def test_several_prompts_and_mixtures():
    times = LatentTimes(latents=5, group=1)
    shares = weights("0: A, 2: C, 4: 40% B + C", times, prompts=3)
    expected = [[1, 0.5, 0, 0, 0], [0, 0, 0, 0.2, 0.4], [0, 0.5, 1, 0.8, 0.6]]
    torch.testing.assert_close(shares, torch.tensor(expected, dtype=torch.float64))


@given(
    st.lists(
        st.tuples(st.integers(0, 48), st.integers(0, 100)), min_size=1, max_size=6, unique_by=lambda each: each[0]
    ),
    st.sampled_from(["linear", "smooth"]),
)
def test_shares_add_up_to_one_and_stay_between_those_of_the_keyframes(drawn, interpolation):
    keyframes = tuple(
        Keyframe(time, tuple((letter, share) for letter, share in (("A", a), ("B", 100 - a)) if share), is_frame=True)
        for time, a in sorted(drawn)
    )
    shares = MorphCurve(keyframes, interpolation).weights(LatentTimes(latents=13, group=4), 2)
    torch.testing.assert_close(shares.sum(dim=0), torch.ones(13, dtype=torch.float64))
    wanted = [a / 100 for _, a in drawn]
    assert min(wanted) - 1e-12 <= shares[0].min() <= shares[0].max() <= max(wanted) + 1e-12


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_curves(preset):
    shares = weights(PRESETS[preset], LatentTimes(latents=41, group=1))[0]
    assert shares.min() == 0
    assert shares.max() == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0%: A, 60%: B, 40%: A", r"^curve: expected keyframes in order of time, got 60% before 40%"),
        ("0%: A, 12: B, 50%: A", r"got 12 before 50%"),
        ("0%: A, 0%: B", r"^curve: expected one keyframe at a time, got two at 0%"),
        ("0%: A, 50%: B, 8: A", r"got two at 8"),
        ("0: A, 17: B", r"within the video, whose last frame is 16, got one at frame 17.*longer video"),
        ("0: A, 1: B, 2: A, 3: B, 4: A, 5: B", r"at most 5 keyframes, one for each latent frame of the video, got 6"),
        ("0%: A, 100%: C", r"the letters of connected prompts, A to B, got C. Connect a prompt to C"),
    ],
)
def test_keyframes_that_do_not_fit_are_refused(text, message):
    with pytest.raises(RichSpaceError, match=message):
        weights(text)


def test_a_curve_needs_a_keyframe_and_a_known_interpolation():
    with pytest.raises(RichSpaceError, match=r"^curve: expected at least one keyframe, got none"):
        MorphCurve(())
    with pytest.raises(RichSpaceError, match=r"^interpolation: expected one of linear, smooth, got 'cubic'"):
        MorphCurve((Keyframe.of(0, "A"),), "cubic")


@pytest.mark.parametrize("latents", [0, 1])
def test_a_picture_has_no_time(latents):
    with pytest.raises(RichSpaceError, match=r"^latent: expected a video of at least 2 latent frames"):
        LatentTimes(latents, group=4)


@pytest.mark.parametrize(
    ("time", "shares", "is_frame", "message"),
    [
        (101, (("A", 100),), False, "between 0% and 100%"),
        (-1, (("A", 100),), True, "between 0% and 100%"),
        (float("nan"), (("A", 100),), False, "between 0% and 100%"),
        (1.5, (("A", 100),), True, "whole numbers of frames, got 1.5"),
        (0, (), False, "shares above 0% of prompts A to F"),
        (0, (("G", 100),), False, "shares above 0% of prompts A to F"),
        (0, (("A", 50), ("A", 50)), False, "shares above 0% of prompts A to F"),
        (0, (("A", 50), ("B", 49)), False, "shares that add up to 100%, got 99%"),
    ],
)
def test_keyframes_check_their_values(time, shares, is_frame, message):
    with pytest.raises(RichSpaceError, match=message):
        Keyframe(time, shares, is_frame)
