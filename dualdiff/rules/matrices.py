"""Matrices side by side, and what a rule does where one leaves its factors free."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tangents import ONE, Like
from ..tangents.einsum import LETTERS
from ..tangents.expression import Tangent, real_dtype
from ..tangents.gauges import unknown_turns
from ..values.dual import primal
from .contractions import conj

SMALL = 1e-3  # singular values below this part of the largest are split off in determinants of nested derivatives


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
    letters = LETTERS[: db.ndim]
    batch, i, j = letters[:-2], letters[-2], letters[-1]
    return db.contract(f"{batch}{i}{j},{batch}{j}{i}->{batch}", a)


def weighted_sum(da: Tangent, weights: Any, axes: tuple[int, ...]) -> Tangent:
    """Σ weights · ȧ over some axes, of which all are left."""
    letters = LETTERS[: da.ndim]
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


def broadcast_to_batch(da: Tangent, shape: tuple[int, ...]) -> Tangent:
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


def several(same: Any) -> Any:
    """Which of some numbers have others alike: boolean, of shape (..., n)."""
    return np.sum(same, axis=-2) > 1


def inverse_gaps(w: Any, same: Any) -> Any:
    """1 / (wⱼ − wᵢ), and 0 between those that are the same."""
    return np.where(same, 0.0, 1.0 / np.where(same, 1.0, w[..., None, :] - w[..., :, None]))
