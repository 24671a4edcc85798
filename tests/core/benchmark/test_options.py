"""Options of the command line: those for the registry's networks, errors, help, and the documented commands."""

import re
import subprocess
import sys

import pytest
from environment.checkout import ROOT

from richspace_core.benchmark.options import get_weights, parse_options
from richspace_core.metrics import load_aesthetic_head, registry


def test_each_network_has_an_option():
    weights = registry.required_weights()
    options = [text for each in weights for text in (f"--{each.key}", f"path of {each.key}")]
    parsed = parse_options(["videos", "model", "--out", "results", *options])
    assert {key: str(path) for key, path in get_weights(parsed).items()} == {
        each.key: f"path of {each.key}" for each in weights
    }
    assert get_weights(parse_options(["videos", "model", "--out", "results"])) == {}


def test_a_new_network_has_an_option_with_its_title_and_metric(monkeypatch, capsys):
    eye = registry.Weights("eye", "another network", "nowhere", load_aesthetic_head, "eye.pth")
    metric = registry.Metric("glances", "", (eye,), lambda *_: None)
    monkeypatch.setattr(registry, "METRICS", (*registry.METRICS, metric))
    assert get_weights(parse_options(["videos", "model", "--out", "results", "--eye", "e"]))["eye"].name == "e"
    with pytest.raises(SystemExit):
        parse_options(["videos", "--help"])
    assert "another network, for glances" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "0"], "argument --seeds: expected an integer of at least 1, got '0'"),
        (["--seeds", "two"], "argument --seeds: expected an integer of at least 1, got 'two'"),
        (["--draft-steps", "0"], "argument --draft-steps: expected an integer of at least 1, got '0'"),
        (["--candidates", "1.5"], "argument --candidates: expected an integer of at least 1, got '1.5'"),
        (["--cfg", "nan"], "argument --cfg: expected a number of at least 0, got 'nan'"),
        (["--cfg=-1"], "argument --cfg: expected a number of at least 0, got '-1'"),
        (["--cfg", "six"], "argument --cfg: expected a number of at least 0, got 'six'"),
    ],
)
def test_an_option_that_cannot_be_read_is_named(options, message, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_options(["videos", "model", "--out", "results", *options])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_the_documented_commands_are_understood():
    page = (ROOT / "docs" / "EVALUATION.md").read_text("utf-8")
    commands = re.findall(r"^python -m richspace_core\.benchmark ((?:index|videos) [^.\n]\S+.*)$", page, re.M)
    assert len(commands) == 3
    for command in commands:
        assert parse_options(command.split()).out


def test_help_can_be_read_by_a_person():
    for command in ([], ["index"], ["videos"]):
        run = [sys.executable, "-m", "richspace_core.benchmark", *command, "--help"]
        said = subprocess.run(run, capture_output=True, text=True, check=True).stdout
        assert "usage: python -m richspace_core.benchmark" in said
        assert "None" not in said
