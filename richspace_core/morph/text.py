"""Text form of a morph's keyframes.

    curve    = keyframe { "," keyframe }        a new line or a semicolon separates as well
    keyframe = time ":" mixture
    time     = number "%"                       percent of the video: 0% is the first frame, 100% the last
             | whole number                     number of a frame, counted from 0
    mixture  = part { "+" part }
    part     = [ number "%" ] letter            letter of a prompt, A to F

One part of a mixture may omit its number and gets the rest: ``30% A + B``. Of two prompts, the other one gets the rest:
``30% A`` is ``30% A + 70% B``. Spaces do not matter, and small letters count as capitals.
"""

from __future__ import annotations

import re
from typing import NoReturn

from ..errors import RichSpaceError
from .curve import LETTERS, Keyframe

_EXAMPLE = '"0%: A, 40%: A, 60%: B"'
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SEPARATOR = re.compile(r"\s*[,;\n]\s*")
_SPACE = re.compile(r"\s*")
_INLINE_SPACE = re.compile(r"[^\S\n]*")
_LETTER = re.compile(rf"[{LETTERS}{LETTERS.lower()}](?!\w)")
_SHOWN = 16  # characters of the text in an error message


def parse_keyframes(text: str, prompts: int = 2) -> tuple[Keyframe, ...]:
    """Return the keyframes that a text describes, in its order.

    Args:
        text: Text form, as the module describes it.
        prompts: Number of prompts. Of two, a share of one alone leaves the rest to the other.

    Raises:
        RichSpaceError: If the text has the wrong form; the message names the place.

    Example:
        >>> [keyframe.shares for keyframe in parse_keyframes("0%: A, 8: 25% A")]
        [(('A', 100.0),), (('A', 25.0), ('B', 75.0))]
    """
    reader = _Reader(text, prompts)
    keyframes: list[Keyframe] = []
    reader.skip(_SPACE)
    while not reader.is_at_end:
        keyframes.append(reader.keyframe())
        reader.skip(_INLINE_SPACE)
        if not reader.is_at_end and not reader.skip(_SEPARATOR):
            reader.refuse("a comma between keyframes")
        reader.skip(_SPACE)
    if not keyframes:
        raise RichSpaceError("curve", expected="at least one keyframe", got="none", hint=f"Write {_EXAMPLE}.")
    return tuple(keyframes)


def format_keyframes(keyframes: tuple[Keyframe, ...]) -> str:
    """Return the text form of keyframes, from which `parse_keyframes` makes the same ones.

    Example:
        >>> format_keyframes(parse_keyframes("0%:a,8:25%a"))
        '0%: A, 8: 25% A + 75% B'
    """
    return ", ".join(f"{keyframe.time_in_words}: {format_mixture(keyframe.shares)}" for keyframe in keyframes)


def format_mixture(shares: tuple[tuple[str, float], ...]) -> str:
    """Return the text form of a mixture: ``A``, or ``25% A + 75% B``."""
    if len(shares) == 1:
        return shares[0][0]
    return " + ".join(f"{_format_number(share)}% {letter}" for letter, share in shares)


def _format_number(value: float) -> str:
    return f"{value:.12f}".rstrip("0").rstrip(".")


class _Reader:
    """Reader of a text from left to right."""

    def __init__(self, text: str, prompts: int) -> None:
        self._text, self._prompts, self._at = text, prompts, 0

    @property
    def is_at_end(self) -> bool:
        return self._at >= len(self._text)

    def skip(self, pattern: re.Pattern[str]) -> str:
        """Return what `pattern` matches here, and go on behind it; an empty text if it matches nothing."""
        match = pattern.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match[0]

    def refuse(self, expected: str, at: int | None = None) -> NoReturn:
        """Raise an error about this place of the text, or about an earlier one."""
        at = self._at if at is None else at
        rest = self._text[at : at + _SHOWN].split("\n")[0]
        raise RichSpaceError(
            "curve",
            expected=expected,
            got=f"{rest!r} at character {at + 1}" if rest.strip() else f"nothing after {self._text[:at][-_SHOWN:]!r}",
            hint=f"Write keyframes such as {_EXAMPLE}.",
        )

    def keyframe(self) -> Keyframe:
        start = self._at
        number = self.skip(_NUMBER)
        if not number:
            self.refuse('a time such as "40%", or the number of a frame')
        is_frame = not self._symbol("%")
        if is_frame and "." in number:
            self.refuse("a whole number of a frame, or a percent sign after the number", start)
        if not is_frame and float(number) > 100:
            self.refuse("a time of at most 100%, the last frame of the video", start)
        if not self._symbol(":"):
            self.refuse("a colon after the time")
        return Keyframe(float(number), self._mixture(), is_frame)

    def _mixture(self) -> tuple[tuple[str, float], ...]:
        start = self._at + len(_INLINE_SPACE.match(self._text, self._at)[0])  # type: ignore[index]
        shares: dict[str, float | None] = {}
        while True:
            at, (letter, share) = self._at, self._part()
            if letter in shares:
                self.refuse(f"each prompt once in a mixture, but {letter} is there twice", at)
            shares[letter] = share
            if not self._symbol("+"):
                return self._complete(shares, start)

    def _part(self) -> tuple[str, float | None]:
        self.skip(_INLINE_SPACE)
        start, number = self._at, self.skip(_NUMBER)
        if number and not self._symbol("%"):
            self.refuse("a percent sign after the share of a prompt")
        if number and not 0 <= float(number) <= 100:
            self.refuse("a share of at most 100%", start)
        self.skip(_INLINE_SPACE)
        letter = self.skip(_LETTER).upper()
        if not letter:
            self.refuse(f"the letter of a prompt, {LETTERS[0]} to {LETTERS[-1]}")
        return letter, float(number) if number else None

    def _complete(self, shares: dict[str, float | None], start: int) -> tuple[tuple[str, float], ...]:
        """Give the rest of a mixture to the part that omits its number, or to the other one of two prompts."""
        given = sum((share for share in shares.values() if share is not None), start=0.0)
        without = [letter for letter, share in shares.items() if share is None]
        if self._prompts == 2 and not without and given < 100 and set(shares) in ({"A"}, {"B"}):
            without = ["B"] if "A" in shares else ["A"]
        rest = round(100 - given, 9)
        if len(without) > 1:
            self.refuse("a share for every prompt of a mixture but one", start)
        if rest < 0 or (rest > 0 and not without):
            self.refuse(f"shares that add up to 100%, but they add up to {given:g}%", start)
        completed = {letter: rest if share is None else share for letter, share in shares.items()}
        completed |= dict.fromkeys(without, rest)
        return tuple(sorted((letter, share) for letter, share in completed.items() if share > 0))

    def _symbol(self, symbol: str) -> bool:
        self.skip(_INLINE_SPACE)
        found = self._text.startswith(symbol, self._at)
        self._at += len(symbol) * found
        return found
