"""Decoding against diffusers' own pipeline, bit for bit, and its errors."""

from __future__ import annotations

import copy

import pytest
import torch
from pipeline_oracle import direct, sample, settings_of
from small_models.tiny_models import KINDS

from richspace_core import SamplingError
from richspace_core.cogvideox.decoding import decode_latents

# diffusers 0.42 wants `dtype`, which 0.35, the oldest that the pack takes, does not know.
pytestmark = pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")


class TestDecode:
    @pytest.mark.parametrize("kind", KINDS)
    def test_equals_the_pipelines_own_frames(self, kind, model_of):
        model = model_of(kind)
        frames = decode_latents(model.vae, sample(model, settings_of(model)))
        with torch.no_grad():
            expected = direct(model, output_type="pt")[0]  # [f, 3, h, w]
        size = model.folder.video_size()
        assert frames.shape == (size.frames, size.height, size.width, 3)
        assert (frames.dtype, frames.device.type) == (torch.float32, "cpu")
        assert torch.equal(frames, expected.permute(0, 2, 3, 1))
        assert float(frames.std()) > 0.01

    def test_half_types(self, model):
        latents = sample(model, settings_of(model))
        frames = decode_latents(model.folder.load("vae", torch.bfloat16), latents)
        assert frames.dtype == torch.float32
        # Three decimal places of bfloat16, through a dozen layers.
        torch.testing.assert_close(frames, decode_latents(model.vae, latents), rtol=0, atol=0.1)

    @pytest.fixture
    def large(self):
        return torch.randn(1, 16, 3, 8, 12, generator=torch.Generator().manual_seed(0))  # more than a tile each way

    @pytest.fixture
    def vae(self, model):
        return copy.deepcopy(model.vae)

    def test_in_tiles_equals_diffusers_tiling(self, vae, large):
        whole, tiled = (decode_latents(vae, large, tiled=tiled) for tiled in (False, True))
        assert whole.shape == tiled.shape == (9, 64, 96, 3)
        assert not torch.equal(whole, tiled)
        vae.enable_tiling()
        with torch.no_grad():
            expected = vae.decode(large).sample[0].permute(1, 2, 3, 0)
        assert torch.equal(tiled, (expected / 2 + 0.5).clamp(0, 1))

    @pytest.mark.parametrize("frames", [1, 4, 13, 21])
    def test_tiles_are_exact_in_time(self, vae, frames):
        height, width = vae.tile_latent_min_height, vae.tile_latent_min_width
        latents = torch.randn(1, 16, frames, height + 1, width, generator=torch.Generator().manual_seed(frames))
        tiled = decode_latents(vae, latents, tiled=True)
        alone = decode_latents(vae, latents[:, :, :, :height])  # the first tile, whole and for all of its frames
        rows = int(vae.tile_sample_min_height * (1 - vae.tile_overlap_factor_height))  # before the seams
        columns = int(vae.tile_sample_min_width * (1 - vae.tile_overlap_factor_width))
        assert torch.equal(tiled[:, :rows, :columns], alone[:, :rows, :columns])

    @pytest.mark.parametrize("tiled", [False, True])
    def test_tells_of_each_group_of_frames(self, vae, tiled):
        told = []
        decode_latents(vae, torch.zeros(1, 16, 5, 8, 12), tiled=tiled, on_group=lambda *step: told.append(step))
        assert told == [(done, len(told)) for done in range(1, len(told) + 1)]
        assert len(told) == (2 * 2 * 3 if tiled else 2)

    @pytest.mark.parametrize("before", [False, True])
    @pytest.mark.parametrize("tiled", [False, True])
    def test_restores_the_autoencoders_tiling(self, before, tiled, vae, large):
        untouched = decode_latents(vae, large, tiled=tiled)
        vae.use_tiling = before
        assert torch.equal(decode_latents(vae, large, tiled=tiled), untouched)
        assert vae.use_tiling is before

    def test_restores_it_after_an_error_too(self, vae, large, monkeypatch):
        def out_of_memory(*_):
            raise torch.OutOfMemoryError("full")

        monkeypatch.setattr(vae, "decode", out_of_memory)
        with pytest.raises(torch.OutOfMemoryError, match="full"):
            decode_latents(vae, large, tiled=True)
        assert vae.use_tiling is False

    def test_latents_are_not_changed(self, vae, large):
        before = large.clone()
        decode_latents(vae, large)
        assert torch.equal(large, before)

    @pytest.mark.parametrize("shape", [(1, 4, 3, 4, 6), (2, 16, 3, 4, 6), (16, 3, 4, 6), (1, 3, 16, 4, 6)])
    def test_other_latents(self, shape, model):
        with pytest.raises(SamplingError) as caught:
            decode_latents(model.vae, torch.zeros(shape))
        assert str(caught.value) == (
            "latents: expected one video's latents with 16 channels, [1, 16, frames, height, width], "
            f"got {list(shape)}. Decode with the model that sampled them."
        )

    def test_an_overflow_is_said(self, model):
        vae = copy.deepcopy(model.vae)
        with torch.no_grad():
            vae.decoder.conv_out.conv.bias[0] = torch.nan
        with pytest.raises(
            SamplingError, match=r"^video: expected finite numbers, got NaN or infinity. float32 overflowed"
        ):
            decode_latents(vae, torch.randn(1, 16, 1, 4, 6))
