"""``math``, ``cmath`` and ``statistics``: the value by the function itself, to its last bit; the tangent by NumPy's rule."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..values.objects import carries
from .builtins import is_dual, number_of, plain_value, with_primal
from .calls import enter

_PLAIN = frozenset({float, int, np.float64, bool})


def _value(x: Any) -> Any:
    return plain_value(x) if type(x) not in _PLAIN and is_dual(x) else x


def _number(x: Any) -> Any:
    return number_of(x, float) if type(x) not in _PLAIN and is_dual(x) else x


def elementary(name: str, twin: Callable[..., Any]) -> None:
    """A function of numbers that has a twin among what is differentiable."""
    original = getattr(math, name, None)
    if original is None:  # newer Pythons have it
        return

    def function(*args: Any, **kwargs: Any) -> Any:
        if kwargs or not any(type(arg) not in _PLAIN and is_dual(arg) for arg in args):
            return original(*args, **kwargs)
        value = original(*map(_value, args))
        with np.errstate(all="ignore"):
            return with_primal(twin(*map(_number, args)), value)

    function.__name__ = name
    enter(original, function)


for _name, _twin in {
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log1p": np.log1p, "log2": np.log2, "log10": np.log10,
    "sqrt": np.sqrt, "cbrt": np.cbrt, "fabs": np.abs, "degrees": np.degrees, "radians": np.radians,
    "atan2": np.arctan2, "pow": np.power, "fmod": np.fmod, "copysign": np.copysign,
}.items():  # fmt: skip
    elementary(_name, _twin)
_ = carries
