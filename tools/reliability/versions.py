"""`dev.py versions`: try the pack with the oldest and newest libraries, Pythons and frontends, and write a table.

Each combination has an environment of its own, which is deleted after its trials. A version that cannot be had, or a
trial that fails, is a row in the table and does not end the program. Rows of earlier runs stay until they are run
again.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from environment.programs import Progress, ToolError, run_to_the_end

from reliability.combinations import COMBINATIONS
from reliability.side_environments import make_environment, remove_environment
from reliability.trials import QUICK, RESULTS, TRIALS, Outcome
from reliability.version_table import Row, read_rows, save_row, today, write_markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliability.combinations import Combination
    from reliability.side_environments import SideEnvironment

TABLE = RESULTS / "versions.json"


def choose(names: Sequence[str]) -> list[Combination]:
    """Return the named combinations, all of them without a name.

    Raises:
        ToolError: If there is none of that name.
    """
    known = {combination.name: combination for combination in COMBINATIONS}
    if unknown := [name for name in names if name not in known]:
        raise ToolError(f"There is no combination {unknown[0]}. Known are: {', '.join(known)}.")
    return [known[name] for name in names] or [*COMBINATIONS]


def try_combination(combination: Combination, *, keep: bool = False, quick: bool = False) -> Row:
    """Install a combination, run its trials, and delete its environment unless it is kept.

    Args:
        combination: What to try.
        keep: Whether its environment stays.
        quick: Whether only the quick ones of the library tests run.
    """
    row = Row(combination.name, combination.about, today())
    try:
        environment = make_environment(combination)
        row.versions = environment.versions()
        for check in (QUICK if quick and it == "library tests" else it for it in combination.checks):
            row.outcomes[check] = run_trial(check, environment, combination.name)
    except ToolError as error:
        row.absent = shorten_error(str(error))
    finally:
        if not keep:
            remove_environment(combination)
    return row


def run_trial(check: str, environment: SideEnvironment, name: str) -> Outcome:
    """Run a trial behind a progress line; an error is an outcome too."""
    progress = Progress(f"{name}: {check}")
    started = time.monotonic()
    try:
        outcome = TRIALS[check](environment, name)
    except ToolError as error:
        outcome = Outcome(False, shorten_error(str(error)))
    except BaseException:
        progress.end("stopped")
        raise
    progress.end(("ok, " if outcome.ok else "FAILED, ") + outcome.seen)
    return Outcome(outcome.ok, f"{outcome.seen} ({time.monotonic() - started:.0f} s)")


def shorten_error(message: str) -> str:
    """Return the last line of a message that names an error, else its first, without addresses and folders."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if "Error:" in line or line.startswith("ERROR:")]
    words = (errors[-1] if errors else lines[0]).split()
    return " ".join(word for word in words if "://" not in word and not word.startswith(("/", "(/")))


def main() -> int:
    """Try the combinations and write the table; return 1 if a trial failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="combinations (default: all)")
    parser.add_argument("--keep", action="store_true", help="keep the environments in .dev/versions")
    parser.add_argument("--quick", action="store_true", help="a tenth of the library tests")
    options = parser.parse_args()
    failed = False
    for combination in choose(options.names):
        row = try_combination(combination, keep=options.keep, quick=options.quick)
        failed |= not row.is_good
        save_row(TABLE, row)
        if row.absent:
            sys.stdout.write(f"{row.name}: could not be had: {row.absent}\n")
    report = TABLE.with_suffix(".md")
    order = [combination.name for combination in COMBINATIONS]
    report.write_text(write_markdown(read_rows(TABLE), order), encoding="utf-8")
    sys.stdout.write(f"Table: {report}\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(run_to_the_end(main))
