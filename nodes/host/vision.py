"""Backbones of the metrics: found among ComfyUI's models and managed by ComfyUI."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import folder_paths
import torch
from torch import Tensor

from ...richspace_core import RichSpaceError
from ...richspace_core.metrics import FrameScores
from ...richspace_core.metrics.backbones import read_clip_shape
from ...richspace_core.metrics.registry import Metric, Weights, required_weights
from .memory import HostOwned, Progress
from .models import file_times

FOLDER = "richspace"
"""Name of the pack's folder below ComfyUI's models, and its key in extra_model_paths.yaml."""

_CLIP_FOLDER = "clip_vision"
_MEMORY = 512 * 2**20  # bytes, for a few frames at a time


def register_folder() -> None:
    """Register the pack's folder below ComfyUI's models."""
    folder_paths.add_model_folder_path(FOLDER, str(Path(folder_paths.models_dir, FOLDER)))


def measure_videos(metric: Metric, videos: list[Tensor]) -> list[FrameScores]:
    """Measure several videos with one metric.

    Raises:
        ModelFolderError: If weights are missing or unusable; the message says which file goes where.
    """
    # Small weights first: if they are missing, nothing large is loaded.
    small_first = sorted(metric.weights, key=lambda weights: weights.is_backbone)
    networks = {weights.key: _load_network(weights, videos) for weights in small_first}
    backbone = next((weights.title for weights in metric.weights if weights.is_backbone), "backbone")
    return _score_each(videos, lambda video: metric.measure(video, networks), backbone=backbone)


def _score_each(
    videos: list[Tensor], score: Callable[[Tensor], FrameScores], *, backbone: str = "backbone"
) -> list[FrameScores]:
    """Score each video; an error names the backbone by its title, and the video if there are several."""
    scores = []
    for number, video in enumerate(videos, start=1):
        try:
            scores.append(score(video))
        except RichSpaceError as error:  # noqa: PERF203 - there are few videos
            named = error.renamed({"backbone": backbone})
            raise named.within(f"video {number}") if len(videos) > 1 else named from error
    return scores


def weights_state(metrics: Iterable[Metric] | None = None) -> list[tuple[str, int]]:
    """List the weight files that exist, with their modification times, to detect outdated scores.

    Args:
        metrics: Metrics whose weights are listed; None for all.
    """
    places = [_find_weights(weights) for weights in required_weights(metrics)]
    return [found for place in places for found in file_times(place)]


def _load_network(weights: Weights, videos: list[Tensor]) -> Callable[[Tensor], Tensor]:
    path = _find_weights(weights)
    if not weights.is_backbone:
        return weights.load(path)
    # Always float32: in float16 the scores differ in the fourth decimal.
    owned = HostOwned("vision", lambda _: weights.load(path), stored_dtype=torch.float32, dtype=torch.float32)
    return _BackboneWithProgress(owned, videos)


class _BackboneWithProgress:
    """A backbone that shows its progress, and stops when the user presses cancel."""

    def __init__(self, owned: HostOwned, videos: list[Tensor]) -> None:
        self._backbone = owned.loaded(memory_required=_MEMORY)
        self._progress = Progress(sum(map(len, videos)))
        self._done = 0

    def __call__(self, pixels: Tensor) -> Tensor:
        features: Tensor = self._backbone(pixels)
        self._done += len(pixels)
        self._progress.step_done(self._done)
        return features


def _find_weights(weights: Weights) -> Path:
    """Return the path of a network's weights, or the path where they should be put."""
    if weights.clip_width is None:
        places = [Path(root, weights.file) for root in folder_paths.get_folder_paths(FOLDER)]
        return next((found for found in places if found.exists()), places[0])
    names = sorted(folder_paths.get_filename_list(_CLIP_FOLDER))
    files = [Path(folder_paths.get_full_path_or_raise(_CLIP_FOLDER, name)) for name in names]
    fitting = (file for file in files if weights.fits(read_clip_shape(file)))  # whatever its name is
    return next(fitting, Path(folder_paths.get_folder_paths(_CLIP_FOLDER)[0], weights.file))
