"""Metrics of the benchmark: those in the registry whose weights are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import RichSpaceError
from ..metrics import registry

ScoreFunction = Callable[[Tensor], float]
"""Maps the frames of a video, ``[T, H, W, 3]`` in 0..1, to its score."""


def load_metrics(weights: Mapping[str, Path], device: torch.device) -> dict[str, ScoreFunction]:
    """Load the metrics whose weights are given; metrics without weights are always among them.

    Args:
        weights: Path of each network's weights, by their key in the registry.
        device: Device to run the networks on.

    Returns:
        A function for each metric, by the metric's name, in the order of the registry.

    Raises:
        RichSpaceError: If weights are missing, damaged or from another model, or cannot be used without others.
    """
    _require_complete(weights)
    metrics = registry.measurable_metrics(weights)
    networks = {each.key: each.load(weights[each.key]).to(device) for each in registry.required_weights(metrics)}
    return {metric.name: partial(_score, metric, networks) for metric in metrics}


def _score(metric: registry.Metric, networks: Mapping[str, Any], frames: Tensor) -> float:
    return metric.measure(frames, networks).score


def _require_complete(weights: Mapping[str, Path]) -> None:
    """Raise an error if weights are given that no metric can use without others that are not given."""
    usable = {each.key for each in registry.required_weights(registry.measurable_metrics(weights))}
    for metric in registry.METRICS:
        given = [each.key for each in metric.weights if each.key in weights]
        missing = [each for each in metric.weights if each.key not in weights]
        if not usable.issuperset(given):
            raise RichSpaceError(
                ", ".join(each.key for each in metric.weights),
                expected=f"all of these weights, for {metric.name}, or none of them",
                got=f"only {', '.join(given)}",
                hint=f"Add {', '.join(f'--{each.key} ({each.title})' for each in missing)}, or leave out "
                f"{', '.join(f'--{key}' for key in given)}.",
            )
