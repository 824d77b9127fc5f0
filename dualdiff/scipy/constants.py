"""The user's functions and arguments with plain numbers in place of what carries a derivative: see captured.py.

Where derivatives hide elsewhere (in a list, or an attribute of an object, say), a function meets them, and its results
carry them.
"""

from __future__ import annotations

import functools
from types import FunctionType
from typing import Any

import numpy as np

from ..values.dual import Dual
from ..values.objects import carries
from .callbacks import plain
from .captured import on_numbers, over_numbers


def without_derivatives(x: Any) -> Any:
    """A function, or arguments, without the derivatives that can be reached; ``x`` itself where there are none."""
    kind = type(x)
    if kind is FunctionType or kind is functools.partial:
        return on_numbers(x)
    if kind is tuple and carries(x):
        return tuple(map(without_derivatives, x))
    # A list or dict may be what the function fills: a copy would not be that.
    if kind is Dual or hasattr(kind, "__dual__"):
        return plain(x)
    return x


def touches_no_container(f: Any) -> bool:
    """Whether a function sees no array, list or dict from outside: one that it fills would hold a derivative."""
    f = over_numbers(f)
    if type(f) is not FunctionType:
        return False
    seen = [f.__globals__.get(name) for name in f.__code__.co_names]
    for cell in f.__closure__ or ():
        try:
            seen.append(cell.cell_contents)
        except ValueError:  # not assigned yet
            return False
    return not any(isinstance(x, (np.ndarray, list, dict)) for x in (*seen, *(f.__defaults__ or ())))
