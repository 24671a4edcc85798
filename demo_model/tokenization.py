"""The demo model's tokenizer."""

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
    """Write a tokenizer in CogVideoX's format that knows only the words of the small world."""
    pieces = published_form.make_closed_sentencepiece(world.VOCABULARY)
    published_form.write_tokenizer(folder, pieces, TEXT_LENGTH, closed_vocabulary=True)


def tokenize(tokenizer: Any, texts: Sequence[str]) -> Tensor:
    """Convert prompts to token ids, padded to the model's length as for CogVideoX: int64 ``[b, n]``."""
    ids = tokenizer(list(texts), padding="max_length", max_length=TEXT_LENGTH, truncation=True, return_tensors="pt")
    return ids.input_ids  # type: ignore[no-any-return]
