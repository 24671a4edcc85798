"""ComfyUI's own nodes that change a conditioning, each with usual settings."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import torch


def _zeros(*shape: int) -> torch.Tensor:
    return torch.zeros(*shape)


#: For each of ComfyUI's nodes: the name of its conditioning, and its other inputs. A text in braces is made by `_make`.
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "ConditioningSetArea": ("conditioning", {"width": 32, "height": 16, "x": 8, "y": 8, "strength": 0.5}),
    "ConditioningSetAreaPercentage": ("conditioning", {"width": 0.5, "height": 1.0, "x": 0.2, "y": 0.0, "strength": 1}),
    "ConditioningSetAreaPercentageVideo": (
        "conditioning",
        {"width": 0.5, "height": 1.0, "temporal": 0.5, "x": 0.2, "y": 0.0, "z": 0.0, "strength": 1.0},
    ),
    "ConditioningSetAreaStrength": ("conditioning", {"strength": 0.0}),
    "ConditioningSetMask": ("conditioning", {"mask": "{mask}", "set_cond_area": "default", "strength": 1.0}),
    "ConditioningSetMaskBounds": (
        "conditioning",
        {"mask": "{mask}", "set_cond_area": "mask bounds", "strength": 0.0},
    ),
    "ConditioningZeroOut": ("conditioning", {}),
    "ConditioningSetTimestepRange": ("conditioning", {"start": 0.2, "end": 0.7}),
    "ConditioningCombine": ("conditioning_1", {"conditioning_2": "{given}"}),
    "ConditioningConcat": ("conditioning_to", {"conditioning_from": "{given}"}),
    "ConditioningAverage": ("conditioning_to", {"conditioning_from": "{given}", "conditioning_to_strength": 0.3}),
    "ConditioningMultiply": ("conditioning", {"multiplier": 1.7}),
    "ControlNetApply": ("conditioning", {"control_net": "{control}", "image": "{image}", "strength": 0.5}),
    "unCLIPConditioning": (
        "conditioning",
        {"clip_vision_output": "{vision}", "strength": 1.0, "noise_augmentation": 0.1},
    ),
    "ConditioningSetProperties": (
        "cond_NEW",
        {"strength": 0.5, "set_cond_area": "default", "mask": "{mask}", "hooks": "{hooks}"},
    ),
    "ConditioningSetDefaultCombine": ("cond", {"cond_DEFAULT": "{given}"}),
    "FluxGuidance": ("conditioning", {"guidance": 3.5}),
    "ReferenceLatent": ("conditioning", {"latent": "{latent}"}),
    "GLIGENTextBoxApply": (
        "conditioning_to",
        {"clip": "{clip}", "gligen_textbox_model": "{vision}", "text": "x", "width": 8, "height": 8, "x": 0, "y": 0},
    ),
}


class StockNodes:
    """ComfyUI's own nodes, called as ComfyUI calls them."""

    def __init__(self) -> None:
        # ComfyUI's own module, not the pack's folder of that name.
        self._classes: dict[str, Any] = dict(import_module("nodes").NODE_CLASS_MAPPINGS)
        for module in ("nodes_hooks", "nodes_flux", "nodes_edit_model", "nodes_video_model"):
            self._add(module)

    def _add(self, module: str) -> None:
        found = import_module(f"comfy_extras.{module}")
        self._classes |= getattr(found, "NODE_CLASS_MAPPINGS", {})
        ours = [each for each in vars(found).values() if getattr(each, "__module__", "") == found.__name__]
        self._classes |= {each.define_schema().node_id: each for each in ours if hasattr(each, "define_schema")}

    def apply(self, name: str, given: Any) -> Any:
        """Return what a node makes of a conditioning; the conditioning itself if the node cannot read it."""
        argument, settings = SETTINGS[name]
        inputs = {key: self._make(value, given) for key, value in settings.items()}
        kind = self._classes.get(name.removesuffix("Bounds"))
        if kind is None:
            return given
        try:
            if hasattr(kind, "execute"):
                return kind.execute(**{argument: given}, **inputs).result[0]
            return getattr(kind(), kind.FUNCTION)(**{argument: given}, **inputs)[0]
        except Exception:  # noqa: BLE001 - what ComfyUI's node makes of bad input is not the question here
            return given

    def _make(self, value: Any, given: Any) -> Any:
        import comfy.controlnet
        import comfy.hooks

        if value == "{given}":
            return given
        made: dict[str, Any] = {
            "{mask}": lambda: torch.ones(1, 16, 24).triu(),
            "{image}": lambda: _zeros(1, 16, 16, 3),
            "{control}": comfy.controlnet.ControlNet,
            "{vision}": lambda: SimpleNamespace(image_embeds=_zeros(1, 8)),
            "{hooks}": comfy.hooks.HookGroup,
            "{latent}": lambda: {"samples": _zeros(1, 16, 1, 4, 4)},
            "{clip}": lambda: SimpleNamespace(
                tokenize=lambda text: text, encode_from_tokens=lambda *_, **__: (_zeros(1, 4, 8), _zeros(1, 8))
            ),
        }
        return made[value]() if isinstance(value, str) and value in made else value
