"""VBench's metrics of a video: pure functions of its frames, and the networks that they use.

Subject consistency and aesthetic quality are the two columns of Table 1 in the RichSpace paper. Background consistency
and temporal flickering complete the set. With the same network, each score differs from VBench's by less than 1e-5 per
video.

References:
    VBench: Comprehensive Benchmark Suite for Video Generative Models, CVPR 2024, at commit 45e79ec of its code.
"""

from .backbones import ClipBackbone, DinoBackbone, load_aesthetic_head, load_clip, load_dino
from .functional import aesthetic_quality, background_consistency, subject_consistency, temporal_flickering
from .scores import AverageScores, FrameScores, average_scores

__all__ = [
    "AverageScores",
    "ClipBackbone",
    "DinoBackbone",
    "FrameScores",
    "aesthetic_quality",
    "average_scores",
    "background_consistency",
    "load_aesthetic_head",
    "load_clip",
    "load_dino",
    "subject_consistency",
    "temporal_flickering",
]
