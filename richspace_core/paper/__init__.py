"""Readable reference of the paper: every algorithm, definition and bound, written plainly and without shortcuts.

Cao et al., "RichSpace: Enriching Text-to-Video Prompt Space via Text Embedding Interpolation". The code has the names
of the paper, capitals included, and each line of an algorithm has its number. Each module begins with the paper's slips
and how they are read here. Everything is computed in the dtype of the given tensors. The fast code of the library is
tested against this package, which therefore shares nothing with it except the error types.

| piece | here | in the paper |
| --- | --- | --- |
| optimal interpolation | `optimal_finder` | Algorithm 1 |
| perpendicular foot | `perpendicular_foot` | Algorithm 2, lines 9-20 |
| cosine scores | `cosine_sim` | Algorithm 2, lines 22-34 |
| video | `video_interpolation` | Algorithm 3 |
| 3D attention | `Attention3D` | Definition 5.7, Algorithm 4 |
| linear interpolation | `linear_interpolation` | Definition 5.1 |
| cosine similarity of matrices | `phi_cos` | Definition 5.2 |
| volume of a ball | `log_ball_volume` | Fact 5.3 |
| attention layer | `attn`, `AttentionLayer` | Definition 5.4 |
| convolution layer | `phi_conv`, `ConvolutionLayer` | Definition 5.5 |
| linear projection | `phi_linear`, `LinearProjection` | Definition 5.6 |
| text-to-video model | `TextToVideoModel` | Definition 5.8 |
| words are insufficient | `theorem_5_9_log_epsilon` | Theorem 5.9 = A.6 (informally 1.1) |
| the same, bi-Lipschitz | `theorem_a8_log_epsilon` | Theorem A.8, Definition A.7 |
| integer weights, one dimension | `lemma_a1_log_epsilon` | Lemma A.1 |
| integer weights, d dimensions | `lemma_a2_log_epsilon` | Lemma A.2 |
| any function, one dimension | `lemma_a5_log_epsilon` | Lemma A.5 |
"""

from __future__ import annotations

from .algorithm1 import OptimalFinding, optimal_finder
from .algorithm2 import cosine_sim, perpendicular_foot
from .algorithm3 import video_interpolation
from .attention import Attention3D, TextToVideoModel
from .bounds import (
    lemma_a1_log_epsilon,
    lemma_a2_log_epsilon,
    lemma_a5_log_epsilon,
    theorem_5_9_log_epsilon,
    theorem_a8_log_epsilon,
)
from .definitions import linear_interpolation, log_ball_volume, phi_cos
from .layers import AttentionLayer, ConvolutionLayer, LinearProjection, attn, phi_conv, phi_linear

__all__ = [
    "Attention3D",
    "AttentionLayer",
    "ConvolutionLayer",
    "LinearProjection",
    "OptimalFinding",
    "TextToVideoModel",
    "attn",
    "cosine_sim",
    "lemma_a1_log_epsilon",
    "lemma_a2_log_epsilon",
    "lemma_a5_log_epsilon",
    "linear_interpolation",
    "log_ball_volume",
    "optimal_finder",
    "perpendicular_foot",
    "phi_conv",
    "phi_cos",
    "phi_linear",
    "theorem_5_9_log_epsilon",
    "theorem_a8_log_epsilon",
    "video_interpolation",
]
