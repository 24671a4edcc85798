"""Characters that act instead of being read."""

import pytest

from richspace_core import PromptError
from richspace_core.control_characters import escape_controls


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\rb\x9bc\u202ed", r"a\rb\x9bc\u202ed"),
        ("two\nlines", "two\nlines"),
        ("虎と縞馬 🐅\u200d🦓 n\u0303 \xa0", "虎と縞馬 🐅\u200d🦓 n\u0303 \xa0"),
    ],
)
def test_what_acts_is_written_out_and_what_is_read_stays(text, shown):
    assert escape_controls(text) == shown


def test_an_error_says_what_came_without_doing_it():
    error = PromptError("text", expected="known words", got='"\x1b[2Jred"').renamed({"text": "A"})
    assert str(error) == r'A: expected known words, got "\x1b[2Jred".'
    assert error.got == '"\x1b[2Jred"'
