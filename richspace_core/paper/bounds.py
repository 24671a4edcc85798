"""Section 5.4 and Appendix A of the paper: lower bounds on the distance of some video from the videos of all prompts.

A vocabulary of V words makes V^n sentences of n words, so a model f makes at most V^n videos in a space of d
dimensions. Each bound is an epsilon such that some y has `||f(x) - y||_2 >= epsilon` for *every* sentence x. V^n, M^d
and m^d leave the range of every float, so the functions return the natural logarithm of epsilon; `math.exp` gives
epsilon.

Conditions that the statements need in addition to those of the paper, and cases in which they fail:

- **Lemma A.1** needs m < M. For a constant f, the only y in [m, M] is the value of f, at distance 0.
- **Lemma A.2**: the y of the proof, 0.5 away from an integer point in each coordinate, has the claimed distance, but
  the proof does not show `m <= ||y||_2 <= M`, and there may be no such y: `f(x) = (x_1 - x_2, 0, 0, 0, 0)` for
  V = n = 2 has m = 0, M = 1 and takes the value 0, so every y of norm <= 1 is within 1 < 0.5 sqrt(5) of it. The bound
  holds for y anywhere in R^d. ("f(x_min) = m" is read as `||f(x_min)||_2 = m`.)
- **Lemma A.5** and **Theorem 5.9** hold as stated. The proofs use a strict inequality of lengths or volumes that can be
  an equality (the two sides of Eq. 2 are the same number). The conclusion holds nevertheless, because finitely many
  open balls whose volumes sum to that of the closed shell do not cover it. For m = M they only say epsilon >= 0. In one
  dimension, the y of Theorem 5.9 may have either sign, so its M and m are those of |f| and its bound is (M - m)/V^n,
  not half of that as in Lemma A.5.
- **Theorem 5.9** counts sentences of exactly n words; shorter ones are included if the padding is one of the V words.
  What the proof calls a ball, of volume proportional to M^d - m^d, is a shell.
- **Theorem A.8**: the proof takes y = f of the midpoint of *any* two words and compares it with one of these two. For
  the words -1, 0, 1, the midpoint of the outer two is a word. The proof holds for a *closest* pair: any third word is
  at least delta_min away from either, so at least delta_min / 2 from their midpoint. f takes sentences, not words: the
  pair is read as two sentences that differ in one word. (The step that is said to follow from Eq. 5 follows from
  Eq. 4.)
- **Theorem A.8**: the proof does not show `m <= ||y||_2 <= M`, and there may be no such y: f(x) = x on the words -1
  and 1 has m = M = 1 and delta_min = 2, and the only y of norm 1 are the two values themselves, while the bound says 1.
  The half with delta_min holds for y anywhere in R^d. An L-bi-Lipschitz f on R^{nk} needs d >= nk, and L >= 1.
"""
# ruff: noqa: N803 -- the names are the paper's

from __future__ import annotations

import math
import sys

from ..errors import RichSpaceError
from ._checks import require_whole_number


def lemma_a1_log_epsilon(*, m: int, M: int) -> float:
    """Return log epsilon for a linear f with integer weights, [V]^n -> R.

    `epsilon = 0.5`, with y = m + 0.5

    Args:
        m: min_x f(x).
        M: max_x f(x), above m (the lemma does not say so, but fails otherwise).

    Returns:
        log 0.5.

    Raises:
        RichSpaceError: m or M is not an integer, or m >= M.

    Reference:
        Lemma A.1.

    Example:
        >>> math.exp(lemma_a1_log_epsilon(m=-3, M=4))
        0.5
    """
    for name, value in (("m", m), ("M", M)):
        if type(value) is not int:
            raise RichSpaceError(name, expected="an integer, as f's values are", got=repr(value))
    if m >= M:
        raise RichSpaceError(
            "M", expected=f"more than m = {m}", got=str(M), hint="A constant f leaves no other y in [m, M]."
        )
    return math.log(0.5)


def lemma_a2_log_epsilon(*, d: int) -> float:
    """Return log epsilon for a linear f with integer weights, [V]^n -> R^d.

    `epsilon = 0.5 sqrt(d)`, with y = f(x_min) + (0.5, ..., 0.5), of any norm (see the notes of the module)

    Args:
        d: Dimension of the video space, >= 1.

    Returns:
        log epsilon.

    Raises:
        RichSpaceError: d is out of range.

    Reference:
        Lemma A.2.

    Example:
        >>> round(math.exp(lemma_a2_log_epsilon(d=16)), 12)
        2.0
    """
    require_whole_number("d", d, low=1)
    return math.log(0.5) + 0.5 * math.log(d)


def lemma_a5_log_epsilon(*, V: int, n: int, m: float, M: float) -> float:
    """Return log epsilon for any f, [V]^n -> R.

    `epsilon = (M - m) / (2 V^n)`

    Args:
        V: Size of the vocabulary, >= 1.
        n: Length of a sentence, >= 1.
        m: min_x f(x), finite.
        M: max_x f(x), finite, at least m.

    Returns:
        log epsilon; -inf if m = M.

    Raises:
        RichSpaceError: A number is out of range.

    Reference:
        Lemma A.5.

    Example:
        >>> round(math.exp(lemma_a5_log_epsilon(V=2, n=3, m=-4.0, M=12.0)), 12)
        1.0
    """
    _require_vocabulary(V, n)
    if not (_is_finite(m) and _is_finite(M) and m <= M and _is_finite(M - m)):
        raise RichSpaceError("m, M", expected="finite m <= M with a finite difference", got=f"m = {m}, M = {M}")
    if m == M:
        return -math.inf
    return math.log(M - m) - math.log(2) - n * math.log(V)


def theorem_5_9_log_epsilon(*, V: int, n: int, d: int, m: float, M: float) -> float:
    """Return log epsilon for any f from sentences of V words to videos in R^d.

    `epsilon = ((M^d - m^d) / V^n)^(1/d)`, so
    `log epsilon = log M + (log(1 - (m/M)^d) - n log V) / d`

    Args:
        V: Size of the vocabulary, >= 1.
        n: Length of a sentence, >= 1.
        d: Dimension of the video space, >= 1.
        m: min_x ||f(x)||_2, finite, >= 0.
        M: max_x ||f(x)||_2, finite, at least m.

    Returns:
        log epsilon; -inf if m = M.

    Raises:
        RichSpaceError: A number is out of range.

    Reference:
        Theorem 5.9, restated as Theorem A.6; Theorem 1.1 is its informal form.

    Example:
        >>> round(math.exp(theorem_5_9_log_epsilon(V=4, n=2, d=2, m=3.0, M=5.0)), 12)
        1.0
        >>> round(theorem_5_9_log_epsilon(V=32000, n=226, d=49 * 480 * 720 * 3, m=0.0, M=1.0), 9)
        -4.6147e-05
    """
    _require_vocabulary(V, n)
    require_whole_number("d", d, low=1)
    if not (_is_finite(m) and _is_finite(M) and 0 <= m <= M):
        raise RichSpaceError("m, M", expected="finite norms with 0 <= m <= M", got=f"m = {m}, M = {M}")
    if m == M:
        return -math.inf
    return math.log(M) + (_log_one_minus_power(m, M, d) - n * math.log(V)) / d


def theorem_a8_log_epsilon(*, V: int, n: int, d: int, m: float, M: float, delta_min: float, L: float) -> float:
    """Return log epsilon for an L-bi-Lipschitz f from sentences of V words to videos in R^d.

    `epsilon = max{0.5 delta_min / L, ((M^d - m^d) / V^n)^(1/d)}`; if the first one is larger, y may have any norm
    (see the notes of the module)

    Args:
        V: Size of the vocabulary, >= 2, since delta_min is a distance between two words.
        n: Length of a sentence, >= 1.
        d: Dimension of the video space, >= 1.
        m: min_x ||f(x)||_2, finite, >= 0.
        M: max_x ||f(x)||_2, finite, at least m.
        delta_min: Smallest distance between the embeddings of two words, finite, >= 0.
        L: Bi-Lipschitz constant of Definition A.7, finite, >= 1.

    Returns:
        log epsilon; -inf if m = M and delta_min = 0.

    Raises:
        RichSpaceError: A number is out of range.

    Reference:
        Theorem A.8, with Definition A.7.

    Example:
        >>> round(math.exp(theorem_a8_log_epsilon(V=4, n=2, d=2, m=3.0, M=5.0, delta_min=6.0, L=1.5)), 12)
        2.0
    """
    require_whole_number("V", V, low=2)
    if not (_is_finite(delta_min) and delta_min >= 0):
        raise RichSpaceError("delta_min", expected="a finite distance >= 0", got=repr(delta_min))
    if not (_is_finite(L) and L >= 1):
        raise RichSpaceError("L", expected="a finite number >= 1, as 1/L <= L", got=repr(L))
    covering = theorem_5_9_log_epsilon(V=V, n=n, d=d, m=m, M=M)
    if delta_min == 0:
        return covering
    return max(math.log(0.5) + math.log(delta_min) - math.log(L), covering)


def _log_one_minus_power(m: float, M: float, d: int) -> float:
    """Return `log(1 - (m/M)^d)` for 0 <= m < M, which is log1p(-exp(power)) with power = d (log m - log M) < 0."""
    if m == 0:
        return 0.0
    # For m near M, log m - log M would cancel, while (m - M)/M is exact to rounding. Elsewhere nothing cancels.
    log_ratio = math.log1p((m - M) / M) if 2 * m > M else math.log(m) - math.log(M)
    power = d * log_ratio
    # Both expressions are equal. The first is precise if exp(power) is near 1, the second if it is near 0.
    return math.log(-math.expm1(power)) if power > -math.log(2) else math.log1p(-math.exp(power))


def _require_vocabulary(V: int, n: int) -> None:
    """Raise a RichSpaceError unless V >= 1 and n >= 1."""
    require_whole_number("V", V, low=1)
    require_whole_number("n", n, low=1)


def _is_finite(value: float) -> bool:
    """Return True if `value` is a number within the range of a float, which an int may exceed."""
    return abs(value) <= sys.float_info.max
