"""Video to video: latents that a sampling starts from, noised as far as `diffusers.CogVideoXVideoToVideoPipeline` does.

Of the steps of a schedule, only the last ones are taken, as many as the strength says. The start latents get the noise
of the first step that is taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..embedding import describe
from ..errors import SamplingError
from .config import CogVideoXConfig, VideoSize


@dataclass(frozen=True, eq=False)
class StartVideo:
    """Latents that a sampling starts from, and how much of them it changes.

    Args:
        latents: Floating point ``[1, c, f, h, w]`` in ComfyUI's layout and scale.
        strength: Share of the steps to take, above 0 and at most 1. At 1, the start is noise alone for a model whose
            schedule ends in pure noise, as the published ones do.

    Raises:
        SamplingError: If the latents are not one video's, or hold NaN or infinity, or the strength is out of range.
    """

    latents: Tensor
    strength: float = 0.8

    def __post_init__(self) -> None:
        if not math.isfinite(self.strength) or not 0 < self.strength <= 1:
            raise SamplingError(
                "strength",
                expected="a number above 0 and at most 1",
                got=str(self.strength),
                hint="0.8 is usual. Smaller numbers keep more of the start video.",
            )
        if self.latents.ndim != 5 or self.latents.shape[0] != 1 or not self.latents.is_floating_point():
            raise SamplingError(
                "start",
                expected="one video's latents, [1, channels, frames, height, width]",
                got=describe(self.latents),
            )
        if not bool(torch.isfinite(self.latents).all()):
            raise SamplingError(
                "start",
                expected="finite numbers",
                got="NaN or infinity",
                hint="Encode the video with the model loaded as bfloat16 or float32.",
            )

    def video_size(self, config: CogVideoXConfig, wanted: VideoSize) -> VideoSize:
        """Return the size of the video, which the start latents have.

        Args:
            config: Configuration of the model.
            wanted: Size in the settings; 0 means that of the start latents.

        Raises:
            SamplingError: If the latents are of another model or of a size that it cannot make, or another size is
                wanted.
        """
        _, channels, frames, height, width = self.latents.shape
        if channels != config.vae.latent_channels:
            raise SamplingError(
                "start",
                expected=f"latents with the model's {config.vae.latent_channels} channels",
                got=f"{channels} channels",
                hint="Encode the video with the model that samples it.",
            )
        own = VideoSize(
            width * config.spatial_ratio, height * config.spatial_ratio, (frames - 1) * config.temporal_ratio + 1
        )
        for name in ("width", "height", "frames"):
            asked, has = getattr(wanted, name), getattr(own, name)
            if asked not in (0, has):
                raise SamplingError(
                    name,
                    expected=f"{has}, as the start video has, or 0",
                    got=str(asked),
                    hint="Set it to 0, or scale or cut the video before it is encoded.",
                )
        return config.video_size(width=own.width, height=own.height, frames=own.frames)

    def steps_taken(self, steps: int) -> int:
        """Return how many of a schedule's steps are taken.

        Raises:
            SamplingError: If there is none.
        """
        taken = min(int(steps * self.strength), steps)
        if taken < 1:
            raise SamplingError(
                "strength",
                expected=f"at least {1 / steps:.3g}, one of {steps} steps",
                got=str(self.strength),
                hint="Raise it, or take more steps.",
            )
        return taken

    def noised(
        self,
        config: CogVideoXConfig,
        scheduler: Any,
        steps: int,
        generator: torch.Generator,
        device: torch.device,
        dtype: torch.dtype,
    ) -> Tensor:
        """Return the latents with the noise of the first step that is taken, ``[1, f, c, h, w]`` in diffusers' scale.

        CogVideoX 1.5 samples whole patches of latent frames. As in diffusers' image-to-video pipeline, the first latent
        frame is repeated in front where one is missing.

        Args:
            config: Configuration of the model.
            scheduler: Noise schedule of diffusers.
            steps: Number of steps of the whole schedule.
            generator: CPU generator of the noise.
            device: Device of the sampling.
            dtype: Number type of the sampling.
        """
        from diffusers.utils.torch_utils import randn_tensor

        clean = self.latents.permute(0, 2, 1, 3, 4).to(device, dtype) * config.scaling_factor
        surplus = -clean.shape[1] % config.patch_frames
        clean = torch.cat([clean[:, :1].expand(-1, surplus, -1, -1, -1), clean], dim=1)
        noise = randn_tensor(clean.shape, generator=generator, device=device, dtype=dtype)
        scheduler.set_timesteps(steps, device=device)
        first = steps - self.steps_taken(steps)
        noised: Tensor = scheduler.add_noise(clean, noise, scheduler.timesteps[first : first + 1])
        return noised
