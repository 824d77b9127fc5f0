"""`scipy.linalg`: eigenvalues, singular values and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from .. import errors
from ..rules import eigenvectors, singular_values
from ..rules.contractions import conj
from ..rules.matrices import (
    H,
    alike,
    dH,
    diagonal,
    free_phases,
    half_digits,
    hermitian_of,
    real_by_choice,
    rounding_of,
    several,
    shared,
    without_derivative,
)
from ..tangents.expression import Tangent
from ..values.dual import primal
from .forms import tangent_rule
from .linear_systems import cho_solve as cho_solve
from .linear_systems import det as det
from .linear_systems import hermitian
from .linear_systems import inv as inv
from .linear_systems import lu_solve as lu_solve
from .linear_systems import matmul_toeplitz as matmul_toeplitz
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
from .structured_matrices import block_diag as block_diag
from .structured_matrices import circulant as circulant
from .structured_matrices import companion as companion
from .structured_matrices import convolution_matrix as convolution_matrix
from .structured_matrices import fiedler as fiedler
from .structured_matrices import hankel as hankel
from .structured_matrices import khatri_rao as khatri_rao
from .structured_matrices import leslie as leslie
from .structured_matrices import toeplitz as toeplitz

# Eigenvalues.


@np.errstate(all="ignore")
def _hermitian_eigen_tangents(
    function: Any, y: Any, a: Any, b: Any, lower: bool, kind: int, by_value: Any, by_index: Any, da: Any, db: Any
) -> tuple[Tangent, Tangent | None]:
    """A V = B V W, Vᴴ B V = I  implies  ẇ = diag M,  V̇ = V (F ∘ M − ½ diag Vᴴ Ḃ V),  M = Vᴴ Ȧ V − Vᴴ Ḃ V W

    Fᵢⱼ = 1 / (wⱼ − wᵢ).  A B V = V W is B A B V = B V W, and B A V = V W is A V = B⁻¹ V W.
    Of a subset, V on the left has all vectors.
    """
    w, V = y if isinstance(y, (tuple, list)) else (y, None)
    subset = by_value is not None or by_index is not None
    whole, all_V = w, V
    if V is None or subset:
        whole, all_V = eigh(a, b, lower=lower, type=kind) if b is not None else eigh(a, lower=lower)
    start = _first_of_subset(function, w, whole, by_value, by_index)
    count = w.shape[-1]
    if V is None:
        V = all_V[..., :, start : start + count]
    elif subset:  # the vectors of the result have signs of their own
        all_V = np.concatenate([all_V[..., :, :start], V, all_V[..., :, start + count :]], axis=-1)
    uplo = "L" if lower else "U"
    da, db = both = hermitian(da, lower), hermitian(db, lower)
    if b is not None:
        a, b = hermitian_of(a, uplo), hermitian_of(b, uplo)
        if kind == 2:
            da = db @ a @ b + b @ da @ b + b @ a @ db
        elif kind == 3:
            inverse = np.linalg.inv(b)
            db = -(inverse @ db @ inverse)
    left = H(all_V)
    change = left @ db @ V
    middle = left @ da @ V - change * w[..., None, :]
    n = all_V.shape[-1]
    own = np.arange(n)[:, None] == np.arange(start, start + count)
    same = alike(whole, half_digits(whole))[..., :, start : start + count]
    F = np.where(same, 0.0, 1.0 / np.where(same, 1.0, w[..., None, :] - whole[..., :, None]))
    inside = slice(start, start + count)
    dw = shared(diagonal(middle[..., inside, :]).real(), w)
    equal = alike(whole, rounding_of(whole))[..., :, inside]
    cut = np.sum(equal, axis=-2) != np.sum(equal[..., inside, :], axis=-2)  # by the subset
    if np.any(cut):
        dw = dw * np.where(cut, np.nan, 1.0)
    dV = all_V @ (middle * F - (change * own).real() * 0.5)
    crowded = several(same)
    lost = without_derivative(both[0], crowded, n) + without_derivative(both[1], crowded, n)
    if not np.iscomplexobj(V) or not V.size:
        return dw, dV + lost
    # LAPACK reduces the pair to one matrix, L⁻¹ A L⁻ᴴ or Lᴴ A L of B = L Lᴴ (or Uᴴ U): its vectors are real at one end.
    end = 0 if lower else n - 1
    row = np.eye(n)[end : end + 1]
    g, dg = row @ V, row @ dV
    if b is not None and lower == (kind != 3):
        metric = b if lower else inverse
        g, dg = row @ metric @ V, (row @ metric) @ dV + (row @ db) @ V
    dV, free = real_by_choice(dV, V, g[..., 0, :], dg[..., 0, :])
    free = free & ~crowded
    return dw, dV + lost + free_phases(V, free, both[0], F) + free_phases(V, free, both[1], F)


def _first_of_subset(function: Any, w: Any, whole: Any, by_value: Any, by_index: Any) -> int:
    if by_index is not None:
        return int(by_index[0])
    if by_value is None:
        return 0
    if w.ndim > 1:
        raise errors.unsupported(function, "with subset_by_value of a batch", [w.shape])
    start = int(np.sum(primal(whole) <= by_value[0]))
    if start + w.shape[-1] != int(np.sum(primal(whole) <= by_value[1])):
        raise np.linalg.LinAlgError("eigh: an eigenvalue lies at the end of the interval; choose another one")
    return start


@tangent_rule(scipy.linalg.eigh)
def eigh(
    y: Any,
    a: Any,
    b: Any = None,
    lower: bool = True,
    eigvals_only: bool = False,
    type: int = 1,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    *,
    da: Tangent,
    db: Tangent,
) -> Any:
    dw, dV = _hermitian_eigen_tangents(eigh, y, a, b, lower, type, subset_by_value, subset_by_index, da, db)
    return dw if eigvals_only else (dw, dV)


@tangent_rule(scipy.linalg.eigvalsh)
def eigvalsh(
    y: Any,
    a: Any,
    b: Any = None,
    lower: bool = True,
    type: int = 1,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    *,
    da: Tangent,
    db: Tangent,
) -> Tangent:
    return _hermitian_eigen_tangents(eigvalsh, y, a, b, lower, type, subset_by_value, subset_by_index, da, db)[0]


@tangent_rule(scipy.linalg.eig)
def eig(
    y: Any,
    a: Any,
    b: Any = None,
    left: bool = False,
    right: bool = True,
    homogeneous_eigvals: bool = False,
    *,
    da: Tangent,
    db: Tangent,
) -> Any:
    """Left vectors are those of Aᴴ, whose eigenvalues are conj(w)."""
    if not left and not right:
        return _eigenvalue_tangent(eig, y, a, b, homogeneous_eigvals, da, db)
    if b is not None:
        raise errors.unsupported(eig, "of two matrices: use eigvals, or solve(b, a)", [np.shape(a)])
    w = y[0]
    dw = _eigenvalue_tangent(eig, w, a, None, homogeneous_eigvals, da, db)
    vectors = []
    if left:
        vectors.append(_vector_tangent(conj(w), y[1], H(a), dH(da)))
    if right:
        vectors.append(_vector_tangent(w, y[-1], a, da))
    return dw, *vectors


def _vector_tangent(w: Any, V: Any, a: Any, da: Tangent) -> Tangent:
    # Real vectors are those of real eigenvalues, which SciPy has as complex numbers.
    return eigenvectors.eig((w if np.iscomplexobj(V) else np.real(w), V), a, da=da)[1]


@tangent_rule(scipy.linalg.eigvals)
def eigvals(y: Any, a: Any, b: Any = None, homogeneous_eigvals: bool = False, *, da: Tangent, db: Tangent) -> Tangent:
    return _eigenvalue_tangent(eigvals, y, a, b, homogeneous_eigvals, da, db)


def _eigenvalue_tangent(function: Any, w: Any, a: Any, b: Any, homogeneous: bool, da: Tangent, db: Tangent) -> Tangent:
    """A V = B V W: the eigenvalues of B⁻¹ A, with  B (B⁻¹ A)˙ = Ȧ − Ḃ B⁻¹ A"""
    if homogeneous:
        raise errors.unsupported(function, "with homogeneous_eigvals=True", [np.shape(a)])
    if b is not None:
        inverse = np.linalg.inv(b)
        a = inverse @ a
        da = inverse @ (da - db @ a)
    return eigenvectors.eigvals(w, a, da=da)


# Singular values, pseudoinverses, norms.


@tangent_rule(scipy.linalg.svd)
def svd(y: Any, a: Any, full_matrices: bool = True, compute_uv: bool = True, *, da: Tangent) -> Any:
    return singular_values.svd_tangent(y, a, full_matrices, compute_uv, da=da)


@tangent_rule(scipy.linalg.svdvals)
def svdvals(y: Any, a: Any, *, da: Tangent) -> Tangent:
    return singular_values.svdvals(y, a, dx=da)


def _cutoff(a: Any, atol: Any, rtol: Any) -> Any:
    """The cutoff atol + rtol s₁, as a part of the largest singular value s₁."""
    rtol = max(a.shape) * np.finfo(a.dtype).eps if rtol is None else rtol
    if not atol or not a.size:
        return rtol
    largest = np.linalg.svdvals(primal(a))[..., 0]
    return rtol + atol / np.where(largest == 0, 1.0, largest)


@tangent_rule(scipy.linalg.pinv)
def pinv(y: Any, a: Any, atol: Any = None, rtol: Any = None, return_rank: bool = False, *, da: Tangent) -> Any:
    found = singular_values.pinv(y[0] if return_rank else y, a, _cutoff(a, atol, rtol), da=da)
    return (found, None) if return_rank else found


@tangent_rule(scipy.linalg.pinvh)
def pinvh(
    y: Any, a: Any, atol: Any = None, rtol: Any = None, lower: bool = True, return_rank: bool = False, *, da: Tangent
) -> Any:
    a = hermitian_of(a, "L" if lower else "U")
    found = singular_values.pinv(y[0] if return_rank else y, a, _cutoff(a, atol, rtol), da=hermitian(da, lower))
    return (found, None) if return_rank else found


@tangent_rule(scipy.linalg.lstsq)
def lstsq(y: Any, a: Any, b: Any, cond: Any = None, lapack_driver: Any = None, *, da: Tangent, db: Tangent) -> Any:
    x, residues, rank, s = y
    if a.ndim != 2 or not a.size:
        raise errors.unsupported(lstsq, "of a batch or an empty matrix", [a.shape])
    without_values = (lapack_driver or scipy.linalg.lstsq.default_lapack_driver) == "gelsy"
    if without_values and rank < min(a.shape):
        raise errors.unsupported(lstsq, 'of a matrix without full rank by "gelsy"; use "gelsd"', [a.shape])
    values = np.linalg.svdvals(a) if without_values else s
    cond = float(np.finfo(primal(values).dtype).eps) if cond is None else cond
    like_numpy = (x, np.atleast_1d(residues), rank, values)
    dx, d_residues, _, ds = singular_values.lstsq(like_numpy, a, b, cond, da=da, db=db)
    if d_residues:  # of a matrix without full rank, SciPy has no residues
        d_residues = d_residues.reshape(np.shape(residues)) * np.where(np.isnan(residues), np.nan, 1.0)
    return dx, d_residues, None, None if without_values else ds
