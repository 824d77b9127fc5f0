"""What a function of the user's reads: its code, and the numbers in its cells, defaults and globals, taken apart.

A program of a function (`dualdiff.stage`) is right as long as the function reads what it read.  `opened` takes a
function apart to numbers and arrays and builds it again from others, so that they become arguments of a program, which
serves all functions made from the same code: a closure that is made anew in each call of a fit is not traced anew, nor
is a function of a module whose numbers are others now.  All else is part of the key that a program is kept by.

    opened(f)     the key, the numbers and how f is built from others; None where not all that it reads is known
    read(f)       the same, known again at little cost where it is what it was, object by object

Nothing is assumed to stay: names, cells and defaults are looked up each time.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..adapting.buffers import plain as plain_buffer
from ..values.dual import Dual
from .captured import over_numbers
from .codes import effects, written_names
from .implicit import numbers

Build = Callable[[Iterator[Any]], Any]

_CONSTANT = (int, bool, str, bytes, type(None), np.ufunc)
_LIBRARIES = frozenset({"numpy", "scipy", "dualdiff", "math"})


class _Closed(Exception):
    """Something that is not known to be numbers and functions of them."""


class Opened(NamedTuple):
    """What something is but for its numbers, these, and how it is built from others."""

    key: Any
    leaves: list[Any]
    build: Build


def opened(x: Any) -> Opened | None:
    leaves: list[Any] = []
    try:
        key, build = _open(x, leaves, [])
        hash(key)
    except (_Closed, TypeError):
        return None
    return Opened(key, leaves, build)


def _open(x: Any, leaves: list[Any], inside: list[Any]) -> tuple[Any, Build]:
    x = plain_buffer(x)
    kind = type(x)
    if kind is Dual and not x.perturbation.live:  # a work array, to be filled again
        raise _Closed
    if kind is float or kind is np.ndarray or kind is Dual or isinstance(x, np.generic):
        dtype = np.asarray(numbers(x)).dtype
        if dtype.kind not in "fbiu":
            raise _Closed
        leaves.append(x)
        return ("leaf", np.ndarray if kind is Dual else kind, np.shape(x), dtype.str), next
    if isinstance(x, _CONSTANT) or _of_a_library(x):
        return (kind, x), lambda rest: x
    if kind is tuple or kind is list:
        parts = [_open(part, leaves, inside) for part in x]
        return (kind, *(key for key, _ in parts)), lambda rest: kind([build(rest) for _, build in parts])
    if kind is dict:
        values = [_open(part, leaves, inside) for part in x.values()]
        names = tuple(x)
        of_dict = lambda rest: dict(zip(names, [build(rest) for _, build in values], strict=True))
        return (kind, names, *(key for key, _ in values)), of_dict
    if kind is functools.partial:
        parts = [_open(part, leaves, inside) for part in (x.func, x.args, x.keywords)]

        def of_partial(rest: Iterator[Any]) -> Any:
            function, args, kwargs = (build(rest) for _, build in parts)
            return functools.partial(function, *args, **kwargs)

        return (kind, *(key for key, _ in parts)), of_partial
    if kind is FunctionType:
        return _open_function(_in_step(x), leaves, inside)
    raise _Closed


def _of_a_library(x: Any) -> bool:
    """Whether it is a module of NumPy's and the like, or stands in one, and is none that one of them made.

    Modules and classes of the user's hold what may change.
    """
    if isinstance(x, ModuleType):
        return x.__name__.partition(".")[0] in _LIBRARIES
    if not isinstance(x, (FunctionType, BuiltinFunctionType, type(np.stack), type)):
        return False
    module = getattr(x, "__module__", None) or ""
    if module.partition(".")[0] not in (*_LIBRARIES, "builtins"):
        return False
    return getattr(sys.modules.get(module), getattr(x, "__name__", ""), None) is x


def _open_function(f: FunctionType, leaves: list[Any], inside: list[Any]) -> tuple[Any, Build]:
    if any(f is other for other in inside) or f.__dict__ or (f.__closure__ and written_names(f.__code__)):
        raise _Closed
    inside = [*inside, f]
    try:
        held = [cell.cell_contents for cell in f.__closure__ or ()]
    except ValueError:  # not assigned yet
        raise _Closed from None
    if effects(f.__code__).fills and any(map(_has_container, (*held, *(f.__defaults__ or ())))):
        raise _Closed  # it may keep there what another call finds
    code, namespace, name = f.__code__, f.__globals__, f.__name__  # not f, which holds its numbers
    named: list[Any] = []
    replaced: dict[str, Build] = {}  # the global names that hold numbers, or functions of them
    for of_global in _names(code, namespace):
        known = len(leaves)
        key, built = _open(namespace[of_global], leaves, inside)
        named.append((of_global, key))
        if len(leaves) > known:
            replaced[of_global] = built
    parts = [_open(part, leaves, inside) for part in (*held, f.__defaults__, f.__kwdefaults__)]
    builds = [build for _, build in parts]

    def build(rest: Iterator[Any]) -> Any:
        found = {of_global: build(rest) for of_global, build in replaced.items()}
        *cells, defaults, kwdefaults = [build(rest) for build in builds]
        made = FunctionType(
            code, namespace | found if found else namespace, name, defaults, tuple(map(_cell, cells)) or None
        )
        made.__kwdefaults__ = kwdefaults
        return made

    return (f.__code__, tuple(named), *(key for key, _ in parts)), build


def _has_container(x: Any) -> bool:
    return isinstance(x, (list, dict)) or (isinstance(x, tuple) and any(map(_has_container, x)))


def _cell(held: Any) -> Any:
    return (lambda: held).__closure__[0]  # type: ignore[index]


def _names(code: CodeType, values: dict[str, Any]) -> list[str]:
    does = effects(code)
    if does.assigns or does.sees_more:
        raise _Closed
    found = sorted(name for name in does.reads if name in values)
    if any(_has_container(values[name]) for name in found):
        raise _Closed  # it may be what the function fills
    if does.fills and any(isinstance(values[name], np.ndarray) for name in found):
        raise _Closed
    return found


# Known again.

_ABSENT = object()
_SAME, _NUMBER, _FUNCTION, _ITEMS, _NAMED = range(5)


class Reading:
    """What one function was found to read, and how to see that another of its code reads the same but for numbers.

    ``again(f, leaves)`` appends the numbers of f, as `opened` finds them, if f reads nothing else.
    """

    def __init__(self, found: Opened, f: FunctionType) -> None:
        self.key, self.build = found.key, found.build
        self.known_by: dict[Any, Any] = {}  # what is kept by the key: see staged_derivatives.py
        self.again: Callable[[FunctionType, list[Any]], bool] | None
        try:
            self.again = _Part(f).again
        except _Closed:
            self.again = None


class _Part:
    """A function by its code and the checks of all that it reads."""

    def __init__(self, f: FunctionType) -> None:
        if f.__kwdefaults__ or f.__dict__:
            raise _Closed
        self.code, self.globals = f.__code__, f.__globals__
        held = {name: f.__globals__.get(name, _ABSENT) for name in sorted(effects(f.__code__).reads)}
        checks = {name: _check(x) for name, x in held.items()}
        self.same = tuple((name, check[1]) for name, check in checks.items() if check[0] == _SAME)
        self.others = tuple((name, check) for name, check in checks.items() if check[0] != _SAME)
        self.cells = tuple(_check(cell.cell_contents) for cell in f.__closure__ or ())
        self.defaults = None if f.__defaults__ is None else _check(f.__defaults__)

    def again(self, f: FunctionType, leaves: list[Any]) -> bool:
        if f.__code__ is not self.code or f.__globals__ is not self.globals or f.__kwdefaults__ or f.__dict__:
            return False
        found = self.globals.get
        for name, held in self.same:
            if found(name, _ABSENT) is not held:
                return False
        for name, check in self.others:
            if not _passes(found(name, _ABSENT), check, leaves):
                return False
        if self.cells:
            try:
                for cell, check in zip(f.__closure__ or (), self.cells, strict=True):
                    if not _passes(cell.cell_contents, check, leaves):
                        return False
            except ValueError:  # not assigned now
                return False
        if self.defaults is None:
            return f.__defaults__ is None
        return _passes(f.__defaults__, self.defaults, leaves)


def _check(x: Any) -> tuple[Any, ...]:
    kind = type(x)
    if kind is np.ndarray:
        return _NUMBER, kind, x.shape, x.dtype
    if kind is float or isinstance(x, np.generic):
        return _NUMBER, kind
    if kind is FunctionType and not _of_a_library(x):
        return _FUNCTION, _Part(_in_step(x))
    if kind is tuple or kind is list:
        return _ITEMS, kind, tuple([_check(part) for part in x])
    if kind is dict:
        return _NAMED, tuple(x), tuple([_check(part) for part in x.values()])
    if x is _ABSENT or isinstance(x, _CONSTANT) or _of_a_library(x):
        return _SAME, x
    raise _Closed


def _passes(x: Any, check: tuple[Any, ...], leaves: list[Any]) -> bool:
    how = check[0]
    if how == _NUMBER:
        if type(x) is not check[1] or (len(check) > 2 and (x.shape != check[2] or x.dtype != check[3])):
            return False
        leaves.append(x)
        return True
    if how == _SAME:
        return x is check[1]
    if how == _FUNCTION:
        return type(x) is FunctionType and bool(check[1].again(_in_step(x), leaves))
    if how == _ITEMS:
        return type(x) is check[1] and _all_pass(x, check[2], leaves)
    return type(x) is dict and tuple(x) == check[1] and _all_pass(list(x.values()), check[2], leaves)  # _NAMED


def _all_pass(items: Any, checks: tuple[Any, ...], leaves: list[Any]) -> bool:
    return len(items) == len(checks) and all(_passes(x, check, leaves) for x, check in zip(items, checks, strict=True))


_MOST_READINGS, _OF_ONE_CODE, _ATTEMPTS = 256, 4, 8
_readings: dict[int, list[Reading]] = {}  # by the id of a code, which they hold
_refused: dict[int, list[Any]] = {}  # a code and how often its functions were not known; those are left alone


def read(f: Any) -> tuple[Reading, list[Any]] | None:
    """A function's reading and its numbers, all plain; None where not all that it reads is known."""
    if type(f) is not FunctionType:
        return None
    known = _readings.get(id(f.__code__))
    if known is not None:
        for reading in known:
            leaves: list[Any] = []
            if reading.again(f, leaves):  # type: ignore[misc]  # it is kept
                return reading, leaves
    f = _in_step(f)
    code = f.__code__
    if f.__closure__ is not None and any(map(_holds_dual, f.__closure__)):
        return None
    if (refused := _refused.get(id(code))) is not None and refused[1] >= _ATTEMPTS:
        return None
    if known is None and (known := _readings.get(id(code))) is not None:
        for reading in known:
            leaves = []
            if reading.again(f, leaves):  # type: ignore[misc]
                return reading, leaves
    found = opened(f)
    if found is None:
        _bounded(_refused).setdefault(id(code), [code, 0])[1] += 1
        return None
    if any(type(leaf) is Dual for leaf in found.leaves):
        return None
    reading = Reading(found, f)
    if reading.again is not None:
        _bounded(_readings)[id(code)] = [reading, *(known or ())[: _OF_ONE_CODE - 1]]
    return reading, found.leaves


def _holds_dual(cell: CellType) -> bool:
    try:
        return type(cell.cell_contents) is Dual
    except ValueError:  # not assigned yet
        return False


def _bounded(table: dict[int, Any]) -> dict[int, Any]:
    if len(table) >= _MOST_READINGS:
        table.clear()
    return table


def _in_step(f: FunctionType) -> FunctionType:
    """The function itself; of one that follows another (captured.py), its copy, which holds what that holds now."""
    copy = over_numbers(f)
    if copy is not f:
        f.follow()  # type: ignore[attr-defined]
    return copy
