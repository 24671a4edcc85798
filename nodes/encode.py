"""Encoding of prompts with ComfyUI's text encoder or with this pack's T5."""

from __future__ import annotations

import logging
from typing import Any, TypeAlias

from ..richspace_core import PromptError
from ..richspace_core.cogvideox.t5 import (
    TokenizedPrompt,
    fit_tokens,
    require_known_words,
)
from ..richspace_core.cogvideox.unknown_words import UnknownWords, find_unknown_words
from ..richspace_core.control_characters import escape_controls
from ..richspace_core.embedding import require_finite
from .host import memory as host_memory
from .host.api import T5, io, report
from .host.conditioning import Conditioning, Prompt, attach_token_count, make_conditioning
from .host.input_names import name_inputs_as_shown
from .host.models import LESS_TEXT_MEMORY, T5Encoder
from .inputs import conditioning_output

_logger = logging.getLogger(__name__)
_Encoded: TypeAlias = tuple[Conditioning, TokenizedPrompt, UnknownWords]

#: File names of ComfyUI's text encoders, by the names in its tokenizers' results.
_FILES = {"l": "clip_l", "g": "clip_g", "h": "clip_h"}


class RichSpaceT5Encode(io.ComfyNode):
    """Conditioning of a prompt, encoded as CogVideoX reads it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceT5Encode",
            display_name="RichSpace Encode Prompt (T5)",
            category="RichSpace",
            description="Encodes a prompt exactly as CogVideoX reads it: padded or cut to the model's length, with "
            "every character taken literally. Counts the tokens, which RichSpace Mix Prompts needs.",
            search_aliases=["prompt", "t5", "text encode", "cogvideox", "clip text encode"],
            inputs=[
                io.MultiType.Input(
                    "encoder",
                    types=[T5, io.Clip],
                    display_name="text encoder",
                    tooltip="T5 from RichSpace Load CogVideoX, or a CLIP from Load CLIP with type cogvideox.",
                ),
                io.String.Input(
                    "text",
                    multiline=True,
                    default="",
                    tooltip="One plain prompt. Parentheses do not set weights here. A negative prompt can stay empty.",
                ),
            ],
            outputs=[
                conditioning_output(),
                io.Int.Output(
                    display_name="token count",
                    tooltip="Number of tokens that the model reads, including the end of the sentence.",
                ),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, encoder: Any, text: str) -> io.NodeOutput:
        """Encode one prompt."""
        encode = _encode_with_t5 if isinstance(encoder, T5Encoder) else _encode_with_clip
        with host_memory.explain_out_of_memory("text encoder", expected="enough memory for it", hint=LESS_TEXT_MEMORY):
            conditioning, tokens, unknown = encode(encoder, text)
        count = f"{tokens.total_tokens} of {len(tokens.ids)} tokens"
        cut = f'Too long. Lost: "{tokens.lost_words}"' if tokens.lost_words else ""
        warning = "\n".join(filter(None, (cut, str(unknown))))
        if warning:
            _logger.warning("RichSpace Encode Prompt: %s. %s", count, escape_controls(warning))
        return io.NodeOutput(conditioning, tokens.token_count, ui=report(count, warning=warning))


def _encode_with_t5(encoder: T5Encoder, text: str) -> _Encoded:
    require_known_words("text", text, encoder.tokenizer)
    encoded = encoder.encode(text)
    conditioning = make_conditioning(Prompt.encoded(encoded.embedding, text))
    return conditioning, encoded.tokens, _unknown_words(text, encoder.tokenizer)


def _encode_with_clip(clip: Any, text: str) -> _Encoded:
    if clip is None:
        raise PromptError(
            "text encoder",
            expected="a text encoder",
            got="none",
            hint="The loaded file has no text encoder. Load the T5 with Load CLIP.",
        )
    key, padded = _only_t5(clip.tokenize("", disable_weights=True))
    # ComfyUI's own tokenizing removes weights, escapes and `embedding:` from a text; the one of transformers does not.
    tokenizer = getattr(clip.tokenizer, clip.tokenizer.clip).tokenizer
    require_known_words("text", text, tokenizer)
    whole = tokenizer(text)["input_ids"]
    tokens = fit_tokens(whole, max_length=len(padded), pad_token=padded[-1], decode=tokenizer.decode)
    conditioning = clip.encode_from_tokens_scheduled({key: [[(token, 1.0) for token in tokens.ids]]})
    for values, _ in conditioning:
        require_finite("text encoder output", values)
    return attach_token_count(conditioning, tokens.token_count, text), tokens, _unknown_words(text, tokenizer)


def _unknown_words(text: str, tokenizer: Any) -> UnknownWords:
    # Most of ComfyUI's text encoders have a tokenizer of transformers; UMT5 has one of SentencePiece.
    unknown = tokenizer.unk_token_id if hasattr(tokenizer, "unk_token_id") else tokenizer.tokenizer.unk_id()
    return find_unknown_words(text, lambda word: unknown in tokenizer(word)["input_ids"])


def _only_t5(tokenized: Any) -> tuple[str, list[int]]:
    """Return the name and the ids of the only T5 in the result of ComfyUI's tokenizer.

    Raises:
        PromptError: If there is another text encoder, or several.
    """
    names = list(tokenized) if isinstance(tokenized, dict) else []
    if len(names) != 1 or "t5" not in names[0]:
        raise PromptError(
            "text encoder",
            expected="a single T5, the text encoder of CogVideoX",
            got=" and ".join(_FILES.get(name, name) for name in names) or "another kind of text encoder",
            hint="In Load CLIP, choose a t5xxl file and type cogvideox. For other models, use their own encode node.",
        )
    return names[0], [token for batch in tokenized[names[0]] for token, *_ in batch]


NODES: list[type[io.ComfyNode]] = [RichSpaceT5Encode]
