"""ComfyUI's CONDITIONING in tests: made by hand, and compared bit for bit."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

Conditioning = list[list[Any]]

ROWS, WIDTH = 8, 6


def conditioning(values: Tensor, token_count: int | None = None, text: str = "", **extras: Any) -> Conditioning:
    """Make a prompt's conditioning, with a token count like the pack's encode node if one is given."""
    note = {} if token_count is None else {"richspace": {"token_count": token_count, "text": text}}
    return [[values[None], {"pooled_output": None, **extras, **note}]]


def random_prompts(
    *, count: int = 3, rows: int = ROWS, width: int = WIDTH, counted: bool = True, dtype: torch.dtype = torch.float32
) -> list[Conditioning]:
    """Make prompts that are related, as real ones are; their token counts are 3, 4, 5 and so on."""
    generator = torch.Generator().manual_seed(7)
    common = 2 * torch.randn(rows, width, generator=generator)
    return [
        conditioning(
            (common + torch.randn(rows, width, generator=generator)).to(dtype),
            min(3 + number, rows) if counted else None,
            f"prompt {number}",
        )
        for number in range(count)
    ]


def values_of(conditioning: Conditioning) -> Tensor:
    """Return the embedding of the single prompt in a conditioning, [n, d]."""
    ((values, _),) = conditioning
    return values[0]


def extras_of(conditioning: Conditioning) -> dict[str, Any]:
    """Return the dictionary of a conditioning, without its embedding."""
    ((_, extras),) = conditioning
    return extras


def frozen(*values: Any) -> tuple[Any, ...]:
    """Return a deep copy, to compare with later."""
    return deepcopy(values)


def identical(x: Any, y: Any) -> bool:
    """Return whether two nested structures are bitwise identical."""
    if isinstance(x, Tensor) or isinstance(y, Tensor):
        return isinstance(x, Tensor) and isinstance(y, Tensor) and x.dtype == y.dtype and torch.equal(x, y)
    if isinstance(x, dict):
        return isinstance(y, dict) and x.keys() == y.keys() and all(identical(x[key], y[key]) for key in x)
    if isinstance(x, (list, tuple)):
        return type(x) is type(y) and len(x) == len(y) and all(map(identical, x, y))
    return bool(x == y)
