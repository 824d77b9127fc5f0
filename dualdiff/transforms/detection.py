"""The pattern of a function at a point, and what may stand for one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tangents import dtype_of
from ..tangents.maps import Pullback
from ..tangents.pattern_sweep import pattern_of
from ..tangents.rows import as_matrix
from .colouring import colour
from .recording import recorded


def detected(f: Any, args: Any, kwargs: Any, positions: Any, transform: str, has_aux: bool = False) -> tuple[Any, str]:
    """The pattern at a point, and the mode that the function allows ("rev" a custom_vjp, "fwd" a complex result)."""
    require_scipy(transform)
    record = recorded(f, args, kwargs, positions, transform, has_aux)
    rows = pattern_of(record.tape, record.inputs, record.outputs, colour)
    n = sum(int(np.prod(node.shape)) for node in record.inputs)
    pattern = as_matrix([(part, np.size(y)) for part, y in zip(rows, record.y, strict=True)], n)
    if any(isinstance(node, Pullback) for node in record.tape.nodes):
        return pattern, "rev"
    return pattern, "fwd" if any(dtype_of(y).kind == "c" for y in record.y) else "auto"


def require_scipy(transform: str) -> None:
    try:
        import scipy.sparse  # noqa: F401
    except ImportError:
        raise ImportError(
            f"{transform} returns a scipy.sparse matrix, and SciPy is not installed: pip install scipy.\n"
            "  Without it use jacobian, or jvp and vjp, which need no matrix."
        ) from None


def given_pattern(pattern: Any, transform: str) -> Any:
    """A pattern of the user's: every entry that it stores counts, whatever its value."""
    require_scipy(transform)
    from scipy.sparse import coo_array, csr_array, issparse

    if not issparse(pattern):
        pattern = np.asarray(pattern)
        if pattern.dtype.kind not in "biuf" or pattern.ndim != 2:
            raise TypeError(
                f"{transform}: pattern is a matrix of numbers or truth values, dense or of scipy.sparse, not an array "
                f"of dtype {pattern.dtype} and {pattern.ndim} axes."
            )
    elif len(pattern.shape) != 2:
        raise TypeError(f"{transform}: pattern is a matrix, not a sparse array of {len(pattern.shape)} axis.")
    whole = coo_array(pattern)
    whole = csr_array((np.ones(whole.nnz, bool), (whole.row, whole.col)), shape=whole.shape)
    whole.sum_duplicates()
    whole.data = np.ones(whole.nnz, bool)
    return whole
