"""Ray nodes of one CPU each on this machine, started by Ray's own command."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from typing import IO, TYPE_CHECKING

import psutil
from environment.programs import ToolError

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_START = (sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1", "--disable-usage-stats")
_SECONDS = 60
_STARTED = "This command will now block"
_WORKER = "ray::ClipWorker"


class RayNodes:
    """A cluster that ends with the context, with all of its processes."""

    def __enter__(self) -> Self:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._nodes: list[subprocess.Popen[bytes]] = []
        with ExitStack() as stack:
            self._stack = stack
            port = self.address.rpartition(":")[2]
            self._start("--head", f"--port={port}", "--include-dashboard=false")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self) -> None:
        """Add a node."""
        self._start(f"--address={self.address}")

    def remove(self) -> None:
        """Remove the node that was added last."""
        _end(self._nodes.pop())

    def workers(self, task: str = "") -> list[psutil.Process]:
        """Return the processes of the benchmark's workers that run a task, such as "render", or any task."""
        children = [child for node in self._nodes for child in psutil.Process(node.pid).children(recursive=True)]
        return [child for child in children if _is_at(child, task)]

    def _start(self, *options: str) -> None:
        log = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - the stack closes it
        self._stack.enter_context(log)
        # In a session of its own, it does not receive an interrupt of the tests, which end it themselves.
        node = subprocess.Popen([*_START, *options], stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self._nodes.append(node)
        self._stack.callback(_end, node)
        deadline = time.monotonic() + _SECONDS
        while _STARTED not in _text(log):
            if node.poll() is not None or time.monotonic() > deadline:
                raise ToolError(f"A Ray node did not start:\n{_text(log)}")
            time.sleep(0.1)


def _text(log: IO[str]) -> str:
    log.seek(0)
    return log.read()


def _is_at(process: psutil.Process, task: str) -> bool:
    try:
        return f"{_WORKER}.{task}".rstrip(".") in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def _end(node: subprocess.Popen[bytes]) -> None:
    if node.poll() is None:
        for process in [psutil.Process(node.pid), *psutil.Process(node.pid).children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    node.wait()
