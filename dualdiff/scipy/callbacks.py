"""The user's functions as a solver of SciPy calls them: on plain numbers, with exact derivatives where it takes some.

    f = Watched(fun, args)          f(x) is plain; f.carried tells afterwards whether a result carried a derivative
    differentiable(f, x)            whether f can be differentiated there; else SciPy makes its own differences
    gradient(f), jacobian(f), ...   plain derivatives of f, to be given to the solver

What the user's function does with plain numbers is the user's: its errors and warnings pass through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..adapting.buffers import settled
from ..transforms import forward, jacobian
from ..transforms.reverse import value_and_grad
from ..values.choices import MADE, decides
from ..values.objects import carries, fused
from .captured import arguments_on_numbers, holds_what_ended, keeps, on_numbers
from .curvature import value_and_gradient
from .implicit import numbers
from .staged_derivatives import InOneSolve, staged_where_it_pays

# How a function says that it does not take dual arrays: math.sin(x), np.asarray(x, float), a buffer, float(x), x.foo.
NOT_DIFFERENTIABLE = (TypeError, ValueError, AttributeError, NotImplementedError, RuntimeError)


class Watched:
    """``f`` with its further arguments: `call` where the user's values live, the object itself on plain numbers.

    ``carried`` says that a result carried a derivative, ``entered`` that one was left out of what f holds or is given,
    ``compared`` that f compared or rounded what carries one: where that comes out otherwise, its results may jump.
    """

    def __init__(self, f: Callable[..., Any], args: Any = (), kwargs: Any = None) -> None:
        self.f = f
        self.args = tuple(args) if isinstance(args, (tuple, list)) else (args,)
        self.kwargs = kwargs or {}
        self.carried = self.entered = self.compared = False
        self.whole = self  # and of what was left out

    def call(self, x: Any) -> Any:
        return fused(settled(self._run(x)))

    def __call__(self, x: Any, *rest: Any) -> Any:
        before = MADE[0]
        y = self._run(x, *rest)
        if MADE[0] != before and not self.compared:
            self.compared = decides(lambda: self._run(x, *rest))
        if type(y) is np.float64 or type(y) is float:
            return y
        y = settled(y)
        if carries(y):
            self.carried = True
            return tuple(map(numbers, y)) if isinstance(y, tuple) and self._pair else numbers(y)
        return y

    _pair = False

    def _run(self, x: Any, *rest: Any) -> Any:
        try:
            return self.f(x, *self.args, *rest, **self.kwargs)
        except Exception:
            whole = self.whole
            if self.f is whole.f:
                raise
            # For want of what was left out, perhaps.
            self.f, self.args, self.kwargs = whole.f, whole.args, whole.kwargs
            return self.f(x, *self.args, *rest, **self.kwargs)

    def on_numbers(self) -> Watched:
        """The same function of plain numbers: no derivative is dragged along where none is used."""
        f, args, kwargs = on_numbers(self.f), arguments_on_numbers(self.args), arguments_on_numbers(self.kwargs)
        g = type(self)(f, args, kwargs)
        if f is not self.f or args is not self.args or kwargs is not self.kwargs:
            g.entered, g.whole = True, self
        return g

    def depends_at(self, x: Any) -> bool:
        """Whether a derivative comes out of the function at ``x``, or decides there what does."""
        if self.carried or not (self.entered or self.compared):
            return self.carried
        run = lambda: self.whole.f(x, *self.whole.args, **self.whole.kwargs)
        return carries(run()) or decides(run)

    def left_at(self, solution: Callable[[], Any], x: Any, differentiated: bool) -> None:
        """Run a function that keeps something once more, at the solution, in the shape of ``x``.

        A residual notes an intermediate result, in a list, an attribute or a name outside, which is read when the
        solver has returned.  What the last of its runs on plain numbers left there would have no derivative; what a
        differentiation left there, one that has ended.
        """
        given = self.f, self.args, self.kwargs
        if keeps(*given) and (differentiated or holds_what_ended(*given)):
            at = solution()
            self._run(np.reshape(at, np.shape(x)) if np.shape(at) != np.shape(x) else at)

    def scalar(self, x: Any) -> Any:
        """The one number that ``f`` returns, in whatever shape."""
        y = self.call(x)
        return np.reshape(y, ()) if np.shape(y) else y

    def alike(self, x: Any) -> Any:
        """One number for each of ``x``, in the shape of ``x``."""
        y, shape = self.call(x), np.shape(x)
        return y if np.shape(y) == shape else np.reshape(y, shape)

    def number(self, x: Any) -> Any:
        """The one number that ``f`` returns, without its derivatives."""
        y = self.f(x, *self.args, **self.kwargs)
        if type(y) is float or type(y) is np.float64:
            return y
        return numbers(np.reshape(fused(y), ()))

    def vector(self, x: Any) -> Any:
        y = self.call(x)
        return y if getattr(y, "ndim", 0) == 1 else np.ravel(y)


class First(Watched):
    """Of a function that returns its value and derivatives together, as SciPy's ``jac=True``, the value."""

    def call(self, x: Any) -> Any:
        return fused(settled(self._run(x)[0]))

    _pair = True


def differentiated(
    plain_result: Any, made: Callable[[], Any], functions: Sequence[Watched], x: Any, certainly: bool = False
) -> Any:
    """``made()``, a solver's result with derivatives; the plain one where nothing carries any.

    That is known where one of the functions (of plain numbers) returned one, or ``certainly``.  Where one may have been
    left out, or was compared only, an error of `made` counts if the function depends on it at ``x``.
    What the functions keep of their runs is of the solution afterwards, with its derivatives (`Watched.left_at`).
    """
    found = plain_result
    if certainly or any(g.carried or g.entered or g.compared for g in functions):
        try:
            found = made()
        except Exception:
            if certainly or any(g.depends_at(x) for g in functions):
                raise
    for g in functions:
        g.whole.left_at(lambda: _solution_in(found), x, found is not plain_result)
    return found


def _solution_in(found: Any) -> Any:
    for name in ("x", "root"):
        if hasattr(found, name):
            return getattr(found, name)
    return found[0] if isinstance(found, tuple) else found


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
        self.repeated = None if f.kwargs or carries(f.args) else InOneSolve(f.f, value_and_gradient)
        self.at: Any = None
        self.found: Any = None

    def value(self, x: Any) -> Any:
        return self._at(x)[0]

    def gradient(self, x: Any) -> Any:
        return self._at(x)[1]

    def _at(self, x: Any) -> Any:
        if self.at != (here := _key(x)):
            x = np.array(x, float)
            found = None if self.repeated is None else self.repeated.known(x, *self.f.args)
            if found is None:  # of another function than one that reads plain numbers
                value, gradient = self.both(x)
                self.f.carried = self.f.carried or carries(value) or carries(gradient)
                found = numbers(value), numbers(gradient)
            self.found, self.at = found, here
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
        y = fused(settled(f(x, *rest)))
        return y if getattr(y, "ndim", 0) == 1 else np.ravel(y)

    return vector, with_jacobian(vector)


def with_jacobian(f: Callable[..., Any]) -> Callable[..., Any]:
    def twice(*args: Any) -> Any:
        y = f(*args)
        return y, y

    both: Any = None  # made where it is needed: often the value alone is

    def value_and_jacobian(*args: Any) -> Any:
        nonlocal both
        both = both or jacobian.jacobian(twice, has_aux=True)
        J, y = both(*args)
        return numbers(y), numbers(J)

    return value_and_jacobian


def _remembered(derivative: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same, not calculated again where it was last: a solver begins where `differentiable` has been."""
    last: Any = None
    found: Any = None

    def at(x: Any) -> Any:
        nonlocal last, found
        if last != (here := _key(x)):
            found, last = derivative(x), here
        return found.copy()

    return at


def _key(x: Any) -> Any:
    """What tells points apart: the bytes of an array or scalar."""
    return x.tobytes() if hasattr(x, "tobytes") else repr(x)


class ValueAndSlope:
    """Value and derivative of an elementwise function at plain points, from one run of it for both."""

    def __init__(self, f: Watched) -> None:
        self.f = f
        self.both = None if carries(f.args) else InOneSolve(f.f, value_and_slope)
        self.at: Any = None
        self.found: Any = None

    def value(self, x: Any) -> Any:
        return self._at(x)[0]

    def slope(self, x: Any) -> Any:
        return self._at(x)[1]

    def curvature(self, x: Any) -> Any:
        one = np.ones_like(x)
        return numbers(forward.jvp(lambda x: forward.jvp(self.f.call, (x,), (one,))[1], (x,), (one,))[1])

    def _at(self, x: Any) -> Any:
        if self.at != (here := _key(x)):
            known = self.both.known(x, *self.f.args) if self.both and _is_float(x) else None
            if known is not None:
                self.found = known
            else:
                found = forward.jvp(self.f.call, (x,), (np.ones_like(x),))
                self.f.carried = self.f.carried or carries(found)
                self.found = tuple(map(numbers, found))
            self.at = here
        return self.found


def _is_float(x: Any) -> bool:
    return type(x) is float or type(x) is np.float64 or (type(x) is np.ndarray and x.dtype == float)


def value_and_slope(f: Callable[..., Any]) -> Any:
    """Value, and value and derivative in the first argument, of an elementwise function."""

    def value(x: Any, *rest: Any) -> Any:
        return fused(settled(f(x, *rest)))

    def both(x: Any, *rest: Any) -> Any:
        one = np.ones(np.shape(x)) if np.shape(x) else 1.0
        return tuple(map(numbers, forward.jvp(lambda x: value(x, *rest), (x,), (one,))))

    return value, both


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
