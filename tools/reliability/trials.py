"""What `dev.py versions` runs in an environment: tests, demo workflows, and ComfyUI's own tests and templates."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from environment.checkout import ARTIFACTS, LOGS, ROOT, TOOLS
from environment.newest_frontend import fetch_newest_frontend
from environment.oldest_libraries import TESTS
from environment.programs import ToolError, child, last_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from reliability.side_environments import SideEnvironment

QUICK_TESTS = (
    "core/cogvideox/test_config.py",
    "core/cogvideox/test_folder.py",
    "core/cogvideox/test_sampling.py",
    "core/cogvideox/test_t5.py",
    "core/metrics/test_backbones.py",
    "nodes/test_native_lora.py",
)

# Every workflow is dropped on the page and run, the demo's in both renderers; the pack's own script; colors and layout.
BROWSER_TESTS = ("test_workflows.py", "test_extension.py", "test_page.py", "test_looks.py")

TEMPLATES = 90  # of the 270 that use conditionings, evenly spaced: a run takes 3 minutes without other load

RESULTS = ARTIFACTS / "versions"
QUICK = "quick library tests"
PASSED = ("passed", "skipped")

# Old libraries warn about new ones and the other way round, so warnings are not errors here.
PYTEST_OPTIONS = ("-q", "-W", "default", "--disable-warnings")


@dataclass(frozen=True)
class Outcome:
    """Result of a trial: whether it went well, and what was seen, in a line."""

    ok: bool
    seen: str


def run_library_tests(environment: SideEnvironment, name: str) -> Outcome:
    """Run the tests that call other libraries."""
    return _run_tests(environment, name, [ROOT / "tests" / test for test in TESTS])


def run_quick_library_tests(environment: SideEnvironment, name: str) -> Outcome:
    """Run those of them that load models and files, and take a tenth of the time."""
    return _run_tests(environment, name, [ROOT / "tests" / test for test in QUICK_TESTS])


def run_browser_tests(environment: SideEnvironment, name: str) -> Outcome:
    """Run the browser tests with the frontend that ComfyUI pins."""
    return _run_tests(environment, name, [ROOT / "tests" / "browser" / test for test in BROWSER_TESTS])


def run_browser_tests_with_the_newest_frontend(environment: SideEnvironment, name: str) -> Outcome:
    """Run the browser tests with the newest frontend."""
    variables = {"FRONTEND_ROOT": str(fetch_newest_frontend(environment.python))}
    tests = [ROOT / "tests" / "browser" / test for test in BROWSER_TESTS]
    return _run_tests(environment, name, tests, variables=variables)


def _run_tests(
    environment: SideEnvironment, name: str, tests: Sequence[Path], *, variables: Mapping[str, str] | None = None
) -> Outcome:
    outcomes = run_pytest(environment, name, [*PYTEST_OPTIONS, *tests], cwd=ROOT, variables=variables)
    bad = sorted(test for test, outcome in outcomes.items() if outcome not in PASSED)
    return Outcome(bool(outcomes) and not bad, count_outcomes(outcomes) + (f": {', '.join(bad[:5])}" if bad else ""))


def run_pytest(
    environment: SideEnvironment,
    name: str,
    options: Sequence[str | Path],
    *,
    cwd: Path,
    variables: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Run pytest; return the outcome of every test by its name: passed, skipped, failed or error.

    Raises:
        ToolError: If it ends without results.
    """
    RESULTS.mkdir(parents=True, exist_ok=True)
    results, log = RESULTS / f"{name}.xml", LOGS / f"versions-{name}.log"
    results.unlink(missing_ok=True)
    command = [environment.python, environment.pytest, f"--junit-xml={results}", *options]
    _run_quietly(command, log, {**environment.variables, **(variables or {})}, cwd)
    if not results.is_file():
        raise ToolError(f"pytest ended without results. The end of its output ({log}):\n{last_lines(log, 15)}")
    return read_outcomes(results.read_text(encoding="utf-8"))


def read_outcomes(results: str) -> dict[str, str]:
    """Return the outcome of every test in a JUnit file."""
    outcomes = {}
    for case in ElementTree.fromstring(results).iter("testcase"):  # noqa: S314 - the files are pytest's own
        found = [kind for kind in ("error", "failure", "skipped") if case.find(kind) is not None]
        outcome = {"failure": "failed"}.get(found[0], found[0]) if found else "passed"
        outcomes[f"{case.get('classname')}::{case.get('name')}"] = outcome
    return outcomes


def count_outcomes(outcomes: Mapping[str, str]) -> str:
    """Count outcomes, as in "946 passed, 1 skipped".

    >>> count_outcomes({"a": "passed", "b": "skipped", "c": "passed"})
    '2 passed, 1 skipped'
    """
    counts = {kind: [*outcomes.values()].count(kind) for kind in ("passed", "skipped", "failed", "error")}
    return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "no test"


def run_demo_workflows(environment: SideEnvironment, name: str) -> Outcome:
    """Run two demo workflows in a real ComfyUI."""
    return Outcome(True, describe_runs(run_program(environment, name, "demo_runs")))


def run_demo_workflows_next_to_other_packs(environment: SideEnvironment, name: str) -> Outcome:
    """Run two demo workflows in a ComfyUI that also has ComfyUI-Manager and comfyui-tooling-nodes."""
    pack = environment.site_packages / "comfyui_tooling_nodes"
    report = run_program(environment, name, "demo_runs", "--pack", pack, "--", "--enable-manager")
    return Outcome(True, describe_runs(report))


def compare_host_tests(environment: SideEnvironment, name: str) -> Outcome:
    """Run ComfyUI's own tests without and with the pack, and compare every outcome."""
    from reliability.host_tests import run_host_tests

    without, with_pack = (run_host_tests(environment, name, with_pack=having) for having in (False, True))
    return describe_difference(without, with_pack, count_outcomes(with_pack))


def compare_templates(environment: SideEnvironment, name: str) -> Outcome:
    """Have the frontend convert ComfyUI's templates and ComfyUI validate them, without and with the pack."""
    return _compare_templates(environment, name)


def compare_templates_next_to_other_packs(environment: SideEnvironment, name: str) -> Outcome:
    """Do the same in a ComfyUI that also has ComfyUI-Manager and comfyui-tooling-nodes."""
    pack = environment.site_packages / "comfyui_tooling_nodes"
    return _compare_templates(environment, name, "--pack", pack, "--", "--enable-manager")


def _compare_templates(environment: SideEnvironment, name: str, *options: str | Path) -> Outcome:
    count = ("--count", str(TEMPLATES))
    without = run_program(environment, f"{name}-without", "host_templates", *count, *options)
    with_pack = run_program(environment, f"{name}-with", "host_templates", *count, "--with-pack", *options)
    return describe_difference(without, with_pack, f"{len(with_pack)} templates")


def describe_difference(without: Mapping[str, Any], with_pack: Mapping[str, Any], count: str) -> Outcome:
    """Say whether two runs gave the same, else what differs."""
    names = sorted({*without, *with_pack})
    different = [name for name in names if without.get(name) != with_pack.get(name)]
    if different:
        return Outcome(False, f"{count}; {len(different)} differ with the pack: {', '.join(different[:5])}")
    return Outcome(bool(without), f"{count}; the same without the pack")


def run_program(environment: SideEnvironment, name: str, program: str, *arguments: str | Path) -> Any:
    """Run a program of this folder in an environment; return the JSON in the last line of its output.

    Raises:
        ToolError: If it fails.
    """
    log = LOGS / f"versions-{name}-{program}.log"
    server_log = LOGS / f"versions-{name}-comfyui.log"
    command = [environment.python, TOOLS / "reliability" / f"{program}.py", "--log", server_log, *arguments]
    # ComfyUI validates outputs in the order of a set, which differs from process to process without this.
    variables = {**environment.variables, "PYTHONHASHSEED": "0"}
    status = _run_quietly(command, log, variables, ROOT)
    if status:
        raise ToolError(f"{program} failed. The end of its output ({log}):\n{last_lines(log, 15)}")
    return json.loads(last_lines(log, 1) if log.stat().st_size < 16_000 else log.read_text("utf-8").splitlines()[-1])


def describe_runs(report: Mapping[str, Any]) -> str:
    """Describe the runs of the demo workflows in a line: the number of nodes, and what the nodes said."""
    runs = (
        f"{name.removesuffix(' (demo)')}: {', '.join(_choices(run['shown'].values())) or 'done'}"
        for name, run in report["runs"].items()
    )
    return f"{report['nodes']} nodes; " + "; ".join(runs)


def _choices(texts: Any) -> list[str]:
    found = (re.match(r"\d+ of \d+(?=:)", text) for text in texts)
    return [match.group() for match in found if match]


def _run_quietly(command: Sequence[str | Path], log: Path, variables: Mapping[str, str], cwd: Path) -> int:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output, child(command, output=output, environment=variables, cwd=cwd) as process:
        pass
    return int(process.returncode)


TRIALS: Mapping[str, Callable[[SideEnvironment, str], Outcome]] = {
    "library tests": run_library_tests,
    QUICK: run_quick_library_tests,
    "demo workflows": run_demo_workflows,
    "browser tests": run_browser_tests,
    "browser tests, newest frontend": run_browser_tests_with_the_newest_frontend,
    "ComfyUI's tests": compare_host_tests,
    "templates": compare_templates,
    "demo workflows next to other packs": run_demo_workflows_next_to_other_packs,
    "templates next to other packs": compare_templates_next_to_other_packs,
}
