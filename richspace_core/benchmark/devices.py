"""Devices and number types that the benchmark computes with, by their names on the command line."""

from __future__ import annotations

import torch

from ..errors import RichSpaceError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def find_device(name: str) -> torch.device:
    """Return the device with a name; "auto" is an accelerator if there is one, else the CPU.

    Raises:
        RichSpaceError: If torch cannot use such a device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.empty(0, device=name).device
        if device.type == "meta":
            raise RuntimeError("this device computes nothing")
        return device
    except (RuntimeError, AssertionError) as error:  # AssertionError: from a torch that was built without CUDA
        raise RichSpaceError("device", expected="a device that torch can use", got=f"{name} ({error})"[:200]) from error


def choose_dtype(name: str, device: torch.device) -> torch.dtype | None:
    """Return the number type with a name.

    "auto" is float32 on the CPU. On other devices it is None: the number type in which the weights were saved.
    """
    if name == "auto":
        return torch.float32 if device.type == "cpu" else None
    return DTYPES[name]
