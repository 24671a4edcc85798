"""Texts of the errors that the code raises, derived from its source.

A part of an error (`expected`, `got`, `hint`) is an expression. Its *forms* are the texts that it can be, with
`PLACE` for each value that only a run knows. The rules:

- both branches of ``x if y else z`` and of ``x or y``;
- a name: what its function assigns to it, what the callers of its function pass, or a constant with several words;
- an attribute: what is passed for that field to a dataclass of the same module;
- a call: what a function of the pack returns.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PLACE = "\0"
PARTS = ("expected", "got", "hint")

_MOST_FORMS = 200  # of one expression
_ADDRESS = re.compile(r"\w/\w")
_NAMED = re.compile(r"`[^`]*`")  # the name of an argument, in place of which the name of an input is shown


@dataclass(frozen=True)
class Part:
    """Form of a part of an error.

    Args:
        name: One of `PARTS`, or "argument".
        form: Text with a `PLACE` for each value.
        module: Path of the module that raises it, from the pack's root.
        function: Name of the function that raises it, after its class.
    """

    name: str
    form: str
    module: str
    function: str


@dataclass(frozen=True, eq=False)
class _Scope:
    """Place of an expression: its module, and the functions and classes around it, outermost first."""

    module: str
    around: tuple[ast.AST, ...] = ()

    @property
    def function(self) -> ast.FunctionDef | None:
        return next((each for each in reversed(self.around) if isinstance(each, ast.FunctionDef)), None)

    @property
    def name(self) -> str:
        return ".".join(getattr(each, "name", "") for each in self.around)


class ErrorParts:
    """Forms of all parts of errors in modules.

    Args:
        root: Folder of the pack.
        modules: Its modules.
    """

    def __init__(self, root: Path, modules: Iterable[Path]) -> None:
        self._functions: dict[str, list[tuple[_Scope, ast.FunctionDef]]] = defaultdict(list)
        self._calls: dict[str, list[tuple[_Scope, ast.Call]]] = defaultdict(list)
        self._constants: dict[str, list[tuple[_Scope, ast.expr]]] = defaultdict(list)
        self._classes: dict[str, list[tuple[_Scope, ast.ClassDef]]] = defaultdict(list)
        self._open: set[int] = set()
        for file in modules:
            module = file.relative_to(root).as_posix()
            tree = ast.parse(file.read_text(encoding="utf-8"))
            self._index(tree, _Scope(module))

    def __iter__(self) -> Iterator[Part]:
        """Yield the parts of each error that is raised; a part with several forms once for each."""
        raised = [call for name, calls in self._calls.items() if name.endswith("Error") for call in calls]
        for scope, call in raised:
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            if "expected" in given and "got" in given:
                given |= dict(zip(["argument"], call.args, strict=False))
                for name in ("argument", *PARTS):
                    for form in sorted(self.forms(given[name], scope)) if name in given else ():
                        yield Part(name, _tidy(form), scope.module, scope.name)

    def passed(self, function: str, module: str) -> set[str]:
        """Return the forms of all arguments that a module passes to a function."""
        calls = [(scope, call) for scope, call in self._calls[function] if scope.module == module]
        return {_tidy(form) for scope, call in calls for argument in call.args for form in self.forms(argument, scope)}

    def forms(self, expression: ast.expr, scope: _Scope) -> set[str]:
        """Return the texts that an expression can be; only a place if nothing is known."""
        if id(expression) in self._open:  # a name that is assigned to itself
            return {PLACE}
        self._open.add(id(expression))
        try:
            read = getattr(self, f"_of_{type(expression).__name__}", None)
            found = set(read(expression, scope)) if read else {PLACE}
        finally:
            self._open.remove(id(expression))
        return found if 0 < len(found) <= _MOST_FORMS else {PLACE}

    def _index(self, node: ast.AST, scope: _Scope) -> None:
        if isinstance(node, ast.FunctionDef):
            self._functions[node.name].append((scope, node))
        elif isinstance(node, ast.ClassDef):
            self._classes[node.name].append((scope, node))
        elif isinstance(node, ast.Call):
            self._calls[_called(node)].append((scope, node))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and not scope.around:
            for name in _names(node):
                self._constants[name].append((scope, node.value))
        inner = scope
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            inner = _Scope(scope.module, (*scope.around, node))
        for child in ast.iter_child_nodes(node):
            self._index(child, inner)

    def _of_Constant(self, node: ast.Constant, _: _Scope) -> set[str]:  # noqa: N802 - named after ast's classes
        return {_NAMED.sub(PLACE, node.value) if isinstance(node.value, str) else PLACE}

    def _of_JoinedStr(self, node: ast.JoinedStr, scope: _Scope) -> set[str]:  # noqa: N802
        return _joined([self.forms(part, scope) for part in node.values])

    def _of_FormattedValue(self, node: ast.FormattedValue, scope: _Scope) -> set[str]:  # noqa: N802
        if node.format_spec is not None or node.conversion != -1:
            return {PLACE}
        return {PLACE if _is_value(form) else form for form in self.forms(node.value, scope)}

    def _of_BinOp(self, node: ast.BinOp, scope: _Scope) -> set[str]:  # noqa: N802
        if not isinstance(node.op, ast.Add):
            return {PLACE}
        return _joined([self.forms(node.left, scope), self.forms(node.right, scope)])

    def _of_IfExp(self, node: ast.IfExp, scope: _Scope) -> set[str]:  # noqa: N802
        return self.forms(node.body, scope) | self.forms(node.orelse, scope)

    def _of_BoolOp(self, node: ast.BoolOp, scope: _Scope) -> set[str]:  # noqa: N802
        return set().union(*(self.forms(value, scope) for value in node.values))

    def _of_Subscript(self, node: ast.Subscript, scope: _Scope) -> set[str]:  # noqa: N802
        return self.forms(node.value, scope) if isinstance(node.slice, ast.Slice) else {PLACE}

    def _of_Name(self, node: ast.Name, scope: _Scope) -> set[str]:  # noqa: N802
        function = scope.function
        if function is not None:
            local = [self.forms(value, scope) for value in _assigned(function, node.id)]
            if local:
                return set().union(*local)
            if node.id in _parameters(function):
                return self._passed(function, node.id, scope)
        found = self._constants.get(node.id, [])
        near = [(place, value) for place, value in found if place.module == scope.module] or found
        return self.forms(near[0][1], near[0][0]) if near else {PLACE}

    def _of_Attribute(self, node: ast.Attribute, scope: _Scope) -> set[str]:  # noqa: N802
        forms: set[str] = set()
        for name, classes in self._classes.items():
            for place, kind in classes:
                fields = [line.target.id for line in kind.body if isinstance(line, ast.AnnAssign)]  # type: ignore[union-attr]
                if place.module == scope.module and node.attr in fields:
                    for caller, call in self._near(name, scope):
                        forms |= self._argument(call, caller, node.attr, fields)
        return forms or {PLACE}

    def _of_Call(self, node: ast.Call, scope: _Scope) -> set[str]:  # noqa: N802
        name = _called(node)
        if name in ("strip", "rstrip") and isinstance(node.func, ast.Attribute):
            return {form.strip() for form in self.forms(node.func.value, scope)}
        forms: set[str] = set()
        for place, function in self._functions.get(name, []):
            is_text = isinstance(function.returns, ast.Name) and function.returns.id == "str"
            is_known = not place.around and (place.module == scope.module or name[0] != "_")
            if is_text and is_known and isinstance(node.func, ast.Name):
                inner = _Scope(place.module, (*place.around, function))
                for line in ast.walk(function):
                    if isinstance(line, ast.Return) and line.value is not None:
                        forms |= self.forms(line.value, inner)
        return forms or {PLACE}

    def _passed(self, function: ast.FunctionDef, parameter: str, scope: _Scope) -> set[str]:
        """Return what the callers of a function pass for a parameter, and its default."""
        parameters = [name for name in _parameters(function) if name not in ("self", "cls")]
        forms = {form for default in _defaults(function, parameter) for form in self.forms(default, scope)}
        is_method = any(isinstance(each, ast.ClassDef) for each in scope.around)
        for caller, call in self._near(function.name, scope):
            others = any(place.around for place, _ in self._functions[function.name])
            if isinstance(call.func, ast.Attribute) == is_method or (not is_method and not others):
                forms |= self._argument(call, caller, parameter, parameters)
        return forms or {PLACE}

    def _near(self, name: str, scope: _Scope) -> list[tuple[_Scope, ast.Call]]:
        """Return the calls of a function: of a private one, those in its own module."""
        return [(at, call) for at, call in self._calls.get(name, []) if name[0] != "_" or at.module == scope.module]

    def _argument(self, call: ast.Call, scope: _Scope, name: str, names: list[str]) -> set[str]:
        given = dict(zip(names, call.args, strict=False)) | {each.arg: each.value for each in call.keywords if each.arg}
        return self.forms(given[name], scope) if name in given else set()


def _tidy(form: str) -> str:
    """Return a form with one place for each value, also for a sum or an argument's name in backticks."""
    return re.sub(f"{PLACE}+", PLACE, form.replace(f"`{PLACE}`", PLACE))


def _called(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _names(assignment: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = assignment.targets if isinstance(assignment, ast.Assign) else [assignment.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _parameters(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    return [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def _defaults(function: ast.FunctionDef, parameter: str) -> list[ast.expr]:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    with_default = zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True)
    pairs = [*with_default, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    return [default for each, default in pairs if each.arg == parameter and default is not None]


def _assigned(function: ast.FunctionDef, name: str) -> list[ast.expr]:
    """Return the expressions that a function assigns to a name, also in a tuple of several."""
    values: list[ast.expr] = []
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                values += _values_of(target, node.value, name)
        elif isinstance(node, ast.NamedExpr | ast.AnnAssign) and node.value is not None:
            values += _values_of(node.target, node.value, name)
    return values


def _values_of(target: ast.expr, value: ast.expr, name: str) -> list[ast.expr]:
    if isinstance(target, ast.Name):
        return [value] if target.id == name else []
    if isinstance(target, ast.Tuple) and isinstance(value, ast.IfExp):
        return _values_of(target, value.body, name) + _values_of(target, value.orelse, name)
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=False)
        return [found for one, other in pairs for found in _values_of(one, other, name)]
    return []


def _is_value(form: str) -> bool:
    """Return whether a form inside another text is a value: one word such as a file's name, or an address."""
    return bool(form) and (" " not in form or _ADDRESS.search(form) is not None or not re.search(r"[A-Za-z]", form))


def _joined(parts: list[set[str]]) -> set[str]:
    if not parts:
        return {""}
    combinations = itertools.islice(itertools.product(*map(sorted, parts)), _MOST_FORMS + 1)
    return {"".join(combination) for combination in combinations}
