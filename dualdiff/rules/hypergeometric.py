"""Hypergeometric functions, orthogonal polynomials, Legendre functions and wave functions: ufuncs of `scipy.special`.

No derivative is known in degrees, orders and parameters; a Dual there raises.  That of an orthogonal polynomial of
degree n is one of degree n − 1, finite at the ends of its interval.  Wave functions come with their derivative, whose
own derivative is in their differential equation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
import scipy.special as sc

from .. import errors
from ..tangents.expression import Tangent
from .bessel import in_last, whole
from .forms import refused
from .operations import at_edge, unknown
from .special_forms import edged

_POSITIVE = (0.0, np.inf)
_UNIT = (-1.0, 1.0)
_DEGREE = math.pi / 180

# SciPy 1.13 has some functions wrong that SciPy 1.14 has right.
_MENDED = np.lib.NumpyVersion(scipy.__version__) >= "1.14.0"


# Hypergeometric functions.


def _hyp1f1(y: Any, a: Any, b: Any, z: Any) -> Any:
    if not _MENDED and np.iscomplexobj(z):
        raise errors.unsupported(sc.hyp1f1, "SciPy 1.13 has it wrong for complex numbers", [np.shape(z)])
    return a * sc.hyp1f1(a + 1.0, b + 1.0, z) / b


in_last(sc.hyp0f1, "v", lambda y, v, z: sc.hyp0f1(v + 1.0, z) / v)
in_last(sc.hyp1f1, "a b", _hyp1f1)
in_last(
    sc.hyp2f1,
    "a b c",
    lambda y, a, b, c, z: a * sc.hyp2f1(a + 1.0, b + 1.0, c + 1.0, z) * b / c,
    domain=(-np.inf, 1.0),
)
in_last(sc.hyperu, "a b", lambda y, a, b, x: -a * sc.hyperu(a + 1.0, b + 1.0, x), domain=_POSITIVE)


# Orthogonal polynomials: the derivative of one of degree n is one of degree n − 1 (DLMF 18.9.15 and following).


def _below(n: Any) -> Any:
    """n − 1, of an unsigned type too."""
    return n - 1.0 if getattr(getattr(n, "dtype", None), "kind", "") == "u" else n - 1


def _lowered(factor: Any, polynomial: Callable[[Any], Any], n: Any) -> Any:
    """factor · polynomial(n − 1), which is 0 for n = 0."""
    constant = np.equal(n, 0)
    return np.where(constant, 0.0, factor * polynomial(np.where(constant, 0, _below(n))))


def _legendre(y: Any, n: Any, x: Any) -> Any:
    """P_n' = C_{n−1}^{(3/2)};  P_{−n−1} = P_n."""
    n = np.where(n < 0, -1 - n * 1.0, n) if np.any(np.less(n, 0)) else n
    return _lowered(1.0, lambda k: sc.eval_gegenbauer(k, 1.5, x), n)


def _chebyu(y: Any, n: Any, x: Any) -> Any:
    """U_n' = 2 C_{n−1}^{(2)};  U_{−n} = −U_{n−2}."""
    sign: Any = 1.0
    if np.any(np.less(n, 0)):
        sign = np.where(n < -1, -1.0, 1.0)
        n = np.where(n < -1, -2 - n * 1.0, np.where(np.equal(n, -1), 0.0, n))
    return _lowered(2.0 * sign, lambda k: sc.eval_gegenbauer(k, 2.0, x), n)


def _hermite(function: Any, scale: float) -> Callable[..., Any]:
    """H_n' = 2 n H_{n−1},  He_n' = n He_{n−1}."""
    return lambda y, n, x: scale * n * function(n - np.greater(n, 0), x)


in_last(sc.eval_legendre, "n", _legendre)
in_last(sc.eval_sh_legendre, "n", lambda y, n, x: 2.0 * _legendre(y, n, 2 * x - 1))
in_last(sc.eval_chebyt, "n", lambda y, n, x: _lowered(n, lambda k: sc.eval_chebyu(k, x), n))
in_last(sc.eval_chebyu, "n", _chebyu)
in_last(sc.eval_chebyc, "n", lambda y, n, x: _lowered(n, lambda k: sc.eval_chebyu(k, 0.5 * x), n))
in_last(sc.eval_chebys, "n", lambda y, n, x: 0.5 * _chebyu(y, n, 0.5 * x))
in_last(sc.eval_sh_chebyt, "n", lambda y, n, x: _lowered(2.0 * n, lambda k: sc.eval_chebyu(k, 2 * x - 1), n))
in_last(sc.eval_sh_chebyu, "n", lambda y, n, x: 2.0 * _chebyu(y, n, 2 * x - 1))
in_last(
    sc.eval_gegenbauer,
    "n alpha",
    lambda y, n, alpha, x: _lowered(2.0 * alpha, lambda k: sc.eval_gegenbauer(k, alpha + 1.0, x), n),
)
in_last(
    sc.eval_jacobi,
    "n alpha beta",
    lambda y, n, alpha, beta, x: _lowered(
        0.5 * (n + alpha + beta + 1.0), lambda k: sc.eval_jacobi(k, alpha + 1.0, beta + 1.0, x), n
    ),
)
in_last(
    sc.eval_sh_jacobi,
    "n p q",
    lambda y, n, p, q, x: _lowered(n, lambda k: sc.eval_sh_jacobi(k, p + 2.0, q + 1.0, x), n),
)
in_last(sc.eval_laguerre, "n", lambda y, n, x: _lowered(-1.0, lambda k: sc.eval_genlaguerre(k, 1.0, x), n))
in_last(
    sc.eval_genlaguerre,
    "n alpha",
    lambda y, n, alpha, x: _lowered(-1.0, lambda k: sc.eval_genlaguerre(k, alpha + 1.0, x), n),
)
in_last(sc.eval_hermite, "n", _hermite(sc.eval_hermite, 2.0))
in_last(sc.eval_hermitenorm, "n", _hermite(sc.eval_hermitenorm, 1.0))


# Associated Legendre functions and spherical harmonics.


def _lpmv(y: Any, m: Any, v: Any, x: Any) -> Any:
    """2 r P' = (v + m)(v − m + 1) P_v^{m−1} − P_v^{m+1} with r = √(1 − x²)  (DLMF 14.10), where

    P_v^k/r = −(P_{v−1}^{k+1} + (v + k − 1)(v + k) P_{v−1}^{k−1})/(2k)  leaves r no divisor, but for |m| = 1:
    there P_v^1 = −r P_v', whose derivative is infinite at ±1.
    """
    order = np.absolute(m) * 1.0
    one = np.equal(order, 1.0)
    lower, same, higher = (sc.lpmv(k, v - 1.0, x) for k in (np.maximum(order - 2.0, 0.0), order, order + 2.0))
    above = -(higher + (v + order) * (v + order + 1.0) * same) / (2.0 * (order + 1.0))
    below = -(same + (v + order - 2.0) * (v + order - 1.0) * lower) / (2.0 * np.where(one, 1.0, order - 1.0))
    slope = np.where(
        np.equal(order, 0.0), -above, 0.5 * ((v + order) * (v - order + 1.0) * np.where(one, 0.0, below) - above)
    )
    if np.any(one):
        legendre = 0.5 * (sc.lpmv(2.0, v - 1.0, x) + v * (v + 1.0) * sc.lpmv(0.0, v - 1.0, x))
        root = np.sqrt(np.where(one, (1 - x) * (1 + x), 1.0))
        slope = np.where(one, x * legendre / root - above, slope)
    if np.any(np.less(m, 0)):  # P_v^{−m} is a multiple of P_v^m
        turned = np.less(m, 0)
        multiple = np.where(np.remainder(order, 2.0) == 0, 1.0, -1.0) / sc.poch(v - order + 1.0, 2.0 * order)
        slope = slope * np.where(turned, multiple, 1.0)
    return slope


in_last(sc.lpmv, "m v", _lpmv, domain=_UNIT)


def _harmonic_polar(y: Any, m: Any, n: Any, theta: Any, phi: Any) -> Any:
    """∂Y/∂φ = (√((n − m)(n + m + 1)) e^{−iθ} Y_{m+1} − √((n + m)(n − m + 1)) e^{iθ} Y_{m−1})/2, φ the polar angle."""
    terms = []
    for step in (1.0, -1.0):
        inside = np.absolute(m + step) <= n
        scale = np.where(inside, np.sqrt(np.maximum((n - step * m) * (n + step * m + 1.0), 0.0)), 0.0)
        neighbour = sc.sph_harm(np.where(inside, m + step, m), n, theta, phi)
        terms.append(0.5 * step * scale * np.exp(-1j * step * theta) * neighbour)
    return terms[0] + terms[1]


if isinstance(getattr(sc, "sph_harm", None), np.ufunc):  # until SciPy 1.16
    edged(
        sc.sph_harm,
        unknown(sc.sph_harm, "m"),
        unknown(sc.sph_harm, "n"),
        lambda y, m, n, theta, phi: 1j * m * y,
        _harmonic_polar,
    )


# Wave functions: value and derivative are given, the second derivative is in the differential equation.


def _solution(function: Any, parameters: str, bend: Callable[..., Any], scale: float = 1.0) -> None:
    """w'' = bend(w, w', *arguments); ``scale`` is the unit of the derivative that SciPy gives."""

    def tangent(y: Any, *args: Any) -> tuple[Tangent, Tangent]:
        *arguments, dx = args
        return dx * (scale * y[1]), dx * (scale * at_edge(dx.perturbation, bend, *y, *arguments))

    whole(function, parameters, tangent)


def _mathieu(characteristic: Any) -> Callable[..., Any]:
    """w'' = −(a − 2 q cos 2x) w, x in degrees."""
    return lambda w, dw, m, q, x: -(characteristic(m, q) - 2.0 * q * np.cos(2 * _DEGREE * x)) * w


def _modified_mathieu(characteristic: Any) -> Callable[..., Any]:
    """w'' = (a − 2 q cosh 2x) w."""
    return lambda w, dw, m, q, x: (characteristic(m, q) - 2.0 * q * np.cosh(2 * x)) * w


_solution(sc.mathieu_cem, "m q", _mathieu(sc.mathieu_a), _DEGREE)
_solution(sc.mathieu_sem, "m q", _mathieu(sc.mathieu_b), _DEGREE)
for _function in (sc.mathieu_modcem1, sc.mathieu_modcem2):
    _solution(_function, "m q", _modified_mathieu(sc.mathieu_a))
for _function in (sc.mathieu_modsem1, sc.mathieu_modsem2):
    _solution(_function, "m q", _modified_mathieu(sc.mathieu_b))

# Parabolic cylinder functions (DLMF 12.2).
_solution(sc.pbdv, "v", lambda w, dw, v, x: (0.25 * x * x - v - 0.5) * w)
_solution(sc.pbvv, "v", lambda w, dw, v, x: (0.25 * x * x - v - 0.5) * w)
_solution(sc.pbwa, "a", lambda w, dw, a, x: (a - 0.25 * x * x) * w)


def _prolate(w: Any, dw: Any, m: Any, c2: Any, cv: Any, x: Any) -> Any:
    """(1 − x²) w'' = 2 x w' − (λ − c² x² − m²/(1 − x²)) w  (DLMF 30.2.1); oblate angular functions have −c²."""
    side = (1 - x) * (1 + x)
    return (2 * x * dw - (cv - c2 * x * x - np.true_divide(m * (m * 1.0), side)) * w) / side


def _oblate_radial(w: Any, dw: Any, m: Any, c2: Any, cv: Any, x: Any) -> Any:
    """The same at ix:  (1 + x²) w'' = −2 x w' + (λ − c² x² − m²/(1 + x²)) w."""
    side = 1 + x * x
    return (-2 * x * dw + (cv - c2 * x * x - m * (m * 1.0) / side) * w) / side


def _spheroidal(name: str, characteristic: Any, equation: Callable[..., Any], sign: float) -> None:
    """The function that finds the characteristic value, and the one that is given it."""
    _solution(
        getattr(sc, name),
        "m n c",
        lambda w, dw, m, n, c, x: equation(w, dw, m, sign * c * c, characteristic(m, n, c), x),
    )
    _solution(
        getattr(sc, name + "_cv"),
        "m n c cv",
        lambda w, dw, m, n, c, cv, x: equation(w, dw, m, sign * c * c, cv, x),
    )


_spheroidal("pro_ang1", sc.pro_cv, _prolate, 1.0)
_spheroidal("obl_ang1", sc.obl_cv, _prolate, -1.0)
if _MENDED:
    _spheroidal("pro_rad1", sc.pro_cv, _prolate, 1.0)
    _spheroidal("obl_rad1", sc.obl_cv, _oblate_radial, 1.0)
else:
    refused(
        sc.pro_rad1, sc.pro_rad1_cv, sc.obl_rad1, sc.obl_rad1_cv,
        reason="SciPy 1.13 returns wrong values and writes beyond its memory",
    )  # fmt: skip
refused(
    sc.pro_rad2, sc.pro_rad2_cv, sc.obl_rad2, sc.obl_rad2_cv,
    reason="SciPy's values of it break the Wronskian relation with the function of the first kind, by 100 % at places",
)  # fmt: skip
refused(
    sc.mathieu_a, sc.mathieu_b, sc.pro_cv, sc.obl_cv,
    reason="its derivative, an integral of the square of the wave function, is no function of SciPy",
)  # fmt: skip

from . import elliptic  # noqa: E402, F401  (enters its rules)
