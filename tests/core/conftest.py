"""Fixtures of the tests of the core library, which is tested as a plain Python package without ComfyUI."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest
from small_models.tiny_models import Kind, save_tiny_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_host_comes_in() -> Iterator[None]:
    """Fail if a test of the core makes it import ComfyUI. The tests of the nodes do so later in the same process."""
    before = "comfy" in sys.modules
    yield
    assert before or "comfy" not in sys.modules, "the core has imported the host"


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kind], Path]:
    """Return a function from a kind to its tiny model in the published form, saved once. Copy it to change it."""

    @cache
    def folder(kind: Kind) -> Path:
        return save_tiny_folder(tmp_path_factory.mktemp("models") / f"tiny-{kind}", kind)

    return folder
