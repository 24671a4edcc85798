"""What every page of the reference asks of its inputs, so that a step of an algorithm stays one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import EmbeddingError, RichSpaceError

if TYPE_CHECKING:
    from torch import Tensor


def require_whole_number(argument: str, value: int, *, low: int, high: int | None = None) -> None:
    """Raise RichSpaceError unless `value` is an integer in `low..high`.

    Args:
        argument: Name of the number, for the message.
        value: The number.
        low: The smallest value allowed.
        high: The largest value allowed; None for no limit.

    Raises:
        RichSpaceError: `value` is no integer, or outside the range.

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
    """Raise EmbeddingError unless all are floating-point matrices `[n, d]` of one shape, dtype and device.

    Args:
        **matrices: The tensors, each under the name that the message shall use.

    Raises:
        EmbeddingError: One is no floating-point matrix, is empty, or differs from the first.
    """
    (first_name, first), *_ = matrices.items()
    for name, matrix in matrices.items():
        described = f"{matrix.dtype} {list(matrix.shape)} on {matrix.device}"
        if matrix.ndim != 2 or matrix.numel() == 0 or not matrix.is_floating_point():
            raise EmbeddingError(name, expected="a floating-point matrix [n, d] with n, d >= 1", got=described)
        if (matrix.shape, matrix.dtype, matrix.device) != (first.shape, first.dtype, first.device):
            expected = f"what {first_name} is, {first.dtype} {list(first.shape)} on {first.device}"
            raise EmbeddingError(name, expected=expected, got=described)
