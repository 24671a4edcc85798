"""Mixtures and numbers that the paper reports: the optimal indices of its figures, and its Table 1.

How they are read:

- Figure 2(b) is captioned tiger and horse; the text says rabbit and cat. Both are listed: tiger and horse with the
  index of Figure 5, rabbit and cat without an index.
- The index of Figure 3(b) counts on the line between the mixture of the first two prompts and the third one.
- Only the prompts of Figure 2(a) are printed as text. Those of the other figures are parts of pictures, so repeating
  the other mixtures needs prompts of one's own.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Number of candidates on each line, k.
STEPS = 30

#: Prompts A and B and the guide C of Figure 2(a).
PROMPTS_OF_FIGURE_2A = (
    "The tiger, moves gracefully through the forest, its fur flowing in the breeze.",
    "The zebra, moves gracefully through the forest, its fur flowing in the breeze.",
    "The tiger, with black and white stripes like zebra, moves gracefully through the forest, its fur flowing in the "
    "breeze.",
)


@dataclass(frozen=True)
class ReportedMixture:
    """Mixture that the paper shows.

    Args:
        parts: Names of the two or three prompts, in the paper's order.
        figure: Number of its figure; empty if it is only in Table 1 or in the text.
        index: Optimal candidate, 1..30, on the last line if there are two; None if the paper does not give it.
    """

    parts: tuple[str, ...]
    figure: str
    index: int | None

    @property
    def name(self) -> str:
        """Names joined, such as "Tiger+Zebra"."""
        return "+".join(self.parts)


@dataclass(frozen=True)
class ReportedScores:
    """Row of Table 1: subject consistency (SC) and aesthetic quality (AQ), as VBench computes them.

    Args:
        name: Name of the mixture, or "Average".
        optimum: SC and AQ of the video from the optimal embedding.
        direct: SC and AQ of the video from the guide prompt itself.
    """

    name: str
    optimum: tuple[float, float]
    direct: tuple[float, float]


def _pair(a: str, b: str, figure: str, index: int | None) -> ReportedMixture:
    return ReportedMixture((a, b), figure, index)


MIXTURES: tuple[ReportedMixture, ...] = (
    _pair("Tiger", "Zebra", "2a", 14),
    _pair("Rabbit", "Cat", "2b", None),
    _pair("Rose", "Cactus", "2c", None),
    _pair("Strawberry", "Blueberry", "3a", None),
    ReportedMixture(("Strawberry", "Blueberry", "Orange"), "3b", 10),
    ReportedMixture(("Tiger", "Zebra", "Giraffe"), "3c", None),
    _pair("Tiger", "Horse", "5", 17),
    _pair("Eggplant", "Orange", "6", 9),
    _pair("Airplane", "Horse", "7", 16),
    _pair("Airplane", "Automobile", "8", 15),
    _pair("Airplane", "Dog", "9", 14),
    _pair("Airplane", "Deer", "10", 15),
    _pair("Airplane", "Ship", "11", 17),
    _pair("Airplane", "Truck", "12", 17),
    _pair("Automobile", "Deer", "13", 15),
    _pair("Automobile", "Horse", "14", 16),
    _pair("Automobile", "Ship", "15", 15),
    _pair("Bird", "Cat", "16", 17),
    _pair("Bird", "Dog", "17", 12),
    _pair("Bird", "Deer", "18", 16),
    _pair("Elephant", "Lion", "19", 16),
    _pair("Orchid", "Starfish", "20", 15),
    _pair("Sunflower", "Starfish", "21", 20),
    _pair("Sunflower", "Snail", "22", 19),
    _pair("Sunflower", "Crab", "23", 17),
    _pair("Bird", "Horse", "24", 16),
    _pair("Butterfly", "Starfish", "25", 16),
    _pair("Cat", "Deer", "26", 15),
    _pair("Cat", "Dog", "27", 16),
    _pair("Cat", "Frog", "28", 13),
    _pair("Cat", "Horse", "29", 11),
    _pair("Otter", "Lizard", "30", 14),
    _pair("Kangaroo", "Lizard", "31", 16),
    _pair("Deer", "Dog", "32", 17),
    _pair("Dog", "Frog", "33", 16),
    _pair("Red Panda", "Rabbit", "34", 15),
)
"""All mixtures of the paper, by figure."""

TABLE_1: tuple[ReportedScores, ...] = (
    ReportedScores("Tiger+Zebra", optimum=(0.9751, 0.5472), direct=(0.9739, 0.5424)),
    # The order of this pair differs from that of Figure 2(b).
    ReportedScores("Cat+Rabbit", optimum=(0.9688, 0.4649), direct=(0.9608, 0.4821)),
    ReportedScores("Strawberry+Blueberry", optimum=(0.9920, 0.5957), direct=(0.9910, 0.7256)),
    ReportedScores("Sunflower+Snail", optimum=(0.9790, 0.4573), direct=(0.9734, 0.4575)),
    ReportedScores("Average", optimum=(0.9787, 0.5163), direct=(0.9748, 0.5519)),
)
"""Table 1."""
