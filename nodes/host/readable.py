"""Prompts that this pack's CogVideoX can sample, and the negative prompt that it takes if none is connected."""

from __future__ import annotations

from ...richspace_core import TextEmbedding
from ...richspace_core.cogvideox.sampling import require_fits
from .conditioning import Conditioning, Prompt, read_prompt
from .models import CogVideoXModel
from .prompt_settings import require_plain


def require_readable(model: CogVideoXModel, **prompts: Prompt) -> None:
    """Raise an error that names the first of `prompts` that this pack's CogVideoX cannot sample."""
    require_plain(**prompts)
    require_fits(model.folder, **{name: prompt.embedding for name, prompt in prompts.items()})


def read_negative(
    model: CogVideoXModel, negative: Conditioning | None, *, is_used: bool, if_several: str
) -> TextEmbedding | None:
    """Return the embedding of what to avoid: of the connected prompt, or of the empty prompt if none is connected.

    Args:
        model: CogVideoX whose own text encoder encodes the empty prompt.
        negative: ComfyUI's CONDITIONING; None if nothing is connected.
        is_used: Whether the guidance uses it. If not, nothing is encoded for it.
        if_several: Advice for the error message if it holds several prompts.

    Raises:
        RichSpaceError: If the model cannot sample the connected prompt.
    """
    if negative is None:
        return model.text.empty_prompt if is_used else None
    prompt = read_prompt("negative", negative, if_several=if_several)
    require_readable(model, negative=prompt)
    return prompt.embedding
