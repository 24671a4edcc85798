"""Count of the bytes of live tensors: the peak memory of a function, equal in every run and on every machine."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class LiveMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A mode that follows every storage that an operation returns until it is freed.

    Storages of `known` tensors do not count. Memory that a kernel allocates and frees by itself is not seen.
    """

    def __init__(self, *known: torch.Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._counted = {tensor.untyped_storage()._cdata for tensor in known}
        self.live = 0
        self.peak = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operation, and follow what it returns."""
        result = func(*args, **(kwargs or {}))
        self.follow(result)
        return result

    def follow(self, result: Any) -> int:
        """Count each new storage of an operation's result until it is freed; return the bytes of all its storages."""
        tensors = [value for value in tree_leaves(result) if isinstance(value, torch.Tensor)]
        return sum(self._follow(tensor.untyped_storage()) for tensor in tensors)

    def _follow(self, storage: torch.UntypedStorage) -> int:
        key, size = storage._cdata, storage.nbytes()
        if key not in self._counted:
            self._counted.add(key)
            self.live += size
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._freed, key, size)
        return size

    def _freed(self, key: int, size: int) -> None:
        self._counted.discard(key)
        self.live -= size
