"""What rules that reduce over axes have in common: sums and weighted sums of tangents, ``where=``, counts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tangents import like_of
from ..tangents.expression import Tangent, sum_subscripts
from ..values.kinds import as_array
from .axes import axes_of


def fitted(y: Any, dy: Tangent) -> Tangent:
    """A tangent in the shape of the result, and real if that is."""
    return as_shape(dy.real() if like_of(y).dtype.kind == "f" else dy, np.shape(y))


def as_shape(d: Tangent, shape: tuple[int, ...]) -> Tangent:
    return d if not d or d.shape == shape else d.reshape(shape)


# What reductions have in common.


def selected(d: Tangent, where: Any) -> Tangent:
    return d if where is True else d * as_mask(where)


def as_mask(where: Any) -> Any:
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
    return np.sum(np.broadcast_to(as_mask(where), shape), axis=axis)


def one_over(n: Any) -> Any:
    """1/n, and nan where there is nothing to divide by."""
    if isinstance(n, int | float):
        return 1.0 / n if n > 0 else float("nan")
    return np.where(n > 0, 1.0 / np.where(n > 0, n, 1.0), float("nan"))


def skipping_nan(rule: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(rule)
    def rule_without_nan(y: Any, a: Any, da: Tangent, where: Any = True, **options: Any) -> Any:
        number = as_mask(a == a)
        return rule(y, a, da, where=number if where is True else number & as_mask(where), **options)

    return rule_without_nan
