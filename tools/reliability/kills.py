"""`dev.py kills`: kill what writes files, at random moments, and check that no work and no file is lost.

A kill is SIGKILL, after which nothing can be tidied up. Every file that is left is read, and the benchmark's results
are compared with those of a run that nobody disturbed.
"""

from __future__ import annotations

import argparse
import functools
import shutil
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from environment.checkout import RUN
from environment.programs import Progress, ToolError, run_to_the_end

from reliability.killed_benchmarks import Undisturbed, kill_benchmarks, kill_workers
from reliability.killed_saves import kill_comfyui, kill_writers
from reliability.outcomes import HEADER, KillOutcome
from richspace_core.markdown import markdown_table

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = RUN / "kills"


def follow(label: str, work: Callable[[Callable[[str], None]], KillOutcome | None]) -> KillOutcome | None:
    """Do some work behind a progress line."""
    progress = Progress(label)
    try:
        outcome = work(progress.show)
    except BaseException:
        progress.end("stopped")
        raise
    progress.end("done" if outcome else "not done, because Ray is not installed")
    return outcome


def run(arguments: argparse.Namespace) -> int:
    """Kill everything as often as asked for, print a table, and return 1 if anything was wrong."""
    folder: Path = arguments.folder
    shutil.rmtree(folder, ignore_errors=True)
    random = Random(arguments.seed)
    steps: list[tuple[str, Callable[[Callable[[str], None]], KillOutcome | None]]] = []
    if arguments.writers:
        steps.append(("Writers", functools.partial(kill_writers, folder / "writers", arguments.writers, random)))
    if arguments.saves:
        steps.append(("ComfyUI", functools.partial(kill_comfyui, folder / "comfyui", arguments.saves, random)))
    outcomes = [follow(f"Killing: {name}", step) for name, step in steps]
    if arguments.benchmark or arguments.workers:
        outcomes += run_benchmarks(folder, arguments, random)
    found = [outcome for outcome in outcomes if outcome]
    print(markdown_table(HEADER, [outcome.row for outcome in found]))
    for outcome in found:
        for fault in outcome.faults:
            print(f"{outcome.what}, {fault}")
    return int(any(outcome.faults for outcome in found))


def run_benchmarks(folder: Path, arguments: argparse.Namespace, random: Random) -> list[KillOutcome | None]:
    """Kill the benchmark and its workers on Ray."""
    progress = Progress("A benchmark that nobody disturbs")
    expected = Undisturbed.run(folder / "undisturbed", arguments.seeds, progress.show)
    progress.end("done")
    kinds = (
        ("the benchmark", "benchmark", kill_benchmarks, arguments.benchmark),
        ("workers of Ray", "workers", kill_workers, arguments.workers),
    )
    return [
        follow(f"Killing: {name}", functools.partial(kill, folder / place, expected, kills, random))
        for name, place, kill, kills in kinds
        if kills
    ]


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, default=300, help="kills of a process that saves embeddings")
    parser.add_argument("--saves", type=int, default=10, help="kills of ComfyUI while it saves embeddings")
    parser.add_argument("--benchmark", type=int, default=20, help="kills of the benchmark")
    parser.add_argument("--workers", type=int, default=20, help="kills of Ray workers and of their driver")
    parser.add_argument("--seeds", type=int, default=8, help="seeds of the benchmark, with six clips each")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="folder for the files, which is deleted first")
    arguments = parser.parse_args()
    if sys.platform == "win32":
        raise ToolError("This needs the signals of Linux or macOS.")
    return run(arguments)


if __name__ == "__main__":
    sys.exit(run_to_the_end(main))
