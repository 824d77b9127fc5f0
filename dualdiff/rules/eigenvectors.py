"""Eigenvalues and eigenvectors, of Hermitian matrices and of any.

Vectors follow LAPACK's phases; what is no function of the matrix is nan (tangents/gauges.py).
Source: Giles, *Collected matrix derivative results for forward and reverse mode*, 2008, sections 2.2.4 and 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tangents.expression import Tangent
from ..values.dual import primal
from .contractions import conj
from .forms import tangent_rule
from .matrices import (
    H,
    alike,
    averaged,
    diagonal,
    free_phases,
    half_digits,
    hermitian_tangent,
    inverse,
    inverse_gaps,
    real_by_choice,
    several,
    shared,
    weighted_sum,
    without_derivative,
)


@tangent_rule(np.linalg.eigh)
@np.errstate(all="ignore")
def eigh(y: Any, a: Any, UPLO: str = "L", *, da: Tangent) -> tuple[Tangent, Tangent]:
    """A V = V W  implies  ẇ = diag(Vᴴ Ȧ V),  V̇ = V (F ∘ Vᴴ Ȧ V),  Fᵢⱼ = 1 / (wⱼ − wᵢ)

    LAPACK makes A real tridiagonal from one end, which leaves the first row of complex V real (of the upper triangle,
    the last).  Source: LAPACK, zhetrd.
    """
    w, V = y
    da = hermitian_tangent(da, UPLO)
    middle = H(V) @ da @ V
    same = alike(w, half_digits(w))
    F = inverse_gaps(w, same)
    U = V @ (middle * F)
    lost = several(same)
    if np.iscomplexobj(V) and V.size:
        end = 0 if UPLO.upper() == "L" else V.shape[-2] - 1
        U, free = real_by_choice(U, V, V[..., end, :], U[..., end, :])
        U = U + free_phases(V, free & ~lost, da, F)
    dw = diagonal(middle).real()
    if not np.any(lost):
        return dw, U
    return shared(dw, w), U + without_derivative(da, lost, V.shape[-2])


@tangent_rule(np.linalg.eigvalsh)
def eigvalsh(y: Any, a: Any, UPLO: Any = "L", *, da: Tangent) -> Tangent:
    w, V = np.linalg.eigh(a, UPLO)
    return shared(diagonal(H(V) @ hermitian_tangent(da, UPLO) @ V).real(), w)


@tangent_rule(np.linalg.eig)
@np.errstate(all="ignore")
def eig(y: Any, a: Any, *, da: Tangent) -> tuple[Tangent, Tangent]:
    """A V = V W  implies  ẇ = diag(V⁻¹ Ȧ V),  V̇ = V (F ∘ V⁻¹ Ȧ V) + V D,  D diagonal such that LAPACK's norm holds

    With U = V (F ∘ V⁻¹ Ȧ V), the length of vⱼ stays 1 for Re dⱼ = −Re vⱼᴴ uⱼ, its component k real for
    Im dⱼ = −Im(uₖⱼ / vₖⱼ).
    """
    w, V = y
    left = inverse(V)
    middle = left @ da @ V
    same, lost = _confluent(w, V, left)
    F = inverse_gaps(w, same)
    U = V @ (middle * F)
    length = weighted_sum(U, conj(V), (U.ndim - 2,)).real()
    d = length
    lost = several(same) | lost
    unknown = without_derivative(da, lost, V.shape[-2])
    if np.iscomplexobj(V) and V.size:
        size = np.abs(V)
        # The largest component is the one that is real; of two as large, rounding chose.
        k = np.argmax(np.where(np.imag(V) == 0, size, 0.5 * size), axis=-2)
        largest = np.arange(V.shape[-2])[:, None] == k[..., None, :]
        turn = weighted_sum(U, np.where(largest, 1.0 / np.where(largest, V, 1.0), 0.0), (U.ndim - 2,))
        d = length + (turn - turn.real())
        size = primal(size)
        close = size > np.max(size, axis=-2, keepdims=True) * (1 - 64 * len(k) * float(np.finfo(size.dtype).eps))
        free = np.sum(close, axis=-2) > 1
        if not np.iscomplexobj(a):  # real vectors have no phase
            free = free & np.any(np.imag(primal(V)) != 0, axis=-2)
        unknown = unknown + free_phases(V, free & ~lost, da, F)
    dw = _shared_among(diagonal(middle), w, V, left)
    return dw, U - d.reshape((*d.shape[:-1], 1, d.shape[-1])) * V + unknown


def _conditions(V: Any, left: Any) -> Any:
    """What an error of A of size 1 does to each eigenvalue."""
    V, left = primal(V), primal(left)
    with np.errstate(all="ignore"):
        return np.linalg.norm(V, axis=-2) * np.linalg.norm(left, axis=-1)


def _confluent(w: Any, V: Any, left: Any) -> tuple[Any, Any]:
    """Which eigenvalues are too near to one another for vectors of their own, and which vectors are no basis."""
    w, condition = primal(w), _conditions(V, left)
    tolerance = half_digits(w) * np.max(np.abs(w), axis=-1, keepdims=True, initial=0.0) * condition
    gap = np.abs(w[..., :, None] - w[..., None, :])
    same = ~(gap > np.maximum(tolerance[..., :, None], tolerance[..., None, :])) | np.eye(w.shape[-1], dtype=bool)
    return same, ~(condition < 1 / half_digits(w))


def _shared_among(dw: Tangent, w: Any, V: Any, left: Any) -> Tangent:
    """As `shared`, for eigenvalues in no order; those of a defective matrix have no derivative."""
    known, condition = primal(w), _conditions(V, left)
    n = w.shape[-1]
    rounding = 16 * n * float(np.finfo(known.dtype).eps) * np.max(np.abs(known), axis=-1, keepdims=True, initial=0.0)
    error = rounding * condition
    same = ~(np.abs(known[..., :, None] - known[..., None, :]) > np.minimum(error[..., :, None], error[..., None, :]))
    same = same | np.eye(n, dtype=bool)
    defective = ~(condition < 1 / half_digits(known)) | (several(same) & ~(condition < _DEFECTIVE))
    if not np.any(several(same)) and not np.any(defective):
        return dw
    for _ in range(n.bit_length()):
        same = same @ same
    return averaged(dw, same) * np.where(defective, np.nan, 1.0).astype(np.real(w).dtype)


@tangent_rule(np.linalg.eigvals)
@np.errstate(all="ignore")
def eigvals(y: Any, a: Any, *, da: Tangent) -> Tangent:
    w, V = np.linalg.eig(a)
    # Without vectors LAPACK may find the eigenvalues in another order.
    distance = np.abs(primal(y)[..., :, None] - primal(w)[..., None, :])
    n = y.shape[-1]
    unclear: Any = False
    if n and not np.all(np.diagonal(distance, 0, -2, -1) <= np.min(distance, axis=-1)):
        nearest = np.argmin(distance, axis=-1)
        # Too close to one another to tell which derivative is whose.
        unclear = np.any(np.sort(nearest, axis=-1) != np.arange(n), axis=-1, keepdims=True)
        nearest = np.where(unclear, np.arange(n), nearest)
        w = np.take_along_axis(w, nearest, axis=-1)
        V = np.take_along_axis(V, nearest[..., None, :], axis=-1)
    left = inverse(V)
    dw = _shared_among(diagonal(left @ da @ V), w, V, left)
    return dw * np.where(unclear, np.nan, 1.0) if np.any(unclear) else dw


_DEFECTIVE = 1e4  # the condition from which equal eigenvalues are taken for those of a matrix without enough vectors
