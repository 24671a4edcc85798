"""comfy-cli, the command of ComfyUI's registry.

It is installed in a folder of its own, because its requirements differ from the pack's.
"""

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
NO_PROXY = "http://127.0.0.1:9"  # nothing listens there


def install_comfy_cli(python: Path) -> None:
    """Install comfy-cli, unless it is installed."""
    install_beside(
        FOLDER,
        [PACKAGE],
        python=python,
        label="Installing comfy-cli, which packs the pack for the registry",
        advice="Check the connection and the disk, then run the command again.",
    )


def run_comfy(*arguments: str, folder: Path, home: Path) -> str:
    """Run `comfy` in a folder and return its output.

    It sends nothing: tracking is off, and its proxy does not exist.

    Args:
        arguments: Arguments of the command.
        folder: Folder to run it in.
        home: Folder for its settings, in place of the user's home folder.

    Raises:
        ToolError: If the command fails. The message contains its output.
    """
    if not FOLDER.is_dir():
        raise ToolError("comfy-cli is not installed. Run `python3 dev.py test`.")
    proxies = {f"{scheme}_proxy": NO_PROXY for scheme in ("http", "https", "all")}
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
