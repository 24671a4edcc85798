"""Drawing the clips of the finder's evaluation with the pack's own functions, in processes of one thread each.

Every clip is sampled alone, from a generator with its own seed: it does not depend on the other clips, nor on how many
processes share the work.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from richspace_core import TextEmbedding
from richspace_core.encoding import encode_prompts
from richspace_core.model_config import VideoSize
from richspace_core.model_folder import CogVideoXFolder
from richspace_core.sampling import SamplingSettings, decode_latents, sample_latents

SETTINGS = SamplingSettings(VideoSize(0, 0, 0), steps=20, guidance_scale=4.0)
_ROUNDS = 5  # of a measurement of time

Clip: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Job:
    """One clip to draw.

    Args:
        key: What it is, for whoever asked.
        embedding: float32 ``[n, d]``.
        token_count: How many rows are the prompt's own.
        seed: Of its noise.
    """

    key: Hashable
    embedding: NDArray[np.float32]
    token_count: int
    seed: int


#: Draws clips, in order.
Draw: TypeAlias = Callable[[Sequence[Job]], Iterable[tuple[Job, Clip]]]
#: Passes clips through the autoencoder, in order.
Rebuild: TypeAlias = Callable[[Sequence[Clip]], Iterable[Clip]]


class Model:
    """A CogVideoX folder, loaded in float32 on the CPU.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # for weights: there is one for the clips
        self.folder = CogVideoXFolder.open(path)
        self.tokenizer = self.folder.load_tokenizer()
        self.text_encoder = self.folder.load("text_encoder", torch.float32)
        self.transformer = self.folder.load("transformer", torch.float32)
        self.vae = self.folder.load("vae", torch.float32)
        self.empty = self.encode("")

    def encode(self, prompt: str) -> TextEmbedding:
        """Encode one prompt, alone, so that its embedding does not depend on others to the last bit."""
        (encoded,) = encode_prompts([prompt], self.tokenizer, self.text_encoder, max_length=self.folder.text_length)
        return encoded.embedding

    def sample(self, embedding: TextEmbedding, seed: int) -> torch.Tensor:
        """Latents of one clip."""
        return sample_latents(self.folder, self.transformer, embedding, self.empty, SETTINGS, seed=seed)

    def clip(self, embedding: TextEmbedding, seed: int) -> Clip:
        """Frames of one clip, ``[t, h, w, 3]``."""
        return decode_latents(self.vae, self.sample(embedding, seed)).numpy()

    def rebuild(self, clip: Clip) -> Clip:
        """A clip after the autoencoder: the best that this model can show of it."""
        video = torch.from_numpy(clip).permute(3, 0, 1, 2)[None] * 2 - 1  # [1, 3, t, h, w]
        with torch.inference_mode():
            return decode_latents(self.vae, self.vae.encode(video).latent_dist.mean).numpy()


@cache
def load(path: Path) -> Model:
    """Load a folder once in each process, on one thread: models this small are slower on several."""
    torch.set_num_threads(1)
    return Model(path)


def draw_one(path: Path, job: Job) -> Clip:
    """Draw one clip in this process."""
    return load(path).clip(TextEmbedding(torch.from_numpy(job.embedding), job.token_count), job.seed)


def rebuild_one(path: Path, clip: Clip) -> Clip:
    """Pass one clip through the autoencoder in this process."""
    return load(path).rebuild(clip)


@contextmanager
def processes(path: Path, workers: int) -> Iterator[tuple[Draw, Rebuild]]:
    """Processes that draw and rebuild clips for as long as the context lasts."""
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:

        def draw(jobs: Sequence[Job]) -> Iterator[tuple[Job, Clip]]:
            return zip(jobs, pool.map(partial(draw_one, path), jobs, chunksize=2), strict=True)

        def rebuild(clips: Sequence[Clip]) -> Iterator[Clip]:
            return pool.map(partial(rebuild_one, path), clips, chunksize=2)

        try:
            yield draw, rebuild
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def measure_cost(path: Path) -> dict[str, float | None]:
    """Time and memory of a clip in a fresh process on one core; the least disturbed of several calls."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_cost_here, path).result()


def _cost_here(path: Path) -> dict[str, float | None]:
    torch.set_num_threads(1)
    models: list[Model] = []
    loading = _seconds(lambda: models.append(Model(path)))  # diffusers and transformers are imported meanwhile
    model = models[0]
    prompt = model.encode("a large plain red circle moves right")
    latents = model.sample(prompt, 0)  # and some more of them here
    return {
        "load": loading,
        "load again": _seconds(lambda: Model(path)),
        "sample": min(_seconds(lambda: model.sample(prompt, 0)) for _ in range(_ROUNDS)),
        "decode": min(_seconds(lambda: decode_latents(model.vae, latents)) for _ in range(_ROUNDS)),
        "peak memory": peak_memory(),
    }


def _seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def peak_memory() -> float | None:
    """Most bytes that this process has held; None where the system does not say."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
