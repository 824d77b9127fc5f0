"""Gradient and Hessian of an objective at plain points, for the derivative of its minimum.

Both are programs where the objective has come up often enough (staged_derivatives.py); else they are what the
transforms make of them.  The objective is that of a solve which is over: its results are known to be plain, or
`Watched` has noted that they are not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..adapting.buffers import settled
from ..transforms import jacobian
from ..transforms.forward import jacfwd
from ..transforms.reverse import grad, value_and_grad
from ..values.objects import carries, fused
from .implicit import numbers
from .staged_derivatives import InOneSolve


class Slopes:
    """Of ``f(x, *args)``, a scalar."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], scalar: Callable[[Any], Any]) -> None:
        self.args, self.scalar = args, scalar
        known = not carries(args)
        self.first = InOneSolve(f, value_and_gradient) if known else None
        self.second = InOneSolve(f, value_and_hessian) if known else None

    def gradient(self, x: Any) -> Any:
        found = self.first.known(x, *self.args) if self.first is not None else None
        return numbers(grad(self.scalar)(x)) if found is None else found[1]

    def hessian(self, x: Any) -> Any:
        found = self.second.known(x, *self.args) if self.second is not None else None
        return numbers(jacfwd(grad(self.scalar))(x)) if found is None else found[1]


def scalar_of(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f`` with its one number in no shape."""

    def value(x: Any, *rest: Any) -> Any:
        y = fused(settled(f(x, *rest)))
        return np.reshape(y, ()) if np.shape(y) else y

    return value


def value_and_gradient(f: Callable[..., Any]) -> Any:
    """Value, and value and gradient in the first argument."""
    value = scalar_of(f)
    both: Any = None  # made where it is needed

    def pair(*args: Any) -> Any:
        nonlocal both
        both = both or value_and_grad(value)
        return tuple(map(numbers, both(*args)))

    return value, pair


def value_and_hessian(f: Callable[..., Any]) -> Any:
    """Value, and value and Hessian in the first argument."""
    value = scalar_of(f)
    return value, lambda *args: (numbers(value(*args)), numbers(jacobian.hessian(value)(*args)))
