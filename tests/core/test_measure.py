"""demo_model/measure.py on clips of the small world with known features, and on mixtures made by hand."""

import itertools

import numpy as np
import pytest
from small_models.demo_scripts import import_demo_script

world, measuring = import_demo_script("world"), import_demo_script("measure")

SEED = 11  # differs from the prototypes' seed
SHAPE_PAIRS = list(itertools.combinations(world.SHAPES, 2))
PATTERN_PAIRS = list(itertools.combinations(world.PATTERNS, 2))
HUE_PAIRS = [("red", "yellow"), ("yellow", "red"), ("blue", "red"), ("pink", "orange"), ("lime", "blue")]


def noisy(clip, random):
    """Add noise with a standard deviation of 0.03."""
    return np.clip(clip + random.normal(0, 0.03, clip.shape), 0, 1)


def blurred(clip, _):
    """Blur with the weights 1/4, 1/2, 1/4 in both directions."""
    wide = np.pad(clip, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    rows = (wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]) / 4
    return (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 4


def unchanged(clip, _):
    return clip


def draw(distance, darkness, hues=("red",), radius=13.0):
    """Draw a clip of any outline, pattern and hues (in vertical bands) that moves to the right."""
    x = np.arange(64)[None, None, :] - (31.5 + np.linspace(-8, 8, 9))[:, None, None]
    y = np.broadcast_to(np.arange(64)[None, :, None] - 31.5, (9, 64, 64))
    inside = np.clip(0.5 - distance(x, y, radius), 0, 1)[..., None]
    dark = np.broadcast_to(darkness(x, y), y.shape)[..., None]
    band = np.broadcast_to(np.clip((x / radius + 1) / 2 * len(hues), 0, len(hues) - 1).astype(int), y.shape)
    bright, deep = (np.array([world.hsv_to_rgb(world.HUES[hue], 0.85, v) for hue in hues])[band] for v in (0.95, 0.3))
    return world.BACKGROUND + inside * (bright + dark * (deep - bright) - world.BACKGROUND)


def outline_of(shape):
    return lambda x, y, radius: world.compute_distance(shape, x, y, radius)


def pattern_of(name):
    return lambda x, y: world.compute_darkness(name, x, y)


def place(clip, kind, a, b):
    return measuring.make_prototypes().locate(measuring.measure_clip(clip), kind, a, b)


class TestNames:
    @pytest.mark.parametrize(("change", "count"), [(unchanged, 200), (noisy, 60), (blurred, 60)])
    def test_at_least_99_of_100_are_right(self, change, count):
        random = np.random.default_rng(SEED)
        right = dict.fromkeys(measuring.KINDS, 0)
        for _ in range(count):
            scene = world.Scene.sample(random)
            names = measuring.make_prototypes().name_features(
                measuring.measure_clip(change(world.render(scene, random), random))
            )
            for kind in right:
                right[kind] += names[kind] == getattr(scene, kind)
        assert all(number >= 0.99 * count for number in right.values()), right

    def test_an_object_that_stays_has_no_motion(self):
        clip = draw(outline_of("star"), pattern_of("plain"))
        still = np.repeat(clip[4:5], 9, axis=0)
        assert measuring.make_prototypes().name_features(measuring.measure_clip(still)) == {
            "hue": "red", "shape": "star", "pattern": "plain", "motion": None,
        }  # fmt: skip

    def test_a_grey_object_has_no_hue(self):
        grey = draw(outline_of("circle"), pattern_of("plain")).mean(axis=-1, keepdims=True).repeat(3, axis=-1)
        found = measuring.measure_clip(grey)
        assert measuring.make_prototypes().name_features(found)["hue"] is None
        assert measuring.make_prototypes().locate(found, "hue", "red", "blue") is None


class TestMeasurement:
    def test_area_hue_and_travel_of_a_known_disc(self):
        found = measuring.measure_clip(draw(outline_of("circle"), pattern_of("plain"), ["violet"]))
        assert found.area == pytest.approx(
            np.pi * 13**2, rel=0.04
        )  # the soft pixels at the edge count as more than half
        assert found.hue == pytest.approx(270, abs=0.1)
        assert found.chroma == pytest.approx(0.95 * 0.85, abs=0.03)  # and they are paler
        np.testing.assert_allclose(found.travel, [16, 0], atol=0.05)
        np.testing.assert_allclose(found.outline, 1, atol=0.03)

    def test_waves_are_found_whatever_their_phase(self):
        def wave(x, y):
            turn = 2 * np.pi / world.PERIOD
            return 0.5 + 0.25 * np.cos(turn * x + 1.0) - 0.125 * np.sin(turn * (x - y))

        found = measuring.measure_clip(draw(outline_of("triangle"), wave))
        np.testing.assert_allclose(found.pattern, 0.65 * np.array([0.25, 0, 0, 0.125]), atol=1e-6)

    def test_a_frame_without_the_object_does_not_count(self):
        clip = draw(outline_of("square"), pattern_of("striped"))
        whole = measuring.measure_clip(clip)
        clip[3] = world.BACKGROUND
        found = measuring.measure_clip(clip)
        np.testing.assert_allclose(found.travel, whole.travel, atol=0.05)
        np.testing.assert_allclose(found.pattern, whole.pattern, atol=0.01)

    @pytest.mark.parametrize("level", [world.BACKGROUND, 0.0])
    def test_an_empty_or_a_full_picture_shows_nothing(self, level):
        found = measuring.measure_clip(np.full((9, 64, 64, 3), level))
        assert found is None
        assert set(measuring.make_prototypes().name_features(found).values()) == {None}
        assert measuring.make_prototypes().locate(found, "shape", "circle", "star") is None

    def test_the_object_may_touch_the_border(self):
        clip = np.roll(draw(outline_of("circle"), pattern_of("plain")), -16, axis=2)
        assert np.isfinite(measuring.measure_clip(clip).outline).all()

    @pytest.mark.parametrize("axis", [1, 2])
    def test_every_border_cuts_the_outline_alike(self, axis):
        clip = np.roll(draw(outline_of("star"), pattern_of("plain")), -24, axis=axis)
        np.moveaxis(clip, axis, 0)[32:] = world.BACKGROUND  # erases what `roll` brought in on the other side
        there, back = (measuring.measure_clip(each).outline for each in (clip, np.flip(clip, axis)))
        mirrored = (measuring.ANGLES // 2 * (axis == 2) - np.arange(measuring.ANGLES)) % measuring.ANGLES
        np.testing.assert_allclose(there, back[mirrored], rtol=0, atol=1e-9)


class TestSteadyClips:
    @pytest.mark.parametrize("motion", world.MOTIONS)
    def test_only_the_size_is_left_to_chance(self, motion):
        scene = world.Scene("circle", "red", "checked", "large", motion)
        clips = [world.render(scene, np.random.default_rng(seed), steady=True) for seed in (1, 2)]
        assert not np.array_equal(*clips)
        for clip in clips:
            found = measuring.measure_clip(clip)
            assert found.travel == pytest.approx(world.TRAVEL * np.array(world.MOTIONS[motion]), abs=0.05)
            middle = clip[world.FRAMES // 2]
            assert middle == pytest.approx(middle[::-1, ::-1], abs=1e-6)  # the object is in the middle of the picture


class TestPureFeatures:
    def test_each_is_at_its_own_end_and_none_is_a_mixture(self):
        """A third feature of the same kind is not a mixture either: a circle is not between a triangle and a star."""
        random = np.random.default_rng(SEED)
        asked = mixed = 0
        for _ in range(60):
            scene = world.Scene.sample(random)
            found = measuring.measure_clip(world.render(scene, random))
            for kind, pairs in (("hue", HUE_PAIRS), ("shape", SHAPE_PAIRS), ("pattern", PATTERN_PAIRS)):
                for a, b in pairs:
                    where = measuring.make_prototypes().locate(found, kind, a, b)
                    own = getattr(scene, kind)
                    if own in (a, b):
                        assert where.t == pytest.approx(float(own == b), abs=0.15)
                        assert not where.has_both
                    elif kind != "hue":
                        asked, mixed = asked + 1, mixed + where.has_both
        assert mixed <= 0.01 * asked


class TestPrototypes:
    def test_they_can_be_of_any_clips(self):
        scene = world.Scene("star", "lime", "striped", "large", "up")
        clip = draw(outline_of("circle"), pattern_of("dotted"))
        found = measuring.Prototypes.from_clips([(scene, clip), (scene, clip)])
        np.testing.assert_allclose(found.outlines["star"], measuring.measure_clip(clip).outline)
        np.testing.assert_allclose(found.patterns["striped"], measuring.measure_clip(clip).pattern)

    def test_a_clip_that_shows_nothing_is_named(self):
        scene = world.Scene("star", "lime", "striped", "large", "up")
        with pytest.raises(ValueError, match="a large striped lime star moves up"):
            measuring.Prototypes.from_clips([(scene, np.zeros((9, 64, 64, 3)))])


class TestMixtures:
    @pytest.mark.parametrize(("a", "b"), HUE_PAIRS)
    def test_half_and_half_of_two_hues(self, a, b):
        where = place(draw(outline_of("circle"), pattern_of("plain"), [a, b]), "hue", a, b)
        assert where.t == pytest.approx(0.5, abs=0.05)
        assert where.has_both

    def test_hues_beyond_the_arc_are_beyond_its_ends(self):
        def coordinate(hue):
            return place(draw(outline_of("circle"), pattern_of("plain"), [hue]), "hue", "pink", "orange").t

        assert [coordinate(hue) for hue in ("pink", "red", "orange")] == pytest.approx([0, 0.5, 1], abs=0.01)
        assert coordinate("lime") == pytest.approx(2, abs=0.01)
        assert coordinate("violet") == pytest.approx(-1, abs=0.01)

    @pytest.mark.parametrize(("a", "b"), SHAPE_PAIRS)
    def test_outlines_between_two_shapes(self, a, b):
        def between(x, y, radius):
            return (outline_of(a)(x, y, radius) + outline_of(b)(x, y, radius)) / 2

        where = place(draw(between, pattern_of("plain")), "shape", a, b)
        assert where.t == pytest.approx(0.5, abs=0.15)
        assert where.has_both

    @pytest.mark.parametrize(("a", "b"), PATTERN_PAIRS)
    def test_patterns_between_two(self, a, b):
        def between(x, y):
            return (pattern_of(a)(x, y) + pattern_of(b)(x, y)) / 2

        where = place(draw(outline_of("square"), between), "pattern", a, b)
        assert where.t == pytest.approx(0.5, abs=0.05)
        assert where.has_both

    @pytest.mark.parametrize(("a", "b"), PATTERN_PAIRS)
    def test_one_pattern_on_either_half(self, a, b):
        def halves(x, y):
            return np.where(x < 0, pattern_of(a)(x, y), pattern_of(b)(x, y))

        assert place(draw(outline_of("square"), halves), "pattern", a, b).has_both

    def test_swapping_the_features_turns_the_line_around(self):
        clip = draw(outline_of("star"), pattern_of("dotted"))
        there, back = (place(clip, "shape", *pair) for pair in (("circle", "star"), ("star", "circle")))
        assert (there.t, there.distance) == pytest.approx((1 - back.t, back.distance))
