"""What the pack's own wires carry: a CogVideoX and a T5 whose weights the host owns, and where they are found."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import folder_paths
import torch

from ...richspace_core import ModelFolderError
from ...richspace_core.cogvideox.folder import CogVideoXFolder, Part, may_be_cogvideox
from .memory import HostOwned

DEMO = "bundled demo"
DEMO_NOTE = (
    "A tiny model for trying things out. It draws one circle, square, triangle or star; red, orange, yellow, lime, "
    "green, mint, cyan, azure, blue, violet, magenta or pink; plain, striped, dotted or checked; small or large; that "
    "moves left, right, up or down. It knows no other words."
)
NOTES = {"richspace_notes": {DEMO: DEMO_NOTE}}
"""For the input that chooses a model: what the page says of a choice before the first run (``web/choice_notes.js``)."""

DTYPES = {"auto": None, "float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
"""Number types that a loader offers, by name; None is for the loader to choose."""

_DEMO_FOLDER = Path(__file__).parents[2] / "demo_model"
_SEARCH_DEPTH = 4


@dataclass(frozen=True, eq=False)
class CogVideoXModel:
    """A CogVideoX whose denoiser and autoencoder the host owns, each on its own."""

    folder: CogVideoXFolder
    transformer: HostOwned
    vae: HostOwned


@dataclass(frozen=True, eq=False)
class T5Encoder:
    """A CogVideoX folder's text encoder, which the host owns, with its tokenizer."""

    folder: CogVideoXFolder
    text_encoder: HostOwned

    @cached_property
    def tokenizer(self) -> Any:
        """The transformers tokenizer, read when first used."""
        return self.folder.load_tokenizer()


def available() -> dict[str, Path]:
    """What the loader offers: name to folder, the bundled demo first."""
    found = {DEMO: _DEMO_FOLDER}
    for root in map(Path, folder_paths.get_folder_paths("diffusers")):
        for folder in _folders_with_a_model(root):
            if may_be_cogvideox(folder):
                found.setdefault(folder.relative_to(root).as_posix(), folder)
    return found


def transformer_files() -> dict[str, Path]:
    """The safetensors files that may hold a transformer alone: name to file."""
    return _safetensors("diffusion_models")


def lora_files() -> dict[str, Path]:
    """The safetensors files in the host's folders for LoRA: name to file."""
    return _safetensors("loras")


def fingerprint(name: str) -> list[tuple[str, int]]:
    """Every file of a model that a loader offered, with when it was written."""
    return files_of((available() | transformer_files()).get(name))


def files_of(place: Path | None) -> list[tuple[str, int]]:
    """A file, or every file of a folder, with when it was written; none if there is no such place."""
    files = [place, *sorted(place.rglob("*"))] if place else []
    return [(str(file), file.stat().st_mtime_ns) for file in files if file.is_file()]


def note(name: str) -> str:
    """What a loader says about a model."""
    return DEMO_NOTE if name == DEMO else ""


def find(name: str) -> Path:
    """The folder of a name that the loader offered.

    Raises:
        ModelFolderError: If it is none of them; a path is never followed.
    """
    return _offered("model", name, available(), "Put the model's folder below", "diffusers")


def find_lora(name: str) -> Path:
    """The file of a name that `lora_files` offered.

    Raises:
        ModelFolderError: If it is none of them; a path is never followed.
    """
    return _offered("lora", name, lora_files(), "Put the file into", "loras")


def load(name: str, dtype: torch.dtype | None) -> tuple[CogVideoXModel, T5Encoder]:
    """Check a folder that the loader offered and hand its parts to the host; weights are read when first used."""
    folder = CogVideoXFolder.open(find(name))

    def owned(part: Part) -> HostOwned:
        return HostOwned(part, partial(folder.load, part), stored_dtype=folder.stored_dtype(part), dtype=dtype)

    return CogVideoXModel(folder, owned("transformer"), owned("vae")), T5Encoder(folder, owned("text_encoder"))


def _safetensors(kind: str) -> dict[str, Path]:
    names = [name for name in folder_paths.get_filename_list(kind) if name.endswith(".safetensors")]
    files = {name: folder_paths.get_full_path(kind, name) for name in names}
    return {name: Path(file) for name, file in files.items() if file is not None}


def _offered(argument: str, name: str, offered: Mapping[str, Path], advice: str, kind: str) -> Path:
    if name not in offered:
        raise ModelFolderError(
            argument,
            expected=f"one of {', '.join(offered) or 'no files'}",
            got=repr(name),
            hint=f"{advice} {' or '.join(folder_paths.get_folder_paths(kind))} and refresh the page.",
        )
    return offered[name]


def _folders_with_a_model(root: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(root, followlinks=True):
        if "model_index.json" in files:
            yield Path(parent)
            folders.clear()
        elif len(Path(parent).relative_to(root).parts) >= _SEARCH_DEPTH:
            folders.clear()
        folders.sort()
