"""Loops in a source that iterate on a function's values: which argument they call, and what ends them.

See iterations.py, which looks at what comes of a call of such a function.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Iteration(NamedTuple):
    """A function that calls one of its arguments in a loop, and what the values of that decide."""

    parameter: str
    ends: str  # "always" by them; "perhaps", or when all rounds are done; "never", they choose its way alone


def iteration_of(node: Any) -> Iteration | None:
    """Of the first parameter that a function calls in a loop which its values end, or choose the way of."""
    if not isinstance(node, ast.FunctionDef):
        return None
    parts = list(own(node))
    loops = [part for part in parts if isinstance(part, (ast.For, ast.While))]
    if not loops:
        return None
    called = {inner.func.id for loop in loops for inner in own(loop) if _is_call(inner)}  # type: ignore[attr-defined]
    names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    aliases: dict[str, set[str]] = {name: {name} for name in names}
    for part in parts:  # ``g = f``
        if isinstance(part, ast.Assign) and isinstance(part.value, ast.Name) and part.value.id in names:
            aliases[part.value.id] |= {target.id for target in part.targets if isinstance(target, ast.Name)}
    for name in names:
        if aliases[name] & called:
            decided = _Decided(node, aliases[name])
            ends = {decided.end_of(loop) for loop in loops if _calls(aliases[name], own(loop))} - {None}
            if ends:
                return Iteration(name, next(end for end in ("perhaps", "always", "never") if end in ends))
    return None


def _calls(functions: set[str], parts: Iterable[ast.AST]) -> bool:
    return any(_is_call(part) and part.func.id in functions for part in parts)  # type: ignore[attr-defined]


def _is_call(part: ast.AST) -> bool:
    """Of a function that has a name."""
    return isinstance(part, ast.Call) and isinstance(part.func, ast.Name)


class _Decided:
    """What in a function depends on the values of the functions that it calls: by assignment, or as a branch has it."""

    def __init__(self, node: ast.FunctionDef, functions: set[str]) -> None:
        self.node, self.functions = node, functions
        self.names: set[str] = set()
        before = -1
        while len(self.names) > before:
            before = len(self.names)
            for part in own(node):
                if isinstance(part, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)) and part.value:
                    if self.by_values(part.value):
                        self.names |= _stored(part)
                elif isinstance(part, (ast.If, ast.While)) and self.by_values(part.test):
                    self.names |= _stored(part)
        self.clocks, self.steps = _clocks(node, self.names)

    def by_values(self, part: ast.AST) -> bool:
        inner = list(ast.walk(part))
        return _calls(self.functions, inner) or any(isinstance(n, ast.Name) and n.id in self.names for n in inner)

    def end_of(self, loop: Any) -> str | None:
        """How a loop ends, see `Iteration`; None if the values have no say in it."""
        tests = [loop.test] if isinstance(loop, ast.While) and not isinstance(loop.test, ast.Constant) else []
        for part in own(loop):
            if isinstance(part, ast.If) and any(isinstance(inner, (ast.Return, ast.Break)) for inner in own(part)):
                tests.append(part.test)
        by_values = [test for test in tests if _compares(test) and self.by_values(test) and not self._of_time(test)]
        if not by_values:
            chosen = any(isinstance(part, (ast.If, ast.IfExp)) and self._compared(part.test) for part in own(loop))
            return "never" if chosen else None
        exhausted = isinstance(loop, ast.For) and not self._raises_after(loop)
        in_part = any(isinstance(test, ast.BoolOp) and not all(map(self._compared, test.values)) for test in by_values)
        return "perhaps" if exhausted or in_part or len(by_values) < len(tests) else "always"

    def _of_time(self, test: ast.expr) -> bool:
        """Whether only the time decides, of a rate that is integrated by steps which its values choose."""
        if isinstance(test, ast.BoolOp):
            return all(self._of_time(part) or not self.by_values(part) for part in test.values)
        read = {part.id for part in ast.walk(test) if isinstance(part, ast.Name)}
        alone = isinstance(test, ast.Compare) and not any(isinstance(part, ast.Call) for part in ast.walk(test))
        return alone and bool(read & self.clocks) and not read & (self.names - self.clocks - self.steps)

    def _compared(self, test: ast.expr) -> bool:
        return _compares(test) and self.by_values(test)

    def _raises_after(self, loop: ast.For) -> bool:
        """Whether a loop that has done all its rounds raises."""
        if any(isinstance(part, ast.Raise) for part in loop.orelse):
            return True
        for part in (self.node, *own(self.node)):
            body = getattr(part, "body", None)
            if isinstance(body, list) and loop in body:
                return any(isinstance(later, ast.Raise) for later in body[body.index(loop) + 1 :][:1])
        return False


def _clocks(node: ast.FunctionDef, by_values: set[str]) -> tuple[set[str], set[str]]:
    """Names that each round of a loop moves on from where they are, and that are not what is returned: times; and
    their steps."""
    moves: dict[str, bool] = {}
    steps: dict[str, set[str]] = {}
    for loop in own(node):
        if isinstance(loop, (ast.For, ast.While)):
            for part in own(loop):
                for name, value in _assigned(part):
                    moved = value is not None if isinstance(part, ast.AugAssign) else _adds_to(name, value)
                    moves[name] = moved and moves.get(name, True)
                    if moved:
                        read = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
                        steps[name] = steps.get(name, set()) | read - {name}
    names = {name for name, moved in moves.items() if moved}
    for part in own(node):
        if isinstance(part, ast.Return) and part.value:
            first = part.value.elts[0] if isinstance(part.value, ast.Tuple) and part.value.elts else part.value
            read = {n.id for n in ast.walk(first) if isinstance(n, ast.Name)}
            if not (read & by_values) - names:
                names -= read
    return names, {step for name in names for step in steps[name]}


def _assigned(part: ast.AST) -> Iterator[tuple[str, Any]]:
    """Names that a statement assigns, and what; tuples entry by entry."""
    if isinstance(part, ast.AugAssign):
        pairs: list[tuple[Any, Any]] = [(part.target, part.value if isinstance(part.op, (ast.Add, ast.Sub)) else None)]
    elif isinstance(part, ast.Assign):
        pairs = [(target, part.value) for target in part.targets]
    else:
        return
    for target, value in pairs:
        if isinstance(target, ast.Tuple):
            same = isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts)
            values = value.elts if same else [None] * len(target.elts)
            yield from ((t.id, v) for t, v in zip(target.elts, values, strict=True) if isinstance(t, ast.Name))
        elif isinstance(target, ast.Name):
            yield target.id, value


def _adds_to(name: str, value: Any) -> bool:
    return (
        isinstance(value, ast.BinOp)
        and isinstance(value.op, (ast.Add, ast.Sub))
        and isinstance(value.left, ast.Name)
        and value.left.id == name
    )


def _stored(part: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(part) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _compares(test: ast.expr) -> bool:
    """Whether numbers may be compared: by an operator, or by a function such as ``isclose``."""
    return any(isinstance(part, (ast.Compare, ast.Call)) for part in ast.walk(test))


def own(node: Any) -> Iterator[ast.AST]:
    """What stands in a statement, that in functions and classes in it left out."""
    pending = list(ast.iter_child_nodes(node))
    while pending:
        part = pending.pop()
        yield part
        if not isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            pending += ast.iter_child_nodes(part)
