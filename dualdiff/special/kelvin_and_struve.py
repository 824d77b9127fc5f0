"""Kelvin and Struve functions, and integrals of Bessel's."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sc

from ..rules.ufuncs import REAL_LINE, unknown
from ..tangents.expression import Tangent
from .bessel import in_last, whole
from .forms import chosen, edged, polynomial

_POSITIVE = (0.0, np.inf)

# Kelvin functions: ber + i bei = J₀(x e^{3πi/4}), ker + i kei = K₀(x e^{πi/4})  (DLMF 10.61).

_TURN = cmath.exp(0.75j * math.pi)


def _be_bend(be: Any, x: Any) -> Any:
    """(ber + i bei)'' = −i J₀''(z) = i (J₀(z) − J₂(z))/2 at z = x e^{3πi/4}."""
    return 0.5j * (be - sc.jv(2.0, _TURN * x))


def _be(x: Any) -> Any:
    return sc.ber(x) + 1j * sc.bei(x)


def _ke_bend(ke: Any, kep: Any, x: Any) -> Any:
    """w = ker + i kei:  w'' = i w − w'/x; at 0, where kei' = 0, the limits are infinite."""
    zero = x == 0
    real = -np.imag(ke) - np.real(kep) / x
    imaginary = np.real(ke) - np.where(zero, 0.0, np.imag(kep)) / np.where(zero, 1.0, x)
    return real, imaginary


def _kelvin(y: Any, x: Any, dx: Tangent) -> tuple[Tangent, ...]:
    _, ke, bep, kep = y
    real, imaginary = _ke_bend(ke, kep, x)
    return dx * bep, dx * kep, dx * _be_bend(_be(x), x), dx * (real + 1j * imaginary)


def _ke(x: Any) -> tuple[Any, Any]:
    return sc.ker(x) + 1j * sc.kei(x), sc.kerp(x) + 1j * sc.keip(x)


edged(sc.ber, lambda y, x: sc.berp(x))


edged(sc.bei, lambda y, x: sc.beip(x))


edged(sc.berp, lambda y, x: np.real(_be_bend(_be(x), x)))


edged(sc.beip, lambda y, x: np.imag(_be_bend(_be(x), x)))


edged(sc.ker, lambda y, x: sc.kerp(x), domain=_POSITIVE)


edged(sc.kei, lambda y, x: sc.keip(x), domain=_POSITIVE)


edged(sc.kerp, lambda y, x: _ke_bend(*_ke(x), x)[0], domain=_POSITIVE)


edged(sc.keip, lambda y, x: _ke_bend(*_ke(x), x)[1], domain=_POSITIVE)


whole(sc.kelvin, "", _kelvin)


# Struve functions.


def _struve_term(v: Any, z: Any) -> Any:
    """(z/2)^ν / (√π Γ(ν + 3/2)), by its logarithm where a factor is out of range."""

    def logarithmic(v: Any, z: Any) -> Any:
        return np.exp(v * np.log(0.5 * z) - sc.gammaln(v + 1.5)) / math.sqrt(math.pi)

    def direct(v: Any, z: Any) -> Any:
        return np.power(0.5 * z, v) * sc.rgamma(v + 1.5) / math.sqrt(math.pi)

    exponent = v * np.log(np.where(z > 0, 0.5 * z, 1.0))
    large = (z > 0) & (v > -1.5) & ((v > 150.0) | (np.absolute(exponent) > 600.0))
    return chosen(((large, logarithmic, (1.0, 1.0)), (True, direct, (1.0, 1.0))), v, z)


def _at_order(function: Any, sign: float, v: Any, z: Any) -> Any:
    """H_ν or L_ν; H_{−1} = 2/π − H₁ and L_{−1} = 2/π + L₁, whose derivative at 0 other formulas would cancel."""
    mirrored = np.equal(v, -1)
    y = function(np.where(mirrored, 1.0, v), z)
    return np.where(mirrored, 2 / math.pi - sign * y, y)


def _struve(y: Any, v: Any, z: Any) -> Any:
    """H_ν' = (H_{ν−1} − H_{ν+1} + term)/2 without a pole; H_{ν−1} − (ν/z) H_ν does not cancel far out (DLMF 11.4)."""
    mirrored = np.equal(v, -1)
    order = np.where(mirrored, 1.0, v)

    def near(z: Any) -> Any:
        return 0.5 * (_at_order(sc.struve, 1.0, order - 1, z) - sc.struve(order + 1, z) + _struve_term(order, z))

    def far(z: Any) -> Any:
        return _at_order(sc.struve, 1.0, order - 1, z) - (order / z) * sc.struve(order, z)

    return np.where(mirrored, -1.0, 1.0) * chosen(((np.absolute(z) < 1.0, near, (0.5,)), (True, far, (2.0,))), z)


def _modified_struve(y: Any, v: Any, z: Any) -> Any:
    """L_ν' = (L_{ν−1} + L_{ν+1} + term)/2  (DLMF 11.4)."""
    order = np.where(np.equal(v, -1), 1.0, v)
    return 0.5 * (_at_order(sc.modstruve, -1.0, order - 1, z) + sc.modstruve(order + 1, z) + _struve_term(order, z))


in_last(sc.struve, "v", _struve, domain=_POSITIVE)


in_last(sc.modstruve, "v", _modified_struve, domain=_POSITIVE)


# Integrals of Bessel and Struve functions.


def _over(numerator: Callable[[Any], Any], series: list[float]) -> Callable[[Any], Any]:
    """numerator(x)/x, near 0 by its power series in x², times x if the numerator is even."""

    def quotient(x: Any) -> Any:
        near = lambda x: polynomial(series, x * x)
        return chosen(((np.absolute(x) < 1.0, near, (0.0,)), (True, lambda x: numerator(x) / x, (2.0,))), x)

    return quotient


_J = [(-0.25) ** k / math.factorial(k) ** 2 for k in range(1, 13)]  # J₀(x) − 1, and I₀(x) − 1 without the signs


_struve_over = _over(
    lambda x: sc.struve(0.0, x),
    [(2 / math.pi) * (-1.0) ** k / math.prod(range(1, 2 * k + 2, 2)) ** 2 for k in range(13)],
)


_j_over = _over(lambda x: (1 - sc.j0(x)) / x, [-c for c in _J])  # over x²


_i_over = _over(lambda x: (sc.i0(x) - 1) / x, [abs(c) for c in _J])


edged(sc.itstruve0, lambda y, x: sc.struve(0.0, x))


edged(sc.it2struve0, lambda y, x: -_struve_over(x))


edged(sc.itmodstruve0, lambda y, x: sc.modstruve(0.0, x))


whole(sc.itj0y0, "", lambda y, x, dx: (dx * sc.j0(x), dx * sc.y0(x)))


whole(sc.iti0k0, "", lambda y, x, dx: (dx * sc.i0(x), dx * sc.k0(x)))


whole(sc.it2j0y0, "", lambda y, x, dx: (dx * (x * _j_over(x)), dx * (-sc.y0(x) / x)))


whole(sc.it2i0k0, "", lambda y, x, dx: (dx * (x * _i_over(x)), dx * (-sc.k0(x) / x)))


def _besselpoly(y: Any, a: Any, lmb: Any, nu: Any) -> Any:
    """∫₀¹ x^λ J_ν(2ax) dx, differentiated under the integral:  2x J_ν' = x (J_{ν−1} − J_{ν+1})."""
    return sc.besselpoly(a, lmb + 1.0, nu - 1.0) - sc.besselpoly(a, lmb + 1.0, nu + 1.0)


edged(sc.besselpoly, _besselpoly, unknown(sc.besselpoly, "lmb"), unknown(sc.besselpoly, "nu"), domain=REAL_LINE)
