"""Elementwise functions: one partial for each argument, written with the result ``y`` at hand.

Where a formula has a bad point, both branches of `np.where` get a safe argument, so that derivatives of the rule
itself are right too.  ``edge=True`` marks partials that are infinite at an end of the domain.
Constants are Python floats, which leave float32 as it is.
Conventions at kinks and ties: guide/kinks.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tangents import MINUS_ONE, ONE
from ..tangents.expression import Tangent
from ..values import kinds
from ..values.choices import WATCHES, note
from ..values.dual import Dual, primal
from .edges import quietly
from .forms import elementwise, tangent_rule
from .ufuncs import REAL_LINE, Elementwise, over_hypotenuse, with_partials
from .without_derivatives import passive

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
elementwise(
    np.divide, lambda y, a, b: np.true_divide(1.0, b), lambda y, a, b: -y / b, domain=(REAL_LINE, _NONZERO), edge=True
)
elementwise(np.negative, MINUS_ONE)
elementwise(np.positive, ONE)
elementwise(np.reciprocal, lambda y, x: -y * y, domain=_NONZERO, edge=True)
elementwise(np.square, lambda y, x: x + x)


def _power_base(y: Any, a: Any, b: Any) -> Any:
    """∂(a**b)/∂a = b a**(b-1), which is 0 for b = 0 whatever a is."""
    if kinds.type_of(b) in (int, float):
        if b == 2:
            return a + a
        if b != 0:
            return b * np.power(a, b - 1) if kinds.is_python_float(a) else b * a ** (b - 1)
    zero = b == 0
    if type(b) is Dual:  # of an outer level: ∂²/∂a∂b at b = 0 is 1/a, and needs the factor b as it is
        zero = zero & (a == 0)
    return np.where(zero, 0.0, b) * np.where(zero, 1.0, a) ** (b - 1)


def _power_exponent(y: Any, a: Any, b: Any) -> Any:
    """∂(a**b)/∂b = a**b log a, which is 0 for a = 0 and b > 0."""
    if kinds.is_python_float(a) and a > 0:
        return y * kinds.call(math.log, a)
    zero = (a == 0) & (np.real(b) > 0)
    return y * np.log(np.where(zero, 1.0, a))


elementwise(np.power, _power_base, _power_exponent, domain=(_POSITIVE, (-3.0, 3.0)), edge=True)
# It calculates in double precision whatever it is given.
_wide = lambda x: x * np.float64(1.0)
elementwise(
    np.float_power,
    lambda y, a, b: _power_base(y, _wide(a), b),
    lambda y, a, b: _power_exponent(y, _wide(a), _wide(b)),
    domain=(_POSITIVE, (-3.0, 3.0)),
    edge=True,
)
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


def _share(exp: Callable[[Any], Any], a: Any, b: Any) -> Any:
    """eᵃ / (eᵃ + eᵇ): the logistic function of a − b, whose own derivative neither overflows nor loses digits.

    Equal infinities share evenly.
    """
    same = np.isinf(a) & np.equal(a, b)
    d = np.where(same, 0.0, a) - np.where(same, 0.0, b)
    small = np.less(d, 0)
    e = exp(np.where(small, d, 0.0))
    return np.where(small, e / (1 + e), 1 / (1 + exp(-np.where(small, 0.0, d))))


elementwise(np.logaddexp, lambda y, a, b: _share(np.exp, a, b), lambda y, a, b: _share(np.exp, b, a), edge=True)
elementwise(np.logaddexp2, lambda y, a, b: _share(np.exp2, a, b), lambda y, a, b: _share(np.exp2, b, a), edge=True)

# Trigonometric and hyperbolic functions.
elementwise(np.sin, lambda y, x: np.cos(x))
elementwise(np.cos, lambda y, x: -np.sin(x))
elementwise(np.tan, lambda y, x: 1 + y * y, domain=(-1.5, 1.5))


def chord(x: Any) -> Any:
    """√(1 − x²); of complex numbers on the sheet of NumPy's arcsin and arccos, where 1 − x would lose a zero's sign."""
    return np.sqrt(-(x - 1) if np.iscomplexobj(x) else 1 - x) * np.sqrt(x + 1)


@with_partials(lambda y, x: -2 * x)
def _below_one(x: Any) -> Any:
    """1 − x², whose derivative would lose a small x in that of the product."""
    return (1 - x) * (1 + x)


def _chord(x: Any) -> Any:
    return chord(x) if np.iscomplexobj(x) else np.sqrt(_below_one(x))


elementwise(np.arcsin, lambda y, x: 1 / _chord(x), domain=_UNIT, edge=True)
elementwise(np.arccos, lambda y, x: -1 / _chord(x), domain=_UNIT, edge=True)
elementwise(np.arctan, lambda y, x: 1 / (1 + x * x))
elementwise(np.sinh, lambda y, x: np.cosh(x), domain=(-5.0, 5.0))
elementwise(np.cosh, lambda y, x: np.sinh(x), domain=(-5.0, 5.0))


def sech_squared(x: Any) -> Any:
    """1 − tanh² x = 1 / cosh² x: far out tanh x has lost the digits that tell it from 1."""
    if type(x) is Dual:
        return _SECH_SQUARED.operate(sech_squared, x)
    if kinds.type_of(x) in (float, np.float64):
        y = 0.0 if abs(x) > 700 else 1 / kinds.call(math.cosh, x)
        return y * y
    if np.iscomplexobj(x):
        e = np.exp(-2 * np.where(np.real(x) < 0, -x, x))  # of the sign that does not overflow
        return 4 * e / ((1 + e) * (1 + e))
    return quietly(_inverse_square_of_cosh, x)  # whose overflow gives the right 0, beyond 710


def _inverse_square_of_cosh(x: Any) -> Any:
    y = np.cosh(x)
    if type(y) is np.ndarray:
        np.reciprocal(y, out=y)
        return np.multiply(y, y, out=y)
    y = 1 / y
    return y * y


# With a rule of its own, so that its derivative neither overflows nor cancels.
_SECH_SQUARED = Elementwise(sech_squared, (lambda y, x: -2 * np.tanh(x) * y,), REAL_LINE, None, False)
elementwise(np.tanh, lambda y, x: sech_squared(x))
elementwise(
    np.arcsinh,
    lambda y, x: 1 / (np.sqrt(x * x + 1) if np.iscomplexobj(x) else np.hypot(x, 1.0)),  # a large x * x overflows
    edge=True,  # at 1j and -1j
)
elementwise(np.arccosh, lambda y, x: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)), domain=(1.0, np.inf), edge=True)
elementwise(np.arctanh, lambda y, x: 1 / _below_one(x), domain=_UNIT, edge=True)
elementwise(np.deg2rad, lambda y, x: _DEGREE)
elementwise(np.radians, lambda y, x: _DEGREE)
elementwise(np.rad2deg, lambda y, x: 1 / _DEGREE)
elementwise(np.degrees, lambda y, x: 1 / _DEGREE)


def _over_hypotenuse(leg: Any, other: Any, y: Any) -> Any:
    # hypot has no derivative at (0, 0); 0 is the symmetric subgradient, as for abs and norm.
    zero = y == 0
    return np.where(zero, 0.0, over_hypotenuse(np.where(zero, 1.0, leg), other))


elementwise(np.hypot, lambda y, a, b: _over_hypotenuse(a, b, y), lambda y, a, b: _over_hypotenuse(b, a, y))


def _arctan2_bend(y: Any, leg: Any, other: Any) -> Any:
    radius = np.hypot(leg, other)
    return (other - leg) / radius * ((other + leg) / radius) / radius / radius


@with_partials(
    _arctan2_bend,
    lambda y, leg, other: -2 * (leg / np.hypot(leg, other)) * (other / np.hypot(leg, other))
    / np.hypot(leg, other) / np.hypot(leg, other),
)  # fmt: skip
def _arctan2_partial(leg: Any, other: Any) -> Any:
    """leg / r², where a² + b² would overflow sooner."""
    radius = np.hypot(leg, other)
    return leg / radius / radius


elementwise(
    np.arctan2,
    lambda y, a, b: _arctan2_partial(b, a),
    lambda y, a, b: -_arctan2_partial(a, b),
    domain=_NONZERO,
    edge=True,
)

# Remainders: the quotient is a whole number, so the second partial is exact.


def one_unless_nan(y: Any) -> Any:
    """1 of the dtype of y; where y is nan, as a remainder of 0, nan by an operation that tells `at_edge`."""
    constant = np.floor(y)  # without derivatives, of the same dtype
    return np.sqrt(np.fmax(np.sign(np.abs(constant) + 1.0), -1.0))


for _remainder in (np.remainder, np.fmod):
    elementwise(
        _remainder,
        lambda y, a, b: one_unless_nan(y),
        lambda y, a, b: np.rint((y - a) / b),
        domain=((0.0, np.inf), _NONZERO),
        edge=True,
    )

# Absolute values and signs.
elementwise(np.absolute, lambda y, x: np.sign(x), complex_rule=lambda y, x, dx: (np.conjugate(np.sign(x)) * dx).real())
elementwise(np.fabs, lambda y, x: np.sign(x))
elementwise(np.copysign, lambda y, a, b: np.sign(a) * np.copysign(1.0, b), lambda y, a, b: np.zeros_like(y, bool))
elementwise(np.ldexp, lambda y, x, i: np.ldexp(np.ones_like(x), i), lambda y, x, i: np.zeros_like(y))

# Complex numbers.
elementwise(np.conjugate, ONE, complex_rule=lambda y, x, dx: dx.conj())


@tangent_rule(np.angle)
def angle(y: Any, z: Any, deg: bool = False, *, dz: Tangent) -> Tangent | None:
    """d arg z = Im(ż / z); constant on the real line."""
    if not np.iscomplexobj(z):
        return None
    if WATCHES:
        side = np.where(np.less(np.real(z), 0), np.sign(np.imag(z)), 0)
        note(np.angle, (z,), primal(side))
    turn = (dz * (-1j / z)).real()
    return turn * (1 / _DEGREE) if deg else turn


# Formulas.


def _sinc_partial(y: Any, x: Any) -> Any:
    """(cos πx − sinc x) / x, by its power series near 0, where the difference cancels."""
    z = math.pi * x
    near = np.absolute(z) < 1.0
    small, safe = np.where(near, z, 0.0), np.where(near, 1.0, x)
    square, series = small * small, 0.0 * small
    for n in range(11, 0, -1):
        series = series * square + (-1.0) ** n * 2 * n / math.factorial(2 * n + 1)
    # Reduced by a whole number, since π x rounds: π (n + d) has the sine and cosine of π d, times ±1.
    whole = np.rint(np.real(safe))
    sign = 1.0 - 2.0 * np.remainder(whole, 2.0)
    d = math.pi * (safe - whole)
    return np.where(near, math.pi * small * series, sign * (np.cos(d) - np.sin(d) / (math.pi * safe)) / safe)


elementwise(np.sinc, _sinc_partial)


# No useful derivative: piecewise constant, boolean or integer results.
passive(
    np.floor, np.ceil, np.trunc, np.rint, np.floor_divide, np.spacing, np.signbit,
    np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.isfinite, np.isinf, np.isnan, np.isnat,
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift, np.bitwise_count,
    np.gcd, np.lcm,
    np.round, np.around, np.fix,
)  # fmt: skip
