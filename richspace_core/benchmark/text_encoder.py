"""T5 encoder of the benchmark, from a CogVideoX folder, a T5 folder, or a single file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..cogvideox.folder import CogVideoXFolder
from ..cogvideox.t5 import EncodedPrompt, encode_prompts
from ..embedding import TextEmbedding
from ..errors import ModelFolderError

PUBLISHED_LENGTH = 226
"""Number of tokens that the published CogVideoX models read, padding included."""

_KEY = "shared.weight"
_SCALES = ("scale_weight", "weight_scale")  # scale of a float8 weight: ComfyUI's older and newer name
_DAMAGED = "The file is damaged or from another model: download it again."
_HINT = (
    "Give a CogVideoX folder, a T5 folder in safetensors such as huggingface.co/google/t5-v1_1-xxl in the format of "
    "transformers, or a single file such as t5xxl_fp16.safetensors."
)


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """Loaded T5 and its tokenizer.

    Args:
        tokenizer: T5 tokenizer of transformers.
        model: `T5EncoderModel` of transformers, on the device to run on.
        length: Number of tokens in an embedding, padding included.
    """

    tokenizer: Any
    model: nn.Module
    length: int

    def encode(self, prompt: str) -> EncodedPrompt:
        """Encode one prompt to ``[length, d]`` on the CPU; alone, so that no bit depends on other prompts."""
        (encoded,) = encode_prompts([prompt], self.tokenizer, self.model, max_length=self.length)
        embedding = TextEmbedding(encoded.embedding.values.cpu(), encoded.embedding.token_count)
        return replace(encoded, embedding=embedding)


def load_text_encoder(
    path: Path,
    *,
    tokenizer: Path | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    length: int = 0,
) -> TextEncoder:
    """Load a T5 encoder from local files, which must be safetensors.

    Args:
        path: A CogVideoX folder; a T5 folder with ``config.json`` and safetensors; or a single safetensors file with
            the names of transformers, in any floating point type, including float8 with scales.
        tokenizer: Folder with the tokenizer's files. None for that of the CogVideoX folder, the T5 folder itself, or a
            ``tokenizer`` folder next to the folder or file.
        dtype: Number type to compute in; None for the one that the weights were saved in (bfloat16 for float8).
        device: Device to run on.
        length: Number of tokens in an embedding; 0 for the model's own, which is 226 if only a T5 is given.

    Raises:
        ModelFolderError: If a file is missing, damaged or from another model.
    """
    if (path / "model_index.json").is_file():
        folder = CogVideoXFolder.open(path)
        model = folder.load("text_encoder", dtype or folder.stored_dtype("text_encoder"))
        length, found = length or folder.text_length, path / "tokenizer"
    elif path.is_dir():
        model, found = _load_folder(path, dtype), _find_tokenizer(path)
    elif path.suffix == ".safetensors" and path.is_file():
        model, found = _load_file(path, dtype), path.parent / "tokenizer"
    else:
        raise ModelFolderError("t5", expected="a folder or a safetensors file", got=str(path), hint=_HINT)
    loaded = _load_tokenizer(tokenizer or found)  # before the weights are moved to the device
    return TextEncoder(loaded, model.to(device), length or PUBLISHED_LENGTH)


def _find_tokenizer(folder: Path) -> Path:
    inside = any((folder / name).is_file() for name in ("tokenizer.json", "spiece.model"))
    return folder if inside else folder.parent / "tokenizer"


def _load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the errors of sentencepiece, protobuf and tokenizers have no common base
        raise ModelFolderError(
            "tokenizer",
            expected="a folder with a T5 tokenizer (tokenizer.json or spiece.model)",
            got=f"{folder} ({str(error)[:120]})",
            hint="A single file contains only weights: give --tokenizer, such as the folder tokenizer of a CogVideoX.",
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
    _require_every_weight(folder, report["missing_keys"])
    return _freeze(model)


def _load_file(file: Path, dtype: torch.dtype | None) -> nn.Module:
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    from transformers import T5EncoderModel

    try:
        stored = load_file(file)
    except (OSError, SafetensorError) as error:
        raise ModelFolderError("t5", expected="a complete safetensors file", got=f"{file} ({error})") from error
    if _KEY not in stored or not any(key.startswith("encoder.block.") for key in stored):
        raise ModelFolderError("t5", expected=f"the weights of a T5, with {_KEY}", got=file.name, hint=_HINT)
    weights = _apply_scales(file, stored, dtype or _compute_dtype(stored[_KEY]))
    try:
        with torch.device("meta"):
            model = T5EncoderModel(_infer_config(weights))
        missing, _ = model.load_state_dict(weights, strict=False, assign=True)
    except (KeyError, ValueError, RuntimeError) as error:  # weights that are missing or have another shape
        got = f"{file.name} ({str(error)[:160]})"
        raise ModelFolderError("t5", expected="every weight of a T5 encoder", got=got, hint=_DAMAGED) from error
    # The word embeddings have two names for one tensor, and a file contains one of them.
    _require_every_weight(file, [key for key in missing if key != "encoder.embed_tokens.weight"])
    model.tie_weights()
    return _freeze(model)


def _compute_dtype(weight: Tensor) -> torch.dtype:
    return weight.dtype if weight.dtype.itemsize > 1 else torch.bfloat16


def _apply_scales(file: Path, stored: dict[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the weights in `dtype`, and multiply those of a scaled float8 file by their scales."""
    weights: dict[str, Tensor] = {}
    for key in [key for key in stored if key.endswith((".weight", ".bias"))]:
        values, layer = stored.pop(key), key.removesuffix("weight")
        scale = next((stored[layer + name] for name in _SCALES if layer + name in stored), None)
        if not values.is_floating_point() or (scale is not None and scale.numel() > 1):
            raise ModelFolderError(
                "t5",
                expected="floating point weights, with at most one scale each",
                got=f"{key} in {str(values.dtype).removeprefix('torch.')} in {file.name}",
                hint="Other quantized files are not supported: use float16, bfloat16 or float8.",
            )
        weights[key] = (values if scale is None else values.float() * scale).to(dtype)
    return weights


def _infer_config(weights: dict[str, Tensor]) -> Any:
    """Infer the configuration of a T5 version 1.1 from the shapes; the rest is the same for all of that version."""
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


def _require_every_weight(source: Path, missing: Sequence[str]) -> None:
    absent = sorted(missing)
    if absent:
        raise ModelFolderError(
            "t5",
            expected="every weight of a T5 encoder",
            got=f"{source.name} without {absent[0]} and {len(absent) - 1} more",
            hint=_DAMAGED,
        )


def _freeze(model: nn.Module) -> nn.Module:
    return model.requires_grad_(False).eval()
