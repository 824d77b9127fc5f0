"""Piecewise polynomials: PPoly, and what SciPy's splines have in common; cubic_interpolants.py makes some of data.

A polynomial lives in its coefficients ``c`` of shape ``(degree + 1, pieces, ...)`` and its breakpoints ``x``.  SciPy
makes every value; the formulas here say how the values depend on the coefficients, the breakpoints and the points.

Conventions: a breakpoint belongs to the piece that SciPy evaluates there, the one on its right (the last piece is
closed), so a kink has the derivative of that piece.  A point outside, without extrapolation, has value and derivative
nan.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import interpolate as plain

from .. import errors
from ..rules.call import fused_tree
from ..transforms.arguments import presented
from ..values.levels import duals_in
from ..values.objects import stripped
from .forms import composite, double, undefined_where

# Arrays as SciPy's splines take them.


def owned(x: Any) -> Any:
    """In double precision, out of reach of later writes, and as its users see it."""
    return presented(np.copy(double(x)))


def spread(x: Any, ndim: int) -> Any:
    """With axes of length 1 at the end, for ``ndim`` of them."""
    return np.reshape(x, (*np.shape(x), *(1,) * ndim))


def on_axis(result: Any, points_ndim: int, axis: int) -> Any:
    """The axes of the points, which come first, in place of the axis of interpolation."""
    if axis == 0:
        return result
    axes = list(range(np.ndim(result)))
    data = axes[points_ndim:]
    return np.transpose(result, [*data[:axis], *axes[:points_ndim], *data[axis:]])


def integral(antiderivative: Any, a: Any, b: Any, start: Any, stop: Any, periodic: bool) -> Any:
    """F(b) − F(a), with F taken at all points in one call; of a periodic function, F(t) is that of a whole number of
    periods and of the rest.
    """
    a, b = double(a), double(b)
    if not periodic:
        at_a, at_b = antiderivative(np.stack([a, b]))
        return at_b - at_a
    period = stop - start
    rests = [start + np.remainder(t - start, period) for t in (a, b)]
    at_start, at_stop, at_a, at_b = antiderivative(np.stack([start, stop, *rests]))
    whole = [np.floor_divide(t - start, period) for t in (a, b)]
    return (whole[1] - whole[0]) * (at_stop - at_start) + at_b - at_a


# Evaluation, differentiation, integration.


def _evaluate_plain(c: Any, x: Any, points: Any, nu: int, extrapolate: Any, axis: int) -> Any:
    return plain.PPoly.construct_fast(c, x, extrapolate, axis)(points, nu, extrapolate)


@composite(_evaluate_plain)
def evaluate(c: Any, x: Any, points: Any, nu: int, extrapolate: Any, axis: int) -> Any:
    """Σ cₘ (t − xⱼ)^(K−m), or its derivative of order ``nu``, by Horner's rule on the piece j of each point."""
    points = double(points)
    if extrapolate == "periodic":
        points = x[0] + np.remainder(points - x[0], x[-1] - x[0])
        extrapolate = False
    t, knots = stripped(points), stripped(x)
    sign = 1.0 if knots[-1] >= knots[0] else -1.0  # breakpoints may descend
    piece = np.clip(np.searchsorted(sign * knots, sign * t, side="right") - 1, 0, knots.size - 2)
    ndim, degree = np.ndim(c) - 2, np.shape(c)[0] - 1
    step, pieces = spread(points - np.take(x, piece), ndim), np.take(c, piece, axis=1)
    result = None
    for m in range(degree + 1 - nu):
        term = pieces[m] * float(math.perm(degree - m, nu))
        result = term if result is None else result * step + term
    if result is None:
        return None
    if not extrapolate:
        lo, hi = min(knots[0], knots[-1]), max(knots[0], knots[-1])
        result = undefined_where(result, spread((t < lo) | (t > hi), ndim))
    return on_axis(result, np.ndim(t), axis)


def _derivative_plain(c: Any, nu: int) -> Any:
    return plain.PPoly.construct_fast(c, np.arange(c.shape[1] + 1.0)).derivative(nu).c


@composite(_derivative_plain)
def _derivative(c: Any, nu: int) -> Any:
    degree = np.shape(c)[0] - 1
    if nu > degree:
        return None
    factors = np.array([float(math.perm(degree - m, nu)) for m in range(degree + 1 - nu)])
    return c[: degree + 1 - nu] * spread(factors, np.ndim(c) - 1)


def _antiderivative_plain(c: Any, x: Any, nu: int) -> Any:
    return plain.PPoly.construct_fast(c, x).antiderivative(nu).c


@composite(_antiderivative_plain)
def _antiderivative(c: Any, x: Any, nu: int) -> Any:
    """Each piece goes on where the last one ended; the first starts at zero."""
    h = spread(np.diff(x), np.ndim(c) - 2)
    for _ in range(nu):
        n = np.shape(c)[0]
        c = c / spread(np.arange(n, 0.0, -1.0), np.ndim(c) - 1)
        total: Any = 0.0
        for m in range(n):
            total = (total + c[m]) * h
        ends = np.cumsum(total[:-1], axis=0)
        c = np.concatenate([c, np.concatenate([np.zeros_like(total[:1]), ends])[None]])
    return c


def _integrate_plain(c: Any, x: Any, a: Any, b: Any, extrapolate: Any) -> Any:
    return plain.PPoly.construct_fast(c, x, extrapolate).integrate(a, b, extrapolate)


@composite(_integrate_plain)
def _integrate(c: Any, x: Any, a: Any, b: Any, extrapolate: Any) -> Any:
    periodic = extrapolate == "periodic"
    area = _antiderivative(c, x, 1)
    return integral(lambda t: evaluate(area, x, t, 0, periodic or extrapolate, 0), a, b, x[0], x[-1], periodic)


class PPoly:
    """`scipy.interpolate.PPoly`, differentiable in the coefficients, the breakpoints and the points.

    ``roots`` and ``solve`` are SciPy's and have no derivative.
    """

    c: Any
    x: Any
    extrapolate: Any
    axis: int

    def __init__(self, c: Any, x: Any, extrapolate: Any = None, axis: int = 0) -> None:
        checked = plain.PPoly(stripped(fused_tree(c)), stripped(fused_tree(x)), extrapolate, axis)
        c = double(c)
        self.c = owned(np.moveaxis(np.moveaxis(c, axis + 1, 0), axis + 1, 0) if axis else c)
        self.x = owned(x)
        self.extrapolate, self.axis = checked.extrapolate, checked.axis

    def __repr__(self) -> str:
        return (
            f"<dualdiff.scipy.interpolate.{type(self).__name__}: degree {len(self.c) - 1}, {len(self.x)} breakpoints>"
        )

    @classmethod
    def construct_fast(cls, c: Any, x: Any, extrapolate: Any = None, axis: int = 0) -> Any:
        self = object.__new__(cls)
        self.c, self.x, self.axis = c, x, axis
        self.extrapolate = True if extrapolate is None else extrapolate
        return self

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """The value, or the derivative of order ``nu``, at points ``x``."""
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        return evaluate(self.c, self.x, x, nu, extrapolate, self.axis)

    def derivative(self, nu: int = 1) -> PPoly:
        if nu < 0:
            return self.antiderivative(-nu)
        return PPoly.construct_fast(_derivative(self.c, nu), self.x, self.extrapolate, self.axis)

    def antiderivative(self, nu: int = 1) -> PPoly:
        if nu <= 0:
            return self.derivative(-nu)
        extrapolate = False if self.extrapolate == "periodic" else self.extrapolate
        return PPoly.construct_fast(_antiderivative(self.c, self.x, nu), self.x, extrapolate, self.axis)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        """The integral from ``a`` to ``b``, two numbers."""
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        return _integrate(self.c, self.x, a, b, extrapolate)

    def solve(self, y: Any = 0.0, discontinuity: bool = True, extrapolate: Any = None) -> Any:
        if duals := duals_in(fused_tree((self.c, self.x, y))):
            raise errors.unsupported(self.solve, "roots have none here", [dual.shape for dual in duals])
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        made = plain.PPoly.construct_fast(self.c, self.x, self.extrapolate, self.axis)
        return made.solve(y, discontinuity, extrapolate)

    def roots(self, discontinuity: bool = True, extrapolate: Any = None) -> Any:
        return self.solve(0.0, discontinuity, extrapolate)
