"""Ufuncs of `scipy.special`: the gamma function and its kin.

Where two digamma functions cancel, `digamma_step` is their difference; where a zero of 1/Γ meets a pole of ψ, the
derivative of 1/Γ, which is entire, takes the place of the product.  Close to the poles the sines of reflections are
those of exact sums (`sin_pi_sum`).  Where the mixed second derivative of beta is not known to all digits, beside two
poles at once, it is NaN.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sc
from scipy.special import _ufuncs

from ..rules.ufuncs import REAL_LINE, unknown
from ..rules.without_derivatives import passive, refused
from .forms import (
    chosen,
    digamma,
    edged,
    polynomial,
    sin_pi,
    trigamma,
)

_POSITIVE = (0.0, np.inf)
# B₂ₖ, for the asymptotic series of ψ′ (DLMF 5.15.8).
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798)


def _csc_squared(x: Any) -> Any:
    """(π / sin πx)², which is 0 far from the real axis (and would overflow there)."""
    far = np.absolute(np.imag(x)) > 30.0
    return np.where(far, 0.0, (math.pi / sin_pi(np.where(far, 0.5, x))[0]) ** 2)


def _right_trigamma(z: Any) -> Any:
    """ψ′ for complex z with Re z ≥ 1/2: 16 steps of ψ′(z) = ψ′(z + 1) + 1/z², then its asymptotic series."""
    total: Any = 0.0
    for k in range(16):
        total = total + 1 / ((z + k) * (z + k))
    r = 1 / (z + 16)
    return total + r * (1 + r * (0.5 + r * polynomial(_BERNOULLI, r * r)))


def _trigamma(y: Any, x: Any) -> Any:
    if not np.iscomplexobj(x):
        return trigamma(x)
    right = np.real(x) >= 0.5
    return np.where(
        right,
        _right_trigamma(np.where(right, x, 1.0)),
        _csc_squared(np.where(right, 0.5, x)) - _right_trigamma(np.where(right, 1.0, 1 - x)),
    )


def _psi(x: Any) -> Any:
    return sc.psi(x) if np.iscomplexobj(x) else digamma(x)


def rgamma_slope(y: Any, x: Any) -> Any:
    """−ψ(x)/Γ(x); on the left, where both factors have poles or zeros, by 1/Γ(x) = Γ(1 − x) sin(πx)/π."""

    def reflected(y: Any, x: Any) -> Any:
        sin, cos = sin_pi(x)
        return sc.gamma(1 - x) * (cos - sc.psi(1 - x) * sin / math.pi)

    left = (np.real(x) < 0.5) & (np.absolute(np.imag(x)) < 1.0)
    return chosen(((left, reflected, (0.0, 0.0)), (True, lambda y, x: -y * sc.psi(x), (1.0, 1.0))), y, x)


edged(sc.gamma, lambda y, x: y * _psi(x), domain=_POSITIVE)
edged(sc.gammaln, lambda y, x: _psi(x), domain=_POSITIVE)
edged(sc.loggamma, lambda y, x: _psi(x), domain=_POSITIVE)
edged(sc.rgamma, rgamma_slope)
edged(sc.psi, _trigamma, domain=_POSITIVE)
passive(sc.gammasgn)

# ∂ζ(s, q)/∂q = −s ζ(s + 1, q).  sc.zeta calls this ufunc, and _riemann_zeta without q.
edged(
    _ufuncs._zeta,
    unknown(_ufuncs._zeta, "x"),
    lambda y, s, q: -s * _ufuncs._zeta(s + 1, q),
    domain=((1.0, np.inf), _POSITIVE),
)
refused(sc.zetac, _ufuncs._riemann_zeta, reason="SciPy has no derivative of the Riemann zeta function")

# The Wright functions: ∂Φ(a, b; x)/∂x = Φ(a, b + a; x) (DLMF 10.46.1).
edged(
    sc.wright_bessel,
    unknown(sc.wright_bessel, "a"),
    unknown(sc.wright_bessel, "b"),
    lambda y, a, b, x: sc.wright_bessel(a, b + a, x),
    domain=(REAL_LINE, REAL_LINE, _POSITIVE),
)
if hasattr(sc, "log_wright_bessel"):  # SciPy 1.14, where it is wrong for 1 < x < 2
    if abs(sc.log_wright_bessel(0.5, 1.5, 1.8) - math.log(sc.wright_bessel(0.5, 1.5, 1.8))) < 1e-12:
        edged(
            sc.log_wright_bessel,
            unknown(sc.log_wright_bessel, "a"),
            unknown(sc.log_wright_bessel, "b"),
            lambda y, a, b, x: np.exp(sc.log_wright_bessel(a, b + a, x) - y),
            domain=(REAL_LINE, REAL_LINE, _POSITIVE),
        )
    else:
        refused(sc.log_wright_bessel, reason="its values are wrong in this release of SciPy")
