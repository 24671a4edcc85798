"""A disk without room, for as long as a block runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """Limit every file that this process writes to some bytes, while the block runs.

    A fixture would not do: pytest reports a test before it tears its fixtures down, and its own output may be a file.
    """
    resource = pytest.importorskip("resource")  # not on Windows
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
