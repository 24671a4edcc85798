"""A clip of the benchmark: what is to be rendered, what comes of it, and the folder that remembers it.

A clip counts as done when its files are what its record says they are. The record is written last, and in one step:
whatever was cut off in the middle, or damaged afterwards, is rendered again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ..embedding import TextEmbedding

Arm = Literal["optimum", "direct"]
ARMS: tuple[Arm, ...] = ("optimum", "direct")
"""The video from the finder's embedding, and from the guide prompt's own: f and g in the paper's Table 1."""

LATENTS, VIDEO, STRIP = "latents.safetensors", "video.mp4", "strip.jpg"
_RECORD = "clip.json"


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
        unique = "" if plain == self.mixture else "-" + hashlib.sha256(self.mixture.encode()).hexdigest()[:8]
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


@dataclass(frozen=True)
class ClipRecord:
    """What the folder remembers of a finished clip.

    Args:
        mixture: Its name, with `arm` and `seed`.
        arm: What it was drawn from.
        seed: Of its noise.
        render: Key of what its video depends on.
        score: Key of what its scores depend on.
        scores: By metric.
        seconds: That it took to make.
        files: SHA-256 by file name.
    """

    mixture: str
    arm: Arm
    seed: int
    render: str
    score: str
    scores: dict[str, float]
    seconds: float
    files: dict[str, str]


class ClipStore:
    """The folder of finished clips.

    Args:
        root: Made if it is not there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def record(self, name: ClipName, keys: ClipKeys) -> ClipRecord | None:
        """What is known of a clip that is finished, undamaged, and made from the same things; else None."""
        record = self._read(name)
        if record is None or (record.render, record.score) != (keys.render, keys.score):
            return None
        return record if all(self._is_intact(name, record, file) for file in record.files) else None

    def latents(self, name: ClipName, keys: ClipKeys) -> bytes | None:
        """The latents of a clip whose video depends on the same things; None if it must be sampled."""
        record = self._read(name)
        if record is None or record.render != keys.render or not self._is_intact(name, record, LATENTS):
            return None
        return self.path(name, LATENTS).read_bytes()

    def save(self, job: ClipJob, clip: RenderedClip) -> ClipRecord:
        """Write a clip's files, and then its record."""
        folder = self.root / job.name.folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _RECORD).unlink(missing_ok=True)
        for file, content in clip.files.items():
            (folder / file).write_bytes(content)
        record = ClipRecord(
            **asdict(job.name),
            **asdict(job.keys),
            scores=dict(clip.scores),
            seconds=clip.seconds,
            files={file: hashlib.sha256(content).hexdigest() for file, content in clip.files.items()},
        )
        unfinished = folder / f"{_RECORD}.part"
        unfinished.write_text(json.dumps(asdict(record), indent=2), encoding="utf-8")
        unfinished.replace(folder / _RECORD)
        return record

    def path(self, name: ClipName, file: str) -> Path:
        """Where one of a clip's files lies."""
        return self.root / name.folder / file

    def _read(self, name: ClipName) -> ClipRecord | None:
        try:
            content: dict[str, Any] = json.loads(self.path(name, _RECORD).read_text(encoding="utf-8"))
            return ClipRecord(**content)
        except (OSError, ValueError, TypeError):  # not there, no JSON, or of another version: the clip is made anew
            return None

    def _is_intact(self, name: ClipName, record: ClipRecord, file: str) -> bool:
        try:
            content = self.path(name, file).read_bytes()
        except OSError:
            return False
        return hashlib.sha256(content).hexdigest() == record.files.get(file)
