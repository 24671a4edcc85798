"""The demo model's tokenizer: how it is made, and how prompts pass through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import published_form
import world
from model_configs import TEXT_LENGTH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer that knows the little world's words and nothing else, in CogVideoX's form."""
    pieces = published_form.closed_sentencepiece(world.VOCABULARY)
    published_form.write_tokenizer(folder, pieces, TEXT_LENGTH, closed_vocabulary=True)


def tokenize(tokenizer: Any, texts: Sequence[str]) -> Tensor:
    """Token ids as CogVideoX reads them, padded to its length: int64 ``[b, n]``."""
    ids = tokenizer(list(texts), padding="max_length", max_length=TEXT_LENGTH, truncation=True, return_tensors="pt")
    return ids.input_ids  # type: ignore[no-any-return]
