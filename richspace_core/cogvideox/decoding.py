"""Decoding of latents to frames with diffusers' CogVideoX autoencoder."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..errors import SamplingError
from .latents import require_finite_video
from .vae_groups import GroupCallback, count_groups, watched_groups


def decode_latents(vae: Any, latents: Tensor, *, tiled: bool = False, on_group: GroupCallback | None = None) -> Tensor:
    """Decode the latents of one video to frames.

    The autoencoder goes through a video in order, two latent frames at a time. Tiles divide the picture but not the
    time: each tile goes through all frames, so a video of any length is exact in time, tiled or not.

    Args:
        vae: A diffusers `AutoencoderKLCogVideoX` on the device to run on.
        latents: ``[1, c, f, h, w]`` in ComfyUI's layout and scale.
        tiled: Decode in overlapping tiles, which takes less memory and a little more time; seams are blended.
        on_group: Called after each group of frames of each tile. An exception that it raises ends the decoding.

    Returns:
        float32 ``[frames, height, width, 3]`` in 0..1 on the autoencoder's device.

    Raises:
        SamplingError: If the latents are not this autoencoder's, or the frames are not finite.
    """
    _require_latents(latents, int(vae.config.latent_channels))
    weights = next(vae.parameters())
    latents = latents.to(weights.device, weights.dtype)
    total = _count_groups(vae, latents, tiled=tiled)
    groups = watched_groups(vae, vae.decoder, total, tiled=tiled, on_group=on_group)
    with groups, torch.inference_mode():
        video: Tensor = vae.decode(latents).sample  # [1, 3, frames, height, width]
    require_finite_video(video, weights.dtype)
    return (video[0].float() / 2 + 0.5).clamp(0, 1).permute(1, 2, 3, 0)


def _require_latents(latents: Tensor, channels: int) -> None:
    if latents.ndim != 5 or latents.shape[0] != 1 or latents.shape[1] != channels:
        raise SamplingError(
            "latents",
            expected=f"one video's latents with {channels} channels, [1, {channels}, frames, height, width]",
            got=f"{list(latents.shape)}",
            hint="Decode with the model that sampled them.",
        )


def _count_groups(vae: Any, latents: Tensor, *, tiled: bool) -> int:
    frames, height, width = latents.shape[2:]
    tile = vae.tile_latent_min_height, vae.tile_latent_min_width
    return count_groups(
        vae, (height, width), tile, tiled=tiled, frames=frames, at_once=vae.num_latent_frames_batch_size
    )
