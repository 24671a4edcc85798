"""Files that are written in one step, so that nobody ever reads half of one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_file(file: Path, content: bytes | str) -> None:
    """Write a file in one step.

    The content is written to ``.NAME.part`` in the same folder, flushed to the disk, and renamed. If the process is
    killed or the power fails, the file has its earlier content or the new one. An unfinished part that a killed process
    leaves is replaced when the same file is written again.

    Args:
        file: Path in a folder that exists; a file of that name is replaced.
        content: Bytes, or text to write as UTF-8.

    Raises:
        OSError: If it cannot be written; an existing file keeps its content.
    """
    unfinished = file.with_name(f".{file.name}.part")
    try:
        with unfinished.open("wb") as target:
            target.write(content.encode() if isinstance(content, str) else content)
            target.flush()
            os.fsync(target.fileno())
        unfinished.replace(file)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    _flush_folder(file.parent)


def _flush_folder(folder: Path) -> None:
    """Flush a renaming to the disk, where the system can do that; Windows and some network drives cannot."""
    if os.name == "posix":
        with suppress(OSError):
            opened = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(opened)
            finally:
                os.close(opened)
