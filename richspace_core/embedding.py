"""Text embedding: the type that every part of the library takes and returns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import EmbeddingError


@dataclass(frozen=True, eq=False)
class TextEmbedding:
    """Embedding of a prompt, padded to the encoder's length, with the number of its real tokens.

    Args:
        values: Floating point ``[n, d]``, finite: n tokens of width d. It is neither copied nor changed.
        token_count: Number of real tokens, end of sequence included; ``1 <= token_count <= n``.

    Raises:
        EmbeddingError: If `values` is not a floating point matrix, or `token_count` does not fit it.

    Reference:
        RichSpace, Algorithm 1: ``E_t`` in R^{n x d} with ``n_ids`` real tokens.

    Example:
        >>> embedding = TextEmbedding(torch.ones(4, 8), token_count=3)
        >>> embedding.values.shape, embedding.token_count
        (torch.Size([4, 8]), 3)
    """

    values: Tensor
    token_count: int

    def __post_init__(self) -> None:
        if not isinstance(self.values, Tensor) or self.values.ndim != 2 or not self.values.is_floating_point():
            raise EmbeddingError(
                "values",
                expected="a floating point matrix of tokens by width, [n, d]",
                got=describe(self.values),
                hint="Give one embedding at a time, without a batch dimension.",
            )
        rows = self.values.shape[0]
        if isinstance(self.token_count, bool) or not isinstance(self.token_count, int):
            raise EmbeddingError("token_count", expected="an integer", got=repr(self.token_count))
        if not 1 <= self.token_count <= rows:
            raise EmbeddingError(
                "token_count",
                expected=f"between 1 and the embedding's {rows} rows",
                got=str(self.token_count),
                hint="Count the prompt's tokens with the end of sequence and without the padding.",
            )


def describe(value: object) -> str:
    """Describe a value for an error message: a tensor by its dtype and shape, anything else by its type."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} of shape {list(value.shape)}"
    return type(value).__name__


def require_finite(name: str, values: Tensor) -> None:
    """Raise an EmbeddingError that names `name` if `values` holds a NaN or an infinity."""
    readable = values.float() if values.element_size() == 1 else values  # torch cannot test float8 itself
    bad = int((~torch.isfinite(readable)).sum())
    if bad:
        raise EmbeddingError(
            name,
            expected="finite values",
            got=f"{bad} of {values.numel()} that are NaN or infinite",
            hint="The encoder that made it overflowed: run it in bfloat16 or float32.",
        )
