"""TextEmbedding: what it accepts and keeps unchanged, and its errors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from embeddings import DTYPES

from richspace_core import EmbeddingError, TextEmbedding
from richspace_core.embedding import describe, require_finite


@pytest.mark.parametrize("dtype", [*DTYPES, torch.float64])
@pytest.mark.parametrize("token_count", [1, 3, 5])
def test_keeps_the_very_tensor(dtype, token_count):
    values = torch.randn(5, 8).to(dtype)
    embedding = TextEmbedding(values, token_count)
    assert embedding.values is values
    assert embedding.token_count == token_count


def test_cannot_be_changed():
    embedding = TextEmbedding(torch.randn(5, 8), 3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        embedding.token_count = 4


def test_is_equal_to_itself_only():
    # Comparing tensors element by element has no truth value; identity does, and makes it usable as a key.
    values = torch.randn(5, 8)
    first, second = TextEmbedding(values, 3), TextEmbedding(values, 3)
    assert first == first
    assert first != second
    assert len({first, second}) == 2


@pytest.mark.parametrize(
    ("values", "got"),
    [
        (torch.randn(2, 5, 8), "float32 of shape [2, 5, 8]"),
        (torch.randn(8), "float32 of shape [8]"),
        (torch.tensor(1.0), "float32 of shape []"),
        (torch.ones(5, 8, dtype=torch.int64), "int64 of shape [5, 8]"),
        (torch.ones(5, 8, dtype=torch.bool), "bool of shape [5, 8]"),
        (torch.ones(5, 8, dtype=torch.complex64), "complex64 of shape [5, 8]"),
        (np.ones((5, 8), dtype=np.float32), "ndarray"),
        ([[1.0, 2.0]], "list"),
        (None, "NoneType"),
    ],
)
def test_no_floating_point_matrix(values, got):
    with pytest.raises(EmbeddingError) as caught:
        TextEmbedding(values, 1)
    assert str(caught.value) == (
        f"values: expected a floating point matrix of tokens by width, [n, d], got {got}. "
        "Give one embedding at a time, without a batch dimension."
    )


@pytest.mark.parametrize("token_count", [0, -1, 6, 226])
def test_token_count_out_of_range(token_count):
    with pytest.raises(EmbeddingError) as caught:
        TextEmbedding(torch.randn(5, 8), token_count)
    assert str(caught.value) == (
        f"token_count: expected between 1 and the embedding's 5 rows, got {token_count}. "
        "Count the prompt's tokens with the end of sequence and without the padding."
    )


@pytest.mark.parametrize("token_count", [True, 2.0, "2", None, torch.tensor(2)])
def test_token_count_is_no_integer(token_count):
    with pytest.raises(EmbeddingError, match=r"^token_count: expected an integer, got ") as caught:
        TextEmbedding(torch.randn(5, 8), token_count)
    assert caught.value.got == repr(token_count)


def test_an_embedding_without_rows_has_no_token():
    with pytest.raises(EmbeddingError, match="the embedding's 0 rows, got 1"):
        TextEmbedding(torch.empty(0, 8), 1)


def test_describe():
    assert describe(torch.zeros(2, 3, dtype=torch.bfloat16)) == "bfloat16 of shape [2, 3]"
    assert describe("text") == "str"


@pytest.mark.parametrize("dtype", DTYPES)
def test_require_finite_counts_what_is_not(dtype):
    values = torch.randn(4, 6).to(dtype)
    require_finite("prompt", values)
    values[1, 2], values[3, 0], values[0, 5] = torch.nan, torch.inf, -torch.inf
    with pytest.raises(EmbeddingError, match=r"^prompt: expected finite values, got 3 of 24 that are NaN or infinite"):
        require_finite("prompt", values)
