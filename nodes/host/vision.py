"""What the metrics look through: their weights among the host's models, owned by the host while they are used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import folder_paths
import torch
from torch import Tensor, nn

from ...richspace_core import RichSpaceError
from ...richspace_core.metrics import (
    FrameScores,
    aesthetic_quality,
    load_aesthetic_head,
    load_clip,
    load_dino,
    subject_consistency,
    temporal_flickering,
)
from ...richspace_core.metrics.backbones import clip_width
from .memory import HostOwned, Progress

FOLDER = "richspace"
"""The folder's name below the host's models, and in extra_model_paths.yaml."""

_DINO, _HEAD, _CLIP = "dino-vitb16", "sa_0_4_vit_l_14_linear.pth", "clip-vit-large-patch14.safetensors"
_CLIP_FOLDER, _CLIP_WIDTH = "clip_vision", 768
_MEMORY = 512 * 2**20  # bytes, of a few frames at a time

Metric = Callable[[list[Tensor]], list[FrameScores]]
"""Scores several videos."""


def register_folder() -> None:
    """Tell the host of the folder among its models."""
    folder_paths.add_model_folder_path(FOLDER, str(Path(folder_paths.models_dir, FOLDER)))


def subject_consistencies(videos: list[Tensor]) -> list[FrameScores]:
    """Each video's subject consistency.

    Raises:
        ModelFolderError: If the weights are missing or unusable; the message says which file goes where.
    """
    backbone = _Watched(_owned(load_dino, _dino_folder()), videos)
    return _each(videos, lambda video: subject_consistency(video, backbone), backbone="DINO")


def aesthetic_qualities(videos: list[Tensor]) -> list[FrameScores]:
    """Each video's aesthetic quality.

    Raises:
        ModelFolderError: If the weights are missing or unusable; the message says which file goes where.
    """
    head = load_aesthetic_head(_head_file())
    backbone = _Watched(_owned(load_clip, _clip_file()), videos)
    return _each(videos, lambda video: aesthetic_quality(video, backbone, head), backbone="CLIP")


def temporal_flickerings(videos: list[Tensor]) -> list[FrameScores]:
    """How steady each video is; this needs no weights."""
    return _each(videos, temporal_flickering)


def _each(
    videos: list[Tensor], score: Callable[[Tensor], FrameScores], *, backbone: str = "backbone"
) -> list[FrameScores]:
    """Score each video; an error names the video if there are several, and the backbone as people know it."""
    scores = []
    for number, video in enumerate(videos, start=1):
        try:
            scores.append(score(video))
        except RichSpaceError as error:  # noqa: PERF203 - a few times in all
            named = error.renamed({"backbone": backbone})
            raise named.within(f"video {number}") if len(videos) > 1 else named from error
    return scores


def weights_state() -> list[tuple[str, int]]:
    """The weights that are there and when they changed last: what makes a score out of date beside its frames."""
    folder = _dino_folder()
    files = (folder / "config.json", folder / "model.safetensors", _head_file(), _clip_file())
    return [(str(file), file.stat().st_mtime_ns) for file in files if file.is_file()]


class _Watched:
    """A backbone that shows how far it is, and stops when the user presses cancel."""

    def __init__(self, owned: HostOwned, videos: list[Tensor]) -> None:
        self._backbone = owned.loaded(memory_required=_MEMORY)
        self._progress = Progress(sum(map(len, videos)))
        self._done = 0

    def __call__(self, pixels: Tensor) -> Tensor:
        features: Tensor = self._backbone(pixels)
        self._done += len(pixels)
        self._progress.step_done(self._done)
        return features


def _owned(load: Callable[[Path], nn.Module], path: Path) -> HostOwned:
    # float32 everywhere: in float16 the scores are off in the fourth decimal.
    return HostOwned("vision", lambda _: load(path), stored_dtype=torch.float32, dtype=torch.float32)


def _dino_folder() -> Path:
    return _first(lambda root: root / _DINO)


def _head_file() -> Path:
    return _first(lambda root: root / _HEAD)


def _first(place: Callable[[Path], Path]) -> Path:
    """What exists in one of the pack's folders, else where it would be in the first of them."""
    places = [place(Path(root)) for root in folder_paths.get_folder_paths(FOLDER)]
    return next((found for found in places if found.exists()), places[0])


def _clip_file() -> Path:
    """The first CLIP ViT-L/14 among the host's CLIP vision models, whatever it is called."""
    names = sorted(folder_paths.get_filename_list(_CLIP_FOLDER))
    files = [Path(folder_paths.get_full_path_or_raise(_CLIP_FOLDER, name)) for name in names]
    fitting = (file for file in files if clip_width(file) == _CLIP_WIDTH)
    return next(fitting, Path(folder_paths.get_folder_paths(_CLIP_FOLDER)[0], _CLIP))
