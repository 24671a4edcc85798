"""RichSpace: the text embedding between plain prompts that a text-to-video model can actually draw.

The library does not depend on ComfyUI. Importing it loads torch and nothing heavier: `richspace_core.cogvideox`, which
encodes prompts and samples videos, imports transformers and diffusers when they are used. `richspace_core.paper` has
the algorithms of the paper line by line.
"""

from .embedding import TextEmbedding
from .errors import EmbeddingError, LibraryError, ModelFolderError, PromptError, RichSpaceError, SamplingError
from .finder.balance import Balance, Look, find_balance
from .finder.cosine import ChainedInterpolation, OptimalInterpolation, Scores, find_optimal, find_optimal_chain
from .finder.geometry import cosine_scores, foot_coefficient, interpolate, matrix_cosine, perpendicular_foot

__all__ = [
    "Balance",
    "ChainedInterpolation",
    "EmbeddingError",
    "LibraryError",
    "Look",
    "ModelFolderError",
    "OptimalInterpolation",
    "PromptError",
    "RichSpaceError",
    "SamplingError",
    "Scores",
    "TextEmbedding",
    "cosine_scores",
    "find_balance",
    "find_optimal",
    "find_optimal_chain",
    "foot_coefficient",
    "interpolate",
    "matrix_cosine",
    "perpendicular_foot",
]
