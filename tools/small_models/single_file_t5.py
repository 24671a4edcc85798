"""T5 encoders as a single file, with the published names and random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Weights = dict[str, torch.Tensor]


#: A hundredth of t5xxl. The narrower it is, the more a loss of precision shows in the embedding.
SIZES: dict[str, int] = {"d_model": 128, "d_kv": 16, "d_ff": 320, "num_layers": 6, "num_heads": 8, "vocab_size": 32_128}


def random_t5(sizes: Mapping[str, int], *, every_layer_has_positions: bool = False) -> Weights:
    """Make float32 weights of a T5 encoder that keep activations near unit size.

    Args:
        sizes: As transformers' `T5Config` names them: d_model, d_kv, d_ff, num_layers, num_heads and vocab_size.
        every_layer_has_positions: Whether every layer has a position bias, as in UMT5. In T5 only the first has one.
    """
    generator = torch.Generator().manual_seed(0)

    def normal(rows: int, columns: int, std: float) -> torch.Tensor:
        return torch.randn(rows, columns, generator=generator) * std

    width, inner, hidden = sizes["d_model"], sizes["d_kv"] * sizes["num_heads"], sizes["d_ff"]
    weights = {
        "shared.weight": normal(sizes["vocab_size"], width, 1.0),
        "encoder.final_layer_norm.weight": torch.ones(width),
    }
    for number in range(sizes["num_layers"]):
        attention, feed = (f"encoder.block.{number}.layer.{place}" for place in (0, 1))
        for name in "qkv":
            weights[f"{attention}.SelfAttention.{name}.weight"] = normal(inner, width, width**-0.5)
        weights[f"{attention}.SelfAttention.o.weight"] = normal(width, inner, inner**-0.5)
        for name in ("wi_0", "wi_1"):
            weights[f"{feed}.DenseReluDense.{name}.weight"] = normal(hidden, width, width**-0.5)
        weights[f"{feed}.DenseReluDense.wo.weight"] = normal(width, hidden, hidden**-0.5)
        weights |= {f"{layer}.layer_norm.weight": torch.ones(width) for layer in (attention, feed)}
        if every_layer_has_positions or number == 0:
            positions = normal(32, sizes["num_heads"], 1.0)
            weights[f"{attention}.SelfAttention.relative_attention_bias.weight"] = positions
    return weights


def in_float8(weights: Weights) -> Weights:
    """Convert every weight to float8, as in the plain float8 file."""
    return {name: value.to(torch.float8_e4m3fn) for name, value in weights.items()}


def in_scaled_float8(weights: Weights) -> Weights:
    """Convert each linear layer to float8 with a scale and the rest to float16, as in the scaled float8 file."""
    largest = torch.finfo(torch.float8_e4m3fn).max
    made = {"scaled_fp8": torch.empty(0, dtype=torch.float8_e4m3fn)}
    for name, value in weights.items():
        if value.ndim < 2 or "shared" in name or "bias" in name:
            made[name] = value.half()
            continue
        scale = value.abs().max() / largest
        made[name] = (value / scale).to(torch.float8_e4m3fn)
        made[name.removesuffix("weight") + "scale_weight"] = scale.reshape(1)
    return made


#: For each number type, the function that converts float32 weights to those of its file.
FORMS: dict[str, Callable[[Weights], Weights]] = {
    "float32": dict,
    "float16": lambda weights: {name: value.half() for name, value in weights.items()},
    "scaled float8": in_scaled_float8,
    "float8": in_float8,
}
