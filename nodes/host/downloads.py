"""What the loaders say about a model that is not installed: its files, their folder and size, and a command to copy."""

from __future__ import annotations

import re
import shutil
import sysconfig
from pathlib import Path
from typing import Any

import folder_paths

from ...richspace_core.cogvideox.downloads import FILES, FOLDER_CONTENTS, FOLDERS, PublishedFile, PublishedFolder

ANY_OTHER = ""
"""Key of the note on a model that is not published."""

PLACE = "@place@"
"""Stands for a folder in a note; no shell needs quotes for it."""

_PLAIN = re.compile(r"\w[\w.-]*", re.ASCII)  # the same as in ``web/choice_notes.js``
_MOST_FOLDERS = 4  # in which the loaders look for a model


def missing_notes(*, with_files: bool) -> dict[str, dict[str, Any]]:
    """Return a loader's notes on models that are not installed, by the model's name in lower case.

    Each has a `text`, a `command` to copy (empty in the note on any other model), and whether the model `is_file`. A
    published model also has them as `elsewhere`, for a workflow that names it in another folder or in another spelling:
    there `PLACE` stands for the folder that the workflow names.

    Args:
        with_files: Whether the loader also takes a transformer in a single file.
    """
    transformers = [file for file in FILES if with_files and file.directory == "diffusion_models"]
    published: list[PublishedFolder | PublishedFile] = [*FOLDERS, *transformers]
    notes: dict[str, dict[str, Any]] = {each.name.lower(): _note(each) for each in published}
    kinds = ["diffusers", "diffusion_models"] if with_files else ["diffusers"]
    folders = " or ".join(str(_main_folder(kind)) for kind in kinds)
    other = f"This model is not installed. Choose another one, or put it in {folders} and press R."
    return {**notes, ANY_OTHER: {"text": other, "command": "", "is_file": False}}


def download_advice(name: str) -> str:
    """Return how to download a published model, with a command to copy; an empty string for any other model.

    After the command, the loader has the model under this name.

    Args:
        name: Name of a model in a loader; a published model is recognized in whatever folder.
    """
    last = name.replace("\\", "/").rpartition("/")[2].lower()
    published = next((each for each in (*FOLDERS, *FILES) if each.name.lower() == last), None)
    if published is None:
        return ""
    command = _command(published, _place(published, name))
    return f"This command downloads {published.repository} ({published.size}): {command}"


def _place(model: PublishedFolder | PublishedFile, name: str) -> str:
    """Return the folder below ComfyUI's folder for this kind of model where a loader finds a model under a name.

    A name that no loader lists, or that could be more than a folder's name in a command, gets the published place.
    """
    parts = re.split(r"[\\/]", name) if isinstance(model, PublishedFile) else name.split("/")
    if len(parts) > _MOST_FOLDERS or not all(_PLAIN.fullmatch(part) for part in parts):
        return _published_place(model)
    return "/".join(parts[:-1] if isinstance(model, PublishedFile) else parts)


def _published_place(model: PublishedFolder | PublishedFile) -> str:
    return "" if isinstance(model, PublishedFile) else model.name


def _note(model: PublishedFolder | PublishedFile) -> dict[str, Any]:
    usual, elsewhere = (
        {"text": _text(model, place), "command": _command(model, place)} for place in (_published_place(model), PLACE)
    )
    return {**usual, "is_file": isinstance(model, PublishedFile), "elsewhere": elsewhere}


def _text(model: PublishedFolder | PublishedFile, place: str) -> str:
    if isinstance(model, PublishedFolder):
        name, kind, contents = place, f"diffusers/{place}", FOLDER_CONTENTS
    else:
        name, kind = ("/".join(filter(None, words)) for words in ((place, model.name), (model.directory, place)))
        contents = "it"
    return f"{name} is not installed. This command puts {contents} in models/{kind} ({model.size}). Then press R."


def _command(model: PublishedFolder | PublishedFile, place: str) -> str:
    kind = model.directory if isinstance(model, PublishedFile) else "diffusers"
    return model.download_command(_main_folder(kind) / place, program=_hub_program())


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
