"""What the host's own CogVideoX (0.30) does otherwise than the published model, and each cure: a patch on a clone.

Nothing in the host is changed. Every cure is one of the host's object patches, which it puts in when the clone is
loaded and takes out again when another is, so the object that came in behaves as before. The number beside each is the
relative error (L2) against diffusers that it takes away, with small random models.

- *Positions of 2B* (0.4 in one step): diffusers never saves ``pos_embedding``, so the host takes 2B for a model of
  rotary positions (`comfy.model_detection`). Cure: no rotary positions, and diffusers' sine and cosine for the actual
  size added to the patches.
- *Positions of 5B* (1e-2 in one step): the host multiplies them by 1.875, which is 2B's scale
  (`comfy.ldm.cogvideo.model._get_rotary_emb`). Cure: diffusers' own table.
- *Noise schedule* (0.26 in an alpha; 0.7 in a video): the host has neither ``snr_shift_scale`` nor the schedule's own
  betas, and hands the model noise that it has not scaled down. Cure: a v-prediction schedule of the published alphas.

Beside them, PyTorch's own attention takes the place of the slow ones that the host falls back on.
The VAE is in `vae`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from comfy.ldm.cogvideo.model import CogVideoXTransformer3DModel
from comfy.ldm.modules import attention
from comfy.model_management import intermediate_device
from comfy.model_sampling import V_PREDICTION, ModelSamplingDiscrete
from torch import Tensor

from ...richspace_core import ModelFolderError
from ...richspace_core.cogvideox.config import CogVideoXConfig, VideoSize
from ...richspace_core.cogvideox.latent_preview import LatentColours
from ...richspace_core.cogvideox.published import PUBLISHED
from .frames import CorrectedSampling
from .text_length import watch_text_length

_LAST_ALPHA = 4.8973451890853435e-08  # the host's own stand-in for zero, which has no sigma
_RENAMED = (
    ("transformer_blocks.", "blocks."),
    (".attn1.to_out.0.", ".attn_out."),
    (".attn1.to_q.", ".q."),
    (".attn1.to_k.", ".k."),
    (".attn1.to_v.", ".v."),
    (".attn1.norm_q.", ".norm_q."),
    (".attn1.norm_k.", ".norm_k."),
    (".ff.net.0.proj.", ".ff_proj."),
    (".ff.net.2.", ".ff_out."),
    ("time_embedding.linear_1.", "time_embedding_linear_1."),
    ("time_embedding.linear_2.", "time_embedding_linear_2."),
    ("ofs_embedding.linear_1.", "ofs_embedding_linear_1."),
    ("ofs_embedding.linear_2.", "ofs_embedding_linear_2."),
)


#: What the host takes where it finds nothing better, as on a CPU: half again as slow there as PyTorch's own.
_SLOW_ATTENTION = (attention.attention_basic, attention.attention_split, attention.attention_sub_quad)


def recognise(model: Any) -> CogVideoXConfig:
    """Which published CogVideoX the host's MODEL is, by the shapes of its weights.

    Raises:
        ModelFolderError: If it is none of them.
    """
    network = network_of(model)
    known = {(each.transformer.width, each.transformer.patch_size_t): each for each in PUBLISHED}
    config = known.get((network.dim, network.patch_size_t))
    if config is None:
        names = ", ".join(f"{each.name} ({each.transformer.width} wide)" for each in PUBLISHED)
        raise _unknown(names, f"one that is {network.dim} wide")
    if network.in_channels != config.transformer.in_channels:
        raise _unknown("a text-to-video model", f"one that reads {network.in_channels} channels, pictures among them")
    return config


def network_of(model: Any) -> CogVideoXTransformer3DModel:
    """The network of the host's MODEL of a CogVideoX.

    Raises:
        ModelFolderError: If it is another model's.
    """
    network = model.get_model_object("diffusion_model")
    if not isinstance(network, CogVideoXTransformer3DModel):
        raise _unknown("a CogVideoX", type(network).__name__)
    return network


def host_keys(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A transformer's weights under the names that the host knows, from diffusers' or the host's own."""
    return {_renamed(key): value for key, value in weights.items()}


def published_key(key: str) -> str:
    """Diffusers' name of a transformer's weight that the host knows as `key`."""
    for theirs, ours in _RENAMED:
        key = key.replace(ours, theirs)
    return key


def correct_model(model: Any, config: CogVideoXConfig, colours: LatentColours | None = None) -> Any:
    """A clone of the host's MODEL that computes what the published CogVideoX does.

    Args:
        model: The host's `ModelPatcher` of a CogVideoX; stays as it is.
        config: What its weights were made for.
        colours: How a live preview draws its latents; None for false colours.
    """
    corrected = model.clone()
    network = corrected.get_model_object("diffusion_model")
    if config.rotary:
        corrected.add_object_patch("diffusion_model._get_rotary_emb", partial(_rotary_table, config))
    else:
        corrected.add_object_patch("diffusion_model.use_rotary_positional_embeddings", False)
        corrected.add_object_patch(
            "diffusion_model.patch_embed.forward", partial(_embed_with_sines, config, network.patch_embed)
        )
    corrected.add_object_patch("model_sampling", PublishedSampling(config))
    if attention.optimized_attention in _SLOW_ATTENTION:
        corrected.model_options["transformer_options"].setdefault("optimized_attention_override", _with_sdpa)
    CorrectedSampling(config, colours).put_on(corrected)
    watch_text_length(corrected, config.text_length)
    return corrected


def corrected_config(model: Any) -> CogVideoXConfig:
    """Return what a corrected MODEL was corrected to.

    Raises:
        ModelFolderError: If it is another MODEL.
    """
    sampling = CorrectedSampling.of(model)
    if sampling is None:
        raise ModelFolderError(
            "model",
            expected="a CogVideoX from RichSpace Load CogVideoX (native) or RichSpace Fix CogVideoX",
            got=f"a {type(model.model).__name__} that neither has made",
            hint="Put RichSpace Fix CogVideoX behind the loader.",
        )
    return sampling.config


def published_sampling(model: Any) -> PublishedSampling:
    """Return the published noise schedule of a corrected MODEL.

    Raises:
        ModelFolderError: If it is another MODEL, or if another node has replaced its schedule.
    """
    name = corrected_config(model).name
    sampling = model.get_model_object("model_sampling")
    if not isinstance(sampling, PublishedSampling):
        raise ModelFolderError(
            "model",
            expected=f"{name} with its published noise schedule",
            got=f"another schedule ({type(sampling).__name__}), which a node behind the loader has put in its place",
            hint="Remove or bypass that node, such as ModelSamplingDiscrete or ModelSamplingSD3.",
        )
    return sampling


def empty_latent(config: CogVideoXConfig, size: VideoSize, videos: int) -> dict[str, Any]:
    """The host's LATENT of videos that are yet to be made."""
    frames, ratio = config.latent_frames(size.frames), config.spatial_ratio
    shape = videos, config.vae.latent_channels, frames, size.height // ratio, size.width // ratio
    return {"samples": torch.zeros(shape, device=intermediate_device()), "downscale_ratio_spacial": ratio}


class PublishedSampling(ModelSamplingDiscrete, V_PREDICTION):
    """The host's model sampling for v-prediction, on the noise schedule of a CogVideoX.

    Args:
        config: Whose schedule.
    """

    def __init__(self, config: CogVideoXConfig) -> None:
        super().__init__()
        self.config = config
        alphas = config.make_scheduler("DDIM").alphas_cumprod.double().clamp(min=_LAST_ALPHA)
        self.set_sigmas(((1 - alphas) / alphas) ** 0.5)


def _unknown(expected: str, got: str) -> ModelFolderError:
    return ModelFolderError(
        "model",
        expected=expected,
        got=got,
        hint="What is right for those would be wrong for it, so nothing was changed.",
    )


def _with_sdpa(_chosen: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """PyTorch's own attention in place of the one that the host has chosen."""
    result: Tensor = attention.attention_pytorch(*args, **kwargs)
    return result


def _renamed(key: str) -> str:
    for theirs, ours in _RENAMED:
        key = key.replace(theirs, ours)
    return key


def _rotary_table(
    config: CogVideoXConfig, height: int, width: int, frames: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Cosines and sines that turn queries and keys, each ``[frames * height * width, head]``, of whole patches."""
    from diffusers.models.embeddings import get_3d_rotary_pos_embed
    from diffusers.pipelines.cogvideo.pipeline_cogvideox import get_resize_crop_region_for_grid

    model = config.transformer
    base_height, base_width = (side // model.patch_size for side in (model.sample_height, model.sample_width))
    area: dict[str, Any]
    if config.patch_frames == 1:
        area = {"crops_coords": get_resize_crop_region_for_grid((height, width), base_width, base_height)}
    else:
        largest = max(base_height, height), max(base_width, width)
        area = {"crops_coords": None, "grid_type": "slice", "max_size": largest}
    cos, sin = get_3d_rotary_pos_embed(
        model.attention_head_dim, grid_size=(height, width), temporal_size=frames, device=device, **area
    )
    return cos, sin


def _embed_with_sines(config: CogVideoXConfig, patch_embed: Any, text_embeds: Tensor, image_embeds: Tensor) -> Tensor:
    """The host's embedding of text and patches, ``[b, text + patches, d]``, with diffusers' sines on the patches."""
    from diffusers.models.embeddings import get_3d_sincos_pos_embed

    embeds: Tensor = type(patch_embed).forward(patch_embed, text_embeds, image_embeds)
    _, frames, _, height, width = image_embeds.shape
    patch = patch_embed.patch_size
    sines = get_3d_sincos_pos_embed(
        patch_embed.dim,
        (width // patch, height // patch),
        frames,
        config.transformer.spatial_interpolation_scale,
        config.transformer.temporal_interpolation_scale,
        device=embeds.device,
        output_type="pt",
    )
    sines = sines.reshape(-1, patch_embed.dim).to(embeds.dtype)  # [patches, d]
    return torch.cat([embeds[:, : -len(sines)], embeds[:, -len(sines) :] + sines], dim=1)
