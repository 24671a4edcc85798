"""Conversion between CONDITIONING and text embeddings; only this module knows ComfyUI's format.

A conditioning is a list of ``[tensor of [batch, tokens, width], dictionary]``. This pack adds one key to the
dictionary, `richspace`, with the number of real tokens and the prompt; all other keys stay. ComfyUI caches
conditionings, so nothing here changes one in place.

ComfyUI's nodes that make another tensor (Conditioning Average, Concat, Zero Out) copy the dictionary, with a note that
is no longer true. A note therefore knows its tensor and is ignored for any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import pad

from ...richspace_core import EmbeddingError, PromptError, TextEmbedding
from ...richspace_core.embedding import describe, require_finite
from ...richspace_core.embedding_file import MixtureRecord, SavedEmbedding
from .input_checks import is_dense

Conditioning: TypeAlias = list[list[Any]]

_KEY = "richspace"
_POOLED, _MASK = "pooled_output", "attention_mask"
ENCODER_KEYS = _POOLED, _MASK, _KEY
"""Keys of a conditioning's dictionary that belong to the prompt itself, not to its settings."""

_NUMBERS = "start_percent", "end_percent", "strength", "mask_strength"
"""Keys whose values ComfyUI's samplers compare with numbers."""

_MIX_FIRST = "Mix the prompts before they are combined, and combine the result."
_ENCODE = "Connect the output of a node that encodes a prompt."


class _Note(dict[str, Any]):
    """Note on one tensor: its `token_count` and `text`."""

    def __init__(self, values: Tensor, token_count: int, text: str) -> None:
        super().__init__(token_count=token_count, text=text)
        self._values = values

    def is_about(self, values: Tensor) -> bool:
        """Return whether `values` is the tensor that this note was written for."""
        return values is self._values


@dataclass(frozen=True, eq=False)
class Prompt:
    """Prompt that a conditioning holds.

    Args:
        embedding: ``[n, d]``; without a token count, every row counts as a token.
        counted: Whether the conditioning has a token count.
        text: Prompt in words; empty if it is not known.
        extras: The conditioning's dictionary, which is never changed.
    """

    embedding: TextEmbedding
    counted: bool
    text: str
    extras: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """Number of tokens, including padding."""
        return len(self.embedding.values)

    @classmethod
    def encoded(cls, embedding: TextEmbedding, text: str) -> Prompt:
        """Return the prompt of a text encoder that counted its tokens."""
        return cls(embedding, True, text, {_POOLED: None})


def read_prompt(name: str, conditioning: Conditioning | None, *, if_several: str = _MIX_FIRST) -> Prompt:
    """Read the one prompt that a conditioning holds.

    Args:
        name: Input that it came from, for error messages.
        conditioning: ComfyUI's CONDITIONING.
        if_several: Advice for the error message if it holds several prompts.

    Raises:
        EmbeddingError: If it holds several entries, a batch, or no embedding of shape ``[1, tokens, width]``.
    """
    values, extras = _read_entry(name, conditioning, if_several)
    _require_numbers(name, extras)
    note = extras.get(_KEY)
    if isinstance(note, _Note) and not note.is_about(values):
        note = None
    if note is not None and not _is_note(note):
        raise EmbeddingError(
            name,
            expected="a conditioning whose note has a token count and a text",
            got="another note under the key richspace",
            hint="Encode the prompt again.",
        )
    count = int(note["token_count"]) if note else values.shape[1]
    try:
        embedding = TextEmbedding(values[0], count)
    except EmbeddingError as error:
        raise error.within(name) from error
    return Prompt(embedding, note is not None, str(note["text"]) if note else "", extras)


def require_entries(name: str, conditioning: Any) -> None:
    """Raise an EmbeddingError that names `name` unless ComfyUI's samplers can read every entry of a conditioning."""
    entries = conditioning if isinstance(conditioning, list) else []
    for entry in entries:
        fits = isinstance(entry, (list, tuple)) and len(entry) == 2 and isinstance(entry[1], Mapping)
        if not fits or not is_dense(entry[0]) or entry[0].ndim != 3 or not entry[0].numel():
            got = describe(entry[0]) if fits else f"a {type(entry).__name__}"
            raise EmbeddingError(name, expected="embeddings of shape [1, tokens, width]", got=got, hint=_ENCODE)
        require_finite(name, entry[0])
        _require_numbers(name, entry[1])
    if not entries:
        raise EmbeddingError(name, expected="a conditioning", got=_count(conditioning), hint=_ENCODE)


def _require_numbers(name: str, extras: Mapping[str, Any]) -> None:
    """Raise an EmbeddingError unless the settings that ComfyUI's samplers compare with numbers are numbers."""
    for key in _NUMBERS:
        value = extras.get(key)
        if value is not None and not isinstance(value, int | float):
            raise EmbeddingError(
                name, expected=f"a conditioning whose {key} is a number", got=describe(value), hint=_ENCODE
            )


def _is_note(note: Any) -> bool:
    count = note.get("token_count") if isinstance(note, Mapping) else None
    return isinstance(count, int) and not isinstance(count, bool) and isinstance(note.get("text"), str)


def _read_entry(name: str, conditioning: Conditioning | None, if_several: str) -> tuple[Tensor, Mapping[str, Any]]:
    """Return the embedding, ``[1, tokens, width]``, and the dictionary of a conditioning's only entry."""
    if not isinstance(conditioning, list) or len(conditioning) != 1:
        raise EmbeddingError(
            name,
            expected="a conditioning with one prompt",
            got=_count(conditioning),
            hint=if_several if conditioning else _ENCODE,
        )
    entry = conditioning[0]
    if not isinstance(entry, (list, tuple)) or len(entry) != 2 or not isinstance(entry[1], Mapping):
        raise EmbeddingError(
            name, expected="a conditioning of an embedding and a dictionary", got=f"a {type(entry).__name__}"
        )
    values, extras = entry
    if not isinstance(values, Tensor) or values.ndim != 3:
        raise EmbeddingError(
            name, expected="an embedding of shape [1, tokens, width]", got=describe(values), hint=_ENCODE
        )
    if not is_dense(values):
        raise EmbeddingError(
            name, expected="an embedding of floating point numbers in memory", got=describe(values), hint=_ENCODE
        )
    if values.shape[0] != 1:
        raise EmbeddingError(
            name,
            expected="the embedding of one prompt",
            got=f"a batch of {values.shape[0]}",
            hint="Mix one prompt at a time. Batches cannot be matched up.",
        )
    return values, extras


def _count(conditioning: object) -> str:
    if isinstance(conditioning, list):
        return f"{len(conditioning)} prompts"
    return "nothing" if conditioning is None else f"a {type(conditioning).__name__}"


def require_words(**prompts: Prompt) -> None:
    """Raise a PromptError that names the first of `prompts` without words."""
    for name, prompt in prompts.items():
        if prompt.counted and prompt.embedding.token_count == 1:
            raise PromptError(
                name, expected="a prompt with words", got="an empty one", hint="Describe what the video should show."
            )


def pad_to_one_length(a: Prompt, b: Prompt, *guides: Prompt) -> tuple[Prompt, ...]:
    """Return the prompts of a mixture, each with as many rows as the longer of A and B.

    Text encoders without padding (LTX-2, HunyuanVideo, Qwen) make longer embeddings for longer prompts. Shorter ones
    are filled up with rows of zeros, as in ComfyUI's Conditioning Average. Rows of a guide beyond A and B are cut off,
    because there is no line between A and B in those rows.

    Prompts with counted tokens come from an encoder with padding, where a different length means a different encoder.
    They are returned unchanged, for the finder to refuse.
    """
    prompts = (a, b, *guides)
    if any(prompt.counted for prompt in prompts):
        return prompts
    rows = max(a.rows, b.rows)
    return tuple(_with_rows(prompt, rows) for prompt in prompts)


def describe_padding(rows_a: int, rows_b: int) -> str:
    """Return a remark if A or B was filled up to the length of the other; otherwise an empty text."""
    return "" if rows_a == rows_b else f"A has {rows_a} tokens, B {rows_b}: the shorter is filled with zeros"


def _with_rows(prompt: Prompt, rows: int) -> Prompt:
    more = rows - prompt.rows  # negative where rows are cut off
    if not more:
        return prompt
    extras = dict(prompt.extras)
    if extras.get(_MASK) is not None:
        extras[_MASK] = pad(extras[_MASK], (0, more))
    embedding = TextEmbedding(pad(prompt.embedding.values, (0, 0, 0, more)), rows)
    return replace(prompt, embedding=embedding, extras=extras)


def attach_token_count(conditioning: Conditioning, token_count: int, text: str) -> Conditioning:
    """Return a copy of a conditioning with a note of its number of real tokens and its prompt."""
    return [[values, {**extras, _KEY: _Note(values, token_count, text)}] for values, extras in conditioning]


def blend(a: Prompt, b: Prompt, mix: Callable[[Tensor, Tensor], Tensor], text: str) -> Prompt:
    """Mix two prompts: their embeddings and the rest of their conditionings.

    Pooled outputs are mixed like the embeddings and attention masks are joined. Every other key comes from A. The
    token count is the larger of the two.

    Args:
        a: First prompt.
        b: Second prompt.
        mix: Function that mixes two tensors of equal shape.
        text: Mixture in words.

    Raises:
        EmbeddingError: If their embeddings or their pooled outputs do not match.
    """
    count = max(a.embedding.token_count, b.embedding.token_count)
    embedding = TextEmbedding(mix(a.embedding.values, b.embedding.values), count)
    extras = {key: value for key, value in a.extras.items() if key not in (_POOLED, _MASK)}
    extras[_POOLED] = _mix_pooled(a.extras.get(_POOLED), b.extras.get(_POOLED), mix)
    mask_a, mask_b = a.extras.get(_MASK), b.extras.get(_MASK)
    if mask_a is not None and mask_b is not None:
        extras[_MASK] = torch.maximum(mask_a, mask_b)  # without a mask, a prompt attends to everything
    counted = a.counted and b.counted
    return Prompt(embedding, counted, text if counted else "", extras)


def _mix_pooled(a: Tensor | None, b: Tensor | None, mix: Callable[[Tensor, Tensor], Tensor]) -> Tensor | None:
    if a is None or b is None:
        return a
    if a.shape != b.shape:
        raise EmbeddingError(
            "b",
            expected=f"a pooled output as long as that of `a`, {a.shape[-1]} numbers",
            got=f"{b.shape[-1]} numbers",
            hint="Encode all prompts of a mixture with the same text encoder.",
        )
    try:
        require_finite("a", a)
        require_finite("b", b)
    except EmbeddingError as error:
        raise error.within("pooled output") from error
    return mix(a, b)


def without_note(extras: Mapping[str, Any]) -> dict[str, Any]:
    """Return a conditioning's dictionary without this pack's note, which no sampler reads."""
    return {key: value for key, value in extras.items() if key != _KEY}


def make_conditioning(prompt: Prompt) -> Conditioning:
    """Return ComfyUI's CONDITIONING of a prompt."""
    conditioning = [[prompt.embedding.values[None], without_note(prompt.extras)]]
    if not prompt.counted:
        return conditioning
    return attach_token_count(conditioning, prompt.embedding.token_count, prompt.text)


def make_saved_embedding(prompt: Prompt, *, mixtures: tuple[MixtureRecord, ...], pack_version: str) -> SavedEmbedding:
    """Return what a file saves of a prompt and its origin; other keys of ComfyUI's dictionary are not saved."""
    return SavedEmbedding(
        prompt.embedding.values,
        token_count=prompt.embedding.token_count if prompt.counted else None,
        text=prompt.text,
        pooled_output=prompt.extras.get(_POOLED),
        attention_mask=prompt.extras.get(_MASK),
        mixtures=mixtures,
        pack_version=pack_version,
    )


def restore_conditioning(saved: SavedEmbedding) -> Conditioning:
    """Return ComfyUI's CONDITIONING of a saved embedding."""
    extras = {_POOLED: saved.pooled_output}
    if saved.attention_mask is not None:
        extras[_MASK] = saved.attention_mask
    return make_conditioning(Prompt(saved.embedding, saved.token_count is not None, saved.text, extras))
