"""Metrics that the benchmark loads: those in the registry whose weights are given."""

from __future__ import annotations

import pytest
import torch
from small_models.vbench import VBENCH, save_clip_b32

from richspace_core import ModelFolderError, RichSpaceError
from richspace_core.benchmark.scoring import load_metrics
from richspace_core.metrics import load_dino, registry, subject_consistency

CPU = torch.device("cpu")
DINO, CLIP = VBENCH / "dino_tiny", VBENCH / "clip_tiny.safetensors"
HEAD = VBENCH / "aesthetic_head_random.pth"


def video(frames=3):
    return torch.rand(frames, 40, 56, 3, generator=torch.Generator().manual_seed(0))


def test_the_metrics_come_in_the_order_of_the_registry(tmp_path):
    save_clip_b32(tmp_path / "clip.safetensors")
    weights = {"clip-b32": tmp_path / "clip.safetensors", "aesthetic-head": HEAD, "dino": DINO, "clip": CLIP}
    metrics = load_metrics(weights, CPU)
    assert list(metrics) == [metric.name for metric in registry.METRICS]
    assert metrics["subject consistency"](video()) == subject_consistency(video(), load_dino(DINO)).score


def test_without_weights_only_the_metrics_that_need_none_are_loaded():
    assert list(load_metrics({}, CPU)) == ["temporal flickering"]


@pytest.mark.parametrize(("given", "missing"), [("clip", "aesthetic-head"), ("aesthetic-head", "clip")])
def test_weights_that_no_metric_can_use_alone_are_refused(given, missing):
    message = rf"^clip, aesthetic-head: expected all of .*, got only {given}\. Add --{missing} \(.*\), .* --{given}\.$"
    with pytest.raises(RichSpaceError, match=message):
        load_metrics({given: HEAD if given == "aesthetic-head" else CLIP, "dino": DINO}, CPU)


def test_weights_that_another_metric_uses_alone_are_enough(monkeypatch):
    alone = registry.Metric("bias of the head", "", (registry.HEAD,), lambda _, head: float(head.bias))
    monkeypatch.setattr(registry, "METRICS", (*registry.METRICS, alone))
    assert list(load_metrics({"aesthetic-head": HEAD}, CPU)) == ["temporal flickering", "bias of the head"]


def test_weights_that_are_missing_are_an_error(tmp_path):
    with pytest.raises(ModelFolderError, match=r"^model\.safetensors: expected this file in .*dino-vitb16"):
        load_metrics({"dino": tmp_path / "dino-vitb16"}, CPU)
