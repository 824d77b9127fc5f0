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
from ..tangents.blocks import FEW_BYTES


def as_now(f: Callable[..., Any], perturbation: Perturbation) -> Callable[..., Any]:
    """``f`` with the variables that it closes over as they are now, where ``perturbation`` is a record.

    Names that ``f`` itself binds stay shared, as do globals and the content of what is neither array nor function.
    What it writes into an array that it closes over is written into that one, too.
    """
    if not hasattr(perturbation, "pullback"):
        return f
    copies: list[tuple[Any, Any]] = []
    functions: dict[int, FunctionType] = {}
    fixed = _fixed(f, perturbation, functions, copies)
    may_write = any(_writes(function.__code__) for function in functions.values())
    copies = [(array, copy) for array, copy in copies if may_write or copy.nbytes <= FEW_BYTES]
    return _writing_back(fixed, copies) if copies else fixed


def _writing_back(f: Callable[..., Any], copies: list[tuple[Any, Any]]) -> Callable[..., Any]:
    @functools.wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        before = [copy.copy() for _, copy in copies]
        try:
            return f(*args, **kwargs)
        finally:
            for (array, copy), old in zip(copies, before, strict=True):
                written = (copy != old) & ((copy == copy) | (old == old))  # nan is no news beside nan
                if np.any(written):
                    array[written] = copy[written]

    return run


def _fixed(
    content: Any, perturbation: Perturbation, done: dict[int, FunctionType], copies: list[tuple[Any, Any]]
) -> Any:
    if hasattr(type(content), "__takes_calls__"):  # an array that was made in adapted code, without a derivative
        content = content.value
    if type(content) is np.ndarray:
        copy = perturbation.snapshot(content)
        if copy is not content and content.flags.writeable and not any(array is content for array, _ in copies):
            copies.append((content, copy))
        return copy
    if type(content) is functools.partial:
        function, *args = (_fixed(arg, perturbation, done, copies) for arg in (content.func, *content.args))
        return functools.partial(
            function, *args, **{k: _fixed(v, perturbation, done, copies) for k, v in content.keywords.items()}
        )
    if type(content) is not FunctionType:
        return content
    if id(content) in done:  # functions that call each other
        return done[id(content)]
    given, named, around = content.__defaults__ or (), content.__kwdefaults__ or {}, content.__closure__ or ()
    defaults = tuple(_fixed(value, perturbation, done, copies) for value in given)
    by_name = {name: _fixed(value, perturbation, done, copies) for name, value in named.items()}
    if not around and all(map(operator.is_, (*defaults, *by_name.values()), (*given, *named.values()))):
        return content
    names, bound = content.__code__.co_freevars, _bound(content.__code__)
    cells = tuple(cell if name in bound else CellType() for name, cell in zip(names, around, strict=True))
    fixed = FunctionType(content.__code__, content.__globals__, content.__name__, defaults or None, cells)
    done[id(content)] = fixed
    fixed.__kwdefaults__, fixed.__qualname__ = by_name or None, content.__qualname__
    fixed.__doc__, fixed.__module__ = content.__doc__, content.__module__
    fixed.__dict__.update(content.__dict__)
    for new, cell in zip(cells, around, strict=True):
        if new is not cell:
            with contextlib.suppress(ValueError):  # empty
                new.cell_contents = _fixed(cell.cell_contents, perturbation, done, copies)
    return fixed


@functools.lru_cache(maxsize=512)
def _bound(code: CodeType) -> frozenset[str]:
    """The variables of the functions around it that a function binds: a counter, or what it remembers."""
    own = {i.argval for i in dis.get_instructions(code) if i.opname in ("STORE_DEREF", "DELETE_DEREF")}
    inner = (_bound(part) for part in code.co_consts if isinstance(part, CodeType))
    return frozenset(own.union(*inner)) & frozenset(code.co_freevars)


_WRITING = frozenset(
    {"at", "copyto", "fill", "fill_diagonal", "out", "partition", "place", "put", "put_along_axis", "putmask", "sort"}
)


@functools.lru_cache(maxsize=512)
def _writes(code: CodeType) -> bool:
    """Whether a function may write into an array, by what stands in it."""
    for i in dis.get_instructions(code):
        in_place = i.opname == "BINARY_OP" and i.argrepr.endswith("=")
        words = i.argval if isinstance(i.argval, tuple) else (i.argval,)
        if in_place or i.opname in ("STORE_SUBSCR", "STORE_SLICE", "STORE_ATTR") or not _WRITING.isdisjoint(words):
            return True
    return any(_writes(part) for part in code.co_consts if isinstance(part, CodeType))
