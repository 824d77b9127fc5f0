"""Functions written with other NumPy functions, and polynomials."""

import numpy as np

import dualdiff.rules.polynomial_package  # noqa: F401  (enters its rules)
from dualdiff.table import RULES

from . import sample, well_conditioned

# Differences and integrals.
sample(np.diff, lambda x: np.diff(x), (4,))
sample(np.diff, lambda x: np.diff(x, 2, axis=0), (4, 2))
sample(np.diff, lambda x: np.diff(x, n=0) * 2, (4,))
sample(np.diff, lambda x: np.diff(x, n=3), (2,))
sample(np.diff, lambda x, y: np.diff(x, prepend=y, append=1.0), (2, 3), ())
sample(np.diff, lambda x, y: np.diff(x, axis=0, append=y), (2, 3), (2, 3))
sample(np.ediff1d, lambda x: np.ediff1d(x), (2, 3))
sample(np.ediff1d, lambda x, y: np.ediff1d(x, to_begin=y, to_end=[1.0, 2.0]), (4,), (1, 2))
sample(np.ediff1d, lambda x: np.ediff1d(x, 1.0), (0,))
sample(np.ediff1d, lambda x, y: np.ediff1d(x, y, 1.0), (4,), ())
sample(np.gradient, lambda x: np.gradient(x), (4,))
sample(np.gradient, lambda x: np.gradient(x), (3, 4))
sample(np.gradient, lambda x: np.gradient(x, edge_order=2), (4,))
sample(np.gradient, lambda x, h: np.gradient(x, h, axis=-1, edge_order=2), (2, 4), ())
sample(np.gradient, lambda x, h: np.gradient(x, np.cumsum(h)), (4,), (4,))
sample(np.gradient, lambda x, h: np.gradient(x, np.cumsum(h), 2.0, edge_order=2), (4, 3), (4,))
sample(np.gradient, lambda x, h: np.gradient(x, h, edge_order=2), (4,), np.arange(4.0))  # equal spacings
sample(np.gradient, lambda x: np.gradient(x, [0.0, 1.0, 3.0], axis=0), (3, 2))
sample(np.gradient, lambda x: np.gradient(x, 0.5), (2,))
sample(np.gradient, lambda h: np.gradient([1.0, 4.0, 9.0], h), ())
sample(np.trapezoid, lambda y: np.trapezoid(y), (4,))
sample(np.trapezoid, lambda y, x: np.trapezoid(y, x, axis=0), (4, 2), (4,))
sample(np.trapezoid, lambda y, x: np.trapezoid(y, x), (2, 4), (2, 4))
sample(np.trapezoid, lambda y, dx: np.trapezoid(y, dx=dx, axis=-2), (3, 2), ())
sample(np.trapezoid, lambda x: np.trapezoid([1.0, 2.0, 4.0], x), (3,))
sample(np.unwrap, lambda x: np.unwrap(9 * x), (5,))
sample(np.unwrap, lambda x: np.unwrap(9 * x, discont=4.0, axis=0), (5, 2))
sample(np.unwrap, lambda x, p: np.unwrap(3 * x, period=p), (5,), ())

# Covariances.
sample(np.cov, lambda x: np.cov(x), (3, 5))
sample(np.cov, lambda x: np.cov(x), (5,))
sample(np.cov, lambda x, y: np.cov(x, y, rowvar=False, bias=True), (5, 2), (5,))
sample(np.cov, lambda x, y: np.cov(x, y, ddof=2), (5,), (5,))
sample(np.cov, lambda x, w: np.cov(x, aweights=w, fweights=[1, 2, 1, 3]), (2, 4), (4,))
sample(np.cov, lambda x: np.cov(x, fweights=[1, 2, 1, 3]), (2, 4))
sample(np.cov, lambda w: np.cov([[1.0, 2.0, 4.0]], aweights=w, ddof=0), (3,))
sample(np.cov, lambda x: np.abs(np.cov(x + 1j * x[::-1])), (2, 4))
sample(np.corrcoef, lambda x: np.corrcoef(x), (3, 5))
sample(np.corrcoef, lambda x, y: np.corrcoef(x, y), (5,), (5,))
sample(np.corrcoef, lambda x: np.corrcoef(x, rowvar=False), (5, 2))
sample(np.corrcoef, lambda x: np.corrcoef(x), (5,))
sample(np.corrcoef, lambda x: np.abs(np.corrcoef(x + 1j * x[::-1] ** 2)), (3, 4))

# Counts.
POINTS = np.array([0.1, 0.5, 0.9, 0.5, 1.0, 0.0])
sample(np.bincount, lambda w: np.bincount([3, 1, 3, 0], w), (4,))
sample(np.bincount, lambda w: np.bincount(np.array([3, 1, 3, 0]), weights=w, minlength=6), (4,))
sample(np.histogram_bin_edges, lambda x: np.histogram_bin_edges(x, 3), (5,))
sample(np.histogram_bin_edges, lambda x: np.histogram_bin_edges(x, "sturges"), (5,))
sample(np.histogram_bin_edges, lambda x: np.histogram_bin_edges(x, np.linspace(x[0], 2.0, 3)), (5,))
sample(np.histogram_bin_edges, lambda x, a: np.histogram_bin_edges(x, 3, (a, a + 1)), (5,), ())
sample(np.histogram, lambda w: np.histogram(POINTS, 3, weights=w), (6,))
sample(np.histogram, lambda w: np.histogram(POINTS, [0.1, 0.4, 1.0], weights=w, density=True), (6,))
sample(np.histogram, lambda x, w: np.histogram(x, 3, weights=w), (2, 3), (2, 3))
sample(np.histogram, lambda x: np.histogram(x, 3, density=True), (6,))
sample(np.histogram, lambda x: np.histogram(x, 2, range=(0.0, 2.0))[1] + x[0], (6,))
sample(np.histogram, lambda w: np.abs(np.histogram(POINTS, 3, weights=w + 2j * w)[0] + 1), (6,))
sample(np.histogram, lambda e: np.histogram(POINTS, e, density=True), np.array([-0.1, 0.3, 0.7, 1.1]), duck=False)
sample(np.histogram, lambda x, a: np.histogram(x, 3, (a, a + 1.0), density=True), (6,), -0.3)
sample(np.histogram2d, lambda x, a: np.histogram2d(x, POINTS, 2, [(a, 1.0), None], density=True), (6,), -0.3)
sample(np.histogram2d, lambda w: np.histogram2d(POINTS, POINTS[::-1], 2, weights=w), (6,))
sample(np.histogram2d, lambda x, y: np.histogram2d(x, y, [2, 3], density=True), (6,), (6,))
sample(np.histogram2d, lambda x, w: np.histogram2d(x, POINTS, np.array([0.0, 0.5, 1.0]), weights=w), (6,), (6,))
sample(np.histogram2d, lambda e: np.histogram2d(POINTS, POINTS, [e, 2], density=True), np.array([-0.1, 0.3, 0.7, 1.1]))
sample(
    np.histogramdd,
    lambda x, w: np.histogramdd(x, 2, weights=w),
    np.reshape([0.1, 0.5, 0.9, 0.2, 0.8, 0.3], (3, 2)),
    (3,),
)
sample(np.histogramdd, lambda x: np.histogramdd([x, POINTS], (2, [0.0, 0.4, 1.0]), density=True), (6,))
sample(np.histogramdd, lambda x: np.histogramdd(x, (2, 2), range=[(0.0, 2.0), None]), (6, 2))
sample(
    np.histogramdd,
    lambda a, e: np.histogramdd([POINTS, POINTS], [3, e], [(a, 1.0), None], density=True),
    -0.3,
    np.array([-0.1, 0.3, 0.7, 1.1]),
)

# Functions applied.
sample(np.apply_along_axis, lambda x: np.apply_along_axis(lambda row: row[0] * row, 0, x), (3, 2))
sample(np.apply_along_axis, lambda x: np.apply_along_axis(lambda row, a: np.sum(row) * a, -1, x, 2.0), (3, 2))
sample(np.apply_along_axis, lambda x: np.apply_along_axis(np.diag, 1, x), (2, 3, 2))
sample(
    np.apply_along_axis, lambda x: np.apply_along_axis(lambda r: np.array([r[0], r[1] ** 2]), 0, x), (2, 2), duck=False
)
sample(np.apply_over_axes, lambda x: np.apply_over_axes(np.sum, x, [0, -1]), (2, 3, 4))
sample(np.apply_over_axes, lambda x: np.apply_over_axes(np.cumsum, x, 1), (2, 3))

# Outside the real domain.
for _name in ("sqrt", "log", "log2", "log10", "arccos", "arcsin", "arctanh"):
    _f = getattr(np.emath, _name)
    sample(_f, lambda x, f=_f: f(x), (3,))
    sample(_f, lambda x, f=_f: np.real(f(x * np.array([2.5, -2.5, 0.5])) * (1 + 2j)), np.array([0.5, 0.6, 0.7]))
    sample(_f, lambda x, f=_f: np.imag(f(-3 * x)), ())
sample(np.emath.logn, lambda n, x: np.emath.logn(n + 1, x), (), (3,))
sample(np.emath.logn, lambda n, x: np.real(np.emath.logn(n + 1, -x) * 1j), (), (3,))
sample(np.emath.power, lambda x, p: np.emath.power(x, p), (3,), (3,))
sample(np.emath.power, lambda x, p: np.real(np.emath.power(-x, p) * 1j), (3,), (3,))
sample(np.emath.power, lambda x: np.emath.power(x, [-2, 0, 3]), (3,))
sample(np.i0, lambda x: np.i0(20 * x - 10), (5,))
sample(np.i0, lambda x: np.i0(x), ())

_clip = next((f for f in RULES if isinstance(f, np.ufunc) and f.__name__ == "clip"), None)  # what the method calls
if _clip is not None:
    sample(_clip, lambda lo, hi: np.array([0.0, 0.5, 2.0]).clip(lo, hi + 1.0), (3,), ())

# Padding.
for _mode in ("edge", "reflect", "symmetric", "wrap", "mean", "maximum", "minimum", "median", "linear_ramp"):
    sample(np.pad, lambda x, m=_mode: np.pad(x, 2, mode=m), (4,))
    sample(np.pad, lambda x, m=_mode: np.pad(x, ((1, 0), (2, 3)), m), (3, 2))
for _mode in ("mean", "maximum", "minimum", "median"):
    sample(np.pad, lambda x, m=_mode: np.pad(x, 1, m, stat_length=((2, 3), (1, 9))), (4, 3))
sample(np.pad, lambda x: np.pad(x, 2), (4,))
sample(np.pad, lambda x, c: np.pad(x, (1, 2), constant_values=c), (2, 3), ())
sample(np.pad, lambda x: np.pad(x, (1, 2), constant_values=((1.0, 2.0), (3.0, 4.0))), (2, 3))
sample(np.pad, lambda x, c: np.pad(x, 2, "linear_ramp", end_values=(c, 1.0)), (2, 3), ())
sample(np.pad, lambda x: np.pad(x, 5, "reflect", reflect_type="odd"), (3,))
sample(np.pad, lambda x: np.pad(x, ((2, 1), (0, 3)), "symmetric", reflect_type="odd"), (3, 2))
sample(np.pad, lambda x: np.pad(x, 7, "reflect"), (3,))
sample(np.pad, lambda x: np.pad(x, 0), ())
sample(np.pad, lambda x: np.pad(x, 1), (0, 2))
sample(np.pad, lambda x: np.pad(x, 1, "empty")[1:-1], (3,))

# Polynomials.
sample(np.vander, lambda x: np.vander(x), (3,))
sample(np.vander, lambda x: np.vander(x - 0.5, 4, increasing=True), (3,))
sample(np.vander, lambda x: np.vander(x, 0), (3,))
sample(np.poly, lambda x: np.poly(x), (3,))
sample(np.poly, lambda a: np.poly(a), well_conditioned(4))
sample(np.poly, lambda x: np.poly(np.stack([x[0] + 1j * x[1], x[0] - 1j * x[1], x[2] + 0j])), (3,))
sample(np.poly, lambda x: np.abs(np.poly(x + 1j * x**2) + 1), (3,))
sample(np.polyadd, lambda a, b: np.polyadd(a, b), (3,), (2,))
sample(np.polyadd, lambda a: np.polyadd([1.0, 2.0, 3.0], a), ())
sample(np.polysub, lambda a, b: np.polysub(a, b), (2,), (3,))
sample(np.polymul, lambda a, b: np.polymul(a, b), (3,), (2,))
sample(np.polymul, lambda a: np.polymul(a, [0.0, 1.0, 2.0]), (3,))
sample(np.polymul, lambda a: np.polymul(a, 2.0), ())
# The remainder is trimmed by size, in float32 elsewhere than in float64: its last coefficients.
sample(np.polydiv, lambda u, v: (np.polydiv(u, v)[0], np.polydiv(u, v)[1][-2:]), (5,), (3,))
sample(np.polydiv, lambda u, v: np.polydiv(u, v), (2,), (3,))
sample(np.polydiv, lambda v: np.polydiv([1.0, 2.0, 4.0], v)[0], ())
sample(np.polyval, lambda p, x: np.polyval(p, x), (3,), (2, 2))
sample(np.polyval, lambda p: np.polyval(p, 2), (3,))
sample(np.polyval, lambda x: np.polyval([1.0, 2.0, 3.0], x), ())
sample(np.polyval, lambda x: np.polyval([2.0], x), (2,))
sample(np.polyder, lambda p: np.polyder(p), (4,))
sample(np.polyder, lambda p: np.polyder(p, 2), (4,))
sample(np.polyder, lambda p: np.polyder(p, 3), (2,))
sample(np.polyint, lambda p: np.polyint(p), (3,))
sample(np.polyint, lambda p, k: np.polyint(p, 2, k), (3,), (2,))
sample(np.polyint, lambda p, k: np.polyint(p, m=3, k=k), (3,), ())
sample(np.roots, lambda p: np.roots(p), np.array([1.0, -6.0, 11.0, -6.0]))
sample(np.roots, lambda p: np.abs(np.roots(p) - 1), np.array([2.0, 1.0, 3.0]))
sample(np.roots, lambda p: np.roots(np.array([0.0, p[0], p[1], p[2], 0.0])), np.array([1.0, -3.0, 2.0]), duck=False)
sample(np.polyfit, lambda x, y: np.polyfit(x, y, 2), np.array([0.1, 0.4, 0.5, 0.9, 1.2]), (5,))
sample(np.polyfit, lambda x, y, w: np.polyfit(x, y, 1, w=w), np.array([0.1, 0.4, 0.5, 0.9]), (4, 2), (4,))
sample(np.polyfit, lambda y: np.polyfit(np.arange(5.0), y, 1, full=True)[:2], (5,))
sample(np.polyfit, lambda x, y: np.polyfit(x, y, 1, cov=True), np.array([0.1, 0.4, 0.5, 0.9]), (4,))
sample(np.polyfit, lambda x, y: np.polyfit(x, y, 1, cov="unscaled")[1], np.array([0.1, 0.4, 0.5, 0.9]), (4, 2))
if isinstance(np.polynomial.polynomial.polyval2d, type(np.roll)):  # overridable in newer NumPy
    sample(
        np.polynomial.polynomial.polyval2d,
        lambda x, y, c: np.polynomial.polynomial.polyval2d(x, y, c),
        (2,),
        (2,),
        (3, 2),
    )
    sample(np.polynomial.polynomial.polyval2d, lambda c: np.polynomial.polynomial.polyval2d(0.5, 2.0, c), (2, 2, 3))
    sample(
        np.polynomial.polynomial.polygrid2d,
        lambda x, y, c: np.polynomial.polynomial.polygrid2d(x, y, c),
        (2,),
        (3,),
        (3, 2),
    )

if hasattr(np.polynomial.polynomial, "polyvalnd"):  # NumPy 2.5
    sample(
        np.polynomial.polynomial.polyvalnd,
        lambda x, y, c: np.polynomial.polynomial.polyvalnd((x, y), c),
        (3,),
        (3,),
        (2, 3),
        duck=False,  # it tests for ndarray
    )
