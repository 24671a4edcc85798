"""Drafts of a CogVideoX: videos of few denoising steps, from which a finder can tell what a candidate shows.

Nothing here depends on a finder. The drafts have the form that `find_balance` takes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..embedding import TextEmbedding
from .folder import CogVideoXFolder
from .sampling import SamplingSettings, sample_latents


def make_drafter(
    folder: CogVideoXFolder,
    transformer: torch.nn.Module,
    candidate: Callable[[int], TextEmbedding],
    negative: TextEmbedding,
    settings: SamplingSettings,
    *,
    seed: int,
) -> Callable[[int], Tensor]:
    """Return a function that makes the draft of a candidate, with the same noise for every candidate.

    Args:
        folder: Folder of the model, whose noise schedule is used.
        transformer: Denoiser of the model, on the device to run on.
        candidate: Function that returns the embedding of a candidate by its index.
        negative: Embedding of what to avoid.
        settings: Size, steps, guidance and scheduler of a draft. With one step, a draft is the model's first
            prediction of the clean video.
        seed: Any integer; taken modulo 2^64.

    Returns:
        A function of a candidate's index. It returns the draft's latents, float32 ``[1, c, f, h, w]`` on the CPU, and
        raises the errors of `sample_latents`.
    """

    def draft(index: int) -> Tensor:
        return sample_latents(folder, transformer, candidate(index), negative, settings, seed=seed).cpu()

    return draft
