"""Points on the line between two text embeddings, and their similarity to a guide's foot on it.

Every point of the line through A and B is ``A + t (B - A)``: the candidates of Definition 5.1 are at
``t = (k - i) / k``, the perpendicular foot of Algorithm 2 is at ``t = l``. The cosine between two points of a row
follows from three inner products of that row, ``<a, a>``, ``<a, d>`` and ``<d, d>`` with ``d = b - a``, and the foot
from a fourth one, ``<d, c - a>``. `LineGram` computes these four in one pass over the three embeddings, so that no
candidate has to be formed to score it. The tests compare with the literal loops of `richspace_core.paper`.

The fourth number is linear in the guide: the average of several guides' numbers is the number of their average. The
numbers are averaged and not the matrices, since an average of bfloat16 matrices would be rounded and would be one more
copy.

Rows are summed in float32 whatever the dtype of the embeddings, and everything after the rows is float64. Scores near
the optimum differ by less than bfloat16 can hold, and the encoder's dtype must not decide the index.

References:
    RichSpace, Definitions 5.1 and 5.2, Algorithm 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

import torch
from torch import Tensor

from ..embedding import describe, require_finite
from ..errors import EmbeddingError, RichSpaceError

#: Elements of each embedding that are processed at once: few enough for a core's cache, and for the temporaries to stay
#: smaller than one embedding.
_CHUNK_ELEMENTS = 1 << 16
_OTHER_ENCODER = "Encode all prompts of a mixture with the same text encoder."
_OTHER_LENGTH = (
    "Encode all prompts of a mixture with the same text encoder. If it does not pad them to one length, write prompts "
    "with equally many tokens."
)


def interpolate(a: Tensor, b: Tensor, *, index: int, steps: int) -> Tensor:
    """Return interpolation `index` of `steps`: ``z_i = (i / k) a + ((k - i) / k) b``.

    Index 1 is nearly B and index `steps` is exactly A; pure B is not a candidate.

    Args:
        a: Floating point tensor of any shape.
        b: Same shape, dtype and device as `a`.
        index: Candidate as the paper counts, ``1 <= index <= steps``.
        steps: Number of candidates k, at least 1.

    Returns:
        Same shape, dtype and device as `a`; computed in float32 or wider.

    Raises:
        RichSpaceError: If `index` or `steps` is out of range, the tensors differ, or a value is not finite.

    Reference:
        RichSpace, Definition 5.1.

    Example:
        >>> interpolate(torch.tensor([8.0]), torch.tensor([0.0]), index=1, steps=4)
        tensor([2.])
    """
    require_index(index, steps)
    _require_matching(a=a, b=b)
    mixed = torch.lerp(b, a, index / steps)  # float32 inside for half dtypes
    if not _is_finite(mixed):
        _explain_not_finite(a=a, b=b)
    return mixed


def perpendicular_foot(a: Tensor, b: Tensor, guide: Tensor) -> Tensor:
    """Return the point of the line through A and B that is nearest to the guide: ``a + l (b - a)``.

    ``l = <b - a, c - a> / <b - a, b - a>`` is one number for the whole matrix: the inner products run over all n x d
    entries, as in the paper's "projection length".

    Args:
        a: Floating point ``[n, d]``.
        b: Same shape, dtype and device as `a`.
        guide: Same shape, dtype and device as `a`; the paper's C.

    Returns:
        ``[n, d]``, dtype and device of `a`.

    Raises:
        EmbeddingError: If the three do not match, A equals B, or a value is not finite.

    Reference:
        RichSpace, Algorithm 2, lines 9-20.

    Example:
        >>> a, b = torch.tensor([[0.0, 0.0]]), torch.tensor([[4.0, 0.0]])
        >>> perpendicular_foot(a, b, guide=torch.tensor([[1.0, 7.0]]))
        tensor([[1., 0.]])
    """
    return point_on_line(a, b, foot_coefficient(a, b, guide))


def foot_coefficient(a: Tensor, b: Tensor, guide: Tensor) -> float:
    """Return the position of the guide's perpendicular foot: 0 is A, 1 is B, outside [0, 1] beyond them.

    Args:
        a: Floating point ``[n, d]``.
        b: Same shape, dtype and device as `a`.
        guide: Same shape, dtype and device as `a`.

    Returns:
        ``l = <b - a, c - a> / <b - a, b - a>``.

    Raises:
        EmbeddingError: If the three do not match, A equals B, or a value is not finite.

    Reference:
        RichSpace, Algorithm 2, line 14.
    """
    return LineGram.measure(a, b, guide).foot


def point_on_line(a: Tensor, b: Tensor, position: float) -> Tensor:
    """Return the point ``a + position (b - a)`` in the dtype of `a`, or raise if that dtype cannot hold it."""
    point = torch.lerp(a, b, position)
    if not _is_finite(point):
        raise EmbeddingError(
            "guide",
            expected=f"a foot that {describe(a).split()[0]} can hold",
            got=f"one at {position:g} times the distance from `a` to `b`",
            hint="The guide is too far from both prompts: describe a mixture of them.",
        )
    return point


def matrix_cosine(x: Tensor, y: Tensor) -> Tensor:
    """Return the cosine similarity of two matrices: the average of the cosines of their rows.

    A row of zeros has no direction; its cosine counts as 0.

    Args:
        x: Floating point ``[n, d]``.
        y: Same shape, dtype and device as `x`.

    Returns:
        Scalar, float64, on the CPU.

    Raises:
        EmbeddingError: If the two do not match, or a value is not finite.

    Reference:
        RichSpace, Definition 5.2.

    Example:
        >>> x = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
        >>> matrix_cosine(x, torch.tensor([[6.0, 8.0], [0.0, 5.0]]))
        tensor(0.5000, dtype=torch.float64)
    """
    _require_matrices(x=x, y=y)
    inner, squared_x, squared_y = _row_sums(x, y, products=_cosine_products)
    if not bool(torch.isfinite(inner + squared_x + squared_y).all()):
        _explain_not_finite(x=x, y=y)
    return _ratio(inner, (squared_x * squared_y).sqrt()).clamp(-1, 1).mean()


def cosine_scores(a: Tensor, b: Tensor, guide: Tensor, *, steps: int) -> Tensor:
    """Return the similarity of each of `steps` interpolations of A and B to the guide's perpendicular foot.

    Args:
        a: Floating point ``[n, d]``.
        b: Same shape, dtype and device as `a`.
        guide: Same shape, dtype and device as `a`.
        steps: Number of candidates k, at least 1.

    Returns:
        float64 ``[steps]`` on the CPU; entry 0 belongs to the paper's index 1.

    Raises:
        RichSpaceError: If `steps` is below 1, the three do not match, A equals B, or a value is not finite.

    Reference:
        RichSpace, Algorithm 2, lines 22-34 (COSINESIM).
    """
    require_steps(steps)
    gram = LineGram.measure(a, b, guide)
    return gram.scores(candidate_positions(steps))


def candidate_positions(steps: int) -> Tensor:
    """Return the positions ``(k - i) / k`` of candidates 1..k on the line from A (0) to B (1): float64 ``[steps]``."""
    index = torch.arange(1, steps + 1, dtype=torch.float64)
    return (steps - index) / steps


@dataclass(frozen=True, eq=False)
class LineGram:
    """Inner products of a line, row by row, from which every score on it follows; float64 on the CPU.

    Args:
        start: ``<a, a>`` of each row, ``[n]``.
        slope: ``<a, d>`` of each row with ``d = b - a``, ``[n]``.
        direction: ``<d, d>`` of each row, ``[n]``.
        guide: ``<d, c - a>`` of each row, ``[n]``, averaged over the guides c.
    """

    start: Tensor
    slope: Tensor
    direction: Tensor
    guide: Tensor

    @classmethod
    def measure(cls, a: Tensor, b: Tensor, *guides: Tensor) -> LineGram:
        """Measure the line through `a` and `b`, both ``[n, d]``, and the average of `guides` on it, in one pass."""
        named = {"a": a, "b": b, **dict(zip(guide_names(len(guides)), guides, strict=True))}
        _require_matrices(**named)
        sums = _row_sums(a, b, *guides, products=_line_products)  # [3 + guides, n]
        if not bool(torch.isfinite(sums.sum(dim=0)).all()):
            _explain_not_finite(**named)
        start, slope, direction = sums[:3]
        toward_guide = sums[3:].mean(dim=0)
        # Rounding must not break the Cauchy-Schwarz inequality, or a cosine could exceed 1.
        limit = (start * direction).sqrt()
        gram = cls(start, slope.clamp(-limit, limit), direction, toward_guide)
        gram._require_line("every row")
        return gram

    def head(self, rows: int) -> LineGram:
        """Return the same line on its first `rows` rows, where the guide has a foot of its own."""
        cut = LineGram(self.start[:rows], self.slope[:rows], self.direction[:rows], self.guide[:rows])
        cut._require_line(f"the first {rows} rows, the tokens of the prompts")
        return cut

    @cached_property
    def foot(self) -> float:
        """Position of the perpendicular foot: 0 is A, 1 is B."""
        return float(self.guide.sum() / self.direction.sum())

    @property
    def contrast(self) -> float:
        """Length of B - A as a share of the longer of A and B: 0 if they are equal, at most 2."""
        end = self.start + 2 * self.slope + self.direction  # <b, b>
        return float((self.direction.sum() / torch.maximum(self.start.sum(), end.sum())).sqrt())

    def scores(self, positions: Tensor) -> Tensor:
        """Return the similarity of the points at `positions` to the foot: float64 ``[p]`` -> float64 ``[p]``."""
        t = positions[:, None]  # [p, 1] against rows [n]
        cosines = _ratio(torch.addcmul(self._at_start, t, self._per_step), self._squared_norm(t).sqrt())  # [p, n]
        return cosines.clamp_(-1, 1).mean(dim=1)

    # <z_t, foot> / |foot| = (<a, foot> + t <d, foot>) / |foot|, row by row, is linear in t; both parts are cached.

    @cached_property
    def _at_start(self) -> Tensor:
        return _ratio(self.start + self.foot * self.slope, self._squared_norm(self.foot).sqrt())

    @cached_property
    def _per_step(self) -> Tensor:
        return _ratio(self.slope + self.foot * self.direction, self._squared_norm(self.foot).sqrt())

    def _squared_norm(self, position: Tensor | float) -> Tensor:
        # Horner's form; rounding may leave a row at the origin slightly below zero.
        return ((self.direction * position + 2 * self.slope) * position + self.start).clamp(min=0)

    def _require_line(self, where: str) -> None:
        length = float(self.direction.sum())
        if length == 0 or not math.isfinite(self.foot):
            raise EmbeddingError(
                "b",
                expected="an embedding that differs from `a`",
                got=f"one that equals `a` in {where}",
                hint="There is no line to project the guide on: give two different prompts.",
            )


def guide_names(count: int) -> list[str]:
    """Return the names of `count` guides in error messages: ``guide`` for a single one, else ``guide 2 of 3``."""
    return ["guide"] if count == 1 else [f"guide {number} of {count}" for number in range(1, count + 1)]


def require_steps(steps: int) -> None:
    """Raise a RichSpaceError unless `steps` is an integer of at least 1."""
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise RichSpaceError("steps", expected="an integer >= 1", got=repr(steps), hint="The paper uses 30.")


def require_index(index: int, steps: int) -> None:
    """Raise a RichSpaceError unless `index` is one of the candidates 1..steps."""
    require_steps(steps)
    if isinstance(index, bool) or not isinstance(index, int) or not 1 <= index <= steps:
        raise RichSpaceError(
            "index",
            expected=f"a candidate between 1 (nearly B) and {steps} (exactly A)",
            got=repr(index),
            hint="Candidates count from 1, as in the paper.",
        )


def _is_finite(values: Tensor) -> bool:
    # A sum reads the values once and writes nothing. Only a sum that is not finite needs a second look.
    total = values.sum(dtype=torch.promote_types(values.dtype, torch.float32))
    return bool(torch.isfinite(total)) or bool(torch.isfinite(values).all())


def _line_products(a: Tensor, b: Tensor, *guides: Tensor) -> Iterator[Tensor]:
    a = a.float()
    direction = b.float() - a
    yield a * a
    yield a * direction
    yield direction * direction
    for guide in guides:
        yield direction * (guide.float() - a)


def _cosine_products(x: Tensor, y: Tensor) -> Iterator[Tensor]:
    x, y = x.float(), y.float()
    yield x * y
    yield x * x
    yield y * y


def _row_sums(*matrices: Tensor, products: Callable[..., Iterator[Tensor]]) -> Tensor:
    """Sum each of the m float32 `products` along the rows of ``[n, d]`` matrices: float64 ``[m, n]`` on the CPU."""
    chunk = max(1, _CHUNK_ELEMENTS // matrices[0].shape[1])
    chunks = zip(*(torch.split(matrix, chunk) for matrix in matrices), strict=True)
    sums = [[product.sum(dim=-1) for product in products(*rows)] for rows in chunks]
    by_product = torch.stack([torch.cat(column) for column in zip(*sums, strict=True)])  # [m, n]
    return by_product.cpu().double()  # the CPU first: not every device has float64


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Return ``numerator / denominator``, and 0 where the denominator is 0: a row of zeros has no direction."""
    return torch.where(denominator > 0, numerator / denominator, 0)


def _require_matching(**tensors: Tensor) -> None:
    (first_name, first), *others = tensors.items()
    if not isinstance(first, Tensor) or not first.is_floating_point():
        raise EmbeddingError(first_name, expected="a floating point tensor", got=describe(first))
    for name, other in others:
        alike = isinstance(other, Tensor) and (other.dtype, other.device) == (first.dtype, first.device)
        if alike and other.shape == first.shape:
            continue
        longer_or_shorter = alike and other.ndim == first.ndim == 2 and other.shape[1] == first.shape[1]
        elsewhere = isinstance(other, Tensor) and other.device != first.device
        place, other_place = (f" on {first.device}", f" on {other.device}") if elsewhere else ("", "")
        raise EmbeddingError(
            name,
            expected=f"the same kind of embedding as `{first_name}`, {_form(first)}{place}",
            got=_form(other) + other_place,
            hint=_OTHER_LENGTH if longer_or_shorter else _OTHER_ENCODER,
        )


def _form(value: object) -> str:
    """Describe a value for an error message by what must match: an embedding by its tokens and width."""
    if not isinstance(value, Tensor) or value.ndim != 2:
        return describe(value)
    tokens, width = value.shape
    return f"{tokens} tokens of width {width} in {describe(value).split()[0]}"


def _require_matrices(**matrices: Tensor) -> None:
    _require_matching(**matrices)
    name, first = next(iter(matrices.items()))
    if first.ndim != 2 or first.numel() == 0:
        raise EmbeddingError(name, expected="a matrix of tokens by width, [n, d]", got=describe(first))


def _explain_not_finite(**tensors: Tensor) -> NoReturn:
    for name, values in tensors.items():
        require_finite(name, values)
    largest = {name: float(values.abs().max()) for name, values in tensors.items()}
    name = max(largest, key=lambda name: largest[name])
    raise EmbeddingError(
        name,
        expected="values that float32 can square and sum",
        got=f"values up to {largest[name]:.3g}",
        hint="These are not a text encoder's embeddings.",
    )
