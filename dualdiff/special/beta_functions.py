"""The beta function: a quotient of gamma functions, accurate near their poles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sc

from ..rules.ufuncs import with_partials
from ..values.kinds import innermost as plain
from .forms import (
    along,
    chosen,
    digamma,
    digamma_of_sum,
    digamma_quotient,
    digamma_step,
    edged,
    is_pole,
    sin_pi,
    sin_pi_sum,
    sine_ratio_of_sum,
    trigamma_of_sum,
)

_POSITIVE = (0.0, np.inf)

# Beta functions and binomial coefficients.  SciPy's values of poch are wrong close to its removable poles, so the
# derivatives are made of values of positive arguments there, and of sines of exact sums.


def _beta_step(a: Any, b: Any) -> Any:
    """ψ(a) − ψ(a + b) = ψ(1 − a) − ψ(1 − a − b) − π sin πb / (sin πa sin π(a + b))."""

    def left(a: Any, b: Any) -> Any:
        return digamma_step(1 - a - b, b) - math.pi * (sin_pi(b)[0] / sin_pi(a)[0]) / sin_pi_sum(a, b)[0]

    def poles(a: Any, b: Any) -> Any:
        # Not so in b, where the derivative is infinite: the second term is 0, and its derivative NaN.
        return digamma_step(1 - a - b, b) + 0.0 * np.sqrt(b - np.rint(b))

    return chosen(
        (
            ((a > 0) & (a + b > 0), lambda a, b: -digamma_step(a, b), (1.0, 1.0)),
            (is_pole(a) & is_pole(a + b), poles, (-2.0, 1.0)),
            ((a < 0.5) & (a + b < 0.5), left, (-0.5, -0.3)),
            (True, lambda a, b: digamma(a) - digamma_of_sum(a, b), (1.0, 1.0)),
        ),
        a,
        b,
    )


def _beta_slope(y: Any, a: Any, b: Any) -> Any:
    """∂/∂a of B(a, b) = Γ(a) Γ(b)/Γ(a + b):  B (ψ(a) − ψ(a + b)), on the left with the reflected

    B(a, b) = B(a, 1 − s) sin πs / sin πb = B(b, 1 − s) sin πs / sin πa,  s = a + b.
    """

    def zero(y: Any, a: Any, b: Any) -> Any:
        r = 1 - a - b
        sin, cos = sin_pi_sum(a, b)
        return sc.beta(a, r) / sin_pi(b)[0] * (math.pi * cos - digamma_step(a, (1 - 2 * a) - b) * sin)

    def left(y: Any, a: Any, b: Any) -> Any:
        r = 1 - a - b
        change = sine_ratio_of_sum(a, b) * digamma_step(r, b) - math.pi * (sin_pi(b)[0] / sin_pi(a)[0]) / sin_pi(a)[0]
        return sc.beta(b, r) * change

    return chosen(
        (
            ((a > 0) & (a + b > 0), lambda y, a, b: -y * digamma_step(a, b), (1.0, 1.0, 1.0)),
            (is_pole(a) & is_pole(a + b), lambda y, a, b: y * _beta_step(a, b), (1.0, 1.0, 1.0)),
            ((a > 0) & (b < 0.5), zero, (1.0, 1.0, -1.5)),
            ((a < 0.5) & (a + b < 0.5), left, (1.0, -0.5, -0.3)),
            (True, lambda y, a, b: y * _beta_step(a, b), (1.0, 1.0, 1.0)),
        ),
        y,
        a,
        b,
    )


@with_partials(lambda _, a, b: along(lambda a: _beta_step(a, b), a), lambda _, a, b: -trigamma_of_sum(a, b))
def _log_beta_slope(a: Any, b: Any) -> Any:
    """ψ(a) − ψ(a + b), where a pole of ψ(a) is none of the derivative in b."""
    return _beta_step(a, b)


@with_partials(
    lambda c, a, b: -c * b * digamma_quotient(a, b),
    lambda c, a, b: c * digamma_step(a + b, 1 - a),
)
def _beta_at_zero(a: Any, b: Any) -> Any:
    """b B(a, b) = Γ(a) Γ(1 + b)/Γ(a + b) for positive a and b near 0."""
    return (a + b) * sc.beta(a, 1 + b)


@with_partials(
    lambda g, a, b: -g * b * digamma_quotient(1 + a, b),
    lambda g, a, b: -g * a * digamma_quotient(1 + b, a),
)
def _beta_at_zeros(a: Any, b: Any) -> Any:
    """Γ(1 + a) Γ(1 + b)/Γ(1 + a + b), a and b near 0."""
    return (1 + a + b) * sc.beta(1 + a, 1 + b)


@with_partials(lambda r, a, b: -b / a / a, lambda r, a, b: 1 / a)
def _shifted(a: Any, b: Any) -> Any:
    """(a + b)/a = 1 + b/a"""
    return (a + b) / a


_STEPS = 40  # of the recurrence B(a, b) = B(a + 1, b) (a + b)/a, which close to a pole is better than a reflection


def _without_one(factors: list[Any]) -> list[Any]:
    """For each factor the product of all others, without a division."""
    if not factors:
        return []
    before, after = [1.0], [1.0]
    for f in factors[:-1]:
        before.append(before[-1] * f)
    for f in factors[:0:-1]:
        after.append(after[-1] * f)
    return [x * y for x, y in zip(before, reversed(after), strict=True)]


def _beta_by_steps(a: Any, b: Any) -> Any:
    """∂B/∂a for a or b below 1/2: both are raised by whole numbers k and n to α and β above −1/2.

    B = Π (a + b + j) / (Π (a + j) Π (b + j)) B(α, β).  What is infinite at a pole is a factor of its own, and no
    difference of such: beside it, the derivatives in the other argument are polynomials.
    """
    low_a, low_b = a < 0.5, b < 0.5
    k, n = (np.where(low, np.floor(0.5 - plain(x)), 0.0) for low, x in ((low_a, a), (low_b, b)))
    alpha, beta = a + k, b + n
    steps_k, steps_n = range(int(np.max(k, initial=0)) + 1), range(int(np.max(n, initial=0)) + 1)
    below_b: Any = 1.0  # Π (b + j), without the factor β
    for i in steps_n[1:]:
        below_b = below_b * np.where(i <= n, beta - i, 1.0)

    def both(a: Any, b: Any) -> Any:
        # Numerators α + β − i for i = 0 ... k + n; those to k are paired with the denominators α − i.
        factors, slopes = [], []
        for i in range(len(steps_k) + len(steps_n) - 1):
            paired = i <= k
            factors.append(
                np.where(paired, _shifted(np.where(paired, a - i, 1.0), b), np.where(i <= k + n, a + b - i, 1.0))
            )
            safe = np.where(paired, a - i, 1.0)
            slopes.append((np.where(paired, -1 / safe / safe, 0.0), np.where(paired | (i > k + n), 0.0, 1.0)))
        rest = _without_one(factors)
        change: Any = 0.0
        for (regular, polar), other in zip(slopes, rest, strict=True):
            change = change + regular * other + polar * other / b
        return _beta_at_zeros(a, b) * (change - factors[0] * rest[0] * digamma_quotient(1 + a, b)) / below_b

    def of_b(a: Any, b: Any) -> Any:
        factors = [np.where(i <= n, a + b - i, 1.0) for i in steps_n[1:]]
        c = _beta_at_zero(a, b)
        product: Any = 1.0
        for f in factors:
            product = product * f
        change: Any = 0.0
        for i, other in zip(steps_n[1:], _without_one(factors), strict=True):
            change = change + np.where(i <= n, other, 0.0)
        return (c * change / b - product * c * digamma_quotient(a, b)) / below_b

    def of_a(a: Any, b: Any) -> Any:
        # The numerator that vanishes where b is a whole number m is paired with the pole, (α + b − m)/α.
        m = np.rint(plain(b))
        met = (m >= 1) & (m <= k)
        pole = np.where(met, _shifted(a, np.where(met, b - m, 0.0)), 1 / a)
        steep = np.where(met, -(b - m) / a / a, -1 / a / a)
        below: Any = 1.0
        share: Any = 0.0
        factors = []
        for i in steps_k[1:]:
            under = np.where(i <= k, a - i, 1.0)
            below, share = below * under, share + np.where(i <= k, 1 / under, 0.0)
            factors.append(np.where((i <= k) & (i != m), a + b - i, 1.0))
        change: Any = 0.0
        for i, other in zip(steps_k[1:], _without_one(factors), strict=True):
            change = change + np.where((i <= k) & (i != m), other, 0.0)
        product: Any = 1.0
        for f in factors:
            product = product * f
        inner = change + product * (digamma_step(a + b, 1 - b) - share)
        return _beta_at_zero(b, a) / below * (steep * product + pole * inner)

    return chosen(
        (
            (low_a & low_b, both, (0.3, 0.3)),
            (low_b, of_b, (1.0, 0.3)),
            (True, of_a, (0.3, 1.0)),
        ),
        alpha,
        beta,
    )


def _beta_in_first(a: Any, b: Any) -> Any:
    """∂B/∂a: by steps if there are few and the arguments are moderate, else by reflection."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    few = (low < 0.5) & (low > -_STEPS) & (a != 0) & (b != 0)
    # The product of as many factors must not overflow, in float32 either.
    few = few & (np.log(np.maximum(plain(high), 1.0)) * np.maximum(-plain(low), 1.0) < 40.0)
    near = few & np.logical_not(is_pole(a) | is_pole(b)) & ((a < 0.1) | (b < 0.1))
    if not np.any(plain(near)):
        return _beta_slope(sc.beta(a, b), a, b)
    regular = lambda a, b: _beta_slope(sc.beta(a, b), a, b)
    return chosen(((near, _beta_by_steps, (1.0, 1.0)), (True, regular, (1.0, 1.0))), a, b)


def _beta_mixed(a: Any, b: Any) -> Any:
    """∂²B/∂a∂b: the last one in the argument that is closer to a pole, beside which the order matters.

    Where both are close to a pole, there is no formula here that keeps its digits.
    """
    to_a, to_b = (np.where(np.less(x, 0.5), np.absolute(x - np.rint(plain(x))), 1.0) for x in (a, b))
    of_a, of_b = along(lambda b: _beta_in_first(a, b), b), along(lambda a: _beta_in_first(b, a), a)
    return np.where(np.maximum(to_a, to_b) < 1e-4, np.nan, 1.0) * np.where(to_a < to_b, of_b, of_a)


@with_partials(lambda _, a, b: along(lambda a: _beta_in_first(a, b), a), lambda _, a, b: _beta_mixed(a, b))
def _beta_a(a: Any, b: Any) -> Any:
    return _beta_in_first(a, b)


edged(sc.beta, lambda y, a, b: _beta_a(a, b), lambda y, a, b: _beta_a(b, a), domain=_POSITIVE)
edged(sc.betaln, lambda y, a, b: _log_beta_slope(a, b), lambda y, a, b: _log_beta_slope(b, a), domain=_POSITIVE)
