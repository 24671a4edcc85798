"""`dev.py soak --runs N`: queue the workflows on one server in random order, disturb them, and watch what grows.

Runs come in small batches from two pages. In some, a running or waiting run is cancelled at a random moment, or memory
is freed. A run that ends must have the result of the first run of the same workflow, seed and prompts. Now and then
everything is freed, and what is still held is a point of the curves.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from comfyui.server import ComfyServer
from environment.checkout import ARTIFACTS
from environment.programs import Progress, ToolError, run_to_the_end

from reliability.curves import MIB, draw, drift
from reliability.small_runs import SmallRun, prepare, result_of, small_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

QUIET_EVERY = 20  # runs
KEPT_EVERY = 50  # runs, after which the record is written
LARGEST_BATCH = 4
PATIENCE_SECONDS = 300.0  # for a batch; one takes a few seconds
DISTURBED = 0.4  # share of the batches
CURVES = ("rss", "held", "anonymous", "malloc_used", "open_files", "threads", "objects", "tensors")


@dataclass
class Record:
    """What happened.

    Attributes:
        done: Runs that ended with the right result.
        cancelled: Runs that were cancelled, by the class of the node in which they ended, or "waiting".
        disturbances: How often each was done.
        wrong: What must not happen.
        executed: Nodes that were executed, and `cached`: whose results the host still had.
        points: What the process held when everything was freed.
        raw: Resident memory after each batch.
    """

    done: int = 0
    cancelled: Counter[str] = field(default_factory=Counter)
    disturbances: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    executed: int = 0
    cached: int = 0
    points: list[dict[str, Any]] = field(default_factory=list)
    raw: list[tuple[int, int]] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        """Runs that are over."""
        return self.done + self.cancelled.total() + len(self.wrong)


class Soak:
    """Runs on one server.

    Args:
        server: Server with the models and the monitor of `small_runs.prepare`.
        clients: Ids of the pages that queue.
        seed: Seed of everything that is random here.
        temporary: System's folder of temporary files for the server.
        only: Part of the names of the workflows to run.
        forget: Whether ComfyUI forgets its list of finished runs at every point, which grows with each run by design.
    """

    def __init__(
        self,
        server: ComfyServer,
        clients: Sequence[str],
        seed: int,
        temporary: Path,
        *,
        only: str = "",
        forget: bool = False,
    ) -> None:
        self.server = server
        self.forget = forget
        self.clients = clients
        self.record = Record()
        self._random = random.Random(seed)
        self._runs = [run for run in small_runs() if only in run.name]
        self._temporary = temporary
        self._seconds = 2.0  # that a run takes, as a moving average

    def go_on(self, until: int, show: Callable[[str], None], *, quiet_every: int = QUIET_EVERY) -> Record:
        """Queue batches until so many runs are over."""
        if not self.record.points:
            self.record.points.append(self.quiet_point())
        while self.record.runs < until:
            self._batch(min(self._random.randint(1, LARGEST_BATCH), until - self.record.runs))
            if self.record.runs - self.record.points[-1]["run"] >= quiet_every or self.record.runs == until:
                self.record.points.append(self.quiet_point())
            show(self._summary())
        return self.record

    def _summary(self) -> str:
        record, memory = self.record, self.record.points[-1]["rss"] / MIB
        counts = f"{record.done} right, {record.cancelled.total()} cancelled, {len(record.wrong)} wrong"
        return f"{record.runs} runs: {counts}; {memory:.0f} MiB"

    # One batch

    def _batch(self, size: int) -> None:
        chosen = self._random.choices(self._runs, k=size)
        started = time.monotonic()
        queued = {self.server.queue(run.prompt, client_id=self._random.choice(self.clients)): run for run in chosen}
        undisturbed = self._random.random() >= DISTURBED
        touched = set() if undisturbed else self._disturb(list(queued))
        self._wait_until_over(queued)
        for prompt_id, run in queued.items():
            self._judge(prompt_id, run, may_be_cancelled=prompt_id in touched)
        if not touched:
            self._seconds += 0.2 * ((time.monotonic() - started) / size - self._seconds)
        self.record.raw.append((self.record.runs, process_memory(self.server)))

    def _disturb(self, prompt_ids: list[str]) -> set[str]:
        """Do something at a random moment; return the runs that it may have cancelled."""
        time.sleep(self._random.uniform(0, self._seconds * len(prompt_ids)))
        one = self._random.choice(prompt_ids)
        requests: dict[str, tuple[str, dict[str, Any], set[str]]] = {
            "interrupt": ("/interrupt", {}, {*prompt_ids}),
            "interrupt one run": ("/interrupt", {"prompt_id": one}, {*prompt_ids}),
            "cancel a run": (f"/api/jobs/{one}/cancel", {}, {one}),
            "delete from the queue": ("/queue", {"delete": [one]}, {one}),
            "clear the queue": ("/queue", {"clear": True}, {*prompt_ids}),
            "unload models": ("/free", {"unload_models": True}, set()),
            "free memory": ("/free", {"unload_models": True, "free_memory": True}, set()),
        }
        kind = self._random.choice([*requests])
        path, body, touched = requests[kind]
        self.server.request(path, body)
        self.record.disturbances[kind] += 1
        return touched

    def _wait_until_over(self, queued: dict[str, SmallRun]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            queue = self.server.get("/queue")
            if not queue["queue_running"] and not queue["queue_pending"]:
                return
            if time.monotonic() > deadline:
                names = ", ".join(run.name for run in queued.values())
                raise ToolError(f"A batch was not over within {PATIENCE_SECONDS:.0f} s: {names}")
            time.sleep(0.05)

    def _judge(self, prompt_id: str, run: SmallRun, *, may_be_cancelled: bool) -> None:
        """Count a run that is over, and compare its result with the first one's."""
        record, entry = self.record, self.server.get(f"/history/{prompt_id}").get(prompt_id)
        messages = dict(entry["status"]["messages"]) if entry else {}
        if entry and entry["status"]["completed"]:
            cached = len(messages["execution_cached"]["nodes"])
            record.cached += cached
            record.executed += len(run.prompt) - cached
            result = result_of(entry)
            if result == record.results.setdefault(run.name, result):
                record.done += 1
            else:
                record.wrong.append(f"{run.name}: other result than before: {result}")
        elif may_be_cancelled and (not entry or "execution_interrupted" in messages):
            record.cancelled[messages["execution_interrupted"]["node_type"] if entry else "waiting"] += 1
        else:
            record.wrong.append(f"{run.name}: {json.dumps(messages or 'not in the history')[:2000]}")

    # What is held

    def quiet_point(self) -> dict[str, Any]:
        """Free everything, wait until it is free, and return what the process holds."""
        if self.forget:
            self.server.request("/history", {"clear": True})
        deadline = time.monotonic() + 30
        while True:
            self.server.request("/free", {"unload_models": True, "free_memory": True})
            time.sleep(0.3)
            state = self.server.get("/reliability/state?collect=1")
            if not state["loaded_models"] + state["cached_results"] or time.monotonic() > deadline:
                break
        return {
            "run": self.record.runs,
            **state,
            "temp_files": count_files(self.server.base / "temp"),
            "output_files": count_files(self.server.base / "output"),
            "system_temp_files": count_files(self._temporary),
        }

    def compare_with_a_fresh_start(self, fresh: ComfyServer, count: int) -> list[str]:
        """Run some of the workflows on a server that has run nothing; return what is different."""
        known = [run for run in self._runs if run.name in self.record.results]
        chosen = self._random.sample(known, min(count, len(known)))
        return [
            f"{run.name}: other result than on a fresh server"
            for run in chosen
            if result_of(fresh.run(run.prompt)) != self.record.results[run.name]
        ]


def count_files(folder: Path) -> int:
    """Count the files below a folder."""
    return sum(len(files) for _, _, files in os.walk(folder))


def process_memory(server: ComfyServer) -> int:
    """Return the resident memory of a server's process."""
    import psutil

    assert server.process is not None
    return int(psutil.Process(server.process.pid).memory_info().rss)


@contextlib.contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """Have child processes use a folder for the system's temporary files."""
    folder.mkdir(parents=True, exist_ok=True)
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        del os.environ["TMPDIR"]
        if before is not None:
            os.environ["TMPDIR"] = before


@contextlib.contextmanager
def pages(server: ComfyServer, *, real: bool) -> Iterator[list[str]]:
    """Open two pages, and yield the ids with which they queue: of the frontend in Chromium, or websockets alone."""
    with contextlib.ExitStack() as running:
        if not real:
            yield [running.enter_context(server.listen()).client_id for _ in range(2)]
            return
        from comfyui.frontend import Frontend, chromium

        browser = running.enter_context(chromium())
        opened = [running.enter_context(Frontend(browser, server)) for _ in range(2)]
        yield [str(each.page.evaluate("() => window.app.api.clientId")) for each in opened]


def report(record: Record, started: float) -> dict[str, Any]:
    """Return the record as JSON, with the drift of every curve."""
    drifts = {name: drift(record.points, name) for name in CURVES if record.points and name in record.points[0]}
    return {
        "runs": record.runs,
        "right": record.done,
        "cancelled": dict(record.cancelled),
        "wrong": record.wrong,
        "disturbances": dict(record.disturbances),
        "variants": len(record.results),
        "nodes": {"executed": record.executed, "cached": record.cached},
        "seconds": round(time.monotonic() - started),
        "drift": {
            name: {
                "from": round(each.start),
                "to": round(each.end),
                "share": round(each.share, 5),
                "flat": each.is_flat,
            }
            for name, each in drifts.items()
        },
        "points": record.points,
        "raw": record.raw,
    }


def verdict(outcome: dict[str, Any]) -> str:
    """Describe the outcome in lines."""
    cancelled = sum(outcome["cancelled"].values())
    lines = [
        f"{outcome['runs']} runs of {outcome['variants']} variants: {outcome['right']} right, {cancelled} cancelled, "
        f"{len(outcome['wrong'])} wrong, in {outcome['seconds']} s",
        f"cancelled in: {outcome['cancelled']}",
        f"done meanwhile: {outcome['disturbances']}",
    ]
    for name, each in outcome["drift"].items():
        judgement = "flat" if each["flat"] else "NOT flat"
        lines.append(f"{name}: {each['from']} to {each['to']}, {each['share']:+.2%}: {judgement}")
    return "\n".join([*lines, *outcome["wrong"][:20]])


def soak(runs: int, seed: int, folder: Path, page_runs: int, fresh: int, *, forget: bool = False) -> dict[str, Any]:
    """Do everything, and write record and picture into a folder.

    Args:
        runs: Runs in all.
        seed: Seed of everything that is random here.
        folder: Where `soak.json` and `soak.png` go.
        page_runs: The last of the runs, during which two pages are open in a browser.
        fresh: Results that are compared with those of a server that has run nothing else.
        forget: Whether ComfyUI forgets its list of finished runs at every point.
    """
    folder.mkdir(parents=True, exist_ok=True)
    progress, started = Progress(f"Soak of {runs} runs"), time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        base, temporary = Path(place) / "base", Path(place) / "tmp"
        prepare(base)

        def keep(record: Record) -> dict[str, Any]:
            outcome = report(record, started)
            (folder / "soak.json").write_text(json.dumps(outcome, indent=1) + "\n", encoding="utf-8")
            draw(record.points, folder / "soak.png", f"{record.runs} runs on one server, after memory was freed")
            return outcome

        with temporary_files_in(temporary), ComfyServer(base, log=folder / "soak.log") as server:
            running = Soak(server, [], seed, temporary, forget=forget)
            try:
                with pages(server, real=False) as running.clients:
                    for part in [*range(KEPT_EVERY, runs - page_runs, KEPT_EVERY), runs - page_runs]:
                        keep(running.go_on(part, progress.show))
                if page_runs:
                    with pages(server, real=True) as running.clients:
                        running.go_on(runs, progress.show)
            finally:  # also when it is stopped before its end, or a run hangs
                keep(running.record)
            trimmed = server.get("/reliability/trim")
        with ComfyServer(base, log=folder / "fresh.log") as other:
            running.record.wrong += running.compare_with_a_fresh_start(other, fresh)
        outcome = keep(running.record) | {"trimmed": trimmed}
    (folder / "soak.json").write_text(json.dumps(outcome, indent=1) + "\n", encoding="utf-8")
    progress.end("nothing wrong" if not outcome["wrong"] else f"{len(outcome['wrong'])} wrong")
    return outcome


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Queue many runs on one server and watch what grows.")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page-runs", type=int, default=100, help="runs at the end with two pages open in a browser")
    parser.add_argument("--fresh", type=int, default=20, help="results to compare with those of a fresh server")
    parser.add_argument("--forget-history", action="store_true", help="clear ComfyUI's history at every point")
    parser.add_argument("--folder", type=Path, default=ARTIFACTS / "soak", help="where the record and the curves go")
    given = parser.parse_args()
    page_runs = min(given.page_runs, given.runs // 2)
    folder = given.folder.resolve()
    outcome = soak(given.runs, given.seed, folder, page_runs, given.fresh, forget=given.forget_history)
    sys.stdout.write(verdict(outcome) + "\n")
    if outcome["wrong"]:
        raise ToolError("Some runs were wrong.")


if __name__ == "__main__":
    sys.exit(run_to_the_end(main))
