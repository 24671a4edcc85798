"""Where examples run: nodes in this process, damaged files in this process, and graphs over HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from reliability.hostile.outcomes import Outcome

Medium = tuple[Any, Callable[[Any], Outcome], Callable[[], bool]]


@contextlib.contextmanager
def open_medium(name: str, folder: Path) -> Iterator[Medium]:
    """Yield the strategy of a medium's examples, a function that runs one, and a check that a plain run is right."""
    if name == "http":
        from reliability.hostile.over_http import Graphs

        with Graphs(folder) as graphs:
            yield graphs.strategy, graphs.run, graphs.plain_run_is_right
        return
    from reliability.hostile.world import World

    world = World(folder)
    if name == "nodes":
        from reliability.hostile.cases import node_cases
        from reliability.hostile.in_process import run_case

        yield node_cases(), partial(run_case, world), world.plain_run_is_right
    else:
        from reliability.hostile.files import file_cases, run_file_case

        yield file_cases(), partial(run_file_case, world), world.plain_run_is_right
