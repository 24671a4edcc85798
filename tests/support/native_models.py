"""A small CogVideoX in diffusers, and a forward of it there and in ComfyUI with the same weights and inputs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from diffusers import CogVideoXPipeline, CogVideoXTransformer3DModel
from torch import Tensor

Size = tuple[int, int, int]

SIZES: list[Size] = [(8, 12, 3), (10, 6, 1), (4, 16, 5)]  # latent height, width, frames
BASE_SIZE = (8, 12)
SCALE = 1.15258426  # of the latents, as ComfyUI assumes for a narrow model
#: Heads of 64, as ComfyUI assumes, and a width that is divisible by three, as its sines require.
CONFIG: dict[str, Any] = {
    "num_attention_heads": 3,
    "attention_head_dim": 64,
    "in_channels": 16,
    "out_channels": 16,
    "time_embed_dim": 48,
    "text_embed_dim": 32,
    "num_layers": 2,
    "sample_height": BASE_SIZE[0],
    "sample_width": BASE_SIZE[1],
    "sample_frames": 9,
    "max_text_seq_length": 20,
}
KINDS: dict[str, dict[str, Any]] = {"2b": {}, "5b": {"use_rotary_positional_embeddings": True}}
SCHEDULE: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "snr_shift_scale": 3.0,
    "timestep_spacing": "trailing",
    "clip_sample": False,
    "set_alpha_to_one": True,
}


def random_transformer(kind: str) -> CogVideoXTransformer3DModel:
    """Make diffusers' model of a kind, with random weights."""
    torch.manual_seed(7)
    model = CogVideoXTransformer3DModel(**CONFIG, **KINDS[kind]).eval().requires_grad_(False)
    for name, weight in model.named_parameters():  # so that every layer matters and attention is not uniform
        weight.normal_(mean=2.0 if ".norm_" in name else 0.0, std=0.08)
    return model


def stock_model(native: Any, theirs: CogVideoXTransformer3DModel) -> Any:
    """Make ComfyUI's own MODEL of the same weights, as its loader does.

    Args:
        native: The pack's package nodes.native.
        theirs: diffusers' model.
    """
    import comfy.sd

    weights = native.host_keys(theirs.state_dict())
    return comfy.sd.load_diffusion_model_state_dict(weights, model_options={"dtype": torch.float32})


def config_of(native: Any, theirs: CogVideoXTransformer3DModel) -> Any:
    """Return the configuration that a MODEL of these weights is corrected to."""
    vae = {"scaling_factor": SCALE, "latent_channels": 16}
    return native.model.CogVideoXConfig.parse("tiny", dict(theirs.config), vae, SCHEDULE)


def distance(ours: Tensor, reference: Tensor) -> float:
    """Return the relative L2 distance."""
    return float((ours - reference).norm() / reference.norm())


def inputs(size: Size) -> tuple[Tensor, Tensor, Tensor]:
    """Make latents, text and timesteps of two videos."""
    height, width, frames = size
    generator = torch.Generator().manual_seed(height)
    latents = torch.randn(2, 16, frames, height, width, generator=generator)  # ComfyUI's layout
    return latents, torch.randn(2, 20, 32, generator=generator), torch.tensor([999.0, 500.0])


def rotary_of_diffusers(model: CogVideoXTransformer3DModel, size: Size) -> tuple[Tensor, Tensor] | None:
    """Return the rotary table of diffusers' pipeline for a size; None for a model without one."""
    if not model.config.use_rotary_positional_embeddings:
        return None
    height, width, frames = size
    pipeline = SimpleNamespace(vae_scale_factor_spatial=8, transformer=model)
    prepare = CogVideoXPipeline._prepare_rotary_positional_embeddings
    return prepare(pipeline, height * 8, width * 8, frames, torch.device("cpu"))


def forward_of_diffusers(model: CogVideoXTransformer3DModel, size: Size) -> Tensor:
    """Run diffusers' model on `inputs`; return its output in ComfyUI's layout."""
    latents, text, steps = inputs(size)
    rotary = rotary_of_diffusers(model, size)
    with torch.inference_mode():
        out = model(latents.transpose(1, 2), text, steps, image_rotary_emb=rotary, return_dict=False)[0]
    return out.transpose(1, 2)


def forward_of_host(patcher: Any, size: Size) -> Tensor:
    """Run ComfyUI's MODEL on `inputs`; return its output."""
    import comfy.model_management

    latents, text, steps = inputs(size)
    comfy.model_management.load_models_gpu([patcher])
    with torch.inference_mode():
        return patcher.model.diffusion_model(latents, steps, text)
