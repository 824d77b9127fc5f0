"""What a traced run holds: large arguments are the caller's own, until somebody writes them."""

import contextlib

import numpy as np
import pytest

import dualdiff as dd
from benchmarks.measuring import peak_memory
from benchmarks.staged import layer
from dualdiff.staging import stage
from dualdiff.staging.staged import same

N = 100  # rows and columns: large enough to be borrowed


def fresh(number=0, shape=(N, N)):
    return np.random.default_rng(number).standard_normal(shape)


def same_at(f, *points):
    """Staged at the first point, and held against the function there and elsewhere; arguments stay as they are left."""
    staged = stage(f)
    for args in points:
        given, plain = [np.copy(a) for a in args], [np.copy(a) for a in args]
        for _ in range(2):
            found, expected = staged(*given), f(*plain)
            assert same(found, expected)
            assert all(map(same, given, plain))
    return staged


def test_peak_of_tracing_two_matrices():
    x, A, B = fresh(0, (300,)), fresh(1, (300, 300)), fresh(2, (300, 300))
    jacobian = dd.jacfwd(layer)
    unstaged = peak_memory(lambda: jacobian(x, A, B))
    assert peak_memory(lambda: stage(jacobian)(x, A, B)) < 1.5 * unstaged


def writes(x):
    x[0] = 1.0
    return x * 2.0


def writes_in_place(x):
    x += 1.0
    return x * 2.0


def writes_a_view(x):
    x.T[1:, 2] *= 3.0
    return x.sum(axis=0)


def writes_through_flat(x):
    x.flat[3] = 7.0
    return x + x


def writes_by_function(x):
    np.copyto(x, 1.5)
    np.add(x, 1.0, out=x)
    return x.sum()


def writes_by_method(x):
    x.fill(2.0)
    x[0].sort()
    return x.sum()


def writes_and_catches(x):
    with contextlib.suppress(BaseException):
        x[0] = 1.0
    return x * 2.0


def makes_it_read_only(x):
    y = x[:]
    y.flags.writeable = False
    return y * 2.0


def writes_a_copy(x):
    y = x.copy()
    y[0] = 1.0
    return y * x


WRITERS = [writes, writes_in_place, writes_a_view, writes_through_flat, writes_by_function, writes_by_method,
           writes_and_catches, makes_it_read_only, writes_a_copy]  # fmt: skip


@pytest.mark.parametrize("f", WRITERS, ids=lambda f: f.__name__)
def test_arguments_that_are_written(f):
    same_at(f, (fresh(1),), (fresh(2),))
    scalar = lambda x: np.sum(f(x) ** 2)
    same_at(dd.grad(scalar), (fresh(1),), (fresh(2),))
    same_at(lambda x, v: dd.jvp(f, (x,), (v,))[1], (fresh(1), fresh(3)), (fresh(2), fresh(3)))


def test_the_argument_of_the_caller_is_as_it_was():
    x = fresh(1)
    before = x.copy()
    stage(dd.grad(lambda x: np.sum(writes(x)))).program(x)
    assert same(x, before)
    assert x.flags.writeable
    stage(writes).program(x)
    assert same(x, before)


def test_a_captured_array_that_is_the_argument():
    x = fresh(1)

    def both(y):
        a, b = np.broadcast_arrays(y, x)
        return a - 2.0 * b

    def part(y):
        return np.atleast_1d(y) + np.broadcast_arrays(y, x[::-1])[1]

    for f in (both, part, lambda y: np.where(y > 0, x, y), lambda y: x):
        staged = stage(f)
        assert same(staged(x), f(x))
        assert same(staged(fresh(2)), f(fresh(2)))
        jacobian = stage(lambda y, v, f=f: dd.jvp(f, (y,), (v,))[0])
        assert same(jacobian(x, fresh(3)), f(x))
        assert same(jacobian(fresh(2), fresh(3)), f(fresh(2)))


def test_a_captured_array_that_is_written_and_the_argument():
    x = fresh(1)

    def f(y):
        x[0] += 1.0  # which y shows, where it is the same array
        return y * 2.0

    staged = stage(f)
    with pytest.warns(dd.NotStaged, match="captures"):
        staged(x)
    for _ in range(3):
        before = x.copy()
        before[0] += 1.0
        assert same(staged(x), before * 2.0)


@pytest.mark.parametrize("of", [np.asfortranarray, lambda x: x[::2, ::3], lambda x: x.astype(np.float32), np.int64,
                                lambda x: x + 1j])  # fmt: skip
def test_layouts_and_dtypes_of_large_arguments(of):
    f = lambda x: np.sum(x * x, axis=0)
    for number in range(2):
        x = of(10 * fresh(number))
        staged = stage(f)
        assert same(staged(x), f(x))
        assert same(staged(x), f(x))


def test_arguments_that_are_one_array():
    x = fresh(1)

    def f(a, b):
        a, b = np.broadcast_arrays(a, b)
        return a - 2.0 * b

    staged = stage(f)
    assert same(staged(x, x), f(x, x))
    assert same(staged(x, fresh(2)), f(x, fresh(2)))
    assert same(staged(x[:50], x[50:]), f(x[:50], x[50:]))


def test_read_only_arguments():
    x = fresh(1)
    x.flags.writeable = False
    same_at(dd.grad(lambda x: np.sum(np.sin(x))), (x,))
    with pytest.raises(ValueError, match="read-only"):
        stage(writes)(x)
