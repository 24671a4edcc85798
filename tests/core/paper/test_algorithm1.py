"""Algorithm 1 against a second version in lists and exact fractions, and against known results."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from richspace_core.errors import EmbeddingError, RichSpaceError
from richspace_core.paper import cosine_sim, optimal_finder


def embeddings_of(seed, n, d):
    """Return three random embeddings [3, n, d] away from the origin, where every row has a clear direction."""
    return torch.randn(3, n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 1.5


def scores_in_lists(a, b, c, k):
    """Compute COSINESIM in lists: foot and candidates exactly, only the cosines in floating point."""
    a, b, c = ([[Fraction(value) for value in row] for row in matrix.tolist()] for matrix in (a, b, c))
    cells = [(p, q, r) for rows in zip(a, b, c, strict=True) for p, q, r in zip(*rows, strict=True)]
    length = sum((q - p) * (r - p) for p, q, r in cells) / sum((q - p) ** 2 for p, q, _ in cells)
    scores = []
    for i in range(1, k + 1):
        cosines = []
        for row_a, row_b in zip(a, b, strict=True):
            foot = [float(p + length * (q - p)) for p, q in zip(row_a, row_b, strict=True)]
            candidate = [float((i * p + (k - i) * q) / k) for p, q in zip(row_a, row_b, strict=True)]
            cosines.append(cosine(foot, candidate))
        scores.append(math.fsum(cosines) / len(cosines))
    return scores


def cosine(x, y):
    return math.fsum(p * q for p, q in zip(x, y, strict=True)) / (math.hypot(*x) * math.hypot(*y))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 4), st.integers(1, 12), st.data())
def test_equals_the_algorithm_in_lists(seed, n, d, k, data):
    ids = data.draw(st.tuples(*[st.integers(1, n)] * 3))
    embeddings = embeddings_of(seed, n, d)
    full = scores_in_lists(*embeddings, k)
    truncated = scores_in_lists(*embeddings[:, : max(ids)], k)
    total = [p + q for p, q in zip(full, truncated, strict=True)]
    best = max(range(k), key=total.__getitem__)
    assume(all(total[best] - value > 1e-9 for i, value in enumerate(total) if i != best))

    found = optimal_finder(*embeddings, *ids, k=k)

    # A foot rounds to 1e-15 of its length; only rows that come near the origin lose digits.
    assert found.L_CosFull.tolist() == pytest.approx(full, rel=0, abs=1e-10)
    assert found.L_CosTruc.tolist() == pytest.approx(truncated, rel=0, abs=1e-10)
    assert found.L_CosAdd.tolist() == pytest.approx(total, rel=0, abs=1e-10)
    assert found.i_opt == best + 1
    weight = (best + 1) / k
    torch.testing.assert_close(found.E_opt, weight * embeddings[0] + (1 - weight) * embeddings[1], rtol=0, atol=1e-14)


def test_by_hand():
    # One row, candidates (1, 3), (2, 2), (3, 1), (4, 0); the guide's foot is (3, 1).
    a, b, c = torch.tensor([[[4.0, 0.0]], [[0.0, 4.0]], [[9.0, 7.0]]], dtype=torch.float64)
    found = optimal_finder(a, b, c, 1, 1, 1, k=4)
    assert (found.i_opt, found.E_opt.tolist()) == (3, [[3.0, 1.0]])
    expected = [2 * value for value in (0.6, 2 / math.sqrt(5), 1, 3 / math.sqrt(10))]
    assert found.L_CosAdd.tolist() == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("j", [1, 7, 14, 30])
def test_a_guide_that_is_a_candidate_is_found(j):
    a, b, _ = embeddings_of(3, 6, 5)
    c = (j / 30) * a + ((30 - j) / 30) * b
    found = optimal_finder(a, b, c, 4, 6, 5)
    assert found.i_opt == j
    torch.testing.assert_close(found.E_opt, c, rtol=0, atol=1e-14)


def test_the_longest_prompt_sets_the_cut():
    a, b, c = embeddings_of(5, 6, 3)
    expected = cosine_sim(a[:4], b[:4], c[:4])
    for ids in [(4, 1, 2), (1, 4, 2), (1, 2, 4)]:
        assert torch.equal(optimal_finder(a, b, c, *ids).L_CosTruc, expected)


def test_the_sum_decides_between_words_and_padding():
    # The word's row has its foot at 3/6 of A, two padding rows at 6/6; all three together at (3 + 6 + 6)/3 = 5 of 6.
    a = torch.tensor([[6.0, 0.0]] * 3, dtype=torch.float64)
    b = torch.tensor([[0.0, 6.0]] * 3, dtype=torch.float64)
    c = torch.tensor([[3.0, 3.0], [6.0, 0.0], [6.0, 0.0]], dtype=torch.float64)
    found = optimal_finder(a, b, c, 1, 1, 1, k=6)
    assert found.L_CosTruc.argmax() + 1 == 3
    assert found.L_CosFull.argmax() + 1 == 5
    assert found.i_opt == 4
    # The result is of the full embeddings, padding included.
    torch.testing.assert_close(found.E_opt, torch.tensor([[4.0, 2.0]] * 3, dtype=torch.float64), rtol=0, atol=1e-14)


def test_the_smallest_of_equal_indices_wins():
    # Candidates (1, 2), (2, 1), (3, 0); the foot (1.5, 1.5) is as similar to the first as to the second.
    a, b, c = torch.tensor([[[3.0, 0.0]], [[0.0, 3.0]], [[1.5, 1.5]]], dtype=torch.float64)
    found = optimal_finder(a, b, c, 1, 1, 1, k=3)
    assert found.L_CosAdd[0] == found.L_CosAdd[1]
    assert found.i_opt == 1


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32), st.integers(-6, 6))
def test_scaling_all_embeddings_changes_nothing(seed, power):
    embeddings = embeddings_of(seed, 3, 4)
    found = optimal_finder(*embeddings, 2, 1, 2)
    scaled = optimal_finder(*(embeddings * 2.0**power), 2, 1, 2)  # a power of two rounds nothing
    assert scaled.i_opt == found.i_opt
    torch.testing.assert_close(scaled.L_CosAdd, found.L_CosAdd, rtol=0, atol=1e-14)


def test_three_prompts_are_the_finder_twice():
    # Section 4.1: strawberry and blueberry first, the result and orange then.
    a, b, guide_ab = embeddings_of(11, 4, 3)
    c, guide_abc, _ = embeddings_of(12, 4, 3)
    first = optimal_finder(a, b, guide_ab, 2, 3, 4)
    second = optimal_finder(first.E_opt, c, guide_abc, 3, 2, 4)
    weight_ab, weight_c = first.i_opt / 30, 1 - second.i_opt / 30
    expected = (1 - weight_c) * (weight_ab * a + (1 - weight_ab) * b) + weight_c * c
    torch.testing.assert_close(second.E_opt, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_everything_has_the_inputs_dtype(dtype):
    found = optimal_finder(*embeddings_of(1, 3, 4).to(dtype), 1, 2, 1)
    assert {found.E_opt.dtype, found.L_CosTruc.dtype, found.L_CosFull.dtype, found.L_CosAdd.dtype} == {dtype}


@pytest.mark.parametrize(
    ("ids", "k", "named"),
    [((0, 1, 1), 30, "n_a_ids"), ((1, 4, 1), 30, "n_b_ids"), ((1, 1, -2), 30, "n_c_ids"), ((1, 1, 1), 0, "k")],
)
def test_numbers_out_of_range(ids, k, named):
    with pytest.raises(RichSpaceError) as caught:
        optimal_finder(*embeddings_of(1, 3, 2), *ids, k=k)
    assert caught.value.argument == named


def test_prompts_that_differ_in_padding_alone():
    a, b, c = embeddings_of(1, 3, 2)
    b[:2] = a[:2]
    assert optimal_finder(a, b, c, 3, 1, 1).i_opt >= 1
    with pytest.raises(EmbeddingError, match="two different embeddings"):
        optimal_finder(a, b, c, 2, 1, 1)
