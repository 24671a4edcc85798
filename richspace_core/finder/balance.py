"""Balance finder: the candidate in which a wanted share of A is *seen*.

The paper's finder compares texts. This one looks at drafts, which the video model makes itself: cheap samples of a few
candidates, all from the same noise. Where a draft lies between the drafts of A and B tells how much of A is seen in it.
Nothing here depends on a model: whoever calls `find_balance` makes the drafts.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

from ..errors import RichSpaceError
from .choice import Choice, Curve, Measurement
from .geometry import require_index, require_steps

if TYPE_CHECKING:
    from typing_extensions import Self

#: Function that makes the draft of a candidate, 0 (exactly B) .. steps (exactly A), in any shape.
Draft: TypeAlias = Callable[[int], Tensor]

#: Name of the finder's curve.
SHARE_SEEN = "share seen"

#: Difference of A's and B's drafts, as a share of their length, below which there is nothing to place others by.
_LEAST_DIFFERENCE = 1e-6


@dataclass(frozen=True)
class Look:
    """Look at a candidate.

    Args:
        index: Candidate that was drafted, 0 (exactly B) .. steps (exactly A).
        share_seen: Share of A seen in its draft: 0 as in B's, 1 as in A's. It can be below 0 or above 1.
    """

    index: int
    share_seen: float


@dataclass(frozen=True, eq=False)
class Balance:
    """Result of the balance finder, made by `find_balance`.

    Args:
        looks: All looks in the order in which they were made, A and B first.
        steps: Number of candidates k.
        share: Share of A that was wanted.
    """

    looks: tuple[Look, ...]
    steps: int
    share: float

    @property
    def index(self) -> int:
        """Chosen candidate, 1..steps: of those looked at, the one whose share seen is nearest to the wanted one."""
        return self._taken.index

    @property
    def weight(self) -> float:
        """Share of A in the chosen candidate's embedding, index / steps."""
        return self.index / self.steps

    @property
    def share_seen(self) -> float:
        """Share of A seen in the chosen candidate's draft."""
        return self._taken.share_seen

    @property
    def is_monotone(self) -> bool:
        """Whether every look with more of A in its embedding shows more of A."""
        return all(low.share_seen < high.share_seen for low, high in itertools.pairwise(self._by_index))

    @cached_property
    def curve(self) -> Tensor:
        """Share of A seen in each candidate, float64 ``[steps]``, on a smooth curve through the looks.

        The curve (PCHIP) rises wherever the looks rise, and goes through each of them.
        """
        indices = torch.arange(1, self.steps + 1, dtype=torch.float64)
        return torch.from_numpy(self._curve(indices.numpy()))

    @cached_property
    def continuous_weight(self) -> float:
        """Share of A in [0, 1], without steps, at which the curve has the wanted share; nearest to the chosen one."""
        crossings = self._curve.solve(self.share, extrapolate=False)
        found = [float(at) for at in crossings if math.isfinite(at)]
        return min(found, key=lambda at: abs(at - self.index), default=float(self.index)) / self.steps

    def choice(
        self,
        *,
        index: int | None = None,
        pictures: Mapping[int, Tensor] | None = None,
        remarks: Sequence[str] = (),
        name_a: str = "A",
        name_b: str = "B",
    ) -> Choice:
        """Return the result in the form that every finder shares, to be shown, saved or drawn.

        Args:
            index: Candidate picked by hand, 1..steps; None for the finder's own.
            pictures: Pictures of drafts by their candidates, float32 ``[h, w, 3]`` in 0..1.
            remarks: Remarks to put before the finder's own.
            name_a: Text of prompt A.
            name_b: Text of prompt B.

        Raises:
            RichSpaceError: If `index` is not one of the candidates.
        """
        shown = pictures or {}
        own = () if self.is_monotone else ("the share seen does not rise with every candidate: look at the drafts",)
        return Choice(
            index=self.index if index is None else index,
            best=self.index,
            optimum=self.continuous_weight,
            curves=(Curve(SHARE_SEEN, self.curve, is_share=True),),
            measured=tuple(Measurement(each.index, each.share_seen, shown.get(each.index)) for each in self._by_index),
            wanted=self.share,
            remarks=(*remarks, *own),
            name_a=name_a,
            name_b=name_b,
        )

    @property
    def _taken(self) -> Look:
        between = [look for look in self.looks if 0 < look.index < self.steps]
        # With a single candidate there is nothing between A and B.
        return min(between, key=lambda look: abs(look.share_seen - self.share), default=self.looks[0])

    @property
    def _by_index(self) -> list[Look]:
        return sorted(self.looks, key=lambda look: look.index)

    @cached_property
    def _curve(self) -> Any:
        from scipy.interpolate import PchipInterpolator

        looks = self._by_index
        return PchipInterpolator([look.index for look in looks], [look.share_seen for look in looks])


def find_balance(
    draft: Draft, *, share: float = 0.5, steps: int = 30, looks: int = 3, first_look: int | None = None
) -> Balance:
    """Find the candidate between two prompts in which a wanted share of A is seen.

    The candidates are ``(i / k) A + ((k - i) / k) B``, as in the paper. The share of A seen in a candidate is the
    position of its draft between the drafts of B and A (`share_seen`).

    Each look after the first is where a straight line through the narrowest bracket around the wanted share has that
    share (regula falsi on whole candidates). The search ends early if the share is met within half a candidate. Of the
    candidates looked at, the one nearest to the wanted share wins; of equally near ones, the first.

    Args:
        draft: Function that makes the draft of a candidate, 0 (exactly B) .. steps (exactly A), from the same noise:
            finite, of one shape for all. It is called once for A, once for B, and once for each look.
        share: Share of A to be seen, above 0 and below 1.
        steps: Number of candidates k, at least 1.
        looks: Largest number of looks in addition to the drafts of A and B, at least 1.
        first_look: Candidate to look at first, 1..steps, such as another finder's; None for the middle one.

    Returns:
        The chosen candidate, the looks, the curve through them, and the continuous weight.

    Raises:
        RichSpaceError: If an argument is out of range, or drafts are equal, not finite, or of other shapes.

    Example:
        >>> a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
        >>> found = find_balance(lambda i: torch.lerp(b, a, (i / 30) ** 2), share=0.5)
        >>> found.index, [look.index for look in found.looks]
        (21, [30, 0, 15, 20, 21])
    """
    _require_settings(share, steps, looks, first_look)
    line = _LineOfDrafts.through(draft(steps), draft(0))
    made = [Look(steps, 1.0), Look(0, 0.0)]
    for _ in range(looks):
        if (index := _next_index(made, share, steps, first_look)) is None:
            break
        made.append(Look(index, line.share_seen(f"candidate {index}", draft(index))))
    return Balance(tuple(made), steps, share)


def share_seen(draft: Tensor, a: Tensor, b: Tensor) -> float:
    """Return the share of A seen in a draft x: its position between the drafts of B (0) and A (1).

    ``1 - <x - x(A), x(B) - x(A)> / |x(B) - x(A)|^2``, for a draft of anything.

    Args:
        draft: Draft to place, of any shape, dtype and device; finite.
        a: Draft of A, of the same shape and from the same noise.
        b: Draft of B, of the same shape and from the same noise.

    Returns:
        The share. It is below 0 beyond B and above 1 beyond A.

    Raises:
        RichSpaceError: If the drafts of A and B are equal, or a draft is not finite or of another shape.

    Example:
        >>> share_seen(torch.tensor([4.0, 9.0]), a=torch.tensor([5.0, 0.0]), b=torch.tensor([1.0, 0.0]))
        0.75
    """
    return _LineOfDrafts.through(a, b).share_seen("the mixture", draft)


def _require_settings(share: float, steps: int, looks: int, first_look: int | None) -> None:
    """Raise a RichSpaceError unless all settings of a search are in range."""
    require_steps(steps)
    require_share(share)
    require_looks(looks)
    if first_look is not None:
        require_first_look(first_look, steps)


def require_share(share: float) -> None:
    """Raise a RichSpaceError unless `share` is a number above 0 and below 1."""
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share < 1:
        raise RichSpaceError(
            "share", expected="a number above 0 and below 1", got=repr(share), hint="0.5 shows as much of A as of B."
        )


def require_first_look(first_look: int, steps: int) -> None:
    """Raise a RichSpaceError unless `first_look` is one of the candidates 1..steps."""
    try:
        require_index(first_look, steps)
    except RichSpaceError as error:
        raise error.renamed({"index": "first_look"}) from error


def require_looks(looks: int) -> None:
    """Raise a RichSpaceError unless `looks` is an integer of at least 1."""
    if isinstance(looks, bool) or not isinstance(looks, int) or looks < 1:
        raise RichSpaceError("looks", expected="an integer >= 1", got=repr(looks), hint="3 is usual.")


@dataclass(frozen=True, eq=False)
class _LineOfDrafts:
    """Line from A's draft to B's, on which the other drafts are placed; float64 on the CPU."""

    a: Tensor
    direction: Tensor

    @classmethod
    def through(cls, a: Tensor, b: Tensor) -> Self:
        a = _read_draft("A", a)
        b = _read_draft("B", b, like=a)
        direction = b - a
        if float(direction.norm()) <= _LEAST_DIFFERENCE * max(float(a.norm()), float(b.norm())):
            raise RichSpaceError(
                "A, B",
                expected="prompts whose drafts differ",
                got="the same draft twice",
                hint="These prompts give the same video with this seed. Change one of them, or the seed.",
            )
        return cls(a, direction)

    def share_seen(self, name: str, draft: Tensor) -> float:
        offset = _read_draft(name, draft, like=self.a) - self.a
        return 1 - float((offset * self.direction).sum() / self.direction.square().sum())


def _read_draft(name: str, draft: Tensor, *, like: Tensor | None = None) -> Tensor:
    """Return a draft in float64 on the CPU, where sums over millions of numbers lose nothing."""
    if not isinstance(draft, Tensor) or not draft.numel():
        got = "an empty tensor" if isinstance(draft, Tensor) else f"a {type(draft).__name__}"
        raise RichSpaceError(f"draft of {name}", expected="a tensor with values", got=got)
    if like is not None and draft.shape != like.shape:
        raise RichSpaceError(
            f"draft of {name}", expected=f"the shape of A's draft, {list(like.shape)}", got=str(list(draft.shape))
        )
    values = draft.detach().to("cpu").to(torch.float64)
    if not torch.isfinite(values).all():
        raise RichSpaceError(
            f"draft of {name}",
            expected="finite values",
            got="NaN or infinity",
            hint="Check the sampler settings, or use a wider number type for the model.",
        )
    return values


def _next_index(made: Sequence[Look], share: float, steps: int, first_look: int | None) -> int | None:
    """Return the candidate to look at next, or None if another look cannot help."""
    if steps == 1:
        return None
    if len(made) == 2:  # A and B
        return min(first_look or steps // 2, steps - 1)
    low, high = _bracket(made, share)
    if high.index - low.index < 2:
        return None
    crossing = low.index + (share - low.share_seen) / (high.share_seen - low.share_seen) * (high.index - low.index)
    index = min(max(round(crossing), low.index + 1), high.index - 1)
    met = [look for look in (low, high) if 0 < look.index < steps and abs(crossing - look.index) <= 1 / 2]
    return None if met else index


def _bracket(made: Sequence[Look], share: float) -> tuple[Look, Look]:
    """Return the narrowest pair of neighboring looks between which the wanted share is passed upward."""
    pairs = itertools.pairwise(sorted(made, key=lambda look: look.index))
    around = [(low, high) for low, high in pairs if low.share_seen <= share < high.share_seen]
    return min(around, key=lambda pair: pair[1].index - pair[0].index)
