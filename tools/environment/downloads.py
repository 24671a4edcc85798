"""Check of downloaded files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from environment.programs import ToolError

if TYPE_CHECKING:
    from pathlib import Path


def check_sha256(file: Path, expected: str, *, advice: str = "") -> None:
    """Raise ToolError if the sha256 of `file` is not `expected`; the message ends with `advice`."""
    if not file.is_file():
        raise ToolError(f"pip did not download {file.name} to {file.parent}. {advice}".rstrip())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != expected:
        raise ToolError(
            f"{file.name} is not the expected file: its sha256 is {digest}, expected {expected}. It was not used. "
            "Run the command again. If this persists, empty pip's cache (pip cache purge) or check your mirror. "
            f"{advice}".rstrip()
        )
