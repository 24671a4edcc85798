"""Section 5.2 of the paper: linear interpolation, cosine similarity, and the volume of a ball.

Slips of the paper, and how they are read here:

- Definition 5.1 says `z_i in R`; the right-hand side is a vector, so `z_i in R^d`.
- Definition 5.2 divides by the norms of the rows and does not mention rows of zeros, which have no direction and no
  cosine. They count as 0 here.
- Fact 5.3 has `(d/2)!`, which is `Gamma(d/2 + 1)` for odd d.
"""
# ruff: noqa: N803 -- the names are the paper's

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..errors import EmbeddingError, RichSpaceError
from ._checks import require_matrices, require_whole_number


def linear_interpolation(x: Tensor, y: Tensor, i: int, k: int) -> Tensor:
    """Return interpolation i of k: i = k is exactly x, and y itself is not reached.

    `z_i := (i/k) * x + ((k-i)/k) * y`

    Args:
        x: Floating point, of any shape.
        y: Same shape and dtype.
        i: Index, in 1..k.
        k: Number of interpolation steps, >= 1.

    Returns:
        z_i, in the shape, dtype and device of x.

    Raises:
        RichSpaceError: i or k is out of range.
        EmbeddingError: x and y differ in shape or dtype.

    Reference:
        Definition 5.1.

    Example:
        >>> linear_interpolation(torch.tensor([4.0, 0.0]), torch.tensor([0.0, 8.0]), 1, 4).tolist()
        [1.0, 6.0]
    """
    require_whole_number("k", k, low=1)
    require_whole_number("i", i, low=1, high=k)
    if (x.shape, x.dtype) != (y.shape, y.dtype):
        expected, got = (f"{t.dtype} {list(t.shape)}" for t in (x, y))
        raise EmbeddingError("y", expected=f"the same kind as x, {expected}", got=got)
    return (i / k) * x + ((k - i) / k) * y


def phi_cos(X: Tensor, Y: Tensor) -> Tensor:
    """Return the cosine similarity of two matrices: the average of the cosines of their rows.

    `phi_cos(X, Y) := (1/n) sum_{i=1}^n <X_i, Y_i> / (||X_i||_2 ||Y_i||_2)`

    Args:
        X: [n, d], floating point.
        Y: [n, d], same dtype.

    Returns:
        Scalar in [-1, 1] up to rounding, in X's dtype and device. A row of zeros counts as 0.

    Raises:
        EmbeddingError: The matrices do not match, or a value (or the norm of a row, in this dtype) is not finite.

    Reference:
        Definition 5.2.

    Example:
        >>> X = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> Y = torch.tensor([[5.0, 0.0], [3.0, 4.0]])
        >>> round(phi_cos(X, Y).item(), 6)
        0.9
    """
    require_matrices(X=X, Y=Y)
    n = X.shape[0]
    inner_products = torch.sum(X * Y, dim=-1)  # [n]
    norms = torch.linalg.vector_norm(X, dim=-1) * torch.linalg.vector_norm(Y, dim=-1)  # [n]
    if not torch.all(torch.isfinite(norms)):
        row = int(torch.nonzero(~torch.isfinite(norms))[0])
        raise EmbeddingError(
            "X, Y",
            expected=f"finite values whose norms fit {X.dtype}",
            got=f"||X_i||_2 ||Y_i||_2 = {norms[row].item()} in row i = {row + 1}",
        )
    cosines = torch.where(norms > 0, inner_products / norms, 0)  # [n]
    return torch.sum(cosines) / n


def log_ball_volume(R: float, d: int) -> float:
    """Return the natural logarithm of the volume of the l2-ball of radius R in R^d.

    `volume = pi^(d/2) / (d/2)! * R^d`, in logarithms because it leaves the range of every float for large d.

    Args:
        R: Radius, finite, >= 0.
        d: Dimension, >= 1.

    Returns:
        Logarithm of the volume; -inf for R = 0.

    Raises:
        RichSpaceError: R or d is out of range.

    Reference:
        Fact 5.3, with `(d/2)! = Gamma(d/2 + 1)`.

    Example:
        >>> round(math.exp(log_ball_volume(2.0, 2)) / math.pi, 6)
        4.0
    """
    require_whole_number("d", d, low=1)
    if not (math.isfinite(R) and R >= 0):
        raise RichSpaceError("R", expected="a finite radius >= 0", got=repr(R))
    if R == 0:
        return -math.inf
    return d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1) + d * math.log(R)
