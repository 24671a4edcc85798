"""Time and memory measurements of the benchmarks.

Machines differ and are shared, so only ratios within one run are meaningful.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import torch

from richspace_core.markdown import markdown_table

Clock = Callable[[], float]


def measure_seconds(function: Callable[[], object], *, clock: Clock = time.perf_counter) -> float:
    """Measure the time of one call, including the GPU's work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = clock()
    function()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - start


def own_clock() -> Clock:
    """Return the clock that other programs disturb least: this process's CPU time, or the wall time with a GPU."""
    return time.perf_counter if torch.cuda.is_available() else time.process_time


def compare_times(
    *functions: Callable[[], object], rounds: int, in_a_row: int = 1, clock: Clock = time.perf_counter
) -> list[float]:
    """Measure the shortest call of each function in seconds.

    The functions take turns, so that changes in the machine's load affect all of them equally.

    Args:
        functions: The functions to time.
        rounds: Number of turns.
        in_a_row: Calls of each function in one turn. Short functions need several to have their data in the cache.
        clock: Clock to use.
    """
    times = [[min(measure_seconds(f, clock=clock) for _ in range(in_a_row)) for f in functions] for _ in range(rounds)]
    return [min(column) for column in zip(*times, strict=True)]


def measure_peak_bytes(function: Callable[[], object]) -> int:
    """Measure the peak of the memory that torch allocates during a call, in bytes: the GPU's if there is one."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        function()
        return torch.cuda.max_memory_allocated() - before
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        function()
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a Markdown table under a heading."""
    print(f"\n## {title}\n\n{markdown_table(header, rows)}")
