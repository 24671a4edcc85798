"""Prompts of a CONDITIONING for the pack's own sampler: one, or several with their weights over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from comfy.utils import common_upscale
from torch import Tensor

from ...richspace_core import SamplingError, TextEmbedding
from ...richspace_core.cogvideox.blending import WeightedEmbedding, normalized_weights
from ...richspace_core.cogvideox.config import VideoSize
from ...richspace_core.cogvideox.folder import CogVideoXFolder
from ...richspace_core.cogvideox.sampling import require_fits
from .conditioning import Conditioning, Prompt, make_conditioning, read_prompt
from .prompt_settings import require_plain
from .temporal_masks import MASK, STRENGTH, has_mask_over_time, is_over_time, require_own_masks

_AVERAGED = "richspace_averaged"  # in entries whose predictions are averaged; ComfyUI's samplers average all of them


def average_predictions(a: Prompt, b: Prompt, share: float) -> Conditioning:
    """Return a CONDITIONING with two entries, whose predictions a sampler averages in every step.

    Args:
        a: First prompt.
        b: Second prompt.
        share: Weight of the first prompt's prediction, above 0 and below 1.
    """
    parts = ((a, share), (b, 1 - share))
    return [
        entry
        for prompt, weight in parts
        for entry in make_conditioning(replace(prompt, extras={**prompt.extras, "strength": weight, _AVERAGED: True}))
    ]


def read_weighted_prompts(
    positive: Conditioning, folder: CogVideoXFolder, size: VideoSize, *, if_several: str
) -> TextEmbedding | Sequence[WeightedEmbedding]:
    """Read what a video should show, and check that the model can sample it.

    Args:
        positive: ComfyUI's CONDITIONING: one prompt, several whose predictions RichSpace Mix Predictions averages, or
            several of which one at least has a mask over time.
        folder: Folder of the model.
        size: Size of the video.
        if_several: Advice for the error message if it holds several prompts without a mask over time.

    Raises:
        RichSpaceError: If it has a setting that this sampler does not support, or does not fit the model.
    """
    entries = [entry[1] for entry in positive] if _has_entries(positive) else []
    latents = folder.latent_frames(size.frames)
    require_own_masks("positive", entries, latents)
    if len(entries) < 2 or not (has_mask_over_time(entries) or all(_AVERAGED in entry for entry in entries)):
        prompt = read_prompt("positive", positive, if_several=if_several)
        require_plain(positive=prompt)
        require_fits(folder, positive=prompt.embedding)
        return prompt.embedding
    ratio = folder.spatial_ratio
    shape = latents, size.height // ratio, size.width // ratio
    prompts = [_read(entry, folder, shape) for entry in positive]
    normalized_weights(prompts)  # checks them before the model is loaded
    return prompts


def _has_entries(conditioning: Any) -> bool:
    return isinstance(conditioning, list) and all(
        isinstance(entry, (list, tuple)) and len(entry) == 2 and isinstance(entry[1], Mapping) for entry in conditioning
    )


def _read(entry: list[Any], folder: CogVideoXFolder, shape: tuple[int, int, int]) -> WeightedEmbedding:
    prompt = read_prompt("positive", [entry])
    require_plain(positive=_without_mask(prompt))
    require_fits(folder, positive=prompt.embedding)
    weights = _mask(prompt.extras, shape) * float(prompt.extras.get("strength", 1.0))
    return WeightedEmbedding(prompt.embedding, weights)


def _without_mask(prompt: Prompt) -> Prompt:
    return replace(prompt, extras={key: value for key, value in prompt.extras.items() if key != MASK})


def _mask(extras: Mapping[str, Any], shape: tuple[int, int, int]) -> Tensor:
    """Return an entry's mask as ComfyUI's samplers apply it, ``[1 or f, h, w]``."""
    mask = extras.get(MASK)
    if not isinstance(mask, Tensor):
        return torch.ones(1, 1, 1)
    mask = (mask if mask.ndim == 3 else mask[None]).float()
    if is_over_time(mask) and len(mask) != shape[0]:
        raise SamplingError(
            "positive",
            expected=f"masks for this video of {shape[0]} latent frames",
            got=f"one for {len(mask)}",
            hint="Give RichSpace Morph the number of frames that you sample.",
        )
    resized: Tensor = common_upscale(mask[None], shape[2], shape[1], "bilinear", "none")[0]
    return resized * float(extras.get(STRENGTH, 1.0))
