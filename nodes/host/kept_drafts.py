"""Drafts that are kept between runs, so that a changed share or a click samples nothing again.

Drafts are kept with the MODEL that made them and go with it: ComfyUI drops its models when a graph loads another one,
or when the user frees the execution cache. All of them together are bounded; the least recently used go first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

#: Bytes of all kept drafts: about 50 of CogVideoX-2B at 49 frames.
_MOST_BYTES = 256 * 2**20


@dataclass
class _Kept:
    """A draft, and the number of its last use."""

    draft: Tensor
    used: int


class KeptDrafts:
    """Drafts by the model that made them and by what they were made from.

    All that is known of a draft is kept with its model, so that nothing stays of a model that goes.

    Args:
        most_bytes: Bytes to keep at most.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._drafts: WeakKeyDictionary[Any, dict[str, _Kept]] = WeakKeyDictionary()
        self._uses = count()

    def __len__(self) -> int:
        return sum(map(len, self._drafts.values()))

    @property
    def bytes(self) -> int:
        """Bytes of all drafts."""
        return sum(kept.draft.nbytes for drafts in self._drafts.values() for kept in drafts.values())

    def get(self, model: Any, key: str) -> Tensor | None:
        """Return a draft, or None if it is not kept."""
        kept = self._drafts.get(model, {}).get(key)
        if kept is None:
            return None
        kept.used = next(self._uses)
        return kept.draft

    def keep(self, model: Any, key: str, draft: Tensor) -> None:
        """Keep a draft, and let go of the least recently used ones if there are too many."""
        self._drafts.setdefault(model, {})[key] = _Kept(draft, next(self._uses))
        while self.bytes > self._most_bytes:
            self._drop_the_least_recently_used()

    def _drop_the_least_recently_used(self) -> None:
        every = [(kept.used, drafts, key) for drafts in self._drafts.values() for key, kept in drafts.items()]
        _, drafts, key = min(every, key=lambda each: each[0])
        del drafts[key]


KEPT = KeptDrafts()
"""Drafts of all nodes."""


def fingerprint(*values: object) -> str | None:
    """Return a text that is equal for equal values, or None if one of them cannot be compared by what it holds.

    Args:
        values: Tensors, numbers, texts, None, and lists, tuples and dictionaries of these.
    """
    digest = hashlib.blake2b(digest_size=16)
    return digest.hexdigest() if all(_add(digest, value) for value in values) else None


def _add(digest: Any, value: object) -> bool:
    """Add a value to a digest, with its type and size, so that no two sequences of values look alike."""
    if isinstance(value, Tensor):
        digest.update(f"tensor {value.dtype} {list(value.shape)} ".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return True
    if isinstance(value, Mapping):
        digest.update(f"dictionary {len(value)} ".encode())
        return all(_add(digest, each) for item in sorted(value.items()) for each in item)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        digest.update(f"sequence {len(value)} ".encode())
        return all(_add(digest, each) for each in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        digest.update(f"{type(value).__name__} {len(str(value))} {value} ".encode())
        return True
    return False
