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
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..table import RULES, Rule, register
from ..tangents import Perturbation, blocks, like_of
from ..tangents.expression import Tangent, normalized, sum_subscripts
from ..values.dual import Dual
from ..values.kinds import ARRAYS, as_array
from ..values.levels import innermost, value_of
from ..values.objects import carries, fused, stripped
from .axes import along, axes_of, rows_of, tangent_rows
from .call import constant, perturbation_of, tangent_of, wrapped, written
from .forms import composite, gathered
from .ufunc_methods import ACCUMULATIONS, REDUCTIONS, linear_recurrence, recurrence, working_dtype

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
        self.names = tuple(inspect.signature(function).parameters)
        self.widens = function in _WIDENING

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


def fitted(y: Any, dy: Tangent) -> Tangent:
    """A tangent in the shape of the result, and real if that is."""
    return as_shape(dy.real() if like_of(y).dtype.kind == "f" else dy, np.shape(y))


def as_shape(d: Tangent, shape: tuple[int, ...]) -> Tangent:
    return d if not d or d.shape == shape else d.reshape(shape)


# What reductions have in common.


def selected(d: Tangent, where: Any) -> Tangent:
    return d if where is True else d * _mask(where)


def _mask(where: Any) -> Any:
    return where if hasattr(where, "dtype") else as_array(where, bool)


def total(d: Tangent, axis: Any, y: Any) -> Tangent:
    """Sum over ``axis``, in the shape of ``y``."""
    return as_shape(d.sum(axes_of(axis, d.ndim)), np.shape(y)) if d else d


def weighted(d: Tangent, weights: Any, axis: Any, y: Any) -> Tangent:
    """Sum of ``weights * d`` over ``axis``; the weights have the shape of ``d``."""
    if not d or d.ndim == 0:
        return as_shape(d * weights, np.shape(y))
    source, _, target = sum_subscripts(d.ndim, axes_of(axis, d.ndim))[0].partition("->")
    return as_shape(d.contract(f"{source},{source}->{target}", weights), np.shape(y))


def counted(a: Any, axis: Any, where: Any) -> Any:
    """Number of entries that each result is made of."""
    shape = np.shape(a)
    if where is True:
        n = 1
        for i in axes_of(axis, len(shape)):
            n *= shape[i]
        return n
    return np.sum(np.broadcast_to(_mask(where), shape), axis=axis)


def one_over(n: Any) -> Any:
    """1/n, and nan where there is nothing to divide by."""
    if isinstance(n, int | float):
        return 1.0 / n if n > 0 else float("nan")
    return np.where(n > 0, 1.0 / np.where(n > 0, n, 1.0), float("nan"))


def skipping_nan(rule: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(rule)
    def rule_without_nan(y: Any, a: Any, da: Tangent, where: Any = True, **options: Any) -> Any:
        number = _mask(a == a)
        return rule(y, a, da, where=number if where is True else number & _mask(where), **options)

    return rule_without_nan


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
    y = blocks.summed(a.value, axis)
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
        a, da = np.where(_mask(where), a, 0.0), selected(da, where)
    if dtype is not None:
        a = np.positive(a, dtype=dtype)
    n = counted(a, axis, where)
    rest = a - mean if mean is not None else _centred(a, axis, where, n)
    if mean is None:
        # Once more: for a constant array, whose mean rounds, the derivative of std is then 0 as it should be.
        rest = _centred(rest, axis, where, n)
    elif dmean:
        da = selected(da - dmean * np.ones_like(rest), where)
    if where is not True:
        rest = np.where(_mask(where), rest, 0.0)
    free = n - (ddof if correction is None else correction)
    dy = weighted(da, np.conjugate(rest), axis, y).real()
    return dy * (2.0 * one_over(free if isinstance(free, int | float) else np.reshape(free, np.shape(y))))


def _centred(a: Any, axis: Any, where: Any, n: Any) -> Any:
    if isinstance(n, int):
        return a - along(np.sum(a, axis=axis), a, axis) / max(n, 1)
    mean = along(np.sum(a, axis=axis) / np.maximum(n, 1), a, axis)
    return np.where(_mask(where), a - mean, 0.0)


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
        a, da = np.where(_mask(where), a, 1.0), selected(da, where)
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


# Extrema.


def _extremum(
    y: Any,
    a: Any,
    da: Tangent,
    axis: Any = None,
    dtype: Any = None,
    where: Any = True,
    initial: Any = None,
    dinitial: Tangent | None = None,
) -> Tangent:
    """All entries that equal the result share it evenly."""
    if dtype is not None:
        a = np.positive(a, dtype=dtype)
    if type(a) in ARRAYS and where is True and initial is None:
        tied = a == along(y, a, axis)
        if np.count_nonzero(tied) == y.size and not np.any(y != y):  # one each: no ties, no NaN
            return total(da * tied, axis, y)
    tied = _same(a, along(y, a, axis))
    if where is not True:
        tied = tied & _mask(where)
    n = np.reshape(np.sum(tied, axis=None if axis is None else axes_of(axis, np.ndim(a))), np.shape(y))
    if initial is None:
        return total(da * tied, axis, y) * (1.0 / n)
    hit = _same(initial, y)
    dy = total(da * tied, axis, y) * (1.0 / (n + hit))
    return dy + dinitial * (hit / (n + hit)) if dinitial else dy


def _same(a: Any, b: Any) -> Any:
    return (a == b) | ((a != a) & (b != b))


def _short_extremum(reduce: Any, argument: Any) -> Callable[[Dual, Any], Any]:
    """Entries that nothing ties with: the tangents are theirs."""

    def short(a: Dual, axis: Any) -> Any:
        value, p = a.value, a.perturbation
        if type(value) not in ARRAYS or value.size == 0:
            return None
        y = reduce(value, axis=axis)
        if axis is None or value.ndim <= 1:
            if np.count_nonzero(value == y) != 1:
                return None
            return Dual(y, p.take_scalar(a.tangent, np.unravel_index(argument(value), value.shape), y), p)
        if np.count_nonzero(value == np.expand_dims(y, axis)) != y.size or np.any(y != y):
            return None
        axis = normalized(axis, value.ndim)
        n, inner = value.shape[axis], math.prod(value.shape[axis + 1 :])
        starts = np.arange(0, value.size, n * inner)[:, None] + np.arange(1, inner + 1)
        positions = starts + inner * argument(value, axis=axis).reshape(starts.shape)
        return gathered(y, positions.reshape(y.shape), (a.tangent,), p)

    return short


def _log_sum_exp(exp: Any) -> Callable[..., Tangent]:
    def rule(
        y: Any,
        a: Any,
        da: Tangent,
        axis: Any = None,
        dtype: Any = None,
        where: Any = True,
        initial: Any = None,
        dinitial: Tangent | None = None,
    ) -> Tangent:
        """y = log Σ exp a  implies  ẏ = Σ exp(a − y) ȧ"""
        if dtype is not None:
            a = np.positive(a, dtype=dtype)
        with np.errstate(all="ignore"):
            weights = exp(a - along(y, a, axis))
            if where is not True:
                weights, da = np.where(_mask(where), weights, 0.0), selected(da, where)
            dy = weighted(da, weights, axis, y)
            return dy + dinitial * exp(initial - y) if dinitial else dy

    return rule


def _hypotenuse(
    y: Any,
    a: Any,
    da: Tangent,
    axis: Any = None,
    dtype: Any = None,
    where: Any = True,
    initial: Any = None,
    dinitial: Tangent | None = None,
) -> Tangent:
    """y = √Σ a²  implies  ẏ = Σ a ȧ / y, and 0 at 0."""
    zero = y == 0
    scale = np.where(zero, 0.0, 1.0 / np.where(zero, 1.0, y))
    if where is not True:
        a, da = np.where(_mask(where), a, 0.0), selected(da, where)
    dy = weighted(da, a * along(scale, a, axis), axis, y)
    return dy + dinitial * (initial * scale) if dinitial else dy


# Cumulative forms.


def _flattened(a: Any, da: Tangent, axis: Any) -> tuple[Any, Tangent, int]:
    """``axis=None`` means all entries in order; a scalar counts as one."""
    if axis is None or np.ndim(a) == 0:
        if axis is not None:
            normalized(operator.index(axis), 1)
        n = np.size(a)
        return np.reshape(a, (n,)), da.move(lambda block: block.reshape(block.shape[0], n), (n,)), 0
    return a, da, normalized(operator.index(axis), np.ndim(a))


def _cumsum(
    y: Any, a: Any, da: Tangent, axis: Any = None, dtype: Any = None, include_initial: bool = False, where: Any = True
) -> Tangent:
    _, d, at = _flattened(a, selected(da, where), axis)
    return _after_initial(_cumulated(d, at), at, include_initial)


def _cumulated(d: Tangent, axis: int) -> Tangent:
    at = axis + 1
    return d.map(
        lambda block: np.cumsum(block, axis=at), lambda block: np.flip(np.cumsum(np.flip(block, at), axis=at), at)
    )


def _short_cumsum(a: Dual, axis: Any) -> Any:
    if type(a.value) not in ARRAYS or (axis is None and a.ndim != 1) or a.ndim == 0:
        return None
    axis = axis or 0
    y = np.add.accumulate(a.value, axis=axis)
    return Dual(y, _cumulated(Tangent(a.perturbation, a.tangent), normalized(axis, a.ndim)).handle, a.perturbation)


def _cumprod(
    y: Any, a: Any, da: Tangent, axis: Any = None, dtype: Any = None, include_initial: bool = False, where: Any = True
) -> Tangent:
    """yᵢ = yᵢ₋₁ aᵢ  implies  ẏᵢ = aᵢ ẏᵢ₋₁ + yᵢ₋₁ ȧᵢ"""
    if where is not True:
        a, da = np.where(_mask(where), a, 1.0), selected(da, where)
    if dtype is not None:
        a = np.positive(a, dtype=dtype)
    a, da, at = _flattened(a, da, axis)
    if include_initial:
        y = y[(*(slice(None),) * at, slice(1, None))]
    dy = recurrence((lambda y, before, x: x, lambda y, before, x: before), y, a, da, at)
    return _after_initial(dy, at, include_initial)


def _after_initial(d: Tangent, axis: int, include_initial: bool) -> Tangent:
    """With a zero in front, the tangent of the constant that the sum or product starts from."""
    if not include_initial:
        return d
    first = (*(slice(None),) * (axis + 1), slice(0, 1))

    def move(block: Any) -> Any:
        gap = np.zeros_like(np.sum(block, axis=axis + 1, keepdims=True))
        return np.concatenate([gap[first], block], axis=axis + 1)

    return d.move(move, tuple(n + (i == axis) for i, n in enumerate(d.shape)))


def _running_extremum(y: Any, a: Any, da: Tangent, axis: Any = 0, dtype: Any = None) -> Tangent:
    """The entries up to each place that equal the extremum there share it evenly.

    Their sum s and number n both follow sᵢ = sᵢ₋₁ (where yᵢ = yᵢ₋₁) + xᵢ (where xᵢ = yᵢ).
    """
    if dtype is not None:
        a = np.positive(a, dtype=dtype)
    a, da, axis = _flattened(a, da, axis)
    n = np.shape(a)[axis]
    tied = _same(a, y)
    before = np.take(y, np.maximum(np.arange(n) - 1, 0), axis=axis)
    place = np.reshape(np.arange(n), [-1 if i == axis else 1 for i in range(np.ndim(y))])
    goes_on = _same(y, before) & (place > 0)
    # The number of ties so far, less that of all earlier extrema: those are the ties before the last restart.
    ties = np.cumsum(tied, axis=axis)
    earlier = np.maximum.accumulate(np.where(goes_on, 0, ties - 1), axis=axis)
    return linear_recurrence(goes_on, tied, da, axis) * (1.0 / (ties - earlier))


# The table.

for _function, _rule, _short in (
    (np.sum, _sum, _short_sum),
    (np.mean, _mean, _short_mean),
    (np.var, _var, None),
    (np.std, _std, None),
    (np.prod, _prod, None),
    (np.max, _extremum, _short_extremum(np.maximum.reduce, np.argmax)),
    (np.min, _extremum, _short_extremum(np.minimum.reduce, np.argmin)),
    (np.amax, _extremum, None),
    (np.amin, _extremum, None),
    (np.nansum, skipping_nan(_sum), None),
    (np.nanprod, skipping_nan(_prod), None),
    (np.nanmean, skipping_nan(_mean), None),
    (np.nanvar, skipping_nan(_var), None),
    (np.nanstd, skipping_nan(_std), None),
    (np.nanmax, _extremum, None),
    (np.nanmin, _extremum, None),
    (np.cumsum, _cumsum, _short_cumsum),
    (np.cumprod, _cumprod, None),
    (np.nancumsum, skipping_nan(_cumsum), None),
    (np.nancumprod, skipping_nan(_cumprod), None),
):
    register(Reduction(_function, _rule, _short))

for _name, _rule in (("cumulative_sum", _cumsum), ("cumulative_prod", _cumprod)):
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
    (np.maximum, _extremum),
    (np.minimum, _extremum),
    (np.fmax, _extremum),
    (np.fmin, _extremum),
    (np.logaddexp, _log_sum_exp(np.exp)),
    (np.logaddexp2, _log_sum_exp(np.exp2)),
    (np.hypot, _hypotenuse),
):
    REDUCTIONS[_ufunc] = _MethodRule(_ufunc.reduce, _rule, _REDUCE)
for _ufunc, _rule in (  # type: ignore[assignment]
    (np.add, _cumsum),
    (np.maximum, _running_extremum),
    (np.minimum, _running_extremum),
    (np.fmax, _running_extremum),
    (np.fmin, _running_extremum),
):
    ACCUMULATIONS[_ufunc] = _MethodRule(_ufunc.accumulate, _rule, _ACCUMULATE)
