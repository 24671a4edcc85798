"""Registry of the metrics and of the networks that they need.

The nodes, the comparison and the benchmark iterate over `METRICS`. To add a metric, write one function in `functional`
and add one entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
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
    """Weights of a network that metrics use.

    Args:
        key: Short name, also of the benchmark's option.
        title: Name for people.
        source: Where the files are published.
        load: Function that reads the network, in float32 on the CPU.
        file: Name under which the file or folder is published and expected.
        clip_width: Width of the features, by which a CLIP file of any name is recognized; None for other networks.
        clip_patch: Side of the patches in pixels, if CLIPs with the same width differ in it.
        is_backbone: True if the network reads frames, False if it reads a backbone's features.
    """

    key: str
    title: str
    source: str
    load: Callable[[Path], nn.Module]
    file: str
    clip_width: int | None = None
    clip_patch: int | None = None
    is_backbone: bool = True

    def fits(self, shape: tuple[int, int] | None) -> bool:
        """Tell whether a CLIP of this shape, as `read_clip_shape` returns it, is this network."""
        return shape is not None and shape[0] == self.clip_width and self.clip_patch in (None, shape[1])


@dataclass(frozen=True)
class Metric:
    """A metric of one video.

    Args:
        name: Name for people, also the heading of its column.
        description: What a high score means, in one line.
        weights: Weights that it needs, in the order in which `function` takes the networks.
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
            networks: Loaded networks by the key of their weights; it must contain those that this metric needs.
        """
        return self.function(frames, *(networks[weights.key] for weights in self.weights))


DINO = Weights("dino", "DINO ViT-B/16", DINO_SOURCE, load_dino, "dino-vitb16")
CLIP_L = Weights(
    "clip", "CLIP ViT-L/14", CLIP_L_SOURCE, load_clip, "clip-vit-large-patch14.safetensors", clip_width=768
)
CLIP_B = Weights(
    "clip-b32",
    "CLIP ViT-B/32",
    CLIP_B_SOURCE,
    partial(load_clip, source=CLIP_B_SOURCE),
    "clip-vit-base-patch32.safetensors",
    clip_width=512,
    clip_patch=32,  # CLIP ViT-B/16 is as wide
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


def required_weights(metrics: Iterable[Metric] | None = None) -> tuple[Weights, ...]:
    """Return the weights that metrics need, each once.

    Args:
        metrics: Metrics to look at; None for all.

    Example:
        >>> [weights.key for weights in required_weights([AESTHETIC_QUALITY, TEMPORAL_FLICKERING])]
        ['clip', 'aesthetic-head']
    """
    return tuple(
        dict.fromkeys(weights for metric in (METRICS if metrics is None else metrics) for weights in metric.weights)
    )


def measurable_metrics(keys: Collection[str]) -> tuple[Metric, ...]:
    """Return the metrics that can be measured with some weights.

    Args:
        keys: Keys of the weights that are available.

    Example:
        >>> [metric.name for metric in measurable_metrics(["dino", "clip"])]
        ['subject consistency', 'temporal flickering']
    """
    return tuple(metric for metric in METRICS if all(weights.key in keys for weights in metric.weights))
