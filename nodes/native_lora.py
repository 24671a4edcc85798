"""LoRA of a CogVideoX for the host's own: under the names that their trainers write, which the host does not know."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import comfy.lora
import comfy.utils
import torch
from comfy.weight_adapter import LoRAAdapter
from torch import Tensor

from ..richspace_core import ModelFolderError
from . import models, native
from .host_api import io, report

_DOTTED = ("transformer.", "diffusion_model.", "")  # diffusers, other trainers, none
_UNDERSCORED = ("lora_unet_", "lora_unet__")  # kohya's scripts, CogVideoX-Fun's
_METADATA = "lora_adapter_metadata"


def with_lora(model: Any, file: Path, strength: float) -> tuple[Any, int, list[str]]:
    """A clone of the host's MODEL of a CogVideoX with a LoRA.

    Args:
        model: Corrected or not; stays as it is.
        file: Safetensors, under diffusers' names of the layers or the host's.
        strength: What the LoRA's change is multiplied by.

    Returns:
        The clone, how many layers were changed, and those of the file that the model does not have.

    Raises:
        ModelFolderError: If the model is no CogVideoX, or the LoRA was made for another.
    """
    network = native.network_of(model)
    weights, metadata = comfy.utils.load_torch_file(str(file), safe_load=True, return_metadata=True)
    keys = [key for key in network.state_dict() if key.endswith(".weight")]
    targets = {name: f"diffusion_model.{key}" for key in keys for name in _names(key)}
    layers = dict.fromkeys(_layer_of(name) for name in weights)
    weights = _noted_alphas(file, layers, metadata) | weights
    changes = comfy.lora.load_lora(weights, {layer: targets[layer] for layer in layers if layer in targets})
    if not changes:
        raise _misfit(file, f"a file of {len(layers)} layers, none of which it has, such as {next(iter(layers), '')}")
    for key, change in changes.items():
        _require_fit(file, model, key, change)
    changed = model.clone()
    changed.add_patches(changes, strength)
    return changed, len(changes), [layer for layer in layers if layer not in targets]


def _names(key: str) -> Iterator[str]:
    """Every name under which a LoRA may hold the layer whose weight the host knows as `key`."""
    for name in dict.fromkeys((native.published_key(key), key)):
        layer = name.removesuffix(".weight")
        yield from (prefix + layer for prefix in _DOTTED)
        yield from (prefix + layer.replace(".", "_") for prefix in _UNDERSCORED)


def _layer_of(name: str) -> str:
    """The layer that a LoRA's tensor belongs to: its name without the part that says which of the layer's it is."""
    for part in (".lora_", ".alpha", ".dora_scale", ".diff", ".hada_", ".lokr_"):
        name = name.partition(part)[0]
    return name


def _noted_alphas(file: Path, layers: Iterable[str], metadata: Mapping[str, str] | None) -> dict[str, Tensor]:
    """What diffusers may note beside the weights, for each layer: its change is multiplied by this over its rank."""
    try:
        alpha = json.loads((metadata or {}).get(_METADATA, "{}")).get("transformer.lora_alpha")
    except (ValueError, AttributeError) as error:
        raise _misfit(file, f"a note of its training, {_METADATA}, that cannot be read") from error
    if alpha is None:
        return {}
    return {f"{layer}.alpha": torch.tensor(float(alpha)) for layer in layers if layer.startswith("transformer.")}


def _require_fit(file: Path, model: Any, key: str, change: Any) -> None:
    if not isinstance(change, LoRAAdapter):
        return  # the host's own kinds of other methods look for themselves
    up, down = change.weights[:2]
    shape, made_for = model.get_model_object(key).shape, (up.shape[0], *down.shape[1:])
    if tuple(shape) != tuple(made_for):
        layer = native.published_key(key.removeprefix("diffusion_model.")).removesuffix(".weight")
        raise _misfit(file, f"{layer} of {list(made_for)}, not {list(shape)}")


def _misfit(file: Path, got: str) -> ModelFolderError:
    return ModelFolderError(
        "lora",
        expected="a LoRA that was trained on the CogVideoX that is wired",
        got=f"{file.name}: {got}",
        hint="2B and 5B have layers of different sizes, and each its own LoRAs.",
    )


class RichSpaceLoadCogVideoXLora(io.ComfyNode):
    """A LoRA of a CogVideoX on the host's own model."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceLoadCogVideoXLora",
            display_name="RichSpace Load CogVideoX LoRA",
            category="RichSpace",
            description="Puts a LoRA on ComfyUI's own CogVideoX. ComfyUI's own LoRA loaders do not know the names that "
            "CogVideoX's LoRAs are published with, and leave the model as it is.",
            search_aliases=["lora", "load lora", "lora loader", "cogvideo", "cogvideox", "style", "native"],
            inputs=[
                io.Model.Input("model", tooltip="From RichSpace Load CogVideoX (native) or RichSpace Fix CogVideoX."),
                io.Combo.Input(
                    "lora", options=list(models.lora_files()), tooltip="A safetensors file in models/loras."
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-100.0,
                    max=100.0,
                    step=0.01,
                    tooltip="How much the LoRA changes the model: 0 not at all, 1 as it was trained.",
                ),
            ],
            outputs=[
                io.Model.Output(
                    display_name="model",
                    tooltip="For KSampler, SamplerCustom, or another LoRA. The model that came in stays as it is.",
                )
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def fingerprint_inputs(cls, lora: str, **_: Any) -> Any:
        """Load again when the file has changed."""
        return models.files_of(models.lora_files().get(lora))

    @classmethod
    def execute(cls, model: Any, lora: str, strength: float) -> io.NodeOutput:
        """Rename the LoRA's layers and put it on a clone."""
        changed, layers, unknown = with_lora(model, models.find_lora(lora), strength)
        warning = f"{len(unknown)} layers of the file are not in this model, such as {unknown[0]}" if unknown else ""
        return io.NodeOutput(changed, ui=report(f"{layers} layers changed", warning=warning))


NODES: list[type[io.ComfyNode]] = [RichSpaceLoadCogVideoXLora]
