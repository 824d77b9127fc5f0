"""The Jacobian as an operator of SciPy, and the Jacobians of many independent points."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from tests.sparse_problems import VECTOR, bratu, point


@pytest.mark.parametrize("f", VECTOR)
def test_the_operator_is_the_jacobian(f):
    pytest.importorskip("scipy")
    x = point(f)
    J, dense = dd.jacobian_operator(f)(x), dd.jacfwd(f)(x)
    V, U = np.random.default_rng(0).normal(size=(2, x.size, 3))
    U = U[: dense.shape[0]]

    assert J.shape == dense.shape
    assert_allclose(J @ V, dense @ V, rtol=1e-12, atol=1e-12)
    assert_allclose(J @ V[:, 0], dense @ V[:, 0], rtol=1e-12, atol=1e-12)
    assert_allclose(J.T @ U, dense.T @ U, rtol=1e-12, atol=1e-12)
    assert_allclose(J.H @ U[:, 0], dense.T @ U[:, 0], rtol=1e-12, atol=1e-12)
    assert_allclose(J @ (V[:, 0] * 1j), dense @ V[:, 0] * 1j, rtol=1e-12, atol=1e-12)


def test_the_operator_keeps_its_point_and_takes_trees():
    pytest.importorskip("scipy")
    x = np.arange(1.0, 4.0)
    J = dd.jacobian_operator(lambda t, s: (t["a"] ** 2 * s, s * 3), argnums=(0, 1))({"a": x}, np.array(2.0))
    x[:] = 0.0

    assert_array_equal(J @ np.eye(4), [[4, 0, 0, 1], [0, 8, 0, 4], [0, 0, 12, 9], [0, 0, 0, 3]])
    with pytest.raises(TypeError, match="complex"):
        dd.jacobian_operator(lambda x: x * 1j)(np.ones(2))


def test_newton_krylov_and_lsmr_take_it():
    linalg = pytest.importorskip("scipy.sparse.linalg")
    u = np.zeros(100)
    for _ in range(6):
        step, info = linalg.gmres(dd.jacobian_operator(bratu)(u), bratu(u), rtol=1e-10, atol=0.0)
        assert info == 0
        u = u - step
    assert np.abs(bratu(u)).max() < 1e-12
    residual = lambda p: p[0] * np.exp(-p[1] * np.arange(5.0)) - np.exp(-0.5 * np.arange(5.0))
    p = np.array([0.9, 0.6])
    for _ in range(8):
        p = p - linalg.lsmr(dd.jacobian_operator(residual)(p), residual(p), atol=1e-14, btol=1e-14)[0]
    assert_allclose(p, [1.0, 0.5], rtol=1e-8)


# Many points.


def rows(x):
    return np.stack([x[..., 0] * x[..., 1], np.sin(x[..., 1]) + x[..., 2] ** 2], axis=-1)


@pytest.mark.parametrize("batch", [(), (1,), (5,), (2, 3), (0,)])
@pytest.mark.parametrize("chunk_size", [None, 1, 2])
def test_batch_jacobian_is_that_of_every_row(batch, chunk_size):
    x = np.random.default_rng(1).normal(size=(*batch, 3))
    found = dd.batch_jacobian(rows, chunk_size=chunk_size)(x)

    assert found.shape == (*batch, 2, 3)
    for i in np.ndindex(*batch):
        assert_allclose(found[i], dd.jacfwd(rows)(x[i]), rtol=1e-13)


def test_rows_of_one_number_and_other_arguments():
    x = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    found = dd.batch_jacobian(lambda c, x: c * np.sum(x**3, axis=-1), argnums=1)(2.0, x)

    assert found.shape == (4, 3)
    assert found.dtype == np.float32
    assert_allclose(found, 6 * x**2, rtol=1e-6)


@pytest.mark.parametrize("coupling", [1.0, 1e-6])
def test_coupled_rows_raise(coupling):
    f = lambda x: rows(x) + coupling * np.mean(x[:, :2], axis=0)

    with pytest.raises(ValueError, match=r"row 0 of the result and 4 others \(of 5\) depends on other rows"):
        dd.batch_jacobian(f)(np.random.default_rng(1).normal(size=(5, 3)))


def test_rows_whose_terms_cancel_are_no_coupling():
    f = lambda x: (x**2 + 1e7 * np.cumsum(x, axis=-1)) - 1e7 * np.cumsum(x, axis=-1)
    x = np.random.default_rng(1).normal(size=(50, 4))

    assert_allclose(dd.batch_jacobian(f)(x), np.einsum("ni,ij->nij", 2 * x, np.eye(4)), atol=1e-6)


def test_what_is_no_function_of_rows_raises():
    with pytest.raises(ValueError, match="maps"):
        dd.batch_jacobian(lambda x: x.T)(np.ones((2, 3)))
    with pytest.raises(TypeError, match="one array of rows"):
        dd.batch_jacobian(np.sin)(1.0)
    with pytest.raises(TypeError, match="one int"):
        dd.batch_jacobian(lambda x, y: x, argnums=(0, 1))
