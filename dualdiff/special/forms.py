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
from scipy.special import _ufuncs

from ..rules.ufuncs import elementwise, unknown, with_partials
from ..rules.whole_tangents import WholeTangent
from ..table import register
from ..tangents import Trivial
from ..tangents.single import Single
from ..values.dual import Dual
from ..values.kinds import innermost as plain

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

    Elsewhere its formula gets the safe arguments, so that nothing bad enters its derivative; a case that holds nowhere
    is not evaluated.  A last condition of True takes what is left.
    """
    total: Any = None
    taken: Any = False
    *_, last = cases
    for case in cases:
        condition, formula, safe = case
        here = condition if taken is False else np.logical_not(taken) & condition
        if here is not True:
            everywhere = np.all(here)
            if total is None and everywhere and np.size(here):
                return formula(*args)
            if not np.any(here) and (case is not last or total is not None):
                continue
        elif total is None:
            return formula(*args)
        part = formula(*(np.where(here, arg, other) for arg, other in zip(args, safe, strict=True)))
        total = part if total is None else np.where(here, part, total)
        taken = here if taken is False else taken | here
    return total


def inverting(inverse: Any, place: int, forward: Callable[..., Any], *partials: Any, domain: Any) -> None:
    """Declare an inverse, ``forward(value, *arguments)`` being argument ``place``, a probability.

    Where SciPy's value is a bound of its search, and so does not change with the probability, its derivatives are 0.
    """

    def clamped(y: Any, *given: Any) -> Any:
        args = [_in_double(plain(arg)) for arg in given]
        y, p = plain(y), args[place]
        with np.errstate(all="ignore"):
            room = np.minimum(p, 1 - p)
            gap = np.absolute(forward(_in_double(y), *args) - p)
            off = gap > 1e-6 * room
            if not np.any(off):
                return False
            # Closer to the bound, and farther from it, by a little.
            step = 0.1 * np.minimum(gap, room)
            one, other = (inverse(*args[:place], q, *args[place + 1 :]) for q in (p - step, p + step))
            same = (one.astype(y.dtype) == y) | (np.maximum(np.absolute(one), np.absolute(y)) < 1e-35)
            return off & (one == other) & same

    def guarded(partial: Any) -> Any:
        if isinstance(partial, unknown) or type(partial) is Trivial:
            return partial

        def slope(y: Any, *args: Any) -> Any:
            bound = clamped(y, *args)
            slope = partial(y, *args)
            return slope if bound is False else np.where(bound, 0.0, slope)

        return slope

    edged(inverse, *(guarded(partial) for partial in partials), domain=domain)


def _in_double(x: Any) -> Any:
    dtype = getattr(x, "dtype", None)
    return x if dtype is None or dtype.kind != "f" else x.astype(np.float64)


def along(f: Callable[[Any], Any], x: Any) -> Any:
    """The derivative of an elementwise formula of one array, entry by entry."""
    x = np.float64(x) if type(x) is float else x * 1.0
    perturbation = Single()
    try:
        y = f(Dual(x, np.ones_like(x), perturbation))
    finally:
        perturbation.live = False
    return y.tangent if type(y) is Dual and y.perturbation is perturbation else np.zeros_like(x)


def polynomial(coefficients: Sequence[float], x: Any) -> Any:
    """c₀ + c₁ x + c₂ x² + ..."""
    total: Any = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total


def is_pole(x: Any) -> Any:
    """Where Γ has a pole."""
    return (x <= 0) & (x == np.rint(x))


def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """a + b as the rounded sum and what the rounding lost (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _around(whole: Any, rest: Any, lost: Any = 0.0) -> tuple[Any, Any]:
    """sin and cos of π (whole + rest + lost) for |rest| ≤ 1/2, exact to rounding at the zeros of both."""
    sign = 1.0 - 2.0 * np.remainder(whole, 2.0)
    steep = np.absolute(rest) > 0.25
    side = np.where(np.less(rest, 0), -1.0, 1.0)
    quarter = np.where(steep, (0.5 - side * rest) - side * lost, 0.0)
    flat = np.cos(math.pi * np.where(steep, 0.0, rest + lost))
    return sign * np.sin(math.pi * (rest + lost)), sign * np.where(steep, np.sin(math.pi * quarter), flat)


def sin_pi(x: Any) -> tuple[Any, Any]:
    """sin πx and cos πx, whose argument is reduced by the nearest whole number, where they are ±."""
    whole = np.rint(np.real(x))
    if np.iscomplexobj(x):
        sign = 1.0 - 2.0 * np.remainder(whole, 2.0)
        return sign * np.sin(math.pi * (x - whole)), sign * np.cos(math.pi * (x - whole))
    return _around(whole, x - whole)


def sin_pi_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """sin π(a + b) and cos π(a + b) of the exact sum."""
    total, lost = two_sum(a, b)
    whole = np.rint(total)
    return _around(whole, total - whole, lost)


def trigamma(x: Any) -> Any:
    """ψ′(x) = ζ(2, x) = (π / sin πx)² − ψ′(1 − x)."""
    return chosen(
        (
            (x > 0, lambda x: _ufuncs._zeta(2.0, x), (1.0,)),
            (True, lambda x: (math.pi / sin_pi(x)[0]) ** 2 - _ufuncs._zeta(2.0, 1 - x), (-0.5,)),
        ),
        x,
    )


@with_partials(lambda y, x: trigamma(x))
def digamma(x: Any) -> Any:
    """ψ(x) = ψ(1 − x) − π cot πx, where SciPy loses digits close to its poles."""
    left = (x < 0) & (np.absolute(x - np.rint(x)) < 0.2)
    sin, cos = sin_pi(np.where(left, x, 0.5))
    return np.where(left, sc.psi(1 - np.where(left, x, 0.0)) - math.pi * cos / sin, sc.psi(np.where(left, 1.0, x)))


@with_partials(lambda y, a, b: trigamma_of_sum(a, b), lambda y, a, b: trigamma_of_sum(a, b))
def digamma_of_sum(a: Any, b: Any) -> Any:
    """ψ(a + b), close to its poles of the exact sum."""
    s, sin, cos, left = _reflected_sum(a, b)
    return np.where(left, sc.psi(1 - np.where(left, s, 0.0)) - math.pi * cos / sin, sc.psi(np.where(left, 1.0, s)))


def trigamma_of_sum(a: Any, b: Any) -> Any:
    s, sin, _, left = _reflected_sum(a, b)
    near = lambda s, sin: (math.pi / sin) ** 2 - _ufuncs._zeta(2.0, 1 - s)
    return chosen(((left, near, (0.0, 1.0)), (True, lambda s, _: trigamma(s), (1.0, 1.0))), s, sin)


def _reflected_sum(a: Any, b: Any) -> tuple[Any, ...]:
    s = a + b
    left = (s < 0.5) & (np.absolute(s - np.rint(s)) < 0.2)
    return s, *sin_pi_sum(np.where(left, a, 0.5), np.where(left, b, 0.0)), left


@with_partials(
    lambda y, a, b: math.pi * (sin_pi(b)[0] / sin_pi_sum(a, b)[0]) / sin_pi_sum(a, b)[0],
    lambda y, a, b: -math.pi * y * sin_pi_sum(a, b)[1] / sin_pi_sum(a, b)[0],
)
def sine_ratio(a: Any, b: Any) -> Any:
    """sin πa / sin π(a + b), for whole b ±1."""
    return sin_pi(a)[0] / sin_pi_sum(a, b)[0]


@with_partials(
    lambda y, a, b: -math.pi * (sin_pi(b)[0] / sin_pi(a)[0]) / sin_pi(a)[0],
    lambda y, a, b: math.pi * sin_pi_sum(a, b)[1] / sin_pi(a)[0],
)
def sine_ratio_of_sum(a: Any, b: Any) -> Any:
    """sin π(a + b) / sin πa, for whole b ±1."""
    return sin_pi_sum(a, b)[0] / sin_pi(a)[0]


def gaussian(x: Any, scale: float = 0.5) -> Any:
    """exp(−x²/2), or with another factor, whose derivatives far out are 0."""
    far = np.absolute(x) > 1e100
    x = np.where(far, 0.0, x)
    return np.where(far, 0.0, np.exp(-scale * x * x))


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


def digamma_quotient(z: Any, m: Any) -> Any:
    """(ψ(z + m) − ψ(z)) / m for positive z and z + m, ψ′(z) for m = 0.

    Ten steps of ψ(z) = ψ(z + 1) − 1/z, then the difference of the asymptotic series (DLMF 5.11.2) term by term:
    with p = 1/a², q = 1/b² the powers differ by pᵏ⁺¹ − qᵏ⁺¹ = p (pᵏ − qᵏ) + qᵏ (p − q).
    """
    total: Any = 0.0
    for k in range(10):
        total = total + 1 / (z + k) / (z + m + k)
    a, b = z + 10.0, z + m + 10.0
    p, q = 1 / a / a, 1 / b / b
    first = (1 / a + 1 / b) / a / b
    difference, power = first, q
    series: Any = 0.0
    for c in (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160):
        series = series + c * difference
        difference, power = p * difference + power * first, power * q
    far = np.absolute(m) > 0.5 * a
    logarithm = chosen(
        (
            (far, lambda a, b, m: np.log(b / a) / m, (1.0, 2.0, 1.0)),
            (True, lambda a, b, m: log1p_over(m / a) / a, (1.0, 1.0, 0.0)),
        ),
        a,
        b,
        m,
    )
    return total + (logarithm + 0.5 / a / b + series)


def digamma_step(z: Any, m: Any) -> Any:
    """ψ(z + m) − ψ(z) for positive z and z + m, which cancels in that form."""
    return m * digamma_quotient(z, m)
