"""Sampling against diffusers' own pipeline, bit for bit, and its errors."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import diffusers
import pytest
import torch
from pipeline_oracle import STEPS, direct, host_layout, sample, settings_of
from small_models.tiny_models import KINDS, TEXT_LENGTH

from richspace_core import EmbeddingError, SamplingError, TextEmbedding
from richspace_core.cogvideox.config import VAEConfig, VideoSize
from richspace_core.cogvideox.decoding import decode_latents
from richspace_core.cogvideox.latent_preview import false_color_preview
from richspace_core.cogvideox.sampling import SamplingSettings, make_pipeline, require_fits

# diffusers 0.42 wants `dtype`, which 0.35, the oldest that the pack takes, does not know.
pytestmark = pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")

SCHEDULERS = {"DDIM": "CogVideoXDDIMScheduler", "DPM": "CogVideoXDPMScheduler"}


@pytest.fixture
def calls(model):
    """Count how often the denoiser of the 2B-like model runs during a test."""
    seen = []
    hook = model.transformer.register_forward_pre_hook(lambda *_: seen.append(1))
    yield seen
    hook.remove()


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
        """Run Algorithm 3 by hand: noise, then denoiser and scheduler, guided by CogVideoX's cosine of the step."""
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


class TestWithoutANegative:
    def test_it_is_not_needed_without_guidance(self, model):
        settings = settings_of(model, guidance_scale=1.0)
        assert torch.equal(sample(model, settings, negative=None), sample(model, settings))

    def test_guidance_needs_it(self, model):
        with pytest.raises(SamplingError, match=r"^negative: expected .*, since guidance_scale is 6, got None"):
            sample(model, settings_of(model), negative=None)


@pytest.fixture
def clean_predictions(monkeypatch):
    """Collect DDIM's own predictions of the clean video, [1, f, c, h, w] for every step."""
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
                on_step=lambda _done, _steps, video: false_color_preview(video),
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
