"""Systems of linear equations with a sparse matrix: the derivative of the solution in the matrix and the right side.

A x = b   implies   ẋ = A⁻¹ (ḃ − Ȧ x),   b̄ = A⁻ᵀ x̄,   ē = −(A⁻ᵀ x̄)[r] · x[c]   for entries e at (r, c)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..rules.active_matrices import ActiveMatrix
from ..rules.call import tangent_of, wrapped
from ..rules.matrix_entries import sparse
from ..rules.sparse_operands import SparseProduct
from ..tangents import Like, dtype_of
from ..tangents.expression import Tangent
from ..transforms.arguments import presented
from ..transforms.variable import Variable
from ..values.levels import innermost, value_of
from ..values.objects import carries, fused

Solve = Callable[[Any, str], Any]  # of a plain right-hand side and "N", "T" or "H"


class Factors:
    """SciPy's ``SuperLU``, with a `solve` that is differentiable; all else is SciPy's."""

    def __init__(self, plain: Any, A: Any) -> None:
        self._plain = plain
        self._A = A

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_plain", "_A"):
            raise AttributeError(name)
        if isinstance(self._A, ActiveMatrix) and name in ("L", "U"):
            raise errors.UnsupportedFunction(
                f"splu(A).{name} of a matrix whose entries carry derivatives has no derivative rule.\n"
                "  solve has; of a dense array use dualdiff.scipy.linalg.lu."
            )
        return getattr(self._plain, name)

    def solve(self, rhs: Any, trans: str = "N") -> Any:
        """``A x = rhs``, with ``trans`` "T" or "H" of the transposed matrix or its conjugate."""
        if not isinstance(self._A, ActiveMatrix) and not carries(rhs):
            return self._plain.solve(rhs, trans)
        return solution(self._A, rhs, trans, self._plain.solve, self._plain.solve)


def solution(A: Any, b: Any, trans: str, value: Solve, solve: Solve) -> Any:
    """The solution by ``value``, with its tangent by ``solve``, both of plain numbers."""
    entries = A.entries if isinstance(A, ActiveMatrix) else None
    from_user = isinstance(b, Variable) or isinstance(entries, Variable)
    b = fused(b) if carries(b) else np.asarray(b)
    if entries is not None:
        A = A._with(fused(entries))
    x = _solution(A, b.__dual__() if isinstance(b, Variable) else b, trans, value, solve)
    return presented(x) if from_user else x


def _solution(A: Any, b: Any, trans: str, value: Solve, solve: Solve) -> Any:
    p = innermost((A.entries, b) if isinstance(A, ActiveMatrix) else (b,))
    if p is None:
        return value(b, trans)
    below = A._with(value_of(A.entries, p)) if isinstance(A, ActiveMatrix) else A
    right = value_of(b, p)
    x = _solution(below, right, trans, value, solve)
    # The user may write into the solution, and into the entries.
    shape, like = np.shape(b), Like(np.shape(x), dtype_of(x))
    kept = p.keep(np.reshape(x, shape))
    rhs = tangent_of(b, p)
    if isinstance(A, ActiveMatrix):
        below = below._with(p.keep(below.entries))
        rhs = rhs - _applied(A, tangent_of(A.entries, p), kept, trans)

    def along(block: Any, trans: str) -> Any:
        """Every right-hand side of a block, of shape ``(k, n)`` or ``(k, n, p)``, in one call."""
        if trans == "conjugate":
            return np.conj(along(np.conj(block), "N"))
        columns = np.moveaxis(block, 1, 0)
        flat = np.reshape(columns, (columns.shape[0], int(np.prod(columns.shape[1:]))))
        return np.moveaxis(np.reshape(_solution(below, flat, trans, solve, solve), columns.shape), 0, 1)

    back = {"N": "T", "T": "N", "H": "conjugate"}[trans]
    # spsolve gives one column as an array of one axis.
    tangent = rhs.map(
        lambda block: np.reshape(along(block, trans), (len(block), *like.shape)),
        lambda block: along(np.reshape(block, (len(block), *shape)), back),
        like,
    )
    return wrapped(x, tangent, p)


def _applied(A: ActiveMatrix, d_entries: Tangent, x: Any, trans: str) -> Tangent:
    """Ȧ x, from the tangents of the entries."""
    if not d_entries:
        return d_entries
    row, col = (A.row, A.col) if trans == "N" else (A.col, A.row)
    if trans == "H":
        d_entries = d_entries.conj()
    m = A.shape[0]
    if x.ndim == 2:
        d_entries = d_entries.reshape((A.nnz, 1))
    terms = d_entries * x[col]
    ones = sparse().csr_array((np.ones(A.nnz, np.int8), (row, np.arange(A.nnz))), shape=(m, A.nnz))
    shape = terms.shape
    apply = SparseProduct(ones, first=True, shape=shape)
    transpose = SparseProduct(ones.T, first=True, shape=(m, *shape[1:]))
    return terms.map(apply, transpose, Like((m, *shape[1:]), terms.like.dtype))
