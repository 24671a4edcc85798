"""The scripts of demo_model/, for tests and benchmarks: there they import each other by bare name (`import world`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from checkout import ROOT, import_file

if TYPE_CHECKING:
    from types import ModuleType

FOLDER = ROOT / "demo_model"
#: Scripts that others import, each after those that it imports itself.
SHARED = "world", "published_form", "model_configs", "tokenization", "training_stage"


def import_demo_script(name: str) -> ModuleType:
    """Imports demo_model/NAME.py, once, without putting its folder on sys.path.

    The `SHARED` ones keep their names, by which the others import them; those take a longer one
    (`demo_model_measure`), since their own are too common.
    """
    for each in (*SHARED, name):
        if _module_name(each) not in sys.modules:
            import_file(_module_name(each), FOLDER / f"{each}.py", package_folder=FOLDER)
    return sys.modules[_module_name(name)]


def _module_name(script: str) -> str:
    return script if script in SHARED else f"demo_model_{script}"
