"""JSON from files that others have made: of a limited size, and with one kind of error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MOST_BYTES = 16 * 2**20
"""Size of a text that is still read. The largest one of a published model, a tokenizer's, has a tenth of it."""


def parse_json(text: str | bytes) -> Any:
    """Return what a JSON text contains.

    Raises:
        ValueError: If it is no JSON, too long, or nested too deeply.
    """
    if len(text) > MOST_BYTES:
        raise ValueError(f"a text of {len(text):,} characters, where {MOST_BYTES:,} are read")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error


def read_json(file: Path) -> Any:
    """Return what a JSON file contains.

    Raises:
        OSError: If it is not a file or cannot be read.
        ValueError: If it contains no JSON, is too long, or is nested too deeply.
    """
    if not file.is_file():  # a pipe would wait for its other end
        raise FileNotFoundError(f"{file} is not a file")
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(f"a file of {file.stat().st_size:,} bytes, where {MOST_BYTES:,} are read")
    return parse_json(file.read_bytes())
