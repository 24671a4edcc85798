"""What is written of a CogVideoX beside its weights: the rules of size, frames, text length and noise schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from ..errors import SamplingError

SchedulerName = Literal["auto", "DDIM", "DPM"]

_SCHEDULERS: dict[str, str] = {"DDIM": "CogVideoXDDIMScheduler", "DPM": "CogVideoXDPMScheduler"}
_SIZE_OF_1_5 = 1360, 768


@dataclass(frozen=True)
class VideoSize:
    """Pixels and frames of a video that a model can make."""

    width: int
    height: int
    frames: int


@dataclass(frozen=True, eq=False)
class CogVideoXConfig:
    """A text-to-video CogVideoX's configurations, as diffusers writes them.

    Args:
        name: What to call it in messages.
        transformer: Configuration of the denoiser.
        vae: Configuration of the video autoencoder.
        scheduler: Configuration of the noise schedule.
    """

    name: str
    transformer: Mapping[str, Any]
    vae: Mapping[str, Any]
    scheduler: Mapping[str, Any]

    @property
    def text_length(self) -> int:
        """Tokens that the model reads, padding included (226 for the published models)."""
        return int(self.transformer.get("max_text_seq_length", 226))

    @property
    def text_width(self) -> int:
        """Width d of the text embedding (4096 for the published models)."""
        return int(self.transformer.get("text_embed_dim", 4096))

    @property
    def scaling_factor(self) -> float:
        """What the denoiser's latents are divided by before the autoencoder reads them."""
        return float(self.vae.get("scaling_factor", 1.15258426))

    @property
    def spatial_ratio(self) -> int:
        """Pixels for each latent element, along width and height."""
        return int(2 ** (len(self._vae_channels) - 1))

    @property
    def _vae_channels(self) -> list[int]:
        return list(self.vae.get("block_out_channels", (128, 256, 256, 512)))

    @property
    def temporal_ratio(self) -> int:
        """Frames for each latent frame."""
        return int(self.vae.get("temporal_compression_ratio", 4))

    @property
    def patch_frames(self) -> int:
        """Latent frames that one patch spans: 1 for CogVideoX 1.0, 2 for 1.5."""
        return int(self.transformer.get("patch_size_t") or 1)

    @property
    def rotary(self) -> bool:
        """Whether attention turns queries and keys by their positions (5B, 1.5), or sines are added to patches (2B)."""
        return bool(self.transformer.get("use_rotary_positional_embeddings", False))

    @property
    def size_step(self) -> int:
        """Width and height are multiples of this (16 for the published models)."""
        return self.spatial_ratio * int(self.transformer.get("patch_size", 2))

    @property
    def frame_step(self) -> int:
        """Frame counts are one more than a multiple of this (8 for the published models).

        The autoencoder decodes latent frames two at a time and the first one alone, so their number is odd.
        """
        return 2 * self.temporal_ratio

    def video_size(self, *, width: int = 0, height: int = 0, frames: int = 0) -> VideoSize:
        """The size to make: 0 means the model's own.

        Raises:
            SamplingError: If the model cannot make a video of this size; the message names the nearest ones.
        """
        own_width, own_height = self._own_size
        size = VideoSize(
            width or own_width, height or own_height, frames or int(self.transformer.get("sample_frames", 49))
        )
        _require_multiple("width", size.width, self.size_step)
        _require_multiple("height", size.height, self.size_step)
        _require_multiple("frames", size.frames, self.frame_step, extra=1)
        if self.patch_frames > 1:
            widest, highest = self._sample_size
            _require_at_most("width", size.width, widest)
            _require_at_most("height", size.height, highest)
        return size

    @property
    def _sample_size(self) -> tuple[int, int]:
        # The defaults are diffusers' own, for a configuration that leaves them out.
        sides = int(self.transformer.get("sample_width", 90)), int(self.transformer.get("sample_height", 60))
        return sides[0] * self.spatial_ratio, sides[1] * self.spatial_ratio

    @property
    def _own_size(self) -> tuple[int, int]:
        if self.patch_frames == 1:
            return self._sample_size
        # CogVideoX 1.5 notes the largest table of positions there (2400 x 2400), not the size that it was made for.
        return min(self._sample_size[0], _SIZE_OF_1_5[0]), min(self._sample_size[1], _SIZE_OF_1_5[1])

    def latent_frames(self, frames: int) -> int:
        """Latent frames of a video of `frames` frames."""
        return (frames - 1) // self.temporal_ratio + 1

    def sampling_memory(self, size: VideoSize, dtype: torch.dtype) -> int:
        """Bytes that a denoising step needs beside the weights, roughly: sixteen times the hidden states.

        The hidden states, their normalised copy, queries, keys, values, and the feed-forward's four and four times
        wider ones stand side by side, for the positive and the negative prompt at once.
        """
        patch = int(self.transformer.get("patch_size", 2)) * self.spatial_ratio
        patches = (size.width // patch) * (size.height // patch) * self.latent_frames(size.frames) // self.patch_frames
        width = int(self.transformer.get("num_attention_heads", 30)) * int(
            self.transformer.get("attention_head_dim", 64)
        )
        return 2 * 16 * (patches + self.text_length) * width * dtype.itemsize

    def decoding_memory(self, width: int, height: int, dtype: torch.dtype, *, tiled: bool) -> int:
        """Bytes that decoding needs beside the weights, roughly.

        Twenty-four convolutions' inputs at full resolution for one group of frames, as diffusers' own comment in
        `AutoencoderKLCogVideoX.tiled_decode` counts them; tiles are half as wide and half as high.
        """
        channels = self._vae_channels[0]
        whole = 24 * channels * (self.frame_step + 1) * width * height * dtype.itemsize
        return whole // 4 if tiled else whole

    def make_scheduler(self, name: SchedulerName = "auto") -> Any:
        """Make a fresh scheduler from the folder's own noise schedule.

        Args:
            name: DDIM, DPM, or auto for the one that the folder names.

        Raises:
            SamplingError: If the name is unknown, or the folder names a scheduler that is neither.
        """
        import diffusers

        wanted = str(self.scheduler.get("_class_name")) if name == "auto" else _SCHEDULERS.get(name, name)
        if wanted not in _SCHEDULERS.values():
            raise SamplingError(
                "scheduler",
                expected=f"auto or one of {', '.join(_SCHEDULERS)}",
                got=wanted,
                hint=f"Choose {' or '.join(_SCHEDULERS)}: this folder's own is not one of CogVideoX's.",
            )
        return getattr(diffusers, wanted).from_config(dict(self.scheduler))


def _require_at_most(name: str, value: int, most: int) -> None:
    if value > most:
        raise SamplingError(
            name,
            expected=f"at most {most}, the model's largest",
            got=str(value),
            hint="Make it smaller, or enlarge the video afterwards.",
        )


def _require_multiple(name: str, value: int, step: int, *, extra: int = 0) -> None:
    if value > 0 and value >= extra and (value - extra) % step == 0:
        return
    below = max((value - extra) // step, 0 if extra else 1) * step + extra
    rule = f"{extra} more than a multiple of {step}" if extra else f"a multiple of {step}"
    raise SamplingError(
        name,
        expected=f"{rule}, or 0 for the model's own",
        got=str(value),
        hint=f"The nearest this model can make are {below} and {below + step}.",
    )
