"""LoRA of a CogVideoX on ComfyUI's own model, in any trainer's naming scheme."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .host import models
from .host.api import io, report
from .native import model as native
from .native.lora_changes import Layer, changes_of, misfit
from .native.lora_file import LoraFile, read_file
from .native.lora_settings import CONFIG, Settings, config_of, read_settings


def with_lora(model: Any, file: Path, strength: float) -> tuple[Any, int, list[str]]:
    """Put a LoRA on a clone of ComfyUI's MODEL of a CogVideoX.

    Args:
        model: Corrected or not; stays as it is.
        file: Safetensors, under diffusers' names of the layers or ComfyUI's.
        strength: What the LoRA's change is multiplied by.

    Returns:
        The clone, how many layers were changed, and what a person should know about the rest of the file.

    Raises:
        ModelFolderError: If the model is no CogVideoX, the LoRA was made for another, or it cannot be computed as its
            trainer meant it.
    """
    network = native.network_of(model)
    shapes = {key: tuple(weight.shape) for key, weight in network.state_dict().items()}
    weights = [key for key in shapes if key.endswith(".weight")]
    keys = {native.published_key(key).removesuffix(".weight"): key for key in weights}
    lora = read_file(file, keys)
    if not lora.layers:
        raise misfit(file, _nothing_for_the_model(lora))
    settings = read_settings(file, lora)
    patches = {}
    for layer, tensors in lora.layers.items():
        key = keys[layer].removesuffix("weight")
        changes = changes_of(Layer(file, layer, tensors, shapes[f"{key}weight"], shapes.get(f"{key}bias")), settings)
        patches.update({f"diffusion_model.{key}{name}": change for name, change in changes.items()})
    changed = model.clone()
    changed.add_patches(patches, strength)
    return changed, len(lora.layers), _remarks(lora, settings)


def _nothing_for_the_model(lora: LoraFile) -> str:
    if lora.text_encoder and not lora.unknown:
        return f"layers of a text encoder alone ({len(lora.text_encoder)}, such as {lora.text_encoder[0]})"
    return f"a file of {len(lora.unknown)} layers, none of which it has, such as {next(iter(lora.unknown), '')}"


def _remarks(lora: LoraFile, settings: Settings) -> list[str]:
    remarks = []
    if lora.unknown:
        remarks.append(f"{len(lora.unknown)} layers of the file are not in this model, such as {lora.unknown[0]}")
    if lora.text_encoder:
        remarks.append(
            f"The file's layers of a text encoder are left out ({len(lora.text_encoder)}, such as "
            f"{lora.text_encoder[0]}): this node changes only the video model"
        )
    if lora.from_peft and not settings.noted and not all("alpha" in tensors for tensors in lora.layers.values()):
        remarks.append(
            "The file does not say its alpha, so the rank was taken for it. If the training used another alpha, keep "
            f"PEFT's two files, adapter_model.safetensors and {CONFIG}, together in a folder of their own"
        )
    return remarks


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
        file = models.lora_files().get(lora)
        return models.files_of(file) + models.files_of(config_of(file) if file else None)

    @classmethod
    def execute(cls, model: Any, lora: str, strength: float) -> io.NodeOutput:
        """Put the LoRA on a clone."""
        changed, layers, remarks = with_lora(model, models.find_lora(lora), strength)
        return io.NodeOutput(changed, ui=report(f"{layers} layers changed", warning="\n".join(remarks)))


NODES: list[type[io.ComfyNode]] = [RichSpaceLoadCogVideoXLora]
