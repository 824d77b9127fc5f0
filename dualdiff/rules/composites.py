"""Functions written with other NumPy functions: differences, integrals, covariances, functions applied.

NumPy's own call makes the value; the formula here, in functions that have rules, makes the tangent.
A formula may therefore take a shorter way than NumPy does, as long as it is the same function of its arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..table import RULES, register
from ..tangents.expression import Tangent, normalized
from ..values.dual import primal
from ..values.kinds import as_array
from ..values.levels import innermost
from ..values.objects import fused
from .forms import Composite, custom, tangent_rule

_ALL = slice(None)


class Formula(Composite):
    """A composite whose arguments may be lists of Duals."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*map(fused, args), **{name: fused(arg) for name, arg in kwargs.items()})


def formula(*functions: Any, active: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def declare(of: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            register(Formula(function, of, active))
        return of

    return declare


def array(x: Any) -> Any:
    """An argument that is to have a shape."""
    return x if hasattr(x, "__array_function__") else as_array(x)


def along(axis: int, ndim: int, index: Any) -> tuple[Any, ...]:
    """The index of one axis."""
    return (*(_ALL,) * normalized(axis, ndim), index)


# Differences and integrals.


@formula(np.diff, active="a prepend append")
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    if n == 0:
        return a
    a = array(a)
    parts = [prepend, a, append]
    for i, end in enumerate(parts):
        # np._NoValue stands for an end that is not given.
        if end is None or end is np._NoValue:
            parts[i] = None
        elif np.ndim(end) == 0:
            parts[i] = np.broadcast_to(end, [1 if k == normalized(axis, a.ndim) else m for k, m in enumerate(a.shape)])
    a = np.concatenate([part for part in parts if part is not None], axis=axis)
    for _ in range(n):
        a = a[along(axis, a.ndim, slice(1, None))] - a[along(axis, a.ndim, slice(None, -1))]
    return a


@formula(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    ary = np.ravel(ary)
    parts = (to_begin, ary[1:] - ary[:-1], to_end)
    return np.concatenate([np.ravel(part) for part in parts if part is not None])


@formula(np.gradient, active="f varargs")
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Second-order differences on a grid whose spacing h may vary (Fornberg 1988), one-sided at the ends.

    NumPy takes equal spacings for one number.  Here they stay what they are: each may have a derivative of its own.
    """
    f = array(f)
    given = range(f.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = [normalized(i, f.ndim) for i in given]
    spacings = varargs or (1.0,)
    if len(spacings) == 1:
        spacings = spacings * len(axes)
    results = []
    for i, spacing in zip(axes, spacings, strict=True):
        spacing = array(spacing)
        n = f.shape[i]
        # One number stands for n - 1 equal spacings.
        h = np.diff(spacing) if spacing.ndim else np.broadcast_to(spacing * 1.0, (n - 1,))
        rows = np.moveaxis(f, i, -1)
        h0, h1 = h[:-1], h[1:]
        inner = (
            -h1 / (h0 * (h0 + h1)) * rows[..., :-2]
            + (h1 - h0) / (h0 * h1) * rows[..., 1:-1]
            + h0 / (h1 * (h0 + h1)) * rows[..., 2:]
        )
        first, last = (rows[..., 1] - rows[..., 0]) / h[0], (rows[..., -1] - rows[..., -2]) / h[-1]
        if edge_order == 2:  # the slope of the parabola through three points
            first = first - h[0] / (h[0] + h[1]) * ((rows[..., 2] - rows[..., 1]) / h[1] - first)
            last = last + h[-1] / (h[-1] + h[-2]) * (last - (rows[..., -2] - rows[..., -3]) / h[-2])
        whole = np.concatenate([first[..., None], inner, last[..., None]], axis=-1)
        results.append(np.moveaxis(whole, -1, i))
    return results[0] if len(results) == 1 else tuple(results)


@formula(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = array(y)
    if x is None:
        widths = dx
    elif np.ndim(x) == 1:
        widths = np.reshape(np.diff(x), [-1 if i == normalized(axis, y.ndim) else 1 for i in range(y.ndim)])
    else:
        widths = np.diff(x, axis=axis)
    sides = y[along(axis, y.ndim, slice(1, None))] + y[along(axis, y.ndim, slice(None, -1))]
    return np.sum(widths * sides / 2.0, axis=axis)


@tangent_rule(np.unwrap)
def unwrap(
    y: Any, p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * math.pi, dp: Tangent, dperiod: Tangent
) -> Tangent:
    """p plus whole periods, whose number is constant."""
    return dp * 1.0 + dperiod * np.rint((y - p) / period)


# Covariances.


@formula(np.cov, active="m y aweights")
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None, fweights: Any = None,
    aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    """Σ w (x − x̄)(x − x̄)ᴴ over the degrees of freedom, x̄ the weighted mean."""
    m = array(m)
    x = np.atleast_2d(m)
    if not rowvar and m.ndim != 1:
        x = x.T
    if x.shape[0] == 0:
        return None
    if y is not None:
        y = np.atleast_2d(array(y))
        x = np.concatenate((x, y.T if not rowvar and y.shape[0] != 1 else y))
    if ddof is None:
        ddof = 0 if bias else 1
    w: Any = np.ones(x.shape[1])
    for weights in (fweights, aweights):
        w = w if weights is None else w * array(weights)
    total = np.sum(w)
    freedom = total - ddof * (1.0 if aweights is None else np.sum(w * array(aweights)) / total)
    if freedom <= 0:
        freedom = np.float64(0.0)
    x = x - (np.sum(x * w, axis=1) / total)[:, None]
    with np.errstate(all="ignore"):  # NumPy's own call has warned
        return np.squeeze(np.matmul(x * w, np.conjugate(x.T)) / freedom)


@formula(np.corrcoef, active="x y")
def corrcoef(
    x: Any, y: Any = None, rowvar: bool = True, bias: Any = None, ddof: Any = None, *, dtype: Any = None
) -> Any:
    """cᵢⱼ / √(cᵢᵢ cⱼⱼ).  NumPy clips to [-1, 1] what only rounding can bring outside; ``bias``, ``ddof`` cancel."""
    c = np.cov(x, y, rowvar)
    with np.errstate(all="ignore"):
        if np.ndim(c) == 0:
            return c / c
        deviation = np.sqrt(np.real(np.diagonal(c)))
        return c / deviation[:, None] / deviation[None, :]


# Functions applied.


@custom("composite", np.apply_along_axis, active="arr args")
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """The function is called on Duals; its first result sets the dtype, as in NumPy."""
    arr = fused(arr)
    innermost((arr,))
    axis = normalized(axis, arr.ndim)
    rows = np.moveaxis(arr, axis, -1)
    outer = rows.shape[:-1]
    results = [fused(func1d(rows[(*index, ...)], *args, **kwargs)) for index in np.ndindex(outer)]
    if not results:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    whole = np.stack(results)
    dtype = np.result_type(primal(results[0]))
    if whole.dtype != dtype:
        whole = whole.astype(dtype)
    inner = whole.shape[1:]
    whole = np.reshape(whole, outer + inner)
    return np.moveaxis(whole, tuple(range(len(outer), whole.ndim)), tuple(range(axis, axis + len(inner))))


@custom("composite", np.apply_over_axes, active="a")
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    result = a = fused(a)
    for axis in (axes,) if np.ndim(axes) == 0 else axes:
        axis = axis + a.ndim if axis < 0 else axis
        reduced = func(result, axis)
        if reduced.ndim != result.ndim:
            reduced = np.expand_dims(reduced, axis)
            if reduced.ndim != result.ndim:
                raise ValueError("function is not returning an array of the correct shape")
        result = reduced
    return result


# The modified Bessel function.

_COSINES = np.cos((np.arange(64) + 0.5) * (math.pi / 128))


@tangent_rule(np.i0)
def i0(y: Any, x: Any, *, dx: Tangent) -> Tangent:
    """I₀' = I₁ = 2/π ∫ sinh(x cos θ) cos θ dθ over the first quadrant.

    The integrand is periodic and analytic, so the midpoint rule converges faster than any power of the number of
    nodes: 64 give all digits until the value overflows at 713, the terms being of one sign; the same for the
    derivatives of the rule.
    Source: Trefethen & Weideman, SIAM Review 56 (2014) 385.
    """
    terms = np.sinh(np.expand_dims(x, -1) * _COSINES) * _COSINES
    return dx * (np.sum(terms, axis=-1) / 64.0)


# ``ndarray.clip`` calls a ufunc of its own, which has no public name.
_clip = getattr(getattr(getattr(np, "_core", None), "umath", None), "clip", None)
if _clip is not None and _clip not in RULES:

    @custom("composite", _clip)
    def clip(a: Any, lo: Any, hi: Any, /, **options: Any) -> Any:
        return RULES[np.clip](a, lo, hi, **options)
