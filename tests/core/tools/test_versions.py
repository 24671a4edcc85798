"""The table of `dev.py versions`, and how its program treats what cannot be had or fails."""

import importlib.util
import subprocess
import sys

import pytest
from environment.programs import ToolError
from reliability import side_environments, trials, versions
from reliability.combinations import COMBINATIONS, Combination
from reliability.trials import Outcome, count_outcomes, describe_difference, describe_runs, read_outcomes
from reliability.version_table import Row, read_rows, save_row, write_markdown

JUNIT = """<testsuites><testsuite>
<testcase classname="a.TestB" name="test_c" />
<testcase classname="a.TestB" name="test_d"><failure message="no">no</failure></testcase>
<testcase classname="a" name="test_e"><skipped /></testcase>
<testcase classname="a" name="test_f"><error message="no">no</error></testcase>
</testsuite></testsuites>"""

PIP = """Installing torch failed. The end of its output (/home/artist/log):
ERROR: Could not find a version that satisfies the requirement torch==9 (from versions: 2.14.1)
ERROR: No matching distribution found for torch==9 in https://index.example/simple
This row is left out."""


def test_combinations_have_names_of_their_own_and_trials_that_exist():
    assert len({combination.name for combination in COMBINATIONS}) == len(COMBINATIONS)
    assert {check for combination in COMBINATIONS for check in combination.checks} == {*trials.TRIALS} - {trials.QUICK}


class TestProgram:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.setattr(side_environments, "FOLDER", tmp_path / "versions")
        monkeypatch.setattr(side_environments, "LOGS", tmp_path / "logs")
        return tmp_path

    def test_a_python_that_is_not_there_is_a_row(self):
        row = versions.try_combination(Combination("new", "a Python of the future", python="3.99"))
        assert row.absent == "There is no Python 3.99 here: not on PATH, nor of pyenv or uv."
        assert row.is_good
        assert not row.outcomes

    def test_a_trial_that_fails_does_not_keep_the_next_from_running(self, monkeypatch):
        def fail(*_):
            raise ToolError("It broke.")

        both = {"one": fail, "two": lambda *_: Outcome(True, "2 passed")}
        monkeypatch.setattr(versions, "TRIALS", both)
        row = versions.try_combination(Combination("current", "as installed", checks=("one", "two")))
        assert [(it.ok, it.seen.rpartition(" (")[0]) for it in row.outcomes.values()] == [
            (False, "It broke."),
            (True, "2 passed"),
        ]
        assert not row.is_good
        assert row.versions["python"] == sys.version.split()[0]

    def test_a_name_that_is_not_known(self):
        with pytest.raises(ToolError, match=r"no combination tensorflow\. Known are: current, "):
            versions.choose(["tensorflow"])

    def test_an_error_is_told_without_addresses_and_folders(self):
        assert versions.shorten_error(PIP) == "No matching distribution found for torch==9 in"
        assert versions.shorten_error("It broke.\nmore") == "It broke."

    def test_an_overlay_finds_its_own_packages_first_and_the_others_below(self, folder):
        place = folder / "overlay"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
        side_environments._look_below(place)
        (own,) = place.glob("[Ll]ib/**/site-packages")
        (own / "numpy.py").write_text("")
        code = "from importlib.util import find_spec; print(find_spec('numpy').origin, find_spec('einops').origin)"
        python = next(file for file in place.glob("*/python*") if file.is_file())
        found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        assert found == [str(own / "numpy.py"), importlib.util.find_spec("einops").origin]


class TestOutcomes:
    def test_are_read_and_counted(self):
        outcomes = read_outcomes(JUNIT)
        assert outcomes == {
            "a.TestB::test_c": "passed",
            "a.TestB::test_d": "failed",
            "a::test_e": "skipped",
            "a::test_f": "error",
        }
        assert count_outcomes(outcomes) == "1 passed, 1 skipped, 1 failed, 1 error"
        assert count_outcomes({}) == "no test"

    def test_a_difference_is_named(self):
        assert describe_difference({"a": 1, "b": 2}, {"a": 1, "b": 3}, "2 tests") == Outcome(
            False, "2 tests; 1 differ with the pack: b"
        )
        assert describe_difference({"a": 1}, {"a": 1}, "1 test") == Outcome(True, "1 test; the same without the pack")
        assert not describe_difference({}, {}, "0 tests").ok

    def test_what_the_nodes_chose(self):
        shown = {"Mix": "15 of 30: 50% A, 50% B", "A": "8 of 64 tokens"}
        report = {"nodes": 29, "runs": {"Mix (demo)": {"shown": shown}, "Other (demo)": {"shown": {}}}}
        assert describe_runs(report) == "29 nodes; Mix: 15 of 30; Other: done"


def test_the_table_keeps_other_rows_and_the_order_of_the_combinations(tmp_path):
    file = tmp_path / "versions.json"
    good = Row("second", "new", "2026-01-02", {"python": "3.12.1", "torch": "2.6.0"}, {"tests": Outcome(True, "1|2")})
    for row in (
        good,
        Row("first", "old", "2026-01-01", absent="No wheel."),
        Row("first", "old", "2026-01-03", {"python": "3.13.0", "torch": ""}, {"tests": Outcome(False, "1 failed")}),
    ):
        save_row(file, row)
    rows = read_rows(file)
    assert good in rows
    assert write_markdown(rows, ["first", "second"]).splitlines()[2:] == [
        "| `first`: old | Python 3.13.0 | tests: **failed**, 1 failed | 2026-01-03 |",
        "| `second`: new | Python 3.12.1, torch 2.6.0 | tests: ok, 1\\|2 | 2026-01-02 |",
    ]
    absent = Row("first", "old", "2026-01-01", absent="No wheel.")
    assert write_markdown([absent], ["first"]).splitlines()[2].endswith("| could not be had: No wheel. | 2026-01-01 |")
