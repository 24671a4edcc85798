"""Algorithm 3 of the paper: a video from the optimal interpolation, by denoising.

Slips of the paper, and how they are read here:

- Line 10 calls T "the number of inference step"; line 21 loops `t = T -> 0`, which has T + 1 values. Here there are T
  steps, t = T, T - 1, ..., 1: the step at t leads from noise level t to t - 1, and the result at 0 is the video.
- Line 18 calls OPTIMALFINDER without the numbers of ids that Algorithm 1 takes; they are arguments here.
- Line 13 has the model's arguments in the order `f_theta(z, E_t, t)`; Definition 5.8 has `f_theta(E_t, z)` and no t.
  Here f_theta is a callable with the order of line 13. A `TextToVideoModel` of Definition 5.8 is given as
  `lambda z, E_t, t: model(E_t, z)`.
"""
# ruff: noqa: N803, N806 -- the names are the paper's

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..errors import SamplingError
from ._checks import require_whole_number
from .algorithm1 import optimal_finder

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def video_interpolation(
    E_ta: Tensor,
    E_tb: Tensor,
    E_tc: Tensor,
    n_a_ids: int,
    n_b_ids: int,
    n_c_ids: int,
    *,
    k: int = 30,
    T: int,
    f_theta: Callable[[Tensor, Tensor, int], Tensor],
    shape: tuple[int, int, int, int],
    generator: torch.Generator,
) -> Tensor:
    """Return the video that f_theta makes from normal noise in T steps, conditioned on the optimal interpolation.

    `z ~ N(0, I)`, then `z <- f_theta(z, E_opt, t)` for t = T, ..., 1

    Args:
        E_ta: Text embedding of the first prompt, [n, d], floating point, padded to n rows.
        E_tb: Text embedding of the second prompt, [n, d], different from E_ta.
        E_tc: Text embedding of the guide, [n, d].
        n_a_ids: Number of rows of E_ta that are not padding, in 1..n.
        n_b_ids: The same for E_tb.
        n_c_ids: The same for E_tc.
        k: Number of interpolation steps, >= 1.
        T: Number of denoising steps, >= 1.
        f_theta: One denoising step, `(z, E_opt, t) -> z`, which keeps the shape.
        shape: (n_f, h, w, c): frames, height, width, channels, each >= 1.
        generator: Source of the noise; the noise is drawn on its device.

    Returns:
        z, [n_f, h, w, c]. The noise has the dtype and device of E_ta, the result those of what f_theta returns.

    Raises:
        EmbeddingError: As in `optimal_finder`.
        RichSpaceError: A number is out of range.
        SamplingError: f_theta changed the shape of z.

    Reference:
        Algorithm 3, INTERPOLATION, lines 16-26.

    Example:
        >>> E_ta, E_tb, E_tc = torch.tensor([[[3.0, 0.0]], [[0.0, 3.0]], [[2.0, 1.0]]])
        >>> calls = []
        >>> z = video_interpolation(
        ...     E_ta, E_tb, E_tc, 1, 1, 1, k=3, T=4, shape=(1, 2, 2, 3), generator=torch.Generator().manual_seed(0),
        ...     f_theta=lambda z, E_opt, t: calls.append(t) or z / 2)
        >>> calls, list(z.shape)
        ([4, 3, 2, 1], [1, 2, 2, 3])
    """
    require_whole_number("T", T, low=1)
    for name, size in zip(("n_f", "h", "w", "c"), shape, strict=True):
        require_whole_number(name, size, low=1)

    E_opt = optimal_finder(E_ta, E_tb, E_tc, n_a_ids, n_b_ids, n_c_ids, k=k).E_opt  # line 18
    z = torch.randn(shape, generator=generator, device=generator.device, dtype=E_opt.dtype)  # line 20
    z = z.to(E_opt.device)
    for t in range(T, 0, -1):  # line 21: t = T -> 0 as T steps, the last one from 1 to 0
        z = f_theta(z, E_opt, t)  # line 23
        if z.shape != shape:
            raise SamplingError("f_theta", expected=f"a z of shape {list(shape)}", got=f"{list(z.shape)} at t = {t}")
    return z  # line 25
