"""ComfyUI's own tests, run in a copy of it with or without this pack, for `dev.py versions`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from comfyui.server import free_port
from environment.checkout import PACK_FOLDER, ROOT, TOOLS, find_host, link_folder
from environment.programs import ToolError

from reliability.side_environments import FOLDER, SideEnvironment
from reliability.trials import run_pytest

if TYPE_CHECKING:
    from pathlib import Path

# Left out: inference and compare need models of several GB.
TESTS = ("tests/execution", "tests-unit")
PLUGIN = "reliability.host_with_pack"


def run_host_tests(environment: SideEnvironment, name: str, *, with_pack: bool) -> dict[str, str]:
    """Run ComfyUI's own tests; return the outcome of every test.

    Their servers find the pack in custom_nodes. In the process of the tests themselves, a plugin imports it first.
    """
    host = copy_host(FOLDER / f"{name}-copy", with_pack=with_pack)
    try:
        options = ["-q", "-p", PLUGIN, "-p", "no:cacheprovider", "--port", str(free_port()), "--skip-timing-checks"]
        variables = {
            "PYTHONPATH": f"{TOOLS}:{environment.variables['PYTHONPATH']}",
            "HOST_TESTS_PACK": "1" if with_pack else "",
        }
        log = f"{name}-{'with' if with_pack else 'without'}-pack"
        return run_pytest(environment, log, [*options, *TESTS], cwd=host, variables=variables)
    finally:
        shutil.rmtree(host, ignore_errors=True)


def copy_host(folder: Path, *, with_pack: bool) -> Path:
    """Copy ComfyUI to `folder`, with this pack in custom_nodes if asked for."""
    host = find_host()
    if host is None:
        raise ToolError("There is no ComfyUI. Run `python3 dev.py setup`, or set COMFYUI_PATH to yours.")
    shutil.rmtree(folder, ignore_errors=True)
    left_out = shutil.ignore_patterns("custom_nodes", "models", "output", "user", "temp", "__pycache__")
    shutil.copytree(host, folder, ignore=left_out)
    for place in ("custom_nodes", "models"):
        (folder / place).mkdir()
    if with_pack:
        link_folder(folder / "custom_nodes" / PACK_FOLDER, ROOT)
    return folder
