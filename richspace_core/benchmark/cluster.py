"""Connecting to a Ray cluster, with an error within seconds where there is none.

`ray.init` takes "auto" for the cluster that was last started on this machine, also when it is gone: the file that names
it stays behind. It then asks twenty times, for 40 seconds each, and the attempts cannot be interrupted. So another
process tries first, which can be ended.
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
_CHOSEN = re.compile(r"existing Ray cluster at address: (\S+:\d+)")  # what ray.init says before it connects
_ERROR = re.compile(r"^[\w.]*(?:Error|Exception)\b.*", re.MULTILINE | re.DOTALL)


def connect(ray: Any, address: str, **options: Any) -> None:
    """Call `ray.init` for a cluster that is there.

    Args:
        ray: The module.
        address: Of the cluster; "auto" for the one that this machine belongs to. "local" is Ray's word for a new one on
            this machine, and is passed on as it is.
        options: Further arguments of `ray.init`.

    Raises:
        RichSpaceError: If there is no such cluster, or it cannot be joined.
    """
    if address != "local":
        named = os.environ.get("RAY_ADDRESS") if address == "auto" else ""  # which comes first for Ray, too
        _require_listening(named or address, address)
        _try(address)
    try:
        ray.init(address, log_to_driver=False, logging_level="error", **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_cluster(address, str(error)) from error


def _try(address: str) -> None:
    """Connect in another process, and raise an error if that fails, takes too long, or is at a dead address."""
    said: list[str] = []
    command = [sys.executable, "-c", _TRIAL, address]
    with subprocess.Popen(  # noqa: S603 - no shell, and the address is an argument of its own
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
    ) as trial:
        timer = threading.Timer(_TRIAL_SECONDS, trial.kill)
        timer.start()
        try:
            for line in trial.stdout or ():
                said.append(line)
                if chosen := _CHOSEN.search(line):
                    _require_listening(chosen[1], address)
            trial.wait()
        finally:
            timer.cancel()
            trial.kill()  # does nothing to a process that has ended
    if trial.returncode:
        error = _ERROR.search("".join(said))
        raise _no_cluster(address, error[0] if error else f"no answer within {_TRIAL_SECONDS:.0f} seconds")


def _require_listening(chosen: str, address: str) -> None:
    """Raise an error if nothing listens at a host and port; other forms of an address are left to Ray."""
    host, _, port = chosen.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_SOCKET_SECONDS).close()
    except (OSError, OverflowError) as error:  # OverflowError: not a port's number
        where = "" if chosen == address else f"Ray takes it for {chosen}, where no cluster runs any more: "
        raise _no_cluster(address, f"{where}{error}") from error


def _no_cluster(address: str, reason: str) -> RichSpaceError:
    return RichSpaceError(
        "ray",
        expected="the address of a running Ray cluster",
        got=f"{address or 'an empty text'} ({' '.join(reason.split())[:300]})",
        hint="Start one with: ray start --head. Then, on each further machine: ray start --address=...",
    )
