"""A tiny Wan 2.1 with random weights in a test's host, under the names that the published files have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from checkout import SUPPORT, link_folder
from random_models import VOCABULARY_SIZE, train_sentencepiece
from safetensors.torch import save_file
from single_file_t5 import random_t5

if TYPE_CHECKING:
    from pathlib import Path

# As wide as the video model's first layer is in every Wan.
_TEXT_ENCODER = {"d_model": 4096, "d_kv": 8, "d_ff": 24, "num_layers": 1, "num_heads": 2, "vocab_size": VOCABULARY_SIZE}


def add_tiny_wan(base: Path) -> None:
    """Put it below the base directory of a host that has not started yet."""
    link_folder(base / "custom_nodes" / "tiny_single_files", SUPPORT / "tiny_single_files")
    weights = {key: value.half() for key, value in random_t5(_TEXT_ENCODER, every_layer_has_positions=True).items()}
    weights["spiece_model"] = torch.frombuffer(bytearray(train_sentencepiece()), dtype=torch.uint8)
    folder = base / "models" / "text_encoders"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "umt5_xxl_fp8_e4m3fn_scaled.safetensors")
