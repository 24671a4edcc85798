"""SHA-256 of what the benchmark compares: file contents, and values as JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def hash_bytes(content: bytes) -> str:
    """Return the SHA-256 of a file's contents, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def hash_json(value: Any) -> str:
    """Return the SHA-256 of a value that JSON can hold; the order of keys does not matter."""
    return hash_bytes(json.dumps(value, sort_keys=True).encode())
