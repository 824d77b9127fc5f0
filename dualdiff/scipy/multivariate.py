"""Distributions of vectors and matrices: densities from Cholesky factors.

As in SciPy, a covariance or scale matrix is read from its lower triangle; the derivative is that of the same function.
Source of the formulas: SciPy's documentation; Gupta & Nagar, *Matrix Variate Distributions* (1999).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sc
from scipy import stats as plain
from scipy.stats import Covariance

from .. import errors
from ..rules.call import fused_tree
from ..values.levels import duals_in
from ..values.objects import stripped
from .distributions import ByMethods
from .forms import double

_LN2 = math.log(2.0)
_LN_PI = math.log(math.pi)


class Multivariate(ByMethods):
    """A distribution by its log-density, a formula with SciPy's signature."""

    def __init__(self, name: str, log: str, formula: Callable[..., Any], active: str) -> None:
        super().__init__(getattr(plain, name), name)
        self.active = active
        self.declare(log, lambda *args, **kwargs: np.squeeze(formula(*args, **kwargs)), active)
        density = lambda *args, **kwargs: np.squeeze(np.exp(formula(*args, **kwargs)))
        self.declare(log.removeprefix("log"), density, active)


def _rows(x: Any, d: int) -> Any:
    """Points as rows of d numbers."""
    x = double(x)
    if x.ndim == 0:
        return np.reshape(x, (1, 1))
    return x if x.ndim > 1 else x[:, None] if d == 1 else x[None]


def _matrix(matrix: Any, d: int) -> Any:
    """A number stands for a multiple of the unit matrix, a vector for a diagonal one."""
    matrix = double(matrix)
    if matrix.ndim == 0:
        return matrix * np.eye(d)
    return np.diag(matrix) if matrix.ndim == 1 else matrix


def _parameters(x: Any, center: Any, matrix: Any) -> tuple[Any, Any, int]:
    """Deviations from the center as rows, the matrix, and the dimension."""
    if center is not None:
        d = double(center).size
    else:
        d = double(matrix).shape[0] if double(matrix).ndim > 0 else 1
    deviation = _rows(x, d)
    if center is not None:
        deviation = deviation - np.reshape(double(center), (d,))
    return deviation, np.reshape(_matrix(matrix, d), (d, d)), d


def _half_log_det(L: Any) -> Any:
    return np.sum(np.log(np.diagonal(L, axis1=-2, axis2=-1)), axis=-1)


def _mahalanobis(deviation: Any, L: Any) -> Any:
    """|L⁻¹ d|² for each row d."""
    d = np.shape(L)[0]
    white = np.linalg.solve(L, np.reshape(deviation, (-1, d)).T)
    return np.reshape(np.sum(white * white, axis=0), np.shape(deviation)[:-1])


def _normal(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
    """log p = −½ |L⁻¹ (x − μ)|² − log det L − ½ d log 2π,  Σ = L Lᵀ"""
    if isinstance(cov, Covariance):
        allow_singular, cov = cov.rank < cov.shape[-1], cov.covariance
    deviation, cov, d = _parameters(x, mean, cov)
    if allow_singular:
        w, v = np.linalg.eigh(stripped(cov))
        kept = w > 1e6 * np.finfo(float).eps * np.max(np.absolute(w))  # SciPy's threshold
        if not np.all(kept):
            if duals := duals_in(cov):
                raise errors.unsupported(
                    multivariate_normal.logpdf, "in a covariance that is singular", [dual.shape for dual in duals]
                )
            white = np.matmul(deviation, v[:, kept] / np.sqrt(w[kept]))
            constant = 0.5 * (np.sum(np.log(w[kept])) + np.sum(kept) * math.log(2.0 * math.pi))
            outside = np.isneginf(plain.multivariate_normal.logpdf(*stripped(fused_tree((x, mean, cov))), True))
            result = -0.5 * np.sum(white * white, axis=-1) - constant
            return np.where(np.reshape(outside, np.shape(result)), -np.inf, result)
    L = np.linalg.cholesky(cov)
    return -0.5 * _mahalanobis(deviation, L) - _half_log_det(L) - 0.5 * d * math.log(2.0 * math.pi)


def _student(x: Any, loc: Any = None, shape: Any = 1, df: Any = 1, allow_singular: bool = False) -> Any:
    """log p = log Γ((ν+d)/2) − log Γ(ν/2) − ½ d log πν − log det L − ½ (ν+d) log(1 + |L⁻¹ (x − μ)|²/ν)"""
    if np.isinf(stripped(fused_tree(df))):
        return _normal(x, loc, shape)
    deviation, shape, d = _parameters(x, loc, shape)
    df, L = double(df), np.linalg.cholesky(shape)
    whole = 0.5 * (df + d)
    constant = sc.gammaln(whole) - sc.gammaln(0.5 * df) - 0.5 * d * (np.log(df) + _LN_PI) - _half_log_det(L)
    return constant - whole * np.log1p(_mahalanobis(deviation, L) / df)


def _dirichlet(x: Any, alpha: Any) -> Any:
    """log p = log Γ(Σ αᵢ) + Σ (αᵢ − 1) log xᵢ − log Γ(αᵢ); without the last xᵢ, that is what is left of 1."""
    x, alpha = double(x), double(alpha)
    if np.shape(x)[0] != np.shape(alpha)[0]:
        x = np.concatenate([x, 1.0 - np.sum(x, axis=0, keepdims=True)])
    exponents = np.reshape(alpha, (-1, *(1,) * (x.ndim - 1))) - 1.0
    return np.sum(sc.xlogy(exponents, x), axis=0) + sc.gammaln(np.sum(alpha)) - np.sum(sc.gammaln(alpha))


def _multinomial(x: Any, n: Any, p: Any) -> Any:
    """log p = log n! + Σ xᵢ log pᵢ − log xᵢ!  SciPy replaces the last of pᵢ that do not add up to 1 by what is left."""
    for argument, arg in (("x", x), ("n", n)):
        if duals_in(fused_tree(arg)):
            raise errors.no_derivative_in(multinomial.logpmf, argument)
    x, n, p = double(x), double(n), double(p)
    total = np.sum(stripped(p), axis=-1, keepdims=True)
    if np.any(adjusted := np.absolute(total - 1.0) > 10 * np.finfo(float).eps):
        last = np.where(adjusted, 1.0 - np.sum(p[..., :-1], axis=-1, keepdims=True), p[..., -1:])
        p = np.concatenate([p[..., :-1], last], axis=-1)
    probability = stripped(p)
    defined = np.all((probability >= 0) & (probability <= 1), axis=-1) & (n >= 0)
    possible = (np.sum(x, axis=-1) == n) & np.all((x >= 0) & (x == np.floor(x)), axis=-1)
    result = sc.gammaln(n + 1.0) + np.sum(sc.xlogy(x, p) - sc.gammaln(x + 1.0), axis=-1)
    return np.where(possible, result, 0.0) * np.where(defined, 1.0, np.nan)


def _matrices(x: Any, d: int) -> Any:
    """SciPy has the samples last; here they come first."""
    x = double(x)
    if x.ndim == 1 and d == 1:
        return x[:, None, None]
    return np.moveaxis(x, -1, 0) if x.ndim == 3 else _matrix(x, d)[None]


def _square(scale: Any) -> Any:
    scale = double(scale)
    return np.reshape(scale, (1, 1)) if scale.ndim == 0 else _matrix(scale, 0)


def _log_gamma(a: Any, d: int) -> Any:
    """The multivariate gamma function: Γ_d(a) = π^(d(d−1)/4) Π Γ(a − i/2)."""
    return 0.25 * d * (d - 1) * _LN_PI + sum(sc.gammaln(a - 0.5 * i) for i in range(d))


def _wishart(x: Any, df: Any, scale: Any) -> Any:
    """log p = ½ (ν−d−1) log det x − ½ tr(V⁻¹ x) − ½ ν d log 2 − ½ ν log det V − log Γ_d(ν/2)"""
    scale, df = _square(scale), double(df)
    d = np.shape(scale)[0]
    x, L = _matrices(x, d), np.linalg.cholesky(scale)
    trace = np.trace(np.linalg.solve(np.swapaxes(L, 0, 1), np.linalg.solve(L, x)), axis1=-2, axis2=-1)
    log_det = 2.0 * _half_log_det(np.linalg.cholesky(x))
    normalization = 0.5 * _LN2 * d * df + df * _half_log_det(L) + _log_gamma(0.5 * df, d)
    return 0.5 * (df - d - 1.0) * log_det - 0.5 * trace - normalization


def _inverse_wishart(x: Any, df: Any, scale: Any) -> Any:
    """log p = ½ ν log det V − ½ tr(V x⁻¹) − ½ ν d log 2 − ½ (ν+d+1) log det x − log Γ_d(ν/2)"""
    scale, df = _square(scale), double(df)
    d = np.shape(scale)[0]
    Lx, L = np.linalg.cholesky(_matrices(x, d)), np.linalg.cholesky(scale)
    white = np.linalg.solve(Lx, np.broadcast_to(L, np.shape(Lx)))
    trace = np.sum(white * white, axis=(-2, -1))
    normalization = 0.5 * _LN2 * d * df - df * _half_log_det(L) + _log_gamma(0.5 * df, d)
    return -0.5 * trace - (df + d + 1.0) * _half_log_det(Lx) - normalization


multivariate_normal = Multivariate("multivariate_normal", "logpdf", _normal, "x mean cov")
multivariate_t = Multivariate("multivariate_t", "logpdf", _student, "x loc shape df")
dirichlet = Multivariate("dirichlet", "logpdf", _dirichlet, "x alpha")
multinomial = Multivariate("multinomial", "logpmf", _multinomial, "p")
wishart = Multivariate("wishart", "logpdf", _wishart, "x df scale")
invwishart = Multivariate("invwishart", "logpdf", _inverse_wishart, "x df scale")
