"""Elliptic integrals, complete and incomplete, Jacobi's elliptic functions: ufuncs of `scipy.special`.

All have the derivatives of Carlson's symmetric integrals (DLMF 19.18), which neither cancel nor divide by zero where
the classical formulas do: at m = 0, and where two arguments are equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sc

from ..rules.whole_tangents import WholeTangent
from ..table import register
from ..tangents.expression import Tangent
from .forms import chosen, edged, polynomial

_POSITIVE = (0.0, np.inf)

# Carlson's symmetric elliptic integrals.

_STEPS = 12  # of the duplication; each divides what is left by 16, and its error by 256


def _mixed(x: Any, y: Any, z: Any) -> Any:
    """∂²R_F/∂x∂z = (1/8) ∫₀^∞ (t + x)^(−3/2) (t + y)^(−1/2) (t + z)^(−3/2) dt, so that ∂R_D(x, y, z)/∂x is −6 times it.

    R_F(x, y, z) = 2 R_F(x', y', z') with x' = x + λ, ..., λ = √(xy) + √(yz) + √(zx) (DLMF 19.26.18).  Differentiated
    in x and z, with  Σ ∂R_F = −p/2, p = (x'y'z')^(−1/2):
    """
    total: Any = 0.0
    weight = 1.0
    for _ in range(_STEPS):
        rx, ry, rz = np.sqrt(x), np.sqrt(y), np.sqrt(z)
        lam = rx * ry + ry * rz + rz * rx
        x, y, z = x + lam, y + lam, z + lam
        lam_x, lam_z = 0.5 * (ry + rz) / rx, 0.5 * (rx + ry) / rz
        p = 1 / (np.sqrt(x) * np.sqrt(y) * np.sqrt(z))
        terms = lam_x / z + lam_z / x + lam_x * lam_z * (1 / x + 1 / y + 1 / z) - 0.5 / (rx * rz)
        total = total + (0.5 * weight) * p * terms
        # The degree is −5/2: 2 ∂²R_F(x', ...) = (1/16) ∂²R_F(x'/4, ...).
        x, y, z, weight = 0.25 * x, 0.25 * y, 0.25 * z, weight / 16
    mean = (3 * x + y + 3 * z) / 7
    return total + weight / 20 / (mean * mean * np.sqrt(mean))


def _rc_slope(g: Any, u: Any, w: Any) -> Any:
    """g'(w) of g(w) = R_C(1, w), u = w − 1:  (1/w − g)/(2u), near 0 by the power series g = Σ (−u)ᵏ/(2k + 1)."""
    series = [-(k + 1) * (-1.0) ** k / (2 * k + 3) for k in range(28)]
    return chosen(
        (
            (np.absolute(u) < 0.25, lambda g, u, w: polynomial(series, u), (1.0, 0.0, 1.0)),
            (True, lambda g, u, w: 0.5 * (1 / w - g) / u, (1.0, 1.0, 1.0)),
        ),
        g,
        u,
        w,
    )


def _carlson_j_slope(x: Any, y: Any, z: Any, p: Any) -> Any:
    """∂R_J/∂x = −(3/4) ∫₀^∞ (t + x)^(−3/2) (t + y)^(−1/2) (t + z)^(−1/2) (t + p)^(−1) dt, for p off the negative axis.

    R_J(x, y, z, p) = 2 R_J(x', y', z', p') + 3 R_C(α², β²), α = p (√x + √y + √z) + √(xyz), β = √p p',
    β² − α² = (p − x)(p − y)(p − z)  (DLMF 19.26.18), differentiated in x, the p' of β too.
    With R_C(α², β²) = g(β²/α²)/α, g(w) = R_C(1, w), every term of the derivative has the same sign.
    """
    total: Any = 0.0
    weight = 1.0
    for _ in range(_STEPS):
        rx, ry, rz, rp = np.sqrt(x), np.sqrt(y), np.sqrt(z), np.sqrt(p)
        lam_x = 0.5 * (ry + rz) / rx
        alpha, alpha_x = p * (rx + ry + rz) + rx * ry * rz, 0.5 * (p + ry * rz) / rx
        lam = rx * ry + ry * rz + rz * rx
        ratio, ratio_x = rp * (p + lam) / alpha, rp * lam_x / alpha  # β/α and (∂β/∂x)/α
        u, w = (p - x) * (p - y) * (p - z) / (alpha * alpha), ratio * ratio
        x, y, z, p = x + lam, y + lam, z + lam, p + lam
        rows = -1.5 / (np.sqrt(x) * np.sqrt(y) * np.sqrt(z) * p)  # Σ ∂R_J(x', y', z', p')
        g = sc.elliprc(1.0, w)
        bend = _rc_slope(g, u, w)
        step = 2 * lam_x * rows + 3 * (2 * ratio * ratio_x * bend - (g + 2 * w * bend) * alpha_x / alpha) / alpha
        total = total + weight * step
        x, y, z, p, weight = 0.25 * x, 0.25 * y, 0.25 * z, 0.25 * p, weight / 16
    mean = (3 * x + y + z + 2 * p) / 7
    return total - 0.3 * weight / (mean * mean * np.sqrt(mean))


def _unless_zero(slope: Callable[..., Any], x: Any, *args: Any) -> Any:
    """A partial ∂/∂x that is −∞ for x = 0."""
    zero = x == 0
    safe = np.where(zero, 1.0, x)
    return np.where(zero, -1.0 / np.where(zero, np.absolute(x), 1.0), slope(safe, *args))


def _rd_x(x: Any, y: Any, z: Any) -> Any:
    return _unless_zero(lambda x, y, z: -6.0 * _mixed(x, y, z), x, y, z)


def _times(x: Any, slope: Any) -> Any:
    """x ∂f/∂x, which is 0 for x = 0."""
    zero = x == 0
    return np.where(zero, 0.0, x * np.where(zero, 0.0, slope))


def _rd_z(r: Any, x: Any, y: Any, z: Any) -> Any:
    """R_D is homogeneous of degree −3/2."""
    return -(1.5 * r + _times(x, _rd_x(x, y, z)) + _times(y, _rd_x(y, x, z))) / z


def _rg_x(x: Any, y: Any, z: Any) -> Any:
    """4 ∂R_G/∂x = R_F(x, y, z) − x R_D(y, z, x)/3, both infinite for y = z = 0, where R_G = √x/2."""

    def alone(x: Any, y: Any, z: Any) -> Any:
        # Its derivatives in y and z are infinite; the terms in them are 0, with a derivative that is NaN.
        return 0.25 / np.sqrt(x) + 0.0 * (np.sqrt(y) + np.sqrt(z))

    def general(x: Any, y: Any, z: Any) -> Any:
        zero = x == 0
        return 0.25 * (sc.elliprf(x, y, z) - np.where(zero, 0.0, x * sc.elliprd(y, z, np.where(zero, 1.0, x))) / 3)

    return chosen((((y == 0) & (z == 0) & (x != 0), alone, (1.0, 0.0, 0.0)), (True, general, (1.0, 1.0, 1.0))), x, y, z)


def _on_cut(p: Any) -> Any:
    """Where R_C and R_J are Cauchy principal values."""
    return (np.real(p) < 0) & (np.imag(p) == 0)


def _rc_x(r: Any, x: Any, y: Any) -> Any:
    """∂R_C/∂x = −R_D(y, y, x)/6 = (R_C − x^(−1/2)) / (2 (y − x)), the latter for y < 0."""
    cut = _on_cut(y)
    safe = np.where(cut, 1.0, y)
    bare = np.where(cut, x, 1.0)
    away = (np.where(cut, r, 0.0) - 1 / np.sqrt(bare)) / (2 * (np.where(cut, y, 2.0) - bare))
    return np.where(cut, away, -sc.elliprd(safe, safe, x) / 6)


def _rc_y(r: Any, x: Any, y: Any) -> Any:
    """∂R_C/∂y = −R_D(x, y, y)/3 = (√x/y − R_C) / (2 (y − x)), the latter for y < 0."""
    cut = _on_cut(y)
    safe = np.where(cut, 1.0, y)
    bare, other = np.where(cut, x, 1.0), np.where(cut, y, 2.0)
    away = (np.sqrt(bare) / other - np.where(cut, r, 0.0)) / (2 * (other - bare))
    return np.where(cut, away, -sc.elliprd(x, safe, safe) / 3)


def _rj_x(r: Any, x: Any, y: Any, z: Any, p: Any) -> Any:
    """∂R_J/∂x, for p < 0 by partial fractions: (R_D(y, z, x) − R_J) / (2 (x − p))."""

    def slope(x: Any, y: Any, z: Any, p: Any) -> Any:
        cut = _on_cut(p)
        other = np.where(cut, p, -1.0)
        away = (sc.elliprd(y, z, x) - np.where(cut, r, 0.0)) / (2 * (np.where(cut, x, 1.0) - other))
        return np.where(cut, away, _carlson_j_slope(x, y, z, np.where(cut, 1.0, p)))

    return _unless_zero(slope, x, y, z, p)


def _rj_p(r: Any, x: Any, y: Any, z: Any, p: Any) -> Any:
    """R_J is homogeneous of degree −3/2."""
    others = _times(x, _rj_x(r, x, y, z, p)) + _times(y, _rj_x(r, y, x, z, p)) + _times(z, _rj_x(r, z, x, y, p))
    return -(1.5 * r + others) / p


edged(
    sc.elliprf,
    lambda r, x, y, z: -sc.elliprd(y, z, x) / 6,
    lambda r, x, y, z: -sc.elliprd(z, x, y) / 6,
    lambda r, x, y, z: -sc.elliprd(x, y, z) / 6,
    domain=_POSITIVE,
)
edged(
    sc.elliprd,
    lambda r, x, y, z: _rd_x(x, y, z),
    lambda r, x, y, z: _rd_x(y, x, z),
    _rd_z,
    domain=_POSITIVE,
)
edged(
    sc.elliprg,
    lambda r, x, y, z: _rg_x(x, y, z),
    lambda r, x, y, z: _rg_x(y, z, x),
    lambda r, x, y, z: _rg_x(z, x, y),
    domain=_POSITIVE,
)
edged(sc.elliprc, _rc_x, _rc_y, domain=_POSITIVE)
edged(
    sc.elliprj,
    lambda r, x, y, z, p: _rj_x(r, x, y, z, p),
    lambda r, x, y, z, p: _rj_x(r, y, z, x, p),
    lambda r, x, y, z, p: _rj_x(r, z, x, y, p),
    _rj_p,
    domain=_POSITIVE,
)


# Legendre's integrals and Jacobi's functions:  K(m) = R_F(0, 1 − m, 1),  E = K − (m/3) R_D(0, 1 − m, 1).


def _k_slope(m: Any) -> Any:
    return sc.elliprd(0.0, 1.0, 1.0 - m) / 6


def _e_slope(m: Any) -> Any:
    return -sc.elliprd(0.0, 1.0 - m, 1.0) / 6


def _incomplete(phi: Any, m: Any) -> tuple[Any, ...]:
    """sin², cos² of φ, 1 − m sin² φ, sin³ of φ − nπ with the nearest whole n; and n and m with m = 0 for n = 0.

    F(φ) = F(φ − nπ) + 2 n K and the same for E.
    """
    turns = np.rint(phi / math.pi)
    s, c = np.sin(phi), np.cos(phi)
    even = np.where(np.remainder(turns, 2.0) == 0, 1.0, -1.0)
    return s * s, c * c, 1 - m * s * s, even * s * s * s, turns, np.where(turns == 0, 0.0, m)


def _f_slope(phi: Any, m: Any) -> Any:
    """∂F/∂m = sin³φ R_D(cos²φ, 1, Δ²)/6 + 2 n K'(m), Δ² = 1 − m sin²φ."""
    _, c2, delta2, s3, turns, whole_m = _incomplete(phi, m)
    return s3 * sc.elliprd(c2, 1.0, delta2) / 6 + 2 * turns * _k_slope(whole_m)


def _einc_slope(phi: Any, m: Any) -> Any:
    """∂E/∂m = −sin³φ R_D(cos²φ, Δ², 1)/6 + 2 n E'(m)."""
    _, c2, delta2, s3, turns, whole_m = _incomplete(phi, m)
    return -s3 * sc.elliprd(c2, delta2, 1.0) / 6 + 2 * turns * _e_slope(whole_m)


edged(sc.ellipk, lambda y, m: _k_slope(m), domain=(-np.inf, 1.0))
edged(sc.ellipkm1, lambda y, p: -sc.elliprd(0.0, 1.0, p) / 6, domain=_POSITIVE)
edged(sc.ellipe, lambda y, m: _e_slope(m), domain=(-np.inf, 1.0))
edged(
    sc.ellipkinc,
    lambda y, phi, m: 1 / np.sqrt(_incomplete(phi, m)[2]),
    lambda y, phi, m: _f_slope(phi, m),
    domain=((-np.inf, np.inf), (-np.inf, 1.0)),
)
edged(
    sc.ellipeinc,
    lambda y, phi, m: np.sqrt(_incomplete(phi, m)[2]),
    lambda y, phi, m: _einc_slope(phi, m),
    domain=((-np.inf, np.inf), (-np.inf, 1.0)),
)


def _ellipj(y: Any, u: Any, m: Any, du: Tangent, dm: Tangent) -> tuple[Tangent, ...]:
    """φ = am(u | m) solves F(φ | m) = u:  φ̇ = dn (u̇ − ∂F/∂m ṁ);  sn = sin φ, cn = cos φ, dn² = 1 − m sn²."""
    sn, cn, dn, phi = y
    turn = du * dn
    if dm:
        turn = turn - dm * (dn * _f_slope(phi, m))
    # dn may be 0 (m = 1, u large): m sn cn φ̇/dn with φ̇/dn = u̇ − ∂F/∂m ṁ has no quotient.
    slow = du * (-m * sn * cn)
    if dm:
        zero = dn == 0
        slow = slow + dm * (m * sn * cn * _f_slope(phi, m) - np.where(zero, 0.0, sn * sn / np.where(zero, 1.0, 2 * dn)))
    return turn * cn, turn * -sn, slow, turn


register(WholeTangent(sc.ellipj, _ellipj))


def _agm_a(y: Any, a: Any, b: Any) -> Any:
    """agm(a, b) = π / (2 R_F(0, a², b²)):  ∂/∂a = (2/3π) y² a R_D(0, b², a²), of degree 0; infinite for a = 0.

    For a and b of very different size the squares underflow: there y = (π/2) max / log(4 max/min).
    """
    a, b, y = np.absolute(a), np.absolute(b), np.absolute(y)
    size = np.maximum(a, b)  # whose derivative cancels, the formula being homogeneous
    size = np.where(size == 0, 1.0, size)
    a, b, y = a / size, b / size, y / size
    zero = a == 0
    slope = chosen(
        (
            (b < 1e-10 * a, lambda y, a, b: y / a * (1 - (2 / math.pi) * y / a), (1.0, 1.0, 1.0)),
            ((a < 1e-10 * b) & (a > 0), lambda y, a, b: (2 / math.pi) * y * y / b / a, (1.0, 1.0, 1.0)),
            (True, lambda y, a, b: (2 / (3 * math.pi)) * y * y * a * sc.elliprd(0.0, b * b, a * a), (1.0, 1.0, 1.0)),
        ),
        y,
        np.where(zero, 1.0, a),
        b,
    )
    return np.where(zero, 1.0 / np.where(zero, a, 1.0), slope)


edged(sc.agm, _agm_a, lambda y, a, b: _agm_a(y, b, a), domain=_POSITIVE)
