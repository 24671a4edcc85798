"""What the finder's evaluation asks for: single scenes, pairs of features that the model never saw together, arms.

Everything here follows from a seed, and nothing here looks at a model.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))
from demo_scripts import import_demo_script

world = import_demo_script("world")

STEPS = 30  # candidates of a pair, as in the paper
MIDDLE = STEPS // 2
KINDS = ("hue", "shape", "pattern")  # of pairs
SETTINGS = 2  # scenes for each pair of shapes or patterns
GAPS = (60, 90, 120, 150)  # degrees between two hues
_SINGLES, _PAIRS = range(2)  # streams of random numbers

#: What a clip of a pair is drawn from: a candidate's index, or a prompt of its own.
Source: TypeAlias = int | str
GUIDE, ONLY_B = "guide", "b"
ONLY_A = STEPS  # the last candidate is exactly A


@dataclass(frozen=True)
class Pair:
    """Two features of one kind, in a scene that is otherwise the same.

    Args:
        kind: A field of the scene.
        a: The first feature.
        b: The second.
        scene: What stays the same (and shows A).
    """

    kind: str
    a: str
    b: str
    scene: object

    @property
    def scenes(self) -> tuple:
        """The scene with A, and with B."""
        return self.scene.replace(**{self.kind: self.a}), self.scene.replace(**{self.kind: self.b})

    @property
    def prompts(self) -> tuple[str, str]:
        """Prompt A and prompt B."""
        return self._saying(self.a), self._saying(self.b)

    @property
    def guides(self) -> tuple[str, str]:
        """The mixture in words: A named first, B named first."""
        return self._saying(f"{self.a} and {self.b}"), self._saying(f"{self.b} and {self.a}")

    @property
    def name(self) -> str:
        """Short, for a file or a heading."""
        return f"{self.kind} {self.a} + {self.b}"

    def _saying(self, words: str) -> str:
        return self.scene.replace(**{self.kind: words}).prompt


def draw_scenes(count: int, seed: int) -> list:
    """Random scenes for the single prompts."""
    random = np.random.default_rng([seed, _SINGLES])
    return [world.Scene.sample(random) for _ in range(count)]


def draw_pairs(seed: int) -> list[Pair]:
    """The 36 pairs: 12 of hues, 12 of shapes, 12 of patterns; which feature is A changes from setting to setting."""
    random = np.random.default_rng([seed, _PAIRS])
    features = [("hue", a, b) for a, b in _hue_pairs(random)]
    for kind, names in (("shape", world.SHAPES), ("pattern", world.PATTERNS)):
        for number, (a, b) in enumerate(itertools.combinations(names, 2)):
            turned = [(a, b), (b, a)] if number % 2 == 0 else [(b, a), (a, b)]
            features += [(kind, *turned[setting % 2]) for setting in range(SETTINGS)]
    return [Pair(kind, a, b, world.Scene.sample(random).replace(**{kind: a})) for kind, a, b in features]


def _hue_pairs(random: np.random.Generator) -> list[tuple[str, str]]:
    """Three different pairs for each gap, the second hue to either side of the first."""
    names = {degrees: name for name, degrees in world.HUES.items()}
    pairs: list[tuple[str, str]] = []
    for gap in GAPS:
        every = [(first, (first + turn) % 360) for first in names for turn in (gap, -gap)]
        chosen: list[tuple[int, int]] = []
        for place in random.permutation(len(every)):
            if len(chosen) < len(names) // len(GAPS) and not {every[place], every[place][::-1]} & set(chosen):
                chosen.append(every[place])
        pairs += [(names[first], names[second]) for first, second in chosen]
    return pairs


def clip_seed(seed: int, number: int, repetition: int = 0) -> int:
    """The noise of a clip: the same for all arms of a pair, another for each pair and repetition."""
    return 1_000_000 * seed + 1000 * repetition + number
