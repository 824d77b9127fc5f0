"""Cubic interpolants of SciPy, which are PPolys: the slope that each gives its knots, and cubics with those slopes.

Where a slope is chosen by a comparison (pchip, Akima), the derivative is that of the choice made.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import interpolate as plain
from scipy.linalg import solve_banded

from ..values.objects import stripped
from .forms import composite, double, tangent_rule
from .piecewise_polynomials import PPoly, owned, spread


def _interpolating(
    self: PPoly, coefficients: Any, x: Any, y: Any, axis: int, extrapolate: Any, *data: Any, **options: Any
) -> None:
    self.c = coefficients(x, y, *data, axis=axis, **options)
    self.x = owned(x)
    self.axis = axis % double(y).ndim
    self.extrapolate = extrapolate if extrapolate == "periodic" else bool(extrapolate)


def _prepared(x: Any, y: Any, axis: int) -> tuple[Any, Any, Any]:
    """Knots, values along axis 0, and the lengths of the pieces in the rank of the values."""
    x, y = double(x), np.moveaxis(double(y), axis, 0)
    return x, y, spread(np.diff(x), np.ndim(y) - 1)


def _hermite(y: Any, slopes: Any, h: Any) -> Any:
    """The cubics with these values and slopes at both ends of each piece of length h."""
    secant = np.diff(y, axis=0) / h
    start, stop = slopes[:-1], slopes[1:]
    t = (start + stop - 2.0 * secant) / h
    return np.stack([t / h, (secant - start) / h - t, start + 0.0 * secant, y[:-1] + 0.0 * secant])


def _hermite_plain(x: Any, y: Any, dydx: Any, axis: int) -> Any:
    return plain.CubicHermiteSpline(x, y, dydx, axis=axis).c


@composite(_hermite_plain)
def _hermite_coefficients(x: Any, y: Any, dydx: Any, axis: int) -> Any:
    x, y, h = _prepared(x, y, axis)
    return _hermite(y, np.moveaxis(double(dydx), axis, 0), h)


class CubicHermiteSpline(PPoly):
    """`scipy.interpolate.CubicHermiteSpline`, differentiable in knots, values, slopes and points."""

    def __init__(self, x: Any, y: Any, dydx: Any, axis: int = 0, extrapolate: Any = None) -> None:
        extrapolate = True if extrapolate is None else extrapolate
        _interpolating(self, _hermite_coefficients, x, y, axis, extrapolate, dydx)


def _tridiagonal_plain(lower: Any, diagonal: Any, upper: Any, b: Any) -> Any:
    bands = np.stack([np.roll(upper, 1), diagonal, np.roll(lower, -1)])
    return solve_banded((1, 1), bands, np.reshape(b, (len(b), -1))).reshape(b.shape)


@tangent_rule(_tridiagonal_plain)
def _tridiagonal(
    y: Any, lower: Any, diagonal: Any, upper: Any, b: Any, *, dlower: Any, ddiagonal: Any, dupper: Any, db: Any
) -> Any:
    """A y = b  implies  ẏ = A⁻¹ (ḃ − Ȧ y)

    ``lower[i]``, ``diagonal[i]`` and ``upper[i]`` are the entries of row i; ``lower[0]`` and ``upper[-1]`` are zero.
    """
    shape = (np.shape(b)[0], *(1,) * (np.ndim(b) - 1))
    nothing = np.zeros_like(y[:1])
    before, after = np.concatenate([nothing, y[:-1]]), np.concatenate([y[1:], nothing])
    rest = db - dlower.reshape(shape) * before - ddiagonal.reshape(shape) * y - dupper.reshape(shape) * after

    def solved(*bands: Any) -> Any:
        return lambda block: np.moveaxis(_tridiagonal(*bands, np.moveaxis(block, 0, 1)), 1, 0)

    return rest.map(solved(lower, diagonal, upper), solved(np.roll(upper, 1), diagonal, np.roll(lower, -1)))


def _cubic_plain(x: Any, y: Any, axis: int, bc_type: Any) -> Any:
    return plain.CubicSpline(x, y, axis=axis, bc_type=bc_type).c


@composite(_cubic_plain)
def _cubic_coefficients(x: Any, y: Any, axis: int, bc_type: Any) -> Any:
    x, y, h = _prepared(x, y, axis)
    return _hermite(y, _cubic_slopes(x, y, h, bc_type), h)


def _cubic_slopes(x: Any, y: Any, h: Any, bc_type: Any) -> Any:
    """The slopes s at the knots that make the second derivative continuous:

        hᵢ sᵢ₋₁ + 2 (hᵢ₋₁ + hᵢ) sᵢ + hᵢ₋₁ sᵢ₊₁ = 3 (hᵢ mᵢ₋₁ + hᵢ₋₁ mᵢ),   m the slopes of the secants,

    with one more equation at each end (de Boor, *A Practical Guide to Splines*, ch. IV).
    """
    start, stop = (bc_type, bc_type) if isinstance(bc_type, str) else bc_type
    d, m, n = np.diff(x), np.diff(y, axis=0) / h, np.shape(y)[0]
    rhs = 3.0 * (h[1:] * m[:-1] + h[:-1] * m[1:])
    lower, diagonal, upper = d[1:], 2.0 * (d[:-1] + d[1:]), d[:-1]
    if n == 2:  # no knot to be not one, and nothing to be periodic but a line
        start, stop = (
            (1, m[0]) if isinstance(bc, str) and bc in ("not-a-knot", "periodic") else bc for bc in (start, stop)
        )
    if isinstance(start, str) and start == "periodic":
        return _periodic_slopes(d, h, m, lower, diagonal, upper, rhs)
    parabola = n == 3 and all(isinstance(bc, str) and bc == "not-a-knot" for bc in (start, stop))
    ends = [_end_equation(bc, sign, d[::sign], h[::sign], m[::sign], parabola) for bc, sign in ((start, 1), (stop, -1))]
    (d0, u0, b0), (d1, l1, b1) = ends
    zero = np.zeros_like(d[:1])
    return _tridiagonal(
        np.concatenate([zero, lower, l1]),
        np.concatenate([d0, diagonal, d1]),
        np.concatenate([u0, upper, zero]),
        np.concatenate([b0 + 0.0 * m[:1], rhs, b1 + 0.0 * m[:1]]),
    )


def _end_equation(bc: Any, sign: int, d: Any, h: Any, m: Any, parabola: bool) -> tuple[Any, Any, Any]:
    """The coefficients of the slopes at an end and at its neighbour, and the right-hand side, counted from that end."""
    one, zero = np.ones_like(d[:1]), np.zeros_like(d[:1])
    if parabola:  # three points, one polynomial of degree 2
        return one, one, 2.0 * m[:1]
    if isinstance(bc, str) and bc == "not-a-knot":
        both, whole = d[:1] + d[1:2], h[:1] + h[1:2]
        return d[1:2], both, ((h[:1] + 2.0 * whole) * h[1:2] * m[:1] + h[:1] ** 2 * m[1:2]) / whole
    order, value = {"clamped": (1, 0.0), "natural": (2, 0.0)}[bc] if isinstance(bc, str) else bc
    if order == 1:
        return one, zero, double(value)[None]
    return 2.0 * d[:1], d[:1], 3.0 * h[:1] * m[:1] - 0.5 * sign * double(value)[None] * h[:1] ** 2


def _periodic_slopes(d: Any, h: Any, m: Any, lower: Any, diagonal: Any, upper: Any, rhs: Any) -> Any:
    """A cyclic system: without its last unknown it is tridiagonal, with two right-hand sides."""
    if np.shape(d)[0] == 2:
        slope = np.sum(m / h, axis=0) / np.sum(1.0 / h, axis=0)
        return np.stack([slope, slope, slope])
    first = 3.0 * (h[:1] * m[-1:] + h[-1:] * m[:1])
    corner, zero = 2.0 * (d[-1:] + d[:1]), np.zeros_like(d[:1])
    lower, diagonal = np.concatenate([zero, lower[:-1]]), np.concatenate([corner, diagonal[:-1]])
    upper = np.concatenate([d[-1:], upper[:-2], zero])
    s1 = _tridiagonal(lower, diagonal, upper, np.concatenate([first, rhs[:-1]]))
    coupling = np.concatenate([-d[:1], np.zeros_like(d[3:]), -d[-3:-2]])
    s2 = spread(_tridiagonal(lower, diagonal, upper, coupling), np.ndim(m) - 1)
    last = (rhs[-1] - h[-2] * s1[0] - h[-1] * s1[-1]) / (2.0 * (h[-1] + h[-2]) + h[-2] * s2[0] + h[-1] * s2[-1])
    slopes = s1 + last * s2
    return np.concatenate([slopes, last[None], slopes[:1]])


class CubicSpline(PPoly):
    """`scipy.interpolate.CubicSpline`, differentiable in knots, values, boundary values and points."""

    def __init__(self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: Any = None) -> None:
        if extrapolate is None:
            extrapolate = "periodic" if isinstance(bc_type, str) and bc_type == "periodic" else True
        _interpolating(self, _cubic_coefficients, x, y, axis, extrapolate, bc_type=bc_type)


def _pchip_plain(x: Any, y: Any, axis: int) -> Any:
    return plain.PchipInterpolator(x, y, axis=axis).c


@composite(_pchip_plain)
def _pchip_coefficients(x: Any, y: Any, axis: int) -> Any:
    """Weighted harmonic means of the secants on both sides, 0 where their signs differ (Fritsch & Butland 1984)."""
    _, y, h = _prepared(x, y, axis)
    m = np.diff(y, axis=0) / h
    if np.shape(m)[0] == 1:
        return _hermite(y, np.concatenate([m, m]), h)
    flat = np.sign(m[1:]) * np.sign(m[:-1]) <= 0
    left, right = (np.where(flat, 1.0, part) for part in (m[:-1], m[1:]))
    w1, w2 = 2.0 * h[1:] + h[:-1], h[1:] + 2.0 * h[:-1]
    inner = np.where(flat, 0.0, (w1 + w2) / (w1 / left + w2 / right))
    slopes = [_pchip_end(h[:1], h[1:2], m[:1], m[1:2]), inner, _pchip_end(h[-1:], h[-2:-1], m[-1:], m[-2:-1])]
    return _hermite(y, np.concatenate(slopes), h)


def _pchip_end(h0: Any, h1: Any, m0: Any, m1: Any) -> Any:
    """The slope of the parabola through three points, limited so that the cubic stays monotone."""
    d = ((2.0 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    steep = (np.sign(m0) != np.sign(m1)) & (np.absolute(d) > 3.0 * np.absolute(m0))
    return np.where(np.sign(d) != np.sign(m0), 0.0, np.where(steep, 3.0 * m0, d))


class PchipInterpolator(PPoly):
    """`scipy.interpolate.PchipInterpolator`, differentiable in knots, values and points."""

    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: Any = None) -> None:
        extrapolate = True if extrapolate is None else extrapolate
        _interpolating(self, _pchip_coefficients, x, y, axis, extrapolate)


def _akima_plain(x: Any, y: Any, axis: int, method: str) -> Any:
    return plain.Akima1DInterpolator(x, y, axis=axis, method=method).c


@composite(_akima_plain)
def _akima_coefficients(x: Any, y: Any, axis: int, method: str) -> Any:
    """Means of the secants on both sides, weighted by how much the secants beyond them differ (Akima 1970)."""
    _, y, h = _prepared(x, y, axis)
    m = np.diff(y, axis=0) / h
    if np.shape(m)[0] == 1:
        return _hermite(y, np.concatenate([m, m]), h)
    for _ in range(2):  # two more secants at each end, by going on as the last two do
        m = np.concatenate([2.0 * m[:1] - m[1:2], m, 2.0 * m[-1:] - m[-2:-1]])
    change = np.absolute(np.diff(m, axis=0))
    before, after = change[:-2], change[2:]
    if method == "makima":
        size = np.absolute(m[1:] + m[:-1])
        before, after = before + 0.5 * size[:-2], after + 0.5 * size[2:]
    total = before + after
    bent = stripped(total) > 1e-9 * np.max(stripped(total), initial=-np.inf)  # SciPy's threshold
    weight = before / np.where(bent, total, 1.0)
    slopes = np.where(bent, m[1:-2] + weight * (m[2:-1] - m[1:-2]), 0.5 * (m[3:] + m[:-3]))
    return _hermite(y, slopes, h)


class Akima1DInterpolator(PPoly):
    """`scipy.interpolate.Akima1DInterpolator`, differentiable in knots, values and points."""

    def __init__(self, x: Any, y: Any, axis: int = 0, *, method: str = "akima", extrapolate: Any = None) -> None:
        _interpolating(self, _akima_coefficients, x, y, axis, bool(extrapolate), method=method)
