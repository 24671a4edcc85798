"""Run hostile inputs: `python3 dev.py hostile --count N --seed S`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])

from environment.programs import Progress, run_to_the_end  # noqa: E402

from reliability.hostile.examples import BATCH, examples  # noqa: E402
from reliability.hostile.outcomes import FINDING  # noqa: E402

MEDIA = ("nodes", "files", "http")


def run_medium(medium: str, options: argparse.Namespace, count: int, folder: Path) -> int:
    """Run the examples of one kind, print how they ended, and return the number of findings.

    Args:
        medium: Kind of the examples.
        options: Options of the command line.
        count: Number of examples.
        folder: Folder for this kind that stays until the program ends, since ComfyUI goes on listing its files.
    """
    from reliability.hostile.media import open_medium

    found, ends, started = [], Counter[str](), time.monotonic()
    progress = Progress(f"{medium}: {count:,} examples with seed {options.seed}")
    with open_medium(medium, folder) as (strategy, run, still_right):
        for number, example in examples(strategy, options.seed, count, options.only):
            outcome = run(example)
            ends[outcome.kind] += 1
            if outcome.kind == FINDING or options.only is not None:
                found.append((number, outcome, example))
                print(f"\n{medium} {number}: {outcome.kind}: {outcome.text}\n    {example!r}"[:3000], flush=True)
            if number % BATCH == BATCH - 1:
                progress.show(f"{number + 1:,}, {ends[FINDING]} findings")
                if not still_right():
                    ends[FINDING] += 1
                    print(f"\n{medium}: after example {number}, a plain run has another result", flush=True)
    progress.end(f"{time.monotonic() - started:.0f} s")
    print(f"{medium}: " + ", ".join(f"{kind} {ends[kind]:,}" for kind in sorted(ends)), flush=True)
    return ends[FINDING]


def main() -> int:
    """Read the command line and run the examples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="number of examples (default: 1,000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the examples (default: 0)")
    parser.add_argument("--only", type=int, help="number of the only example to run, together with one --medium")
    parser.add_argument("--medium", choices=MEDIA, action="append", help="kind of the examples (default: all)")
    options = parser.parse_args()
    media = options.medium or MEDIA
    shares = {"nodes": 0.65, "files": 0.15, "http": 0.2} if len(media) > 1 else {media[0]: 1.0}
    with tempfile.TemporaryDirectory() as base:
        folders = {medium: Path(base, medium) for medium in media}
        findings = sum(
            run_medium(medium, options, round(options.count * shares[medium]), folder)
            for medium, folder in folders.items()
        )
    print(f"{findings} findings")
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(run_to_the_end(main))
