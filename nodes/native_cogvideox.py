"""The host's own CogVideoX, made right: load it, correct what stock loaders gave, sample and size it as published."""

from __future__ import annotations

from typing import Any

import torch

from ..richspace_core.cogvideox.folder import CogVideoXFolder
from .host import models
from .host.api import io, report
from .inputs import size_inputs
from .native import loading as native_loading
from .native import model as native
from .native import vae as native_vae
from .native.sampler import PublishedSampler, make_sampler

_DTYPES = models.DTYPES | {"float8_e4m3fn": torch.float8_e4m3fn}


class RichSpaceLoadCogVideoXNative(io.ComfyNode):
    """A CogVideoX folder as the host's own MODEL, CLIP and VAE, corrected."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceLoadCogVideoXNative",
            display_name="RichSpace Load CogVideoX (native)",
            category="RichSpace",
            description="Loads a text-to-video CogVideoX for ComfyUI's own nodes: KSampler, LoRA, float8, VAE Decode "
            "and all others. Its positions, noise schedule and decoding are as published, which those of ComfyUI's own "
            "loaders are not.",
            search_aliases=["cogvideo", "cogvideox", "load model", "unet loader", "checkpoint", "native", "ksampler"],
            inputs=[
                io.Combo.Input(
                    "model",
                    options=[*models.available(), *models.transformer_files()],
                    tooltip="A folder with model_index.json below models/diffusers, the bundled demo, or the "
                    "transformer alone as a file in models/diffusion_models.",
                    extra_dict=models.NOTES,
                ),
                io.Combo.Input(
                    "dtype",
                    options=list(_DTYPES),
                    default="auto",
                    advanced=True,
                    tooltip="Number type of the video model's weights. Auto is what ComfyUI chooses for the device. "
                    "float8_e4m3fn takes half the memory and changes the video a little.",
                ),
            ],
            outputs=[
                io.Model.Output(
                    display_name="model",
                    tooltip="For KSampler with the scheduler simple and the sampler euler or ddim, or for "
                    "SamplerCustom with RichSpace CogVideoX Sampler.",
                ),
                io.Clip.Output(
                    display_name="clip",
                    tooltip="For RichSpace Encode Prompt. Empty if a file was loaded: use Load CLIP.",
                ),
                io.Vae.Output(display_name="vae", tooltip="For VAE Decode. Empty if a file was loaded: use Load VAE."),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def fingerprint_inputs(cls, model: str, dtype: str) -> Any:
        """Load again when a file has changed."""
        return models.fingerprint(model), dtype

    @classmethod
    def execute(cls, model: str, dtype: str) -> io.NodeOutput:
        """Load with the host's classes and put the cures on clones."""
        file = models.transformer_files().get(model)
        if file is not None:
            parts = native_loading.load_file(file, _DTYPES[dtype])
            said = (
                f"{parts.config.name}, without text encoder and VAE: Load CLIP (type cogvideox) and Load VAE have them"
            )
            return io.NodeOutput(native.correct_model(parts.model, parts.config), None, None, ui=report(said))
        folder = CogVideoXFolder.open(models.find(model))
        parts = native_loading.load_folder(folder, _DTYPES[dtype])
        vae = native_vae.correct_vae(parts.vae)
        colours = folder.latent_colours() or native_vae.colours_of(vae, parts.config)
        corrected = native.correct_model(parts.model, parts.config, colours)
        return io.NodeOutput(corrected, parts.clip, vae, ui=report(models.note(model)))


class RichSpaceFixCogVideoX(io.ComfyNode):
    """The cures for the host's CogVideoX, on a model and a VAE that stock loaders gave."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceFixCogVideoX",
            display_name="RichSpace Fix CogVideoX",
            category="RichSpace",
            description="Makes ComfyUI's own CogVideoX draw the video that the published model draws: its positions, "
            "noise schedule and VAE are not what the model was trained with. Wire it behind the stock loaders.",
            search_aliases=["cogvideo", "cogvideox", "native", "patch", "repair", "ksampler", "2b", "5b"],
            inputs=[
                io.Model.Input("model", tooltip="A CogVideoX-2B, CogVideoX-5B or CogVideoX1.5-5B from a stock loader."),
                io.Vae.Input("vae", optional=True, tooltip="Its VAE from a stock loader."),
            ],
            outputs=[
                io.Model.Output(
                    display_name="model",
                    tooltip="For KSampler with the scheduler simple, and the sampler euler or ddim. The model that "
                    "came in stays as it is.",
                ),
                io.Vae.Output(display_name="vae", tooltip="For VAE Decode. The VAE that came in stays as it is."),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def execute(cls, model: Any, vae: Any = None) -> io.NodeOutput:
        """Recognise the model and put the cures on clones."""
        config = native.recognise(model)
        corrected_vae = native_vae.correct_vae(vae) if vae else None
        colours = native_vae.colours_of(corrected_vae, config) if vae else None
        parts = ["positions", "noise schedule"] + (["VAE"] if vae else [])
        said = report(f"{config.name}: {', '.join(parts)} as published")
        return io.NodeOutput(native.correct_model(model, config, colours), corrected_vae, ui=said)


class RichSpaceCogVideoXSampler(io.ComfyNode):
    """CogVideoX's own samplers for SamplerCustom."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceCogVideoXSampler",
            display_name="RichSpace CogVideoX Sampler",
            category="RichSpace",
            description="The samplers that CogVideoX was published with, DDIM and DPM, exactly as diffusers computes "
            "them, for SamplerCustom and SamplerCustomAdvanced.",
            search_aliases=["ddim", "dpm", "sampler custom", "ksampler select", "sigmas", "dynamic cfg", "scheduler"],
            inputs=[
                io.Model.Input("model", tooltip="From RichSpace Load CogVideoX (native) or RichSpace Fix CogVideoX."),
                io.Int.Input("steps", default=50, min=1, max=1000, tooltip="Denoising steps: more take longer."),
                io.Combo.Input(
                    "scheduler",
                    options=["auto", "DDIM", "DPM"],
                    default="auto",
                    tooltip="Auto is the model's own (DDIM for 2B, DPM for 5B).",
                ),
                io.Combo.Input(
                    "dynamic_cfg",
                    options=["off", "cosine", "as diffusers"],
                    default="off",
                    advanced=True,
                    tooltip="Cosine raises the guidance from 1 to 1 + cfg over the steps, as CogVideoX's authors do. "
                    "As diffusers repeats that library's formula, which jumps up and down.",
                ),
                io.Combo.Input(
                    "noise",
                    options=["ComfyUI", "diffusers"],
                    default="ComfyUI",
                    advanced=True,
                    tooltip="The noise that a seed starts from. With diffusers, a seed makes the video of RichSpace "
                    "CogVideoX Sample; only for whole videos from an empty latent.",
                ),
            ],
            outputs=[
                io.Sampler.Output(display_name="sampler", tooltip="For SamplerCustom, with the sigmas beside it."),
                io.Sigmas.Output(display_name="sigmas", tooltip="For SamplerCustom, with the sampler beside it."),
            ],
        )

    @classmethod
    def execute(cls, model: Any, steps: int, scheduler: Any, dynamic_cfg: Any, noise: Any) -> io.NodeOutput:
        """Make the sampler, and the noise levels that belong to it."""
        settings = PublishedSampler(scheduler, steps, dynamic_cfg, noise)
        return io.NodeOutput(make_sampler(settings), settings.sigmas(model))


class RichSpaceEmptyCogVideoXLatent(io.ComfyNode):
    """Empty latents of a size that a CogVideoX can make."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceEmptyCogVideoXLatent",
            display_name="RichSpace Empty CogVideoX Latent",
            category="RichSpace",
            description="An empty latent video for KSampler or SamplerCustom, of a size that the model can make.",
            search_aliases=["empty latent video", "cogvideox", "size", "frames", "length"],
            inputs=[
                io.Model.Input("model", tooltip="From RichSpace Load CogVideoX (native) or RichSpace Fix CogVideoX."),
                *size_inputs(),
                io.Int.Input(
                    "batch_size", default=1, min=1, max=64, tooltip="Videos to make at once; memory grows with them."
                ),
            ],
            outputs=[io.Latent.Output(display_name="latent", tooltip="For KSampler or SamplerCustom.")],
        )

    @classmethod
    def execute(cls, model: Any, width: int, height: int, frames: int, batch_size: int) -> io.NodeOutput:
        """Check the size by the model's rules."""
        config = native.corrected_config(model)
        size = config.video_size(width=width, height=height, frames=frames)
        return io.NodeOutput(native.empty_latent(config, size, batch_size))


NODES: list[type[io.ComfyNode]] = [
    RichSpaceLoadCogVideoXNative,
    RichSpaceFixCogVideoX,
    RichSpaceCogVideoXSampler,
    RichSpaceEmptyCogVideoXLatent,
]
