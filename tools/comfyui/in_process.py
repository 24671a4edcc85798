"""The host's Python modules and this pack, in this process: for the nodes' tests and the benchmarks."""

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
    from pathlib import Path
    from types import ModuleType

PACK = "comfyui_richspace"


def import_host(base: Path) -> Path:
    """Make the host's modules importable, and give its files a folder of their own.

    The host reads its arguments and folders when its modules are imported, so they are set before that.

    Args:
        base: The base directory (models, input, output) of this process.

    Returns:
        The host's folder.

    Raises:
        ToolError: If there is no host, or this pack's `nodes` folder hides the host's module of that name.
    """
    folder = find_host()
    if folder is None:
        raise ToolError("There is no ComfyUI yet: run `python3 dev.py setup`, or set COMFYUI_PATH to yours.")
    sys.path.insert(0, str(folder))
    import torch
    from comfy.cli_args import args

    args.cpu = not torch.cuda.is_available()
    args.base_directory = str(base)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # only while they are imported: what the host's own modules warn of
        for name in ("comfy.model_management", "comfy_api.v0_0_2", "nodes"):
            importlib.import_module(name)
    if sys.modules["nodes"].__file__ != str(folder / "nodes.py"):
        raise ToolError("`nodes` is this pack's folder, not the host's module. Run `pytest`, not `python -m pytest`.")
    return folder


def load_pack() -> ModuleType:
    """The pack's root module, under a name like the one that the host gives it."""
    return import_file(PACK, ROOT / "__init__.py", package_folder=ROOT)


def node_classes(pack: ModuleType) -> dict[str, Any]:
    """{node id: node class}, as the host learns them from the pack's entry point."""

    async def node_list() -> list[Any]:
        extension = await pack.comfy_entrypoint()
        await extension.on_load()
        nodes: list[Any] = await extension.get_node_list()
        return nodes

    with ThreadPoolExecutor(1) as elsewhere:  # this thread may have an event loop already
        nodes = elsewhere.submit(asyncio.run, node_list()).result()
    return {node.GET_SCHEMA().node_id: node for node in nodes}
