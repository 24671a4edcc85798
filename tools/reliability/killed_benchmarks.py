"""Benchmarks that are killed and continued: with the results of a run that nobody disturbed, to the last byte."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from environment.checkout import ROOT
from small_models.vbench import VBENCH

from reliability.outcomes import KillOutcome
from richspace_core.benchmark.clips import VIDEO
from richspace_core.benchmark.hashes import hash_bytes
from richspace_core.benchmark.mixtures import PAPER_PROMPTS
from richspace_core.benchmark.records import RECORD, RecordError, read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from random import Random

_TABLES = ("scores.csv", "table.md", "index.csv", "index.md")
_METRICS = {"dino": "dino_tiny", "clip": "clip_tiny.safetensors", "aesthetic-head": "aesthetic_head_random.pth"}
_OPTIONS = ["--only", "Red+Blue", "Circle+Square+Star", "--steps", "4", "--cfg", "4", "--device", "cpu"]
_CLIPS_PER_SEED = 6  # two mixtures with three arms
_WORKER_SECONDS = 4.0  # longest time between two kills of workers
_DRIVER_KILLS = 2  # of the program that gives the workers their clips


@dataclass(frozen=True)
class Undisturbed:
    """Results of a run that nobody disturbed.

    Args:
        folder: Folder of the results.
        seeds: Number of seeds.
        first: Seconds until the first clip was finished.
        each: Seconds for every further clip.
    """

    folder: Path
    seeds: int
    first: float
    each: float

    @classmethod
    def run(cls, folder: Path, seeds: int, show: Callable[[str], None]) -> Undisturbed:
        """Run the benchmark to its end."""
        started, first = time.monotonic(), 0.0
        with _running(folder, seeds) as process:
            while process.poll() is None:
                done = len(_records(folder))
                first = first or (time.monotonic() - started if done else 0.0)
                show(f"{done} of {seeds * _CLIPS_PER_SEED} clips")
                time.sleep(0.05)
        if process.returncode:
            raise RuntimeError(f"The benchmark ended with status {process.returncode}.")
        return cls(folder, seeds, first, (time.monotonic() - started - first) / (seeds * _CLIPS_PER_SEED))


def kill_benchmarks(
    folder: Path, expected: Undisturbed, kills: int, random: Random, show: Callable[[str], None]
) -> KillOutcome:
    """Kill the benchmark at random moments, and continue it each time until it is finished."""
    outcome = KillOutcome("benchmark")
    for part in itertools.count():
        out = folder / str(part)
        while outcome.kills < kills:
            show(f"{outcome.kills} of {kills}")
            with _running(out, expected.seeds) as process:
                moment = random.uniform(0.3 * expected.first, expected.first + 10 * expected.each)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(moment)
                if process.returncode is not None:
                    break
                before = {file: file.read_bytes() for file in _records(out)}
                process.kill()
            _check_after_kill(out, before, outcome)
        _finish(out, expected, outcome)
        if outcome.kills >= kills:
            break
    return outcome


def kill_workers(
    folder: Path, expected: Undisturbed, kills: int, random: Random, show: Callable[[str], None]
) -> KillOutcome | None:
    """Kill workers of a Ray cluster, and the program that gives them work; return None without Ray."""
    try:
        from ray_nodes import RayNodes
    except ImportError:
        return None
    outcome, driver_kills = KillOutcome("Ray workers and their driver"), 0
    with RayNodes() as nodes:
        nodes.add()
        while outcome.kills < kills:
            with _running(folder, expected.seeds, "--ray", nodes.address) as process:
                while process.poll() is None and outcome.kills < kills:
                    show(f"{outcome.kills} of {kills}, {len(_records(folder))} clips")
                    time.sleep(random.uniform(0, _WORKER_SECONDS))
                    at_work = nodes.workers("render")
                    if at_work and driver_kills < _DRIVER_KILLS and random.random() < 0.2:
                        driver_kills += 1
                        process.kill()
                    elif at_work:
                        random.choice(at_work).kill()
                    outcome.kills += bool(at_work)
            if process.returncode > 0:
                outcome.add_fault(f"the benchmark ended with status {process.returncode}")
            if process.returncode == 0:
                break
        _finish(folder, expected, outcome, "--ray", nodes.address)
    return outcome


def _finish(out: Path, expected: Undisturbed, outcome: KillOutcome, *options: str) -> None:
    """Run the benchmark to its end and compare its files with those of the undisturbed run."""
    with _running(out, expected.seeds, *options) as process:
        process.wait()
    if process.returncode:
        outcome.add_fault(f"the benchmark ended with status {process.returncode}")
    files = {name: expected.folder / name for name in _TABLES}
    for record in _records(expected.folder):
        files |= {
            str(f.relative_to(expected.folder)): f for f in record.parent.iterdir() if f.name not in (RECORD, VIDEO)
        }
        name = str(record.relative_to(expected.folder))
        same = (out / name).is_file() and _without_time(out / name) == _without_time(record)
        outcome.add_file(name, "" if same else "another record")
    for name, file in files.items():
        same = (out / name).is_file() and (out / name).read_bytes() == file.read_bytes()
        outcome.add_file(name, "" if same else "other bytes")
    if left := [str(file.relative_to(out)) for file in out.rglob(".*.part")]:
        outcome.add_fault(f"unfinished files are left: {left}")


def _check_after_kill(out: Path, before: dict[Path, bytes], outcome: KillOutcome) -> None:
    """Check that every finished clip is whole and that at most one other was begun."""
    clips = sorted({file.parent for file in (out / "clips").glob("*/*/*")}) if (out / "clips").is_dir() else []
    begun = [clip for clip in clips if not (clip / RECORD).is_file()]
    outcome.add_kill(in_the_middle=bool(begun) or any(out.rglob(".*.part")))
    if len(begun) > 1:
        outcome.add_fault(f"{len(begun)} clips are lost: {begun}")
    for file, content in before.items():
        if file.parent not in begun and file.read_bytes() != content:
            outcome.add_fault(f"the record of {file.parent} has changed")
    for file in _records(out):
        outcome.add_file(str(file.relative_to(out)), _damage(file))


def _damage(file: Path) -> str:
    """Return what is wrong with a finished clip: its record, and every file that it names."""
    try:
        record = read_record(file)
    except RecordError as error:
        return str(error)
    names = record.files.items()
    wrong = [name for name, known in names if hash_bytes(file.with_name(name).read_bytes()) != known]
    return f"other bytes in {', '.join(wrong)}" if wrong else ""


def _without_time(record: Path) -> dict[str, Any]:
    content = json.loads(record.read_text(encoding="utf-8"))
    # A video's bytes may differ between two processes; those on the disk are checked against the record.
    del content["files"][VIDEO]
    return {key: value for key, value in content.items() if key not in ("seconds", "sha256")}


def _records(folder: Path) -> list[Path]:
    return sorted(folder.rglob(RECORD)) if folder.is_dir() else []


@contextlib.contextmanager
def _running(folder: Path, seeds: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the benchmark while the block runs; its output is in a file next to the folder."""
    metrics = [text for option, name in _METRICS.items() for text in (f"--{option}", str(VBENCH / name))]
    prompts = ["--prompts", str(PAPER_PROMPTS.with_name("demo_prompts.json"))]
    command = [sys.executable, "-m", "richspace_core.benchmark", "videos", str(ROOT / "demo_model")]
    command += ["--out", str(folder), "--seeds", str(seeds), *_OPTIONS, *prompts, *metrics, *options]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        folder.with_name(f"{folder.name}.log").open("ab") as log,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
    ):
        try:
            yield process
        finally:
            if sys.exc_info()[0]:
                process.kill()
