"""Environments with other versions, next to the main environment, which does not change.

Two kinds: an overlay, whose packages are found before those of the main environment, and a full environment of another
Python. pip sees what the main environment has, so it resolves an overlay as it would for a user who changes one
library.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from environment.checkout import DEV, LOGS, ROOT, find_host, link_folder
from environment.programs import ToolError, run_logged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reliability.combinations import Combination

FOLDER = DEV / "versions"
NEEDED_GB = 8
TEST_TOOLS = ("hypothesis", "peft", "psutil", "pytest", "pytest-rerunfailures", "pytest-timeout", "pytest-xdist")

#: Libraries whose versions a row of the table names.
NAMED = ("torch", "numpy", "scipy", "diffusers", "transformers", "accelerate", "huggingface-hub", "matplotlib")

_VERSIONS = """
import importlib.metadata, json, platform, sys
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
print(json.dumps({"python": platform.python_version(), **{name: version(name) for name in sys.argv[1:]}}))
"""


@dataclass(frozen=True)
class SideEnvironment:
    """An environment to run programs in: its Python, its pytest, and the variables that both need."""

    python: Path
    pytest: Path
    variables: Mapping[str, str]

    @property
    def site_packages(self) -> Path:
        """Folder of its own packages."""
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        return Path(subprocess.check_output([self.python, "-c", code], text=True).strip())

    def versions(self) -> dict[str, str]:
        """Return the versions of Python and of the named libraries; an empty text for one that is not installed."""
        command = [str(self.python), "-c", _VERSIONS, *NAMED]
        return dict(json.loads(subprocess.check_output(command, text=True, env={**os.environ, **self.variables})))


def make_environment(combination: Combination) -> SideEnvironment:
    """Install what a combination names, and return the environment.

    Raises:
        ToolError: If a Python or a version cannot be had here. The message says why.
    """
    if not combination.packages and not combination.python:
        return SideEnvironment(Path(sys.executable), _beside(Path(sys.executable), "pytest"), _variables())
    folder = FOLDER / combination.name
    own = _beside(folder / ("Scripts" if os.name == "nt" else "bin") / "python", "python")
    pytest = _beside(own if combination.python else Path(sys.executable), "pytest")
    note, content = folder / "combination.txt", repr(combination)
    if not (note.is_file() and note.read_text(encoding="utf-8") == content):
        remove_environment(combination)
        _check_room()
        _make(combination, folder, own)
        note.write_text(content, encoding="utf-8")
    return SideEnvironment(own, pytest, _variables())


def _make(combination: Combination, folder: Path, own: Path) -> None:
    python = find_python(combination.python) if combination.python else sys.executable
    flags = [] if combination.python else ["--without-pip"]
    subprocess.run([python, "-m", "venv", *flags, str(folder)], check=True)
    if not combination.python:
        _look_below(folder)
    _install(combination, own, [*(_all_requirements() if combination.python else []), *combination.packages])


def remove_environment(combination: Combination) -> None:
    """Delete the environment of a combination, if there is one."""
    shutil.rmtree(FOLDER / combination.name, ignore_errors=True)


def find_python(version: str) -> str:
    """Return a Python of a version such as "3.12": on PATH, of pyenv, or of uv.

    Raises:
        ToolError: If there is none that can make virtual environments.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    uv = Path.home() / ".local" / "share" / "uv" / "python"
    found: list[str | Path] = [
        *sorted(pyenv.glob(f"{version}.*/bin/python")),
        *sorted(uv.glob(f"cpython-{version}.*/bin/python3")),
    ]
    named = shutil.which(f"python{version}")
    for candidate in [*found, *([named] if named else [])]:
        command = [candidate, "-c", "import ensurepip, platform, ssl; print(platform.python_version())"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.stdout.startswith(f"{version}."):
            return str(candidate)
    raise ToolError(f"There is no Python {version} here: not on PATH, nor of pyenv or uv.")


def _all_requirements() -> list[str]:
    host = find_host()
    if host is None:
        raise ToolError("There is no ComfyUI. Run `python3 dev.py setup`, or set COMFYUI_PATH to yours.")
    return ["-r", str(host / "requirements.txt"), "-r", str(ROOT / "requirements.txt"), *TEST_TOOLS]


def _install(combination: Combination, python: Path, packages: Sequence[str]) -> None:
    run_logged(
        f"Installing {combination.name}",
        [python, "-m", "pip", "install", *combination.flags, *packages],
        log=LOGS / f"install-{combination.name}.log",
        advice="This row is left out.",
        # A constraint file of the machine would keep pip from the versions that this is about.
        environment={"PIP_CONSTRAINT": os.devnull},
    )


def _look_below(folder: Path) -> None:
    """Have an environment find the packages of this one after its own."""
    main = sysconfig.get_path("purelib")
    (own,) = {path.resolve() for path in folder.glob("[Ll]ib/**/site-packages")}
    (own / "main.pth").write_text(f"import site; site.addsitedir({main!r})\n", encoding="utf-8")


def _variables() -> dict[str, str]:
    """Return the variables that let every environment import the core library of this checkout."""
    library = FOLDER / "path"
    link_folder(library / "richspace_core", ROOT / "richspace_core")
    return {"PYTHONPATH": str(library)}


def _beside(python: Path, name: str) -> Path:
    return python.with_name(f"{name}.exe" if os.name == "nt" else name)


def _check_room() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(FOLDER).free / 1e9
    if free < NEEDED_GB:
        raise ToolError(f"An environment needs about {NEEDED_GB} GB, and {free:.0f} GB are free.")
