"""Definitions 5.7 (with Algorithm 4) and 5.8 against a version in lists, pixel by pixel."""

import math

import pytest
import torch

from richspace_core.errors import EmbeddingError, RichSpaceError
from richspace_core.paper import Attention3D, TextToVideoModel

# n words, d columns; n_f frames of h x w pixels with c_v channels: all different, so that no two can be mixed up.
N, D = 3, 5
N_F, H, W, C_V = 2, 4, 6, 2


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


@pytest.fixture
def text():
    return normal(N, D, seed=1)


@pytest.fixture
def video():
    return normal(N_F, H, W, C_V, seed=2)


@pytest.fixture
def layer():
    return Attention3D(D, C_V, generator=seeded(3), dtype=torch.float64)


def dot(x, y):
    return math.fsum(p * q for p, q in zip(x, y, strict=True))


def times(row, matrix):
    """Return one row of a product, `row @ matrix`, over lists."""
    return [dot(row, column) for column in zip(*matrix, strict=True)]


def patch_in_loops(frame, kernels, row, column):
    """Return one patch: the 3 x 3 window whose top left corner is one up and one left of pixel (2 row, 2 column)."""
    window = [
        (m, n, c)
        for m in range(3)
        for n in range(3)
        for c in range(C_V)
        if 0 <= 2 * row + m - 1 < H and 0 <= 2 * column + n - 1 < W
    ]
    return [
        math.fsum(frame[2 * row + m - 1][2 * column + n - 1][c] * kernel[m][n][c] for m, n, c in window)
        for kernel in kernels
    ]


def attention_3d_in_loops(text, video, kernels, w_q, w_k, w_v, w):
    """Run Algorithm 4 over lists, with the position of every patch written out instead of a reshape."""
    text, video, kernels, w_q, w_k, w_v, w = (x.tolist() for x in (text, video, kernels, w_q, w_k, w_v, w))
    places = [(f, row, column) for f in range(N_F) for row in range(H // 2) for column in range(W // 2)]
    hidden = text + [patch_in_loops(video[f], kernels, row, column) for f, row, column in places]
    keys, values = [times(x, w_k) for x in hidden], [times(x, w_v) for x in hidden]
    result = torch.zeros(N_F, H, W, C_V, dtype=torch.float64)
    for token, (f, row, column) in enumerate(places, start=len(text)):
        query = times(hidden[token], w_q)
        weights = [dot(query, key) for key in keys]
        attended = [dot(weights, column_of_v) / math.fsum(weights) for column_of_v in zip(*values, strict=True)]
        pixels = iter(times(attended, w))
        for y in (2 * row, 2 * row + 1):
            for x in (2 * column, 2 * column + 1):
                for c in range(C_V):
                    result[f, y, x, c] = next(pixels)
    return result


def weights_of(layer):
    attention = layer.attn
    return [w.detach() for w in (layer.phi_conv.K, attention.W_Q, attention.W_K, attention.W_V, layer.phi_linear.W)]


class TestAttention3D:
    def test_equals_the_algorithm_in_lists(self, layer, text, video):
        expected = attention_3d_in_loops(text, video, *weights_of(layer))
        # No row sum of this seed's attention comes near 0, so nothing cancels badly.
        torch.testing.assert_close(layer(text, video).detach(), expected, rtol=1e-10, atol=1e-11)

    def test_the_text_takes_part(self, layer, text, video):
        changed = text.clone()
        changed[-1, -1] += 1
        assert not torch.allclose(layer(changed, video), layer(text, video))

    def test_frames_see_each_other(self, layer, text, video):
        changed = video.clone()
        changed[1] += 1
        assert not torch.allclose(layer(text, changed)[0], layer(text, video)[0])

    def test_a_patch_fills_its_own_square(self, layer, text):
        # Kernels with nothing but their middle: a patch sees its top left pixel alone. One of the pixels differs.
        with torch.no_grad():
            layer.phi_conv.K *= torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]])[:, :, None]
        marked = torch.full((N_F, H, W, C_V), 0.5, dtype=torch.float64)
        marked[1, 2, 4, 0] = 2
        result = layer(text, marked).detach()
        squares = {
            (f, row, column): result[f, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            for f in range(N_F)
            for row in range(H // 2)
            for column in range(W // 2)
        }
        odd_one = squares.pop((1, 1, 2))
        for square in squares.values():
            torch.testing.assert_close(square, squares[0, 0, 0], rtol=0, atol=1e-10)
        assert not torch.allclose(odd_one, squares[0, 0, 0], atol=1e-3)

    @pytest.mark.parametrize("s", [1, 2, 3, 4])
    def test_patches_of_every_side_tile_with_padding_one(self, text, s):
        layer = Attention3D(D, C_V, s=s, generator=seeded(3), dtype=torch.float64)
        assert layer(text, normal(1, 12, 24, C_V)).shape == (1, 12, 24, C_V)

    @pytest.mark.parametrize("s", [1, 2, 3, 4, 5])
    @pytest.mark.parametrize("size", [4, 5, 6, 12])
    def test_the_papers_padding_never_tiles(self, text, s, size):
        layer = Attention3D(D, C_V, p=2, s=s, generator=seeded(3), dtype=torch.float64)
        with pytest.raises(RichSpaceError, match="Use padding 1"):
            layer(text, normal(1, size, size, C_V))

    @pytest.mark.parametrize(("h", "w"), [(3, 4), (4, 7)])
    def test_a_size_that_patches_do_not_tile(self, layer, text, h, w):
        with pytest.raises(RichSpaceError, match=f"got h = {h}, w = {w}, of which padding 1 and stride 2 make 2 x"):
            layer(text, normal(N_F, h, w, C_V))

    def test_shapes_that_do_not_fit(self, layer, text, video):
        with pytest.raises(RichSpaceError, match=r"^E_t: expected \[n, 5\]"):
            layer(text[:, :-1], video)
        with pytest.raises(EmbeddingError, match=r"^E_t: expected"):
            layer(text[0], video)
        with pytest.raises(RichSpaceError, match=r"^E_v: expected \[n_f, h, w, 2\]"):
            layer(text, video[..., :1])
        with pytest.raises(RichSpaceError, match=r"^E_v: expected"):
            layer(text, video[:0])


class TestTextToVideoModel:
    def test_a_stack_on_the_same_text(self, text, video):
        model = TextToVideoModel(3, D, C_V, generator=seeded(6), dtype=torch.float64)
        expected = video
        for layer in model.layers:
            expected = attention_3d_in_loops(text, expected, *weights_of(layer))
        scale = expected.abs().max().item()
        torch.testing.assert_close(model(text, video).detach(), expected, rtol=0, atol=1e-9 * scale)

    def test_layers_have_weights_of_their_own(self):
        model = TextToVideoModel(2, D, C_V, generator=seeded())
        assert len(model.layers) == 2
        assert not torch.equal(model.layers[0].phi_linear.W, model.layers[1].phi_linear.W)
        assert sum(p.numel() for p in model.parameters()) == 2 * (D * 9 * C_V + 3 * D * D + D * 4 * C_V)

    def test_the_same_generator_gives_the_same_model(self, text, video):
        first, again, other = (
            TextToVideoModel(2, D, C_V, generator=seeded(seed), dtype=torch.float64)(text, video) for seed in (1, 1, 2)
        )
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_no_layers(self):
        with pytest.raises(RichSpaceError, match=r"^k_3d: expected an integer >= 1"):
            TextToVideoModel(0, D, C_V, generator=seeded())
