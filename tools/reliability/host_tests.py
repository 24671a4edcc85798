"""ComfyUI's own tests, run in a copy of it with or without this pack, for `dev.py versions`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from comfyui.server import free_port
from environment.checkout import PACK_FOLDER, ROOT, TOOLS, find_host, link_folder
from environment.programs import ToolError

from reliability.side_environments import FOLDER
from reliability.trials import run_pytest

if TYPE_CHECKING:
    from reliability.side_environments import SideEnvironment

# What touches nodes, their conditionings, and how a graph runs. Left out: inference and compare, which need models of
# several GB, and the tests of uploads and assets.
TESTS = (
    "tests/execution/test_execution.py",
    *(f"tests-unit/{name}" for name in ("app_test", "comfy_extras_test", "comfy_test", "execution_test")),
)
PLUGIN = "reliability.host_with_pack"


def run_host_tests(environment: SideEnvironment, name: str, *, with_pack: bool) -> dict[str, str]:
    """Run ComfyUI's own tests; return the outcome of every test.

    Their servers find the pack in custom_nodes. In the process of the tests themselves, a plugin imports it first.
    """
    host = copy_host(FOLDER / f"{name}-copy", with_pack=with_pack)
    try:
        options = ["-q", "-p", PLUGIN, "-p", "no:cacheprovider", "--port", str(free_port()), "--skip-timing-checks"]
        variables = {
            "PYTHONPATH": os.pathsep.join([str(TOOLS), environment.variables["PYTHONPATH"]]),
            "PATH": os.pathsep.join([str(environment.python.parent), os.environ["PATH"]]),  # they start `python`
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

    def leave_out(place: str, names: list[str]) -> set[str]:
        own = {"custom_nodes", "models", "output", "user", "temp"} if Path(place) == host else set()
        return own.intersection(names) | {"__pycache__"}

    shutil.copytree(host, folder, ignore=leave_out)
    for name in ("custom_nodes", "models"):
        (folder / name).mkdir()
    # They wait 20 s for their server, which is too short on a busy machine.
    for test in (folder / "tests" / "execution").glob("test_*.py"):
        test.write_text(test.read_text(encoding="utf-8").replace("n_tries = 5", "n_tries = 60"), encoding="utf-8")
    if with_pack:
        link_folder(folder / "custom_nodes" / PACK_FOLDER, ROOT)
    return folder
