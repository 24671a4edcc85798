"""Metrics compared with the scores of VBench's own functions, and their laws."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models.vbench import VBENCH
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d

from richspace_core import RichSpaceError
from richspace_core.metrics import (
    aesthetic_quality,
    background_consistency,
    functional,
    load_aesthetic_head,
    load_clip,
    load_dino,
    subject_consistency,
    temporal_flickering,
)

REFERENCE = json.loads((VBENCH / "reference.json").read_text(encoding="utf-8"))
#: Largest difference per video that the reference allows.
AGREEMENT = 1e-5

laws = settings(deadline=None, max_examples=25)
consistencies = pytest.mark.parametrize("consistency", [subject_consistency, background_consistency])


def frames_of(name):
    return torch.from_numpy(numpy.load(VBENCH / "frames" / f"{name}.npy")).float() / 255


def video(frames=4, height=40, width=56, seed=0):
    return torch.rand(frames, height, width, 3, generator=torch.Generator().manual_seed(seed))


def pool(side):
    return lambda pixels: adaptive_avg_pool2d(pixels, side).flatten(1)


@pytest.fixture(scope="module")
def head():
    return load_aesthetic_head(VBENCH / "aesthetic_head_random.pth")


@pytest.fixture(scope="module")
def backbones():
    tiny = {"dino_tiny": load_dino(VBENCH / "dino_tiny"), "clip_tiny": load_clip(VBENCH / "clip_tiny.safetensors")}
    return tiny | {"pool_probe_4": pool(4), "pool_probe_16": pool(16)}


def cases(metric):
    return [(backbone, name) for backbone, scores in REFERENCE[metric].items() for name in scores]


class TestVBench:
    @pytest.mark.parametrize(("backbone", "name"), cases("subject_consistency"))
    def test_subject_consistency(self, backbone, name, backbones):
        found = subject_consistency(frames_of(name), backbones[backbone])
        assert found.score == pytest.approx(REFERENCE["subject_consistency"][backbone][name], rel=0, abs=AGREEMENT)
        assert found.per_frame.shape == (len(frames_of(name)) - 1,)

    @pytest.mark.parametrize(("backbone", "name"), cases("aesthetic_quality"))
    def test_aesthetic_quality(self, backbone, name, backbones, head):
        found = aesthetic_quality(frames_of(name), backbones[backbone], head)
        assert found.score == pytest.approx(REFERENCE["aesthetic_quality"][backbone][name], rel=0, abs=AGREEMENT)
        assert found.per_frame.shape == (len(frames_of(name)),)

    def test_flickering_of_bytes(self):
        stored = numpy.load(VBENCH / "frames" / "land_96x160.npy").astype(float)
        literal = numpy.mean([(255 - numpy.abs(b - a).mean()) / 255 for a, b in pairwise(stored)])
        # The mean of 46,080 differences in float32 is rounded by about 1e-7.
        assert temporal_flickering(frames_of("land_96x160")).score == pytest.approx(literal, rel=0, abs=1e-6)

    @pytest.mark.parametrize("name", ["odd_97x131", "land_96x160", "crop_64x65"])
    def test_transformers_own_positions_are_not_dinos(self, name):
        """The interpolation of transformers has no 0.1 in its scale factor, which changes scores of oblong frames."""
        from safetensors.torch import load_file
        from transformers import ViTConfig, ViTModel

        folder = VBENCH / "dino_tiny"
        config = ViTConfig.from_dict(json.loads((folder / "config.json").read_text()) | {"layer_norm_eps": 1e-6})
        weights = load_file(folder / "model.safetensors")
        plain = ViTModel.from_pretrained(None, config=config, state_dict=weights, add_pooling_layer=False).eval()
        score = subject_consistency(
            frames_of(name), lambda pixels: plain(pixels, interpolate_pos_encoding=True).last_hidden_state[:, 0]
        ).score
        assert abs(score - REFERENCE["subject_consistency"]["dino_tiny"][name]) > AGREEMENT


class TestConsistency:
    @consistencies
    @laws
    @given(seed=st.integers(0, 99), frames=st.integers(2, 5))
    def test_a_still_video_is_wholly_consistent(self, consistency, seed, frames):
        found = consistency(video(1, seed=seed).expand(frames, -1, -1, -1), pool(4))
        torch.testing.assert_close(found.per_frame, torch.ones(frames - 1, dtype=torch.float64), rtol=0, atol=1e-12)

    @laws
    @given(st.integers(0, 99), st.integers(2, 6))
    def test_values_lie_between_0_and_1(self, seed, frames):
        per_frame = subject_consistency(video(frames, seed=seed), lambda pixels: pixels.mean((2, 3))).per_frame
        assert ((per_frame >= 0) & (per_frame <= 1)).all()

    @laws
    @given(st.integers(0, 99))
    def test_two_frames_are_the_same_backwards(self, seed):
        frames = video(2, seed=seed)
        assert subject_consistency(frames, pool(4)).score == pytest.approx(
            subject_consistency(frames.flip(0), pool(4)).score, abs=1e-12
        )

    @laws
    @given(st.floats(1e-3, 1e3))
    def test_the_length_of_the_features_does_not_matter(self, factor):
        scaled = subject_consistency(video(), lambda pixels: factor * pool(4)(pixels))
        torch.testing.assert_close(scaled.per_frame, subject_consistency(video(), pool(4)).per_frame, rtol=0, atol=1e-6)

    def test_the_formula(self):
        angles = torch.tensor([0.0, 60.0, 150.0, 30.0]).deg2rad()
        features = torch.stack([angles.cos(), angles.sin()], dim=1)
        found = subject_consistency(video(4), lambda pixels: 7 * features[: len(pixels)])
        half = 3**0.5 / 2  # the cosine of 30 degrees
        expected = torch.tensor([(0.5 + 0.5) / 2, 0, (0 + half) / 2], dtype=torch.float64)
        torch.testing.assert_close(found.per_frame, expected, rtol=0, atol=1e-6)
        assert found.score == pytest.approx(float(expected.mean()), abs=1e-6)

    @consistencies
    def test_one_frame(self, consistency):
        with pytest.raises(
            RichSpaceError, match=r"^frames: expected at least 2 frames, to compare them, got 1\. Connect"
        ):
            consistency(frames_of("single_64"), pool(4))


class TestFlickering:
    @laws
    @given(st.integers(0, 255), st.integers(0, 255))
    def test_from_grey_to_grey(self, one, other):
        frames = torch.stack([torch.full((5, 7, 3), level / 255) for level in (one, other, one)])
        expected = 1 - abs(one - other) / 255
        assert temporal_flickering(frames).per_frame.tolist() == pytest.approx([expected] * 2, abs=1e-6)

    @laws
    @given(st.integers(0, 99), st.integers(2, 6))
    def test_is_the_same_backwards(self, seed, frames):
        forwards, backwards = (
            temporal_flickering(pixels) for pixels in (video(frames, seed=seed), video(frames, seed=seed).flip(0))
        )
        assert torch.equal(forwards.per_frame, backwards.per_frame.flip(0))

    def test_one_frame(self):
        with pytest.raises(RichSpaceError, match=r"^frames: expected at least 2 frames"):
            temporal_flickering(frames_of("single_64"))


class TestAesthetics:
    def test_one_frame_is_enough(self, head):
        assert aesthetic_quality(frames_of("single_64"), pool(16), head).per_frame.shape == (1,)

    @laws
    @given(st.permutations(range(5)))
    def test_every_frame_is_judged_alone(self, order):
        linear = nn.Linear(768, 1)
        frames = video(5)
        apart = aesthetic_quality(frames, pool(16), linear).per_frame[list(order)]
        together = aesthetic_quality(frames[list(order)], pool(16), linear).per_frame
        torch.testing.assert_close(together, apart, rtol=0, atol=1e-6)

    def test_features_that_the_head_does_not_read(self, head):
        with pytest.raises(
            RichSpaceError,
            match=r"^backbone: expected features of width 768, as the head reads, got features of width 48\. The aes",
        ):
            aesthetic_quality(video(), pool(4), head)


METRICS = {
    "subject": subject_consistency,
    "background": background_consistency,
    "aesthetic": lambda frames, backbone: aesthetic_quality(
        frames, backbone, load_aesthetic_head(VBENCH / "aesthetic_head_random.pth")
    ),
}
every_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)


class TestEveryMetric:
    @pytest.mark.parametrize("chunk", [1, 3, 100])
    def test_chunks_do_not_matter(self, chunk, backbones, head, monkeypatch):
        dino, clip, frames = backbones["dino_tiny"], backbones["clip_tiny"], frames_of("odd_97x131")

        def scores():
            found = subject_consistency(frames, dino), aesthetic_quality(frames, clip, head)
            return torch.cat([each.per_frame for each in found])

        whole = scores()
        monkeypatch.setattr(functional, "_CHUNK", chunk)
        # In float32, matrix products of another size are rounded differently.
        torch.testing.assert_close(scores(), whole, rtol=0, atol=1e-6)

    @every_metric
    def test_few_frames_at_a_time(self, metric):
        sizes = []

        def backbone(pixels):
            sizes.append(len(pixels))
            return pool(16)(pixels)

        metric(video(20), backbone)
        assert sizes == [8, 8, 4]

    @every_metric
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
    def test_number_types(self, metric, dtype):
        frames = video().to(dtype)
        found = metric(frames, pool(16))
        expected = metric(frames.float(), pool(16))
        assert found.per_frame.dtype == torch.float64
        torch.testing.assert_close(found.per_frame, expected.per_frame, rtol=0, atol=1e-6)

    @every_metric
    def test_nothing_is_changed_and_no_gradient_kept(self, metric):
        frames = video().requires_grad_()
        before = frames.detach().clone()
        assert not metric(frames, pool(16)).per_frame.requires_grad
        assert torch.equal(frames, before)

    @every_metric
    def test_a_fourth_channel_is_ignored(self, metric):
        frames = video()
        found = metric(torch.cat([frames, torch.rand(4, 40, 56, 1)], dim=-1), pool(16))
        assert torch.equal(found.per_frame, metric(frames, pool(16)).per_frame)

    @every_metric
    def test_values_a_little_outside_count_as_they_are_saved(self, metric):
        frames = video() * 1.4 - 0.2
        found = metric(frames, pool(16))
        assert torch.equal(found.per_frame, metric(frames.clamp(0, 1), pool(16)).per_frame)

    @every_metric
    @pytest.mark.parametrize(
        ("frames", "got"),
        [
            (video()[0], r"float32 of shape \[40, 56, 3\]"),
            (video().permute(0, 3, 1, 2), r"float32 of shape \[4, 3, 40, 56\]"),
            ((video() * 255).to(torch.uint8), r"uint8 of shape \[4, 40, 56, 3\]"),
            (torch.zeros(0, 8, 8, 3), r"float32 of shape \[0, 8, 8, 3\]"),
            ([video()], "list"),
        ],
    )
    def test_no_frames(self, metric, frames, got):
        with pytest.raises(RichSpaceError, match=rf"^frames: expected pictures, float \[.*3\], got {got}\. Connect"):
            metric(frames, pool(16))

    @every_metric
    @pytest.mark.parametrize(
        ("frames", "got"),
        [
            (video() * 255, r"0\.\d+ and 25\d"),
            (video() * torch.nan, "nan and nan"),
            (video() * torch.inf, "inf and inf"),
        ],
    )
    def test_values_that_are_no_pixels(self, metric, frames, got):
        with pytest.raises(
            RichSpaceError, match=rf"^frames: expected values between 0 and 1, got values between {got}"
        ):
            metric(frames, pool(16))

    @every_metric
    @pytest.mark.parametrize(
        ("backbone", "message"),
        [
            (lambda pixels: pixels, r"one row of features for each frame, \[4, d\], got float32 of shape \[4, 3, 224"),
            (lambda pixels: pixels[:2].flatten(1), r"one row of .* got float32 of shape \[2, "),
            (lambda pixels: [0.0] * len(pixels), r"one row of features .* got list"),
            (
                lambda pixels: pool(16)(pixels) * torch.nan,
                "finite features that are not all zero, got NaN, infinity, or only",
            ),
            (
                lambda pixels: torch.zeros(len(pixels), 768),
                "finite features that are not all zero, got NaN, infinity, or only",
            ),
        ],
    )
    def test_features_that_are_unusable(self, metric, backbone, message):
        with pytest.raises(RichSpaceError, match=rf"^backbone: expected {message}"):
            metric(video(), backbone)
