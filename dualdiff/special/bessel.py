"""Bessel functions of all kinds, Airy, Kelvin and Struve functions: ufuncs of `scipy.special`.

Derivatives are those in the argument; none is known in the order, and a Dual there raises.
C stands for any of J, Y, H¹, H², with  C_ν' = (C_{ν−1} − C_{ν+1})/2  (DLMF 10.6.1), which has no pole to divide by.
A scaled function like eˣ K_ν(x) changes slowly where it is large, and its derivative is a difference that cancels:
far out, the asymptotic series of DLMF 10.17 and 10.40 gives it without one.  Before that, at x of about 15, a first
derivative of a scaled function has up to 100 roundings and a second derivative up to 1e4 (1e-12).
On complex numbers all are analytic, but for the scale exp(−|Im z|) or exp(−|Re z|) of jve, yve, ive and airye.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sc
from scipy.special import _ufuncs

from .. import errors
from ..rules.ufuncs import REAL_LINE, unknown
from ..rules.whole_tangents import WholeTangent
from ..table import RULES, register
from ..tangents.expression import Tangent
from .forms import edged

_POSITIVE = (0.0, np.inf)


def in_last(function: Any, parameters: str, partial: Callable[..., Any], **options: Any) -> None:
    """Declare a function by its partial in the last argument; none is known in the parameters before it."""
    unknowns = [unknown(function, name) for name in parameters.split()]
    options["domain"] = (REAL_LINE,) * len(unknowns) + (options.get("domain", REAL_LINE),)
    edged(function, *unknowns, partial, **options)
    rule = RULES[function]
    # Some are complex or double for a real or single argument; the short ways keep the dtype of the argument.
    rule.plain_call = rule.__call__


def whole(function: Any, parameters: str, tangent: Callable[..., Any]) -> None:
    """Declare a function with several results by ``tangent(y, *arguments, dx)``, likewise."""
    names = parameters.split()

    def rule(y: Any, *args: Any) -> Any:
        arguments, tangents = args[: len(names) + 1], args[len(names) + 1 :]
        for name, active in zip(names, tangents, strict=False):
            if active:
                raise errors.no_derivative_in(function, name)
        return tangent(y, *arguments, tangents[-1])

    register(WholeTangent(function, rule, f"{parameters} x", "x"))


# Bessel functions of both kinds, and Hankel functions.


def _difference(below: Any, above: Any, v: Any) -> Any:
    """(C_{ν−1} − C_{ν+1})/2; where both are infinite, the one of the larger order in magnitude decides."""
    both = np.isinf(below) & np.isinf(above)
    return 0.5 * (np.where(both & (v >= 0), 0.0, below) - np.where(both & (v < 0), 0.0, above))


def _cylinder(function: Any) -> Callable[..., Any]:
    return lambda y, v, z: _difference(function(v - 1.0, z), function(v + 1.0, z), v)


def _imaginary(dz: Tangent) -> Tangent:
    return (dz * -1j).real()


def _scaled_cylinder(function: Any) -> Callable[..., Any]:
    """f = C_ν(z) exp(−|Im z|):  ḟ = (f_{ν−1} − f_{ν+1})/2 ż − f sign(Im z) Im ż."""

    def tangent(y: Any, v: Any, z: Any, dv: Tangent, dz: Tangent) -> Tangent:
        if dv:
            raise errors.no_derivative_in(function, "order v")
        return dz * _cylinder(function)(y, v, z) - _imaginary(dz) * (np.sign(np.imag(z)) * y)

    return tangent


edged(sc.j0, lambda y, x: -sc.j1(x))
edged(sc.j1, lambda y, x: 0.5 * (sc.j0(x) - sc.jv(2.0, x)))
edged(sc.y0, lambda y, x: -sc.y1(x), domain=_POSITIVE)
edged(sc.y1, lambda y, x: _difference(sc.y0(x), sc.yv(2.0, x), 1.0), domain=_POSITIVE)
in_last(sc.jv, "v", _cylinder(sc.jv))
in_last(sc.yv, "v", _cylinder(sc.yv), domain=_POSITIVE)
in_last(sc.yn, "n", lambda y, n, x: _cylinder(sc.yn)(y, np.trunc(n), x), domain=_POSITIVE)  # SciPy truncates n
in_last(sc.jve, "v", _cylinder(sc.jve), complex_rule=_scaled_cylinder(sc.jve))
in_last(sc.yve, "v", _cylinder(sc.yve), complex_rule=_scaled_cylinder(sc.yve), domain=_POSITIVE)
in_last(sc.hankel1, "v", _cylinder(sc.hankel1), domain=_POSITIVE)
in_last(sc.hankel2, "v", _cylinder(sc.hankel2), domain=_POSITIVE)


# Modified Bessel functions, and the scaled ones.

_TERMS = 24  # of the asymptotic series, which is as good as exact where `_is_far` says


def _is_far(v: Any, w: Any) -> Any:
    return (np.absolute(w) > 25.0) & (v * v < 4.0 * np.absolute(w))


def _decline(v: Any, w: Any) -> Any:
    """1/2 + Σ k aₖ w⁻ᵏ / Σ aₖ w⁻ᵏ,  aₖ = aₖ₋₁ (4ν² − (2k − 1)²)/(8k)  (DLMF 10.17.1).

    eʷ K_ν(w) = √(π/2w) Σ aₖ w⁻ᵏ (DLMF 10.40.2) has w d/dw log of −_decline(ν, w); the others are the same series at
    another w: e⁻ˣ I_ν(x) at −x, the scaled Hankel functions at ∓iz.
    """
    v = v * 1.0  # as a float: 4ν² may be too large for a small integer type
    term: Any = 1.0
    total: Any = 1.0
    weighted: Any = 0.0
    for k in range(1, _TERMS):
        term = term * ((4.0 * v * v - (2 * k - 1) ** 2) / (8.0 * k)) / w
        total = total + term
        weighted = weighted + k * term
    return 0.5 + weighted / total


def _slow(far: Any, y: Any, v: Any, z: Any, w: Any, exact: Any) -> Any:
    """The derivative of a scaled function: −y _decline(ν, w)/z where far, elsewhere the exact difference."""
    decline = _decline(np.where(far, v, 0.0), np.where(far, w, 25.0))
    return np.where(far, -np.where(far, y, 0.0) * decline / np.where(far, z, 1.0), np.where(far, 0.0, exact))


def _i_scaled(y: Any, below: Any, above: Any, v: Any, x: Any) -> Any:
    """f = e^{−|x|} I_ν(x):  f' = (f_{ν−1} + f_{ν+1})/2 − sign(x) f."""
    exact = 0.5 * (below + above) - np.sign(x) * y
    return _slow(_is_far(v, x), y, v, x, -np.absolute(x), exact)


def _k_scaled(y: Any, below: Any, above: Any, v: Any, z: Any) -> Any:
    """f = eᶻ K_ν(z):  f' = f − (f_{ν−1} + f_{ν+1})/2."""
    exact = np.where(np.isinf(y), 0.0, y) - 0.5 * (below + above)
    return _slow(_is_far(v, z), y, v, z, z, exact)


def _modified(y: Any, v: Any, z: Any) -> Any:
    """I_ν' = (I_{ν−1} + I_{ν+1})/2; at 0, where I_{ν−1} ~ z^{ν−1}/Γ(ν), SciPy's infinity may have the wrong sign."""
    slope = 0.5 * (sc.iv(v - 1.0, z) + sc.iv(v + 1.0, z))
    if np.iscomplexobj(slope):
        return slope
    pole = (z == 0) & np.isinf(slope)
    return np.where(pole, np.sign(sc.rgamma(v * 1.0)) / np.where(pole, z + 0.0, 1.0), slope)


def _ive_at(v: Any, z: Any) -> Any:
    """ive, which is NaN for negative orders at 0, where the scale is 1."""
    zero = z == 0
    return np.where(zero, sc.iv(v, np.where(zero, z, 0.0)), sc.ive(v, np.where(zero, 1.0, z)))


def _ive_tangent(y: Any, v: Any, z: Any, dv: Tangent, dz: Tangent) -> Tangent:
    """f = exp(−|Re z|) I_ν(z):  ḟ = (f_{ν−1} + f_{ν+1})/2 ż − f sign(Re z) Re ż."""
    if dv:
        raise errors.no_derivative_in(sc.ive, "order v")
    return dz * (0.5 * (_ive_at(v - 1.0, z) + _ive_at(v + 1.0, z))) - dz.real() * (np.sign(np.real(z)) * y)


def _hankel_scaled(function: Any, turn: complex) -> Callable[..., Any]:
    """f = exp(∓iz) H_ν(z):  f' = (f_{ν−1} − f_{ν+1})/2 ∓ i f, with ``turn`` = ∓i."""

    def slope(y: Any, v: Any, z: Any) -> Any:
        exact = _cylinder(function)(y, v, z) + turn * y
        return _slow(_is_far(v, z) & (np.real(z) > 0), y, v, z, turn * z, exact)

    return slope


edged(sc.i0, lambda y, x: sc.i1(x))
edged(sc.i1, lambda y, x: 0.5 * (sc.i0(x) + sc.iv(2.0, x)))
edged(sc.i0e, lambda y, x: _i_scaled(y, sc.i1e(x), sc.i1e(x), 0.0, x))
edged(sc.i1e, lambda y, x: _i_scaled(y, sc.i0e(x), sc.ive(2.0, x), 1.0, x))
edged(sc.k0, lambda y, x: -sc.k1(x), domain=_POSITIVE)
edged(sc.k1, lambda y, x: -0.5 * (sc.k0(x) + sc.kv(2.0, x)), domain=_POSITIVE)
edged(sc.k0e, lambda y, x: _k_scaled(y, sc.k1e(x), sc.k1e(x), 0.0, x), domain=_POSITIVE)
edged(sc.k1e, lambda y, x: _k_scaled(y, sc.k0e(x), sc.kve(2.0, x), 1.0, x), domain=_POSITIVE)
in_last(sc.iv, "v", _modified)
in_last(sc.kv, "v", lambda y, v, z: -0.5 * (sc.kv(v - 1.0, z) + sc.kv(v + 1.0, z)), domain=_POSITIVE)
in_last(
    sc.kn,
    "n",
    lambda y, n, x: -0.5 * (sc.kn(np.trunc(n) - 1.0, x) + sc.kn(np.trunc(n) + 1.0, x)),
    domain=_POSITIVE,
)
in_last(
    sc.ive,
    "v",
    lambda y, v, x: _i_scaled(y, _ive_at(v - 1.0, x), _ive_at(v + 1.0, x), v, x),
    complex_rule=_ive_tangent,
)
in_last(sc.kve, "v", lambda y, v, z: _k_scaled(y, sc.kve(v - 1.0, z), sc.kve(v + 1.0, z), v, z), domain=_POSITIVE)
in_last(sc.hankel1e, "v", _hankel_scaled(sc.hankel1e, -1j), domain=_POSITIVE)
in_last(sc.hankel2e, "v", _hankel_scaled(sc.hankel2e, 1j), domain=_POSITIVE)


# Spherical Bessel functions: the ufuncs behind sc.spherical_jn and its kin, which older SciPy hands a Dual.


def _spherical(function: Any, sign: float, total: float) -> Callable[..., Any]:
    """(2n + 1) f_n' = n f_{n−1} ∓ (n + 1) f_{n+1}  (DLMF 10.51.2, 10.51.5), and the same for f' in place of f."""

    def slope(y: Any, n: Any, z: Any) -> Any:
        below = function(np.maximum(n, 1) - 1, z)  # times 0 for n = 0
        return (
            total * (np.where(np.equal(n, 0), 0.0, n * below) + sign * (n + 1.0) * function(n + 1, z)) / (2.0 * n + 1)
        )

    return slope


for _name, _sign, _total in (("jn", -1.0, 1.0), ("yn", -1.0, 1.0), ("in", 1.0, 1.0), ("kn", 1.0, -1.0)):
    for _function in (getattr(_ufuncs, f"_spherical_{_name}"), getattr(_ufuncs, f"_spherical_{_name}_d")):
        in_last(_function, "n", _spherical(_function, _sign, _total), domain=_POSITIVE)


# Airy functions.


def _airy(y: Any, z: Any, dz: Tangent) -> tuple[Tangent, ...]:
    """Ai'' = z Ai, and the same for Bi."""
    return dz * y[1], dz * (z * y[0]), dz * y[3], dz * (z * y[2])


def _airye(y: Any, z: Any, dz: Tangent) -> tuple[Tangent, ...]:
    """Ai e^ζ, Ai' e^ζ, Bi e^{−|Re ζ|}, Bi' e^{−|Re ζ|},  ζ = (2/3) z^{3/2},  ζ' = √z.

    On the positive real axis they are √z f_{1/3}(ζ) and z f_{2/3}(ζ) with a scaled Bessel function f: far out,
    z d/dz log = 1/2 − 3/2 decline, and 1 − 3/2 decline.
    """
    if np.iscomplexobj(z):
        root, side = np.sqrt(z), np.sign(np.real(z * np.sqrt(z)))
        growth = (dz * root).real() * side
        return (
            dz * (y[1] + root * y[0]),
            dz * (z * y[0] + root * y[1]),
            dz * y[3] - growth * y[2],
            dz * (z * y[2]) - growth * y[3],
        )
    left, far = z < 0, z > 16.0  # ζ > 42
    root = np.where(left, 0.0, np.sqrt(np.where(left, 1.0, z)))
    distant, close = np.where(far, z, 16.0), np.where(far, 1.0, z)
    zeta = (2 / 3) * distant * np.sqrt(distant)
    slopes = []
    for i, w in ((0, zeta), (2, -zeta)):
        sign = 1.0 if i == 0 else -1.0
        near = y[i + 1] + sign * root * y[i], close * y[i] + sign * root * y[i + 1]
        for j, lead, v in ((0, 0.5, 1 / 3), (1, 1.0, 2 / 3)):
            slopes.append(np.where(far, y[i + j] * (lead - 1.5 * _decline(v, w)) / distant, near[j]))
    return tuple(dz * slope for slope in slopes)


def _itairy(y: Any, x: Any, dx: Tangent) -> tuple[Tangent, ...]:
    """∫₀ˣ of Ai(t), Bi(t), Ai(−t), Bi(−t)."""
    right, left = sc.airy(x), sc.airy(-x)
    return dx * right[0], dx * right[2], dx * left[0], dx * left[2]


whole(sc.airy, "", _airy)
whole(sc.airye, "", _airye)
whole(sc.itairy, "", _itairy)
