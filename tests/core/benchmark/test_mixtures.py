"""Files of mixtures: those of the benchmark, and errors for others."""

import json

import pytest
from small_models.tiny_models import DEMO_MODEL

from richspace_core import PromptError
from richspace_core.benchmark.mixtures import PAPER_PROMPTS, choose_mixtures, load_mixtures
from richspace_core.cogvideox.folder import CogVideoXFolder
from richspace_core.cogvideox.t5 import require_known_words
from richspace_core.paper.reported import MIXTURES, PROMPTS_OF_FIGURE_2A

DEMO_PROMPTS = PAPER_PROMPTS.with_name("demo_prompts.json")
GOOD = {"name": "Tiger+Zebra", "prompts": ["a tiger", "a zebra"], "guides": ["a tiger with stripes"]}


def test_the_papers_mixtures_are_all_there():
    ours = [(mixture.name, mixture.figure, mixture.index) for mixture in load_mixtures(PAPER_PROMPTS)]
    assert ours == [(mixture.name, mixture.figure, mixture.index) for mixture in MIXTURES]


def test_the_printed_prompts_are_the_papers():
    (mixture,) = choose_mixtures(load_mixtures(PAPER_PROMPTS), ["Tiger+Zebra"])
    assert (*mixture.prompts, *mixture.guides) == PROMPTS_OF_FIGURE_2A


def test_every_prompt_names_what_it_stands_for():
    for mixture, reported in zip(load_mixtures(PAPER_PROMPTS), MIXTURES, strict=True):
        assert len(mixture.prompts) == len(reported.parts)
        for part, prompt in zip(reported.parts, mixture.prompts, strict=True):
            assert part.lower() in prompt
        for number, guide in enumerate(mixture.guides, start=2):
            assert all(part.lower() in guide for part in reported.parts[:number])


def test_the_demo_model_knows_the_words_of_its_own():
    tokenizer = CogVideoXFolder.open(DEMO_MODEL).load_tokenizer()
    for mixture in load_mixtures(DEMO_PROMPTS):
        for prompt in (*mixture.prompts, *mixture.guides):
            require_known_words("prompt", prompt, tokenizer)


def test_a_file_of_ones_own(tmp_path):
    file = tmp_path / "prompts.json"
    file.write_text(json.dumps([GOOD, {**GOOD, "name": "other", "figure": "2a", "index": 14}]), encoding="utf-8")
    first, other = load_mixtures(file)
    assert (first.name, first.prompts, first.guides) == (
        "Tiger+Zebra",
        ("a tiger", "a zebra"),
        ("a tiger with stripes",),
    )
    assert (first.figure, first.index, other.figure, other.index) == ("", None, "2a", 14)
    assert first.direct_prompt == "a tiger with stripes"
    assert choose_mixtures([first, other], []) == (first, other)
    assert choose_mixtures([first, other], ["other"]) == (other,)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "prompts: expected a list of objects like"),
        ({}, "prompts: expected a list of objects like"),
        (["tiger"], "prompts, entry 1: expected an object, got str"),
        ([{**GOOD, "name": " "}], "entry 1: expected a name"),
        ([{**GOOD, "index": "14"}], "entry 1: expected a name, and optionally a figure and an integer index"),
        (
            [{**GOOD, "prompts": ["a tiger"], "guides": []}],
            "expected at least two prompts, and one guide fewer than prompts",
        ),
        ([{**GOOD, "guides": ["one", "two"]}], r"entry 1 \(Tiger\+Zebra\): expected at least two prompts"),
        ([{**GOOD, "guides": "a tiger"}], "expected at least two prompts, and one guide fewer than prompts"),
        ([{**GOOD, "prompts": ["a tiger", 3]}], "expected at least two prompts, and one guide fewer than prompts"),
        ([{**GOOD, "index": True}], "entry 1: expected a name, and optionally a figure and an integer index"),
        ([{**GOOD, "index": 14.0}], "entry 1: expected a name, and optionally a figure and an integer index"),
        ([{**GOOD, "index": 99}], r"entry 1 \(Tiger\+Zebra\): expected an index from 1 to 30, or no index, got 99"),
        ([{**GOOD, "index": -5}], r"entry 1 \(Tiger\+Zebra\): expected an index from 1 to 30, or no index, got -5"),
        ([{**GOOD, "index": 0}], r"entry 1 \(Tiger\+Zebra\): expected an index from 1 to 30, or no index, got 0"),
        ([{**GOOD, "guide": "x"}], "entry 1: expected only the keys figure, guides, index, name, prompts, got guide"),
        ([{**GOOD, "prompts": ["a tiger", "a tiger"]}], 'expected two different prompts to mix, got "a tiger" twice'),
        ([{**GOOD, "name": "average"}], "entry 1: expected another name, got average, which"),
        ([GOOD, {**GOOD, "name": "tiger+zebra"}], r"for each mixture, got Tiger\+Zebra and tiger\+zebra"),
        ([{**GOOD, "name": "A"}, {**GOOD, "name": "A"}], "a different name for each mixture, got A twice"),
        ([{**GOOD, "name": "Tiger\n+Zebra"}], "entry 1: expected a name on one line"),
        ([{**GOOD, "name": ""}], "entry 1: expected a name"),
        ([{**GOOD, "name": None}], "entry 1: expected a name"),
        ([GOOD, GOOD], r"expected a different name for each mixture, got Tiger\+Zebra twice"),
    ],
)
def test_what_is_wrong_is_said(entries, message, tmp_path):
    file = tmp_path / "prompts.json"
    file.write_text(json.dumps(entries), encoding="utf-8")
    with pytest.raises(PromptError, match=message):
        load_mixtures(file)


def test_a_file_that_is_no_json_is_named(tmp_path):
    file = tmp_path / "prompts.txt"
    file.write_text("a tiger, a zebra", encoding="utf-8")
    with pytest.raises(PromptError, match=r"expected a JSON file that can be read, got .*prompts\.txt"):
        load_mixtures(file)
    with pytest.raises(PromptError, match=r"missing\.json"):
        load_mixtures(tmp_path / "missing.json")


def test_an_unknown_name_is_an_error():
    with pytest.raises(PromptError, match=r"only: expected names from Red\+Blue, .*, got Tiger\+Zebra"):
        choose_mixtures(load_mixtures(DEMO_PROMPTS), ["Tiger+Zebra"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_any_encoding_of_unicode_is_read(encoding, tmp_path):
    file = tmp_path / "prompts.json"
    file.write_text(json.dumps([{**GOOD, "name": "虎+斑馬"}], ensure_ascii=False), encoding=encoding)
    (mixture,) = load_mixtures(file)
    assert (mixture.name, mixture.guides) == ("虎+斑馬", ("a tiger with stripes",))


def test_another_encoding_is_named(tmp_path):
    file = tmp_path / "prompts.json"
    file.write_text(json.dumps([{**GOOD, "name": "Bär+Zebra"}], ensure_ascii=False), encoding="cp1252")
    with pytest.raises(PromptError, match=r"prompts\.json \(not UTF-8: .*\)\. Save it as UTF-8 in your editor"):
        load_mixtures(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"name": "a"},\n]', r"\(line \d, column \d+: .*\)\. Remove the comma before the closing bracket\."),
        ('[{"name": "a",\n}]', r"\(line \d, column \d+: .*\)\. Remove the comma before the closing bracket\."),
        ('[{"name": "a"}\n', r"\(line 2, column 1: .*\)\. It must contain a list"),
        ('[{"name": "a"},', r"\(line 1, column 16: .*\)\. It must contain a list"),
        ("", r"\(line 1, column 1: .*\)\. It must contain a list"),
        ('[{"name": "a", "name": "b"}]', r'\(the key "name" occurs 2 times in one object\)'),
        ("[" * 100_000, "prompts.json"),
        (f'[{{"index": {"9" * 5000}}}]', "prompts.json"),
        ('[{"name": "a", "index": NaN}]', "entry 1: expected a name, and optionally a figure and an integer index"),
    ],
)
def test_json_that_is_damaged_says_where(content, message, tmp_path):
    file = tmp_path / "prompts.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(PromptError, match=message):
        load_mixtures(file)


def test_a_folder_is_no_file_of_prompts(tmp_path):
    with pytest.raises(PromptError, match=r"expected a JSON file that can be read, got .*directory"):
        load_mixtures(tmp_path)


def test_a_mixture_that_is_named_twice_is_there_once():
    names = ["Circle+Square", "Red+Blue", "Circle+Square"]
    assert [mixture.name for mixture in choose_mixtures(load_mixtures(DEMO_PROMPTS), names)] == [
        "Circle+Square",
        "Red+Blue",
    ]


def test_every_unknown_name_is_listed_with_its_option():
    with pytest.raises(PromptError, match=r"^table-1: expected names from .*, got Tiger\+Zebra, Rabbit\+Cat\.$"):
        choose_mixtures(load_mixtures(DEMO_PROMPTS), ["Tiger+Zebra", "Red+Blue", "Rabbit+Cat"], option="table-1")
