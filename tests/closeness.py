"""NumPy's `assert_allclose`, which takes most of its time for what it would report."""

import numpy as np
from numpy import testing


def assert_allclose(actual, desired, rtol=1e-7, atol=0.0, **options):
    """Numbers that are finite and plainly near are settled by one comparison, anything else by NumPy's."""
    if _plain(actual) and _plain(desired) and actual.shape == desired.shape:
        with np.errstate(all="ignore"):
            near = np.abs(actual - desired) <= atol + rtol * np.abs(desired)
        if near.all() and np.isfinite(desired).all():
            return
    testing.assert_allclose(actual, desired, rtol=rtol, atol=atol, **options)


def _plain(x):
    return type(x) in (np.ndarray, np.float64, np.complex128) and x.dtype.kind in "fc"
