"""What a metric says of one video, and the two ways in which several videos are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import RichSpaceError


@dataclass(frozen=True, eq=False)
class FrameScores:
    """One metric of one video.

    Args:
        per_frame: float64 ``[n]`` on the CPU: one value for each frame, or for each frame but the first where frames
            are compared with those before them.
    """

    per_frame: Tensor

    @property
    def score(self) -> float:
        """The video's score: the mean of its values."""
        return float(self.per_frame.mean())


@dataclass(frozen=True)
class AverageScores:
    """One metric of several videos.

    VBench pools the values of all videos when it runs on one GPU, and averages the videos when it runs on several.
    The two differ where the videos' lengths do.

    Args:
        per_video: Each video's score, in order.
        over_videos: The mean of the videos' scores: every video weighs the same.
        over_frames: The mean of all their values: longer videos weigh more.
    """

    per_video: tuple[float, ...]
    over_videos: float
    over_frames: float


def average_scores(results: Sequence[FrameScores]) -> AverageScores:
    """Average one metric over several videos.

    Args:
        results: What the metric said of each video, at least one.

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
