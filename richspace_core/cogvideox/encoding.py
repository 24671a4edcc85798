"""Encoding of frames to latents with diffusers' CogVideoX autoencoder."""

from __future__ import annotations

import math
from itertools import count
from typing import Any

import torch
from torch import Tensor

from ..embedding import describe
from ..errors import SamplingError
from .decoding import GroupCallback
from .latents import require_finite_video


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
    was_tiled = vae.use_tiling
    vae.use_tiling = tiled
    total, done = _count_groups(vae, video), count(1)
    watch = vae.encoder.register_forward_hook(lambda *_: on_group(next(done), total) if on_group else None)
    try:
        with torch.inference_mode():
            latents: Tensor = vae.encode((2 * video - 1).to(weights.dtype)).latent_dist.mode().float()
    finally:
        watch.remove()
        vae.use_tiling = was_tiled
    require_finite_video(latents, weights.dtype)
    return latents


def _require_frames(frames: Tensor) -> None:
    if frames.ndim != 4 or frames.shape[-1] != 3 or not frames.is_floating_point() or frames.numel() == 0:
        raise SamplingError(
            "frames", expected="pictures in color, float [frames, height, width, 3]", got=describe(frames)
        )
    if not bool(torch.isfinite(frames).all()):
        raise SamplingError("frames", expected="finite numbers", got="NaN or infinity")


def _count_groups(vae: Any, video: Tensor) -> int:
    """Count how often the encoder runs: once for each group of frames of each of diffusers' tiles."""
    frames, height, width = video.shape[2:]
    groups: int = max(1, frames // vae.num_sample_frames_batch_size)
    tile = vae.tile_sample_min_height, vae.tile_sample_min_width
    if not vae.use_tiling or (height <= tile[0] and width <= tile[1]):
        return groups
    overlaps = vae.tile_overlap_factor_height, vae.tile_overlap_factor_width
    strides = (int(side * (1 - overlap)) for side, overlap in zip(tile, overlaps, strict=True))
    return groups * math.prod(len(range(0, side, step)) for side, step in zip((height, width), strides, strict=True))
