"""ComfyUI's own CogVideoX as published: load it, fix what ComfyUI's loaders return, set its sampler and size."""

from __future__ import annotations

from typing import Any

import torch

from ..richspace_core.cogvideox.folder import CogVideoXFolder
from .host import models
from .host.api import io, report
from .host.input_names import name_inputs_as_shown
from .native import (
    PublishedSampler,
    correct_model,
    correct_vae,
    corrected_config,
    empty_latent,
    fit_preview_colors,
    load_file,
    load_folder,
    recognize,
)
from .sampling_inputs import (
    batch_size_input,
    denoising_steps_input,
    loader_inputs,
    native_model_input,
    native_model_output,
    schedule_inputs,
    size_inputs,
)

_LOAD_THE_REST = "use Load CLIP (type cogvideox) and Load VAE"
_DTYPES = models.DTYPES | {"float8_e4m3fn": torch.float8_e4m3fn}


class RichSpaceLoadCogVideoXNative(io.ComfyNode):
    """CogVideoX as ComfyUI's own MODEL, CLIP and VAE, corrected."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceLoadCogVideoXNative",
            display_name="RichSpace Load CogVideoX (native)",
            category="RichSpace",
            description="Loads a text-to-video CogVideoX for ComfyUI's own nodes, such as KSampler, LoRA, float8 and "
            "VAE Decode. Unlike with ComfyUI's own loaders, positions, noise schedule and decoding are as published.",
            search_aliases=["cogvideo", "cogvideox", "load model", "unet loader", "checkpoint", "native", "ksampler"],
            inputs=loader_inputs(
                [*models.model_folders(), *models.transformer_files()],
                dtypes=_DTYPES,
                has_files=True,
                places="A folder with model_index.json below models/diffusers, the bundled demo, or a transformer in a "
                "single file in models/diffusion_models.",
                dtype_choices="Number type of the video model's weights. Auto lets ComfyUI choose for the device. "
                "float8_e4m3fn takes half the memory and changes the video a little.",
            ),
            outputs=[
                native_model_output(is_clone=False),
                io.Clip.Output(
                    display_name="clip",
                    tooltip="For RichSpace Encode Prompt (T5). Empty if a file was loaded: use Load CLIP.",
                ),
                io.Vae.Output(display_name="vae", tooltip="For VAE Decode. Empty if a file was loaded: use Load VAE."),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def fingerprint_inputs(cls, model: str, dtype: str) -> Any:
        """Return the state of the files, so that a changed file is loaded again."""
        return models.model_state(model), dtype

    @classmethod
    @name_inputs_as_shown(vae="model")
    def execute(cls, model: str, dtype: str) -> io.NodeOutput:
        """Load with ComfyUI's classes and correct clones."""
        file = models.transformer_files().get(model)
        if file is not None:
            parts = load_file(file, _DTYPES[dtype])
            shown = report(f"{parts.config.name} without text encoder and VAE: {_LOAD_THE_REST}")
            return io.NodeOutput(correct_model(parts.model, parts.config), None, None, ui=shown)
        folder = CogVideoXFolder.open(models.find_model(model))
        parts = load_folder(folder, _DTYPES[dtype])
        vae = correct_vae(parts.vae)
        colors = folder.load_latent_colors() or fit_preview_colors(vae, parts.config)
        corrected = correct_model(parts.model, parts.config, colors)
        return io.NodeOutput(corrected, parts.clip, vae, ui=report(models.describe_model(model)))


class RichSpaceFixCogVideoX(io.ComfyNode):
    """Corrections of a CogVideoX and its VAE from ComfyUI's loaders."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceFixCogVideoX",
            display_name="RichSpace Fix CogVideoX",
            category="RichSpace",
            description="Makes ComfyUI's own CogVideoX draw the same video as the published model, by correcting its "
            "positions, noise schedule and VAE. Connect it after ComfyUI's loaders.",
            search_aliases=["cogvideo", "cogvideox", "native", "patch", "repair", "ksampler", "2b", "5b"],
            inputs=[
                io.Model.Input("model", tooltip="CogVideoX-2b, CogVideoX-5b or CogVideoX1.5-5B from a ComfyUI loader."),
                io.Vae.Input("vae", optional=True, tooltip="VAE of the model, from a ComfyUI loader."),
            ],
            outputs=[
                native_model_output(is_clone=True),
                io.Vae.Output(display_name="vae", tooltip="For VAE Decode. The connected VAE stays unchanged."),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, model: Any, vae: Any = None) -> io.NodeOutput:
        """Recognize the model and correct clones."""
        config = recognize(model)
        corrected_vae = correct_vae(vae) if vae else None
        colors = fit_preview_colors(corrected_vae, config) if vae else None
        parts = ["positions", "noise schedule"] + (["VAE"] if vae else [])
        shown = report(f"{config.name}: {', '.join(parts)} as published")
        return io.NodeOutput(correct_model(model, config, colors), corrected_vae, ui=shown)


class RichSpaceCogVideoXSampler(io.ComfyNode):
    """CogVideoX's published samplers for SamplerCustom."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        noise = io.Combo.Input(
            "noise",
            options=["ComfyUI", "diffusers"],
            default="ComfyUI",
            advanced=True,
            tooltip="Starting noise of a seed. With diffusers, a seed makes the video of RichSpace CogVideoX Sample; "
            "this works only for whole videos from an empty latent.",
        )
        return io.Schema(
            node_id="RichSpaceCogVideoXSampler",
            display_name="RichSpace CogVideoX Sampler",
            category="RichSpace",
            description="Samplers that CogVideoX was published with, DDIM and DPM, exactly as diffusers computes "
            "them. For SamplerCustom and SamplerCustomAdvanced.",
            search_aliases=["ddim", "dpm", "sampler custom", "ksampler select", "sigmas", "dynamic cfg", "scheduler"],
            inputs=[native_model_input(), denoising_steps_input(), *schedule_inputs(), noise],
            outputs=[
                io.Sampler.Output(display_name="sampler", tooltip="For SamplerCustom, together with sigmas."),
                io.Sigmas.Output(display_name="sigmas", tooltip="For SamplerCustom, together with sampler."),
            ],
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, model: Any, steps: int, scheduler: Any, dynamic_cfg: Any, noise: Any) -> io.NodeOutput:
        """Make the sampler and its noise levels."""
        sampler = PublishedSampler(scheduler, steps, dynamic_cfg, noise)
        return io.NodeOutput(sampler.for_host(), sampler.sigmas(model))


class RichSpaceEmptyCogVideoXLatent(io.ComfyNode):
    """Empty latent in a size that a CogVideoX supports."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceEmptyCogVideoXLatent",
            display_name="RichSpace Empty CogVideoX Latent",
            category="RichSpace",
            description="Creates an empty latent video for KSampler or SamplerCustom, in a size that the model "
            "supports.",
            search_aliases=["empty latent video", "cogvideox", "size", "frames", "length"],
            inputs=[
                native_model_input(),
                *size_inputs(),
                batch_size_input("Number of videos, sampled together; memory grows with the number."),
            ],
            outputs=[io.Latent.Output(display_name="latent", tooltip="For KSampler or SamplerCustom.")],
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, model: Any, width: int, height: int, frames: int, batch_size: int) -> io.NodeOutput:
        """Check the size by the model's rules and make the latent."""
        config = corrected_config(model)
        size = config.video_size(width=width, height=height, frames=frames)
        return io.NodeOutput(empty_latent(config, size, batch_size))


NODES: list[type[io.ComfyNode]] = [
    RichSpaceLoadCogVideoXNative,
    RichSpaceFixCogVideoX,
    RichSpaceCogVideoXSampler,
    RichSpaceEmptyCogVideoXLatent,
]
