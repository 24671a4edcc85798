"""Input checks of the reference, so that a step of an algorithm stays one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import EmbeddingError, RichSpaceError

if TYPE_CHECKING:
    from torch import Tensor


def require_whole_number(argument: str, value: int, *, low: int, high: int | None = None) -> None:
    """Raise a RichSpaceError unless `value` is an integer in `low..high`.

    Args:
        argument: Name of the number in the message.
        value: Number to check.
        low: Smallest allowed value.
        high: Largest allowed value; None for no limit.

    Raises:
        RichSpaceError: `value` is not an integer, or outside the range.

    Example:
        >>> require_whole_number("i", 31, low=1, high=30)
        Traceback (most recent call last):
        ...
        RichSpaceError: i: expected an integer in 1..30, got 31.
    """
    if type(value) is int and value >= low and (high is None or value <= high):
        return
    expected = f"an integer >= {low}" if high is None else f"an integer in {low}..{high}"
    raise RichSpaceError(argument, expected=expected, got=repr(value))


def require_matrices(**matrices: Tensor) -> None:
    """Raise an EmbeddingError unless all are floating-point matrices `[n, d]` of one shape, dtype and device.

    Args:
        **matrices: Tensors to check, each under its name in the message.

    Raises:
        EmbeddingError: A tensor is not a floating-point matrix, is empty, or differs from the first.
    """
    (first_name, first), *_ = matrices.items()
    for name, matrix in matrices.items():
        described = f"{matrix.dtype} {list(matrix.shape)} on {matrix.device}"
        if matrix.ndim != 2 or matrix.numel() == 0 or not matrix.is_floating_point():
            raise EmbeddingError(name, expected="a floating-point matrix [n, d] with n, d >= 1", got=described)
        if (matrix.shape, matrix.dtype, matrix.device) != (first.shape, first.dtype, first.device):
            expected = f"the same kind as {first_name}, {first.dtype} {list(first.shape)} on {first.device}"
            raise EmbeddingError(name, expected=expected, got=described)
