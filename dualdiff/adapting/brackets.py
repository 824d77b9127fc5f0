"""Brackets in a source: the loops that may be a search by comparisons, and the names of the ends of each.

See searches.py, which watches them in a run.
"""

from __future__ import annotations

import ast
from typing import Any

from .loops import own

_OF_NUMBERS = frozenset({
    "abs", "fabs", "absolute", "float", "float64", "float32", "min", "max", "minimum", "maximum", "sqrt", "exp", "log",
    "mean", "array", "asarray", "linspace",
})  # fmt: skip
_BY_BRANCH = frozenset({"where", "select"})
_OF_FRAMES = frozenset({"locals", "vars", "dir", "eval", "exec"})


def searches_of(node: Any) -> dict[ast.AST, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The loops of a function that may be searches: of each what `Search` is made with, and the names it is shown.

    Those are of the ends, or of a place and a step, then of what else they are made of; all are bound when it begins.
    """
    parts = list(own(node))
    loops = [part for part in parts if isinstance(part, (ast.For, ast.While))]
    if not loops or any(isinstance(part, ast.Name) and part.id in _OF_FRAMES for part in parts):
        return {}
    arguments = {arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
    stored = {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    elsewhere = {name for part in parts if isinstance(part, (ast.Global, ast.Nonlocal)) for name in part.names}
    found: dict[ast.AST, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for loop in loops:
        made = _Assigned(loop)
        names = made.by_arithmetic()
        bound = arguments | _bound_before(node, loop)
        for name in sorted((made.moved & names) - elsewhere):
            together = made.together(name, names)
            ends = (together & bound) - elsewhere
            if len(ends) > 1:
                others = made.others(together) & (bound | (made.surely - stored))
                found[loop] = tuple(sorted(ends)), (*sorted(ends), *sorted(others))
                break
            steps = sorted((made.steps_of(name, names) & bound) - elsewhere)
            if name in bound and steps:
                others = made.others({name, steps[0]}) & (bound | (made.surely - stored))
                found[loop] = (name, STEP + steps[0]), (name, steps[0], *sorted(others))
    return found


STEP = "by "  # in front of the name of what is no end, but a step


class _Assigned:
    """What the names are made of that a loop assigns, and which of them a branch moves."""

    def __init__(self, loop: Any) -> None:
        self.values: dict[str, list[ast.expr]] = {}
        self.moved: set[str] = set()
        self.otherwise: set[str] = set()  # by a for, a with, an unpacking
        self.surely: set[str] = set()  # names that each round loads
        for statement in loop.body:
            if isinstance(statement, ast.Assign):
                self.surely |= _names(statement.value)
            self._statement(statement, False)
        if isinstance(loop, ast.For):
            self.otherwise |= _names(loop.target)
        if isinstance(loop, ast.While):
            self._named(loop.test)

    def _statement(self, node: Any, branched: bool) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._bind(target, node.value, branched)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._bind(node.target, node.value, branched)
        elif isinstance(node, ast.AugAssign):
            whole = ast.BinOp(node.target, node.op, node.value)
            self._bind(node.target, whole, branched)
        elif isinstance(node, ast.If):
            self._named(node.test)
            for part in (*node.body, *node.orelse):
                self._statement(part, True)
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.With, ast.AsyncWith, ast.While, ast.Try, ast.Match)):
            for inner in own(node):  # a loop of its own, or what is known less of
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                    self.otherwise.add(inner.id)
        elif isinstance(node, ast.Delete):
            self.otherwise |= {name for target in node.targets for name in _names(target)}
        else:
            self._named(node)

    def _named(self, node: ast.AST) -> None:
        """``(name := value)`` in an expression."""
        for part in own(node):
            if isinstance(part, ast.NamedExpr):
                self.otherwise |= _names(part.target)

    def _bind(self, target: Any, value: ast.expr, branched: bool) -> None:
        self._named(value)
        if isinstance(value, ast.IfExp):
            self._bind(target, value.body, True)
            self._bind(target, value.orelse, True)
        elif isinstance(value, ast.Call) and _called(value) in _BY_BRANCH and len(value.args) == 3:
            for chosen in value.args[1:]:
                self._bind(target, chosen, True)
        elif isinstance(target, ast.Name):
            self.values.setdefault(target.id, []).append(value)
            if branched or any(_is_entry(part) for part in ast.walk(value)):
                self.moved.add(target.id)
        elif isinstance(target, (ast.Tuple, ast.List)):
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                for one, of_one in zip(target.elts, value.elts, strict=True):
                    self._bind(one, of_one, branched)
            else:
                self.otherwise |= _names(target)

    def by_arithmetic(self) -> set[str]:
        """The names that are made of such names, of what the loop leaves alone and of numbers, by arithmetic."""
        names = set(self.values) - self.otherwise
        assigned = set(self.values) | self.otherwise
        while True:
            kept = {
                name for name in names if all(self._is_simple(value, names, assigned) for value in self.values[name])
            }
            if kept == names:
                return names
            names = kept

    def _is_simple(self, value: ast.expr, names: set[str], assigned: set[str]) -> bool:
        inner: list[ast.AST] = [value]
        while inner:
            part = inner.pop()
            if isinstance(part, ast.Name):
                if part.id in assigned and part.id not in names:
                    return False
            elif isinstance(part, ast.BinOp):
                if not isinstance(part.op, (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)):
                    return False
                inner += [part.left, part.right]
            elif isinstance(part, ast.UnaryOp):
                inner.append(part.operand)
            elif isinstance(part, ast.Call) and _called(part) in _OF_NUMBERS and not part.keywords:
                inner += part.args
            elif isinstance(part, (ast.Tuple, ast.List)):
                inner += part.elts
            elif isinstance(part, ast.Subscript):  # of points, chosen by an index
                inner.append(part.value)
            elif isinstance(part, ast.Attribute):
                if any(isinstance(name, ast.Name) and name.id in assigned for name in ast.walk(part)):
                    return False
            elif not isinstance(part, ast.Constant):
                return False
        return True

    def _reached(self, name: str, names: set[str]) -> set[str]:
        """The names that a name is made of, at once or by others."""
        found: set[str] = set()
        pending = [name]
        while pending:
            for value in self.values[pending.pop()]:
                new = (_names(value) & names) - found
                found |= new
                pending += new
        return found

    def together(self, name: str, names: set[str]) -> set[str]:
        """The names that are made of a name, and that of them."""
        return {other for other in self._reached(name, names) if name in self._reached(other, names)}

    def steps_of(self, name: str, names: set[str]) -> set[str]:
        """What a name is moved by that is made smaller, by numbers."""
        return {
            step
            for step in self._reached(name, names) - {name}
            if name not in self._reached(step, names) and all(_is_scaling(value, step) for value in self.values[step])
        }

    def others(self, names: set[str]) -> set[str]:
        """What these names are made of that the loop leaves alone."""
        pending: list[ast.AST] = [value for name in names for value in self.values[name]]
        found: set[str] = set()
        while pending:
            part: Any = pending.pop()
            if isinstance(part, ast.Name):
                found.add(part.id)
            elif isinstance(part, ast.Call):
                pending += part.args
            elif isinstance(part, ast.Subscript):
                pending.append(part.value)
            else:
                pending += ast.iter_child_nodes(part)
        return found - set(self.values) - self.otherwise


def _is_scaling(value: ast.expr, step: str) -> bool:
    """``step * 0.5``, ``step / n``"""
    if not isinstance(value, ast.BinOp) or not isinstance(value.op, (ast.Mult, ast.Div)):
        return False
    of_left, of_right = step in _names(value.left), step in _names(value.right)
    return of_left != of_right and (of_left or isinstance(value.op, ast.Mult))


def _is_entry(part: ast.AST) -> bool:
    """Whether this is an entry whose index is calculated."""
    return isinstance(part, ast.Subscript) and not isinstance(part.slice, (ast.Constant, ast.UnaryOp))


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _bound_before(node: Any, loop: Any) -> set[str]:
    """The names that are bound in front of a loop, whichever way the function has taken to it."""
    for body in (getattr(node, part, None) for part in ("body", "orelse", "finalbody")):
        if not isinstance(body, list):
            continue
        found: set[str] = set()
        for statement in body:
            if statement is loop:
                return found
            if any(part is loop for part in own(statement)):
                return found | _bound_before(statement, loop)
            if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                found |= {name.id for t in targets for name in ast.walk(t) if isinstance(name, ast.Name)}
            elif isinstance(statement, ast.If):
                found |= _bound_by(statement.body) & _bound_by(statement.orelse)
    return set()


def _bound_by(body: list[ast.stmt]) -> set[str]:
    """By each way through a body; by one that does not go on, everything would be."""
    found: set[str] = set()
    for statement in body:
        if isinstance(statement, ast.Assign):
            found |= {n.id for t in statement.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return found
