"""The virtual environment with torch, ComfyUI's requirements and this pack."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from typing import TYPE_CHECKING

from environment.checkout import HOST, LOGS, ROOT, VENV, find_host
from environment.comfyui_source import fetch_host
from environment.programs import ToolError, call, run_logged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STAMP = VENV / "richspace-stamp.json"
NEEDED_GB = 10

# ComfyUI does not say which torch it wants. These versions are known to run together with it. All three packages are
# needed; torchaudio does not pin torch, so pip chooses its version. This pack itself never requires torch.
TORCH = ("torch==2.14.1", "torchvision==0.29.1", "torchaudio")


def set_up(extra: str = "") -> Path:
    """Make the virtual environment and fetch ComfyUI, unless they are there.

    Args:
        extra: An extra of this pack that is needed too, such as "test".

    Returns:
        ComfyUI's folder.
    """
    host, python = find_host(), venv_program("python")
    new = not (python.exists() and read_stamp(STAMP))
    try:
        if new:
            make_venv()
        host = host or fetch_host(python, HOST)
        install(host, extra)
    except BaseException:
        if new:  # without a finished installation it contains nothing worth keeping
            shutil.rmtree(VENV, ignore_errors=True)
        raise
    return host


def call_tool(name: str, *arguments: str | Path, cwd: Path = ROOT, environment: Mapping[str, str] | None = None) -> int:
    """Run a program of the virtual environment, in the checkout's folder by default; return its exit status."""
    return call([venv_program(name), *arguments], cwd=cwd, environment=environment)


def venv_program(name: str) -> Path:
    """Return the path of a program in the virtual environment, such as python or ruff."""
    return VENV / "Scripts" / f"{name}.exe" if os.name == "nt" else VENV / "bin" / name


def make_venv() -> None:
    """Make an empty virtual environment, in place of an unfinished one."""
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < NEEDED_GB:
        raise ToolError(
            f"The set-up needs about {NEEDED_GB} GB and {ROOT} has {free:.0f} GB free. Free some space and run the "
            "command again."
        )
    if VENV.exists():
        print(f"Removing {VENV}, because its installation was not finished.")
        shutil.rmtree(VENV)
    run_logged(
        f"Making a virtual environment in {VENV.relative_to(ROOT)}",
        [sys.executable, "-m", "venv", VENV],
        log=LOGS / "make-venv.log",
        advice="Python's venv module may be missing. On Debian and Ubuntu: apt-get install python3-venv",
    )


def install(host: Path, extra: str) -> None:
    """Install torch, ComfyUI's requirements and this pack, unless exactly these are installed."""
    installed, wanted = read_stamp(STAMP), fingerprint(host, extra)
    if installed.get(extra) == wanted:
        return
    STAMP.unlink(missing_ok=True)  # if this run is cut off, the next one starts from nothing
    try:
        run_logged(
            "Installing torch, ComfyUI's requirements and this pack (some GB, minutes the first time)",
            [venv_program("python"), "-m", "pip", "install", *requirements(host, extra)],
            log=LOGS / "install.log",
            advice="Check the connection and the disk, then run the command again. pip keeps what it has downloaded.",
        )
    except ToolError:
        if installed:  # pip fails before it changes anything: the earlier installation still works
            write_stamp(STAMP, installed)
        raise
    # An installation with an extra also serves those who need none.
    write_stamp(STAMP, {name: fingerprint(host, name) for name in ("", extra)})


def requirements(host: Path, extra: str) -> list[str]:
    """Return pip's arguments: a single request, so that no package replaces another one's version later."""
    return [*TORCH, "-r", str(host / "requirements.txt"), "-e", f"{ROOT}[{extra}]" if extra else str(ROOT)]


def fingerprint(host: Path, extra: str) -> str:
    """Return a hash of everything that decides what is installed."""
    files = [host / "requirements.txt", ROOT / "pyproject.toml"]
    parts = [*requirements(host, extra), *(file.read_text(encoding="utf-8") for file in files)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def read_stamp(stamp: Path) -> dict[str, str]:
    """Return the fingerprints of what is installed, by extra; an empty dictionary if no installation has finished."""
    try:
        content = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    # A virtual environment that was moved or copied does not work: its programs refer to the old folder.
    return dict(content["installed"]) if content["place"] == str(stamp) else {}


def write_stamp(stamp: Path, installed: Mapping[str, str]) -> None:
    """Record what is installed."""
    stamp.write_text(json.dumps({"place": str(stamp), "installed": installed}), encoding="utf-8")
