"""Hostile graphs posted to a real ComfyUI with tiny models."""

from __future__ import annotations

import json
import urllib.error
from types import TracebackType
from typing import TYPE_CHECKING, Any

from comfyui.prompts import change, mix_prompt
from comfyui.server import ComfyServer, PromptError
from environment.programs import ToolError
from small_models.single_files import add_single_files

from reliability.hostile.graphs import graphs
from reliability.hostile.outcomes import FINDING, HOST, REFUSED, RIGHT, Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

SECONDS = 600  # for one graph, on a busy machine
_OURS = ("RichSpaceError", "EmbeddingError", "PromptError", "ModelFolderError", "SamplingError")


class Graphs:
    """Server that runs the examples.

    Args:
        base: Empty base directory for ComfyUI.
        server: Running server to use; None starts one.
    """

    def __init__(self, base: Path, server: ComfyServer | None = None) -> None:
        self._own = server is None
        self.strategy = graphs()
        if server is None:
            add_single_files(base)
            server = ComfyServer(base)
        self.server = server
        self._runs = 0

    def __enter__(self) -> Self:
        if self._own:
            self.server.start()
        self._right = self._plain_run()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._own:
            self.server.stop()

    def run(self, graph: Any) -> Outcome:
        """Post a graph, wait for it if it is accepted, and judge how it ended."""
        try:
            prompt_id = self.server.queue(graph)
        except PromptError as error:
            return _judge_refusal(error.details)
        except (OSError, ValueError, urllib.error.URLError) as error:
            return Outcome(FINDING, f"the server did not answer: {error}"[:300])
        try:
            entry = self.server.wait(prompt_id, SECONDS)
        except (ToolError, OSError, ValueError) as error:
            self.server.interrupt()
            return Outcome(FINDING, f"not over after {SECONDS} s: {error}"[:300])
        messages = dict(entry["status"]["messages"])
        if failure := messages.get("execution_error"):
            return _judge_failure(failure)
        return Outcome(RIGHT) if entry["status"]["completed"] else Outcome(FINDING, "interrupted")

    def plain_run_is_right(self) -> bool:
        """Return whether the server is alive and a plain run has the result that it had at the start."""
        return bool(self._plain_run() == self._right)

    def _plain_run(self) -> Any:
        """Run a mixture that the server has not cached; return its curves."""
        self._runs += 1
        steps = change(mix_prompt(), "mix", steps=29)
        steps["again"] = {**steps["mix"], "inputs": {**steps["mix"]["inputs"], "steps": 30 + self._runs}}
        entry = self.server.run(steps)
        return [shown["curves"] for shown in entry["outputs"]["mix"]["richspace"][0]]


def _judge_refusal(answer: Any) -> Outcome:
    """Judge ComfyUI's answer to a graph that it refused."""
    nodes = answer.get("node_errors") or {}
    text = json.dumps(answer)[:300]
    named = all(found["errors"] and found["class_type"] is not None for found in nodes.values())
    if (nodes and named) or answer.get("error", {}).get("type") in _OF_THE_GRAPH:
        return Outcome(HOST, text)
    return Outcome(FINDING, f"refused without a reason: {text}")


#: ComfyUI's reasons for refusing a whole graph.
_OF_THE_GRAPH = (
    *("prompt_no_outputs", "missing_node_type", "invalid_prompt", "prompt_outputs_failed_validation", "no_prompt"),
    *("dependency_cycle", "server_error"),
)


def _judge_failure(failure: dict[str, Any]) -> Outcome:
    """Judge a node that failed: one of the pack has to say why in the words of a RichSpaceError."""
    told = f"{failure['node_type']}: {failure['exception_type']}: {failure['exception_message']}"[:400]
    if not str(failure["node_type"]).startswith("RichSpace"):
        return Outcome(HOST, told)
    is_ours = failure["exception_type"] in _OURS and ": expected " in failure["exception_message"]
    return Outcome(REFUSED if is_ours else FINDING, told)
