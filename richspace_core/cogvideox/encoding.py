"""Encoding of frames to latents with diffusers' CogVideoX autoencoder."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..embedding import describe
from ..errors import SamplingError
from .latents import require_finite_video
from .vae_groups import GroupCallback, count_groups, watched_groups


def encode_frames(vae: Any, frames: Tensor, *, tiled: bool = False, on_group: GroupCallback | None = None) -> Tensor:
    """Encode the frames of one video to its latents, the mean of what the autoencoder takes for possible.

    The autoencoder goes through a video in order, eight frames at a time. Tiles divide the picture but not the time.

    Args:
        vae: A diffusers `AutoencoderKLCogVideoX` on the device to run on.
        frames: Floating point ``[frames, height, width, 3]`` in 0..1, of a size that the model can make.
        tiled: Encode in overlapping tiles, which takes less memory and a little more time; seams are blended.
        on_group: Called after each group of frames of each tile. An exception that it raises ends the encoding.

    Returns:
        float32 ``[1, c, f, h, w]`` in ComfyUI's layout and scale, on the autoencoder's device.

    Raises:
        SamplingError: If the frames are no video, or they or the latents are not finite.
    """
    _require_frames(frames)
    weights = next(vae.parameters())
    video = frames.permute(3, 0, 1, 2)[None].to(weights.device, torch.float32)  # [1, 3, frames, height, width]
    total = _count_groups(vae, video, tiled=tiled)
    groups = watched_groups(vae, vae.encoder, total, tiled=tiled, on_group=on_group)
    with groups, torch.inference_mode():
        latents: Tensor = vae.encode((2 * video - 1).to(weights.dtype)).latent_dist.mode().float()
    require_finite_video(latents, weights.dtype)
    return latents


def _require_frames(frames: Tensor) -> None:
    if frames.ndim != 4 or frames.shape[-1] != 3 or not frames.is_floating_point() or frames.numel() == 0:
        raise SamplingError(
            "frames", expected="pictures in color, float [frames, height, width, 3]", got=describe(frames)
        )
    if not bool(torch.isfinite(frames).all()):
        raise SamplingError("frames", expected="finite numbers", got="NaN or infinity")


def _count_groups(vae: Any, video: Tensor, *, tiled: bool) -> int:
    frames, height, width = video.shape[2:]
    tile = vae.tile_sample_min_height, vae.tile_sample_min_width
    return count_groups(
        vae, (height, width), tile, tiled=tiled, frames=frames, at_once=vae.num_sample_frames_batch_size
    )
