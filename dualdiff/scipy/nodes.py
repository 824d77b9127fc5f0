"""An integrand at all nodes of some panels at once, where it takes an array of them.

Most integrands that are written with NumPy do.  Whether one does is tried, never assumed: at each node its value must
be that of the node alone, and at one of them so must all of its derivatives.  Else the nodes are taken one by one.

    at_nodes(marks, value, plain, sigma, tau, check)     (y, rows), or None: y of all nodes, and ``{where: matrix}`` of
                                                         all its parts (components.py), one row for each node
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..values.objects import fused
from .components import Marks
from .implicit import numbers

# Of array and scalar kernels of one function, relative to the largest value; of derivatives.
CLOSE, CLOSE_DERIVATIVES = 1e-13, 1e-9


def at_nodes(
    marks: Marks, value: Callable[..., Any], plain: Callable[[float, float], Any], sigma: Any, tau: Any, check: bool
) -> tuple[Any, dict[Any, Any]] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y, rows = marks.rows_of(lambda: fused(value(sigma, tau)))
            numeric = numbers(y)
            if type(numeric) is not np.ndarray or numeric.shape != sigma.shape or numeric.dtype != float:
                return None
            one_by_one = np.array([plain(s, t) for s, t in zip(sigma.tolist(), tau.tolist(), strict=True)], float)
            if not equal(numeric, one_by_one, CLOSE):
                return None
            if not check:
                return y, rows
            # One that is neither in the middle nor at an end.
            i = len(sigma) // 3
            _, parts = marks.parts_of(lambda: value(float(sigma[i]), float(tau[i])))
    except Exception:  # a function that takes one number may fail on many in any way
        return None
    if any(key not in rows and np.any(part) for key, part in parts.items()):
        return None
    for key, matrix in rows.items():
        if not equal(matrix[i], parts.get(key, 0.0), CLOSE_DERIVATIVES, np.max(np.abs(matrix), initial=0.0)):
            return None
    return y, rows


def equal(a: Any, b: Any, close: float, size: Any = None) -> bool:
    """Relative to the largest, or ``size``; also of what is not finite in both."""
    a, b = np.broadcast_arrays(a, b)
    finite = np.isfinite(a)
    if not np.array_equal(finite, np.isfinite(b)):
        return False
    size = np.max(np.abs(a), where=finite, initial=0.0) if size is None or not np.isfinite(size) else size
    return bool(np.all(np.abs(a - b) <= close * size, where=finite))
