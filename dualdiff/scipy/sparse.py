"""`scipy.sparse` and `scipy.sparse.linalg`: matrices whose entries carry derivatives, and systems of equations.

A matrix made of numbers that carry derivatives is an `ActiveMatrix` (rules/active_matrices.py); of plain ones it is
SciPy's.  (Products of a constant matrix, ``A @ x``, need nothing from here: they are operators.)

    from dualdiff.scipy.sparse import csr_array, diags_array, factorized, spilu, splu, spsolve

``A x = b`` implies ``A ẋ = ḃ − Ȧ x``, and b̄ = A⁻ᵀ x̄: one factorisation for all directions and both modes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from .. import errors
from ..rules.active_matrices import ActiveMatrix, active, is_matrix, taken
from ..rules.matrix_entries import numbered
from ..values.objects import carries, fused
from .sparse_systems import Factors, solution

# Matrices from their entries.


def _holds(tree: Any) -> bool:
    """Whether something carries a derivative, matrices and what is in lists included."""
    if isinstance(tree, ActiveMatrix):
        return True
    if isinstance(tree, (list, tuple)):
        return any(map(_holds, tree))
    if isinstance(tree, dict):
        return any(map(_holds, tree.values()))
    return carries(tree)


def _maker(original: Any) -> Callable[..., Any]:
    """A class of SciPy's: its own instance of what is plain, else an `ActiveMatrix`."""

    def make(arg1: Any, shape: Any = None, dtype: Any = None, copy: bool = False, **options: Any) -> Any:
        if not _holds(arg1):
            return original(arg1, shape, dtype, copy, **options)
        if dtype is not None and np.dtype(dtype).kind not in "fc":
            raise errors.UnsupportedFunction(f"{original.__name__} of dtype {np.dtype(dtype)} cannot hold derivatives.")
        given: Any = {} if shape is None else {"shape": shape}
        if isinstance(arg1, ActiveMatrix):
            found = arg1.asformat(original.__name__.partition("_")[0], copy)
            found = ActiveMatrix(found.entries, found.row, found.col, found.shape, found.format, _is_array(original))
        elif isinstance(arg1, tuple):
            data, *places = arg1
            if any(map(_holds, places)):
                raise errors.UnsupportedFunction(
                    f"{original.__name__}: the places of its entries carry a derivative; they are whole numbers."
                )
            entries, (numbers,) = numbered([data])
            found = taken(entries, original((numbers, *places), **given, **options))
        else:
            entries, (numbers,) = numbered([arg1])  # of a dense array, whose zeros may have derivatives too
            found = taken(entries, original(numbers, **given, **options))
        return found if dtype is None else found._with(found.entries.astype(dtype))

    return functools.wraps(original, updated=())(make)


def _is_array(cls: Any) -> bool:
    return issubclass(cls, scipy.sparse.sparray)


def _placed(original: Any) -> Callable[..., Any]:
    """A function that puts diagonals or blocks into places: it is asked where they go by their numbers."""

    @functools.wraps(original)
    def call(first: Any, *args: Any, **kwargs: Any) -> Any:
        if not _holds(first):
            if _holds(args) or _holds(kwargs):
                raise errors.unsupported(original, "of an argument other than the first that carries a derivative", [])
            return original(first, *args, **kwargs)
        kwargs.pop("dtype", None)
        found: list[Any] = []
        entries, numbers = numbered(_leaves(first, found))
        tree = _replaced(first, iter(numbers), iter(found))
        return taken(entries, original(tree, *args, **kwargs))

    return call


def _leaves(tree: Any, matrices: list[Any]) -> list[Any]:
    """The numbers in lists of numbers, arrays and matrices; the matrices in one form."""
    if tree is None:
        return []
    if is_matrix(tree):
        matrices.append(active(tree).summed())
        return [matrices[-1].entries]
    if isinstance(tree, (list, tuple)) and any(map(_is_a_part, tree)):
        return [leaf for item in tree for leaf in _leaves(item, matrices)]
    return [fused(tree)]


def _is_a_part(item: Any) -> bool:
    return item is None or is_matrix(item) or isinstance(item, (list, tuple)) or np.ndim(item) > 0


def _replaced(tree: Any, numbers: Any, matrices: Any) -> Any:
    if tree is None:
        return None
    if is_matrix(tree):
        return next(matrices).structure(next(numbers))
    if isinstance(tree, (list, tuple)) and any(map(_is_a_part, tree)):
        return [_replaced(item, numbers, matrices) for item in tree]
    found = next(numbers)
    return found if np.ndim(found) else float(found)


CLASSES = [
    f"{name}_{kind}" for name in ("csr", "csc", "coo", "dia", "bsr", "lil", "dok") for kind in ("array", "matrix")
]
for _name in CLASSES:
    globals()[_name] = _maker(getattr(scipy.sparse, _name))
PLACING = ["diags", "diags_array", "hstack", "vstack", "bmat", "block_array", "block_diag"]
for _name in PLACING:
    globals()[_name] = _placed(getattr(scipy.sparse, _name))


def _part(original: Any) -> Callable[..., Any]:
    """A part of a matrix, `tril` or `triu`."""

    @functools.wraps(original)
    def call(A: Any, k: int = 0, format: str | None = None) -> Any:
        if not isinstance(A, ActiveMatrix):
            return original(A, k, format)
        whole = A.summed()
        return taken(whole.entries, original(whole.structure(), k)).asformat(format)

    return call


tril, triu = _part(scipy.sparse.tril), _part(scipy.sparse.triu)


def kron(A: Any, B: Any, format: str | None = None) -> Any:
    """As ``scipy.sparse.kron``."""
    if not (isinstance(A, ActiveMatrix) or isinstance(B, ActiveMatrix)):
        return scipy.sparse.kron(A, B, format)
    a, b = (active(x if is_matrix(x) else scipy.sparse.coo_array(x)) for x in (A, B))
    (m, n), at = b.shape, lambda i, j, size: (i[:, None].astype(np.int64) * size + j).ravel()
    entries = np.reshape(a.entries[:, None] * b.entries, (a.nnz * b.nnz,))
    shape = a.shape[0] * m, a.shape[1] * n
    whole = ActiveMatrix(entries, at(a.row, b.row, m), at(a.col, b.col, n), shape, "coo", a.is_array or b.is_array)
    return whole.asformat(format)


def issparse(x: Any) -> bool:
    """As ``scipy.sparse.issparse``; true of matrices whose entries carry derivatives too."""
    return isinstance(x, ActiveMatrix) or bool(scipy.sparse.issparse(x))


# Systems of equations.


def spsolve(A: Any, b: Any, permc_spec: Any = None, use_umfpack: bool = True) -> Any:
    """As ``scipy.sparse.linalg.spsolve``, with derivatives in ``b`` and in the entries of ``A``.

    >>> import dualdiff as dd, scipy.sparse
    >>> A = scipy.sparse.csc_array(np.array([[2.0, 0.0], [1.0, 4.0]]))
    >>> dd.jacrev(lambda b: spsolve(A, b))(np.ones(2))
    array([[ 0.5  ,  0.   ],
           [-0.125,  0.25 ]])
    >>> dd.grad(lambda d: np.sum(spsolve(diags_array(d, format="csc"), np.ones(2))))(np.array([2.0, 4.0]))
    array([-0.25  , -0.0625])
    """
    if isinstance(b, ActiveMatrix) or (isinstance(A, ActiveMatrix) and is_matrix(b)):
        raise refusal(scipy.sparse.linalg.spsolve, (A, b))
    if not isinstance(A, ActiveMatrix) and (is_matrix(b) or not carries(b)):
        return scipy.sparse.linalg.spsolve(A, b, permc_spec, use_umfpack)
    matrix = A.plain() if isinstance(A, ActiveMatrix) else A
    factors = functools.cache(lambda: scipy.sparse.linalg.splu(scipy.sparse.csc_array(matrix), permc_spec))
    value_of = lambda right, trans: scipy.sparse.linalg.spsolve(matrix, right, permc_spec, use_umfpack)
    return solution(A, b, "N", value_of, lambda right, trans: factors().solve(right, trans))


def factorized(A: Any) -> Callable[[Any], Any]:
    """As ``scipy.sparse.linalg.factorized``: the function that solves ``A x = b``, differentiable in both."""
    matrix = A.plain() if isinstance(A, ActiveMatrix) else A
    plain = scipy.sparse.linalg.factorized(matrix)
    factors = functools.cache(lambda: scipy.sparse.linalg.splu(scipy.sparse.csc_array(matrix)))

    def solve(b: Any) -> Any:
        if not isinstance(A, ActiveMatrix) and not carries(b):
            return plain(b)
        return solution(
            A, b, "N", lambda right, trans: plain(right), lambda right, trans: factors().solve(right, trans)
        )

    return solve


def splu(A: Any, permc_spec: Any = None, *args: Any, **kwargs: Any) -> Factors:
    """As ``scipy.sparse.linalg.splu``: factors whose ``solve`` is differentiable in ``A`` and the right-hand side."""
    plain = A.plain() if isinstance(A, ActiveMatrix) else A
    return Factors(scipy.sparse.linalg.splu(plain, permc_spec, *args, **kwargs), A)


def spilu(A: Any, *args: Any, **kwargs: Any) -> Factors:
    """As ``scipy.sparse.linalg.spilu``: factors whose ``solve`` is differentiable in the right-hand side."""
    if isinstance(A, ActiveMatrix):
        raise refusal(scipy.sparse.linalg.spilu, (A,))
    return Factors(scipy.sparse.linalg.spilu(A, *args, **kwargs), A)


def refusal(function: Callable[..., Any], args: Any) -> errors.UnsupportedFunction:
    """The error of a function of SciPy that has no rule for such a matrix."""
    shapes = [x.shape for x in args if isinstance(x, ActiveMatrix)]
    return errors.UnsupportedFunction(
        f"{errors.name_of(function)} has no derivative rule for a sparse matrix whose entries carry derivatives "
        f"(here of shape {shapes[0] if shapes else '()'}).\n"
        "  A.toarray() is a dense array, for dualdiff.scipy.linalg and NumPy; to treat it as a constant make it of "
        "dualdiff.stop_gradient(data)."
    )


# What adapted functions call.


def solve_of_factors(plain: Any, rhs: Any, trans: str = "N") -> Any:
    """``SuperLU.solve`` of factors that SciPy made, of a constant matrix."""
    return plain.solve(rhs, trans) if not carries(rhs) else Factors(plain, None).solve(rhs, trans)


def multiplied(matrix: Any, other: Any) -> Any:
    """``A.multiply(x)`` of a constant matrix."""
    return NotImplemented if len(matrix.shape) != 2 else active(matrix).multiply(other)


STAND_INS = frozenset({*CLASSES, *PLACING, "issparse", "kron", "spsolve", "tril", "triu"})
__all__ = [*CLASSES, *PLACING, "factorized", "issparse", "kron", "spilu", "splu", "spsolve", "tril", "triu"]
