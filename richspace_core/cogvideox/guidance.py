"""Schedules of classifier-free guidance over the denoising steps.

References:
    CogVideoX's dynamic guidance, in which the scale follows the step, and `use_dynamic_cfg` of
    `diffusers.CogVideoXPipeline`, which puts the timestep into the same formula.
"""

from __future__ import annotations

import math
from typing import Literal

DynamicGuidance = Literal["off", "cosine", "as diffusers"]

#: How late in the schedule the guidance rises: CogVideoX's own exponent.
_EXPONENT = 5.0


def cosine_guidance(scale: float, step: int, steps: int) -> float:
    """Return the guidance scale at a step: ``1 + scale (1 - cos(pi (step / steps)^5)) / 2``.

    Args:
        scale: Amount by which the scale rises above 1.
        step: Step, counted from 0.
        steps: Number of denoising steps.

    Example:
        >>> [round(cosine_guidance(6.0, step, 4), 3) for step in range(5)]
        [1.0, 1.0, 1.014, 1.796, 7.0]
    """
    return 1 + scale * (1 - math.cos(math.pi * (step / steps) ** _EXPONENT)) / 2


def timestep_guidance(scale: float, timestep: int, steps: int) -> float:
    """Return the guidance scale of diffusers' `use_dynamic_cfg` at a timestep, 999 to 0.

    The formula is that of `cosine_guidance`, with ``steps - timestep`` where the step belongs. Most timesteps are
    larger than the number of steps, so the scale jumps up and down instead of rising.

    Args:
        scale: Amount by which the scale rises above 1.
        timestep: Timestep of the noise schedule.
        steps: Number of denoising steps.
    """
    return cosine_guidance(scale, steps - timestep, steps)
