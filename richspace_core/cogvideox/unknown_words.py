"""Words of a prompt, and which of them a text encoder does not know.

T5 was trained on English, German, French and Romanian. A character that its vocabulary does not have becomes the
unknown token, which is the same for all of them: two different prompts in Chinese give the same embedding.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

#: Scripts without spaces between words, as the names of their characters in Unicode begin.
_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
_JOINER = "\u200d"  # makes one emoji of several
_INSIDE_A_WORD = "'\u2019-"
_SHOWN = 5


@dataclass(frozen=True)
class UnknownWords:
    """The words of a prompt that hold a character unknown to a text encoder.

    Args:
        count: How many there are.
        total: How many words the prompt has.
        runs: The words as they are written, each once; unknown words with nothing between them are one run.
    """

    count: int
    total: int
    runs: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in a sentence, or nothing where every word is known."""
        if not self.count:
            return ""
        shown = ", ".join(f'"{run}"' for run in self.runs[:_SHOWN])
        more = f" and {len(self.runs) - _SHOWN} more" if len(self.runs) > _SHOWN else ""
        words = f"{self.count} of {self.total} words are" if self.total > 1 else "The word is"
        return f"{words} not known to this text encoder, which reads all unknown characters alike: {shown}{more}"


def find_unknown_words(text: str, is_unknown: Callable[[str], bool]) -> UnknownWords:
    """Find the words that a text encoder does not know.

    Args:
        text: Any prompt.
        is_unknown: Returns whether a word holds a character that the encoder's vocabulary does not have.

    Returns:
        The unknown words, in the order of the text.

    Example:
        >>> print(find_unknown_words("the red \u864e\u864e", lambda word: not word.isascii()))
        2 of 4 words are not known to this text encoder, which reads all unknown characters alike: "\u864e\u864e"
    """
    spans = _word_spans(text)
    known = {word: not is_unknown(word) for word in {text[start:end] for start, end in spans}}
    unknown = [(start, end) for start, end in spans if not known[text[start:end]]]
    runs: list[tuple[int, int]] = []
    for start, end in unknown:
        if runs and runs[-1][1] == start:
            runs[-1] = runs[-1][0], end
        else:
            runs.append((start, end))
    return UnknownWords(len(unknown), len(spans), tuple(dict.fromkeys(text[start:end] for start, end in runs)))


def split_words(text: str) -> list[str]:
    """Split a text into words as word processors count them.

    A word is a run of letters and digits. In scripts without spaces between words, such as Chinese, Japanese and
    Thai, each character is a word of its own; so is each emoji. Punctuation belongs to no word.

    Example:
        >>> split_words("It's a red, round \u864e\u5b50!")
        ["It's", 'a', 'red', 'round', '\u864e', '\u5b50']
    """
    return [text[start:end] for start, end in _word_spans(text)]


def _word_spans(text: str) -> list[tuple[int, int]]:
    """Where each word of a text starts and ends."""
    spans: list[tuple[int, int]] = []
    is_open = False  # whether another letter goes on with the last word
    for place, char in enumerate(text):
        follows = bool(spans) and spans[-1][1] == place
        if follows and (_is_mark(char) or text[place - 1] == _JOINER or (is_open and _goes_on(text, place))):
            spans[-1] = spans[-1][0], place + 1
            continue
        stands_alone = _stands_alone(char)
        is_open = _is_letter(char) and not stands_alone
        if is_open or stands_alone:
            spans.append((place, place + 1))
    return spans


def _goes_on(text: str, place: int) -> bool:
    """Whether a word of letters goes on here: with a letter, or with an apostrophe or a hyphen between two."""
    char, after = text[place], text[place + 1 : place + 2]
    if char in _INSIDE_A_WORD:
        return bool(after) and _is_letter(after) and not _stands_alone(after)
    return _is_letter(char) and not _stands_alone(char)


def _is_letter(char: str) -> bool:
    return unicodedata.category(char)[0] in "LN"


def _is_mark(char: str) -> bool:
    """Whether a character changes the one before: an accent, a skin tone, the joiner of emoji."""
    return char == _JOINER or unicodedata.category(char)[0] == "M" or "\U0001f3fb" <= char <= "\U0001f3ff"


def _stands_alone(char: str) -> bool:
    """Whether a character is a word of its own."""
    if unicodedata.category(char) == "So":
        return True
    return _is_letter(char) and unicodedata.name(char, "").startswith(_WITHOUT_SPACES)
