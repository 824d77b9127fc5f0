"""B-splines: BSpline, and the spline through given points.

A spline lives in its knots ``t``, its coefficients ``c`` of shape ``(n, ...)`` and its degree ``k``.  The value is
de Boor's recursion on the k + 1 coefficients that matter at a point, so it depends on knots, coefficients and point by
additions, multiplications and divisions by lengths that are never zero.

Conventions: as in piecewise_polynomials.py; a knot belongs to the interval on its right, the last knot to the last one.
Source: de Boor, *A Practical Guide to Splines*, ch. IX, X, XIII.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import interpolate as plain

from .. import errors
from ..rules.call import fused_tree
from ..tangents.expression import normalized
from ..values.levels import duals_in
from ..values.objects import stripped
from .forms import composite, double, undefined_where
from .piecewise_polynomials import integral, on_axis, owned, spread


def _evaluate_plain(t: Any, c: Any, k: int, points: Any, nu: int, extrapolate: Any, axis: int) -> Any:
    return plain.BSpline.construct_fast(t, c, k, extrapolate, axis)(points, nu, extrapolate)


@composite(_evaluate_plain)
def evaluate(t: Any, c: Any, k: int, points: Any, nu: int, extrapolate: Any, axis: int) -> Any:
    """On the interval m of each point, with d_i the coefficients:

    dᵢ ← q (dᵢ − dᵢ₋₁) / (tᵢ₊q − tᵢ),          q = k, k − 1, ...,     once for each derivative;
    dᵢ ← (1 − α) dᵢ₋₁ + α dᵢ,  α = (x − tᵢ) / (tᵢ₊q − tᵢ),  q = k − nu, ..., 1,      and the value is d_m.

    Each line is taken for all i = m − q + 1, ..., m at once.
    """
    if nu > k:
        return None
    n = np.shape(t)[0] - k - 1
    points = double(points)
    if extrapolate == "periodic":
        points = t[k] + np.remainder(points - t[k], t[n] - t[k])
        extrapolate = False
    x, knots, ndim = stripped(points), stripped(t), np.ndim(c) - 1
    m = np.clip(np.searchsorted(knots, x, side="right") - 1, k, n - 1)
    points = spread(points, ndim)
    # Row i of these belongs to number m - k + i of the spline.
    place = np.add.outer(np.arange(2 * k + 1) - k, m)
    near, d = spread(np.take(t, place), ndim), np.take(c, place[: k + 1], axis=0)
    for q in range(k, 0, -1):
        left = near[k - q + 1 : k + 1]
        width = near[k + 1 : k + q + 1] - left
        if q > k - nu:
            d = float(q) * (d[1:] - d[:-1]) / width
        else:
            alpha = (points - left) / width
            d = (1.0 - alpha) * d[:-1] + alpha * d[1:]
    result = d[0]
    if not extrapolate:
        result = undefined_where(result, spread((x < knots[k]) | (x > knots[n]), ndim))
    return on_axis(result, np.ndim(x), axis)


def _padded(t: Any, c: Any) -> Any:
    """As many coefficients as knots."""
    missing = np.shape(t)[0] - np.shape(c)[0]
    return c if missing <= 0 else np.concatenate([c, np.repeat(0.0 * c[:1], missing, axis=0)])


def _derivative_plain(t: Any, c: Any, k: int, nu: int) -> Any:
    made = plain.BSpline.construct_fast(t, c, k).derivative(nu)
    return made.t, made.c


@composite(_derivative_plain)
def _derivative(t: Any, c: Any, k: int, nu: int) -> Any:
    c = _padded(t, c)
    for q in range(k, k - nu, -1):
        width = spread(t[q + 1 : -1] - t[1 : -q - 1], np.ndim(c) - 1)
        c = float(q) * (c[1 : -1 - q] - c[: -2 - q]) / width
        c = np.concatenate([c, np.repeat(0.0 * c[:1], q, axis=0)])
        t = t[1:-1]
    return t * 1.0, c


def _antiderivative_plain(t: Any, c: Any, k: int, nu: int) -> Any:
    made = plain.BSpline.construct_fast(t, c, k).antiderivative(nu)
    return made.t, made.c


@composite(_antiderivative_plain)
def _antiderivative(t: Any, c: Any, k: int, nu: int) -> Any:
    c = _padded(t, c)
    for q in range(k + 1, k + 1 + nu):
        width = spread(t[q:] - t[:-q], np.ndim(c) - 1)
        c = np.cumsum(c[:-q] * width, axis=0) / float(q)
        c = np.concatenate([0.0 * c[:1], c, np.repeat(c[-1:], q + 1, axis=0)])
        t = np.concatenate([t[:1], t, t[-1:]])
    return t * 1.0, c


def _integrate_plain(t: Any, c: Any, k: int, a: Any, b: Any, extrapolate: Any) -> Any:
    return plain.BSpline.construct_fast(t, c, k, extrapolate).integrate(a, b, extrapolate)


@composite(_integrate_plain)
def _integrate(t: Any, c: Any, k: int, a: Any, b: Any, extrapolate: Any) -> Any:
    """Beyond the base interval the spline goes on, is zero, or repeats itself."""
    n = np.shape(t)[0] - k - 1
    start, stop, periodic = t[k], t[n], extrapolate == "periodic"
    if not extrapolate:
        a, b = (_limited(end, start, stop) for end in (a, b))
    ta, ca = _antiderivative(t, c, k, 1)
    return integral(lambda x: evaluate(ta, ca, k + 1, x, 0, True, 0), a, b, start, stop, periodic)


def _limited(x: Any, start: Any, stop: Any) -> Any:
    """A bound of integration; on an end of the base interval it counts as inside."""
    x = double(x)
    return np.where(stripped(x) < stripped(start), start, np.where(stripped(x) > stripped(stop), stop, x))


class BSpline:
    """`scipy.interpolate.BSpline`, differentiable in the knots, the coefficients and the points."""

    t: Any
    c: Any
    k: int
    extrapolate: Any
    axis: int

    def __init__(self, t: Any, c: Any, k: int, extrapolate: Any = True, axis: int = 0) -> None:
        checked = plain.BSpline(stripped(fused_tree(t)), stripped(fused_tree(c)), k, extrapolate, axis)
        self.t, self.c = owned(t), owned(np.moveaxis(double(c), axis, 0))
        self.k, self.extrapolate, self.axis = checked.k, checked.extrapolate, checked.axis

    def __repr__(self) -> str:
        return f"<dualdiff.scipy.interpolate.BSpline: degree {self.k}, {len(self.t)} knots>"

    @classmethod
    def construct_fast(cls, t: Any, c: Any, k: int, extrapolate: Any = True, axis: int = 0) -> Any:
        self = object.__new__(cls)
        self.t, self.c, self.k, self.extrapolate, self.axis = t, c, k, extrapolate, axis
        return self

    @property
    def tck(self) -> tuple[Any, Any, int]:
        return self.t, self.c, self.k

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        """The value, or the derivative of order ``nu``, at points ``x``."""
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        return evaluate(self.t, self.c, self.k, x, nu, extrapolate, self.axis)

    def derivative(self, nu: int = 1) -> BSpline:
        if nu < 0:
            return self.antiderivative(-nu)
        t, c = _derivative(self.t, self.c, self.k, nu)
        return BSpline.construct_fast(t, c, self.k - nu, self.extrapolate, self.axis)

    def antiderivative(self, nu: int = 1) -> BSpline:
        if nu < 0:
            return self.derivative(-nu)
        t, c = _antiderivative(self.t, self.c, self.k, nu)
        extrapolate = False if self.extrapolate == "periodic" else self.extrapolate
        return BSpline.construct_fast(t, c, self.k + nu, extrapolate, self.axis)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        """The integral from ``a`` to ``b``, two numbers."""
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        return _integrate(self.t, self.c, self.k, a, b, extrapolate)


# The spline through given points.


def _interpolating_plain(x: Any, y: Any, k: int, t: Any, bc_type: Any, axis: int, check_finite: bool) -> Any:
    made = plain.make_interp_spline(x, y, k, t, bc_type, axis, check_finite)
    return made.t, made.c


@composite(_interpolating_plain)
def through_points(x: Any, y: Any, k: int, t: Any, bc_type: Any, axis: int, check_finite: bool) -> Any:
    """B c = y with B the B-splines at the points, and one more equation for each boundary value.

    Cost: a dense system of as many equations as points.
    """
    x, y = double(x), np.moveaxis(double(y), axis, 0)
    if isinstance(bc_type, str) and bc_type == "periodic" and k > 1:
        shapes = [dual.shape for dual in duals_in((x, y))]
        raise errors.unsupported(make_interp_spline, "with bc_type='periodic'; CubicSpline has it", shapes)
    if k < 2 and t is None:  # the coefficients are the values
        return np.concatenate([x[:1], x, x[-1:]] if k else [x, x[-1:]]), y * 1.0
    free = bc_type is None or (isinstance(bc_type, str) and bc_type in ("not-a-knot", "periodic"))
    start, stop = (None, None) if free else (bc_type, bc_type) if isinstance(bc_type, str) else bc_type
    if t is None:
        t = _not_a_knot(x, k) if start is None and stop is None else _framed(x, x, k)
    t = double(t)
    n = np.shape(t)[0] - k - 1
    unit = np.eye(n)
    rows, rhs = [evaluate(t, unit, k, x, 0, True, 0)], [y]
    for conditions, at in ((start, slice(None, 1)), (stop, slice(-1, None))):
        if isinstance(conditions, str):
            conditions = [({"clamped": 1, "natural": 2}[conditions], 0.0)]
        made = [] if conditions is None else list(conditions)
        more = [evaluate(t, unit, k, x[at], int(order), True, 0) for order, _ in made]
        values = [double(value) + 0.0 * y[:1] for _, value in made]
        rows, rhs = ([*more, *rows], [*values, *rhs]) if at.start is None else ([*rows, *more], [*rhs, *values])
    matrix, right = np.concatenate(rows), np.concatenate(rhs)
    c = np.linalg.solve(matrix, np.reshape(right, (n, -1)))
    return t * 1.0, np.reshape(c, (n, *np.shape(y)[1:]))


def _framed(ends: Any, t: Any, times: int) -> Any:
    """Knots between the end points, each repeated."""
    return np.concatenate([np.repeat(ends[:1], times), t, np.repeat(ends[-1:], times)])


def _not_a_knot(x: Any, k: int) -> Any:
    half = (k + 1) // 2
    inner = x if k % 2 else (x[1:] + x[:-1]) / 2.0
    return _framed(x, inner[half:-half], k + 1)


def make_interp_spline(
    x: Any, y: Any, k: int = 3, t: Any = None, bc_type: Any = None, axis: int = 0, check_finite: bool = True
) -> BSpline:
    """`scipy.interpolate.make_interp_spline`, differentiable in points, values, knots and boundary values.

    Cost: where something is differentiated, a dense system of as many equations as points.
    """
    knots, c = through_points(x, y, k, t, bc_type, axis, check_finite)
    return BSpline.construct_fast(owned(knots), c, k, True, normalized(axis, double(y).ndim))
