"""The user's functions with plain numbers in place of what carries a derivative, to be run where none is used.

A function finds derivatives in what it closes over, in its defaults and in the arguments that functools.partial holds.
`without_derivatives` makes a copy of it over the same code with these cells replaced; functions among them are copied
likewise.  Every other cell is shared, so that what a function counts or collects, it counts and collects still.
Where derivatives hide elsewhere (in an attribute of an object, say), the copy meets them, and its results carry them.
"""

from __future__ import annotations

import functools
from types import CellType, FunctionType
from typing import Any

import numpy as np

from ..values.dual import Dual
from ..values.objects import carries
from .callbacks import plain
from .captured import written_names


def without_derivatives(x: Any) -> Any:
    """A function, or arguments, without the derivatives that can be reached; ``x`` itself where there are none."""
    return _stripped(x, {})


def _stripped(x: Any, seen: dict[int, Any]) -> Any:
    kind = type(x)
    if kind is FunctionType:
        return _function(x, seen)
    if kind is functools.partial:
        function, args, kwargs = _stripped(x.func, seen), _stripped(x.args, seen), _stripped(x.keywords, seen)
        same = function is x.func and args is x.args and kwargs is x.keywords
        return x if same else functools.partial(function, *args, **kwargs)
    if kind is Dual or ((kind in (list, tuple, dict) or hasattr(kind, "__dual__")) and carries(x)):
        return plain(x)
    return x


def _function(f: FunctionType, seen: dict[int, Any]) -> Any:
    if id(f) in seen:
        return seen[id(f)]
    if f.__closure__ is None and f.__defaults__ is None and f.__kwdefaults__ is None:
        return f
    seen[id(f)] = f  # a function that closes over itself
    cells = f.__closure__ or ()
    written = written_names(f.__code__) if cells else frozenset()
    replaced = []
    for name, cell in zip(f.__code__.co_freevars, cells, strict=True):
        replaced.append(cell if name in written else _cell(cell, seen))
    defaults, kwdefaults = _stripped(f.__defaults__, seen), _stripped(f.__kwdefaults__, seen)
    same = all(new is old for new, old in zip(replaced, cells, strict=True))
    if same and defaults is f.__defaults__ and kwdefaults is f.__kwdefaults__:
        return f
    made = FunctionType(f.__code__, f.__globals__, f.__name__, defaults, tuple(replaced) or None)
    made.__kwdefaults__ = kwdefaults
    made.__dict__.update(f.__dict__)
    seen[id(f)] = made
    return made


def _cell(cell: CellType, seen: dict[int, Any]) -> CellType:
    try:
        held = cell.cell_contents
    except ValueError:  # not assigned yet
        return cell
    # A list or dict may be what the function fills: a copy would not be that.
    if type(held) in (list, dict):
        return cell
    found = _stripped(held, seen)
    return cell if found is held else CellType(found)


def touches_no_container(f: Any) -> bool:
    """Whether a function sees no array, list or dict from outside: one that it fills would hold a derivative."""
    if type(f) is not FunctionType:
        return False
    seen = [f.__globals__.get(name) for name in f.__code__.co_names]
    for cell in f.__closure__ or ():
        try:
            seen.append(cell.cell_contents)
        except ValueError:  # not assigned yet
            return False
    return not any(isinstance(x, (np.ndarray, list, dict)) for x in (*seen, *(f.__defaults__ or ())))
