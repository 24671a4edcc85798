"""Tensors of a CogVideoX LoRA file, sorted by layer, in any trainer's naming scheme.

Every tensor of a file is assigned to a layer or refused, so that none is ignored silently.

- *Layers* have diffusers' names (``transformer_blocks.0.attn1.to_q``) or ComfyUI's (``blocks.0.q``), with dots and a
  prefix in `_DOTTED`, or with underscores and a prefix in `_UNDERSCORED`.
- *Parts* of a layer, such as ``lora_A.weight`` and ``lora_down.weight``, are listed in `_PARTS`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import comfy.utils
from safetensors import SafetensorError
from torch import Tensor

from ...richspace_core import ModelFolderError
from ...richspace_core.out_of_memory import raise_if_out_of_memory

PEFT = "base_model.model."  # the prefix of PEFT's own files

_DOTTED = (PEFT, "model.diffusion_model.", "diffusion_model.", "transformer.", "unet.")
_UNDERSCORED = ("lora_unet__", "lora_unet_", "lora_transformer_", "lycoris_")  # CogVideoX-Fun, kohya, OneTrainer, ...
_TEXT_ENCODER = ("text_encoder", "lora_te")
_PARTS = tuple(
    (part, re.compile(rf"(?:{ending})$"))
    for part, ending in {
        # PEFT puts an adapter's name in the middle, as in lora_A.default.weight.
        "down": r"\.lora_A(?:(?:\.[^.]+)?\.weight)?|\.lora_down\.weight|\.lora\.down\.weight",
        "up": r"\.lora_B(?:(?:\.[^.]+)?\.weight)?|\.lora_up\.weight|\.lora\.up\.weight",
        "bias": r"\.lora_B(?:\.[^.]+)?\.bias",
        "magnitude": r"\.lora_magnitude_vector(?:\.[^.]+)?",
        "dora_scale": r"\.dora_scale",
        "alpha": r"\.alpha",
        "diff": r"\.diff",
        "diff_b": r"\.diff_b",
    }.items()
)
_LYCORIS = re.compile(r"\.(hada_w[12]_[ab]|lokr_w[12](?:_[ab])?)$")
_ADVICE = "The model is unchanged. Save the LoRA again with its trainer, or use another LoRA."
_NAMED = 3  # number of tensors that a message names


@dataclass(frozen=True)
class LoraFile:
    """Tensors of a file, sorted by layer.

    Args:
        layers: Tensors by part for each layer of the model, by diffusers' name of the layer.
        unknown: Layers of the file that the model does not have, by their names in the file.
        text_encoder: Layers of the file that belong to a text encoder, by their names in the file.
        from_peft: Whether PEFT itself wrote the file, which stores the settings in a separate file.
        metadata: Texts in the file's header.
    """

    layers: Mapping[str, Mapping[str, Tensor]]
    unknown: tuple[str, ...]
    text_encoder: tuple[str, ...]
    from_peft: bool
    metadata: Mapping[str, str]


def read_file(file: Path, keys: Mapping[str, str]) -> LoraFile:
    """Read a LoRA file and sort its tensors.

    Args:
        file: Safetensors file.
        keys: ComfyUI's key of each layer's weight, by diffusers' name of the layer.

    Raises:
        ModelFolderError: If the file is damaged, or contains a tensor outside a LoRA or the same part twice.
    """
    tensors, metadata = _read_tensors(file)
    of_text = {name: _split(name) for name in tensors if name.startswith(_TEXT_ENCODER)}
    found = {name: _split(name) for name in tensors if name not in of_text}
    places = {name: place for name, place in found.items() if place is not None}
    strange = [name for name in found if name not in places]
    if strange:
        raise refused(file, f"tensors that this node cannot use, such as {', '.join(strange[:_NAMED])}")
    layers, unknown = _sorted(file, tensors, places, _names(keys))
    for layer, parts in layers.items():
        _require_numbers(file, layer, parts)
    encoder = dict.fromkeys(place[0] if place else name for name, place in of_text.items())
    return LoraFile(layers, unknown, tuple(encoder), any(PEFT in name for name in places), metadata)


def refused(file: Path, got: str, hint: str = _ADVICE) -> ModelFolderError:
    """Return the error for a file that cannot be applied as its trainer intended."""
    return ModelFolderError(
        "lora", expected="a complete LoRA of a kind that this node supports", got=f"{file.name}: {got}", hint=hint
    )


def alpha_of(tensors: Mapping[str, Tensor]) -> float | None:
    """Return the alpha in a layer's own tensor; None if there is none."""
    return float(tensors["alpha"]) if "alpha" in tensors else None


def _read_tensors(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        if not file.is_file():  # a pipe would wait for its other end
            raise FileNotFoundError(file)
        tensors, metadata = comfy.utils.load_torch_file(str(file), safe_load=True, return_metadata=True)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise_if_out_of_memory(error)
        raise refused(file, "a damaged file", "Copy or download it again.") from error
    return tensors, metadata or {}


def _sorted(
    file: Path, tensors: Mapping[str, Tensor], places: Mapping[str, tuple[str, str]], known: Mapping[str, str]
) -> tuple[dict[str, dict[str, Tensor]], tuple[str, ...]]:
    """Return the tensors of the known layers by part, and the names of the other layers."""
    layers: dict[str, dict[str, Tensor]] = {}
    unknown: dict[str, None] = {}
    for name, (named, part) in places.items():
        layer = known.get(_without_prefix(named))
        if layer is None:
            unknown[named] = None
        elif part in layers.setdefault(layer, {}):
            raise refused(file, f"{name}, and the same part of {layer} under another name")
        else:
            layers[layer][part] = tensors[name]
    return layers, tuple(unknown)


def _split(name: str) -> tuple[str, str] | None:
    """Split a tensor's name into its layer and the part of the layer; None if it is not part of a LoRA."""
    lycoris = _LYCORIS.search(name)
    if lycoris:
        return name[: lycoris.start()], lycoris[1]
    # A magnitude's name may end in .weight, with or without an adapter's name before it.
    short = name.removesuffix(".weight") if ".lora_magnitude_vector" in name else name
    for part, pattern in _PARTS:
        match = pattern.search(short)
        if match:
            return short[: match.start()], part
    return None


def _names(keys: Mapping[str, str]) -> dict[str, str]:
    """Return diffusers' name of every layer, by each name without prefix that it can have in a file."""
    known = {}
    for layer, key in keys.items():
        for name in (layer, key.removesuffix(".weight")):
            known[name] = known[name.replace(".", "_")] = layer
    return known


def _without_prefix(layer: str) -> str:
    """Remove the prefixes that trainers put before a layer's name."""
    for prefix in _UNDERSCORED:
        if layer.startswith(prefix):
            return layer.removeprefix(prefix)
    shorter = layer
    for prefix in _DOTTED:
        shorter = shorter.removeprefix(prefix)
    return shorter if shorter == layer else _without_prefix(shorter)


def _require_numbers(file: Path, layer: str, tensors: Mapping[str, Tensor]) -> None:
    for part, tensor in tensors.items():
        if part == "alpha":
            if tensor.numel() != 1 or not math.isfinite(tensor.item()):
                raise refused(file, f"{layer} with an alpha that is not a single number")
        elif not tensor.is_floating_point() or not tensor.float().isfinite().all():
            raise refused(file, f"{layer} with values that are not numbers (NaN or infinity), in {part}")
