"""Builders of the values on a node's inputs: embeddings, latents, frames, masks, scores and models."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch

from reliability.hostile.recipes import builder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_FILLS = {
    "zeros": 0.0,
    "ones": 1.0,
    "nan": torch.nan,
    "inf": torch.inf,
    "-inf": -torch.inf,
    "huge": 3e38,
    "tiny": 1e-45,
}


@builder
def tensor(
    _: Any, shape: Sequence[int], dtype: str = "float32", fill: str = "normal", seed: int = 0, form: str = "plain"
) -> Tensor:
    """Make a tensor; `form` is plain, expanded, transposed, meta, sparse, with gradients, or with one NaN."""
    generator = torch.Generator().manual_seed(seed)
    made = (
        torch.randn(tuple(shape), generator=generator) if fill == "normal" else torch.full(tuple(shape), _FILLS[fill])
    )
    if form == "one nan" and made.numel():
        made.view(-1)[0] = torch.nan
    made = made.to(getattr(torch, dtype))
    if form == "expanded":
        made = made[:1].expand(*made.shape) if made.ndim and made.shape[0] else made
    elif form == "transposed" and made.ndim > 1:
        made = made.transpose(-1, -2).contiguous().transpose(-1, -2)
    elif form == "meta":
        made = made.to("meta")
    elif form == "sparse" and not dtype.startswith("float8"):
        made = made.to_sparse()
    elif form == "gradients" and made.is_floating_point():
        made.requires_grad_(True)
    return made


@builder
def conditioning(_: Any, values: Any, extras: dict[str, Any] | None = None, note: Any = None) -> list[Any]:
    """Make a conditioning of one entry; `note` goes under the pack's own key."""
    known = {} if note is None else {"richspace": note}
    return [[values, {"pooled_output": None, **(extras or {}), **known}]]


@builder
def prompt(world: Any, which: int = 0) -> list[Any]:
    """Return one of the prompts that were encoded with the tiny model's own text encoder."""
    made: list[Any] = world.prompts[which]
    return made


@builder
def changed(world: Any, given: Any, by: Sequence[str]) -> Any:
    """Pass a conditioning through some of ComfyUI's own nodes."""
    for name in by:
        given = world.stock.apply(name, given)
    return given


@builder
def entries(_: Any, parts: Sequence[Any]) -> list[Any]:
    """Join the entries of several conditionings."""
    return [entry for part in parts if isinstance(part, list) for entry in part]


@builder
def latent(_: Any, samples: Any, **extras: Any) -> dict[str, Any]:
    """Make a LATENT."""
    return {"samples": samples, **extras}


@builder
def nested(_: Any, parts: Sequence[Any]) -> Any:
    """Join latents of several kinds, as for a video with sound."""
    from comfy.nested_tensor import NestedTensor

    return NestedTensor(parts)


@builder
def model(world: Any, name: str) -> Any:
    """Return one of the tiny models."""
    return world.models[name]


@builder
def scores(world: Any, index: int = 1, steps: int = 30, stages: int = 1) -> tuple[Any, ...]:
    """Return the scores of a finder, once for each stage."""
    return tuple(world.choice(min(index, steps), steps) for _ in range(stages))


@builder
def thing(_: Any, name: str = "") -> Any:
    """Return an object that is nothing of ComfyUI's."""
    return SimpleNamespace(name=name) if name else object()
