"""Segments of a video with one mixture each, and the even curve."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from richspace_core import RichSpaceError
from richspace_core.morph.curve import LatentTimes, MorphCurve
from richspace_core.morph.seen import weights_seen_as
from richspace_core.morph.segments import exact_segments, prompt_segments
from richspace_core.morph.text import parse_keyframes


def weights(text, latents=9, prompts=2):
    return MorphCurve(parse_keyframes(text, prompts)).weights(LatentTimes(latents, group=1), prompts)


def recombined(segments):
    return sum(segment.shares[:, None] * segment.frames for segment in segments)


def test_exact_has_a_segment_for_each_different_mixture():
    wanted = weights("0: A, 2: A, 6: B")
    segments = exact_segments(wanted, most=99)
    assert len(segments) == 5  # A, three on the way, B
    torch.testing.assert_close(recombined(segments), wanted)


def test_there_and_back_uses_a_mixture_twice():
    wanted = weights("0: A, 4: B, 8: A")
    segments = exact_segments(wanted, most=99)
    assert [int(segment.frames.sum()) for segment in segments] == [2, 2, 2, 2, 1]
    torch.testing.assert_close(recombined(segments), wanted)


@given(st.integers(1, 20), st.integers(2, 20))
def test_segments_are_bounded_and_cover_every_latent_frame_once(most, latents):
    wanted = weights("0%: A, 100%: B", latents)
    segments = exact_segments(wanted, most)
    assert len(segments) == min(most, latents)
    assert torch.equal(sum(segment.frames for segment in segments), torch.ones(latents, dtype=torch.float64))
    sizes = [int(segment.frames.sum()) for segment in segments]
    assert max(sizes) - min(sizes) <= 1
    for segment in segments:
        mean = wanted[:, segment.frames > 0].mean(dim=1)
        torch.testing.assert_close(segment.shares, mean, rtol=0, atol=1e-4)


def test_fast_has_a_segment_for_each_prompt_in_use():
    wanted = weights("0: A, 8: C", prompts=3)
    segments = prompt_segments(wanted)
    assert [segment.shares.tolist() for segment in segments] == [[1, 0, 0], [0, 0, 1]]
    torch.testing.assert_close(recombined(segments), wanted)


def test_at_least_one_segment():
    with pytest.raises(RichSpaceError, match=r"^most_mixtures: expected at least 1, got 0"):
        exact_segments(weights("0: A"), most=0)


class TestSeen:
    def test_the_share_seen_follows_the_wanted_one(self):
        index = torch.arange(1, 31, dtype=torch.float64) / 30
        seen = index**3
        wanted = weights("0%: A, 100%: B", latents=41)
        mapped = weights_seen_as(wanted, seen.tolist())
        torch.testing.assert_close(mapped.sum(dim=0), torch.ones(41, dtype=torch.float64))
        torch.testing.assert_close(mapped[0] ** 3, wanted[0], rtol=0, atol=0.01)
        assert mapped[0, 0] == 1
        assert mapped[0, -1] == 0

    def test_a_straight_curve_changes_nothing(self):
        wanted = weights("0%: A, 100%: B", latents=41)
        seen = [index / 30 for index in range(1, 31)]
        torch.testing.assert_close(weights_seen_as(wanted, seen), wanted)

    def test_other_prompts_keep_their_shares(self):
        wanted = weights("0: A, 4: 50% B + C, 8: C", prompts=3)
        mapped = weights_seen_as(wanted, [index**2 / 900 for index in range(1, 31)])
        torch.testing.assert_close(mapped[2], wanted[2])
        torch.testing.assert_close(mapped[:2].sum(dim=0), wanted[:2].sum(dim=0))

    def test_dips_and_values_beyond_the_ends_are_evened_out(self):
        wanted = weights("0%: A, 100%: B", latents=41)
        mapped = weights_seen_as(wanted, [-0.1, 0.4, 0.3, 0.5, 1.2, 1.1, 1.0])[0]
        assert (mapped.diff() <= 0).all()
        assert mapped.isfinite().all()

    @pytest.mark.parametrize("seen", [[], [1.0], [0.9, 0.5, 0.1], [0.5, 0.5], [float("nan"), 1.0]])
    def test_a_curve_that_does_not_rise_is_refused(self, seen):
        with pytest.raises(RichSpaceError, match=r"^scores: expected a curve of the share seen that rises from B to A"):
            weights_seen_as(weights("0: A, 8: B"), seen)
