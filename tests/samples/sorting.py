"""Sorting, quantiles, sets, selection, interpolation.  The duck array cannot be written: no out= for it."""

import numpy as np

from . import sample
from .reductions import apart

MASK = np.array([[True, False, True], [False, False, True]])
NANS = np.array([[0.3, np.nan, 0.9, 0.6], [0.5, 0.2, np.nan, np.nan], [0.7, 0.1, 0.4, 0.25]])
NAN = np.isnan(NANS)


def with_nan(x):
    return np.where(NAN, np.nan, x)


METHODS = ("inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen",
           "weibull", "linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint",
           "nearest")  # fmt: skip

sample(np.sort, lambda x: np.sort(x), apart(3, 4))
sample(np.sort, lambda x: np.sort(x, axis=0), apart(3, 4))
sample(np.sort, lambda x: np.sort(x, None, "heapsort"), apart(3, 4))
sample(np.sort, lambda x: np.sort(x, stable=True), apart(2, 0))
sample(np.sort, lambda x: np.sort(x + 1j * np.cos(9 * x)), apart(5))
sample(np.partition, lambda x: np.partition(x, 2), apart(3, 9))
sample(np.partition, lambda x: np.partition(x, (1, -1), axis=0), apart(7, 2))
sample(np.partition, lambda x: np.partition(x, 3, axis=None), apart(3, 4))
sample(np.sort_complex, lambda x: np.sort_complex(x), apart(5))
sample(np.sort_complex, lambda x: np.sort_complex(x + 1j * np.cos(9 * x)), apart(2, 5))

for _f in (np.median, np.nanmedian):
    sample(_f, lambda x, f=_f: f(x), apart(3, 4))
    sample(_f, lambda x, f=_f: f(x, axis=0), apart(3, 4))
    sample(_f, lambda x, f=_f: f(x, axis=(-1, 0), keepdims=True), apart(3, 2, 4))
    sample(_f, lambda x, f=_f: f(x.copy(), axis=1, overwrite_input=True), apart(3, 5))
    sample(_f, lambda x, f=_f: f(x, axis=0, out=np.zeros(4, like=x, dtype=x.dtype)), apart(3, 4), duck=False)
    sample(_f, lambda x, f=_f: f(x), ())
    sample(_f, lambda x, f=_f: f(x, axis=1), apart(0, 3))
for _f, _q in ((np.quantile, 1), (np.nanquantile, 1), (np.percentile, 100), (np.nanpercentile, 100)):
    for _method in METHODS:
        sample(_f, lambda x, f=_f, q=0.3 * _q, m=_method: f(x, q, axis=1, method=m), apart(3, 6))
    sample(_f, lambda x, f=_f, q=0.25 * _q: f(x, q), apart(3, 4))
    sample(_f, lambda x, f=_f, q=_q: f(x, [0.0, 0.4 * q, 1.0 * q]), apart(7))
    # NumPy mixes up the axes of nanquantile for q of several axes and a tuple of axes.
    _axis = -2 if _f in (np.nanquantile, np.nanpercentile) else (0, -1)
    sample(
        _f,
        lambda x, f=_f, q=_q, a=_axis: f(x, np.array([[0.1, 0.4], [0.7, 1]]) * q, axis=a, keepdims=True),
        apart(2, 3, 4),
    )
    sample(_f, lambda x, f=_f, q=_q: f(x, np.array([0.1, 0.7]) * q, axis=(0, -1), keepdims=True), apart(2, 3, 4))
    sample(
        _f,
        lambda x, f=_f, q=0.5 * _q: f(x, q, weights=np.tile([1.0, 5.0, 2.0], (4, 1)), method="inverted_cdf", axis=1),
        apart(4, 3),
    )
    sample(
        _f,
        lambda x, f=_f, q=_q: f(x, [0.6 * q, 0.3 * q], weights=np.arange(1.0, 7).reshape(2, 3), method="inverted_cdf"),
        apart(2, 3),
    )
    sample(_f, lambda x, f=_f, q=0.3 * _q: f(x, q), ())
    for _method in ("linear", "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased", "normal_unbiased"):
        sample(
            _f,
            lambda x, p, f=_f, q=_q, m=_method: f(x**2, p * q, axis=1, method=m),
            apart(3, 6),
            np.array([0.02, 0.45, 0.97]),
        )
    sample(_f, lambda x, p, f=_f, q=_q: f(x**2, p * q, axis=0, keepdims=True), apart(4, 2), np.array([[0.15, 0.45]]))
    sample(_f, lambda x, p, f=_f, q=_q: f(x**2, p * q), apart(7), 0.45)
    sample(_f, lambda p, f=_f, q=_q: f(np.array([1.0, 5.0, 4.0]), p * q, method="nearest"), np.array(0.4))
for _f, _q in ((np.nanquantile, 1), (np.nanpercentile, 100)):
    sample(_f, lambda x, f=_f, q=_q: f(with_nan(x), [0.2 * q, 0.9 * q], axis=1), apart(3, 4))
    sample(_f, lambda x, f=_f, q=_q: f(with_nan(x), 0.3 * q), apart(3, 4))
    sample(
        _f, lambda x, p, f=_f, q=_q: f(with_nan(x), p * q, axis=1, method="hazen"), apart(3, 4), np.array([0.35, 0.6])
    )
sample(np.nanmedian, lambda x: np.nanmedian(with_nan(x), axis=0), apart(3, 4))
sample(np.nanmedian, lambda x: np.nanmedian(with_nan(x), axis=1, keepdims=True), apart(3, 4))

# Sets.
REPEATED = np.array([3, 1, 2, 1, 0, 3])
sample(np.unique, lambda x: np.unique(x), apart(2, 4))
sample(np.unique, lambda x: np.unique(x[REPEATED]), apart(4))
sample(np.unique, lambda x: np.unique(x[REPEATED], True, True, True)[0], apart(4))
sample(np.unique, lambda x: np.unique(x[REPEATED], axis=0, return_counts=True)[0], apart(4, 2))
sample(np.unique, lambda x: np.unique(x[:, REPEATED], axis=-1), apart(2, 4))
sample(np.unique, lambda x: np.unique(x), apart(0))
for _f in (np.unique_all, np.unique_counts, np.unique_inverse):
    sample(_f, lambda x, f=_f: f(x[REPEATED]).values, apart(4))
sample(np.unique_values, lambda x: np.unique_values(x[REPEATED]), apart(4))
OTHER = np.array([0.95, 0.4, 0.05])
sample(np.union1d, lambda x, y: np.union1d(x, y), apart(2, 3), 1.1 * apart(4) + 0.01)
sample(np.union1d, lambda x: np.union1d(OTHER, x), apart(3))
sample(np.intersect1d, lambda x: np.intersect1d(x**2, (x**2)[1:]), apart(4))
sample(np.intersect1d, lambda x: np.intersect1d(x, x[::2] * 1.0, True, True)[0], apart(3, 2))
sample(np.setdiff1d, lambda x: np.setdiff1d(x[REPEATED], x[:1]), apart(4))
sample(np.setdiff1d, lambda x: np.setdiff1d(x, x[1:2], assume_unique=True), apart(4))
sample(np.setxor1d, lambda x, y: np.setxor1d(x[REPEATED], np.concatenate([y, x[:2]])), apart(4), apart(3) + 0.03)
sample(np.setxor1d, lambda x: np.setxor1d(OTHER, x, assume_unique=True), apart(4))
sample(np.setxor1d, lambda x: np.setxor1d(x, x[:0]), apart(1))

# Selection.
INDEX = np.array([[2, 0, 1, 2], [1, 1, 0, 0]])
sample(np.take_along_axis, lambda x: np.take_along_axis(x, INDEX, axis=1), (2, 3))
sample(np.take_along_axis, lambda x: np.take_along_axis(x, INDEX, axis=-1), (1, 3))
sample(np.take_along_axis, lambda x: np.take_along_axis(x, INDEX[:1] % 2, 0), (2, 4))
sample(np.take_along_axis, lambda x: np.take_along_axis(x, np.array([5, 0, -1]), None), (2, 3))
sample(np.extract, lambda x: np.extract(MASK, x), (2, 3))
sample(np.extract, lambda x: np.extract(x > 0.5, x), (2, 3))
sample(np.extract, lambda x: np.extract([1, 0, 2], x), (3,))
sample(np.choose, lambda x, y: np.choose([0, 1, 1], [x, y]), (3,), (2, 1))
sample(np.choose, lambda x: np.choose(np.array([0, 2, 1]), x), (3, 3))
sample(np.choose, lambda x: np.choose(np.array([[0], [5]]), (x, 2.0, x * x), mode="clip"), (3,))
sample(np.choose, lambda x: np.choose(np.array([-1, 4]), (x, 2 * x, x * x), mode="wrap"), ())
sample(np.choose, lambda x: np.choose(np.array([0, 0]), (x,), out=np.zeros(2, like=x, dtype=x.dtype)), (1,), duck=False)
sample(np.select, lambda x: np.select([x < 0.4, x < 0.6], [x**2, np.sin(x)], default=1.0), (7,))
sample(np.select, lambda x, d: np.select([x < 0.4, True], [x, d], d), (2, 3), (3,))
PADDED = np.array([0.0, 0.0, 0.4, 0.0, 0.7, 0.0])
sample(np.trim_zeros, lambda x: np.trim_zeros(x * PADDED), (6,))
sample(np.trim_zeros, lambda x: np.trim_zeros(x * PADDED, "f"), (6,))
sample(np.trim_zeros, lambda x: np.trim_zeros(x * PADDED, trim="B"), (6,))
sample(np.trim_zeros, lambda x: np.trim_zeros(x * 0.0), (3,))

# Functions given piece by piece.
sample(np.piecewise, lambda x: np.piecewise(x, [x < 0.4, x > 0.6], [np.sin, lambda v: v * v]), (3, 4))
sample(np.piecewise, lambda x: np.piecewise(x, [x < 0.4, x > 0.3], [-1.0, lambda v: v**3]), (7,))
sample(
    np.piecewise,
    lambda x: np.piecewise(x, x > 0.5, [lambda v, a, b=1.0: a * b * v * v, lambda v, a, b: a + b * v], 2.0, b=3.0),
    (7,),
)
sample(np.piecewise, lambda x: np.piecewise(x, [x > 0.0], [lambda v: v * v]), ())
sample(np.piecewise, lambda x: np.piecewise(x, [x > 5.0], [lambda v: v * v, lambda v: v**3]), ())
KNOTS = np.array([0.0, 0.3, 0.55, 1.0])
VALUES = np.array([1.0, -0.5, 0.7, 0.2])
sample(np.interp, lambda x: np.interp(x, KNOTS, VALUES), (2, 3))
sample(np.interp, lambda x: np.interp(4 * x - 1, KNOTS, VALUES), (9,))
sample(np.interp, lambda x, fp: np.interp(x, [0.1, 0.5, 0.95], fp), (5,), (3,))
sample(np.interp, lambda x, xp, fp: np.interp(x, np.cumsum(xp) - 0.2, fp), (5,), (3,), (3,))
sample(np.interp, lambda x, xp, fp, l, r: np.interp(x**2, np.cumsum(xp) - 0.2, fp, left=l, right=r),
       np.array([0.05, 0.3, 0.7, 1.9]), np.array([0.4, 0.3, 0.5]), (3,), 0.3, 0.8)  # fmt: skip
sample(np.interp, lambda x, xp, fp: np.interp(9 * x, xp, fp, period=1.3), (5,), np.array([0.2, 1.1, 0.7]), (3,))
# NumPy reads the period as a float.
sample(np.interp, lambda x, p: np.interp(9 * x, KNOTS + 2, VALUES, period=p), (5,), np.array(1.7), duck=False)
sample(np.interp, lambda x: np.interp(x, KNOTS, VALUES * 1j), 0.4)
sample(np.interp, lambda fp: np.interp([0.2, 0.5, 0.9], [0.5], fp, right=2.0), (1,))
