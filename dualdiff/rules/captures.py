"""Functions of the user's that a record calls later, with what they close over as it was when it was made.

A loop binds names anew and fills arrays again; what is recorded in it runs backwards when the loop is over.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import operator
from collections.abc import Callable
from types import CellType, CodeType, FunctionType
from typing import Any

import numpy as np

from ..tangents import Perturbation


def as_now(f: Callable[..., Any], perturbation: Perturbation) -> Callable[..., Any]:
    """``f`` with the variables that it closes over as they are now, where ``perturbation`` is a record.

    Names that ``f`` itself binds stay shared, as do globals and the content of what is neither array nor function.
    """
    return _fixed(f, perturbation, {}) if hasattr(perturbation, "pullback") else f


def _fixed(content: Any, perturbation: Perturbation, done: dict[int, Any]) -> Any:
    if type(content) is np.ndarray:
        return perturbation.snapshot(content)
    if hasattr(type(content), "__takes_calls__"):  # an array that was made in adapted code, without a derivative
        return perturbation.snapshot(content.value)
    if type(content) is functools.partial:
        function, *args = (_fixed(arg, perturbation, done) for arg in (content.func, *content.args))
        return functools.partial(
            function, *args, **{k: _fixed(v, perturbation, done) for k, v in content.keywords.items()}
        )
    if type(content) is not FunctionType:
        return content
    if id(content) in done:  # functions that call each other
        return done[id(content)]
    given, around = content.__defaults__ or (), content.__closure__ or ()
    defaults = tuple(_fixed(value, perturbation, done) for value in given)
    if not around and all(map(operator.is_, defaults, given)):
        return content
    names, bound = content.__code__.co_freevars, _bound(content.__code__)
    cells = tuple(cell if name in bound else CellType() for name, cell in zip(names, around, strict=True))
    fixed = FunctionType(content.__code__, content.__globals__, content.__name__, defaults or None, cells)
    done[id(content)] = fixed
    fixed.__kwdefaults__, fixed.__qualname__ = content.__kwdefaults__, content.__qualname__
    fixed.__doc__, fixed.__module__ = content.__doc__, content.__module__
    fixed.__dict__.update(content.__dict__)
    for new, cell in zip(cells, around, strict=True):
        if new is not cell:
            with contextlib.suppress(ValueError):  # empty
                new.cell_contents = _fixed(cell.cell_contents, perturbation, done)
    return fixed


@functools.lru_cache(maxsize=512)
def _bound(code: CodeType) -> frozenset[str]:
    """The variables of the functions around it that a function binds: a counter, or what it remembers."""
    own = {i.argval for i in dis.get_instructions(code) if i.opname in ("STORE_DEREF", "DELETE_DEREF")}
    inner = (_bound(part) for part in code.co_consts if isinstance(part, CodeType))
    return frozenset(own.union(*inner)) & frozenset(code.co_freevars)
