"""Laws of the line through two embeddings, and its numbers against the paper's literal algorithms in float64."""

from __future__ import annotations

import pytest
import torch
from embeddings import DTYPES, PUBLISHED_SHAPE, lines, random_line
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from richspace_core import (
    EmbeddingError,
    RichSpaceError,
    cosine_scores,
    foot_coefficient,
    interpolate,
    matrix_cosine,
    paper,
    perpendicular_foot,
)
from richspace_core.finder.geometry import LineGram, candidate_positions, point_on_line

laws = settings(deadline=None, max_examples=60)

SHAPES = [(1, 1), (1, 7), (5, 1), (2, 3), (17, 33), (64, 128), (3, 70_000), (300, 512)]  # one row over a chunk, many
# The inputs of the laws are exact in float32 (see `embeddings.entries`), so in float64 only a few roundings of numbers
# up to 1e4 are left; in float32 the result itself is rounded to 6e-8 of coordinates up to a few hundred.
TOLERANCE = {torch.float64: 1e-11, torch.float32: 1e-4}
#: float32 row sums: some 2**-24 for each of the pairwise sum's levels, with a cosine's few of them.
ROW_SUMS = 1e-6

wide_dtypes = st.sampled_from(list(TOLERANCE))


def cast(matrices, dtype):
    return tuple(matrix.to(dtype) for matrix in matrices)


def double(matrices):
    return cast(matrices, torch.float64)


def assume_clear_of_origin(a, b, guide, steps):
    """Near the origin rounding decides a row's direction, in the literal algorithm too; rows of zeros are fine."""
    a, b, guide = double((a, b, guide))
    points = [paper.linear_interpolation(a, b, i, steps) for i in range(1, steps + 1)]
    norms = torch.linalg.vector_norm(torch.stack([*points, paper.perpendicular_foot(a, b, guide)]), dim=-1)  # [k+1, n]
    assume(bool((norms > 0.05).all(dim=0).logical_or((a == b).all(dim=1) & (a == 0).all(dim=1)).all()))


class TestFoot:
    @laws
    @given(lines(), wide_dtypes)
    def test_the_way_from_the_guide_is_orthogonal_to_the_line(self, line, dtype):
        a, b, guide = cast(line, dtype)
        way = (perpendicular_foot(a, b, guide) - guide).double()
        direction = (b - a).double()
        assert abs(float((way * direction).sum())) <= TOLERANCE[dtype] * float(direction.norm())

    @laws
    @given(lines(), st.floats(-3, 3))
    def test_no_point_of_the_line_is_nearer(self, line, position):
        a, b, guide = double(line)
        nearest = (perpendicular_foot(a, b, guide) - guide).norm()
        assert (a + position * (b - a) - guide).norm() >= nearest - 1e-11

    @laws
    @given(lines(), wide_dtypes)
    def test_projecting_twice_is_projecting_once(self, line, dtype):
        a, b, guide = cast(line, dtype)
        foot = perpendicular_foot(a, b, guide)
        # The foot is no exact multiple of 1/8: in the second projection the row sums round too.
        torch.testing.assert_close(perpendicular_foot(a, b, foot), foot, rtol=0, atol=TOLERANCE[torch.float32])

    @laws
    @given(lines(), wide_dtypes)
    def test_the_prompts_are_their_own_feet(self, line, dtype):
        a, b, _ = cast(line, dtype)
        assert foot_coefficient(a, b, a) == 0
        assert foot_coefficient(a, b, b) == 1
        assert torch.equal(perpendicular_foot(a, b, a), a)
        assert torch.equal(perpendicular_foot(a, b, b), b)

    @laws
    @given(lines(), wide_dtypes)
    def test_swapping_the_prompts_keeps_the_foot(self, line, dtype):
        a, b, guide = cast(line, dtype)
        assert foot_coefficient(b, a, guide) == pytest.approx(1 - foot_coefficient(a, b, guide), rel=0, abs=1e-10)
        swapped, foot = perpendicular_foot(b, a, guide), perpendicular_foot(a, b, guide)
        torch.testing.assert_close(swapped, foot, rtol=0, atol=TOLERANCE[dtype])

    @laws
    @given(lines(), lines())
    def test_the_mean_of_two_guides_has_the_mean_coefficient(self, line, other):
        a, b, guide = double(line)
        second = torch.zeros_like(guide)
        overlap = tuple(min(p, q) for p, q in zip(guide.shape, other[0].shape, strict=True))
        second[: overlap[0], : overlap[1]] = other[0][: overlap[0], : overlap[1]]
        mean = (foot_coefficient(a, b, guide) + foot_coefficient(a, b, second)) / 2
        assert foot_coefficient(a, b, (guide + second) / 2) == pytest.approx(mean, rel=0, abs=1e-9)

    @laws
    @given(lines())
    def test_equals_the_paper(self, line):
        a, b, guide = double(line)
        torch.testing.assert_close(
            perpendicular_foot(a, b, guide), paper.perpendicular_foot(a, b, guide), rtol=0, atol=1e-11
        )

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("shape", SHAPES)
    def test_equals_the_paper_at_every_shape(self, shape, dtype):
        line = random_line(*shape, seed=1, dtype=dtype)
        foot = perpendicular_foot(*line)
        assert foot.dtype == dtype
        # Half of the dtype's last place for the result, and the coefficient's float32 sums.
        exact = paper.perpendicular_foot(*double(line))
        torch.testing.assert_close(foot.double(), exact, rtol=torch.finfo(dtype).eps, atol=1e-5)


class TestPointOnLine:
    def test_too_far_for_the_dtype(self):
        a, b, _ = random_line(3, 4, dtype=torch.float16)
        with pytest.raises(EmbeddingError, match=r"^guide: expected a foot that float16 can hold, got one at 1e\+06"):
            point_on_line(a, b, 1e6)

    def test_large_values_whose_sum_overflows_are_fine(self):
        a = torch.full((300, 8), 60_000.0, dtype=torch.float16)
        assert torch.equal(point_on_line(a, a / 2, 0.0), a)


class TestInterpolate:
    @laws
    @given(lines(), st.integers(1, 40), st.data())
    def test_equals_the_paper(self, line, steps, data):
        a, b, _ = double(line)
        index = data.draw(st.integers(1, steps))
        expected = paper.linear_interpolation(a, b, index, steps)
        torch.testing.assert_close(interpolate(a, b, index=index, steps=steps), expected, rtol=0, atol=1e-13)

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("shape", [(7,), (2, 3), (2, 5, 4), ()])
    def test_any_shape_rounded_once(self, dtype, shape):
        a, b = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0)).to(dtype)
        mixed = interpolate(a, b, index=3, steps=7)
        assert (mixed.dtype, mixed.shape, mixed.device) == (a.dtype, a.shape, a.device)
        exact = paper.linear_interpolation(a.double(), b.double(), 3, 7)
        # eps is twice the rounding error of one operation; a second rounding to a half dtype would show.
        torch.testing.assert_close(mixed.double(), exact, rtol=torch.finfo(dtype).eps, atol=2e-7)

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("steps", [1, 2, 3, 30, 49])
    def test_the_last_is_exactly_a(self, dtype, steps):
        a, b, _ = random_line(13, 9, dtype=dtype)
        assert torch.equal(interpolate(a, b, index=steps, steps=steps), a)

    def test_the_first_is_nearly_b(self):
        a, b = torch.tensor([30.0, 0.0]), torch.tensor([0.0, 60.0])
        assert interpolate(a, b, index=1, steps=30).tolist() == [1.0, 58.0]

    @pytest.mark.parametrize(
        ("index", "steps", "message"),
        [
            (0, 30, r"^index: expected a candidate between 1 \(nearly B\) and 30 \(exactly A\), got 0\."),
            (-1, 30, r"^index: expected a candidate between 1 .* and 30 .*, got -1\."),
            (31, 30, r"^index: expected a candidate between 1 .* and 30 .*, got 31\."),
            (1.0, 30, r"^index: .* got 1\.0\. Candidates count from 1, as in the paper\.$"),
            (True, 30, r"^index: .* got True\."),
            (1, 0, r"^steps: expected an integer >= 1, got 0\. The paper uses 30\.$"),
        ],
    )
    def test_no_such_candidate(self, index, steps, message):
        a, b, _ = random_line(2, 3)
        with pytest.raises(RichSpaceError, match=message):
            interpolate(a, b, index=index, steps=steps)

    @pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
    @pytest.mark.parametrize("name", ["a", "b"])
    def test_not_finite(self, name, value):
        a, b, _ = random_line(4, 5)
        {"a": a, "b": b}[name][2, 1] = value
        with pytest.raises(
            EmbeddingError, match=rf"^{name}: expected finite values, got 1 of 20 that are NaN or infinite"
        ):
            interpolate(a, b, index=1, steps=2)


class TestMatrixCosine:
    @laws
    @given(lines())
    def test_equals_the_paper(self, line):
        x, y, _ = line
        # The sums are exact; what is left are roundings of a mean of at most 5 cosines.
        assert float(matrix_cosine(x, y)) == pytest.approx(
            float(paper.phi_cos(x.double(), y.double())), rel=0, abs=1e-14
        )

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("shape", SHAPES)
    def test_equals_the_paper_at_every_shape(self, shape, dtype):
        x, y, _ = random_line(*shape, dtype=dtype)
        expected = float(paper.phi_cos(x.double(), y.double()))
        assert float(matrix_cosine(x, y)) == pytest.approx(expected, rel=0, abs=ROW_SUMS)

    @laws
    @given(lines())
    def test_symmetric_and_one_with_itself(self, line):
        x, y, _ = line
        assert float(matrix_cosine(x, y)) == float(matrix_cosine(y, x))
        share_with_direction = float((x != 0).any(dim=1).double().mean())
        assert float(matrix_cosine(x, x)) == pytest.approx(share_with_direction, rel=0, abs=1e-14)
        assert float(matrix_cosine(x, -x)) == pytest.approx(-share_with_direction, rel=0, abs=1e-14)

    def test_a_row_of_zeros_counts_as_zero(self):
        x = torch.tensor([[3.0, 4.0], [0.0, 0.0], [1.0, 2.0]])
        y = torch.tensor([[6.0, 8.0], [1.0, 5.0], [0.0, 0.0]])
        assert float(matrix_cosine(x, y)) == pytest.approx(1 / 3, rel=0, abs=1e-15)

    def test_scalar_in_float64(self):
        x, y, _ = random_line(4, 6, dtype=torch.bfloat16)
        result = matrix_cosine(x, y)
        assert (result.dtype, result.shape, result.device.type) == (torch.float64, (), "cpu")

    def test_never_passes_one(self):
        for seed in range(50):
            x, _, _ = random_line(1, 100, seed=seed)
            assert float(matrix_cosine(x, 3 * x)) <= 1

    @pytest.mark.parametrize("name", ["x", "y"])
    def test_not_finite(self, name):
        x, y, _ = random_line(4, 5)
        {"x": x, "y": y}[name][0, 0] = torch.nan
        with pytest.raises(EmbeddingError, match=rf"^{name}: expected finite values, got 1 of 20"):
            matrix_cosine(x, y)


class TestCosineScores:
    @laws
    @given(lines(), st.integers(1, 12))
    def test_equals_the_paper(self, line, steps):
        assume_clear_of_origin(*line, steps)
        expected = paper.cosine_sim(*double(line), k=steps)
        scores = cosine_scores(*line, steps=steps)
        # Sums exact; float64's 1e-16 of squares up to 1e4, against squared norms of at least 0.05**2.
        torch.testing.assert_close(scores, expected, rtol=0, atol=1e-8)

    @pytest.mark.parametrize("steps", [1, 2, 30])
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("shape", SHAPES[1:])  # in one dimension every cosine is 1 or -1
    def test_equals_the_paper_at_every_shape(self, shape, dtype, steps):
        line = random_line(*shape, seed=3, dtype=dtype)
        scores = cosine_scores(*line, steps=steps)
        assert (scores.dtype, scores.shape, scores.device.type) == (torch.float64, (steps,), "cpu")
        # With few entries a row may pass near the origin, where its cosine changes fastest.
        torch.testing.assert_close(scores, paper.cosine_sim(*double(line), k=steps), rtol=0, atol=5e-6)

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_equals_the_paper_at_the_published_shape(self, dtype):
        line = random_line(*PUBLISHED_SHAPE, dtype=dtype)
        # Rows of 4096 in float32, averaged over 226 of them: 2.4e-9 was the largest difference measured.
        torch.testing.assert_close(
            cosine_scores(*line, steps=30), paper.cosine_sim(*double(line), k=30), rtol=0, atol=1e-8
        )

    @laws
    @given(lines(), st.integers(2, 12))
    def test_swapping_the_prompts_mirrors_the_curve(self, line, steps):
        assume_clear_of_origin(*line, steps)
        a, b, guide = line
        scores, swapped = cosine_scores(a, b, guide, steps=steps), cosine_scores(b, a, guide, steps=steps)
        # Candidate i of one is k - i of the other; each has one end that the other lacks.
        torch.testing.assert_close(swapped[:-1], scores[:-1].flip(0), rtol=0, atol=1e-8)

    @laws
    @given(lines(), st.integers(-20, 20), st.integers(1, 12))
    def test_scaling_by_a_power_of_two_changes_no_bit(self, line, exponent, steps):
        scaled = tuple(2.0**exponent * matrix for matrix in line)
        assert torch.equal(cosine_scores(*scaled, steps=steps), cosine_scores(*line, steps=steps))

    @laws
    @given(st.integers(0, 999), st.floats(1e-3, 1e3), st.integers(1, 40))
    def test_scaling_changes_nothing(self, seed, factor, steps):
        line = random_line(9, 40, seed=seed)
        scaled = tuple(factor * matrix for matrix in line)
        scores = cosine_scores(*line, steps=steps)
        # The scaled values are rounded to float32, and so are the sums of both.
        torch.testing.assert_close(cosine_scores(*scaled, steps=steps), scores, rtol=0, atol=ROW_SUMS)

    @laws
    @given(lines(), st.integers(-9, 9), st.integers(1, 12))
    def test_what_is_orthogonal_to_the_line_changes_no_bit(self, line, length, steps):
        a, b, guide = line
        direction = (b - a).flatten()
        pairs = len(direction) // 2 * 2
        aside = torch.zeros_like(direction)  # (p, q) turned by a right angle is (q, -p): exactly orthogonal
        aside[0:pairs:2], aside[1:pairs:2] = length * direction[1:pairs:2], -length * direction[0:pairs:2]
        moved = guide + aside.reshape(guide.shape)
        assert foot_coefficient(a, b, moved) == foot_coefficient(a, b, guide)
        assert torch.equal(cosine_scores(a, b, moved, steps=steps), cosine_scores(a, b, guide, steps=steps))

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_inputs_are_not_changed(self, dtype):
        line = random_line(9, 11, dtype=dtype)
        before = [matrix.clone() for matrix in line]
        cosine_scores(*line, steps=5)
        perpendicular_foot(*line)
        interpolate(*line[:2], index=2, steps=5)
        matrix_cosine(*line[:2])
        assert all(torch.equal(matrix, copy) for matrix, copy in zip(line, before, strict=True))

    def test_views_that_are_not_contiguous(self):
        line = random_line(9, 12, seed=2)
        views = tuple(matrix.T.contiguous().T for matrix in line)
        assert not views[0].is_contiguous()
        torch.testing.assert_close(cosine_scores(*views, steps=7), cosine_scores(*line, steps=7), rtol=0, atol=1e-6)

    @pytest.mark.parametrize("steps", [0, -1, 1.5, True, "30", None])
    def test_steps(self, steps):
        with pytest.raises(
            RichSpaceError, match=r"^steps: expected an integer >= 1, got .*\. The paper uses 30\.$"
        ) as caught:
            cosine_scores(*random_line(2, 3), steps=steps)
        assert caught.value.got == repr(steps)


class TestLineGram:
    def test_candidates_run_from_nearly_b_to_a(self):
        assert candidate_positions(4).tolist() == [0.75, 0.5, 0.25, 0.0]
        assert candidate_positions(1).tolist() == [0.0]

    def test_the_head_is_measured_as_its_own_line(self):
        line = random_line(12, 20, seed=5)
        head = LineGram.measure(*line).head(7)
        alone = LineGram.measure(*(matrix[:7] for matrix in line))
        assert head.foot == alone.foot
        assert torch.equal(head.scores(candidate_positions(9)), alone.scores(candidate_positions(9)))

    @laws
    @given(lines(), wide_dtypes)
    def test_the_contrast_is_the_distance_as_a_share_of_the_longer(self, line, dtype):
        a, b, guide = double(line)
        lengths = [float(torch.linalg.matrix_norm(matrix)) for matrix in (b - a, a, b)]
        contrast = LineGram.measure(*cast(line, dtype)).contrast
        assert contrast == pytest.approx(lengths[0] / max(lengths[1:]), rel=1e-6)  # float32 row sums
        assert 0 < contrast <= 2 + 1e-6
        assert contrast == pytest.approx(LineGram.measure(b, a, guide).contrast, rel=1e-6)

    def test_the_contrast_of_nearly_the_same_and_of_opposites(self):
        a, b, guide = random_line(8, 64, seed=2)
        assert LineGram.measure(a, torch.lerp(a, b, 1e-3), guide).contrast < 1e-2
        assert LineGram.measure(a, -a, guide).contrast == pytest.approx(2)

    def test_cosines_stay_within_one(self):
        # Parallel rows: rounding of three independent sums would take some of them past 1.
        for seed in range(30):
            a, _, guide = random_line(1, 50, seed=seed)
            gram = LineGram.measure(a, 1.7 * a, guide)
            assert bool((gram.slope.abs() <= (gram.start * gram.direction).sqrt()).all())
            assert float(gram.scores(candidate_positions(30)).abs().max()) <= 1


TAKES_THREE = {
    "foot_coefficient": foot_coefficient,
    "perpendicular_foot": perpendicular_foot,
    "cosine_scores": lambda a, b, guide: cosine_scores(a, b, guide, steps=4),
}


@pytest.mark.parametrize("function", TAKES_THREE.values(), ids=TAKES_THREE)
class TestDegenerateInput:
    def test_a_equals_b(self, function):
        a, _, guide = random_line(4, 5)
        with pytest.raises(EmbeddingError) as caught:
            function(a, a.clone(), guide)
        assert str(caught.value) == (
            "b: expected an embedding that differs from `a`, got one that equals `a` in every row. "
            "There is no line to project the guide on: give two different prompts."
        )

    @pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
    @pytest.mark.parametrize("name", ["a", "b", "guide"])
    def test_not_finite(self, function, name, value):
        line = dict(zip(("a", "b", "guide"), random_line(4, 5), strict=True))
        line[name][3, 4] = value
        with pytest.raises(EmbeddingError) as caught:
            function(**line)
        assert str(caught.value) == (
            f"{name}: expected finite values, got 1 of 20 that are NaN or infinite. "
            "The encoder that made it overflowed: run it in bfloat16 or float32."
        )

    @pytest.mark.parametrize("name", ["b", "guide"])
    @pytest.mark.parametrize(
        ("change", "got"),
        [
            (lambda x: x[:, :4], "4 tokens of width 4 in float32"),
            (lambda x: x[None], r"float32 of shape \[1, 4, 5\]"),
            (lambda x: x.bfloat16(), "4 tokens of width 5 in bfloat16"),
            (lambda x: x.long(), "4 tokens of width 5 in int64"),
            (lambda x: x.to("meta"), "4 tokens of width 5 in float32 on meta"),
            (lambda x: x.tolist(), "list"),
            (lambda _: None, "NoneType"),
        ],
    )
    def test_does_not_match_a(self, function, name, change, got):
        line = dict(zip(("a", "b", "guide"), random_line(4, 5), strict=True))
        line[name] = change(line[name])
        with pytest.raises(
            EmbeddingError,
            match=rf"^{name}: expected the same kind of embedding as `a`, 4 tokens of width 5 in float32"
            rf"{' on cpu' if 'meta' in got else ''}, got {got}\. "
            r"Encode all prompts of a mixture with the same text encoder\.$",
        ):
            function(**line)

    @pytest.mark.parametrize("name", ["b", "guide"])
    def test_another_length(self, function, name):
        line = dict(zip(("a", "b", "guide"), random_line(4, 5), strict=True))
        line[name] = line[name][:3]
        message = (
            rf"^{name}: expected .* as `a`, 4 tokens .*, got 3 tokens .*\. .*write prompts with equally many tokens"
        )
        with pytest.raises(EmbeddingError, match=message):
            function(**line)

    @pytest.mark.parametrize("shape", [(4,), (2, 4, 5), (0, 5), (4, 0), ()])
    def test_no_matrix(self, function, shape):
        a, b, guide = torch.randn(3, *shape)
        with pytest.raises(EmbeddingError, match=r"^a: expected a matrix of tokens by width, \[n, d\], got float32 of"):
            function(a, b, guide)

    @pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.uint8])
    def test_no_floating_point(self, function, dtype):
        a = torch.ones(4, 5, dtype=dtype)
        with pytest.raises(EmbeddingError, match=r"^a: expected a floating point tensor, got .* of shape \[4, 5\]"):
            function(a, a, a)

    @pytest.mark.parametrize(("scale", "largest"), [(1e25, "e+25"), (3e37, "e+3")])
    def test_squares_overflow_float32(self, function, scale, largest):
        line = tuple(scale * matrix for matrix in random_line(4, 5))
        with pytest.raises(
            EmbeddingError, match=r"^(a|b|guide): expected values that float32 can square and sum"
        ) as caught:
            function(*line)
        assert largest in caught.value.got
        assert "not a text encoder's embeddings" in str(caught.value)


def test_the_foot_overflows_float16():
    # The foot is no farther from A than the guide, but may put all of that distance in one coordinate.
    a, _, _ = random_line(6, 8, dtype=torch.float16)
    b = a + 0.125
    b[0, 0] += 1
    with pytest.raises(EmbeddingError) as caught:
        perpendicular_foot(a, b, torch.full_like(a, 60_000.0))
    assert str(caught.value).startswith("guide: expected a foot that float16 can hold, got one at ")
    assert str(caught.value).endswith("The guide is too far from both prompts: describe a mixture of them.")


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
def test_cuda_equals_the_cpu(dtype):
    line = random_line(*PUBLISHED_SHAPE, seed=4, dtype=dtype)
    on_cuda = tuple(matrix.cuda() for matrix in line)
    scores = cosine_scores(*on_cuda, steps=30)
    assert scores.device.type == "cpu"
    # Another order of summing the float32 rows; the mean over 226 rows keeps it below 1e-8.
    torch.testing.assert_close(scores, cosine_scores(*line, steps=30), rtol=0, atol=1e-8)
    mixed, foot = interpolate(*on_cuda[:2], index=11, steps=30), perpendicular_foot(*on_cuda)
    assert (mixed.device.type, mixed.dtype, foot.device.type, foot.dtype) == ("cuda", dtype, "cuda", dtype)
    # One last place: the two devices may round a product and a sum together or apart.
    tolerance = {"rtol": 2 * torch.finfo(dtype).eps, "atol": 1e-6}
    torch.testing.assert_close(mixed.cpu(), interpolate(*line[:2], index=11, steps=30), **tolerance)
    torch.testing.assert_close(foot.cpu(), perpendicular_foot(*line), **tolerance)
