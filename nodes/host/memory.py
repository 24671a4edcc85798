"""ComfyUI's model management, which only this module uses: weights, devices, number types, progress and cancel.

A diffusers or transformers module cannot have the attributes that ComfyUI sets on a model, so a holder carries it. Such
modules are loaded whole or not at all.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import comfy.model_management as management
import comfy.model_patcher
import comfy.utils
import torch
from torch import Tensor, nn

from ...richspace_core import RichSpaceError
from ...richspace_core.cogvideox.folder import Part
from ...richspace_core.out_of_memory import NotEnoughMemoryError, is_out_of_memory, release_frames

if TYPE_CHECKING:
    from PIL.Image import Image

Result = TypeVar("Result")

#: Device on which each part of a model runs, and device on which its weights wait.
_DEVICES: dict[Part | Literal["vision"], tuple[Callable[[], torch.device], Callable[[], torch.device]]] = {
    "transformer": (management.get_torch_device, management.unet_offload_device),
    "text_encoder": (management.text_encoder_device, management.text_encoder_offload_device),
    "vae": (management.vae_device, management.vae_offload_device),
    "vision": (management.text_encoder_device, management.text_encoder_offload_device),  # as for ComfyUI's CLIP vision
}

#: Blocks of a streamed module that are on the device at once: the computing one, the next, and one that leaves.
_STREAMED_BLOCKS = 3

#: Longest side in pixels of a live preview.
_PREVIEW_SIZE = 512


class RichSpaceModel(nn.Module):
    """Holder of a module and of what ComfyUI sets on a model; ComfyUI's log shows its name."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module


class HostOwned:
    """Module whose weights ComfyUI manages: it moves them to the device, evicts them and frees them.

    The weights are read from disk when they are first used, so a graph with cached results reads nothing.

    Args:
        part: Kind of module, which decides its devices.
        load: Function that reads the module in a number type, on the CPU.
        stored_dtype: Number type that the weights were saved in.
        dtype: Number type to hold them in, or None to choose one that the device can compute with.
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
        self._load, self._base, self._is_streamed = load, self, False
        self._devices = load_device(), offload_device()
        self._patcher: Any = None
        self.dtype = dtype or _usable_dtype(stored_dtype, self._devices[0])

    @property
    def device(self) -> torch.device:
        """Device on which the module runs."""
        return self._devices[0]

    def prepared(self, prepare: Callable[[nn.Module], nn.Module], *, is_streamed: bool = False) -> HostOwned:
        """Return the module as it is read from disk, with weights of its own that `prepare` may change.

        Args:
            prepare: Function that changes the module on the CPU and returns it.
            is_streamed: Whether the module brings its weights to the device by itself, block after block. ComfyUI then
                counts them as weights on the CPU, which it never brings to the device as a whole, and only makes room
                for the blocks and for the computation.
        """
        other = copy.copy(self._base)
        other._load = lambda dtype: prepare(self._base._load(dtype))
        other._patcher, other._is_streamed = None, is_streamed
        return other

    def unprepared(self) -> HostOwned:
        """Return the module as it is read from disk, which others share."""
        return self._base

    def loaded(self, *, memory_required: int = 0) -> nn.Module:
        """Return the module with its weights on its device; call this before every use.

        Args:
            memory_required: Bytes that the computation needs in addition to the weights.
        """
        if self._patcher is None:
            holder = RichSpaceModel(self._load(self.dtype))
            devices = [torch.device("cpu")] * 2 if self._is_streamed else self._devices
            self._patcher = comfy.model_patcher.ModelPatcher(holder, *devices)
        if self._is_streamed:
            blocks = _STREAMED_BLOCKS * _largest_block(self._patcher.model.module)
            management.free_memory(memory_required + blocks + management.minimum_inference_memory(), self.device)
        management.load_models_gpu([self._patcher], memory_required=memory_required, force_full_load=True)
        module: nn.Module = self._patcher.model.module
        return module


def _largest_block(module: nn.Module) -> int:
    """Return the bytes of the weights of a module's largest block."""
    lists = [child for child in module.children() if isinstance(child, nn.ModuleList)]
    return max((sum(weight.nbytes for weight in block.parameters()) for each in lists for block in each), default=0)


def to_host(values: Tensor) -> Tensor:
    """Return a result on the device and in the number type that ComfyUI's nodes expect."""
    return values.to(management.intermediate_device(), torch.float32)


def retry_if_out_of_memory(first: Callable[[], Result], then: Callable[[], Result]) -> Result:
    """Run `first`; if memory runs out and no error says what to change yet, empty the device's cache and run `then`."""
    try:
        with as_out_of_memory():
            return first()
    except NotEnoughMemoryError:
        raise
    except management.OOM_EXCEPTION as error:
        release_frames(error)
    management.soft_empty_cache()
    return then()


@contextmanager
def as_out_of_memory() -> Iterator[None]:
    """Raise the exception by which ComfyUI recognizes that memory has run out, whatever the device has raised.

    ComfyUI decodes and encodes again in tiles after this exception, and unloads all models if a node ends with it. For
    the memory of a CPU, torch raises a plain RuntimeError instead.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, management.OOM_EXCEPTION) or not _is_out_of_memory(error):
            raise
        raise management.OOM_EXCEPTION(str(error)) from error


@contextmanager
def explain_out_of_memory(argument: str, *, expected: str, hint: str) -> Iterator[None]:
    """Replace an error that memory has run out by one that says what to change; ComfyUI recognizes that one too.

    An explanation from inside the work is replaced, too: in a draft of Balance, the sampler would name an input that
    Balance does not have.

    Args:
        argument: Name of the argument or input that decides how much memory is needed.
        expected: What would have been needed.
        hint: What to change.

    Raises:
        NotEnoughMemoryError: If memory runs out.
    """
    try:
        yield
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
        release_frames(error)
        management.soft_empty_cache()
        raise NotEnoughMemoryError(argument, expected=expected, got="out of memory", hint=hint) from error


@contextmanager
def explain_other_out_of_memory(node: str) -> Iterator[None]:
    """Replace an error that memory has run out where the work itself does not explain it.

    Args:
        node: Name of the node as it is shown.

    Raises:
        NotEnoughMemoryError: If memory runs out.
    """
    try:
        yield
    except RichSpaceError:
        raise
    except Exception as error:
        with explain_out_of_memory(
            "memory",
            expected=f"enough memory for {node}",
            hint="Close other programs, unload models that you do not need, or make a smaller or shorter video.",
        ):
            raise error


def _is_out_of_memory(error: Exception) -> bool:
    return bool(management.is_oom(error)) or is_out_of_memory(error)


class Progress:
    """ComfyUI's progress bar for a node, with a live preview; it also checks for a cancel.

    Args:
        total: Number of steps.
    """

    def __init__(self, total: int) -> None:
        self._bar = comfy.utils.ProgressBar(total)
        self._total = total

    def step_done(self, done: int, preview: Callable[[], Tensor] | None = None) -> None:
        """Show how many steps are done.

        Args:
            done: Number of steps done so far.
            preview: Function that draws a picture ``[h, w, 3]`` in 0..1; called only if the user wants previews.

        Raises:
            InterruptProcessingException: If the user pressed cancel; the exception must reach ComfyUI.
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
