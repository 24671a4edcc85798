"""A plugin of pytest for ComfyUI's own tests: imports ComfyUI's nodes, and this pack's if HOST_TESTS_PACK is set."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path


def pytest_configure() -> None:
    """Import what a running ComfyUI has imported. ComfyUI's folder is the current one."""
    sys.path.insert(0, str(Path.cwd()))
    import torch
    from comfy.cli_args import args

    args.cpu = not torch.cuda.is_available()
    importlib.import_module("nodes")  # ComfyUI's

    if os.environ.get("HOST_TESTS_PACK"):
        from comfyui.in_process import load_pack, node_classes

        node_classes(load_pack())
