"""Folders of this checkout, links to them, and imports by path."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from environment.programs import ToolError

if TYPE_CHECKING:
    from types import ModuleType

TOOLS = Path(__file__).resolve().parents[1]
ROOT = TOOLS.parent
PACK_FOLDER = "ComfyUI-RichSpace"  # name of the pack in custom_nodes

DEV = ROOT / ".dev"
VENV = DEV / "venv"
RUN = DEV / "run"
ARTIFACTS = DEV / "artifacts"
LOGS = DEV / "logs"

HOST_VERSION = "0.30.0"
HOST = DEV / "host" / f"ComfyUI-{HOST_VERSION}"


def find_host() -> Path | None:
    """Return the folder of the ComfyUI at COMFYUI_PATH, else of the one that dev.py has fetched, else None."""
    if chosen := os.environ.get("COMFYUI_PATH"):
        host = Path(chosen).expanduser().resolve()
        if not (host / "main.py").is_file():
            raise ToolError(f"COMFYUI_PATH is {chosen}, which has no main.py. Set it to a ComfyUI folder or unset it.")
        return host
    return HOST if HOST.is_dir() else None


def link_folder(link: Path, target: Path) -> None:
    """Make `link` point to the folder `target`: a junction on Windows, where a symlink needs special rights."""
    if link.exists() and link.resolve() == target.resolve():
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    if sys.platform == "win32":
        import _winapi

        _winapi.CreateJunction(str(target), str(link))
    else:
        link.symlink_to(target, target_is_directory=True)


def import_file(name: str, file: Path, *, package_folder: Path | None = None) -> ModuleType:
    """Import a file by its path, because the checkout is not on sys.path.

    Args:
        name: Name of the module.
        file: File to import.
        package_folder: Folder of the modules, if the file is a package, which is then added to sys.modules.
    """
    places = [str(package_folder)] if package_folder else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=places)
    if spec is None or spec.loader is None:
        raise ToolError(f"{file} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    if package_folder:
        sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
