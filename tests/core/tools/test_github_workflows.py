"""The workflows for GitHub: what they call is there."""

import re

import pytest
import yaml
from environment.checkout import ROOT, import_file

WORKFLOWS = {file.stem: file for file in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}


@pytest.fixture(params=WORKFLOWS)
def workflow(request):
    return yaml.safe_load(WORKFLOWS[request.param].read_text(encoding="utf-8"))


def steps_of(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_there_is_one_for_tests_and_one_to_publish():
    assert [*WORKFLOWS] == ["publish", "tests"]


def test_every_job_has_a_system_a_limit_and_steps(workflow):
    assert workflow[True]  # YAML reads the key `on` as a truth value
    assert "permissions" in workflow
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        assert job["timeout-minutes"] <= 90
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "an/action@v1"))


def test_every_file_and_command_is_there(workflow):
    parser = import_file("dev", ROOT / "dev.py").make_parser()
    for step in steps_of(workflow):
        words = step.get("run", "").split()
        for word in words:
            if re.fullmatch(r"(\.ci|tests|tools|docs)/[\w/.]+|\w+\.(py|toml|txt)", word):
                assert (ROOT / word).exists(), word
        if "dev.py" in words:
            parser.parse_args([words[words.index("dev.py") + 1]])


def test_the_library_is_tested_on_three_systems_with_every_python():
    tests = yaml.safe_load(WORKFLOWS["tests"].read_text(encoding="utf-8"))
    matrix = tests["jobs"]["library"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "windows-latest", "macos-latest"]
    tested = {*matrix["python"], *(each["python"] for each in matrix["include"])}
    assert sorted(tested, key=lambda version: int(version.partition(".")[2])) == ["3.10", "3.11", "3.12", "3.13"]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'requires-python = ">=3.10"' in project


def test_a_release_is_checked_before_it_is_published():
    publish = yaml.safe_load(WORKFLOWS["publish"].read_text(encoding="utf-8"))
    steps = [step.get("uses") or step["run"] for step in steps_of(publish)]
    check = next(index for index, step in enumerate(steps) if step.startswith("python3 dev.py address"))
    assert check < steps.index("Comfy-Org/publish-node-action@v1")
