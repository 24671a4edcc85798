"""VBench's preprocessing of frames: torch resizes, crops and normalizes them, without antialiasing.

The image processors of transformers resize with PIL, on rounded values and with antialiasing. That changes the scores
by up to 9e-2.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

_SIDE = 224
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CLIP = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def preprocess_for_dino(frames: Tensor) -> Tensor:
    """Resize the short edge to 224 and normalize as for ImageNet, without cropping.

    ``[n, h, w, 3]`` in 0..1 -> ``[n, 3, h', w']``.
    """
    return _normalize(_resize(frames, "bilinear"), *_IMAGENET)


def preprocess_for_clip(frames: Tensor) -> Tensor:
    """Resize the short edge to 224, crop to the center, and normalize as for CLIP.

    ``[n, h, w, 3]`` in 0..1 -> ``[n, 3, 224, 224]``.
    """
    pixels = _resize(frames, "bicubic")
    top, left = (round((length - _SIDE) / 2) for length in pixels.shape[-2:])  # half to even, as VBench rounds
    return _normalize(pixels[..., top : top + _SIDE, left : left + _SIDE], *_CLIP)


def _resize(frames: Tensor, mode: str) -> Tensor:
    pixels = frames.permute(0, 3, 1, 2)  # [n, 3, h, w]
    short = min(pixels.shape[-2:])
    size = [int(_SIDE * length / short) for length in pixels.shape[-2:]]
    return interpolate(pixels, size=size, mode=mode, align_corners=False, antialias=False)


def _normalize(pixels: Tensor, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Tensor:
    center, spread = (torch.tensor(values, device=pixels.device)[:, None, None] for values in (mean, deviation))
    return (pixels - center) / spread
