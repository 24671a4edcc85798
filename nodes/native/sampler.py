"""CogVideoX's published samplers for ComfyUI's SamplerCustom: diffusers' schedulers, step by step.

ComfyUI's samplers hold a video as ``x = clean + sigma noise``, diffusers as ``y = x / sqrt(1 + sigma^2)``. ComfyUI's
model returns the clean video, the published model ``v``. To convert one into the other:

    y = x / sqrt(1 + sigma^2),    v = (y - sqrt(1 + sigma^2) clean) / sigma
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from comfy.context_windows import apply_freenoise
from comfy.samplers import KSAMPLER
from torch import Tensor
from tqdm.auto import trange

from ...richspace_core import SamplingError
from ...richspace_core.cogvideox.config import CogVideoXConfig, SchedulerName
from ...richspace_core.cogvideox.guidance import DynamicGuidance, cosine_guidance, timestep_guidance
from ...richspace_core.cogvideox.sampling import require_denoising_steps
from .model import published_sampling
from .stages import Run, SchedulerState

NoiseName = Literal["ComfyUI", "diffusers"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PublishedSampler:
    """One of diffusers' schedulers as a sampler function of ComfyUI.

    Args:
        scheduler: DDIM, DPM, or auto for the model's own.
        steps: Number of denoising steps.
        dynamic_guidance: As `SamplingSettings.dynamic_guidance`.
        noise: Starting noise of a whole denoising: ComfyUI's own, or diffusers' noise of the same seed, which has
            frames before channels.
    """

    scheduler: SchedulerName
    steps: int
    dynamic_guidance: DynamicGuidance
    noise: NoiseName

    def __post_init__(self) -> None:
        require_denoising_steps(self.steps)

    def sigmas(self, model: Any) -> Tensor:
        """Return a corrected MODEL's noise levels at diffusers' timesteps, and zero at the end: ``[steps + 1]``."""
        sampling = published_sampling(model)
        levels = sampling.sigma(self._make_scheduler(sampling.config).timesteps)
        return torch.cat([levels, levels.new_zeros(1)])

    def __call__(
        self,
        model: Any,
        x: Tensor,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: Callable[[dict[str, Any]], None] | None = None,
        disable: bool = False,
    ) -> Tensor:
        """Denoise ``[b, c, f, h, w]`` as ComfyUI's sampling functions do."""
        guider, run = model.inner_model, Run.of(extra_args["model_options"])
        sampling = published_sampling(guider.model_patcher)
        stepper = _Stepper(self._make_scheduler(sampling.config), run)
        timesteps = [int(sampling.timestep(level)) for level in sigmas[:-1]]
        first = stepper.require(timesteps, int(sampling.timestep(sigmas[-1])) if sigmas[-1] > 0 else None)
        y = x / _norm(sigmas[0])
        if self.noise == "diffusers" or stepper.is_random:
            fresh = _shuffled(stepper.noise_like(x), extra_args)
            y = fresh if self.noise == "diffusers" and sigmas[0] >= sampling.sigma_max and not run.continues else y
        stepper.resume(first, x)
        with _one_cfg(guider, self.dynamic_guidance) as set_cfg:
            for i in trange(len(timesteps), disable=disable):
                sigma, norm = sigmas[i], _norm(sigmas[i])
                set_cfg(first + i, timesteps[i], self.steps)
                clean = model(y * norm, sigma * y.new_ones(len(y)), **extra_args)
                if callback is not None:
                    callback({"x": y * norm, "i": i, "sigma": sigma, "sigma_hat": sigma, "denoised": clean})
                y = stepper.step((y - norm * clean) / sigma, timesteps[i], y)
        run.scheduler = stepper.state()
        return y * _norm(sigmas[-1])

    def for_host(self) -> KSAMPLER:
        """Return the sampler as ComfyUI's SAMPLER."""
        return KSAMPLER(self)

    def _make_scheduler(self, config: CogVideoXConfig) -> Any:
        scheduler = config.make_scheduler(self.scheduler)
        scheduler.set_timesteps(self.steps)
        return scheduler


@contextmanager
def _one_cfg(guider: Any, dynamic: DynamicGuidance) -> Iterator[Callable[[int, int, int], None]]:
    """Let each step set the cfg of ComfyUI's guider, and restore the guider's own cfg at the end.

    The guider does everything else, so nodes that change the guidance (RescaleCFG, PerpNegGuider) keep working.
    diffusers leaves the negative prompt out if cfg is at most 1; a guider does so if cfg is exactly 1.

    Yields:
        Function that sets the cfg from a step's place among all steps, its timestep, and the number of steps.
    """
    if [name for name in vars(guider) if name.startswith("cfg")] != ["cfg"]:
        if dynamic != "off":
            raise SamplingError(
                "dynamic_cfg",
                expected="off, or a guider with one cfg",
                got=f"{dynamic} with a {type(guider).__name__}",
                hint="Set dynamic_cfg to off, or use CFGGuider.",
            )
        yield lambda *_: None
        return
    cfg = guider.cfg

    def set_cfg(step: int, timestep: int, steps: int) -> None:
        guider.cfg = _cfg_of_step(cfg, dynamic, step, timestep, steps)

    try:
        yield set_cfg
    finally:
        guider.cfg = cfg


def _cfg_of_step(cfg: float, dynamic: DynamicGuidance, step: int, timestep: int, steps: int) -> float:
    if cfg <= 1:
        return 1.0
    if dynamic == "cosine":
        return cosine_guidance(cfg, step, steps)
    return timestep_guidance(cfg, timestep, steps) if dynamic == "as diffusers" else cfg


class _Stepper:
    """Caller of a scheduler that works as diffusers' pipeline does, on ComfyUI's layout.

    Args:
        scheduler: Scheduler with its timesteps set.
        run: Sampling that the steps belong to.
    """

    def __init__(self, scheduler: Any, run: Run) -> None:
        self._scheduler, self._run = scheduler, run
        self._timesteps: list[int] = scheduler.timesteps.tolist()
        self._clean: Tensor | None = None  # as predicted in the last step
        self._before: int | None = None
        #: Whether the scheduler adds noise in each step.
        self.is_random = type(scheduler).__name__ != "CogVideoXDDIMScheduler"

    @cached_property
    def _generators(self) -> list[torch.Generator]:
        return self._run.generators()

    def require(self, timesteps: list[int], last: int | None) -> int:
        """Return the place of the first timestep among the scheduler's own; `last` follows them (None: the end).

        Raises:
            SamplingError: If they are not consecutive steps of the scheduler.
        """
        own, wanted = [*self._timesteps, None], [*timesteps, last]
        other = [timestep for timestep in wanted if timestep not in own]
        first = own.index(wanted[0]) if not other else 0
        if other or own[first : first + len(wanted)] != wanted:
            which = f"one of them at timestep {other[0]}" if other else "which are not consecutive"
            raise SamplingError(
                "sigmas",
                expected=f"the sigmas of this sampler's {len(self._timesteps)} steps, or a part of them",
                got=f"{len(timesteps)} steps, {which}",
                hint="Connect both outputs of the same RichSpace CogVideoX Sampler.",
            )
        return first

    def noise_like(self, x: Tensor) -> Tensor:
        """Return diffusers' starting noise in ComfyUI's layout; the noise of the steps continues from it."""
        from diffusers.utils.torch_utils import randn_tensor

        shape = x.movedim(2, 1).shape
        noise: Tensor = randn_tensor(shape, generator=self._generators, device=x.device, dtype=torch.float32)
        return noise.movedim(1, 2)

    def resume(self, first: int, x: Tensor) -> None:
        """Restore the state before a step, if the latents come from the steps before it.

        Without the state of those steps, DPM starts again with a first-order step and with the noise of that place.
        """
        if not (self._run.continues and self.is_random):
            return
        left = self._run.leftover.scheduler if self._run.leftover else None
        if left is None:
            if first:
                _logger.warning("These latents do not come directly from DPM's previous steps, so DPM starts again.")
            for _ in range(2 * first - 1):  # the first step draws once, all others twice
                self.noise_like(x)
            return
        for generator, state in zip(self._generators, left.generators, strict=True):
            generator.set_state(state)
        if left.prediction is not None and self._timesteps[:first][-1:] == [left.timestep]:
            self._clean, self._before = left.prediction.to(x), left.timestep

    def state(self) -> SchedulerState | None:
        """Return what the next step needs; None for a scheduler without state."""
        if not self.is_random:
            return None
        clean = self._clean.cpu() if self._clean is not None else None  # it may be kept for a long time
        return SchedulerState(tuple(each.get_state() for each in self._generators), clean, self._before)

    def step(self, v: Tensor, timestep: int, y: Tensor) -> Tensor:
        """Take one step from `y` at a timestep, ``[b, c, f, h, w]``."""
        v, y = v.movedim(2, 1), y.movedim(2, 1)
        if self.is_random:
            stepped, self._clean = self._scheduler.step(
                v, self._clean, timestep, self._before, y, generator=self._generators, return_dict=False
            )
            self._before = timestep
        else:
            stepped = self._scheduler.step(v, timestep, y, return_dict=False)[0]
        result: Tensor = stepped.movedim(1, 2)
        return result


def _shuffled(noise: Tensor, extra_args: Mapping[str, Any]) -> Tensor:
    """Return starting noise ``[b, c, f, h, w]`` as FreeNoise wants it, if the model has context windows with it.

    ComfyUI has shuffled its own noise only.
    """
    windows = extra_args["model_options"].get("context_handler")
    if not getattr(windows, "freenoise", False):
        return noise
    shuffled: Tensor = apply_freenoise(
        noise, windows.dim, windows.context_length, windows.context_overlap, extra_args["seed"]
    )
    return shuffled


def _norm(sigma: Tensor) -> Tensor:
    return (1 + sigma**2).sqrt()
