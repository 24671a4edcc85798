"""Bounds of Section 5.4 and Appendix A: their numbers in exact arithmetic, and their claims by brute force."""

import itertools
import math
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from richspace_core.errors import RichSpaceError
from richspace_core.paper import (
    lemma_a1_log_epsilon,
    lemma_a2_log_epsilon,
    lemma_a5_log_epsilon,
    theorem_5_9_log_epsilon,
    theorem_a8_log_epsilon,
)

# CogVideoX: T5's vocabulary, 226 tokens, 49 frames of 480 x 720 in colour.
COGVIDEOX = {"V": 32000, "n": 226, "d": 49 * 480 * 720 * 3}
# An epsilon recovered from its logarithm is off by a few roundings; the claims are tested with this much less of it.
ROUNDED = 1 - 1e-12


def log_of(fraction):
    """Return the logarithm of a positive Fraction of any size."""
    return math.log(fraction.numerator) - math.log(fraction.denominator)


def sentences(words, n):
    return itertools.product(words, repeat=n)


def linear_values(weights, vocabulary, n):
    """Return f(x) for all x in [V]^n, where f has the integer weights [d][n]."""
    words = range(1, vocabulary + 1)
    return [
        tuple(sum(w * x for w, x in zip(row, sentence, strict=True)) for row in weights)
        for sentence in sentences(words, n)
    ]


def largest_distance_on_a_line(values, intervals):
    """Return the exact maximum, over y in the closed intervals, of the distance from y to the nearest value."""
    ordered = sorted(set(values))
    middles = [(p + q) / 2 for p, q in itertools.pairwise(ordered)]
    ends = [end for interval in intervals for end in interval]
    candidates = ends + [y for y in middles if any(low <= y <= high for low, high in intervals)]
    return max(min(abs(y - value) for value in values) for y in candidates)


class TestLemmaA1:
    @pytest.mark.parametrize("vocabulary", [1, 2, 3])
    @pytest.mark.parametrize("n", [1, 2])
    def test_claim_for_all_small_integer_functions(self, vocabulary, n):
        for weights in itertools.product(range(-3, 4), repeat=n):
            values = [value for (value,) in linear_values([weights], vocabulary, n)]
            low, high = min(values), max(values)
            if low == high:
                # The only y in [m, M] is the value itself: no bound.
                with pytest.raises(RichSpaceError, match="A constant f leaves no other y"):
                    lemma_a1_log_epsilon(m=low, M=high)
                continue
            epsilon = math.exp(lemma_a1_log_epsilon(m=low, M=high))
            assert largest_distance_on_a_line([Fraction(value) for value in values], [(low, high)]) >= epsilon

    def test_no_more_than_a_half_can_be_claimed(self):
        # f(x) = x on [3] takes every integer between its ends.
        largest = largest_distance_on_a_line([Fraction(1), Fraction(2), Fraction(3)], [(1, 3)])
        assert math.exp(lemma_a1_log_epsilon(m=1, M=3)) == largest == 0.5

    def test_values_that_are_no_integers(self):
        with pytest.raises(RichSpaceError, match=r"^M: expected an integer"):
            lemma_a1_log_epsilon(m=1, M=2.5)


class TestLemmaA2:
    @settings(deadline=None, max_examples=40)
    @given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 2), st.data())
    def test_claim_without_the_norm(self, d, vocabulary, n, data):
        rows = st.lists(st.integers(-4, 4), min_size=n, max_size=n)
        weights = data.draw(st.lists(rows, min_size=d, max_size=d))
        values = linear_values(weights, vocabulary, n)
        # The proof's y: a half beside the shortest value, in every coordinate.
        y = [z + Fraction(1, 2) for z in min(values, key=lambda value: sum(z * z for z in value))]
        squared = min(sum((p - q) ** 2 for p, q in zip(value, y, strict=True)) for value in values)
        epsilon = math.exp(lemma_a2_log_epsilon(d=d))
        assert epsilon == pytest.approx(math.sqrt(squared))  # it is the distance, not only a bound
        assert squared >= (ROUNDED * epsilon) ** 2

    def test_the_norm_cannot_be_kept(self):
        # f(x) = (x_1 - x_2, 0, 0, 0, 0) on [2]^2: |y| <= M = 1 is within 1 of f = 0, the lemma says 1.118.
        values = linear_values([[1, -1], [0, 0], [0, 0], [0, 0], [0, 0]], 2, 2)
        norms = [math.hypot(*value) for value in values]
        assert (min(norms), max(norms)) == (0, 1)
        assert max(norms) < math.exp(lemma_a2_log_epsilon(d=5))

    def test_huge_and_out_of_range(self):
        d = COGVIDEOX["d"]
        assert math.exp(lemma_a2_log_epsilon(d=d)) == pytest.approx(0.5 * math.sqrt(d), rel=1e-13)
        with pytest.raises(RichSpaceError, match=r"^d: expected an integer >= 1, got 0"):
            lemma_a2_log_epsilon(d=0)


class TestLemmaA5:
    @settings(deadline=None, max_examples=60)
    @given(
        st.integers(1, 5),
        st.integers(1, 4),
        st.fractions(-50, 50, max_denominator=64),
        st.fractions(0, 50, max_denominator=64),
    )
    def test_equals_exact_fractions(self, vocabulary, n, low, width):
        low, width = float(low), float(width)
        high = low + width
        assume(high > low)
        exact = (Fraction(high) - Fraction(low)) / (2 * Fraction(vocabulary) ** n)
        assert lemma_a5_log_epsilon(V=vocabulary, n=n, m=low, M=high) == pytest.approx(log_of(exact), rel=0, abs=1e-13)

    @settings(deadline=None, max_examples=80)
    @given(st.integers(1, 3), st.integers(1, 2), st.data())
    def test_claim_for_any_function(self, vocabulary, n, data):
        count = vocabulary**n
        values = data.draw(st.lists(st.fractions(-9, 9, max_denominator=8), min_size=count, max_size=count))
        low, high = min(values), max(values)
        epsilon = math.exp(lemma_a5_log_epsilon(V=vocabulary, n=n, m=float(low), M=float(high)))
        assert largest_distance_on_a_line(values, [(low, high)]) >= ROUNDED * epsilon

    @pytest.mark.parametrize("count", [3, 9, 100])
    def test_evenly_spread_values_leave_little_more(self, count):
        # The largest distance is (M - m) / (2 (N - 1)): no bound above epsilon N / (N - 1) can hold.
        values = [Fraction(i) for i in range(count)]
        largest = largest_distance_on_a_line(values, [(0, count - 1)])
        epsilon = math.exp(lemma_a5_log_epsilon(V=count, n=1, m=0, M=count - 1))
        assert epsilon * count / (count - 1) == pytest.approx(float(largest), rel=1e-12)

    def test_huge(self):
        value = lemma_a5_log_epsilon(V=32000, n=226, m=-1.0, M=1.0)
        assert value == pytest.approx(-math.log(32000**226), rel=1e-14)  # math.log takes integers of any size

    def test_a_constant_function(self):
        assert lemma_a5_log_epsilon(V=3, n=2, m=4.5, M=4.5) == -math.inf

    @pytest.mark.parametrize(
        "bad", [{"V": 0}, {"n": 0}, {"m": 2.0}, {"M": math.nan}, {"M": math.inf}, {"m": -1.7e308, "M": 1.7e308}]
    )
    def test_out_of_range(self, bad):
        with pytest.raises(RichSpaceError):
            lemma_a5_log_epsilon(**({"V": 2, "n": 2, "m": 0.0, "M": 1.0} | bad))


class TestTheorem59:
    @settings(deadline=None, max_examples=100)
    @given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 7), st.integers(0, 160), st.integers(1, 160))
    def test_equals_exact_fractions(self, vocabulary, n, d, low, width):
        low, high = low / 8, (low + width) / 8
        exact = (Fraction(high) ** d - Fraction(low) ** d) / Fraction(vocabulary) ** n
        value = theorem_5_9_log_epsilon(V=vocabulary, n=n, d=d, m=low, M=high)
        assert value == pytest.approx(log_of(exact) / d, rel=0, abs=1e-13)

    @pytest.mark.parametrize("bits", [20, 40, 50])
    @pytest.mark.parametrize("d", [1, 3, 50])
    def test_norms_that_are_nearly_equal(self, bits, d):
        # M^d - m^d and log m - log M lose every digit here; the logarithm must not.
        high = 2.9
        low = high * (1 - 2.0**-bits)
        exact = (Fraction(high) ** d - Fraction(low) ** d) / 7**2
        value = theorem_5_9_log_epsilon(V=7, n=2, d=d, m=low, M=high)
        assert value == pytest.approx(log_of(exact) / d, rel=0, abs=1e-12)

    @pytest.mark.parametrize("ratio", ["0", "0.3", "0.99", "0.9999999", "0.99999999", "0.9999999999"])
    def test_a_video_model_s_size(self, ratio):
        # The formula as it is printed, M^d and V^n and all, in decimals whose exponent has 18 digits.
        high = 720.0
        low = high * float(ratio)
        with localcontext() as context:
            context.prec, context.Emax, context.Emin = 60, 10**17, -(10**17)
            d = COGVIDEOX["d"]
            difference = Decimal(high) ** d - Decimal(low) ** d
            expected = float((difference / Decimal(COGVIDEOX["V"]) ** COGVIDEOX["n"]).ln() / d)
        assert theorem_5_9_log_epsilon(**COGVIDEOX, m=low, M=high) == pytest.approx(expected, rel=0, abs=1e-13)

    @settings(deadline=None, max_examples=80)
    @given(st.integers(1, 3), st.integers(1, 2), st.data())
    def test_claim_in_one_dimension(self, vocabulary, n, data):
        # Exact: y runs over [-M, -m] and [m, M], where M and m are of |f|.
        count = vocabulary**n
        values = data.draw(st.lists(st.fractions(-9, 9, max_denominator=8), min_size=count, max_size=count))
        low, high = min(map(abs, values)), max(map(abs, values))
        epsilon = math.exp(theorem_5_9_log_epsilon(V=vocabulary, n=n, d=1, m=float(low), M=float(high)))
        assert largest_distance_on_a_line(values, [(low, high), (-high, -low)]) >= ROUNDED * epsilon

    @settings(deadline=None, max_examples=25)
    @given(st.integers(1, 3), st.integers(1, 2), st.data())
    @example(2, 1, None)
    def test_claim_in_two_dimensions(self, vocabulary, n, data):
        # A y is looked for on a grid of circles of norm m..M; finding one proves the claim for that f.
        count = vocabulary**n
        points = st.tuples(st.floats(-4, 4, width=32), st.floats(-4, 4, width=32))
        values = (
            [(0.0, 0.0), (1.0, 0.0)] if data is None else data.draw(st.lists(points, min_size=count, max_size=count))
        )
        norms = [math.hypot(*value) for value in values]
        low, high = min(norms), max(norms)
        epsilon = math.exp(theorem_5_9_log_epsilon(V=vocabulary, n=n, d=2, m=low, M=high))
        largest = max(
            min(math.dist((radius * math.cos(angle), radius * math.sin(angle)), value) for value in values)
            for radius in (low + (high - low) * step / 16 for step in range(17))
            for angle in (2 * math.pi * step / 96 for step in range(96))
        )
        assert largest >= ROUNDED * epsilon

    def test_evenly_spread_values_leave_little_more_in_one_dimension(self):
        # Values 0, +-1, .. +-49: the largest distance is 0.5 and epsilon is 49/99.
        values = [Fraction(i) for i in range(-49, 50)]
        epsilon = math.exp(theorem_5_9_log_epsilon(V=99, n=1, d=1, m=0, M=49))
        largest = largest_distance_on_a_line(values, [(0, 49), (-49, 0)])
        assert epsilon == pytest.approx(49 / 99)
        assert epsilon < largest < 1.02 * epsilon

    @settings(deadline=None, max_examples=30)
    @given(st.integers(2, 9), st.integers(1, 9), st.integers(1, 10**6), st.floats(0, 0.99), st.floats(0.01, 100))
    def test_laws(self, vocabulary, n, d, ratio, scale):
        value = theorem_5_9_log_epsilon(V=vocabulary, n=n, d=d, m=ratio, M=1.0)
        assert value <= 0  # epsilon is below M
        assert theorem_5_9_log_epsilon(V=vocabulary, n=n + 1, d=d, m=ratio, M=1.0) < value
        scaled = theorem_5_9_log_epsilon(V=vocabulary, n=n, d=d, m=ratio * scale, M=scale)
        assert scaled == pytest.approx(value + math.log(scale), rel=0, abs=1e-12)

    @pytest.mark.parametrize("norm", [0.0, 3.0])
    def test_all_videos_on_one_sphere(self, norm):
        assert theorem_5_9_log_epsilon(V=3, n=2, d=4, m=norm, M=norm) == -math.inf

    @pytest.mark.parametrize("low", [5e-324, 1e-300])
    def test_the_ends_of_the_float_range(self, low):
        assert theorem_5_9_log_epsilon(V=1, n=1, d=3, m=low, M=1e308) == pytest.approx(math.log(1e308))
        assert math.isfinite(theorem_5_9_log_epsilon(V=2, n=2, d=3, m=0.0, M=low))

    @pytest.mark.parametrize(
        "bad", [{"V": 0}, {"n": 0}, {"d": 0}, {"m": -1.0}, {"m": 2.0}, {"M": math.nan}, {"M": math.inf}, {"M": 10**400}]
    )
    def test_out_of_range(self, bad):
        with pytest.raises(RichSpaceError):
            theorem_5_9_log_epsilon(**({"V": 2, "n": 2, "d": 2, "m": 0.0, "M": 1.0} | bad))


def wavy(x):
    """Return x + 0.3 sin x in each coordinate; its slope is in [0.7, 1.3], so it is 1/0.7-bi-Lipschitz."""
    return tuple(coordinate + 0.3 * math.sin(coordinate) for coordinate in x)


class TestTheoremA8:
    def test_the_larger_of_the_two(self):
        options = {"V": 4, "n": 2, "d": 2, "m": 3.0, "M": 5.0}  # the other half: sqrt(16 / 16) = 1
        assert math.exp(theorem_a8_log_epsilon(**options, delta_min=6.0, L=1.5)) == pytest.approx(2.0, rel=1e-13)
        assert math.exp(theorem_a8_log_epsilon(**options, delta_min=6.0, L=4.0)) == pytest.approx(1.0, rel=1e-13)
        assert theorem_a8_log_epsilon(**options, delta_min=0.0, L=1.0) == theorem_5_9_log_epsilon(**options)

    @settings(deadline=None, max_examples=40)
    @given(st.lists(st.integers(-60, 60), min_size=2, max_size=5, unique=True), st.integers(1, 2))
    def test_claim_without_the_norm(self, tenths, n):
        # Words on a line (k = 1), d = n. y is f of the middle of two sentences that differ in a closest pair of words.
        words = [tenth / 10 for tenth in tenths]
        first, second = min(itertools.combinations(words, 2), key=lambda pair: abs(pair[0] - pair[1]))
        values = [wavy(sentence) for sentence in sentences(words, n)]
        y = wavy(((first + second) / 2, *[words[0]] * (n - 1)))
        nearest = min(math.dist(y, value) for value in values)
        # m = M switches the other half off: it has its own tests.
        options = {"V": len(words), "n": n, "d": n, "m": 1.0, "M": 1.0}
        epsilon = math.exp(theorem_a8_log_epsilon(**options, delta_min=abs(first - second), L=1 / 0.7))
        assert nearest >= ROUNDED * epsilon

    def test_not_for_any_pair_of_words(self):
        # The proof's "any i, j": the middle of -1 and 1 is the word 0, at distance 0 from itself.
        values = [wavy((word,)) for word in (-1, 0, 1)]
        assert min(math.dist(wavy((0.0,)), value) for value in values) == 0

    @pytest.mark.parametrize("words", [(-1.0, 1.0), (-1.0, 1.25)])
    def test_the_norm_cannot_be_kept(self, words):
        # f(x) = x: |y| between m and M is within M - m of a word, and the theorem says half their distance.
        values = [Fraction(word) for word in words]
        low, high = min(map(abs, values)), max(map(abs, values))
        largest = largest_distance_on_a_line(values, [(low, high), (-high, -low)])
        options = {"V": 2, "n": 1, "d": 1, "m": float(low), "M": float(high)}
        assert largest < math.exp(theorem_a8_log_epsilon(**options, delta_min=words[1] - words[0], L=1.0))

    def test_huge(self):
        value = theorem_a8_log_epsilon(**COGVIDEOX, m=0.1, M=700.0, delta_min=1e-3, L=20.0)
        assert value == theorem_5_9_log_epsilon(**COGVIDEOX, m=0.1, M=700.0)
        assert math.isfinite(value)

    @pytest.mark.parametrize(
        "bad", [{"V": 1}, {"delta_min": -1.0}, {"delta_min": math.nan}, {"L": 0.5}, {"L": math.inf}, {"m": 9.0}]
    )
    def test_out_of_range(self, bad):
        options = {"V": 2, "n": 2, "d": 2, "m": 0.0, "M": 1.0, "delta_min": 1.0, "L": 1.0}
        with pytest.raises(RichSpaceError):
            theorem_a8_log_epsilon(**(options | bad))
