"""Choice of a candidate: what every finder returns, whatever it judges the candidates by.

A finder fills in a `Choice`; the panel in the node, the score plot, the saved embedding and the benchmark show whatever
curves and remarks it holds. Nothing here knows a particular finder, a model or a drawing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..errors import RichSpaceError
from .candidates import shares


@dataclass(frozen=True, eq=False)
class Curve:
    """One value for each candidate.

    Args:
        name: Short name for a legend, such as ``full`` or ``share seen``.
        values: float64 ``[steps]`` on the CPU; entry 0 belongs to candidate 1.
        bound: Largest absolute value that the curve can have, so that an axis needs no numbers beyond it.
        derived: Whether it follows from the other curves, so that it need not be saved with them.
    """

    name: str
    values: Tensor
    bound: float = 1.0
    derived: bool = False


@dataclass(frozen=True, eq=False)
class Choice:
    """A candidate between two prompts, and why it was taken.

    Args:
        index: Candidate taken, 1..steps; differs from `best` when it was picked by hand.
        best: Candidate that the finder recommends, 1..steps.
        optimum: Share of A in [0, 1] that the finder would take if it were not limited to the candidates.
        curves: What the finder saw, at least one curve; the first decides.
        guide: Share of A at the guide, below 0 beyond B and above 1 beyond A; None for a finder without a guide.
        remarks: What else to know about the choice, one line each; often nothing.
        name_a: Text of prompt A.
        name_b: Text of prompt B.

    Raises:
        RichSpaceError: If `index` is not one of the candidates.
    """

    index: int
    best: int
    optimum: float
    curves: tuple[Curve, ...]
    guide: float | None = None
    remarks: tuple[str, ...] = ()
    name_a: str = "A"
    name_b: str = "B"

    def __post_init__(self) -> None:
        if isinstance(self.index, bool) or not isinstance(self.index, int) or not 1 <= self.index <= self.steps:
            raise RichSpaceError(
                "index",
                expected=f"a candidate between 1 and {self.steps}",
                got=repr(self.index),
                hint="Candidates count from 1, as in the paper.",
            )

    @property
    def steps(self) -> int:
        """Number of candidates k."""
        return len(self.curves[0].values)

    @property
    def weight(self) -> float:
        """Share of A in the candidate taken, index / steps."""
        return self.index / self.steps

    @property
    def in_words(self) -> str:
        """Candidate taken, in words: ``14 of 30: 47% A, 53% B``."""
        return self.describe(self.index)

    @property
    def by_hand(self) -> str:
        """Note that the candidate was picked by hand, or an empty text."""
        return "" if self.index == self.best else f"picked by hand (the finder says {self.best})"

    @property
    def verdict(self) -> str:
        """Choice in words: ``14 of 30: 47% A, 53% B``, and whether it was picked by hand."""
        return ", ".join(filter(None, (self.in_words, self.by_hand)))

    def describe(self, index: int) -> str:
        """Return a candidate in words: ``14 of 30: 47% A, 53% B``."""
        share_a, share_b = shares(index, self.steps)
        return f"{index} of {self.steps}: {share_a} A, {share_b} B"

    def picked(self, index: int) -> Choice:
        """Return the same choice with another candidate taken by hand."""
        return replace(self, index=index)

    def as_json(self) -> dict[str, Any]:
        """Return the choice as plain JSON, for a page that draws it.

        Returns:
            steps: Number of candidates k.
            chosen: Candidate taken, 1..k.
            best: Candidate that the finder recommends, 1..k.
            choices: Each candidate in words, ``14 of 30: 47% A, 53% B``; entry 0 belongs to candidate 1.
            curves: Values by the curve's name, the curve that decides first.
            optimum: Share of A, in [0, 1], that the finder would take without steps.
            guide: Share of A at the guide: below 0 it is beyond B, above 1 beyond A; null without a guide.
            remarks: As `remarks`.
            prompts: Texts of A and B.
        """
        return {
            "steps": self.steps,
            "chosen": self.index,
            "best": self.best,
            "choices": [self.describe(index) for index in range(1, self.steps + 1)],
            "curves": {curve.name: curve.values.tolist() for curve in self.curves},
            "optimum": self.optimum,
            "guide": self.guide,
            "remarks": list(self.remarks),
            "prompts": {"A": self.name_a, "B": self.name_b},
        }
