"""A warning where the prompts of a corrected CogVideoX are not as long as those that it was trained with.

The published models read 226 tokens: shorter prompts are padded, longer ones cut. The host's own encode node cuts
nothing, Conditioning (Concat) joins two prompts to twice the length, and a CLIP of another type pads to another one.
The model draws from any of them, but not the video that it would draw from 226 tokens. That can be what someone wants
to try, so it is no error: the sampling node says it, and the log.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ..host.api import running_node, show_on_node

_logger = logging.getLogger(__name__)
_KEY = "richspace text length"


def watch_text_length(model: Any, length: int) -> None:
    """Make a corrected MODEL say before each sampling if a prompt has another length.

    Args:
        model: The clone that was corrected.
        length: Tokens that the model was trained with.
    """
    model.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, _KEY)  # of one that was corrected before
    model.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, _KEY, _Watch(length))


def about_text_length(length: int, prompts: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return a warning about prompts of another length, or nothing.

    Args:
        length: Tokens that the model was trained with.
        prompts: The host's conditionings by name, as its guiders hold them.
    """
    counts = [(name, _tokens(entry)) for name, entries in prompts.items() for entry in entries]
    others = dict.fromkeys(f"{name} {tokens}" for name, tokens in counts if tokens not in (0, length))
    if not others:
        return ""
    return (
        f"Tokens of the prompts: {', '.join(others)}. This model was trained with {length}, so the video differs from "
        "the published model's. Encode each prompt with RichSpace Encode Prompt (T5), and mix prompts in place of "
        "concatenating them."
    )


def _tokens(entry: Mapping[str, Any]) -> int:
    embedding = entry.get("cross_attn")
    return embedding.shape[1] if isinstance(embedding, Tensor) else 0


class _Watch:
    """Wrapper around a sampling of the host that looks at its prompts first.

    Args:
        length: Tokens that the model was trained with.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._warned: set[str | None] = set()  # nodes; the page leaves a text on its node until another one comes

    def __call__(self, sample: Any, *args: Any, **kwargs: Any) -> Tensor:
        node, warning = running_node(), about_text_length(self._length, sample.class_obj.conds)  # of the host's guider
        if warning:
            _logger.warning("RichSpace: %s", warning)
            show_on_node(node, warning)
            self._warned.add(node)
        elif node in self._warned:
            show_on_node(node, f"The prompts have {self._length} tokens, as this model was trained with.")
            self._warned.remove(node)
        sampled: Tensor = sample(*args, **kwargs)
        return sampled
