"""Every metric with the weights that it needs: what nodes, the comparison and the benchmark iterate over.

A new metric is one function in `functional` and one entry in `METRICS`; whoever measures videos finds it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor, nn

from .backbones import (
    CLIP_B_SOURCE,
    CLIP_L_SOURCE,
    DINO_SOURCE,
    HEAD_SOURCE,
    load_aesthetic_head,
    load_clip,
    load_dino,
)
from .functional import aesthetic_quality, background_consistency, subject_consistency, temporal_flickering
from .scores import FrameScores


@dataclass(frozen=True)
class Weights:
    """A network that metrics use.

    Args:
        key: Short name, also of the benchmark's option.
        title: Name for people.
        source: Where the files are published.
        load: Function that reads the network, in float32 on the CPU.
        file: Name of the file or folder as it is published, where a person puts it.
        clip_width: Width of a CLIP's features, by which any CLIP file can be recognized; None for other networks.
        is_backbone: Whether frames go through it; else it reads a backbone's features.
    """

    key: str
    title: str
    source: str
    load: Callable[[Path], nn.Module]
    file: str
    clip_width: int | None = None
    is_backbone: bool = True


@dataclass(frozen=True)
class Metric:
    """A metric of one video.

    Args:
        name: Name for people, also the heading of its column.
        description: What it measures, in one line.
        weights: Networks that it needs, in the order in which `function` takes them.
        function: Maps frames ``[T, H, W, 3]`` in 0..1, and the networks, to scores.
        first_frame: Number of the frame, counted from 1, that the first score belongs to.
    """

    name: str
    description: str
    weights: tuple[Weights, ...]
    function: Callable[..., FrameScores]
    first_frame: int = 1

    def measure(self, frames: Tensor, networks: Mapping[str, Callable[[Tensor], Tensor]]) -> FrameScores:
        """Measure one video.

        Args:
            frames: Float ``[T, H, W, 3]`` in 0..1.
            networks: Loaded networks by the key of their weights, at least those that this metric needs.
        """
        return self.function(frames, *(networks[weights.key] for weights in self.weights))


DINO = Weights("dino", "DINO ViT-B/16", DINO_SOURCE, load_dino, "dino-vitb16")
CLIP_L = Weights("clip", "CLIP ViT-L/14", CLIP_L_SOURCE, load_clip, "clip-vit-large-patch14.safetensors", 768)
CLIP_B = Weights(
    "clip-b32",
    "CLIP ViT-B/32",
    CLIP_B_SOURCE,
    partial(load_clip, source=CLIP_B_SOURCE),
    "clip-vit-base-patch32.safetensors",
    512,
)
HEAD = Weights(
    "aesthetic-head",
    "LAION's aesthetic head",
    HEAD_SOURCE,
    load_aesthetic_head,
    "sa_0_4_vit_l_14_linear.pth",
    is_backbone=False,
)

SUBJECT_CONSISTENCY = Metric(
    "subject consistency", "the subject stays the same", (DINO,), subject_consistency, first_frame=2
)
AESTHETIC_QUALITY = Metric("aesthetic quality", "people like the frames as pictures", (CLIP_L, HEAD), aesthetic_quality)
BACKGROUND_CONSISTENCY = Metric(
    "background consistency", "the whole picture stays the same", (CLIP_B,), background_consistency, first_frame=2
)
TEMPORAL_FLICKERING = Metric(
    "temporal flickering", "neighboring frames differ little", (), temporal_flickering, first_frame=2
)

METRICS = (SUBJECT_CONSISTENCY, AESTHETIC_QUALITY, BACKGROUND_CONSISTENCY, TEMPORAL_FLICKERING)
"""Every metric, in the order in which they are shown."""


def required_weights(metrics: Iterable[Metric] = METRICS) -> tuple[Weights, ...]:
    """Return the networks that metrics need, each once."""
    return tuple(dict.fromkeys(weights for metric in metrics for weights in metric.weights))
