"""Frames as VBench hands them to its networks: resized, cropped and normalised by torch, without antialiasing.

transformers' own image processors resize with PIL, on rounded values and with antialiasing, which moves the scores by
up to 9e-2.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

_SIDE = 224
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CLIP = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def for_dino(frames: Tensor) -> Tensor:
    """``[n, h, w, 3]`` in 0..1 to ImageNet-normalised ``[n, 3, h', w']``; the short edge 224, nothing cropped."""
    return _normalise(_resize(frames, "bilinear"), *_IMAGENET)


def for_clip(frames: Tensor) -> Tensor:
    """``[n, h, w, 3]`` in 0..1 to CLIP-normalised ``[n, 3, 224, 224]``; the short edge 224, the middle kept."""
    pixels = _resize(frames, "bicubic")
    top, left = (round((length - _SIDE) / 2) for length in pixels.shape[-2:])  # half to even, as VBench rounds
    return _normalise(pixels[..., top : top + _SIDE, left : left + _SIDE], *_CLIP)


def _resize(frames: Tensor, mode: str) -> Tensor:
    pixels = frames.permute(0, 3, 1, 2)  # [n, 3, h, w]
    short = min(pixels.shape[-2:])
    size = [int(_SIDE * length / short) for length in pixels.shape[-2:]]
    return interpolate(pixels, size=size, mode=mode, align_corners=False, antialias=False)


def _normalise(pixels: Tensor, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Tensor:
    centre, spread = (torch.tensor(values, device=pixels.device)[:, None, None] for values in (mean, deviation))
    return (pixels - centre) / spread
