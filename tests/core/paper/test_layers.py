"""Definitions 5.4, 5.5 and 5.6 against the sums they are written as, in Python loops."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from richspace_core.errors import EmbeddingError, RichSpaceError
from richspace_core.paper import (
    AttentionLayer,
    ConvolutionLayer,
    LinearProjection,
    attn,
    phi_conv,
    phi_linear,
)

seeds = st.integers(0, 2**32)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def product_in_loops(x, y):
    return [[math.fsum(p * row[j] for p, row in zip(line, y, strict=True)) for j in range(len(y[0]))] for line in x]


def attention_in_loops(x, w_q, w_k, w_v):
    """Compute Definition 5.4 over lists: each output row is a weighted sum of the rows of X W_V."""
    q, k, v = (product_in_loops(x, w) for w in (w_q, w_k, w_v))
    output = []
    for row in q:
        weights = [math.fsum(p * r for p, r in zip(row, other, strict=True)) for other in k]
        output.append(
            [
                math.fsum(w * line[j] for w, line in zip(weights, v, strict=True)) / math.fsum(weights)
                for j in range(len(v[0]))
            ]
        )
    return output


def convolution_in_loops(x, kernels, p, s):
    """Compute the triple sum of Definition 5.5 with indices that count from 1, on X bordered by p zeros."""
    h, w, c_in = x.shape

    def bordered(i, j, c):
        inside = 1 <= i - p <= h and 1 <= j - p <= w
        return x[i - p - 1, j - p - 1, c - 1].item() if inside else 0.0

    def output(i, j, out):
        return math.fsum(
            bordered((i - 1) * s + m, (j - 1) * s + n, c) * kernels[out - 1, m - 1, n - 1, c - 1].item()
            for m in (1, 2, 3)
            for n in (1, 2, 3)
            for c in range(1, c_in + 1)
        )

    # The last window must still lie within the bordered map.
    rows = [i for i in range(1, h + 2 * p + 1) if (i - 1) * s + 3 <= h + 2 * p]
    columns = [j for j in range(1, w + 2 * p + 1) if (j - 1) * s + 3 <= w + 2 * p]
    return [[[output(i, j, out) for out in range(1, len(kernels) + 1)] for j in columns] for i in rows]


class TestAttention:
    @settings(deadline=None, max_examples=30)
    @given(seeds, st.integers(1, 5), st.integers(1, 4))
    def test_equals_the_loop(self, seed, n, d):
        x, (w_q, w_k, w_v) = normal(n, d, seed=seed), normal(3, d, d, seed=seed + 1)
        expected = torch.tensor(
            attention_in_loops(x.tolist(), w_q.tolist(), w_k.tolist(), w_v.tolist()), dtype=torch.float64
        )
        # Row sums may nearly cancel: their relative error is a rounding times |A| 1 over |A 1|.
        scores = (x @ w_q) @ (x @ w_k).T
        cancellation = (scores.abs().sum(-1) / scores.sum(-1).abs()).max().item()
        scale = expected.abs().max().item() + cancellation
        torch.testing.assert_close(attn(x, w_q, w_k, w_v), expected, rtol=0, atol=1e-13 * scale * cancellation)

    def test_by_hand_there_is_no_exponential(self):
        # A = [[4, 2], [2, 1]]: weights 2/3 and 1/3 in both rows; a softmax would give 0.88 and 0.12 in the first.
        x = torch.tensor([[2.0], [1.0]], dtype=torch.float64)
        one = torch.eye(1, dtype=torch.float64)
        assert attn(x, one, one, 3 * one).flatten().tolist() == pytest.approx([5, 5], abs=1e-14)

    @settings(deadline=None, max_examples=20)
    @given(seeds)
    def test_weights_of_a_row_sum_to_one(self, seed):
        # A column of ones in X comes out as ones, whatever Q and K make of it.
        x = torch.cat([normal(5, 2, seed=seed), torch.ones(5, 1, dtype=torch.float64)], dim=1)
        w_q, w_k = normal(2, 3, 3, seed=seed + 1)
        column = attn(x, w_q, w_k, torch.eye(3, dtype=torch.float64))[:, 2]
        scores = (x @ w_q) @ (x @ w_k).T
        cancellation = (scores.abs().sum(-1) / scores.sum(-1).abs()).max().item()
        torch.testing.assert_close(column, torch.ones_like(column), rtol=0, atol=1e-14 * cancellation)

    def test_a_querys_length_does_not_matter(self):
        # Only Q scales here: w_q reads the first column of X, which neither K nor V sees.
        x, scaled = normal(4, 3), normal(4, 3)
        scaled[2, 0] *= 7
        w_q = torch.tensor([[1.0, -2, 3], [0, 0, 0], [0, 0, 0]], dtype=torch.float64)
        w_k, w_v = normal(2, 3, 3, seed=1)
        w_k[0] = w_v[0] = 0
        torch.testing.assert_close(attn(scaled, w_q, w_k, w_v), attn(x, w_q, w_k, w_v), rtol=1e-12, atol=0)

    def test_order_of_the_rows_does_not_matter(self):
        x, weights, order = normal(6, 4), normal(3, 4, 4, seed=1), torch.tensor([3, 0, 5, 1, 4, 2])
        torch.testing.assert_close(attn(x[order], *weights), attn(x, *weights)[order], rtol=1e-10, atol=0)

    def test_a_row_sum_of_zero(self):
        # Q K^T = [[1, -1], [-1, 1]]: D = 0.
        x, one = torch.tensor([[1.0], [-1.0]]), torch.eye(1)
        with pytest.raises(
            RichSpaceError, match=r"row sums of Q K\^T that are not 0.*got 0.0 in row 1.*no exponential"
        ):
            attn(x, one, one, one)

    def test_a_negative_row_sum_is_allowed(self):
        x, one = torch.tensor([[1.0], [2.0]], dtype=torch.float64), torch.eye(1, dtype=torch.float64)
        assert attn(x, one, -one, one).flatten().tolist() == pytest.approx([5 / 3, 5 / 3], abs=1e-14)

    @pytest.mark.parametrize("bad", [math.nan, math.inf])
    def test_values_that_are_not_finite(self, bad):
        with pytest.raises(RichSpaceError, match=r"^X: expected finite row sums"):
            attn(torch.tensor([[1.0], [bad]]), *torch.ones(3, 1, 1))

    def test_shapes_that_do_not_fit(self):
        with pytest.raises(RichSpaceError, match=r"^W_Q: expected \[2, 2\]"):
            attn(torch.ones(3, 2), *torch.ones(3, 4, 4))
        with pytest.raises(EmbeddingError, match=r"^W_K: expected"):
            attn(torch.ones(3, 2), torch.ones(2, 2), torch.ones(2, 3), torch.ones(2, 2))
        with pytest.raises(EmbeddingError, match=r"^X: expected"):
            attn(torch.ones(2), *torch.ones(3, 2, 2))


class TestConvolution:
    @settings(deadline=None, max_examples=15)
    @given(seeds, st.integers(1, 5), st.integers(1, 5), st.integers(1, 2), st.integers(1, 3))
    def test_equals_the_triple_sum_of_the_paper(self, seed, h, w, c_in, c_out):
        x, kernels = normal(h, w, c_in, seed=seed), normal(c_out, 3, 3, c_in, seed=seed + 1)
        result = phi_conv(x, kernels, p=1, s=1)
        assert result.shape == (h, w, c_out)  # the size that Definition 5.5 gives it
        expected = torch.tensor(convolution_in_loops(x, kernels, 1, 1), dtype=torch.float64)
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-13)

    @pytest.mark.parametrize("p", [0, 1, 2, 3])
    @pytest.mark.parametrize("s", [1, 2, 3, 4])
    def test_padding_and_stride(self, p, s):
        x, kernels = normal(5, 8, 2), normal(3, 3, 3, 2, seed=1)
        result = phi_conv(x, kernels, p=p, s=s)
        expected = torch.tensor(convolution_in_loops(x, kernels, p, s), dtype=torch.float64)
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-13)
        # torch's own convolution has the channels first.
        torchs = torch.nn.functional.conv2d(x.permute(2, 0, 1)[None], kernels.permute(0, 3, 1, 2), padding=p, stride=s)
        torch.testing.assert_close(result, torchs[0].permute(1, 2, 0), rtol=0, atol=1e-13)

    def test_the_papers_padding_makes_a_patch_too_many(self):
        # p = 2, s = 2 on 8 x 12: 5 x 7 patches of 2 x 2, for a video of 4 x 6 of them; p = 1 gives those.
        assert phi_conv(torch.ones(8, 12, 1), torch.ones(1, 3, 3, 1), p=2, s=2).shape == (5, 7, 1)
        assert phi_conv(torch.ones(8, 12, 1), torch.ones(1, 3, 3, 1), p=1, s=2).shape == (4, 6, 1)

    @pytest.mark.parametrize(
        ("shape", "kernel", "p", "s", "named"),
        [
            ((4, 4, 2), (1, 3, 3, 3), 1, 1, "K"),
            ((4, 4, 2), (1, 5, 5, 2), 1, 1, "K"),
            ((4, 4), (1, 3, 3, 4), 1, 1, "K"),
            ((2, 9, 1), (1, 3, 3, 1), 0, 1, "X"),
            ((4, 4, 2), (1, 3, 3, 2), -1, 1, "p"),
            ((4, 4, 2), (1, 3, 3, 2), 1, 0, "s"),
        ],
    )
    def test_bad_input(self, shape, kernel, p, s, named):
        with pytest.raises(RichSpaceError) as caught:
            phi_conv(torch.ones(shape), torch.ones(kernel), p=p, s=s)
        assert caught.value.argument == named


class TestLinearProjection:
    @settings(deadline=None, max_examples=20)
    @given(seeds, st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
    def test_equals_the_loop(self, seed, n, d_1, d_2):
        x, w = normal(n, d_1, seed=seed), normal(d_1, d_2, seed=seed + 1)
        expected = torch.tensor(product_in_loops(x.tolist(), w.tolist()), dtype=torch.float64)
        torch.testing.assert_close(phi_linear(x, w), expected, rtol=0, atol=1e-13)

    def test_shapes_that_do_not_fit(self):
        with pytest.raises(RichSpaceError, match=r"^W: expected \[3, d_2\], got \[2, 5\]"):
            phi_linear(torch.ones(4, 3), torch.ones(2, 5))


class TestModules:
    def test_each_is_its_formula(self):
        attention = AttentionLayer(4, generator=seeded(), dtype=torch.float64)
        convolution = ConvolutionLayer(2, 3, 1, 2, generator=seeded(), dtype=torch.float64)
        projection = LinearProjection(4, 2, generator=seeded(), dtype=torch.float64)
        x, image = normal(5, 4), normal(4, 6, 2)
        assert torch.equal(attention(x), attn(x, attention.W_Q, attention.W_K, attention.W_V))
        assert torch.equal(convolution(image), phi_conv(image, convolution.K, p=1, s=2))
        assert torch.equal(projection(x), phi_linear(x, projection.W))

    def test_weights_come_from_the_generator_and_are_trained(self):
        layers = [AttentionLayer(3, generator=seeded(seed)) for seed in (4, 4, 5)]
        assert torch.equal(layers[0].W_Q, layers[1].W_Q)
        assert not torch.equal(layers[0].W_Q, layers[2].W_Q)
        assert not torch.equal(layers[0].W_Q, layers[0].W_K)
        layers[0](torch.ones(2, 3)).sum().backward()
        assert all(parameter.grad is not None for parameter in layers[0].parameters())
        assert [name for name, _ in layers[0].named_parameters()] == ["W_Q", "W_K", "W_V"]

    @pytest.mark.parametrize(
        "make",
        [
            lambda: AttentionLayer(0, generator=seeded()),
            lambda: ConvolutionLayer(0, 1, 1, 1, generator=seeded()),
            lambda: ConvolutionLayer(1, 1, 1, 0, generator=seeded()),
            lambda: LinearProjection(3, 0, generator=seeded()),
        ],
    )
    def test_sizes_out_of_range(self, make):
        with pytest.raises(RichSpaceError, match="expected an integer >= 1, got 0"):
            make()
