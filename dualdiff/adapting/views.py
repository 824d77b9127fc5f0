"""Views: a function compiled anew from its own source, its calls hooked; globals, cells and defaults are its own.

The top-level statement that holds the function is compiled twice, as it is and rewritten.  Only if what comes of the
first equals the running code (bytecode, constants, names, lines and columns) is the second used.  Otherwise, and for
a function without source, `unadapted` remembers the reason and the function runs as written.
"""

from __future__ import annotations

import ast
import linecache
import warnings
import weakref
from _thread import RLock  # threading has it from there, and takes its time to be imported
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from .rewriting import MARKS, Rewriter
from .sources import candidates, first_line

_FUTURE = 0x1FF0000  # the flags of ``from __future__ import ...``
_lock = RLock()


def _key(code: CodeType) -> tuple[str, int]:
    return code.co_name, code.co_firstlineno


class Plan:
    """What is to be done with a function of some code: compiled anew (``code``), or left as written (None)."""

    __slots__ = ("around", "assumed", "code", "defaults", "kwdefaults", "last", "of", "plain", "reason", "view")

    def __init__(
        self, of: dict[str, Any], code: CodeType | None, assumed: Any = (), reason: str = "", around: Any = ()
    ) -> None:
        self.of = of  # the globals that it was made for
        self.code = code
        self.plain = code is not None and code.co_kwonlyargcount == 0  # its keyword defaults mean nothing
        self.assumed = assumed  # global names that were taken for the modules they meant
        self.reason = reason
        self.around = around  # what is called in place of a view, by the name and line of its function
        self.view: Any = None  # kept for a function without cells, and its defaults
        self.defaults: Any = None
        self.kwdefaults: Any = None
        self.last = 0  # the id of the function that was asked for last

    def view_of(self, f: FunctionType) -> Any:
        view = self.view
        if view is not None and self.defaults is f.__defaults__ and self.kwdefaults is f.__kwdefaults__:
            return view
        made = FunctionType(self.code, f.__globals__, f.__name__, f.__defaults__, f.__closure__)  # type: ignore[arg-type]
        if f.__qualname__ != self.code.co_qualname:  # type: ignore[union-attr]
            made.__qualname__ = f.__qualname__  # which errors name
        if f.__kwdefaults__ is not None:
            made.__kwdefaults__ = f.__kwdefaults__
        if self.around and (around := self.around.get(_key(f.__code__))) is not None:
            made = around(made, f)
        if f.__closure__ is None:  # else it would keep alive what the cells hold
            self.view, self.defaults, self.kwdefaults = None, f.__defaults__, f.__kwdefaults__
            self.view = made
        return made


_ANY = _key.__code__  # a plan must not hold the code that it is for


class InView(Plan):
    """Of a function in a view, its calls hooked already, that iterates on an argument."""

    __slots__ = ()

    def view_of(self, f: FunctionType) -> Any:
        return self.around[_key(f.__code__)](f, f)


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
    for module in candidates(lines, code.co_firstlineno):
        statement = module.body[-1]
        as_it_is = compile(module, code.co_filename, "exec", flags, dont_inherit=True)
        place = _place_of(code, as_it_is)
        if place is None and asserting:
            place = _place_of_asserting(code, as_it_is)
        if place is None:
            continue
        nodes = list(ast.walk(statement))
        iteration_of, watching, searches_of = iteration
        around = _iterations(nodes, iteration_of, watching)
        rewriter = Rewriter(namespace, statement, nodes, needs_none, known)
        for node in nodes:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                rewriter.searches |= searches_of(node)
        module.body[-1] = rewriter.visit(statement)
        rewritten = _at(compile(module, code.co_filename, "exec", flags, dont_inherit=True), place)
        assumed = tuple(rewriter.assumed.items())
        if rewritten.co_freevars != code.co_freevars or rewritten.co_name != code.co_name:
            continue
        if not _marked(rewritten):
            return Plan(namespace, None, assumed)
        meant = dict(zip(MARKS, hooks, strict=True)) | rewriter.constants
        return Plan(namespace, _with_constants(rewritten, meant), assumed, around=around)
    return Plan(
        namespace, None, reason="its source differs from what is running: edited since, or rewritten when imported"
    )


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


def _place_of(code: CodeType, whole: CodeType) -> tuple[int, ...] | None:
    """The way from a module's code to a function's: a position among the codes that each holds."""
    for i, inner in enumerate(_inner(whole)):
        # Equal codes may still differ in their columns before Python 3.12: two lambdas on one line.
        if inner == code and inner.co_linetable == code.co_linetable:
            return (i,)
        if (rest := _place_of(code, inner)) is not None:
            return (i, *rest)
    return None


def _place_of_asserting(code: CodeType, whole: CodeType) -> tuple[int, ...] | None:
    """The same for a function with asserts that pytest has rewritten: by all its names, if there is only one such."""
    found = [place for place, inner in _all_inner(whole) if _may_become(inner, code)]
    return found[0] if len(found) == 1 else None


def _all_inner(whole: CodeType, place: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], CodeType]]:
    for i, inner in enumerate(_inner(whole)):
        yield (*place, i), inner
        yield from _all_inner(inner, (*place, i))


def _may_become(source: CodeType, running: CodeType) -> bool:
    """Whether pytest may have made ``running`` of ``source``: it replaces asserts, and adds names."""
    same = ("co_name", "co_qualname", "co_firstlineno", "co_argcount", "co_kwonlyargcount", "co_freevars", "co_flags")
    return (
        any("AssertionError" in name for name in running.co_names)
        and all(getattr(source, name) == getattr(running, name) for name in same)
        and set(source.co_names) <= set(running.co_names)
        and set(source.co_varnames) <= set(running.co_varnames)
        and [inner.co_qualname for inner in _inner(source)] == [inner.co_qualname for inner in _inner(running)]
    )


def _inner(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _at(code: CodeType, place: tuple[int, ...]) -> CodeType:
    for i in place:
        code = _inner(code)[i]
    return code


def _marked(code: CodeType) -> bool:
    return any(mark in code.co_consts for mark in MARKS) or any(map(_marked, _inner(code)))


def _with_constants(code: CodeType, meant: dict[str, Any]) -> CodeType:
    """The code with what its marks stand for as constants."""
    constants = []
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            constants.append(_with_constants(constant, meant))
        else:
            constants.append(meant.get(constant, constant) if type(constant) is str else constant)
    return code.replace(co_consts=tuple(constants))


class ByCode:
    """Plans by code object, forgotten with it."""

    def __init__(self) -> None:
        self._plans: dict[int, Plan] = {}
        self.known = self._plans
        self._alive: dict[int, weakref.ref[CodeType]] = {}
        self.get = self._plans.get

    def put(self, code: CodeType, plan: Plan) -> None:
        key = id(code)

        def forget(_: Any, plans: Any = self._plans, alive: Any = self._alive) -> None:
            plans.pop(key, None)
            alive.pop(key, None)

        self._alive[key] = weakref.ref(code, forget)
        self._plans[key] = plan

    def leave(self, code: CodeType, plan: Plan, outermost: bool = True) -> None:
        """Views, and the functions in them, are not viewed again; those that iterate are still looked at."""
        iterates = not outermost and _key(code) in plan.around
        self.put(code, InView(plan.of, _ANY, around=plan.around) if iterates else Plan(plan.of, None))
        for inner in _inner(code):
            self.leave(inner, plan, False)

    def clear(self) -> None:
        self._plans.clear()
        self._alive.clear()
