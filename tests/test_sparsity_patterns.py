"""Patterns of every rule's samples, of programs, and of linear maps that are known by their action alone."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import dualdiff as dd
from dualdiff.errors import name_of
from dualdiff.pytrees.trees import flatten
from dualdiff.tangents.reach import reach
from dualdiff.transforms.colouring import _greedy, _greedy_in_numpy, colour, dense_rows
from tests.closeness import assert_allclose
from tests.laws import law
from tests.samples import of_their_form
from tests.sparse_problems import VECTOR, brusselator, point

sparse = pytest.importorskip("scipy.sparse")

# Their patterns hold at a point alone: the values choose the bins, the entries or the branch.
LOCAL = ("histogram", "place", "putmask", "min", "max", "ptp", "unique", "piecewise", "interp", "select", "nanmin",
         "nanmax", "nanptp", "norm", "union1d", "setxor1d", "intersect1d", "setdiff1d")  # fmt: skip


def dense(f, args, sizes):
    """The dense Jacobian in all arguments, results (of these sizes) and arguments laid end to end."""
    args = [np.copy(arg) for arg in args]
    parts = iter(flatten(dd.jacfwd(f, tuple(range(len(args))))(*args))[0])
    rows = [np.concatenate([np.reshape(next(parts), (m, np.size(arg))) for arg in args], axis=1) for m in sizes]
    return np.concatenate(rows)


@law(of=lambda sample: of_their_form(sample) and all(np.asarray(arg).dtype.kind != "c" for arg in sample.args))
def test_pattern_of_every_rule_holds_the_jacobian(sample):
    sizes = [np.size(y) for y in flatten(sample.f(*[np.copy(arg) for arg in sample.args]))[0]]
    expected = dense(sample.f, sample.args, sizes)
    jacobian = dd.sparse_jacobian(sample.f, tuple(range(len(sample.args))))
    found = jacobian(*[np.copy(arg) for arg in sample.args])
    pattern = jacobian.pattern.toarray()

    assert found.dtype == expected.dtype
    assert_allclose(found.toarray(), expected, rtol=1e-9, atol=1e-12)
    assert not ((expected != 0) & ~np.isnan(expected) & ~pattern).any()
    if name_of(sample.function).startswith(tuple(f"np.{name}" for name in LOCAL)):
        return
    rng = np.random.default_rng(0)
    other = [arg * rng.uniform(0.9, 1.1, np.shape(arg)) if np.asarray(arg).dtype.kind == "f" else arg
             for arg in sample.args]  # fmt: skip
    moved = dense(sample.f, other, sizes)
    assert not ((moved != 0) & ~np.isnan(moved) & ~pattern).any()


A = np.diag(np.ones(5)) - np.diag(np.ones(4), 1)
X = np.arange(1.0, 6.0)


@pytest.mark.parametrize(
    ("f", "entries"),
    [
        (lambda x: A @ x, 9),  # the zeros of a constant are structure
        (lambda x: x @ A, 9),
        (lambda x: np.einsum("ij,j->i", A, x), 9),
        (lambda x: np.outer(x, x) @ x, 25),  # those of a factor that depends on x are not
        (lambda x: x[:4].reshape(2, 2) @ x[1:].reshape(2, 2), 13),
        (lambda x: np.where(x > 2, x, x[::-1]), 9),
        (lambda x: np.clip(x, 2.0, 3.0), 5),
        (lambda x: np.maximum(x, x[::-1]), 9),
        (lambda x: np.sort(x), 25),
        (lambda x: np.median(x), 5),
        (lambda x: np.take_along_axis(x, np.array([4, 0]), 0), 2),
        (lambda x: np.cumsum(x), 15),
        (lambda x: np.diff(x), 8),
        (lambda x: np.convolve(x, [1.0, 2.0]), 10),
        (lambda x: np.real(x + 1j * x), 5),
        (lambda x: np.conj(x * 1j) * x, 5),
        (lambda x: np.stack([x, x], axis=1), 10),
        (lambda x: x * 2 - x, 5),
        (lambda x: np.linalg.solve(np.diag(x), x), 5),
        (lambda x: np.full(4, np.sum(x[:2])), 8),
    ],
)
def test_patterns_of_small_programs(f, entries):
    assert dd.sparsity(f)(X).nnz == entries


def test_zeros_of_factors_that_depend_on_x_are_no_structure():
    assert dd.sparsity(lambda x: x.reshape(2, 3) @ x.reshape(3, 2))(np.zeros(6)).nnz == 18
    assert dd.sparsity(lambda x: np.dot(x, x))(np.zeros(3)).nnz == 3
    assert dd.sparsity(lambda x: x * x)(np.zeros(3)).nnz == 3


def written(kind):
    def f(x):
        y = np.zeros(4, like=x, dtype=complex) if kind == "part" else np.zeros(4, like=x)
        if kind == "part":
            y.real[1:] = x[:3]
            y.imag[:2] = x[3:5]
            return y.imag + y.real
        if kind == "twice":
            y[[0, 1, 1]] = x[:3]
            y[2] = x[4]
            y[2] = 0.0
            return y
        if kind == "alias":
            view = y[1:3]
            view[:] = x[:2]
            y[1] *= x[4]
            return view + y[:2]
        np.add.at(y, [0, 0, 3], x[:3])
        return y

    return f


@pytest.mark.parametrize("kind", ["part", "twice", "alias", "add.at"])
def test_writes_are_resolved(kind):
    f = written(kind)
    expected = dd.jacfwd(f)(X)

    pattern = dd.sparsity(f)(X).toarray()
    assert not ((expected != 0) & ~pattern).any()
    if kind != "part":  # either part of a complex number may hold it
        assert_array_equal(pattern, expected != 0)
    assert_allclose(dd.sparse_jacobian(f)(X).toarray(), expected)


def test_many_writes_that_nobody_reads_between_cost_one_step():
    def f(x):
        y = np.zeros_like(x)
        for i in range(1, x.size):
            y[i] = x[i] * x[i - 1]
        return y

    assert dd.sparsity(f)(np.ones(400)).nnz == 798


@pytest.mark.parametrize("n", [5, 600, 3000])
@pytest.mark.parametrize(
    "map_of",
    [
        lambda x: np.diff(x, axis=-1),
        lambda x: x[..., ::-1],
        lambda x: np.cumsum(x.reshape(*x.shape[:-1], -1, 5), axis=-1),
        lambda x: x.sum(axis=-1, keepdims=True),
    ],
)
def test_probes_find_the_pattern_of_a_linear_map(n, map_of):
    shape = np.shape(map_of(np.zeros((1, n))))[1:]
    found = reach(map_of, (n,), np.dtype(float), shape, colour)

    assert_array_equal(found.toarray(), map_of(np.eye(n)).reshape(n, -1).T != 0)


def test_a_large_map_that_mixes_little_is_no_dense_one():
    x = np.linspace(0.0, 1.0, 20000)

    assert dd.sparsity(lambda x: np.convolve(x, [1.0, 2.0, 1.0], "same"))(x).nnz == 3 * 20000 - 2
    assert dd.sparsity(lambda x: np.fft.fft(x.reshape(-1, 4), axis=1).real)(x).nnz == 4 * 20000


# Colours.


def is_colouring(pattern, colours):
    for i in range(pattern.shape[0]):
        row = colours[pattern.indices[pattern.indptr[i] : pattern.indptr[i + 1]]]
        assert len(set(row.tolist())) == len(row)


@pytest.mark.parametrize("seed", range(6))
def test_colours_tell_the_entries_of_every_row_apart(seed):
    rng = np.random.default_rng(seed)
    m, n = rng.integers(1, 40, 2)
    pattern = sparse.csr_array(rng.random((m, n)) < rng.choice([0.05, 0.2, 0.6]))

    is_colouring(pattern, colour(pattern))
    columns = sparse.csc_array(pattern)
    order = rng.permutation(n)
    is_colouring(pattern, _greedy(columns, order))
    in_numpy = _greedy_in_numpy(columns, order)
    is_colouring(pattern, in_numpy)
    assert in_numpy.min() >= 0


@pytest.mark.parametrize("f", VECTOR)
def test_without_the_compiled_grouping_there_are_colours_too(f):
    pattern = dd.sparsity(f)(point(f))

    is_colouring(pattern, _greedy_in_numpy(sparse.csc_array(pattern), np.arange(pattern.shape[1])))


def test_grids_take_as_few_colours_as_the_longest_row_has_entries():
    pattern = dd.sparsity(VECTOR[2])(np.ones(30 * 30))
    assert colour(pattern).max() + 1 == 5
    assert colour(dd.sparsity(brusselator)(np.ones(2 * 32 * 32))).max() + 1 <= 10


@pytest.mark.parametrize("n", [64, 65, 300])
def test_a_full_row_gives_every_column_that_is_reached_a_colour(n):
    pattern = sparse.lil_array((4, n + 3), dtype=bool)
    pattern[1, 1 : n + 1] = True
    pattern[3, [2, 5]] = True
    colours = colour(sparse.csr_array(pattern))

    is_colouring(sparse.csr_array(pattern), colours)
    assert colours.max() + 1 == n


def test_dense_rows_are_those_that_save_more_than_they_cost():
    pattern = sparse.lil_array((6, 50), dtype=bool)
    pattern[2, :] = True
    pattern[4, :3] = True

    assert dense_rows(sparse.csr_array(pattern), 2.0).tolist() == [2, 4]
    assert dense_rows(sparse.csr_array(pattern), 4.0).tolist() == [2]
    assert dense_rows(sparse.csr_array(np.eye(3, dtype=bool)), 2.0).tolist() == []
