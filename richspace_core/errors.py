"""Exceptions of the library: one root, and a child for each kind of input.

Every message has the same four parts, so that a person can act on it: the argument, what was expected, what came, and,
where something can be done, what to do.

Example:
    >>> raise RichSpaceError("steps", expected="an integer >= 1", got="0", hint="Use 30, as the paper does.")
    Traceback (most recent call last):
    ...
    RichSpaceError: steps: expected an integer >= 1, got 0. Use 30, as the paper does.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from .control_characters import escape_controls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

_QUOTED = re.compile(r"`([^`]*)`")


class RichSpaceError(ValueError):
    """An input that cannot be used.

    Args:
        argument: Name of the argument or input, as the caller knows it.
        expected: What would have been accepted. Here and below, the name of another argument is in backticks.
        got: What came instead.
        hint: What to do about it; may be empty.
    """

    # Python and ComfyUI print a class's module before its name, except for this one. In ComfyUI the module's name is a
    # path on the user's disk, which would stand before every message.
    __module__ = "builtins"

    #: Name of the module that defines the class, for pickle.
    _home: ClassVar[str] = __name__

    def __init_subclass__(cls) -> None:
        cls._home, cls.__module__ = cls.__module__, RichSpaceError.__module__

    def __init__(self, argument: str, *, expected: str, got: str, hint: str = "") -> None:
        self.argument = argument
        self.expected = expected
        self.got = got
        self.hint = hint
        # What came can be anything that somebody wrote, and messages are also shown in terminals.
        super().__init__(escape_controls(f"{argument}: expected {expected}, got {got}." + (f" {hint}" if hint else "")))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the four parts, and the class by the module that defines it."""
        return _rebuild, (self._home, type(self).__qualname__, self.argument, self.expected, self.got, self.hint)

    def within(self, where: str) -> Self:
        """Return the same error, which also names the part of a larger whole where it occurred."""
        return type(self)(f"{where}, {self.argument}", expected=self.expected, got=self.got, hint=self.hint)

    def renamed(self, names: Mapping[str, str]) -> Self:
        """Return the same error with its arguments under the names that the caller knows.

        Args:
            names: The caller's name of each argument. An argument that is not among them keeps its name.

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
    """Embeddings that cannot be mixed: their shapes, token counts or values, or two prompts that are equal."""


class PromptError(RichSpaceError):
    """A prompt that cannot be encoded."""


class ModelFolderError(RichSpaceError):
    """A model's folder or file that is missing, incomplete, damaged, or not in safetensors."""


class LibraryError(RichSpaceError):
    """A library that does not work with the installed torch."""


class SamplingError(RichSpaceError):
    """A video that the model cannot make: its size, frames, steps or guidance."""


def _rebuild(module: str, name: str, argument: str, expected: str, got: str, hint: str) -> RichSpaceError:
    """Return the error of the class `name` of a module, as pickle finds a class."""
    kind: Any = import_module(module)
    for part in name.split("."):
        kind = getattr(kind, part)
    error: RichSpaceError = kind(argument, expected=expected, got=got, hint=hint)
    return error
