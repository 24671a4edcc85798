"""How an example ended, and whether that is one of the ways in which it may end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import torch

RIGHT, REFUSED, FINDING = "right result", "refused by name", "finding"
HOST = "refused by ComfyUI"

#: What a message may name in place of an input: parts of a run that no single input stands for.
_FILES = (".safetensors", ".json", ".pth")  # a message about a model's file names the file
_PARTS = ("video", "draft of", "stage", "text encoder output", "values", "pooled output", "curves")


@dataclass(frozen=True)
class Outcome:
    """How an example ended.

    Args:
        kind: One of the constants of this module.
        text: Message, or what is wrong.
    """

    kind: str
    text: str = ""


def judge_refusal(error: Any, names: set[str], files: tuple[str, ...] = ()) -> Outcome:
    """Judge a RichSpaceError: it has to name an input of the node, or a file."""
    parts = str(error.argument).split(", ")
    known = any(
        part in names or part.startswith(_PARTS) or part.endswith(_FILES) or any(file in part for file in files)
        for part in parts
    )
    return Outcome(REFUSED if known else FINDING, str(error) if known else f"names no input: {error}")


def judge_result(node: str, output: Any) -> Outcome:
    """Judge the NodeOutput of an example that was accepted."""
    wrong = [*_not_finite(node, output.result or ()), *_not_json(output.ui)]
    return Outcome(FINDING, "; ".join(wrong)) if wrong else Outcome(RIGHT)


def _not_finite(node: str, values: Any) -> list[str]:
    return [
        f"output {place} of {node} is not finite: {list(tensor.shape)}"
        for place, value in enumerate(values)
        for tensor in _computed(value)
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor.float()).all())
    ]


def _computed(value: Any) -> list[torch.Tensor]:
    """Return the tensors of an output that the pack has computed."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, float):
        return [torch.tensor(value)]
    if isinstance(value, dict) and "samples" in value:
        return _computed(value["samples"])
    if isinstance(value, list):
        return [tensor for each in value for tensor in (_of_entry(each) if _is_entry(each) else _computed(each))]
    return []


def _is_entry(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[1], dict)


def _of_entry(entry: list[Any]) -> list[torch.Tensor]:
    own = [entry[1].get("pooled_output")] + ([entry[1].get("mask")] if "richspace_morph" in entry[1] else [])
    return [entry[0], *(tensor for tensor in own if isinstance(tensor, torch.Tensor))]


def _not_json(shown: Any) -> list[str]:
    if shown is None:
        return []
    try:
        json.dumps(shown if isinstance(shown, dict) else shown.as_dict(), allow_nan=False).encode()
    except (ValueError, TypeError, AttributeError) as error:
        return [f"the page cannot read what the node shows: {error}"]
    return []
