"""Algorithm 1 of the paper: the optimal interpolation of the embeddings of two prompts.

Slips of the paper, and how they are read here:

- Lines 14-16 have `E[:, n_ids, :]`, one row of a batch. The text and the declared shape `n_ids x d` mean the first
  n_ids rows. The embeddings here are matrices [n, d], so this is `E[:n_ids, :]`.
- Line 28 mixes `E_tc` and `E_tb`. Definition 5.1, Algorithm 2 and every figure mix the two prompts, so this is
  `E_opt = (i_opt/k) E_ta + ((k - i_opt)/k) E_tb`.
- Line 5 says `d in R`; d is a natural number. k is used without being introduced; it is an argument here.
- Line 26, maxindex, does not say which of several maxima is meant; it is the smallest index here.
- Section 3.2 gives n = 266; CogVideoX pads to 226. Here n is the number of rows of the embeddings.
"""
# ruff: noqa: N803, N806 -- the names are the paper's

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ._checks import require_matrices, require_whole_number
from .algorithm2 import cosine_sim
from .definitions import linear_interpolation


class OptimalFinding(NamedTuple):
    """Result of Algorithm 1 (E_opt), with the steps that lead to it."""

    E_opt: Tensor
    """Optimal interpolation embedding, [n, d] (line 28)."""
    i_opt: int
    """Index of E_opt, 1..k as the paper counts (line 26)."""
    L_CosTruc: Tensor
    """Scores of the truncated embeddings, [k] (line 18)."""
    L_CosFull: Tensor
    """Scores of the full embeddings, [k] (line 19)."""
    L_CosAdd: Tensor
    """Sums of both scores, [k] (lines 20-24)."""


def optimal_finder(
    E_ta: Tensor, E_tb: Tensor, E_tc: Tensor, n_a_ids: int, n_b_ids: int, n_c_ids: int, *, k: int = 30
) -> OptimalFinding:
    """Return the interpolation of E_ta and E_tb that is most similar to the guide's perpendicular foot.

    `i_opt = argmax_i L_CosTruc[i] + L_CosFull[i]`, `E_opt = (i_opt/k) E_ta + ((k - i_opt)/k) E_tb`

    Args:
        E_ta: Text embedding of the first prompt, [n, d], floating point, padded to n rows.
        E_tb: Text embedding of the second prompt, [n, d], different from E_ta.
        E_tc: Text embedding of the guide, [n, d].
        n_a_ids: Number of rows of E_ta that are not padding, in 1..n.
        n_b_ids: The same for E_tb.
        n_c_ids: The same for E_tc.
        k: Number of interpolation steps, >= 1; the paper's experiments use 30.

    Returns:
        E_opt with i_opt and the three lists of scores. For a third prompt (Section 4.1), call it again with E_opt as
        E_ta.

    Raises:
        EmbeddingError: As in `cosine_sim`, for the full or the truncated embeddings.
        RichSpaceError: A number of rows, or k, is out of range.

    Reference:
        Algorithm 1, OPTIMALFINDER, lines 10-30.

    Example:
        >>> E_ta, E_tb, E_tc = torch.tensor([[[3.0, 0.0]], [[0.0, 3.0]], [[2.0, 1.0]]], dtype=torch.float64)
        >>> found = optimal_finder(E_ta, E_tb, E_tc, 1, 1, 1, k=3)
        >>> found.i_opt, found.E_opt.tolist()
        (2, [[2.0, 1.0]])
    """
    require_matrices(E_ta=E_ta, E_tb=E_tb, E_tc=E_tc)
    n = E_ta.shape[0]
    for name, value in {"n_a_ids": n_a_ids, "n_b_ids": n_b_ids, "n_c_ids": n_c_ids}.items():
        require_whole_number(name, value, low=1, high=n)
    require_whole_number("k", k, low=1)

    n_ids = max(n_a_ids, n_b_ids, n_c_ids)  # line 12
    E_a_truc = E_ta[:n_ids, :]  # line 14: [n_ids, d]
    E_b_truc = E_tb[:n_ids, :]  # line 15: [n_ids, d]
    E_c_truc = E_tc[:n_ids, :]  # line 16: [n_ids, d]
    L_CosTruc = cosine_sim(E_a_truc, E_b_truc, E_c_truc, k=k)  # line 18: [k], with the foot of the truncated embeddings
    L_CosFull = cosine_sim(E_ta, E_tb, E_tc, k=k)  # line 19: [k]
    L_CosAdd = torch.empty_like(L_CosFull)  # line 21
    for i in range(1, k + 1):  # line 22: i = 1 -> k
        L_CosAdd[i - 1] = L_CosTruc[i - 1] + L_CosFull[i - 1]  # line 23: the paper counts from 1, a tensor from 0
    i_opt = _maxindex(L_CosAdd)  # line 26
    E_opt = linear_interpolation(E_ta, E_tb, i_opt, k)  # line 28: of the full embeddings
    return OptimalFinding(E_opt, i_opt, L_CosTruc, L_CosFull, L_CosAdd)  # line 29


def _maxindex(L: Tensor) -> int:
    """Return the smallest index, counted from 1, at which L is largest (torch.argmax may return another)."""
    values = L.tolist()
    return int(values.index(max(values))) + 1
