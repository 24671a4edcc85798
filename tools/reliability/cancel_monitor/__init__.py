"""A folder for custom_nodes: counts the denoiser's calls, and how many of them began after a cancel.

It is only for measuring. It sees every call of a denoiser as PyTorch makes it, whatever sampler makes the step, and the
moment at which ComfyUI notes a cancel. `GET /reliability/cancel` answers with both, and forgets them.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import comfy.model_management
from aiohttp import web
from server import PromptServer
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

DENOISERS = ("CogVideoXTransformer3DModel", "WanModel", "UNetModel")


@dataclass
class Seen:
    """What was seen since the last question.

    Attributes:
        begun: Calls of a denoiser that began.
        ended: Calls that came to their end.
        begun_after_cancel: Calls that began after the cancel.
        seconds: Seconds of all calls that came to their end.
        cancelled_at: Time of the cancel in milliseconds, as in ComfyUI's history, or 0.
    """

    begun: int = 0
    ended: int = 0
    begun_after_cancel: int = 0
    seconds: float = 0.0
    cancelled_at: float = 0.0


_seen, _began = Seen(), time.perf_counter()


def _is_denoiser(module: nn.Module) -> bool:
    return type(module).__name__ in DENOISERS


def _before(module: nn.Module, _: Any) -> None:
    global _began
    if _is_denoiser(module):
        _seen.begun += 1
        _seen.begun_after_cancel += bool(_seen.cancelled_at)
        _began = time.perf_counter()


def _after(module: nn.Module, _arguments: Any, _result: Any) -> None:
    if _is_denoiser(module):
        _seen.ended += 1
        _seen.seconds += time.perf_counter() - _began


_interrupt = comfy.model_management.interrupt_current_processing


def _noted(value: bool = True) -> None:
    if value:
        _seen.cancelled_at = time.time() * 1000
    _interrupt(value)


comfy.model_management.interrupt_current_processing = _noted
register_module_forward_pre_hook(_before)
register_module_forward_hook(_after)


class Again:
    """Passes a conditioning on, so that what follows is computed again when `number` changes."""

    CATEGORY = "reliability"
    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "pass_on"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - the name is ComfyUI's
        """Return the inputs."""
        return {"required": {"value": ("CONDITIONING",), "number": ("INT", {"default": 0, "max": 2**31})}}

    def pass_on(self, value: Any, number: int) -> tuple[Any]:  # noqa: ARG002 - it is part of the cache's key
        """Return the value."""
        return (value,)


@PromptServer.instance.routes.get("/reliability/cancel")  # type: ignore[untyped-decorator]
async def _get_seen(_: web.Request) -> web.Response:
    global _seen
    seen, _seen = _seen, Seen()
    return web.json_response(asdict(seen))


NODE_CLASS_MAPPINGS = {"ReliabilityAgain": Again}
