"""The registry's own command, `comfy`, in a folder of its own: what it requires is not what this pack requires."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from environment.checkout import DEV
from environment.programs import ToolError
from environment.side_packages import install_beside

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "comfy-cli==1.23.0"
FOLDER = DEV / "comfy-cli"
NOWHERE = "http://127.0.0.1:9"


def install_comfy_cli(python: Path) -> None:
    """Install it, unless it is there."""
    install_beside(
        FOLDER,
        [PACKAGE],
        python=python,
        label="Installing comfy-cli, which checks and packs the pack for the registry",
        advice="Check the connection and the disk, then run the command again.",
    )


def run_comfy(*arguments: str, folder: Path, home: Path) -> str:
    """Run `comfy` in a folder; returns what it prints, or raises ToolError with that.

    It tells nobody: its tracking is off, and nothing that it might send gets farther than a proxy that is not there.
    Its settings go to `home`, not to the user's.
    """
    if not FOLDER.is_dir():
        raise ToolError("There is no comfy-cli yet: run `python3 dev.py test`.")
    proxies = {f"{scheme}_proxy": NOWHERE for scheme in ("http", "https", "all")}
    quiet = {"DO_NOT_TRACK": "1", **proxies, **{name.upper(): address for name, address in proxies.items()}}
    places = {"PYTHONPATH": str(FOLDER), "HOME": str(home), "USERPROFILE": str(home)}
    run = subprocess.run(
        [sys.executable, "-m", "comfy_cli", "--skip-prompt", *arguments],
        cwd=folder,
        env={**os.environ, **quiet, **places, "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if run.returncode:
        raise ToolError(f"comfy {' '.join(arguments)} failed:\n{run.stdout}{run.stderr}")
    return run.stdout + run.stderr
