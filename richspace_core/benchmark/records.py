"""Record of a finished clip, ``clip.json``, with a hash of its own contents.

The hash reveals numbers that were edited or damaged. Records of earlier versions have no such hash: their file hashes
are checked against the files, and their scores are not used.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any

from .clips import ARMS, Arm, ClipName
from .hashes import hash_json
from .outputs import write_output

RECORD = "clip.json"
_HASH = "sha256"
_TYPES: dict[str, type | UnionType] = {
    "mixture": str,
    "arm": str,
    "seed": int,
    "render": str,
    "score": str,
    "scores": dict,
    "seconds": int | float,
    "files": dict,
}
_INDICES = "indices"  # only in records of the balance arm


class RecordError(Exception):
    """Error for a record that cannot be used; the message gives the reason."""


@dataclass(frozen=True)
class ClipRecord:
    """Contents of a finished clip's record.

    Args:
        mixture: Name of its mixture.
        arm: Embedding that it was sampled from.
        seed: Seed of its noise.
        render: Key of everything that its latents depend on.
        score: Key of everything that its scores depend on.
        scores: Scores by the name of the metric.
        seconds: Render time in seconds.
        files: SHA-256 by file name.
        indices: Candidates that the balance finder chose, one for each prompt after the first; none in other arms.
        has_hash: Whether it was just made, or was read with a correct hash of its own contents.
    """

    mixture: str
    arm: Arm
    seed: int
    render: str
    score: str
    scores: dict[str, float]
    seconds: float
    files: dict[str, str]
    indices: tuple[int, ...] = ()
    has_hash: bool = field(default=True, kw_only=True)

    @property
    def name(self) -> ClipName:
        """Name of the clip that it describes."""
        return ClipName(self.mixture, self.arm, self.seed)


def write_record(file: Path, record: ClipRecord) -> None:
    """Write a record with the hash of its contents, in one step."""
    content = asdict(record)
    del content["has_hash"]
    content[_INDICES] = list(record.indices)
    if not record.indices:
        del content[_INDICES]  # so that the records of other arms are those of earlier versions
    write_output(file, json.dumps({**content, _HASH: hash_json(content)}, indent=2))


def read_record(file: Path) -> ClipRecord:
    """Read and check a record.

    Raises:
        FileNotFoundError: If it does not exist; NotADirectoryError, if a file is in the place of its folder.
        RecordError: If it cannot be read, or differs from what was written.
    """
    content = _read_object(file)
    expected = content.pop(_HASH, None)
    if expected is not None and expected != hash_json(content):
        raise RecordError(f"{file.name} was edited or damaged: its contents do not match its checksum")
    indices = content.pop(_INDICES, [])
    if set(content) != set(_TYPES):
        raise RecordError(f"{file.name} is from another version")
    if not _is_well_formed(content) or not _are_indices(indices):
        raise RecordError(f"{file.name} was edited or damaged: a value has the wrong type")
    return ClipRecord(**content, indices=tuple(indices), has_hash=expected is not None)


def _read_object(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise RecordError(f"{file.name} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{file.name} was edited or damaged: it is not JSON") from error
    if not isinstance(content, dict):
        raise RecordError(f"{file.name} was edited or damaged: it is not a JSON object")
    return content


def _is_well_formed(content: dict[str, Any]) -> bool:
    if not all(isinstance(content[key], expected) for key, expected in _TYPES.items()) or content["arm"] not in ARMS:
        return False
    numbers = (content["seconds"], *content["scores"].values())
    return all(isinstance(file_hash, str) for file_hash in content["files"].values()) and all(
        isinstance(number, int | float) and math.isfinite(number) for number in numbers
    )


def _are_indices(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 1 for value in values)
