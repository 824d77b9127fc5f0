"""Elementwise functions: one partial for each argument, written with the result ``y`` at hand.

Where a formula has a bad point, both branches of `np.where` get a safe argument, so that derivatives of the rule
itself are right too.  ``edge=True`` marks partials that are infinite at an end of the domain.
Constants are Python floats, which leave float32 as it is.
Conventions at kinks and ties: README, "Conventions".
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dispatch import fused, innermost, value_of
from ..tangents import MINUS_ONE, ONE
from ..tangents.expression import Tangent
from .forms import composite, custom, elementwise, passive, tangent_rule, wrapped

_LN2 = math.log(2.0)
_LN10 = math.log(10.0)
_DEGREE = math.pi / 180.0
_POSITIVE = (0.0, np.inf)
_NONZERO = (0.1, np.inf)  # drawn by tests away from the pole
_UNIT = (-1.0, 1.0)

# Arithmetic.
elementwise(np.add, ONE, ONE)
elementwise(np.subtract, ONE, MINUS_ONE)
elementwise(np.multiply, lambda y, a, b: b, lambda y, a, b: a)
elementwise(np.divide, lambda y, a, b: 1 / b, lambda y, a, b: -y / b, domain=((-np.inf, np.inf), _NONZERO), edge=True)
elementwise(np.negative, MINUS_ONE)
elementwise(np.positive, ONE)
elementwise(np.reciprocal, lambda y, x: -y * y, domain=_NONZERO, edge=True)
elementwise(np.square, lambda y, x: x + x)


def _power_base(y: Any, a: Any, b: Any) -> Any:
    """∂(a**b)/∂a = b a**(b-1), which is 0 for b = 0 whatever a is."""
    if type(b) is int or type(b) is float:
        if b == 2:
            return a + a
        if b != 0:
            with np.errstate(all="ignore"):
                return b * a ** (b - 1)
    zero = b == 0
    with np.errstate(all="ignore"):
        return np.where(zero, 0.0, b) * a ** np.where(zero, 1.0, b - 1)


def _power_exponent(y: Any, a: Any, b: Any) -> Any:
    """∂(a**b)/∂b = a**b log a, which is 0 for a = 0 and b > 0."""
    zero = (a == 0) & (np.real(b) > 0)
    with np.errstate(all="ignore"):
        return y * np.log(np.where(zero, 1.0, a))


elementwise(np.power, _power_base, _power_exponent, domain=(_POSITIVE, (-3.0, 3.0)))
elementwise(np.float_power, _power_base, _power_exponent, domain=(_POSITIVE, (-3.0, 3.0)))
elementwise(np.sqrt, lambda y, x: 0.5 / y, domain=_POSITIVE, edge=True)
elementwise(np.cbrt, lambda y, x: 1 / (3 * y * y), domain=_POSITIVE, edge=True)

# Exponentials and logarithms.
elementwise(np.exp, lambda y, x: y, domain=(-5.0, 5.0))
elementwise(np.exp2, lambda y, x: _LN2 * y, domain=(-5.0, 5.0))
elementwise(np.expm1, lambda y, x: np.exp(x), domain=(-5.0, 5.0))
elementwise(np.log, lambda y, x: 1 / x, domain=_POSITIVE, edge=True)
elementwise(np.log2, lambda y, x: 1 / (_LN2 * x), domain=_POSITIVE, edge=True)
elementwise(np.log10, lambda y, x: 1 / (_LN10 * x), domain=_POSITIVE, edge=True)
elementwise(np.log1p, lambda y, x: 1 / (1 + x), domain=(-1.0, np.inf), edge=True)
elementwise(np.logaddexp, lambda y, a, b: 1 / (1 + np.exp(b - a)), lambda y, a, b: 1 / (1 + np.exp(a - b)), edge=True)
elementwise(
    np.logaddexp2, lambda y, a, b: 1 / (1 + np.exp2(b - a)), lambda y, a, b: 1 / (1 + np.exp2(a - b)), edge=True
)

# Trigonometric and hyperbolic functions.
elementwise(np.sin, lambda y, x: np.cos(x))
elementwise(np.cos, lambda y, x: -np.sin(x))
elementwise(np.tan, lambda y, x: 1 + y * y, domain=(-1.5, 1.5))
elementwise(np.arcsin, lambda y, x: 1 / np.sqrt((1 - x) * (1 + x)), domain=_UNIT, edge=True)
elementwise(np.arccos, lambda y, x: -1 / np.sqrt((1 - x) * (1 + x)), domain=_UNIT, edge=True)
elementwise(np.arctan, lambda y, x: 1 / (1 + x * x))
elementwise(np.sinh, lambda y, x: np.cosh(x), domain=(-5.0, 5.0))
elementwise(np.cosh, lambda y, x: np.sinh(x), domain=(-5.0, 5.0))
elementwise(np.tanh, lambda y, x: 1 - y * y)
elementwise(np.arcsinh, lambda y, x: 1 / np.sqrt(x * x + 1))
elementwise(np.arccosh, lambda y, x: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)), domain=(1.0, np.inf), edge=True)
elementwise(np.arctanh, lambda y, x: 1 / ((1 - x) * (1 + x)), domain=_UNIT, edge=True)
elementwise(np.deg2rad, lambda y, x: _DEGREE)
elementwise(np.radians, lambda y, x: _DEGREE)
elementwise(np.rad2deg, lambda y, x: 1 / _DEGREE)
elementwise(np.degrees, lambda y, x: 1 / _DEGREE)


def _over_hypotenuse(leg: Any, y: Any) -> Any:
    # hypot has no derivative at (0, 0); 0 is the symmetric subgradient, as for abs and norm.
    zero = y == 0
    return np.where(zero, 0.0, leg / np.where(zero, 1.0, y))


elementwise(np.hypot, lambda y, a, b: _over_hypotenuse(a, y), lambda y, a, b: _over_hypotenuse(b, y))


def _arctan2_partial(leg: Any, a: Any, b: Any) -> Any:
    radius = np.hypot(a, b)  # a² + b² would overflow sooner
    return leg / radius / radius


elementwise(
    np.arctan2,
    lambda y, a, b: _arctan2_partial(b, a, b),
    lambda y, a, b: -_arctan2_partial(a, a, b),
    domain=_NONZERO,
    edge=True,
)

# Remainders: the quotient is a whole number, so the second partial is exact.
elementwise(np.remainder, ONE, lambda y, a, b: np.rint((y - a) / b), domain=((0.0, np.inf), _NONZERO), edge=True)
elementwise(np.fmod, ONE, lambda y, a, b: np.rint((y - a) / b), domain=((0.0, np.inf), _NONZERO), edge=True)

# Absolute values and signs.
elementwise(np.absolute, lambda y, x: np.sign(x), complex_rule=lambda y, x, dx: (np.conjugate(np.sign(x)) * dx).real())
elementwise(np.fabs, lambda y, x: np.sign(x))
elementwise(np.copysign, lambda y, a, b: np.sign(a) * np.copysign(1.0, b), lambda y, a, b: np.zeros_like(y))
elementwise(np.heaviside, lambda y, a, b: np.zeros_like(y), lambda y, a, b: np.where(a == 0, 1.0, 0.0))
elementwise(np.nextafter, ONE, lambda y, a, b: np.zeros_like(y))
elementwise(np.ldexp, lambda y, x, i: np.ldexp(np.ones_like(x), i), lambda y, x, i: np.zeros_like(y))

# Extrema: a tie is shared evenly; NaN goes where NumPy sends it.
elementwise(
    np.maximum,
    lambda y, a, b: np.where(a == b, 0.5, (a > b) | (a != a)),
    lambda y, a, b: np.where(a == b, 0.5, (b > a) | (b != b)),
)
elementwise(
    np.minimum,
    lambda y, a, b: np.where(a == b, 0.5, (a < b) | (a != a)),
    lambda y, a, b: np.where(a == b, 0.5, (b < a) | (b != b)),
)
elementwise(
    np.fmax,
    lambda y, a, b: np.where(a == b, 0.5, (a > b) | (b != b)),
    lambda y, a, b: np.where(a == b, 0.5, (b > a) | (a != a)),
)
elementwise(
    np.fmin,
    lambda y, a, b: np.where(a == b, 0.5, (a < b) | (b != b)),
    lambda y, a, b: np.where(a == b, 0.5, (b < a) | (a != a)),
)

# Complex numbers.
elementwise(np.conjugate, ONE, complex_rule=lambda y, x, dx: dx.conj())


@tangent_rule(np.angle)
def angle(y: Any, z: Any, deg: bool = False, *, dz: Tangent) -> Tangent | None:
    """d arg z = Im(ż / z); constant on the real line."""
    if not np.iscomplexobj(z):
        return None
    turn = (dz * (-1j / z)).real()
    return turn * (1 / _DEGREE) if deg else turn


@custom("elementwise", np.sign)
def sign(x: Any, /, **options: Any) -> Any:
    """Zero derivative on the real line.  Of a complex number, z / |z|:  ẏ = (ż − y Re(ȳ ż)) / |z|."""
    x = fused(x)
    perturbation = innermost([x])
    if perturbation is None or not np.iscomplexobj(x):
        from ..dispatch import stripped

        return np.sign(stripped(x), **{name: stripped(option) for name, option in options.items()})
    z = value_of(x, perturbation)
    y = np.sign(z, **options)
    radius = np.absolute(z)
    safe = np.where(radius == 0, 1.0, radius)
    dz = Tangent(perturbation, x.tangent)
    turned = (dz - (np.conjugate(y) * dz).real() * y) / safe
    return wrapped(y, turned * (radius != 0), perturbation)


# Functions of two results.


@custom("elementwise", np.modf)
def modf(x: Any, /, **options: Any) -> Any:
    """The fractional part moves with x, the integral part is constant."""
    x = fused(x)
    perturbation = innermost([x])
    assert perturbation is not None
    fraction, whole = np.modf(value_of(x, perturbation), **options)
    return wrapped(fraction, Tangent(perturbation, x.tangent) * 1.0, perturbation), whole


@custom("elementwise", np.frexp)
def frexp(x: Any, /, **options: Any) -> Any:
    """x = m 2**e: the mantissa moves with x / 2**e."""
    x = fused(x)
    perturbation = innermost([x])
    assert perturbation is not None
    value = value_of(x, perturbation)
    mantissa, exponent = np.frexp(value, **options)
    dx = Tangent(perturbation, x.tangent)
    return wrapped(mantissa, dx * np.ldexp(np.ones_like(value), -exponent), perturbation), exponent


@custom("elementwise", np.divmod)
def divmod_(a: Any, b: Any, /, **options: Any) -> Any:
    return np.floor_divide(a, b, **options), np.remainder(a, b, **options)


# Formulas.


def _sinc_partial(y: Any, x: Any) -> Any:
    """(cos πx − sinc x) / x, by its power series near 0, where the difference cancels."""
    z = math.pi * x
    near = np.absolute(z) < 1.0
    small, safe = np.where(near, z, 0.0), np.where(near, 1.0, x)
    square, series = small * small, 0.0 * small
    for n in range(11, 0, -1):
        series = series * square + (-1.0) ** n * 2 * n / math.factorial(2 * n + 1)
    return np.where(near, math.pi * small * series, (np.cos(math.pi * safe) - np.sinc(safe)) / safe)


elementwise(np.sinc, _sinc_partial)


@composite(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None, **options: Any) -> Any:
    """minimum(maximum(a, lo), hi): half of the tangent passes at a bound."""
    lo = a_min if a_min is not None else min
    hi = a_max if a_max is not None else max
    if lo is not None:
        a = np.maximum(a, lo)
    if hi is not None:
        a = np.minimum(a, hi)
    return a


@composite(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Replaced entries are constants."""
    return np.where(np.isfinite(x), x, 0.0)


# No useful derivative: piecewise constant, boolean or integer results.
passive(
    np.floor, np.ceil, np.trunc, np.rint, np.floor_divide, np.spacing, np.signbit,
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.isfinite, np.isinf, np.isnan, np.isnat,
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift, np.bitwise_count,
    np.gcd, np.lcm,
    np.round, np.around, np.fix,
)  # fmt: skip
