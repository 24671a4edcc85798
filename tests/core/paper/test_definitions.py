"""Definitions 5.1 and 5.2 and Fact 5.3, against loops in Python and closed forms."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from richspace_core.errors import EmbeddingError, RichSpaceError
from richspace_core.paper import linear_interpolation, log_ball_volume, phi_cos

# Multiples of 1/8: exact in float64 and in Fraction, of both signs, rarely unit-length or axis-aligned.
entries = st.integers(-80, 80).map(lambda eighths: eighths / 8)


def matrices(count):
    """Draw `count` matrices of one shape [n, d], as a tensor [count, n, d]."""
    return st.tuples(st.integers(1, 4), st.integers(1, 5)).flatmap(
        lambda shape: st.lists(entries, min_size=count * math.prod(shape), max_size=count * math.prod(shape)).map(
            lambda values: torch.tensor(values, dtype=torch.float64).reshape(count, *shape)
        )
    )


def row_cosine(x, y):
    """Compute the cosine of two rows by a loop; 0 if one is zero."""
    inner = math.fsum(p * q for p, q in zip(x, y, strict=True))
    squares = math.fsum(p * p for p in x) * math.fsum(q * q for q in y)
    return inner / math.sqrt(squares) if squares else 0.0


class TestLinearInterpolation:
    @settings(deadline=None, max_examples=50)
    @given(matrices(2), st.integers(1, 40), st.data())
    def test_equals_exact_fractions(self, pair, k, data):
        i = data.draw(st.integers(1, k))
        x, y = pair
        expected = [
            float(Fraction(i, k) * Fraction(p) + Fraction(k - i, k) * Fraction(q))
            for p, q in zip(x.flatten().tolist(), y.flatten().tolist(), strict=True)
        ]
        # Two roundings of values below 10 in float64.
        assert linear_interpolation(x, y, i, k).flatten().tolist() == pytest.approx(expected, rel=0, abs=1e-14)

    @settings(deadline=None, max_examples=20)
    @given(matrices(2), st.integers(1, 40))
    def test_the_last_one_is_exactly_x(self, pair, k):
        assert torch.equal(linear_interpolation(*pair, k, k), pair[0])

    def test_the_first_one_is_nearly_y(self):
        x, y = torch.tensor([3.0, -6.0]), torch.tensor([9.0, 12.0])
        assert linear_interpolation(x, y, 1, 3).tolist() == pytest.approx([7.0, 6.0], abs=1e-6)

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
    def test_keeps_the_dtype_and_the_inputs(self, dtype):
        x, y = torch.tensor([[1.0, 2.0]], dtype=dtype), torch.tensor([[5.0, -2.0]], dtype=dtype)
        result = linear_interpolation(x, y, 1, 2)
        assert (result.dtype, result.tolist()) == (dtype, [[3.0, 0.0]])
        assert (x.tolist(), y.tolist()) == ([[1.0, 2.0]], [[5.0, -2.0]])

    @pytest.mark.parametrize(
        ("i", "k", "named"), [(0, 3, "i"), (4, 3, "i"), (1, 0, "k"), (1.0, 3, "i"), (True, 3, "i")]
    )
    def test_index_or_steps_out_of_range(self, i, k, named):
        with pytest.raises(RichSpaceError) as caught:
            linear_interpolation(torch.ones(2), torch.zeros(2), i, k)
        assert caught.value.argument == named

    def test_shapes_that_differ(self):
        with pytest.raises(
            EmbeddingError, match=r"y: expected the same kind as x, torch.float32 \[2\], got torch.float32 \[3\]"
        ):
            linear_interpolation(torch.ones(2), torch.ones(3), 1, 2)


class TestPhiCos:
    def test_by_hand(self):
        x = torch.tensor([[3.0, 4.0], [1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
        y = torch.tensor([[4.0, 3.0], [0.0, 7.0], [-2.0, -2.0]], dtype=torch.float64)
        assert phi_cos(x, y).item() == pytest.approx((24 / 25 + 0 - 1) / 3, abs=1e-15)

    @settings(deadline=None, max_examples=50)
    @given(matrices(2))
    def test_equals_the_loop_over_rows(self, pair):
        x, y = pair
        expected = math.fsum(map(row_cosine, x.tolist(), y.tolist())) / len(x)
        assert phi_cos(x, y).item() == pytest.approx(expected, rel=0, abs=1e-14)

    @settings(deadline=None, max_examples=30)
    @given(matrices(2), st.floats(0.01, 100), st.floats(0.01, 100))
    def test_rows_lengths_do_not_matter(self, pair, scale_x, scale_y):
        x, y = pair
        scales = torch.linspace(scale_x, scale_y, len(x), dtype=torch.float64)[:, None]
        assert phi_cos(scales * x, y).item() == pytest.approx(phi_cos(x, y).item(), rel=0, abs=1e-14)
        assert phi_cos(y, x).item() == pytest.approx(phi_cos(x, y).item(), rel=0, abs=1e-14)

    def test_a_row_of_zeros_counts_as_zero(self):
        x = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
        assert phi_cos(x, x).item() == pytest.approx(0.5)

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    def test_values_that_are_not_finite(self, bad):
        x = torch.tensor([[1.0, 2.0], [1.0, bad]])
        with pytest.raises(EmbeddingError, match="row i = 2"):
            phi_cos(x, torch.ones(2, 2))

    @pytest.mark.parametrize("y", [torch.ones(2, 3), torch.ones(2, 2).double(), torch.ones(2, 2).int(), torch.ones(2)])
    def test_matrices_that_do_not_match(self, y):
        with pytest.raises(EmbeddingError, match=r"^Y: expected"):
            phi_cos(torch.ones(2, 2), y)


class TestLogBallVolume:
    @pytest.mark.parametrize(
        ("d", "volume"),
        [(1, 2), (2, math.pi), (3, 4 / 3 * math.pi), (4, math.pi**2 / 2), (5, 8 / 15 * math.pi**2)],
    )
    def test_school_formulas(self, d, volume):
        assert math.exp(log_ball_volume(1.0, d)) == pytest.approx(volume, rel=1e-13)
        assert math.exp(log_ball_volume(2.5, d)) == pytest.approx(volume * 2.5**d, rel=1e-13)

    def test_recursion_over_dimensions(self):
        # V_d = V_(d-2) 2 pi R^2 / d: a law that the formula with the factorial does not show.
        for d in range(3, 60):
            step = math.log(2 * math.pi * 1.7**2 / d)
            assert log_ball_volume(1.7, d) == pytest.approx(log_ball_volume(1.7, d - 2) + step, abs=1e-12)

    def test_a_video_s_dimension_is_finite(self):
        assert math.isfinite(log_ball_volume(0.5, 49 * 480 * 720 * 3))

    def test_radius_zero(self):
        assert log_ball_volume(0.0, 3) == -math.inf

    @pytest.mark.parametrize(
        ("radius", "d", "named"), [(-1.0, 2, "R"), (math.nan, 2, "R"), (math.inf, 2, "R"), (1.0, 0, "d")]
    )
    def test_out_of_range(self, radius, d, named):
        with pytest.raises(RichSpaceError) as caught:
            log_ball_volume(radius, d)
        assert caught.value.argument == named
