"""CogVideoX models among ComfyUI's folders: their names, their files, and their parts managed by ComfyUI."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import folder_paths
import torch

from ...richspace_core import ModelFolderError, TextEmbedding
from ...richspace_core.cogvideox.folder import CogVideoXFolder, Part, may_be_cogvideox
from ...richspace_core.cogvideox.options import NO_OPTIONS, SpeedOptions
from ...richspace_core.cogvideox.t5 import EncodedPrompt, encode_prompts
from .downloads import download_advice
from .memory import HostOwned, explain_out_of_memory, to_host

DEMO = "bundled demo"
DEMO_NOTE = (
    "A tiny model for trying things out. It draws one circle, square, triangle or star; red, orange, yellow, lime, "
    "green, mint, cyan, azure, blue, violet, magenta or pink; plain, striped, dotted or checked; small or large; that "
    "moves left, right, up or down. It knows no other words."
)
MODEL_NOTES: dict[str, Any] = {"richspace_notes": {DEMO: DEMO_NOTE}}
"""Notes on the choices of an input, which the page shows before the first run (``web/choice_notes.js``)."""

DTYPES = {"auto": None, "float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
"""Number types that a loader offers, by name; with None the loader chooses."""

LESS_TEXT_MEMORY = (
    "Load it in a smaller number type (dtype bfloat16, or an fp8 file in Load CLIP), or close other programs."
)
"""Advice if memory runs out in a text encoder."""

_DEMO_FOLDER = Path(__file__).parents[2] / "demo_model"
_SEARCH_DEPTH = 4


@dataclass(frozen=True, eq=False)
class T5Encoder:
    """Text encoder of a CogVideoX folder, managed by ComfyUI, with its tokenizer."""

    folder: CogVideoXFolder
    text_encoder: HostOwned

    @cached_property
    def tokenizer(self) -> Any:
        """Tokenizer of transformers, read when it is first used."""
        return self.folder.load_tokenizer()

    def encode(self, text: str) -> EncodedPrompt:
        """Encode a prompt, with its embedding where ComfyUI's nodes expect it.

        Raises:
            NotEnoughMemoryError: If memory runs out.
        """
        with explain_out_of_memory("text encoder", expected="enough memory for it", hint=LESS_TEXT_MEMORY):
            encoder = self.text_encoder.loaded()
            (encoded,) = encode_prompts([text], self.tokenizer, encoder, max_length=self.folder.text_length)
            values = to_host(encoded.embedding.values)
        return replace(encoded, embedding=TextEmbedding(values, encoded.tokens.token_count))

    @cached_property
    def empty_prompt(self) -> TextEmbedding:
        """Embedding of the empty prompt, encoded when it is first used."""
        return self.encode("").embedding


@dataclass(frozen=True, eq=False)
class CogVideoXModel:
    """CogVideoX whose transformer and VAE are managed by ComfyUI, each on its own.

    Args:
        folder: Folder of the model.
        transformer: Denoiser, prepared for the options.
        vae: Autoencoder.
        text: Text encoder.
        options: What makes the model faster or smaller.
    """

    folder: CogVideoXFolder
    transformer: HostOwned
    vae: HostOwned
    text: T5Encoder
    options: SpeedOptions = NO_OPTIONS

    def with_options(self, options: SpeedOptions) -> CogVideoXModel:
        """Return the model with other options, which replace those that it has; this one stays unchanged.

        The weights are shared unless the options change them; then they are read again when they are first used.
        """
        shared = self.transformer.unprepared()
        own = options.needs_own_weights
        streamed = options.stream_to is not None
        transformer = shared.prepared(options.prepare, is_streamed=streamed) if own else shared
        return replace(self, transformer=transformer, options=options)


def model_folders() -> dict[str, Path]:
    """Return the folders that a loader offers, by name, the bundled demo first."""
    found = {DEMO: _DEMO_FOLDER}
    for root in map(Path, folder_paths.get_folder_paths("diffusers")):
        for folder in _folders_with_a_model(root):
            if may_be_cogvideox(folder):
                found.setdefault(folder.relative_to(root).as_posix(), folder)
    return found


def transformer_files() -> dict[str, Path]:
    """Return the safetensors files that may hold a transformer, by name."""
    return _safetensors("diffusion_models")


def lora_files() -> dict[str, Path]:
    """Return the safetensors files in ComfyUI's folders for LoRAs, by name."""
    return _safetensors("loras")


def model_state(name: str) -> list[tuple[str, int]]:
    """Return every file of a model that a loader offers, with its time of change."""
    return file_times((model_folders() | transformer_files()).get(name))


def file_times(place: Path | None) -> list[tuple[str, int]]:
    """Return a file, or every file of a folder, with its time of change; nothing without a place.

    Files that come or go meanwhile may be left out.
    """
    if place is None:
        return []
    files = sorted(Path(parent, name) for parent, _, names in os.walk(place) for name in names)
    return [found for file in (place, *files) for found in _time_of(file)]


def _time_of(file: Path) -> list[tuple[str, int]]:
    try:
        return [(str(file), file.stat().st_mtime_ns)] if file.is_file() else []
    except OSError:  # gone meanwhile, or a link to itself
        return []


def describe_model(name: str) -> str:
    """Return what a loader says about a model; often nothing."""
    return DEMO_NOTE if name == DEMO else ""


def find_model(name: str) -> Path:
    """Return the folder of a model by its name in `model_folders`.

    Raises:
        ModelFolderError: If the name is not one of them; paths are never followed.
    """
    return _find("model", name, model_folders(), "Put the model's folder below", "diffusers")


def find_lora(name: str) -> Path:
    """Return the file of a LoRA by its name in `lora_files`.

    Raises:
        ModelFolderError: If the name is not one of them; paths are never followed.
    """
    return _find("lora", name, lora_files(), "Put the file in", "loras")


def load_model(name: str, dtype: torch.dtype | None) -> tuple[CogVideoXModel, T5Encoder]:
    """Check a model's folder and let ComfyUI manage its parts; weights are read when they are first used."""
    folder = CogVideoXFolder.open(find_model(name))

    def owned(part: Part) -> HostOwned:
        return HostOwned(part, partial(folder.load, part), stored_dtype=folder.stored_dtype(part), dtype=dtype)

    text = T5Encoder(folder, owned("text_encoder"))
    return CogVideoXModel(folder, owned("transformer"), owned("vae"), text), text


def _safetensors(kind: str) -> dict[str, Path]:
    names = [name for name in folder_paths.get_filename_list(kind) if name.endswith(".safetensors")]
    files = {name: folder_paths.get_full_path(kind, name) for name in names}
    return {name: Path(file) for name, file in files.items() if file is not None}


def _find(argument: str, name: str, offered: Mapping[str, Path], advice: str, kind: str) -> Path:
    if name not in offered:
        put_it_there = f"{advice} {' or '.join(folder_paths.get_folder_paths(kind))} and refresh the page."
        raise ModelFolderError(
            argument,
            expected=f"one of {', '.join(offered) or 'no files'}",
            got=repr(name),
            hint=f"{put_it_there} {download_advice(name)}".rstrip(),
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
