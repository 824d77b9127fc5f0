"""Tensor-product splines that SciPy has fitted (``bisplev``, `BivariateSpline`), at points that carry a derivative.

s(x, y) = Σᵢⱼ cᵢⱼ Bᵢ(x) Bⱼ(y), evaluated in x first.  As in FITPACK a point outside the knots is moved to the nearest
one inside, where the derivative is then 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..values.objects import stripped
from .bsplines import evaluate


def on_grid(tck: Any, x: Any, y: Any, dx: int = 0, dy: int = 0) -> Any:
    """The values at each pair of an x and a y, of shape ``(x.size, y.size)``."""
    tx, ty, c, kx, ky = tck
    rows = _in_x(tx, ty, c, kx, ky, np.ravel(x), dx)
    return evaluate(ty, rows.T, ky, _inside(ty, ky, np.ravel(y)), dy, True, 0).T


def at_points(tck: Any, x: Any, y: Any, dx: int = 0, dy: int = 0) -> Any:
    """The values at points (x, y), which broadcast."""
    tx, ty, c, kx, ky = tck
    x, y = np.broadcast_arrays(x, y)
    rows = _in_x(tx, ty, c, kx, ky, np.ravel(x), dx)
    basis = evaluate(ty, np.eye(len(ty) - ky - 1), ky, _inside(ty, ky, np.ravel(y)), dy, True, 0)
    return np.reshape(np.sum(rows * basis, axis=-1), np.shape(x))


def _in_x(tx: Any, ty: Any, c: Any, kx: int, ky: int, x: Any, dx: int) -> Any:
    """For each x the coefficients of a spline in y."""
    c = np.reshape(c, (len(tx) - kx - 1, len(ty) - ky - 1))
    return evaluate(tx, c, kx, _inside(tx, kx, x), dx, True, 0)


def _inside(t: Any, k: int, x: Any) -> Any:
    first, last = t[k], t[-k - 1]
    plain = stripped(x)
    return np.where(plain < first, first, np.where(plain > last, last, x))
