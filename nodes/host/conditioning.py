"""CONDITIONING to text embedding and back: the one place that knows the host's format.

A conditioning is a list of ``[tensor of [batch, tokens, width], dictionary]``. This pack adds one key to the
dictionary, `richspace`, with the number of real tokens and the prompt; whatever else is in there stays. The host
caches conditionings, so nothing here changes one in place.

The host's own nodes that make another tensor (Conditioning Average, Concat, Zero Out) copy the dictionary along, with a
note that no longer holds. So a note knows its tensor, and counts for no other.
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

Conditioning: TypeAlias = list[list[Any]]

_KEY = "richspace"
_POOLED, _MASK = "pooled_output", "attention_mask"
_MIX_FIRST = "Mix the prompts before they are combined, and combine the result."
_ENCODE = "Connect the output of a node that encodes a prompt."


class _Note(dict[str, Any]):
    """What is known of one tensor: `token_count` and `text`."""

    def __init__(self, values: Tensor, token_count: int, text: str) -> None:
        super().__init__(token_count=token_count, text=text)
        self._values = values

    def is_about(self, values: Tensor) -> bool:
        """Whether `values` are the tensor that this was written for."""
        return values is self._values


@dataclass(frozen=True, eq=False)
class Prompt:
    """What a conditioning says.

    Args:
        embedding: ``[n, d]``; where no token count came, every row counts.
        counted: Whether a token count came.
        text: The prompt in words, if it is known.
        extras: The conditioning's dictionary, which is never changed.
    """

    embedding: TextEmbedding
    counted: bool
    text: str
    extras: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """Tokens of the embedding, padding included."""
        return len(self.embedding.values)


def from_conditioning(name: str, conditioning: Conditioning | None, *, if_several: str = _MIX_FIRST) -> Prompt:
    """Read the one prompt that a conditioning holds.

    Args:
        name: The input it came from, for the error message.
        conditioning: The host's CONDITIONING.
        if_several: What to do if it holds several prompts, for the error message.

    Raises:
        EmbeddingError: If it holds several entries or a batch, or no embedding of tokens by width.
    """
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
    if values.shape[0] != 1:
        raise EmbeddingError(
            name,
            expected="the embedding of one prompt",
            got=f"a batch of {values.shape[0]}",
            hint="Mix one prompt at a time: batches cannot be matched up.",
        )
    note = extras.get(_KEY)
    if isinstance(note, _Note) and not note.is_about(values):
        note = None
    count = int(note["token_count"]) if note else values.shape[1]
    try:
        embedding = TextEmbedding(values[0], count)
    except EmbeddingError as error:
        raise error.within(name) from error
    return Prompt(embedding, note is not None, str(note["text"]) if note else "", extras)


def _count(conditioning: object) -> str:
    if isinstance(conditioning, list):
        return f"{len(conditioning)} prompts"
    return "nothing" if conditioning is None else f"a {type(conditioning).__name__}"


def require_words(**prompts: Prompt) -> None:
    """Raise a PromptError that names the first of `prompts` that holds no word."""
    for name, prompt in prompts.items():
        if prompt.counted and prompt.embedding.token_count == 1:
            raise PromptError(
                name, expected="a prompt with words", got="an empty one", hint="Describe what the video should show."
            )


def of_one_length(a: Prompt, b: Prompt, *guides: Prompt) -> tuple[Prompt, ...]:
    """The prompts of a mixture, with as many rows each as the longer of A and B.

    Text encoders that pad nothing (LTX-2, HunyuanVideo, Qwen) make longer embeddings of longer prompts. The shorter one
    is filled with rows of zeros, as the host's Conditioning Average does. What a guide has beyond both is cut: where
    there is no A and no B, there is no line between them to project it on.

    Prompts whose tokens were counted come from an encoder that pads them; there, other lengths mean another encoder,
    and all stay as they are for the finder to refuse.
    """
    prompts = (a, b, *guides)
    if any(prompt.counted for prompt in prompts):
        return prompts
    rows = max(a.rows, b.rows)
    return tuple(_with_rows(prompt, rows) for prompt in prompts)


def describe_padding(rows_a: int, rows_b: int) -> str:
    """Return a remark that one of A and B was filled up to the other's length, or an empty text."""
    return "" if rows_a == rows_b else f"A has {rows_a} tokens, B {rows_b}: the shorter is filled with zeros"


def _with_rows(prompt: Prompt, rows: int) -> Prompt:
    more = rows - prompt.rows  # below zero, rows are cut
    if not more:
        return prompt
    extras = dict(prompt.extras)
    if extras.get(_MASK) is not None:
        extras[_MASK] = pad(extras[_MASK], (0, more))
    embedding = TextEmbedding(pad(prompt.embedding.values, (0, 0, 0, more)), rows)
    return replace(prompt, embedding=embedding, extras=extras)


def with_note(conditioning: Conditioning, token_count: int, text: str) -> Conditioning:
    """A copy of a conditioning that says how many of its tokens are the prompt's own, and what the prompt was."""
    return [[values, {**extras, _KEY: _Note(values, token_count, text)}] for values, extras in conditioning]


def to_conditioning(embedding: TextEmbedding, text: str) -> Conditioning:
    """Make a conditioning of an embedding whose tokens were counted."""
    return as_conditioning(Prompt(embedding, True, text, {_POOLED: None}))


def blend(a: Prompt, b: Prompt, mix: Callable[[Tensor, Tensor], Tensor], text: str) -> Prompt:
    """Mix two prompts, and treat what travels beside their embeddings alike.

    Pooled outputs are mixed as the embeddings are, attention masks are joined, every other key comes from A. The
    mixture has as many tokens as the longer of the two.

    Args:
        a: First prompt.
        b: Second prompt.
        mix: Two tensors of one shape to a third.
        text: The mixture in words.

    Raises:
        EmbeddingError: If their embeddings or their pooled outputs do not match.
    """
    count = max(a.embedding.token_count, b.embedding.token_count)
    embedding = TextEmbedding(mix(a.embedding.values, b.embedding.values), count)
    extras = {key: value for key, value in a.extras.items() if key not in (_POOLED, _MASK)}
    extras[_POOLED] = _mix_pooled(a.extras.get(_POOLED), b.extras.get(_POOLED), mix)
    mask_a, mask_b = a.extras.get(_MASK), b.extras.get(_MASK)
    if mask_a is not None and mask_b is not None:
        extras[_MASK] = torch.maximum(mask_a, mask_b)  # one without a mask attends to everything
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


def as_conditioning(prompt: Prompt) -> Conditioning:
    """The host's CONDITIONING of a prompt."""
    extras = {key: value for key, value in prompt.extras.items() if key != _KEY}
    conditioning = [[prompt.embedding.values[None], extras]]
    return with_note(conditioning, prompt.embedding.token_count, prompt.text) if prompt.counted else conditioning


def to_saved(prompt: Prompt, *, mixtures: tuple[MixtureRecord, ...], pack_version: str) -> SavedEmbedding:
    """What a file keeps of a prompt, with where it came from; other keys of the host's dictionary stay behind."""
    return SavedEmbedding(
        prompt.embedding.values,
        token_count=prompt.embedding.token_count if prompt.counted else None,
        text=prompt.text,
        pooled_output=prompt.extras.get(_POOLED),
        attention_mask=prompt.extras.get(_MASK),
        mixtures=mixtures,
        pack_version=pack_version,
    )


def from_saved(saved: SavedEmbedding) -> Conditioning:
    """The host's CONDITIONING of what a file kept."""
    extras = {_POOLED: saved.pooled_output}
    if saved.attention_mask is not None:
        extras[_MASK] = saved.attention_mask
    return as_conditioning(Prompt(saved.embedding, saved.token_count is not None, saved.text, extras))
