"""Tiny models with random weights as single files, in a test's host, under the names that the published ones have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from checkout import SUPPORT, link_folder
from random_models import VOCABULARY_SIZE, train_sentencepiece
from safetensors.torch import save_file
from single_file_t5 import FORMS, SIZES, random_t5

if TYPE_CHECKING:
    from pathlib import Path

# As wide as every Wan's first layer wants it.
_UMT5 = {"d_model": 4096, "d_kv": 8, "d_ff": 24, "num_layers": 1, "num_heads": 2, "vocab_size": VOCABULARY_SIZE}


def add_single_files(base: Path) -> None:
    """Put them below the base directory of a host that has not started yet: Wan 2.1, and T5 in two number types."""
    link_folder(base / "custom_nodes" / "tiny_single_files", SUPPORT / "tiny_single_files")
    umt5 = FORMS["float16"](random_t5(_UMT5, every_layer_has_positions=True))
    umt5["spiece_model"] = torch.frombuffer(bytearray(train_sentencepiece()), dtype=torch.uint8)
    t5 = random_t5(SIZES)
    folder = base / "models" / "text_encoders"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(umt5, folder / "umt5_xxl_fp8_e4m3fn_scaled.safetensors")
    save_file(FORMS["float16"](t5), folder / "t5xxl_fp16.safetensors")
    save_file(FORMS["scaled float8"](t5), folder / "t5xxl_fp8_e4m3fn_scaled.safetensors")
