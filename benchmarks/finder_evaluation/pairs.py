"""Prompts of the finder's evaluation: single scenes, and pairs of features that the model never saw together.

All of them are derived from a seed, without a model.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
from small_models.demo_scripts import import_demo_script

world = import_demo_script("world")

STEPS = 30  # candidates of a pair, as in the paper
MIDDLE = STEPS // 2
KINDS = ("hue", "shape", "pattern")  # of pairs
SCENES_PER_PAIR = 2  # for shapes and patterns
STATED = (*KINDS, "motion")  # the features of a complete prompt that can be measured in a clip
HUE_GAPS = (60, 90, 120, 150)  # degrees between two hues
_SINGLES, _PAIRS = range(2)  # random number streams

CANDIDATES, AVERAGED, SLERP = "candidates", "averaged predictions", "slerp"  # ways to mix two prompts


@dataclass(frozen=True)
class Mixed:
    """A mixture that is none of the paper's candidates.

    Args:
        way: `AVERAGED` (the denoiser predicts for both prompts in every step) or `SLERP` (of each row).
        index: The share of A is index / STEPS.
    """

    way: str
    index: int


#: What a pair's clip is sampled from: a candidate's index, the name of a prompt, or another mixture.
Source: TypeAlias = int | str | Mixed
GUIDE, ONLY_B = "guide", "b"
ONLY_A = STEPS  # the last candidate equals A


@dataclass(frozen=True)
class Pair:
    """Two features of one kind in the same scene.

    Args:
        kind: The field of the scene that differs.
        a: The first feature.
        b: The second feature.
        scene: The scene with A.
        is_open: Let the prompts name only the object and the two features, and leave the rest of the scene open.
    """

    kind: str
    a: str
    b: str
    scene: Any
    is_open: bool = False

    @property
    def scenes(self) -> tuple:
        """The scene with A, and the scene with B."""
        return self.scene.replace(**{self.kind: self.a}), self.scene.replace(**{self.kind: self.b})

    @property
    def prompts(self) -> tuple[str, str]:
        """Prompt A and prompt B."""
        return self._describe(self.a), self._describe(self.b)

    @property
    def guides(self) -> tuple[str, str]:
        """The guide prompt that names A first, and the one that names B first."""
        return self._describe(f"{self.a} and {self.b}"), self._describe(f"{self.b} and {self.a}")

    @property
    def name(self) -> str:
        """A short name for files and headings."""
        return f"{'open ' * self.is_open}{self.kind} {self.a} + {self.b}"

    @property
    def stated(self) -> tuple[str, ...]:
        """The features that both prompts state, apart from the two to mix."""
        named = ("shape",) if self.is_open else STATED
        return tuple(kind for kind in named if kind != self.kind)

    def _describe(self, words: str) -> str:
        if not self.is_open:
            prompt: str = self.scene.replace(**{self.kind: words}).prompt
            return prompt
        noun = words if self.kind == "shape" else f"{words} {self.scene.shape}"
        return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def sample_scenes(count: int, seed: int) -> list:
    """Sample random scenes for the single prompts."""
    random = np.random.default_rng([seed, _SINGLES])
    return [world.Scene.sample(random) for _ in range(count)]


def sample_pairs(seed: int) -> list[Pair]:
    """Sample the 36 pairs: 12 of hues, 12 of shapes and 12 of patterns.

    Each pair of shapes or patterns appears in two scenes, once in each order.
    """
    random = np.random.default_rng([seed, _PAIRS])
    features = [("hue", a, b) for a, b in _sample_hue_pairs(random)]
    for kind, names in (("shape", world.SHAPES), ("pattern", world.PATTERNS)):
        for number, (a, b) in enumerate(itertools.combinations(names, 2)):
            orders = [(a, b), (b, a)] if number % 2 == 0 else [(b, a), (a, b)]
            features += [(kind, *orders[scene % 2]) for scene in range(SCENES_PER_PAIR)]
    return [Pair(kind, a, b, world.Scene.sample(random).replace(**{kind: a})) for kind, a, b in features]


def leave_open(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the same pairs with open prompts, which name only the object and the two features: "a red circle"."""
    return [replace(pair, is_open=True) for pair in pairs]


def _sample_hue_pairs(random: np.random.Generator) -> list[tuple[str, str]]:
    """Sample three different pairs for each gap. The second hue can be on either side of the first."""
    names = {degrees: name for name, degrees in world.HUES.items()}
    pairs: list[tuple[str, str]] = []
    for gap in HUE_GAPS:
        options = [(first, (first + turn) % 360) for first in names for turn in (gap, -gap)]
        chosen: list[tuple[int, int]] = []
        for number in random.permutation(len(options)):
            option = options[number]
            if len(chosen) < len(names) // len(HUE_GAPS) and not {option, option[::-1]} & set(chosen):
                chosen.append(option)
        pairs += [(names[first], names[second]) for first, second in chosen]
    return pairs


def make_clip_seed(seed: int, number: int, repetition: int = 0) -> int:
    """Compute the seed of a clip's noise. It depends on the pair and the repetition, not on the arm."""
    return 1_000_000 * seed + 1000 * repetition + number
