"""Words in every script, and the words that a text encoder does not know."""

import pytest

from richspace_core.cogvideox.unknown_words import find_unknown_words, split_words

TEXTS = {
    "": [],
    " \n ,.;! () ": [],
    "A red, blue circle.": ["A", "red", "blue", "circle"],
    "it's well-known 'quoted' rock 'n' roll": ["it's", "well-known", "quoted", "rock", "n", "roll"],
    "a - b -- c": ["a", "b", "c"],
    "3D at 24 fps": ["3D", "at", "24", "fps"],
    "un café à Zürich": ["un", "café", "à", "Zürich"],
    "cafe\u0301": ["cafe\u0301"],  # the accent as a character of its own
    "кот и пёс": ["кот", "и", "пёс"],
    "हिन्दी में": ["हिन्दी", "में"],
    "العربية": ["العربية"],
    "한국어 텍스트": ["한국어", "텍스트"],
    "一只老虎，在森林。": list("一只老虎在森林"),
    "日本語のテキスト": list("日本語のテキスト"),
    "ไทย": list("ไทย"),
    "虎tiger虎": ["虎", "tiger", "虎"],
    "a tiger🐯 runs": ["a", "tiger", "🐯", "runs"],
    "👍🏽👨\u200d👩\u200d👧": ["👍🏽", "👨\u200d👩\u200d👧"],
    "{a|b} <lora:x:1>": ["a", "b", "lora", "x", "1"],
}


@pytest.mark.parametrize("text", TEXTS)
def test_words(text):
    assert split_words(text) == TEXTS[text]


def beyond_latin(word):
    return any(char > "\u024f" for char in word)


@pytest.mark.parametrize(
    ("text", "count", "total", "runs"),
    [
        ("", 0, 0, ()),
        ("a red tiger", 0, 3, ()),
        ("a 虎 runs", 1, 3, ("虎",)),
        ("一只老虎，在森林。", 7, 7, ("一只老虎", "在森林")),
        ("虎 and 虎 and 🐯", 3, 5, ("虎", "🐯")),
        ("кот и пёс", 3, 3, ("кот", "и", "пёс")),
    ],
)
def test_unknown_words(text, count, total, runs):
    found = find_unknown_words(text, beyond_latin)
    assert (found.count, found.total, found.runs) == (count, total, runs)
    assert bool(str(found)) == bool(count)


def test_what_is_said():
    said = "not known to this text encoder, which reads all unknown characters alike:"
    assert str(find_unknown_words("a 虎 runs", beyond_latin)) == f'1 of 3 words are {said} "虎"'
    assert str(find_unknown_words("虎", beyond_latin)) == f'The word is {said} "虎"'
    many = " x ".join("虎豹狼熊狐兔鹿")
    assert str(find_unknown_words(many, beyond_latin)).endswith(f'{said} "虎", "豹", "狼", "熊", "狐" and 2 more')
