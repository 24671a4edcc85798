"""Child processes, their progress and their errors."""

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


PATIENCE_SECONDS = 30.0  # that a program may take to stop after it was asked to


class ToolError(Exception):
    """An error whose message tells a person what went wrong and what to do."""


class Progress:
    """A progress line: rewritten on a terminal, printed from time to time elsewhere."""

    quiet_seconds = 10.0  # between two lines, where none can be rewritten

    def __init__(self, label: str) -> None:
        self.label = label
        self.started = self.printed = time.monotonic()
        self.live = sys.stdout.isatty()
        sys.stdout.write(f"{label} ..." + ("" if self.live else "\n"))
        sys.stdout.flush()

    def show(self, detail: str) -> None:
        """Show `detail`. It can be called often."""
        now = time.monotonic()
        if self.live:
            self._rewrite(f"{self.label} ... {now - self.started:.0f} s  {detail}")
        elif now - self.printed >= self.quiet_seconds:
            self.printed = now
            self._write(f"    {now - self.started:.0f} s  {textwrap.shorten(detail, 100)}\n")

    def end(self, outcome: str) -> None:
        """Replace the line by `outcome` and the elapsed time."""
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
    """Run a program while the block runs, and make sure that it has ended when the block is left.

    Args:
        command: Program and arguments.
        environment: Additional environment variables.
        cwd: Folder to run it in.
        output: File for its output. Without it, the output is shown.
    """
    with subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, **(environment or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL if output else None,  # a question would not be seen
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
    ) as process:
        try:
            yield process
            process.wait()
        except BaseException as error:
            # On Ctrl-C the terminal interrupts the child too. It gets time to clean up, such as to stop a server.
            if not isinstance(error, KeyboardInterrupt):
                process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                process.wait(timeout=PATIENCE_SECONDS)
            process.kill()
            raise


def call(
    command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> int:
    """Run a program and show its output; return its exit status."""
    with child(command, environment=environment, cwd=cwd) as process:
        pass
    return process.returncode


def run_logged(
    label: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    advice: str,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a program behind a single progress line.

    Args:
        label: What the line says.
        command: Program and arguments.
        log: File for its output.
        advice: What to do if it fails.
        environment: Additional environment variables.

    Raises:
        ToolError: If it fails. The message contains the end of the log, and the advice.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    progress = Progress(label)
    try:
        with log.open("wb") as output, child(command, output=output, environment=environment) as process:
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
    """Return the last lines of a log file that are not empty."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join([line for line in lines if line.strip()][-count:])


def listen_to_signals() -> None:
    """Make SIGTERM raise SystemExit, and SIGINT KeyboardInterrupt, so that child processes are stopped too.

    A job in the background starts with SIGINT ignored, and so would all of its child processes. Once this program
    handles it, they start with the default again.
    """

    def end(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run_to_the_end(program: Callable[[], object]) -> int:
    """Run a program from its first to its last line, whatever ends it, and return its exit status.

    Args:
        program: Called without arguments. If it returns a number, that is the exit status.

    Returns:
        1 after a `ToolError`, whose message is printed; 130 after Ctrl-C, as a shell has it.
    """
    listen_to_signals()
    try:
        status = program()
    except ToolError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return status if isinstance(status, int) else 0
