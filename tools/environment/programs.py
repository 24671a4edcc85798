"""Running other programs and saying how it goes. Python's standard library only: dev.py starts with nothing else."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, BinaryIO, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


PATIENCE_SECONDS = 30.0  # for a program that was told to stop


class ToolError(Exception):
    """Something a person has to know: the message says what went wrong and what to do."""


class Progress:
    """One line on what is going on: rewritten on a terminal, printed now and then anywhere else."""

    quiet_seconds = 10.0  # between two lines where nothing can be rewritten

    def __init__(self, label: str) -> None:
        self.label = label
        self.started = self.printed = time.monotonic()
        self.live = sys.stdout.isatty()
        sys.stdout.write(f"{label} ..." + ("" if self.live else "\n"))
        sys.stdout.flush()

    def show(self, detail: str) -> None:
        """Shows `detail`; call it as often as you like."""
        now = time.monotonic()
        if self.live:
            self._rewrite(f"{self.label} ... {now - self.started:.0f} s  {detail}")
        elif now - self.printed >= self.quiet_seconds:
            self.printed = now
            self._write(f"    {now - self.started:.0f} s  {textwrap.shorten(detail, 100)}\n")

    def end(self, outcome: str) -> None:
        """Leaves the line as `outcome` and the time it took."""
        line = f"{self.label}: {outcome} ({time.monotonic() - self.started:.0f} s)"
        if self.live:
            self._rewrite(line)
        self._write("\n" if self.live else f"{line}\n")

    def _rewrite(self, line: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        self._write("\r" + line[:width].ljust(width))

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


@contextlib.contextmanager
def child(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: BinaryIO | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A running program, which has ended when the block is left, however it is left."""
    with subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, **(environment or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL if output else None,  # nobody would see its questions
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
    ) as process:
        try:
            yield process
            process.wait()
        except BaseException as error:
            # On Ctrl-C the terminal has told the child too. Either way it gets time to tidy up: to stop a server, say.
            if not isinstance(error, KeyboardInterrupt):
                process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                process.wait(timeout=PATIENCE_SECONDS)
            process.kill()
            raise


def call(
    command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> int:
    """Runs a program with its output in plain sight; returns its exit status."""
    with child(command, environment=environment, cwd=cwd) as process:
        pass
    return process.returncode


def run_logged(label: str, command: Sequence[str | Path], *, log: Path, advice: str) -> None:
    """Runs a program behind one progress line. Its output goes to `log`, whose end is in the error if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    progress = Progress(label)
    try:
        with log.open("wb") as output, child(command, output=output) as process:
            while process.poll() is None:
                progress.show(last_lines(log, 1))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.5)
    except BaseException:
        progress.end("stopped")
        raise
    progress.end("failed" if process.returncode else "done")
    if process.returncode:
        raise ToolError(f"{label} failed. The end of its output ({log}):\n{last_lines(log, 15)}\n{advice}")


def run_steps(steps: Mapping[str, Callable[[], int]]) -> int:
    """Run every step, also after one has failed, and print a table of them; return 0 if all went well, else 1.

    Args:
        steps: What to run, by its name. Each step returns an exit status.
    """
    rows: list[tuple[str, int, float]] = []
    for name, step in steps.items():
        print(f"\n=== {name}", flush=True)
        started = time.monotonic()
        rows.append((name, step(), time.monotonic() - started))
    print("\n=== Summary")
    for name, status, seconds in rows:
        print(f"  {'ok    ' if status == 0 else 'FAILED'}  {seconds:7.1f} s  {name}")
    return int(any(status for _, status, _ in rows))


def last_lines(log: Path, count: int) -> str:
    """The last lines of a log file that are not empty."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join([line for line in lines if line.strip()][-count:])


def end_on_sigterm() -> None:
    """Lets a request to terminate end this program as an error would, so that what it has started is stopped too."""

    def end(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
