"""Indices of the finder for each mixture, and their distances from the paper's."""

import csv
import json
import re
import statistics

import pytest
import torch
from embeddings import RandomEncoder
from small_models.tiny_models import DEMO_MODEL

from richspace_core import EmbeddingError, PromptError, find_optimal_chain
from richspace_core.benchmark.cli import main
from richspace_core.benchmark.indices import Finding, compute_distances, find_mixture, format_index_report, write_index
from richspace_core.benchmark.mixtures import Mixture
from richspace_core.benchmark.text_encoder import load_text_encoder

PAIR = Mixture("Tiger+Zebra", ("tiger", "zebra"), ("a tiger like a zebra",), "2a", 14)
CHAIN = Mixture("A+B+C", ("a", "bb", "ccc"), ("a bb", "d a bb ccc"))


def test_a_mixture_is_found_as_the_finder_finds_it():
    def encode(text):
        return RandomEncoder().encode(text).embedding

    finding = find_mixture(CHAIN, RandomEncoder(), steps=30)
    expected = find_optimal_chain(
        encode("a"), [(encode("bb"), encode("a bb")), (encode("ccc"), encode("d a bb ccc"))], steps=30
    )
    assert [stage.index for stage in finding.chain.stages] == [stage.index for stage in expected.stages]
    torch.testing.assert_close(finding.chain.embedding.values, expected.embedding.values, rtol=0, atol=0)
    torch.testing.assert_close(finding.direct.values, encode("d a bb ccc").values, rtol=0, atol=0)


def test_an_error_names_the_mixture():
    with pytest.raises(EmbeddingError, match=r"^Same, stage 1, "):
        find_mixture(Mixture("Same", ("tiger", "tiger"), ("tiger like a tiger",)), RandomEncoder(), steps=30)


@pytest.fixture(scope="module")
def demo_encoder():
    return load_text_encoder(DEMO_MODEL, dtype=torch.float32)


@pytest.mark.parametrize(
    ("mixture", "where"),
    [
        (Mixture("Red+Sky", ("a red circle", "a sky blue circle"), ("a red and blue circle",)), "Red+Sky, prompt 2"),
        (Mixture("Red+Blue", ("a red circle", "a blue circle"), ("a red sky circle",)), "Red+Blue, guide 1"),
    ],
)
def test_unknown_words_name_the_mixture(mixture, where, demo_encoder):
    with pytest.raises(PromptError, match=rf'^{re.escape(where)}: expected only words .*, got "sky"\. Its words are'):
        find_mixture(mixture, demo_encoder, steps=30)


TOO_LONG = "a red and blue circle " * 40
LOST = (
    r"Long, guide 1: The prompt has 201 tokens and the model reads \d+\. These words were lost: .* Shorten the prompt\."
)


def test_lost_words_name_the_mixture(demo_encoder):
    finding = find_mixture(Mixture("Long", ("a red circle", "a blue circle"), (TOO_LONG,)), demo_encoder, steps=30)
    (notice,) = finding.notices
    assert re.fullmatch(LOST, notice)
    short = find_mixture(Mixture("Short", ("a red circle", "a blue circle"), ("a red and blue circle",)), demo_encoder,
                         steps=30)  # fmt: skip
    assert short.notices == ()


def test_the_command_names_lost_words(tmp_path, capsys):
    mixture = {"name": "Long", "prompts": ["a red circle", "a blue circle"], "guides": [TOO_LONG]}
    prompts = tmp_path / "prompts.json"
    prompts.write_text(json.dumps([mixture]), encoding="utf-8")
    assert main(["index", str(DEMO_MODEL), "--prompts", str(prompts), "--out", str(tmp_path / "out")]) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert re.fullmatch(f"warning: {LOST}", line)


def test_distances_from_the_papers_indices():
    found = find_mixture(PAIR, RandomEncoder(), steps=30)
    index = found.last.index
    other = Finding(Mixture("other", PAIR.prompts, PAIR.guides, "5", 20), found.chain, found.direct)
    mean = compute_distances([found, other, find_mixture(CHAIN, RandomEncoder(), steps=30)])
    assert mean.count == 2
    assert mean.finder == pytest.approx((abs(index - 14) + abs(index - 20)) / 2)
    assert mean.middle == pytest.approx((1 + 5) / 2)
    expected = statistics.fmean([sum(range(1, 14)) + sum(range(1, 17)), sum(range(1, 20)) + sum(range(1, 11))]) / 30
    assert mean.random == pytest.approx(expected)


def test_indices_on_other_lines_are_not_compared():
    assert compute_distances([find_mixture(PAIR, RandomEncoder(), steps=20)]) is None
    assert compute_distances([find_mixture(CHAIN, RandomEncoder(), steps=30)]) is None


def test_the_files_say_the_same(tmp_path):
    findings = [find_mixture(PAIR, RandomEncoder(), steps=30), find_mixture(CHAIN, RandomEncoder(), steps=30)]
    write_index(tmp_path, findings)
    report = (tmp_path / "index.md").read_text(encoding="utf-8")
    assert report == format_index_report(findings)
    with (tmp_path / "index.csv").open(encoding="utf-8", newline="") as file:
        pair, chain = csv.DictReader(file)
    last = findings[0].last
    assert [pair[key] for key in ("mixture", "figure", "index", "paper")] == [
        "Tiger+Zebra",
        "2a",
        str(last.index),
        "14",
    ]
    assert int(pair["difference"]) == last.index - 14
    assert float(pair["optimum"]) == last.continuous_weight
    assert (chain["paper"], chain["difference"]) == ("", "")
    assert f"| Tiger+Zebra | 2a | {last.index} | 14 | {last.index - 14} |" in report
    assert "over 1 mixtures" in report
