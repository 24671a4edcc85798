"""What the loaders say about a model that is not installed: its files, their folder and size, and a command to copy."""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import folder_paths

from ...richspace_core.cogvideox.downloads import FILES, FOLDER_CONTENTS, FOLDERS, PublishedFile, PublishedFolder

ANY_OTHER = ""
"""Key of the note on a model that is not published."""


def missing_notes(*, with_files: bool) -> dict[str, dict[str, str]]:
    """Return a loader's notes on models that are not installed, by the model's name in lower case.

    Each has a `text` and a `command` to copy, which is empty in the note on any other model.

    Args:
        with_files: Whether the loader also takes a transformer in a single file.
    """
    transformers = [file for file in FILES if with_files and file.directory == "diffusion_models"]
    published: list[PublishedFolder | PublishedFile] = [*FOLDERS, *transformers]
    notes = {each.name.lower(): {"text": _text(each), "command": _command(each)} for each in published}
    kinds = ["diffusers", "diffusion_models"] if with_files else ["diffusers"]
    other = f"This model is not installed. Choose another one, or put it in {_first_folders(kinds)} and press R."
    return {**notes, ANY_OTHER: {"text": other, "command": ""}}


def download_advice(name: str) -> str | None:
    """Return what to do if a published model is not installed, with a command to copy; None for any other model.

    Args:
        name: Name of a model in a loader; folders before it are ignored.
    """
    last = name.replace("\\", "/").rpartition("/")[2].lower()
    published = next((each for each in (*FOLDERS, *FILES) if each.name.lower() == last), None)
    if published is None:
        return None
    download = f"Download {published.repository} ({published.size}) with this command and refresh the page:"
    return f"{download} {_command(published)}"


def _text(model: PublishedFolder | PublishedFile) -> str:
    if isinstance(model, PublishedFolder):
        kind, contents = f"diffusers/{model.name}", FOLDER_CONTENTS
    else:
        kind, contents = model.directory, "it"
    return f"{model.name} is not installed. This command puts {contents} in models/{kind} ({model.size}). Then press R."


def _command(model: PublishedFolder | PublishedFile) -> str:
    kind = model.directory if isinstance(model, PublishedFile) else "diffusers"
    folder = Path(folder_paths.get_folder_paths(kind)[0])
    return model.download_command(folder if kind != "diffusers" else folder / model.name, program=_hub_program())


def _hub_program() -> Path | str:
    """Return the Hugging Face hub's command of the running Python, which its own terminal may not have on its PATH."""
    found = shutil.which("hf", path=sysconfig.get_path("scripts"))
    return Path(found) if found else "hf"


def _first_folders(kinds: Iterable[str]) -> str:
    return " or ".join(str(folder_paths.get_folder_paths(kind)[0]) for kind in kinds)
