"""Options of transforms in all their forms: results beside the value, several arguments, patterns that are given."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd

X, Y, S = np.array([0.3, -0.8, 1.1, 0.5]), np.array([[0.7, -0.4], [1.2, 0.9]]), 0.6


def f(x, y, s):
    return s * np.sin(x[1:] * x[:-1]) + y[0, 0] * x[:-1] + y[1, 1] ** 2


def with_aux(x, y, s):
    return f(x, y, s), {"doubled": 2 * x, "number": 3, "square": s * s, "name": "f"}


def loss(x, y, s):
    return np.sum(f(x, y, s) ** 2)


def jacobian_by_hand():
    """Of all three arguments side by side."""
    rows = np.arange(3)
    by_x, by_y = np.zeros((3, 4)), np.zeros((3, 2, 2))
    slopes = S * np.cos(X[1:] * X[:-1])
    by_x[rows, rows] = slopes * X[1:] + Y[0, 0]
    by_x[rows, rows + 1] = slopes * X[:-1]
    by_y[:, 0, 0], by_y[:, 1, 1] = X[:-1], 2 * Y[1, 1]
    return by_x, by_y, np.sin(X[1:] * X[:-1])


BY_X, BY_Y, BY_S = jacobian_by_hand()
WHOLE = np.hstack([BY_X, BY_Y.reshape(3, 4), BY_S[:, np.newaxis]])
COLUMNS = {0: range(4), 1: range(4, 8), 2: range(8, 9)}


def columns(argnums):
    positions = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    return [column for i in positions for column in COLUMNS[i % 3]]


def check_aux(aux):
    assert_array_equal(aux["doubled"], 2 * X)
    assert type(aux["doubled"]) is np.ndarray and type(aux["square"]) is float
    assert (aux["number"], aux["square"], aux["name"]) == (3, S * S, "f")


@pytest.mark.parametrize("transform", [dd.jacfwd, dd.jacrev, dd.jacobian])
def test_aux_of_a_jacobian(transform):
    found, aux = transform(with_aux, argnums=(0, 1, 2), has_aux=True)(X, Y, S)

    for one, expected in zip(found, (BY_X, BY_Y, BY_S), strict=True):
        assert_allclose(one, expected, rtol=1e-14)
    check_aux(aux)
    assert_allclose(transform(with_aux, argnums=-1, has_aux=True)(X, Y, S)[0], BY_S, rtol=1e-14)
    # The derivative of an outer level goes through what stands beside the value.
    of_aux = transform(lambda s: transform(with_aux, has_aux=True)(X, Y, s)[1]["square"])(S)
    assert_allclose(of_aux, 2 * S, rtol=1e-15)


@pytest.mark.parametrize("argnums", [0, 1, 2, -3, (0,), (0, 1), (2, 0), [0, 1, 2]], ids=str)
def test_argnums_of_sparse_derivatives(argnums):
    taken = columns(argnums)
    expected = WHOLE[:, taken]

    found, aux = dd.sparse_jacobian(with_aux, argnums=argnums, has_aux=True)(X, Y, S)
    assert_allclose(found.toarray(), expected, rtol=1e-14)
    check_aux(aux)
    value, found = dd.value_and_sparse_jacobian(f, argnums=argnums)(X, Y, S)
    assert_array_equal(value, f(X, Y, S))
    assert_allclose(found.toarray(), expected, rtol=1e-14)
    assert_array_equal(dd.sparsity(f, argnums=argnums)(X, Y, S).toarray() != 0, expected != 0)
    assert_allclose(dd.sparse_hessian(loss, argnums=argnums)(X, Y, S).toarray(), hessian()[np.ix_(taken, taken)])


def hessian():
    """By differences of the gradient by hand, 2 Jᵀ f."""

    def gradient(v):
        x, y, s = v[:4], v[4:8].reshape(2, 2), v[8]
        slopes, r = s * np.cos(x[1:] * x[:-1]), f(x, y, s)
        g = np.zeros(9)
        g[:3] += 2 * r * (slopes * x[1:] + y[0, 0])
        g[1:4] += 2 * r * slopes * x[:-1]
        g[4], g[7], g[8] = 2 * r @ x[:-1], 4 * y[1, 1] * np.sum(r), 2 * r @ np.sin(x[1:] * x[:-1])
        return g

    v, h = np.concatenate([X, Y.ravel(), [S]]), 1e-3
    slope = lambda h: np.stack([(gradient(v + h * e) - gradient(v - h * e)) / (2 * h) for e in np.eye(9)])
    coarse, middle, fine = slope(h), slope(h / 2), slope(h / 4)
    return (64 * (4 * fine - middle) / 3 - 4 * (4 * middle - coarse) / 3) / 60


def test_a_pattern_of_a_hessian_that_lacks_entries_is_refused():
    expected = hessian()[:4, :4]
    pattern = np.abs(expected) > 1e-6
    lacking = pattern.copy()
    lacking[1, 2] = lacking[2, 1] = False

    for given in (pattern, np.triu(pattern), np.ones((4, 4))):
        assert_allclose(dd.sparse_hessian(loss, pattern=given)(X, Y, S).toarray(), expected, rtol=1e-7, atol=1e-9)
    with pytest.raises(
        ValueError, match="sparse_hessian: the Jacobian has entries outside the given pattern, in row 1"
    ):
        dd.sparse_hessian(loss, pattern=lacking)(X, Y, S)
    unchecked = dd.sparse_hessian(loss, pattern=lacking, check=False)(X, Y, S).toarray()
    assert unchecked.shape == (4, 4) and not unchecked[1, 2]


def test_a_pattern_beside_the_value():
    pattern = BY_X != 0
    (value, aux), found = dd.value_and_sparse_jacobian(with_aux, pattern=pattern, has_aux=True)(X, Y, S)

    assert_array_equal(value, f(X, Y, S))
    assert_allclose(found.toarray(), BY_X, rtol=1e-14)
    check_aux(aux)
    with pytest.raises(ValueError, match="outside the given pattern, in row 2"):
        dd.value_and_sparse_jacobian(f, pattern=pattern & (np.arange(4) < 3))(X, Y, S)
