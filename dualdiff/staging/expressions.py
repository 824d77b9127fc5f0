"""Elementwise calls as expressions of numbers, for loops that a compiler takes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np


class NotElementwise(Exception):
    """A call is no arithmetic of entries."""


def within(text: str) -> str:
    """An operand: in brackets unless it is a number, a name or an entry."""
    return text if _SIMPLE.fullmatch(text) else f"({text})"


_SIMPLE = re.compile(r"\w+(\[[^\[\]]*\]|\.\w+)?")


def _infix(symbol: str) -> Callable[..., str]:
    return lambda a, b: f"{within(a)} {symbol} {within(b)}"


def _call(name: str) -> Callable[..., str]:
    return lambda *given: f"np.{name}({', '.join(given)})"


_itself: Callable[..., str] = lambda a: str(a)

# Of which NumPy has implementations for several numbers at once, and numba the C library's for one.
SLOW: frozenset[Any] = frozenset(
    {np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p, np.sin, np.cos, np.tan, np.arcsin, np.arccos,
     np.arctan, np.arctan2, np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh, np.power}
)  # fmt: skip
EXPRESSIONS: dict[Any, Callable[..., str]] = {
    "__add__": _infix("+"), "__sub__": _infix("-"), "__mul__": _infix("*"), "__truediv__": _infix("/"),
    "__lt__": _infix("<"), "__le__": _infix("<="), "__gt__": _infix(">"), "__ge__": _infix(">="),
    "__eq__": _infix("=="), "__ne__": _infix("!="),
    "__neg__": lambda a: f"-{within(a)}", "__pos__": _itself, "__abs__": lambda a: f"abs({a})",
    np.add: _infix("+"), np.subtract: _infix("-"), np.multiply: _infix("*"), np.true_divide: _infix("/"),
    np.less: _infix("<"), np.less_equal: _infix("<="), np.greater: _infix(">"), np.greater_equal: _infix(">="),
    np.equal: _infix("=="), np.not_equal: _infix("!="),
    np.negative: lambda a: f"-{within(a)}", np.positive: _itself, np.conjugate: _itself,
    np.absolute: lambda a: f"abs({a})", np.fabs: lambda a: f"abs({a})",
    np.square: lambda a: f"{within(a)} * {within(a)}", np.reciprocal: lambda a: f"1.0 / {within(a)}",
    np.where: lambda c, a, b: f"{a} if {c} else {b}",
    **{
        function: _call(function.__name__)
        for function in (
            np.sqrt, np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p, np.sin, np.cos, np.tan,
            np.arcsin, np.arccos, np.arctan, np.arctan2, np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh,
            np.hypot, np.maximum, np.minimum, np.fmax, np.fmin, np.floor, np.ceil, np.trunc, np.copysign,
            np.isnan, np.isfinite, np.isinf, np.logical_and, np.logical_or, np.logical_not, np.logical_xor,
        )
    },
}  # fmt: skip
# Which give truth values for numbers, and do not add them.
ARITHMETIC = frozenset(
    {"__add__", "__sub__", "__mul__", "__truediv__", "__neg__", "__pow__", "__abs__", np.add, np.subtract, np.multiply,
     np.true_divide, np.negative, np.power, np.square, np.reciprocal, np.absolute}
)  # fmt: skip


def literal(item: Any) -> str:
    """A number as text; another argument has none."""
    if type(item) is bool or type(item) is np.bool_:
        return repr(bool(item))
    if type(item) is int and abs(item) < 2**53:
        item = float(item)
    if type(item) is float or type(item) is np.float64:
        value = float(item)
        if math.isfinite(value):
            return repr(value)
        return "np.nan" if value != value else "np.inf" if value > 0 else "(-np.inf)"
    raise NotElementwise
