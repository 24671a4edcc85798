"""Averages of a metric over several videos."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from richspace_core import RichSpaceError
from richspace_core.metrics import FrameScores, average_scores

laws = settings(deadline=None, max_examples=25)
results = st.lists(
    st.lists(st.floats(0, 1), min_size=1, max_size=5).map(
        lambda values: FrameScores(torch.tensor(values, dtype=torch.float64))
    ),
    min_size=1,
    max_size=5,
)


@laws
@given(results, st.data())
def test_the_order_of_the_videos_does_not_matter(results, data):
    order = data.draw(st.permutations(results))
    one, other = average_scores(results), average_scores(order)
    assert sorted(one.per_video) == sorted(other.per_video)
    assert one.over_videos == pytest.approx(other.over_videos, abs=1e-12)
    assert one.over_frames == pytest.approx(other.over_frames, abs=1e-12)


@laws
@given(results)
def test_videos_of_one_length_have_one_average(results):
    equal = [FrameScores(result.per_frame[:1].expand(3)) for result in results]
    averages = average_scores(equal)
    assert averages.over_videos == pytest.approx(averages.over_frames, abs=1e-12)


def test_longer_videos_weigh_more_among_the_frames():
    averages = average_scores([FrameScores(torch.tensor([1.0])), FrameScores(torch.tensor([0.0, 0.0, 0.5, 0.5]))])
    assert averages.per_video == (1.0, 0.25)
    assert averages.over_videos == 0.625
    assert averages.over_frames == pytest.approx(0.4)


def test_none():
    with pytest.raises(RichSpaceError, match=r"^results: expected the scores of at least one video, got none"):
        average_scores([])
