"""Load a CogVideoX, sample a video from a conditioning, decode it to frames."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..richspace_core import TextEmbedding
from ..richspace_core.cogvideox.sampling import (
    GroupCallback,
    SamplingSettings,
    decode_latents,
    false_colour_preview,
    require_fits,
    sample_latents,
)
from .host import models
from .host.api import T5, CogVideoX, io, report
from .host.conditioning import Conditioning, from_conditioning
from .host.memory import Progress, retry_if_out_of_memory, to_host
from .host.models import CogVideoXModel
from .host.input_names import with_shown_names
from .host.prompt_settings import require_plain
from .inputs import size_inputs

_ONE_PROMPT = (
    "This sampler draws one prompt. Mix prompts with RichSpace Interpolate, or use RichSpace Load CogVideoX (native) "
    "with KSampler, which draws several."
)


class RichSpaceLoadCogVideoX(io.ComfyNode):
    """A CogVideoX from the host's model folders."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceLoadCogVideoX",
            display_name="RichSpace Load CogVideoX",
            category="RichSpace",
            description="Loads a text-to-video CogVideoX from a diffusers folder, or the bundled demo. The host owns "
            "the weights: they are read when first used and make room for other models.",
            search_aliases=["cogvideo", "cogvideox", "load model", "diffusers", "t5", "checkpoint"],
            inputs=[
                io.Combo.Input(
                    "model",
                    options=list(models.available()),
                    tooltip="A folder with model_index.json below models/diffusers, or the bundled demo, a "
                    "tiny model that draws moving shapes and runs anywhere.",
                    extra_dict=models.NOTES,
                ),
                io.Combo.Input(
                    "dtype",
                    options=list(models.DTYPES),
                    default="auto",
                    advanced=True,
                    tooltip="Number type of the weights. Auto is the one they were saved in, where the device can "
                    "compute with it: the one the model was made for.",
                ),
            ],
            outputs=[
                CogVideoX.Output(display_name="model", tooltip="For RichSpace CogVideoX Sample and Decode."),
                T5.Output(display_name="text encoder", tooltip="For RichSpace Encode Prompt."),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def fingerprint_inputs(cls, model: str, dtype: str) -> Any:
        """Check the folder again when its files have changed."""
        return models.fingerprint(model), dtype

    @classmethod
    def execute(cls, model: str, dtype: str) -> io.NodeOutput:
        """Check the folder and hand its parts to the host."""
        return io.NodeOutput(*models.load(model, models.DTYPES[dtype]), ui=report(models.note(model)))


class RichSpaceCogVideoXSample(io.ComfyNode):
    """A video's latents from a conditioning."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceCogVideoXSample",
            display_name="RichSpace CogVideoX Sample",
            category="RichSpace",
            description="Samples videos with diffusers' own CogVideoX pipeline (Algorithm 3) on the host's device.",
            search_aliases=["ksampler", "sampler", "text to video", "cogvideox", "denoise"],
            inputs=[
                CogVideoX.Input("model", tooltip="From RichSpace Load CogVideoX."),
                io.Conditioning.Input("positive", tooltip="What the video shows: a prompt or a mixture of prompts."),
                io.Conditioning.Input("negative", tooltip="What it avoids; usually an empty prompt."),
                *size_inputs(),
                io.Int.Input("steps", default=50, min=1, max=1000, tooltip="Denoising steps: more take longer."),
                io.Float.Input(
                    "cfg",
                    default=6.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="How strongly the prompt guides. At 1 or below the negative prompt is not used, and a "
                    "step takes half the time.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=True,
                    tooltip="The noise to start from: the same on every device. Further videos count up from it.",
                ),
                io.Int.Input(
                    "batch_size",
                    default=1,
                    min=1,
                    max=64,
                    tooltip="Videos to make, one after the other and so in the memory of one. The second equals the "
                    "first of the next seed.",
                ),
                io.Combo.Input(
                    "scheduler",
                    options=["auto", "DDIM", "DPM"],
                    default="auto",
                    tooltip="Auto is the one that the model's folder names (DDIM for 2B, DPM for 5B).",
                ),
                io.Combo.Input(
                    "dynamic_cfg",
                    options=["off", "cosine", "as diffusers"],
                    default="off",
                    advanced=True,
                    tooltip="Cosine raises the guidance from 1 to 1 + cfg over the steps, as CogVideoX's authors do. "
                    "As diffusers repeats that library's formula, which jumps up and down.",
                ),
            ],
            outputs=[io.Latent.Output(display_name="latent", tooltip="For RichSpace CogVideoX Decode.")],
        )

    @classmethod
    @with_shown_names(guidance_scale="cfg", dynamic_guidance="dynamic_cfg")
    def execute(
        cls,
        model: CogVideoXModel,
        positive: Conditioning,
        negative: Conditioning,
        width: int,
        height: int,
        frames: int,
        steps: int,
        cfg: float,
        seed: int,
        batch_size: int,
        scheduler: Any,
        dynamic_cfg: Any,
    ) -> io.NodeOutput:
        """Check everything, then load the denoiser and sample."""
        size = model.folder.video_size(width=width, height=height, frames=frames)
        settings = SamplingSettings(size, steps, cfg, dynamic_cfg, scheduler)
        prompts = {
            name: from_conditioning(name, conditioning, if_several=_ONE_PROMPT)
            for name, conditioning in {"positive": positive, "negative": negative}.items()
        }
        require_plain(**prompts)
        embeddings = {name: prompt.embedding for name, prompt in prompts.items()}
        require_fits(model.folder, **embeddings)
        samples = _sample_each(model, embeddings, settings, range(seed, seed + batch_size))
        return io.NodeOutput({"samples": to_host(samples)})


class RichSpaceCogVideoXDecode(io.ComfyNode):
    """A video's frames from its latents."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceCogVideoXDecode",
            display_name="RichSpace CogVideoX Decode",
            category="RichSpace",
            description="Decodes latents to frames with the model's own autoencoder. Every video of a batch becomes a "
            "video of its own.",
            search_aliases=["vae decode", "cogvideox", "frames", "latent to image"],
            inputs=[
                CogVideoX.Input("model", tooltip="The model that sampled the latents."),
                io.Latent.Input("latent", tooltip="From RichSpace CogVideoX Sample."),
                io.Boolean.Input(
                    "tiled",
                    default=False,
                    advanced=True,
                    tooltip="Decode in overlapping tiles, for a quarter of the memory. Done by itself when memory "
                    "runs out.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="frames",
                    is_output_list=True,
                    tooltip="The frames of one video after another; for Create Video at 8 frames a second.",
                )
            ],
        )

    @classmethod
    @with_shown_names(latents="latent")
    def execute(cls, model: CogVideoXModel, latent: dict[str, Any], tiled: bool) -> io.NodeOutput:
        """Decode each video, in tiles if asked for or if memory runs out."""
        count = len(latent["samples"])

        def on_group(video: int, done: int, groups: int) -> None:
            Progress(count * groups).step_done(video * groups + done)

        videos = [
            to_host(_decode(model, samples, partial(on_group, video), tiled=tiled))
            for video, samples in enumerate(latent["samples"].split(1))
        ]
        return io.NodeOutput(videos)


def _sample_each(
    model: CogVideoXModel, prompts: dict[str, TextEmbedding], settings: SamplingSettings, seeds: Sequence[int]
) -> Tensor:
    """Sample one video for each seed: ``[len(seeds), c, f, h, w]``."""
    needed = model.folder.sampling_memory(settings.size, model.transformer.dtype)
    transformer = model.transformer.loaded(memory_required=needed)
    progress = Progress(len(seeds) * settings.steps)
    videos: list[Tensor] = []
    colours = model.folder.latent_colours()
    draw = colours.picture if colours else false_colour_preview

    def on_step(done: int, steps: int, latents: Tensor) -> None:
        progress.step_done(len(videos) * steps + done, lambda: draw(latents))

    for seed in seeds:
        video = sample_latents(model.folder, transformer, **prompts, settings=settings, seed=seed, on_step=on_step)
        videos.append(video)
    return torch.cat(videos)


def _decode(model: CogVideoXModel, samples: Tensor, on_group: GroupCallback, *, tiled: bool) -> Tensor:
    """Decode one video's latents, in tiles if asked for or if the memory runs out."""

    def decode(*, tiled: bool) -> Tensor:
        height, width = (side * model.folder.spatial_ratio for side in samples.shape[-2:])
        needed = model.folder.decoding_memory(width, height, model.vae.dtype, tiled=tiled)
        return decode_latents(model.vae.loaded(memory_required=needed), samples, tiled=tiled, on_group=on_group)

    return retry_if_out_of_memory(lambda: decode(tiled=tiled), lambda: decode(tiled=True))


NODES: list[type[io.ComfyNode]] = [RichSpaceLoadCogVideoX, RichSpaceCogVideoXSample, RichSpaceCogVideoXDecode]
