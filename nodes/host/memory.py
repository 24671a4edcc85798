"""The one place that talks to the host's model management: weights, devices, number types, progress and cancel.

A diffusers or transformers module cannot carry the attributes that the host sets on a model, so it travels in a
holder; such modules are loaded whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import comfy.model_management as management
import comfy.model_patcher
import comfy.utils
import torch
from torch import Tensor, nn

from ...richspace_core.cogvideox.folder import Part

if TYPE_CHECKING:
    from PIL.Image import Image

Result = TypeVar("Result")

#: Where each part of a model runs, and where its weights wait.
_DEVICES: dict[Part | Literal["vision"], tuple[Callable[[], torch.device], Callable[[], torch.device]]] = {
    "transformer": (management.get_torch_device, management.unet_offload_device),
    "text_encoder": (management.text_encoder_device, management.text_encoder_offload_device),
    "vae": (management.vae_device, management.vae_offload_device),
    "vision": (management.text_encoder_device, management.text_encoder_offload_device),  # as the host's CLIP vision
}

#: Longest side in pixels of a live preview.
_PREVIEW_SIZE = 512


class RichSpaceModel(nn.Module):
    """Carries a module, and beside it what the host notes on a model; its name stands in the host's log."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module


class HostOwned:
    """A module whose weights the host owns: it moves them to the device, evicts them, and frees them.

    They are read from disk when first used, so a graph whose results are cached reads nothing.

    Args:
        part: What the module is, which decides the devices that the host has for it.
        load: Reads the module in a number type, on the CPU.
        stored_dtype: The number type that the weights were made for.
        dtype: The number type to hold them in, or None to choose what the device can do.
    """

    def __init__(
        self,
        part: Part | Literal["vision"],
        load: Callable[[torch.dtype], nn.Module],
        *,
        stored_dtype: torch.dtype,
        dtype: torch.dtype | None,
    ) -> None:
        load_device, offload_device = _DEVICES[part]
        self._load = load
        self._devices = load_device(), offload_device()
        self._patcher: Any = None
        self.dtype = dtype or _usable_dtype(stored_dtype, self._devices[0])

    def loaded(self, *, memory_required: int = 0) -> nn.Module:
        """The module with its weights on its device; call this before every use.

        Args:
            memory_required: Bytes that the computation itself will need beside the weights.
        """
        if self._patcher is None:
            holder = RichSpaceModel(self._load(self.dtype))
            self._patcher = comfy.model_patcher.ModelPatcher(holder, *self._devices)
        management.load_models_gpu([self._patcher], memory_required=memory_required, force_full_load=True)
        module: nn.Module = self._patcher.model.module
        return module


def to_host(values: Tensor) -> Tensor:
    """A result where, and in the number type in which, the host's nodes expect it."""
    return values.to(management.intermediate_device(), torch.float32)


def retry_if_out_of_memory(first: Callable[[], Result], then: Callable[[], Result]) -> Result:
    """Run `first`; if the device's memory runs out, empty its cache and run `then`."""
    try:
        return first()
    except Exception as error:  # noqa: BLE001 - raised again unless it means that memory ran out
        management.raise_non_oom(error)
    management.soft_empty_cache()
    return then()


class Progress:
    """The host's progress bar for a node, with a live preview, which also carries out a cancel.

    Args:
        total: Steps in all.
    """

    def __init__(self, total: int) -> None:
        self._bar = comfy.utils.ProgressBar(total)
        self._total = total

    def step_done(self, done: int, preview: Callable[[], Tensor] | None = None) -> None:
        """Show that `done` steps are done.

        Args:
            done: Steps done so far.
            preview: Makes a picture ``[h, w, 3]`` in 0..1; called only if the user wants previews.

        Raises:
            InterruptProcessingException: If the user pressed cancel; it is the host's and must reach it.
        """
        management.throw_exception_if_processing_interrupted()
        image = _to_image(preview()) if preview is not None and _previews_wanted() else None
        self._bar.update_absolute(done, self._total, ("JPEG", image, _PREVIEW_SIZE) if image else None)


def _previews_wanted() -> bool:
    from comfy.cli_args import LatentPreviewMethod, args

    return bool(args.preview_method != LatentPreviewMethod.NoPreviews)


def _to_image(pixels: Tensor) -> Image:
    from PIL import Image

    return Image.fromarray((pixels * 255).round().to(torch.uint8).cpu().numpy())


def _usable_dtype(stored: torch.dtype, device: torch.device) -> torch.dtype:
    usable = {torch.float16: management.should_use_fp16, torch.bfloat16: management.should_use_bf16}.get(stored)
    return stored if usable is not None and usable(device) else torch.float32
