"""Jacobians in several processes, and by anything that has a map: the same bits, and errors that come back."""

import multiprocessing
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from tests.sparse_problems import brusselator, point, rosenbrock, with_dense_row

TRANSFORMS = [dd.jacfwd, dd.jacrev]


def nested(tree):
    return {"a": np.sin(tree["u"]) * tree["v"], "b": (np.cumsum(tree["u"]), tree["v"] ** 2)}


def bits(tree):
    return [(leaf.shape, leaf.tobytes()) for leaf in flatten(tree)[0]]


def failing(x):
    if np.sum(x) > 0:
        raise ZeroDivisionError("in a worker")
    return x


def dying(x):
    os._exit(3)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_processes_give_the_same_bits(transform):
    x = point(brusselator)

    expected = transform(brusselator, chunk_size=7)(x)
    assert_array_equal(transform(brusselator, chunk_size=7, workers=2)(x), expected)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_maps_give_the_same_bits_of_nested_results(transform):
    tree = {"u": np.arange(1.0, 4.0), "v": np.array(2.0)}
    expected = transform(nested, chunk_size=2)(tree)
    with ThreadPoolExecutor(2) as pool:
        for workers in (map, pool.map, lambda f, items: [pool.submit(f, item) for item in items]):
            found = transform(nested, chunk_size=2, workers=workers)(tree)
            assert bits(found) == bits(expected)


def by_pickle(function, items):
    """A map whose work crosses a border: what a cluster does."""
    return [pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(function))(item))) for item in items]


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_all_that_crosses_a_border_is_pickled(transform):
    tree = {"u": np.arange(1.0, 4.0), "v": np.array(2.0)}
    found = transform(nested, chunk_size=2, workers=by_pickle)(tree)

    assert bits(found) == bits(transform(nested, chunk_size=2)(tree))
    x = np.arange(1.0, 5.0)
    assert_array_equal(dd.hessian(rosenbrock, workers=by_pickle)(x), dd.hessian(rosenbrock)(x))
    assert transform(np.sin, workers=by_pickle)(np.zeros(0)).shape == (0, 0)


# Sparse derivatives, points side by side, diagonals.


def rows_of(x):
    return np.stack([x[..., 0] * x[..., 1], np.sin(x[..., 1])], axis=-1)


def noted(x):
    return with_dense_row(x), {"size": x.size}


POINTS = np.linspace(0.1, 1.2, 12).reshape(2, 3, 2)
MADE = {
    "columns": lambda **o: dd.sparse_jacobian(brusselator, chunk_size=3, **o)(point(brusselator)),
    "side by side": lambda **o: dd.sparse_jacobian(brusselator, **o)(point(brusselator)),
    "rows": lambda **o: dd.sparse_jacobian(brusselator, mode="rev", chunk_size=3, **o)(point(brusselator)),
    "both": lambda **o: dd.sparse_jacobian(with_dense_row, chunk_size=1, **o)(point(with_dense_row)),
    "unchecked": lambda **o: dd.sparse_jacobian(brusselator, chunk_size=3, check=False, **o)(point(brusselator)),
    "hessian": lambda **o: dd.sparse_hessian(rosenbrock, chunk_size=2, **o)(np.arange(1.0, 9.0)),
    "batch": lambda **o: dd.batch_jacobian(rows_of, chunk_size=2, **o)(POINTS),
    "diagonal": lambda **o: dd.hessian_diagonal(rosenbrock, chunk_size=3, **o)(np.arange(1.0, 9.0)),
    "jacobian": lambda **o: dd.jacobian(brusselator, mode="rev", chunk_size=20, **o)(point(brusselator)),
    "auto": lambda **o: dd.jacobian(lambda x: np.sum(x[:3]) * x[:2], chunk_size=1, **o)(np.arange(1.0, 30.0)),
}


def data_of(matrix):
    return matrix.data if hasattr(matrix, "indptr") else matrix


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("engine", ["threads", "map", "pickled"])
def test_everything_in_chunks_has_the_same_bits_by_workers(name, engine):
    expected = data_of(MADE[name]())
    with ThreadPoolExecutor(2) as pool:
        if engine == "pickled" and name == "auto":
            return  # a lambda does not cross a border
        workers = {"threads": pool.map, "map": map, "pickled": by_pickle}[engine]
        assert_array_equal(data_of(MADE[name](workers=workers)), expected)


@pytest.mark.parametrize("name", ["both", "hessian"])
def test_sparse_derivatives_by_processes_have_the_same_bits(name):
    assert_array_equal(MADE[name](workers=2).data, MADE[name]().data)


@pytest.mark.parametrize("name", MADE)
def test_everything_in_chunks_tells_its_progress(name):
    for workers in (None, map):
        told = []
        found = MADE[name](workers=workers, progress=lambda *numbers, told=told: told.append(numbers))
        assert_array_equal(data_of(found), data_of(MADE[name]()))
        total = told[0][1]
        assert told == [(done, total) for done in range(1, total + 1)]
        assert total > 1 or name == "side by side"


def test_value_and_aux_come_back_from_workers():
    x = point(with_dense_row)
    for options in ({}, {"chunk_size": 1}, {"mode": "rev"}, {"mode": "fwd"}):
        (y, aux), J = dd.value_and_sparse_jacobian(noted, has_aux=True, workers=by_pickle, **options)(x)
        assert_array_equal(y, with_dense_row(x))
        assert aux == {"size": x.size}
        assert_array_equal(J.data, dd.sparse_jacobian(with_dense_row, **options)(x).data)


def branching(x):
    return x[::-1] * x if x[0] > 0 else x[1] * x


@pytest.mark.parametrize("options", [{}, {"chunk_size": 1}])
def test_a_stale_pattern_is_found_again_by_workers(options):
    J = dd.sparse_jacobian(branching, workers=by_pickle, **options)
    for x in (np.arange(1.0, 7.0), -np.arange(1.0, 7.0), np.arange(1.0, 7.0)):
        assert_array_equal(J(x).toarray(), dd.jacfwd(branching)(x))


def failing_later(x):
    if multiprocessing.parent_process() is not None:
        raise ZeroDivisionError("in a worker")
    return brusselator(x)


def test_modes_are_compared_by_workers():
    x = point(brusselator)[:8]
    told = []
    report = dd.compare_modes(brusselator, x, seconds=0.01, workers=by_pickle, progress=lambda *n: told.append(n))
    assert report.agree
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    with ThreadPoolExecutor(2) as pool:
        assert dd.compare_modes(rosenbrock, np.ones(300), seconds=0.01, workers=pool.map).recommended == "rev"
        # So large that it is estimated from parts.
        assert dd.compare_modes(np.sin, np.ones(6000), seconds=0.01, workers=pool.map).agree
    with pytest.raises(ValueError, match="compare_modes: workers is a positive int"):
        dd.compare_modes(np.sin, np.ones(2), workers=0)


@pytest.mark.parametrize(
    "transform", [dd.sparse_jacobian, dd.sparse_hessian, dd.batch_jacobian, dd.hessian_diagonal, dd.jacobian]
)
def test_wrong_workers_raise_when_the_transform_is_made(transform):
    with pytest.raises(ValueError, match=f"{transform.__name__}: workers is a positive int"):
        transform(rosenbrock, workers=0)
    with pytest.raises(ValueError, match=f"{transform.__name__}: progress is True"):
        transform(rosenbrock, progress=3)


def test_an_exception_of_a_sparse_jacobian_comes_back():
    with pytest.raises(ZeroDivisionError, match="in a worker") as raised:
        dd.sparse_jacobian(failing_later, workers=2)(point(brusselator))
    assert "failing_later" in str(raised.value.__cause__)


def test_an_exception_in_a_worker_comes_back():
    with pytest.raises(ZeroDivisionError, match="in a worker") as raised:
        dd.jacfwd(failing, chunk_size=2, workers=2)(np.ones(4))
    assert "failing" in str(raised.value.__cause__)  # the traceback of the worker


def test_a_worker_that_dies_raises():
    with pytest.raises(BrokenProcessPool):
        dd.jacfwd(dying, chunk_size=2, workers=2)(np.ones(4))


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("workers", [None, map])
def test_progress_counts_the_chunks(transform, workers):
    told = []
    transform(np.sin, chunk_size=2, workers=workers, progress=lambda *numbers: told.append(numbers))(np.ones(5))

    assert told == [(1, 3), (2, 3), (3, 3)]


def test_joblib_is_a_map():
    joblib = pytest.importorskip("joblib")
    by_joblib = lambda f, items: joblib.Parallel(2, backend="threading")(joblib.delayed(f)(item) for item in items)
    x = point(brusselator)
    assert_array_equal(
        dd.jacfwd(brusselator, chunk_size=9, workers=by_joblib)(x), dd.jacfwd(brusselator, chunk_size=9)(x)
    )


def test_progress_is_a_bar_of_tqdm(capsys):
    pytest.importorskip("tqdm")
    dd.sparse_jacobian(brusselator, chunk_size=4, progress=True)(point(brusselator))
    assert "3/3" in capsys.readouterr().err


def test_a_derivative_inside_another_does_not_leave_its_process():
    with pytest.raises(TypeError, match="pickling of a Dual"):
        dd.jvp(dd.jacfwd(np.sin, workers=by_pickle), (np.ones(2),), (np.ones(2),))
    _, tangent = dd.jvp(dd.jacfwd(np.sin, workers=map), (np.ones(2),), (np.ones(2),))
    assert_array_equal(tangent, -np.sin(1.0) * np.eye(2))


@pytest.mark.parametrize("workers", [0, -2, True, "two", 1.5])
def test_what_is_no_number_of_workers_raises(workers):
    with pytest.raises(ValueError, match="workers is a positive int"):
        dd.jacfwd(np.sin, workers=workers)
    with pytest.raises(ValueError, match="progress is True"):
        dd.hessian(rosenbrock, progress=3)
