"""The reference as a whole: it imports no fast code, and its table names what it exports."""

import ast
import importlib.util
from pathlib import Path

import pytest

from richspace_core import paper

MODULES = sorted(Path(paper.__file__).parent.glob("*.py"))


def imported(module):
    """Yield the full names of the modules that a source file of `paper` imports, anywhere in the file."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield importlib.util.resolve_name("." * node.level + (node.module or ""), paper.__name__)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_it_shares_nothing_with_the_fast_code_but_the_errors(module):
    allowed = {"__future__", "collections", "dataclasses", "math", "sys", "torch", "typing"}
    for name in imported(module):
        own = name == "richspace_core.errors" or name.startswith("richspace_core.paper.")
        assert own or name.split(".")[0] in allowed, name


def test_everything_exported_has_its_place_in_the_paper():
    rows = [line for line in paper.__doc__.splitlines() if line.startswith("| ") and "`" in line]
    named = {piece for row in rows for piece in row.split("`")[1::2]}
    # OptimalFinding is what optimal_finder returns, no piece of the paper.
    assert named == set(paper.__all__) - {"OptimalFinding"}
    assert all(hasattr(paper, name) for name in paper.__all__)
    assert all(any(word in row for word in ("Algorithm", "Definition", "Fact", "Lemma", "Theorem")) for row in rows)
