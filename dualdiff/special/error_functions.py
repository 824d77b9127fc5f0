"""Ufuncs of `scipy.special`: error functions, Voigt profiles, the normal distribution and Fresnel integrals.

All are w(z) = exp(−z²) erfc(−iz) in some form.  Its derivative 2i/√π − 2 z w cancels far out; there it comes from
Laplace's continued fraction.  For a Voigt profile of a sharp line (γ < 1e-8 σ) the derivative in σ has a relative error
of up to 1e-11 between 5 and 10 widths from its centre.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sc

from ..rules.edges import at_edge
from ..rules.ufuncs import REAL_LINE
from ..rules.without_derivatives import refused
from ..tangents.expression import Tangent
from .forms import chosen, edged, gaussian, whole

_SQRT_PI = math.sqrt(math.pi)
_SQRT_HALF = math.sqrt(0.5)
_POSITIVE = (0.0, np.inf)
_UNIT = (0.0, 1.0)


def _continued(x: Any, numerator: int, depth: int = 17) -> Any:
    """(n/2) / (x + ((n+1)/2) / (x + ...)), the tail of Laplace's continued fraction (DLMF 7.9.1)."""
    tail: Any = 0.0
    for n in range(numerator + depth - 1, numerator - 1, -1):
        tail = 0.5 * n / (x + tail)
    return tail


def _is_far(x: Any) -> Any:
    """Where √π erfcx(x) = 1 / (x + K) with the continued fraction K, and  y' = 2 x y − 2/√π  cancels."""
    re, im = np.real(x), np.imag(x)
    # Close to the imaginary axis the real part may be as small as exp(−im²), which the fraction does not know.
    small = np.maximum(np.absolute(re), 1e-300)
    axis = (small < 1e-5) & (im * im < 30.0 - np.log(small))
    return (np.hypot(re, im) > 7.0) & ~axis & ((re >= 0) | (im * im - re * re > 40.0))


def _erfcx_slope(y: Any, x: Any) -> Any:
    """y = exp(x²) erfc(x):  y' = 2 x y − 2/√π = −2 K / (√π (x + K))."""

    def far(y: Any, x: Any) -> Any:
        tail = _continued(x, 1)
        return -2 / _SQRT_PI * tail / (x + tail)

    def right(y: Any, x: Any) -> Any:
        tail = _continued(x, 1, 26)
        return -2 / _SQRT_PI * tail / (x + tail)

    close = lambda y, x: 2 * x * y - 2 / _SQRT_PI
    if np.iscomplexobj(x):
        return chosen(((_is_far(x), far, (0.0, 8.0)), (True, close, (0.0, 0.0))), y, x)
    return chosen(((x > 4.0, right, (0.0, 8.0)), (True, close, (0.0, 0.0))), y, x)


def _erfcx_bend(y: Any, x: Any) -> Any:
    """y'' = 2 y + 2 x y' = 2 L / (√π (x + K) (x + L)), where K = (1/2) / (x + L)."""

    def far(y: Any, x: Any) -> Any:
        rest = _continued(x, 2)
        return 2 / _SQRT_PI * rest / (x + 0.5 / (x + rest)) / (x + rest)

    def close(y: Any, x: Any) -> Any:
        return 2 * y + 2 * x * (2 * x * y - 2 / _SQRT_PI)

    return chosen(((_is_far(x), far, (0.0, 8.0)), (True, close, (0.0, 0.0))), y, x)


def _dawsn_slope(y: Any, x: Any) -> Any:
    """y' = 1 − 2 x y; far out, where 2 x y = x / (x − K), −K / (x − K)."""

    def far(y: Any, x: Any) -> Any:
        tail: Any = 0.0
        for n in range(17, 0, -1):
            tail = 0.5 * n / (x - tail)
        return -tail / (x - tail)

    re, im = np.real(x), np.imag(x)
    # Off the real axis dawsn has a part exp(−x²), which the fraction does not know.
    return chosen(
        (((re - im) * (re + im) > 49.0, far, (0.0, 8.0)), (True, lambda y, x: 1 - 2 * x * y, (0.0, 0.0))), y, x
    )


def _bell(x: Any) -> Any:
    """exp(−x²), on the real line with derivatives of 0 far out."""
    return np.exp(-x * x) if np.iscomplexobj(x) else gaussian(x, 1.0)


edged(sc.erf, lambda y, x: 2 / _SQRT_PI * _bell(x))
edged(sc.erfc, lambda y, x: -2 / _SQRT_PI * _bell(x))
edged(sc.erfi, lambda y, x: 2 / _SQRT_PI * np.exp(x * x))
edged(sc.erfcx, _erfcx_slope)
edged(sc.dawsn, _dawsn_slope)


def _erfcinv_slope(y: Any, q: Any) -> Any:
    """exp(y²) √π/2 for q = erfc(y), by exp(y²) = erfcx(y)/q for small q, where rounding y costs y² roundings."""
    small = lambda y, q: _SQRT_PI / 2 * sc.erfcx(y) / q
    large = lambda y, q: _SQRT_PI / 2 * np.exp(y * y)
    return chosen((((q < 0.1) & (q > 0), small, (1.0, 0.2)), (True, large, (0.0, 1.0))), y, q)


def _erfinv_slope(y: Any, x: Any) -> Any:
    return _erfcinv_slope(np.absolute(y), 1 - np.absolute(x))


edged(sc.erfinv, _erfinv_slope, domain=(-1.0, 1.0))
edged(
    sc.erfcinv,
    lambda y, q: -_erfcinv_slope(np.where(q > 1, -y, y), np.where(q > 1, 2 - q, q)),
    domain=(0.0, 2.0),
)
# w(z) = erfcx(−iz), complex even on the real line.
whole(sc.wofz, lambda y, z, dz: dz * at_edge(dz.perturbation, lambda: -1j * _erfcx_slope(y, -1j * z)))


def _voigt(sigma: Any, x: Any, gamma: Any) -> tuple[Any, Any, Any]:
    """w(z) with z = (x + iγ)/(σ√2), as the function of −iz that it is; and 1/(σ√2)."""
    scale = _SQRT_HALF / sigma
    u = (gamma - 1j * x) * scale
    return sc.wofz(1j * u), u, scale


def _unknown_slope(sigma: Any) -> Any:
    """0 for σ = 0, with a derivative of NaN: second derivatives in σ are not known there."""
    return 0.0 * np.sqrt(sigma)


def _voigt_position(y: Any, x: Any, sigma: Any, gamma: Any) -> Any:
    """V = Re w(z) / (σ√2π):  ∂V/∂x = Re w'(z) / (2√π σ²); for σ = 0 V = γ / (π (x² + γ²))."""

    def gaussian(x: Any, sigma: Any, gamma: Any) -> Any:
        w, u, scale = _voigt(sigma, x, gamma)
        return np.imag(_erfcx_slope(w, u)) * scale * scale / _SQRT_PI

    def lorentzian(x: Any, sigma: Any, gamma: Any) -> Any:
        r2 = x * x + gamma * gamma
        return -2 / math.pi * x * gamma / r2 / r2 + _unknown_slope(sigma)

    return chosen(((sigma == 0, lorentzian, (1.0, 0.0, 1.0)), (True, gaussian, (1.0, 1.0, 1.0))), x, sigma, gamma)


def _voigt_sigma(y: Any, x: Any, sigma: Any, gamma: Any) -> Any:
    """∂V/∂σ = σ ∂²V/∂x² (the Gaussian diffuses), with w''(z) = −erfcx''(−iz)."""

    def gaussian(x: Any, sigma: Any, gamma: Any) -> Any:
        w, u, scale = _voigt(sigma, x, gamma)
        return -np.real(_erfcx_bend(w, u)) * scale * scale * (_SQRT_HALF / _SQRT_PI)

    def lorentzian(x: Any, sigma: Any, gamma: Any) -> Any:
        return 0.0 * x + _unknown_slope(sigma)

    return chosen(((sigma == 0, lorentzian, (1.0, 0.0, 1.0)), (True, gaussian, (1.0, 1.0, 1.0))), x, sigma, gamma)


def _voigt_gamma(y: Any, x: Any, sigma: Any, gamma: Any) -> Any:
    """∂V/∂γ = Re i w'(z) / (2√π σ²), where i w'(z) = erfcx'(−iz)."""

    def gaussian(x: Any, sigma: Any, gamma: Any) -> Any:
        w, u, scale = _voigt(sigma, x, gamma)
        return np.real(_erfcx_slope(w, u)) * scale * scale / _SQRT_PI

    def lorentzian(x: Any, sigma: Any, gamma: Any) -> Any:
        r2 = x * x + gamma * gamma
        return (x - gamma) * (x + gamma) / math.pi / r2 / r2 + _unknown_slope(sigma)

    return chosen(((sigma == 0, lorentzian, (1.0, 0.0, 1.0)), (True, gaussian, (1.0, 1.0, 1.0))), x, sigma, gamma)


edged(sc.voigt_profile, _voigt_position, _voigt_sigma, _voigt_gamma, domain=(REAL_LINE, (0.2, np.inf), _POSITIVE))

# The normal distribution.
edged(sc.ndtr, lambda y, x: _SQRT_HALF / _SQRT_PI * gaussian(x))


def _ndtri_slope(y: Any, p: Any) -> Any:
    return 4 * _SQRT_HALF * _erfcinv_slope(_SQRT_HALF * np.where(p < 0.5, -y, y), 2 * np.where(p < 0.5, p, 1 - p))


edged(sc.ndtri, _ndtri_slope, domain=_UNIT)


def _mills(x: Any) -> Any:
    """φ(x)/Φ(x) = √(2/π) / erfcx(−x/√2), which neither cancels nor underflows.

    On the left it is √2 (u + K) with u = −x/√2, so that its derivative −1 − K' has no quotient of tiny numbers; on the
    right, where erfcx overflows, φ and Φ are fine.
    """

    def left(x: Any) -> Any:
        u = -_SQRT_HALF * x
        return 2 * _SQRT_HALF * (u + _continued(u, 1))

    return chosen(
        (
            (x < -10.0, left, (-20.0,)),
            (x < 0, lambda x: 2 * _SQRT_HALF / _SQRT_PI / sc.erfcx(-_SQRT_HALF * x), (-1.0,)),
            (True, lambda x: _SQRT_HALF / _SQRT_PI * gaussian(x) / sc.ndtr(x), (1.0,)),
        ),
        x,
    )


edged(sc.log_ndtr, lambda y, x: _mills(x))
# The inverse has the inverse derivative.
edged(sc.ndtri_exp, lambda y, x: _SQRT_HALF * _SQRT_PI * sc.erfcx(-_SQRT_HALF * y), domain=(-np.inf, 0.0))
edged(
    sc.owens_t,
    lambda y, h, a: -0.5 * _SQRT_HALF / _SQRT_PI * np.exp(-0.5 * h * h) * sc.erf(_SQRT_HALF * a * h),
    lambda y, h, a: np.exp(-0.5 * h * h * (1 + a * a)) / (2 * math.pi * (1 + a * a)),
)


# Fresnel integrals.


def _fresnel_tangents(y: Any, z: Any, dz: Tangent) -> tuple[Tangent, Tangent]:
    """S' = sin(π z²/2), C' = cos(π z²/2); z = n + d with a whole n, and n² counts modulo 4."""
    n = np.rint(np.real(z))
    d = z - n
    phase = (math.pi / 2) * (np.remainder(n, 2.0) + d * (2 * n + d))
    p = dz.perturbation
    return dz * at_edge(p, np.sin, phase), dz * at_edge(p, np.cos, phase)


def _modified_fresnel(turn: complex) -> Any:
    """F±(x) = ∫ exp(±it²) dt from x to ∞:  F' = −exp(±ix²);  K±(x) = erfcx(x e^{∓iπ/4}) / 2."""

    def tangents(y: Any, x: Any, dx: Tangent) -> tuple[Tangent, Tangent]:
        p = dx.perturbation
        return (
            dx * at_edge(p, lambda x: -np.exp((-turn * turn) * (x * x)), x),
            dx * at_edge(p, lambda y, x: 0.5 * turn * _erfcx_slope(2 * y, turn * x), y[1], x),
        )

    return tangents


whole(sc.fresnel, _fresnel_tangents)
for _function, _turn in ((sc.modfresnelp, _SQRT_HALF * (1 - 1j)), (sc.modfresnelm, _SQRT_HALF * (1 + 1j))):
    if abs(_function(1.0)[1] - 0.5 * sc.erfcx(_turn)) < 1e-12:
        whole(_function, _modified_fresnel(_turn))
    else:  # modfresnelp of SciPy 1.13
        refused(_function, reason="its values are wrong in this release of SciPy")
