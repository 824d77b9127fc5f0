"""`scipy.stats`, differentiable: densities, probabilities and quantiles of the common distributions.

    stats.norm.logpdf(x, loc, scale)            stats.gamma(a, scale=2.0).logpdf(x)            stats.poisson.pmf(k, mu)

SciPy makes every value.  Densities and their logarithms have derivatives in all real arguments; cdf, sf, logcdf, logsf,
ppf and isf in x (or q), loc and scale, and in the shapes where a closed form is known; elsewhere a Dual raises.
How, and the conventions at the ends of the support: distributions.py.

    distributions.py   the forms: everything follows from the log-density
    multivariate.py    multivariate_normal, multivariate_t, dirichlet, multinomial, wishart, invwishart
"""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np
import scipy.special as sc
from scipy import stats as plain

from .distributions import Continuous, Discrete, Distribution
from .forms import enter
from .multivariate import Multivariate
from .multivariate import dirichlet as dirichlet
from .multivariate import invwishart as invwishart
from .multivariate import multinomial as multinomial
from .multivariate import multivariate_normal as multivariate_normal
from .multivariate import multivariate_t as multivariate_t
from .multivariate import wishart as wishart

_LN2 = math.log(2.0)
_LN_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)


def _normal(z: Any) -> Any:
    return -0.5 * z * z - _LN_SQRT_2PI


# Without shapes.
norm = Continuous(plain.norm, _normal, logcdf=sc.log_ndtr, logsf=lambda z: sc.log_ndtr(-z))
expon = Continuous(plain.expon, lambda z: -z, logsf=lambda z: -z)
cauchy = Continuous(plain.cauchy, lambda z: -math.log(math.pi) - np.log1p(z * z))
laplace = Continuous(plain.laplace, lambda z: -_LN2 - np.absolute(z))
logistic = Continuous(
    plain.logistic,
    lambda z: sc.log_expit(z) + sc.log_expit(-z),
    logcdf=sc.log_expit,
    logsf=lambda z: sc.log_expit(-z),
)
uniform = Continuous(plain.uniform, lambda z: 0.0 * z)
gumbel_r = Continuous(plain.gumbel_r, lambda z: -z - np.exp(-z), logcdf=lambda z: -np.exp(-z))
gumbel_l = Continuous(plain.gumbel_l, lambda z: z - np.exp(z), logsf=lambda z: -np.exp(z))
halfnorm = Continuous(plain.halfnorm, lambda z: _LN2 + _normal(z), logsf=lambda z: _LN2 + sc.log_ndtr(-z))
halfcauchy = Continuous(plain.halfcauchy, lambda z: math.log(2.0 / math.pi) - np.log1p(z * z))
rayleigh = Continuous(
    plain.rayleigh,
    lambda z: np.log(z) - 0.5 * z * z,
    pdf=lambda z: z * np.exp(-0.5 * z * z),
    logsf=lambda z: -0.5 * z * z,
)
maxwell = Continuous(
    plain.maxwell,
    lambda z: _LN2 + 2.0 * np.log(z) + _normal(z),
    pdf=lambda z: 2.0 * z * z * np.exp(_normal(z)),
)

# Powers and exponentials.

gamma = Continuous(
    plain.gamma,
    lambda z, a: sc.xlogy(a - 1.0, z) - z - sc.gammaln(a),
    pdf=lambda z, a: z ** (a - 1.0) * np.exp(-z - sc.gammaln(a)),
)
chi2 = Continuous(
    plain.chi2,
    lambda z, df: sc.xlogy(0.5 * df - 1.0, z) - 0.5 * z - sc.gammaln(0.5 * df) - 0.5 * _LN2 * df,
    pdf=lambda z, df: z ** (0.5 * df - 1.0) * np.exp(-0.5 * z - sc.gammaln(0.5 * df) - 0.5 * _LN2 * df),
)
chi = Continuous(
    plain.chi,
    lambda z, df: sc.xlogy(df - 1.0, z) - 0.5 * z * z - sc.gammaln(0.5 * df) - _LN2 * (0.5 * df - 1.0),
    pdf=lambda z, df: z ** (df - 1.0) * np.exp(-0.5 * z * z - sc.gammaln(0.5 * df) - _LN2 * (0.5 * df - 1.0)),
)
beta = Continuous(
    plain.beta,
    lambda z, a, b: sc.xlogy(a - 1.0, z) + sc.xlog1py(b - 1.0, -z) - sc.betaln(a, b),
    pdf=lambda z, a, b: z ** (a - 1.0) * (1.0 - z) ** (b - 1.0) * np.exp(-sc.betaln(a, b)),
)
f = Continuous(
    plain.f,
    lambda z, n, d: (
        sc.xlogy(0.5 * n, n / d) + sc.xlogy(0.5 * n - 1.0, z) - 0.5 * (n + d) * np.log1p(n * z / d)
        - sc.betaln(0.5 * n, 0.5 * d)
    ),
    pdf=lambda z, n, d: (
        (n / d) ** (0.5 * n) * z ** (0.5 * n - 1.0) * (1.0 + n * z / d) ** (-0.5 * (n + d))
        * np.exp(-sc.betaln(0.5 * n, 0.5 * d))
    ),
)  # fmt: skip
weibull_min = Continuous(
    plain.weibull_min,
    lambda z, c: np.log(c) + sc.xlogy(c - 1.0, z) - z**c,
    pdf=lambda z, c: c * z ** (c - 1.0) * np.exp(-(z**c)),
    cdf=lambda z, c: -np.expm1(-(z**c)),
    logsf=lambda z, c: -(z**c),
)
powerlaw = Continuous(
    plain.powerlaw,
    lambda z, a: np.log(a) + sc.xlogy(a - 1.0, z),
    pdf=lambda z, a: a * z ** (a - 1.0),
    cdf=lambda z, a: z**a,
)
pareto = Continuous(
    plain.pareto,
    lambda z, b: np.log(b) - (b + 1.0) * np.log(z),
    cdf=lambda z, b: -np.expm1(-b * np.log(z)),
    logsf=lambda z, b: -b * np.log(z),
)
lomax = Continuous(
    plain.lomax,
    lambda z, c: np.log(c) - (c + 1.0) * np.log1p(z),
    cdf=lambda z, c: -np.expm1(-c * np.log1p(z)),
    logsf=lambda z, c: -c * np.log1p(z),
)


def _lognormal(z: Any, s: Any) -> Any:
    u = np.log(z)
    # u² / (2 s²) + u, one product of terms that agree in sign at z = 0.
    return -u * (u / (2.0 * s * s) + 1.0) - np.log(s) - _LN_SQRT_2PI


lognorm = Continuous(
    plain.lognorm,
    _lognormal,
    pdf=lambda z, s: 0.0 * z,  # it vanishes at 0 with all its derivatives
    cdf=lambda z, s: sc.ndtr(np.log(z) / s),
    logcdf=lambda z, s: sc.log_ndtr(np.log(z) / s),
    logsf=lambda z, s: sc.log_ndtr(-np.log(z) / s),
)
invgamma = Continuous(
    plain.invgamma,
    lambda z, a: -(a + 1.0) * np.log(z) - sc.gammaln(a) - 1.0 / z,
    pdf=lambda z, a: 0.0 * z,
)


def _student(z: Any, df: Any) -> Any:
    """For infinite df it is the normal density."""
    limit = np.isinf(df)
    n = np.where(limit, 1.0, df)
    density = _gamma_ratio(n) - _LN_SQRT_2PI - 0.5 * (n + 1.0) * np.log1p(z * z / n)
    return np.where(limit, _normal(z), density)


def _gamma_ratio(n: Any) -> Any:
    """log Γ((n+1)/2) − log Γ(n/2) − ½ log(n/2), by its asymptotic series where that cancels (DLMF 5.11.13)."""
    large = n > 60.0
    r = 1.0 / np.where(large, n, 60.0)
    series = ((((-31 / 36 * r * r + 17 / 112) * r * r - 1 / 20) * r * r + 1 / 24) * r * r - 1 / 4) * r
    n = np.where(large, 1.0, n)
    return np.where(large, series, sc.gammaln(0.5 * (n + 1.0)) - sc.gammaln(0.5 * n) - 0.5 * np.log(0.5 * n))


t = Continuous(plain.t, _student)
skewnorm = Continuous(
    plain.skewnorm,
    lambda z, a: _LN2 + _normal(z) + sc.log_ndtr(a * z),
    cdf=lambda z, a: sc.ndtr(z) - 2.0 * sc.owens_t(z, a),
)
vonmises = Continuous(
    plain.vonmises,
    # cos z − 1 as a square, since both κ and the Bessel function may be large
    lambda z, kappa: -2.0 * kappa * np.sin(0.5 * z) ** 2 - math.log(2.0 * math.pi) - np.log(sc.i0e(kappa)),
)


def _mirrored(z: Any, a: Any, b: Any) -> tuple[Any, ...]:
    """z, a and b on the side of the normal distribution where its integral is small: log Φ keeps all digits there."""
    right = a > 0
    return right, np.where(right, -z, z), np.where(right, -b, a), np.where(right, -a, b)


def _truncated(z: Any, a: Any, b: Any) -> Any:
    """φ(z) / (Φ(b) − Φ(a)),  log(Φ(b) − Φ(a)) = log Φ(b) + log(1 − Φ(a) / Φ(b))"""
    _, _, lo, hi = _mirrored(z, a, b)
    top = sc.log_ndtr(hi)
    return _normal(z) - top - np.log(-np.expm1(sc.log_ndtr(lo) - top))


def _truncated_cdf(z: Any, a: Any, b: Any) -> Any:
    """(Φ(z) − Φ(a)) / (Φ(b) − Φ(a)), all divided by Φ(b)"""
    right, z, lo, hi = _mirrored(z, a, b)
    top = sc.log_ndtr(hi)
    part = np.exp(sc.log_ndtr(z) - top) - np.exp(sc.log_ndtr(lo) - top)
    below = part / -np.expm1(sc.log_ndtr(lo) - top)
    return np.where(right, 1.0 - below, below)


truncnorm = Continuous(plain.truncnorm, _truncated, cdf=_truncated_cdf)

# Whole numbers.


def _log_choose(n: Any, k: Any) -> Any:
    return sc.gammaln(n + 1.0) - sc.gammaln(k + 1.0) - sc.gammaln(n - k + 1.0)


def _binomial_cdf(k: Any, n: Any, p: Any) -> Any:
    """I_{1−p}(n − k, k + 1), for k < n."""
    return sc.betainc(n - k, k + 1.0, 1.0 - p)


poisson = Discrete(
    plain.poisson,
    lambda k, mu: sc.xlogy(k, mu) - sc.gammaln(k + 1.0) - mu,
    pmf=lambda k, mu: mu**k * np.exp(-sc.gammaln(k + 1.0) - mu),
    cdf=lambda k, mu: sc.gammaincc(k + 1.0, mu),
)
binom = Discrete(
    plain.binom,
    lambda k, n, p: _log_choose(n, k) + sc.xlogy(k, p) + sc.xlog1py(n - k, -p),
    pmf=lambda k, n, p: np.exp(_log_choose(n, k)) * p**k * (1.0 - p) ** (n - k),
    cdf=_binomial_cdf,
    whole=("n",),
)
bernoulli = Discrete(
    plain.bernoulli,
    lambda k, p: sc.xlogy(k, p) + sc.xlog1py(1.0 - k, -p),
    pmf=lambda k, p: p**k * (1.0 - p) ** (1.0 - k),
    cdf=lambda k, p: 1.0 - p,
)
geom = Discrete(
    plain.geom,
    lambda k, p: np.log(p) + sc.xlog1py(k - 1.0, -p),
    pmf=lambda k, p: p * (1.0 - p) ** (k - 1.0),
    cdf=lambda k, p: -np.expm1(sc.xlog1py(k, -p)),
)
nbinom = Discrete(
    plain.nbinom,
    lambda k, n, p: sc.gammaln(n + k) - sc.gammaln(k + 1.0) - sc.gammaln(n) + sc.xlogy(n, p) + sc.xlog1py(k, -p),
    pmf=lambda k, n, p: np.exp(sc.gammaln(n + k) - sc.gammaln(k + 1.0) - sc.gammaln(n)) * p**n * (1.0 - p) ** k,
    cdf=lambda k, n, p: sc.betainc(n, k + 1.0, p),
)
betabinom = Discrete(
    plain.betabinom,
    lambda k, n, a, b: _log_choose(n, k) + sc.betaln(k + a, n - k + b) - sc.betaln(a, b),
    pmf=lambda k, n, a, b: np.exp(_log_choose(n, k) + sc.betaln(k + a, n - k + b) - sc.betaln(a, b)),
    whole=("n",),
)


def __getattr__(name: str) -> NoReturn:
    known = sorted(key for key, value in globals().items() if hasattr(value, "methods"))
    raise AttributeError(f"dualdiff.scipy.stats has no {name!r}; it has {', '.join(known)}.")


__all__ = [key for key, value in globals().items() if isinstance(value, (Distribution, Multivariate))]


enter(globals(), plain)
