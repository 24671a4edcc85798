"""The T5 of the benchmark: a CogVideoX folder's, a folder of its own, or a single file."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..cogvideox.folder import CogVideoXFolder
from ..cogvideox.t5 import encode_prompts
from ..embedding import TextEmbedding
from ..errors import ModelFolderError

PUBLISHED_LENGTH = 226
"""Tokens that the published CogVideoX models read, padding included."""

_KEY = "shared.weight"
_SCALES = ("scale_weight", "weight_scale")  # of a float8 weight, by ComfyUI's older name and by its newer one
_DAMAGED = "The file is damaged or something else: download it again."
_HINT = (
    "Give a CogVideoX folder, a T5 folder in safetensors such as huggingface.co/google/t5-v1_1-xxl in transformers' "
    "form, or a single file such as t5xxl_fp16.safetensors."
)


class PromptCutWarning(UserWarning):
    """A prompt that was longer than the model reads; the message names the lost words."""


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """A T5 that is loaded, and its tokenizer.

    Args:
        tokenizer: A transformers T5 tokenizer.
        model: A transformers `T5EncoderModel`, on the device to run on.
        length: Tokens of an embedding, padding included.
    """

    tokenizer: Any
    model: nn.Module
    length: int

    def encode(self, prompt: str) -> TextEmbedding:
        """Encode one prompt, alone, so that its last bits do not depend on others; ``[length, d]`` on the CPU."""
        (encoded,) = encode_prompts([prompt], self.tokenizer, self.model, max_length=self.length)
        if notice := encoded.tokens.cut_notice:
            warnings.warn(notice, PromptCutWarning, stacklevel=2)
        return TextEmbedding(encoded.embedding.values.cpu(), encoded.embedding.token_count)


def load_text_encoder(
    path: Path,
    *,
    tokenizer: Path | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    length: int = 0,
) -> TextEncoder:
    """Load a T5 encoder from wherever it lies; nothing is downloaded, and only safetensors are read.

    Args:
        path: A CogVideoX folder; or a T5 folder, with ``config.json`` and safetensors; or a single safetensors file
            with transformers' names, in any floating point type, float8 with scales included.
        tokenizer: Folder with the tokenizer's files. None: the CogVideoX folder's own, the T5 folder itself, or a
            ``tokenizer`` folder beside the folder or the file.
        dtype: Number type to compute in; None for the one that the weights were saved in (bfloat16 for float8).
        device: Where to run.
        length: Tokens of an embedding; 0 for the model's own, which is 226 where only a T5 is given.

    Raises:
        ModelFolderError: If one of them is missing, damaged or something else.
    """
    if (path / "model_index.json").is_file():
        folder = CogVideoXFolder.open(path)
        model = folder.load("text_encoder", dtype or folder.stored_dtype("text_encoder"))
        length, found = length or folder.text_length, path / "tokenizer"
    elif path.is_dir():
        model, found = _load_folder(path, dtype), _tokenizer_of(path)
    elif path.suffix == ".safetensors" and path.is_file():
        model, found = _load_file(path, dtype), path.parent / "tokenizer"
    else:
        raise ModelFolderError("t5", expected="a folder or a safetensors file", got=str(path), hint=_HINT)
    loaded = _load_tokenizer(tokenizer or found)  # before the weights go to the device
    return TextEncoder(loaded, model.to(device), length or PUBLISHED_LENGTH)


def _tokenizer_of(folder: Path) -> Path:
    inside = any((folder / name).is_file() for name in ("tokenizer.json", "spiece.model"))
    return folder if inside else folder.parent / "tokenizer"


def _load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # sentencepiece's, protobuf's and tokenizers' errors share no base
        raise ModelFolderError(
            "tokenizer",
            expected="a folder with a T5 tokenizer (tokenizer.json or spiece.model)",
            got=f"{folder} ({str(error)[:120]})",
            hint="A single file holds weights only: name the tokenizer's folder, such as a CogVideoX folder's.",
        ) from error


def _load_folder(folder: Path, dtype: torch.dtype | None) -> nn.Module:
    from transformers import T5EncoderModel

    try:
        model, report = T5EncoderModel.from_pretrained(
            folder, torch_dtype=dtype or "auto", local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelFolderError(
            "t5", expected="a T5 encoder in safetensors", got=f"{folder} ({str(error)[:160]})", hint=_HINT
        ) from error
    _require_all(folder, report["missing_keys"])
    return _frozen(model)


def _load_file(file: Path, dtype: torch.dtype | None) -> nn.Module:
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    from transformers import T5EncoderModel

    try:
        stored = load_file(file)
    except (OSError, SafetensorError) as error:
        raise ModelFolderError("t5", expected="a complete safetensors file", got=f"{file} ({error})") from error
    if _KEY not in stored or not any(key.startswith("encoder.block.") for key in stored):
        raise ModelFolderError("t5", expected=f"a T5's weights, {_KEY} among them", got=file.name, hint=_HINT)
    weights = _unscaled(file, stored, dtype or _compute_dtype(stored[_KEY]))
    try:
        with torch.device("meta"):
            model = T5EncoderModel(_configuration(weights))
        missing, _ = model.load_state_dict(weights, strict=False, assign=True)
    except (KeyError, ValueError, RuntimeError) as error:  # weights without which, or shapes with which, it is no T5
        got = f"{file.name} ({str(error)[:160]})"
        raise ModelFolderError("t5", expected="every weight of a T5 encoder", got=got, hint=_DAMAGED) from error
    # Both names of the word embeddings are one tensor, and a file holds one of them.
    _require_all(file, [key for key in missing if key != "encoder.embed_tokens.weight"])
    model.tie_weights()
    return _frozen(model)


def _compute_dtype(weight: Tensor) -> torch.dtype:
    return weight.dtype if weight.dtype.itemsize > 1 else torch.bfloat16


def _unscaled(file: Path, stored: dict[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the weights in `dtype`, those of a scaled float8 file multiplied by their scales."""
    weights: dict[str, Tensor] = {}
    for key in [key for key in stored if key.endswith((".weight", ".bias"))]:
        values, layer = stored.pop(key), key.removesuffix("weight")
        scale = next((stored[layer + name] for name in _SCALES if layer + name in stored), None)
        if not values.is_floating_point() or (scale is not None and scale.numel() > 1):
            raise ModelFolderError(
                "t5",
                expected="weights in a floating point type, with at most one scale for each",
                got=f"{key} in {str(values.dtype).removeprefix('torch.')} in {file.name}",
                hint="Other quantized files are not supported: take float16, bfloat16 or float8.",
            )
        weights[key] = (values if scale is None else values.float() * scale).to(dtype)
    return weights


def _configuration(weights: dict[str, Tensor]) -> Any:
    """What the shapes say of a T5 version 1.1; the rest are that version's own constants."""
    from transformers import T5Config

    first = "encoder.block.0.layer"
    buckets, heads = weights[f"{first}.0.SelfAttention.relative_attention_bias.weight"].shape
    gated = f"{first}.1.DenseReluDense.wi_0.weight" in weights
    inner = weights[f"{first}.1.DenseReluDense.{'wi_0' if gated else 'wi'}.weight"]  # [d_ff, d]
    vocabulary, width = weights[_KEY].shape
    return T5Config(
        vocab_size=vocabulary,
        d_model=width,
        d_kv=weights[f"{first}.0.SelfAttention.q.weight"].shape[0] // heads,
        d_ff=inner.shape[0],
        num_layers=1 + max(int(key.split(".")[2]) for key in weights if key.startswith("encoder.block.")),
        num_heads=heads,
        relative_attention_num_buckets=buckets,
        feed_forward_proj="gated-gelu" if gated else "relu",
    )


def _require_all(where: Path, missing: Sequence[str]) -> None:
    absent = sorted(missing)
    if absent:
        raise ModelFolderError(
            "t5",
            expected="every weight of a T5 encoder",
            got=f"{where.name} without {absent[0]} and {len(absent) - 1} more",
            hint=_DAMAGED,
        )


def _frozen(model: nn.Module) -> nn.Module:
    return model.requires_grad_(False).eval()
