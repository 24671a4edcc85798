"""The small world that the bundled demo model knows: one patterned, colored shape that moves across a plain background.

A `Scene` lists the features of a clip, `render` draws the clip, and `describe` writes one of the many sentences that
describe it. The model is trained on nothing else. No sentence ever names two hues, two patterns or two shapes, and no
clip ever shows an object with two of them. The node pack mixes such features, so the model must not see
them mixed in training.
"""

from __future__ import annotations

import colorsys
import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

SIDE = 64  # height and width in pixels
FRAMES = 9

#: Hues in degrees, as in HSV. They are 30 degrees apart, so that each has a common name.
HUES = {
    "red": 0, "orange": 30, "yellow": 60, "lime": 90, "green": 120, "mint": 150,
    "cyan": 180, "azure": 210, "blue": 240, "violet": 270, "magenta": 300, "pink": 330,
}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "star")
#: The adjective for each pattern and the matching noun: "a striped circle", "a circle with stripes".
PATTERNS = {"plain": "", "striped": "stripes", "dotted": "dots", "checked": "checks"}
#: The direction of each motion: right and down.
MOTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
#: The range of a circle's radius in pixels for each size. The other shapes cover about the same area.
SIZES = {"small": (11.0, 12.0), "large": (15.0, 16.5)}

#: Every word and punctuation mark that `describe` uses. The model's tokenizer knows no others.
VOCABULARY = (
    *("a", "an", "the", "with", "and", "moves", "goes", ",", "."),
    *MOTIONS, *SIZES, *PATTERNS, *filter(None, PATTERNS.values()), *HUES, *SHAPES,
)  # fmt: skip

BACKGROUND = 0.94  # gray level
SATURATION, BRIGHT, DARK = 0.85, 0.95, 0.3  # HSV saturation, and the HSV values of the object's two tones
PERIOD = 10.0  # pixels from one stripe, dot or pair of checks to the next
TRAVEL = 12.0  # pixels that the object moves between the first and the last frame
MAX_OFFSET = 2.0  # pixels between the middle of the path and the middle of the picture, in each direction

Clip = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """The features of a clip. Every field is a word of the vocabulary."""

    shape: str
    hue: str
    pattern: str
    size: str
    motion: str

    @classmethod
    def sample(cls, random: Generator) -> Scene:
        """Sample a scene: 40% are plain, and all other features are equally likely."""
        patterns = list(PATTERNS)
        weights = [0.4 if name == "plain" else 0.6 / (len(patterns) - 1) for name in patterns]
        return cls(
            shape=_choose(SHAPES, random),
            hue=_choose(HUES, random),
            pattern=str(random.choice(patterns, p=weights)),
            size=_choose(SIZES, random),
            motion=_choose(MOTIONS, random),
        )

    def replace(self, **changes: str) -> Scene:
        """Return a copy with some words replaced."""
        return dataclasses.replace(self, **changes)

    @property
    def prompt(self) -> str:
        """The simplest sentence with all features: "a large striped red circle moves right"."""
        return f"a {self.size} {self.pattern} {self.hue} {self.shape} moves {self.motion}"


def render(scene: Scene, random: Generator, *, steady: bool = False) -> Clip:
    """Draw a scene.

    Args:
        scene: What to show.
        random: Chooses the exact size, position and path length.
        steady: Choose only the size at random. The path is centered in the picture, and its length is exact.

    Returns:
        float32 ``[FRAMES, SIDE, SIDE, 3]`` in 0..1.
    """
    radius = random.uniform(*SIZES[scene.size])
    direction = np.array(MOTIONS[scene.motion])
    offset, stretch = np.zeros(2), 1.0
    if not steady:
        offset, stretch = random.uniform(-MAX_OFFSET, MAX_OFFSET, size=2), random.uniform(0.9, 1.1)
    path = np.linspace(-0.5, 0.5, FRAMES) * TRAVEL * stretch
    centers = SIDE / 2 - 0.5 + offset + path[:, None] * direction  # [t, 2]
    pixels = np.arange(SIDE)
    x = pixels[None, None, :] - centers[:, 0, None, None]  # [t, 1, w], pixels to the right of the object's center
    y = pixels[None, :, None] - centers[:, 1, None, None]  # [t, h, 1], pixels below the center
    inside = np.clip(0.5 - compute_distance(scene.shape, x, y, radius), 0, 1)[..., None]  # [t, h, w, 1]
    dark = np.broadcast_to(compute_darkness(scene.pattern, x, y), inside.shape[:-1])[..., None]
    tones = np.array([hsv_to_rgb(HUES[scene.hue], SATURATION, value) for value in (BRIGHT, DARK)])
    surface = tones[0] + dark * (tones[1] - tones[0])
    return np.asarray(BACKGROUND + inside * (surface - BACKGROUND), dtype=np.float32)


def describe(scene: Scene, random: Generator) -> str:
    """Write one of the sentences that describe a scene.

    Plain patterns may go unnamed. Size, motion and hue are sometimes left out. "and" joins words of two kinds
    ("a striped and red circle"), never two words of one kind.
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
    sentence = f"{article} {_join(adjectives, random)} {noun}".replace("  ", " ")
    sentence = sentence.replace("a orange", "an orange").replace("a azure", "an azure")
    if random.random() < 0.93:
        sentence += f" {'goes' if random.random() < 0.2 else 'moves'} {scene.motion}"
    return sentence + ("." if random.random() < 0.25 else "")


def hsv_to_rgb(hue: float, saturation: float, value: float) -> NDArray[np.float64]:
    """Convert one color to RGB.

    Args:
        hue: In degrees.
        saturation: In 0..1.
        value: In 0..1.

    Returns:
        float64 ``[3]`` in 0..1.
    """
    return np.array(colorsys.hsv_to_rgb(hue / 360, saturation, value))


def _choose(words: Any, random: Generator) -> str:
    return str(random.choice(list(words)))


def _join(adjectives: list[str], random: Generator) -> str:
    """Join adjectives with spaces, or in random order with commas and "and"."""
    style = random.random()
    if len(adjectives) < 2 or style < 0.7:
        return " ".join(adjectives)
    adjectives = [str(word) for word in random.permutation(adjectives)]
    if style < 0.8:
        return ", ".join(adjectives)
    return f"{', '.join(adjectives[:-1])} and {adjectives[-1]}"


def compute_distance(shape: str, x: Any, y: Any, radius: float) -> Any:
    """Compute the distance from the outline in pixels, negative inside.

    It is exact near the outline; further away only its sign matters.
    """
    if shape == "circle":
        return np.hypot(x, y) - radius
    if shape == "square":
        return np.maximum(abs(x), abs(y)) - 0.88 * radius
    if shape == "triangle":
        slanted = abs(x) * math.cos(math.pi / 6) - y * math.sin(math.pi / 6)
        return np.maximum(slanted, y) - 0.66 * radius
    # Fold every point onto half of one of the star's five arms, whose edge runs from the tip to the notch.
    arm = 2 * math.pi / 5
    angle = np.mod(np.arctan2(x, -y) + arm / 2, arm) - arm / 2  # from the nearest tip, -36 to 36 degrees
    along, across = np.hypot(x, y) * np.cos(angle), np.hypot(x, y) * abs(np.sin(angle))
    tip = 1.4 * radius
    notch = 0.68 * radius * np.array([math.cos(arm / 2), math.sin(arm / 2)])
    edge = notch - np.array([tip, 0.0])
    return ((along - tip) * edge[1] - across * edge[0]) / math.hypot(*edge)


def compute_darkness(pattern: str, x: Any, y: Any) -> Any:
    """Compute the share of the dark tone, 0 to 1, at pixels relative to the object's center."""
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
