"""Prompts to CONDITIONING, with the host's text encoder or with this pack's T5."""

from __future__ import annotations

import logging
from typing import Any, TypeAlias

from ..richspace_core import PromptError, TextEmbedding
from ..richspace_core.cogvideox.t5 import (
    TokenizedPrompt,
    encode_prompts,
    fit_tokens,
    require_known_words,
)
from ..richspace_core.words import UnknownWords, find_unknown_words
from .host import memory as host_memory
from .host.api import T5, io, report
from .host.conditioning import Conditioning, to_conditioning, with_note
from .host.models import T5Encoder

_logger = logging.getLogger(__name__)
_Encoded: TypeAlias = tuple[Conditioning, TokenizedPrompt, UnknownWords]

#: How the files of the host's text encoders are called, by the names that its tokenizers give.
_FILES = {"l": "clip_l", "g": "clip_g", "h": "clip_h"}


class RichSpaceT5Encode(io.ComfyNode):
    """A prompt as CogVideoX reads it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceT5Encode",
            display_name="RichSpace Encode Prompt (T5)",
            category="RichSpace",
            description="Encodes a prompt exactly as CogVideoX reads it: padded or cut to the model's length, and "
            "every character taken literally. Counts the tokens, which the optimal interpolation needs.",
            search_aliases=["prompt", "t5", "text encode", "cogvideox", "clip text encode"],
            inputs=[
                io.MultiType.Input(
                    "encoder",
                    types=[T5, io.Clip],
                    display_name="text encoder",
                    tooltip="The T5 of RichSpace Load CogVideoX, or a CLIP from Load CLIP with type cogvideox.",
                ),
                io.String.Input(
                    "text",
                    multiline=True,
                    default="",
                    tooltip="One plain prompt. Parentheses are not weights here. Leave it empty for a negative "
                    "prompt that asks for nothing.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="conditioning", tooltip="The prompt's embedding, for RichSpace nodes and samplers."
                ),
                io.Int.Output(
                    display_name="token count",
                    tooltip="Tokens of the prompt that the model reads, the end of the sentence included.",
                ),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def execute(cls, encoder: Any, text: str) -> io.NodeOutput:
        """Encode one prompt."""
        encode = _encode_with_t5 if isinstance(encoder, T5Encoder) else _encode_with_clip
        conditioning, tokens, unknown = encode(encoder, text)
        count = f"{tokens.total_tokens} of {len(tokens.ids)} tokens"
        cut = f'Too long. Lost: "{tokens.lost_words}"' if tokens.lost_words else ""
        warning = "\n".join(filter(None, (cut, str(unknown))))
        if warning:
            _logger.warning("RichSpace Encode Prompt: %s. %s", count, warning)
        return io.NodeOutput(conditioning, tokens.token_count, ui=report(count, warning=warning))


def _encode_with_t5(encoder: T5Encoder, text: str) -> _Encoded:
    require_known_words("text", text, encoder.tokenizer)
    module = encoder.text_encoder.loaded()
    (encoded,) = encode_prompts([text], encoder.tokenizer, module, max_length=encoder.folder.text_length)
    embedding = TextEmbedding(host_memory.to_host(encoded.embedding.values), encoded.tokens.token_count)
    return to_conditioning(embedding, text), encoded.tokens, _unknown_words(text, encoder.tokenizer)


def _encode_with_clip(clip: Any, text: str) -> _Encoded:
    if clip is None:
        raise PromptError(
            "text encoder",
            expected="a text encoder",
            got="none",
            hint="The file that was loaded has no text encoder. Load the T5 with Load CLIP.",
        )
    key, padded = _only_t5(clip.tokenize("", disable_weights=True))
    # The host's own tokenizing takes weights, escapes and `embedding:` out of a text; that of transformers does not.
    tokenizer = getattr(clip.tokenizer, clip.tokenizer.clip).tokenizer
    require_known_words("text", text, tokenizer)
    whole = tokenizer(text)["input_ids"]
    tokens = fit_tokens(whole, max_length=len(padded), pad_token=padded[-1], decode=tokenizer.decode)
    conditioning = clip.encode_from_tokens_scheduled({key: [[(token, 1.0) for token in tokens.ids]]})
    return with_note(conditioning, tokens.token_count, text), tokens, _unknown_words(text, tokenizer)


def _unknown_words(text: str, tokenizer: Any) -> UnknownWords:
    # Most text encoders of the host have a tokenizer of transformers; UMT5 has one of SentencePiece.
    unknown = tokenizer.unk_token_id if hasattr(tokenizer, "unk_token_id") else tokenizer.tokenizer.unk_id()
    return find_unknown_words(text, lambda word: unknown in tokenizer(word)["input_ids"])


def _only_t5(tokenized: Any) -> tuple[str, list[int]]:
    """Return the name of the one T5 in what the host's tokenizer returned, and its ids.

    Raises:
        PromptError: If it is another text encoder, or several.
    """
    names = list(tokenized) if isinstance(tokenized, dict) else []
    if len(names) != 1 or "t5" not in names[0]:
        raise PromptError(
            "text encoder",
            expected="a T5 alone, as CogVideoX reads it",
            got=" and ".join(_FILES.get(name, name) for name in names) or "another kind of text encoder",
            hint="In Load CLIP choose a t5xxl file and the type cogvideox; for other models use their own encode node.",
        )
    return names[0], [token for batch in tokenized[names[0]] for token, *_ in batch]


NODES: list[type[io.ComfyNode]] = [RichSpaceT5Encode]
