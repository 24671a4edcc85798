"""Changes of a layer's weight and bias by a LoRA, as patches that ComfyUI applies to a model.

With a weight ``W``, a scale ``s`` and the node's strength ``t``:

- LoRA: ``W + t s (up @ down)``.
- DoRA: ``W + t (W' - W)``, where ``W' = m (W + s up @ down) / |W + s up @ down|``, with the norm and the magnitude
  ``m`` of each output, or of each input if the trainer chose that.
- LoHa, LoKr (as LyCORIS defines them) and plain differences: ``W + t D``.

Reference: Liu et al., "DoRA: Weight-Decomposed Low-Rank Adaptation", 2024, equation 5; PEFT's `lora.dora`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from comfy.model_management import cast_to_device
from comfy.weight_adapter import LoHaAdapter, LoKrAdapter, LoRAAdapter, WeightAdapterBase
from torch import Tensor

from ...richspace_core import ModelFolderError
from .lora_file import alpha_of, refused
from .lora_settings import Settings

Shape = tuple[int, ...]

_LORA = {"down", "up"}
_WITH_LORA = {"alpha", "magnitude", "dora_scale", "bias"}
_LOHA = {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "alpha"}
_LOKR = tuple(
    {*first, *second, "alpha"}
    for first in (("lokr_w1",), ("lokr_w1_a", "lokr_w1_b"))
    for second in (("lokr_w2",), ("lokr_w2_a", "lokr_w2_b"))
)
_NAMES = {"down": "lora_A", "up": "lora_B", "bias": "a bias of lora_B", "magnitude": "lora_magnitude_vector"}
_MATRIX = 2  # dimensions


class DoraAdapter(WeightAdapterBase):
    """DoRA with the norm of the changed weight, as PEFT and LyCORIS compute it.

    ComfyUI's own DoRA uses the norm of the weight before the change if the magnitudes belong to the outputs.

    Args:
        loaded_keys: Required by ComfyUI; unused.
        weights: ``up``, ``down``, the scale, and the magnitude, ``[out, 1, ...]`` or ``[1, in, ...]``.
    """

    name = "dora"

    def __init__(self, loaded_keys: set[str], weights: tuple[Tensor, Tensor, float, Tensor]) -> None:
        self.loaded_keys = loaded_keys
        self.weights = weights

    def calculate_weight(
        self,
        weight: Tensor,
        key: str,  # noqa: ARG002
        strength: float,
        strength_model: float,  # noqa: ARG002
        offset: Any,  # noqa: ARG002
        function: Callable[[Tensor], Tensor],
        intermediate_dtype: torch.dtype = torch.float32,  # noqa: ARG002
        original_weight: Any = None,  # noqa: ARG002
    ) -> Tensor:
        """Change `weight` in place and return it; ComfyUI calls this when it patches the model."""
        up, down, magnitude = (cast_to_device(self.weights[index], weight.device, torch.float32) for index in (0, 1, 3))
        before = weight.float()
        delta = self.weights[2] * (up.flatten(1) @ down.flatten(1)).view(weight.shape)
        direction = _unit(before + function(delta), axis=0 if magnitude.shape[0] == weight.shape[0] else 1)
        weight.copy_(torch.lerp(before, magnitude * direction, strength))
        return weight


@dataclass(frozen=True)
class Layer:
    """Layer of the model, and what a LoRA file contains for it.

    Args:
        file: LoRA file, for error messages.
        name: diffusers' name of the layer.
        tensors: Tensors of the file for this layer, by part.
        weight: Shape of the layer's weight.
        bias: Shape of the layer's bias; None if it has none.
    """

    file: Path
    name: str
    tensors: Mapping[str, Tensor]
    weight: Shape
    bias: Shape | None


def layer_changes(layer: Layer, settings: Settings) -> dict[str, Any]:
    """Return ComfyUI's patches of a layer, by ``weight`` and ``bias``.

    Raises:
        ModelFolderError: If the file's tensors are incomplete, of an unknown kind, or of another size.
    """
    changes = _weight_changes(layer, settings)
    if "diff_b" in layer.tensors:
        if "bias" in changes:
            raise refused(layer.file, f"{layer.name} with two changes of its bias")
        changes["bias"] = ("diff", (layer.tensors["diff_b"],))
    if "bias" in changes:
        _require_shape(layer, tuple(changes["bias"][1][0].shape), layer.bias, "the bias of ")
    return changes


def misfit(file: Path, got: str) -> ModelFolderError:
    """Return the error for a LoRA that was made for another model."""
    return ModelFolderError(
        "lora",
        expected="a LoRA that was trained for the connected CogVideoX",
        got=f"{file.name}: {got}",
        hint="CogVideoX-2b and CogVideoX-5b have layers of different sizes. Each needs its own LoRAs.",
    )


def _weight_changes(layer: Layer, settings: Settings) -> dict[str, Any]:
    """Return the patches of a layer by the kind of LoRA that its parts form."""
    parts = set(layer.tensors) - {"diff_b"}
    if _LORA <= parts <= _LORA | _WITH_LORA:
        return _lora_changes(layer, settings)
    if parts == _LOHA:
        return {"weight": _loha_change(layer)}
    if parts in _LOKR:
        return {"weight": _lokr_change(layer)}
    if parts == {"diff"}:
        _require_shape(layer, tuple(layer.tensors["diff"].shape), layer.weight)
        return {"weight": ("diff", (layer.tensors["diff"],))}
    if parts:
        half = parts & _LORA and _LORA - parts
        without = f" without {_listed(half)}" if half else ""
        raise refused(layer.file, f"{layer.name} with {_listed(parts)}{without}, not a complete LoRA, LoHa or LoKr")
    return {}


def _lora_changes(layer: Layer, settings: Settings) -> dict[str, Any]:
    settings.require(layer.name, layer.tensors)
    up, down = layer.tensors["up"], layer.tensors["down"]
    rank = down.shape[0] if down.dim() else 0
    if rank == 0 or up.dim() < _MATRIX or up.shape[1:].numel() != rank:
        raise _unpaired(layer, up, down)
    _require_shape(layer, (up.shape[0], *down.shape[1:]), layer.weight)
    scale = settings.scale(layer.name, rank, alpha_of(layer.tensors))
    magnitude = _magnitude(layer)
    if magnitude is not None:
        if "bias" in layer.tensors:
            raise refused(layer.file, f"{layer.name} with both a magnitude and a bias, which PEFT does not define")
        return {"weight": DoraAdapter(set(), (up, down, scale, magnitude))}
    changes: dict[str, Any] = {"weight": LoRAAdapter(set(), (up, down, scale * rank, None, None, None))}
    if "bias" in layer.tensors:
        changes["bias"] = ("diff", (scale * layer.tensors["bias"].float(),))
    return changes


def _magnitude(layer: Layer) -> Tensor | None:
    """Return a DoRA's magnitudes as ``[out, 1, ...]`` or ``[1, in, ...]``; None for a LoRA without them."""
    given = {part: layer.tensors[part] for part in ("magnitude", "dora_scale") if part in layer.tensors}
    if not given:
        return None
    ones = [1] * (len(layer.weight) - 2)
    outputs, inputs = (layer.weight[0], 1, *ones), (1, layer.weight[1], *ones)
    ((part, magnitude),) = given.items() if len(given) == 1 else [("", torch.empty(0))]
    if part == "magnitude" and magnitude.numel() == layer.weight[0]:
        return magnitude.reshape(outputs)  # PEFT's magnitudes always belong to the outputs, in a shape of their own
    if part == "dora_scale" and tuple(magnitude.shape) in (outputs, inputs):
        return magnitude
    raise refused(layer.file, f"{layer.name} with magnitudes (DoRA) that do not fit its weight of {[*layer.weight]}")


def _unit(weight: Tensor, axis: int) -> Tensor:
    """Scale each output (axis 0) or input (axis 1) of a weight to norm 1; zeros stay zeros."""
    moved = weight.transpose(0, axis)
    unit = torch.nn.functional.normalize(moved.flatten(1), dim=1)
    return unit.view(moved.shape).transpose(0, axis)


def _loha_change(layer: Layer) -> WeightAdapterBase:
    for factor in ("hada_w1", "hada_w2"):
        first, second = (layer.tensors[f"{factor}_{end}"] for end in "ab")
        _require_product(layer, first, second)
        _require_shape(layer, (first.shape[0], second.shape[1]), layer.weight)
    return _of_host(LoHaAdapter, layer)


def _lokr_change(layer: Layer) -> WeightAdapterBase:
    rows = columns = 1
    for factor in ("lokr_w1", "lokr_w2"):
        first, second = (layer.tensors.get(f"{factor}_{end}", layer.tensors.get(factor)) for end in "ab")
        assert first is not None
        assert second is not None
        if first is not second:
            _require_product(layer, first, second)
        elif first.dim() != _MATRIX:
            raise refused(layer.file, f"{layer.name} with a LoKr of a convolution")
        rows, columns = rows * first.shape[0], columns * second.shape[-1]
    _require_shape(layer, (rows, columns), layer.weight)
    return _of_host(LoKrAdapter, layer)


def _of_host(adapter: type[WeightAdapterBase], layer: Layer) -> WeightAdapterBase:
    named = {f"layer.{part}": tensor for part, tensor in layer.tensors.items()}
    made = adapter.load("layer", named, alpha_of(layer.tensors), None, set())
    assert made is not None
    return made


def _listed(parts: Iterable[str]) -> str:
    """Return the names that parts have in a file, as one text."""
    return ", ".join(sorted(_NAMES.get(part, part) for part in parts))


def _require_product(layer: Layer, first: Tensor, second: Tensor) -> None:
    if not first.dim() == second.dim() == _MATRIX or not first.shape[1] == second.shape[0] > 0:
        raise _unpaired(layer, first, second)


def _require_shape(layer: Layer, made_for: Shape, shape: Shape | None, what: str = "") -> None:
    if made_for != shape:
        has = f", not {[*shape]}" if shape else ", which the model does not have"
        raise misfit(layer.file, f"{what}{layer.name} of {[*made_for]}{has}")


def _unpaired(layer: Layer, first: Tensor, second: Tensor) -> ModelFolderError:
    shapes = f"{[*first.shape]} and {[*second.shape]}"
    return refused(layer.file, f"{layer.name} with matrices that do not fit each other, of {shapes}")
