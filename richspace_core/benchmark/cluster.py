"""Connection to a Ray cluster, with an error within seconds if there is none.

For "auto", `ray.init` uses the cluster that was last started on this machine, even if it has ended, because the file
that names it remains. It then tries to connect twenty times, for 40 seconds each, and cannot be interrupted. So another
process, which can be ended, tries first.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from typing import Any

from ..errors import RichSpaceError

_SOCKET_SECONDS = 10.0
_TRIAL_SECONDS = 120.0
_TRIAL = "import sys, ray; ray.init(sys.argv[1], log_to_driver=False)"
_CHOSEN = re.compile(r"existing Ray cluster at address: (\S+:\d+)")  # printed by ray.init before it connects
_ERROR = re.compile(r"^[\w.]*(?:Error|Exception)\b.*", re.MULTILINE | re.DOTALL)


def connect_to_cluster(ray: Any, address: str, **options: Any) -> None:
    """Call `ray.init` for a cluster that is running.

    Args:
        ray: The module `ray`.
        address: Address of the cluster; "auto" for the one that this machine belongs to. "local" starts a new one on
            this machine.
        options: Further arguments of `ray.init`.

    Raises:
        RichSpaceError: If there is no such cluster, or the connection fails.
    """
    if address != "local":
        named = os.environ.get("RAY_ADDRESS") if address == "auto" else ""  # Ray also reads it first
        _require_listening(named or address, address)
        _try_to_connect(address)
    try:
        ray.init(address, log_to_driver=False, logging_level="error", **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_cluster(address, str(error)) from error


def _try_to_connect(address: str) -> None:
    """Connect in another process; raise an error if that fails or takes too long, or nothing answers at the address."""
    printed: list[str] = []
    command = [sys.executable, "-c", _TRIAL, address]
    with subprocess.Popen(  # noqa: S603 - no shell, and the address is a separate argument
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
    ) as trial:
        timer = threading.Timer(_TRIAL_SECONDS, trial.kill)
        timer.start()
        try:
            for line in trial.stdout or ():
                printed.append(line)
                if chosen := _CHOSEN.search(line):
                    _require_listening(chosen[1], address)
            trial.wait()
        finally:
            timer.cancel()
            trial.kill()  # no effect on a process that has ended
    if trial.returncode:
        error = _ERROR.search("".join(printed))
        raise _no_cluster(address, error[0] if error else f"no answer within {_TRIAL_SECONDS:.0f} seconds")


def _require_listening(chosen: str, address: str) -> None:
    """Raise an error if nothing listens at a host and port; leave other forms of an address to Ray."""
    host, _, port = chosen.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_SOCKET_SECONDS).close()
    except (OSError, OverflowError) as error:  # OverflowError: not a port number
        where = "" if chosen == address else f"Ray uses {chosen}, where no cluster is running: "
        raise _no_cluster(address, f"{where}{error}") from error


def _no_cluster(address: str, reason: str) -> RichSpaceError:
    return RichSpaceError(
        "ray",
        expected="the address of a running Ray cluster",
        got=f"{address or 'an empty address'} ({' '.join(reason.split())[:300]})",
        hint="Start a cluster with: ray start --head. Then, on each further machine: ray start --address=...",
    )
