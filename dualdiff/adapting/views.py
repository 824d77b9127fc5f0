"""Views: a function compiled anew from its own source, its calls hooked; globals, cells and defaults are its own.

The top-level statement that holds the function is compiled twice, as it is and rewritten.  Only if what comes of the
first equals the running code (bytecode, constants, names, lines and columns) is the second used.  Otherwise, and for
a function without source, `unadapted` remembers the reason and the function runs as written.
"""

from __future__ import annotations

import ast
import linecache
import warnings
from _thread import RLock  # threading has it from there, and takes its time to be imported
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, NamedTuple

from .plans import STATEMENTS, Plan, inner_of
from .rewriting import MARKS, Rewriter
from .sources import candidates, first_line

_FUTURE = 0x1FF0000  # the flags of ``from __future__ import ...``
_lock = RLock()


def plan_for(
    code: CodeType,
    namespace: dict[str, Any],
    hooks: tuple[Any, ...],
    needs_none: Callable[[Any, bool], bool],
    known: Callable[[int], Any],
    iteration: Any,
) -> Plan:
    """How a function of this code and these globals is viewed.

    ``known`` gives what stands in for an object, by its id.
    ``iteration``: what finds, in a source, the argument that a function iterates on, what makes a view of such a
    function of its view and that name, and what finds loops that may be searches.
    """
    try:
        with _lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's source, given when it was compiled first
            return _planned(code, namespace, hooks, needs_none, known, iteration)
    except Exception as error:  # whatever the source is: it then runs as written
        return Plan(namespace, None, reason=f"its source cannot be compiled anew: {type(error).__name__}: {error}")


def _planned(
    code: CodeType,
    namespace: dict[str, Any],
    hooks: tuple[Any, ...],
    needs_none: Callable[[Any, bool], bool],
    known: Callable[[int], Any],
    iteration: Any,
) -> Plan:
    lines = linecache.getlines(code.co_filename, namespace)
    if not lines or code.co_firstlineno > len(lines):
        return Plan(namespace, None, reason="no source: defined by exec or eval, or in an interactive session")
    flags = code.co_flags & _FUTURE
    asserting = _rewritten_by_pytest(namespace)
    for whole in tuple(STATEMENTS):
        if (
            whole.is_of(lines, code, namespace)
            and (plan := whole.plan_of(code, namespace, hooks, asserting)) is not None
        ):
            return plan
    for module in candidates(lines, code.co_firstlineno):
        statement = module.body[-1]
        as_it_is = compile(module, code.co_filename, "exec", flags, dont_inherit=True)
        if _place_of(code, as_it_is, asserting) is None:
            continue
        nodes = list(ast.walk(statement))
        iteration_of, watching, searches_of = iteration
        around = _iterations(nodes, iteration_of, watching)
        rewriter = Rewriter(namespace, statement, nodes, needs_none, known)
        for node in nodes:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                rewriter.searches |= searches_of(node)
        span = first_line(statement), statement.end_lineno or statement.lineno
        module.body[-1] = rewriter.visit(statement)
        rewritten = compile(module, code.co_filename, "exec", flags, dont_inherit=True)
        whole = _Statement(
            lines, span, flags, as_it_is, rewritten, rewriter.assumed, rewriter.builtins, rewriter.constants, around
        )
        if (plan := whole.plan_of(code, namespace, hooks, asserting)) is not None:
            STATEMENTS.appendleft(whole)
            return plan
    return Plan(
        namespace, None, reason="its source differs from what is running: edited since, or rewritten when imported"
    )


class _Statement(NamedTuple):
    """A top-level statement compiled as it is and rewritten: for the other functions in it, of a class or a table."""

    lines: list[str]  # of the file, as linecache holds them
    span: tuple[int, int]
    flags: int
    as_it_is: CodeType
    rewritten: CodeType
    assumed: dict[str, Any]
    builtins: set[str]
    constants: dict[str, Any]
    around: dict[tuple[str, int], Any]

    def is_of(self, lines: list[str], code: CodeType, namespace: dict[str, Any]) -> bool:
        """Whether a function may stand in it, and what its global names were taken for is what they mean there."""
        return (
            self.lines is lines
            and self.span[0] <= code.co_firstlineno <= self.span[1]
            and self.flags == code.co_flags & _FUTURE
            and self.as_it_is.co_filename == code.co_filename
            and all(namespace.get(name) is meant for name, meant in self.assumed.items())
            and namespace.keys().isdisjoint(self.builtins)
        )

    def plan_of(
        self, code: CodeType, namespace: dict[str, Any], hooks: tuple[Any, ...], asserting: bool
    ) -> Plan | None:
        place = _place_of(code, self.as_it_is, asserting)
        if place is None:
            return None
        rewritten = _at(self.rewritten, place)
        if rewritten.co_freevars != code.co_freevars or rewritten.co_name != code.co_name:
            return None
        assumed = tuple(self.assumed.items())
        if not _marked(rewritten):
            return Plan(namespace, None, assumed)
        meant = dict(zip(MARKS, hooks, strict=True)) | self.constants
        return Plan(namespace, _with_constants(rewritten, meant), assumed, around=self.around)


def _iterations(nodes: list[ast.AST], iteration_of: Any, watching: Any) -> dict[tuple[str, int], Any]:
    """Of the functions in a statement that iterate on an argument, by name and line: what stands around their views."""
    found: dict[tuple[str, int], Any] = {}
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            iteration = iteration_of(node)
            key = (node.name, first_line(node))
            if iteration is not None and key not in found:
                found[key] = lambda view, f, iteration=iteration: watching(view, f, iteration)
    return found


def _rewritten_by_pytest(namespace: dict[str, Any]) -> bool:
    """Whether pytest's own loader compiled the file: its asserts differ from their source, in a known way."""
    loader = namespace.get("__loader__")
    return type(loader).__module__ == "_pytest.assertion.rewrite"


# Code in code.


def _place_of(code: CodeType, whole: CodeType, asserting: bool) -> tuple[int, ...] | None:
    """The way from a module's code to a function's: a position among the codes that each holds."""
    place = _place_of_equal(code, whole)
    return _place_of_asserting(code, whole) if place is None and asserting else place


def _place_of_equal(code: CodeType, whole: CodeType) -> tuple[int, ...] | None:
    for i, inner in enumerate(inner_of(whole)):
        # Equal codes may still differ in their columns before Python 3.12: two lambdas on one line.
        if inner == code and inner.co_linetable == code.co_linetable:
            return (i,)
        if (rest := _place_of_equal(code, inner)) is not None:
            return (i, *rest)
    return None


def _place_of_asserting(code: CodeType, whole: CodeType) -> tuple[int, ...] | None:
    """The same for a function with asserts that pytest has rewritten: by all its names, if there is only one such."""
    found = [place for place, inner in _allinner_of(whole) if _may_become(inner, code)]
    return found[0] if len(found) == 1 else None


def _allinner_of(whole: CodeType, place: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], CodeType]]:
    for i, inner in enumerate(inner_of(whole)):
        yield (*place, i), inner
        yield from _allinner_of(inner, (*place, i))


def _may_become(source: CodeType, running: CodeType) -> bool:
    """Whether pytest may have made ``running`` of ``source``: it replaces asserts, and adds names."""
    same = ("co_name", "co_qualname", "co_firstlineno", "co_argcount", "co_kwonlyargcount", "co_freevars", "co_flags")
    return (
        any("AssertionError" in name for name in running.co_names)
        and all(getattr(source, name) == getattr(running, name) for name in same)
        and set(source.co_names) <= set(running.co_names)
        and set(source.co_varnames) <= set(running.co_varnames)
        and [inner.co_qualname for inner in inner_of(source)] == [inner.co_qualname for inner in inner_of(running)]
    )


def _at(code: CodeType, place: tuple[int, ...]) -> CodeType:
    for i in place:
        code = inner_of(code)[i]
    return code


def _marked(code: CodeType) -> bool:
    return any(mark in code.co_consts for mark in MARKS) or any(map(_marked, inner_of(code)))


def _with_constants(code: CodeType, meant: dict[str, Any]) -> CodeType:
    """The code with what its marks stand for as constants."""
    constants = []
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            constants.append(_with_constants(constant, meant))
        else:
            constants.append(meant.get(constant, constant) if type(constant) is str else constant)
    return code.replace(co_consts=tuple(constants))
