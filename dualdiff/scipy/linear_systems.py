"""`scipy.linalg`: systems of linear equations, general, triangular, factored, banded and with constant diagonals.

M x = b implies M ẋ = ḃ − Ṁ x, where M is what the function reads of its argument: one triangle, some diagonals, or all.
Derivatives in entries that are not read are 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from .. import errors
from ..rules import linalg as numpy_rules
from ..rules.contractions import conj, operand
from ..rules.matrices import broadcast_to_batch, dH, hermitian_of, hermitian_tangent, mT
from ..tangents import Like
from ..tangents.expression import Tangent
from ..values.dual import primal
from ..values.levels import duals_in
from ..values.objects import carries
from .forms import composite, tangent_rule
from .structured_matrices import toeplitz

# What is read of a matrix.


def hermitian(da: Tangent, lower: Any) -> Tangent:
    return hermitian_tangent(da, "L" if lower else "U") if da else da


def _kept(a: Any, da: Tangent, mask: Any) -> tuple[Any, Tangent]:
    return np.where(mask, a, 0.0), da * mask if da else da


def _as_read(function: Any, a: Any, da: Tangent, assume_a: Any, lower: Any) -> tuple[Any, Tangent]:
    """The matrix that ``assume_a`` says, and its tangent."""
    n = a.shape[-1]
    distance = np.arange(n)[:, None] - np.arange(n)
    if assume_a in (None, "general", "gen", "banded"):
        return a, da
    if assume_a == "diagonal":
        return _kept(a, da, distance == 0)
    if assume_a == "tridiagonal":
        return _kept(a, da, abs(distance) < 2)
    if assume_a == "upper triangular":
        return _kept(a, da, distance <= 0)
    if assume_a == "lower triangular":
        return _kept(a, da, distance >= 0)
    if assume_a in ("her", "hermitian", "pos", "positive definite"):
        return hermitian_of(a, "L" if lower else "U"), hermitian(da, lower)
    if assume_a in ("sym", "symmetric"):
        strict = distance > 0 if lower else distance < 0
        off, d_off = _kept(a, da, strict)
        on, d_on = _kept(a, da, distance == 0)
        return off + mT(off) + on, d_off + d_off.mT + d_on
    raise errors.unsupported(function, f"with assume_a={assume_a!r}", [a.shape])


# General systems.


@tangent_rule(scipy.linalg.inv)
def inv(y: Any, a: Any, assume_a: Any = None, lower: bool = False, *, da: Tangent) -> Tangent:
    """(A⁻¹)˙ = −A⁻¹ Ȧ A⁻¹"""
    if assume_a == "diagonal":
        # SciPy 1.17 returns the other entries of a as they are.
        raise errors.unsupported(inv, 'with assume_a="diagonal": use 1 / np.diagonal(a)', [a.shape])
    _, da = _as_read(inv, a, da, assume_a, lower)
    return -(y @ da @ y)


@tangent_rule(scipy.linalg.solve)
def solve(
    y: Any,
    a: Any,
    b: Any,
    lower: bool = False,
    assume_a: Any = None,
    transposed: bool = False,
    *,
    da: Tangent,
    db: Tangent,
) -> Tangent:
    """A x = b  implies  A ẋ = ḃ − Ȧ x"""
    if np.size(a) == 1:  # SciPy divides, whatever the shape of b
        scale = 1.0 / np.reshape(a, ())
        return db * scale - da.reshape(()) * (y * scale)
    a, da = _as_read(solve, a, da, assume_a, lower)
    return numpy_rules.solve(y, mT(a), b, da=da.mT, db=db) if transposed else numpy_rules.solve(y, a, b, da=da, db=db)


@composite(scipy.linalg.det, active="a")
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    return np.linalg.det(operand(a))


# Triangular systems, and those with a factored matrix.

_TRANS = {0: 0, 1: 1, 2: 2, "N": 0, "T": 1, "C": 2}


def _by_columns(block: Any, solution: Any) -> Any:
    """All directions as columns of one system."""
    k, *batch, n, m = block.shape
    columns = np.moveaxis(block, 0, -1).reshape(*batch, n, m * k)
    return np.moveaxis(solution(columns).reshape(*batch, n, m, k), -1, 0)


@tangent_rule(scipy.linalg.solve_triangular)
def solve_triangular(
    y: Any,
    a: Any,
    b: Any,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    *,
    da: Tangent,
    db: Tangent,
) -> Tangent | None:
    """T x = b  implies  T ẋ = ḃ − Ṫ x,  T one triangle of a, transposed (1) or conjugate too (2)"""
    if not np.size(y):
        return None
    n, trans = a.shape[-1], _TRANS[trans]
    distance = np.arange(n)[:, None] - np.arange(n)
    distance = distance if lower else -distance
    da = da * (distance > 0 if unit_diagonal else distance >= 0) if da else da
    da = (da, da.mT, dH(da))[trans] if da else da
    if np.ndim(b) == 1:
        y, db = y[..., None], db.reshape((n, 1))

    def solved(columns: Any, trans: int) -> Any:
        return solve_triangular(a, columns, trans, lower, unit_diagonal, check_finite=False)

    def apply(block: Any) -> Any:
        return _by_columns(block, lambda columns: solved(columns, trans))

    def transpose(block: Any) -> Any:
        if trans < 2:
            return _by_columns(block, lambda columns: solved(columns, 1 - trans))
        return _by_columns(block, lambda columns: conj(solved(conj(columns), 0)))

    rhs = db - da @ y
    like = Like(y.shape, np.result_type(y.dtype, rhs.like.dtype))
    x = broadcast_to_batch(rhs, y.shape).map(apply, transpose, like)
    return x.reshape(x.shape[:-1]) if np.ndim(b) == 1 else x


@composite(scipy.linalg.cho_solve, active="c_and_lower b")
def cho_solve(c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """A = L Lᴴ = Uᴴ U"""
    c, lower = c_and_lower
    lower = _one_flag(lower)
    first = solve_triangular(c, b, 0 if lower else 2, lower, check_finite=False)
    return solve_triangular(c, first, 2 if lower else 0, lower, check_finite=False)


def _one_flag(lower: Any) -> bool:
    flags = np.ravel(lower)  # of a batch, SciPy returns one for each matrix
    if np.any(flags != flags[:1]):
        raise errors.unsupported(cho_solve, "with upper and lower factors in one batch", [np.shape(lower)])
    return bool(np.all(flags))


def permutation(piv: Any, m: int) -> Any:
    """The order of rows that the exchanges of LAPACK leave: row i with row ``piv[i]``, one after the other."""
    order = np.broadcast_to(np.arange(m), (*piv.shape[:-1], m)).copy()
    for i in range(piv.shape[-1]):
        other = piv[..., i : i + 1]
        mine, theirs = order[..., i : i + 1].copy(), np.take_along_axis(order, other, -1)
        np.put_along_axis(order, other, mine, -1)
        order[..., i : i + 1] = theirs
    return order


def _rows(b: Any, order: Any) -> Any:
    """The rows (or entries) of b in an order."""
    if order.ndim == 1:
        return b[order] if np.ndim(b) == 1 else b[..., order, :]
    if np.ndim(b) == 1:
        return b[order]
    batch = np.broadcast_shapes(order.shape[:-1], b.shape[:-2])
    b = np.broadcast_to(b, (*batch, *b.shape[-2:]))
    return np.take_along_axis(b, np.broadcast_to(order, (*batch, order.shape[-1]))[..., None], axis=-2)


@composite(scipy.linalg.lu_solve, active="lu_and_piv b")
def lu_solve(lu_and_piv: Any, b: Any, trans: int = 0, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """P A = L U"""
    (lu, piv), b = lu_and_piv, operand(b)
    if carries(piv):
        raise errors.no_derivative_in(lu_solve, "piv")
    lower = lambda b: solve_triangular(lu, b, trans, True, True, check_finite=False)
    upper = lambda b: solve_triangular(lu, b, trans, False, check_finite=False)
    order = permutation(np.asarray(piv), lu.shape[-1])
    vector = np.ndim(b) == 1 and lu.ndim > 2
    if vector:
        b = b[:, None]
    x = upper(lower(_rows(b, order))) if trans == 0 else _rows(lower(upper(b)), np.argsort(order, axis=-1))
    return x[..., 0] if vector else x


# Banded matrices:  ab[u + i − j, j] = M[i, j].


def _band_rows(l: int, u: int, n: int) -> tuple[Any, Any, Any]:
    """For diagonal d and row i: indices of ``ab``, and whether the matrix has that entry."""
    d, i = np.arange(l + u + 1)[:, None], np.arange(n)
    j = i + u - d
    return d, np.clip(j, 0, n - 1), (j >= 0) & (j < n)


def _transposed_band(l: int, u: int, ab: Any) -> Any:
    """The diagonals of the transposed matrix."""
    n = ab.shape[-1]
    d, j = np.arange(l + u + 1)[:, None], np.arange(n)
    i = d - l + j
    return np.where((i >= 0) & (i < n), ab[..., (l + u) - d, np.clip(i, 0, n - 1)], 0.0)


@composite(scipy.linalg.solve_banded, active="ab b")
def solve_banded(
    l_and_u: Any, ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    return _solve_banded(int(l_and_u[0]), int(l_and_u[1]), operand(ab), operand(b))


def _plain_solve_banded(l: int, u: int, ab: Any, b: Any) -> Any:
    return scipy.linalg.solve_banded((l, u), ab, b, check_finite=False)


@tangent_rule(_plain_solve_banded)
def _solve_banded(y: Any, l: int, u: int, ab: Any, b: Any, *, dab: Tangent, db: Tangent) -> Tangent:
    """M ẋ = ḃ − Ṁ x,  (Ṁ x)ᵢ a sum over the diagonals"""
    n = ab.shape[-1]
    vector = np.ndim(b) == 1
    if vector:
        y, db = y[..., None], db.reshape((n, 1))
    rhs = db
    if dab:
        diagonals, columns, inside = _band_rows(l, u, n)
        factor = np.where(inside[..., None], y[..., columns, :], 0.0)
        moved = dab[..., diagonals, columns]
        rhs = db - (moved.reshape((*moved.shape, 1)) * factor).sum(moved.ndim - 2)
    like = Like(y.shape, np.result_type(y.dtype, rhs.like.dtype))
    x = broadcast_to_batch(rhs, y.shape).map(
        lambda block: _by_columns(block, lambda columns: _solve_banded(l, u, ab, columns)),
        lambda block: _by_columns(block, lambda columns: _solve_banded(u, l, _transposed_band(l, u, ab), columns)),
        like,
    )
    return x.reshape(x.shape[:-1]) if vector else x


@composite(scipy.linalg.solveh_banded, active="ab b")
def solveh_banded(
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    lower: bool = False,
    check_finite: bool = True,
) -> Any:
    ab = operand(ab)
    u = ab.shape[-2] - 1
    off = ab[..., 1:, :] if lower else ab[..., :-1, :]
    on = np.real(ab[..., :1, :] if lower else ab[..., -1:, :]) + np.zeros_like(ab[..., :1, :])
    # The diagonals of one triangle, and those of the other, which are the transposed triangle's.
    empty, none = np.zeros_like(off), np.zeros_like(on)
    half = np.concatenate([empty, none, off] if lower else [off, none, empty], axis=-2)
    other = conj(_transposed_band(u, u, half))
    return solve_banded((u, u), half + other + np.concatenate([empty, on, empty], axis=-2), b)


# Matrices with constant diagonals.


def _column_and_row(c_or_cr: Any) -> tuple[Any, Any]:
    return c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)


@composite(scipy.linalg.solve_toeplitz, active="c_or_cr b")
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    return np.linalg.solve(toeplitz(*_column_and_row(c_or_cr)), operand(b))


@composite(scipy.linalg.matmul_toeplitz, active="c_or_cr x")
def matmul_toeplitz(c_or_cr: Any, x: Any, check_finite: bool = False, workers: Any = None) -> Any:
    return toeplitz(*_column_and_row(c_or_cr)) @ operand(x)


@composite(scipy.linalg.solve_circulant, active="c b")
def solve_circulant(
    c: Any, b: Any, singular: str = "raise", tol: Any = None, caxis: int = -1, baxis: int = 0, outaxis: int = 0
) -> Any:
    """Diagonal in the Fourier basis:  x = F⁻¹ (F b / F c)"""
    c, b = np.atleast_1d(operand(c)), np.atleast_1d(operand(b))
    fc = np.fft.fft(np.moveaxis(c, caxis, -1), axis=-1)
    size = np.abs(primal(fc))
    if tol is None:
        tol = np.max(size, axis=-1, keepdims=True) * c.shape[caxis] * np.finfo(np.float64).eps
    small = size <= tol
    if np.any(small) and duals_in(c):
        raise errors.unsupported(solve_circulant, "in c where its matrix is nearly singular", [c.shape])
    q = np.fft.fft(np.moveaxis(b, baxis, -1), axis=-1) / np.where(small, 1.0, fc)
    x = np.fft.ifft(np.where(small, 0.0, q), axis=-1)
    if not np.iscomplexobj(c) and not np.iscomplexobj(b):
        x = np.real(x)
    return np.moveaxis(x, -1, outaxis)
