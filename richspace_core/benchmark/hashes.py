"""SHA-256 of everything that the benchmark compares: file contents, weights, embeddings, and values as JSON."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_START_BYTES = 1 << 20  # bytes at the start of a weight file that represent all of it


def hash_bytes(content: bytes) -> str:
    """Return the SHA-256 of a file's contents, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def hash_json(value: Any) -> str:
    """Return the SHA-256 of a value that JSON can represent; the order of keys does not matter."""
    return hash_bytes(json.dumps(value, sort_keys=True).encode())


def hash_tensor(values: Tensor) -> str:
    """Return the SHA-256 of a tensor's bytes."""
    return hash_bytes(values.contiguous().view(torch.uint8).numpy().tobytes())


def hash_weights(path: Path) -> str:
    """Return the SHA-256 of a folder or file of weights: of the names, sizes and first megabytes of its files."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    parts: list[Any] = []
    for file in files:
        if file.is_file():
            with file.open("rb") as source:
                start = hash_bytes(source.read(_START_BYTES))
            parts.append([file.relative_to(path).as_posix(), file.stat().st_size, start])
    return hash_json(parts)
