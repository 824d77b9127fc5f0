"""`scipy.sparse.linalg`: systems of linear equations with a constant sparse matrix.

``x = A⁻¹ b`` is linear in b: ẋ = A⁻¹ ḃ, and b̄ = A⁻ᵀ x̄, by one factorisation for all directions and both modes.
(Products with a sparse matrix, ``A @ x``, need nothing from here: they are operators.)

    from dualdiff.scipy.sparse import factorized, spilu, splu, spsolve
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse.linalg

from ..rules.call import fused_tree
from ..tangents import Like, dtype_of
from ..transforms.arguments import presented
from ..transforms.variable import Variable
from ..values.dual import Dual


def spsolve(A: Any, b: Any, permc_spec: Any = None, use_umfpack: bool = True) -> Any:
    """As ``scipy.sparse.linalg.spsolve``, with derivatives in ``b``; the matrix is a constant.

    >>> import dualdiff as dd, scipy.sparse
    >>> A = scipy.sparse.csc_array(np.array([[2.0, 0.0], [1.0, 4.0]]))
    >>> dd.jacrev(lambda b: spsolve(A, b))(np.ones(2))
    array([[ 0.5  ,  0.   ],
           [-0.125,  0.25 ]])
    """
    if scipy.sparse.issparse(b) or not _carries(b):
        return scipy.sparse.linalg.spsolve(A, b, permc_spec, use_umfpack)
    factors = splu(scipy.sparse.csc_array(A), permc_spec)

    def value_of(right: Any) -> Any:
        return spsolve(A, right, permc_spec, use_umfpack)

    return _solved(b, value_of, lambda block: factors.along(block, "N"), lambda block: factors.along(block, "T"))


def factorized(A: Any) -> Callable[[Any], Any]:
    """As ``scipy.sparse.linalg.factorized``: the function that solves ``A x = b``, differentiable in ``b``."""
    plain = scipy.sparse.linalg.factorized(A)
    factors: list[Factors] = []

    def solve(b: Any) -> Any:
        if not _carries(b):
            return plain(b)
        if not factors:
            factors.append(splu(scipy.sparse.csc_array(A)))
        one = factors[0]
        return _solved(b, solve, lambda block: one.along(block, "N"), lambda block: one.along(block, "T"))

    return solve


def splu(A: Any, permc_spec: Any = None, *args: Any, **kwargs: Any) -> Factors:
    """As ``scipy.sparse.linalg.splu``: factors whose ``solve`` is differentiable in the right-hand side."""
    return Factors(scipy.sparse.linalg.splu(A, permc_spec, *args, **kwargs))


def spilu(A: Any, *args: Any, **kwargs: Any) -> Factors:
    """As ``scipy.sparse.linalg.spilu``: factors whose ``solve`` is differentiable in the right-hand side."""
    return Factors(scipy.sparse.linalg.spilu(A, *args, **kwargs))


class Factors:
    """SciPy's ``SuperLU``, with a `solve` that is differentiable; all else is SciPy's."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_plain":
            raise AttributeError(name)
        return getattr(self._plain, name)

    def solve(self, rhs: Any, trans: str = "N") -> Any:
        """``A x = rhs``, with ``trans`` "T" or "H" of the transposed matrix or its conjugate."""
        if not _carries(rhs):
            return self._plain.solve(rhs, trans)
        value_of = lambda right: self.solve(right, trans)
        back = {"N": "T", "T": "N", "H": "conjugate"}[trans]
        return _solved(rhs, value_of, lambda block: self.along(block, trans), lambda block: self.along(block, back))

    def along(self, block: Any, trans: str) -> Any:
        """Every right-hand side of a block, of shape ``(k, n)`` or ``(k, n, p)``, in one call."""
        if trans == "conjugate":
            return np.conj(self.along(np.conj(block), "N"))
        columns = np.moveaxis(block, 1, 0)
        shape = np.shape(columns)
        x = self.solve(np.reshape(columns, (shape[0], int(np.prod(shape[1:])))), trans)
        return np.moveaxis(np.reshape(x, shape), 0, 1)


def _carries(b: Any) -> bool:
    return isinstance(b, (Dual, Variable)) or type(fused_tree(b)) is Dual


def _solved(b: Any, value_of: Any, apply: Any, transpose: Any) -> Any:
    from_user = isinstance(b, Variable)
    b = fused_tree(b)
    if isinstance(b, Variable):
        b = b.__dual__()
    y = value_of(b.value)
    like = Like(np.shape(y), dtype_of(y))
    if np.shape(y) == b.shape:
        tangent = b.perturbation.linear_map(b.tangent, apply, transpose, like)
    else:  # spsolve gives one column as an array of one axis
        shape = b.shape
        tangent = b.perturbation.linear_map(
            b.tangent,
            lambda block: np.reshape(apply(block), (block.shape[0], *like.shape)),
            lambda block: transpose(np.reshape(block, (block.shape[0], *shape))),
            like,
        )
    result = Dual(y, tangent, b.perturbation)
    return presented(result) if from_user else result


__all__ = ["factorized", "spilu", "splu", "spsolve"]
