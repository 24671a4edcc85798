"""The scripts of demo_model/, for tests and benchmarks: there they import each other by bare name (`import world`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from checkout import ROOT, import_file

if TYPE_CHECKING:
    from types import ModuleType

FOLDER = ROOT / "demo_model"


def import_demo_script(name: str) -> ModuleType:
    """Imports demo_model/NAME.py, once, without putting its folder on sys.path.

    `world` keeps its name, by which the others import it; they take a longer one (`demo_model_measure`), since
    their own are too common.
    """
    for each in ("world", name):
        unique = each if each == "world" else f"demo_model_{each}"
        if unique not in sys.modules:
            import_file(unique, FOLDER / f"{each}.py", package_folder=FOLDER)
    return sys.modules["world" if name == "world" else f"demo_model_{name}"]
