"""Sampling of tiny models with this library, and with diffusers' own pipeline and none of this library's code."""

from __future__ import annotations

import json

import diffusers
import torch
from diffusers import CogVideoXPipeline
from small_models.tiny_models import TEXT_LENGTH

from richspace_core.cogvideox.options import NO_OPTIONS
from richspace_core.cogvideox.sampling import SamplingSettings, sample_latents

STEPS = 4
_SCHEDULERS = {"DDIM": "CogVideoXDDIMScheduler", "DPM": "CogVideoXDPMScheduler"}


def settings_of(model, *, width=0, height=0, frames=0, steps=STEPS, **others):
    size = model.folder.video_size(width=width, height=height, frames=frames)
    return SamplingSettings(size, steps=steps, **others)


def sample(model, settings, *, seed=3, on_step=None, start=None, options=NO_OPTIONS, **replaced):
    parts = {"transformer": model.transformer, "positive": model.positive, "negative": model.negative} | replaced
    return sample_latents(
        model.folder, **parts, settings=settings, seed=seed, start=start, options=options, on_step=on_step
    )


def direct(model, *, scheduler="DDIM", seed=3, steps=STEPS, output_type="latent", transformer=None, **options):
    """Return what diffusers' pipeline returns, with its own autoencoder."""
    config = json.loads((model.folder.path / "scheduler" / "scheduler_config.json").read_text())
    transformer = transformer or model.transformer
    pipeline = CogVideoXPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=model.vae,
        transformer=transformer,
        scheduler=getattr(diffusers, _SCHEDULERS[scheduler]).from_config(config, timestep_spacing="trailing"),
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
    """Return the pipeline's [1, f, c, h, w] in ComfyUI's layout; of 1.5, without the frame that fills up a patch."""
    if kind == "1.5":
        assert latents.shape[1] == 4
        latents = latents[:, 1:]
    return (1 / (1.15258426 if kind == "2b" else 0.7) * latents).permute(0, 2, 1, 3, 4)
