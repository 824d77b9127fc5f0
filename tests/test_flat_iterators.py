"""``x.flat`` is an iterator, as NumPy's: it goes on where it stands, and begins anew after an index."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]])


def in_pairs(x):
    entries = x.flat
    return np.array([a * b for a, b in zip(entries, entries, strict=True)])


def first_and_rest(x):
    entries = (x * 2).T.flat
    first = next(entries)
    return np.array([entry - first * entries.index for entry in entries])


def exhausted(x):
    entries = x.flat
    total = sum(entries)
    return np.array([total, *entries, *entries])


def begun_anew(x):
    entries = (x * x).flat
    next(entries)
    entries[2] = x[0, 0]
    found = [next(entries), entries[4], next(entries)]
    entries[:2] = 3.0
    return np.array([*found, *entries])


def filled_between(x):
    out = np.zeros(4)
    entries = out.flat
    zero = next(entries)
    out[1:] = x[1] ** 2
    return np.array([zero, *entries])


def with_default(x):
    entries = x[:, :1].flat
    return np.array([next(entries), next(entries), next(entries, x[1, 2] ** 2)])


@pytest.mark.parametrize("f", [in_pairs, first_and_rest, exhausted, begun_anew, filled_between, with_default])
def test_it_goes_on_where_it_stands(f):
    value, tangent = dd.jvp(f, (A.copy(),), (np.ones(A.shape),))
    assert_array_equal(value, f(A.copy()))
    slope = (f(A + 1e-6) - f(A - 1e-6)) / 2e-6
    assert_allclose(tangent, slope, rtol=1e-7, atol=1e-7)
    J = dd.jacfwd(f)(A)
    assert_array_equal(dd.jacrev(f)(A), J)
    assert_allclose(J.sum(axis=(1, 2)), slope, rtol=1e-7, atol=1e-7)
    for staged, expected in ((dd.stage(f), f(A.copy())), (dd.stage(dd.jacfwd(f)), J)):
        assert_array_equal(staged(A), expected)
        assert_array_equal(staged(A), expected)
