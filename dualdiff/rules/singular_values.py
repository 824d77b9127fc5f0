"""Singular values and vectors, and what is made of them: pseudoinverse, least squares, condition numbers.

Vectors follow LAPACK's phases; what is no function of the matrix is nan (tangents/gauges.py).
Source: Giles, *Collected matrix derivative results for forward and reverse mode*, 2008, section 2.2.5; Golub & Pereyra,
SIAM J. Numer. Anal. 10 (1973), for pseudoinverses.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tangents.expression import Tangent
from ..values.dual import Dual, primal
from ..values.kinds import as_array
from .called import Composite
from .contractions import conj, operand
from .factorizations import side_by_side
from .forms import TangentRule, composite, custom, tangent_rule
from .matrices import (
    H,
    alike,
    dH,
    diagonal,
    free_phases,
    free_turns,
    half_digits,
    hermitian_of,
    hermitian_tangent,
    inverse_gaps,
    real_by_choice,
    several,
    shared,
    weighted_sum,
    without_derivative,
)


def _values_tangent(P: Tangent, s: Any, shape: tuple[int, ...]) -> Tangent:
    """Re diag P, and 0 for singular values that are 0 but for rounding, whose second derivative is nan."""
    ds = shared(diagonal(P).real(), s)
    away = nonzero(s, shape)
    # P of a value 0 has vectors without a derivative: as a number, the 0 is multiplied with what they give.
    return ds * away if type(s) is not Dual or np.all(away) else ds * away.astype(s.dtype)


def nonzero(s: Any, shape: tuple[int, ...]) -> Any:
    known = primal(s)
    rounding = max(shape[-2:], default=0) * float(np.finfo(known.dtype).eps)
    return known > rounding * np.max(known, axis=-1, keepdims=True, initial=0.0)


@np.errstate(all="ignore")
def _svd_tangents(U: Any, s: Any, Vh: Any, da: Tangent) -> tuple[Tangent, Tangent, Tangent]:
    """A = U S Vᴴ, P = Uᴴ Ȧ V:  ṡ = Re diag P,  U̇ = U (F ∘ (P S + S Pᴴ)) + (I − U Uᴴ) Ȧ V S⁻¹,  V̇ alike

    Fᵢⱼ = 1 / (sⱼ² − sᵢ²).  The imaginary part of diag P turns the phase of U.  U and V may have all their columns, of
    which those beyond S complete a basis.

    LAPACK makes A real and bidiagonal, which leaves the first row of complex V real (of a wide matrix, that of U).
    With singular values of 0, the null space of the side with fewer of them is known but for its basis; the vectors
    on the other side do not even go with them as a pair.  Source: LAPACK, zgebrd.
    """
    V = H(Vh)
    m, n = da.shape[-2:]
    p = s.shape[-1]
    same, zero = alike(s, half_digits(s)), primal(s)
    zero = ~(zero > half_digits(s) * np.max(zero, axis=-1, keepdims=True, initial=0.0))
    U1, V1 = U[..., :, :p], V[..., :, :p]
    right, left = da @ V1, dH(da) @ U1
    P = H(U1) @ right
    dP = dH(P)
    row, column = s[..., None, :], s[..., :, None]
    total = np.where(same, 1.0, row + column)
    F = inverse_gaps(s, same) / total
    dU = U1 @ ((P * row + dP * column) * F)
    dV = V1 @ ((P * column + dP * row) * F)
    scale = np.where(zero, 0.0, 1.0 / np.where(zero, 1.0, s))[..., None, :]
    if np.iscomplexobj(U):
        on = P * np.eye(p, dtype=bool)
        dU = dU + U1 @ ((on - on.real()) * scale)
    if m > p:
        dU = dU + (right - U1 @ P) * scale
    if n > p:
        dV = dV + (left - V1 @ dP) * scale
    lost = several(same) & ~zero  # equal values, not 0
    gaps = np.maximum(np.abs(F), scale)
    if np.iscomplexobj(U) and U.size and V.size:
        dU, dV = _with_common_phase(U1, V1, dU, dV, lost | zero, da, gaps)
    dU = _with_null_space(U, dU, lost, zero, m < n, da, gaps)
    dV = _with_null_space(V, dV, lost, zero, m >= n, da, gaps)
    return dU, _values_tangent(P, s, (m, n)), dH(dV)


def _with_common_phase(
    U: Any, V: Any, dU: Tangent, dV: Tangent, others: Any, da: Tangent, gaps: Any
) -> tuple[Tangent, Tangent]:
    """Pairs of vectors turn together, such that the first component of one of them stays real."""
    m = U.shape[-2]
    both = np.concatenate([U, V], axis=-2)
    change = side_by_side(dU.mT, dV.mT).mT
    first = 0 if m < V.shape[-2] else m
    change, free = real_by_choice(change, both, both[..., first, :], change[..., first, :])
    change = change + free_phases(both, free & ~others, da, gaps)
    return change[..., :m, :], change[..., m:, :]


def _with_null_space(U: Any, dU: Tangent, lost: Any, zero: Any, complete: bool, da: Tangent, gaps: Any) -> Tangent:
    """U̇ of all columns.  Those beyond S, U₂, stay orthogonal, −U₁ (U̇₁ᴴ U₂); their basis is free.

    On the side of A that has no more columns than S, the null space is that of its zeros, ``complete``; on the other,
    vectors of zeros are ``lost``, and so are those that complete them to a basis.
    """
    m, p = U.shape[-1], zero.shape[-1]
    null = zero if complete else zero & False
    lost = lost if complete else lost | zero
    if m > p:
        dU = side_by_side(dU, -(U[..., :, :p] @ (dH(dU) @ U[..., :, p:])))
        beyond = np.ones((*zero.shape[:-1], m - p), bool)
        some = np.any(zero, axis=-1, keepdims=True) & (not complete)
        null, lost = (np.concatenate(pair, axis=-1) for pair in ((null, beyond & ~some), (lost, beyond & some)))
    dU = dU + without_derivative(da, lost, U.shape[-2])
    if not np.any(null):
        return dU
    together = null[..., :, None] & null[..., None, :]
    if complete:  # the phase of one vector is that of its pair
        together = together & (np.sum(null, axis=-1) > 1)[..., None, None]
    return dU + free_turns(U, together, da, gaps)


def svd_tangent(
    y: Any, a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False, *, da: Tangent
) -> Any:
    if not compute_uv:
        return svdvals(y, a, dx=da)
    U, s, Vh = y
    return _svd_tangents(U, s, Vh, da)


def _hermitian_svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = True) -> Any:
    """A = V W Vᴴ, so the singular values are |w| and the left vectors V sign(w), as in NumPy."""
    if not compute_uv:
        w = np.linalg.eigvalsh(a)
        order = np.argsort(np.abs(w), axis=-1)[..., ::-1]
        return np.take_along_axis(np.abs(w), order, axis=-1)
    w, V = np.linalg.eigh(a)
    order = np.argsort(np.abs(w), axis=-1)[..., ::-1]
    w, V = np.take_along_axis(w, order, axis=-1), np.take_along_axis(V, order[..., None, :], axis=-1)
    return V, np.abs(w), H(V * np.sign(w)[..., None, :])


@custom("tangent", np.linalg.svd, active="a")
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    return (_svd_of_hermitian if hermitian else _svd)(
        operand(a), full_matrices=full_matrices, compute_uv=compute_uv, hermitian=hermitian
    )


@tangent_rule(np.linalg.svdvals)
def svdvals(y: Any, x: Any, *, dx: Tangent) -> Tangent:
    U, s, Vh = np.linalg.svd(x, full_matrices=False)
    return _values_tangent(H(U) @ dx @ H(Vh), s, x.shape)


@tangent_rule(np.linalg.pinv)
def pinv(
    y: Any, a: Any, rcond: Any = None, hermitian: bool = False, rtol: Any = np._NoValue, *, da: Tangent
) -> Tangent:
    """Ṗ = −P Ȧ P + P Pᴴ Ȧᴴ (I − A P) + (I − P A) Ȧᴴ Pᴴ P  where the rank is constant (Golub & Pereyra 1973)

    Singular values below the cutoff count as 0; where they are larger than rounding, `_truncated_pinv` knows them.
    """
    if hermitian:
        a, da = hermitian_of(a, "L"), hermitian_tangent(da, "L")
    if not a.size:
        return da.mT
    if rcond is None:
        eps = np.finfo(a.dtype).eps
        rcond = 1e-15 if rtol is np._NoValue else max(a.shape[-2:]) * eps if rtol is None else rtol
    s = np.linalg.svdvals(primal(a))
    largest = np.max(s, axis=-1, keepdims=True)
    dropped = ~(s > as_array(rcond)[..., None] * largest)
    if not np.all(np.where(dropped, s, 0.0) <= 10 * max(a.shape[-2:]) * np.finfo(a.dtype).eps * largest):
        return _truncated_pinv(a, ~dropped, da)
    yH, daH = H(y), dH(da)
    return -(y @ da @ y) + (y @ yH) @ (daH - daH @ a @ y) + (daH - y @ (a @ daH)) @ (yH @ y)


def _truncated_pinv(a: Any, kept: Any, da: Tangent) -> Tangent:
    """P = V g Uᴴ, g = 1/s of the kept, 0 of the dropped:  Vᴴ Ṗ U = Z₁ ∘ E + Z₂ ∘ Eᴴ,  E = Uᴴ Ȧ V

    Z₁ᵢⱼ = (sᵢ gⱼ − gᵢ sⱼ) / (sⱼ² − sᵢ²) and Z₂ᵢⱼ = (sⱼ gⱼ − gᵢ sᵢ) / (sⱼ² − sᵢ²), which are −gᵢ gⱼ and 0 if both are
    kept or both dropped; outside the singular vectors s is 0.
    """
    U, s, Vh = np.linalg.svd(a, full_matrices=False)
    V = H(Vh)
    g = np.where(kept, 1.0 / np.where(kept, s, 1.0), 0.0)
    split = kept[..., :, None] != kept[..., None, :]
    si, sj, gi, gj = s[..., :, None], s[..., None, :], g[..., :, None], g[..., None, :]
    gap = np.where(split, 1.0 / np.where(split, sj * sj - si * si, 1.0), 0.0)
    E, daH = H(U) @ da @ V, dH(da)
    inside = E * np.where(split, (si * gj - gi * sj) * gap, -gi * gj) + dH(E) * ((sj * gj - gi * si) * gap)
    rows, columns = daH @ (U * (g * g)[..., None, :]), H(V * (g * g)[..., None, :]) @ daH
    outside = (rows - V @ (Vh @ rows)) @ H(U) + V @ (columns - (columns @ U) @ H(U))
    return V @ inside @ H(U) + outside


@tangent_rule(np.linalg.lstsq)
def lstsq(y: Any, a: Any, b: Any, rcond: Any = None, *, da: Tangent, db: Tangent) -> Any:
    """ẋ = P (ḃ − Ȧ x) + P Pᴴ Ȧᴴ (b − A x) + (I − P A) Ȧᴴ Pᴴ x  for  x = P b,  P the pseudoinverse of A

    The sum of squares has (rᴴ r)˙ = 2 Re rᴴ (ḃ − Ȧ x), since r = b − A x is orthogonal to A ẋ.
    """
    x, squares, rank, s = y
    vector = np.ndim(b) == 1
    if vector:
        b, x, db = b[:, None], x[:, None], db.reshape((a.shape[0], 1))
    if a.dtype != x.dtype:  # the wider one of A and b
        a = a.astype(x.dtype)
    # The cut that LAPACK makes; its s may be of another array type than A.
    eps = np.finfo(s.dtype).eps
    rcond = max(a.shape) * eps if rcond is None else eps / 2 if rcond < 0 else rcond
    known = np.linalg.svdvals(primal(a))
    kept = known > rcond * known[:1]
    if not np.all(np.sum(kept) == rank):
        raise np.linalg.LinAlgError("lstsq: a singular value lies at the cutoff; choose another rcond")
    P = np.linalg.pinv(a, rcond=rcond)
    truncated = np.any(np.where(kept, 0.0, known) > 10 * max(a.shape) * eps * known[:1])
    r = b - a @ x
    change = db - da @ x
    if da and truncated:
        dx = _truncated_pinv(a, kept, da) @ b + P @ db
    elif da:
        PH, daH = H(P), dH(da)
        back = daH @ (PH @ x)
        dx = P @ change + (P @ PH) @ (daH @ r) + (back - P @ (a @ back))
    else:
        dx = P @ db
    d_squares = None
    if squares.size:
        d_squares = weighted_sum(change, conj(r) * 2.0, (0,)).real()
    return dx.reshape(dx.shape[:1]) if vector else dx, d_squares, None, svdvals(s, a, dx=da)


@composite(np.linalg.cond, active="x")
def cond(x: Any, p: Any = None) -> Any:
    with np.errstate(all="ignore"):
        if p is None or p in (2, -2):
            s = np.linalg.svdvals(x)
            return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
        return np.linalg.norm(x, p, axis=(-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, axis=(-2, -1))


_svd = TangentRule(np.linalg.svd, svd_tangent)


_svd_of_hermitian = Composite(np.linalg.svd, _hermitian_svd)
