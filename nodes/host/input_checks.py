"""Checks of a node's inputs by its schema.

ComfyUI checks the values that are set in a node, but not those that come over a link: there a number can be out of
range or no number at all, and a connection of any type can bring anything. NaN passes its checks in both cases.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, strided

from ...richspace_core import RichSpaceError
from ...richspace_core.embedding import describe
from ...richspace_core.finder.choice import Choice
from .models import CogVideoXModel, T5Encoder

_CHOSEN_BY_NAME = ("model", "lora", "file")  # lists of files, whose own messages say where a file has to be
_BOUNDED_BY_NODE = ("index", "steps", "share", "cfg")  # whose own messages say more about a number that is too small
_CORRECT = "Correct the value, or the node that it comes from."
_MOST_SHOWN = 60  # characters of a value in a message


def require_inputs(schema: Any, values: Mapping[str, Any]) -> None:
    """Raise an error that names the first input whose value the node cannot use.

    Args:
        schema: Schema of the node.
        values: Values by the ids of the inputs, as ComfyUI passes them to `execute`.

    Raises:
        RichSpaceError: If a value has another type than its input, or is out of range.
    """
    for field in schema.inputs:
        value = values.get(field.id)
        if field.id in values and not (value is None and field.optional):
            name = getattr(field, "display_name", None) or field.id
            for part, kind, each in _parts(name, field, value, is_list=schema.is_input_list):
                _require(part, kind, each)


def is_dense(value: object) -> bool:
    """Return whether a value is a tensor of floating point numbers in memory, not a sparse one or one without data."""
    return isinstance(value, Tensor) and value.is_floating_point() and value.layout == strided and not value.is_meta


@dataclass(frozen=True)
class _Kind:
    """Kind of a connection: how to recognize its values, and what to say of others."""

    expected: str
    is_one: Callable[[Any], bool]
    hint: str = ""


def _is_latent(value: Any) -> bool:
    samples: Any = value.get("samples") if isinstance(value, Mapping) else None
    parts = samples.tensors if getattr(samples, "is_nested", False) and not isinstance(samples, Tensor) else [samples]
    return bool(parts) and all(is_dense(part) and part.ndim >= 3 and part.numel() > 0 for part in parts)


def _is_picture(value: Any) -> bool:
    return is_dense(value) and value.ndim == 4 and value.shape[-1] in (3, 4) and value.numel() > 0


def _has(*names: str) -> Callable[[Any], bool]:
    return lambda value: all(hasattr(value, name) for name in names)


def _are_scores(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(each, Choice) for each in value)


_KINDS = {
    "LATENT": _Kind("a latent", _is_latent, "Connect the latent of a sampler, or an empty latent."),
    "IMAGE": _Kind(
        "pictures, float [frames, height, width, 3]",
        _is_picture,
        "Connect the frames of one video, as a decoder returns them.",
    ),
    "MODEL": _Kind("a model of ComfyUI", _has("get_model_object")),
    "CLIP": _Kind(
        "a text encoder", lambda value: value is None or _has("tokenize", "encode_from_tokens_scheduled")(value)
    ),
    "VAE": _Kind("a VAE", _has("first_stage_model"), "Load it with Load VAE, or disconnect this input."),
    "RICHSPACE_COGVIDEOX": _Kind("a CogVideoX", lambda value: isinstance(value, CogVideoXModel)),
    "RICHSPACE_T5": _Kind("a T5", lambda value: isinstance(value, T5Encoder)),
    "RICHSPACE_SCORES": _Kind(
        "scores", _are_scores, "Connect the output scores of a RichSpace node that scores candidates."
    ),
}


def _parts(name: str, field: Any, value: Any, *, is_list: bool) -> Iterable[tuple[str, Any, Any]]:
    """Yield the name, the schema and the value of each single input."""
    template = getattr(field, "template", None)
    if template is None:
        yield from _listed(name, field, value, is_list=is_list)
        return
    if not isinstance(value, Mapping):
        raise RichSpaceError(name, expected="a growing list of inputs", got=describe(value))
    for key, each in value.items():
        if each is not None:
            if key not in template.names:
                raise RichSpaceError(name, expected=f"inputs among {', '.join(template.names)}", got=_shown(key))
            yield from _listed(key, template.input, each, is_list=is_list)


def _listed(name: str, field: Any, value: Any, *, is_list: bool) -> Iterable[tuple[str, Any, Any]]:
    if not is_list:
        yield name, field, value
        return
    if not isinstance(value, list) or not (value or field.optional):
        raise RichSpaceError(name, expected="a list with at least one value", got=describe(value) if value else "none")
    yield from ((name, field, each) for each in value)


def _require(name: str, field: Any, value: Any) -> None:
    """Raise an error unless a value fits the schema of its input."""
    kinds = field.get_io_type().split(",")
    check = _CHECKS.get(kinds[0])
    if check is not None:
        check(name, field, value)
        return
    known = [_KINDS[kind] for kind in kinds if kind in _KINDS]
    if known and not any(kind.is_one(value) for kind in known):
        expected = " or ".join(kind.expected for kind in known)
        hint = known[0].hint or "Connect the output of a node that loads one."
        raise RichSpaceError(name, expected=expected, got=_describe(value), hint=hint)


def _require_whole_number(name: str, field: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise RichSpaceError(name, expected="a whole number", got=_shown(value), hint=_CORRECT)
    _require_range(name, field, value)


def _require_number(name: str, field: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise RichSpaceError(name, expected="a finite number", got=_shown(value), hint=_CORRECT)
    _require_range(name, field, value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that is too large for a float
        return False


def _require_range(name: str, field: Any, value: float) -> None:
    is_too_small = field.min is not None and value < field.min and field.id not in _BOUNDED_BY_NODE
    if is_too_small or (field.max is not None and value > field.max and field.id != "share"):
        raise RichSpaceError(
            name, expected=f"a number from {field.min} to {field.max}", got=_shown(value), hint=_CORRECT
        )


def _require_text(name: str, _: Any, value: Any) -> None:
    if not isinstance(value, str):
        raise RichSpaceError(name, expected="a text", got=_describe(value))
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise RichSpaceError(
            name,
            expected="a text of whole characters",
            got=f"half of a character at place {error.start + 1}",
            hint="Delete what stands there, and write it again.",
        ) from error


def _require_yes_or_no(name: str, _: Any, value: Any) -> None:
    if not isinstance(value, bool):
        raise RichSpaceError(name, expected="true or false", got=_shown(value))


def _require_choice(name: str, field: Any, value: Any) -> None:
    if not isinstance(value, str) or (name not in _CHOSEN_BY_NAME and value not in field.options):
        options = "a name" if name in _CHOSEN_BY_NAME else f"one of {', '.join(map(str, field.options))}"
        raise RichSpaceError(name, expected=options, got=_shown(value))


_CHECKS: dict[str, Callable[[str, Any, Any], None]] = {
    "INT": _require_whole_number,
    "FLOAT": _require_number,
    "STRING": _require_text,
    "BOOLEAN": _require_yes_or_no,
    "COMBO": _require_choice,
}


def _shown(value: object) -> str:
    if isinstance(value, str | int | float | bool):
        try:
            text = repr(value)
        except ValueError:  # more digits than Python writes
            return "a number with thousands of digits"
        return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
    return _describe(value)


def _describe(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping) and "samples" in value:
        return f"one with samples of {describe(value['samples'])}"
    return describe(value) if isinstance(value, Tensor) else f"a {type(value).__name__}"
