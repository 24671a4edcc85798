"""Memory that runs out: how to recognize it on every device, and an error that says what to change."""

from __future__ import annotations

import traceback

import torch

from .errors import RichSpaceError, SamplingError

#: Parts of messages. Where torch has no exception of its own, as on a CPU and on Apple's devices, it raises a plain
#: RuntimeError, and libraries that map files raise an OSError or one of their own.
_MESSAGES = ("DefaultCPUAllocator", "MPS backend out of memory", "Cannot allocate memory", "bad_alloc")


class NotEnoughMemoryError(SamplingError, torch.cuda.OutOfMemoryError):
    """Work for which memory does not suffice. It is also torch's own error, by which ComfyUI recognizes it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return True if an exception means that a device, or the computer itself, is out of memory."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    if isinstance(error, RichSpaceError) or not isinstance(error, Exception):
        return False
    return any(message in str(error) for message in _MESSAGES)


def raise_if_out_of_memory(error: Exception) -> None:
    """Raise an exception again if it means that memory has run out, before it is taken for anything else."""
    if is_out_of_memory(error):
        raise error


def release_frames(error: BaseException | None) -> None:
    """Release everything that failed work held: tracebacks keep its tensors until the exceptions are forgotten."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
