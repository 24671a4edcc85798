"""Embeddings for tests: random ones, and hypothesis strategies for small ones whose float32 arithmetic is exact."""

from __future__ import annotations

import math

import torch
from hypothesis import strategies as st
from torch import Tensor

from richspace_core import TextEmbedding
from richspace_core.cogvideox.t5 import EncodedPrompt, TokenizedPrompt

#: The shape of a published CogVideoX's embeddings.
PUBLISHED_SHAPE = (226, 4096)
DTYPES = (torch.float32, torch.bfloat16, torch.float16)


class RandomEncoder:
    """Text encoder with another random embedding for each text."""

    def encode(self, prompt: str) -> EncodedPrompt:
        """Return the random embedding of a text, which is always the same."""
        generator = torch.Generator().manual_seed(len(prompt) + ord(prompt[0]))
        embedding = TextEmbedding(torch.randn(6, 8, generator=generator), token_count=4)
        return EncodedPrompt(prompt, TokenizedPrompt((5, 6, 7, 1, 0, 0), 4, 4, ""), embedding)


def random_line(rows: int, width: int, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
    """Make A, B and a guide, [rows, width], like two related prompts with a guide between them."""
    generator = torch.Generator().manual_seed(seed)
    common, to_a, to_b, noise = (torch.randn(rows, width, generator=generator) for _ in range(4))
    weight = float(torch.rand((), generator=generator))
    a, b = common + 0.8 * to_a, common + 0.7 * to_b
    return tuple(matrix.to(dtype) for matrix in (a, b, weight * a + (1 - weight) * b + 0.3 * noise))


def wrapped(
    matrices: tuple[Tensor, ...], counts: tuple[int, int, int] | None = None
) -> tuple[TextEmbedding, TextEmbedding, TextEmbedding]:
    """Wrap three matrices as TextEmbeddings; by default a third, half and two fifths of the rows are tokens."""
    rows = matrices[0].shape[0]
    counts = counts or (max(1, rows // 3), max(1, rows // 2), max(1, 2 * rows // 5))
    a, b, guide = (TextEmbedding(matrix, count) for matrix, count in zip(matrices, counts, strict=True))
    return a, b, guide


# Multiples of 1/8 from -10 to 10: their products, and sums of a few dozen products, are exact in float32. They are
# rarely unit-length, axis-aligned or zero.
entries = st.integers(-80, 80).map(lambda eighths: eighths / 8)


@st.composite
def lines(draw: st.DrawFn, rows: int = 5, width: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    """Draw A, B and a guide, float32 [n, d], with at most `rows` and `width`; A and B differ in the first row."""
    shape = (3, draw(st.integers(1, rows)), draw(st.integers(1, width)))
    size = math.prod(shape)
    a, b, guide = torch.tensor(draw(st.lists(entries, min_size=size, max_size=size))).reshape(shape)
    if torch.equal(a[0], b[0]):
        b[0, -1] += 1
    return a, b, guide
