"""Video to video against diffusers' own CogVideoXVideoToVideoPipeline, encoding against its autoencoder, and errors."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace

import diffusers
import pytest
import torch
from diffusers.video_processor import VideoProcessor
from pipeline_oracle import sample, settings_of
from small_models.tiny_models import KINDS, TEXT_LENGTH

from richspace_core import SamplingError
from richspace_core.cogvideox.config import VideoSize
from richspace_core.cogvideox.encoding import encode_frames
from richspace_core.cogvideox.latents import to_comfyui_layout
from richspace_core.cogvideox.sampling import SamplingSettings
from richspace_core.cogvideox.start_video import StartVideo

pytestmark = pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")

SCHEDULERS = {"DDIM": "CogVideoXDDIMScheduler", "DPM": "CogVideoXDPMScheduler"}


def pictures(model, frames=9):
    size = model.folder.video_size()
    return torch.rand(frames, size.height, size.width, 3, generator=torch.Generator().manual_seed(frames))


@pytest.fixture
def start(model):
    return encode_frames(model.vae, pictures(model))


def changed_by_diffusers(model, frames, *, scheduler="DDIM", strength, steps=5, seed=3, **options):
    """Return what diffusers makes of frames, with the autoencoder's mean for the start instead of a random sample.

    The pipeline refuses a number of latents that does not fill the patches of CogVideoX 1.5, so it gets more frames
    there, and the first latents twice.
    """
    surplus = -model.folder.latent_frames(len(frames)) % model.folder.patch_frames
    frames = torch.cat([frames[:1].expand(surplus * 4, -1, -1, -1), frames])
    vae = copy.deepcopy(model.vae)
    encode = vae.encode

    def encode_mean(video):
        mean = encode(video[:, :, surplus * 4 :]).latent_dist.mode()
        return SimpleNamespace(latents=torch.cat([mean[:, :, :surplus], mean], dim=2))

    vae.encode = encode_mean  # the pipeline takes `latents` if there are any, and then draws no sample
    config = json.loads((model.folder.path / "scheduler" / "scheduler_config.json").read_text())
    pipeline = diffusers.CogVideoXVideoToVideoPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=vae,
        transformer=model.transformer,
        scheduler=getattr(diffusers, SCHEDULERS[scheduler]).from_config(config, timestep_spacing="trailing"),
    )
    pipeline.set_progress_bar_config(disable=True)
    latents = pipeline(
        video=list(frames.permute(0, 3, 1, 2)),
        height=frames.shape[1],
        width=frames.shape[2],
        prompt_embeds=model.positive.values[None],
        negative_prompt_embeds=model.negative.values[None],
        strength=strength,
        num_inference_steps=steps,
        generator=torch.Generator().manual_seed(seed),
        max_sequence_length=TEXT_LENGTH,
        output_type="latent",
        **{"guidance_scale": 6.0} | options,
    ).frames
    return to_comfyui_layout(latents, model.folder, len(frames) - 4 * surplus).float()


class TestEqualsDiffusers:
    @pytest.mark.parametrize("strength", [0.2, 0.7, 1.0])
    @pytest.mark.parametrize("scheduler", SCHEDULERS)
    @pytest.mark.parametrize("kind", KINDS)
    def test_from_frames_to_latents(self, kind, scheduler, strength, model_of):
        model = model_of(kind)
        frames = pictures(model)
        start = StartVideo(encode_frames(model.vae, frames), strength)
        latents = sample(model, settings_of(model, steps=5, scheduler=scheduler), start=start)
        expected = changed_by_diffusers(model, frames, scheduler=scheduler, strength=strength)
        torch.testing.assert_close(latents, expected, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("options", [{"guidance_scale": 1.0}, {"use_dynamic_cfg": True}])
    def test_guidance(self, options, model, start):
        guidance = {"dynamic_guidance": "as diffusers"} if "use_dynamic_cfg" in options else options
        latents = sample(model, settings_of(model, steps=5, **guidance), start=StartVideo(start, 0.6))
        expected = changed_by_diffusers(model, pictures(model), strength=0.6, **options)
        torch.testing.assert_close(latents, expected, rtol=1e-5, atol=1e-5)


class TestLaws:
    @pytest.mark.parametrize("scheduler", SCHEDULERS)
    def test_at_full_strength_the_start_is_noise_alone(self, scheduler, model, start):
        settings = settings_of(model, scheduler=scheduler)
        assert torch.equal(sample(model, settings, start=StartVideo(start, 1.0)), sample(model, settings))

    def test_less_strength_keeps_more(self, model, start):
        settings = settings_of(model, steps=10, guidance_scale=1.0)
        changed = [sample(model, settings, start=StartVideo(start, strength)) for strength in (0.1, 0.5, 1.0)]
        distances = [float((each - start).norm()) for each in changed]
        assert distances == sorted(distances)

    def test_the_callback_counts_the_steps_that_are_taken(self, model, start):
        seen = []
        settings = settings_of(model, steps=10, dynamic_guidance="cosine")
        sample(model, settings, start=StartVideo(start, 0.35), on_step=lambda *step: seen.append(step[:2]))
        assert seen == [(1, 3), (2, 3), (3, 3)]

    def test_half_types(self, model, start):
        transformer = model.folder.load("transformer", torch.bfloat16)
        latents = sample(model, settings_of(model, steps=5), start=StartVideo(start, 0.6), transformer=transformer)
        assert latents.dtype == torch.float32
        # Three decimal places of bfloat16, through five steps.
        torch.testing.assert_close(
            latents, sample(model, settings_of(model, steps=5), start=StartVideo(start, 0.6)), rtol=0, atol=0.1
        )

    def test_another_size_than_the_models_own(self, model):
        start = StartVideo(torch.randn(1, 16, 5, 6, 4, generator=torch.Generator().manual_seed(0)), 0.5)
        latents = sample(model, SamplingSettings(VideoSize(0, 0, 0), steps=2), start=start)
        assert latents.shape == start.latents.shape

    def test_the_start_stays_unchanged(self, model, start):
        before = start.clone()
        sample(model, settings_of(model), start=StartVideo(start))
        assert torch.equal(start, before)


class TestErrors:
    @pytest.mark.parametrize("strength", [0.0, -0.1, 1.1, float("nan"), float("inf")])
    def test_strength_out_of_range(self, strength, start):
        with pytest.raises(SamplingError, match="strength: expected a number above 0 and at most 1"):
            StartVideo(start, strength)

    def test_a_strength_that_takes_no_step(self, model, start):
        with pytest.raises(SamplingError, match=r"strength: expected at least 0\.25, one of 4 steps, got 0\.2"):
            sample(model, settings_of(model), start=StartVideo(start, 0.2))

    @pytest.mark.parametrize("bad", [float("nan"), float("inf")])
    def test_values_that_are_not_finite(self, bad, start):
        start = start.clone()
        start[0, 3, 1, 2, 2] = bad
        with pytest.raises(SamplingError, match="start: expected finite numbers"):
            StartVideo(start)

    def test_several_videos_or_a_picture(self, start):
        for latents in (torch.cat([start, start]), start[:, :, 0]):
            with pytest.raises(SamplingError, match="start: expected one video's latents"):
                StartVideo(latents)

    def test_another_models_channels(self, model, start):
        with pytest.raises(SamplingError, match="start: expected latents with the model's 16 channels, got 4"):
            sample(model, settings_of(model), start=StartVideo(start[:, :4]))

    @pytest.mark.parametrize(("name", "value"), [("width", 64), ("height", 48), ("frames", 17)])
    def test_another_size_in_the_settings(self, name, value, model, start):
        has = {"width": 48, "height": 32, "frames": 9}[name]
        with pytest.raises(SamplingError, match=f"{name}: expected {has}, as the start video has, or 0, got {value}"):
            sample(model, settings_of(model, **{name: value}), start=StartVideo(start))

    @pytest.mark.parametrize(
        ("shape", "name"), [((1, 16, 2, 4, 6), "frames"), ((1, 16, 3, 3, 6), "height"), ((1, 16, 3, 4, 5), "width")]
    )
    def test_a_size_that_the_model_cannot_make(self, shape, name, model):
        with pytest.raises(SamplingError, match=f"{name}: expected"):
            sample(model, SamplingSettings(VideoSize(0, 0, 0), steps=2), start=StartVideo(torch.zeros(shape)))


class TestEncode:
    @pytest.mark.parametrize("kind", KINDS)
    def test_is_the_mean_of_diffusers_autoencoder(self, kind, model_of):
        model = model_of(kind)
        frames = pictures(model)
        latents = encode_frames(model.vae, frames)
        processor = VideoProcessor(vae_scale_factor=8)
        video = processor.preprocess_video(frames.permute(0, 3, 1, 2)[None])
        with torch.no_grad():
            expected = model.vae.encode(video).latent_dist.mode()
        assert latents.shape[:3] == (1, 16, 3)
        assert torch.equal(latents, expected)

    def test_in_tiles_equals_diffusers_tiling(self, model):
        frames = torch.rand(9, 64, 96, 3, generator=torch.Generator().manual_seed(0))
        whole, tiled = (encode_frames(model.vae, frames, tiled=tiled) for tiled in (False, True))
        assert not torch.equal(whole, tiled)
        vae = copy.deepcopy(model.vae)
        vae.enable_tiling()
        with torch.no_grad():
            expected = vae.encode(2 * frames.permute(3, 0, 1, 2)[None] - 1).latent_dist.mode()
        assert torch.equal(tiled, expected)
        assert model.vae.use_tiling is False

    @pytest.mark.parametrize("tiled", [False, True])
    def test_tells_of_each_group_of_frames(self, tiled, model):
        told = []
        encode_frames(model.vae, torch.zeros(17, 64, 96, 3), tiled=tiled, on_group=lambda *step: told.append(step))
        assert told == [(done, len(told)) for done in range(1, len(told) + 1)]
        assert len(told) == (2 * 2 * 3 if tiled else 2)

    def test_frames_that_are_none(self, model):
        for frames in (torch.zeros(9, 32, 48), torch.zeros(9, 32, 48, 4), torch.zeros(9, 32, 48, 3, dtype=torch.uint8)):
            with pytest.raises(SamplingError, match="frames: expected pictures in color"):
                encode_frames(model.vae, frames)
        with pytest.raises(SamplingError, match="frames: expected finite numbers"):
            encode_frames(model.vae, torch.full((9, 32, 48, 3), float("nan")))
