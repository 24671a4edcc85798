"""Latents as a small picture, without the autoencoder: a colour for each latent element, as a linear function of it.

The function is fitted to the autoencoder itself, which encodes one picture of many colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate as resize

from .errors import SamplingError


@dataclass(frozen=True, eq=False)
class LatentColours:
    """The colour of a latent element: ``weights^T latent + bias``.

    Args:
        weights: float32 ``[c, 3]``.
        bias: float32 ``[3]``.
    """

    weights: Tensor
    bias: Tensor

    def picture(self, latents: Tensor) -> Tensor:
        """The middle frame of a video.

        Args:
            latents: ``[1, c, f, h, w]`` in the scale that the colours were fitted to.

        Returns:
            float32 ``[h, w, 3]`` in 0..1 on the CPU; grey where a number is not finite.
        """
        frame = latents[0, :, latents.shape[2] // 2].float().cpu().movedim(0, -1)  # [h, w, c]
        return (frame @ self.weights + self.bias).nan_to_num(0.5, 0.5, 0.5).clamp(0, 1)


def calibration_picture(height: int = 128, width: int = 128) -> Tensor:
    """One picture of many colours in large and small patches: float32 ``[1, height, width, 3]`` in 0..1."""
    generator = torch.Generator().manual_seed(0)
    patches = (torch.randn(1, 3, cells, cells, generator=generator) for cells in (3, 6, 12))
    layers = [resize(each, (height, width), mode="bicubic") for each in patches]
    return torch.stack(layers).sum(dim=0).mul(1.5).sigmoid().movedim(1, -1)


def fit_latent_colours(latents: Tensor, picture: Tensor) -> LatentColours:
    """Fit colours to one picture and its latents, by least squares.

    Args:
        latents: ``[1, c, 1, h, w]``, of `picture`.
        picture: ``[1, height, width, 3]`` in 0..1.

    Raises:
        SamplingError: If the latents are not one picture's.
    """
    if latents.ndim != 5 or latents.shape[0] != 1 or latents.shape[2] != 1:
        raise SamplingError("latents", expected="one picture's, [1, c, 1, h, w]", got=str(list(latents.shape)))
    colours = resize(picture.float().cpu().movedim(-1, 1), latents.shape[-2:], mode="area")  # [1, 3, h, w]
    elements = latents[0, :, 0].double().cpu().flatten(1).T  # [h * w, c]
    elements = torch.cat([elements, torch.ones(len(elements), 1, dtype=torch.float64)], dim=1)
    fitted = torch.linalg.lstsq(elements, colours[0].double().flatten(1).T).solution.float()  # [c + 1, 3]
    return LatentColours(fitted[:-1], fitted[-1])
