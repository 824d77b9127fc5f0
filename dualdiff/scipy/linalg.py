"""`scipy.linalg`, differentiable: this module has the decompositions and what follows from them, and names the rest.

    linear_systems.py       solve, inv, det, triangular, banded, Toeplitz systems; Sylvester and Lyapunov equations
    matrix_functions.py     expm, logm, sqrtm, powers, cosm and its kin
    structured_matrices.py  toeplitz, block_diag and other matrices made of a few entries

Conventions: those of `dualdiff.rules.linalg`, whose rules these are where SciPy and NumPy have the same function.
A function that reads one triangle has derivatives in that triangle alone.  ``overwrite_a=True`` is only a permission,
which is not made use of on Duals.  Vectors in the gauge of LAPACK's ``ggev`` have no derivative, their eigenvalues do.
Source: Giles 2008; Higham, *Functions of Matrices* (2008), where no other is given.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import scipy.linalg

from .. import errors
from ..rules import factorizations, norms
from ..rules.contractions import conj, operand
from ..rules.matrices import (
    H,
    dH,
    half_digits,
    unknown_entries,
)
from ..tangents.expression import Tangent
from ..values.dual import primal
from .forms import composite, enter, tangent_rule, without_rule
from .linear_systems import cho_solve as cho_solve
from .linear_systems import det as det
from .linear_systems import inv as inv
from .linear_systems import lu_solve as lu_solve
from .linear_systems import matmul_toeplitz as matmul_toeplitz
from .linear_systems import permutation
from .linear_systems import solve as solve
from .linear_systems import solve_banded as solve_banded
from .linear_systems import solve_circulant as solve_circulant
from .linear_systems import solve_toeplitz as solve_toeplitz
from .linear_systems import solve_triangular as solve_triangular
from .linear_systems import solveh_banded as solveh_banded
from .matrix_equations import solve_continuous_lyapunov as solve_continuous_lyapunov
from .matrix_equations import solve_discrete_lyapunov as solve_discrete_lyapunov
from .matrix_equations import solve_lyapunov as solve_lyapunov
from .matrix_equations import solve_sylvester as solve_sylvester
from .matrix_equations import solved_sylvester
from .matrix_functions import coshm as coshm
from .matrix_functions import cosm as cosm
from .matrix_functions import expm as expm
from .matrix_functions import fractional_matrix_power as fractional_matrix_power
from .matrix_functions import logm as logm
from .matrix_functions import sinhm as sinhm
from .matrix_functions import sinm as sinm
from .matrix_functions import sqrtm as sqrtm
from .matrix_functions import tanhm as tanhm
from .matrix_functions import tanm as tanm
from .spectra import eig as eig
from .spectra import eigh as eigh
from .spectra import eigvals as eigvals
from .spectra import eigvalsh as eigvalsh
from .spectra import lstsq as lstsq
from .spectra import pinv as pinv
from .spectra import pinvh as pinvh
from .spectra import svd as svd
from .spectra import svdvals as svdvals
from .structured_matrices import block_diag as block_diag
from .structured_matrices import circulant as circulant
from .structured_matrices import companion as companion
from .structured_matrices import convolution_matrix as convolution_matrix
from .structured_matrices import fiedler as fiedler
from .structured_matrices import hankel as hankel
from .structured_matrices import khatri_rao as khatri_rao
from .structured_matrices import leslie as leslie
from .structured_matrices import toeplitz as toeplitz


def __getattr__(name: str) -> Any:
    return without_rule(scipy.linalg, name)


# Triangular factors.


@tangent_rule(scipy.linalg.cholesky)
def cholesky(y: Any, a: Any, lower: bool = False, *, da: Tangent) -> Tangent:
    return factorizations.cholesky(y, a, not lower, da=da.reshape(y.shape))


@tangent_rule(scipy.linalg.cho_factor)
def cho_factor(y: Any, a: Any, lower: bool = False, *, da: Tangent) -> tuple[Tangent, None]:
    """One triangle is the factor; the other one keeps the entries of a, or is 0."""
    c, da = y[0], da.reshape(y[0].shape)
    n = c.shape[-1]
    distance = np.arange(n)[:, None] - np.arange(n)
    inside = distance >= 0 if lower else distance <= 0
    factor = factorizations.cholesky(np.where(inside, c, 0.0), a, not lower, da=da)
    return factor + da * ~inside if _other_triangle_is_kept() else factor, None


@functools.cache
def _other_triangle_is_kept() -> bool:
    """True before SciPy 1.18."""
    return bool(scipy.linalg.cho_factor(np.array([[1.0, 0.5], [0.5, 1.0]]))[0][1, 0])


def _lu_tangents(L: Any, U: Any, da: Tangent) -> tuple[Tangent, Tangent]:
    """A = L U  implies  L̇ = L K,  U̇ = L⁻¹ Ȧ − K U  for  K = strictly lower part of L⁻¹ Ȧ U⁻¹

    A tall L is completed by columns of the identity.  The last pivot of U does not matter for K, and may be 0.
    Rows are in the order of the pivots.  Source: de Hoog, Anderssen & Lukas, Math. Comp. 80 (2011) 1585.
    """
    (m, k), n = L.shape[-2:], U.shape[-1]
    if m > k:
        rest = np.broadcast_to(np.eye(m, dtype=L.dtype)[:, k:], (*L.shape[:-2], m, m - k))
        L = np.concatenate([L, rest], axis=-1)
    pivots = U[..., :, :k]
    if m <= n:
        pivots = np.where(np.arange(k * k).reshape(k, k) == k * k - 1, 1.0, pivots)
    scaled = np.linalg.inv(L) @ da
    K = (scaled[..., :, :k] @ np.linalg.inv(pivots)) * np.tri(m, k, -1, dtype=bool)
    # Rounding below the diagonal of U̇ would be large beside L̇, which `lu_factor` puts there.
    return L @ K, (scaled - K @ U)[..., :k, :] * ~np.tri(k, n, -1, dtype=bool)


def _with_zero_rows(da: Tangent, m: int) -> Tangent:
    return da if not da or da.shape[-2] == m else factorizations.with_zero_rows(da, m)


def _ordered(da: Tangent, order: Any, axis: int = -2) -> Tangent:
    """The rows (or columns) of a tangent in an order, which a batch has for each matrix."""
    order = np.asarray(order)
    place = order[..., :, None] if axis == -2 else order[..., None, :]
    shape = np.broadcast_shapes(place.shape, tuple(1 if i == da.ndim + axis else n for i, n in enumerate(da.shape)))
    return da.move(lambda block: np.take_along_axis(block, np.broadcast_to(place, shape)[None], axis), shape)


@tangent_rule(scipy.linalg.lu_factor)
def lu_factor(y: Any, a: Any, *, da: Tangent) -> tuple[Tangent, None]:
    lu, piv = y
    if np.ndim(piv) != np.ndim(a) - 1:
        raise errors.unsupported(lu_factor, "of a batch, which this version of SciPy does not know", [np.shape(a)])
    m, n = lu.shape[-2:]
    k = min(m, n)
    L = np.where(np.tri(m, k, -1, dtype=bool), lu[..., :, :k], np.eye(m, k, dtype=lu.dtype))
    dL, dU = _lu_tangents(L, np.triu(lu[..., :k, :]), _ordered(da, permutation(primal(piv), m)))
    return _with_zero_rows(dL.mT, n).mT + _with_zero_rows(dU, m), None


@tangent_rule(scipy.linalg.lu)
def lu(y: Any, a: Any, permute_l: bool = False, p_indices: bool = False, *, da: Tangent) -> Any:
    L, U = y[-2:]
    if permute_l:
        p = scipy.linalg.lu(primal(a), p_indices=True)[0]
    else:
        p = y[0] if p_indices else np.argmax(primal(y[0]), axis=-1)
    rows = np.argsort(p, axis=-1)  # A = (L U) with its rows in the order p
    if permute_l:
        L = np.take_along_axis(L, np.broadcast_to(rows[..., None], (*rows.shape, L.shape[-1])), axis=-2)
    dL, dU = _lu_tangents(L, U, _ordered(da, rows))
    return (_ordered(dL, p), dU) if permute_l else (None, dL, dU)


@tangent_rule(scipy.linalg.qr)
def qr(y: Any, a: Any, mode: str = "full", pivoting: bool = False, *, da: Tangent) -> Any:
    if mode == "raw":
        raise errors.unsupported(qr, 'mode="raw" gives Householder vectors; use "economic"', [da.shape])
    m, n = da.shape[-2:]
    R = y[0] if mode == "r" else y[1]
    if pivoting:
        columns = np.asarray(y[-1])
        place = np.broadcast_to(columns[..., None, :], (*columns.shape[:-1], m, n))
        a, da = np.take_along_axis(a, place, axis=-1), _ordered(da, columns, -1)
    Q = qr(a, mode="economic")[0] if mode == "r" else y[0]
    if m > n and mode in ("full", "qr"):
        dQ, dR = factorizations.complete_qr_tangents(Q, R, da)
    else:
        dQ, dR = factorizations.qr_tangents(Q, R[..., : Q.shape[-1], :], da)
        dR = _with_zero_rows(dR, R.shape[-2])
    results = (dR,) if mode == "r" else (dQ, dR)
    return (*results, None) if pivoting else results


@tangent_rule(scipy.linalg.polar)
def polar(y: Any, a: Any, side: str = "right", *, da: Tangent) -> tuple[Tangent, Tangent]:
    """A = U P  implies  U̇ = U Ω + (I − U Uᴴ) Ȧ P⁻¹  with  P Ω + Ω P = Uᴴ Ȧ − Ȧᴴ U,  and P = Uᴴ A

    A wide matrix has the same U as A = P U, which is that of Aᴴ.
    """
    U, _ = y
    values = np.linalg.svdvals(primal(a))
    lost = ~(values[..., -1:, None] > half_digits(values) * values[..., :1, None]) if values.size else np.array(False)
    if not np.any(lost):
        return _polar_tangents(U, a, side, da)
    # Without full rank U is not unique, and jumps; P = √(Aᴴ A) has no derivative.
    unit = np.eye(*da.shape[-2:], dtype=a.dtype)
    dU, dP = _polar_tangents(np.where(lost, unit, U), np.where(lost, unit, a), side, da * ~lost)
    return (
        dU + unknown_entries(da, lost & np.ones(y[0].shape, bool)),
        dP + unknown_entries(da, lost & np.ones(y[1].shape, bool)),
    )


def _polar_tangents(U: Any, a: Any, side: str, da: Tangent) -> tuple[Tangent, Tangent]:
    m, n = da.shape[-2:]
    dU = _unitary_tangent(U, a, da) if m >= n else dH(_unitary_tangent(H(U), H(a), dH(da)))
    return dU, dH(dU) @ a + H(U) @ da if side == "right" else da @ H(U) + a @ dH(dU)


def _unitary_tangent(U: Any, a: Any, da: Tangent) -> Tangent:
    UH = H(U)
    P = UH @ a
    P = 0.5 * (P + H(P))
    E = UH @ da
    dU = U @ solved_sylvester(P, P, E - dH(E), P.dtype)
    return dU + (da - U @ E) @ np.linalg.inv(P) if U.shape[-2] > U.shape[-1] else dU


@composite(scipy.linalg.orthogonal_procrustes, active="A B")
def orthogonal_procrustes(A: Any, B: Any, check_finite: bool = True) -> Any:
    """The unitary factor of Aᴴ B, and the sum of its singular values"""
    product = np.swapaxes(np.swapaxes(operand(B), -1, -2) @ conj(operand(A)), -1, -2)
    return polar(product)[0], np.sum(np.linalg.svdvals(product), axis=-1)


@tangent_rule(scipy.linalg.norm)
def norm(y: Any, a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, *, da: Tangent) -> Tangent | None:
    return norms.norm(y, a, ord, axis, keepdims, dx=da)


enter(globals(), scipy.linalg)
