"""Prompts to text embeddings, with a transformers T5 and its tokenizer.

The ids and the embedding are those of diffusers' `CogVideoXPipeline.encode_prompt`: padded to the model's length, cut
to it, no attention mask, parentheses and everything else taken literally.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..embedding import TextEmbedding, require_finite
from ..errors import PromptError

_WORD_START = "\u2581"  # SentencePiece's mark of a word's first piece, which looks like an underscore


class PromptCutWarning(UserWarning):
    """A prompt was longer than the model reads; the message names the lost words."""


@dataclass(frozen=True)
class TokenizedPrompt:
    """A prompt's token ids, padded and cut to the model's length.

    Args:
        ids: As many ids as the length asked for, padding included.
        token_count: How many of them are the prompt's own, end of sequence included.
        total_tokens: How many the whole prompt has, before it was cut.
        lost_words: What did not fit, or nothing.
    """

    ids: tuple[int, ...]
    token_count: int
    total_tokens: int
    lost_words: str


@dataclass(frozen=True, eq=False)
class EncodedPrompt:
    """A prompt's embedding, and what became of its words.

    Args:
        text: The prompt as it was given.
        tokens: Its token ids.
        embedding: ``[n, d]`` in the encoder's dtype on the encoder's device.
    """

    text: str
    tokens: TokenizedPrompt
    embedding: TextEmbedding


def fit_tokens(
    ids: Sequence[int], *, max_length: int, pad_token: int, decode: Callable[[list[int]], str]
) -> TokenizedPrompt:
    """Pad a prompt's ids to the model's length, or cut them to it and keep the end of sequence.

    Args:
        ids: The whole prompt's ids, the end of sequence last.
        max_length: Tokens that the model reads, end of sequence included.
        pad_token: Id of the padding.
        decode: Turns ids back into words, to name those that are lost.

    Returns:
        Ids of exactly `max_length`; `lost_words` says what was cut.

    Example:
        >>> fit_tokens([5, 6, 7, 1], max_length=3, pad_token=0, decode=str)
        TokenizedPrompt(ids=(5, 6, 1), token_count=3, total_tokens=4, lost_words='[7]')
    """
    ids = list(ids)
    lost = ids[max_length - 1 : -1] if len(ids) > max_length else []
    kept = ids[: max_length - 1] + ids[-1:] if lost else ids
    padding = [pad_token] * (max_length - len(kept))
    return TokenizedPrompt((*kept, *padding), len(kept), len(ids), decode(lost).strip() if lost else "")


def warn_if_cut(tokens: TokenizedPrompt) -> None:
    """Warn, with the lost words, if a prompt did not fit."""
    if tokens.lost_words:
        warnings.warn(
            f"The prompt has {tokens.total_tokens} tokens and the model reads {tokens.token_count}. "
            f'These words were lost: "{tokens.lost_words}". Shorten the prompt.',
            PromptCutWarning,
            stacklevel=3,
        )


def require_known_words(name: str, text: str, tokenizer: Any) -> None:
    """Refuse words that a model of few words does not know.

    A T5 reads any text; what it has no piece for becomes the unknown token, and diffusers goes on. A model that was
    trained on a handful of words draws nonsense from that. Such a folder says `"closed_vocabulary": true` in its
    `tokenizer_config.json`, and its pieces are whole words; with every other tokenizer any text is fine.

    Args:
        name: What the caller calls the text.
        text: Any prompt, also an empty one.
        tokenizer: A transformers T5 tokenizer, or another, which then knows every word.

    Raises:
        PromptError: If a word is unknown; the message names all of them, and the words that are known.
    """
    if not getattr(tokenizer, "init_kwargs", {}).get("closed_vocabulary", False):
        return
    unknown = [
        word
        for word in dict.fromkeys(text.split())
        if tokenizer.unk_token_id in tokenizer(word, verbose=False)["input_ids"]
    ]
    if unknown:
        known = sorted(piece[1:] for piece in tokenizer.get_vocab() if piece.startswith(_WORD_START) and piece[1:])
        raise PromptError(
            name,
            expected="only words that this model knows",
            got=", ".join(f'"{word}"' for word in unknown),
            hint=f"Its words are: {', '.join(known)}. Use these, or choose a real CogVideoX in the loader.",
        )


def encode_prompts(
    prompts: Sequence[str], tokenizer: Any, text_encoder: torch.nn.Module, *, max_length: int
) -> list[EncodedPrompt]:
    """Encode prompts with a T5 in one forward pass.

    Args:
        prompts: At least one text; an empty one is the end of sequence alone, as a negative prompt often is.
        tokenizer: A transformers T5 tokenizer.
        text_encoder: A transformers `T5EncoderModel`, on the device it shall run on.
        max_length: Tokens that the model reads (226 for CogVideoX), end of sequence included.

    Returns:
        One result for each prompt, in order; embeddings ``[max_length, d]`` in the encoder's dtype and device.

    Raises:
        PromptError: If there is no prompt, one is no text, or one has words that a model of few words does not know.
        EmbeddingError: If the encoder returns NaN or infinity.

    Warns:
        PromptCutWarning: For each prompt that does not fit, naming the lost words.

    Reference:
        `diffusers.CogVideoXPipeline.encode_prompt`, whose ids and embeddings these are.
    """
    if isinstance(prompts, str) or not prompts or not all(isinstance(prompt, str) for prompt in prompts):
        raise PromptError("prompts", expected="a list of at least one text", got=repr(prompts)[:80])
    for index, prompt in enumerate(prompts):
        require_known_words(f"prompts[{index}]", prompt, tokenizer)
    whole = tokenizer(list(prompts), verbose=False)["input_ids"]
    tokenized = [
        fit_tokens(ids, max_length=max_length, pad_token=tokenizer.pad_token_id, decode=tokenizer.decode)
        for ids in whole
    ]
    for tokens in tokenized:
        warn_if_cut(tokens)
    device = next(text_encoder.parameters()).device
    ids = torch.tensor([tokens.ids for tokens in tokenized], device=device)  # [b, n]
    with torch.inference_mode():
        values = text_encoder(ids)[0].to(text_encoder.dtype)  # [b, n, d]
    require_finite("text encoder output", values)
    return [
        EncodedPrompt(prompt, tokens, TextEmbedding(row, tokens.token_count))
        for prompt, tokens, row in zip(prompts, tokenized, values, strict=True)
    ]
