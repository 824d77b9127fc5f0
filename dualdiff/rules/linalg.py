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
import string
from typing import Any

import numpy as np

from .. import errors
from ..tangents import ONE, Like
from ..tangents.expression import Tangent, normalized, real_dtype
from ..tangents.gauges import unknown_turns
from ..values.dual import Dual, primal
from ..values.levels import innermost, value_of
from .call import wrapped, written
from .contractions import conj, operand
from .einsum import product_of
from .forms import Composite, TangentRule, composite, custom, tangent_rule

_SMALL = 1e-3  # singular values below this part of the largest are split off in determinants of nested derivatives


# Parts of formulas.


def mT(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def H(a: Any) -> Any:
    return conj(mT(a))


def dH(da: Tangent) -> Tangent:
    return da.mT.conj()


def diagonal(da: Tangent) -> Tangent:
    if not da:
        return da
    *batch, m, n = da.shape
    return da.move(lambda block: np.diagonal(block, 0, -2, -1).copy(), (*batch, min(m, n)))


def trace_of_product(a: Any, db: Tangent) -> Tangent:
    """Σ aᵢⱼ ḃⱼᵢ over the last two axes."""
    letters = string.ascii_letters[: db.ndim]
    batch, i, j = letters[:-2], letters[-2], letters[-1]
    return db.contract(f"{batch}{i}{j},{batch}{j}{i}->{batch}", a)


def weighted_sum(da: Tangent, weights: Any, axes: tuple[int, ...]) -> Tangent:
    """Σ weights · ȧ over some axes, of which all are left."""
    letters = string.ascii_letters[: da.ndim]
    kept = "".join(c for i, c in enumerate(letters) if i not in axes)
    return da.contract(f"{letters},{letters}->{kept}", weights)


def hermitian_of(a: Any, uplo: str) -> Any:
    """The Hermitian matrix that one triangle of ``a`` stands for."""
    n = a.shape[-1]
    strict, eye = _strict(n, uplo), np.eye(n, dtype=bool)
    off = np.where(strict, a, 0.0)
    return off + H(off) + np.where(eye, np.real(a), 0.0)


def hermitian_tangent(da: Tangent, uplo: str) -> Tangent:
    n = da.shape[-1]
    off = da * _strict(n, uplo)
    return off + dH(off) + (da * np.eye(n, dtype=bool)).real()


def _strict(n: int, uplo: str) -> Any:
    lower = np.tri(n, k=-1, dtype=bool)
    return lower if uplo.upper() == "L" else lower.T


def _broadcast(da: Tangent, shape: tuple[int, ...]) -> Tangent:
    if da.shape == shape:
        return da
    like = da.like
    return Tangent(da.perturbation, da.perturbation.combine(((ONE, da.handle),), Like(shape, like.dtype)))


# What is no function of the matrix.


def without_derivative(da: Tangent, columns: Any, m: int) -> Tangent:
    """nan in ``columns`` (boolean, of shape (..., p)) of a matrix of m rows, along every direction that changes ``a``.

    As 0 · inf it stays nan in a product with a computed 0, not in one that indexing drops (structural_zeros.py).
    """
    if not da or not np.any(columns):
        return Tangent(da.perturbation, None)
    return unknown_entries(da, np.broadcast_to(columns[..., None, :], (*columns.shape[:-1], m, columns.shape[-1])))


def unknown_entries(da: Tangent, entries: Any) -> Tangent:
    return (da.sum((da.ndim - 2, da.ndim - 1), keepdims=True) * np.nan) * entries


def half_digits(x: Any) -> float:
    """The part of the largest below which a difference has fewer than half of its digits."""
    return math.sqrt(float(np.finfo(x.dtype).eps))


def rounding_of(w: Any) -> float:
    """The part of the largest by which LAPACK's rounding moves eigenvalues and singular values."""
    return 4 * w.shape[-1] * float(np.finfo(w.dtype).eps)


def alike(w: Any, part: float) -> Any:
    """Which of some sorted numbers are equal up to a part of the largest: boolean, of shape (..., n, n)."""
    w = primal(w)
    n = w.shape[-1]
    apart = np.abs(w[..., 1:] - w[..., :-1]) > part * np.max(np.abs(w), axis=-1, keepdims=True, initial=0.0)
    if np.all(apart):
        return np.eye(n, dtype=bool)
    group = np.cumsum(np.concatenate([apart[..., :1] & False, apart], axis=-1), axis=-1)
    return group[..., :, None] == group[..., None, :]


def shared(dw: Tangent, w: Any) -> Tangent:
    """Tangents of sorted numbers.  Those that are equal but for rounding share evenly: no basis is preferred."""
    same = alike(w, rounding_of(w))
    return averaged(dw, same) if dw and np.any(several(same)) else dw


def averaged(dw: Tangent, same: Any) -> Tangent:
    """The mean of each group, symmetric blocks of ``same``; numbers alone stay as they are, whatever the others are."""
    number = np.sum(same, axis=-1)
    row = dw.reshape((*dw.shape[:-1], 1, same.shape[-1]))
    mean = (row @ (same / number[..., None]).astype(real_dtype(row.like.dtype))).reshape(dw.shape)
    return dw * (number == 1) + mean * (number > 1)


def inverse(a: Any) -> Any:
    """A⁻¹, and nan in place of an error where there is none."""
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        singular = (np.linalg.slogdet(primal(a))[0] == 0)[..., None, None]
        eye = np.eye(a.shape[-1], dtype=a.dtype)
        return np.where(singular, np.nan, np.linalg.inv(np.where(singular, eye, a)))


def real_by_choice(dV: Tangent, V: Any, g: Any, dg: Tangent) -> tuple[Tangent, Any]:
    """Vectors turned such that a linear functional g of each stays real, and which of them it leaves as they were.

    Where g is 0, or not real, it is not what fixes the phase.
    """
    known = primal(g)
    size = np.abs(known)
    eps = float(np.finfo(known.dtype).eps)
    fixed = (size > math.sqrt(eps) * np.max(size, axis=-1, keepdims=True, initial=0.0)) & (
        np.abs(known.imag) <= 1e3 * eps * size
    )
    turn = dg * np.where(fixed, 1.0 / np.where(fixed, g, 1.0), 0.0)
    turn = turn - turn.real()
    return dV - turn.reshape((*turn.shape[:-1], 1, turn.shape[-1])) * V, ~fixed


def free_phases(V: Any, columns: Any, da: Tangent, gaps: Any) -> Tangent:
    """`free_turns` of each of some columns alone."""
    if not np.any(columns):
        return Tangent(da.perturbation, None)
    return free_turns(V, columns[..., None, :] & np.eye(V.shape[-1], dtype=bool), da, gaps)


def free_turns(V: Any, free: Any, da: Tangent, gaps: Any) -> Tangent:
    """V Θ with unknown Θ (see tangents/gauges.py); ``gaps`` the partials that V̇ has."""
    if not np.iscomplexobj(V):
        free = free & ~np.eye(V.shape[-1], dtype=bool)
    if not da or not np.any(free):
        return Tangent(da.perturbation, None)
    return unknown_turns(V, free, da, np.max(np.abs(primal(gaps)), initial=1.0))


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
    rhs = _broadcast(rhs, y.shape)
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
    number = np.sum(s <= _SMALL * s[..., :1], axis=-1)
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
        if np.any(s[..., -1] <= _SMALL * s[..., 0]):
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


# Decompositions.


@tangent_rule(np.linalg.cholesky)
def cholesky(y: Any, a: Any, upper: bool = False, *, da: Tangent) -> Tangent:
    """A = L Lᴴ  implies  L̇ = L Φ(L⁻¹ Ȧ L⁻ᴴ),  Φ the lower triangle with half the diagonal"""
    L = H(y) if upper else y
    inverse = np.linalg.inv(L)
    middle = inverse @ hermitian_tangent(da, "U" if upper else "L") @ H(inverse)
    n = y.shape[-1]
    dL = L @ (middle * np.tri(n, k=-1, dtype=bool) + middle * np.eye(n, dtype=bool) * 0.5)
    return dH(dL) if upper else dL


def _qr_tangents(Q: Any, R: Any, da: Tangent) -> tuple[Tangent, Tangent]:
    """A = Q R  implies  Ṙ = Qᴴ Ȧ − Ω R,  Q̇ = Ȧ₁ R₁⁻¹ − Q (C − Ω)  for  C = Qᴴ Ȧ₁ R₁⁻¹,  Ω = Qᴴ Q̇

    Ω is anti-Hermitian, and equals C below the diagonal (which is that of R real).  A₁, R₁ are the leading columns of
    a wide matrix, which determine Q.  Source: Walter & Lehmann, arXiv:1009.6112; Roberts & Roberts, arXiv:2009.10071.

    From the first pivot of 0 on, columns of Q are any that complete a basis: they, and the rows of R that belong to
    them, have no derivative.  The last column of a real square Q is the normal of the others, whatever its pivot.
    """
    p, n = Q.shape[-1], R.shape[-1]
    lost = _lost_pivots(R)
    R1 = R[..., :, :p]
    if np.any(lost):
        eye = np.eye(p, dtype=R.dtype)
        R1 = np.where(lost[..., None, :] | lost[..., :, None], eye, R1)
    scaled = (da[..., :, :p] @ inverse(R1)) * ~lost[..., None, :]
    C = H(Q) @ scaled
    lower = C * np.tri(p, k=-1, dtype=bool)
    on = C * np.eye(p, dtype=bool)
    omega = lower - dH(lower)
    if np.iscomplexobj(Q):
        omega = omega + (on - on.real())
    dQ, dR = scaled - Q @ (C - omega), H(Q) @ da - omega @ R
    if not np.any(lost):
        return dQ, dR
    unknown = lost
    if Q.shape[-2] == p and not np.iscomplexobj(Q):
        unknown = lost & ((np.arange(p) < p - 1) | (np.sum(lost, axis=-1, keepdims=True) > 1))
    dQ = dQ * ~unknown[..., None, :] + without_derivative(da, unknown, Q.shape[-2])
    rows = unknown[..., :, None] & ~np.tri(p, n, k=-1, dtype=bool)
    return dQ, dR * ~unknown[..., :, None] + unknown_entries(da, rows)


def _lost_pivots(R: Any) -> Any:
    """Which columns of Q are not determined: those from the first pivot on that is 0 but for rounding."""
    R = primal(R)
    p = R.shape[-2]
    if not R.size:
        return np.zeros((*R.shape[:-2], p), bool)
    length = np.linalg.norm(R[..., :, :p], axis=-2)
    pivot = np.abs(np.diagonal(R, 0, -2, -1))
    zero = ~(pivot > 100 * max(R.shape[-2:]) * float(np.finfo(R.dtype).eps) * length)
    return np.cumsum(zero, axis=-1) > 0


def _complete_qr_tangents(Q: Any, R: Any, da: Tangent) -> tuple[Tangent, Tangent]:
    """Q = I − V T Vᴴ, so the columns Q₂ follow from the others:  Q₂ = E₂ − (Q₁ − E₁) X⁻¹ Q₂₁ᴴ,  X = (I − Q₁₁)ᴴ

    E₁, E₂ are columns of the identity, Q₁₁, Q₂₁ the upper and lower rows of Q₁.
    """
    m, n = da.shape[-2:]
    Q1 = Q[..., :, :n]
    dQ1, dR1 = _qr_tangents(Q1, R[..., :n, :], da)
    eye = np.eye(m, n, dtype=Q.dtype)
    X = inverse(H(eye[:n] - Q1[..., :n, :]))
    left, right = (Q1 - eye) @ X, X @ H(Q1[..., n:, :])
    dQ2 = -(dQ1 @ right + left @ dH(dQ1[..., :n, :]) @ right + left @ dH(dQ1[..., n:, :]))
    return side_by_side(dQ1, dQ2), _with_zero_rows(dR1, m)


def side_by_side(da: Tangent, db: Tangent) -> Tangent:
    shape = (*da.shape[:-1], da.shape[-1] + db.shape[-1])
    like = Like(shape, np.result_type(da.like.dtype, db.like.dtype))
    p = da.perturbation
    move = lambda a, b: np.concatenate([a, b], axis=-1)
    return Tangent(p, p.rearrange((da.handle, db.handle), move, like))


def _with_zero_rows(da: Tangent, m: int) -> Tangent:
    *batch, p, n = da.shape

    def move(block: Any) -> Any:
        return np.concatenate([block, np.zeros((block.shape[0], *batch, m - p, n), block.dtype)], axis=-2)

    return da.move(move, (*batch, m, n))


@tangent_rule(np.linalg.qr)
def qr(y: Any, a: Any, mode: str = "reduced", *, da: Tangent) -> Any:
    m, n = a.shape[-2:]
    if mode == "r":
        return _qr_tangents(np.linalg.qr(a)[0], y, da)[1]
    if mode not in ("reduced", "complete"):
        raise errors.unsupported(np.linalg.qr, f'mode={mode!r} gives Householder vectors; use "reduced"', [a.shape])
    Q, R = y
    return _complete_qr_tangents(Q, R, da) if mode == "complete" and m > n else _qr_tangents(Q, R, da)


def inverse_gaps(w: Any, same: Any) -> Any:
    """1 / (wⱼ − wᵢ), and 0 between those that are the same."""
    return np.where(same, 0.0, 1.0 / np.where(same, 1.0, w[..., None, :] - w[..., :, None]))


def several(same: Any) -> Any:
    """Which of some numbers have others alike: boolean, of shape (..., n)."""
    return np.sum(same, axis=-2) > 1


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
    letters = string.ascii_letters
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
