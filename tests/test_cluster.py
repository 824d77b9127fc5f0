"""On a cluster of Dask's, here of two processes: gradients of data that lie there, chunks of Jacobians by its map."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from tests.sparse_problems import brusselator, point, rosenbrock
from tests.test_workers import failing

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("default")]  # distributed warns of what it meets itself
distributed = pytest.importorskip("distributed", reason="the extra `test` has it: dask[array,distributed]")


@pytest.fixture(scope="module")
def client():
    """Two workers, which find this package and its tests by the path that this process has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        )
        with cluster, distributed.Client(cluster) as client:
            yield client


def loss(w, X, y):
    return np.mean((np.tanh(X @ w) - y) ** 2)


def test_the_gradient_of_a_loss_over_dask_data(client):
    dask_array = pytest.importorskip("dask.array")
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(1000, 5)), rng.normal(size=1000), rng.normal(size=5)
    on_cluster = dask_array.from_array(X, chunks=(130, 5)), dask_array.from_array(y, chunks=130)

    value, gradient = client.gather(client.compute(list(dd.value_and_grad(loss)(w, *on_cluster))))
    assert_allclose(value, loss(w, X, y), rtol=1e-13)
    assert_allclose(gradient, dd.grad(loss)(w, X, y), rtol=1e-12)
    of_data = dd.grad(loss, argnums=1)(w, *on_cluster)
    assert_allclose(of_data.compute(), dd.grad(loss, argnums=1)(w, X, y), rtol=1e-12)


def test_chunks_go_to_the_cluster_and_come_back_with_the_same_bits(client):
    x = point(brusselator)
    for transform in (dd.jacfwd, dd.jacrev, dd.jacobian):
        expected = transform(brusselator, chunk_size=9)(x)
        assert_array_equal(transform(brusselator, chunk_size=9, workers=client.map)(x), expected)
    assert_array_equal(dd.hessian(rosenbrock, workers=client.map)(x), dd.hessian(rosenbrock)(x))
    for options in ({}, {"mode": "rev"}):
        expected = dd.sparse_jacobian(brusselator, chunk_size=4, **options)(x)
        told = []
        J = dd.sparse_jacobian(
            brusselator, chunk_size=4, workers=client.map, progress=lambda *n, told=told: told.append(n), **options
        )
        assert_array_equal(J(x).data, expected.data)
        assert told[-1] == (len(told), len(told))
    assert dd.compare_modes(rosenbrock, x, seconds=0.01, workers=client.map).agree


def test_an_exception_of_the_cluster_comes_back(client):
    with pytest.raises(ZeroDivisionError, match="in a worker"):
        dd.jacfwd(failing, chunk_size=2, workers=client.map)(np.ones(4))
