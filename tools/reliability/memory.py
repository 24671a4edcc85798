"""`dev.py memory`: let memory run out in every kind of work, and start ComfyUI with its flags for little memory.

Each work on the bundled demo model is refused memory many times: once at a random operation, from a random operation
on, and above a budget. It must get through, or end in an error that ComfyUI recognizes and that says what to change.
Then nothing may stay allocated, and the same work must give the right result.
"""

from __future__ import annotations

import argparse
import gc
import logging
import shutil
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, get_args

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from comfyui.in_process import import_host, load_pack, node_classes
from environment.checkout import RUN
from environment.programs import Progress, run_to_the_end

from reliability.memory_flags import SAME, try_flags
from reliability.memory_work import all_work, forget_drafts, kept_drafts
from reliability.refusals import Device, RefusingMemory
from richspace_core.markdown import markdown_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliability.memory_work import Work

FOLDER = RUN / "memory"
CLOSE = 0.1  # largest mean difference of a video in tiles, whose seams are blended
HEADER = ("work", "refusals", "got through", "in tiles", "said what to change", "drafts kept", "wrong")
FLAG_HEADER = ("flags", "outcome")


def is_explained(error: BaseException) -> bool:
    """Return True if ComfyUI recognizes the error and the message says what to change."""
    import comfy.model_management as management

    return management.is_oom(error) and "enough memory" in str(error) and "other programs" in str(error)


class Trials:
    """Trials of one work with little memory.

    Args:
        work: Work that is refused memory.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        work.run()  # loads the weights, which stay
        forget_drafts()
        with RefusingMemory() as whole:
            work.run()
        gc.collect()
        self._operations, self._peak = whole.operations, whole.peak
        self._stays = whole.live - kept_drafts().bytes  # the inputs of the work
        self._expected = work.run()
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []

    def run(self, device: Device, random: Random) -> None:
        """Refuse memory once, from then on, or above a budget; then check what is left and do the work again."""
        way = random.choice(("once", "from then on", "above a budget"))
        if way == "above a budget":
            memory = RefusingMemory(device, budget=int(self._peak * random.uniform(0.1, 0.95)))
        else:
            at = random.randint(1, self._operations)
            memory = RefusingMemory(device, at=at, times=1 if way == "once" else 10**9)
        forget_drafts()
        outcome = self._outcome(memory)
        self.counts[outcome] += 1
        gc.collect()
        drafts = kept_drafts()
        left = memory.live - drafts.bytes - self._stays
        if left > 0:
            self._note(device, way, memory, f"{left} bytes stay allocated")
        self.counts["drafts kept"] += bool(len(drafts)) and outcome == "said what to change"
        if not torch.equal(self._work.run(), self._expected):
            self._note(device, way, memory, "the next result is another")

    def _outcome(self, memory: RefusingMemory) -> str:
        try:
            with memory:
                result = self._work.run()
        except Exception as error:  # noqa: BLE001 - every other error is a fault, which is noted
            if is_explained(error):
                return "said what to change"
            self._note(memory.device, "", memory, f"{type(error).__name__}: {error}")
            return "wrong error"
        if torch.equal(result, self._expected):
            return "got through"
        if self._work.tiles and float((result - self._expected).abs().mean()) < CLOSE:
            return "in tiles"
        self._note(memory.device, "", memory, "another result")
        return "another result"

    def _note(self, device: Device, way: str, memory: RefusingMemory, what: str) -> None:
        self.faults.append(f"{self._work.name}, {device} {way}, operation {memory.operations}: {what}")

    @property
    def row(self) -> list[str]:
        """Row of the table that is printed."""
        columns = ("got through", "in tiles", "said what to change", "drafts kept")
        refusals = sum(self.counts.values()) - self.counts["drafts kept"]
        return [self._work.name, str(refusals), *(str(self.counts[name]) for name in columns), str(len(self.faults))]


def refuse_everywhere(count: int, random: Random, show: Callable[[str], None]) -> list[Trials]:
    """Let memory run out in every work, `count` times on each device."""
    tried = []
    for work in all_work(node_classes(load_pack())):
        trials = Trials(work)
        tried.append(trials)
        for device in get_args(Device):
            for number in range(count):
                show(f"{work.name}, {device}, {number + 1} of {count}")
                trials.run(device, random)
    return tried


def main() -> int:
    """Read the command line, let memory run out, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="refusals of each work on each device (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the places where memory is refused")
    parser.add_argument("--no-flags", action="store_true", help="leave out ComfyUI with its flags")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="folder for ComfyUI, which is deleted first")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.folder, ignore_errors=True)
    torch.set_num_threads(1)
    import_host(arguments.folder / "in-process")
    logging.disable(logging.WARNING)  # ComfyUI reports every second try
    progress = Progress("Refusing memory")
    tried = refuse_everywhere(arguments.count, Random(arguments.seed), progress.show)
    progress.end("done")
    print(markdown_table(HEADER, [trials.row for trials in tried]))
    faults = [fault for trials in tried for fault in trials.faults]
    if not arguments.no_flags:
        progress = Progress("ComfyUI with its flags for little memory")
        outcomes = try_flags(arguments.folder, progress.show)
        progress.end("done")
        print(markdown_table(FLAG_HEADER, outcomes.items()))
        faults += [f"{flags}: {outcome}" for flags, outcome in outcomes.items() if outcome != SAME]
    print("\n".join(faults))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(run_to_the_end(main))
