"""ComfyUI's websocket, read in a thread for code that is not asynchronous."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from environment.programs import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

LAST_EVENTS = ("execution_success", "execution_error", "execution_interrupted")


@dataclass(frozen=True)
class Event:
    """A message from ComfyUI. Previews and other binary messages have the type "binary" and their bytes as data."""

    type: str
    data: Any


class HostEvents:
    """A connection to ComfyUI's websocket. It receives the events of prompts that are queued with its `client_id`."""

    def __init__(self, url: str) -> None:
        self.client_id = uuid.uuid4().hex
        self._url = f"{url}?clientId={self.client_id}"
        self._events: queue.Queue[Event | Exception] = queue.Queue()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="host-events", daemon=True)
        self._reader: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        first = self.next(timeout=30)  # ComfyUI sends its status first; every later event is received
        if first.type != "status":
            raise ToolError(f"ComfyUI's websocket began with {first.type}, not with a status.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._reader is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._reader.cancel)
        self._thread.join(timeout=10)

    def next(self, timeout: float) -> Event:
        """Return the next event; raise ToolError if none comes in time or the connection has ended."""
        try:
            event = self._events.get(timeout=timeout)
        except queue.Empty:
            raise ToolError(f"ComfyUI sent nothing over its websocket for {timeout:.1f} s.") from None
        if isinstance(event, Exception):
            raise ToolError("ComfyUI's websocket has ended.") from event
        return event

    def until_done(self, prompt_id: str, timeout: float = 300) -> Iterator[Event]:
        """Yield the events of a prompt up to its last one, and the binary events between them."""
        deadline = time.monotonic() + timeout
        while True:
            event = self.next(max(0.0, deadline - time.monotonic()))
            mine = event.type == "binary" or event.data.get("prompt_id") == prompt_id
            if mine:
                yield event
            if mine and event.type in LAST_EVENTS:
                return

    def _run(self) -> None:
        self._reader = self._loop.create_task(self._read())
        try:
            self._loop.run_until_complete(self._reader)
        except (asyncio.CancelledError, aiohttp.ClientError, OSError) as error:
            self._events.put(ConnectionError(str(error)))
        finally:
            self._loop.close()

    async def _read(self) -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(self._url, max_msg_size=0) as socket:
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    content = json.loads(message.data)
                    self._events.put(Event(content["type"], content.get("data") or {}))
                elif message.type == aiohttp.WSMsgType.BINARY:
                    self._events.put(Event("binary", message.data))
        self._events.put(ConnectionError("closed by ComfyUI"))
