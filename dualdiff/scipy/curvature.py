"""Gradient and Hessian of an objective at plain points, and how its gradient moves, for the derivative of its minimum.

All are programs where the objective has come up often enough (staged_derivatives.py, readings.py); else they are what
the transforms make of them.

    slopes = Slopes(f, args, scalar, whole)      slopes.gradient(x), slopes.hessian(x), all plain; slopes.moving(x)
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..adapting.buffers import settled
from ..staging.record import active
from ..staging.staged import same
from ..tangents.dense import Dense
from ..tangents.running import Running
from ..tangents.single import Single
from ..transforms import jacobian
from ..transforms.forward import jacfwd
from ..transforms.reverse import grad, value_and_grad
from ..values.dual import Dual
from ..values.objects import carries, fused
from .implicit import numbers
from .readings import Build, opened
from .staged_derivatives import KEPT, InOneSolve, Silent


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
        return _moving_with(f, args, x, found[0])

    def _first(self, x: Any) -> tuple[Any, Any] | None:
        return self.first.known(x, *self.args) if self.first is not None else None

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


# How value and gradient move with what the objective holds.

_SOON = 20  # solutions with derivatives
_MOST = 64  # numbers that carry derivatives, or as many as there are unknowns
_moving: OrderedDict[Any, _Moving] = OrderedDict()


def _moving_with(f: Any, args: tuple[Any, ...], x: Any, value: Any) -> tuple[Any, Any, Any] | None:
    found = opened((f, args))
    duals = [] if found is None or active() is not None else [leaf for leaf in found.leaves if type(leaf) is Dual]
    if not duals or any(type(dual.value) is Dual or dual.perturbation is not duals[0].perturbation for dual in duals):
        return None
    p = duals[0].perturbation
    if not p.live or not (type(p) in (Single, Dense) or isinstance(p, Running)):  # others ask for more than numbers
        return None
    assert found is not None
    shapes = tuple([dual.shape for dual in duals])
    m = sum(map(math.prod, shapes))
    if m > max(_MOST, x.size) or any(dual.dtype != float for dual in duals):
        return None
    moves = tuple([type(leaf) is Dual for leaf in found.leaves])
    key = found.key, moves, shapes
    known = _moving.get(key)
    if known is None:
        known = _moving[key] = _Moving(found.build, moves, shapes)
        if len(_moving) > KEPT:
            _moving.popitem(last=False)
    vectors = [np.ravel(dual) for dual in duals]
    theta = vectors[0] if len(vectors) == 1 else np.concatenate(vectors)
    rest = tuple([leaf for leaf in found.leaves if type(leaf) is not Dual])
    J = known.at(numbers(theta), x, rest, value)
    return None if J is None else (theta, value, J)


class _Moving:
    """The derivative of value and gradient in all that carries one, as one matrix."""

    def __init__(self, build: Build, moves: tuple[bool, ...], shapes: tuple[tuple[int, ...], ...]) -> None:
        def both(theta: Any, x: Any, rest: Any) -> Any:
            def value_and_slopes(theta: Any) -> Any:
                slots, at = [], 0
                for shape in shapes:
                    size = math.prod(shape)
                    slots.append(np.reshape(theta[at : at + size], shape) if shape else theta[at])
                    at += size
                moving, others = iter(slots), iter(rest)
                f, args = build(iter([next(moving if moved else others) for moved in moves]))
                value, gradient = value_and_grad(scalar_of(lambda x: f(x, *args)))(x)
                return np.concatenate([np.reshape(value, (1,)), gradient]), value

            J, value = jacfwd(value_and_slopes, has_aux=True)(theta)
            return value, J

        self.staged = Silent(both, variants=2)
        self.calls, self.looked_at, self.over = 0, False, False

    def at(self, theta: Any, x: Any, rest: Any, value: Any) -> Any:
        """The matrix, by a program that gives the value at hand to the last bit; None where there is none."""
        self.calls += 1
        if self.over or self.calls < _SOON:
            return None
        try:
            if not self.looked_at:
                self.looked_at = True
                program = self.staged.program(theta, x, rest)
                self.over = bool(program.saves or program.apart)
            found, J = self.staged(theta, x, rest)
        except Exception:  # a refusal, or the function's own at other values
            self.over = True
            return None
        self.over = self.over or not same(found, value)
        return None if self.over or not np.all(np.isfinite(J)) else J
