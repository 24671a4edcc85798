"""Count of the bytes of live tensors: the peak memory of a function, equal in every run and on every machine."""

from __future__ import annotations

import weakref

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveMemory(TorchDispatchMode):
    """A mode that follows every storage that an operation returns until it is freed.

    Storages of `known` tensors do not count. Memory that a kernel allocates and frees by itself is not seen.
    """

    def __init__(self, *known: torch.Tensor) -> None:
        super().__init__()
        self._counted = {tensor.untyped_storage()._cdata for tensor in known}
        self.live = 0
        self.peak = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, torch.Tensor):
                self._follow(value.untyped_storage())
        return result

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self._counted:
            self._counted.add(key)
            self.live += size
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._freed, key, size)

    def _freed(self, key: int, size: int) -> None:
        self._counted.discard(key)
        self.live -= size
