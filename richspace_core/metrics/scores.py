"""Scores of one video by one metric, and their averages over several videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import RichSpaceError


@dataclass(frozen=True, eq=False)
class FrameScores:
    """Scores of one video by one metric.

    Args:
        per_frame: float64 ``[n]`` on the CPU: one value for each frame, or for each frame except the first if the
            metric compares frames with earlier ones.
    """

    per_frame: Tensor

    @property
    def score(self) -> float:
        """Score of the video: the mean of its values."""
        return float(self.per_frame.mean())


@dataclass(frozen=True)
class AverageScores:
    """Scores of several videos by one metric.

    On one GPU, VBench pools the values of all videos. On several GPUs, it averages the videos' scores. The results
    differ if the videos differ in length.

    Args:
        per_video: Score of each video, in order.
        over_videos: Mean of the videos' scores: every video counts the same.
        over_frames: Mean of all values: longer videos count more.
    """

    per_video: tuple[float, ...]
    over_videos: float
    over_frames: float


def average_scores(results: Sequence[FrameScores]) -> AverageScores:
    """Average one metric over several videos.

    Args:
        results: Scores of each video, at least one.

    Returns:
        Every video's score and both averages.

    Raises:
        RichSpaceError: If there is no video.

    Example:
        >>> short, long = FrameScores(torch.tensor([1.0])), FrameScores(torch.tensor([0.5, 0.5, 0.5]))
        >>> average_scores([short, long])
        AverageScores(per_video=(1.0, 0.5), over_videos=0.75, over_frames=0.625)
    """
    if not results:
        raise RichSpaceError("results", expected="the scores of at least one video", got="none")
    per_video = tuple(result.score for result in results)
    pooled = torch.cat([result.per_frame for result in results])
    return AverageScores(per_video, sum(per_video) / len(per_video), float(pooled.mean()))
