"""numpy.random puts what carries a derivative into the order that the plain array gets, whatever its axes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd

X = np.arange(1.0, 13.0) ** 1.5


def new(x):
    return np.random.default_rng(3)


def old(x):
    return np.random.RandomState(5)


def rows_shuffled(x, generator):
    y = (x * x).reshape(4, 3)
    generator(x).shuffle(y)
    return y


def buffer_shuffled(x, generator):
    y = np.zeros((2, 3, 2))
    part = y[:, 1]
    y[0, 1:] = x[:4].reshape(2, 2)
    y[1] = x[6:].reshape(3, 2) ** 2
    generator(x).shuffle(part)
    generator(x).shuffle(y)
    return np.append(y.ravel(), part)


def shuffled_before(x, generator):
    y = np.arange(6.0).reshape(3, 2).copy()
    generator(x).shuffle(y)
    y[1] *= x[0]
    return y


def view_shuffled(x, generator):
    y = x * 2
    generator(x).shuffle(y.reshape(3, 4).T[1:])
    generator(x).shuffle(y[2:9])
    return y


def list_shuffled(x, generator):
    y = [x[:4], x[4:8], x[8:]]
    generator(x).shuffle(y)
    return np.concatenate(y)


def permuted_entries(x, generator):
    shuffle_of = generator(x).permutation
    return shuffle_of(x) * shuffle_of(x**2) * shuffle_of(12)


def permuted_rows(x, generator):
    y = np.zeros((4, 3))
    before = generator(x).permutation(y)
    y += x.reshape(4, 3)
    return np.stack([before, generator(x).permutation(y)])


@pytest.mark.parametrize("generator", [new, old])
@pytest.mark.parametrize(
    "f",
    [rows_shuffled, buffer_shuffled, shuffled_before, view_shuffled, list_shuffled, permuted_entries, permuted_rows],
)
def test_order_is_that_of_the_plain_array(f, generator):
    agree(lambda x: f(x, generator))


def agree(f):
    x = X.copy()
    value, tangent = dd.jvp(f, (x,), (np.ones(12),))
    assert_array_equal(value, f(X.copy()))
    assert_array_equal(x, X)
    assert_allclose(tangent, (f(X + 1e-5) - f(X - 1e-5)) / 2e-5, rtol=1e-8, atol=1e-8)
    assert_allclose(dd.jacrev(f)(X), dd.jacfwd(f)(X), rtol=1e-14)


def test_along_an_axis():
    def f(x):
        y = (x * x).reshape(2, 3, 2)
        new(x).shuffle(y, axis=1)
        return new(x).permutation(y * x[0], axis=2)

    agree(f)


def test_numpys_own_functions():
    def f(x):
        np.random.seed(7)
        y = x.reshape(3, 4) ** 2
        np.random.shuffle(y)
        return np.random.permutation(y) * np.random.permutation(x[:4])

    agree(f)


def test_second_derivatives():
    def f(x):
        y = x.reshape(4, 3) ** 3
        new(x).shuffle(y)
        return np.sum(y[0])

    expected = np.zeros((12, 12))
    order = np.arange(4)[:, None] + np.zeros(3)
    new(X).shuffle(order)
    for i in range(3 * int(order[0, 0]), 3 * int(order[0, 0]) + 3):
        expected[i, i] = 6 * X[i]
    assert_allclose(dd.hessian(f)(X), expected, rtol=1e-14)


def test_errors_are_numpys():
    for wrong in (lambda x: new(x).shuffle(x[0]), lambda x: new(x).permutation(x.reshape(3, 4), axis=2)):
        with pytest.raises(Exception) as plain:
            wrong(X.copy())
        with pytest.raises(type(plain.value)):
            dd.jvp(wrong, (X,), (X,))
