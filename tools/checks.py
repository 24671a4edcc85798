"""The lints, the tests and the benchmarks, run in the virtual environment.

Python's standard library only, like tools/environment: dev.py imports this module before anything is installed.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from environment.browser import get_browser
from environment.checkout import DEV, ROOT, TOOLS, link_folder
from environment.comfy_cli import install_comfy_cli
from environment.oldest_libraries import TESTS as OLDEST_TESTS
from environment.oldest_libraries import install_oldest
from environment.programs import ToolError, run_steps
from environment.virtual_environment import call_tool, set_up, venv_program

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PACK = "comfyui_richspace"
PACKAGES = ("nodes", "richspace_core")

# Two processes share the test files, because much of the time is spent waiting for a server or a page. They take them
# in the order of pytest's testpaths, the long ones first. xdist's own order is by the number of tests in a file.
TWO_PROCESSES = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")

# The others need more: gpu.py an accelerator, cluster_speed.py Ray, evaluate_finder.py 20 minutes.
QUICK_BENCHMARKS = ("finder_speed", "sampling_speed", "native_speed", "startup_time")


def run_lints(*, fix: bool) -> int:
    """Run the checks that read the code; with `fix`, ruff repairs and formats what it can."""
    set_up("test")
    return run_steps(lint_steps(fix=fix))


def run_tests(options: Sequence[str]) -> int:
    """Run the lints and all tests; `options` go to pytest."""
    host = set_up("test")
    browser = get_browser()
    install_comfy_cli(venv_program("python"))
    print(f"ComfyUI: {host}\nBrowser: {browser}")
    # Not `python -m pytest`, which would put the checkout on sys.path, where nodes/ hides ComfyUI's nodes.py.
    places = {"COMFYUI_PATH": str(host), "CHROMIUM_PATH": browser}
    pytest = functools.partial(call_tool, "pytest", *TWO_PROCESSES, *options, environment=places)
    return run_steps({**lint_steps(fix=False), "tests": pytest})


def run_oldest_tests() -> int:
    """Run the tests that call other libraries with the oldest versions that the pack allows."""
    host = set_up("test")
    folder = install_oldest(venv_program("python"))
    # Old libraries warn about new ones, so warnings are not errors here.
    options = ["-W", "default", "--disable-warnings", *TWO_PROCESSES]
    tests = [ROOT / "tests" / name for name in OLDEST_TESTS]
    places = {"COMFYUI_PATH": str(host), "PYTHONPATH": str(folder)}
    return call_tool("pytest", *options, *tests, environment=places)


def run_benchmarks(names: Sequence[str], options: Sequence[str]) -> int:
    """Run the quick benchmarks, or the named ones; `options` go to the one that is named."""
    scripts = {name: ROOT / "benchmarks" / f"{name}.py" for name in names or QUICK_BENCHMARKS}
    if absent := [name for name, script in scripts.items() if not script.is_file()]:
        raise ToolError(f"There is no benchmarks/{absent[0]}.py.")
    if options and len(names) != 1:
        raise ToolError("Arguments after -- are for a single benchmark. Name it before them.")
    places = {"COMFYUI_PATH": str(set_up())}
    python = functools.partial(call_tool, "python", environment=places)
    return run_steps({name: functools.partial(python, script, *options) for name, script in scripts.items()})


def lint_steps(*, fix: bool) -> dict[str, Callable[[], int]]:
    """Return the checks that read the code, by their names; each returns an exit status."""
    return {
        "ruff check": functools.partial(call_tool, "ruff", "check", *(["--fix"] if fix else [])),
        "ruff format": functools.partial(call_tool, "ruff", "format", *([] if fix else ["--check"])),
        "mypy": check_types,
        "import contracts": functools.partial(call_tool, "lint-imports"),
    }


def check_types() -> int:
    """Check the types of the pack, dev.py and tools/ with mypy; return its exit status.

    ComfyUI imports the pack as a package whose relative imports reach up to the checkout's root. The checkout's folder
    may have a name that is not a Python identifier, so mypy reads it through a link.
    """
    lint = DEV / "lint"
    link_folder(lint / PACK, ROOT)
    options = ["--config-file", str(ROOT / "pyproject.toml"), *typed_code()]
    return call_tool("mypy", *options, cwd=lint, environment={"MYPYPATH": str(TOOLS)})


def typed_code() -> list[str]:
    """Return mypy's options for what it checks: the pack, dev.py, and every package and program in tools/."""
    packages = [f"{PACK}.{name}" for name in PACKAGES]
    packages += [file.parent.name for file in sorted(TOOLS.glob("*/__init__.py"))]
    modules = [f"{PACK}.dev", *(file.stem for file in sorted(TOOLS.glob("*.py")))]
    return [*(word for name in packages for word in ("-p", name)), *(word for name in modules for word in ("-m", name))]
