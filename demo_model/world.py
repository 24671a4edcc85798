"""The little world that the bundled demo model knows: one patterned, coloured shape that moves across a plain ground.

A `Scene` says what is seen, `render` draws it as a clip, `describe` writes one of the many sentences that mean it.
The model is trained on nothing else. What is *held out*: no sentence ever names two hues, two patterns or two shapes,
and no clip ever shows such an object. Mixing them is what the node pack is about, so the model must not know it.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

SIDE = 64  # pixels, both ways
FRAMES = 9

#: Hues in degrees, as in HSV; thirty degrees apart, so that each has a name of its own.
HUES = {
    "red": 0, "orange": 30, "yellow": 60, "lime": 90, "green": 120, "mint": 150,
    "cyan": 180, "azure": 210, "blue": 240, "violet": 270, "magenta": 300, "pink": 330,
}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "star")
#: Adjective of each pattern and the noun that means the same: "a striped circle", "a circle with stripes".
PATTERNS = {"plain": "", "striped": "stripes", "dotted": "dots", "checked": "checks"}
#: Direction of each motion in pixels to the right and down.
MOTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
#: Radius in pixels of a circle of each size; the other shapes cover about as much.
SIZES = {"small": (11.0, 12.0), "large": (15.0, 16.5)}

#: Every word and sign of `describe`, and the only ones that the model's tokenizer knows.
VOCABULARY = (
    *("a", "an", "the", "with", "and", "moves", "goes", ",", "."),
    *MOTIONS, *SIZES, *PATTERNS, *filter(None, PATTERNS.values()), *HUES, *SHAPES,
)  # fmt: skip

GROUND = 0.94  # grey level of the ground
SATURATION, BRIGHT, DARK = 0.85, 0.95, 0.3  # of the object's two tones, as in HSV
PERIOD = 10.0  # pixels from one stripe, dot or pair of checks to the next
TRAVEL = 12.0  # pixels from the first frame to the last
WANDER = 2.0  # pixels by which the middle of a path may miss the picture's, both ways

Clip = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """What a clip shows. Every field is a word of the vocabulary."""

    shape: str
    hue: str
    pattern: str
    size: str
    motion: str

    @classmethod
    def draw(cls, random: Generator) -> Scene:
        """Any scene: two of five are plain, everything else is equally likely."""
        patterns = list(PATTERNS)
        weights = [0.4 if name == "plain" else 0.6 / (len(patterns) - 1) for name in patterns]
        return cls(
            shape=_one_of(SHAPES, random),
            hue=_one_of(HUES, random),
            pattern=str(random.choice(patterns, p=weights)),
            size=_one_of(SIZES, random),
            motion=_one_of(MOTIONS, random),
        )

    def but(self, **changes: str) -> Scene:
        """The same scene with some words replaced."""
        return replace(self, **changes)

    @property
    def prompt(self) -> str:
        """The plainest sentence that says everything: "a large striped red circle moves right"."""
        return f"a {self.size} {self.pattern} {self.hue} {self.shape} moves {self.motion}"


def render(scene: Scene, random: Generator, *, steady: bool = False) -> Clip:
    """Draw a scene.

    Args:
        scene: What to show.
        random: Chooses the exact size, place and length of way.
        steady: Whether only the size is left to chance: the way's middle is the picture's, and its length exact.

    Returns:
        float32 ``[FRAMES, SIDE, SIDE, 3]`` in 0..1.
    """
    radius = random.uniform(*SIZES[scene.size])
    direction = np.array(MOTIONS[scene.motion])
    off, stretch = (np.zeros(2), 1.0) if steady else (random.uniform(-WANDER, WANDER, size=2), random.uniform(0.9, 1.1))
    middle = SIDE / 2 - 0.5 + off
    way = np.linspace(-0.5, 0.5, FRAMES) * TRAVEL * stretch
    centres = middle + way[:, None] * direction  # [t, 2]
    pixels = np.arange(SIDE)
    x = pixels[None, None, :] - centres[:, 0, None, None]  # [t, 1, w], pixels right of the object's centre
    y = pixels[None, :, None] - centres[:, 1, None, None]  # [t, h, 1], pixels below it
    inside = np.clip(0.5 - _distance(scene.shape, x, y, radius), 0, 1)[..., None]  # [t, h, w, 1]
    dark = np.broadcast_to(_darkness(scene.pattern, x, y), inside.shape[:-1])[..., None]
    tones = np.array([hsv_to_rgb(HUES[scene.hue], SATURATION, value) for value in (BRIGHT, DARK)])
    surface = tones[0] + dark * (tones[1] - tones[0])
    return np.asarray(GROUND + inside * (surface - GROUND), dtype=np.float32)


def describe(scene: Scene, random: Generator) -> str:
    """Write one of the sentences that mean a scene.

    A pattern that is not named is plain. Size, motion and hue are sometimes left open. "and" joins words of two kinds
    ("a striped and red circle"), never two of one kind.
    """
    adjectives = [scene.size] if random.random() < 0.5 else []
    noun = scene.shape
    if scene.pattern != "plain" and random.random() < 0.3:
        noun += f" with {PATTERNS[scene.pattern]}"
    elif scene.pattern != "plain" or random.random() < 0.4:
        adjectives.append(scene.pattern)
    if random.random() < 0.95:
        adjectives.append(scene.hue)
    article = "the" if random.random() < 0.25 else "a"
    sentence = f"{article} {_joined(adjectives, random)} {noun}".replace("  ", " ")
    sentence = sentence.replace("a orange", "an orange").replace("a azure", "an azure")
    if random.random() < 0.93:
        sentence += f" {'goes' if random.random() < 0.2 else 'moves'} {scene.motion}"
    return sentence + ("." if random.random() < 0.25 else "")


def hsv_to_rgb(hue: float, saturation: float, value: float) -> NDArray[np.float64]:
    """Convert one colour; the hue in degrees, the rest and the result ``[3]`` in 0..1."""
    return np.array(colorsys.hsv_to_rgb(hue / 360, saturation, value))


def _one_of(words: Any, random: Generator) -> str:
    return str(random.choice(list(words)))


def _joined(adjectives: list[str], random: Generator) -> str:
    """Adjectives in a row, or in any order with commas and "and"."""
    manner = random.random()
    if len(adjectives) < 2 or manner < 0.7:
        return " ".join(adjectives)
    adjectives = [str(word) for word in random.permutation(adjectives)]
    if manner < 0.8:
        return ", ".join(adjectives)
    return f"{', '.join(adjectives[:-1])} and {adjectives[-1]}"


def _distance(shape: str, x: Any, y: Any, radius: float) -> Any:
    """Pixels from the outline, negative inside; exact near the outline, which is where it is looked at."""
    if shape == "circle":
        return np.hypot(x, y) - radius
    if shape == "square":
        return np.maximum(abs(x), abs(y)) - 0.88 * radius
    if shape == "triangle":
        slanted = abs(x) * math.cos(math.pi / 6) - y * math.sin(math.pi / 6)
        return np.maximum(slanted, y) - 0.66 * radius
    # A star of five: every point is folded onto half a beam, whose edge runs from the tip to the notch.
    beam = 2 * math.pi / 5
    angle = np.mod(np.arctan2(x, -y) + beam / 2, beam) - beam / 2  # from the nearest tip, -36 to 36 degrees
    along, across = np.hypot(x, y) * np.cos(angle), np.hypot(x, y) * abs(np.sin(angle))
    tip = 1.4 * radius
    notch = 0.68 * radius * np.array([math.cos(beam / 2), math.sin(beam / 2)])
    edge = notch - np.array([tip, 0.0])
    return ((along - tip) * edge[1] - across * edge[0]) / math.hypot(*edge)


def _darkness(pattern: str, x: Any, y: Any) -> Any:
    """How far the surface is the dark tone, 0 to 1; the pattern moves with the object."""
    waves_x, waves_y = np.cos(2 * math.pi * x / PERIOD), np.cos(2 * math.pi * y / PERIOD)
    if pattern == "striped":
        level = 1.5 * waves_x + 0 * y
    elif pattern == "dotted":
        level = 2.0 * (waves_x + waves_y - 0.4)
    elif pattern == "checked":
        level = 2.0 * waves_x * waves_y
    else:
        return np.zeros(1, dtype=np.float32)
    return np.clip(0.5 + level, 0, 1)
