"""Clips of the benchmark: their names, the jobs to render them, and the results."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..embedding import TextEmbedding

Arm = Literal["optimum", "direct", "balance"]
ARMS: tuple[Arm, ...] = ("optimum", "direct", "balance")
"""The videos of the embedding that the paper's finder chose, and of the guide prompt (f and g in the paper's Table 1),
and that of the mixture in which the balance finder sees the wanted share of A."""

_RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]", re.IGNORECASE)  # device names in Windows
LATENTS, VIDEO, STRIP = "latents.safetensors", "video.mp4", "strip.jpg"


@dataclass(frozen=True)
class ClipName:
    """Name of a clip.

    Args:
        mixture: Name of its mixture.
        arm: Embedding that it is sampled from.
        seed: Seed of its noise.
    """

    mixture: str
    arm: Arm
    seed: int

    def __str__(self) -> str:
        return f"{self.mixture}, {self.arm}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        """Folder of the clip below the folder of all clips; different names have different folders."""
        plain = re.sub(r"[^A-Za-z0-9+_-]+", "_", self.mixture)[:60]
        unique = (
            ""
            if plain == self.mixture and not _RESERVED.fullmatch(plain)
            else "-" + hashlib.sha256(self.mixture.encode()).hexdigest()[:8]
        )
        return Path(f"{plain}{unique}", f"{self.arm}-seed{self.seed}")


@dataclass(frozen=True)
class ClipKeys:
    """Hashes of everything that a clip depends on.

    Args:
        render: Hash for its latents.
        score: Hash for its scores, which depend on the latents too.
    """

    render: str
    score: str


@dataclass(frozen=True, eq=False)
class ClipJob:
    """A clip to render.

    Args:
        name: Name of the clip.
        embedding: Embedding to sample from, ``[n, d]`` on the CPU; None to sample from the balance of `prompts`.
        negative: Embedding of the negative prompt, with the same shape.
        keys: Hashes of everything that it depends on.
        latents: File of its latents from an earlier run, so that it is only decoded and scored; None to sample it.
        prompts: Embeddings of the mixture's prompts, between which the share seen is measured. Without them, the clip
            has no such score.
    """

    name: ClipName
    embedding: TextEmbedding | None
    negative: TextEmbedding
    keys: ClipKeys
    latents: bytes | None = None
    prompts: tuple[TextEmbedding, ...] = ()


@dataclass(frozen=True, eq=False)
class RenderedClip:
    """Result of a job.

    Args:
        files: Contents of its files by their names: latents, video and strip.
        scores: Scores by the name of the metric.
        seconds: Render time in seconds.
        indices: Candidates that the balance finder chose, one for each prompt after the first; none in other arms.
    """

    files: Mapping[str, bytes]
    scores: Mapping[str, float]
    seconds: float
    indices: tuple[int, ...] = ()
