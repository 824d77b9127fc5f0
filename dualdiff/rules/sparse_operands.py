"""Products with constant matrices of `scipy.sparse`: ``A @ x``, ``x @ A``, ``A.dot(x)``, and ``A * x`` of its matrices.

SciPy has no protocol for what stands beside its matrices, but leaves a product to the other operand if that cannot be
made an array of numbers; `Dual.as_objects` says so, and the operators of Dual come here.
A constant matrix is a linear map: ẏ = A ẋ, and x̄ = Aᵀ ȳ.
"""

from __future__ import annotations

import math
import operator
import sys
from typing import Any

import numpy as np

from .. import errors
from ..tangents import Like, dtype_of
from ..values import kinds
from ..values.dual import Dual
from .matrix_entries import is_sparse


def operated(symbol: str, x: Dual, matrix: Any, reflected: bool) -> Any:
    """``x · A``, or ``A · x`` if reflected; NotImplemented if the other operand is no sparse matrix."""
    if not is_sparse(matrix):
        return NotImplemented
    # The matrices of old multiply by *, the arrays of today entry by entry.
    if symbol == "@" or (symbol == "*" and _is_matrix(matrix) and x.ndim):
        return _product(x, matrix, reflected)
    if not x.ndim and len(matrix.shape) == 2 and (symbol == "*" or (symbol == "divide" and reflected)):
        from .active_matrices import active  # of which most programs have none

        return active(matrix) * x if symbol == "*" else active(matrix) / x
    shown = f"A {symbol} x" if reflected else f"x {symbol} A"
    raise errors.UnsupportedFunction(
        f"{shown} of a scipy.sparse {type(matrix).__name__} and a Dual of shape {x.shape} has no derivative rule.\n"
        "  Products have: A @ x, x @ A, A.dot(x), A.multiply(x), A * x[0]; for anything else use A.toarray()."
    )


def _is_matrix(matrix: Any) -> bool:
    return bool(sys.modules["scipy.sparse"].isspmatrix(matrix))


def _product(x: Dual, matrix: Any, reflected: bool) -> Dual:
    y = times(matrix, x.value) if reflected else times(x.value, matrix)
    if len(matrix.shape) != 2 or x.ndim not in (1, 2):
        raise errors.UnsupportedFunction(
            f"a product of a scipy.sparse {type(matrix).__name__} of shape {matrix.shape} and a Dual of shape "
            f"{x.shape}: only those of matrices with vectors and matrices have a rule."
        )
    p = x.perturbation
    constant = _kept(matrix, p)
    apply = SparseProduct(constant if reflected else constant.T, first=reflected, shape=x.shape)
    transpose = SparseProduct(apply.matrix.T, first=reflected, shape=np.shape(y))
    return Dual(y, p.linear_map(x.tangent, apply, transpose, Like(np.shape(y), dtype_of(y))), p)


def times(a: Any, b: Any) -> Any:
    """``a @ b``, of which one is a sparse matrix; a call by itself for values that are no ndarrays."""
    if type(a) in kinds.OTHERS or type(b) in kinds.OTHERS:
        a, b = (x.copy() if is_sparse(x) else x for x in (a, b))  # which the caller may change later
        return kinds.call(operator.matmul, a, b)
    return a @ b


def _kept(matrix: Any, perturbation: Any) -> Any:
    """The matrix in rows, as a record may hold on to it."""
    rows = matrix.tocsr()
    arrays = rows.data, rows.indices, rows.indptr
    kept = tuple(perturbation.keep(array) for array in arrays)
    if all(a is b for a, b in zip(arrays, kept, strict=True)):
        return rows
    return sys.modules["scipy.sparse"].csr_array(kept, shape=rows.shape)


class SparseProduct:
    """Every array of a block times a sparse matrix: along its first axis, or along its last."""

    __slots__ = ("first", "matrix", "shape")

    def __init__(self, matrix: Any, first: bool, shape: tuple[int, ...]) -> None:
        self.matrix = matrix
        self.first = first  # whether A @ x; else x @ Aᵀ
        self.shape = shape

    def __call__(self, block: Any) -> Any:
        k = block.shape[0]
        m, n = self.matrix.shape
        if self.first:
            # As one matrix with the directions, and the columns of x, side by side.
            width = math.prod(self.shape[1:])
            columns = np.transpose(block.reshape(k, n, width), (1, 0, 2)).reshape(n, k * width)
            y = times(self.matrix, columns)
            return np.transpose(y.reshape(m, k, width), (1, 0, 2)).reshape(k, m, *self.shape[1:])
        rows = block.reshape(k * math.prod(self.shape[:-1]), n)
        return np.transpose(times(self.matrix, np.transpose(rows))).reshape(k, *self.shape[:-1], m)

    def pattern(self) -> Any:
        """The map on all entries of x as one sparse matrix."""
        sparse = sys.modules["scipy.sparse"]
        rows = self.matrix.tocsr()
        stored = sparse.csr_array((np.ones(len(rows.data), bool), rows.indices, rows.indptr), shape=rows.shape)
        if len(self.shape) == 1:
            return stored
        one = sparse.eye_array(self.shape[1] if self.first else self.shape[0], dtype=bool)
        return sparse.csr_array(sparse.kron(stored, one) if self.first else sparse.kron(one, stored)).astype(bool)
