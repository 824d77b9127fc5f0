"""The user's functions as a solver of SciPy calls them: on plain numbers, with exact derivatives where it takes some.

    f = Watched(fun, args)          f(x) is plain; f.carried tells afterwards whether a result carried a derivative
    differentiable(f, x)            whether f can be differentiated there; else SciPy makes its own differences
    gradient(f), jacobian(f), ...   plain derivatives of f, to be given to the solver

What the user's function does with plain numbers is the user's: its errors and warnings pass through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..transforms import forward, jacobian
from ..transforms.reverse import value_and_grad
from ..values.objects import carries, fused
from .implicit import numbers
from .staged_derivatives import staged_where_it_pays

# How a function says that it does not take dual arrays: math.sin(x), np.asarray(x, float), a buffer, float(x), x.foo.
NOT_DIFFERENTIABLE = (TypeError, ValueError, AttributeError, NotImplementedError, RuntimeError)


class Watched:
    """``f`` with its further arguments: `call` where the user's values live, the object itself on plain numbers."""

    def __init__(self, f: Callable[..., Any], args: Any = (), kwargs: Any = None) -> None:
        self.f = f
        self.args = tuple(args) if isinstance(args, (tuple, list)) else (args,)
        self.kwargs = kwargs or {}
        self.carried = False

    def call(self, x: Any) -> Any:
        return fused(self.f(x, *self.args, **self.kwargs))

    def __call__(self, x: Any, *rest: Any) -> Any:
        y = self.f(x, *self.args, *rest, **self.kwargs)
        if carries(y):
            self.carried = True
            return tuple(map(numbers, y)) if isinstance(y, tuple) and self._pair else numbers(y)
        return y

    _pair = False

    def on_numbers(self) -> Watched:
        """The same function of plain further arguments: no derivative is dragged along where none is used."""
        return type(self)(self.f, plain(self.args), plain(self.kwargs))

    def scalar(self, x: Any) -> Any:
        """The one number that ``f`` returns, in whatever shape."""
        y = self.call(x)
        return np.reshape(y, ()) if np.shape(y) else y

    def vector(self, x: Any) -> Any:
        y = self.call(x)
        return y if getattr(y, "ndim", 0) == 1 else np.ravel(y)


class First(Watched):
    """Of a function that returns its value and derivatives together, as SciPy's ``jac=True``, the value."""

    def call(self, x: Any) -> Any:
        return fused(self.f(x, *self.args, **self.kwargs)[0])

    _pair = True


def differentiable(derivative: Callable[[Any], Any], x: Any) -> bool:
    """Whether an exact derivative can be had at a plain ``x``, where SciPy's own differences would do otherwise."""
    try:
        derivative(x)
    except NOT_DIFFERENTIABLE:
        return False
    return True


class ValueAndGradient:
    """Value and gradient of a scalar function at plain points, from one run of it for both."""

    def __init__(self, f: Watched) -> None:
        self.f = f
        self.both = value_and_grad(f.scalar)
        self.x: Any = None
        self.found: Any = None

    def value(self, x: Any) -> Any:
        return self._at(x)[0]

    def gradient(self, x: Any) -> Any:
        return self._at(x)[1]

    def _at(self, x: Any) -> Any:
        if self.x is None or not np.array_equal(self.x, x):
            value, gradient = self.both(np.array(x, float))
            self.f.carried = self.f.carried or carries(value) or carries(gradient)
            self.found, self.x = (numbers(value), numbers(gradient)), np.copy(x)
        return self.found


def hessian(f: Watched) -> Callable[[Any], Any]:
    exact = jacobian.hessian(f.scalar)
    return _remembered(lambda x: numbers(exact(np.asarray(x, float))))


def hessian_product(f: Watched) -> Callable[[Any, Any], Any]:
    return lambda x, p: numbers(jacobian.hvp(f.scalar, np.asarray(x, float), np.asarray(p, float)))


def jacobian_of(f: Watched) -> Callable[[Any], Any]:
    exact = jacobian.jacobian(f.vector)
    return _remembered(lambda x: numbers(exact(np.asarray(x, float))))


def repeated_jacobian_of(f: Watched) -> Callable[[Any], Any]:
    """The same for a function that many solves may have in common, or one that takes many steps: staged if it pays."""
    exact, args = jacobian.jacobian(f.vector), f.args
    if f.kwargs:
        return jacobian_of(f)
    staged = staged_where_it_pays(f.f, vector_and_jacobian)

    def at(x: Any) -> Any:
        x = np.asarray(x, float)
        return numbers(exact(x)) if f.carried else staged(x, *args)

    return _remembered(at)


def vector_and_jacobian(f: Callable[..., Any]) -> Any:
    """Value, and value and Jacobian in the first argument, of a function of one or more arguments."""

    def vector(x: Any, *rest: Any) -> Any:
        y = fused(f(x, *rest))
        return y if getattr(y, "ndim", 0) == 1 else np.ravel(y)

    return vector, with_jacobian(vector)


def with_jacobian(f: Callable[..., Any]) -> Callable[..., Any]:
    def twice(*args: Any) -> Any:
        y = f(*args)
        return y, y

    both = jacobian.jacobian(twice, has_aux=True)
    return lambda *args: tuple(map(numbers, both(*args)))[::-1]


def _remembered(derivative: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same, not calculated again where it was last: a solver begins where `differentiable` has been."""
    last: Any = None
    found: Any = None

    def at(x: Any) -> Any:
        nonlocal last, found
        if last is None or not np.array_equal(last, x):
            found, last = derivative(x), np.array(x)
        return found.copy()

    return at


class ValueAndSlope:
    """Value and derivative of an elementwise function at plain points, from one run of it for both."""

    def __init__(self, f: Watched) -> None:
        self.f = f
        self.x: Any = None
        self.found: Any = None

    def value(self, x: Any) -> Any:
        return self._at(x)[0]

    def slope(self, x: Any) -> Any:
        return self._at(x)[1]

    def curvature(self, x: Any) -> Any:
        one = np.ones_like(x)
        return numbers(forward.jvp(lambda x: forward.jvp(self.f.call, (x,), (one,))[1], (x,), (one,))[1])

    def _at(self, x: Any) -> Any:
        if self.x is None or not np.array_equal(self.x, x):
            found = forward.jvp(self.f.call, (x,), (np.ones_like(x),))
            self.f.carried = self.f.carried or carries(found)
            self.found, self.x = tuple(map(numbers, found)), np.copy(x)
        return self.found


def plain(tree: Any) -> Any:
    """Options, starts and limits without their derivatives; functions and other objects as they are."""
    if not carries(tree):
        return tree
    if isinstance(tree, (list, tuple)):
        parts = [plain(part) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    if isinstance(tree, dict):
        return {name: plain(part) for name, part in tree.items()}
    return numbers(tree)
