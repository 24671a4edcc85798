"""A real ComfyUI with this pack, as a child process that is reached over HTTP and its websocket.

    with ComfyServer(base) as server:
        entry = server.run(prompt)                      # raises PromptError if it is refused or a node fails
        videos = [server.view(file) for file in output_files(entry)]

        with server.listen() as events:                 # what the frontend receives while a prompt runs
            prompt_id = server.queue(prompt, client_id=events.client_id)
            for event in events.until_done(prompt_id):
                ...

It runs in the virtual environment that dev.py makes. A prompt is in the API format: {node id: {class_type, inputs}}.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

from environment.checkout import LOGS, PACK_FOLDER, ROOT, find_host, link_folder
from environment.programs import ToolError, last_lines

from comfyui.events import HostEvents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

# A prompt that takes no time and loads no model.
SHORT_PROMPT = {"1": {"class_type": "PreviewAny", "inputs": {"source": "nothing"}}}
READY_SECONDS = 600.0  # starting takes about 12 s on two cores, and minutes where many others use them

# The server is on this machine, so a proxy that the environment names is not used.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class PromptError(ToolError):
    """A prompt that ComfyUI refused, or a node that failed. `details` is ComfyUI's own answer."""

    def __init__(self, message: str, details: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.details = details


class ComfyServer:
    """A ComfyUI process with its own base directory (models, input, output, custom_nodes), log and port.

    Args:
        base: Base directory. It is made when missing, and kept.
        log: File for ComfyUI's output; by default in the folder of logs, named after the base directory.
        port: Port to listen on; 0 takes any free one.
        listen: Address to listen on.
        with_pack: Whether this pack is linked into custom_nodes.
        options: Further arguments of ComfyUI's main.py.
    """

    def __init__(
        self,
        base: Path,
        *,
        log: Path | None = None,
        port: int = 0,
        listen: str = "127.0.0.1",
        with_pack: bool = True,
        options: Sequence[str] = (),
    ) -> None:
        self.base = base.resolve()
        self.log = log or LOGS / f"comfyui-{base.name}.log"
        self.port = port or free_port()
        self.listen_address = listen
        self.with_pack = with_pack
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Address of the frontend and the API, such as http://127.0.0.1:8188."""
        everywhere = self.listen_address in ("0.0.0.0", "::", "0.0.0.0,::")  # noqa: S104 - the user asks for it
        return f"http://{'127.0.0.1' if everywhere else self.listen_address}:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # Starting and stopping

    def start(self) -> None:
        """Start ComfyUI and wait until it answers; raise ToolError with the end of its log if it does not."""
        for name in ("custom_nodes", "models"):  # ComfyUI does not start without the first
            (self.base / name).mkdir(parents=True, exist_ok=True)
        if self.with_pack:
            link_folder(self.base / "custom_nodes" / PACK_FOLDER, ROOT)
        command = launch_command(self.base, self.port, self.listen_address, self.options)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=self.base, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            self._check_running()
            with contextlib.suppress(OSError):  # not listening yet
                self.get("/system_stats")
                return
            if time.monotonic() > deadline:
                raise self._failure(f"ComfyUI did not answer within {READY_SECONDS:.0f} s")
            time.sleep(0.2)

    def _check_running(self) -> None:
        if self.process is None or self.process.poll() is not None:
            raise self._failure("ComfyUI is not running")

    def _failure(self, what: str) -> ToolError:
        end = last_lines(self.log, 20) if self.log.exists() else "(no log)"
        return ToolError(f"{what}. The end of its log ({self.log}):\n{end}")

    def stop(self) -> None:
        """Stop ComfyUI, unless it has ended."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def join(self) -> None:
        """Wait until ComfyUI ends by itself."""
        if self.process is not None:
            self.process.wait()

    # The API

    def request(self, path: str, body: Mapping[str, Any] | None = None, *, timeout: float = 60) -> bytes:
        """Send a GET, or with a body a POST of JSON; return the body of the answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.address + path, data, headers)  # noqa: S310 - always http
        with _open(request, timeout=timeout) as answer:
            return bytes(answer.read())

    def get(self, path: str) -> Any:
        """Send a GET and return the answer, which is JSON."""
        return json.loads(self.request(path))

    def object_info(self) -> dict[str, dict[str, Any]]:
        """Return every node that ComfyUI knows, with inputs, outputs and texts, by node id."""
        return dict(self.get("/object_info"))

    def queue(
        self,
        prompt: Mapping[str, Any],
        *,
        client_id: str | None = None,
        extra_data: Mapping[str, Any] | None = None,
    ) -> str:
        """Queue a prompt and return its id; raise PromptError if ComfyUI refuses any part of it."""
        body: dict[str, Any] = {"prompt": prompt, "extra_data": dict(extra_data or {})}
        body |= {"client_id": client_id} if client_id else {}
        try:
            answer = json.loads(self.request("/prompt", body))
        except urllib.error.HTTPError as error:
            with error:
                answer = json.loads(error.read())
        if "prompt_id" not in answer or answer.get("node_errors"):
            raise PromptError(describe_refusal(prompt, answer), answer)
        return str(answer["prompt_id"])

    def wait(self, prompt_id: str, timeout: float = 300) -> dict[str, Any]:
        """Wait until a prompt is over (done, failed or interrupted) and return its history entry."""
        deadline = time.monotonic() + timeout
        while True:
            self._check_running()
            if entry := self.get(f"/history/{prompt_id}").get(prompt_id):
                return dict(entry)
            if time.monotonic() > deadline:
                raise self._failure(f"Prompt {prompt_id} was not over within {timeout:.0f} s")
            time.sleep(0.05)

    def run(self, prompt: Mapping[str, Any], timeout: float = 300) -> dict[str, Any]:
        """Queue a prompt, wait for it, and return its history entry; raise PromptError if it fails."""
        entry = self.wait(self.queue(prompt), timeout)
        raise_for_status(prompt, entry)
        return entry

    def listen(self) -> HostEvents:
        """Return a connection to the websocket, which is a context manager."""
        return HostEvents(f"{self.address}/ws")

    def interrupt(self) -> None:
        """Interrupt the running prompt, as the frontend's cancel button does."""
        self.request("/interrupt", {})

    def free(self) -> None:
        """Unload all models and forget all results, as the frontend's unload button does; return when this is done.

        ComfyUI does not report the end. It handles the request after a prompt at the latest, and before the next one,
        so it has done so when two short prompts are over.
        """
        self.request("/free", {"unload_models": True, "free_memory": True})
        for _ in range(2):
            self.run(SHORT_PROMPT)

    def view(self, file: Mapping[str, str]) -> bytes:
        """Return the content of an output, given as in the history: {filename, subfolder, type}."""
        return self.request("/view?" + urllib.parse.urlencode(file))

    def path(self, file: Mapping[str, str]) -> Path:
        """Return the path of an output, given as in the history. ComfyUI empties the folder `temp` when it starts."""
        return self.base / file["type"] / file.get("subfolder", "") / file["filename"]


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launch_command(base: Path, port: int, listen: str, options: Sequence[str]) -> list[str]:
    """Return the command line of a ComfyUI that writes only below its base directory."""
    import torch

    host = find_host()
    if host is None:
        raise ToolError("There is no ComfyUI. Run `python3 dev.py setup`, or set COMFYUI_PATH to yours.")
    place = ["--base-directory", str(base), "--database-url", "sqlite:///:memory:", "--disable-auto-launch"]
    device = [] if torch.cuda.is_available() else ["--cpu"]
    return [sys.executable, str(host / "main.py"), "--listen", listen, "--port", str(port), *place, *device, *options]


def output_files(entry: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return every file that a history entry names, each as {filename, subfolder, type}."""
    shown = (items for output in entry["outputs"].values() for items in output.values())
    return [item for items in shown for item in items if isinstance(item, dict) and "filename" in item]


def node_title(prompt: Mapping[str, Any], node_id: str) -> str:
    """Return the title of a node, else its class."""
    node = prompt.get(node_id, {})
    return str(node.get("_meta", {}).get("title") or node.get("class_type") or f"node {node_id}")


def describe_refusal(prompt: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    """Describe the answer of ComfyUI to a prompt that it refused."""
    lines = []
    for node_id, found in (answer.get("node_errors") or {}).items():
        where = f"  {node_title(prompt, node_id)} ({node_id})"
        lines += [f"{where}: {problem['message']}: {problem['details']}" for problem in found["errors"]]
    if not lines:  # no node is to blame
        error = answer.get("error", {})
        lines = [f"  {error.get('message', answer)} {error.get('details', '')}".rstrip()]
    return "\n".join(["ComfyUI refused the workflow:", *lines])


def raise_for_status(prompt: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
    """Raise PromptError if the prompt of a history entry failed or was interrupted."""
    status = entry["status"]
    if status["completed"]:
        return
    messages = dict(status["messages"])
    if failure := messages.get("execution_error"):
        where = f"{node_title(prompt, failure['node_id'])} ({failure['node_id']})"
        raise PromptError(f"{where} failed: {failure['exception_message'].strip()}", failure)
    raise PromptError("The run was interrupted.", messages.get("execution_interrupted", {}))
