"""Descriptions of values, as plain data that can be printed, compared and built again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: Functions that build a value, by its kind. Each takes the world and the options of its recipe.
BUILDERS: dict[str, Callable[..., Any]] = {}


@dataclass(frozen=True)
class Recipe:
    """Description of a value that is not plain data.

    Args:
        kind: Name of its builder.
        options: Arguments of the builder, which may be recipes themselves.
    """

    kind: str
    options: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def of(cls, kind: str, **options: Any) -> Recipe:
        """Return a recipe from keyword arguments."""
        return cls(kind, tuple(options.items()))

    def __repr__(self) -> str:
        """Show it as a call."""
        return f"{self.kind}({', '.join(f'{name}={value!r}' for name, value in self.options)})"


def builder(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register a function as the builder of the kind that it is named after."""
    BUILDERS[function.__name__] = function
    return function


def build(value: Any, world: Any) -> Any:
    """Build a value, with all recipes within it.

    Args:
        value: Recipe, plain data, or a collection of both.
        world: What builders share, such as the tiny models.
    """
    if isinstance(value, Recipe):
        options = {name: build(option, world) for name, option in value.options}
        return BUILDERS[value.kind](world, **options)
    if isinstance(value, dict):
        return {name: build(each, world) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(build(each, world) for each in value)
    return value
