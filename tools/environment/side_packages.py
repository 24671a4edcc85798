"""Packages in a folder of their own, for PYTHONPATH, so that the virtual environment does not change."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from environment.checkout import LOGS
from environment.programs import run_logged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def install_beside(
    folder: Path, packages: Sequence[str], *, python: Path, label: str, advice: str, flags: Sequence[str] = ()
) -> None:
    """Install packages into `folder`, unless it contains exactly these.

    Args:
        folder: Folder to install into, which is deleted first.
        packages: Requirements, as pip takes them.
        python: The Python whose pip installs them.
        label: Name of the step for its progress line.
        advice: What to do if it fails.
        flags: Further options of pip.
    """
    note = folder / "packages.txt"
    if note.is_file() and note.read_text(encoding="utf-8").split() == [*packages]:
        return
    shutil.rmtree(folder, ignore_errors=True)
    run_logged(
        label,
        [python, "-m", "pip", "install", *flags, "--target", folder, *packages],
        log=LOGS / f"install-{folder.name}.log",
        advice=advice,
    )
    note.write_text("\n".join(packages), encoding="utf-8")
