"""Positions of a CogVideoX's patches as diffusers computes them, in place of ComfyUI's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...richspace_core.cogvideox.config import CogVideoXConfig


def rotary_table(
    config: CogVideoXConfig, height: int, width: int, frames: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return cosines and sines that rotate queries and keys, each ``[frames * height * width, head]``.

    Args:
        config: Configuration of a CogVideoX with rotary positions.
        height: Height in patches.
        width: Width in patches.
        frames: Number of frames in patches.
        device: Device of the result.
    """
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


def embed_with_sines(config: CogVideoXConfig, patch_embed: Any, text_embeds: Tensor, image_embeds: Tensor) -> Tensor:
    """Embed text and patches as ComfyUI does and add diffusers' sines to the patches: ``[b, text + patches, d]``."""
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
