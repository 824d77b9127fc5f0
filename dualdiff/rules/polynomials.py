"""Polynomials given by their coefficients, the highest power first, as in ``np.polyval``.

A `numpy.poly1d` among the arguments gives a ``poly1d`` of a Dual.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..table import register
from ..tangents.expression import Tangent
from ..values.levels import duals_in
from ..values.objects import stripped
from .composites import Formula, array, formula
from .forms import tangent_rule


class Polynomials(Formula):
    """A formula in coefficients."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not any(isinstance(arg, np.poly1d) for arg in args):
            return super().__call__(*args, **kwargs)
        result = self(*(arg.coeffs if isinstance(arg, np.poly1d) else arg for arg in args), **kwargs)
        return tuple(map(np.poly1d, result)) if isinstance(result, tuple) else np.poly1d(result)


def polynomials(*functions: Any, active: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def declare(of: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            register(Polynomials(function, of, active))
        return of

    return declare


@formula(np.vander, active="x")
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    x = array(x)
    powers = np.arange(len(x) if N is None else N)
    return np.power(x[:, None], powers if increasing else powers[::-1])


def _aligned(p: Any, n: int) -> Any:
    """Coefficients with zeros in front."""
    p = np.atleast_1d(array(p))
    return np.concatenate([np.zeros(n - len(p), p.dtype), p])


@polynomials(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    n = max(np.size(a1), np.size(a2))
    return _aligned(a1, n) + _aligned(a2, n)


@polynomials(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    n = max(np.size(a1), np.size(a2))
    return _aligned(a1, n) - _aligned(a2, n)


@polynomials(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """NumPy leaves out leading zeros; their derivatives still reach the coefficients that it keeps."""
    a, b = np.atleast_1d(array(a1)), np.atleast_1d(array(a2))
    kept = len(np.polymul(stripped(a1), stripped(a2)))
    n = len(a) + len(b) - 1
    # Row i of the table is b shifted by i.
    shifted = [np.concatenate([np.zeros(i), b, np.zeros(len(a) - 1 - i)]) for i in range(len(a))]
    return np.sum(a[:, None] * np.stack(shifted), axis=0)[n - kept :] if kept <= n else None


@polynomials(np.polydiv)
def polydiv(u: Any, v: Any) -> Any:
    """Long division."""
    rest, v = np.atleast_1d(array(u)), np.atleast_1d(array(v))
    kept = len(np.polydiv(stripped(u), stripped(v))[1])
    n, quotient = len(v), []
    for k in range(len(rest) - n + 1):
        quotient.append(rest[k] / v[0])
        rest = np.concatenate([rest[:k], rest[k : k + n] - quotient[k] * v, rest[k + n :]])
    return np.stack(quotient) if quotient else None, rest[len(rest) - kept :]


@formula(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    if isinstance(x, np.poly1d):
        raise errors.unsupported(np.polyval, "at a poly1d it composes polynomials", [d.shape for d in duals_in(p)])
    x = array(x)
    y = np.zeros_like(x)
    for coefficient in array(p):
        y = y * x + coefficient
    return y


@polynomials(np.polyder, active="p")
def polyder(p: Any, m: int = 1) -> Any:
    for _ in range(int(m)):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@polynomials(np.polyint, active="p k")
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    constants = array(0.0 if k is None else k)
    if constants.size == 1:
        constants = np.broadcast_to(constants, (m,))
    for i in range(int(m)):
        p = np.concatenate([p / np.arange(len(p), 0, -1), constants[i : i + 1]])
    return p


@tangent_rule(np.poly)
def poly(y: Any, seq_of_zeros: Any, *, dseq_of_zeros: Tangent) -> Tangent | None:
    """Of roots rᵢ: ẏ = −Σ ṙᵢ Π over j ≠ i of (z − rⱼ).  Of a matrix: d det(z − A) = −tr(adj(z − A) dA).

    The coefficients of the adjugate are Mₖ₊₁ = A Mₖ + yₖ, M₁ = 1 (Faddeev & LeVerrier), with NumPy's own yₖ; they
    are smooth where eigenvalues meet.
    """
    x, dx = seq_of_zeros, dseq_of_zeros
    if np.size(x) == 0:
        return None
    if np.ndim(x) == 2:
        n = len(x)
        unit = np.eye(n)
        adjugate = [unit]
        for k in range(1, n):
            adjugate.append(np.matmul(x, adjugate[-1]) + y[k] * unit)
        dy = dx.contract("ij,kji->k", -np.stack(adjugate))
    else:
        x, dx = np.atleast_1d(x), dx.reshape((np.size(x),))
        others = [np.atleast_1d(np.poly(np.delete(x, i))) for i in range(len(x))]
        dy = dx.contract("i,ij->j", -np.stack(others))
    if y.dtype.kind != "c":
        dy = dy.real()
    leading = lambda block: np.concatenate([np.zeros_like(block[:, :1]), block], axis=1)
    return dy.move(leading, (dy.shape[0] + 1,))


@tangent_rule(np.roots)
def roots(y: Any, p: Any, *, dp: Tangent) -> Tangent | None:
    """p(r) = 0  implies  ṙ = −ṗ(r) / p'(r): infinite at a multiple root, which has no derivative."""
    if np.size(y) == 0:
        return None
    p = np.atleast_1d(p)
    with np.errstate(all="ignore"):
        slope = np.polyval(np.polyder(p), y)
        return dp.reshape(p.shape).contract("k,ik->i", -np.vander(y, len(p)) / slope[:, None])


@formula(np.polyfit, active="x y w")
def polyfit(x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """The least-squares problem that NumPy solves: columns xⁿ⁻ᵏ scaled to length 1."""
    order = int(deg) + 1
    x, y = array(x) + 0.0, array(y) + 0.0
    columns = np.vander(x, order)
    if w is not None:
        w = array(w)
        columns = columns * w[:, None]
        y = y * (w[:, None] if y.ndim == 2 else w)
    scale = np.sqrt(np.sum(columns * columns, axis=0))
    columns = columns / scale
    rcond = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
    c, residuals, rank, singular = np.linalg.lstsq(columns, y, rcond)
    c = (c.T / scale).T
    if full:
        return c, residuals, rank, singular, None
    if cov:
        base = np.linalg.inv(np.matmul(columns.T, columns)) / (scale[:, None] * scale)
        factor = 1.0 if cov == "unscaled" else residuals / (len(x) - order)
        return c, base * factor if y.ndim == 1 else base[:, :, None] * factor
    return c
