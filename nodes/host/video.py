"""Sampling, decoding and encoding of a CogVideoX's videos on ComfyUI's devices, with its progress bar and previews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...richspace_core import SamplingError, TextEmbedding
from ...richspace_core.cogvideox.blending import WeightedEmbedding
from ...richspace_core.cogvideox.config import VideoSize
from ...richspace_core.cogvideox.decoding import decode_latents
from ...richspace_core.cogvideox.encoding import encode_frames
from ...richspace_core.cogvideox.latent_preview import false_color_preview
from ...richspace_core.cogvideox.sampling import SamplingSettings, sample_latents
from ...richspace_core.cogvideox.start_video import StartVideo
from ...richspace_core.cogvideox.vae_groups import GroupCallback
from .memory import Progress, explain_out_of_memory, retry_if_out_of_memory, to_host
from .models import CogVideoXModel


def sample_videos(
    model: CogVideoXModel,
    positive: TextEmbedding | Sequence[WeightedEmbedding],
    negative: TextEmbedding | None,
    settings: SamplingSettings,
    seeds: Sequence[int],
    starts: Sequence[StartVideo] = (),
) -> Tensor:
    """Sample one video for each seed: ``[len(seeds), c, f, h, w]``.

    Args:
        model: CogVideoX of this pack.
        positive: What to draw: one prompt, or several with their weights.
        negative: What to avoid.
        settings: Size, steps, guidance and scheduler.
        seeds: Seed of each video.
        starts: Video that each one starts from; none to start from noise.
    """
    progress = Progress(len(seeds) * (starts[0].steps_taken(settings.steps) if starts else settings.steps))
    videos: list[Tensor] = []
    colors = model.folder.load_latent_colors()
    draw = colors.picture if colors else false_color_preview

    def on_step(done: int, steps: int, latents: Tensor) -> None:
        progress.step_done(len(videos) * steps + done, lambda: draw(latents))

    with _enough_memory_to_sample(model, settings.size):
        needed = model.folder.sampling_memory(settings.size, model.transformer.dtype)
        transformer = model.transformer.loaded(memory_required=needed)
        begins: Sequence[StartVideo | None] = starts or [None] * len(seeds)
        for seed, start in zip(seeds, begins, strict=True):
            video = sample_latents(
                model.folder,
                transformer,
                positive,
                negative,
                settings,
                seed=seed,
                start=start,
                options=model.options,
                on_step=on_step,
            )
            videos.append(video)
        return to_host(torch.cat(videos))


def read_start_videos(latent: Mapping[str, Any], strength: float, count: int) -> list[StartVideo]:
    """Return the videos of a LATENT that `count` samplings start from: one for all of them, or one for each.

    Raises:
        SamplingError: If they are not as many or not usable, or the LATENT has a mask or sound.
    """
    samples = latent["samples"]
    _require_no_sound("start", samples)
    if latent.get("noise_mask") is not None:
        raise SamplingError(
            "start",
            expected="a latent without a mask",
            got="one with a noise mask",
            hint="RichSpace Load CogVideoX (native) with KSampler changes parts of a video.",
        )
    if len(samples) not in (1, count):
        raise SamplingError(
            "start",
            expected=f"one video, or as many as batch_size, {count}",
            got=f"{len(samples)} videos",
            hint="Set batch_size to that number, or take one with Get Latent From Batch.",
        )
    return [StartVideo(samples[video % len(samples)][None].float(), strength) for video in range(count)]


def _require_no_sound(name: str, samples: Tensor) -> None:
    if samples.is_nested:
        raise SamplingError(
            name,
            expected="a latent of videos",
            got="one of videos with sound",
            hint="Separate the sound first: a CogVideoX makes videos alone.",
        )


def _enough_memory_to_sample(model: CogVideoXModel, size: VideoSize) -> AbstractContextManager[None]:
    video = model.folder.video_size(**asdict(size))
    return explain_out_of_memory(
        "width, height, frames",
        expected=f"enough memory for {video.frames} frames of {video.width} x {video.height} pixels",
        hint="Choose fewer frames or a smaller size, load the model with dtype bfloat16, or close other programs.",
    )


def decode_videos(model: CogVideoXModel, latents: Tensor, *, tiled: bool) -> list[Tensor]:
    """Decode each video of a batch, ``[b, c, f, h, w]``, in tiles if asked for or if memory runs out."""
    _require_no_sound("latents", latents)
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
        first = tiled or model.options.tiled_vae
        return retry_if_out_of_memory(lambda: decode(tiled=first), lambda: decode(tiled=True))


def encode_video(model: CogVideoXModel, frames: Tensor, *, tiled: bool) -> Tensor:
    """Encode frames ``[f, height, width, 3 or 4]``, in tiles if asked for or if memory runs out.

    Raises:
        SamplingError: If the model cannot make videos of this size.
    """
    count, height, width = frames.shape[:3]
    _require_video_size(model, width=width, height=height, frames=count)
    progress: list[Progress] = []

    def on_group(done: int, groups: int) -> None:
        if done == 1:
            progress[:] = [Progress(groups)]
        progress[0].step_done(done)

    def encode(*, tiled: bool) -> Tensor:
        # The encoder has as many convolutions at full resolution as the decoder, or fewer.
        needed = model.folder.decoding_memory(width, height, model.vae.dtype, tiled=tiled)
        return encode_frames(
            model.vae.loaded(memory_required=needed), frames[..., :3].float(), tiled=tiled, on_group=on_group
        )

    with explain_out_of_memory(
        "frames",
        expected=f"enough memory to encode {count} frames of {width} x {height} pixels in tiles",
        hint="Use fewer or smaller frames, or close other programs.",
    ):
        first = tiled or model.options.tiled_vae
        return to_host(retry_if_out_of_memory(lambda: encode(tiled=first), lambda: encode(tiled=True)))


def _require_video_size(model: CogVideoXModel, *, width: int, height: int, frames: int) -> None:
    folder = model.folder
    try:
        folder.video_size(width=width, height=height, frames=frames)
    except SamplingError as error:
        raise SamplingError(
            "frames",
            expected=f"{folder.frame_step}n + 1 frames whose sides are multiples of {folder.size_step}",
            got=f"{frames} frames of {width} x {height} pixels",
            hint=f"Change the {error.argument} first, with Upscale Image or Get Image from Batch. {error.hint}",
        ) from error
