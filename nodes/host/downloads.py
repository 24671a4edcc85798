"""What the loaders say about a model that is not installed: its files, their folder and size, and a command to copy."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

import folder_paths

from ...richspace_core.cogvideox.downloads import FILES, FOLDER_CONTENTS, FOLDERS, PublishedFile, PublishedFolder

ANY_OTHER = ""
"""Key of the note on a model that is not published."""


def missing_notes(*, with_files: bool) -> dict[str, dict[str, str | bool]]:
    """Return a loader's notes on models that are not installed, by the model's name in lower case.

    Each has a `text`, a `command` to copy (empty in the note on any other model), and whether the model `is_file`.

    Args:
        with_files: Whether the loader also takes a transformer in a single file.
    """
    transformers = [file for file in FILES if with_files and file.directory == "diffusion_models"]
    published: list[PublishedFolder | PublishedFile] = [*FOLDERS, *transformers]
    notes = {each.name.lower(): _note(each) for each in published}
    kinds = ["diffusers", "diffusion_models"] if with_files else ["diffusers"]
    folders = " or ".join(str(_main_folder(kind)) for kind in kinds)
    other = f"This model is not installed. Choose another one, or put it in {folders} and press R."
    return {**notes, ANY_OTHER: {"text": other, "command": "", "is_file": False}}


def download_advice(name: str) -> str:
    """Return how to download a published model, with a command to copy; an empty string for any other model.

    Args:
        name: Name of a model in a loader; folders before it are ignored.
    """
    last = name.replace("\\", "/").rpartition("/")[2].lower()
    published = next((each for each in (*FOLDERS, *FILES) if each.name.lower() == last), None)
    if published is None:
        return ""
    return f"This command downloads {published.repository} ({published.size}): {_command(published)}"


def _note(model: PublishedFolder | PublishedFile) -> dict[str, str | bool]:
    return {"text": _text(model), "command": _command(model), "is_file": isinstance(model, PublishedFile)}


def _text(model: PublishedFolder | PublishedFile) -> str:
    if isinstance(model, PublishedFolder):
        kind, contents = f"diffusers/{model.name}", FOLDER_CONTENTS
    else:
        kind, contents = model.directory, "it"
    return f"{model.name} is not installed. This command puts {contents} in models/{kind} ({model.size}). Then press R."


def _command(model: PublishedFolder | PublishedFile) -> str:
    if isinstance(model, PublishedFile):
        target = _main_folder(model.directory)
    else:
        target = _main_folder("diffusers") / model.name
    return model.download_command(target, program=_hub_program())


def _main_folder(kind: str) -> Path:
    """Return ComfyUI's folder for a kind of model: the first of that name, since some kinds begin with an older one."""
    folders = [Path(path) for path in folder_paths.get_folder_paths(kind)]
    return next((folder for folder in folders if folder.name == kind), folders[0])


def _hub_program() -> Path | str:
    """Return the Hugging Face hub's command of the running Python, which its own terminal may not have on its PATH.

    Older versions have it under another name.
    """
    scripts = sysconfig.get_path("scripts")
    found = shutil.which("hf", path=scripts) or shutil.which("huggingface-cli", path=scripts)
    return Path(found) if found else "hf"
