"""Exceptions: their messages, their way between processes, and one `except` for all of them."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import traceback
from typing import ClassVar

import pytest

from richspace_core.errors import (
    EmbeddingError,
    LibraryError,
    ModelFolderError,
    PromptError,
    RichSpaceError,
    SamplingError,
)

CHILDREN = (EmbeddingError, LibraryError, ModelFolderError, PromptError, SamplingError)


class CallersError(PromptError):
    """Child that another module defines."""

    class InnerError(EmbeddingError):
        """Child inside a class."""


def test_message_has_argument_expected_got_and_hint():
    error = RichSpaceError("steps", expected="an integer >= 1", got="0", hint="The paper uses 30.")
    assert str(error) == "steps: expected an integer >= 1, got 0. The paper uses 30."
    assert (error.argument, error.expected, error.got, error.hint) == (
        "steps",
        "an integer >= 1",
        "0",
        "The paper uses 30.",
    )


def test_hint_may_be_left_out():
    assert str(RichSpaceError("steps", expected="1", got="0")) == "steps: expected 1, got 0."


@pytest.mark.parametrize("kind", CHILDREN)
def test_one_except_catches_every_child(kind):
    with pytest.raises(RichSpaceError, match=r"^prompt: expected text, got nothing\.$") as caught:
        raise kind("prompt", expected="text", got="nothing")
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("kind", [RichSpaceError, *CHILDREN])
def test_within_names_the_whole_and_keeps_the_rest(kind):
    error = kind("b", expected="another", got="the same", hint="Change it.").within("stage 2")
    assert type(error) is kind
    assert str(error) == "stage 2, b: expected another, got the same. Change it."


def test_the_host_may_format_it_across_a_traceback():
    # The host formats errors with str() and type(); both work on an error that was chained.
    original = EmbeddingError("a", expected="x", got="y")
    with pytest.raises(EmbeddingError, match="stage 1, a") as caught:
        raise original.within("stage 1") from original
    assert caught.value.__cause__ is original


@pytest.mark.parametrize("kind", [RichSpaceError, *CHILDREN, CallersError])
def test_no_path_is_read_before_the_message(kind):
    error = kind("steps", expected="1", got="0")
    assert "".join(traceback.format_exception_only(error)) == f"{kind.__name__}: steps: expected 1, got 0.\n"


@pytest.mark.parametrize("kind", [RichSpaceError, *CHILDREN, CallersError, CallersError.InnerError])
def test_it_travels_between_processes(kind):
    error = kind("steps", expected="1", got="0", hint="Use 30.")
    for copied in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(copied), str(copied)) == (kind, str(error))
        assert (copied.argument, copied.expected, copied.got, copied.hint) == ("steps", "1", "0", "Use 30.")


def test_another_process_needs_no_module_but_that_of_the_class():
    # The other process has loaded nothing of the library yet.
    sent = pickle.dumps(SamplingError("steps", expected="1", got="0"))
    script = f"import pickle; error = pickle.loads({sent!r}); print(type(error).__name__, error, sep='|')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "SamplingError|steps: expected 1, got 0.\n"


class TestRenamed:
    NAMES: ClassVar = {"a": "A", "b": "B", "guide": "guide_2"}

    @pytest.mark.parametrize("kind", [RichSpaceError, *CHILDREN])
    def test_the_argument_and_the_others_that_the_message_quotes(self, kind):
        error = kind("b", expected="another than `a`", got="`a`", hint="Change `a` or `b`.").renamed(self.NAMES)
        assert type(error) is kind
        assert str(error) == "B: expected another than A, got A. Change A or B."
        assert error.argument == "B"

    def test_inside_a_larger_whole(self):
        error = RichSpaceError("a", expected="another", got="the same").within("stage 2").renamed(self.NAMES)
        assert error.argument == "stage 2, A"

    def test_only_whole_names(self):
        error = RichSpaceError("table", expected="a line from `a` to `c`", got="a b").renamed(self.NAMES)
        assert str(error) == "table: expected a line from A to `c`, got a b."
