"""Sampling and decoding against diffusers' own pipeline, bit for bit, and what is said when they cannot be done."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import diffusers
import pytest
import torch
from diffusers import CogVideoXPipeline
from tiny_models import KINDS, TEXT_LENGTH

from richspace_core import EmbeddingError, SamplingError, TextEmbedding
from richspace_core.cogvideox.config import VAEConfig, VideoSize
from richspace_core.cogvideox.folder import CogVideoXFolder
from richspace_core.cogvideox.sampling import (
    SamplingSettings,
    cosine_guidance,
    decode_latents,
    false_colour_preview,
    make_pipeline,
    require_fits,
    sample_latents,
)

# diffusers 0.42 wants `dtype`, which 0.35, the oldest that the pack takes, does not know.
pytestmark = pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")

SCHEDULERS = {"DDIM": "CogVideoXDDIMScheduler", "DPM": "CogVideoXDPMScheduler"}
STEPS = 4


@pytest.fixture(scope="module")
def model_of(tiny_folder):
    """Gives a kind of tiny model, loaded once, with a positive and a negative embedding that it reads."""

    @cache
    def model(kind):
        folder = CogVideoXFolder.open(tiny_folder(kind))
        values = torch.randn(2, TEXT_LENGTH, 32, generator=torch.Generator().manual_seed(5))
        return SimpleNamespace(
            folder=folder,
            transformer=folder.load("transformer", torch.float32),
            vae=folder.load("vae", torch.float32),
            positive=TextEmbedding(values[0], 9),
            negative=TextEmbedding(values[1], 1),
        )

    return model


@pytest.fixture
def model(model_of):
    """The 2B-like one."""
    return model_of("2b")


@pytest.fixture
def calls(model):
    """Counts how often the denoiser of the 2B-like model runs during a test."""
    seen = []
    hook = model.transformer.register_forward_pre_hook(lambda *_: seen.append(1))
    yield seen
    hook.remove()


def settings_of(model, *, width=0, height=0, frames=0, steps=STEPS, **others):
    size = model.folder.video_size(width=width, height=height, frames=frames)
    return SamplingSettings(size, steps=steps, **others)


def sample(model, settings, *, seed=3, on_step=None, **replaced):
    parts = {"transformer": model.transformer, "positive": model.positive, "negative": model.negative} | replaced
    return sample_latents(model.folder, **parts, settings=settings, seed=seed, on_step=on_step)


def direct(model, *, scheduler="DDIM", seed=3, steps=STEPS, output_type="latent", transformer=None, **options):
    """What diffusers' pipeline returns, with its own autoencoder and none of this library's code."""
    config = json.loads((model.folder.path / "scheduler" / "scheduler_config.json").read_text())
    transformer = transformer or model.transformer
    pipeline = CogVideoXPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=model.vae,
        transformer=transformer,
        scheduler=getattr(diffusers, SCHEDULERS[scheduler]).from_config(config, timestep_spacing="trailing"),
    )
    pipeline.set_progress_bar_config(disable=True)
    size = model.folder.video_size()
    options = {"width": size.width, "height": size.height, "num_frames": size.frames, "guidance_scale": 6.0} | options
    embeds = {
        "prompt_embeds": model.positive.values[None].to(transformer.dtype),
        "negative_prompt_embeds": model.negative.values[None].to(transformer.dtype),
    }
    return pipeline(
        **(embeds | options),
        num_inference_steps=steps,
        generator=torch.Generator().manual_seed(seed),
        max_sequence_length=TEXT_LENGTH,
        output_type=output_type,
    ).frames


def host_layout(latents, kind="2b"):
    """[1, f, c, h, w] of the pipeline as the host has latents; of 1.5, without the frame that fills up a patch."""
    if kind == "1.5":
        assert latents.shape[1] == 4
        latents = latents[:, 1:]
    return (1 / (1.15258426 if kind == "2b" else 0.7) * latents).permute(0, 2, 1, 3, 4)


class TestEqualsDiffusers:
    @pytest.mark.parametrize("guidance_scale", [6.0, 1.0, 0.0])
    @pytest.mark.parametrize("scheduler", SCHEDULERS)
    @pytest.mark.parametrize("kind", KINDS)
    def test_bit_for_bit(self, kind, scheduler, guidance_scale, model_of):
        model = model_of(kind)
        latents = sample(model, settings_of(model, scheduler=scheduler, guidance_scale=guidance_scale))
        expected = direct(model, scheduler=scheduler, guidance_scale=guidance_scale)
        assert (latents.dtype, latents.device.type) == (torch.float32, "cpu")
        assert torch.equal(latents, host_layout(expected, kind))

    def test_auto_is_the_folders_own(self, model):
        auto, named = (sample(model, settings_of(model, scheduler=name)) for name in ("auto", "DDIM"))
        assert torch.equal(auto, named)

    @pytest.mark.parametrize("kind", KINDS)
    def test_another_size(self, kind, model_of):
        model = model_of(kind)
        size = {"width": 32, "height": 48}
        latents = sample(model, settings_of(model, **size, frames=17))
        assert latents.shape == (1, 16, 5, 6, 4)
        expected = direct(model, **size, num_frames=17)
        surplus = expected.shape[1] - 5
        assert surplus == (1 if kind == "1.5" else 0)
        scale = 1 / (1.15258426 if kind == "2b" else 0.7)
        assert torch.equal(latents, (scale * expected[:, surplus:]).permute(0, 2, 1, 3, 4))

    @pytest.mark.parametrize("scheduler", SCHEDULERS)
    def test_guidance_as_diffusers(self, scheduler, model):
        settings = settings_of(model, scheduler=scheduler, dynamic_guidance="as diffusers")
        expected = direct(model, scheduler=scheduler, use_dynamic_cfg=True)
        assert torch.equal(sample(model, settings), host_layout(expected))
        assert not torch.equal(expected, direct(model, scheduler=scheduler))

    @pytest.mark.parametrize("seed", [0, 7, 2**40, 2**64 - 1])
    def test_seeds(self, seed, model):
        settings = settings_of(model, steps=1)
        assert torch.equal(sample(model, settings, seed=seed), host_layout(direct(model, seed=seed, steps=1)))

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_half_types(self, dtype, model):
        transformer = model.folder.load("transformer", dtype)
        latents = sample(model, settings_of(model), transformer=transformer)
        expected = direct(model, transformer=transformer)
        assert expected.dtype == dtype
        assert torch.equal(latents, host_layout(expected).float())
        assert latents.dtype == torch.float32

    def test_a_batch_of_seeds_is_one_video_each(self, model):
        seeds = (3, 11, 3)
        videos = torch.cat([sample(model, settings_of(model), seed=seed) for seed in seeds])
        assert torch.equal(videos[0], videos[2])
        assert not torch.equal(videos[0], videos[1])
        repeated = {
            "prompt_embeds": model.positive.values.expand(3, -1, -1),
            "negative_prompt_embeds": model.negative.values.expand(3, -1, -1),
        }
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        pipeline = make_pipeline(model.folder, model.transformer)
        with torch.no_grad():
            together = pipeline(
                **repeated,
                width=48,
                height=32,
                num_frames=9,
                num_inference_steps=STEPS,
                generator=generators,
                max_sequence_length=TEXT_LENGTH,
                output_type="latent",
            ).frames
        # The same noise for each; products of other sizes sum in another order, step after step.
        torch.testing.assert_close(videos, host_layout(together), rtol=1e-3, atol=1e-3)


class TestSeeds:
    @pytest.mark.parametrize(("seed", "same"), [(-1, 2**64 - 1), (2**64 + 5, 5), (2**64, 0)])
    def test_are_taken_modulo_two_to_the_64(self, seed, same, model):
        settings = settings_of(model, steps=1)
        assert torch.equal(sample(model, settings, seed=seed), sample(model, settings, seed=same))

    def test_leave_the_global_random_state_alone(self, model):
        before = torch.get_rng_state()
        sample(model, settings_of(model, scheduler="DPM"))
        assert torch.equal(torch.get_rng_state(), before)


class TestCosineGuidance:
    def literal_loop(self, model, scale, steps):
        """Algorithm 3 by hand: noise, then the denoiser and the scheduler, guided by CogVideoX's cosine of the step."""
        scheduler = model.folder.make_scheduler("DDIM")
        scheduler.set_timesteps(steps)
        latents = torch.randn(1, 3, 16, 4, 6, generator=torch.Generator().manual_seed(3))
        embeds = torch.stack([model.negative.values, model.positive.values])
        for step, timestep in enumerate(scheduler.timesteps):
            prediction = model.transformer(
                hidden_states=torch.cat([latents] * 2),
                encoder_hidden_states=embeds,
                timestep=timestep.expand(2),
                return_dict=False,
            )[0]
            without, guided = prediction.chunk(2)
            weight = 1 + scale * (1 - math.cos(math.pi * (step / steps) ** 5)) / 2
            prediction = without + weight * (guided - without)
            latents = scheduler.step(prediction, timestep, latents, return_dict=False)[0]
        return latents

    @pytest.mark.parametrize("scale", [6.0, 1.5])
    def test_equals_a_loop_by_hand(self, scale, model):
        settings = settings_of(model, steps=5, guidance_scale=scale, dynamic_guidance="cosine")
        with torch.no_grad():
            expected = self.literal_loop(model, scale, 5)
        assert torch.equal(sample(model, settings), host_layout(expected))

    def test_without_guidance_nothing_is_guided(self, model):
        settings = settings_of(model, guidance_scale=1.0, dynamic_guidance="cosine")
        assert torch.equal(sample(model, settings), host_layout(direct(model, guidance_scale=1.0)))

    @pytest.mark.parametrize("scale", [2.0, 6.0, 12.0])
    def test_rises_from_one_to_one_more_than_the_scale(self, scale):
        weights = [cosine_guidance(scale, step, 50) for step in range(50)]
        assert weights[0] == 1
        assert weights == sorted(weights)
        assert 0.95 * (1 + scale) < weights[-1] < 1 + scale
        assert weights[25] < 1 + 0.01 * scale  # late: half way there it has hardly begun
        assert cosine_guidance(scale, 50, 50) == pytest.approx(1 + scale)


@pytest.fixture
def clean_predictions(monkeypatch):
    """DDIM's own predictions of the clean video, [1, f, c, h, w] for every step."""
    seen = []
    original = diffusers.CogVideoXDDIMScheduler.step

    def step(self, *args, return_dict, **kwargs):
        assert return_dict is False
        result = original(self, *args, **kwargs)
        seen.append(result.pred_original_sample)
        return result.prev_sample, result.pred_original_sample

    monkeypatch.setattr(diffusers.CogVideoXDDIMScheduler, "step", step)
    return seen


class TestCallback:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("scheduler", SCHEDULERS)
    def test_once_a_step_with_the_size_of_the_video(self, kind, scheduler, model_of):
        model = model_of(kind)
        seen = []
        latents = sample(
            model,
            settings_of(model, scheduler=scheduler),
            on_step=lambda done, steps, video: seen.append((done, steps, video)),
        )
        assert [(done, steps) for done, steps, _ in seen] == [(1, 4), (2, 4), (3, 4), (4, 4)]
        for _, _, video in seen:
            assert video.shape[:2] == latents.shape[:2]
            assert video.shape[3:] == latents.shape[3:]
            assert torch.isfinite(video).all()

    @pytest.mark.parametrize(
        ("guidance_scale", "dynamic_guidance"), [(6.0, "off"), (1.0, "off"), (6.0, "cosine"), (6.0, "as diffusers")]
    )
    def test_shows_the_schedulers_own_prediction(self, guidance_scale, dynamic_guidance, model, clean_predictions):
        seen = []
        settings = settings_of(model, guidance_scale=guidance_scale, dynamic_guidance=dynamic_guidance)
        sample(model, settings, on_step=lambda _done, _steps, video: seen.append(video))
        assert len(seen) == len(clean_predictions) == STEPS
        for video, expected in zip(seen, clean_predictions, strict=True):
            # alpha's root is taken in float64 here and in float32 there.
            torch.testing.assert_close(video, expected.permute(0, 2, 1, 3, 4), rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("scheduler", SCHEDULERS)
    def test_the_last_prediction_is_the_video(self, scheduler, model):
        seen = []
        settings = settings_of(model, scheduler=scheduler)
        latents = sample(model, settings, on_step=lambda _done, _steps, video: seen.append(video))
        # The last step leads to noise level 0, where nothing but the prediction is left.
        torch.testing.assert_close(seen[-1] / model.folder.scaling_factor, latents, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(seen[0], seen[-1], atol=1e-2)

    def test_changes_nothing(self, model):
        watched = sample(model, settings_of(model), on_step=lambda _done, _steps, video: video.zero_())
        assert torch.equal(watched, sample(model, settings_of(model)))

    @pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, type("Cancelled", (BaseException,), {})])
    def test_what_it_raises_ends_the_sampling(self, kind, model, calls):
        raised = kind("enough")

        def cancel(done, _steps, _video):
            if done == 2:
                raise raised

        hooks = dict(model.transformer._forward_hooks)
        with pytest.raises(kind, match="enough") as caught:
            sample(model, settings_of(model), on_step=cancel)
        assert caught.value is raised
        assert len(calls) == 2
        assert model.transformer._forward_hooks == hooks
        assert torch.equal(sample(model, settings_of(model)), host_layout(direct(model)))  # and the next one is whole

    def test_leaves_no_hook(self, model):
        sample(model, settings_of(model, steps=1), on_step=lambda *_: None)
        assert not model.transformer._forward_hooks


class TestInputs:
    def test_are_not_changed(self, model):
        positive, negative = model.positive.values.clone(), model.negative.values.clone()
        weights = copy.deepcopy(model.transformer.state_dict())
        sample(model, settings_of(model))
        assert torch.equal(model.positive.values, positive)
        assert torch.equal(model.negative.values, negative)
        assert all(torch.equal(weight, weights[name]) for name, weight in model.transformer.state_dict().items())

    def test_both_prompts_matter(self, model):
        latents = sample(model, settings_of(model))
        assert not torch.equal(latents, sample(model, settings_of(model), positive=model.negative))
        assert not torch.equal(latents, sample(model, settings_of(model), negative=model.positive))

    @pytest.mark.parametrize("name", ["positive", "negative"])
    @pytest.mark.parametrize(("shape", "got"), [((TEXT_LENGTH, 4096), "40 by 4096"), ((226, 32), "226 by 32")])
    def test_of_another_encoder(self, name, shape, got, model, calls):
        with pytest.raises(SamplingError) as caught:
            sample(model, settings_of(model), **{name: TextEmbedding(torch.randn(shape), 5)})
        assert str(caught.value) == (
            f"{name}: expected an embedding of 40 tokens by 32, as tiny-2b reads, got {got}. "
            "Encode the prompts with the T5 that belongs to this model."
        )
        assert not calls

    @pytest.mark.parametrize("name", ["positive", "negative"])
    @pytest.mark.parametrize("value", [torch.nan, torch.inf])
    def test_not_finite(self, name, value, model, calls):
        values = model.positive.values.clone()
        values[3, 7] = value
        with pytest.raises(
            EmbeddingError, match=rf"^{name}: expected finite values, got 1 of 1280 that are NaN or inf"
        ):
            sample(model, settings_of(model), **{name: TextEmbedding(values, 5)})
        assert not calls

    def test_require_fits_names_what_the_caller_names(self, model):
        require_fits(model.folder, a=model.positive, b=model.negative)
        with pytest.raises(SamplingError, match=r"^b: expected an embedding of 40 tokens"):
            require_fits(model.folder, a=model.positive, b=TextEmbedding(torch.randn(3, 4), 1))

    @pytest.mark.parametrize("steps", [0, -1, 2.5, True, "50", None])
    def test_steps(self, steps):
        with pytest.raises(SamplingError) as caught:
            SamplingSettings(VideoSize(48, 32, 9), steps=steps)
        assert str(caught.value) == f"steps: expected an integer >= 1, got {steps!r}. 50 is usual."

    @pytest.mark.parametrize("scale", [-0.5, math.nan, math.inf, -math.inf])
    def test_guidance_scale(self, scale):
        with pytest.raises(SamplingError) as caught:
            SamplingSettings(VideoSize(48, 32, 9), guidance_scale=scale)
        assert str(caught.value) == f"guidance_scale: expected a number of at least 0, got {scale}. 6 is usual."

    def test_dynamic_guidance(self):
        with pytest.raises(
            SamplingError, match=r"^dynamic_guidance: expected one of off, cosine, as diffusers, got 'on'"
        ):
            SamplingSettings(VideoSize(48, 32, 9), dynamic_guidance="on")

    def test_scheduler(self, model, calls):
        with pytest.raises(SamplingError, match=r"^scheduler: expected auto or one of DDIM, DPM, got Euler"):
            sample(model, settings_of(model, scheduler="Euler"))
        assert not calls

    def test_zero_is_the_models_own_size(self, model):
        own = SamplingSettings(VideoSize(0, 0, 0), steps=1)
        assert torch.equal(sample(model, own), sample(model, settings_of(model, steps=1)))

    @pytest.mark.parametrize(
        ("size", "message"),
        [
            (VideoSize(40, 32, 9), "width: .* got 40. The nearest this model can make are 32 and 48."),
            (VideoSize(48, 31, 9), "height: .* got 31. The nearest this model can make are 16 and 32."),
            (VideoSize(48, 32, 10), "frames: .* got 10. The nearest this model can make are 9 and 17."),
        ],
    )
    def test_a_size_it_cannot_make_is_said_before_it_runs(self, size, message, model, calls):
        with pytest.raises(SamplingError, match=rf"^{message}$"):
            sample(model, SamplingSettings(size, steps=1))
        assert not calls


class TestOverflow:
    @pytest.fixture
    def broken(self, model):
        transformer = copy.deepcopy(model.transformer)
        with torch.no_grad():
            transformer.proj_out.bias[3] = torch.nan
        return transformer

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
    def test_is_said(self, dtype, model, broken):
        with pytest.raises(SamplingError) as caught:
            sample(model, settings_of(model), transformer=broken.to(dtype))
        assert str(caught.value) == (
            "video: expected finite numbers, got NaN or infinity. "
            f"{str(dtype).removeprefix('torch.')} overflowed: choose bfloat16 or float32 in the loader."
        )

    def test_does_not_stop_the_preview_from_letting_it_be_said(self, model, broken):
        with pytest.raises(SamplingError, match=r"^video: expected finite numbers"):
            sample(
                model,
                settings_of(model),
                transformer=broken,
                on_step=lambda _done, _steps, video: false_colour_preview(video),
            )

    def test_is_said_of_the_decoder(self, model):
        vae = copy.deepcopy(model.vae)
        with torch.no_grad():
            vae.decoder.conv_out.conv.bias[0] = torch.nan
        with pytest.raises(
            SamplingError, match=r"^video: expected finite numbers, got NaN or infinity. float32 overflowed"
        ):
            decode_latents(vae, torch.randn(1, 16, 1, 4, 6))


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


class TestPipeline:
    @pytest.mark.parametrize("kind", KINDS)
    def test_knows_the_models_ratios_without_its_autoencoder(self, kind, model_of):
        model = model_of(kind)
        pipeline = make_pipeline(model.folder, model.transformer)
        assert pipeline.transformer is model.transformer
        assert pipeline.text_encoder is pipeline.vae is pipeline.tokenizer is None
        assert pipeline.vae_scale_factor_spatial == 8
        assert pipeline.vae_scale_factor_temporal == 4
        assert pipeline.vae_scaling_factor_image == (1.15258426 if kind == "2b" else 0.7)

    def test_other_ratios(self, model):
        vae = VAEConfig(block_out_channels=(4, 8), temporal_compression_ratio=2, scaling_factor=0.25)
        folder = replace(model.folder, vae=vae)
        pipeline = make_pipeline(folder, model.transformer, "DPM")
        assert pipeline.vae_scale_factor_spatial == 2
        assert pipeline.vae_scale_factor_temporal == 2
        assert pipeline.vae_scaling_factor_image == 0.25
        assert type(pipeline.scheduler).__name__ == "CogVideoXDPMScheduler"


class TestPreview:
    @pytest.fixture
    def latents(self):
        generator = torch.Generator().manual_seed(1)
        # Strong and weak channels, as latents have them: components that are well apart.
        return torch.randn(1, 16, 5, 8, 12, generator=generator) * torch.linspace(3, 0.3, 16)[:, None, None, None]

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
    def test_a_small_picture(self, dtype, latents):
        picture = false_colour_preview(latents.to(dtype))
        assert (picture.shape, picture.dtype, picture.device.type) == ((8, 12, 3), torch.float32, "cpu")
        assert float(picture.min()) >= 0
        assert float(picture.max()) <= 1
        assert (picture.flatten(0, 1).std(dim=0) > 0.1).all()  # each colour shows something

    def test_of_the_middle_frame(self, latents):
        picture = false_colour_preview(latents)
        assert torch.equal(false_colour_preview(latents[:, :, 2:3]), picture)
        assert not torch.equal(false_colour_preview(latents[:, :, 1:2]), picture)

    def test_is_the_same_each_time(self, latents):
        before = latents.clone()
        assert torch.equal(false_colour_preview(latents), false_colour_preview(latents))
        assert torch.equal(latents, before)

    def test_is_what_principal_components_give(self, latents):
        pixels = latents[0, :, 2].flatten(1).T.double()
        left, _, _ = torch.linalg.svd(pixels - pixels.mean(dim=0), full_matrices=False)
        picture = false_colour_preview(latents).flatten(0, 1).double()
        for colour in range(3):
            unclipped = (picture[:, colour] > 0) & (picture[:, colour] < 1)
            pair = torch.stack([picture[unclipped, colour], left[unclipped, colour]])
            assert abs(float(torch.corrcoef(pair)[0, 1])) > 0.9999  # the sign is the preview's own to choose

    def test_colours_do_not_flip_from_step_to_step(self, latents):
        picture = false_colour_preview(latents)
        for seed in range(10):
            generator = torch.Generator().manual_seed(seed)
            step = latents + 0.01 * torch.randn(latents.shape, generator=generator)
            torch.testing.assert_close(false_colour_preview(step), picture, rtol=0, atol=0.05)
            # The order of channels is no part of the picture, but decides which sign a solver returns.
            order = torch.randperm(16, generator=generator)
            torch.testing.assert_close(false_colour_preview(latents[:, order]), picture, rtol=0, atol=1e-3)

    def test_three_channels_are_enough(self, latents):
        assert false_colour_preview(latents[:, :3]).shape == (8, 12, 3)

    def test_flat_latents_are_grey(self):
        picture = false_colour_preview(torch.full((1, 16, 3, 4, 6), 0.7))
        # A mean of equal numbers is off by a rounding, which the preview's own limit keeps from being blown up.
        torch.testing.assert_close(picture, torch.full((4, 6, 3), 0.5), rtol=0, atol=0.1)

    @pytest.mark.parametrize("value", [torch.nan, torch.inf])
    def test_overflown_latents_are_grey(self, value, latents):
        latents[0, 3, 2, 1, 1] = value
        assert torch.equal(false_colour_preview(latents), torch.full((8, 12, 3), 0.5))


@pytest.mark.gpu
class TestCuda:
    def test_equals_the_cpu(self, model):
        # The same noise from the CPU's generator; float32 products round differently, step after step.
        latents = sample(model, settings_of(model), transformer=copy.deepcopy(model.transformer).cuda())
        assert latents.device.type == "cuda"
        expected = sample(model, settings_of(model))
        torch.testing.assert_close(latents.cpu(), expected, rtol=1e-2, atol=1e-2)
        frames = decode_latents(copy.deepcopy(model.vae).cuda(), latents)
        torch.testing.assert_close(frames.cpu(), decode_latents(model.vae, expected), rtol=0, atol=2e-2)
