"""Text encoding of prompts with a transformers T5 and its tokenizer.

The ids and the embedding are those of diffusers' `CogVideoXPipeline.encode_prompt`: padded or cut to the model's
length, without an attention mask, and with parentheses and everything else taken literally.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..embedding import TextEmbedding, require_finite
from ..errors import PromptError

_WORD_START = "\u2581"  # SentencePiece's mark of a word's first piece, which looks like an underscore


@dataclass(frozen=True)
class TokenizedPrompt:
    """A prompt's token ids, padded or cut to the model's length.

    Args:
        ids: Token ids, padding included, as many as the model reads.
        token_count: Number of ids that are the prompt's own, end of sequence included.
        total_tokens: Number of tokens of the whole prompt, before it was cut.
        lost_words: Words that were cut off, or an empty text.
    """

    ids: tuple[int, ...]
    token_count: int
    total_tokens: int
    lost_words: str

    @property
    def cut_notice(self) -> str:
        """Sentence that names the lost words, or an empty text.

        Example:
            >>> TokenizedPrompt((5, 6, 1), token_count=3, total_tokens=4, lost_words="zebra").cut_notice
            'The prompt has 4 tokens and the model reads 3. These words were lost: "zebra". Shorten the prompt.'
        """
        if not self.lost_words:
            return ""
        return (
            f"The prompt has {self.total_tokens} tokens and the model reads {self.token_count}. "
            f'These words were lost: "{self.lost_words}". Shorten the prompt.'
        )


@dataclass(frozen=True, eq=False)
class EncodedPrompt:
    """A prompt with its token ids and its embedding.

    Args:
        text: Prompt as it was given.
        tokens: Token ids, and the words that did not fit.
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
        ids: Ids of the whole prompt, the end of sequence last.
        max_length: Number of tokens that the model reads, end of sequence included.
        pad_token: Id of the padding.
        decode: Turns ids back into words, to name those that are lost.

    Returns:
        Exactly `max_length` ids, and the words that were cut off.

    Example:
        >>> fit_tokens([5, 6, 7, 1], max_length=3, pad_token=0, decode=str)
        TokenizedPrompt(ids=(5, 6, 1), token_count=3, total_tokens=4, lost_words='[7]')
    """
    ids = list(ids)
    lost = ids[max_length - 1 : -1] if len(ids) > max_length else []
    kept = ids[: max_length - 1] + ids[-1:] if lost else ids
    padding = [pad_token] * (max_length - len(kept))
    return TokenizedPrompt((*kept, *padding), len(kept), len(ids), decode(lost).strip() if lost else "")


def require_known_words(name: str, text: str, tokenizer: Any) -> None:
    """Raise a PromptError if a model with a closed vocabulary does not know every word.

    A T5 reads any text: characters without a piece become the unknown token. A model that was trained on a handful of
    words draws nonsense from that token. The tokenizer of such a model has whole words as pieces and
    `"closed_vocabulary": true` in its `tokenizer_config.json`. Every other tokenizer takes any text.

    Args:
        name: Name of the text in the error.
        text: Any prompt, empty ones included.
        tokenizer: A transformers tokenizer, or any other, which then takes any text.

    Raises:
        PromptError: If a word is unknown; the message names the unknown words and all known words.
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
        prompts: At least one text. An empty text is the end of sequence alone, a usual negative prompt.
        tokenizer: A transformers T5 tokenizer.
        text_encoder: A transformers `T5EncoderModel` on the device to run on.
        max_length: Number of tokens that the model reads (226 for CogVideoX), end of sequence included.

    Returns:
        One result for each prompt, in order, with embeddings ``[max_length, d]`` in the encoder's dtype and device.
        `tokens.lost_words` of each names what did not fit.

    Raises:
        PromptError: If there is no prompt, a prompt is not a text, or a model with a closed vocabulary does not know
            a word.
        EmbeddingError: If the encoder returns NaN or infinity.

    Reference:
        `diffusers.CogVideoXPipeline.encode_prompt`, which makes the same ids and embeddings.
    """
    if isinstance(prompts, str) or not prompts or not all(isinstance(prompt, str) for prompt in prompts):
        raise PromptError("prompts", expected="a list of at least one text", got=repr(prompts)[:80])
    for index, prompt in enumerate(prompts):
        require_known_words(f"prompts[{index}]", prompt, tokenizer)
    whole = tokenizer(list(prompts), verbose=False)["input_ids"]
    pad_token, decode = tokenizer.pad_token_id, tokenizer.decode
    tokenized = [fit_tokens(ids, max_length=max_length, pad_token=pad_token, decode=decode) for ids in whole]
    device = next(text_encoder.parameters()).device
    ids = torch.tensor([tokens.ids for tokens in tokenized], device=device)  # [b, n]
    with torch.inference_mode():
        values = text_encoder(ids)[0].to(text_encoder.dtype)  # [b, n, d]
    require_finite("text encoder output", values)
    embeddings = [TextEmbedding(row, tokens.token_count) for row, tokens in zip(values, tokenized, strict=True)]
    return [EncodedPrompt(*each) for each in zip(prompts, tokenized, embeddings, strict=True)]
