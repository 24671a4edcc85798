"""Words of a prompt that a text encoder does not know.

T5 was trained on English, German, French and Romanian. Every character that is not in its vocabulary becomes the same
unknown token, so two different prompts in Chinese have the same embedding.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

#: Scripts without spaces between words, by the first words of their characters' names in Unicode.
_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
_JOINER = "\u200d"  # joins several emoji into one
_INSIDE_A_WORD = "'\u2019-"
_SHOWN = 5


@dataclass(frozen=True)
class UnknownWords:
    """Words of a prompt with a character that a text encoder does not know.

    Args:
        count: Number of unknown words.
        total: Number of words of the prompt.
        runs: Unknown words as they are written, each once; adjacent words without a space are one run.
    """

    count: int
    total: int
    runs: tuple[str, ...]

    def __str__(self) -> str:
        """Name the unknown words in a sentence; empty if every word is known."""
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
        is_unknown: Returns True for a word with a character that is not in the encoder's vocabulary.

    Returns:
        Unknown words, in the order of the text.

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
    Thai, each character is a word, and so is each emoji. Punctuation is not part of a word.

    Example:
        >>> split_words("It's a red, round \u864e\u5b50!")
        ["It's", 'a', 'red', 'round', '\u864e', '\u5b50']
    """
    return [text[start:end] for start, end in _word_spans(text)]


def _word_spans(text: str) -> list[tuple[int, int]]:
    """Return the start and the end of each word of a text."""
    spans: list[tuple[int, int]] = []
    is_open = False  # True while another letter would continue the last word
    for place, char in enumerate(text):
        follows = bool(spans) and spans[-1][1] == place
        if follows and (_is_mark(char) or text[place - 1] == _JOINER or (is_open and _continues_word(text, place))):
            spans[-1] = spans[-1][0], place + 1
            continue
        is_word = _is_word(char)
        is_open = _is_letter(char) and not is_word
        if is_open or is_word:
            spans.append((place, place + 1))
    return spans


def _continues_word(text: str, place: int) -> bool:
    """Return True if a word of letters continues here, with a letter or with a hyphen or apostrophe before one."""
    char, after = text[place], text[place + 1 : place + 2]
    if char in _INSIDE_A_WORD:
        return bool(after) and _is_letter(after) and not _is_word(after)
    return _is_letter(char) and not _is_word(char)


def _is_letter(char: str) -> bool:
    return unicodedata.category(char)[0] in "LN"


def _is_mark(char: str) -> bool:
    """Return True if a character modifies the one before: an accent, a skin tone, the joiner of emoji."""
    return char == _JOINER or unicodedata.category(char)[0] == "M" or "\U0001f3fb" <= char <= "\U0001f3ff"


def _is_word(char: str) -> bool:
    """Return True if a character is a word of its own."""
    if unicodedata.category(char) == "So":
        return True
    return _is_letter(char) and unicodedata.name(char, "").startswith(_WITHOUT_SPACES)
