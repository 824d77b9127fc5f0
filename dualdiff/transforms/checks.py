"""The check of a sparse derivative: along a random direction v, J v of the matrix is what the function does.

An entry that the pattern lacks shows in its row, which is compared with the terms that are summed in it.  Where terms
of the function cancel, rounding alone can be larger than that: `rounding` measures it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .directions import Point, pulled
from .plans import Plan
from .recording import Recording


class Swept(NamedTuple):
    """What one evaluation gave: entries in the order of the pattern, the direction to check, and the value."""

    data: Any
    along: Any
    y: Any
    size: int
    aux: Any


def gaps(plan: Plan, swept: Swept) -> Any:
    """The rows in which the matrix and the sweep disagree along the random direction."""
    if swept.along is None:
        return np.zeros(1, bool)
    if isinstance(swept.along, Disagreement):
        return swept.along.rows
    scale = lambda rows: plan.magnitudes(swept.data, rows)
    return disagree(swept.along, plan.along_random(swept.data), scale, swept.data.dtype)


# How many times the rounding that `noise` sees a gap may be.
ROUNDING = 1000.0


class Disagreement(NamedTuple):
    rows: Any


def disagree(a: Any, b: Any, scale: Callable[[Any], Any], dtype: Any) -> Any:
    """Where two sums differ by more than rounding; ``scale`` gives the sums of magnitudes of some of them."""
    tolerance = _tolerance(dtype)
    with np.errstate(all="ignore"):
        gap = np.abs(a - b)
        wrong = gap > tolerance * np.abs(a)
        if wrong.any():
            rows = np.flatnonzero(wrong)
            wrong[rows] = (gap[rows] > tolerance * scale(rows)) & np.isfinite(a[rows]) & np.isfinite(b[rows])
    return wrong


def _tolerance(dtype: Any) -> float:
    return float(np.finfo(dtype).eps) ** 0.7


def rounding(point: Point, plan: Plan, swept: Swept) -> Any:
    """The rows whose gap is no more than what rounding does to sums of directions, where terms of ``f`` cancel.

    The derivative along v is that along a part of v and the rest, whatever the pattern: what differs is rounding.
    """
    if isinstance(swept.along, Disagreement):
        return np.zeros(len(swept.along.rows), bool)
    gap = np.abs(swept.along - plan.matrix(swept.data) @ plan.random)
    return gap <= ROUNDING * noise(point, plan.random, plan.column_colours)


def noise(point: Point, v: Any, colours: Any = None) -> Any:
    """How much the derivative along v differs from those along parts of it, in every entry: only by rounding.

    The parts are random ones and what is left; with ``colours`` also those of each colour, of v and of ones.
    """
    part = np.random.default_rng(1).random((8, len(v))) * v
    block = point.swept(np.concatenate([v[None], part, v - part]))
    most = np.abs(block[0] - block[1:9] - block[9:]).max(axis=0)
    if colours is not None:
        number = np.arange(int(colours.max(initial=0)) + 1)[:, None]
        for whole in (v, np.ones_like(v)):
            parts = np.where(colours == number, whole, 0.0)
            block = point.swept(np.concatenate([whole[None], whole[None] - parts.sum(axis=0), parts]))
            most = np.maximum(most, np.abs(block[0] - block[1:].sum(axis=0)))
    return most


def adjoint_check(record: Recording, plan: Plan, data: Any) -> Any:
    """The check of a function that has a rule for reverse mode alone: by a random cotangent, column by column."""
    m = plan.pattern.shape[0]
    u = 1.0 + np.random.default_rng(m).integers(1, 1024, m) / 1024.0
    expected = pulled(record, u[None])[0]
    matrix = plan.matrix(data)
    columns = disagree(expected, matrix.T @ u, lambda columns: abs(matrix).T[columns] @ u, data.dtype)
    return Disagreement(abs(matrix)[:, columns].sum(axis=1) > 0 if columns.any() else np.zeros(m, bool))
