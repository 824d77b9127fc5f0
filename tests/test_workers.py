"""Jacobians in several processes, and by anything that has a map: the same bits, and errors that come back."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from tests.sparse_problems import brusselator, point, rosenbrock

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
