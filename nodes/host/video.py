"""Sampling and decoding of a CogVideoX's videos on ComfyUI's devices, with its progress bar and previews."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial

import torch
from torch import Tensor

from ...richspace_core import TextEmbedding
from ...richspace_core.cogvideox.blending import WeightedEmbedding
from ...richspace_core.cogvideox.config import VideoSize
from ...richspace_core.cogvideox.decoding import GroupCallback, decode_latents
from ...richspace_core.cogvideox.latent_preview import false_color_preview
from ...richspace_core.cogvideox.sampling import SamplingSettings, sample_latents
from .memory import Progress, explain_out_of_memory, retry_if_out_of_memory, to_host
from .models import CogVideoXModel


def sample_videos(
    model: CogVideoXModel,
    positive: TextEmbedding | Sequence[WeightedEmbedding],
    negative: TextEmbedding | None,
    settings: SamplingSettings,
    seeds: Sequence[int],
) -> Tensor:
    """Sample one video for each seed: ``[len(seeds), c, f, h, w]``."""
    progress = Progress(len(seeds) * settings.steps)
    videos: list[Tensor] = []
    colors = model.folder.load_latent_colors()
    draw = colors.picture if colors else false_color_preview

    def on_step(done: int, steps: int, latents: Tensor) -> None:
        progress.step_done(len(videos) * steps + done, lambda: draw(latents))

    with _enough_memory_to_sample(model, settings.size):
        needed = model.folder.sampling_memory(settings.size, model.transformer.dtype)
        transformer = model.transformer.loaded(memory_required=needed)
        for seed in seeds:
            video = sample_latents(
                model.folder, transformer, positive, negative, settings=settings, seed=seed, on_step=on_step
            )
            videos.append(video)
        return to_host(torch.cat(videos))


def _enough_memory_to_sample(model: CogVideoXModel, size: VideoSize) -> AbstractContextManager[None]:
    video = model.folder.video_size(**asdict(size))
    return explain_out_of_memory(
        "width, height, frames",
        expected=f"enough memory for {video.frames} frames of {video.width} x {video.height} pixels",
        hint="Choose fewer frames or a smaller size, load the model with dtype bfloat16, or close other programs.",
    )


def decode_videos(model: CogVideoXModel, latents: Tensor, *, tiled: bool) -> list[Tensor]:
    """Decode each video of a batch, ``[b, c, f, h, w]``, in tiles if asked for or if memory runs out."""
    count = len(latents)

    def on_group(video: int, done: int, groups: int) -> None:
        Progress(count * groups).step_done(video * groups + done)

    return [
        to_host(_decode(model, latents[video : video + 1], partial(on_group, video), tiled=tiled))
        for video in range(count)
    ]


def _decode(model: CogVideoXModel, samples: Tensor, on_group: GroupCallback, *, tiled: bool) -> Tensor:
    def decode(*, tiled: bool) -> Tensor:
        height, width = (side * model.folder.spatial_ratio for side in samples.shape[-2:])
        needed = model.folder.decoding_memory(width, height, model.vae.dtype, tiled=tiled)
        return decode_latents(model.vae.loaded(memory_required=needed), samples, tiled=tiled, on_group=on_group)

    with explain_out_of_memory(
        "latent",
        expected=f"enough memory to decode {samples.shape[2]} latent frames in tiles",
        hint="Sample fewer frames or a smaller size, or close other programs.",
    ):
        return retry_if_out_of_memory(lambda: decode(tiled=tiled), lambda: decode(tiled=True))
