"""`scipy.integrate` for samples: the integrals are sums of y times widths, so they are differentiable in both.

Integrals of functions are differentiable in their limits, their arguments and whatever the integrand closes over:
``fixed_quad`` here, ``quad`` in quadrature.py, ``dblquad``, ``tplquad``, ``nquad`` and ``quad_vec`` in cubature.py,
both on the sums of panels.py and nodes.py; standing.py looks for jumps at ends that do not move with them.  So are the
solvers of differential equations:

    initial_values.py   solve_ivp; its right-hand side: rates.py, constants.py, programs.py; its steps, with
                        derivatives: trajectories.py, collocation.py, columns.py, variational.py; accuracy.py divides
                        them; where it jumps: switches.py, margins.py, movement.py, pieces.py
    lsoda.py            odeint
    boundary_values.py  solve_bvp

Conventions: where points coincide, SciPy drops what it would divide by 0; there is no derivative in ``x`` there, and
it raises.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate
import scipy.special

from .. import errors
from ..rules.contractions import operand
from ..values.dual import Dual, primal
from ..values.objects import carries, fused
from .boundary_values import solve_bvp as solve_bvp
from .boundary_values import solve_bvp_as_written
from .cubature import dblquad as dblquad
from .cubature import nquad as nquad
from .cubature import quad_vec as quad_vec
from .cubature import tplquad as tplquad
from .forms import composite, enter, without_rule
from .initial_values import solve_ivp as solve_ivp
from .initial_values import solve_ivp_as_written
from .lsoda import odeint as odeint
from .lsoda import odeint_as_written
from .quadrature import quad as quad


def __getattr__(name: str) -> Any:
    return without_rule(scipy.integrate, name)


def _along(axis: int, ndim: int, part: Any) -> tuple[Any, ...]:
    """The index that takes a part of one axis."""
    index = [slice(None)] * ndim
    index[axis] = part
    return tuple(index)


def _shaped(x: Any, ndim: int, axis: int) -> Any:
    """Points along an axis, to broadcast against the samples."""
    if x.ndim != 1:
        return x
    shape = [1] * ndim
    shape[axis] = x.shape[0]
    return np.reshape(x, shape)


def _areas(y: Any, x: Any, dx: Any, axis: int) -> Any:
    """h (yᵢ + yᵢ₊₁) / 2"""
    after, before = (_along(axis, y.ndim, part) for part in (slice(1, None), slice(None, -1)))
    if x is not None:
        x = _shaped(operand(x), y.ndim, axis)
        dx = np.diff(x if x.ndim == y.ndim else np.broadcast_to(x, y.shape), axis=axis)
    return dx * (y[after] + y[before]) / 2.0


@composite(scipy.integrate.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    return np.sum(_areas(operand(y), x, dx, axis), axis=axis)


@composite(scipy.integrate.cumulative_trapezoid)
def cumulative_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Any:
    if carries(initial):
        raise errors.no_derivative_in(cumulative_trapezoid, "initial")
    return _with_initial(np.cumsum(_areas(operand(y), x, dx, axis), axis=axis), initial, axis)


def _with_initial(y: Any, initial: Any, axis: int) -> Any:
    if initial is None:
        return y
    shape = list(y.shape)
    shape[axis] = 1
    return np.concatenate([np.zeros_like(y, shape=tuple(shape)) + initial, y], axis=axis)


def _ratio(a: Any, b: Any) -> Any:
    """a / b, and 0 where b is, as in SciPy."""
    zero = primal(b) == 0
    if np.any(zero):
        if carries(b):
            raise errors.unsupported(simpson, "in x where points coincide", [b.shape])
        return np.where(zero, 0.0, a / np.where(zero, 1.0, b))
    return a / b


def _simpson_of_pairs(y: Any, h: Any, axis: int) -> Any:
    """Parabolas:  (h₀ + h₁) / 6 · ((2 − h₁/h₀) y₀ + (h₀ + h₁)² / (h₀ h₁) y₁ + (2 − h₀/h₁) y₂)"""
    y0, y1, y2 = (y[_along(axis, y.ndim, part)] for part in (slice(0, -2, 2), slice(1, -1, 2), slice(2, None, 2)))
    h0, h1 = (h[_along(axis, h.ndim, slice(start, None, 2))] for start in (0, 1))
    both = h0 + h1
    ratio = _ratio(h0, h1)
    left, right = 2.0 - _ratio(1.0, ratio), 2.0 - ratio
    return np.sum(both / 6.0 * (y0 * left + y1 * (both * _ratio(both, h0 * h1)) + y2 * right), axis=axis)


@composite(scipy.integrate.simpson)
def simpson(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Of an even number of points, the last interval by the parabola through the last three (Cartwright)."""
    y = operand(y)
    n = y.shape[axis]
    if x is None:
        h = np.ones([n - 1 if i == axis % y.ndim else 1 for i in range(y.ndim)])
    else:
        dx, h = 1.0, np.diff(_shaped(operand(x), y.ndim, axis), axis=axis)
    if n == 2:
        return (
            dx * np.sum(h * (y[_along(axis, y.ndim, slice(0, 1))] + y[_along(axis, y.ndim, slice(1, 2))]), axis) / 2.0
        )
    if n % 2:
        return dx * _simpson_of_pairs(y, h, axis)
    most = _along(axis, y.ndim, slice(0, -1))
    y1, y2, y3 = (y[_along(axis, y.ndim, i)] for i in (-1, -2, -3))
    h1, h0 = (h[_along(axis, y.ndim, i)] for i in (-1, -2))
    last = (
        _ratio(2.0 * h1**2 + 3.0 * h0 * h1, 6.0 * (h1 + h0)) * y1
        + _ratio(h1**2 + 3.0 * h0 * h1, 6.0 * h0) * y2
        - _ratio(h1**3, 6.0 * h0 * (h0 + h1)) * y3
    )
    return dx * (_simpson_of_pairs(y[most], h[most], axis) + last)


def _integrals_to_the_right(y: Any, h: Any) -> Any:
    """Over [x₀, x₁], by the parabola through three points, for each of them along the last axis."""
    y0, y1, y2, h0, h1 = y[..., :-2], y[..., 1:-1], y[..., 2:], h[..., :-1], h[..., 1:]
    a = h0 / (h0 + h1)
    b = a * (h0 / h1)
    return h0 / 6.0 * ((3.0 - a) * y0 + (3.0 + b + a) * y1 - b * y2)


@composite(scipy.integrate.cumulative_simpson)
def cumulative_simpson(y: Any, *, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Any:
    y, ndim = operand(y), np.ndim(y)
    initial = initial if initial is None else operand(initial)
    if y.shape[axis] < 3:
        total = np.cumsum(_areas(y, x, dx, axis), axis=axis)
    else:
        if x is not None:
            h = np.diff(_shaped(operand(x), ndim, axis), axis=axis)
        else:
            shape = list(y.shape)
            shape[axis] -= 1
            h = np.broadcast_to(dx, shape)
        y, h = np.swapaxes(y, axis, -1), np.swapaxes(h, axis, -1)
        right = _integrals_to_the_right(y, h)
        left = np.flip(_integrals_to_the_right(np.flip(y, -1), np.flip(h, -1)), -1)
        n = y.shape[-1] - 1
        # Intervals 0, 2, 4, ... from their left end, 1, 3, 5, ... and the last one from their right end.
        from_right = (np.arange(n) % 2 == 1) | (np.arange(n) == n - 1)
        i = np.arange(n)
        parts = np.where(from_right, left[..., np.maximum(i - 1, 0)], right[..., np.minimum(i, n - 2)])
        total = np.swapaxes(np.cumsum(parts, axis=-1), axis, -1)
    return total if initial is None else _with_initial(total + initial, initial, axis)


@composite(scipy.integrate.romb, active="y dx")
def romb(y: Any, dx: Any = 1.0, axis: int = -1, show: Any = False) -> Any:
    """A sum with the weights that SciPy has for it."""
    y = np.moveaxis(operand(y), axis, -1)
    return y @ scipy.integrate.romb(np.eye(y.shape[-1]), axis=0) * dx


# Integrals of functions.

# Before SciPy 1.18, the points are float64 in any case.
_POINTS_HAVE_THE_DTYPE_OF_LIMITS = tuple(map(int, scipy.__version__.split(".")[:2])) >= (1, 18)


class _DualMet(Exception):
    """The integrand returned a Dual."""


@functools.wraps(scipy.integrate.fixed_quad, assigned=("__name__", "__qualname__"))
def fixed_quad(func: Callable[..., Any], a: Any, b: Any, args: tuple[Any, ...] = (), n: int = 5) -> Any:
    """As ``scipy.integrate.fixed_quad``, with derivatives in the limits, ``args`` and what ``func`` closes over."""

    def watched(x: Any, *args: Any) -> Any:
        y = func(x, *args)
        if isinstance(fused(y), Dual):
            raise _DualMet
        return y

    if not any(isinstance(fused(arg), Dual) for arg in (a, b, *args)):
        try:
            return scipy.integrate.fixed_quad(watched, a, b, args, n)
        except _DualMet:
            pass
    if not np.isfinite(a) or not np.isfinite(b):
        return scipy.integrate.fixed_quad(func, primal(fused(a)), primal(fused(b)), args, n)  # SciPy's own error
    x, w = scipy.special.roots_legendre(n)
    if _POINTS_HAVE_THE_DTYPE_OF_LIMITS:
        dtype = np.result_type(*(primal(fused(limit)) for limit in (a, b)))
        dtype = dtype if dtype.kind in "fc" else np.dtype(float)
        x, w = x.astype(dtype), w.astype(dtype)
    y = (b - a) * (x + 1) / 2.0 + a
    return (b - a) / 2.0 * np.sum(w * func(y, *args), axis=-1), None


enter(
    globals(),
    scipy.integrate,
    fixed_quad="a b args",
    quad="a b args points wvar",
    quad_vec="a b points",
    dblquad="a b gfun hfun args",
    tplquad="a b gfun hfun qfun rfun args",
    nquad="ranges args opts",
    solve_ivp="fun t_span y0 t_eval events args",
    odeint="func y0 t args",
    solve_bvp="fun bc x S",
)

# A value does not depend on whether it is differentiated: no Jacobian is supplied that the program does not give.
IN_ADAPTED_CODE = {
    "solve_ivp": solve_ivp_as_written,
    "odeint": odeint_as_written,
    "solve_bvp": solve_bvp_as_written,
}
