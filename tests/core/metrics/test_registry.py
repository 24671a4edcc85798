"""Registry of the metrics: their weights, their order, and additions to it."""

from __future__ import annotations

import pytest
import torch
from small_models.vbench import VBENCH, save_clip_b32

from richspace_core.metrics import aesthetic_quality, background_consistency, load_aesthetic_head, load_clip, registry
from richspace_core.metrics.backbones import read_clip_shape
from richspace_core.metrics.registry import CLIP_B, CLIP_L, DINO, HEAD, METRICS, measurable_metrics, required_weights


def names(metrics):
    return [metric.name for metric in metrics]


def video(frames=3):
    return torch.rand(frames, 40, 56, 3, generator=torch.Generator().manual_seed(0))


def test_names_and_keys_are_unique():
    assert len({*names(METRICS)}) == len(METRICS)
    weights = required_weights()
    assert len({each.key for each in weights}) == len(weights)
    assert weights == (DINO, CLIP_L, HEAD, CLIP_B)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ((), ["temporal flickering"]),
        (("clip",), ["temporal flickering"]),
        (("clip", "aesthetic-head"), ["aesthetic quality", "temporal flickering"]),
        (("clip-b32", "dino"), ["subject consistency", "background consistency", "temporal flickering"]),
    ],
)
def test_a_metric_can_be_measured_with_all_of_its_weights(keys, expected):
    assert names(measurable_metrics(keys)) == expected


def test_a_new_metric_is_found_by_every_function(monkeypatch):
    metric = registry.Metric("likeness", "", (HEAD, DINO), lambda *_: None)
    monkeypatch.setattr(registry, "METRICS", (metric,))
    assert required_weights() == (HEAD, DINO)
    assert measurable_metrics(["dino", "aesthetic-head"]) == (metric,)


def test_the_networks_come_in_the_order_of_the_function():
    clip, head = load_clip(VBENCH / "clip_tiny.safetensors"), load_aesthetic_head(VBENCH / "aesthetic_head_random.pth")
    found = registry.AESTHETIC_QUALITY.measure(video(), {"aesthetic-head": head, "clip": clip, "dino": None})
    assert torch.equal(found.per_frame, aesthetic_quality(video(), clip, head).per_frame)


def test_the_weights_of_background_consistency_load_and_measure(tmp_path):
    file = tmp_path / "clip.safetensors"
    save_clip_b32(file)
    clip = CLIP_B.load(file)
    found = registry.BACKGROUND_CONSISTENCY.measure(video(), {"clip-b32": clip})
    assert torch.equal(found.per_frame, background_consistency(video(), clip).per_frame)
    assert len(found.per_frame) == 2


def test_each_clip_is_recognized_by_its_shape(tmp_path):
    for patch in (16, 32):
        save_clip_b32(tmp_path / f"{patch}.safetensors", patch=patch)
    large, b16, b32 = map(
        read_clip_shape,
        (VBENCH / "clip_tiny.safetensors", tmp_path / "16.safetensors", tmp_path / "32.safetensors"),
    )
    assert [CLIP_L.fits(shape) for shape in (large, b16, b32, None)] == [True, False, False, False]
    assert [CLIP_B.fits(shape) for shape in (large, b16, b32, None)] == [False, False, True, False]
    assert not DINO.fits(large)
