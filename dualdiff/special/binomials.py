"""Pochhammer's symbol and binomial coefficients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sc

from ..values.kinds import innermost as plain
from .forms import (
    chosen,
    digamma,
    digamma_of_sum,
    digamma_step,
    edged,
    is_pole,
    sin_pi,
    sin_pi_sum,
    sine_ratio,
    sine_ratio_of_sum,
)
from .gamma_functions import rgamma_slope

_POSITIVE = (0.0, np.inf)


def _poch_base(y: Any, z: Any, m: Any) -> Any:
    """(z)ₘ = Γ(z + m)/Γ(z):  ∂/∂z = (z)ₘ (ψ(z + m) − ψ(z)).

    On the left (z)ₘ = (1 − z − m)ₘ sin πz / sin π(z + m), beside it Γ(z + m) times the entire 1/Γ(z).
    """

    def zero(y: Any, z: Any, m: Any) -> Any:  # of z Γ(z + m)/Γ(1 + z)
        return sc.poch(1 + z, m - 1) * (1 + z * digamma_step(1 + z, m - 1))

    def left(y: Any, z: Any, m: Any) -> Any:
        change = math.pi * (sin_pi(m)[0] / sin_pi_sum(z, m)[0]) / sin_pi_sum(z, m)[0]
        return sc.poch(1 - z - m, m) * (change - sine_ratio(z, m) * digamma_step(1 - z - m, m))

    return chosen(
        (
            ((z > 0) & (z < 0.5) & (m > 0.1), zero, (1.0, 0.3, 1.0)),
            ((z > 0) & (z + m > 0), lambda y, z, m: y * digamma_step(z, m), (1.0, 1.0, 1.0)),
            (
                is_pole(z) & is_pole(z + m),
                lambda y, z, m: y * digamma_step(1 - z, -np.rint(m)),
                (1.0, -2.0, 1.0),
            ),
            ((z < 0.5) & (z + m < 0.5), left, (1.0, -1.5, 0.3)),
            (
                (z < 0.5) & (z > -150.0) & (z + m < 150.0),
                lambda y, z, m: sc.gamma(z + m) * (sc.rgamma(z) * digamma(z + m) + rgamma_slope(0.0, z)),
                (1.0, -1.0, 2.0),
            ),
            (True, lambda y, z, m: y * (digamma_of_sum(z, m) - digamma(z)), (1.0, 1.0, 1.0)),
        ),
        y,
        z,
        m,
    )


def _poch_exponent(y: Any, z: Any, m: Any) -> Any:
    """(z)ₘ ψ(z + m)."""

    def left(y: Any, z: Any, m: Any) -> Any:
        return sc.poch(1 - z - m, m) * sine_ratio(z, m) * digamma_of_sum(z, m)

    poles = is_pole(z) & is_pole(z + m)
    return chosen(
        (
            ((z < 0.5) & (z + m < 0.5) & np.logical_not((z > 0) & (z + m > 0) | poles), left, (1.0, -1.5, 0.3)),
            (True, lambda y, z, m: y * digamma_of_sum(z, m), (1.0, 1.0, 1.0)),
        ),
        y,
        z,
        m,
    )


edged(sc.poch, _poch_base, _poch_exponent, domain=_POSITIVE)


def _binom_left(n: Any, k: Any) -> tuple[Any, Any]:
    """y = C sin π(n − k) / sin πn with C = (k − n − 1)!/(k! (−n − 1)!), for n and n − k near −1, −2, ..."""
    sin_n, cos = sin_pi(n)[0], sin_pi_sum(n, -k)[1]
    C, ratio = sc.binom(k - n - 1, k), sine_ratio_of_sum(n, -k)
    of_n = C * (math.pi * (sin_pi(k)[0] / sin_n) / sin_n - ratio * digamma_step(-n, k))
    return of_n, C * (digamma_step(k + 1, -n - 1) * ratio - math.pi * cos / sin_n)


def _binom_at_pole(n: Any, q: Any, rest: tuple[Any, Any]) -> tuple[Any, Any]:
    """∂y/∂n and ∂y/∂q of y = n!/(q! (n − q)!) = B(n + 1, −q) sin(π(q + 1))/π, for q below 0; sin and cos are given."""
    sin, cos = rest
    beta = sc.beta(n + 1, -q)
    y, common = beta * sin / math.pi, digamma(n + 1 - q)
    return y * (digamma(n + 1) - common), beta * cos + y * (common - digamma(-q))


def _binom_n(y: Any, n: Any, k: Any) -> Any:
    """n! / (k! (n − k)!):  ∂/∂n = y (ψ(n + 1) − ψ(n − k + 1)); at a pole of (n − k)!, the product rule."""

    def zero(y: Any, n: Any, k: Any) -> Any:
        sin, cos = sin_pi_sum(n, -k)
        return sum(_binom_at_pole(n, n - k, (-sin, -cos)))

    return chosen(
        (
            ((n - k > -0.5) & (n + 1 > 0), lambda y, n, k: y * digamma_step(n - k + 1, k), (1.0, 1.0, 1.0)),
            (np.isnan(plain(y)), lambda y, n, k: np.nan * n, (1.0, 1.0, 1.0)),
            ((n - k < -0.5) & (n >= -0.5), zero, (0.0, 1.0, 2.5)),
            ((n - k < -0.5) & (n < -0.5), lambda y, n, k: _binom_left(n, k)[0], (0.0, -1.5, 0.3)),
            (True, lambda y, n, k: y * (digamma(n + 1) - digamma_of_sum(n + 1, -k)), (1.0, 1.0, 1.0)),
        ),
        y,
        n,
        k,
    )


def _binom_k(y: Any, n: Any, k: Any) -> Any:
    """y (ψ(n − k + 1) − ψ(k + 1)), with the product rule at the poles of k! and (n − k)!."""
    rest = n - k + 1

    def of_rest(y: Any, n: Any, k: Any) -> Any:
        sin, cos = sin_pi_sum(n, -k)
        return -_binom_at_pole(n, n - k, (-sin, -cos))[1]

    return chosen(
        (
            ((rest > 0.5) & (k > -0.5), lambda y, n, k: y * digamma_step(k + 1, n - 2 * k), (1.0, 1.0, 1.0)),
            (np.isnan(plain(y)), lambda y, n, k: np.nan * n, (1.0, 1.0, 1.0)),
            ((rest < 0.5) & (n >= -0.5), of_rest, (0.0, 1.0, 2.5)),
            ((k < -0.5) & (n >= -0.5), lambda y, n, k: _binom_at_pole(n, k, sin_pi(k + 1))[1], (0.0, 1.0, -1.5)),
            ((rest < 0.5) & (k > -0.5), lambda y, n, k: _binom_left(n, k)[1], (0.0, -1.5, 0.3)),
            ((k < -0.5) & (rest > 0.5), lambda y, n, k: -_binom_left(n, n - k)[1], (0.0, -1.5, -1.8)),
            (is_pole(rest) & np.logical_not(is_pole(k + 1)), of_rest, (0.0, -1.5, 0.5)),
            (
                is_pole(k + 1) & np.logical_not(is_pole(rest)),
                lambda y, n, k: _binom_at_pole(n, k, sin_pi(k + 1))[1],
                (0.0, -1.5, -1.0),
            ),
            (True, lambda y, n, k: y * (digamma_of_sum(n + 1, -k) - digamma(k + 1)), (1.0, 1.0, 1.0)),
        ),
        y,
        n,
        k,
    )


edged(sc.binom, _binom_n, _binom_k, domain=((2.0, np.inf), (0.0, 1.9)))
