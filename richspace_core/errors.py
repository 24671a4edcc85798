"""The one exception type of the library, and its few children.

Every message has the same four parts, so that a person can act on it: which argument, what was expected,
what came, and (where there is something to do) what to do.

Example:
    >>> raise RichSpaceError("steps", expected="an integer >= 1", got="0", hint="Use 30, as the paper does.")
    Traceback (most recent call last):
    ...
    RichSpaceError: steps: expected an integer >= 1, got 0. Use 30, as the paper does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

_QUOTED = re.compile(r"`([^`]*)`")


class RichSpaceError(ValueError):
    """An input that cannot be used.

    Args:
        argument: Name of the offending argument or input, as the caller knows it.
        expected: What would have been accepted. Here and below, another argument's name stands in backticks.
        got: What came instead.
        hint: What to do about it; may be empty.
    """

    # Python and ComfyUI write a class's module before its name, unless it is this one. ComfyUI's module names are
    # paths on the user's disk, and a person who reads a message wants neither.
    __module__ = "builtins"

    def __init_subclass__(cls) -> None:
        cls.__module__ = RichSpaceError.__module__

    def __init__(self, argument: str, *, expected: str, got: str, hint: str = "") -> None:
        self.argument = argument
        self.expected = expected
        self.got = got
        self.hint = hint
        super().__init__(f"{argument}: expected {expected}, got {got}." + (f" {hint}" if hint else ""))

    def __reduce__(self) -> tuple[Any, ...]:
        """The error travels between processes with its four parts."""
        return _rebuild, (type(self).__name__, self.argument, self.expected, self.got, self.hint)

    def within(self, where: str) -> Self:
        """The same error, saying also in which part of a larger whole it occurred."""
        return type(self)(f"{where}, {self.argument}", expected=self.expected, got=self.got, hint=self.hint)

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return the same error with its arguments under the names that the caller knows them by.

        Args:
            names: An argument's name to the caller's; an argument that is not among them keeps its own.

        Example:
            >>> error = RichSpaceError("stage 2, b", expected="an embedding unlike `a`", got="the same")
            >>> print(error.renamed({"a": "A", "b": "B"}))
            stage 2, B: expected an embedding unlike A, got the same.
        """
        expected, got, hint = (
            _QUOTED.sub(lambda name: names.get(name[1], name[0]), text) for text in (self.expected, self.got, self.hint)
        )
        argument = ", ".join(names.get(part, part) for part in self.argument.split(", "))
        return type(self)(argument, expected=expected, got=got, hint=hint)


class EmbeddingError(RichSpaceError):
    """Embeddings that cannot be mixed: shapes, token counts, values, or two prompts that are the same."""


class PromptError(RichSpaceError):
    """A prompt that cannot be encoded."""


class ModelFolderError(RichSpaceError):
    """A model's folder or file that is missing, incomplete, damaged, or not in safetensors."""


class SamplingError(RichSpaceError):
    """A video that the model cannot make: size, frames, steps, guidance."""


def _rebuild(kind: str, argument: str, expected: str, got: str, hint: str) -> RichSpaceError:
    error: type[RichSpaceError] = globals()[kind]  # their `__module__` says nothing of where they are
    return error(argument, expected=expected, got=got, hint=hint)
