"""Warning if the prompts of a corrected CogVideoX have another length than the prompts of its training.

The published models read 226 tokens: shorter prompts are padded, longer ones cut. ComfyUI's own encode node cuts
nothing, Conditioning (Concat) joins two prompts to twice the length, and a CLIP of another type pads to another length.
The model accepts each of them, but the video differs from the one with 226 tokens. Somebody may want to try that, so it
is not an error: the sampling node and the log show a warning.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ..host.api import running_node, show_on_node
from .unused import describe_unused

_logger = logging.getLogger(__name__)
_KEY = "richspace text length"


def watch_text_length(model: Any, length: int) -> None:
    """Make a corrected MODEL warn before each sampling if a prompt has another length, or a node has no effect.

    Args:
        model: Corrected clone.
        length: Number of tokens that the model was trained with.
    """
    model.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, _KEY)  # of an earlier correction
    model.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, _KEY, _Watch(length))


def describe_text_length(length: int, prompts: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return a warning about prompts of another length; otherwise an empty text.

    Args:
        length: Number of tokens that the model was trained with.
        prompts: ComfyUI's conditionings by name, as its guiders hold them.
    """
    counts = [(name, _tokens(entry)) for name, entries in prompts.items() for entry in entries]
    others = dict.fromkeys(f"{name} {tokens}" for name, tokens in counts if tokens not in (0, length))
    if not others:
        return ""
    return (
        f"Tokens of the prompts: {', '.join(others)}. This model was trained with {length}, so the video differs from "
        "the published model's. Encode each prompt with RichSpace Encode Prompt (T5), and mix prompts instead of "
        "concatenating them."
    )


def _tokens(entry: Mapping[str, Any]) -> int:
    embedding = entry.get("cross_attn")
    return embedding.shape[1] if isinstance(embedding, Tensor) and embedding.ndim > 1 else 0


class _Watch:
    """Wrapper around a sampling that checks its prompts, and the nodes that changed the model, first.

    Args:
        length: Number of tokens that the model was trained with.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._warned: set[str | None] = set()  # node ids; the page keeps a text on its node until another one comes

    def __call__(self, sample: Any, *args: Any, **kwargs: Any) -> Tensor:
        node, guider = running_node(), sample.class_obj
        warnings = describe_text_length(self._length, guider.conds), describe_unused(guider.model_options)
        warning = "\n".join(filter(None, warnings))
        if warning:
            _logger.warning("RichSpace: %s", warning)
            show_on_node(node, warning)
            self._warned.add(node)
        elif node in self._warned:
            show_on_node(node, f"The prompts have {self._length} tokens, like those that this model was trained with.")
            self._warned.remove(node)
        sampled: Tensor = sample(*args, **kwargs)
        return sampled
