"""Reductions and cumulative functions.  The duck array cannot be written: no out= for it."""

import numpy as np

from . import sample

MASK = np.array([True, False, True])
MASK_2D = np.array([[True, False, True], [False, True, True]])
ZEROS = np.array([[0.0, 2.0, 0.0, 0.5], [0.0, 1.5, -0.7, 1.2], [0.4, 2.0, 0.3, -0.5]])
NANS = np.array([[0.3, np.nan, 0.9], [0.5, 0.2, np.nan], [0.7, 0.1, 0.4]])
NAN = np.isnan(NANS)


def with_nan(x):
    return np.where(NAN, np.nan, x)


def apart(*shape, seed=0):
    """Entries in random order that stay apart when they are moved a little, for functions of their order."""
    n = int(np.prod(shape))
    return np.random.default_rng(seed).permutation(np.linspace(0.2, 0.9, n)).reshape(shape)


def weights_of(x):
    """A fixed weight for each entry of a result, so that its entries do not cancel."""
    return np.reshape(np.arange(1.0, np.size(x) + 1), np.shape(x))


# Each of these with the arguments that all reductions share.
for _f in (np.sum, np.prod, np.mean, np.var, np.std, np.max, np.min, np.amax, np.amin, np.ptp, np.nansum, np.nanprod,
           np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin):  # fmt: skip
    sample(_f, lambda x, f=_f: f(x), apart(2, 3))
    sample(_f, lambda x, f=_f: f(x, 1), apart(2, 3))
    sample(_f, lambda x, f=_f: f(x, axis=-2), apart(2, 3, 2))
    sample(_f, lambda x, f=_f: f(x, axis=(0, -1), keepdims=True), apart(2, 3, 4))
    sample(_f, lambda x, f=_f: f(x, axis=1, keepdims=1), apart(3, 3))
    sample(_f, lambda x, f=_f: f(x, axis=None, keepdims=True), apart(2, 3))
    sample(_f, lambda x, f=_f: f(x, axis=np.int64(0)), (0, 3) if _f in (np.sum, np.prod, np.nansum) else apart(2, 3))
    sample(_f, lambda x, f=_f: f(x, axis=1), apart(0, 3))
    sample(_f, lambda x, f=_f: f(a=x * x + x), apart(4))
    sample(_f, lambda x, f=_f: f(x, axis=0, out=np.zeros(3, like=x, dtype=x.dtype)), apart(2, 3), duck=False)
    if _f is not np.ptp:
        sample(_f, lambda x, f=_f: f(x**2, axis=()), apart(2, 3), second=_f not in (np.std, np.nanstd))
    if _f not in (np.std, np.nanstd):
        sample(_f, lambda x, f=_f: f(x), ())
    if _f in (np.max, np.min, np.amax, np.amin, np.nanmax, np.nanmin, np.sum, np.prod, np.nansum, np.nanprod):
        sample(_f, lambda x, f=_f: f(x, axis=1, where=MASK, initial=0.55), apart(4, 3))
        sample(_f, lambda x, f=_f: f(x, where=MASK_2D, initial=0.55, keepdims=True), apart(2, 3))
        sample(_f, lambda x, f=_f: f(x, initial=0.5), apart(0))
        sample(_f, lambda x, i, f=_f: f(x**2, axis=0, initial=i**2), apart(3, 2), np.array(0.45))
        sample(_f, lambda x, i, f=_f: f(x**2, axis=1, initial=i, where=MASK), apart(4, 3), np.array(0.25))
    elif _f is not np.ptp:
        sample(_f, lambda x, f=_f: f(x, axis=1, where=MASK), apart(4, 3))
        sample(_f, lambda x, f=_f: f(x, where=[[True], [False]], axis=(0, 1)), apart(2, 3))
        sample(_f, lambda x, f=_f: f(x, 0, np.float64), apart(2, 3))

sample(np.sum, lambda x: x.sum(0), (2, 3))
sample(np.sum, lambda x: np.sum(x, 0, None, None, True), (2, 3))
sample(np.sum, lambda x: np.sum(x, dtype=np.float64), (0,))
sample(np.sum, lambda x: np.sum(x + 1j * x**2, axis=0), (2, 3))
sample(np.mean, lambda x: np.mean(x + 1j * x**2, axis=0), (2, 3))
sample(np.prod, lambda x: np.prod(x), ZEROS)
sample(np.prod, lambda x: np.prod(x, axis=1), ZEROS)
sample(np.prod, lambda x: np.prod(x, axis=0, keepdims=True), ZEROS)
sample(np.prod, lambda x: np.prod(x + 1j * x**2, axis=1), (2, 3))
sample(np.prod, lambda x: np.prod(x, dtype=np.float64, axis=(1,)), (2, 3))
for _f in (np.var, np.std, np.nanvar, np.nanstd):
    sample(_f, lambda x, f=_f: f(x, axis=1, ddof=1), (2, 3))
    sample(_f, lambda x, f=_f: f(x, axis=1, ddof=0.5, where=MASK), (4, 3))
    sample(_f, lambda x, f=_f: f(x, axis=0, correction=1), (4, 2))
    sample(_f, lambda x, f=_f: f(x + 1j * x**2, axis=1), (2, 3))
    sample(_f, lambda x, f=_f: f(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)), (2, 3))
    sample(_f, lambda x, m, f=_f: f(x, axis=1, mean=m), (2, 3), (2, 1))
    sample(_f, lambda x, m, f=_f: f(x, axis=1, mean=m, where=MASK, keepdims=True), (2, 3), (2, 1))
for _f in (np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin):
    sample(_f, lambda x, f=_f: f(with_nan(x)), apart(3, 3))
    sample(_f, lambda x, f=_f: f(with_nan(x), axis=1), apart(3, 3))
    sample(_f, lambda x, f=_f: f(with_nan(x), axis=0, keepdims=True), apart(3, 3))
for _f in (np.nansum, np.nanprod, np.nanmax, np.nanmin):
    sample(_f, lambda x, f=_f: f(with_nan(x), axis=1, where=MASK, initial=0.3), apart(3, 3))
for _f in (np.nanmean, np.nanvar, np.nanstd):
    sample(_f, lambda x, f=_f: f(with_nan(x), axis=0, where=np.array([[True], [False], [True]])), apart(3, 3))

for _f in (np.var, np.std):
    # NumPy looks at the array alone, so the duck array is converted.
    sample(_f, lambda m, f=_f: f(weights_of(m) * 1.0, mean=m, axis=1), np.array([[0.3], [0.9]]), duck=False)

# Cumulative.
for _f in (np.cumsum, np.cumprod, np.nancumsum, np.nancumprod):
    sample(_f, lambda x, f=_f: f(x), (2, 3))
    sample(_f, lambda x, f=_f: f(x, 0), (4, 3))
    sample(_f, lambda x, f=_f: f(x, axis=-1), (2, 1, 5))
    sample(_f, lambda x, f=_f: f(x, axis=1, dtype=np.float64), (2, 3))
    sample(_f, lambda x, f=_f: f(x), ())
    sample(_f, lambda x, f=_f: f(x, axis=0), ())
    sample(_f, lambda x, f=_f: f(x, axis=1), (2, 0))
    sample(_f, lambda x, f=_f: f(x + 1j * x**2, axis=0), (4, 3))
    sample(_f, lambda x, f=_f: f(x, axis=1), ZEROS)
    sample(_f, lambda x, f=_f: f(x), ZEROS)
    sample(_f, lambda x, f=_f: f(x * x, axis=0, out=np.zeros((3, 2), like=x, dtype=x.dtype)), (3, 2), duck=False)
for _f in (np.nancumsum, np.nancumprod):
    sample(_f, lambda x, f=_f: f(with_nan(x), axis=1), (3, 3))
    sample(_f, lambda x, f=_f: f(with_nan(x)), (3, 3))
if hasattr(np, "cumulative_sum"):  # NumPy 2.1
    for _f in (np.cumulative_sum, np.cumulative_prod):
        sample(_f, lambda x, f=_f: f(x), (3,))
        sample(_f, lambda x, f=_f: f(x, axis=1), (2, 3))
        sample(_f, lambda x, f=_f: f(x, axis=-2, include_initial=True), (4, 3))
        sample(_f, lambda x, f=_f: f(x, axis=0, include_initial=True), (0, 3))
        sample(_f, lambda x, f=_f: f(x, axis=1, include_initial=True, dtype=np.float64), ZEROS)

# Averages.
sample(np.average, lambda x: np.average(x), (2, 3))
sample(np.average, lambda x: np.average(x, axis=1, keepdims=True), (2, 3))
sample(np.average, lambda x: np.average(x, axis=0, returned=True)[0], (2, 3))
sample(np.average, lambda x, w: np.average(x, weights=w, returned=True), (2, 3), (2, 3))
sample(np.average, lambda x, w: np.average(x, axis=1, weights=w), (2, 3), (3,))
sample(np.average, lambda x, w: np.average(x, axis=(2, 0), weights=w, returned=True), (2, 3, 4), (4, 2))
sample(np.average, lambda x: np.average(x, axis=0, weights=[1, 2]), (2, 3))
sample(np.average, lambda w: np.average(np.array([1.0, 5.0, 3.0]), weights=w, keepdims=True), (3,))
