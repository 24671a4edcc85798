"""Live preview of latents without the autoencoder: the color of each latent element is a linear function of it.

The function is fitted to videos and their latents, and can be saved in the model's folder as `latent_preview.json`,
next to the autoencoder's configuration. That of the demo model is fitted to clips of its own small world
(`demo_model/fit_latent_preview.py`). Other models are fitted to one picture of many colors (`fit_latent_preview`): that
is enough for an autoencoder that was trained on all kinds of pictures. A model without such a function is shown in
false colors.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate as resize

from ..errors import ModelFolderError, SamplingError
from ..files import write_file
from ..json_files import read_json

_CALIBRATION_CELLS = 16  # latent elements along each side of the calibration picture


@dataclass(frozen=True, eq=False)
class LatentColors:
    """Color of a latent element: ``weights^T latent + bias``.

    Args:
        weights: float32 ``[c, 3]``.
        bias: float32 ``[3]``.
    """

    weights: Tensor
    bias: Tensor

    def save(self, file: Path) -> None:
        """Write the weights and the bias as JSON."""
        rounded = (
            [[round(number, 5) for number in row] for row in each.tolist()] for each in (self.weights, self.bias[None])
        )
        weights, (bias,) = rounded
        write_file(file, json.dumps({"weights": weights, "bias": bias}, indent=1) + "\n")

    @classmethod
    def read(cls, file: Path, *, channels: int) -> LatentColors | None:
        """Read a file that `save` wrote, for latents with `channels` channels; None if there is no such file.

        Raises:
            ModelFolderError: If the file has the wrong content.
        """
        if not file.is_file():
            return None
        try:
            content = read_json(file)
            weights, bias = (torch.tensor(content[name], dtype=torch.float32) for name in ("weights", "bias"))
        except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
            raise _wrong_content(file, channels, "something else") from error
        if weights.shape != (channels, 3) or bias.shape != (3,):
            raise _wrong_content(file, channels, f"{list(weights.shape)} and {list(bias.shape)}")
        if not bool(torch.isfinite(weights).all() and torch.isfinite(bias).all()):
            raise _wrong_content(file, channels, "numbers that are not finite")
        return cls(weights, bias)

    def picture(self, latents: Tensor) -> Tensor:
        """Return a picture of the middle frame of a video.

        Args:
            latents: ``[1, c, f, h, w]`` in the scale that the colors were fitted to.

        Returns:
            float32 ``[h, w, 3]`` in 0..1 on the CPU; gray where a number is not finite.
        """
        frame = latents[0, :, latents.shape[2] // 2].float().cpu().movedim(0, -1)  # [h, w, c]
        return (frame @ self.weights + self.bias).nan_to_num(0.5, 0.5, 0.5).clamp(0, 1)


def calibration_picture(height: int, width: int) -> Tensor:
    """Return a picture of many colors in large and small patches: float32 ``[1, height, width, 3]`` in 0..1."""
    generator = torch.Generator().manual_seed(0)
    patches = (torch.randn(1, 3, cells, cells, generator=generator) for cells in (3, 6, 12))
    layers = [resize(each, (height, width), mode="bicubic") for each in patches]
    return torch.stack(layers).sum(dim=0).mul(1.5).sigmoid().movedim(1, -1)


def fit_latent_colors(latents: Tensor, videos: Tensor) -> LatentColors:
    """Fit colors to videos and their latents, by least squares.

    Args:
        latents: Latents of `videos`, ``[b, c, f, h, w]``.
        videos: ``[b, frames, height, width, 3]`` in 0..1. The first latent frame stands for the first frame, the others
            for equally many of the remaining frames.

    Raises:
        SamplingError: If the shapes do not fit each other.
    """
    later = latents.shape[2] - 1 if latents.ndim == 5 else 0
    rest = videos.shape[1] - 1 if videos.ndim == 5 else -1
    if latents.ndim != 5 or videos.ndim != 5 or len(latents) != len(videos) or (rest % later if later else rest):
        raise SamplingError(
            "latents",
            expected="[b, c, f, h, w] of the videos [b, frames, height, width, 3]",
            got=str(list(latents.shape)),
        )
    pixels = videos.float().cpu().movedim(-1, 1)  # [b, 3, frames, height, width]
    size = latents.shape[-2:]
    parts = [resize(pixels[:, :, :1], (1, *size), mode="area")]
    if later:
        parts.append(resize(pixels[:, :, 1:], (later, *size), mode="area"))
    colors = torch.cat(parts, dim=2)  # [b, 3, f, h, w]
    elements = latents.double().cpu().movedim(1, -1).flatten(0, -2)  # [n, c]
    elements = torch.cat([elements, torch.ones(len(elements), 1, dtype=torch.float64)], dim=1)
    wanted = colors.double().movedim(1, -1).flatten(0, -2)  # [n, 3]
    fitted = torch.linalg.lstsq(elements, wanted).solution.float()  # [c + 1, 3]
    return LatentColors(fitted[:-1], fitted[-1])


def fit_to_calibration_picture(encode: Callable[[Tensor], Tensor], spatial_ratio: int) -> LatentColors:
    """Fit colors to the calibration picture.

    Args:
        encode: Function from a video, ``[1, 1, height, width, 3]`` in 0..1, to its latents, ``[1, c, 1, h, w]``.
        spatial_ratio: Number of pixels for each latent element, along width and height.
    """
    side = _CALIBRATION_CELLS * spatial_ratio
    video = calibration_picture(side, side)[None]
    return fit_latent_colors(encode(video), video)


def encode_videos(vae: Any, videos: Tensor) -> Tensor:
    """Encode videos to latents in the denoiser's scale.

    Args:
        vae: A diffusers `AutoencoderKLCogVideoX`.
        videos: ``[b, frames, height, width, 3]`` in 0..1.

    Returns:
        ``[b, c, f, h, w]``.
    """
    with torch.inference_mode():
        latents: Tensor = vae.encode(2 * videos.movedim(-1, 1) - 1).latent_dist.mean
    return latents * float(vae.config.scaling_factor)


def false_color_preview(latents: Tensor) -> Tensor:
    """Return a small picture of latents: their three principal components as red, green and blue.

    It needs nothing of the model, so it works for all of them. Shapes and motion can be seen; the colors are arbitrary.

    Args:
        latents: ``[1, c, f, h, w]`` with at least three channels; the middle frame is shown.

    Returns:
        float32 ``[h, w, 3]`` in 0..1 on the CPU; gray if the frame is not finite and so has no components.
    """
    frame = latents[0, :, latents.shape[2] // 2].float().cpu()  # [c, h, w]
    if not bool(torch.isfinite(frame).all()):
        return torch.full((*frame.shape[1:], 3), 0.5)
    pixels = frame.flatten(1).T  # [h * w, c]
    pixels = pixels - pixels.mean(dim=0)
    _, axes = torch.linalg.eigh(pixels.T @ pixels)  # columns, the largest component last
    axes = axes[:, -3:].flip(1)
    # An axis and its opposite are the same component. The sign is fixed, or colors would flip from step to step.
    axes = axes * axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)).sign()
    picture: Tensor = (pixels @ axes).unflatten(0, frame.shape[1:])  # [h, w, 3]
    spread = picture.flatten(0, 1).std(dim=0).clamp(min=1e-6)
    return (picture / (4 * spread) + 0.5).clamp(0, 1)


def _wrong_content(file: Path, channels: int, got: str) -> ModelFolderError:
    return ModelFolderError(
        f"{file.parent.name}/{file.name}",
        expected=f"weights of {channels} channels by 3 colors, and a bias of 3",
        got=got,
        hint="Delete the file: the colors of the preview are then fitted again.",
    )
