"""Embeddings in files, with their origin: a look that can be shared without its text encoder.

The file is plain safetensors. Its tensors are `embedding` and, if there are any, `pooled_output` and `attention_mask`,
exact to the last bit. Its metadata hold the version of the format under `richspace_embedding`, the rest of
`SavedEmbedding` as a JSON object under `about`, and the SHA-256 of the tensors and of that object under `sha256`. Files
of earlier versions have no such hash.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .embedding import TextEmbedding, require_finite
from .errors import EmbeddingError, RichSpaceError
from .files import write_file
from .finder.candidates import label
from .finder.choice import Choice
from .finder.geometry import require_index
from .json_files import parse_json
from .out_of_memory import raise_if_out_of_memory

#: Newest version of the format that can be read, and the version that is written.
FORMAT_VERSION = 1

_VERSION, _ABOUT, _HASH = "richspace_embedding", "about", "sha256"
_EMBEDDING, _POOLED, _MASK = "embedding", "pooled_output", "attention_mask"
_MOST_NUMBERS = 2**26  # of a tensor; an embedding of CogVideoX has 2**20
_MOST_SHOWN = 60  # characters of a name in a message
_MIXTURE_KEYS = ("a", "b", "index", "steps")  # in the file, every other key of a mixture is the name of a curve


@dataclass(frozen=True)
class MixtureRecord:
    """Record of a mixture of two prompts, by a finder or by one stage of a chain.

    Args:
        a: Text of the first prompt.
        b: Text of the second prompt.
        index: Candidate taken, 1..steps.
        steps: Number of candidates.
        curves: Curves of the finder by their names, with one value for each candidate.

    Raises:
        EmbeddingError: If `index` is not one of the candidates, or a curve has the name of another part of the record.
    """

    a: str
    b: str
    index: int
    steps: int
    curves: Mapping[str, tuple[float, ...]]

    @classmethod
    def of(cls, choice: Choice) -> MixtureRecord:
        """Return the record of a finder's choice, without the curves that follow from others."""
        curves = {curve.name: tuple(curve.values.tolist()) for curve in choice.curves if not curve.derived}
        return cls(choice.name_a, choice.name_b, choice.index, choice.steps, curves)

    def __post_init__(self) -> None:
        try:
            require_index(self.index, self.steps)
        except RichSpaceError as error:
            raise EmbeddingError(error.argument, expected=error.expected, got=error.got, hint=error.hint) from error
        for name in self.curves:
            if name in _MIXTURE_KEYS:
                raise EmbeddingError(
                    "curves",
                    expected=f"names other than {', '.join(_MIXTURE_KEYS)}",
                    got=name,
                    hint="The file has other values under these names.",
                )

    @property
    def summary(self) -> str:
        """Candidate taken and texts of the prompts, in one line."""
        return f"{label(self.index, self.steps)} (A: {self.a}, B: {self.b})"


@dataclass(frozen=True, eq=False)
class SavedEmbedding:
    """Content of an embedding's file.

    Args:
        values: Floating point ``[n, d]``, finite.
        token_count: Number of real tokens, end of sequence included; None if they were not counted.
        text: Prompt or mixture in words; empty if it is not known.
        pooled_output: Second output of some text encoders; floating point, finite.
        attention_mask: Mask of the tokens that count, ``[..., n]``.
        mixtures: Records of the mixtures that made it, in order; empty if they are not known.
        pack_version: Version of this pack that saved the file.

    Raises:
        EmbeddingError: If a part has the wrong form, does not fit the others, or is not finite.
    """

    values: Tensor
    token_count: int | None = None
    text: str = ""
    pooled_output: Tensor | None = None
    attention_mask: Tensor | None = None
    mixtures: tuple[MixtureRecord, ...] = ()
    pack_version: str = ""

    def __post_init__(self) -> None:
        rows = len(self.embedding.values)
        require_finite(_EMBEDDING, self.values)
        if self.pooled_output is not None:
            require_finite(_POOLED, self.pooled_output)
        if self.attention_mask is not None and self.attention_mask.shape[-1:] != (rows,):
            raise EmbeddingError(
                _MASK, expected=f"one entry for each of {rows} tokens", got=f"{list(self.attention_mask.shape)}"
            )

    @property
    def embedding(self) -> TextEmbedding:
        """Values with their token count, which is the number of rows if tokens were not counted."""
        return TextEmbedding(self.values, len(self.values) if self.token_count is None else self.token_count)

    @property
    def summary(self) -> str:
        """Description for people, a few lines: text, mixtures, size and version."""
        rows, width = self.values.shape
        count = "" if self.token_count is None else f", {self.token_count} of them the prompt's own"
        lines = [
            self.text,
            *(mixture.summary for mixture in self.mixtures),
            f"{rows} tokens{count}; width {width}, {str(self.values.dtype).removeprefix('torch.')}",
            self.pack_version and f"saved by ComfyUI-RichSpace {self.pack_version}",
        ]
        return "\n".join(filter(None, lines))


def save_embedding(file: Path, saved: SavedEmbedding) -> None:
    """Write an embedding to a file, in one step: if that fails, an existing file keeps its content.

    Args:
        file: File to write, in a folder that exists; a file of that name is replaced.
        saved: Content to write.

    Raises:
        EmbeddingError: If the file cannot be written.
    """
    from safetensors.torch import save

    parts = {_EMBEDDING: saved.values, _POOLED: saved.pooled_output, _MASK: saved.attention_mask}
    tensors = {name: tensor.cpu().clone().contiguous() for name, tensor in parts.items() if tensor is not None}
    about = {
        "token_count": saved.token_count,
        "text": saved.text,
        "mixtures": [_mixture_to_json(mixture) for mixture in saved.mixtures],
        "pack_version": saved.pack_version,
    }
    words = json.dumps(about, ensure_ascii=False)
    metadata = {_VERSION: str(FORMAT_VERSION), _ABOUT: words, _HASH: _hash_content(tensors, words)}
    try:
        write_file(file, save(tensors, metadata=metadata))
    except OSError as error:
        raise EmbeddingError(
            file.name,
            expected=f"a file that can be written in {file.parent}",
            got=error.strerror or str(error),
            hint="Check the free disk space and the permissions of the folder.",
        ) from error


def load_embedding(file: Path) -> SavedEmbedding:
    """Read an embedding that `save_embedding` has written.

    Args:
        file: File to read.

    Returns:
        The saved content, exact to the last bit, on the CPU.

    Raises:
        EmbeddingError: If the file is damaged, changed, of another kind, written by a newer version of this pack, or
            holds values that are not finite; the message names the file.
    """
    from safetensors import SafetensorError, safe_open

    unreadable = (
        SafetensorError,
        OSError,
        RuntimeError,
        ValueError,
        LookupError,
        TypeError,
        OverflowError,
        AttributeError,
    )
    try:
        if not file.is_file():  # a pipe would wait for its other end
            raise OSError("not a file")
        with safe_open(file, framework="pt") as content:
            metadata = content.metadata() or {}
            _require_format(file, metadata, list(content.keys()))
            _require_small({name: content.get_slice(name).get_shape() for name in content.keys()})  # noqa: SIM118
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 - not a mapping
        saved = _parse_content(tensors, parse_json(metadata[_ABOUT]))
        if metadata.get(_HASH, "") not in ("", _hash_content(tensors, metadata[_ABOUT])):
            raise ValueError("its content does not match its checksum")
    except EmbeddingError as error:
        raise (error if error.argument == file.name else error.within(file.name)) from error
    except unreadable as error:
        raise_if_out_of_memory(error)
        raise EmbeddingError(
            file.name,
            expected="a complete file of RichSpace Save Embedding",
            got=f"a damaged file ({error})",
            hint="Delete it, and save or download it again.",
        ) from error
    return saved


def _require_format(file: Path, metadata: Mapping[str, str], names: list[str]) -> None:
    version = metadata.get(_VERSION)
    if version is None:
        shown = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
        raise EmbeddingError(
            file.name,
            expected="a file of RichSpace Save Embedding",
            got=f"another kind of safetensors file, with {shown or 'nothing in it'}",
            hint="Models, LoRAs and textual inversions have their own loaders.",
        )
    if int(version) > FORMAT_VERSION:
        raise EmbeddingError(
            file.name,
            expected=f"a file of format {FORMAT_VERSION}",
            got=f"a file of format {version}, saved by a newer version of ComfyUI-RichSpace",
            hint="Update ComfyUI-RichSpace.",
        )


def _require_small(shapes: Mapping[str, Sequence[int]]) -> None:
    """Raise a ValueError if the tensors of a file, by their shapes in its header, are larger than any embedding."""
    for name, shape in shapes.items():
        if math.prod(shape) > _MOST_NUMBERS:
            raise ValueError(f"{name[:_MOST_SHOWN]} of {math.prod(shape):,} numbers")


def _hash_content(tensors: Mapping[str, Tensor], words: str) -> str:
    """Return the SHA-256 of the tensors with their names, types and shapes, and of the rest as JSON."""
    digest = hashlib.sha256(words.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)} ".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _parse_content(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> SavedEmbedding:
    """Return the content of a file; missing or malformed parts raise plain Python exceptions."""
    count = about["token_count"]
    return SavedEmbedding(
        values=tensors[_EMBEDDING],
        token_count=None if count is None else int(count),
        text=str(about["text"]),
        pooled_output=tensors.get(_POOLED),
        attention_mask=tensors.get(_MASK),
        mixtures=tuple(_mixture_from_json(mixture) for mixture in about["mixtures"]),
        pack_version=str(about["pack_version"]),
    )


def _mixture_to_json(mixture: MixtureRecord) -> dict[str, Any]:
    about = {"a": mixture.a, "b": mixture.b, "index": mixture.index, "steps": mixture.steps}
    return about | {name: list(values) for name, values in mixture.curves.items()}


def _mixture_from_json(about: Mapping[str, Any]) -> MixtureRecord:
    a, b, index, steps = (about[key] for key in _MIXTURE_KEYS)
    curves = {name: tuple(map(float, values)) for name, values in about.items() if name not in _MIXTURE_KEYS}
    return MixtureRecord(str(a), str(b), int(index), int(steps), curves)
