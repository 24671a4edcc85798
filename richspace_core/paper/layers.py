"""Section 5.3 of the paper: the attention layer, the convolution layer and the linear projection.

Each definition is a function of its weights, with a small module that holds the weights.

Slips of the paper, and how they are read here:

- Definition 5.4 has no exponential, so `A = Q K^T` has entries of both signs. Each row of `D^-1 A` still sums to 1,
  but its weights can be negative, and a row sum of A can be 0. D then has no inverse, which is an error here. Only a
  sum that is 0 in the given dtype can be detected: a sum that is 0 in exact arithmetic may round to 1e-17, and the
  result is then finite and as large as its inverse. (It also follows that the output of a row depends only on the
  direction of its query, not on the query's length.)
- Definition 5.5 takes a stride s and a padding p that its formula does not use, gives the output the size h x w of
  the input, and reads X up to row h + 2. These agree if X is first bordered by p = 1 rows and columns of zeros and
  s = 1. The general form here, with X bordered by p in this way, is
  `Y[i,j,l] = sum_{m,n,c} X[(i-1)s + m, (j-1)s + n, c] K^l[m,n,c]`, of height `floor((h + 2p - 3)/s) + 1`.
- None of these layers has a bias.
"""
# ruff: noqa: N803, N806 -- the names are the paper's

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..errors import RichSpaceError
from ._checks import require_matrices, require_whole_number


def attn(X: Tensor, W_Q: Tensor, W_K: Tensor, W_V: Tensor) -> Tensor:
    """Return the output of the attention layer.

    `Attn(X) := D^-1 A X W_V`, `A = Q K^T`, `Q = X W_Q`, `K = X W_K`, `D := diag(A 1_n)`

    Args:
        X: [n, d], floating point.
        W_Q: [d, d], same dtype.
        W_K: [d, d].
        W_V: [d, d].

    Returns:
        [n, d], in X's dtype and device.

    Raises:
        EmbeddingError: X or a weight is not a matrix, or the weights differ in shape or dtype.
        RichSpaceError: The shapes do not fit, or a row of A sums to 0 or to a number that is not finite.

    Reference:
        Definition 5.4.

    Example:
        >>> X, one = torch.tensor([[4.0], [-2.0]]), torch.eye(1)
        >>> attn(X, one, one, one).tolist()  # D^-1 A has rows (2, -1): no average of rows
        [[10.0], [10.0]]
    """
    require_matrices(X=X)
    require_matrices(W_Q=W_Q, W_K=W_K, W_V=W_V)
    d = X.shape[1]
    if W_Q.shape != (d, d):
        raise RichSpaceError(
            "W_Q", expected=f"[{d}, {d}], where d is the number of X's columns", got=str(list(W_Q.shape))
        )
    Q = X @ W_Q  # [n, d]
    K = X @ W_K  # [n, d]
    A = Q @ K.T  # [n, n]
    D_diagonal = torch.sum(A, dim=-1)  # [n], A 1_n
    _require_inverse(D_diagonal)
    D_inverse = torch.diag(1 / D_diagonal)  # [n, n]
    return D_inverse @ A @ X @ W_V


def _require_inverse(D_diagonal: Tensor) -> None:
    """Raise a RichSpaceError if diag(D_diagonal) has no inverse in its dtype."""
    unusable = ~torch.isfinite(D_diagonal) | ~torch.isfinite(1 / D_diagonal)  # [n]
    if torch.any(unusable):
        row = int(torch.nonzero(unusable)[0])
        raise RichSpaceError(
            "X",
            expected="finite row sums of Q K^T that are not 0, for D to have an inverse",
            got=f"{D_diagonal[row].item()} in row {row + 1}",
            hint="Definition 5.4 has no exponential, so positive and negative products can cancel.",
        )


def phi_conv(X: Tensor, K: Tensor, *, p: int, s: int) -> Tensor:
    """Return the output of the convolution layer.

    `Y[i,j,l] := sum_{m=1}^3 sum_{n=1}^3 sum_{c=1}^{c_in} X[(i-1)s + m, (j-1)s + n, c] K^l[m,n,c]`, where X is bordered
    by p zeros on every side. For p = s = 1 this is the paper's formula with the paper's output size.

    Args:
        X: [h, w, c_in], floating point.
        K: [c_out, 3, 3, c_in], same dtype; K[l] is the paper's K^l.
        p: Padding, >= 0.
        s: Stride, >= 1.

    Returns:
        Y, [floor((h + 2p - 3)/s) + 1, floor((w + 2p - 3)/s) + 1, c_out].

    Raises:
        RichSpaceError: The shapes do not fit, p or s is out of range, or X is too small for one 3 x 3 window.

    Reference:
        Definition 5.5.

    Example:
        >>> phi_conv(torch.ones(4, 4, 2), torch.ones(1, 3, 3, 2), p=1, s=2)[..., 0].tolist()
        [[8.0, 12.0], [12.0, 18.0]]
    """
    _require_convolution(X, K, p, s)
    h, w, _ = X.shape
    h_out = (h + 2 * p - 3) // s + 1
    w_out = (w + 2 * p - 3) // s + 1
    bordered = nn.functional.pad(X, (0, 0, p, p, p, p))  # [h + 2p, w + 2p, c_in]
    Y = X.new_zeros(h_out, w_out, K.shape[0])
    for m in range(3):
        for n in range(3):
            # Row i of this slice is row (i-1)s + m of X as the paper counts, for all output pixels at once.
            rows, columns = slice(m, m + (h_out - 1) * s + 1, s), slice(n, n + (w_out - 1) * s + 1, s)
            Y = Y + bordered[rows, columns, :] @ K[:, m, n, :].T  # [h_out, w_out, c_out]: the sum over c
    return Y


def _require_convolution(X: Tensor, K: Tensor, p: int, s: int) -> None:
    """Raise a RichSpaceError unless the kernels fit X, and X with its border has at least one 3 x 3 window."""
    require_whole_number("p", p, low=0)
    require_whole_number("s", s, low=1)
    if X.ndim != 3 or K.ndim != 4 or K.shape[1:] != (3, 3, X.shape[-1]):
        expected = "[c_out, 3, 3, c_in] for an X of [h, w, c_in]"
        raise RichSpaceError("K", expected=expected, got=f"{list(K.shape)} for {list(X.shape)}")
    h, w, _ = X.shape
    if min(h, w) + 2 * p < 3:
        raise RichSpaceError("X", expected=f"h, w >= {3 - 2 * p} for p = {p}", got=f"h = {h}, w = {w}")


def phi_linear(X: Tensor, W: Tensor) -> Tensor:
    """Return the linear projection of the rows of X.

    `phi_linear(X) := X W`

    Args:
        X: [n, d_1], floating point.
        W: [d_1, d_2], same dtype.

    Returns:
        [n, d_2].

    Raises:
        EmbeddingError: X or W is not a matrix.
        RichSpaceError: W does not have as many rows as X has columns.

    Reference:
        Definition 5.6.

    Example:
        >>> phi_linear(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0]])).tolist()
        [[11.0]]
    """
    require_matrices(X=X)
    require_matrices(W=W)
    if X.shape[1] != W.shape[0]:
        raise RichSpaceError("W", expected=f"[{X.shape[1]}, d_2]", got=str(list(W.shape)))
    return X @ W


def _random_weight(*shape: int, fan_in: int, generator: torch.Generator, dtype: torch.dtype) -> nn.Parameter:
    """Return a weight with independent `N(0, 1/fan_in)` entries; the paper does not say how theta is initialized."""
    return nn.Parameter(torch.randn(*shape, generator=generator, dtype=dtype) / fan_in**0.5)


class AttentionLayer(nn.Module):
    """Attention layer `Attn(X)` with its weights.

    Args:
        d: Hidden dimension, >= 1.
        generator: Source of the initial weights.
        dtype: Floating point type of the weights.

    Reference:
        Definition 5.4; `attn` is the formula.
    """

    def __init__(self, d: int, *, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        require_whole_number("d", d, low=1)
        self.W_Q = _random_weight(d, d, fan_in=d, generator=generator, dtype=dtype)
        self.W_K = _random_weight(d, d, fan_in=d, generator=generator, dtype=dtype)
        self.W_V = _random_weight(d, d, fan_in=d, generator=generator, dtype=dtype)

    def forward(self, X: Tensor) -> Tensor:
        """Return `attn(X, W_Q, W_K, W_V)`: [n, d] -> [n, d]."""
        return attn(X, self.W_Q, self.W_K, self.W_V)


class ConvolutionLayer(nn.Module):
    """Convolution layer `phi_conv(X, c_in, c_out, p, s)` with its kernels.

    Args:
        c_in: Number of input channels, >= 1.
        c_out: Number of output channels, >= 1.
        p: Padding, >= 0.
        s: Stride, >= 1.
        generator: Source of the initial kernels.
        dtype: Floating point type of the kernels.

    Reference:
        Definition 5.5; `phi_conv` is the formula.
    """

    def __init__(
        self, c_in: int, c_out: int, p: int, s: int, *, generator: torch.Generator, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        for name, value, low in (("c_in", c_in, 1), ("c_out", c_out, 1), ("p", p, 0), ("s", s, 1)):
            require_whole_number(name, value, low=low)
        self.p = p
        self.s = s
        self.K = _random_weight(c_out, 3, 3, c_in, fan_in=9 * c_in, generator=generator, dtype=dtype)

    def forward(self, X: Tensor) -> Tensor:
        """Return `phi_conv(X, K, p, s)`: [h, w, c_in] -> [h_out, w_out, c_out]."""
        return phi_conv(X, self.K, p=self.p, s=self.s)


class LinearProjection(nn.Module):
    """Linear projection `phi_linear(X)` with its weight.

    Args:
        d_1: Number of input columns, >= 1.
        d_2: Number of output columns, >= 1.
        generator: Source of the initial weight.
        dtype: Floating point type of the weight.

    Reference:
        Definition 5.6; `phi_linear` is the formula.
    """

    def __init__(self, d_1: int, d_2: int, *, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        require_whole_number("d_1", d_1, low=1)
        require_whole_number("d_2", d_2, low=1)
        self.W = _random_weight(d_1, d_2, fan_in=d_1, generator=generator, dtype=dtype)

    def forward(self, X: Tensor) -> Tensor:
        """Return `phi_linear(X, W)`: [n, d_1] -> [n, d_2]."""
        return phi_linear(X, self.W)
