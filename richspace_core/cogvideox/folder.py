"""CogVideoX folder as diffusers saves it, which is checked before any of its weights are read.

Only safetensors are opened. The rules for size, frames, text length and floating point type come from the folder's own
configuration and are never guessed from its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from ..errors import ModelFolderError
from ..json_files import read_json
from ..out_of_memory import raise_if_out_of_memory
from .config import CogVideoXConfig, require_sizes
from .latent_preview import LatentColors
from .libraries import find_class

Part = Literal["transformer", "vae", "text_encoder"]

#: File next to the autoencoder's weights, with the colors that a preview draws its latents in.
LATENT_PREVIEW = "latent_preview.json"

_PIPELINE = "CogVideoXPipeline"
_CLASSES: dict[str, str] = {
    "transformer": "CogVideoXTransformer3DModel",
    "vae": "AutoencoderKLCogVideoX",
    "text_encoder": "T5EncoderModel",
}
_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_PUBLISHED = "Download the whole repository of a text-to-video CogVideoX, such as CogVideoX-2b, in safetensors."

_MOST_EXTRA_IDS = 10_000  # tokens that a tokenizer adds to its vocabulary; a T5 has 100


@dataclass(frozen=True, eq=False)
class CogVideoXFolder(CogVideoXConfig):
    """Complete text-to-video CogVideoX in safetensors, opened with `CogVideoXFolder.open`.

    Args:
        path: Folder that holds `model_index.json`.
    """

    path: Path

    @classmethod
    def open(cls, path: Path) -> CogVideoXFolder:
        """Check a folder and read its configurations; no weights are loaded.

        Args:
            path: Folder that holds `model_index.json`.

        Returns:
            The checked folder.

        Raises:
            ModelFolderError: If the folder is not a text-to-video CogVideoX, a part is missing, or a weight file is
                missing, truncated or pickled.
        """
        index = _read_json(path / "model_index.json")
        if index.get("_class_name") != _PIPELINE:
            raise ModelFolderError(
                path.name,
                expected=f"a text-to-video {_PIPELINE} in model_index.json",
                got=str(index.get("_class_name")),
                hint="Image-to-video and other models are not supported here. " + _PUBLISHED,
            )
        configs = {part: _read_json(path / part / "config.json") for part in _CLASSES}
        for part, config in configs.items():
            named = _read_class(config)
            if named != _CLASSES[part]:
                raise ModelFolderError(f"{path.name}/{part}", expected=_CLASSES[part], got=str(named), hint=_PUBLISHED)
            for file in _weight_files(path / part):
                _stored_dtype(file)
        require_sizes(f"{path.name}/text_encoder", configs["text_encoder"])
        _require_tokenizer(path / "tokenizer")
        scheduler = _read_json(path / "scheduler" / "scheduler_config.json")
        parsed = CogVideoXConfig.parse(path.name, configs["transformer"], configs["vae"], scheduler)
        return cls(parsed.name, parsed.transformer, parsed.vae, parsed.scheduler, path)

    def weight_files(self, part: Part) -> list[Path]:
        """Return the safetensors files of a part, with all shards."""
        return _weight_files(self.path / part)

    def stored_dtype(self, part: Part) -> torch.dtype:
        """Return the floating point type of a part's saved weights."""
        return _stored_dtype(self.weight_files(part)[0])

    def load(self, part: Part, dtype: torch.dtype) -> torch.nn.Module:
        """Load the weights of a part on the CPU, ready for inference.

        Args:
            part: Part to load.
            dtype: Floating point type of the loaded weights.

        Raises:
            ModelFolderError: If a weight that the model needs is missing or has the wrong shape.
            LibraryError: If diffusers or transformers does not work with the installed torch.
        """
        kind = find_class("transformers" if part == "text_encoder" else "diffusers", _CLASSES[part])
        try:
            model, report = kind.from_pretrained(
                self.path / part,
                torch_dtype=dtype,  # the name that every supported version of both libraries takes
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
            )
        except Exception as error:  # the errors of the two libraries have no common base
            raise_if_out_of_memory(error)
            raise self.misfit(part, f"an error when loading them ({str(error)[:200]})") from error
        missing = sorted(report["missing_keys"])
        if missing:
            raise self.misfit(part, f"a file without {missing[0]} and {len(missing) - 1} more")
        model.requires_grad_(False)
        module: torch.nn.Module = model.eval()
        return module

    def misfit(self, part: Part, got: str) -> ModelFolderError:
        """Return the error for weights of a part that do not fit its configuration."""
        return ModelFolderError(
            f"{self.path.name}/{part}",
            expected="weights that fit the part's config.json",
            got=got,
            hint="A file may be damaged or belong to another model: download the folder again.",
        )

    def load_latent_colors(self) -> LatentColors | None:
        """Return the colors of the model's latents in a preview, or None if the folder does not have them.

        Raises:
            ModelFolderError: If the file has the wrong content.
        """
        return LatentColors.read(self.path / "vae" / LATENT_PREVIEW, channels=self.vae.latent_channels)

    def load_tokenizer(self) -> Any:
        """Load the T5 tokenizer from `tokenizer.json`, or from `spiece.model` as in the published folders.

        Raises:
            ModelFolderError: If its files are damaged.
        """
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(self.path / "tokenizer", local_files_only=True)
        except Exception as error:  # the errors of sentencepiece, protobuf and tokenizers have no common base
            raise_if_out_of_memory(error)
            raise ModelFolderError(
                f"{self.path.name}/tokenizer",
                expected="a T5 tokenizer",
                got=f"files that cannot be read ({str(error)[:200]})",
                hint="The download is damaged or unfinished: fetch the tokenizer folder again.",
            ) from error


def may_be_cogvideox(path: Path) -> bool:
    """Return True if a folder's `model_index.json` names a CogVideoX of any kind, or cannot be read.

    Such a folder may still be unusable; `CogVideoXFolder.open` says what is wrong with it.
    """
    try:
        return str(_read_json(path / "model_index.json").get("_class_name")).startswith("CogVideoX")
    except ModelFolderError:
        return True


def _read_json(file: Path) -> dict[str, Any]:
    where = f"{file.parent.name}/{file.name}"
    try:
        content = read_json(file)
    except OSError as error:
        raise ModelFolderError(where, expected="a file", got="nothing that can be read", hint=_PUBLISHED) from error
    except ValueError as error:
        raise ModelFolderError(
            where, expected="JSON", got="something else", hint="The file is damaged: download it again."
        ) from error
    if not isinstance(content, dict):
        raise ModelFolderError(where, expected="a JSON object", got=type(content).__name__, hint=_PUBLISHED)
    return content


def _read_class(config: dict[str, Any]) -> object:
    """Return the name of a part's class, as diffusers writes it, or in the list that transformers writes."""
    architectures = config.get("architectures")
    listed = architectures if isinstance(architectures, list) else [architectures]
    return config.get("_class_name") or next(iter(listed), None)


def _weight_files(part: Path) -> list[Path]:
    """Return the safetensors files of a part, with every shard that its index names."""
    stem = "model" if part.name == "text_encoder" else "diffusion_pytorch_model"
    single, index = part / f"{stem}.safetensors", part / f"{stem}.safetensors.index.json"
    if single.is_file():
        return [single]
    where = f"{part.parent.name}/{part.name}"
    if index.is_file():
        named = _read_json(index).get("weight_map")
        shards = (
            [part / name for name in sorted({str(name) for name in named.values()})] if isinstance(named, dict) else []
        )
        absent = [shard.name for shard in shards if shard.parent != part or not shard.is_file()]
        if shards and not absent:
            return shards
        raise ModelFolderError(
            where,
            expected=f"the {len(shards)} weight files that {index.name} names",
            got=f"a folder without {', '.join(absent) or 'any'}",
            hint="The download is unfinished: fetch the missing files.",
        )
    pickled = sorted(file.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for file in part.glob(pattern))
    raise ModelFolderError(
        where,
        expected=f"weights in {single.name}",
        got=f"pickled weights ({pickled[0]}), which can run code when opened" if pickled else "no weights",
        hint="Download the safetensors version of the model." if pickled else _PUBLISHED,
    )


def _stored_dtype(file: Path) -> torch.dtype:
    """Return the floating point type of a safetensors file's weights, and raise if the file is not complete."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as weights:
            stored = {weights.get_slice(name).get_dtype() for name in weights.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, RuntimeError) as error:  # RuntimeError if it is gone
        raise_if_out_of_memory(error)
        raise ModelFolderError(
            f"{file.parent.name}/{file.name}",
            expected="a complete safetensors file",
            got=f"a damaged or truncated file of {file.stat().st_size:,} bytes" if file.is_file() else "nothing",
            hint="Delete it and download it again.",
        ) from error
    known = [_DTYPES[name] for name in ("BF16", "F16", "F32", "F64") if name in stored]
    if not known:
        raise ModelFolderError(
            f"{file.parent.name}/{file.name}",
            expected=f"weights in one of {', '.join(_DTYPES)}",
            got=", ".join(sorted(stored)) or "none",
            hint="Quantized weights are not supported in a diffusers folder.",
        )
    return known[0]


def _require_tokenizer(folder: Path) -> None:
    if not any((folder / name).is_file() for name in ("spiece.model", "tokenizer.json")):
        raise ModelFolderError(
            f"{folder.parent.name}/tokenizer", expected="spiece.model or tokenizer.json", got="neither", hint=_PUBLISHED
        )
    settings = folder / "tokenizer_config.json"
    extra = _read_json(settings).get("extra_ids", 0) if settings.is_file() else 0
    if isinstance(extra, bool) or not isinstance(extra, int) or not 0 <= extra <= _MOST_EXTRA_IDS:
        raise ModelFolderError(
            f"{folder.parent.name}/tokenizer",
            expected=f"a whole number from 0 to {_MOST_EXTRA_IDS} for extra_ids in {settings.name}",
            got=repr(extra)[:60],
            hint="The file is damaged or belongs to another model: download it again.",
        )
