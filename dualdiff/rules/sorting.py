"""Sorting, quantiles, sets, selection and interpolation: functions that look for the place of an entry.

Each result entry of a sort is one entry of the argument, and of a quantile a mean of two: the place of an entry is
constant, so the tangent is that of the entry.  Equal entries are told apart by their position, as in NumPy's stable
argsort; a value that occurs several times in a set is the first of them.  A quantile that NaN made NaN is the last
entry of the sorted array, which is NaN.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from .. import errors
from ..table import Rule, register
from ..tangents import blocks
from ..tangents.expression import Tangent, normalized
from ..values.dual import Dual
from ..values.kinds import ARRAYS, as_array
from ..values.levels import innermost
from ..values.objects import carries, fused, stripped
from .axes import axes_of, rows_of, tangent_rows
from .call import applied, constant, perturbation_of, written
from .forms import composite, custom, tangent_rule
from .reductions import fitted


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


# Quantiles.


class Quantile(Rule):
    """Quantiles and medians: (1 − γ) x₍ⱼ₎ + γ x₍ⱼ₊₁₎, entries j and j + 1 of the sorted array.

    The same function of the ranks 0, 1, 2, ... instead of the entries is j + γ, whatever the method and the weights.
    So γ is exactly NumPy's.
    """

    form = "quantile"

    def __init__(self, function: Any, percent: float) -> None:
        super().__init__(function)
        self.names = tuple(inspect.signature(function).parameters)
        self.active = tuple(name for name in ("a", "q") if name in self.names)
        self.percent = percent
        self.skips_nan = function.__name__.startswith("nan")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) > len(self.names):
            return self.function(*stripped(args), **stripped(kwargs))  # NumPy's own TypeError
        options = dict(zip(self.names, args, strict=False)) | kwargs
        a, out = fused(options.pop("a")), options.pop("out", None)
        options["overwrite_input"] = False  # or NumPy may sort the value in place, but not the tangent
        options = {name: option for name, option in options.items() if option is not np._NoValue}
        if "weights" in options:
            options["weights"] = stripped(fused(options["weights"]))  # the result is piecewise constant in them
        if "q" in options:
            options["q"] = fused(options["q"])
        for name, option in options.items():
            if name != "q" and carries(option):
                raise errors.no_derivative_in(self.function, name)
        axis = options.get("axis")
        if self.skips_nan and isinstance(axis, tuple) and len(axis) > 1 and np.ndim(options.get("q", 0.0)) > 1:
            reason = "NumPy mixes up the axes of its result for q of several axes and a tuple of axes; flatten q"
            raise errors.unsupported(self.function, reason, [np.shape(a)])
        perturbation = innermost((a, options.get("q")))
        if perturbation is None:
            return written(self.function, out, self.function(a, **options))
        return written(self.function, out, applied(self, {"a": a, **options}, perturbation))

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Tangent | None:
        a = values["a"]
        if not np.size(a) or constant(y.dtype):
            return None
        options = {name: stripped(value) for name, value in values.items() if name not in ("a", "out")}
        none = Tangent(perturbation_of(tangents), None)
        da, dq = (tangents.get(name) or none for name in ("a", "q"))
        return fitted(y, self._tangent(y, a, da, values.get("q"), dq, options))

    def _tangent(self, y: Any, a: Any, da: Tangent, q: Any, dq: Tangent, options: dict[str, Any]) -> Tangent:
        axis = options.get("axis")
        rows = rows_of(a, axis)
        order = np.argsort(rows, axis=-1, kind="stable")
        place = self._places(stripped(rows), order, np.shape(a), options)  # (*kept, quantiles)
        n = rows.shape[-1]
        below = np.floor(place)
        share = place - below
        some = share > 0.0
        if type(q) is Dual:  # an outer level
            share = share + self._slope(stripped(rows), options) * np.reshape(q - stripped(q), -1)
        d = tangent_rows(da, axis)
        at = lambda rank: np.take_along_axis(order, rank.astype(np.intp), axis=-1)
        lower = picked(d, at(below), rows.ndim - 1)
        upper = picked(d, at(np.minimum(below + 1.0, n - 1.0)), rows.ndim - 1)
        # An entry without a share is dropped, even if its tangent is infinite.
        dy = lower * (1.0 - share) + upper * some * share
        if dq:
            # Where the quantile is an entry itself, q is taken to grow (but from below at the largest entry).
            count = self._count(stripped(rows))
            left = np.minimum(below, np.maximum(count - 2.0, 0.0))
            right = np.minimum(left + 1.0, count - 1.0)
            step = np.take_along_axis(rows, at(right), axis=-1) - np.take_along_axis(rows, at(left), axis=-1)
            slope = self._slope(stripped(rows), options)
            dy = dy + flattened(dq) * (step * slope)
        shape = np.shape(y)
        return dy.move(lambda block: np.reshape(np.moveaxis(block, -1, 1), (block.shape[0], *shape)), shape)

    def _count(self, rows: Any) -> Any:
        """How many entries of each row are ranked."""
        if not self.skips_nan:
            return 1.0 * rows.shape[-1]
        number = rows == rows
        number = number | ~np.any(number, axis=-1, keepdims=True)
        return 1.0 * np.sum(number, axis=-1, keepdims=True)

    def _slope(self, rows: Any, options: dict[str, Any]) -> Any:
        """d(j + γ)/dq for each row and quantile: 0 for the methods that jump, and beyond the ends."""
        method = options.get("interpolation") or options.get("method", "linear")
        if method not in _CONTINUOUS:
            return 0.0
        alpha, beta = _CONTINUOUS[method]
        n = self._count(rows)
        q = np.reshape(options["q"], -1) / self.percent
        place = n * q + alpha + q * (1.0 - alpha - beta) - 1.0
        return np.where((place >= 0.0) & (place <= n - 1.0), (n + 1.0 - alpha - beta) / self.percent, 0.0)

    def _places(self, rows: Any, order: Any, shape: tuple[int, ...], options: dict[str, Any]) -> Any:
        """j + γ for each row and quantile."""
        n = rows.shape[-1]
        q = {"q": np.reshape(options["q"], -1)} if "q" in options else {}
        q |= {name: options[name] for name in ("method", "interpolation") if name in options}
        if options.get("weights") is not None:
            place = self._weighted_places(rows, order, shape, options)
        elif self.skips_nan:
            ranks = np.where(np.arange(n) < self._count(rows), np.arange(n) * 1.0, np.nan)
            place = self.function(ranks, axis=-1, **q)
        else:
            place = np.reshape(self.function(np.arange(n) * 1.0, **q), -1)  # the same for all rows
            return np.where(np.any(rows != rows, axis=-1, keepdims=True), n - 1.0, place)
        place = np.moveaxis(np.reshape(place, (-1, *rows.shape[:-1])), 0, -1)
        return np.where(place == place, place, n - 1.0)

    def _weighted_places(self, rows: Any, order: Any, shape: tuple[int, ...], options: dict[str, Any]) -> Any:
        """With weights the ranks stand where the entries stood, in (quantiles, *kept)."""
        ranks = np.argsort(order, axis=-1, kind="stable") * 1.0
        number = rows == rows
        if self.skips_nan:
            number = number | ~np.any(number, axis=-1, keepdims=True)  # nothing to skip to
        ranks = np.where(number, ranks, np.nan)
        axes = axes_of(options.get("axis"), len(shape))
        moved = [*(i for i in range(len(shape)) if i not in axes), *axes]
        ranks = np.transpose(np.reshape(ranks, [shape[i] for i in moved]), [moved.index(i) for i in range(len(shape))])
        return self.function(ranks, **options)


# j + γ = n q + α + q (1 − α − β) − 1 (Hyndman & Fan 1996, as in NumPy).
_CONTINUOUS = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1.0 / 3.0, 1.0 / 3.0),
    "normal_unbiased": (3.0 / 8.0, 3.0 / 8.0),
}

for _function, _percent in (
    (np.median, 1.0),
    (np.nanmedian, 1.0),
    (np.quantile, 1.0),
    (np.nanquantile, 1.0),
    (np.percentile, 100.0),
    (np.nanpercentile, 100.0),
):
    register(Quantile(_function, _percent))


# Sets: the first of equal values.


class Unique(Rule):
    """The distinct values; indices and counts beside them are plain."""

    form = "set"

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self.names = tuple(inspect.signature(function).parameters)
        self.active = self.names[:1]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        values, (name,) = self.bound(args, kwargs), self.active
        a = fused(values.pop(name))
        perturbation = innermost([a])
        if perturbation is None:
            raise errors.no_derivative_in(self.function, "options")
        return applied(self, {name: a, **values}, perturbation)

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Any:
        (name,) = self.active
        d, plain = tangents[name], stripped(values[name])
        distinct = y[0] if isinstance(y, tuple) else y
        axis, equal_nan = values.get("axis"), values.get("equal_nan", self.function is np.unique)
        ordered, first = np.unique(plain, return_index=True, axis=axis, equal_nan=equal_nan)[:2]
        if axis is None:
            # NumPy may return the values in any order (sorted=False): the same rank is the same value.
            rank = np.argsort(np.argsort(stripped(distinct), kind="stable"), kind="stable")
            order = np.argsort(ordered, kind="stable")
            dy = picked(flattened(d), np.take(np.take(first, order), rank), 0)
        else:
            at = normalized(axis, d.ndim) + 1
            dy = d.move(lambda block: np.take(block, first, axis=at), np.shape(distinct))
        return (dy, *(None for _ in y[1:])) if isinstance(y, tuple) else dy


for _name in ("unique", "unique_all", "unique_counts", "unique_inverse", "unique_values"):
    register(Unique(getattr(np, _name)))


@composite(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    return np.unique(np.concatenate((np.ravel(ar1), np.ravel(ar2))))


@custom("set", np.intersect1d, active="ar1 ar2")
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """Each value is that of the first array."""
    ar1, ar2 = fused(ar1), fused(ar2)
    plain, first, second = np.intersect1d(stripped(ar1), stripped(ar2), assume_unique, return_indices=True)
    y = entries(np.ravel(ar1), first) if isinstance(ar1, Dual) else plain
    return (y, first, second) if return_indices else y


@composite(np.setdiff1d, active="ar1 ar2")
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    values = np.ravel(ar1) if assume_unique else np.unique(ar1)
    return values[np.isin(stripped(values), stripped(ar2), assume_unique=True, invert=True)]


@composite(np.setxor1d, active="ar1 ar2")
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    if not assume_unique:
        ar1, ar2 = np.unique(ar1), np.unique(ar2)
    values = np.sort(np.concatenate((np.ravel(ar1), np.ravel(ar2))))
    if np.size(values) == 0:
        return values
    changes = np.concatenate(([True], values[1:] != values[:-1], [True]))
    return values[changes[1:] & changes[:-1]]


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
        x0, x1, f0, f1 = entries(xp, j), entries(xp, j + 1), entries(fp, j), entries(fp, j + 1)
        # Equal knots at the end leave an interval without width, in which NumPy takes the last value.
        jump = x0 == x1
        inside = np.where(jump, f1, f0 + (x - x0) * ((f1 - f0) / np.where(jump, 1.0, x1 - x0)))
    return np.where(x < xp[0], left, np.where(x > xp[-1], right, inside))
