"""Application of a CogVideoX LoRA to ComfyUI's own model, in any trainer's naming scheme."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .keys import published_key
from .lora_changes import Layer, layer_changes, misfit
from .lora_file import LoraFile, read_file
from .lora_settings import CONFIG, Settings, read_settings
from .model import require_network


def apply_lora(model: Any, file: Path, strength: float) -> tuple[Any, int, list[str]]:
    """Apply a LoRA to a clone of ComfyUI's MODEL of a CogVideoX.

    Args:
        model: MODEL, corrected or not; stays unchanged.
        file: Safetensors file with diffusers' or ComfyUI's names of the layers.
        strength: Factor of the LoRA's change.

    Returns:
        The clone, the number of changed layers, and remarks on the rest of the file.

    Raises:
        ModelFolderError: If the model is not a CogVideoX, the LoRA was made for another model, or it cannot be computed
            as its trainer intended.
    """
    network = require_network(model)
    shapes = {key: tuple(weight.shape) for key, weight in network.state_dict().items()}
    weights = [key for key in shapes if key.endswith(".weight")]
    keys = {published_key(key).removesuffix(".weight"): key for key in weights}
    lora = read_file(file, keys)
    if not lora.layers:
        raise misfit(file, _nothing_for_the_model(lora))
    settings = read_settings(file, lora)
    patches = {}
    for layer, tensors in lora.layers.items():
        key = keys[layer].removesuffix("weight")
        changes = layer_changes(Layer(file, layer, tensors, shapes[f"{key}weight"], shapes.get(f"{key}bias")), settings)
        patches.update({f"diffusion_model.{key}{name}": change for name, change in changes.items()})
    changed = model.clone()
    changed.add_patches(patches, strength)
    return changed, len(lora.layers), _remarks(lora, settings)


def _nothing_for_the_model(lora: LoraFile) -> str:
    if lora.text_encoder and not lora.unknown:
        return f"only layers of a text encoder ({len(lora.text_encoder)}, such as {lora.text_encoder[0]})"
    return f"a file of {len(lora.unknown)} layers that are not in the model, such as {next(iter(lora.unknown), '')}"


def _remarks(lora: LoraFile, settings: Settings) -> list[str]:
    remarks = []
    if lora.unknown:
        remarks.append(f"{len(lora.unknown)} layers of the file are not in this model, such as {lora.unknown[0]}")
    if lora.text_encoder:
        remarks.append(
            f"The file's layers of a text encoder are left out ({len(lora.text_encoder)}, such as "
            f"{lora.text_encoder[0]}), because this node changes only the video model"
        )
    if lora.from_peft and not settings.noted and not all("alpha" in tensors for tensors in lora.layers.values()):
        remarks.append(
            "The file does not contain its alpha, so its rank is used as alpha. If the training used another alpha, "
            f"put PEFT's two files, adapter_model.safetensors and {CONFIG}, together in a folder of their own"
        )
    return remarks
