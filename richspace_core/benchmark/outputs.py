"""Output files of the benchmark: checked before the work starts, and each replaced in one step."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import RichSpaceError
from ..files import write_file

_PROBE_BYTES = 1 << 16
_MOVE = "Move it away, or choose another --out."
_FREE = "Check the free disk space and the permissions, or choose another --out. Finished clips are kept."


def require_writable(folder: Path, names: Iterable[str] = ()) -> None:
    """Create a folder, and check that files with these names can be written to it.

    Args:
        folder: Created with its parents if it does not exist.
        names: Files that will be written to it later; existing ones are left unchanged.

    Raises:
        RichSpaceError: If the folder cannot be created, nothing can be written to it, or one of the files is a folder.
    """
    create_folder(folder)
    require_files(folder / name for name in names)
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(_PROBE_BYTES))
            probe.flush()
    except OSError as error:
        raise _output_error("a folder that can be written to", folder, error) from error


def create_folder(folder: Path) -> None:
    """Create a folder with its parents if it does not exist.

    Raises:
        RichSpaceError: If it is a file, or cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _output_error("a folder", folder, error) from error


def require_files(files: Iterable[Path]) -> None:
    """Check that none of these files is a folder.

    Raises:
        RichSpaceError: If one of them is a folder.
    """
    for file in files:
        if file.is_dir():
            raise RichSpaceError("out", expected=f"a file, {file}", got="a folder in its place", hint=_MOVE)


def write_output(file: Path, content: bytes | str) -> None:
    """Write a file in one step: if that fails, an existing file keeps its contents.

    Args:
        file: Path in a folder that exists.
        content: Bytes, or text to write as UTF-8.

    Raises:
        RichSpaceError: If it cannot be written.
    """
    try:
        write_file(file, content)
    except OSError as error:
        raise _output_error("a file that can be written", file, error) from error


def write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows as CSV in one step: None as an empty cell, floats with all their digits.

    Raises:
        RichSpaceError: If it cannot be written.
    """
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    writer.writerow(header)
    writer.writerows(rows)
    write_output(file, target.getvalue())


def remove_output(file: Path) -> None:
    """Delete a file if it exists.

    Raises:
        RichSpaceError: If it cannot be deleted.
    """
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise _output_error("a file that can be deleted", file, error) from error


def _output_error(expected: str, path: Path, error: OSError) -> RichSpaceError:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return RichSpaceError("out", expected=f"{expected}, {path}", got="a file in its place", hint=_MOVE)
    return RichSpaceError("out", expected=f"{expected}, {path}", got=error.strerror or str(error), hint=_FREE)
