"""Sparse matrices whose entries carry derivatives: what SciPy's classes cannot hold, with what they do with vectors.

An `ActiveMatrix` is a list of entries, a Dual, and where each stands.  Everything it does is NumPy on the entries and
a product with a constant sparse matrix of ones, both of which have rules: so it works in all modes, nested, and has a
pattern.  With e the entries at (r, c), A x = S (e · x[c]), where S adds what stands in a row, in the order of storage:
the same sums as SciPy's, bit for bit.
What it does not know raises; nothing is dropped.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..values.dual import primal
from ..values.objects import carries, fused, stripped
from .matrix_entries import by_number, entry_operand, is_sparse, scattered, sparse, unsupported


class ActiveMatrix:
    """A sparse matrix of shape ``shape``: ``data[i]``, a Dual, at row ``row[i]`` and column ``col[i]``.

    ``format`` and ``is_array`` are those of the class of SciPy that it stands for.  Entries at the same place add up.
    """

    __array_ufunc__ = None  # x @ A comes here, not to NumPy
    __hash__ = None  # type: ignore[assignment]
    ndim = 2

    def __init__(self, data: Any, row: Any, col: Any, shape: tuple[int, int], format: str, is_array: bool) -> None:
        self.entries = data
        self.row, self.col, self.shape = row, col, (int(shape[0]), int(shape[1]))
        self.format, self.is_array = format, is_array

    @property
    def data(self) -> Any:
        if self.format not in ("csr", "csc", "coo"):
            raise unsupported(self, "data: convert it with tocsr() first")
        return self.entries

    @data.setter
    def data(self, data: Any) -> None:
        if self.format not in ("csr", "csc", "coo") or np.shape(data) != (self.nnz,):
            raise unsupported(self, f"with data of shape {np.shape(data)} put in")
        self.entries = entry_operand(data)

    @property
    def indices(self) -> Any:
        if self.format not in ("csr", "csc"):
            raise AttributeError(f"a matrix of the format {self.format} has no indices")
        return self.col if self.format == "csr" else self.row

    @property
    def indptr(self) -> Any:
        if self.format not in ("csr", "csc"):
            raise AttributeError(f"a matrix of the format {self.format} has no indptr")
        to, m = (self.row, self.shape[0]) if self.format == "csr" else (self.col, self.shape[1])
        return np.concatenate([np.zeros(1, np.int32), np.cumsum(np.bincount(to, minlength=m), dtype=np.int32)])

    @property
    def dtype(self) -> Any:
        return self.entries.dtype

    @property
    def nnz(self) -> int:
        return len(self.row)

    size = nnz

    def getnnz(self, axis: None = None) -> int:
        return self.nnz

    @property
    def T(self) -> ActiveMatrix:
        return self.transpose()

    def __repr__(self) -> str:
        return f"<{self.format} matrix of shape {self.shape} with {self.nnz} entries that carry derivatives>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"{name} of a sparse matrix whose entries carry derivatives has no derivative rule.\n"
            "  Products, sums, systems of equations have; A.toarray() is a dense array for anything else."
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if sys._getframe(1).f_code.co_name == "_matmul_dispatch":  # of SciPy, which leaves such a product to us
            return np.array(None, dtype=object)
        raise unsupported(self, "as an array: use A.toarray()")

    def __bool__(self) -> bool:
        raise ValueError("The truth value of a sparse matrix with more than one entry is ambiguous.")

    # Products with vectors and matrices.

    def __matmul__(self, other: Any) -> Any:
        if is_matrix(other):
            return self._times(other)
        x = entry_operand(other)
        if x.ndim not in (1, 2) or x.shape[0] != self.shape[1]:
            raise ValueError(f"matmul: a sparse matrix of shape {self.shape} and an array of shape {x.shape}.")
        entries = self.entries if x.ndim == 1 else self.entries[:, None]
        return scattered(self.row, self.shape[0], entries * x[self.col])

    def __rmatmul__(self, other: Any) -> Any:
        if is_matrix(other):
            return active(other)._times(self)
        x = entry_operand(other)
        if x.ndim not in (1, 2) or x.shape[-1] != self.shape[0]:
            raise ValueError(f"matmul: an array of shape {x.shape} and a sparse matrix of shape {self.shape}.")
        product = self.T @ (x if x.ndim == 1 else x.T)
        return product if x.ndim == 1 else product.T

    def dot(self, other: Any) -> Any:
        return self * other if np.ndim(other) == 0 and not is_matrix(other) else self @ other

    def __mul__(self, other: Any) -> Any:
        if is_matrix(other) or np.ndim(other):
            return self.multiply(other) if self.is_array else self @ other
        return self._with(self.entries * entry_operand(other))

    def __rmul__(self, other: Any) -> Any:
        by_matrix = not self.is_array and (is_matrix(other) or np.ndim(other))
        return other @ self if by_matrix else self * other

    def __truediv__(self, other: Any) -> Any:
        if is_matrix(other) or np.ndim(other):
            raise unsupported(self, "divided by a matrix or vector")
        return self._with(self.entries / entry_operand(other))

    def __neg__(self) -> ActiveMatrix:
        return self._with(-self.entries)

    def __abs__(self) -> ActiveMatrix:
        whole = self.summed()
        return whole._with(np.abs(whole.entries))

    def multiply(self, other: Any) -> Any:
        """Entry by entry, with a number, a vector or an array of the shape of the matrix."""
        if is_matrix(other):
            raise unsupported(self, "multiplied entry by entry with a sparse matrix: use its toarray()")
        x = entry_operand(other)
        if x.ndim == 0:
            return self._with(self.entries * x)
        x = x if x.ndim == 2 else x[None]
        if np.broadcast_shapes(x.shape, self.shape) != self.shape:
            raise ValueError(f"multiply: a sparse matrix of shape {self.shape} and an array of shape {x.shape}.")
        at = tuple(np.minimum(i, n - 1) for i, n in zip((self.row, self.col), x.shape, strict=True))
        return self._with(self.entries * x[at])

    def _times(self, other: Any) -> ActiveMatrix:
        """The product of two sparse matrices, from all pairs of entries (i, k) and (k, j)."""
        a, b = self, active(other)
        if a.shape[1] != b.shape[0]:
            raise ValueError(f"matmul: sparse matrices of shapes {a.shape} and {b.shape}.")
        by_row = np.argsort(b.row, kind="stable")
        counts = np.bincount(b.row, minlength=b.shape[0])
        starts = np.cumsum(counts) - counts
        many = counts[a.col]
        of_a = np.repeat(np.arange(a.nnz), many)
        ramp = np.arange(len(of_a)) - np.repeat(np.cumsum(many) - many, many)
        of_b = by_row[np.repeat(starts[a.col], many) + ramp]
        terms = a.entries[of_a] * b.entries[of_b]
        shape = a.shape[0], b.shape[1]
        return ActiveMatrix(
            terms, a.row[of_a], b.col[of_b], shape, a._format_of_sums, a.is_array or b.is_array
        ).summed()

    # Sums.

    def __add__(self, other: Any) -> Any:
        return self._plus(other, 1)

    def __radd__(self, other: Any) -> Any:
        return active(other)._plus(self, 1) if is_matrix(other) else self._plus(other, 1)

    def __sub__(self, other: Any) -> Any:
        return self._plus(other, -1)

    def __rsub__(self, other: Any) -> Any:
        return active(other)._plus(self, -1) if is_matrix(other) else (-self)._plus(other, 1)

    def _plus(self, other: Any, sign: int) -> Any:
        if not is_matrix(other):
            x = entry_operand(other)
            if x.ndim == 0 and not carries(x) and x == 0:  # as sum() begins
                return self
            if x.shape != self.shape:
                raise unsupported(self, f"and an array of shape {x.shape} added")
            return self.toarray() + sign * x
        b = active(other)
        if b.shape != self.shape:
            raise ValueError(f"inconsistent shapes of sparse matrices that are added: {self.shape} and {b.shape}.")
        both = np.concatenate([self.entries, b.entries if sign > 0 else -b.entries])
        row, col = np.concatenate([self.row, b.row]), np.concatenate([self.col, b.col])
        return ActiveMatrix(both, row, col, self.shape, self._format_of_sums, self.is_array).summed()

    def sum(self, axis: int | None = None, dtype: None = None, out: None = None) -> Any:
        if dtype is not None or out is not None:
            raise unsupported(self, "summed with dtype= or out=")
        if axis is None:
            return np.sum(self.entries)
        if not self.is_array:
            raise unsupported(self, "summed along an axis, which gives an np.matrix: use np.ones(m) @ A")
        if axis not in (0, 1, -1, -2):
            raise ValueError(f"axis {axis} of a matrix")
        by_row = axis in (1, -1)
        return scattered(self.row if by_row else self.col, self.shape[0 if by_row else 1], self.entries)

    def mean(self) -> Any:
        return np.sum(self.entries) / (self.shape[0] * self.shape[1])

    def trace(self) -> Any:
        return np.sum(self.diagonal())

    @property
    def _format_of_sums(self) -> str:
        """And of products."""
        return self.format if self.format == "csc" else "csr"

    # Other forms of the same matrix.

    def _with(self, entries: Any) -> ActiveMatrix:
        return ActiveMatrix(entries, self.row, self.col, self.shape, self.format, self.is_array)

    def transpose(self) -> ActiveMatrix:
        other = {"csr": "csc", "csc": "csr"}.get(self.format, self.format)
        return ActiveMatrix(self.entries, self.col, self.row, self.shape[::-1], other, self.is_array)

    def conj(self) -> ActiveMatrix:
        return self._with(np.conj(self.entries))

    conjugate = conj

    def copy(self) -> ActiveMatrix:
        return self._with(self.entries.copy())

    def asformat(self, format: str | None, copy: bool = False) -> ActiveMatrix:
        if format is None or format == self.format:
            return self.copy() if copy else self
        if format not in ("csr", "csc", "coo"):
            raise unsupported(self, f"in the format {format}; it has csr, csc and coo")
        found = ActiveMatrix(self.entries, self.row, self.col, self.shape, format, self.is_array)
        if format != "coo":
            found = found.summed()
        return found.copy() if found.entries is self.entries else found  # as SciPy's, of its own memory

    def tocsr(self, copy: bool = False) -> ActiveMatrix:
        return self.asformat("csr", copy)

    def tocsc(self, copy: bool = False) -> ActiveMatrix:
        return self.asformat("csc", copy)

    def tocoo(self, copy: bool = False) -> ActiveMatrix:
        return self.asformat("coo", copy)

    def toarray(self) -> Any:
        m, n = self.shape
        return np.reshape(scattered(self.row.astype(np.int64) * n + self.col, m * n, self.entries), (m, n))

    todense = toarray

    def summed(self) -> ActiveMatrix:
        """The same with one entry for each place, sorted by rows, or by columns."""
        m, n = self.shape
        row, col = self.row.astype(np.int64), self.col.astype(np.int64)
        keys = col * m + row if self.format == "csc" else row * n + col
        places, of = np.unique(keys, return_inverse=True)
        if len(places) == len(keys):
            order = np.argsort(keys)
            entries = self.entries if np.array_equal(order, np.arange(len(order))) else self.entries[order]
        else:
            entries = scattered(of, len(places), self.entries)
        row, col = (places % m, places // m) if self.format == "csc" else (places // n, places % n)
        return ActiveMatrix(entries, row, col, self.shape, self.format, self.is_array)

    def structure(self, numbers: Any = None) -> Any:
        """A matrix of SciPy that holds the number of each entry, from 1 on; of a matrix with one for each place."""
        numbers = np.arange(1.0, self.nnz + 1.0) if numbers is None else numbers
        return self._of_scipy(numbers)

    def __getitem__(self, index: Any) -> Any:
        whole = self.summed() if self.format in ("csr", "csc") else self.tocsr()
        found = whole.structure()[index]
        if is_matrix(found):
            if len(found.shape) != 2:
                raise unsupported(self, "a row or column of it as an array of one axis: use A[[i]], or A.toarray()")
            return taken(whole.entries, found)
        return by_number(whole.entries, found)

    def __setitem__(self, index: Any, item: Any) -> None:
        raise unsupported(self, "written into: make it of all its entries")

    def diagonal(self, k: int = 0) -> Any:
        whole = self.tocsr().summed()
        return by_number(whole.entries, whole.structure().diagonal(k))

    def plain(self) -> Any:
        """The matrix of SciPy with the values."""
        return self._of_scipy(np.asarray(primal(fused(self.entries))))

    def _of_scipy(self, data: Any) -> Any:
        coo = (sparse().coo_array if self.is_array else sparse().coo_matrix)((data, (self.row, self.col)), self.shape)
        return coo.asformat(self.format)


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[[ActiveMatrix, Any], Any]:
    """Comparisons are those of the values, as of any Dual."""

    def method(self: ActiveMatrix, other: Any) -> Any:
        return compare(self.plain(), other.plain() if isinstance(other, ActiveMatrix) else stripped(other))

    return method


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(ActiveMatrix, f"__{_name}__", _comparison(getattr(operator, _name)))


def is_matrix(x: Any) -> bool:
    return isinstance(x, ActiveMatrix) or is_sparse(x)


def active(matrix: Any) -> ActiveMatrix:
    """A matrix of SciPy's in the same form."""
    if isinstance(matrix, ActiveMatrix):
        return matrix
    if len(matrix.shape) != 2:
        raise errors.UnsupportedFunction(
            f"a sparse array of {len(matrix.shape)} axis beside a sparse matrix that carries derivatives has no rule."
        )
    coo = matrix.tocoo()
    is_array = isinstance(matrix, sparse().sparray)
    return ActiveMatrix(coo.data.copy(), coo.row, coo.col, coo.shape, matrix.format, is_array)


def taken(entries: Any, structure: Any) -> ActiveMatrix:
    """The matrix that has the entries where a structure of SciPy's has their numbers, from 1 on."""
    coo = structure.tocoo()
    numbers = coo.data.astype(np.int64) - 1
    whole = np.array_equal(numbers, np.arange(len(entries)))
    data = entries if whole else entries[numbers]
    return ActiveMatrix(data, coo.row, coo.col, coo.shape, structure.format, isinstance(structure, sparse().sparray))
