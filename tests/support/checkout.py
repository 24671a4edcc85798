"""Where things lie in this checkout. Python's standard library only: dev.py needs it before anything is installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from programs import ToolError

SUPPORT = Path(__file__).resolve().parent
ROOT = SUPPORT.parents[1]
PACK_FOLDER = "ComfyUI-RichSpace"  # under which name the pack stands in a host's custom_nodes

DEV = ROOT / ".dev"
VENV = DEV / "venv"
RUN = DEV / "run"
ARTIFACTS = DEV / "artifacts"
LOGS = DEV / "logs"

HOST_VERSION = "0.30.0"
HOST = DEV / "host" / f"ComfyUI-{HOST_VERSION}"


def find_host() -> Path | None:
    """The ComfyUI to use: the one at COMFYUI_PATH, else the one that dev.py has fetched, else None."""
    if chosen := os.environ.get("COMFYUI_PATH"):
        host = Path(chosen).expanduser().resolve()
        if not (host / "main.py").is_file():
            raise ToolError(f"COMFYUI_PATH is {chosen}, where no main.py is. Set it to a ComfyUI folder or unset it.")
        return host
    return HOST if HOST.is_dir() else None


def link_folder(link: Path, target: Path) -> None:
    """Makes `link` lead to the folder `target` (a junction on Windows, where a symlink needs special rights)."""
    if link.exists() and link.resolve() == target.resolve():
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    if sys.platform == "win32":
        import _winapi

        _winapi.CreateJunction(str(target), str(link))
    else:
        link.symlink_to(target, target_is_directory=True)
