"""Ufuncs of `scipy.special`: the noncentral χ² and F distributions.

They are Poisson mixtures of the central ones, summed by Bessel's and Kummer's functions; the derivative in the
noncentrality is such a sum too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sc

from ..rules.ufuncs import unknown
from ..rules.without_derivatives import refused
from .distributions import beta_density, gamma_density
from .forms import chosen, edged, inverting
from .statistics import fisher_density

_POSITIVE = (0.0, np.inf)
_UNIT = (0.0, 1.0)


def _noncentral_chi2_density(x: Any, v: Any, nc: Any) -> Any:
    """½ e^(−(x+λ)/2) (x/λ)^(v/4−1/2) I_{v/2−1}(√(λx)); for small λx the same by ₀F₁(v/2; λx/4)."""

    def series(x: Any, v: Any, nc: Any) -> Any:
        return 0.5 * gamma_density(0.5 * v, 0.5 * x) * np.exp(-0.5 * nc) * sc.hyp0f1(0.5 * v, 0.25 * nc * x)

    def bessel(x: Any, v: Any, nc: Any) -> Any:
        gap = (x - nc) / (np.sqrt(x) + np.sqrt(nc))
        order = 0.5 * v - 1
        return 0.5 * np.exp(-0.5 * gap * gap) * np.power(x / nc, 0.5 * order) * sc.ive(order, np.sqrt(nc * x))

    return chosen(
        (((nc < 1000.0) & (nc * x < 2e5), series, (1.0, 2.0, 1.0)), (True, bessel, (1.0, 2.0, 1.0))), x, v, nc
    )


# The noncentral χ²:  ∂F(x; v, λ)/∂λ = −f(x; v + 2, λ).
edged(
    sc.chndtr,
    lambda y, x, v, nc: _noncentral_chi2_density(x, v, nc),
    unknown(sc.chndtr, "df"),
    lambda y, x, v, nc: -_noncentral_chi2_density(x, v + 2, nc),
    domain=_POSITIVE,
)


def _chndtrix_slope(x: Any, v: Any, nc: Any) -> Any:
    """f(x; v + 2, λ)/f(x; v, λ); 0 for x = 0, the quantile of 0 whatever λ is."""
    ratio = lambda x, v, nc: _noncentral_chi2_density(x, v + 2, nc) / _noncentral_chi2_density(x, v, nc)
    return chosen(
        ((x == 0, lambda x, v, nc: x / v, (0.0, 1.0, 1.0)), (True, ratio, (1.0, 2.0, 1.0))),
        x,
        v,
        nc,
    )


inverting(
    sc.chndtrix,
    0,
    lambda x, p, v, nc: sc.chndtr(x, v, nc),
    lambda x, p, v, nc: 1 / _noncentral_chi2_density(x, v, nc),
    unknown(sc.chndtrix, "df"),
    lambda x, p, v, nc: _chndtrix_slope(x, v, nc),
    domain=(_UNIT, _POSITIVE, _POSITIVE),
)
inverting(
    sc.chndtrinc,
    2,
    lambda nc, x, v, p: sc.chndtr(x, v, nc),
    lambda nc, x, v, p: _noncentral_chi2_density(x, v, nc) / _noncentral_chi2_density(x, v + 2, nc),
    unknown(sc.chndtrinc, "df"),
    lambda nc, x, v, p: -1 / _noncentral_chi2_density(x, v + 2, nc),
    domain=(_POSITIVE, _POSITIVE, _UNIT),
)


# The noncentral F: Poisson mixtures of beta distributions, summed by Kummer's function.


def _noncentral_fisher_density(d1: Any, d2: Any, nc: Any, x: Any) -> Any:
    """e^(−λ/2) f(x; d₁, d₂) ₁F₁((d₁ + d₂)/2; d₁/2; λw/2)."""
    w = d1 * x / (d2 + d1 * x)
    return np.exp(-0.5 * nc) * fisher_density(d1, d2, x) * sc.hyp1f1(0.5 * (d1 + d2), 0.5 * d1, 0.5 * nc * w)


def _noncentral_fisher_slope(d1: Any, d2: Any, nc: Any, x: Any) -> Any:
    """∂F/∂λ = −½ e^(−λ/2) wᵃ (1−w)ᵇ / (a B(a, b)) ₁F₁(a + b; a + 1; λw/2), with a = d₁/2, b = d₂/2."""
    a, b, total = 0.5 * d1, 0.5 * d2, d2 + d1 * x
    w, rest = d1 * x / total, d2 / total
    mixed = beta_density(a, b, w, rest) * w * rest / a * sc.hyp1f1(a + b, a + 1, 0.5 * nc * w)
    return -0.5 * np.exp(-0.5 * nc) * mixed


edged(
    sc.ncfdtr,
    unknown(sc.ncfdtr, "dfn"),
    unknown(sc.ncfdtr, "dfd"),
    lambda y, d1, d2, nc, x: _noncentral_fisher_slope(d1, d2, nc, x),
    lambda y, d1, d2, nc, x: _noncentral_fisher_density(d1, d2, nc, x),
    domain=_POSITIVE,
)
inverting(
    sc.ncfdtri,
    3,
    lambda x, d1, d2, nc, p: sc.ncfdtr(d1, d2, nc, x),
    unknown(sc.ncfdtri, "dfn"),
    unknown(sc.ncfdtri, "dfd"),
    lambda x, d1, d2, nc, p: -_noncentral_fisher_slope(d1, d2, nc, x) / _noncentral_fisher_density(d1, d2, nc, x),
    lambda x, d1, d2, nc, p: 1 / _noncentral_fisher_density(d1, d2, nc, x),
    domain=(_POSITIVE, _POSITIVE, _POSITIVE, _UNIT),
)
inverting(
    sc.ncfdtrinc,
    2,
    lambda nc, d1, d2, p, x: sc.ncfdtr(d1, d2, nc, x),
    unknown(sc.ncfdtrinc, "dfn"),
    unknown(sc.ncfdtrinc, "dfd"),
    lambda nc, d1, d2, p, x: 1 / _noncentral_fisher_slope(d1, d2, nc, x),
    lambda nc, d1, d2, p, x: -_noncentral_fisher_density(d1, d2, nc, x) / _noncentral_fisher_slope(d1, d2, nc, x),
    domain=(_POSITIVE, _POSITIVE, _UNIT, _POSITIVE),
)

refused(
    sc.chndtridf, sc.ncfdtridfn, sc.ncfdtridfd,
    reason="the derivative in a shape parameter is no function of SciPy",
)  # fmt: skip
# Its density is a difference of Kummer functions that loses all digits in SciPy for many degrees of freedom.
refused(
    sc.nctdtr, sc.nctdtrit, sc.nctdtridf, sc.nctdtrinc,
    reason="no accurate derivative of the noncentral t distribution is known",
)  # fmt: skip
