"""Sets: the different entries of arrays, and those of one or of both."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from .. import errors
from ..table import Rule, register
from ..tangents.expression import normalized
from ..values.dual import Dual
from ..values.levels import innermost
from ..values.objects import fused, stripped
from .call import applied
from .forms import composite, custom
from .sorting import entries, flattened, picked

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
