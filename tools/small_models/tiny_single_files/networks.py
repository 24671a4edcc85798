"""Tiny models of ComfyUI's own classes, with random weights. ComfyUI's modules must be importable."""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias

import comfy.ops
import comfy.supported_models
import comfy.utils
import torch
from comfy.ldm.flux.model import Flux
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from comfy.ldm.wan.model import WanModel
from comfy.ldm.wan.vae import WanVAE
from comfy.sdxl_clip import SDXLClipModel, SDXLTokenizer
from comfy.supported_models_base import ClipTarget
from comfy.taesd.taesd import TAESD

Weights: TypeAlias = dict[str, torch.Tensor]

_OPERATIONS = comfy.ops.disable_weight_init
_CLIP = {"intermediate_size": 37, "num_attention_heads": 4, "num_hidden_layers": 3}
_CLIP_L, _CLIP_G = 24, 32  # widths
_SIZES = {
    f"clip_{name}_model_config": {**_CLIP, "hidden_size": width, "projection_dim": width}
    for name, width in (("l", _CLIP_L), ("g", _CLIP_G))
}
_SIZE_CONDS = 6 * 256  # SDXL's embeddings of the picture's size, next to CLIP's pooled output


def random_weights(network: torch.nn.Module) -> Weights:
    """Return random weights for a network that keep activations near unit size."""
    generator = torch.Generator().manual_seed(0)

    def randomize(key: str, weight: torch.Tensor) -> torch.Tensor:
        if not weight.is_floating_point() or weight.ndim == 0:
            return weight
        if key.endswith("gamma") or weight.ndim == 1:
            return torch.full(weight.shape, 0.0 if key.endswith("bias") else 1.0)
        return torch.randn(weight.shape, generator=generator).div(weight[0].numel() ** 0.5)

    return {key: randomize(key, weight) for key, weight in network.state_dict().items()}


def wan() -> Weights:
    """Return the weights of a tiny Wan 2.1."""
    return random_weights(WanModel(dim=128, ffn_dim=64, num_heads=1, num_layers=1, operations=_OPERATIONS))


def wan_vae() -> Weights:
    """Return the weights of a tiny VAE of Wan 2.1."""
    return random_weights(WanVAE(dim=8, z_dim=16, temperal_downsample=[False, True, True]))


def flux(*, context: int, pooled: int) -> Weights:
    """Return the weights of a tiny Flux.

    Args:
        context: Width of its prompts.
        pooled: Width of their pooled outputs.
    """
    network = Flux(
        in_channels=16,
        out_channels=16,
        vec_in_dim=pooled,
        context_in_dim=context,
        hidden_size=128,
        mlp_ratio=4.0,
        num_heads=1,
        depth=1,
        depth_single_blocks=1,
        axes_dim=[16, 56, 56],
        theta=10_000,
        patch_size=2,
        qkv_bias=True,
        guidance_embed=True,
        txt_ids_dims=[],
        operations=_OPERATIONS,
    )
    return random_weights(network)


class TinyClip(SDXLClipModel):  # type: ignore[misc] # ComfyUI has no types
    """SDXL's two text encoders, small."""

    def __init__(self, device: Any = "cpu", dtype: Any = None, model_options: Any = None) -> None:
        super().__init__(device=device, dtype=dtype, model_options={**(model_options or {}), **_SIZES})


class TinySDXL(comfy.supported_models.SDXL):  # type: ignore[misc] # ComfyUI has no types
    """SDXL as ComfyUI's loader of checkpoints recognizes it, with other sizes."""

    unet_config: ClassVar[dict[str, Any]] = {
        **comfy.supported_models.SDXL.unet_config,
        "model_channels": 32,
        "transformer_depth": [0, 1],
        "context_dim": _CLIP_L + _CLIP_G,
        "adm_in_channels": _CLIP_G + _SIZE_CONDS,
    }

    def clip_target(self, state_dict: Any = None) -> ClipTarget:  # noqa: ARG002 - ComfyUI passes it
        """Return the classes of the tokenizer and of the text encoders."""
        return ClipTarget(SDXLTokenizer, TinyClip)


def sdxl_checkpoint() -> Weights:
    """Return the weights of a tiny SDXL as its checkpoint has them, with TAESD as the VAE.

    Its size is unknown to ComfyUI's loader, which recognizes it after this call.
    """
    if TinySDXL not in comfy.supported_models.models:
        comfy.supported_models.models.append(TinySDXL)
    config = TinySDXL.unet_config
    unet = UNetModel(
        image_size=32,
        in_channels=4,
        model_channels=config["model_channels"],
        out_channels=4,
        num_res_blocks=[1, 1],
        channel_mult=[1, 2],
        num_head_channels=64,
        use_spatial_transformer=True,
        transformer_depth=config["transformer_depth"],
        transformer_depth_middle=1,
        transformer_depth_output=[0, 0, 1, 1],
        use_linear_in_transformer=True,
        context_dim=config["context_dim"],
        num_classes="sequential",
        adm_in_channels=config["adm_in_channels"],
        operations=_OPERATIONS,
    )
    parts = {"model.diffusion_model.": random_weights(unet), "first_stage_model.": random_weights(TAESD())}
    clip = TinySDXL({}).process_clip_state_dict_for_saving(random_weights(TinyClip()))
    named = {prefix + key: weight for prefix, weights in parts.items() for key, weight in weights.items()}
    return {**named, **clip}
