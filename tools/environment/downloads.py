"""Files from a package index: the right file or none. Python's standard library only: dev.py needs it first."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from environment.programs import ToolError

if TYPE_CHECKING:
    from pathlib import Path


def check_sha256(file: Path, expected: str, *, advice: str = "") -> None:
    """Raise ToolError if `file` is not the one that `expected` was computed from."""
    if not file.is_file():
        raise ToolError(f"pip did not leave {file.name} in {file.parent}. {advice}".rstrip())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != expected:
        raise ToolError(
            f"{file.name} is not the file it should be: its sha256 is {digest}, expected {expected}. Nothing of it was "
            "used. Run the command again; if it stays so, empty pip's cache (pip cache purge) or look at your mirror."
        )
