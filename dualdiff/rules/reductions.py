"""Reductions and their cumulative forms: sums, products, means, variances, extrema, and those that skip NaN.

A rule here is ``rule(y, a, da, axis=, where=, ...)``: it gets the result, the array, its tangent, and the options that
the user gave, and returns the reduced tangent; `Reduction` does the rest (out=, keepdims=, NumPy's own value).

Conventions: ties share evenly among all tied, ``initial`` included; NaN entries share a result that they made NaN;
std at 0 is 0; a product has its true derivative at zeros, which no division by an entry could give.
What ``where`` or NaN drops is selected away by a boolean partial, so that it is zero even if its tangent is infinite.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..table import RULES, Rule, register
from ..tangents import Perturbation, like_of
from ..tangents.expression import Tangent, sum_subscripts
from ..values.dual import Dual
from ..values.kinds import ARRAYS
from ..values.levels import innermost, value_of
from ..values.objects import carries, fused, stripped
from .axes import along, axes_of, rows_of, tangent_rows
from .call import constant, perturbation_of, tangent_of, wrapped, written
from .cumulative import cumprod_rule, cumsum_rule, running_extremum_rule, short_cumsum
from .extrema import extremum, hypotenuse_rule, log_sum_exp_rule, short_extremum
from .forms import composite
from .rankings import ranking
from .reducing import as_mask, counted, fitted, one_over, selected, skipping_nan, total, weighted
from .ufunc_methods import ACCUMULATIONS, REDUCTIONS, working_dtype

# Arguments other than the array that a reduction is differentiable in.
_ALSO_ACTIVE = ("initial", "mean")


# These calculate in the dtype of out=, if that is wider.
_WIDENING = frozenset({np.sum, np.prod, np.cumsum, np.cumprod})


class Reduction(Rule):
    """A function of one array whose result has fewer axes, or accumulates along one."""

    form = "reduction"

    def __init__(self, function: Any, rule: Callable[..., Any], short: Callable[..., Any] | None = None) -> None:
        super().__init__(function)
        self.rule = rule
        self.short = short  # (Dual, axis) -> result, for the call without any other argument
        if short is not None:
            self.plain_call = self.without_options
        self.widens = function in _WIDENING

    @functools.cached_property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(inspect.signature(self.function).parameters)

    def without_options(self, *args: Any) -> Any:
        """The call of an array alone, as most."""
        a = args[0] if len(args) == 1 else None
        if type(a) is Dual and self.short and a.perturbation.live and (y := self.short(a, None)) is not None:
            return y
        return self(*args)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.short is not None and args and type(args[0]) is Dual:
            axis: Any = Ellipsis
            if not kwargs:
                axis = None if len(args) == 1 else args[1] if len(args) == 2 else Ellipsis
            elif len(kwargs) == 1 and len(args) == 1:
                axis = kwargs.get("axis", Ellipsis)
            if axis is None or type(axis) is int:
                if not args[0].perturbation.live:
                    raise errors.escaped(args[0])
                y = self.short(args[0], axis)
                if y is not None:
                    return y
        return self.general(*args, **kwargs)

    def general(self, *args: Any, **kwargs: Any) -> Any:
        function, names = self.function, self.names
        if len(args) > len(names) or names[0] in kwargs:
            if args:
                return function(*stripped(args), **stripped(kwargs))  # NumPy's own TypeError
            args, kwargs = (kwargs[names[0]],), {k: v for k, v in kwargs.items() if k != names[0]}
        a = fused(args[0])
        given = dict(zip(names[1:], args[1:], strict=False)) | kwargs
        options = {name: option for name, option in given.items() if option is not np._NoValue}
        out = options.pop("out", None)
        if isinstance(out, tuple):
            out = out[0]
        if self.widens and options.get("dtype") is None and (dtype := working_dtype(a, out)) is not None:
            options["dtype"] = dtype
        also = [name for name in _ALSO_ACTIVE if type(options.get(name)) is Dual]
        for name, option in options.items():
            if name not in also and carries(option):
                raise errors.no_derivative_in(function, name)
        perturbation = innermost((a, *(options[name] for name in also)))
        if perturbation is None:
            return written(function, out, function(a, **options))
        companions = {"d" + name: tangent_of(options[name], perturbation) for name in also}
        for name in also:
            options[name] = value_of(options[name], perturbation)
        da, a = tangent_of(a, perturbation), value_of(a, perturbation)
        # NumPy does not look for a Dual in initial=.
        call = self if any(type(options[name]) is Dual for name in also) else function
        y = call(a, **options)
        options.pop("keepdims", None)
        options = {name: perturbation.keep(option) for name, option in options.items()}
        if not constant(like_of(y).dtype):
            y = reduced(y, self.rule(y, a, da, **options, **companions), perturbation)
        return written(function, out, y)

    @functools.cached_property
    def active(self) -> tuple[str, ...]:  # type: ignore[override]
        known = inspect.signature(self.rule).parameters
        # The standard deviation hands its options on to the variance.
        also = _ALSO_ACTIVE if "options" in known else [name for name in _ALSO_ACTIVE if "d" + name in known]
        return (self.names[0], *(name for name in also if name in self.names))

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Any:
        if constant(like_of(y).dtype):
            return None
        first, none = self.names[0], Tangent(perturbation_of(tangents), None)
        options = {name: value for name, value in values.items() if name not in (first, "keepdims", "out")}
        also = {"d" + name: tangents[name] for name in _ALSO_ACTIVE if tangents.get(name)}
        return fitted(y, self.rule(y, values[first], tangents.get(first) or none, **options, **also))


def reduced(y: Any, dy: Tangent, perturbation: Perturbation) -> Any:
    """The result with its tangent, whose axes of length 1 may be missing."""
    return wrapped(y, fitted(y, dy), perturbation) if dy else y


# Sums.


def _sum(
    y: Any,
    a: Any,
    da: Tangent,
    axis: Any = None,
    dtype: Any = None,
    where: Any = True,
    initial: Any = 0,
    dinitial: Tangent | None = None,
) -> Tangent:
    dy = total(selected(da, where), axis, y)
    return dy + dinitial * np.ones(np.shape(y)) if dinitial else dy


def _short_sum(a: Dual, axis: Any) -> Any:
    p = a.perturbation
    value = a.value
    # Other arrays than NumPy's may know the function and not the ufunc's method.
    y = np.add.reduce(value, axis) if type(value) in ARRAYS else np.sum(value, axis)
    return Dual(y, p.contract(a.tangent, sum_subscripts(a.ndim, axis)[0]), p)


def _mean(y: Any, a: Any, da: Tangent, axis: Any = None, dtype: Any = None, where: Any = True) -> Tangent:
    n = counted(a, axis, where)
    n = n if isinstance(n, int) else np.reshape(n, np.shape(y))
    return total(selected(da, where), axis, y) * one_over(n)


def _short_mean(a: Dual, axis: Any) -> Any:
    p = a.perturbation
    n = counted(a, axis, True)
    if n == 0:
        return None
    y = np.mean(a.value, axis=axis)
    return Dual(y, p.scale(1.0 / n, p.contract(a.tangent, sum_subscripts(a.ndim, axis)[0])), p)


def _var(
    y: Any,
    a: Any,
    da: Tangent,
    axis: Any = None,
    dtype: Any = None,
    ddof: Any = 0,
    where: Any = True,
    mean: Any = None,
    dmean: Tangent | None = None,
    correction: Any = None,
) -> Tangent:
    """y = Σ |a − m|² / (n − ddof)  implies  ẏ = 2 Re Σ conj(a − m) (ȧ − ṁ) / (n − ddof).

    Σ (a − m) = 0, so ṁ matters only for a mean that the user gave.
    """
    if where is not True:
        a, da = np.where(as_mask(where), a, 0.0), selected(da, where)
    if dtype is not None:
        a = np.positive(a, dtype=dtype)
    n = counted(a, axis, where)
    rest = a - mean if mean is not None else _centred(a, axis, where, n)
    if mean is None:
        # Once more: for a constant array, whose mean rounds, the derivative of std is then 0 as it should be.
        rest = _centred(rest, axis, where, n)
    elif dmean:
        da = selected(da - dmean * np.ones_like(rest), where)
    free = n - (ddof if correction is None else correction)
    dy = weighted(da, np.conjugate(rest), axis, y).real()
    return dy * (2.0 * one_over(free if isinstance(free, int | float) else np.reshape(free, np.shape(y))))


def _centred(a: Any, axis: Any, where: Any, n: Any) -> Any:
    if isinstance(n, int):
        return a - along(np.sum(a, axis=axis), a, axis) / max(n, 1)
    mean = along(np.sum(a, axis=axis) / np.maximum(n, 1), a, axis)
    return np.where(as_mask(where), a - mean, 0.0)


def _std(y: Any, a: Any, da: Tangent, **options: Any) -> Tangent:
    """y = √v  implies  ẏ = v̇ / 2y, and 0 at 0."""
    zero = y == 0
    return _var(y, a, da, **options) * np.where(zero, 0.0, 0.5 / np.where(zero, 1.0, y))


# Products.


def _prod(
    y: Any,
    a: Any,
    da: Tangent,
    axis: Any = None,
    dtype: Any = None,
    where: Any = True,
    initial: Any = None,
    dinitial: Tangent | None = None,
) -> Tangent:
    """ẏ = Σᵢ ȧᵢ Π_{j≠i} aⱼ"""
    if dtype is not None:
        a = np.positive(a, dtype=dtype)
    if where is not True:
        a, da = np.where(as_mask(where), a, 1.0), selected(da, where)
    rows = rows_of(a, axis)
    dy = weighted(tangent_rows(da, axis), _products_of_others(rows), -1, y)
    if initial is not None:
        dy = dy * initial
    return dy + dinitial * np.reshape(np.prod(rows, axis=-1), np.shape(y)) if dinitial else dy


def _products_of_others(rows: Any) -> Any:
    """The product of all entries of a row but one: of those before it and those after it."""
    if rows.shape[-1] < 2:
        return np.ones_like(rows)
    one = np.ones_like(rows[..., :1])
    before = np.concatenate([one, np.cumprod(rows, axis=-1)[..., :-1]], axis=-1)
    after = np.concatenate([one, np.cumprod(rows[..., ::-1], axis=-1)[..., :-1]], axis=-1)[..., ::-1]
    return before * after


# The table.

for _function, _rule, _short in (
    (np.sum, _sum, _short_sum),
    (np.mean, _mean, _short_mean),
    (np.var, _var, None),
    (np.std, _std, None),
    (np.prod, _prod, None),
    (np.max, extremum, short_extremum(np.maximum.reduce, np.argmax)),
    (np.min, extremum, short_extremum(np.minimum.reduce, np.argmin)),
    (np.amax, extremum, None),
    (np.amin, extremum, None),
    (np.nansum, skipping_nan(_sum), None),
    (np.nanprod, skipping_nan(_prod), None),
    (np.nanmean, skipping_nan(_mean), None),
    (np.nanvar, skipping_nan(_var), None),
    (np.nanstd, skipping_nan(_std), None),
    (np.nanmax, extremum, None),
    (np.nanmin, extremum, None),
    (np.cumsum, cumsum_rule, short_cumsum),
    (np.cumprod, cumprod_rule, None),
    (np.nancumsum, skipping_nan(cumsum_rule), None),
    (np.nancumprod, skipping_nan(cumprod_rule), None),
):
    register(Reduction(_function, _rule, _short))

for _name, _rule in (("cumulative_sum", cumsum_rule), ("cumulative_prod", cumprod_rule)):
    if hasattr(np, _name):  # NumPy 2.1
        register(Reduction(getattr(np, _name), _rule))


@composite(np.ptp)
def ptp(a: Any, axis: Any = None, **options: Any) -> Any:
    """max − min"""
    return np.max(a, axis=axis, **options) - np.min(a, axis=axis, **options)


@composite(np.average, active="a weights")
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, **options: Any) -> Any:
    """Σ w a / Σ w"""
    if weights is None:
        mean = np.mean(a, axis=axis, **options)
        return (mean, np.ones(np.shape(mean))) if returned else mean
    shape = np.shape(a)
    if np.shape(weights) != shape:  # along the axes given, in their order
        axes = axes_of(axis, len(shape))
        order = sorted(range(len(axes)), key=lambda i: axes[i])
        weights = np.reshape(np.transpose(weights, order), tuple(n if i in axes else 1 for i, n in enumerate(shape)))
        weights = np.broadcast_to(weights, shape)
    scale = np.sum(weights, axis=axis, **options)
    mean = np.sum(a * weights, axis=axis, **options) / scale
    return (mean, scale) if returned else mean


# The methods of ufuncs that reduce in a shorter way than by a recurrence.


class _MethodRule(Reduction):
    """``ufunc.reduce`` or ``ufunc.accumulate`` as a reduction."""

    def __init__(self, function: Any, rule: Callable[..., Any], names: tuple[str, ...]) -> None:
        Rule.__init__(self, function)
        self.rule = rule
        self.short = None
        self.names = names
        self.widens = True


_REDUCE = ("array", "axis", "dtype", "out", "keepdims", "initial", "where")
_ACCUMULATE = ("array", "axis", "dtype", "out")
REDUCTIONS[np.add] = RULES[np.sum]
REDUCTIONS[np.multiply] = RULES[np.prod]
for _ufunc, _rule in (
    (np.maximum, extremum),
    (np.minimum, extremum),
    (np.fmax, extremum),
    (np.fmin, extremum),
    (np.logaddexp, log_sum_exp_rule(np.exp)),
    (np.logaddexp2, log_sum_exp_rule(np.exp2)),
    (np.hypot, hypotenuse_rule),
):
    REDUCTIONS[_ufunc] = _MethodRule(_ufunc.reduce, _rule, _REDUCE)
for _ufunc, _rule in (  # type: ignore[assignment]
    (np.add, cumsum_rule),
    (np.maximum, running_extremum_rule),
    (np.minimum, running_extremum_rule),
    (np.fmax, running_extremum_rule),
    (np.fmin, running_extremum_rule),
):
    ACCUMULATIONS[_ufunc] = _MethodRule(_ufunc.accumulate, _rule, _ACCUMULATE)

ranking(np.max, np.min, np.ptp, np.nanmax, np.nanmin)
