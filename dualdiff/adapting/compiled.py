"""Compiled functions of packages, and of the user's: buffers are handed to them as plain arrays.

Some of them ask for arrays by ``__array__``, and get one from a buffer by themselves.  Others look at the type, or at
the memory: f2py's ``intent(inout)``, Cython's ``double[:, ::1]``, pythran, numba.  To them a buffer would be none.
The plain view that they get shares its memory, and is remembered (`buffers.exported`): what they write is seen, and a
Dual that is written while they keep it raises.  Where an argument carries a derivative, nothing is changed.
"""

from __future__ import annotations

import functools
import sys
from types import BuiltinFunctionType, ModuleType
from typing import Any

import numpy as np

from .. import errors
from ..values.objects import carries
from .buffers import Buffer, exported
from .calls import COMPILED, LEFT


class WithArrays:
    """A compiled function or callable instance that is called with arrays in place of buffers."""

    __slots__ = ("__wrapped__",)

    def __init__(self, g: Any) -> None:
        self.__wrapped__ = g

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        g, given = self.__wrapped__, (*args, *kwargs.values()) if kwargs else args
        active = carries(given)
        if active or Buffer not in map(type, given):
            try:
                in_c = active and type(g) is BuiltinFunctionType
                return as_c(g, args, kwargs) if in_c else g(*args, **kwargs)
            except errors.DualdiffError:
                raise
            except Exception as error:  # packages have classes of their own, as numba's TypingError
                # Of SciPy's own the transforms tell more.
                note = errors.compiled_function(g)
                told = note in getattr(error, "__notes__", ())  # numba raises the same error again
                if active and not told and not str(getattr(g, "__module__", None) or "scipy").startswith("scipy"):
                    error.add_note(note)
                raise
        views: list[tuple[Any, Buffer]] = []

        def array(x: Any) -> Any:
            if type(x) is not Buffer:
                return x
            views.append((exported(x), x))
            return views[-1][0]

        result = g(*map(array, args), **{name: array(arg) for name, arg in kwargs.items()})
        if type(result) is np.ndarray:
            for view, buffer in views:
                if result is view:
                    return buffer
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)


def as_c(g: Any, args: Any, kwargs: Any) -> Any:
    """A call of a function in C, which must not make arrays of objects of what carries a derivative, see `entries`:
    it may read them as numbers."""
    return g(*args, **kwargs)


def compiled(g: Any) -> Any:
    """What is called in place of a compiled function or callable instance: itself, if it is Python's or NumPy's."""
    owner = getattr(g, "__self__", g)
    module = getattr(g, "__module__", None) or (
        owner.__name__ if isinstance(owner, ModuleType) else type(owner).__module__
    )
    if type(g).__name__ != "fortran" and not (isinstance(module, str) and _is_a_package(module)):
        return g
    return WithArrays(g)


@functools.cache
def _is_a_package(module: str) -> bool:
    root = module.partition(".")[0]
    return root not in LEFT and root not in sys.stdlib_module_names


COMPILED[0] = compiled
