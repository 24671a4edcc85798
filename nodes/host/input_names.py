"""Checks of a node's inputs, and errors that name them as the node shows them, or say that memory has run out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from ...richspace_core import RichSpaceError
from ...richspace_core.finder.geometry import guide_names
from .api import io
from .input_checks import require_inputs
from .memory import explain_other_out_of_memory

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Execute = Callable[Concatenate[type[Any], Parameters], Result]


def name_inputs_as_shown(**names: str) -> Callable[[Execute[Parameters, Result]], Execute[Parameters, Result]]:
    """Decorate a node's execute so that its inputs are checked, and its errors name each one as the node shows it.

    An error that memory has run out, which the node's own work does not explain, names the node.

    Args:
        names: For each argument of the library that is not an input of the node, the name of the input that sets it.
    """

    def decorate(execute: Execute[Parameters, Result]) -> Execute[Parameters, Result]:
        @wraps(execute)
        def run(node: type[Any], /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            schema = node.define_schema()
            require_inputs(schema, kwargs)
            try:
                with explain_other_out_of_memory(schema.display_name):
                    return execute(node, *args, **kwargs)
            except RichSpaceError as error:
                raise error.renamed(shown_names(node) | names) from error

        return run

    return decorate


def name_guides(inputs: Iterable[str]) -> dict[str, str]:
    """Map the finder's name of each guide to the input that the guide is connected to."""
    names = list(inputs)
    return dict(zip(guide_names(len(names)), names, strict=True))


def shown_names(node: type[io.ComfyNode]) -> dict[str, str]:
    """Map the id of each input of a node to the name that the node shows."""
    return {field.id: getattr(field, "display_name", None) or field.id for field in node.define_schema().inputs}
