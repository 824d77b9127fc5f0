"""Axes as arguments: normalised, reduced, kept, and taken together as rows."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..tangents.expression import Tangent, normalized


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    if axis is None or ndim == 0:  # NumPy reduces a scalar along axis 0 or -1 too, and refuses others before this
        return tuple(range(ndim))
    return tuple(normalized(operator.index(i), ndim) for i in (axis if isinstance(axis, tuple) else (axis,)))


def along(y: Any, a: Any, axis: Any) -> Any:
    """A reduced array, so shaped that it broadcasts against the array it came from."""
    shape = np.shape(a)
    axes = axes_of(axis, len(shape))
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    return y if np.shape(y) == kept or np.ndim(y) == 0 else np.reshape(y, kept)


def rows_of(x: Any, axis: Any) -> Any:
    """The reduced axes as one, the last."""
    return _in_rows(x, axes_of(axis, np.ndim(x)), 0)


def tangent_rows(d: Tangent, axis: Any) -> Tangent:
    if not d:
        return d
    axes = axes_of(axis, d.ndim)
    shape = rows_of(np.broadcast_to(np.empty(()), d.shape), axes).shape
    return d.move(lambda block: _in_rows(block, axes, 1), shape)


def _in_rows(x: Any, axes: tuple[int, ...], lead: int) -> Any:
    """``lead`` axes stay in front."""
    ndim, shape = np.ndim(x) - lead, np.shape(x)
    kept = [i for i in range(ndim) if i not in axes]
    length = 1
    for i in axes:
        length *= shape[lead + i]
    order = [*range(lead), *(lead + i for i in (*kept, *axes))]
    moved = x if order == list(range(len(order))) else np.transpose(x, order)
    return np.reshape(moved, (*shape[:lead], *(shape[lead + i] for i in kept), length))
