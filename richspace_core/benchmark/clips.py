"""A clip of the benchmark: what is to be rendered, and what comes of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..embedding import TextEmbedding

Arm = Literal["optimum", "direct"]
ARMS: tuple[Arm, ...] = ("optimum", "direct")
"""The video from the finder's embedding, and from the guide prompt's own: f and g in the paper's Table 1."""

_RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]", re.IGNORECASE)  # names that Windows gives to devices
LATENTS, VIDEO, STRIP = "latents.safetensors", "video.mp4", "strip.jpg"


@dataclass(frozen=True)
class ClipName:
    """Which clip: of what mixture, drawn from which of its embeddings, from which noise."""

    mixture: str
    arm: Arm
    seed: int

    def __str__(self) -> str:
        return f"{self.mixture}, {self.arm}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        """Where it lies below the results; two names never share one."""
        plain = re.sub(r"[^A-Za-z0-9+_-]+", "_", self.mixture)[:60]
        unique = (
            ""
            if plain == self.mixture and not _RESERVED.fullmatch(plain)
            else "-" + hashlib.sha256(self.mixture.encode()).hexdigest()[:8]
        )
        return Path(f"{plain}{unique}", f"{self.arm}-seed{self.seed}")


@dataclass(frozen=True)
class ClipKeys:
    """What a clip depends on, as hashes: the video, and the scores that it was given."""

    render: str
    score: str


@dataclass(frozen=True, eq=False)
class ClipJob:
    """A clip to render.

    Args:
        name: Which clip.
        embedding: What to draw, ``[n, d]`` on the CPU.
        negative: What to avoid, same shape.
        keys: What it depends on.
        latents: The file that an earlier run has left, so that it need only be decoded and scored; None to sample.
    """

    name: ClipName
    embedding: TextEmbedding
    negative: TextEmbedding
    keys: ClipKeys
    latents: bytes | None = None


@dataclass(frozen=True, eq=False)
class RenderedClip:
    """What came of a job.

    Args:
        files: Contents by file name: latents, video and strip.
        scores: By metric.
        seconds: That it took to make.
    """

    files: Mapping[str, bytes]
    scores: Mapping[str, float]
    seconds: float
