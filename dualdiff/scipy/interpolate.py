"""`scipy.interpolate`, differentiable: splines, piecewise polynomials, interpolation on grids.

Derivatives with respect to the points of evaluation, the values, the knots or grid, and the boundary values.
SciPy makes every value; on plain arrays each of these is SciPy's own.

Conventions: at a knot, the derivative of a linear interpolant is that of the piece that SciPy evaluates there, which
is the one on the right for `RegularGridInterpolator` and for `interp1d` where that calls np.interp (float64 data of one
axis, no extrapolation), and the one on the left for `interp1d` otherwise.  A fill value outside the data is constant,
or carries its own derivative; where the value is nan, so is the derivative.  "nearest", "previous" and "next" copy
values: their derivative in the points is 0.

    piecewise_polynomials.py   PPoly
    cubic_interpolants.py      CubicSpline, CubicHermiteSpline, PchipInterpolator, Akima1DInterpolator
    bsplines.py                BSpline, make_interp_spline
"""

from __future__ import annotations

import itertools
from typing import Any, NoReturn

import numpy as np
from scipy import interpolate as plain

from .. import errors
from ..rules.call import fused_tree
from ..tangents.expression import normalized
from ..values.levels import duals_in
from ..values.objects import fused, stripped
from .bsplines import BSpline, evaluate, make_interp_spline, through_points
from .cubic_interpolants import Akima1DInterpolator, CubicHermiteSpline, CubicSpline, PchipInterpolator
from .forms import composite, double, enter
from .piecewise_polynomials import PPoly, on_axis, spread, undefined

__all__ = [
    "Akima1DInterpolator",
    "BSpline",
    "CubicHermiteSpline",
    "CubicSpline",
    "PPoly",
    "PchipInterpolator",
    "RegularGridInterpolator",
    "interp1d",
    "interpn",
    "make_interp_spline",
    "pchip",
]

pchip = PchipInterpolator


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(f"dualdiff.scipy.interpolate has no {name!r}; it has {', '.join(__all__)}.")


def _owned(tree: Any) -> Any:
    """Arguments out of reach of later writes."""
    if isinstance(tree, (list, tuple)):
        return type(tree)(_owned(item) for item in tree)
    return np.copy(tree) if hasattr(tree, "shape") else tree


# Interpolation in one variable.


def _interp1d_plain(x: Any, y: Any, points: Any, **options: Any) -> Any:
    return plain.interp1d(x, y, **options)(points)


@composite(_interp1d_plain)
def _interp1d(
    x: Any, y: Any, points: Any, kind: Any, axis: int, bounds_error: Any, fill_value: Any, assume_sorted: bool
) -> Any:
    x, y, points = (v if hasattr(v, "dtype") else np.asarray(v) for v in (fused(x), fused(y), fused(points)))
    axis = normalized(axis, y.ndim)
    extrapolate = isinstance(fill_value, str) and fill_value == "extrapolate"
    as_np_interp = (
        kind == "linear"
        and y.ndim == 1
        and not extrapolate
        and all(v.dtype in (np.float64, np.dtype(int)) or (v.dtype.kind in "iub" and v is y) for v in (x, y))
    )
    t, y = np.asarray(stripped(points)), np.moveaxis(double(y), axis, 0)
    if not assume_sorted:
        order = np.argsort(stripped(x), kind="mergesort")
        x, y = np.take(x, order), np.take(y, order, axis=0)
    knots, x, ndim = stripped(x), double(x), y.ndim - 1
    if kind == "linear":
        result = _linear(x, y, double(points), knots, t, "right" if as_np_interp else "left")
    elif kind in ("nearest", "nearest-up", "previous", "next"):
        result = np.take(y, _chosen(knots, t, kind), axis=0)
    else:
        degree = {"zero": 0, "slinear": 1, "quadratic": 2, "cubic": 3}.get(kind, kind)
        t_and_c = through_points(x, y, degree, None, None, 0, False)
        result = evaluate(*t_and_c, degree, points, 0, True, 0)
    below, above = (spread(outside, ndim) for outside in (t < knots[0], t > knots[-1]))
    if extrapolate:
        result = undefined(result, {"previous": below, "next": above}.get(kind, False))
    else:
        for outside, fill in zip((below, above), _pair(fill_value), strict=True):
            result = _filled(result, outside, np.reshape(fill, ()) if ndim == 0 else fill)
    return on_axis(result, t.ndim, axis if t.ndim else 0)


def _filled(result: Any, outside: Any, fill: Any) -> Any:
    """A number where the points are outside; where nan is to be there, the result stays, with a derivative of nan."""
    nothing = np.isnan(stripped(fill))
    return undefined(np.where(outside & ~nothing, fill, result), outside & nothing)


def _pair(fill: Any) -> tuple[Any, Any]:
    below, above = fill if isinstance(fill, tuple) and len(fill) == 2 else (fill, fill)
    return double(below), double(above)


def _linear(x: Any, y: Any, points: Any, knots: Any, t: Any, side: Any) -> Any:
    if knots.size == 1:
        return np.take(y, np.zeros(t.shape, np.intp), axis=0)
    ndim = y.ndim - 1
    i = np.clip(np.searchsorted(knots, t, side=side) - 1, 0, knots.size - 2)
    x0, x1 = (spread(np.take(x, j), ndim) for j in (i, i + 1))
    y0, y1 = (np.take(y, j, axis=0) for j in (i, i + 1))
    return y0 + (spread(points, ndim) - x0) * ((y1 - y0) / (x1 - x0))


def _chosen(knots: Any, t: Any, kind: str) -> Any:
    """Which value SciPy copies: its own interpolation of the numbers 0, 1, ..."""
    n = knots.size
    numbers = plain.interp1d(
        knots, np.arange(float(n)), kind=kind, bounds_error=False, fill_value=(0.0, n - 1.0), assume_sorted=True
    )(t)
    return np.nan_to_num(numbers).astype(np.intp)


class interp1d:
    """`scipy.interpolate.interp1d`, differentiable in the points, ``x``, ``y`` and ``fill_value``."""

    def __init__(
        self, x: Any, y: Any, kind: Any = "linear", axis: int = -1, copy: bool = True, bounds_error: Any = None,
        fill_value: Any = np.nan, assume_sorted: bool = False,
    ) -> None:  # fmt: skip
        options = {"kind": kind, "axis": axis, "bounds_error": bounds_error, "assume_sorted": assume_sorted}
        checked = plain.interp1d(
            *stripped(fused_tree((x, y))), fill_value=stripped(fused_tree(fill_value)), copy=copy, **options
        )
        self.x, self.y, self.fill_value = _owned((x, y, fill_value))
        self.bounds_error, self._options = checked.bounds_error, options
        self._plain = None if duals_in(fused_tree((x, y, fill_value))) else checked

    def __repr__(self) -> str:
        return f"<dualdiff.scipy.interpolate.interp1d: {self._options['kind']}, {np.size(self.x)} points>"

    def __call__(self, x: Any) -> Any:
        if self._plain is not None and not duals_in(fused_tree(x)):
            return self._plain(x)
        return _interp1d(self.x, self.y, x, fill_value=self.fill_value, **self._options)


# Interpolation on a grid.


def _grid_plain(points: Any, values: Any, xi: Any, method: str, bounds_error: bool, fill_value: Any) -> Any:
    return plain.RegularGridInterpolator(points, values, method, bounds_error, fill_value)(xi)


@composite(_grid_plain)
def _on_grid(points: Any, values: Any, xi: Any, method: str, bounds_error: bool, fill_value: Any) -> Any:
    """Σ over the corners of the cell of value · Π (1 − tᵢ or tᵢ),  tᵢ the position in the cell along axis i."""
    if method not in ("linear", "nearest"):
        shapes = [dual.shape for dual in duals_in((points, values, xi))]
        raise errors.unsupported(RegularGridInterpolator, f"with method={method!r}; 'linear' has one", shapes)
    grid, values, d = [double(p) for p in points], double(values), len(points)
    for i, p in enumerate(grid):
        if np.size(p) > 1 and stripped(p)[0] > stripped(p)[-1]:
            grid[i], values = np.flip(p), np.flip(values, axis=i)
    xi = _coordinates(xi, d)
    shape, ndim = np.shape(xi)[:-1], values.ndim - d
    strides = np.cumprod([1, *np.shape(values)[d - 1 : 0 : -1]])[::-1]
    flat = np.reshape(values, (-1, *np.shape(values)[d:]))
    lowest, places, outside, unknown = 0, [], np.zeros(shape, bool), np.zeros(shape, bool)
    for i, p in enumerate(grid):
        knots, t = stripped(p), stripped(xi)[..., i]
        j = np.clip(np.searchsorted(knots, t, side="right") - 1, 0, max(knots.size - 2, 0))
        lowest = lowest + j * strides[i]
        if knots.size == 1:
            raise errors.unsupported(RegularGridInterpolator, "on a grid of one point along an axis", [np.shape(xi)])
        start = np.take(p, j)
        places.append((xi[..., i] - start) / (np.take(p, j + 1) - start))
        outside, unknown = outside | (t < knots[0]) | (t > knots[-1]), unknown | np.isnan(t)
    result = None
    if method == "nearest":
        nearest = lowest + sum((stripped(t) > 0.5) * s for t, s in zip(places, strides, strict=True))
        result = np.take(flat, nearest, axis=0)
    else:
        for corner in itertools.product((0, 1), repeat=d):
            weight: Any = 1.0
            for t, upper in zip(places, corner, strict=True):
                weight = weight * (t if upper else 1.0 - t)
            at = lowest + sum(s for s, upper in zip(strides, corner, strict=True) if upper)
            term = spread(weight, ndim) * np.take(flat, at, axis=0)
            result = term if result is None else result + term
    if not bounds_error and fill_value is not None:
        result = _filled(result, spread(outside, ndim), double(fill_value))
    return undefined(result, spread(unknown, ndim))


def _coordinates(xi: Any, d: int) -> Any:
    """Points as rows of d numbers, from any of the ways that SciPy takes them."""
    if isinstance(xi, tuple) and len(xi) == 1:
        xi = xi[0]
    if isinstance(xi, tuple):
        return np.stack(np.broadcast_arrays(*(double(x) for x in xi)), axis=-1)
    xi = double(xi)
    return np.reshape(xi, (-1, d)) if xi.ndim == 1 else xi


class RegularGridInterpolator:
    """`scipy.interpolate.RegularGridInterpolator` with method "linear" or "nearest", differentiable in everything.

    On plain arrays the other methods work too; a Dual raises there.
    """

    def __init__(
        self, points: Any, values: Any, method: str = "linear", bounds_error: bool = True, fill_value: Any = np.nan,
        **options: Any,
    ) -> None:  # fmt: skip
        self._plain = plain.RegularGridInterpolator(
            *stripped(fused_tree((tuple(points), values))), method, bounds_error, stripped(fused_tree(fill_value)),
            **options,
        )  # fmt: skip
        self.grid, self.values, self.fill_value = _owned((tuple(points), values, fill_value))
        self.method, self.bounds_error = method, bounds_error

    def __repr__(self) -> str:
        sizes = " x ".join(str(len(axis)) for axis in self.grid)
        return f"<dualdiff.scipy.interpolate.RegularGridInterpolator: {self.method}, {sizes}>"

    def __call__(self, xi: Any, method: str | None = None, *, nu: Any = None) -> Any:
        """The value at points ``xi`` of shape (..., d), or a tuple of d arrays."""
        duals = duals_in(fused_tree((self.grid, self.values, self.fill_value, xi)))
        if not duals:
            return self._plain(xi, method, nu=nu)
        if nu is not None:
            raise errors.unsupported(RegularGridInterpolator, "with nu=", [dual.shape for dual in duals])
        method = self.method if method is None else method
        return _on_grid(self.grid, self.values, xi, method, self.bounds_error, self.fill_value)


def interpn(
    points: Any, values: Any, xi: Any, method: str = "linear", bounds_error: bool = True, fill_value: Any = np.nan
) -> Any:
    """`scipy.interpolate.interpn`; see `RegularGridInterpolator`."""
    if not duals_in(fused_tree((tuple(points), values, xi, fill_value))):
        return plain.interpn(points, values, xi, method, bounds_error, fill_value)
    return _on_grid(tuple(points), values, xi, method, bounds_error, fill_value)


# The points of evaluation, too, are differentiable in all of them.
enter(
    globals(),
    plain,
    Akima1DInterpolator="x y",
    BSpline="t c",
    CubicHermiteSpline="x y dydx",
    CubicSpline="x y bc_type",
    PPoly="c x",
    PchipInterpolator="x y",
    RegularGridInterpolator="points values fill_value",
    interp1d="x y fill_value",
    interpn="points values xi fill_value",
    make_interp_spline="x y t bc_type",
)
