"""A memory that refuses: torch's operations fail as they do on a device, or on a CPU, without memory left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch

from reliability.live_memory import LiveMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Device = Literal["CUDA", "CPU"]


class RefusingMemory(LiveMemory):  # type: ignore[no-untyped-call]
    """A mode in which operations can fail for want of memory.

    It counts the operations, and the bytes of the storages that they return until these are freed.

    Args:
        device: Device whose error is raised.
        at: Number of the first operation that fails, counted from 1; 0 for none.
        times: Number of operations that fail from then on.
        budget: Bytes above which every operation fails; None for no limit.
    """

    def __init__(self, device: Device = "CUDA", *, at: int = 0, times: int = 1, budget: int | None = None) -> None:
        super().__init__()
        self.device, self._at, self._times, self._budget = device, at, times, budget
        self.operations = self.refused = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operation, or refuse it."""
        self.operations += 1
        result = func(*args, **(kwargs or {}))
        asked = self.follow(result)
        if self._refuses():
            self.refused += 1
            del result
            raise _error(self.device, asked)
        return result

    def _refuses(self) -> bool:
        if self._budget is not None and self.live > self._budget:
            return True
        return 0 < self._at <= self.operations and self.refused < self._times


def _error(device: Device, size: int) -> RuntimeError:
    """Return the error that torch raises on a device."""
    if device == "CUDA":
        return torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {size} bytes. GPU 0 has 0 bytes free.")
    return RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
        f"you tried to allocate {size} bytes. Error code 12 (Cannot allocate memory)"
    )
