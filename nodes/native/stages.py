"""State of a sampling that its latents do not show, for its own sampler and for a sampling that continues it.

ComfyUI passes only latents from one sampler to the next. A denoising in several stages (KSampler Advanced, SplitSigmas)
also needs the frames that CogVideoX 1.5 samples in front of a video, DPM's last prediction and the state of its random
generators. They are an attribute of the latents' own tensor: they stay with it through every node that passes the
tensor on, and are lost in a node that makes another tensor.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

_ATTRIBUTE = "richspace_leftover"
_OPTION = "richspace"
_MAX_SEED = 2**64
_MAX_BATCH = 64  # of RichSpace Empty CogVideoX Latent, so every video's noise is among the first 64 of a seed

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SchedulerState:
    """State of one of diffusers' schedulers between two steps.

    Args:
        generators: State of each video's generator.
        prediction: Clean videos predicted in the last step, ``[b, f, c, h, w]``; None before the first step.
        timestep: Timestep of the last step; None before the first step.
    """

    generators: tuple[Tensor, ...]
    prediction: Tensor | None
    timestep: int | None


@dataclass(frozen=True)
class Leftover:
    """State that belongs to latents with noise left in them.

    Args:
        front: Surplus frames in front of the videos, ``[b, c, n, h, w]``, at the latents' noise level and scale.
        scheduler: State of the sampler that made the latents; None for a sampler without state.
    """

    front: Tensor
    scheduler: SchedulerState | None

    def attach_to(self, latents: Tensor) -> None:
        """Attach this state to `latents`."""
        setattr(latents, _ATTRIBUTE, self)

    @staticmethod
    def of(latents: Tensor) -> Leftover | None:
        """Return the state attached to `latents`; None if they do not come directly from a sampler."""
        return getattr(latents, _ATTRIBUTE, None)


class Run:
    """One sampling of a corrected MODEL, shared by its wrapper and its sampler.

    Args:
        noise: ComfyUI's noise, ``[b, c, f, h, w]``; all zero if it was disabled.
        seed: Seed of the noise.
        leftover: State attached to the latents.
    """

    def __init__(self, noise: Tensor, seed: int | None, leftover: Leftover | None) -> None:
        self._noise, self.seed = noise, seed or 0
        self.continues = not bool(noise.any())  # the latents already hold the noise
        self.leftover = leftover if self.continues else None
        self.scheduler: SchedulerState | None = None  # set by a sampler that stops before the end

    @cached_property
    def places(self) -> tuple[int, ...]:
        """Place of each video in the batch that its noise was drawn for.

        ComfyUI does not pass a LATENT's `batch_index` to a sampler, so the place is found by the noise itself.
        """
        if self.continues:
            return tuple(range(len(self._noise)))
        return _places_of(self._noise, self.seed)

    def generators(self) -> list[torch.Generator]:
        """Return diffusers' generator for each video; its seed grows with the video's place in the batch."""
        return [torch.Generator().manual_seed((self.seed + place) % _MAX_SEED) for place in self.places]

    def front_noise(self, frames: int) -> Tensor:
        """Return noise for equal frames in front of each video, ``[b, c, frames, h, w]``."""
        batch, channels, _, height, width = self._noise.shape
        if self.continues:
            return self._noise.new_zeros(batch, channels, frames, height, width)
        generator = torch.Generator().manual_seed((self.seed + 1) % _MAX_SEED)
        rows = [torch.randn(1, channels, 1, height, width, generator=generator) for _ in range(max(self.places) + 1)]
        noise = torch.cat([rows[place] for place in self.places])
        return noise.to(self._noise).expand(-1, -1, frames, -1, -1)

    def front_frames(self, latents: Tensor, frames: int) -> Tensor:
        """Return the frames in front of `latents` before noise is added, ``[b, c, frames, h, w]``."""
        if self.leftover is not None and self.leftover.front.shape[2] == frames:
            return self.leftover.front.to(latents)
        if frames and self.continues:
            _logger.warning(
                "These latents do not come directly from a sampler, so the frame that CogVideoX 1.5 samples in front "
                "of a video is unknown. The video's first frame is used in its place."
            )
        return latents[:, :, :1].expand(-1, -1, frames, -1, -1)

    def share(self, model_options: dict[str, Any]) -> None:
        """Store the run in ComfyUI's model options, where `Run.of` finds it."""
        model_options.setdefault("transformer_options", {})[_OPTION] = self

    @staticmethod
    def of(model_options: dict[str, Any]) -> Run:
        """Return the run that is stored in these model options."""
        run: Run = model_options["transformer_options"][_OPTION]
        return run


def _places_of(noise: Tensor, seed: int) -> tuple[int, ...]:
    """Find the place of each video's noise among those that ComfyUI draws from a seed, one after another.

    Noise from another node is not among them. A video with such noise has its own place in the batch.
    """
    generator = torch.Generator().manual_seed(seed % _MAX_SEED)
    places: dict[int, int] = {}
    for place in range(max(_MAX_BATCH, len(noise))):
        drawn = torch.randn(1, *noise.shape[1:], generator=generator).to(noise)
        places |= {video: place for video in _missing(places, len(noise)) if torch.equal(noise[video], drawn[0])}
        if len(places) == len(noise):
            break
    return tuple(places.get(video, video) for video in range(len(noise)))


def _missing(places: dict[int, int], videos: int) -> Sequence[int]:
    return [video for video in range(videos) if video not in places]
