"""Reductions that choose entries by size, and those by logarithms and hypotenuses of all."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tangents.expression import Tangent, normalized
from ..values.dual import Dual
from ..values.kinds import ARRAYS
from .axes import along, axes_of
from .forms import gathered
from .reducing import as_mask, selected, total, weighted

# Extrema.


def extremum(
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
    tied = same_as(a, along(y, a, axis))
    if where is not True:
        tied = tied & as_mask(where)
    n = np.reshape(np.sum(tied, axis=None if axis is None else axes_of(axis, np.ndim(a))), np.shape(y))
    if initial is None:
        return total(da * tied, axis, y) * (1.0 / n)
    hit = same_as(initial, y)
    dy = total(da * tied, axis, y) * (1.0 / (n + hit))
    return dy + dinitial * (hit / (n + hit)) if dinitial else dy


def same_as(a: Any, b: Any) -> Any:
    return (a == b) | ((a != a) & (b != b))


def short_extremum(reduce: Any, argument: Any) -> Callable[[Dual, Any], Any]:
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


def log_sum_exp_rule(exp: Any) -> Callable[..., Tangent]:
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
                weights, da = np.where(as_mask(where), weights, 0.0), selected(da, where)
            dy = weighted(da, weights, axis, y)
            return dy + dinitial * exp(initial - y) if dinitial else dy

    return rule


def hypotenuse_rule(
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
        a, da = np.where(as_mask(where), a, 0.0), selected(da, where)
    dy = weighted(da, a * along(scale, a, axis), axis, y)
    return dy + dinitial * (initial * scale) if dinitial else dy
