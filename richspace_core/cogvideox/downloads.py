"""Where the published CogVideoX models are downloaded from, and how large they are.

The pack never downloads anything. It shows these facts where a model is missing, with a command to copy.

References:
    The repositories' pages on the Hugging Face hub, which state 13.8, 21.5 and 31.1 GB for the three folders, and the
    pages of `Kijai/CogVideoX-comfy` and `comfyanonymous/flux_text_encoders` for the single files.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HUB = "https://huggingface.co"

FOLDER_CONTENTS = "model_index.json, scheduler, text_encoder, tokenizer, transformer and vae"
"""What a folder of models/diffusers needs."""


@dataclass(frozen=True)
class PublishedFolder:
    """Text-to-video CogVideoX as a diffusers folder.

    Args:
        repository: Name on the Hugging Face hub.
        dtype: Number type of the transformer's weights, which the model was trained in.
        gigabytes: Size of each part's weights, in units of 10^9 bytes.
    """

    repository: str
    dtype: str
    gigabytes: Mapping[str, float]

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.repository.rpartition("/")[2]

    @property
    def size(self) -> str:
        """Size of the whole download, in words."""
        return _size(sum(self.gigabytes.values()))

    def download_command(self, target: Path | str, *, program: Path | str = "hf") -> str:
        """Return a command that downloads the whole repository.

        Args:
            target: Folder for the model's files.
            program: The Hugging Face hub's command.

        Example:
            >>> FOLDERS[0].download_command("models/diffusers/CogVideoX-2b")
            'hf download zai-org/CogVideoX-2b --local-dir models/diffusers/CogVideoX-2b'
        """
        return _command_line([program, "download", self.repository, "--local-dir", target])


@dataclass(frozen=True)
class PublishedFile:
    """Part of a CogVideoX in a single file that ComfyUI's or this pack's loaders accept.

    Args:
        repository: Name on the Hugging Face hub.
        name: Name of the file, which is in the repository's root.
        directory: ComfyUI's kind of model, which is the name of a folder below models.
        gigabytes: Size in units of 10^9 bytes.
    """

    repository: str
    name: str
    directory: str
    gigabytes: float

    @property
    def url(self) -> str:
        """Address of the file."""
        return f"{HUB}/{self.repository}/resolve/main/{self.name}"

    @property
    def size(self) -> str:
        """Size of the file, in words."""
        return _size(self.gigabytes)

    def download_command(self, target: Path | str, *, program: Path | str = "hf") -> str:
        """Return a command that downloads the file.

        Args:
            target: Folder for the file.
            program: The Hugging Face hub's command.

        Example:
            >>> FILES[1].download_command("models/vae")
            'hf download Kijai/CogVideoX-comfy cogvideox_vae_bf16.safetensors --local-dir models/vae'
        """
        return _command_line([program, "download", self.repository, self.name, "--local-dir", target])


_T5, _T5_IN_FLOAT32 = 9.52, 19.05
_VAE_IN_FLOAT32 = 0.86

FOLDERS = (
    PublishedFolder(
        "zai-org/CogVideoX-2b", "float16", {"transformer": 3.39, "text_encoder": _T5, "vae": _VAE_IN_FLOAT32}
    ),
    PublishedFolder(
        "zai-org/CogVideoX-5b", "bfloat16", {"transformer": 11.14, "text_encoder": _T5, "vae": _VAE_IN_FLOAT32}
    ),
    PublishedFolder(
        "zai-org/CogVideoX1.5-5B",
        "bfloat16",
        {"transformer": 11.14, "text_encoder": _T5_IN_FLOAT32, "vae": _VAE_IN_FLOAT32},
    ),
)
"""All text-to-video models that CogVideoX's authors have published for diffusers."""

FILES = (
    PublishedFile("Kijai/CogVideoX-comfy", "CogVideoX_1_5_5b_T2V_bf16.safetensors", "diffusion_models", 11.14),
    PublishedFile("Kijai/CogVideoX-comfy", "cogvideox_vae_bf16.safetensors", "vae", 0.43),
    PublishedFile("comfyanonymous/flux_text_encoders", "t5xxl_fp16.safetensors", "text_encoders", 9.79),
)
"""A text-to-video CogVideoX in single files: CogVideoX1.5-5B, the VAE of the 5B models, and their text encoder."""


def _size(gigabytes: float) -> str:
    return f"about {gigabytes:.0f} GB" if gigabytes >= 1 else f"about {1000 * gigabytes:.0f} MB"


def _command_line(words: Sequence[Path | str]) -> str:
    return " ".join(_quoted(str(word)) for word in words)


def _quoted(word: str) -> str:
    """Quote a word for the shell; on Windows, whose shells share no rule, only if it has a space."""
    if os.name == "nt":
        return f'"{word}"' if " " in word else word
    return shlex.quote(word)
