"""CogVideoX's own samplers for the host's SamplerCustom: diffusers' schedulers, step by step.

The host's samplers hold a video as ``x = (clean + sigma noise)``, diffusers as ``x / sqrt(1 + sigma^2)``; the host's
model returns the clean video, the published one ``v``. Between the two, with ``y`` for diffusers' video:

    y = x / sqrt(1 + sigma^2),    v = (y - sqrt(1 + sigma^2) clean) / sigma
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from comfy.samplers import KSAMPLER
from torch import Tensor
from tqdm.auto import trange

from ..richspace_core import SamplingError
from ..richspace_core.model_config import CogVideoXConfig, SchedulerName
from ..richspace_core.sampling import DynamicGuidance, cosine_guidance, timestep_guidance
from . import native

NoiseName = Literal["ComfyUI", "diffusers"]

_MAX_SEED = 2**64


@dataclass(frozen=True)
class PublishedSampler:
    """One of diffusers' schedulers as a sampler function of the host.

    Args:
        scheduler: DDIM, DPM, or auto for the model's own.
        steps: Denoising steps.
        dynamic_guidance: As `SamplingSettings.dynamic_guidance`.
        noise: Whose noise a whole denoising starts from: the host's own, or diffusers' of the same seed, which is laid
            out with frames before channels.
    """

    scheduler: SchedulerName
    steps: int
    dynamic_guidance: DynamicGuidance
    noise: NoiseName

    def sigmas(self, model: Any) -> Tensor:
        """The noise levels of a corrected MODEL at diffusers' timesteps, the last one zero: float32 ``[steps + 1]``."""
        scheduler = self._make_scheduler(native.published_config(model))
        levels = model.get_model_object("model_sampling").sigma(scheduler.timesteps)
        return torch.cat([levels, levels.new_zeros(1)])

    def __call__(
        self,
        model: Any,
        x: Tensor,
        sigmas: Tensor,
        extra_args: dict[str, Any] | None = None,
        callback: Callable[[dict[str, Any]], None] | None = None,
        disable: bool = False,
    ) -> Tensor:
        """Denoise ``[b, c, f, h, w]`` as the host's sampling functions do."""
        extra_args = extra_args or {}
        patcher = model.inner_model.model_patcher
        config, sampling = native.published_config(patcher), patcher.get_model_object("model_sampling")
        stepper = _Stepper(self._make_scheduler(config), _generators(extra_args.get("seed"), len(x)))
        timesteps = [int(sampling.timestep(level)) for level in sigmas[:-1]]
        stepper.require(timesteps)
        fresh = stepper.noise_like(x)
        y = fresh if self.noise == "diffusers" and sigmas[0] >= sampling.sigma_max else x / _norm(sigmas[0])
        for i in trange(len(timesteps), disable=disable):
            sigma, norm = sigmas[i], _norm(sigmas[i])
            guided = self._guided(extra_args, i, timesteps[i])
            clean = model(y * norm, sigma * y.new_ones(len(y)), **guided)
            if callback is not None:
                callback({"x": y * norm, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": clean})
            y = stepper.step((y - norm * clean) / sigma, timesteps[i], y)
        return y * _norm(sigmas[-1])

    def _make_scheduler(self, config: CogVideoXConfig) -> Any:
        scheduler = config.make_scheduler(self.scheduler)
        scheduler.set_timesteps(self.steps)
        return scheduler

    def _guided(self, extra_args: dict[str, Any], step: int, timestep: int) -> dict[str, Any]:
        """The arguments of a step's model call, with the step's own guidance."""
        if self.dynamic_guidance == "off":
            return extra_args

        def guide(args: dict[str, Any]) -> Tensor:
            scale = args["cond_scale"]
            if self.dynamic_guidance == "cosine":
                scale = cosine_guidance(scale, step, self.steps)
            else:
                scale = timestep_guidance(scale, timestep, self.steps)
            guided: Tensor = args["uncond"] + scale * (args["cond"] - args["uncond"])
            return guided

        return extra_args | {"model_options": extra_args.get("model_options", {}) | {"sampler_cfg_function": guide}}


class _Stepper:
    """Calls a scheduler as diffusers' pipeline does, on the host's layout.

    Args:
        scheduler: With its timesteps set.
        generators: One for each video, which have drawn nothing yet.
    """

    def __init__(self, scheduler: Any, generators: list[torch.Generator]) -> None:
        self._scheduler, self._generators = scheduler, generators
        self._clean: Tensor | None = None  # as predicted a step ago
        self._before: int | None = None

    def require(self, timesteps: list[int]) -> None:
        """Raise an error if these are not among the scheduler's."""
        own = self._scheduler.timesteps.tolist()
        if not set(timesteps) <= set(own):
            raise SamplingError(
                "sigmas",
                expected=f"those of this sampler's own {len(own)} steps, or a part of them",
                got=f"{len(timesteps)} steps, one at timestep {next(t for t in timesteps if t not in own)}",
                hint="Wire both outputs of one RichSpace CogVideoX Sampler.",
            )

    def noise_like(self, x: Tensor) -> Tensor:
        """Diffusers' first noise, in the host's layout; step noise continues from it."""
        from diffusers.utils.torch_utils import randn_tensor

        shape = x.movedim(2, 1).shape
        noise: Tensor = randn_tensor(shape, generator=self._generators, device=x.device, dtype=torch.float32)
        return noise.movedim(1, 2)

    def step(self, v: Tensor, timestep: int, y: Tensor) -> Tensor:
        """One step from `y` at a timestep, ``[b, c, f, h, w]``."""
        v, y = v.movedim(2, 1), y.movedim(2, 1)
        if type(self._scheduler).__name__ == "CogVideoXDDIMScheduler":
            stepped = self._scheduler.step(v, timestep, y, return_dict=False)[0]
        else:
            stepped, self._clean = self._scheduler.step(
                v, self._clean, timestep, self._before, y, generator=self._generators, return_dict=False
            )
            self._before = timestep
        result: Tensor = stepped.movedim(1, 2)
        return result


def make_sampler(settings: PublishedSampler) -> KSAMPLER:
    """The host's SAMPLER of one of diffusers' schedulers."""
    return KSAMPLER(settings)


def _generators(seed: int | None, videos: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(((seed or 0) + video) % _MAX_SEED) for video in range(videos)]


def _norm(sigma: Tensor) -> Tensor:
    return (1 + sigma**2).sqrt()
