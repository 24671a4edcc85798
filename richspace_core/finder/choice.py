"""Choice of a candidate, which every finder returns, however it judges the candidates.

A finder fills in a `Choice`. The panel in the node, the score plot and the saved embedding show the curves and remarks
that it holds. Nothing here depends on a particular finder, on a model or on drawing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..errors import RichSpaceError
from .candidates import shares
from .geometry import require_index


@dataclass(frozen=True, eq=False)
class Curve:
    """Curve with one value for each candidate.

    Args:
        name: Short name for a legend, such as ``full`` or ``share seen``.
        values: float64 ``[steps]`` on the CPU; entry 0 belongs to candidate 1.
        bound: Largest absolute value that the curve can have. An axis shows no numbers beyond it.
        derived: True if the curve follows from the others, so that it is not saved with them.
        is_share: True if the values are shares of A that are seen in the candidates. They are written as percentages.
    """

    name: str
    values: Tensor
    bound: float = 1.0
    derived: bool = False
    is_share: bool = False


@dataclass(frozen=True, eq=False)
class Measurement:
    """Place at which the first curve of a choice was measured, where the curve is not computed for every candidate.

    Args:
        index: Candidate that was measured, 0 (exactly B) .. steps (exactly A).
        value: Value of the curve there.
        picture: Small picture of what was measured, float32 ``[h, w, 3]`` in 0..1 on the CPU; None without one.
    """

    index: int
    value: float
    picture: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Choice:
    """Choice of a candidate between two prompts, with the reasons for it.

    Args:
        index: Candidate taken, 1..steps; differs from `best` when it was picked by hand.
        best: Candidate that the finder recommends, 1..steps.
        optimum: Share of A in [0, 1] that the finder would take if it were not limited to the candidates.
        curves: Curves that the finder chose by, at least one, under different names; the first decides.
        guide: Share of A at the guide, below 0 beyond B and above 1 beyond A; None for a finder without a guide.
        remarks: Remarks about the choice, one line each; often none.
        name_a: Text of prompt A.
        name_b: Text of prompt B.
        measured: Places at which the first curve was measured; none if it was computed for every candidate.
        wanted: Value of the first curve that the finder looked for; None for a finder that looks for the highest one.

    Raises:
        RichSpaceError: If `index` or `best` is not one of the candidates, or the curves do not go together.
    """

    index: int
    best: int
    optimum: float
    curves: tuple[Curve, ...]
    guide: float | None = None
    remarks: tuple[str, ...] = ()
    name_a: str = "A"
    name_b: str = "B"
    measured: tuple[Measurement, ...] = ()
    wanted: float | None = None

    def __post_init__(self) -> None:
        sizes = {curve.name: list(curve.values.shape) for curve in self.curves}
        if not self.curves or len(sizes) < len(self.curves) or any(size != [self.steps] for size in sizes.values()):
            raise RichSpaceError(
                "curves",
                expected="at least one curve, each with a name of its own and one value for each candidate",
                got=", ".join(f"{curve.name} {list(curve.values.shape)}" for curve in self.curves) or "none",
            )
        require_index(self.index, self.steps)
        try:
            require_index(self.best, self.steps)
        except RichSpaceError as error:
            raise error.renamed({"index": "best"}) from error

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
        """Remark that the candidate was picked by hand, or an empty text."""
        return "" if self.index == self.best else f"picked by hand (the finder says {self.best})"

    @property
    def verdict(self) -> str:
        """Choice in words: ``14 of 30: 47% A, 53% B``, and the remark if it was picked by hand."""
        return ", ".join(filter(None, (self.in_words, self.by_hand)))

    def describe(self, index: int) -> str:
        """Return a candidate in words: ``14 of 30: 47% A, 53% B``."""
        share_a, share_b = shares(index, self.steps)
        return f"{index} of {self.steps}: {share_a} A, {share_b} B"

    def picked(self, index: int) -> Choice:
        """Return the same choice with another candidate taken by hand."""
        return replace(self, index=index)

    def as_json(self) -> dict[str, Any]:
        """Return the choice as plain JSON, for the page that draws it.

        Returns:
            steps: Number of candidates k.
            chosen: Candidate taken, 1..k.
            best: Candidate that the finder recommends, 1..k.
            choices: Each candidate in words, ``14 of 30: 47% A, 53% B``; entry 0 belongs to candidate 1.
            curves: Values of each curve by its name; the curve that decides comes first.
            bounds: Largest absolute value that each curve can have, by its name.
            shares: Names of the curves whose values are shares of A seen, to be written as percentages.
            optimum: Share of A, in [0, 1], that the finder would take without steps.
            guide: Share of A at the guide, below 0 beyond B and above 1 beyond A; null without a guide.
            measured: Candidates at which the first curve was measured, 0..k, each with its value, without pictures.
            wanted: Value of the first curve that the finder looked for; null if it looked for the highest one.
            remarks: Remarks about the choice.
            prompts: Texts of A and B.
        """
        return {
            "steps": self.steps,
            "chosen": self.index,
            "best": self.best,
            "choices": [self.describe(index) for index in range(1, self.steps + 1)],
            "curves": {curve.name: curve.values.tolist() for curve in self.curves},
            "bounds": {curve.name: curve.bound for curve in self.curves},
            "shares": [curve.name for curve in self.curves if curve.is_share],
            "optimum": self.optimum,
            "guide": self.guide,
            "measured": [{"index": each.index, "value": each.value} for each in self.measured],
            "wanted": self.wanted,
            "remarks": list(self.remarks),
            "prompts": {"A": self.name_a, "B": self.name_b},
        }
