"""Linear algebra: decompositions, solutions and norms, as expressions of value and tangent.

Source: Giles, *Collected matrix derivative results for forward and reverse mode algorithmic differentiation* (2008),
where no other is given; complex matrices have ᴴ for his ᵀ, and real-linear parts where a gauge is real.

Conventions: ``cholesky``, ``eigh``, ``eigvalsh`` (and ``hermitian=True``) read one triangle of their argument, and so
do their derivatives: they are those of NumPy's functions of all entries, not of symmetrized ones.
Vectors that are fixed but for a phase or a rotation (complex ``eigh`` and ``svd``, the columns that
``full_matrices=True`` adds) move without turning in their own space: results that do not depend on LAPACK's choice
have their true derivative.  ``eig`` keeps LAPACK's choice: vectors of length 1 with a real largest component.
Derivatives of vectors that belong to equal eigenvalues or singular values do not exist, and are infinite or nan; those
of the values are the diagonal of Vᴴ Ȧ V, whose sum over equal values is right.  A singular value of 0 has derivative 0.
"""

from __future__ import annotations

import math
import operator
import string
from typing import Any

import numpy as np

from .. import errors
from ..dispatch import innermost, value_of
from ..dual import Dual, primal
from ..tangents import ONE, Like
from ..tangents.expression import Tangent, normalized
from .contractions import conj, operand, product_of
from .forms import Composite, TangentRule, composite, custom, tangent_rule
from .results import wrapped, written

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


@composite(np.linalg.tensorinv)
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
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        # log 0: no derivative; the other matrices of a batch have theirs.
        singular = (sign == 0)[..., None, None]
        eye = np.eye(a.shape[-1], dtype=a.dtype)
        inverse = np.where(singular, np.nan, np.linalg.inv(np.where(singular, eye, a)))
    log_det = trace_of_product(inverse, da)
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
    """
    p = Q.shape[-1]
    inverse = np.linalg.inv(R[..., :, :p])
    scaled = da[..., :, :p] @ inverse
    C = H(Q) @ scaled
    lower = C * np.tri(p, k=-1, dtype=bool)
    on = C * np.eye(p, dtype=bool)
    omega = lower - dH(lower)
    if np.iscomplexobj(Q):
        omega = omega + (on - on.real())
    return scaled - Q @ (C - omega), H(Q) @ da - omega @ R


def _complete_qr_tangents(Q: Any, R: Any, da: Tangent) -> tuple[Tangent, Tangent]:
    """Q = I − V T Vᴴ, so the columns Q₂ follow from the others:  Q₂ = E₂ − (Q₁ − E₁) X⁻¹ Q₂₁ᴴ,  X = (I − Q₁₁)ᴴ

    E₁, E₂ are columns of the identity, Q₁₁, Q₂₁ the upper and lower rows of Q₁.
    """
    m, n = da.shape[-2:]
    Q1 = Q[..., :, :n]
    dQ1, dR1 = _qr_tangents(Q1, R[..., :n, :], da)
    eye = np.eye(m, n, dtype=Q.dtype)
    inverse = np.linalg.inv(H(eye[:n] - Q1[..., :n, :]))
    left, right = (Q1 - eye) @ inverse, inverse @ H(Q1[..., n:, :])
    dQ2 = -(dQ1 @ right + left @ dH(dQ1[..., :n, :]) @ right + left @ dH(dQ1[..., n:, :]))
    return _side_by_side(dQ1, dQ2), _with_zero_rows(dR1, m)


def _side_by_side(da: Tangent, db: Tangent) -> Tangent:
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


def _inverse_gaps(w: Any) -> Any:
    """1 / (wⱼ − wᵢ), and 0 on the diagonal."""
    eye = np.eye(w.shape[-1], dtype=bool)
    return np.where(eye, 0.0, 1.0 / np.where(eye, 1.0, w[..., None, :] - w[..., :, None]))


@tangent_rule(np.linalg.eigh)
@np.errstate(all="ignore")
def eigh(y: Any, a: Any, UPLO: str = "L", *, da: Tangent) -> tuple[Tangent, Tangent]:
    """A V = V W  implies  ẇ = diag(Vᴴ Ȧ V),  V̇ = V (F ∘ Vᴴ Ȧ V),  Fᵢⱼ = 1 / (wⱼ − wᵢ)"""
    w, V = y
    middle = H(V) @ hermitian_tangent(da, UPLO) @ V
    return diagonal(middle).real(), V @ (middle * _inverse_gaps(w))


@tangent_rule(np.linalg.eigvalsh)
def eigvalsh(y: Any, a: Any, UPLO: Any = "L", *, da: Tangent) -> Tangent:
    _, V = np.linalg.eigh(a, UPLO)
    return diagonal(H(V) @ hermitian_tangent(da, UPLO) @ V).real()


@tangent_rule(np.linalg.eig)
@np.errstate(all="ignore")
def eig(y: Any, a: Any, *, da: Tangent) -> tuple[Tangent, Tangent]:
    """A V = V W  implies  ẇ = diag(V⁻¹ Ȧ V),  V̇ = V (F ∘ V⁻¹ Ȧ V) + V D,  D diagonal such that LAPACK's norm holds

    With U = V (F ∘ V⁻¹ Ȧ V), the length of vⱼ stays 1 for Re dⱼ = −Re vⱼᴴ uⱼ, its component k real for
    Im dⱼ = −Im(uₖⱼ / vₖⱼ).
    """
    w, V = y
    middle = np.linalg.inv(V) @ da @ V
    U = V @ (middle * _inverse_gaps(w))
    length = weighted_sum(U, conj(V), (U.ndim - 2,)).real()
    d = length
    if np.iscomplexobj(V) and V.size:
        size = np.abs(V)
        # The largest component is the one that is real; of two as large, rounding chose.
        k = np.argmax(np.where(np.imag(V) == 0, size, 0.5 * size), axis=-2)
        largest = np.arange(V.shape[-2])[:, None] == k[..., None, :]
        turn = weighted_sum(U, np.where(largest, 1.0 / np.where(largest, V, 1.0), 0.0), (U.ndim - 2,))
        d = length + (turn - turn.real())
    return diagonal(middle), U - d.reshape((*d.shape[:-1], 1, d.shape[-1])) * V


@tangent_rule(np.linalg.eigvals)
def eigvals(y: Any, a: Any, *, da: Tangent) -> Tangent:
    w, V = np.linalg.eig(a)
    # Without vectors LAPACK may find the eigenvalues in another order.
    distance = np.abs(y[..., :, None] - w[..., None, :])
    n = y.shape[-1]
    if n and not np.all(np.diagonal(distance, 0, -2, -1) <= np.min(distance, axis=-1)):
        nearest = np.argmin(distance, axis=-1)
        if not np.all(np.sort(nearest, axis=-1) == np.arange(n)):
            raise np.linalg.LinAlgError(
                "eigvals: eigenvalues too close to one another to tell which derivative is whose; use np.linalg.eig"
            )
        V = np.take_along_axis(V, nearest[..., None, :], axis=-1)
    return diagonal(np.linalg.inv(V) @ da @ V)


# Singular values.


@np.errstate(all="ignore")
def _svd_tangents(U: Any, s: Any, Vh: Any, da: Tangent) -> tuple[Tangent, Tangent, Tangent]:
    """A = U S Vᴴ, P = Uᴴ Ȧ V:  ṡ = Re diag P,  U̇ = U (F ∘ (P S + S Pᴴ)) + (I − U Uᴴ) Ȧ V S⁻¹,  V̇ alike

    Fᵢⱼ = 1 / (sⱼ² − sᵢ²).  The imaginary part of diag P turns the phase of U.
    """
    V = H(Vh)
    right, left = da @ V, dH(da) @ U
    P = H(U) @ right
    dP = dH(P)
    row, column = s[..., None, :], s[..., :, None]
    eye = np.eye(s.shape[-1], dtype=bool)
    F = _inverse_gaps(s) * np.where(eye, 1.0, 1.0 / np.where(eye, 1.0, row + column))
    dU = U @ ((P * row + dP * column) * F)
    dV = V @ ((P * column + dP * row) * F)
    if np.iscomplexobj(U):
        on = P * eye
        dU = dU + U @ ((on - on.real()) / row)
    if U.shape[-2] > U.shape[-1]:
        dU = dU + (right - U @ P) / row
    if V.shape[-2] > V.shape[-1]:
        dV = dV + (left - V @ dP) / row
    return dU, diagonal(P).real() * (s > 0), dH(dV)


def _svd_tangent(
    y: Any, a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False, *, da: Tangent
) -> Any:
    if not compute_uv:
        return svdvals(y, a, dx=da)
    U, s, Vh = y
    p = s.shape[-1]
    dU, ds, dVh = _svd_tangents(U[..., :, :p], s, Vh[..., :p, :], da)
    if U.shape[-1] > p:
        dU = _side_by_side(dU, -(U[..., :, :p] @ (dH(dU) @ U[..., :, p:])))
    if Vh.shape[-2] > p:
        V, dV = H(Vh), dH(dVh)
        dVh = dH(_side_by_side(dV, -(V[..., :, :p] @ (dVh @ V[..., :, p:]))))
    return dU, ds, dVh


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


_svd = TangentRule(np.linalg.svd, _svd_tangent)
_svd_of_hermitian = Composite(np.linalg.svd, _hermitian_svd)


@custom("tangent", np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    return (_svd_of_hermitian if hermitian else _svd)(
        operand(a), full_matrices=full_matrices, compute_uv=compute_uv, hermitian=hermitian
    )


@tangent_rule(np.linalg.svdvals)
def svdvals(y: Any, x: Any, *, dx: Tangent) -> Tangent:
    U, s, Vh = np.linalg.svd(x, full_matrices=False)
    return diagonal(H(U) @ dx @ H(Vh)).real() * (s > 0)


# Pseudoinverse and least squares.


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
    dropped = ~(s > np.asarray(rcond)[..., None] * largest)
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


# Norms.


def _sign(x: Any) -> Any:
    """x / |x|, and 0 at 0."""
    if not np.iscomplexobj(x):
        return np.sign(x)
    size = np.abs(x)
    return np.where(size == 0, 0.0, x / np.where(size == 0, 1.0, size))


def _share(hit: Any, axes: Any) -> Any:
    """Ties share evenly."""
    return hit / np.maximum(np.sum(hit, axis=axes, keepdims=True), 1)


def _vector_weights(y: Any, x: Any, ord: Any, axes: tuple[int, ...]) -> Any:
    """W of ẏ = Re Σ conj(W) ẋ for one norm ``y`` (its axes kept) of vectors along ``axes``."""
    if ord is None or ord == 2:
        return np.where(y == 0, 0.0, x / np.where(y == 0, 1.0, y))
    if ord == 1:
        return _sign(x)
    size = np.abs(x)
    if ord in (np.inf, -np.inf):
        # Not compared with y: NumPy may have rounded the sizes of complex numbers differently there.
        largest, initial = (np.max, 0.0) if ord > 0 else (np.min, np.inf)
        extreme = largest(size, axis=axes, keepdims=True, initial=initial)
        return _cast(_share((size == extreme) | np.isnan(size), axes), y) * _sign(x)
    # |x|ᵖ⁻¹ y¹⁻ᵖ; an entry of 0 has weight 0, also where a power of it is infinite.
    zero = (size == 0) | (y == 0)
    ratio = np.where(zero, 1.0, size) / np.where(zero, 1.0, y)
    return np.where(zero, 0.0, ratio ** (ord - 1)) * _sign(x)


def _cast(weights: Any, y: Any) -> Any:
    return weights.astype(y.dtype)


def _sums_weights(x: Any, ord: Any, axes: tuple[int, ...]) -> Any:
    """W for the largest (or smallest) sum of absolute values of a row or a column."""
    row, column = axes
    summed, compared = (row, column) if abs(ord) == 1 else (column, row)
    sums = np.sum(np.abs(x), axis=summed, keepdims=True)
    extreme = (np.max if ord > 0 else np.min)(sums, axis=compared, keepdims=True)
    hit = (sums == extreme) | np.isnan(sums)
    return _cast(_share(hit, compared), sums) * _sign(x)


def _spectral_weights(x: Any, ord: Any) -> Any:
    """W = U diag(w) Vᴴ for a sum of singular values with weights w, over the last two axes."""
    U, s, Vh = np.linalg.svd(x, full_matrices=False)
    if ord == "nuc":
        w = s > 0
    else:
        w = _share(s == (s[..., :1] if ord == 2 else s[..., -1:]), -1) * (s > 0)
    return (U * _cast(w, s)[..., None, :]) @ Vh


def _norm_tangent(y: Any, x: Any, dx: Tangent, ord: Any, axes: tuple[int, ...], matrix: bool) -> Tangent | None:
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    if not matrix:
        if ord == 0:  # a count
            return None
        weights = _vector_weights(np.reshape(y, kept), x, ord, axes)
    elif ord is None or ord in ("fro", "f"):
        weights = _vector_weights(np.reshape(y, kept), x, 2, axes)
    elif ord in ("nuc", 2, -2):
        weights = np.moveaxis(_spectral_weights(np.moveaxis(x, axes, (-2, -1)), ord), (-2, -1), axes)
    else:
        weights = _sums_weights(x, ord, axes)
    return weighted_sum(dx, conj(weights), axes).real().reshape(np.shape(y))


@tangent_rule(np.linalg.norm)
def norm(y: Any, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, *, dx: Tangent) -> Tangent | None:
    ndim = np.ndim(x)
    axes = tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(normalized(operator.index(i), ndim) for i in axes)
    return _norm_tangent(y, x, dx, ord, axes, len(axes) == 2 and not (axis is None and ord is None))


@tangent_rule(np.linalg.vector_norm)
def vector_norm(y: Any, x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2, *, dx: Tangent) -> Any:
    axes = tuple(range(np.ndim(x))) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return _norm_tangent(y, x, dx, ord, tuple(normalized(i, np.ndim(x)) for i in axes), False)


@tangent_rule(np.linalg.matrix_norm)
def matrix_norm(y: Any, x: Any, keepdims: bool = False, ord: Any = "fro", *, dx: Tangent) -> Any:
    return _norm_tangent(y, x, dx, ord, (x.ndim - 2, x.ndim - 1), True)


@composite(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    with np.errstate(all="ignore"):
        if p is None or p in (2, -2):
            s = np.linalg.svdvals(x)
            return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
        return np.linalg.norm(x, p, axis=(-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, axis=(-2, -1))


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
