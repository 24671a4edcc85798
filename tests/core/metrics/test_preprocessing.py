"""Preprocessing of frames: size, crop and normalization, as in VBench's own code."""

from __future__ import annotations

import pytest
import torch

from richspace_core.metrics.preprocessing import preprocess_for_clip, preprocess_for_dino


def video(frames, height, width):
    return torch.rand(frames, height, width, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("size", "resized"), [((480, 720), (224, 336)), ((64, 65), (224, 227)), ((131, 97), (302, 224))]
)
def test_the_short_edge_is_224_and_the_long_one_cut_to_an_integer(size, resized):
    assert preprocess_for_dino(video(1, *size)).shape == (1, 3, *resized)


@pytest.mark.parametrize(("width", "first"), [(229, 2), (227, 2), (226, 1), (231, 4)])  # 2.5, 1.5, 1, 3.5
def test_the_crop_begins_at_half_the_rest_rounded_half_to_even(width, first):
    columns = torch.linspace(0, 1, width)[None, None, :, None].expand(1, 224, -1, 3)
    kept = preprocess_for_clip(columns)[0, 0, 100]
    assert kept[0] * 0.26862954 + 0.48145466 == pytest.approx(float(columns[0, 0, first, 0]), abs=1e-6)
    assert kept.shape == (224,)


def test_the_middle_of_a_portrait():
    assert preprocess_for_clip(video(2, 80, 40)).shape == (2, 3, 224, 224)


def test_mean_and_deviation():
    mean = torch.tensor([0.485, 0.456, 0.406]).expand(1, 32, 48, 3)
    torch.testing.assert_close(preprocess_for_dino(mean), torch.zeros(1, 3, 224, 336), rtol=0, atol=1e-6)
