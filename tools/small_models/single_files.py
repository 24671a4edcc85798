"""Tiny models with random weights as single files, under the names of the published ones, in a ComfyUI of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from environment.checkout import link_folder
from safetensors.torch import load_file, save_file

from small_models.random_models import VOCABULARY_SIZE, train_sentencepiece
from small_models.single_file_t5 import FORMS, SIZES, random_t5
from small_models.tiny_models import DEMO_MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping

LORA = "my_style.safetensors"

# The width that the first layer of every Wan model requires.
_UMT5 = {"d_model": 4096, "d_kv": 8, "d_ff": 24, "num_layers": 1, "num_heads": 2, "vocab_size": VOCABULARY_SIZE}


def demo_lora() -> dict[str, torch.Tensor]:
    """Make a LoRA with random weights for the demo model's attention, named as in diffusers."""
    file = DEMO_MODEL / "transformer" / "diffusion_pytorch_model.safetensors"
    generator = torch.Generator().manual_seed(0)
    made = {}
    for name, value in load_file(file).items():
        if name.endswith((".to_q.weight", ".to_k.weight", ".to_v.weight")):
            layer, (rows, columns) = f"transformer.{name.removesuffix('.weight')}", value.shape
            made[f"{layer}.lora_A.weight"] = 0.1 * torch.randn(4, columns, generator=generator)
            made[f"{layer}.lora_B.weight"] = 0.1 * torch.randn(rows, 4, generator=generator)
    return made


def add_single_files(base: Path) -> None:
    """Write Wan 2.1, T5 in two number types and a LoRA for the demo model below a base directory.

    Call it before ComfyUI starts.
    """
    link_folder(base / "custom_nodes" / "tiny_single_files", Path(__file__).parent / "tiny_single_files")
    umt5 = FORMS["float16"](random_t5(_UMT5, every_layer_has_positions=True))
    umt5["spiece_model"] = torch.frombuffer(bytearray(train_sentencepiece()), dtype=torch.uint8)
    t5 = random_t5(SIZES)
    files = {
        "text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors": umt5,
        "text_encoders/t5xxl_fp16.safetensors": FORMS["float16"](t5),
        "text_encoders/t5xxl_fp8_e4m3fn_scaled.safetensors": FORMS["scaled float8"](t5),
        f"loras/{LORA}": demo_lora(),
    }
    save_models(base, files)


def save_models(base: Path, files: Mapping[str, Mapping[str, torch.Tensor]]) -> None:
    """Write weights by their path below the models folder of a base directory."""
    for name, weights in files.items():
        file = base / "models" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(dict(weights), file)
