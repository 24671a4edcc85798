"""Rendering and scoring of clips: the work of each worker of the benchmark, on this machine or on another one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..cogvideox.decoding import decode_latents
from ..cogvideox.drafts import make_drafter
from ..cogvideox.folder import CogVideoXFolder, Part
from ..cogvideox.sampling import SamplingSettings, sample_latents
from ..drawing.contact_sheet import draw_contact_sheet
from ..embedding import TextEmbedding
from ..errors import RichSpaceError
from ..paper.reported import STEPS
from .balancing import LOOKS, MixtureBalance, balance_mixture
from .clips import LATENTS, STRIP, VIDEO, ClipJob, ClipKeys, RenderedClip
from .devices import choose_dtype, find_device
from .hashes import hash_json, hash_tensor, hash_weights
from .media import decode_latents_file, encode_latents, encode_picture, encode_video
from .scoring import load_metrics

_STRIP_FRAMES, _STRIP_WIDTH = 6, 240
_ALWAYS_IN_SCORE_KEY = ("dino", "clip", "aesthetic-head")  # given or not, so that earlier results stay valid


@dataclass(frozen=True)
class RenderSettings:
    """Everything that a clip depends on, except its prompts and its seed.

    Args:
        model: Folder of the CogVideoX, at the same path on every machine.
        sampling: Size, steps, guidance and scheduler.
        scoring: Path of each network's weights by its key in the metrics' registry, the same on every machine. A metric
            whose weights are not given is left out.
        device: Device to run on, such as "cuda"; "auto" is an accelerator if there is one.
        dtype: Number type of the model's weights; "auto" is the one they were saved in, and float32 on the CPU.
        tiled: Whether to decode in tiles, which takes a quarter of the memory.
        draft_steps: Denoising steps of a draft, from which the balance and the share seen are read. The rest of its
            sampling is that of the clip.
        candidates: Number of candidates of the balance finder.
    """

    model: Path
    sampling: SamplingSettings
    scoring: Mapping[str, Path] = field(default_factory=dict)
    device: str = "auto"
    dtype: str = "auto"
    tiled: bool = False
    draft_steps: int = 1
    candidates: int = STEPS

    @property
    def draft_sampling(self) -> SamplingSettings:
        """Size, steps, guidance and scheduler of a draft."""
        return replace(self.sampling, steps=self.draft_steps)

    def keys(
        self,
        embedding: TextEmbedding | None,
        negative: TextEmbedding,
        seed: int,
        prompts: Sequence[TextEmbedding] = (),
    ) -> ClipKeys:
        """Compute the keys of a clip from these embeddings: hashes of everything it depends on.

        A large weight file is represented by its size and its first megabyte. Without an embedding, the clip depends on
        the search for the balance of `prompts`; with them, its scores do.
        """
        search = [self.draft_steps, self.candidates, LOOKS, *(hash_tensor(prompt.values) for prompt in prompts)]
        source = search if embedding is None else hash_tensor(embedding.values)
        made = [self._model_hashes, asdict(self.sampling), self.dtype, source, hash_tensor(negative.values), seed]
        scored = [made, self.tiled, self._scoring_hashes, *([search] if prompts else [])]
        return ClipKeys(render=hash_json(made), score=hash_json(scored))

    @cached_property
    def _model_hashes(self) -> list[str]:
        return [hash_weights(self.model / part) for part in ("scheduler", "transformer", "vae")]

    @cached_property
    def _scoring_hashes(self) -> list[Any]:
        hashes = {key: hash_weights(path) for key, path in self.scoring.items()}
        first = [hashes.pop(key, None) for key in _ALWAYS_IN_SCORE_KEY]
        return [*first, *sorted(hashes.items())]


class ClipRenderer:
    """A CogVideoX and the metrics, loaded once.

    On the CPU it computes on one thread, so that a clip has the same bits whichever worker renders it.

    Args:
        settings: What to load, and how to render.
    """

    def __init__(self, settings: RenderSettings) -> None:
        self.settings = settings
        self.device = find_device(settings.device)
        if self.device.type == "cpu":
            torch.set_num_threads(1)
        self.folder = CogVideoXFolder.open(settings.model)
        self.transformer, self.vae = self._load("transformer"), self._load("vae")
        self.metrics = load_metrics(settings.scoring, self.device)
        self._last_balance: tuple[tuple[str, int], MixtureBalance] | None = None

    def render(self, job: ClipJob) -> RenderedClip:
        """Sample a clip, unless the job has its latents; decode it and score it."""
        start = time.perf_counter()
        balance = self._find_balance(job) if job.prompts else None
        latents = self._sample(job, balance) if job.latents is None else decode_latents_file(job.latents, str(job.name))
        frames = decode_latents(self.vae, latents, tiled=self.settings.tiled)  # [t, h, w, 3]
        scores = {name: score(frames) for name, score in self.metrics.items()}
        if balance is not None:
            scores |= balance.score(self._draft(job, balance))
        strip = draw_contact_sheet([frames], [str(job.name)], columns=_STRIP_FRAMES, frame_width=_STRIP_WIDTH)
        files = {
            LATENTS: job.latents or encode_latents(latents),
            VIDEO: encode_video(frames),
            STRIP: encode_picture(strip, "jpeg"),
        }
        indices = balance.indices if balance is not None and job.embedding is None else ()
        return RenderedClip(files, scores, time.perf_counter() - start, indices)

    def _sample(self, job: ClipJob, balance: MixtureBalance | None) -> Tensor:
        embedding = balance.embedding if job.embedding is None and balance is not None else job.embedding
        if embedding is None:
            raise RichSpaceError(
                str(job.name), expected="an embedding, or prompts to find the balance of", got="neither"
            )
        settings, seed = self.settings.sampling, job.name.seed
        return sample_latents(self.folder, self.transformer, embedding, job.negative, settings, seed=seed)

    def _find_balance(self, job: ClipJob) -> MixtureBalance:
        """Find the balance of a job's prompts, or return the last one: a mixture's arms usually follow one another."""
        found_for = job.name.mixture, job.name.seed
        if self._last_balance is None or self._last_balance[0] != found_for:
            make = partial(self._make_drafter, job)
            try:
                found = balance_mixture(job.prompts, make, steps=self.settings.candidates)
            except RichSpaceError as error:
                raise error.within(f"{job.name.mixture}, seed {job.name.seed}") from error
            self._last_balance = found_for, found
        return self._last_balance[1]

    def _draft(self, job: ClipJob, balance: MixtureBalance) -> Tensor:
        """Return the draft of the embedding that a clip is sampled from."""
        if job.embedding is None:
            return balance.draft
        return self._make_drafter(job, [job.embedding].__getitem__)(0)

    def _make_drafter(self, job: ClipJob, candidate: Callable[[int], TextEmbedding]) -> Callable[[int], Tensor]:
        settings, seed = self.settings.draft_sampling, job.name.seed
        return make_drafter(self.folder, self.transformer, candidate, job.negative, settings, seed=seed)

    def _load(self, part: Part) -> torch.nn.Module:
        dtype = choose_dtype(self.settings.dtype, self.device) or self.folder.stored_dtype(part)
        return self.folder.load(part, dtype).to(self.device)
