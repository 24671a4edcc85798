"""What every test of the core library shares. It is tested as a plain Python package, with no host anywhere near."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest
from tiny_models import Kind, save_tiny_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_host_comes_in() -> Iterator[None]:
    """No test of the core may make it import the host (the nodes' tier does so later, in the same process)."""
    before = "comfy" in sys.modules
    yield
    assert before or "comfy" not in sys.modules, "the core has imported the host"


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kind], Path]:
    """Gives the folder of a kind of tiny model, saved once in the published form. Copy it before you change it."""

    @cache
    def folder(kind: Kind) -> Path:
        return save_tiny_folder(tmp_path_factory.mktemp("models") / f"tiny-{kind}", kind)

    return folder
