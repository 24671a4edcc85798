"""What a clip of the little world shows, measured from its pixels: no learned judge, NumPy and SciPy alone.

`measure` turns a clip into a few numbers; `Prototypes` names what they mean, by what the same numbers are for the
world's own clips, and says where on the way from one feature to another of its kind a clip lies.

**The rule for a mixture**, settled before the model existed. On the line from feature A's prototype to B's a clip has a
coordinate t, 0 at A and 1 at B, and a distance from that line in units of the distance from A to B. *Both features are
there* if t is within 0.25..0.75 and that distance is at most 0.4. The limit is what the world itself suggests: the
world's other pure features either lie further off (dots on the line from stripes to checks: 0.45; a circle on the line
from triangle to star: 0.51) or outside those coordinates, while blends, unions and intersections of two outlines and
blends and unions of two patterns lie within 0.38. Hues have a circle and no line: t runs along the shorter arc, and
nothing is off it; of two hues side by side it takes the mean direction, which for hues far apart soon leans to the one
with more pixels. What the rule does not see: an outline whose left half is one shape's and whose right half is
another's lies 0.5 off the line, as far as a third shape, and does not count.

A model's autoencoder blurs what is fine and moves: after it, pure checks would lie a third of the way to plain, and
count as a mixture. So for a model's clips the two prototypes are to be those of the world's clips *after its
autoencoder*, in the very scene that is asked for (`Prototypes.measured`; `benchmarks/evaluate_finder.py` does so). This was
settled when the autoencoder was trained and the denoiser was not.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, reduce

import numpy as np
import world
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, generate_binary_structure, map_coordinates

Array = NDArray[np.float64]

#: The fields of a scene that can be told from a clip.
KINDS = ("hue", "shape", "pattern", "motion")

ANGLES = 48  # of the outline's profile, clockwise from the right
BOTH = (0.25, 0.75)  # coordinates at which two features are both there
OFF_LINE = 0.4  # how far off the line, at most
MIN_TRAVEL = 4.0  # pixels, below which nothing moves; the world's objects make about three times as many

_GREYEST = 0.1  # distance from the ground, per channel, that is still ground ...
_CLEAREST = 0.5  # ... and from which on it is all object; the world's own tones are 0.64 and more away
_AREAS = 0.015, 0.5  # of the picture: less is no object, and more is none of the world's
_MIN_CHROMA = 0.05  # of the mean colour, below which it is grey and has no hue
_RADII = np.arange(0.25, 40.0, 0.5)  # pixels along a ray
_WAVES = np.array([(1, 0), (0, 1), (1, 1), (1, -1)])  # along x, along y and along both diagonals
_MARGIN = 2  # pixels by which the outline is kept out of the pattern
_NEIGHBORS = generate_binary_structure(2, 1)[None]  # of a pixel in its own frame, [1, 3, 3]
_FEWEST = 40  # pixels of one frame that show a pattern


@dataclass(frozen=True, eq=False)
class Measurement:
    """What was measured of a clip's object, over the frames that show it.

    Args:
        area: Mean number of pixels that it covers.
        hue: Degrees, as in HSV: the direction of its mean colour, which is its pixels' circular mean by chroma.
        chroma: Length of that mean colour, 0 (grey) to 1.
        outline: Distance from its centroid to its edge in `ANGLES` directions, divided by their mean, ``[ANGLES]``.
        pattern: Amplitude of its brightness's waves at the world's period along x, y and both diagonals, ``[4]``.
        travel: Pixels that its centroid moves from the first to the last frame, right and down, ``[2]``.
    """

    area: float
    hue: float
    chroma: float
    outline: Array
    pattern: Array
    travel: Array


@dataclass(frozen=True)
class Coordinate:
    """Where a clip lies between two features of one kind.

    Args:
        t: 0 at A, 1 at B; beyond them, too.
        off: Distance from the line through A and B, divided by the distance from A to B.
    """

    t: float
    off: float

    @property
    def both(self) -> bool:
        """Whether both features are there."""
        return BOTH[0] <= self.t <= BOTH[1] and self.off <= OFF_LINE


def measure(clip: NDArray[np.floating]) -> Measurement | None:
    """Measure a clip's object.

    Args:
        clip: ``[t, h, w, 3]`` in 0..1, on the world's ground.

    Returns:
        The measurements, or None if more than half of the frames show no object of a sensible size.
    """
    frames: Array = np.asarray(clip, dtype=np.float64)
    covered = coverage(frames)  # [t, h, w]
    shares = covered.mean(axis=(1, 2))
    seen = (shares >= _AREAS[0]) & (shares <= _AREAS[1])  # [t]
    if 2 * seen.sum() <= len(frames):
        return None
    times = np.flatnonzero(seen) / max(len(frames) - 1, 1)
    frames, covered = frames[seen], covered[seen]
    centres = _centroids(covered)
    hue, chroma = _mean_hue(frames, covered)
    return Measurement(
        area=float(covered.sum(axis=(1, 2)).mean()),
        hue=hue,
        chroma=chroma,
        outline=_outline(covered, centres),
        pattern=_pattern(frames, covered),
        travel=np.polyfit(times, centres, 1)[0],
    )


def coverage(clip: Array) -> Array:
    """How far each pixel is the object's and not the ground's: by its channels' largest distance from the grey.

    Args:
        clip: ``[t, h, w, 3]`` in 0..1.

    Returns:
        0..1, ``[t, h, w]``.
    """
    distance = _largest_channel(np.abs(clip - world.GROUND))
    return np.clip((distance - _GREYEST) / (_CLEAREST - _GREYEST), 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Prototypes:
    """What features measure. `prototypes` makes those of the world's own clips.

    Args:
        outlines: Of each shape, ``[ANGLES]``.
        patterns: Of each pattern, ``[4]``.
    """

    outlines: Mapping[str, Array]
    patterns: Mapping[str, Array]

    @classmethod
    def measured(cls, clips: Iterable[tuple[world.Scene, NDArray[np.floating]]]) -> Prototypes:
        """Means over clips of which it is known what they show.

        Raises:
            ValueError: If nothing is found in one of them.
        """
        outlines: dict[str, list[Array]] = {}
        patterns: dict[str, list[Array]] = {}
        for scene, clip in clips:
            found = measure(clip)
            if found is None:
                raise ValueError(f"nothing was found in a clip of {scene.prompt}")
            outlines.setdefault(scene.shape, []).append(found.outline)
            patterns.setdefault(scene.pattern, []).append(found.pattern)
        return cls(_means(outlines), _means(patterns))

    def names(self, found: Measurement | None) -> dict[str, str | None]:
        """The nearest feature of each of `KINDS`.

        A grey object has no hue (all others are within 15 degrees of one), one that moves less than `MIN_TRAVEL` no
        motion (all others are within 45 degrees of one), and where nothing was found there is nothing at all.
        """
        if found is None:
            return dict.fromkeys(KINDS)
        coloured = found.chroma >= _MIN_CHROMA
        moving = np.hypot(*found.travel) >= MIN_TRAVEL
        return {
            "hue": min(world.HUES, key=lambda name: abs(_turn(found.hue - world.HUES[name]))) if coloured else None,
            "shape": _nearest(found.outline, self.outlines),
            "pattern": _nearest(found.pattern, self.patterns),
            "motion": max(world.MOTIONS, key=lambda name: world.MOTIONS[name] @ found.travel) if moving else None,
        }

    def between(self, found: Measurement | None, kind: str, a: str, b: str) -> Coordinate | None:
        """Where a clip lies between two features.

        Args:
            found: What was measured of it.
            kind: "hue", "shape" or "pattern".
            a: The first feature's name.
            b: The second's.

        Returns:
            The coordinate; None where nothing was found, and for a hue where all is grey.
        """
        if found is None:
            return None
        if kind == "hue":
            return _on_arc(found.hue, world.HUES[a], world.HUES[b]) if found.chroma >= _MIN_CHROMA else None
        if kind == "shape":
            return _on_line(found.outline, self.outlines[a], self.outlines[b])
        return _on_line(found.pattern, self.patterns[a], self.patterns[b])


@cache
def prototypes(seed: int = 0, renders: int = 2) -> Prototypes:
    """The prototypes of the world's own clips of every shape, pattern and size.

    Args:
        seed: Chooses the clips' hues, exact sizes and places.
        renders: Clips of each.
    """
    random = np.random.default_rng(seed)
    combinations = itertools.product(world.SHAPES, world.PATTERNS, world.SIZES, range(renders))
    scenes = [
        world.Scene.draw(random).but(shape=shape, pattern=pattern, size=size)
        for shape, pattern, size, _ in combinations
    ]
    return Prototypes.measured((scene, world.render(scene, random)) for scene in scenes)


def _means(groups: Mapping[str, list[Array]]) -> dict[str, Array]:
    return {name: np.mean(group, axis=0) for name, group in groups.items()}


def _largest_channel(colours: Array) -> Array:
    """``colours.max(axis=-1)``, five times as fast for an axis that short."""
    largest: Array = reduce(np.maximum, np.moveaxis(colours, -1, 0))
    return largest


def _centroids(covered: Array) -> Array:
    """Centre of the covered pixels of every frame: right and down, ``[t, 2]``."""
    weights = covered / covered.sum(axis=(1, 2), keepdims=True)
    x, y = np.arange(covered.shape[2]), np.arange(covered.shape[1])
    return np.stack([(weights.sum(axis=1) * x).sum(axis=1), (weights.sum(axis=2) * y).sum(axis=1)], axis=1)


def _mean_hue(clip: Array, covered: Array) -> tuple[float, float]:
    """Hue in degrees and chroma of the object's mean colour.

    A colour is the vector whose length is its chroma, ``max(R, G, B) - min(R, G, B)``, and whose angle is that of
    ``(R - (G + B) / 2, sqrt(3) / 2 (G - B))``: its hue in HSV, exactly so at the world's hues.
    """
    red, green, blue = np.moveaxis(clip, -1, 0)
    angles = np.arctan2(math.sqrt(3) / 2 * (green - blue), red - (green + blue) / 2)
    weights = covered * (_largest_channel(clip) + _largest_channel(-clip)) / covered.sum()
    along, across = (weights * np.cos(angles)).sum(), (weights * np.sin(angles)).sum()
    return math.degrees(math.atan2(across, along)) % 360, math.hypot(along, across)


def _outline(covered: Array, centres: Array) -> Array:
    """Radial profile ``r(angle) / mean r``, the frames' mean, ``[ANGLES]``; r is the coverage summed along a ray."""
    angles = 2 * math.pi / ANGLES * np.arange(ANGLES)
    x = centres[:, 0, None, None] + np.cos(angles)[:, None] * _RADII  # [t, a, r]
    y = centres[:, 1, None, None] + np.sin(angles)[:, None] * _RADII
    radii = _sample(covered, x, y).sum(axis=2)  # [t, a]
    profile: Array = (radii / radii.mean(axis=1, keepdims=True)).mean(axis=0)
    return profile


def _sample(frames: Array, x: Array, y: Array) -> Array:
    """Interpolate linearly between the pixels of each frame; beyond the picture all is 0. Shapes ``[t, ...]``."""
    sampled = [
        map_coordinates(frame, [rows, columns], order=1, mode="grid-constant")
        for frame, rows, columns in zip(frames, y, x, strict=True)
    ]
    return np.stack(sampled)


def _pattern(clip: Array, covered: Array) -> Array:
    """Amplitudes of the brightness's waves (``max(R, G, B)``) inside the object, the frames' mean, ``[4]``.

    All four waves and a constant are fitted at once by least squares, so that an object that is no whole number of
    periods wide does not take one wave for another. An object too thin to show a pattern is plain.
    """
    inside = binary_erosion(covered > 0.5, _NEIGHBORS, iterations=_MARGIN)
    brightness = _largest_channel(clip)
    amplitudes = [
        _amplitudes(light[mask], np.argwhere(mask)[:, ::-1])
        for light, mask in zip(brightness, inside, strict=True)
        if mask.sum() >= _FEWEST
    ]
    return np.mean(amplitudes, axis=0) if amplitudes else np.zeros(len(_WAVES))


def _amplitudes(values: Array, places: NDArray[np.int64]) -> Array:
    """Amplitudes, whatever their phases, of the waves fitted to values ``[n]`` at places ``[n, 2]`` (right, down)."""
    phases = 2 * math.pi / world.PERIOD * places @ _WAVES.T  # [n, 4]
    parts = np.concatenate([np.cos(phases), np.sin(phases), np.ones((len(values), 1))], axis=1)
    fitted = np.linalg.lstsq(parts, values, rcond=None)[0]
    waves = len(_WAVES)
    amplitudes: Array = np.hypot(fitted[:waves], fitted[waves : 2 * waves])
    return amplitudes


def _nearest(value: Array, candidates: Mapping[str, Array]) -> str:
    return min(candidates, key=lambda name: float(np.linalg.norm(value - candidates[name])))


def _on_line(value: Array, a: Array, b: Array) -> Coordinate:
    way = b - a
    t = float((value - a) @ way / (way @ way))
    return Coordinate(t, float(np.linalg.norm(value - a - t * way) / np.linalg.norm(way)))


def _on_arc(hue: float, a: float, b: float) -> Coordinate:
    """Along the shorter arc, counted from its middle, so that the far side is as far from one end as from the other."""
    arc = _turn(b - a)
    return Coordinate(0.5 + _turn(hue - a - arc / 2) / arc, 0.0)


def _turn(degrees: float) -> float:
    """The same direction within -180..180."""
    return (degrees + 180) % 360 - 180
