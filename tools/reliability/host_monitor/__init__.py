"""A folder for custom_nodes: a node that names its input by a digest, and a route that says what the process holds.

It is only for measuring. `GET /reliability/state` answers with counts and bytes; with `?collect=1` it collects garbage
first, as ComfyUI does between prompts.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import os
import sys
import warnings
from typing import Any, ClassVar

import comfy.model_management
import psutil
import torch
from aiohttp import web
from server import PromptServer

_FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _MallInfo(ctypes.Structure):
    _fields_: ClassVar = [(name, ctypes.c_size_t) for name in _FIELDS]


class Digest:
    """Shows a digest of whatever comes in, so that two results can be compared without reading files."""

    CATEGORY = "reliability"
    OUTPUT_NODE = True
    RETURN_TYPES = ()
    FUNCTION = "show"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - the name is ComfyUI's
        """Return the inputs: one, of any type."""
        return {"required": {"value": ("*",)}}

    def show(self, value: Any) -> dict[str, Any]:
        """Show the digest in the run's history."""
        return {"ui": {"digest": [digest(value)]}}


def digest(value: Any) -> str:
    """Return a digest of a picture or of a latent."""
    tensor = value["samples"] if isinstance(value, dict) else value
    found = hashlib.sha256(f"{tensor.dtype} {list(tensor.shape)} ".encode())
    found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:24]


def _malloc() -> dict[str, int]:
    """Return what glibc's malloc has handed out, and what it holds without use; nothing elsewhere."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):
        return {}
    mallinfo2.restype = _MallInfo
    info = mallinfo2()
    return {"malloc_used": info.uordblks + info.hblkhd, "malloc_unused": info.fordblks}


def _tensors(objects: list[Any]) -> dict[str, int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [each for each in objects if issubclass(type(each), torch.Tensor)]
    return {"tensors": len(found), "tensor_bytes": sum(each.nbytes for each in found)}


def _caches(objects: list[Any]) -> dict[str, int]:
    executors = [each for each in objects if type(each).__name__ == "PromptExecutor"]
    return {"cached_results": sum(len(cache.cache) for each in executors for cache in each.caches.all)}


def _kept_drafts() -> dict[str, int]:
    module = next((each for name, each in sys.modules.items() if name.endswith(".nodes.host.kept_drafts")), None)
    kept = getattr(module, "KEPT", ())
    return {"kept_drafts": len(kept), "kept_draft_bytes": getattr(kept, "bytes", 0)}


def _history() -> dict[str, int]:
    """Return what ComfyUI's list of finished runs holds: its runs, and the objects of which they consist."""
    seen: dict[int, Any] = {}
    waiting: list[Any] = [PromptServer.instance.prompt_queue.history]
    while waiting:
        each = waiting.pop()
        if id(each) not in seen and isinstance(each, (dict, list, tuple, str, int, float)):
            seen[id(each)] = each
            waiting += gc.get_referents(each)
    return {
        "history": len(PromptServer.instance.prompt_queue.history),
        "history_objects": sum(map(gc.is_tracked, seen.values())),
        "history_bytes": sum(map(sys.getsizeof, seen.values())),
    }


def state(*, collect: bool) -> dict[str, int]:
    """Return what the process holds."""
    if collect:
        gc.collect()
    process, objects, history, malloc = psutil.Process(), gc.get_objects(), _history(), _malloc()
    memory = process.memory_full_info()
    return {
        "rss": memory.rss,
        "anonymous": memory.rss - getattr(memory, "shared", 0),  # without the pages of files, which the system drops
        "held": memory.rss - history["history_bytes"] - malloc.get("malloc_unused", 0),
        "uss": memory.uss,
        "threads": process.num_threads(),
        "open_files": process.num_fds() if hasattr(process, "num_fds") else process.num_handles(),
        "children": len(process.children()),
        "loaded_models": len(comfy.model_management.current_loaded_models),
        "objects": len(objects) - history["history_objects"],
        **history,
        "sockets": len(PromptServer.instance.sockets),
        **malloc,
        **_tensors(objects),
        **_caches(objects),
        **_kept_drafts(),
    }


@PromptServer.instance.routes.get("/reliability/state")  # type: ignore[untyped-decorator]
async def _get_state(request: web.Request) -> web.Response:
    return web.json_response(state(collect="collect" in request.query))


@PromptServer.instance.routes.get("/reliability/trim")  # type: ignore[untyped-decorator]
async def _trim(_: web.Request) -> web.Response:
    """Have glibc return what it holds without use."""
    if hasattr(os, "sched_getaffinity"):
        ctypes.CDLL(None).malloc_trim(0)
    return web.json_response(state(collect=True))


NODE_CLASS_MAPPINGS = {"ReliabilityDigest": Digest}
