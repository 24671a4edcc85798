"""How good videos are, as VBench measures it: pure functions of frames, and the networks that they look through.

Subject consistency and aesthetic quality are the two columns of RichSpace's Table 1; background consistency and
temporal flickering come with them. The scores are VBench's own within 1e-5 a video, given the same network.

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
