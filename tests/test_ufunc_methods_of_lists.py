"""Methods of ufuncs take lists of what carries a derivative for the arrays that NumPy makes of them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd

X = np.array([1.0, 2.0, 0.5, -1.0])
OF_LISTS = {
    "logaddexp.reduce": lambda x: np.logaddexp.reduce([x[0], x[1], -np.inf]),
    "logaddexp.reduce, rows": lambda x: np.logaddexp.reduce([[x[0], 1.0], [x[1], x[3]]], axis=1),
    "logaddexp.accumulate": lambda x: np.logaddexp.accumulate((x[0], x[1], 0.0)),
    "fmod.outer": lambda x: np.fmod.outer([x[0], x[3]], [x[1], 0.3]),
    "hypot.reduce": lambda x: np.hypot.reduce([x[0], x[1], x[2]]),
    "add.reduceat": lambda x: np.add.reduceat([x[0], x[1] ** 2, 3.0, x[3]], [0, 2, 1]),
    "copysign.outer": lambda x: np.copysign.outer([x[0], x[1]], [x[3], 2.0]),
    "maximum.reduce": lambda x: np.maximum.reduce([x, 2 * x, [0.0, x[0], 1.2, 3.0]], axis=0),
    "multiply.reduce, initial": lambda x: np.multiply.reduce([x[0], x[1]], initial=x[2]),
}


@pytest.mark.parametrize("name", OF_LISTS)
def test_they_are_arrays(name):
    f = OF_LISTS[name]
    value, tangent = dd.jvp(f, (X,), (np.array([1.0, -2.0, 0.5, 0.25]),))
    assert_array_equal(value, f(X))
    step = 1e-6 * np.array([1.0, -2.0, 0.5, 0.25])
    assert_allclose(tangent, (f(X + step) - f(X - step)) / 2e-6, rtol=1e-7, atol=1e-8)
    assert_allclose(dd.jacrev(f)(X), dd.jacfwd(f)(X), rtol=1e-14)


TIES = {
    "maximum.reduce": (lambda a: np.maximum.reduce([a[0], a[1], 0.0]), [0.5, 0.5]),
    "minimum.reduce": (lambda a: np.minimum.reduce([7.0, a[0], a[1]]), [0.5, 0.5]),
    "fmax.reduce": (lambda a: np.fmax.reduce([a[0], np.nan, a[1]]), [0.5, 0.5]),
    "maximum.accumulate": (lambda a: np.maximum.accumulate([a[0], a[1]])[1], [0.5, 0.5]),
    "minimum.outer": (lambda a: np.minimum.outer([a[0]], (a[1], 9.0))[0, 0], [0.5, 0.5]),
    "logical_and.reduce": (lambda a: a[0] if np.logical_and.reduce([a[0], a[1]]) is np.True_ else a[1], [1.0, 0.0]),
}


@pytest.mark.parametrize("name", TIES)
def test_ties_share_as_in_arrays(name):
    f, slopes = TIES[name]
    a = np.array([2.0, 2.0])
    assert_array_equal(dd.value_and_grad(f)(a)[0], f(a))
    assert_array_equal(dd.grad(f)(a), slopes)
    assert_array_equal(dd.jacfwd(f)(a), slopes)
