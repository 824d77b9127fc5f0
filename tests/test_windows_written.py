"""Writes through sliding windows: exact where no entry is written twice, else forwards; refused in reverse."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd

X = np.array([0.7, -1.3, 2.4, 0.2, 1.9, -0.6])


def windows(array, shape, axis=None):
    return np.lib.stride_tricks.sliding_window_view(array, shape, axis, writeable=True)


def slopes(f):
    return np.stack([(f(X + step) - f(X - step)) / 2e-5 for step in 1e-5 * np.eye(6)], -1)


def doubled(x):
    y = x * 1
    windows(y, 2)[:] *= 2
    return y


def filled(x):
    y = np.zeros(4)
    windows(y, 2)[...] = np.outer(x[:3], x[3:5])
    return y


def one_row_of_each(x):
    y = np.outer(x[:3], x[1:])
    windows(y, (2, 2))[0, :, 1] = x[2:4] ** 2
    return y


def reversed_memory(x):
    y = np.outer(x[:3], x[1:])
    windows(y[::-1], 2, axis=0)[...] = np.outer(x, x)[:2, :5, None] * x[:2]
    return y


def by_numbers(x):
    y = x * x
    windows(y, 3)[[0, 1]] += x[:3]
    return y


@pytest.mark.parametrize("f", [doubled, filled, one_row_of_each, reversed_memory, by_numbers])
def test_overlapping(f):
    value, _ = dd.jvp(f, (X,), (X,))
    assert_array_equal(value, f(X.copy()))
    assert_allclose(dd.jacfwd(f)(X), slopes(f), rtol=1e-7, atol=1e-7)
    for transform in (dd.jacrev, lambda f: dd.grad(lambda x: np.sum(f(x))), lambda f: dd.hessian(lambda x: f(x).sum())):
        with pytest.raises(dd.DerivativeLost, match="windows that overlap"):
            transform(f)(X)


def apart(x):
    y = x * 1
    windows(y, 2)[::2] = x[:3, None] * x[1:3]
    return y


def one_entry_of_each(x):
    y = np.zeros(6)
    windows(y, 3)[:, 1] += x[:4] ** 2
    windows(y, 3)[0] *= x[5]
    return y


def chosen(x):
    y = x * x
    windows(y, 2)[[0, 3]] -= x[1]
    windows(y, 2)[1, 1] = x[0]
    return y


def below(x):
    y = np.zeros((3, 5))
    part = windows(y, (1, 2))
    y[1] = x[1:]
    part[:, ::2] *= x[3]
    return np.append(y, part.ravel())


@pytest.mark.parametrize("f", [apart, one_entry_of_each, chosen, below])
def test_apart(f):
    assert_array_equal(dd.vjp(f, X)[0], f(X.copy()))
    for transform in (dd.jacfwd, dd.jacrev):
        assert_allclose(transform(f)(X), slopes(f), rtol=1e-7, atol=1e-7)
