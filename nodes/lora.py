"""LoRA of a CogVideoX on ComfyUI's own model."""

from __future__ import annotations

from typing import Any

from .host import models
from .host.api import io, report
from .host.input_names import name_inputs_as_shown
from .native.lora import apply_lora
from .native.lora_settings import find_peft_config
from .sampling_inputs import native_model_input, native_model_output


class RichSpaceLoadCogVideoXLora(io.ComfyNode):
    """LoRA of a CogVideoX on ComfyUI's own model."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        strength = io.Float.Input(
            "strength",
            default=1.0,
            min=-100.0,
            max=100.0,
            step=0.01,
            tooltip="How strongly the LoRA changes the model: 0 not at all, 1 as it was trained.",
        )
        return io.Schema(
            node_id="RichSpaceLoadCogVideoXLora",
            display_name="RichSpace Load CogVideoX LoRA",
            category="RichSpace",
            description="Applies a LoRA to ComfyUI's own CogVideoX. ComfyUI's LoRA loaders do not know the layer names "
            "of published CogVideoX LoRAs and leave the model unchanged.",
            search_aliases=["lora", "load lora", "lora loader", "cogvideo", "cogvideox", "style", "native"],
            inputs=[
                native_model_input(),
                io.Combo.Input("lora", options=[*models.lora_files()], tooltip="A safetensors file in models/loras."),
                strength,
            ],
            outputs=[native_model_output(is_clone=True)],
            has_intermediate_output=True,
        )

    @classmethod
    def fingerprint_inputs(cls, lora: str, **_: Any) -> Any:
        """Return the state of the files, so that a changed file is loaded again."""
        file = models.lora_files().get(lora)
        return models.file_times(file) + models.file_times(find_peft_config(file) if file else None)

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, model: Any, lora: str, strength: float) -> io.NodeOutput:
        """Apply the LoRA to a clone."""
        changed, layers, remarks = apply_lora(model, models.find_lora(lora), strength)
        return io.NodeOutput(changed, ui=report(f"{layers} layers changed", warning="\n".join(remarks)))


NODES: list[type[io.ComfyNode]] = [RichSpaceLoadCogVideoXLora]
