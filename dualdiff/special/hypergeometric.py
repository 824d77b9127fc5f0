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
from ..rules.edges import at_edge
from ..rules.ufuncs import unknown
from ..rules.without_derivatives import refused
from ..tangents.expression import Tangent
from ..values.kinds import innermost as plain
from .bessel import in_last, whole
from .forms import chosen, edged

_POSITIVE = (0.0, np.inf)
_UNIT = (-1.0, 1.0)
_DEGREE = math.pi / 180

# SciPy 1.13 has some functions wrong that SciPy 1.14 has right.
_MENDED = np.lib.NumpyVersion(scipy.__version__) >= "1.14.0"


# Hypergeometric functions.


def _hyp1f1(y: Any, a: Any, b: Any, z: Any) -> Any:
    """M' = (a/b) M(a + 1, b + 1) = (a/z) (M(a + 1, b) − M) = (a/b) eᶻ M(b − a, b + 1, −z)  (DLMF 13.3.15, 13.2.39).

    SciPy's M is wrong at places: the first of these that another expression confirms is taken, and NaN if there is
    none.  M(a + 1, b + 1, z + 0i), which SciPy sums in another way, is one more.
    For a = −1, M is 1 − z/b, also where b is a negative whole number and SciPy has M(0, b + 1) = ∞.
    """
    if not _MENDED and np.iscomplexobj(z):
        raise errors.unsupported(sc.hyp1f1, "SciPy 1.13 has it wrong for complex numbers", [np.shape(z)])

    def first(a: Any, b: Any, z: Any) -> Any:
        return a * sc.hyp1f1(a + 1.0, b + 1.0, z) / b

    def second(a: Any, b: Any, z: Any) -> Any:
        return a * (sc.hyp1f1(a + 1.0, b, z) - sc.hyp1f1(a, b, z)) / z

    def third(a: Any, b: Any, z: Any) -> Any:
        return a * np.exp(z) * sc.hyp1f1(b - a, b + 1.0, -z) / b

    constant, line = np.equal(a, 0), np.equal(a, -1)
    with np.errstate(all="ignore"):
        values = a_, b_, z_ = tuple(plain(arg) * np.float64(1.0) for arg in (a, b, z))
        one = first(*values)
        sure = _easy(*values) | plain(constant | line)
        # Of a complex number this is the same once more, and confirms nothing.
        apart = np.nan if np.iscomplexobj(z_) or not _MENDED else np.real(first(a_, b_, z_ + 0j))
        sure = sure | _agree(one, apart)
        twice = thrice = sure
        if not np.all(sure):
            two, three, four = second(*values), third(*values), _fourth(*values)
            sure = sure | _agree(one, two) | _agree(one, four)
            twice = _agree(two, apart) | _agree(two, three) | _agree(two, four)
            thrice = _agree(three, apart) | _agree(three, four)
    cases = [
        (constant, lambda a, b, z: 0.0 * z, (0.0, 1.0, 1.0)),
        (line, lambda a, b, z: -1.0 / b + 0.0 * z, (-1.0, 1.0, 1.0)),
        (sure, first, (1.0, 1.0, 1.0)),
    ]
    if not np.all(sure):
        cases += [
            (twice, second, (1.0, 1.0, 1.0)),
            (thrice, third, (1.0, 1.0, 1.0)),
            (True, lambda a, b, z: np.nan * z, (1.0, 1.0, 1.0)),
        ]
    return chosen(cases, a, b, z)


def _fourth(a: Any, b: Any, z: Any) -> Any:
    """M' = M − (1 − a/b) M(a, b + 1), which cancels for small a: only a check."""
    return sc.hyp1f1(a, b, z) - (b - a) / b * sc.hyp1f1(a, b + 1.0, z)


def _easy(a: Any, b: Any, z: Any) -> Any:
    """Where few terms of the power series of M(a + 1, b + 1, z) matter, and none has a small divisor."""
    polynomial = (a < 0) & (a == np.rint(a)) & (b <= a)
    return ((b > -0.5) | polynomial) & (np.absolute(z) * (np.absolute(a) + 2.0) < 0.5)


def _agree(one: Any, other: Any) -> Any:
    return (one == other) | (np.absolute(one - other) <= 1e-8 * np.minimum(np.absolute(one), np.absolute(other)))


def _hyperu(y: Any, a: Any, b: Any, x: Any) -> Any:
    """U' = −a U(a + 1, b + 1) = U − U(a, b + 1); the latter where SciPy's U(a + 1, b + 1) is NaN, unless it cancels."""
    slope = -a * sc.hyperu(a + 1.0, b + 1.0, x)
    lost = np.isnan(plain(slope))
    if not np.any(lost):
        return slope

    def difference(a: Any, b: Any, x: Any) -> Any:
        u, higher = sc.hyperu(a, b, x), sc.hyperu(a, b + 1.0, x)
        return np.where(np.absolute(u - higher) > 0.1 * np.absolute(u), u - higher, np.nan)

    direct = lambda a, b, x: -a * sc.hyperu(a + 1.0, b + 1.0, x)
    return chosen(((lost, difference, (1.0, 1.0, 1.0)), (True, direct, (1.0, 1.0, 1.0))), a, b, x)


in_last(sc.hyp0f1, "v", lambda y, v, z: sc.hyp0f1(v + 1.0, z) / v)
in_last(sc.hyp1f1, "a b", _hyp1f1)
in_last(
    sc.hyp2f1,
    "a b c",
    lambda y, a, b, c, z: a * sc.hyp2f1(a + 1.0, b + 1.0, c + 1.0, z) * b / c,
    domain=(-np.inf, 1.0),
)
in_last(sc.hyperu, "a b", _hyperu, domain=_POSITIVE)


# Orthogonal polynomials: the derivative of one of degree n is one of degree n − 1 (DLMF 18.9.15 and following).


def _below(n: Any) -> Any:
    """n − 1, of an unsigned type too."""
    return n - 1.0 if getattr(getattr(n, "dtype", None), "kind", "") == "u" else n - 1


_LONGEST = 1e6  # of the recurrences that are worth their time


def _lowered(factor: Any, polynomial: Callable[[Any], Any], n: Any, x: Any) -> Any:
    """factor · polynomial(n − 1), which is 0 for n = 0."""
    constant = np.equal(n, 0)
    return np.where(constant, 0.0, factor * _recurring(polynomial, np.where(constant, 0, _below(n)), x))


def _recurring(polynomial: Callable[[Any], Any], n: Any, x: Any) -> Any:
    """polynomial(n), for whole numbers of type float as if they were of type int.

    SciPy then uses recurrences; for floats it uses Γ functions, which overflow for degrees beyond 170.
    """
    n = plain(n)
    if n.dtype.kind != "f" or np.iscomplexobj(x):
        return polynomial(n)
    whole = (n >= 0) & (n <= _LONGEST) & (n == np.rint(n))
    if not np.any(whole):
        return polynomial(n)
    recurring = polynomial(np.where(whole, n, 0.0).astype(np.int64))
    return recurring if np.all(whole) else np.where(whole, recurring, polynomial(np.where(whole, 0.5, n)))


def _legendre(y: Any, n: Any, x: Any) -> Any:
    """P_n' = C_{n−1}^{(3/2)};  P_{−n−1} = P_n."""
    tiny = plain(np.absolute(n) < 1e-16) & np.not_equal(n, 0)
    if np.any(tiny):  # n − 1 is −1, where Γ has a pole: P_n' = n/(1 + x) + O(n²)
        regular = _legendre(y, np.where(tiny, 0.0, n), x)
        return np.where(tiny, n / np.where(tiny, 1 + x, 1.0), regular)
    n = np.where(n < 0, -1 - n * 1.0, n) if np.any(np.less(n, 0)) else n
    return _lowered(1.0, lambda k: sc.eval_gegenbauer(k, 1.5, x), n, x)


def _sh_legendre(y: Any, n: Any, x: Any) -> Any:
    """2 P_n'(2x − 1); close to 0, where SciPy's ₂F₁ fails for fractions n, x(1 − x)P̃' = n(P̃_{n−1} − (2x − 1)P̃_n)/2."""
    slope = 2.0 * _legendre(y, n, 2 * x - 1)
    lost = np.isnan(plain(slope)) & np.logical_not(np.isnan(plain(y)))
    if np.iscomplexobj(x) or not np.any(lost):
        return slope
    lost = lost & (plain(x) > 0) & (plain(x) < 0.1) & (np.absolute(n) < 20.0)
    degree = np.where(np.less(n, 0), -1 - n * 1.0, n * 1.0)  # P_{−n−1} = P_n

    def near(n: Any, x: Any) -> Any:
        return 0.5 * n * (sc.eval_sh_legendre(n - 1, x) - (2 * x - 1) * sc.eval_sh_legendre(n, x)) / x / (1 - x)

    direct = lambda n, x: 2.0 * _legendre(None, n, 2 * x - 1)
    return chosen(((lost, near, (2.0, 0.5)), (True, direct, (2.0, 0.5))), degree, x)


def _chebyu(y: Any, n: Any, x: Any) -> Any:
    """U_n' = 2 C_{n−1}^{(2)};  U_{−n} = −U_{n−2}."""
    tiny = plain(np.absolute(n) < 1e-16) & np.not_equal(n, 0)
    if np.any(tiny):  # as for _legendre
        near = 2 / 3 * n * sc.hyp2f1(1.0, 3.0, 2.5, 0.5 * (1 - np.where(tiny, x, 1.0)))
        return np.where(tiny, near, _chebyu(y, np.where(tiny, 0.0, n), x))
    sign: Any = 1.0
    if np.any(np.less(n, 0)):
        sign = np.where(n < -1, -1.0, 1.0)
        n = np.where(n < -1, -2 - n * 1.0, np.where(np.equal(n, -1), 0.0, n))
    return _lowered(2.0 * sign, lambda k: sc.eval_gegenbauer(k, 2.0, x), n, x)


def _jacobi(n: Any, alpha: Any, beta: Any, x: Any) -> Any:
    """P_n; where SciPy's ₂F₁ is infinite, with (1 − z)^(c−a−b) ₂F₁(c − a, c − b; c; z) in place of ₂F₁(a, b; c; z)."""
    y = sc.eval_jacobi(n, alpha, beta, x)
    if np.iscomplexobj(x) or n.dtype.kind != "f":
        return y
    lost = np.logical_not(np.isfinite(plain(y))) & (plain(x) > 1)
    if not np.any(lost):
        return y

    def euler(n: Any, alpha: Any, beta: Any, x: Any) -> Any:
        other = sc.hyp2f1(n + alpha + 1.0, -n - beta, alpha + 1.0, 0.5 * (1 - x))
        return sc.binom(n + alpha, n) * np.power(0.5 * (1 + x), -beta) * other

    direct = lambda n, alpha, beta, x: sc.eval_jacobi(n, alpha, beta, x)
    return chosen(((lost, euler, (0.5, 0.0, 0.0, 2.0)), (True, direct, (0.5, 0.0, 0.0, 0.0))), n, alpha, beta, x)


def _hermite(function: Any, scale: float) -> Callable[..., Any]:
    """H_n' = 2 n H_{n−1},  He_n' = n He_{n−1}."""
    return lambda y, n, x: scale * n * function(n - np.greater(n, 0), x)


in_last(sc.eval_legendre, "n", _legendre)
in_last(sc.eval_sh_legendre, "n", _sh_legendre)
in_last(sc.eval_chebyt, "n", lambda y, n, x: _lowered(n, lambda k: sc.eval_chebyu(k, x), n, x))
in_last(sc.eval_chebyu, "n", _chebyu)
in_last(sc.eval_chebyc, "n", lambda y, n, x: _lowered(n, lambda k: sc.eval_chebyu(k, 0.5 * x), n, x))
in_last(sc.eval_chebys, "n", lambda y, n, x: 0.5 * _chebyu(y, n, 0.5 * x))
in_last(sc.eval_sh_chebyt, "n", lambda y, n, x: _lowered(2.0 * n, lambda k: sc.eval_chebyu(k, 2 * x - 1), n, x))
in_last(sc.eval_sh_chebyu, "n", lambda y, n, x: 2.0 * _chebyu(y, n, 2 * x - 1))
in_last(
    sc.eval_gegenbauer,
    "n alpha",
    lambda y, n, alpha, x: _lowered(2.0 * alpha, lambda k: sc.eval_gegenbauer(k, alpha + 1.0, x), n, x),
)
in_last(
    sc.eval_jacobi,
    "n alpha beta",
    lambda y, n, alpha, beta, x: _lowered(
        0.5 * (n + alpha + beta + 1.0), lambda k: _jacobi(k, alpha + 1.0, beta + 1.0, x), n, x
    ),
)
in_last(
    sc.eval_sh_jacobi,
    "n p q",
    lambda y, n, p, q, x: _lowered(n, lambda k: sc.eval_sh_jacobi(k, p + 2.0, q + 1.0, x), n, x),
)
in_last(sc.eval_laguerre, "n", lambda y, n, x: _lowered(-1.0, lambda k: sc.eval_genlaguerre(k, 1.0, x), n, x))
in_last(
    sc.eval_genlaguerre,
    "n alpha",
    lambda y, n, alpha, x: _lowered(-1.0, lambda k: sc.eval_genlaguerre(k, alpha + 1.0, x), n, x),
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


refused(
    *(getattr(sc, f"{kind}_{name}{given}") for kind in ("pro", "obl") for name in ("ang1", "rad1", "rad2")
      for given in ("", "_cv")),
    reason="SciPy's spheroidal functions write beyond their memory, and break the Wronskian relation at places",
)  # fmt: skip
refused(
    sc.mathieu_a, sc.mathieu_b, sc.pro_cv, sc.obl_cv,
    reason="its derivative, an integral of the square of the wave function, is no function of SciPy",
)  # fmt: skip
