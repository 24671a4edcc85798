"""The layout of the checkout: what may import what, and names that must not clash."""

import ast
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest
from environment.checkout import ROOT, TOOLS, find_host
from environment.oldest_libraries import TESTS as OLDEST_TESTS

PRODUCT = sorted(
    file
    for file in ROOT.rglob("*.py")
    if file.relative_to(ROOT).parts[0] not in (".dev", "tests", "build", "dist") and "site-packages" not in file.parts
)
STANDARD_LIBRARY_ONLY = [ROOT / "dev.py", TOOLS / "checks.py", *sorted((TOOLS / "environment").glob("*.py"))]
TOOL_NAMES = sorted(path.stem for path in TOOLS.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file())


def imported_by(file: Path) -> set[str]:
    """Return the first part of every module's name that a file imports absolutely."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize(("folder", "siblings"), [("host", set()), ("native", {"host"})])
def test_no_file_below_nodes_imports_a_node(folder, siblings):
    """`nodes/host` imports nothing else of `nodes/`; `nodes/native` imports only `nodes/host`."""
    files = sorted((ROOT / "nodes" / folder).glob("*.py"))
    assert files
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        upward = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 2]
        found = {name for node in upward for name in ([node.module] if node.module else [a.name for a in node.names])}
        assert {name.partition(".")[0] for name in found} <= siblings, file.name


@pytest.mark.parametrize("file", PRODUCT, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_nothing_outside_tests_imports_from_tests(file):
    support = {path.stem for path in (ROOT / "tests" / "support").glob("*.py")}
    assert not imported_by(file) & (support | {"tests", "conftest"})
    text = file.read_text(encoding="utf-8")
    assert "tests/support" not in text
    assert '"tests" / "support"' not in text


def test_the_product_was_found():
    assert {ROOT / "__init__.py", ROOT / "dev.py", TOOLS / "run_demo.py"} <= set(PRODUCT)
    assert ROOT / "richspace_core" / "embedding.py" in PRODUCT


@pytest.mark.parametrize("file", STANDARD_LIBRARY_ONLY, ids=lambda file: file.name)
def test_dev_py_starts_with_the_standard_library_only(file):
    assert imported_by(file) <= sys.stdlib_module_names | {"checks", "environment"}


@pytest.mark.parametrize("name", TOOL_NAMES)
def test_a_tool_hides_no_other_module(name):
    """tools/ is on sys.path, next to the installed packages and, in the nodes' tests, ComfyUI's own folder."""
    assert name not in sys.stdlib_module_names
    others = [path for path in sys.path if Path(path).resolve() != TOOLS]
    assert PathFinder.find_spec(name, [*others, *filter(None, [str(find_host() or "")])]) is None


def test_the_checkout_itself_is_not_on_sys_path():
    """There nodes/ would hide ComfyUI's module `nodes`."""
    assert ROOT not in {Path(path).resolve() for path in sys.path}


@pytest.mark.parametrize("file", OLDEST_TESTS)
def test_the_tests_of_the_oldest_libraries_exist(file):
    assert (ROOT / "tests" / file).is_file()
