"""Examples run in this process: a node is executed as ComfyUI does, and its end is judged."""

from __future__ import annotations

import contextlib
import signal
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from reliability.hostile import values as _values  # noqa: F401 - registers the builders
from reliability.hostile.cases import Case
from reliability.hostile.outcomes import FINDING, REFUSED, Outcome, judge_refusal, judge_result
from reliability.hostile.recipes import build

SECONDS = 300  # for one example, on a busy machine


class TookTooLong(BaseException):
    """An example that did not end in time."""


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raise `TookTooLong` in the block if it takes longer; only in a main thread of Linux and macOS."""
    if sys.platform == "win32":
        yield
        return

    def stop(*_: object) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run_case(world: Any, case: Case) -> Outcome:
    """Execute a node with the inputs of an example."""
    inputs = build(case.inputs, world)
    return run_inputs(world, case.node, inputs)


def run_inputs(world: Any, node: str, inputs: dict[str, Any], files: tuple[str, ...] = ()) -> Outcome:
    """Execute a node and judge its end; `files` are names that a message may speak of."""
    try:
        with time_limit(SECONDS):
            return judge_result(node, world.run(node, **inputs))
    except world.error as error:
        return judge_refusal(error, world.inputs[node], files)
    except TookTooLong:
        return Outcome(FINDING, f"not over after {SECONDS} s")
    except Exception as error:  # noqa: BLE001 - every other exception is what this program looks for
        if _is_memory(error):
            return Outcome(REFUSED, f"out of memory: {error}")
        where = traceback.extract_tb(error.__traceback__)[-1]
        pack = [frame for frame in traceback.extract_tb(error.__traceback__) if "/nodes/" in frame.filename]
        inner = pack[-1] if pack else where
        return Outcome(
            FINDING, f"{type(error).__name__}: {str(error)[:300]} [{inner.filename[-40:]}:{inner.lineno}, {where.name}]"
        )


def _is_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError)
