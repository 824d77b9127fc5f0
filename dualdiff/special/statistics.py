"""Distributions of statistics: F, Student's t, Kolmogorov's and Smirnov's; Tukey's lambda; normal parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sc
from scipy.special import _ufuncs

from ..rules.ufuncs import REAL_LINE, unknown
from ..rules.without_derivatives import refused
from ..tangents import ONE
from .distributions import beta_density, student_density
from .forms import boxcox_exponent, chosen, edged, inverting

_POSITIVE = (0.0, np.inf)
_SQRT_TAU = math.sqrt(2 * math.pi)
_UNIT = (0.0, 1.0)

# Fisher's F: the beta distribution at w = d₁x / (d₂ + d₁x).


def fisher_density(d1: Any, d2: Any, x: Any) -> Any:
    total = d2 + d1 * x
    w, rest = d1 * x / total, d2 / total
    return beta_density(0.5 * d1, 0.5 * d2, w, rest) * rest * d1 / total


for _function, _sign in ((sc.fdtr, 1.0), (sc.fdtrc, -1.0)):
    edged(
        _function,
        unknown(_function, "dfn"),
        unknown(_function, "dfd"),
        lambda y, d1, d2, x, sign=_sign: sign * fisher_density(d1, d2, x),
        domain=_POSITIVE,
    )


inverting(
    sc.fdtri,
    2,
    lambda x, d1, d2, p: sc.fdtr(d1, d2, x),
    unknown(sc.fdtri, "dfn"),
    unknown(sc.fdtri, "dfd"),
    lambda x, d1, d2, p: 1 / fisher_density(d1, d2, x),
    domain=(_POSITIVE, _POSITIVE, _UNIT),
)


# Student's t.
edged(sc.stdtr, unknown(sc.stdtr, "df"), lambda y, v, t: student_density(v, t), domain=(_POSITIVE, REAL_LINE))


inverting(
    sc.stdtrit,
    1,
    lambda t, v, p: sc.stdtr(v, t),
    unknown(sc.stdtrit, "df"),
    lambda t, v, p: 1 / student_density(v, t),
    domain=(_POSITIVE, _UNIT),
)


# Tukey's λ: p solves x = boxcox(p, λ) − boxcox(q, λ) with q = 1 − p, the same function of −x.


def _tukey_slope(p: Any, x: Any, lam: Any) -> Any:
    """p' = 1 / (p^(λ−1) + q^(λ−1)); p is constant beyond |x| = 1/λ."""
    q = sc.tklmbda(-x, lam)
    beyond = lam * np.absolute(x) > 1
    p, q = np.where(beyond, 0.5, p), np.where(beyond, 0.5, q)
    return np.where(beyond, 0.0, 1 / (np.power(p, lam - 1) + np.power(q, lam - 1)))


def _tukey_shape(p: Any, x: Any, lam: Any) -> Any:
    """∂p/∂λ = −p' ∂/∂λ (boxcox(p, λ) − boxcox(q, λ))."""
    q = sc.tklmbda(-x, lam)
    beyond = lam * np.absolute(x) > 1
    at_p, at_q = (boxcox_exponent(np.log(np.where(beyond, 0.5, side)), lam) for side in (p, q))
    return -_tukey_slope(p, x, lam) * (at_p - at_q)


edged(sc.tklmbda, _tukey_slope, _tukey_shape, domain=(REAL_LINE, REAL_LINE))


# Kolmogorov and Smirnov.


def _kolmogorov_slope(x: Any) -> Any:
    """−8x Σ (−1)ᵏ⁻¹ k² exp(−2k²x²); for small x the derivative of −√(2π)/x Σ exp(−(2k−1)²π²/(8x²)) (Jacobi)."""

    def large(x: Any) -> Any:
        total: Any = 0.0
        for k in range(5, 0, -1):
            total = total - (-1.0) ** k * k * k * np.exp(-2.0 * k * k * x * x)
        return -8 * x * total

    def small(x: Any) -> Any:
        total: Any = 0.0
        for k in (7.0, 5.0, 3.0, 1.0):
            c = (math.pi * k) ** 2 / 8 / (x * x)
            total = total + (1 - 2 * c) * np.exp(-c)
        return _SQRT_TAU / x / x * total

    # Below 0.01 the value and all its derivatives underflow.
    flat = lambda x: 0.0 * x
    return chosen(((x < 0.01, flat, (0.0,)), (x < 0.85, small, (0.5,)), (True, large, (1.0,))), x)


edged(sc.kolmogorov, lambda y, x: _kolmogorov_slope(x), domain=(0.3, 1.5))


edged(sc.kolmogi, lambda x, p: 1 / _kolmogorov_slope(x), domain=_UNIT)


if hasattr(_ufuncs, "_smirnovp"):
    _smirnovp, _natural = _ufuncs._smirnovp, (1.0, np.inf)
    edged(sc.smirnov, unknown(sc.smirnov, "n"), lambda y, n, d: _smirnovp(n, d), domain=(_natural, _UNIT))
    edged(sc.smirnovi, unknown(sc.smirnovi, "n"), lambda d, n, p: 1 / _smirnovp(n, d), domain=(_natural, _UNIT))
    refused(_smirnovp, reason="the second derivative of Smirnov's distribution is no function of SciPy")
else:
    refused(sc.smirnov, sc.smirnovi, reason="its derivative is no function of SciPy")


# Mean and standard deviation of a normal distribution, from z = (x − mean)/sd, the normal quantile of p.


def _quantile_slope(p: Any) -> Any:
    z = sc.ndtri(p)
    return _SQRT_TAU * np.exp(0.5 * z * z)


edged(
    sc.nrdtrimn,
    lambda mean, p, sd, x: -sd * _quantile_slope(p),
    lambda mean, p, sd, x: -sc.ndtri(p),
    ONE,
    domain=(_UNIT, _POSITIVE, REAL_LINE),
)
edged(
    sc.nrdtrisd,
    lambda sd, mean, p, x: -1 / sc.ndtri(p),
    lambda sd, mean, p, x: -sd / sc.ndtri(p) * _quantile_slope(p),
    lambda sd, mean, p, x: 1 / sc.ndtri(p),
    domain=(REAL_LINE, _UNIT, REAL_LINE),
)
