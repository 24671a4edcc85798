"""Worker processes that draw clips with the pack's own functions, on one thread each.

Every clip is sampled separately, with its own seed. It does not depend on the other clips or on the number of workers.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from richspace_core import TextEmbedding
from richspace_core.cogvideox.config import VideoSize
from richspace_core.cogvideox.decoding import decode_latents
from richspace_core.cogvideox.folder import CogVideoXFolder
from richspace_core.cogvideox.sampling import SamplingSettings, sample_latents
from richspace_core.cogvideox.t5 import encode_prompts

from .mixing import AveragedPredictions, mix
from .pairs import AVERAGED, STEPS, world
from .searches import Draft, Found, Search, SearchJob, SearchPairs, run_searches

SETTINGS = SamplingSettings(VideoSize(0, 0, 0), steps=20, guidance_scale=4.0)
_ROUNDS = 5  # of each timing


@dataclass(frozen=True, eq=False)
class DrawJob:
    """One clip to draw.

    Args:
        key: Identifies the clip for the caller.
        embedding: float32 ``[n, d]``.
        token_count: Number of rows that belong to the prompt.
        seed: Seed of the noise.
        other: Embedding of prompt B, to average its predictions with those for `embedding`.
        weight: The share of the predictions for `embedding`.
    """

    key: Hashable
    embedding: NDArray[np.float32]
    token_count: int
    seed: int
    other: NDArray[np.float32] | None = None
    weight: float = 1.0


#: Draws clips, in order.
DrawClips: TypeAlias = Callable[[Sequence[DrawJob]], Iterable[tuple[DrawJob, world.Clip]]]
#: Encodes and decodes clips with the autoencoder, in order.
ReconstructClips: TypeAlias = Callable[[Sequence[world.Clip]], Iterable[world.Clip]]


class _PredictedError(Exception):
    """Ends a sampling that has predicted what was wanted."""

    def __init__(self, clean: torch.Tensor) -> None:
        super().__init__("The prediction was made.")
        self.clean = clean


class LoadedModel:
    """A CogVideoX folder, loaded in float32 on the CPU.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # for loading; the clips have their own
        self.folder = CogVideoXFolder.open(path)
        self.tokenizer = self.folder.load_tokenizer()
        self.text_encoder = self.folder.load("text_encoder", torch.float32)
        self.transformer = self.folder.load("transformer", torch.float32)
        self.vae = self.folder.load("vae", torch.float32)
        self.empty = self.encode("")

    def encode(self, prompt: str) -> TextEmbedding:
        """Encode one prompt. In a batch, the last bits of its embedding would depend on the other prompts."""
        (encoded,) = encode_prompts([prompt], self.tokenizer, self.text_encoder, max_length=self.folder.text_length)
        return encoded.embedding

    def sample(
        self,
        embedding: TextEmbedding,
        seed: int,
        *,
        steps: int = SETTINGS.steps,
        other: TextEmbedding | None = None,
        weight: float = 1.0,
    ) -> torch.Tensor:
        """Sample the latents of one clip.

        Args:
            embedding: What to draw.
            seed: Seed of the noise.
            steps: Number of denoising steps.
            other: Another embedding to predict for in every step, or None.
            weight: The share of the predictions for `embedding`, if there is another.
        """
        denoiser = self.transformer if other is None else AveragedPredictions(self.transformer, other, weight)
        settings = replace(SETTINGS, steps=steps)
        return sample_latents(self.folder, denoiser, embedding, self.empty, settings, seed=seed)

    def draw(self, job: DrawJob) -> world.Clip:
        """Sample and decode one clip, ``[t, h, w, 3]``."""
        embedding = _embed(job.embedding, job.token_count)
        other = None if job.other is None else _embed(job.other, job.token_count)
        return decode_latents(self.vae, self.sample(embedding, job.seed, other=other, weight=job.weight)).numpy()

    def search(self, job: SearchJob) -> dict[Search, Found]:
        """Run all searches of a pair."""
        a, b = _embed(job.a, job.token_count), _embed(job.b, job.token_count)

        def make_draft(way: str, index: int, draft: Draft) -> torch.Tensor:
            if way == AVERAGED and 0 < index < STEPS:
                return self.sample(a, job.seed, steps=draft.schedule, other=b, weight=index / STEPS)
            embedding = mix(way, a, b, index)
            if draft.steps < draft.schedule:
                return self.predict(embedding, job.seed, draft)
            return self.sample(embedding, job.seed, steps=draft.schedule)

        return run_searches(make_draft)

    def predict(self, embedding: TextEmbedding, seed: int, draft: Draft) -> torch.Tensor:
        """Return the clean latents that the denoiser predicts in the draft's last step, in the denoiser's own scale."""

        def on_step(done: int, _of: int, clean: torch.Tensor) -> None:
            if done == draft.steps:
                raise _PredictedError(clean)

        settings = replace(SETTINGS, steps=draft.schedule)
        try:
            sample_latents(self.folder, self.transformer, embedding, self.empty, settings, seed=seed, on_step=on_step)
        except _PredictedError as stop:
            return stop.clean
        raise ValueError(f"A schedule of {draft.schedule} steps has no step {draft.steps}.")

    def reconstruct(self, clip: world.Clip) -> world.Clip:
        """Encode and decode a clip. The result is the best that this model can show of it."""
        video = torch.from_numpy(clip).permute(3, 0, 1, 2)[None] * 2 - 1  # [1, 3, t, h, w]
        with torch.inference_mode():
            return decode_latents(self.vae, self.vae.encode(video).latent_dist.mean).numpy()


@cache
def load_model(path: Path) -> LoadedModel:
    """Load a folder once in each process, and use one thread: a model this small is slower on several."""
    torch.set_num_threads(1)
    return LoadedModel(path)


def _embed(rows: NDArray[np.float32], token_count: int) -> TextEmbedding:
    return TextEmbedding(torch.from_numpy(rows), token_count)


def draw_clip(path: Path, job: DrawJob) -> world.Clip:
    """Draw one clip in this process."""
    return load_model(path).draw(job)


def search_pair(path: Path, job: SearchJob) -> dict[Search, Found]:
    """Run all searches of one pair in this process."""
    return load_model(path).search(job)


def reconstruct_clip(path: Path, clip: world.Clip) -> world.Clip:
    """Encode and decode one clip in this process."""
    return load_model(path).reconstruct(clip)


@contextmanager
def start_workers(path: Path, count: int) -> Iterator[tuple[DrawClips, ReconstructClips, SearchPairs]]:
    """Start processes that draw and reconstruct clips, and search, until the context ends."""
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:

        def draw(jobs: Sequence[DrawJob]) -> Iterator[tuple[DrawJob, world.Clip]]:
            return zip(jobs, pool.map(partial(draw_clip, path), jobs, chunksize=2), strict=True)

        def reconstruct(clips: Sequence[world.Clip]) -> Iterator[world.Clip]:
            return pool.map(partial(reconstruct_clip, path), clips, chunksize=2)

        def search(jobs: Sequence[SearchJob]) -> Iterator[dict[Search, Found]]:
            return pool.map(partial(search_pair, path), jobs)

        try:
            yield draw, reconstruct, search
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def measure_cost(path: Path) -> dict[str, float | None]:
    """Measure the time and memory of a clip in a new process on one core. Times are the shortest of several calls."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measure_cost_here, path).result()


def _measure_cost_here(path: Path) -> dict[str, float | None]:
    torch.set_num_threads(1)
    models: list[LoadedModel] = []
    load_time = _measure_seconds(lambda: models.append(LoadedModel(path)))  # includes the imports of diffusers
    model = models[0]
    prompt = model.encode("a large plain red circle moves right")
    latents = model.sample(prompt, 0)  # not timed: the first call imports more modules
    return {
        "load": load_time,
        "load again": _measure_seconds(lambda: LoadedModel(path)),
        "sample": min(_measure_seconds(lambda: model.sample(prompt, 0)) for _ in range(_ROUNDS)),
        "decode": min(_measure_seconds(lambda: decode_latents(model.vae, latents)) for _ in range(_ROUNDS)),
        "peak memory": read_peak_memory(),
    }


def _measure_seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def read_peak_memory() -> float | None:
    """Return this process's peak memory in bytes, or None on Windows."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
