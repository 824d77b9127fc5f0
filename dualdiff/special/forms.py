"""What the rules of `scipy.special` share: infinite partials, and the differences that cancel, in stable form.

Every function here is written with functions that have rules, branch by branch, and each branch is an identity in a
neighbourhood of the points it serves: derivatives of all orders come out of it by nesting.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.special as sc

from ..rules.elementwise_functions import WholeTangent
from ..rules.ufuncs import elementwise, unknown
from ..table import register
from ..tangents import Trivial
from ..tangents.structural_zeros import plain

_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


def edged(function: Any, *partials: Any, **options: Any) -> None:
    """`elementwise` with ``edge=True``, where SciPy itself may make the infinity."""
    elementwise(function, *(telling(partial) for partial in partials), edge=True, **options)


def whole(function: Any, tangent: Callable[..., Any], active: str = "") -> None:
    """A tangent for all results at once, as an expression in those of the arguments, ``active`` if not all."""
    register(WholeTangent(function, tangent, active=active))


def telling(partial: Any) -> Any:
    """SciPy returns infinities without the floating-point flags by which an edge is noticed; this raises them."""
    if type(partial) is Trivial or isinstance(partial, unknown):
        return partial

    @functools.wraps(partial)
    def told(*args: Any) -> Any:
        slope = partial(*args)
        if np.geterr()["divide"] == "raise" and np.any(np.isinf(plain(slope))):
            raise FloatingPointError("an infinite partial")
        return slope

    return told


def chosen(cases: Sequence[tuple[Any, Callable[..., Any], tuple[Any, ...]]], *args: Any) -> Any:
    """The first case ``(condition, formula, safe arguments)`` whose condition holds, entry by entry.

    Elsewhere its formula gets the safe arguments, so that nothing bad enters its derivative.
    A last condition of True takes what is left.
    """
    total: Any = None
    taken: Any = False
    for condition, formula, safe in cases:
        here = condition if taken is False else np.logical_not(taken) & condition
        part = formula(*(np.where(here, arg, other) for arg, other in zip(args, safe, strict=True)))
        total = part if total is None else np.where(here, part, total)
        taken = here if taken is False else taken | here
    return total


def polynomial(coefficients: Sequence[float], x: Any) -> Any:
    """c₀ + c₁ x + c₂ x² + ..."""
    total: Any = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total


def is_pole(x: Any) -> Any:
    """Where Γ has a pole."""
    return (x <= 0) & (x == np.rint(x))


def log1p_over(t: Any) -> Any:
    """log(1 + t) / t, by its power series near 0."""
    return chosen(
        (
            (np.absolute(t) < 0.1, lambda t: polynomial([(-1.0) ** k / (k + 1) for k in range(22)], t), (0.0,)),
            (True, lambda t: sc.log1p(t) / t, (1.0,)),
        ),
        t,
    )


def exprel_slope(y: Any, x: Any) -> Any:
    """d/dx (eˣ − 1)/x = (eˣ − y) / x, where eˣ = 1 + x y; by its power series near 0."""
    return chosen(
        (
            (
                np.absolute(x) < 1.0,
                lambda y, x: polynomial([(k + 1) / math.factorial(k + 2) for k in range(22)], x),
                (1.0, 0.0),
            ),
            (x > 0, lambda y, x: y - (y - 1) / x, (1.0, 1.0)),
            (True, lambda y, x: (np.exp(x) - y) / x, (1.0, -1.0)),
        ),
        y,
        x,
    )


def boxcox_exponent(L: Any, lam: Any) -> Any:
    """∂/∂λ of L exprel(λ L) is L² exprel'(λ L); its limit for L = −∞ and λ > 0 is 1/λ².

    Where L = −∞, derivatives in L of this are NaN.
    """

    def inside(L: Any, lam: Any) -> Any:
        return L * L * exprel_slope(sc.exprel(lam * L), lam * L)

    return chosen(
        (
            (np.logical_not(np.isneginf(L)), inside, (0.0, 1.0)),
            (True, lambda L, lam: 1 / lam / lam + 0.0 * np.exp(L), (0.0, 1.0)),
        ),
        L,
        lam,
    )


def deviance(u: Any, ratio: Any) -> Any:
    """u − log(1 + u), where ``ratio`` is 1 + u; near 0 by log(1 + u) = 2 artanh(r), r = u / (2 + u)."""

    def near(u: Any, ratio: Any) -> Any:
        r = u / (2 + u)
        square = r * r
        return u * r - 2 * r * square * polynomial([1 / (2 * k + 3) for k in range(17)], square)

    return chosen(
        (((u > -0.5) & (u < 1.0), near, (0.0, 1.0)), (True, lambda u, ratio: u - np.log(ratio), (1.0, 2.0))), u, ratio
    )


def stirling_error(a: Any) -> Any:
    """S(a) of Γ(a) = √(2π/a) (a/e)ᵃ exp S(a); its asymptotic series from 10 on (DLMF 5.11.1)."""
    series = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
    return chosen(
        (
            (a >= 10.0, lambda a: polynomial(series, 1 / (a * a)) / a, (10.0,)),
            (True, lambda a: sc.gammaln(a) - (a - 0.5) * np.log(a) + a - _HALF_LOG_TAU, (1.0,)),
        ),
        a,
    )


def digamma_step(z: Any, m: Any) -> Any:
    """ψ(z + m) − ψ(z) for positive z and z + m, which cancels in that form.

    Ten steps of ψ(z) = ψ(z + 1) − 1/z, then the difference of the asymptotic series (DLMF 5.11.2) term by term:
    with p = 1/a², q = 1/b² the powers differ by pᵏ⁺¹ − qᵏ⁺¹ = p (pᵏ − qᵏ) + qᵏ (p − q).
    """
    total: Any = 0.0
    for k in range(10):
        total = total + 1 / (z + k) / (z + m + k)
    a, b = z + 10.0, z + m + 10.0
    p, q = 1 / a / a, 1 / b / b
    first = m * (1 / a + 1 / b) / a / b
    difference, power = first, q
    series: Any = 0.0
    for c in (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160):
        series = series + c * difference
        difference, power = p * difference + power * first, power * q
    close = np.absolute(m) < 0.5 * a
    logarithm = np.where(close, np.log1p(np.where(close, m, 0.0) / a), np.log(b / a))
    return m * total + (logarithm + 0.5 * m / a / b + series)
