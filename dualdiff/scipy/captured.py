"""A user's function over plain numbers: what it captured of a derivative is left out while a solver iterates.

A solver needs values alone.  Run as it is, a function that closes over a Dual would drag its derivative through each
iteration, twice where the solver takes gradients.  So a solver gets a copy whose cells and defaults hold the numbers:

    g = on_numbers(f)       a copy of f; f itself where nothing is found that could be replaced

Only cells with a Dual, or a tuple of them, are replaced, and those of functions that lead there; all else is shared.
A function that may keep something from one call to the next, a counter or a memo, is not copied: what a plain run
leaves there would have no derivative.  Where another function assigns a name, the copy follows.  The numbers cannot be
written to; where that, or anything else, raises, `Watched` returns to the function as it is.  What is hidden elsewhere
(in lists, dicts) is not looked for: a derivative that comes out is seen in what the function returns.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable, Iterator
from types import (
    BuiltinFunctionType,
    CellType,
    FunctionType,
    MethodDescriptorType,
    MethodWrapperType,
    ModuleType,
)  # fmt: skip
from typing import Any

import numpy as np

from ..values.dual import Dual, primal
from .codes import effects, written_names


def on_numbers(f: Any) -> Any:
    """A copy of a function that holds plain numbers in place of the Duals that it captured."""
    if type(f) is functools.partial:
        function, args, keywords = on_numbers(f.func), _numbers(f.args), {k: _numbers(v) for k, v in f.keywords.items()}
        if function is f.func and args is f.args and all(keywords[k] is v for k, v in f.keywords.items()):
            return f
        return functools.partial(function, *args, **keywords)
    if type(f) is not FunctionType or not (f.__closure__ or f.__defaults__ or f.__kwdefaults__):
        return f
    functions: dict[int, FunctionType] = {}
    _reach(f, functions)
    moving = {i for i, g in functions.items() if any(_replaceable(held) for held in _held(g))}
    if not moving or _remembers(f):
        return f
    while grown := {i for i, g in functions.items() if any(id(held) in moving for held in _held(g))} - moving:
        moving |= grown
    copies = _Copies(moving)
    return copies.in_step(copies.of(f), f)


def arguments_on_numbers(args: Any) -> Any:
    """The same of arguments, in a tuple or as keywords; a list or dict among them may be what a function fills."""
    if type(args) is dict:
        given = {name: _argument(arg) for name, arg in args.items()}
        return given if any(given[name] is not arg for name, arg in args.items()) else args
    return _argument(args)


def _argument(arg: Any) -> Any:
    if type(arg) is tuple:
        parts = tuple(map(_argument, arg))
        return arg if all(new is old for new, old in zip(parts, arg, strict=True)) else parts
    return on_numbers(arg) if type(arg) in (FunctionType, functools.partial) else _numbers(arg)


def _reach(f: FunctionType, functions: dict[int, FunctionType]) -> None:
    """All functions that one captured, itself among them."""
    if id(f) not in functions:
        functions[id(f)] = f
        for held in _held(f):
            if type(held) is FunctionType and (held.__closure__ or held.__defaults__ or held.__kwdefaults__):
                _reach(held, functions)


def _held(f: FunctionType) -> Iterator[Any]:
    yield from map(_content, f.__closure__ or ())
    yield from f.__defaults__ or ()
    yield from (f.__kwdefaults__ or {}).values()


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # empty
        return None


def _replaceable(held: Any) -> bool:
    if type(held) is Dual:
        level: Any = held
        while type(level) is Dual:
            if not level.perturbation.live:  # left over; using it is an error, having it is none
                return False
            level = level.value
        return True
    return type(held) is tuple and any(map(_replaceable, held))


def _numbers(held: Any) -> Any:
    if not _replaceable(held):
        return held
    if type(held) is tuple:
        return tuple(map(_numbers, held))
    value = primal(held)
    if isinstance(value, np.ndarray):
        value = value.view()
        value.flags.writeable = False
    return value


def keeps(f: Any, args: Any = (), kwargs: Any = None) -> bool:
    """Whether a function may keep anything that carries a derivative: as `_remembers`, or in what it can reach.

    Who fills that is not asked: a function of NumPy's may, or one that is given it.
    """
    if type(f) is functools.partial:
        return keeps(f.func, (*f.args, *args), f.keywords | (kwargs or {}))
    if type(f) is not FunctionType:
        return not isinstance(f, (BuiltinFunctionType, np.ufunc, type(np.stack)))
    if _remembers(f):
        return True
    pending, seen = [f, *args, *(kwargs or {}).values()], set()
    while pending:
        held = pending.pop()
        if _to_be_filled(held):
            return True
        if type(held) is tuple:
            pending += held
        elif type(held) is FunctionType and id(held) not in seen and not _is_known(held):
            seen.add(id(held))
            names = effects(held.__code__).reads
            pending += [*_held(held), *(held.__globals__[name] for name in names if name in held.__globals__)]
    return False


def holds_what_ended(f: Any, args: Any = (), kwargs: Any = None) -> bool:
    """Whether a function sees a Dual of a transform that has returned, of long containers among what came last.

    True if there is too much to look at.
    """
    pending, seen = [f, *args, *(kwargs or {}).values()], set()
    while pending:
        held = pending.pop()
        kind = type(held)
        if kind is Dual:
            if not held.perturbation.live:
                return True
            continue
        if isinstance(held, _UNCHANGING) or kind is ModuleType or id(held) in seen:
            continue
        seen.add(id(held))
        if len(seen) > _MOST_SEEN:
            return True
        if kind is FunctionType:
            names = effects(held.__code__).reads
            pending += [*_held(held), *(held.__globals__[name] for name in names if name in held.__globals__)]
        elif kind is dict:
            pending += itertools.islice(reversed(held.values()), _MOST_SEEN)
        elif isinstance(held, (list, tuple)):
            pending += held[-_MOST_SEEN:]
        elif isinstance(held, set):
            pending += itertools.islice(held, _MOST_SEEN)
        elif not (isinstance(held, type) and _of_a_library(held)):
            pending += [*vars(held).values()] if hasattr(held, "__dict__") else []
            pending += [getattr(held, name) for name in ("__self__", "__func__") if hasattr(held, name)]
    return False


_MOST_SEEN = 1000


def _to_be_filled(held: Any) -> bool:
    """A container, or an array that was made where derivatives are: only such may come to hold one."""
    if type(held) is Dual:
        return held.storage is not None and not held.storage.borrowed
    return type(held) in _CONTAINERS or hasattr(type(held), "__dual__")


def _remembers(f: FunctionType, seen: set[int] | None = None) -> bool:
    """Whether a function may keep anything from one call to the next: what a plain run leaves there has no derivative.

    It, or a function that it reaches by a cell, a default or a global name, assigns names outside, or attributes; or
    writes into something while a container is in its reach; or an object, class or module of the user's is.
    """
    seen = set() if seen is None else seen
    if id(f) in seen:
        return False
    seen.add(id(f))
    does = effects(f.__code__)
    if does.assigns or not written_names(f.__code__).isdisjoint(f.__code__.co_freevars):
        return True
    reached = [*_held(f), *(f.__globals__[name] for name in does.reads if name in f.__globals__)]
    return any(_may_keep(held, does.fills, seen) for held in reached)


def _may_keep(held: Any, writes: bool, seen: set[int]) -> bool:
    if type(held) is tuple:
        return any(_may_keep(part, writes, seen) for part in held)
    if type(held) in _CONTAINERS:
        parts = held.values() if type(held) is dict else held
        return writes or any(_may_keep(part, True, seen) for part in parts)
    if type(held) is BuiltinFunctionType:  # kept.append
        return not isinstance(held.__self__, ModuleType)
    if isinstance(held, (FunctionType, ModuleType, type)):
        if _is_known(held):
            return False
        return _remembers(held, seen) if type(held) is FunctionType else True
    return not (isinstance(held, _UNCHANGING) or hasattr(type(held), "__dual__"))


def _package(held: Any) -> str:
    module = held.__name__ if type(held) is ModuleType else getattr(held, "__module__", None) or ""
    return module.partition(".")[0]


def _is_known(held: Any) -> bool:
    """Whether it is of a library, and stands around no function of the user's."""
    around = type(held) is FunctionType and held.__closure__ and _package(held) == "dualdiff"
    return _of_a_library(held) and not around


def _of_a_library(held: Any) -> bool:
    return _package(held) in _LIBRARIES


_CONTAINERS = (list, dict, set)
_UNCHANGING = (
    float, int, complex, str, bytes, type(None), np.generic, np.ndarray, np.ufunc, Dual,
    MethodWrapperType, MethodDescriptorType, type(np.stack), range, slice, frozenset, type(...),
    np.dtype,
)  # fmt: skip
_LIBRARIES = (sys.stdlib_module_names - {"__main__"}) | {"numpy", "scipy", "dualdiff"}


def over_numbers(f: Any) -> Any:
    """The function that a copy is, without what keeps it in step."""
    return getattr(f, "over_numbers", f)


def through(f: Any, view: Callable[[Any], Any]) -> Any:
    """The view of a function, kept in step if that is such a copy."""
    copy = over_numbers(f)
    return view(f) if copy is f else _following(f.follow, view(copy), copy, f)


def _following(follow: Callable[[], None], run: Callable[..., Any], copy: Any, f: Any) -> Any:
    @functools.wraps(f)
    def on_numbers(*args: Any, **kwargs: Any) -> Any:
        follow()
        return run(*args, **kwargs)

    on_numbers.over_numbers, on_numbers.follow = copy, follow  # type: ignore[attr-defined]
    return on_numbers


class _Copies:
    def __init__(self, moving: set[int]) -> None:
        self.moving = moving
        self.pairs: list[list[Any]] = []  # a cell, what it held, and the cell in its place
        self.made: dict[int, FunctionType] = {}
        self.cells: dict[int, CellType] = {}
        self.filled: set[int] = set()

    def of(self, f: FunctionType) -> FunctionType:
        if id(f) in self.made:
            return self.made[id(f)]
        closure = tuple([self._cell(cell) for cell in f.__closure__]) if f.__closure__ else None
        copy = self.made[id(f)] = FunctionType(f.__code__, f.__globals__, f.__name__, None, closure)
        copy.__qualname__, copy.__module__ = f.__qualname__, f.__module__
        copy.__dict__.update(f.__dict__)
        # Now that it is known, since it may have captured itself.
        for cell in f.__closure__ or ():
            if (made := self.cells.get(id(cell))) is not None and id(cell) not in self.filled:
                self.filled.add(id(cell))
                made.cell_contents = self._plain(cell.cell_contents)
                self.pairs.append([cell, cell.cell_contents, made])
        if f.__defaults__:
            copy.__defaults__ = tuple(map(self._plain, f.__defaults__))
        if f.__kwdefaults__:
            copy.__kwdefaults__ = {name: self._plain(held) for name, held in f.__kwdefaults__.items()}
        return copy

    def in_step(self, copy: FunctionType, f: FunctionType) -> Any:
        """The copy, which holds what the cells hold at each call: another function may assign their names."""
        pairs = self.pairs
        if not pairs:
            return copy

        def follow() -> None:
            for pair in pairs:
                if (held := _content(pair[0])) is not pair[1]:
                    pair[1], pair[2].cell_contents = held, self._plain(held)

        return _following(follow, copy, copy, f)

    def _cell(self, cell: CellType) -> CellType:
        """The same cell, or an empty one in place of one that leads to a derivative."""
        if id(cell) in self.cells:
            return self.cells[id(cell)]
        held = _content(cell)
        if _replaceable(held) or id(held) in self.moving:
            self.cells[id(cell)] = CellType()
            return self.cells[id(cell)]
        return cell

    def _plain(self, held: Any) -> Any:
        return self.of(held) if id(held) in self.moving else _numbers(held)
