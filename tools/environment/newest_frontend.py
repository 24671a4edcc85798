"""The newest frontend of ComfyUI, in addition to the version that ComfyUI pins, for `dev.py versions`.

Users can update the frontend alone, so the pack has to work with both.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from environment.checkout import DEV, LOGS
from environment.downloads import check_sha256
from environment.programs import ToolError, run_logged

VERSION = "1.58.1"
PACKAGE = f"comfyui-frontend-package=={VERSION}"
WHEEL = f"comfyui_frontend_package-{VERSION}-py3-none-any.whl"
WHEEL_SHA256 = "37912597537a731a8f421179618a736c24184c5bdbfa327f38b2fb7c291852d9"
WHEEL_FOLDER = "comfyui_frontend_package/static"
FOLDER = DEV / "frontend" / VERSION


def fetch_newest_frontend(python: Path, target: Path = FOLDER) -> Path:
    """Download the newest frontend and unpack it to `target`, unless that folder exists; return the folder.

    It is for ComfyUI's option --front-end-root.
    """
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="unfinished-") as unfinished:
        run_logged(
            f"Downloading ComfyUI's newest frontend, {VERSION}",
            [python, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--dest", unfinished, PACKAGE],
            log=LOGS / "download-frontend.log",
            advice="Check the connection and run the command again.",
        )
        wheel = Path(unfinished) / WHEEL
        check_sha256(wheel, WHEEL_SHA256)
        unpack_wheel(wheel, WHEEL_FOLDER, target)
    return target


def unpack_wheel(wheel: Path, folder: str, target: Path) -> None:
    """Unpack the files below `folder` in a wheel to `target`, which appears only when it is complete.

    The paths are checked here, because zipfile does not refuse unsafe ones but changes them.
    """
    built = wheel.parent / "folder"
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.startswith(f"{folder}/") and not name.endswith("/"):
                    _unpack_member(archive, name, built / _relative_path(name, folder))
    except (zipfile.BadZipFile, OSError) as error:
        raise ToolError(f"{wheel.name} could not be unpacked: {error}. Is the disk full?") from error
    if not built.is_dir():
        raise ToolError(f"{wheel.name} has no folder {folder}.")
    built.replace(target)


def _relative_path(name: str, folder: str) -> PurePosixPath:
    path = PurePosixPath(name).relative_to(folder)
    if ".." in path.parts or any(mark in name for mark in "\\:"):
        raise ToolError(f"The wheel was not unpacked, because it has an entry that leads out of its folder: {name}.")
    return path


def _unpack_member(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(name) as source, path.open("wb") as sink:
        shutil.copyfileobj(source, sink)
