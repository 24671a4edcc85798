"""Nodes executed as ComfyUI does, in the process of the tests. ComfyUI's modules must be importable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

NODE_ID = "7"


def run_node(node: type[Any], **inputs: Any) -> Any:
    """Execute a node on a clone of its class that knows its id, without gradients; return its NodeOutput.

    Args:
        node: Class of the node.
        inputs: Values of its inputs. Missing ones have the schema's default.
    """
    schema = node.GET_SCHEMA()
    defaults = {field.id: field.default for field in schema.inputs if getattr(field, "default", None) is not None}
    clone = node.PREPARE_CLASS_CLONE({"hidden_inputs": {"UNIQUE_ID": NODE_ID}})
    with torch.inference_mode():
        return clone.EXECUTE_NORMALIZED(**{**defaults, **inputs})


def results(node: type[Any], **inputs: Any) -> tuple[Any, ...]:
    """Execute a node and return its outputs."""
    return tuple(run_node(node, **inputs).result)


def says(node: type[Any], **inputs: Any) -> str:
    """Execute a node and return the text that it shows."""
    (text,) = run_node(node, **inputs).ui["text"]
    return str(text)


class ProgressEvents(list[tuple[int, int, Any]]):
    """Updates of ComfyUI's progress bar: (value, total, preview)."""

    def __init__(self) -> None:
        super().__init__()
        self.on_step: Callable[[int], None] = lambda _: None

    def hook(self, value: int, total: int, preview: Any, node_id: str | None = None) -> None:  # noqa: ARG002
        """Record an update. ComfyUI calls it."""
        self.append((value, total, preview))
        self.on_step(value)


def curves_of(choice: Any) -> dict[str, torch.Tensor]:
    """Return a choice's curves: values by name."""
    return {curve.name: curve.values for curve in choice.curves}
