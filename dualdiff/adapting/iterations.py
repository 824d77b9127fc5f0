"""Roots, fixed points and minima that somebody's Python code finds: differentiated by their equation, not by step.

A secant method, a bisection, a fixed-point iteration stops by a test of plain values.  Where its value has converged
its derivative may not have: a bisection's is 0, a secant method divides differences of the size of rounding errors.
What has to be right is the equation: f(x(θ), θ) = 0 makes ẋ = −ḟ / f'(x), as in `dualdiff.scipy.optimize`.

    iteration_of(node)             in a source (loops.py): what a function calls in a loop, and what ends that
    watching(view, f, iteration)   the view of such a function, which looks at what came of a call

So whether it *is* an iteration is seen in two places.  In the source: a loop, a function among the parameters that is
called in it, an exit by a comparison of what depends on its values (not of the time that a rate is integrated).  In
the run: the points at which that function was evaluated gather about the number returned, its values have shrunk
there, and Newton's method moves that number by next to nothing.  A loop of another kind (a sum, a quadrature, a rate
that is integrated, a descent) does not look so, and keeps the derivative of its steps.  A minimum or maximum is a root
of the derivative, if comparisons alone have found it.  The value is always the one that the iteration returned.

Source: Griewank & Walther, *Evaluating Derivatives*, section 15; Christianson 1994 (derivatives of iterations).
"""

from __future__ import annotations

import functools
import importlib
import math
from collections import deque
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from ..values.dual import primal
from ..values.objects import carries, fused, stripped
from .builtins import presented, with_primal
from .calls import ITERATION, hook
from .loops import Iteration, iteration_of
from .searches import Waiting, tell

_FUNCTIONS = (FunctionType, MethodType, functools.partial)


# Newton's method moves a root by so much of the way that the iteration has come, or of the root itself.  A loop that
# may have ended otherwise, as a rate that is integrated until it rests, has steps of its own: theirs is the derivative.
_CONVERGED = {"always": 1e-5, "perhaps": 1e-9, "never": 0.0}
# A number without any derivative of its steps, and points that have gathered geometrically: a bisection of few digits.
_OF_NONE, _GATHERED = 1e-6, 1e-3
_FELL = 0.01  # what is left of the largest of the values
_SEVERAL = 6  # points, to be seen gathering
_KEPT = 256  # of the points, the last so many


class Evaluations:
    """The points at which an iteration has evaluated its function, all plain numbers, and its values there."""

    def __init__(self, f: Any) -> None:
        self.f = f
        self.points: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        self.low, self.high = math.inf, -math.inf
        self.largest = [0.0, 0.0]  # of the values as those of an equation, and as those of a fixed point
        self.carried = False
        self.others: Any = ((), {})  # arguments beside the point, of the last call
        self.of_numbers = True
        self.counted = True  # all points are whole numbers: terms of a series

    def watched(self) -> Callable[..., Any]:
        @functools.wraps(self.f)
        def call(*args: Any, **kwargs: Any) -> Any:
            y = hook(self.f)(*args, **kwargs)
            if self.of_numbers:
                self._note(args, kwargs, y)
            return y

        return call

    def _note(self, args: Any, kwargs: Any, y: Any) -> None:
        point, value = real_number(args[0] if args else None), real_number(_first(y))
        if point is None or value is None:
            self.of_numbers = False
            return
        self.carried = self.carried or carries(_first(y))
        self.others = (args[1:], kwargs)
        self.counted = self.counted and isinstance(args[0], int)
        self.points.append((point, value))
        self.low, self.high = min(self.low, point), max(self.high, point)
        for i, size in enumerate((abs(value), abs(value - point))):
            if size < math.inf:  # not nan
                self.largest[i] = max(self.largest[i], size)

    # What has converged.

    def equation_of(self, x: float, of_none: bool, ends: str) -> tuple[str, Callable[[Any, bool], Any]] | None:
        """The equation that ``x`` solves, and its name; None if there is no sign of one.

        ``of_none``: no derivative came with it.  ``ends``: what ends its loop, see `Iteration`.
        """
        if not (self.of_numbers and self.carried and self.points) or self.counted:
            return None
        spread = self.high - self.low
        point, value = min(self.points, key=lambda pair: abs(pair[0] - x))
        if abs(point - x) > 0.01 * spread + 1e-6 * abs(x):
            return None
        if not of_none and not self._gather_about(x, spread):  # those of a quadrature that is refined do not
            return None
        smallest = [
            min(abs(value) for _, value in self.points),
            min(abs(value - point) for point, value in self.points),
        ]
        if (
            of_none
            and self._is_extreme(value)
            and self._has_gathered(x, spread)
            and self._solves(x, spread, self._of_extremum, of_none, ends)
        ):
            return "minimum or maximum", self._of_extremum
        exact = point == x and value == 0.0
        if (exact or smallest[0] <= _FELL * self.largest[0]) and self._solves(x, spread, self._of_root, of_none, ends):
            return "root", self._of_root
        if smallest[1] <= _FELL * self.largest[1] and self._solves(x, spread, self._of_fixed_point, of_none, ends):
            return "fixed point", self._of_fixed_point
        return None

    def _gather_about(self, x: float, spread: float) -> bool:
        far = sorted(abs(point - x) for point, _ in self.points)
        return far[(len(far) - 1) // 2] <= 0.2 * spread

    def _solves(self, x: float, spread: float, equation: Any, of_none: bool, ends: str) -> bool:
        try:
            value, slope = _implicit().jvp(lambda x: equation(x, True), (x,), (1.0,))
        except Exception:  # the user's function there, or its derivative: it has none then
            return False
        value, slope = float(primal(fused(value))), float(primal(fused(slope)))
        if not (math.isfinite(value) and math.isfinite(slope)) or slope == 0.0:
            return False
        step = abs(value / slope)
        if step <= (_OF_NONE if of_none else _CONVERGED[ends]) * max(spread, abs(x)):
            return of_none or ends != "never"
        if not of_none:
            return False
        return step <= _GATHERED * spread and self._has_gathered(x, spread)

    def _has_gathered(self, x: float, spread: float) -> bool:
        """Whether most of the points are near to one."""
        far = sorted(abs(point - x) for point, _ in self.points)
        return len(far) >= _SEVERAL and far[len(far) // 2] <= spread / 8

    def _is_extreme(self, value: float) -> bool:
        """Whether no other value is less, or none is greater."""
        values = [other for _, other in self.points]
        margin = 1e-9 * max(abs(min(values)), abs(max(values)))
        return min(values) < max(values) and (value <= min(values) + margin or value >= max(values) - margin)

    def _of_extremum(self, x: Any, on_numbers: bool) -> Any:
        """The derivative of the function in its point."""
        return _implicit().jvp(lambda x: self._of_root(x, on_numbers), (x,), (np.ones_like(x)[()],))[1]

    def _of_root(self, x: Any, on_numbers: bool) -> Any:
        args, kwargs = self.others
        if on_numbers:
            args, kwargs = stripped(args), {name: stripped(arg) for name, arg in kwargs.items()}
        return _whole(hook(self.f)(x, *args, **kwargs))

    def _of_fixed_point(self, x: Any, on_numbers: bool) -> Any:
        return x - self._of_root(x, on_numbers)


def _first(y: Any) -> Any:
    """Of a function that returns its derivatives too, the value."""
    return y[0] if type(y) is tuple and y else y


def _whole(y: Any) -> Any:
    y = fused(_first(y))
    return np.reshape(y, ()) if np.shape(y) else y


def real_number(x: Any) -> float | None:
    """The plain value of a real number, which may be a Dual; None of anything else."""
    if type(x) is float:
        return x
    if carries(x):
        x = primal(fused(x))
    elif hasattr(type(x), "__dual__"):
        x = x.__dual__()
    if isinstance(x, (float, int, np.floating)) and not isinstance(x, bool):
        return float(x)
    if type(x) is np.ndarray and x.ndim == 0 and x.dtype.kind == "f":
        return float(x)
    return None


def _implicit() -> Any:
    return importlib.import_module("dualdiff.scipy.implicit")


def watching(view: Callable[..., Any], f: FunctionType, iteration: Iteration) -> Callable[..., Any]:
    """A function that iterates on one of its arguments: what it returns has the derivatives of a solution."""
    name = iteration.parameter
    code = f.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    position = names.index(name) if names.index(name) < code.co_argcount else None

    @functools.wraps(view)
    def iterate(*args: Any, **kwargs: Any) -> Any:
        if position is not None and position < len(args):
            given = args[position]
        elif name in kwargs:
            given = kwargs[name]
        else:
            return view(*args, **kwargs)
        if not isinstance(given, _FUNCTIONS):
            return view(*args, **kwargs)
        evaluations = Evaluations(given)
        if name in kwargs:
            kwargs[name] = evaluations.watched()
        else:
            args = (*args[:position], evaluations.watched(), *args[position + 1 :])  # type: ignore[operator]
        with Waiting(code) as searched:
            y = view(*args, **kwargs)
        found, y = _solution(code.co_name, evaluations, iteration.ends, y, bool(searched))
        if not found:
            for text in searched:
                tell(text)
        return y

    return iterate


def _solution(name: str, evaluations: Evaluations, ends: str, y: Any, searched: bool) -> tuple[bool, Any]:
    """What an iteration returned, a solution in it with the derivatives of its equation, and whether it is one.

    ``searched``: it was seen to close in by comparisons alone, whose derivatives are none.
    """
    if not evaluations.carried:
        return False, y
    several = type(y) is tuple and len(y) > 0
    x = y[0] if several else y
    value = real_number(x)
    if value is None or (found := evaluations.equation_of(value, searched or not carries(x), ends)) is None:
        return False, y
    kind, equation = found
    implicit = _implicit()
    point = implicit.polished(f"{name} (a {kind})", lambda x: equation(x, True), value)
    solution = implicit.with_derivatives(lambda x: equation(x, False), point)
    plain = primal(fused(x)) if carries(x) else x
    x = presented(with_primal(solution, plain))
    return True, (x, *y[1:]) if several else x


ITERATION[:] = [iteration_of, watching]
