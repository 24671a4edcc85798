"""Nodes that change a MODEL without any effect on a CogVideoX."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: ComfyUI's nodes that only patch attention or layers, by the class that made their functions.
_NAMES = {
    "NAGuidance": "Normalized Attention Guidance",
    "PerturbedAttentionGuidance": "PerturbedAttentionGuidance",
    "SelfAttentionGuidance": "Self-Attention Guidance",
    "SkipLayerGuidanceDiT": "SkipLayerGuidanceDiT",
    "SkipLayerGuidanceDiTSimple": "SkipLayerGuidanceDiTSimple",
    "HyperTile": "HyperTile",
    "TomePatchModel": "TomePatchModel",
}
_GUIDANCE = ("sampler_post_cfg_function", "sampler_pre_cfg_function")
_PREDICTION = "sampler_calc_cond_batch_function"


def describe_unused(model_options: Mapping[str, Any]) -> str:
    """Return a warning about nodes without any effect; otherwise an empty text.

    Args:
        model_options: ComfyUI's model options of a sampling of CogVideoX.
    """
    found = [_NAMES[name] for name in dict.fromkeys(map(_maker, _functions(model_options))) if name in _NAMES]
    if not found:
        return ""
    return (
        f"Without effect: {', '.join(found)}. ComfyUI's CogVideoX does not call patches of attention and layers. "
        "Remove or bypass the node; it can only make the sampling slower."
    )


def _functions(model_options: Mapping[str, Any]) -> Iterator[Callable[..., Any]]:
    """Yield the functions that nodes have put into the model options."""
    transformer = model_options.get("transformer_options", {})
    for patches in transformer.get("patches", {}).values():
        yield from patches
    for patches in transformer.get("patches_replace", {}).values():
        yield from patches.values()
    for kind in _GUIDANCE:
        yield from model_options.get(kind, [])
    if _PREDICTION in model_options:
        yield model_options[_PREDICTION]


def _maker(function: Callable[..., Any]) -> str:
    """Return the name of the class in which a function was made: ``HyperTile`` of ``HyperTile.execute.<locals>.f``."""
    return str(getattr(function, "__qualname__", type(function).__name__)).split(".")[0]
