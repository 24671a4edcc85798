"""Drafts of a CogVideoX: what it predicts a video to become, from which a finder can tell what a candidate shows.

Nothing here depends on a finder. The drafts have the form that `find_balance` takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..embedding import TextEmbedding
from .folder import CogVideoXFolder
from .options import NO_OPTIONS, SpeedOptions
from .sampling import SamplingSettings, StepCallback, sample_latents

SCHEDULE = 8
"""Steps in the schedule of a draft. A draft of fewer steps ends after them; one of more is a video of that many."""


def sample_draft(
    folder: CogVideoXFolder,
    transformer: torch.nn.Module,
    positive: TextEmbedding,
    negative: TextEmbedding | None,
    settings: SamplingSettings,
    *,
    seed: int,
    options: SpeedOptions = NO_OPTIONS,
    on_step: StepCallback | None = None,
) -> Tensor:
    """Sample a draft: the clean video that the model predicts after some steps of a short schedule.

    With one step, a draft is the model's first prediction. All drafts start from the same noise, so what the model
    predicts then without the prompt is the same in each of them, and guidance stretches them all alike: the share that
    a finder sees does not depend on it. Without guidance, a draft costs half as much.

    Args:
        folder: Folder of the model, whose noise schedule is used.
        transformer: Denoiser of the model, on the device to run on.
        positive: Embedding of what to draw.
        negative: Embedding of what to avoid. None for a draft of one step or a guidance scale of at most 1, which do
            not use it.
        settings: Size, guidance, scheduler, and the number of steps to take.
        seed: Any integer; taken modulo 2^64.
        options: What makes the sampling faster; `transformer` is prepared for them.
        on_step: Called after each step. An exception that it raises ends the sampling.

    Returns:
        Latents in the denoiser's own scale, float32 ``[1, c, f, h, w]`` on the CPU.

    Raises:
        SamplingError: As `sample_latents`.
        EmbeddingError: If an embedding holds NaN or infinity.
    """
    watch = _Watch(settings.steps, on_step)
    guidance = 1.0 if settings.steps == 1 else settings.guidance_scale
    schedule = replace(settings, steps=max(SCHEDULE, settings.steps), guidance_scale=guidance)
    try:
        video = sample_latents(
            folder, transformer, positive, negative, schedule, seed=seed, options=options, on_step=watch
        )
        return video.cpu() * folder.scaling_factor
    except _EnoughError:
        return watch.predicted.float().cpu()


def make_drafter(
    folder: CogVideoXFolder,
    transformer: torch.nn.Module,
    candidate: Callable[[int], TextEmbedding],
    negative: TextEmbedding | None,
    settings: SamplingSettings,
    *,
    seed: int,
    options: SpeedOptions = NO_OPTIONS,
) -> Callable[[int], Tensor]:
    """Return a function that makes the draft of a candidate, with the same noise for every candidate.

    Args:
        folder: Folder of the model, whose noise schedule is used.
        transformer: Denoiser of the model, on the device to run on.
        candidate: Function that returns the embedding of a candidate by its index.
        negative: Embedding of what to avoid; see `sample_draft`.
        settings: Size, guidance and scheduler of a draft, and the number of its steps; see `sample_draft`.
        seed: Any integer; taken modulo 2^64.
        options: What makes the sampling faster; `transformer` is prepared for them.

    Returns:
        A function of a candidate's index. It returns the draft's latents, float32 ``[1, c, f, h, w]`` on the CPU, and
        raises the errors of `sample_draft`.
    """

    def draft(index: int) -> Tensor:
        return sample_draft(folder, transformer, candidate(index), negative, settings, seed=seed, options=options)

    return draft


class _EnoughError(Exception):
    """The steps of a draft are taken; ends the pipeline's own loop."""


class _Watch:
    """Callback that ends a sampling after some of its steps and keeps what it predicts there."""

    def __init__(self, steps: int, on_step: StepCallback | None) -> None:
        self.predicted = torch.empty(0)
        self._steps, self._on_step = steps, on_step

    def __call__(self, done: int, steps: int, predicted: Tensor) -> None:
        if self._on_step is not None:
            self._on_step(done, self._steps, predicted)
        if done == self._steps < steps:
            self.predicted = predicted
            raise _EnoughError
