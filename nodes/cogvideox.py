"""CogVideoX through diffusers: load a model, sample videos from a conditioning, decode and encode frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch import Tensor

from ..richspace_core.cogvideox.config import VideoSize
from ..richspace_core.cogvideox.sampling import SamplingSettings
from .host import models
from .host.api import T5, CogVideoX, io, report
from .host.conditioning import Conditioning
from .host.input_names import name_inputs_as_shown
from .host.models import CogVideoXModel
from .host.readable import read_negative
from .host.video import decode_videos, encode_video, read_start_videos, sample_videos
from .host.weighted_prompts import read_weighted_prompts
from .inputs import negative_input
from .sampling_inputs import loader_inputs, sampler_inputs, size_inputs, start_inputs, tiled_input

_ONE_PROMPT = (
    "This sampler takes one prompt or one morph. Mix prompts with RichSpace Mix by Weight, or use RichSpace Load "
    "CogVideoX (native) with KSampler, which takes several."
)


class RichSpaceLoadCogVideoX(io.ComfyNode):
    """CogVideoX from ComfyUI's model folders."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceLoadCogVideoX",
            display_name="RichSpace Load CogVideoX",
            category="RichSpace",
            description="Loads a text-to-video CogVideoX from a diffusers folder, or the bundled demo. ComfyUI manages "
            "the weights: it reads them when they are first used and unloads them when other models need the memory.",
            search_aliases=["cogvideo", "cogvideox", "load model", "diffusers", "t5", "checkpoint"],
            inputs=loader_inputs(
                models.model_folders(),
                places="A folder with model_index.json below models/diffusers, or the bundled demo, a tiny model.",
                dtype_choices="Number type of the weights. Auto is the saved type, if the device supports it.",
            ),
            outputs=[
                CogVideoX.Output(display_name="model", tooltip="For RichSpace CogVideoX Sample and Decode."),
                T5.Output(display_name="text encoder", tooltip="For RichSpace Encode Prompt (T5)."),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def fingerprint_inputs(cls, model: str, dtype: str) -> Any:
        """Return the state of the files, so that a changed folder is checked again."""
        return models.model_state(model), dtype

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, model: str, dtype: str) -> io.NodeOutput:
        """Check the folder and let ComfyUI manage its parts."""
        parts = models.load_model(model, models.DTYPES[dtype])
        return io.NodeOutput(*parts, ui=report(models.describe_model(model)))


class RichSpaceCogVideoXSample(io.ComfyNode):
    """Latents of videos, sampled from a conditioning."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceCogVideoXSample",
            display_name="RichSpace CogVideoX Sample",
            category="RichSpace",
            description="Samples videos with diffusers' own CogVideoX pipeline (Algorithm 3) on ComfyUI's device.",
            search_aliases=["ksampler", "sampler", "text to video", "video to video", "cogvideox", "denoise"],
            inputs=[
                CogVideoX.Input("model", tooltip="From RichSpace Load CogVideoX."),
                io.Conditioning.Input(
                    "positive", tooltip="What the video should show: a prompt, a mixture of prompts, or a morph."
                ),
                negative_input(),
                *size_inputs(),
                *sampler_inputs(),
                *start_inputs(),
            ],
            outputs=[io.Latent.Output(display_name="latent", tooltip="For RichSpace CogVideoX Decode.")],
        )

    @classmethod
    @name_inputs_as_shown(guidance_scale="cfg", dynamic_guidance="dynamic_cfg", start="start_latent")
    def execute(
        cls,
        model: CogVideoXModel,
        positive: Conditioning,
        *,
        negative: Conditioning | None = None,
        width: int,
        height: int,
        frames: int,
        steps: int,
        cfg: float,
        seed: int,
        batch_size: int,
        scheduler: Any,
        dynamic_cfg: Any,
        start_latent: Mapping[str, Any] | None = None,
        strength: float = 0.8,
    ) -> io.NodeOutput:
        """Check every input, then load the transformer and sample."""
        starts = read_start_videos(start_latent, strength, batch_size) if start_latent else []
        size = VideoSize(width, height, frames)
        size = starts[0].video_size(model.folder, size) if starts else model.folder.video_size(**asdict(size))
        settings = SamplingSettings(size, steps, cfg, dynamic_cfg, scheduler)
        prompts = read_weighted_prompts(positive, model.folder, size, if_several=_ONE_PROMPT)
        unwanted = read_negative(model, negative, is_used=settings.is_guided, if_several=_ONE_PROMPT)
        seeds = range(seed, seed + batch_size)
        videos = sample_videos(model, prompts, unwanted, settings, seeds, starts)
        return io.NodeOutput({"samples": videos})


class RichSpaceCogVideoXDecode(io.ComfyNode):
    """Frames of videos, decoded from their latents."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        frames = io.Image.Output(
            display_name="frames",
            is_output_list=True,
            tooltip="Frames of one video after another, for Create Video at 8 frames per second (16 for "
            "CogVideoX1.5-5B).",
        )
        return io.Schema(
            node_id="RichSpaceCogVideoXDecode",
            display_name="RichSpace CogVideoX Decode",
            category="RichSpace",
            description="Decodes latents to frames with the model's own VAE. Each video of a batch becomes a separate "
            "video.",
            search_aliases=["vae decode", "cogvideox", "frames", "latent to image"],
            inputs=[
                CogVideoX.Input("model", tooltip="Model that sampled the latents."),
                io.Latent.Input("latent", tooltip="From RichSpace CogVideoX Sample."),
                tiled_input("Decodes"),
            ],
            outputs=[frames],
        )

    @classmethod
    @name_inputs_as_shown(latents="latent")
    def execute(cls, model: CogVideoXModel, latent: dict[str, Any], tiled: bool) -> io.NodeOutput:
        """Decode each video."""
        return io.NodeOutput(decode_videos(model, latent["samples"], tiled=tiled))


class RichSpaceCogVideoXEncode(io.ComfyNode):
    """Latents of a video's frames."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceCogVideoXEncode",
            display_name="RichSpace CogVideoX Encode",
            category="RichSpace",
            description="Encodes the frames of a video to latents with the model's own VAE, to change the video with "
            "RichSpace CogVideoX Sample.",
            search_aliases=["vae encode", "video to video", "cogvideox", "image to latent", "start latent"],
            inputs=[
                CogVideoX.Input("model", tooltip="Model that will change the video."),
                io.Image.Input(
                    "frames",
                    tooltip="Frames of one video: 8n + 1 of them, with sides that are multiples of 16. Scale and cut "
                    "other videos first.",
                ),
                tiled_input("Encodes"),
            ],
            outputs=[
                io.Latent.Output(display_name="latent", tooltip="For start_latent of RichSpace CogVideoX Sample.")
            ],
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, model: CogVideoXModel, frames: Tensor, tiled: bool) -> io.NodeOutput:
        """Encode the video."""
        return io.NodeOutput({"samples": encode_video(model, frames, tiled=tiled)})


NODES: list[type[io.ComfyNode]] = [
    RichSpaceLoadCogVideoX,
    RichSpaceCogVideoXSample,
    RichSpaceCogVideoXDecode,
    RichSpaceCogVideoXEncode,
]
