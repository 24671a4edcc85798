"""Definitions 5.7 (with Algorithm 4) and 5.8 of the paper: the 3D attention layer, and the model that stacks it.

Slips of the paper, and how they are read here:

- Line 20 convolves with p = 2 and s = 2. With the 3 x 3 kernels of Definition 5.5 that gives
  `h' = floor((h + 4 - 3)/2) + 1 = h/2 + 1` for even h, and patches of s x s pixels then make h + 2 rows instead of h.
  No stride tiles with p = 2: `floor((h + 2p - 3)/s) + 1 = h/s` needs p <= 1. The default here is p = 1, which gives
  `h' = h/2` for even h; an odd h is an error.
- Line 24 stacks E_t [n, d] on E_patch [.., c_patch], which needs d = c_patch; line 9 says `c_patch in R^{n x d}`.
  Here c_patch is the number d.
- Line 31 is a linear projection that maps n_f h' w' rows of c_patch to n_f h w rows of c_v; Definition 5.6 keeps the
  number of rows. Here each patch is mapped to the s * s * c_v values of its own pixels.
- Line 33, reshape, does not say where the values of a patch go. Here they fill the s x s square of the patch; a reshape
  in memory order would put the four pixels of a square next to each other in one row of the video.
- The convolution of line 20 is defined for one frame (Definition 5.5), so it is applied to each frame.
- Line 29 makes a new E_t and line 34 returns E_v alone, while Definition 5.8 composes the layer with itself, which
  needs both. Here every layer of the stack receives the same E_t, and the output of the layer before it as E_v. (In
  CogVideoX, the text goes from layer to layer.) Each layer has its own weights.
- Definition 5.8 has no time t although Algorithm 3 passes one; this model ignores t.
- The layers do not depend on the positions of tokens, since the paper gives none.
"""
# ruff: noqa: N803, N806 -- the names are the paper's

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..errors import RichSpaceError
from ._checks import require_matrices, require_whole_number
from .layers import AttentionLayer, ConvolutionLayer, LinearProjection


class Attention3D(nn.Module):
    """3D attention layer `phi_3DAttn(E_t, E_v)`: video and text attend to each other, and the video is returned.

    Args:
        d: Number of columns of the text embedding, and of the channels c_patch of a patch, >= 1.
        c_v: Number of channels of the video, >= 1.
        p: Padding of the convolution, >= 0; with the paper's 2, patches do not tile the video.
        s: Stride of the convolution, and side of a patch, >= 1.
        generator: Source of the initial weights.
        dtype: Floating point type of the weights.

    Reference:
        Definition 5.7, Algorithm 4.

    Example:
        >>> layer = Attention3D(d=8, c_v=3, generator=torch.Generator().manual_seed(0))
        >>> list(layer(torch.ones(5, 8), torch.ones(2, 4, 6, 3)).shape)
        [2, 4, 6, 3]
    """

    def __init__(
        self,
        d: int,
        c_v: int,
        *,
        p: int = 1,
        s: int = 2,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.c_v = c_v
        self.c_patch = d
        self.p = p
        self.s = s
        self.phi_conv = ConvolutionLayer(c_v, self.c_patch, p, s, generator=generator, dtype=dtype)
        self.attn = AttentionLayer(self.c_patch, generator=generator, dtype=dtype)
        self.phi_linear = LinearProjection(self.c_patch, s * s * c_v, generator=generator, dtype=dtype)

    def forward(self, E_t: Tensor, E_v: Tensor) -> Tensor:
        """Return the video embedding after this layer.

        Args:
            E_t: Text embedding, [n, d], in the weights' dtype.
            E_v: Video embedding, [n_f, h, w, c_v], in the weights' dtype.

        Returns:
            E_v, [n_f, h, w, c_v].

        Raises:
            EmbeddingError: E_t is not a matrix.
            RichSpaceError: A shape does not fit, the patches do not tile the video, or D has no inverse.
        """
        self._require_shapes(E_t, E_v)
        n = E_t.shape[0]
        n_f, h, w, _ = E_v.shape
        # Line 20: [n_f, h, w, c_v] -> [n_f, h', w', c_patch], frame by frame
        E_patch = torch.stack([self.phi_conv(frame) for frame in E_v])
        _, h_patch, w_patch, _ = E_patch.shape
        self._require_tiling((h, w), (h_patch, w_patch))
        # Line 22: -> [n_f * h' * w', c_patch]
        E_patch = E_patch.reshape(n_f * h_patch * w_patch, self.c_patch)
        # Line 24: [n + n_f * h' * w', c_patch]
        E_hidden = torch.concat([E_t, E_patch])
        # Line 26: the same shape
        E_hidden = self.attn(E_hidden)
        # Line 29: [n, d] and [n_f * h' * w', c_patch]; the new E_t is not used again
        _, E_patch = E_hidden[:n], E_hidden[n:]
        # Line 31: -> [n_f * h' * w', s * s * c_v]
        projected: Tensor = self.phi_linear(E_patch)
        # Line 33: -> [n_f, h, w, c_v]; the patch of row i', column j' fills rows s i'.. and columns s j'..
        squares = projected.reshape(n_f, h_patch, w_patch, self.s, self.s, self.c_v)
        return squares.permute(0, 1, 3, 2, 4, 5).reshape(n_f, h, w, self.c_v)  # line 34

    def _require_shapes(self, E_t: Tensor, E_v: Tensor) -> None:
        """Raise an error unless the text has d columns and the video c_v channels."""
        require_matrices(E_t=E_t)
        if E_t.shape[1] != self.c_patch:
            expected = f"[n, {self.c_patch}], as many columns as a patch has channels"
            raise RichSpaceError("E_t", expected=expected, got=str(list(E_t.shape)))
        if E_v.ndim != 4 or E_v.numel() == 0 or E_v.shape[3] != self.c_v:
            raise RichSpaceError("E_v", expected=f"[n_f, h, w, {self.c_v}], not empty", got=str(list(E_v.shape)))

    def _require_tiling(self, video: tuple[int, int], patches: tuple[int, int]) -> None:
        """Raise an error unless patches of s x s pixels give the height and width of the video."""
        tiled = (patches[0] * self.s, patches[1] * self.s)
        if tiled != video:
            raise RichSpaceError(
                "E_v",
                expected=f"a height and width that {self.s} x {self.s} patches tile",
                got=f"h = {video[0]}, w = {video[1]}, of which padding {self.p} and stride {self.s} make "
                f"{patches[0]} x {patches[1]} patches, which tile {tiled[0]} x {tiled[1]}",
                hint=f"Use padding 1, and multiples of {self.s}.",
            )


class TextToVideoModel(nn.Module):
    """Text-to-video model `f_theta(E_t, z)`: k_3D layers of 3D attention with the same text.

    Args:
        k_3d: Number of layers, >= 1.
        d: Number of columns of the text embedding, >= 1.
        c: Number of channels of the video, >= 1.
        p: Padding of the convolutions, >= 0.
        s: Stride of the convolutions, >= 1.
        generator: Source of the initial weights.
        dtype: Floating point type of the weights.

    Reference:
        Definition 5.8.

    Example:
        >>> model = TextToVideoModel(k_3d=2, d=8, c=3, generator=torch.Generator().manual_seed(0))
        >>> list(model(torch.ones(5, 8), torch.ones(2, 4, 6, 3)).shape)
        [2, 4, 6, 3]
    """

    def __init__(
        self,
        k_3d: int,
        d: int,
        c: int,
        *,
        p: int = 1,
        s: int = 2,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        require_whole_number("k_3d", k_3d, low=1)
        self.layers = nn.ModuleList(Attention3D(d, c, p=p, s=s, generator=generator, dtype=dtype) for _ in range(k_3d))

    def forward(self, E_t: Tensor, z: Tensor) -> Tensor:
        """Return `phi_3DAttn o ... o phi_3DAttn (E_t, z)`.

        Args:
            E_t: Text embedding, [n, d], in the weights' dtype.
            z: Noise, [n_f, h, w, c], in the weights' dtype.

        Returns:
            [n_f, h, w, c].

        Raises:
            EmbeddingError: E_t is not a matrix.
            RichSpaceError: As in `Attention3D.forward`.
        """
        for layer in self.layers:
            z = layer(E_t, z)
        return z
