"""VBench's metrics as functions of a video's frames. The network that reads the frames is an argument.

References:
    VBench, Section 3.1 and Section A of the supplement (subject and background consistency, temporal flickering,
    aesthetic quality). The values are those of its code at commit 45e79ec.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ..embedding import describe
from ..errors import RichSpaceError
from .preprocessing import preprocess_for_clip, preprocess_for_dino
from .scores import FrameScores

Backbone = Callable[[Tensor], Tensor]
"""Maps preprocessed frames ``[n, 3, h, w]`` to features ``[n, d]``."""

_CHUNK = 8
"""Frames that a backbone reads at a time."""
_OVERSHOOT = 0.5
"""Tolerance beyond 0..1, since sharpened frames exceed that range. Values further out are not those of frames."""
_HINT = "Connect the frames of one video, as a decoder returns them."


def subject_consistency(frames: Tensor, backbone: Backbone) -> FrameScores:
    """Measure how much the subject of each frame resembles that of the previous frame and of the first one.

    ``s_i = (max(0, cos(f_{i-1}, f_i)) + max(0, cos(f_0, f_i))) / 2`` for ``i >= 1``, with features ``f``.

    Args:
        frames: Float ``[T, H, W, 3]`` in 0..1, ``T >= 2``, on any device; a fourth channel is ignored.
        backbone: Maps ``[N, 3, h, w]``, normalized as for ImageNet and with a short edge of 224, to features
            ``[N, d]``. VBench uses DINO ViT-B/16, see `load_dino`.

    Returns:
        T - 1 values between 0 and 1, and their mean.

    Raises:
        RichSpaceError: If the input is not at least two frames, or the backbone's features are unusable.

    Reference:
        VBench, subject consistency.

    Example:
        >>> still = torch.rand(1, 64, 96, 3).expand(4, -1, -1, -1)
        >>> round(subject_consistency(still, lambda pixels: pixels.flatten(1)).score, 6)
        1.0
    """
    return _measure_consistency(frames, backbone, preprocess_for_dino)


def background_consistency(frames: Tensor, backbone: Backbone) -> FrameScores:
    """Measure how much each frame as a whole resembles the previous frame and the first one.

    The formula is that of `subject_consistency`, applied to CLIP's features.

    Args:
        frames: Float ``[T, H, W, 3]`` in 0..1, ``T >= 2``, on any device; a fourth channel is ignored.
        backbone: Maps ``[N, 3, 224, 224]``, normalized as for CLIP, to features ``[N, d]``. VBench uses CLIP ViT-B/32,
            see `load_clip`.

    Returns:
        T - 1 values between 0 and 1, and their mean.

    Raises:
        RichSpaceError: If the input is not at least two frames, or the backbone's features are unusable.

    Reference:
        VBench, background consistency.

    Example:
        >>> still = torch.rand(1, 64, 96, 3).expand(4, -1, -1, -1)
        >>> round(background_consistency(still, lambda pixels: pixels.flatten(1)).score, 6)
        1.0
    """
    return _measure_consistency(frames, backbone, preprocess_for_clip)


def aesthetic_quality(frames: Tensor, backbone: Backbone, head: nn.Module) -> FrameScores:
    """Estimate how much people would like each frame as a picture, with LAION's aesthetic predictor V1.

    ``head(f / |f|) / 10``, with features ``f``; about 0 to 1.

    Args:
        frames: Float ``[T, H, W, 3]`` in 0..1, ``T >= 1``, on any device; a fourth channel is ignored.
        backbone: Maps ``[N, 3, 224, 224]``, normalized as for CLIP, to features ``[N, 768]``. VBench uses
            CLIP ViT-L/14, see `load_clip`.
        head: ``Linear(768, 1)``, see `load_aesthetic_head`.

    Returns:
        T values, and their mean; not clamped.

    Raises:
        RichSpaceError: If the input is not frames, or the backbone's features are unusable or do not fit the head.

    Reference:
        VBench, aesthetic quality.

    Example:
        >>> pool = nn.Sequential(nn.AdaptiveAvgPool2d(16), nn.Flatten())
        >>> aesthetic_quality(torch.rand(3, 64, 96, 3), pool, nn.Linear(768, 1)).per_frame.shape
        torch.Size([3])
    """
    features = _extract_features(_check_frames(frames, least=1), backbone, preprocess_for_clip)
    weight = next(head.parameters())
    if features.shape[1] != weight.shape[-1]:
        raise RichSpaceError(
            "backbone",
            expected=f"features of width {weight.shape[-1]}, as the head reads",
            got=f"features of width {features.shape[1]}",
            hint="The aesthetic head belongs to CLIP ViT-L/14.",
        )
    with torch.inference_mode():
        ratings = head(normalize(features.to(weight.device, weight.dtype), dim=-1))  # [T, 1]
    return FrameScores(ratings[:, 0].cpu().double() / 10)


def temporal_flickering(frames: Tensor) -> FrameScores:
    """Measure how little each pixel changes between frames: ``1 - mean |f_i - f_{i-1}|``. No network is needed.

    Args:
        frames: Float ``[T, H, W, 3]`` in 0..1, ``T >= 2``, on any device; a fourth channel is ignored.

    Returns:
        T - 1 values between 0 (black to white) and 1 (still), and their mean.

    Raises:
        RichSpaceError: If the input is not at least two frames.

    Reference:
        VBench, temporal flickering: ``(255 - mean |f_i - f_{i-1}|) / 255`` on 0..255.

    Example:
        >>> black, gray = torch.zeros(1, 8, 8, 3), torch.full((1, 8, 8, 3), 0.25)
        >>> temporal_flickering(torch.cat([black, gray, black])).score
        0.75
    """
    frames = _check_frames(frames, least=2)
    changes = [(frame.float() - previous.float()).abs().mean() for previous, frame in pairwise(frames)]
    return FrameScores(1 - torch.stack(changes).cpu().double())


def _measure_consistency(frames: Tensor, backbone: Backbone, preprocess: Callable[[Tensor], Tensor]) -> FrameScores:
    features = _extract_features(_check_frames(frames, least=2), backbone, preprocess)
    directions = normalize(features.double(), dim=-1)  # [T, d]
    with_previous = (directions[1:] * directions[:-1]).sum(dim=-1)
    with_first = (directions[1:] * directions[0]).sum(dim=-1)
    return FrameScores((with_previous.clamp(0, 1) + with_first.clamp(0, 1)) / 2)


def _extract_features(frames: Tensor, backbone: Backbone, preprocess: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the frames' features, float32 ``[T, d]`` on the CPU."""
    with torch.inference_mode():
        chunks = [_read_chunk(preprocess(chunk.float()), backbone) for chunk in torch.split(frames, _CHUNK)]
    features = torch.cat(chunks)
    lengths = features.norm(dim=-1)
    if not bool((torch.isfinite(lengths) & (lengths > 0)).all()):
        raise RichSpaceError(
            "backbone",
            expected="finite features that are not all zero",
            got="NaN, infinity, or only zeros",
            hint="Its weights may be damaged, or its values overflow: run it in float32.",
        )
    return features


def _read_chunk(pixels: Tensor, backbone: Backbone) -> Tensor:
    features = backbone(pixels)
    if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != len(pixels) or not features.numel():
        raise RichSpaceError(
            "backbone", expected=f"one row of features for each frame, [{len(pixels)}, d]", got=describe(features)
        )
    return features.float().cpu()


def _check_frames(frames: Tensor, *, least: int) -> Tensor:
    """Return the frames without a fourth channel, clamped to 0..1 as when they are saved."""
    fits = isinstance(frames, Tensor) and frames.ndim == 4 and frames.is_floating_point()
    if not fits or frames.shape[-1] not in (3, 4) or 0 in frames.shape:
        raise RichSpaceError(
            "frames", expected="pictures, float [frames, height, width, 3]", got=describe(frames), hint=_HINT
        )
    if len(frames) < least:
        raise RichSpaceError(
            "frames", expected=f"at least {least} frames, to compare them", got=str(len(frames)), hint=_HINT
        )
    frames = frames[..., :3].detach()
    low, high = (float(value) for value in torch.aminmax(frames))  # NaN is passed on
    if not (low >= -_OVERSHOOT and high <= 1 + _OVERSHOOT):
        raise RichSpaceError(
            "frames",
            expected="values between 0 and 1",
            got=f"values between {low:.3g} and {high:.3g}",
            hint="Divide bytes by 255. NaN comes from a decoder that overflowed: decode in float32.",
        )
    return frames.clamp(0, 1)
