"""Measurements of the small world's clips, computed from their pixels with NumPy and SciPy, without a learned model.

`measure_clip` turns a clip into a few numbers. `Prototypes` compares them with the same numbers for known features: it
names the features that a clip shows, and computes where the clip lies between two features of one kind.

**The rule for a mixture** was fixed before the model was trained. On the line from feature A's prototype to B's, a clip
has a coordinate t, which is 0 at A and 1 at B, and a distance from the line in units of the distance from A to B. *Both
features are present* if t is within 0.25..0.75 and the distance is at most 0.4. The world itself suggests this limit.
Its other pure features are further from the line (dots on the line from stripes to checks: 0.45; a circle on the line
from triangle to star: 0.51) or outside these coordinates. Blends, unions and intersections of two outlines, and blends
and unions of two patterns, are within 0.38.

Hues are on a circle, so t follows the shorter arc, and the distance from it is always 0. For an object with two hues
side by side, t is that of their mean direction. If the hues are far apart, the mean is soon closer to the hue with more
pixels. The rule misses one kind of mixture: an outline with one shape on the left half and another on the right is 0.5
off the line, as far as a third shape, and does not count.

The model's autoencoder blurs fine, moving detail. After it, pure checks would be a third of the way to plain and would
count as a mixture. For a model's clips, both prototypes should therefore be measured on the world's clips *after the
autoencoder*, in the same scene as the prompt (`Prototypes.from_clips`, as `benchmarks/evaluate_finder.py` does). This
was decided when the autoencoder was trained and the denoiser was not.
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

#: The fields of a scene that can be measured in a clip.
KINDS = ("hue", "shape", "pattern", "motion")

ANGLES = 48  # directions in which the outline is measured, clockwise from the right
MIXTURE_RANGE = (0.25, 0.75)  # coordinates at which both features are present
MAX_DISTANCE = 0.4  # from the line between the two features
MIN_TRAVEL = 4.0  # pixels; below this an object does not move. The world's objects move about three times as far.

_ALL_BACKGROUND = 0.1  # a channel's distance from the background up to which a pixel is all background ...
_ALL_OBJECT = 0.5  # ... and from which it is all object. The world's own tones are at least 0.64 away.
_AREA_RANGE = 0.015, 0.5  # shares of the picture that an object of the world can cover
_MIN_CHROMA = 0.05  # of the mean color; below this it is gray and has no hue
_RADII = np.arange(0.25, 40.0, 0.5)  # pixels along a ray
_WAVES = np.array([(1, 0), (0, 1), (1, 1), (1, -1)])  # along x, along y and along both diagonals
_MARGIN = 2  # pixels along the outline that are left out when the pattern is measured
_NEIGHBORS = generate_binary_structure(2, 1)[None]  # of a pixel within its frame, [1, 3, 3]
_MIN_PIXELS = 40  # in one frame, to measure a pattern


@dataclass(frozen=True, eq=False)
class Measurement:
    """Measurements of a clip's object over the frames that show it.

    Args:
        area: Average number of pixels that it covers.
        hue: Degrees, as in HSV: the direction of its mean color, which is the circular mean of its pixels' hues,
            weighted by their chroma.
        chroma: Length of that mean color, 0 (gray) to 1.
        outline: Distance from its centroid to its edge in `ANGLES` directions, divided by their mean, ``[ANGLES]``.
        pattern: Amplitudes of the waves of its brightness, with the world's period, along x, y and both diagonals,
            ``[4]``.
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
    """Position of a clip relative to two features of one kind.

    Args:
        t: 0 at A, 1 at B; smaller or larger beyond them.
        distance: Distance from the line through A and B, divided by the distance from A to B.
    """

    t: float
    distance: float

    @property
    def has_both(self) -> bool:
        """True if both features are present."""
        return MIXTURE_RANGE[0] <= self.t <= MIXTURE_RANGE[1] and self.distance <= MAX_DISTANCE


def measure_clip(clip: NDArray[np.floating]) -> Measurement | None:
    """Measure a clip's object.

    Args:
        clip: ``[t, h, w, 3]`` in 0..1, on the world's background.

    Returns:
        The measurements, or None if no more than half of the frames show an object of a plausible size.
    """
    frames: Array = np.asarray(clip, dtype=np.float64)
    coverage = compute_coverage(frames)  # [t, h, w]
    areas = coverage.mean(axis=(1, 2))
    visible = (areas >= _AREA_RANGE[0]) & (areas <= _AREA_RANGE[1])  # [t]
    if 2 * visible.sum() <= len(frames):
        return None
    times = np.flatnonzero(visible) / max(len(frames) - 1, 1)
    frames, coverage = frames[visible], coverage[visible]
    centers = _find_centroids(coverage)
    hue, chroma = _measure_hue(frames, coverage)
    return Measurement(
        area=float(coverage.sum(axis=(1, 2)).mean()),
        hue=hue,
        chroma=chroma,
        outline=_measure_outline(coverage, centers),
        pattern=_measure_pattern(frames, coverage),
        travel=np.polyfit(times, centers, 1)[0],
    )


def compute_coverage(clip: Array) -> Array:
    """Compute how much of each pixel belongs to the object, from the channel that differs most from the background.

    Args:
        clip: ``[t, h, w, 3]`` in 0..1.

    Returns:
        0..1, ``[t, h, w]``.
    """
    difference = _max_channel(np.abs(clip - world.BACKGROUND))
    return np.clip((difference - _ALL_BACKGROUND) / (_ALL_OBJECT - _ALL_BACKGROUND), 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Prototypes:
    """Measurements of known features.

    Args:
        outlines: One for each shape, ``[ANGLES]``.
        patterns: One for each pattern, ``[4]``.
    """

    outlines: Mapping[str, Array]
    patterns: Mapping[str, Array]

    @classmethod
    def from_clips(cls, clips: Iterable[tuple[world.Scene, NDArray[np.floating]]]) -> Prototypes:
        """Average the measurements of clips with known features.

        Raises:
            ValueError: If a clip shows no object.
        """
        outlines: dict[str, list[Array]] = {}
        patterns: dict[str, list[Array]] = {}
        for scene, clip in clips:
            measurement = measure_clip(clip)
            if measurement is None:
                raise ValueError(f"No object was found in a clip of {scene.prompt!r}.")
            outlines.setdefault(scene.shape, []).append(measurement.outline)
            patterns.setdefault(scene.pattern, []).append(measurement.pattern)
        return cls(_average_each(outlines), _average_each(patterns))

    def name_features(self, measurement: Measurement | None) -> dict[str, str | None]:
        """Return the nearest feature of each of `KINDS`.

        A gray object has no hue; any other is within 15 degrees of one. An object that moves less than `MIN_TRAVEL` has
        no motion; any other is within 45 degrees of one. Without a measurement, every kind is None.
        """
        if measurement is None:
            return dict.fromkeys(KINDS)
        has_hue = measurement.chroma >= _MIN_CHROMA
        is_moving = np.hypot(*measurement.travel) >= MIN_TRAVEL
        return {
            "hue": _find_hue(measurement.hue) if has_hue else None,
            "shape": _find_nearest(measurement.outline, self.outlines),
            "pattern": _find_nearest(measurement.pattern, self.patterns),
            "motion": _find_motion(measurement.travel) if is_moving else None,
        }

    def locate(self, measurement: Measurement | None, kind: str, a: str, b: str) -> Coordinate | None:
        """Compute where a clip lies between two features.

        Args:
            measurement: The clip's measurements.
            kind: "hue", "shape" or "pattern".
            a: Name of the first feature.
            b: Name of the second feature.

        Returns:
            The coordinate. It is None without a measurement, and for the hue of a gray object.
        """
        if measurement is None:
            return None
        if kind == "hue":
            has_hue = measurement.chroma >= _MIN_CHROMA
            return _locate_on_arc(measurement.hue, world.HUES[a], world.HUES[b]) if has_hue else None
        if kind == "shape":
            return _locate_on_line(measurement.outline, self.outlines[a], self.outlines[b])
        return _locate_on_line(measurement.pattern, self.patterns[a], self.patterns[b])


@cache
def make_prototypes(seed: int = 0, renders: int = 2) -> Prototypes:
    """Render and measure the prototypes of every shape and pattern, in every size.

    Args:
        seed: Seed of the clips' hues, exact sizes and positions.
        renders: Number of clips for each combination.
    """
    random = np.random.default_rng(seed)
    combinations = itertools.product(world.SHAPES, world.PATTERNS, world.SIZES, range(renders))
    scenes = [
        world.Scene.sample(random).replace(shape=shape, pattern=pattern, size=size)
        for shape, pattern, size, _ in combinations
    ]
    return Prototypes.from_clips((scene, world.render(scene, random)) for scene in scenes)


def _average_each(groups: Mapping[str, list[Array]]) -> dict[str, Array]:
    return {name: np.mean(group, axis=0) for name, group in groups.items()}


def _max_channel(colors: Array) -> Array:
    """Compute ``colors.max(axis=-1)``, five times as fast for an axis this short."""
    largest: Array = reduce(np.maximum, np.moveaxis(colors, -1, 0))
    return largest


def _find_centroids(coverage: Array) -> Array:
    """Compute the center of the covered pixels in each frame: right and down, ``[t, 2]``."""
    weights = coverage / coverage.sum(axis=(1, 2), keepdims=True)
    x, y = np.arange(coverage.shape[2]), np.arange(coverage.shape[1])
    return np.stack([(weights.sum(axis=1) * x).sum(axis=1), (weights.sum(axis=2) * y).sum(axis=1)], axis=1)


def _measure_hue(clip: Array, coverage: Array) -> tuple[float, float]:
    """Compute the hue in degrees and the chroma of the object's mean color.

    A color is a vector. Its length is the chroma, ``max(R, G, B) - min(R, G, B)``, and its angle is that of
    ``(R - (G + B) / 2, sqrt(3) / 2 (G - B))``. The angle is the HSV hue, exactly so at the world's hues.
    """
    red, green, blue = np.moveaxis(clip, -1, 0)
    angles = np.arctan2(math.sqrt(3) / 2 * (green - blue), red - (green + blue) / 2)
    weights = coverage * (_max_channel(clip) + _max_channel(-clip)) / coverage.sum()
    along, across = (weights * np.cos(angles)).sum(), (weights * np.sin(angles)).sum()
    return math.degrees(math.atan2(across, along)) % 360, math.hypot(along, across)


def _measure_outline(coverage: Array, centers: Array) -> Array:
    """Compute the radial profile ``r(angle) / mean r``, averaged over the frames, ``[ANGLES]``.

    r is the coverage summed along a ray from the center.
    """
    angles = 2 * math.pi / ANGLES * np.arange(ANGLES)
    x = centers[:, 0, None, None] + np.cos(angles)[:, None] * _RADII  # [t, a, r]
    y = centers[:, 1, None, None] + np.sin(angles)[:, None] * _RADII
    radii = _sample(coverage, x, y).sum(axis=2)  # [t, a]
    profile: Array = (radii / radii.mean(axis=1, keepdims=True)).mean(axis=0)
    return profile


def _sample(frames: Array, x: Array, y: Array) -> Array:
    """Interpolate linearly between the pixels of each frame; all pixels outside are 0. Shapes ``[t, ...]``."""
    sampled = [
        map_coordinates(frame, [rows, columns], order=1, mode="grid-constant")
        for frame, rows, columns in zip(frames, y, x, strict=True)
    ]
    return np.stack(sampled)


def _measure_pattern(clip: Array, coverage: Array) -> Array:
    """Compute the amplitudes of the waves in the object's brightness, averaged over the frames, ``[4]``.

    The brightness is ``max(R, G, B)``. All four waves and a constant are fitted together by least squares. An object is
    seldom a whole number of periods wide, and separate fits would then mistake one wave for another. An object that is
    too thin to show a pattern counts as plain.
    """
    inside = binary_erosion(coverage > 0.5, _NEIGHBORS, iterations=_MARGIN)
    brightness = _max_channel(clip)
    amplitudes = [
        _fit_waves(light[mask], np.argwhere(mask)[:, ::-1])
        for light, mask in zip(brightness, inside, strict=True)
        if mask.sum() >= _MIN_PIXELS
    ]
    return np.mean(amplitudes, axis=0) if amplitudes else np.zeros(len(_WAVES))


def _fit_waves(values: Array, positions: NDArray[np.int64]) -> Array:
    """Fit waves of any phase to values ``[n]`` at positions ``[n, 2]`` (right, down); return their amplitudes."""
    phases = 2 * math.pi / world.PERIOD * positions @ _WAVES.T  # [n, 4]
    parts = np.concatenate([np.cos(phases), np.sin(phases), np.ones((len(values), 1))], axis=1)
    fitted = np.linalg.lstsq(parts, values, rcond=None)[0]
    waves = len(_WAVES)
    amplitudes: Array = np.hypot(fitted[:waves], fitted[waves : 2 * waves])
    return amplitudes


def _find_hue(degrees: float) -> str:
    return min(world.HUES, key=lambda name: abs(_wrap_degrees(degrees - world.HUES[name])))


def _find_motion(travel: Array) -> str:
    return max(world.MOTIONS, key=lambda name: float(world.MOTIONS[name] @ travel))


def _find_nearest(value: Array, candidates: Mapping[str, Array]) -> str:
    return min(candidates, key=lambda name: float(np.linalg.norm(value - candidates[name])))


def _locate_on_line(value: Array, a: Array, b: Array) -> Coordinate:
    line = b - a
    t = float((value - a) @ line / (line @ line))
    return Coordinate(t, float(np.linalg.norm(value - a - t * line) / np.linalg.norm(line)))


def _locate_on_arc(hue: float, a: float, b: float) -> Coordinate:
    """Compute t along the shorter arc.

    The angle is counted from the middle of the arc, so that the opposite hue is equally far from both ends.
    """
    arc = _wrap_degrees(b - a)
    return Coordinate(0.5 + _wrap_degrees(hue - a - arc / 2) / arc, 0.0)


def _wrap_degrees(degrees: float) -> float:
    """Return the same direction in -180..180."""
    return (degrees + 180) % 360 - 180
