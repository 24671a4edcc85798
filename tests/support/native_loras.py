"""LoRAs of a small CogVideoX with random weights: by definition, and as PEFT and diffusers make and save them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from diffusers import CogVideoXPipeline, CogVideoXTransformer3DModel
from diffusers.training_utils import _collate_lora_metadata
from node_runs import run_node

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

NODE = "RichSpaceLoadCogVideoXLora"
RANK = 4
LAYERS = [  # every kind of layer that trainers adapt
    *(f"attn1.{name}" for name in ("to_q", "to_k", "to_v", "to_out.0")),
    "ff.net.0.proj",
    "ff.net.2",
]
#: Every layer that PEFT can adapt, by the end of its name.
EVERY_LAYER = [
    *LAYERS,
    *("norm1.linear", "norm2.linear", "norm_out.linear", "proj_out"),
    *("patch_embed.proj", "patch_embed.text_proj", "time_embedding.linear_1", "time_embedding.linear_2"),
]

Lora = dict[str, "Tensor"]


def random_lora(model: CogVideoXTransformer3DModel, rank: int = RANK) -> Lora:
    """Make the weights layer.lora_A.weight and layer.lora_B.weight for every block of a model."""
    generator = torch.Generator().manual_seed(2)
    made = {}
    for block in range(len(model.transformer_blocks)):
        for layer in LAYERS:
            name = f"transformer_blocks.{block}.{layer}"
            rows, columns = model.get_parameter(f"{name}.weight").shape
            made[f"{name}.lora_A.weight"] = torch.randn(rank, columns, generator=generator) * 0.3
            made[f"{name}.lora_B.weight"] = torch.randn(rows, rank, generator=generator) * 0.3
    return made


def merge(model: CogVideoXTransformer3DModel, lora: Lora, scale: float) -> None:
    """Add a LoRA to the weights of diffusers' model, by definition."""
    for name, down in lora.items():
        layer, _, which = name.partition(".lora_")
        if which == "A.weight":
            with torch.no_grad():
                model.get_parameter(f"{layer}.weight").add_(scale * lora[f"{layer}.lora_B.weight"] @ down)


def put_on(nodes_by_id: dict[str, Any], model: Any, name: str, strength: float = 1.0) -> tuple[Any, dict[str, Any]]:
    """Run the node; return its MODEL and the texts that it shows."""
    output = run_node(nodes_by_id[NODE], model=model, lora=name, strength=strength)
    return output.result[0], output.ui


def warning_of(shown: dict[str, Any]) -> str:
    """Return the node's warning."""
    (told,) = shown["richspace_report"]
    return told["warning"]


def with_prefix(lora: Lora, prefix: str) -> Lora:
    """Add a prefix to every name; diffusers uses "transformer."."""
    return {f"{prefix}{name}": value for name, value in lora.items()}


def named_by_kohya(lora: Lora, prefix: str = "lora_unet_") -> Lora:
    """Rename a LoRA as kohya does, with an alpha for each layer."""
    made = {}
    for name, value in lora.items():
        layer, _, which = name.partition(".lora_")
        layer = prefix + layer.replace(".", "_")
        made[f"{layer}.lora_{'down' if which.startswith('A') else 'up'}.weight"] = value
        made[f"{layer}.alpha"] = torch.tensor(float(RANK))
    return made


def named_by_the_host(native: Any, lora: Lora, prefix: str = "diffusion_model.") -> Lora:
    """Rename a LoRA with ComfyUI's names of the layers."""
    made = {}
    for name, value in lora.items():
        layer, _, which = name.partition(".lora_")
        (key,) = native.host_keys({f"{layer}.weight": value})
        made[f"{prefix}{key.removesuffix('.weight')}.lora_{which}"] = value
    return made


def as_before_peft(lora: Lora) -> Lora:
    """Rename a LoRA as diffusers did before it used PEFT."""
    renamed = {name.replace(".lora_A.", ".lora.down.").replace(".lora_B.", ".lora.up."): lora[name] for name in lora}
    return with_prefix(renamed, "transformer.")


def train(model: CogVideoXTransformer3DModel, **settings: Any) -> Lora:
    """Give diffusers' model an active PEFT adapter with random weights.

    Args:
        model: Model to adapt.
        settings: Settings of PEFT's LoraConfig.

    Returns:
        The adapter's weights under PEFT's names.
    """
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    model.add_adapter(LoraConfig(**{"r": RANK, "lora_alpha": RANK, "target_modules": LAYERS, **settings}))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if ".lora_magnitude_vector." in name:
                weight.mul_(1 + 0.3 * noise)
            elif ".lora_" in name:
                weight.copy_(0.3 * noise)
    model.eval()
    return get_peft_model_state_dict(model)


def save_as_diffusers(model: CogVideoXTransformer3DModel, lora: Lora, folder: Path, name: str) -> None:
    """Save an adapter with its settings, as diffusers' training scripts do."""
    CogVideoXPipeline.save_lora_weights(
        folder, transformer_lora_layers=lora, weight_name=name, **_collate_lora_metadata({"transformer": model})
    )


def merged(model: CogVideoXTransformer3DModel) -> CogVideoXTransformer3DModel:
    """Merge the adapter of diffusers' model into its weights, as PEFT does; return the model."""
    model.fuse_lora()
    model.unload_lora()
    return model
