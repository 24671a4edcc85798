"""Algorithm 2: laws of the perpendicular foot, and both procedures against exact fractions and Python loops."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from richspace_core.errors import EmbeddingError, RichSpaceError
from richspace_core.paper import cosine_sim, perpendicular_foot

# Multiples of 1/8: exact in float64 and in Fraction, of both signs, rarely unit-length or axis-aligned.
entries = st.integers(-80, 80).map(lambda eighths: eighths / 8)


@st.composite
def triples(draw):
    """Draw E_ta, E_tb, E_tc of one shape [n, d] with E_ta != E_tb, as a tensor [3, n, d]."""
    shape = (3, draw(st.integers(1, 4)), draw(st.integers(1, 5)))
    values = draw(st.lists(entries, min_size=math.prod(shape), max_size=math.prod(shape)))
    embeddings = torch.tensor(values, dtype=torch.float64).reshape(shape)
    if torch.equal(embeddings[0], embeddings[1]):
        embeddings[1, -1, -1] += 1
    return embeddings


def exact_foot(a, b, c):
    """Compute the foot in exact arithmetic, over flat lists."""
    a, b, c = ([Fraction(value) for value in matrix.flatten().tolist()] for matrix in (a, b, c))
    along = sum((q - p) * (r - p) for p, q, r in zip(a, b, c, strict=True))
    length = sum((q - p) ** 2 for p, q in zip(a, b, strict=True))
    return [p + along / length * (q - p) for p, q in zip(a, b, strict=True)]


def row_cosine(x, y):
    inner = math.fsum(p * q for p, q in zip(x, y, strict=True))
    squares = math.fsum(p * p for p in x) * math.fsum(q * q for q in y)
    return inner / math.sqrt(squares) if squares else 0.0


class TestPerpendicularFoot:
    @settings(deadline=None, max_examples=80)
    @given(triples())
    def test_equals_exact_fractions(self, embeddings):
        expected = [float(value) for value in exact_foot(*embeddings)]
        # l_proj carries some 20 roundings; times E_ab it is at most |E_ac|, below 100.
        assert perpendicular_foot(*embeddings).flatten().tolist() == pytest.approx(expected, rel=0, abs=1e-12)

    @settings(deadline=None, max_examples=50)
    @given(triples())
    def test_the_foot_is_orthogonal(self, embeddings):
        a, b, c = embeddings
        product = torch.sum((perpendicular_foot(a, b, c) - c) * (b - a)).item()
        assert abs(product) <= 1e-12 * torch.linalg.vector_norm(b - a).item()

    @settings(deadline=None, max_examples=50)
    @given(triples(), st.floats(-3, 3))
    def test_no_point_of_the_line_is_nearer(self, embeddings, t):
        a, b, c = embeddings
        nearest = torch.linalg.vector_norm(perpendicular_foot(a, b, c) - c)
        assert torch.linalg.vector_norm(a + t * (b - a) - c) >= nearest - 1e-12

    @settings(deadline=None, max_examples=50)
    @given(triples())
    def test_projection_is_idempotent(self, embeddings):
        a, b, c = embeddings
        foot = perpendicular_foot(a, b, c)
        torch.testing.assert_close(perpendicular_foot(a, b, foot), foot, rtol=0, atol=1e-12)

    @settings(deadline=None, max_examples=30)
    @given(triples())
    def test_endpoints_are_their_own_feet(self, embeddings):
        a, b, _ = embeddings
        assert torch.equal(perpendicular_foot(a, b, a), a)
        torch.testing.assert_close(perpendicular_foot(a, b, b), b, rtol=0, atol=1e-13)

    @settings(deadline=None, max_examples=30)
    @given(triples())
    def test_the_line_has_no_direction(self, embeddings):
        a, b, c = embeddings
        torch.testing.assert_close(perpendicular_foot(b, a, c), perpendicular_foot(a, b, c), rtol=0, atol=1e-12)

    def test_one_number_for_all_rows(self):
        # Row by row the feet would be [1, 0] and [3, 0]; over all entries l_proj = (4*1 + 4*3) / 32 = 0.5.
        a = torch.zeros(2, 2)
        b = torch.tensor([[4.0, 0.0], [4.0, 0.0]])
        c = torch.tensor([[1.0, 9.0], [3.0, -5.0]])
        assert perpendicular_foot(a, b, c).tolist() == [[2.0, 0.0], [2.0, 0.0]]

    def test_the_foot_may_lie_beyond_the_ends(self):
        a, b, c = torch.tensor([[[0.0, 1.0]], [[2.0, 1.0]], [[7.0, 4.0]]])
        assert perpendicular_foot(a, b, c).tolist() == [[7.0, 1.0]]

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
    def test_keeps_the_dtype_and_the_inputs(self, dtype):
        embeddings = torch.tensor([[[0.0, 1.0]], [[2.0, 1.0]], [[1.0, 4.0]]], dtype=dtype)
        before = embeddings.clone()
        foot = perpendicular_foot(*embeddings)
        assert (foot.dtype, foot.tolist()) == (dtype, [[1.0, 1.0]])
        assert torch.equal(embeddings, before)

    def test_two_prompts_that_are_the_same(self):
        a = torch.tensor([[1.5, -2.0]])
        with pytest.raises(EmbeddingError, match=r"^E_ta, E_tb: expected two different embeddings"):
            perpendicular_foot(a, a.clone(), torch.ones(1, 2))

    @pytest.mark.parametrize("bad", [math.nan, math.inf])
    @pytest.mark.parametrize(("position", "named"), [(0, "E_ta, E_tb"), (1, "E_ta, E_tb"), (2, "E_tc")])
    def test_values_that_are_not_finite(self, bad, position, named):
        embeddings = torch.tensor([[[0.0, 1.0]], [[2.0, 3.0]], [[1.0, 4.0]]])
        embeddings[position, 0, 1] = bad
        with pytest.raises(EmbeddingError) as caught:
            perpendicular_foot(*embeddings)
        assert caught.value.argument == named

    def test_a_sum_that_leaves_the_dtype(self):
        a, b, c = torch.tensor([[[0.0, 0.0]], [[300.0, 300.0]], [[1.0, 0.0]]], dtype=torch.float16)
        with pytest.raises(EmbeddingError, match="Use float64"):
            perpendicular_foot(a, b, c)

    @pytest.mark.parametrize("c", [torch.ones(3, 2), torch.ones(1, 2).double(), torch.ones(2), torch.ones(1, 2).long()])
    def test_embeddings_that_do_not_match(self, c):
        with pytest.raises(EmbeddingError, match=r"^E_tc: expected"):
            perpendicular_foot(torch.zeros(1, 2), torch.ones(1, 2), c)


class TestCosineSim:
    def test_by_hand(self):
        # The foot is the middle, (2, 2); the candidates are (1, 3), (2, 2), (3, 1), (4, 0).
        a, b, c = torch.tensor([[[4.0, 0.0]], [[0.0, 4.0]], [[5.0, 5.0]]], dtype=torch.float64)
        expected = [4 / math.sqrt(20), 1, 4 / math.sqrt(20), 1 / math.sqrt(2)]
        assert cosine_sim(a, b, c, k=4).tolist() == pytest.approx(expected, abs=1e-15)

    @settings(deadline=None, max_examples=50)
    @given(triples(), st.integers(1, 9))
    def test_equals_loops_over_exact_candidates(self, embeddings, k):
        a, b, c = embeddings
        n, d = a.shape
        foot = [float(value) for value in exact_foot(a, b, c)]
        scores = cosine_sim(a, b, c, k=k)
        for i in range(1, k + 1):
            candidate = [
                float(Fraction(i, k) * Fraction(p) + Fraction(k - i, k) * Fraction(q))
                for p, q in zip(a.flatten().tolist(), b.flatten().tolist(), strict=True)
            ]
            rows = [(candidate[r * d : r * d + d], foot[r * d : r * d + d]) for r in range(n)]
            if any(math.hypot(*row) < 1e-3 for pair in rows for row in pair):
                continue  # a row at the origin has no direction: rounding would choose one
            expected = math.fsum(row_cosine(*pair) for pair in rows) / n
            # Rounding of the foot (1e-13) over the smallest row that is not skipped (1e-3).
            assert scores[i - 1].item() == pytest.approx(expected, rel=0, abs=1e-9)

    @settings(deadline=None, max_examples=30)
    @given(triples(), st.integers(2, 9))
    def test_swapped_prompts_give_the_scores_backwards(self, embeddings, k):
        a, b, c = embeddings
        shift = torch.full_like(a, 100)  # far from the origin, where every row has a clear direction
        forwards = cosine_sim(a + shift, b + shift, c + shift, k=k)[:-1]
        backwards = cosine_sim(b + shift, a + shift, c + shift, k=k)[:-1]
        torch.testing.assert_close(forwards, backwards.flip(0), rtol=0, atol=1e-12)

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
    def test_keeps_the_dtype(self, dtype):
        scores = cosine_sim(*torch.tensor([[[4.0, 0.0]], [[0.0, 4.0]], [[5.0, 5.0]]], dtype=dtype))
        assert (scores.dtype, scores.shape) == (dtype, (30,))

    @pytest.mark.parametrize("k", [0, -1, 2.0])
    def test_steps_out_of_range(self, k):
        with pytest.raises(RichSpaceError, match=r"^k: expected an integer >= 1"):
            cosine_sim(torch.zeros(1, 2), torch.ones(1, 2), torch.ones(1, 2), k=k)
