"""How the benchmarks measure: ratios within one run, since machines differ and are shared."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call, the accelerator's work included."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(*functions: Callable[[], object], rounds: int, in_a_row: int = 1) -> list[float]:
    """Seconds of each function's least disturbed call; called in turn, so that drift touches all of them alike.

    Args:
        functions: What to time.
        rounds: How often to go through all of them.
        in_a_row: Calls of each before the next one's turn: more than one lets short ones find their caches warm.
    """
    times = [[min(seconds(f) for _ in range(in_a_row)) for f in functions] for _ in range(rounds)]
    return [min(column) for column in zip(*times, strict=True)]


def peak_bytes(function: Callable[[], object]) -> int:
    """Most bytes that torch held on the CPU at once during a call, beyond what it held before."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        function()
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def print_table(title: str, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print a Markdown table, aligned for a terminal."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(row: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"

    print(f"\n## {title}\n\n{line(header)}\n{line(tuple('-' * width for width in widths))}")
    for row in rows:
        print(line(row))
