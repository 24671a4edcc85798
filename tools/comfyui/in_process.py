"""ComfyUI's modules and this pack imported into this process, for the tests of the nodes and the benchmarks."""

from __future__ import annotations

import asyncio
import importlib
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from environment.checkout import ROOT, find_host, import_file
from environment.programs import ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import ModuleType

PACK = "comfyui_richspace"


def import_host(base: Path, flags: Sequence[str] = ()) -> Path:
    """Import ComfyUI's modules, with a base directory for this process.

    ComfyUI reads its arguments and folders when its modules are imported, so they are set before that.

    Args:
        base: Base directory (models, input, output).
        flags: Flags of ComfyUI's command line.

    Returns:
        ComfyUI's folder.

    Raises:
        ToolError: If there is no ComfyUI, or the pack's folder `nodes` hides ComfyUI's module of that name.
    """
    folder = find_host()
    if folder is None:
        raise ToolError("There is no ComfyUI. Run `python3 dev.py setup`, or set COMFYUI_PATH to yours.")
    sys.path.insert(0, str(folder))
    import comfy.options
    import torch

    if flags:
        sys.argv[1:] = flags
        comfy.options.enable_args_parsing()
    from comfy.cli_args import args

    args.cpu = not torch.cuda.is_available()
    args.base_directory = str(base)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of ComfyUI's own modules while they are imported
        for name in ("comfy.model_management", "comfy_api.v0_0_2", "nodes"):
            importlib.import_module(name)
    if sys.modules["nodes"].__file__ != str(folder / "nodes.py"):
        raise ToolError("`nodes` is this pack's folder, not ComfyUI's module. Run `pytest`, not `python -m pytest`.")
    return folder


def load_pack() -> ModuleType:
    """Import the pack's root module, under a name as ComfyUI gives it."""
    return import_file(PACK, ROOT / "__init__.py", package_folder=ROOT)


def node_classes(pack: ModuleType) -> dict[str, Any]:
    """Return the node classes by node id, from the pack's entry point, as ComfyUI does."""

    async def node_list() -> list[Any]:
        extension = await pack.comfy_entrypoint()
        await extension.on_load()
        nodes: list[Any] = await extension.get_node_list()
        return nodes

    with ThreadPoolExecutor(1) as elsewhere:  # this thread may have an event loop
        nodes = elsewhere.submit(asyncio.run, node_list()).result()
    return {node.GET_SCHEMA().node_id: node for node in nodes}
