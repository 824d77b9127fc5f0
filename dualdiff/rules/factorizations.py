"""Factorizations without eigenvalues: Cholesky and QR."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from ..tangents import Like
from ..tangents.expression import Tangent
from ..values.dual import primal
from .forms import tangent_rule
from .matrices import (
    H,
    dH,
    hermitian_tangent,
    inverse,
    unknown_entries,
    without_derivative,
)

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


def qr_tangents(Q: Any, R: Any, da: Tangent) -> tuple[Tangent, Tangent]:
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


def complete_qr_tangents(Q: Any, R: Any, da: Tangent) -> tuple[Tangent, Tangent]:
    """Q = I − V T Vᴴ, so the columns Q₂ follow from the others:  Q₂ = E₂ − (Q₁ − E₁) X⁻¹ Q₂₁ᴴ,  X = (I − Q₁₁)ᴴ

    E₁, E₂ are columns of the identity, Q₁₁, Q₂₁ the upper and lower rows of Q₁.
    """
    m, n = da.shape[-2:]
    Q1 = Q[..., :, :n]
    dQ1, dR1 = qr_tangents(Q1, R[..., :n, :], da)
    eye = np.eye(m, n, dtype=Q.dtype)
    X = inverse(H(eye[:n] - Q1[..., :n, :]))
    left, right = (Q1 - eye) @ X, X @ H(Q1[..., n:, :])
    dQ2 = -(dQ1 @ right + left @ dH(dQ1[..., :n, :]) @ right + left @ dH(dQ1[..., n:, :]))
    return side_by_side(dQ1, dQ2), with_zero_rows(dR1, m)


def side_by_side(da: Tangent, db: Tangent) -> Tangent:
    shape = (*da.shape[:-1], da.shape[-1] + db.shape[-1])
    like = Like(shape, np.result_type(da.like.dtype, db.like.dtype))
    p = da.perturbation
    move = lambda a, b: np.concatenate([a, b], axis=-1)
    return Tangent(p, p.rearrange((da.handle, db.handle), move, like))


def with_zero_rows(da: Tangent, m: int) -> Tangent:
    *batch, p, n = da.shape

    def move(block: Any) -> Any:
        return np.concatenate([block, np.zeros((block.shape[0], *batch, m - p, n), block.dtype)], axis=-2)

    return da.move(move, (*batch, m, n))


@tangent_rule(np.linalg.qr)
def qr(y: Any, a: Any, mode: str = "reduced", *, da: Tangent) -> Any:
    m, n = a.shape[-2:]
    if mode == "r":
        return qr_tangents(np.linalg.qr(a)[0], y, da)[1]
    if mode not in ("reduced", "complete"):
        raise errors.unsupported(np.linalg.qr, f'mode={mode!r} gives Householder vectors; use "reduced"', [a.shape])
    Q, R = y
    return complete_qr_tangents(Q, R, da) if mode == "complete" and m > n else qr_tangents(Q, R, da)
