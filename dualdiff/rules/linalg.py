"""Linear algebra: decompositions and solutions, as expressions of value and tangent.

Source: Giles, *Collected matrix derivative results for forward and reverse mode algorithmic differentiation* (2008),
where no other is given; complex matrices have ᴴ for his ᵀ, and real-linear parts where a gauge is real.

Conventions: ``cholesky``, ``eigh``, ``eigvalsh`` (and ``hermitian=True``) read one triangle of their argument, and so
do their derivatives: they are those of NumPy's functions of all entries, not of symmetrized ones.

What is no function of the matrix:
Complex vectors keep LAPACK's choice of a phase where it is smooth: the component that its reduction leaves real (of
``eigh`` and ``svd``), or the largest one, with length 1 (of ``eig``).
Where it is not, and in the columns that ``full_matrices=True`` adds, vectors move without turning in their own space,
and only results that do not depend on the turn have a derivative (tangents/gauges.py); others are nan.
Vectors that belong to equal eigenvalues or singular values have none: nan; equal is what differs in fewer than half of
the digits.  Equal values (but for rounding) share theirs evenly: their sum is right.  A singular value of 0 has
derivative 0, and no second one.  Columns of Q and rows of R have none from a pivot of 0 on.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import errors
from ..tangents import Like
from ..tangents.einsum import LETTERS
from ..tangents.expression import Tangent, normalized
from ..values.dual import Dual, primal
from ..values.levels import innermost, value_of
from .call import wrapped, written
from .contractions import operand
from .einsum import product_of
from .forms import Composite, TangentRule, composite, custom, tangent_rule
from .matrices import (
    SMALL,
    H,
    broadcast_to_batch,
    inverse,
    mT,
    trace_of_product,
)

# Equations.


@tangent_rule(np.linalg.inv)
def inv(y: Any, a: Any, *, da: Tangent) -> Tangent:
    """(A⁻¹)˙ = −A⁻¹ Ȧ A⁻¹"""
    return -(y @ da @ y)


@tangent_rule(np.linalg.solve)
def solve(y: Any, a: Any, b: Any, *, da: Tangent, db: Tangent) -> Tangent:
    """A x = b  implies  A ẋ = ḃ − Ȧ x"""
    if np.ndim(b) != 1:
        return _solved(a, db - da @ y, y)
    y, db = y[..., None], db.reshape((a.shape[-1], 1))
    x = _solved(a, db - da @ y, y)
    return x.reshape(x.shape[:-1])


def _solved(a: Any, rhs: Tangent, y: Any) -> Tangent:
    """A⁻¹ of a tangent."""
    rhs = broadcast_to_batch(rhs, y.shape)
    like = Like(y.shape, np.result_type(y.dtype, rhs.like.dtype))
    return rhs.map(lambda block: _columns_solved(a, block), lambda block: _columns_solved(mT(a), block), like)


def _columns_solved(a: Any, block: Any) -> Any:
    """All directions as columns of one system, so that A is factored once."""
    k, *batch, n, m = block.shape
    columns = np.moveaxis(block, 0, -1).reshape(*batch, n, m * k)
    return np.moveaxis(np.linalg.solve(a, columns).reshape(*batch, n, m, k), -1, 0)


@composite(np.linalg.tensorinv, active="a")
def tensorinv(a: Any, ind: int = 2) -> Any:
    rest = math.prod(a.shape[ind:])
    return np.linalg.inv(np.reshape(a, (rest, rest))).reshape((*a.shape[ind:], *a.shape[:ind]))


@composite(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    a, b = operand(a), operand(b)
    if axes is not None:
        moved = [normalized(axis, a.ndim) for axis in axes]
        a = np.transpose(a, [i for i in range(a.ndim) if i not in moved] + moved)
    n = b.size
    return np.linalg.solve(np.reshape(a, (n, n)), np.reshape(b, (n,))).reshape(a.shape[b.ndim :])


# Determinants.


def _det_tangent(y: Any, a: Any, *, da: Tangent) -> Tangent:
    """(det A)˙ = det A · tr(A⁻¹ Ȧ)"""
    # Each entry is a cofactor: in the product, what rounding did to a small last pivot cancels.
    return trace_of_product(y[..., None, None] * np.linalg.inv(a), da)


def _det_by_parts(a: Any) -> Any:
    """det A = det U det Vᴴ det P det(s − r P⁻¹ q)  with  Uᴴ A V = [P q; r s].

    U and V are singular vectors, as constants; P has the large singular values, so it may be inverted, and the last
    factor is a polynomial: the derivatives of a singular matrix are true to all orders.
    """
    u, s, vh = np.linalg.svd(primal(a))
    n = s.shape[-1]
    number = np.sum(s <= SMALL * s[..., :1], axis=-1)
    few = n - next(i for i in range(n + 1) if np.all(number <= i))
    rotated = H(u) @ a @ H(vh)
    P, q, r, s = (rotated[..., i, j] for i in (slice(few), slice(few, n)) for j in (slice(few), slice(few, n)))
    rest = s - r @ np.linalg.solve(P, q) if few else s
    whole = _polynomial_det(rest) * (np.linalg.det(u) * np.linalg.det(vh))
    return whole * np.linalg.det(P) if few else whole


def _polynomial_det(a: Any) -> Any:
    """The determinant without a division: X ← μ(X) A, n − 1 times (Bird, Information Processing Letters 2011)."""
    n = a.shape[-1]
    after = np.tri(n, k=-1, dtype=a.dtype)
    eye = np.eye(n, dtype=bool)
    x = a
    for _ in range(n - 1):
        below = np.diagonal(x, 0, -2, -1) @ after  # sums of the entries further down the diagonal
        x = np.where(eye, -below[..., None, :], np.triu(x, 1)) @ a
    return x[..., 0, 0] * (-1.0) ** (n - 1)


_det = TangentRule(np.linalg.det, _det_tangent)
_singular_det = Composite(np.linalg.det, _det_by_parts)


@custom("tangent", np.linalg.det)
def det(a: Any) -> Any:
    a = operand(a)
    if not isinstance(a, Dual):
        return np.linalg.det(a)
    if not a.perturbation.live:
        raise errors.escaped(a)
    if type(a.value) is Dual and a.size:
        # The derivative of a cofactor is a difference of two terms as large as the inverse.
        s = np.linalg.svdvals(primal(a))
        if np.any(s[..., -1] <= SMALL * s[..., 0]):
            return _singular_det(a)
    try:
        return _det(a)
    except np.linalg.LinAlgError:
        return _singular_det(a)


@tangent_rule(np.linalg.slogdet)
def slogdet(y: Any, a: Any, *, da: Tangent) -> tuple[Tangent | None, Tangent]:
    """(log |det A|)˙ = Re tr(A⁻¹ Ȧ);  of a complex sign,  i · sign · Im tr(A⁻¹ Ȧ)"""
    sign, _ = y
    log_det = trace_of_product(inverse(a), da)
    return (log_det - log_det.real()) * sign if np.iscomplexobj(a) else None, log_det.real()


# Singular values.


# Pseudoinverse and least squares.


# Products of several matrices.


@custom("contraction", np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    arrays = [operand(array) for array in arrays]
    perturbation = innermost(arrays)
    values = [value_of(array, perturbation) for array in arrays] if perturbation else arrays
    y = np.linalg.multi_dot(values)
    if perturbation is None:
        return written(np.linalg.multi_dot, out, y)
    letters = LETTERS
    terms = [letters[i : i + 2] for i in range(len(arrays))]
    if len(values) and np.ndim(values[0]) == 1:
        terms[0] = terms[0][1:]
    if np.ndim(values[-1]) == 1:
        terms[-1] = terms[-1][:1]
    target = "".join(c for c in terms[0] + terms[-1] if sum(c in term for term in terms) == 1)
    tangents = [
        Tangent(perturbation, array.tangent if array is not value else None)
        for array, value in zip(arrays, values, strict=True)
    ]
    values = [v if v is not array else perturbation.keep(v) for v, array in zip(values, arrays, strict=True)]
    dy = product_of(values, tangents, f"{','.join(terms)}->{target}")
    return written(np.linalg.multi_dot, out, wrapped(y, dy, perturbation))


def _power(a: Any, n: int) -> Any:
    if n < 0:
        a, n = np.linalg.inv(a), -n
    result = None
    while n:
        n, odd = divmod(n, 2)
        if odd:
            result = a if result is None else result @ a
        if n:
            a = a @ a
    return result


_general_power = Composite(np.linalg.matrix_power, _power)


@custom("composite", np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    a = operand(a)
    if n == 0 or n == 1:
        y = np.linalg.matrix_power(primal(a), n)
        return a if n == 1 else y  # NumPy returns its argument, too
    return _general_power(a, n)
