"""Ufuncs of `scipy.special`: distribution functions and their inverses, incomplete gamma and beta functions.

A distribution function has its density for derivative.  Densities are made in Loader's form, in which nothing large
cancels: a deviance (`deviance`) for the exponent and Stirling's error (`stirling_error`) for the Γs, so that they keep
their relative accuracy for shapes of any size.  An inverse has the inverse derivative.  In a shape parameter only the
derivatives that are functions of SciPy are known; the others raise.
Source: C. Loader, Fast and accurate computation of binomial probabilities, 2000.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sc

from ..rules.ufuncs import unknown, with_partials
from ..rules.without_derivatives import refused
from ..values.kinds import innermost as plain
from .forms import along, chosen, deviance, edged, inverting, stirling_error

_SQRT_TAU = math.sqrt(2 * math.pi)
_POSITIVE = (0.0, np.inf)
_UNIT = (0.0, 1.0)


# Densities.


def gamma_density(a: Any, x: Any) -> Any:
    """xᵃ⁻¹ e⁻ˣ / Γ(a) = √(a/2π) exp(−a D − S(a)) / x, with the deviance D of x/a."""

    def power(a: Any, x: Any) -> Any:
        return np.power(x, a - 1) * np.exp(-x) * sc.rgamma(a)

    def loader(a: Any, x: Any) -> Any:
        return np.exp(-a * deviance((x - a) / a, x / a) - stirling_error(a)) * np.sqrt(a) / _SQRT_TAU / x

    return chosen(
        (
            (x > 1e4 * (a + 1), lambda a, x: 0.0 * a, (1.0, 1.0)),
            ((x == 0) | (a == 0) | ((a < 10) & (x < 100)), power, (1.0, 1.0)),
            (True, loader, (20.0, 20.0)),
        ),
        a,
        x,
    )


def _over_beta(a: Any, b: Any) -> Any:
    """1 / B(a, b), one of them being moderate; for large ones SciPy's B loses digits."""

    def stirling(a: Any, b: Any) -> Any:
        low, high = np.minimum(a, b), np.maximum(a, b)
        n = low + high
        norm = stirling_error(n) - stirling_error(low) - stirling_error(high) + high * np.log1p(low / high)
        return np.exp(norm) * np.power(n / low, low) * np.sqrt(low / n) * np.sqrt(high) / _SQRT_TAU

    return chosen(
        (((a < 30) & (b < 30), lambda a, b: 1 / sc.beta(a, b), (1.0, 1.0)), (True, stirling, (1.0, 1.0))), a, b
    )


def _is_tiny(a: Any, b: Any, x: Any, y: Any) -> Any:
    """Where x to the power of a may underflow."""
    return (np.minimum(x, y) < 1e-20) & (np.maximum(a, b) < 1e5) & (np.minimum(a, b) < 30)


def _product_of_powers(a: Any, b: Any, x: Any, y: Any, factor: Any) -> Any:
    """factor xᵃ⁻¹ yᵇ⁻¹, where the powers alone may underflow."""
    half, other = np.power(x, 0.5 * (a - 1)), np.power(y, 0.5 * (b - 1))
    return half * other * factor * other * half


def _beta_formula(a: Any, b: Any, x: Any, y: Any) -> Any:
    def power(a: Any, b: Any, x: Any, y: Any) -> Any:
        return np.power(x, a - 1) * np.power(y, b - 1) * _over_beta(a, b)

    def loader(a: Any, b: Any, x: Any, y: Any) -> Any:
        n, excess = a + b, b * x - a * y
        exponent = -a * deviance(excess / a, n * x / a) - b * deviance(-excess / b, n * y / b)
        norm = stirling_error(n) - stirling_error(a) - stirling_error(b)
        return np.exp(exponent + norm) * np.sqrt(a / n) * np.sqrt(b) / _SQRT_TAU / x / y

    flat = ((x == 0) & (a >= 30)) | ((y == 0) & (b >= 30))
    small = (x == 0) | (y == 0) | ((a < 30) & (b < 30))
    return chosen(
        (
            (flat, lambda a, b, x, y: 0.0 * x, (1.0, 1.0, 0.5, 0.5)),
            (
                _is_tiny(a, b, x, y) & (x != 0) & (y != 0),
                lambda a, b, x, y: _product_of_powers(a, b, x, y, _over_beta(a, b)),
                (1.0, 1.0, 0.5, 0.5),
            ),
            (small, power, (1.0, 1.0, 0.5, 0.5)),
            (True, loader, (1.0, 1.0, 0.5, 0.5)),
        ),
        a, b, x, y,
    )  # fmt: skip


def _by_formula(i: int) -> Callable[..., Any]:
    """The partial that the formula of a beta density has in a shape."""

    def partial(_: Any, *args: Any) -> Any:
        return along(lambda shape: _beta_formula(*(*args[:i], shape, *args[i + 1 :])), args[i])

    return partial


def _beta_in_x(f: Any, a: Any, b: Any, x: Any, y: Any) -> Any:
    """(a − 1)/x times the density, which keeps its digits for a = 1; at the ends, the formula's own."""
    end, tiny = (x == 0) | (y == 0), _is_tiny(a, b, x, 1.0)
    slope = chosen(
        (
            (end, lambda f, a, b, x, y: 0.0 * f, (1.0, 1.0, 1.0, 0.5, 0.5)),
            (
                tiny,
                lambda f, a, b, x, y: (a - 1) * _product_of_powers(a - 1, b, x, y, _over_beta(a, b)),
                (1.0, 1.0, 1.0, 0.5, 0.5),
            ),
            (True, lambda f, a, b, x, y: (a - 1) * (f / x), (1.0, 1.0, 1.0, 0.5, 0.5)),
        ),
        f, a, b, x, y,
    )  # fmt: skip
    return np.where(end, _by_formula(2)(f, a, b, x, y), slope) if np.any(plain(end)) else slope


def _beta_in_y(f: Any, a: Any, b: Any, x: Any, y: Any) -> Any:
    return _beta_in_x(f, b, a, y, x)


@with_partials(_by_formula(0), _by_formula(1), _beta_in_x, _beta_in_y)
def beta_density(a: Any, b: Any, x: Any, y: Any) -> Any:
    """xᵃ⁻¹ yᵇ⁻¹ / B(a, b) for y = 1 − x, with n = a + b and the deviances of nx/a and ny/b."""
    return _beta_formula(a, b, x, y)


def student_density(v: Any, t: Any) -> Any:
    """Γ((v+1)/2) / (√(vπ) Γ(v/2)) (1 + t²/v)^(−(v+1)/2), normal for v = ∞."""

    def normal(v: Any, t: Any) -> Any:
        return np.exp(-0.5 * t * t) / _SQRT_TAU

    def student(v: Any, t: Any) -> Any:
        norm = stirling_error(0.5 * (v + 1)) - stirling_error(0.5 * v) - 0.5 * v * deviance(1 / v, 1 + 1 / v)
        r = t / np.sqrt(v)
        large = np.absolute(r) > 1e8
        square = np.where(large, 0.0, r)
        logarithm = np.where(
            large, 2 * np.log(np.absolute(np.where(large, r, 1.0))), np.log1p(square * square)
        )  # of 1 + t²/v, where t² would overflow
        return np.exp(norm - 0.5 * (v + 1) * logarithm) / _SQRT_TAU

    return chosen(((v == np.inf, normal, (1.0, 1.0)), (True, student, (1.0, 1.0))), v, t)


# Incomplete gamma and beta functions, in their last argument.
edged(sc.gammainc, unknown(sc.gammainc, "a"), lambda y, a, x: gamma_density(a, x), domain=_POSITIVE)
edged(sc.gammaincc, unknown(sc.gammaincc, "a"), lambda y, a, x: -gamma_density(a, x), domain=_POSITIVE)
inverting(
    sc.gammaincinv,
    1,
    lambda x, a, p: sc.gammainc(a, x),
    unknown(sc.gammaincinv, "a"),
    lambda x, a, p: 1 / gamma_density(a, x),
    domain=(_POSITIVE, _UNIT),
)
inverting(
    sc.gammainccinv,
    1,
    lambda x, a, p: sc.gammaincc(a, x),
    unknown(sc.gammainccinv, "a"),
    lambda x, a, p: -1 / gamma_density(a, x),
    domain=(_POSITIVE, _UNIT),
)


def _betainc_slope(a: Any, b: Any, x: Any) -> Any:
    """The density; 0 where a or b is 0, and all mass at an end."""
    flat = ((a == 0) != (b == 0)) & (x > 0) & (x < 1)
    return chosen(
        (
            (flat, lambda a, b, x: 0.0 * x, (1.0, 1.0, 0.5)),
            (True, lambda a, b, x: beta_density(a, b, x, 1 - x), (1.0, 1.0, 0.5)),
        ),
        a,
        b,
        x,
    )


for _function, _inverse, _sign in ((sc.betainc, sc.betaincinv, 1.0), (sc.betaincc, sc.betainccinv, -1.0)):
    edged(
        _function,
        unknown(_function, "a"),
        unknown(_function, "b"),
        lambda y, a, b, x, sign=_sign: sign * _betainc_slope(a, b, x),
        domain=(_POSITIVE, _POSITIVE, _UNIT),
    )
    inverting(
        _inverse,
        2,
        lambda x, a, b, y, function=_function: function(a, b, x),
        unknown(_inverse, "a"),
        unknown(_inverse, "b"),
        lambda x, a, b, y, sign=_sign: sign / beta_density(a, b, x, 1 - x),
        domain=(_POSITIVE, _POSITIVE, _UNIT),
    )

# χ²: the gamma distribution of v/2 and x/2.
edged(sc.chdtr, unknown(sc.chdtr, "v"), lambda y, v, x: 0.5 * gamma_density(0.5 * v, 0.5 * x), domain=_POSITIVE)
edged(sc.chdtrc, unknown(sc.chdtrc, "v"), lambda y, v, x: -0.5 * gamma_density(0.5 * v, 0.5 * x), domain=_POSITIVE)
inverting(
    sc.chdtri,
    1,
    lambda x, v, p: sc.chdtrc(v, x),
    unknown(sc.chdtri, "v"),
    lambda x, v, p: -2 / gamma_density(0.5 * v, 0.5 * x),
    domain=(_POSITIVE, _UNIT),
)

# Gamma, of rate a and shape b.


def _rate_slope(a: Any, b: Any, x: Any) -> Any:
    """x times the density, which is 0 for x = 0; its derivative in x may be infinite there, and is NaN."""
    return chosen(
        (
            ((x == 0) & (b > 0) & (b < 1), lambda a, b, x: 0.0 * np.sqrt(x), (1.0, 1.0, 0.0)),
            (True, lambda a, b, x: x * gamma_density(b, a * x), (1.0, 1.0, 1.0)),
        ),
        a,
        b,
        x,
    )


for _function, _sign in ((sc.gdtr, 1.0), (sc.gdtrc, -1.0)):
    edged(
        _function,
        lambda y, a, b, x, sign=_sign: sign * _rate_slope(a, b, x),
        unknown(_function, "b"),
        lambda y, a, b, x, sign=_sign: sign * a * gamma_density(b, a * x),
        domain=_POSITIVE,
    )
inverting(
    sc.gdtria,
    0,
    lambda a, p, b, x: sc.gdtr(a, b, x),
    lambda a, p, b, x: 1 / x / gamma_density(b, a * x),
    unknown(sc.gdtria, "b"),
    lambda a, p, b, x: -a / x,
    domain=(_UNIT, _POSITIVE, _POSITIVE),
)
inverting(
    sc.gdtrix,
    2,
    lambda x, a, b, p: sc.gdtr(a, b, x),
    lambda x, a, b, p: -x / a,
    unknown(sc.gdtrix, "b"),
    lambda x, a, b, p: 1 / a / gamma_density(b, a * x),
    domain=(_POSITIVE, _POSITIVE, _UNIT),
)

# Poisson: of the mean m, the upper tail of the gamma distribution of shape ⌊k⌋ + 1.
edged(sc.pdtr, unknown(sc.pdtr, "k"), lambda y, k, m: -gamma_density(np.floor(k) + 1, m), domain=_POSITIVE)
edged(sc.pdtrc, unknown(sc.pdtrc, "k"), lambda y, k, m: gamma_density(np.floor(k) + 1, m), domain=_POSITIVE)
inverting(
    sc.pdtri,
    1,
    lambda m, k, y: sc.pdtr(np.trunc(k), m),
    unknown(sc.pdtri, "k"),
    lambda m, k, y: -1 / gamma_density(np.trunc(k) + 1, m),
    domain=(_POSITIVE, _UNIT),
)


# Binomial: of p, the upper tail of the beta distribution of shapes ⌊k⌋ + 1 and n − ⌊k⌋; constant outside 0 ≤ k < n.
# SciPy truncates n, and both n and k of the negative binomial distribution.


def _binomial_slope(k: Any, n: Any, p: Any) -> Any:
    k, n = np.floor(k), np.trunc(n)
    inside = (k >= 0) & (k < n)
    a, b = np.where(inside, k + 1, 1.0), np.where(inside, n - k, 1.0)
    return np.where(inside, beta_density(a, b, p, 1 - p), 0.0)


def _negative_binomial_slope(k: Any, n: Any, p: Any) -> Any:
    """Of p, the beta distribution of shapes n and ⌊k⌋ + 1."""
    return beta_density(1.0 * np.trunc(n), np.trunc(k) + 1, p, 1 - p)


for _function, _slope, _sign in (
    (sc.bdtr, _binomial_slope, -1.0),
    (sc.bdtrc, _binomial_slope, 1.0),
    (sc.nbdtr, _negative_binomial_slope, 1.0),
    (sc.nbdtrc, _negative_binomial_slope, -1.0),
):
    edged(
        _function,
        unknown(_function, "k"),
        unknown(_function, "n"),
        lambda y, k, n, p, slope=_slope, sign=_sign: sign * slope(k, n, p),
        domain=(_POSITIVE, _POSITIVE, _UNIT),
    )
for _inverse, _function, _slope, _sign in (
    (sc.bdtri, sc.bdtr, _binomial_slope, -1.0),
    (sc.nbdtri, sc.nbdtr, _negative_binomial_slope, 1.0),
):
    inverting(
        _inverse,
        2,
        lambda p, k, n, y, function=_function: function(k, n, p),
        unknown(_inverse, "k"),
        unknown(_inverse, "n"),
        lambda p, k, n, y, slope=_slope, sign=_sign: sign / slope(k, n, p),
        domain=(_POSITIVE, _POSITIVE, _UNIT),
    )

refused(
    sc.btdtria, sc.btdtrib, sc.bdtrik, sc.bdtrin, sc.nbdtrik, sc.nbdtrin, sc.pdtrik, sc.gdtrib, sc.chdtriv,
    sc.fdtridfd, sc.stdtridf,
    reason="the derivative in a shape parameter is no function of SciPy",
)  # fmt: skip
