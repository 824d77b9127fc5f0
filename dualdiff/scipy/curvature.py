"""Gradient and Hessian of an objective at plain points, and how its gradient moves, for the derivative of its minimum.

All are programs where the objective has come up often enough (staged_derivatives.py, readings.py); else they are what
the transforms make of them.

    slopes = Slopes(f, args, scalar, whole)      slopes.gradient(x), slopes.hessian(x), all plain; slopes.moving(x)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..adapting.buffers import settled
from ..transforms import jacobian
from ..transforms.reverse import grad, value_and_grad
from ..values.objects import carries, fused
from .implicit import numbers
from .moving import of_one_level, repeated_with
from .staged_derivatives import InOneSolve

_MOST = 64  # numbers that carry derivatives, or as many as there are unknowns


class Slopes:
    """Of ``f(x, *args)``, a scalar."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], scalar: Callable[[Any], Any], whole: Any) -> None:
        self.args, self.scalar = args, scalar
        self.whole = whole  # the function and its arguments, with what they carry
        known = not carries(args)
        self.first = InOneSolve(f, value_and_gradient) if known else None
        self.second = InOneSolve(f, value_and_hessian) if known else None

    @property
    def at_hand(self) -> bool:
        """Whether another Hessian costs next to nothing."""
        return self.second is not None and self.second.compared is not None

    def gradient(self, x: Any) -> Any:
        found = self._first(x)
        return numbers(grad(self.scalar)(x)) if found is None else found[1]

    def moving(self, x: Any) -> tuple[Any, Any, Any] | None:
        """All that carries a derivative as one vector, the value at x, and how value and gradient move with the vector.

        None where there is no program for that.
        """
        found = self._first(x)
        if found is None:
            return None
        f, args = self.whole
        moving = of_one_level(f, args)
        if moving is None or len(moving.numbers) > max(_MOST, x.size):
            return None
        known = repeated_with(moving, value_and_slopes)
        J = known.at(moving, x, found[0]) if known is not None else None
        return None if J is None else (moving.theta, found[0], J)

    def _first(self, x: Any) -> tuple[Any, Any] | None:
        return self.first.known(x, *self.args) if self.first is not None else None

    def hessian(self, x: Any) -> Any:
        found = self.second.known(x, *self.args) if self.second is not None else None
        return numbers(jacobian.hessian(self.scalar)(x)) if found is None else found[1]


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


def value_and_slopes(f: Callable[..., Any], x: Any) -> tuple[Any, Any]:
    """Value, and value and gradient as one vector."""
    value, gradient = value_and_grad(scalar_of(f))(x)
    return value, np.concatenate([np.reshape(value, (1,)), gradient])
