"""Exponential integrals, exponentials, logarithms, entropies."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sc
from scipy.special import _ufuncs

from .. import errors
from ..rules.edges import at_edge
from ..rules.ufuncs import REAL_LINE, over_hypotenuse, unknown, with_partials
from ..rules.without_derivatives import passive
from ..tangents.expression import Tangent
from .forms import boxcox_exponent, chosen, edged, exprel_slope, log1p_over, polynomial, whole

_DEGREE = math.pi / 180
_LN2, _LN10 = math.log(2.0), math.log(10.0)
_POSITIVE = (0.0, np.inf)
_UNIT = (0.0, 1.0)


# Exponential, sine and cosine integrals.


def _sinhc(x: Any) -> Any:
    """sinh(x) / x, by its power series near 0."""
    series = [1 / math.factorial(2 * k + 1) for k in range(12)]
    return chosen(
        (
            (np.absolute(x) < 1.0, lambda x: polynomial(series, x * x), (0.0,)),
            (np.absolute(x) < 40.0, lambda x: np.sinh(x) / x, (1.0,)),
            (True, _far_over, (50.0,)),
        ),
        x,
    )


def _exp_over(x: Any) -> Any:
    """exp(x) / x, by halves where the exponential overflows."""
    half = np.exp(0.5 * x)
    return half / x * half


def _far_over(x: Any) -> Any:
    """sinh(x)/x, and cosh(x)/|x|, far out."""
    return 0.5 * _exp_over(np.absolute(x))


def _coshc(x: Any) -> Any:
    if np.iscomplexobj(x):
        return np.cosh(x) / x
    far = np.absolute(x) > 40.0
    return chosen(((far, lambda x: np.sign(x) * _far_over(x), (50.0,)), (True, lambda x: np.cosh(x) / x, (1.0,))), x)


def _sinc(x: Any) -> Any:
    near, far = lambda x: np.sinc(x / math.pi), lambda x: np.sin(x) / x
    return chosen(((np.absolute(x) < 1.0, near, (0.0,)), (True, far, (1.0,))), x)


def _sici_tangents(y: Any, x: Any, dx: Tangent) -> tuple[Tangent, Tangent]:
    """Si' = sin(x)/x, Ci' = cos(x)/x."""
    return dx * at_edge(dx.perturbation, _sinc, x), dx * at_edge(dx.perturbation, lambda x: np.cos(x) / x, x)


def _shichi_tangents(y: Any, x: Any, dx: Tangent) -> tuple[Tangent, Tangent]:
    """Shi' = sinh(x)/x, Chi' = cosh(x)/x."""
    p = dx.perturbation
    return dx * at_edge(p, _sinhc, x), dx * at_edge(p, _coshc, x)


whole(sc.sici, _sici_tangents)
whole(sc.shichi, _shichi_tangents)
edged(sc.exp1, lambda y, x: -np.exp(-x) / x, domain=_POSITIVE)
edged(
    sc.expi,
    lambda y, x: chosen(((np.real(x) > 40.0, _exp_over, (50.0,)), (True, lambda x: np.exp(x) / x, (1.0,))), x),
    domain=_POSITIVE,
)


def _expn_slope(y: Any, n: Any, x: Any) -> Any:
    """Eₙ' = −Eₙ₋₁; E₀ = exp(−x)/x.  SciPy truncates n."""
    n = np.trunc(n)
    return np.where(np.equal(n, 0), -np.exp(-x) * (1 + 1 / x) / x, -sc.expn(np.maximum(n, 1) - 1, x))


edged(sc.expn, unknown(sc.expn, "n"), _expn_slope, domain=(REAL_LINE, _POSITIVE))


def _spence_slope(y: Any, z: Any) -> Any:
    """log(z)/(1 − z), whose limit at 1 is −1."""
    return chosen(
        (
            (np.absolute(z - 1) < 0.5, lambda z: -log1p_over(z - 1), (1.0,)),
            (True, lambda z: np.log(z) / (1 - z), (2.0,)),
        ),
        z,
    )


edged(sc.spence, _spence_slope, domain=_POSITIVE)


# Exponentials, logarithms and powers.
edged(sc.exp2, lambda y, x: _LN2 * y, domain=(-5.0, 5.0))
edged(sc.exp10, lambda y, x: _LN10 * y, domain=(-5.0, 5.0))
edged(sc.expm1, lambda y, x: np.exp(x), domain=(-5.0, 5.0))
edged(sc.exprel, exprel_slope, domain=(-5.0, 5.0))
edged(sc.cosm1, lambda y, x: -np.sin(x))
edged(sc.log1p, lambda y, x: 1 / (1 + x), domain=(-1.0, np.inf))
edged(sc.cbrt, lambda y, x: 1 / (3 * y * y), domain=_POSITIVE)


@with_partials(lambda y, x: -y * np.tanh(0.5 * x))
def _logistic_slope(x: Any) -> Any:
    """1 / (4 cosh²(x/2)), which is even: its own derivative keeps a small x."""
    return sc.expit(x) * sc.expit(-x)


edged(sc.expit, lambda y, x: _logistic_slope(x))
edged(sc.log_expit, lambda y, x: sc.expit(-x))
edged(sc.logit, lambda y, x: 1 / x / (1 - x), domain=_UNIT)


def _quotient(x: Any, y: Any) -> Any:
    """x / y, which is 0 for x = y = 0: there √x has the value and the infinite slope."""
    zero = (x == 0) & (y == 0)
    return np.where(zero, np.sqrt(np.where(zero, x, 1.0)), x / np.where(zero, 1.0, y))


edged(sc.xlogy, lambda v, x, y: np.log(y), lambda v, x, y: _quotient(x, y), domain=_POSITIVE)
edged(sc.xlog1py, lambda v, x, y: sc.log1p(y), lambda v, x, y: _quotient(x, 1 + y), domain=_POSITIVE)


def _powm1_exponent(v: Any, x: Any, y: Any) -> Any:
    """xʸ log x, which is 0 for x = 0 and y > 0."""
    zero = (x == 0) & (y > 0)
    return np.power(x, y) * np.log(np.where(zero, 1.0, x))


def _powm1_base(v: Any, x: Any, y: Any) -> Any:
    """y xʸ⁻¹, which is 0 for y = 0 whatever x is."""
    # At (0, 0) alone the power would be infinite; elsewhere ∂²/∂x∂y at y = 0 is 1/x, and needs the factor y as it is.
    both = (x == 0) & (y == 0)
    return np.where(both, 0.0, y) * np.power(np.where(both, 1.0, x), y - 1)


edged(sc.powm1, _powm1_base, _powm1_exponent, domain=(_POSITIVE, (-3.0, 3.0)))
edged(sc.radian, lambda y, d, m, s: _DEGREE, lambda y, d, m, s: _DEGREE / 60, lambda y, d, m, s: _DEGREE / 3600)
edged(sc.sindg, lambda y, x: _DEGREE * sc.cosdg(x))
edged(sc.cosdg, lambda y, x: -_DEGREE * sc.sindg(x))
edged(sc.tandg, lambda y, x: _DEGREE * (1 + y * y))
edged(sc.cotdg, lambda y, x: -_DEGREE * (1 + y * y), domain=(0.2, 1.5))
passive(sc.round)


# Box-Cox transforms: (x^λ − 1)/λ = L exprel(λ L) with L = log x.


def _inverse_boxcox_log(y: Any, lam: Any) -> Any:
    """L = log(x) of x = (1 + λ y)^(1/λ), which is y for λ = 0."""
    return y * log1p_over(lam * y)


def _inverse_boxcox_slope(y: Any, lam: Any) -> Any:
    """∂x/∂y = x^(1−λ) = exp((1 − λ) L), which is 1 for λ = 1 even where L = −∞."""
    L = _inverse_boxcox_log(y, lam)
    return np.exp((1 - lam) * np.where((lam == 1) & np.isneginf(L), 0.0 * np.exp(L), L))


def _inverse_boxcox_exponent(v: Any, y: Any, lam: Any) -> Any:
    return -_inverse_boxcox_slope(y, lam) * boxcox_exponent(_inverse_boxcox_log(y, lam), lam)


def _boxcox1p_slope(y: Any, x: Any, lam: Any) -> Any:
    """(1 + x)^(λ−1), whose derivative in λ keeps the log of 1 + x for small x."""
    small = lambda x, lam: np.exp((lam - 1) * sc.log1p(x))
    return chosen(
        ((np.absolute(x) < 0.5, small, (0.0, 1.0)), (True, lambda x, lam: np.power(1 + x, lam - 1), (1.0, 1.0))), x, lam
    )


edged(
    sc.boxcox,
    lambda y, x, lam: np.power(x, lam - 1),
    lambda y, x, lam: boxcox_exponent(np.log(x), lam),
    domain=(_POSITIVE, REAL_LINE),
)
edged(
    sc.boxcox1p,
    _boxcox1p_slope,
    lambda y, x, lam: boxcox_exponent(sc.log1p(x), lam),
    domain=((-1.0, np.inf), REAL_LINE),
)
for _inverse in (sc.inv_boxcox, sc.inv_boxcox1p):
    edged(
        _inverse,
        lambda v, y, lam: _inverse_boxcox_slope(y, lam),
        _inverse_boxcox_exponent,
        domain=(_POSITIVE, _POSITIVE),
    )


# Entropies and losses.


@with_partials(lambda v, x, y: -1 / y, lambda v, x, y: x / y / y)
def _relative_excess(x: Any, y: Any) -> Any:
    """1 − x/y"""
    return (y - x) / y


def _log_ratio(x: Any, y: Any) -> Any:
    """log(x / y): close to 1 by the difference, far from it without overflow."""
    close = (x < 10 * y) & (10 * x > y)
    x_far, y_far = np.where(close, 1.0, x), np.where(close, 1.0, y)
    x, y = np.where(close, x, 1.0), np.where(close, y, 1.0)
    return np.where(close, np.log1p((x - y) / y), np.log(x_far) - np.log(y_far))


edged(sc.entr, lambda y, x: -np.log(x) - 1, domain=_POSITIVE)
edged(
    sc.rel_entr,
    lambda v, x, y: _log_ratio(x, y) + 1,
    lambda v, x, y: -_quotient(x, y),
    domain=_POSITIVE,
)
edged(
    sc.kl_div,
    lambda v, x, y: _log_ratio(x, y),
    lambda v, x, y: np.where((x == 0) & (y == 0), 1 - _quotient(x, y), _relative_excess(x, np.where(y == 0, 1.0, y))),
    domain=_POSITIVE,
)
edged(
    sc.huber,
    lambda y, delta, r: np.where(np.absolute(r) <= delta, 0.0, np.absolute(r) - delta),
    lambda y, delta, r: np.where(np.absolute(r) <= delta, r, delta * np.sign(r)),
    domain=((0.0, 1.5), (1.4, np.inf)),
)


def _pseudo_huber_delta(y: Any, delta: Any, r: Any) -> Any:
    """y = δ (h − δ) with h = √(δ² + r²):  ∂y/∂δ = r⁴ / (h (h + δ)²)."""
    h = np.hypot(delta, r)
    zero = h == 0
    part = r / np.where(zero, 1.0, h + delta)
    return r / np.where(zero, 1.0, h) * r * part * part


def _pseudo_huber_residual(y: Any, delta: Any, r: Any) -> Any:
    """∂y/∂r = δ r / h."""
    zero = (delta == 0) & (r == 0)
    return np.where(zero, 0.0, delta * over_hypotenuse(r, np.where(zero, 1.0, delta)))


edged(sc.pseudo_huber, _pseudo_huber_delta, _pseudo_huber_residual, domain=(_POSITIVE, REAL_LINE))


# The Lambert W function, which sc.lambertw reaches by a ufunc of its own.


def _lambertw_tangent(w: Any, z: Any, k: Any, tolerance: Any, dz: Tangent, dk: Tangent, dtolerance: Tangent) -> Tangent:
    """w eʷ = z:  ẇ = ż exp(−w) / (1 + w)."""
    if dk or dtolerance:
        raise errors.no_derivative_in(sc.lambertw, "k or tol")
    return dz * at_edge(dz.perturbation, lambda w: np.exp(-w) / (1 + w), w)


whole(_ufuncs._lambertw, _lambertw_tangent, active="z")
# ω + log ω = z:  ω' = ω / (1 + ω).
edged(sc.wrightomega, lambda y, z: y / (1 + y))
