"""Cumulative sums, products and extrema."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..tangents.expression import Tangent, normalized
from ..values.dual import Dual, size_of
from ..values.kinds import ARRAYS
from .extrema import same_as
from .reducing import as_mask, selected
from .ufunc_methods import linear_recurrence, recurrence

# Cumulative forms.


def _flattened(a: Any, da: Tangent, axis: Any) -> tuple[Any, Tangent, int]:
    """``axis=None`` means all entries in order; a scalar counts as one."""
    if axis is None or np.ndim(a) == 0:
        if axis is not None:
            normalized(operator.index(axis), 1)
        n = size_of(a)
        return np.reshape(a, (n,)), da.move(lambda block: block.reshape(block.shape[0], n), (n,)), 0
    return a, da, normalized(operator.index(axis), np.ndim(a))


def cumsum_rule(
    y: Any, a: Any, da: Tangent, axis: Any = None, dtype: Any = None, include_initial: bool = False, where: Any = True
) -> Tangent:
    _, d, at = _flattened(a, selected(da, where), axis)
    return _after_initial(_cumulated(d, at), at, include_initial)


def _cumulated(d: Tangent, axis: int) -> Tangent:
    at = axis + 1
    return d.map(
        lambda block: np.cumsum(block, axis=at), lambda block: np.flip(np.cumsum(np.flip(block, at), axis=at), at)
    )


def short_cumsum(a: Dual, axis: Any) -> Any:
    if type(a.value) not in ARRAYS or (axis is None and a.ndim != 1) or a.ndim == 0:
        return None
    axis = axis or 0
    y = np.add.accumulate(a.value, axis=axis)
    return Dual(y, _cumulated(Tangent(a.perturbation, a.tangent), normalized(axis, a.ndim)).handle, a.perturbation)


def cumprod_rule(
    y: Any, a: Any, da: Tangent, axis: Any = None, dtype: Any = None, include_initial: bool = False, where: Any = True
) -> Tangent:
    """yᵢ = yᵢ₋₁ aᵢ  implies  ẏᵢ = aᵢ ẏᵢ₋₁ + yᵢ₋₁ ȧᵢ"""
    if where is not True:
        a, da = np.where(as_mask(where), a, 1.0), selected(da, where)
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


def running_extremum_rule(y: Any, a: Any, da: Tangent, axis: Any = 0, dtype: Any = None) -> Tangent:
    """The entries up to each place that equal the extremum there share it evenly.

    Their sum s and number n both follow sᵢ = sᵢ₋₁ (where yᵢ = yᵢ₋₁) + xᵢ (where xᵢ = yᵢ).
    """
    if dtype is not None:
        a = np.positive(a, dtype=dtype)
    a, da, axis = _flattened(a, da, axis)
    n = np.shape(a)[axis]
    tied = same_as(a, y)
    before = np.take(y, np.maximum(np.arange(n) - 1, 0), axis=axis)
    place = np.reshape(np.arange(n), [-1 if i == axis else 1 for i in range(np.ndim(y))])
    goes_on = same_as(y, before) & (place > 0)
    # The number of ties so far, less that of all earlier extrema: those are the ties before the last restart.
    ties = np.cumsum(tied, axis=axis)
    earlier = np.maximum.accumulate(np.where(goes_on, 0, ties - 1), axis=axis)
    return linear_recurrence(goes_on, tied, da, axis) * (1.0 / (ties - earlier))
