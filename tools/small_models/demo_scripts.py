"""Imports of the scripts in demo_model/, which import each other by name (`import world`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from environment.checkout import ROOT, import_file

if TYPE_CHECKING:
    from types import ModuleType

FOLDER = ROOT / "demo_model"
#: Scripts that other scripts import, in import order.
SHARED = "world", "published_form", "model_configs", "tokenization", "training_stage"


def import_demo_script(name: str) -> ModuleType:
    """Import demo_model/NAME.py once, without adding its folder to sys.path.

    The `SHARED` scripts keep their names, because other scripts import them. The others get a longer name, such as
    `demo_model_measure`, because theirs are too common.
    """
    for each in (*SHARED, name):
        if _module_name(each) not in sys.modules:
            import_file(_module_name(each), FOLDER / f"{each}.py", package_folder=FOLDER)
    return sys.modules[_module_name(name)]


def _module_name(script: str) -> str:
    return script if script in SHARED else f"demo_model_{script}"
