"""RichSpace: find the text embedding between plain prompts that a text-to-video model can actually draw.

The geometry and the finder, free of any host. Importing this loads torch and nothing heavier; encoding
(`richspace_core.cogvideox.t5`) and sampling (`richspace_core.cogvideox.sampling`) bring in transformers and diffusers when used.
The paper's algorithms, line by line, are in `richspace_core.paper`.
"""

from .embedding import TextEmbedding
from .errors import EmbeddingError, ModelFolderError, PromptError, RichSpaceError, SamplingError
from .finder.cosine import ChainedInterpolation, OptimalInterpolation, Scores, find_optimal, find_optimal_chain
from .finder.geometry import cosine_scores, foot_coefficient, interpolate, matrix_cosine, perpendicular_foot

__all__ = [
    "ChainedInterpolation",
    "EmbeddingError",
    "ModelFolderError",
    "OptimalInterpolation",
    "PromptError",
    "RichSpaceError",
    "SamplingError",
    "Scores",
    "TextEmbedding",
    "cosine_scores",
    "find_optimal",
    "find_optimal_chain",
    "foot_coefficient",
    "interpolate",
    "matrix_cosine",
    "perpendicular_foot",
]
