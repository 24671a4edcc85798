"""Algorithm 2 of the paper: the perpendicular foot, and the similarity of every candidate to it.

Slips of the paper, and how they are read here:

- `<.,.>` is defined for vectors (Section 5.1) and used for matrices. Line 13 calls the result "the projection
  length", one number, so the inner product is over all n * d entries.
- Line 29 mixes `E_t1` and `E_t2`, which are not introduced. They are E_ta and E_tb, the two prompts to mix. Index k is
  then exactly E_ta, and E_tb itself is not a candidate.
- k is used without being a member or an argument; it is an argument here.
- Line 14 divides by `<E_ab, E_ab>`, which is 0 if E_ta = E_tb. There is then no line to project on, which is an error.

The foot is on the *line* through E_ta and E_tb: l_proj may be below 0 or above 1.
"""
# ruff: noqa: N803, N806 -- the names are the paper's

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import EmbeddingError
from ._checks import require_matrices, require_whole_number
from .definitions import linear_interpolation, phi_cos


def perpendicular_foot(E_ta: Tensor, E_tb: Tensor, E_tc: Tensor) -> Tensor:
    """Return the point of the line through E_ta and E_tb that is nearest to E_tc.

    `l_proj = <E_tb - E_ta, E_tc - E_ta> / <E_tb - E_ta, E_tb - E_ta>`, `E_foot = E_ta + l_proj (E_tb - E_ta)`

    Args:
        E_ta: Text embedding of the first prompt, [n, d], floating point.
        E_tb: Text embedding of the second prompt, [n, d], different from E_ta.
        E_tc: Text embedding of the guide, [n, d].

    Returns:
        E_foot, [n, d], in the inputs' dtype and device.

    Raises:
        EmbeddingError: The matrices do not match, E_ta = E_tb, or a value (or a sum, in this dtype) is not finite.

    Reference:
        Algorithm 2, PERPENDICULARFOOT, lines 9-20.

    Example:
        >>> E_ta, E_tb, E_tc = torch.tensor([[[0.0, 0.0]], [[4.0, 0.0]], [[1.0, 5.0]]])
        >>> perpendicular_foot(E_ta, E_tb, E_tc).tolist()
        [[1.0, 0.0]]
    """
    require_matrices(E_ta=E_ta, E_tb=E_tb, E_tc=E_tc)
    E_ac = E_tc - E_ta  # line 11
    E_ab = E_tb - E_ta  # line 12
    l_proj = _inner_product(E_ab, E_ac) / _squared_length(E_ab)  # line 14
    _require_finite("E_tc", l_proj)
    E_proj = l_proj * E_ab  # line 16
    E_foot = E_ta + E_proj  # line 18
    return E_foot  # line 19  # noqa: RET504 -- one line of the algorithm, one line of code


def cosine_sim(E_ta: Tensor, E_tb: Tensor, E_tc: Tensor, *, k: int = 30) -> Tensor:
    """Return the similarity of each of the k interpolations to the perpendicular foot.

    `L_CosSim[i] = phi_cos((i/k) E_ta + ((k-i)/k) E_tb, E_foot)`

    Args:
        E_ta: Text embedding of the first prompt, [n, d], floating point.
        E_tb: Text embedding of the second prompt, [n, d], different from E_ta.
        E_tc: Text embedding of the guide, [n, d].
        k: Number of interpolation steps, >= 1.

    Returns:
        L_CosSim, [k], in the inputs' dtype and device. The paper counts from 1: its `L_CosSim[i]` is at `[i - 1]`.

    Raises:
        EmbeddingError: As in `perpendicular_foot` and `phi_cos`.
        RichSpaceError: k is below 1.

    Reference:
        Algorithm 2, COSINESIM, lines 22-34.

    Example:
        >>> E_ta, E_tb, E_tc = torch.tensor([[[3.0, 0.0]], [[0.0, 3.0]], [[2.0, 1.0]]], dtype=torch.float64)
        >>> [round(score, 3) for score in cosine_sim(E_ta, E_tb, E_tc, k=3).tolist()]
        [0.8, 1.0, 0.894]
    """
    require_whole_number("k", k, low=1)
    E_foot = perpendicular_foot(E_ta, E_tb, E_tc)  # line 24
    L_CosSim = []  # line 26
    for i in range(1, k + 1):  # line 27: i = 1 -> k
        E_interp = linear_interpolation(E_ta, E_tb, i, k)  # line 29
        L_CosSim.append(phi_cos(E_interp, E_foot))  # line 31
    return torch.stack(L_CosSim)  # line 33: [k]


def _inner_product(X: Tensor, Y: Tensor) -> Tensor:
    """Return `<X, Y>` over all entries, which is one number."""
    return torch.sum(X * Y)


def _squared_length(E_ab: Tensor) -> Tensor:
    """Return `<E_ab, E_ab>`, the divisor of line 14, which must not be 0."""
    squared_length = _inner_product(E_ab, E_ab)
    _require_finite("E_ta, E_tb", squared_length)
    if squared_length == 0:
        raise EmbeddingError(
            "E_ta, E_tb",
            expected="two different embeddings",
            got="a difference of length 0",
            hint="There is no line between a prompt and itself.",
        )
    return squared_length


def _require_finite(argument: str, value: Tensor) -> None:
    """Raise an EmbeddingError if a sum over the entries of an embedding is infinite or not a number."""
    if not torch.isfinite(value):
        raise EmbeddingError(
            argument,
            expected=f"finite values whose inner products fit {value.dtype}",
            got=str(value.item()),
            hint="Use float64 if the embeddings themselves are finite.",
        )
