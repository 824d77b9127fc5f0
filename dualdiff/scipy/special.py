"""`scipy.special`: the Python-level functions; its ufuncs come from here as well, and find their rules by themselves.

Conventions: orders and counts (``n`` of polygamma, ``v`` of the Bessel functions, ``d``, ``k`` of lambertw) have no
derivative and raise.  ``factorial``, ``comb`` and ``perm`` are those of the gamma function, one-sided at the border of
the region outside which they are 0.  Where the largest entries of ``logsumexp`` are infinite, they share its derivative
as their weights ``b`` say, evenly without; an entry of −∞ has derivative 0 where another one is finite.
Source: NIST Digital Library of Mathematical Functions (DLMF), sections given with the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special
import scipy.special as sc
from scipy.special import assoc_laguerre as assoc_laguerre  # calls ufuncs alone
from scipy.special import sinc as sinc  # NumPy's

from .. import errors
from ..rules.matrices import weighted_sum
from ..tangents.expression import Tangent, normalized
from ..values.dual import primal
from .forms import composite, enter, tangent_rule, without_rule

if hasattr(scipy.special, "softplus"):
    from scipy.special import softplus as softplus  # NumPy's logaddexp


def __getattr__(name: str) -> Any:
    return without_rule(scipy.special, name)


def _scaled(dx: Tangent, partial: Any) -> Tangent:
    """A product with a partial that may be infinite."""
    if dx and not np.all(np.isfinite(primal(partial))):
        dx.perturbation.expect_infinity()
    return dx * partial


# Sums of exponentials.


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(normalized(i, ndim) for i in axes)


def _summed(da: Tangent, weights: Any, axes: tuple[int, ...], shape: tuple[int, ...]) -> Tangent:
    """Σ weights · ȧ over some axes of what both broadcast to."""
    if not da:
        return da
    if da.ndim < len(np.shape(weights)):
        da = da.reshape((1,) * (len(np.shape(weights)) - da.ndim) + da.shape)
    if not np.all(np.isfinite(primal(weights))):
        da.perturbation.expect_infinity()
    total = weighted_sum(da, weights, axes) if da.shape == np.shape(weights) else (da * weights).sum(axes)
    return total.reshape(shape)


@tangent_rule(scipy.special.logsumexp)
def logsumexp(
    y: Any,
    a: Any,
    axis: Any = None,
    b: Any = None,
    keepdims: bool = False,
    return_sign: bool = False,
    *,
    da: Tangent,
    db: Tangent,
) -> Any:
    """S = Σ b eᵃ  implies  (log S)˙ = Σ (b eᵃ / S) ȧ + Σ (eᵃ / S) ḃ

    Its imaginary part δ turns a complex sign:  sgn˙ = i sgn δ.
    """
    shape = np.shape(y[0] if return_sign else y)
    whole = np.broadcast_shapes(np.shape(a), np.shape(b), (1,))
    axes = _axes(axis, len(whole))
    a = np.broadcast_to(a, whole) * 1.0
    b = b if b is None else np.broadcast_to(b, whole)
    with np.errstate(all="ignore"):
        e = _shifted_exponentials(a, b, axes)
        # An entry without weight may be infinite: it gets none, but ∂²/∂a∂b = eᵃ / S needs the factor b as it is.
        terms = e if b is None else b * np.where((primal(b) == 0) & ~np.isfinite(primal(e)), 0.0, e)
        total = np.sum(terms, axis=axes, keepdims=True)
        of_a, of_b = terms / total, e / total
    change = _summed(da, of_a, axes, shape)
    if db:
        change = change + _summed(db, of_b, axes, shape)
    if not return_sign:
        return change
    return change.real(), (change - change.real()) * y[1] if np.iscomplexobj(y[1]) else None


def _shifted_exponentials(a: Any, b: Any, axes: tuple[int, ...]) -> Any:
    """exp(a − m), m the largest real part that has a weight; the quotients of these do not depend on m."""
    real = np.real(primal(a))
    counted = real if b is None else np.where(primal(b) == 0, -np.inf, real)
    m = np.max(counted, axis=axes, keepdims=True, initial=-np.inf)
    finite = np.isfinite(m)
    e = np.exp(np.where(finite, a, 0.0) - np.where(finite, m, 0.0).astype(real.dtype))
    if np.all(finite):
        return e
    # Of infinite entries, 1 for the largest ones; a NaN stays one.
    at_infinity = np.where(real == m, 1.0, np.where(real < m, 0.0, np.where(real > m, np.inf, np.nan)))
    return np.where(finite, e, at_infinity.astype(real.dtype))


@tangent_rule(scipy.special.softmax)
def softmax(y: Any, x: Any, axis: Any = None, *, dx: Tangent) -> Tangent:
    """ẏ = y (ẋ − Σ y ẋ)"""
    return (dx - _mean(y, dx, axis)) * y


@tangent_rule(scipy.special.log_softmax)
def log_softmax(y: Any, x: Any, axis: Any = None, *, dx: Tangent) -> Tangent:
    """ẏ = ẋ − Σ eʸ ẋ"""
    return dx - _mean(np.exp(y), dx, axis)


def _mean(weights: Any, dx: Tangent, axis: Any) -> Tangent:
    axes = _axes(axis, dx.ndim)
    return _summed(dx, weights, axes, tuple(1 if i in axes else n for i, n in enumerate(dx.shape)))


# The gamma function and its kin.


@tangent_rule(scipy.special.polygamma)
def polygamma(y: Any, n: Any, x: Any, *, dx: Tangent) -> Tangent:
    """ψ⁽ⁿ⁾˙ = ψ⁽ⁿ⁺¹⁾ ẋ"""
    return _scaled(dx, polygamma(np.asarray(n) + 1, x))


@tangent_rule(scipy.special.zeta)
def zeta(y: Any, x: Any, q: Any = None, *, dq: Tangent) -> Tangent:
    """ζ(x, q)˙ = −x ζ(x + 1, q) q̇  (DLMF 25.11.17)"""
    x = np.asarray(x)
    return _scaled(dq, -x * zeta(x + 1.0, q))


@tangent_rule(scipy.special.multigammaln)
def multigammaln(y: Any, a: Any, d: Any, *, da: Tangent) -> Tangent:
    """log Γ_d(a)˙ = Σⱼ ψ(a − j/2) ȧ,  j = 0 ... d − 1"""
    return da * sum(sc.digamma(a - 0.5 * j) for j in range(int(d)))


@tangent_rule(scipy.special.factorial)
def factorial(y: Any, n: Any, exact: bool = False, extend: str = "zero", *, dn: Tangent) -> Tangent:
    """n!˙ = n! ψ(n + 1) ṅ;  below 0 it is 0, but for ``extend="complex"``"""
    if extend == "zero":
        zero = n < 0
        return dn * np.where(zero, 0.0, y * sc.digamma(np.where(zero, 0.0, n) + 1.0))
    with np.errstate(all="ignore"):
        return _scaled(dn, y * sc.digamma(n + 1.0))


def _inside(N: Any, k: Any) -> tuple[Any, Any, Any]:
    """Where 0 <= k <= N, and arguments that are there."""
    N, k = np.asarray(N) if isinstance(N, (int, float)) else N, np.asarray(k) if isinstance(k, (int, float)) else k
    inside = (k <= N) & (k >= 0)
    nan = np.isnan(N) | np.isnan(k)
    return inside | nan, np.where(inside | nan, N, 1.0), np.where(inside | nan, k, 1.0)


def _refuse_exact(function: Any, exact: bool) -> None:
    if exact:
        raise errors.unsupported(function, "with exact=True, which counts with whole numbers", [()])


@tangent_rule(scipy.special.comb)
def comb(y: Any, N: Any, k: Any, *, exact: bool = False, repetition: bool = False, dN: Tangent, dk: Tangent) -> Tangent:
    """C˙ = C ((ψ(N + 1) − ψ(N − k + 1)) Ṅ + (ψ(N − k + 1) − ψ(k + 1)) k̇);  with repetition, N + k − 1 for N"""
    _refuse_exact(comb, exact)
    if repetition:
        if not np.all((primal(N) > 0) & (primal(k) >= 0)):
            raise errors.unsupported(comb, "with repetition=True outside of N > 0, k >= 0", [np.shape(y)])
        total, kept = sc.digamma(N + k * 1.0), sc.digamma(k + 1.0)
        return dN * (y * (total - sc.digamma(N * 1.0))) + dk * (y * (total - kept))
    inside, N, k = _inside(N, k)
    rest = sc.digamma(N - k + 1.0)
    of_N, of_k = y * (sc.digamma(N + 1.0) - rest), y * (rest - sc.digamma(k + 1.0))
    return dN * np.where(inside, of_N, 0.0) + dk * np.where(inside, of_k, 0.0)


@tangent_rule(scipy.special.perm)
def perm(y: Any, N: Any, k: Any, exact: bool = False, *, dN: Tangent, dk: Tangent) -> Tangent:
    """P = N! / (N − k)!  implies  P˙ = P ((ψ(N + 1) − ψ(N − k + 1)) Ṅ + ψ(N − k + 1) k̇)"""
    _refuse_exact(perm, exact)
    inside, N, k = _inside(N, k)
    rest = sc.digamma(N - k + 1.0)
    of_N, of_k = y * (sc.digamma(N + 1.0) - rest), y * rest
    return dN * np.where(inside, of_N, 0.0) + dk * np.where(inside, of_k, 0.0)


# Derivatives of Bessel functions, and spherical ones.


def _of_order(plain: Callable[..., Any]) -> Callable[..., Any]:
    """A derivative of order n of a Bessel function: its own derivative in z is that of order n + 1."""

    @tangent_rule(plain)
    def derivative(y: Any, v: Any, z: Any, n: int = 1, *, dz: Tangent) -> Tangent:
        return _scaled(dz, derivative(v, z, n + 1))

    return derivative


jvp, yvp = _of_order(scipy.special.jvp), _of_order(scipy.special.yvp)
ivp, kvp = _of_order(scipy.special.ivp), _of_order(scipy.special.kvp)
h1vp, h2vp = _of_order(scipy.special.h1vp), _of_order(scipy.special.h2vp)


def _neighbours(f: Any, n: Any, z: Any, derivative: bool, before: float, after: float) -> Any:
    """(± n fₙ₋₁ ± (n + 1) fₙ₊₁) / (2n + 1): without a division by z, so right at 0 as well (DLMF 10.51)."""
    n = np.asarray(n)
    with np.errstate(all="ignore"):
        first = np.where(n == 0, 0.0, before * n * f(np.maximum(n - 1, 0), z, derivative))
        return (first + after * (n + 1) * f(n + 1, z, derivative)) / (2 * n + 1)


@tangent_rule(scipy.special.spherical_jn)
def spherical_jn(y: Any, n: Any, z: Any, derivative: bool = False, *, dz: Tangent) -> Tangent:
    return _scaled(dz, _neighbours(spherical_jn, n, z, derivative, 1.0, -1.0))


@tangent_rule(scipy.special.spherical_yn)
def spherical_yn(y: Any, n: Any, z: Any, derivative: bool = False, *, dz: Tangent) -> Tangent:
    partial = _neighbours(spherical_yn, n, z, derivative, 1.0, -1.0)
    # Near 0 it is −c z⁻ⁿ⁻¹.
    return _scaled(dz, np.where(z == 0, -np.inf if derivative else np.inf, partial))


@tangent_rule(scipy.special.spherical_in)
def spherical_in(y: Any, n: Any, z: Any, derivative: bool = False, *, dz: Tangent) -> Tangent:
    return _scaled(dz, _neighbours(spherical_in, n, z, derivative, 1.0, 1.0))


@tangent_rule(scipy.special.spherical_kn)
def spherical_kn(y: Any, n: Any, z: Any, derivative: bool = False, *, dz: Tangent) -> Tangent:
    return _scaled(dz, _neighbours(spherical_kn, n, z, derivative, -1.0, -1.0))


# Others.


@tangent_rule(scipy.special.lambertw)
def lambertw(y: Any, z: Any, k: Any = 0, tol: float = 1e-8, *, dz: Tangent) -> Tangent:
    """w eʷ = z  implies  ẇ = e⁻ʷ / (1 + w) ż;  at the branch point −1/e it is infinite"""
    with np.errstate(all="ignore"):
        partial = np.exp(-y) / (1.0 + y)
    return _scaled(dz, partial)


@composite(scipy.special.diric)
def diric(x: Any, n: Any) -> Any:
    """sin(n x/2) / (n sin(x/2)) = Σⱼ cos((n − 1 − 2j) x/2) / n,  j = 0 ... n − 1: no division by a sine"""
    n = np.asarray(n)
    valid = (n > 0) & (n == np.floor(n))
    j = np.arange(int(np.max(np.where(valid, n, 0), initial=1)))
    n = np.where(valid, n, 1)[..., None]
    angles = (x[..., None] if np.ndim(x) else x) * (0.5 * (n - 1 - 2 * j))
    return np.sum(np.where(j < n, np.cos(angles), 0.0), axis=-1) / np.where(valid, n[..., 0], np.nan)


enter(globals(), scipy.special)
