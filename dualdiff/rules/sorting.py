"""Sorting, quantiles, sets, selection and interpolation: functions that look for the place of an entry.

Each result entry of a sort is one entry of the argument, and of a quantile a mean of two: the place of an entry is
constant, so the tangent is that of the entry.  Equal entries are told apart by their position, as in NumPy's stable
argsort; a value that occurs several times in a set is the first of them.  A quantile that NaN made NaN is the last
entry of the sorted array, which is NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tangents import blocks
from ..tangents.expression import Tangent, normalized
from ..values.choices import WATCHES, note
from ..values.dual import Dual
from ..values.kinds import ARRAYS, as_array
from ..values.objects import fused, stripped
from .axes import axes_of
from .forms import composite, custom, tangent_rule
from .rankings import ranking


def picked(d: Tangent, index: Any, axis: int, by_value: bool = True) -> Tangent:
    """What ``np.take_along_axis(x, index, axis)`` picks, of the tangent; ``by_value`` if the index is an order of x."""
    if not d:
        return d
    index = d.perturbation.keep(index)
    shape = tuple(
        m if i == axis else max(n, m) if n and m else 0
        for i, (n, m) in enumerate(zip(d.shape, np.shape(index), strict=True))
    )
    move = lambda block: np.take_along_axis(block, index[None], axis=axis + 1)
    return d.move(blocks.Chosen(move, axis) if by_value else move, shape)


def flattened(d: Tangent) -> Tangent:
    size = 1
    for n in d.shape if d else ():
        size *= n
    return d.move(lambda block: block.reshape(block.shape[0], size), (size,)) if d else d


def entries(x: Any, index: Any) -> Any:
    """``x[index]`` of an array of one axis, where either may be an array type that is no ndarray."""
    return np.reshape(np.take_along_axis(x, np.ravel(index), axis=0), np.shape(index))


# Sorting.


@tangent_rule(np.sort)
def sort(
    y: Any, a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None,
    descending: Any = False, da: Tangent,
) -> Tangent:  # fmt: skip
    options: Any = {"stable": True, "descending": True} if descending else {"kind": "stable"}  # NumPy 2.5
    index = np.argsort(a, axis=axis, **options)
    return picked(flattened(da), index, 0) if axis is None else picked(da, index, normalized(axis, da.ndim))


@tangent_rule(np.partition)
def partition(
    y: Any, a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None, *, da: Tangent
) -> Tangent:
    """The order within the parts is NumPy's own affair: entry of rank r in the result is entry of rank r in ``a``."""
    if axis is None:
        da, a, axis = flattened(da), np.ravel(a), 0
    axis = normalized(axis, da.ndim)
    rank = np.argsort(np.argsort(y, axis=axis, kind="stable"), axis=axis, kind="stable")
    order_of_a = np.argsort(a, axis=axis, kind="stable")
    return picked(da, np.take_along_axis(order_of_a, rank, axis=axis), axis)


@tangent_rule(np.sort_complex)
def sort_complex(y: Any, a: Any, da: Tangent) -> Tangent:
    return sort(y, a, da=da)


# Selection.


@tangent_rule(np.take_along_axis)
def take_along_axis(y: Any, arr: Any, indices: Any, axis: Any = -1, *, darr: Tangent) -> Tangent:
    if axis is None:
        return picked(flattened(darr), indices, 0, by_value=False)
    return picked(darr, indices, normalized(axis, darr.ndim), by_value=False)


@composite(np.extract, active="arr")
def extract(condition: Any, arr: Any) -> Any:
    return entries(np.ravel(arr), np.flatnonzero(stripped(fused(condition))))


@composite(np.choose, active="choices")
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    a, n = stripped(fused(a)), len(choices)
    if mode == "wrap":
        a = np.remainder(a, n)
    elif mode == "clip":
        a = np.clip(a, 0, n - 1)
    result = choices[0]
    for i in range(1, n):
        result = np.where(np.equal(a, i), choices[i], result)
    return np.where(np.equal(a, a), result, result)  # in the shape of ``a`` even if there is one choice


@composite(np.select, active="choicelist default")
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """The first condition that holds decides."""
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = np.where(condition, choice, result)
    return result


@custom("view", np.trim_zeros, active="filt")
def trim_zeros(filt: Any, trim: Any = "fb", axis: Any = None) -> Any:
    """A view of the part between the zeros."""
    filt = fused(filt)
    plain = stripped(filt)
    trimmed = np.trim_zeros(plain, trim) if axis is None else np.trim_zeros(plain, trim, axis)
    starts: list[Any] = [0] * filt.ndim
    if "f" in trim.lower() and trimmed.size:
        nonzero = np.nonzero(plain)
        for i in axes_of(axis, filt.ndim):
            starts[i] = np.min(nonzero[i])
    if type(plain) in ARRAYS:
        return filt[tuple(slice(int(i), int(i) + n) for i, n in zip(starts, trimmed.shape, strict=True))]
    for i, start in enumerate(starts):
        filt = filt[(*(slice(None),) * i, start + np.arange(trimmed.shape[i]))]
    return filt


# Functions given piece by piece.


@custom("composite", np.piecewise, active="x funclist args")
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kwargs: Any) -> Any:
    """Each function is called on its part of ``x``, a Dual; the last condition that holds decides."""
    x, condlist = fused(x), stripped(fused(condlist))
    if not isinstance(x, Dual):
        return np.piecewise(x, condlist, funclist, *args, **kwargs)
    if x.ndim == 0:
        x = np.reshape(x, ())  # an array, which a condition can index
    if not hasattr(condlist, "__len__") or (x.ndim and np.ndim(condlist[0]) == 0):
        condlist = [condlist]  # one condition
    conditions = [np.broadcast_to(_boolean(condition), x.shape) for condition in condlist]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(np.stack(conditions), axis=0))
    elif len(funclist) != len(conditions):
        n = len(conditions)
        raise ValueError(f"with {n} condition(s), either {n} or {n + 1} functions are expected")
    pieces: list[Any] = [np.zeros(1, dtype=x.dtype)]  # place 0: where no condition holds
    place, start = np.zeros(x.shape, np.intp), 1
    for condition, function in zip(conditions, funclist, strict=True):
        part = x[condition]
        if callable(function):
            if part.size:
                part = np.broadcast_to(function(part, *args, **kwargs), part.shape)
        else:
            part = np.broadcast_to(fused(function), part.shape)
        count = np.reshape(np.cumsum(np.ravel(condition)), x.shape)
        place = np.where(condition, start + count - 1, place)
        start += part.shape[0]
        pieces.append(part)
    y = entries(np.concatenate(pieces, dtype=x.dtype), place)
    return y[...] if x.ndim == 0 else y


def _boolean(condition: Any) -> Any:
    return condition if getattr(condition, "dtype", None) == np.bool_ else as_array(condition, bool)


@composite(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """y = fⱼ + (x − xⱼ) (fⱼ₊₁ − fⱼ) / (xⱼ₊₁ − xⱼ), with NumPy's j: a knot belongs to the interval on its right."""
    x, xp, fp = (v if hasattr(v, "dtype") else as_array(v) for v in (x, xp, fp))
    if period is not None:
        period = np.absolute(period)
        x, xp = np.remainder(x, period), np.remainder(xp, period)
        order = np.argsort(stripped(xp))
        xp, fp = entries(xp, order), entries(fp, order)
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    n = np.size(xp)
    left, right = (fp[0] if left is None else left), (fp[-1] if right is None else right)
    if n == 1:
        inside = fp[0]
    else:
        j = np.clip(np.searchsorted(stripped(xp), stripped(x), side="right") - 1, 0, n - 2)
        if WATCHES:
            note(np.interp, (x, xp), j)
        x0, x1, f0, f1 = entries(xp, j), entries(xp, j + 1), entries(fp, j), entries(fp, j + 1)
        # Equal knots at the end leave an interval without width, in which NumPy takes the last value.
        jump = x0 == x1
        inside = np.where(jump, f1, f0 + (x - x0) * ((f1 - f0) / np.where(jump, 1.0, x1 - x0)))
    return np.where(x < xp[0], left, np.where(x > xp[-1], right, inside))


ranking(np.sort, np.partition)
