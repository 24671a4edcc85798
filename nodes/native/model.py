"""Differences of ComfyUI's CogVideoX (0.30) from the published model, and a patch for each.

Nothing in ComfyUI is changed. Each correction is one of ComfyUI's object patches on a clone, which ComfyUI applies when
it loads the clone and removes when it loads another. The object that came in behaves as before. The number after each
difference is the relative error (L2) against diffusers that the correction removes, with small random models.

- *Positions of 2B* (0.4 in one step): diffusers never saves ``pos_embedding``, so ComfyUI takes 2B for a model with
  rotary positions (`comfy.model_detection`). Correction: no rotary positions, and diffusers' sines and cosines for the
  actual size added to the patches.
- *Positions of 5B* (1e-2 in one step): ComfyUI multiplies them by 1.875, the scale of 2B
  (`comfy.ldm.cogvideo.model._get_rotary_emb`). Correction: diffusers' own table.
- *Noise schedule* (0.26 in an alpha; 0.7 in a video): ComfyUI has neither ``snr_shift_scale`` nor the schedule's own
  betas, and gives the model noise that it has not scaled down. Correction: a v-prediction schedule with the published
  alphas.

In addition, PyTorch's own attention replaces the slow ones that ComfyUI falls back on. The corrections of the VAE are
in `vae`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from comfy.ldm.cogvideo.model import CogVideoXTransformer3DModel
from comfy.ldm.modules import attention
from comfy.model_management import intermediate_device
from torch import Tensor

from ...richspace_core import ModelFolderError
from ...richspace_core.cogvideox.config import CogVideoXConfig, VideoSize
from ...richspace_core.cogvideox.latent_preview import LatentColors, false_color_preview
from ...richspace_core.cogvideox.published import PUBLISHED
from ..host.drafters import PREVIEW
from .frames import CorrectedSampling
from .positions import embed_with_sines, rotary_table
from .schedule import PublishedSampling
from .text_length import watch_text_length

#: ComfyUI's fallbacks, as on a CPU, where they take half again as long as PyTorch's own attention.
_SLOW_ATTENTION = (attention.attention_basic, attention.attention_split, attention.attention_sub_quad)


def recognize(model: Any) -> CogVideoXConfig:
    """Return the configuration of the published CogVideoX that ComfyUI's MODEL is, by the shapes of its weights.

    Raises:
        ModelFolderError: If it is none of them.
    """
    network = require_network(model)
    known = {(each.transformer.width, each.transformer.patch_size_t): each for each in PUBLISHED}
    config = known.get((network.dim, network.patch_size_t))
    if config is None:
        names = ", ".join(f"{each.name} ({each.transformer.width} wide)" for each in PUBLISHED)
        raise _unknown(names, f"a model that is {network.dim} wide")
    if network.in_channels != config.transformer.in_channels:
        raise _unknown("a text-to-video model", f"a model with {network.in_channels} input channels, some for pictures")
    return config


def require_network(model: Any) -> CogVideoXTransformer3DModel:
    """Return the network of ComfyUI's MODEL of a CogVideoX.

    Raises:
        ModelFolderError: If it is another kind of model.
    """
    try:
        network = model.get_model_object("diffusion_model")
    except AttributeError:  # a model of another kind
        network = None
    if not isinstance(network, CogVideoXTransformer3DModel):
        raise _unknown("a CogVideoX", type(network).__name__)
    return network


def correct_model(model: Any, config: CogVideoXConfig, colors: LatentColors | None = None) -> Any:
    """Return a clone of ComfyUI's MODEL that computes what the published CogVideoX computes.

    Args:
        model: ComfyUI's `ModelPatcher` of a CogVideoX; stays unchanged.
        config: Configuration that the weights were trained with.
        colors: Colors of the latents in a live preview; None for false colors.
    """
    corrected = model.clone()
    network = corrected.get_model_object("diffusion_model")
    if config.rotary:
        corrected.add_object_patch("diffusion_model._get_rotary_emb", partial(rotary_table, config))
    else:
        corrected.add_object_patch("diffusion_model.use_rotary_positional_embeddings", False)
        corrected.add_object_patch(
            "diffusion_model.patch_embed.forward", partial(embed_with_sines, config, network.patch_embed)
        )
    corrected.add_object_patch("model_sampling", PublishedSampling(config))
    if attention.optimized_attention in _SLOW_ATTENTION:
        corrected.model_options["transformer_options"].setdefault("optimized_attention_override", _with_sdpa)
    CorrectedSampling(config, colors).put_on(corrected)
    corrected.set_attachments(PREVIEW, colors.picture if colors else false_color_preview)
    watch_text_length(corrected, config.text_length)
    return corrected


def corrected_config(model: Any) -> CogVideoXConfig:
    """Return the configuration that a MODEL was corrected to.

    Raises:
        ModelFolderError: If the MODEL was not corrected.
    """
    sampling = CorrectedSampling.of(model)
    if sampling is None:
        raise ModelFolderError(
            "model",
            expected="a CogVideoX from RichSpace Load CogVideoX (native) or RichSpace Fix CogVideoX",
            got=f"a {type(model.model).__name__} from another node",
            hint="Connect RichSpace Fix CogVideoX after the loader.",
        )
    return sampling.config


def published_sampling(model: Any) -> PublishedSampling:
    """Return the published noise schedule of a corrected MODEL.

    Raises:
        ModelFolderError: If the MODEL was not corrected, or another node has replaced its schedule.
    """
    name = corrected_config(model).name
    sampling = model.get_model_object("model_sampling")
    if not isinstance(sampling, PublishedSampling):
        raise ModelFolderError(
            "model",
            expected=f"{name} with its published noise schedule",
            got=f"another schedule ({type(sampling).__name__}), set by a node after the loader",
            hint="Remove or bypass that node, such as ModelSamplingDiscrete or ModelSamplingSD3.",
        )
    return sampling


def empty_latent(config: CogVideoXConfig, size: VideoSize, videos: int) -> dict[str, Any]:
    """Return ComfyUI's empty LATENT for videos of a size."""
    frames, ratio = config.latent_frames(size.frames), config.spatial_ratio
    shape = videos, config.vae.latent_channels, frames, size.height // ratio, size.width // ratio
    return {"samples": torch.zeros(shape, device=intermediate_device()), "downscale_ratio_spacial": ratio}


def _unknown(expected: str, got: str) -> ModelFolderError:
    return ModelFolderError(
        "model",
        expected=expected,
        got=got,
        hint="These corrections do not apply to this model, so it is left unchanged.",
    )


def _with_sdpa(_chosen: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """Compute PyTorch's own attention in place of the one that ComfyUI has chosen."""
    result: Tensor = attention.attention_pytorch(*args, **kwargs)
    return result
