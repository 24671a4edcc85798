"""Latents of a video on their way between diffusers and ComfyUI."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import SamplingError
from .config import CogVideoXConfig


def to_comfyui_layout(latents: Tensor, config: CogVideoXConfig, frames: int) -> Tensor:
    """Return diffusers' latents in ComfyUI's layout and scale.

    ComfyUI has frames after channels, and divides latents by the autoencoder's scaling factor.

    Args:
        latents: ``[b, f, c, h, w]`` as diffusers samples them. CogVideoX 1.5 samples whole patches of latent frames;
            frames that the video does not need come first and are dropped.
        config: Configuration of the model that sampled them.
        frames: Number of frames of the video.

    Returns:
        ``[b, c, f, h, w]``.
    """
    surplus = latents.shape[1] - config.latent_frames(frames)
    return latents[:, surplus:].permute(0, 2, 1, 3, 4) * (1 / config.scaling_factor)


def require_finite_video(values: Tensor, dtype: torch.dtype) -> None:
    """Raise a SamplingError if a video or its latents hold NaN or infinity.

    Args:
        values: Video or latents.
        dtype: Floating point type of the weights that made them.
    """
    if not bool(torch.isfinite(values).all()):
        raise SamplingError(
            "video",
            expected="finite numbers",
            got="NaN or infinity",
            hint=f"{str(dtype).removeprefix('torch.')} overflowed: choose bfloat16 or float32 in the loader.",
        )
