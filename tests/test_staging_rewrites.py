"""Rewrites of staged programs beside the unstaged function: signs, doubles, stacks, stores, blocks, the entrance."""

import threading
import tracemalloc

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from dualdiff.staging import stage
from dualdiff.staging.parameters import copied_argument
from dualdiff.staging.passes import ALL, Options
from dualdiff.staging.staged import Staged, same
from tests.test_staging import check_calls

RNG = np.random.default_rng(7)
AT_EDGE = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, 1e308, -1e308, 5e-324, -5e-324, 1e-310, 3.7])


def agree(f, *points):
    """One staged function at points of one kind, with all passes and with none, beside the function itself."""
    with np.errstate(all="ignore"):
        for staged in (stage(f), Staged(f, options=Options(frozenset()))):
            for args in points:
                given, plain = tuple(map(copied_argument, args)), tuple(map(copied_argument, args))
                for _ in range(3):  # traced, by its key, by the entrance
                    found = staged(*given)
                    expected = f(*plain)
                    pairs = zip(*(x if isinstance(x, tuple) else (x,) for x in (found, expected)), strict=True)
                    assert all(same(*pair) for pair in pairs)
                    assert all(map(same, given, plain))
        return stage(f)


def add_a_negative(x, y):
    return x + -y, -x + y, x - -y, -x - y, -x - -y


def add_a_negative_product(x, y):
    return x + y * -x, x - (-x) * y, x + (-x) / y, x * -y + x, -(x * y) + -y


def add_in_place(x, y):
    v = x.copy()
    v += -y
    v -= -(x * y)
    v += y * -x
    return v


def negative_of_what_is_written(x, y):
    v = x.copy()
    w = -v
    v += 1.0
    z = y + w
    u = v + v
    v *= 3.0
    return z, u * 4.0, v


def doubles(x, y):
    return (x + x) * 3.0, 5.0 * (y + y), (x + x) * 0.75, (x + x) * 1, (x + x) * np.float64(7.0), (x + x) * -100.0


def products_of_negatives(x, y):
    z = -x
    return z * (-y), z / (-y), -z, x - (-z), 2.0 - -x, -x + 2.0


FUNCTIONS = [
    add_a_negative, add_a_negative_product, add_in_place, negative_of_what_is_written, doubles, products_of_negatives,
]  # fmt: skip


@pytest.mark.parametrize("dtype", [float, np.float32, complex], ids=["float64", "float32", "complex"])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_signs_and_doubles(f, dtype):
    with np.errstate(all="ignore"):
        edge = AT_EDGE.astype(dtype)
    x, y = RNG.standard_normal((2, 12)).astype(dtype)
    agree(f, (x, y), (edge, y), (y, edge), (edge, edge[::-1].copy()))


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_signs_and_doubles_of_a_strided_and_an_empty_array_and_of_few_numbers(f):
    x, y = RNG.standard_normal((2, 6, 8))
    agree(f, (x[::2, ::-1], y[::2, ::-1]))
    agree(f, (x.T, y.T))
    agree(f, (np.zeros((0, 3)), np.zeros((0, 3))))
    agree(f, (np.ones((1,)), np.full((1,), 1e308)))


@pytest.mark.parametrize("f", [add_a_negative, add_a_negative_product, doubles, products_of_negatives])
def test_signs_and_doubles_of_numbers(f):
    for number in (float, np.float64, np.float32):
        agree(f, *[(number(a), number(b)) for a in (0.5, -0.0, 1e30) for b in (2.0, 0.25, -3.0)])


def test_integers_and_truths_keep_their_signs():
    agree(
        lambda n: (n + -n * 2, (n + n) * 3, -n - n),
        (np.array([1, -2, 100], np.int8),),
        (np.array([127, -128, 0], np.int8),),
    )
    agree(lambda n, x: x + -n, (np.array([1, 2], np.uint8), np.ones(2)))


# Stacks.


def test_a_stack_of_one_matrix():
    A, B = RNG.standard_normal((2, 4, 4))
    agree(lambda A, B: (A @ B[None])[0], (A, B), (A, -B))
    agree(lambda A, B: (A[None] @ B)[0].T, (A, B))
    agree(lambda A, B: (A @ B[None])[0][1:], (A, B))
    agree(lambda A, B: (A[:, :2] @ B[None, :2])[0], (A, B))
    agree(lambda A, B: A @ B[None], (A, B))  # the stack is asked for
    agree(lambda A, B: (A[:, :1] @ B[:, None])[0], (A, B))  # another axis
    agree(lambda A, b: (A @ b[None])[0], (A, B[:, :0]))


def test_a_part_of_a_stack_is_written():
    def f(A, B):
        C = (A @ B[None])[0]
        D = C.T
        C += 1.0
        D *= 2.0
        return C, D

    agree(f, tuple(RNG.standard_normal((2, 3, 3))))


# Stores.


def test_what_is_stored_whole_is_written_in_place():
    def f(x, y):
        v, w = x.copy(), y.copy()
        a = v * 2.0
        b = v + w  # before the store
        v[...] = a
        w[...] = b
        c = w / v
        w += 1.0
        v[...] = c  # of w before
        return v, w

    agree(f, tuple(RNG.uniform(0.5, 1.0, (2, 5))), tuple(RNG.uniform(0.5, 1.0, (2, 5))))


def test_what_is_stored_into_another_part_of_its_own_memory():
    def f(x):
        v = x.copy()
        v[1:][...] = v[:-1] * 2.0
        v[::-1][...] = v + 1.0
        return v

    agree(f, (RNG.standard_normal(7),), (RNG.standard_normal(7),))


def test_an_argument_that_is_stored_into():
    def f(x, y):
        x[...] = x * y
        return x.sum()

    agree(f, tuple(RNG.standard_normal((2, 5))))


def test_what_is_stored_with_another_dtype_or_shape():
    def f(x):
        v, w = np.zeros(3, np.float32), np.zeros((2, 3))
        v[...] = 1.0
        u = np.zeros_like(x)
        u[...] = x[:1] * 2.0
        w[...] = 0.0
        return u + v

    agree(f, (RNG.standard_normal(3),))


# Blocks.


def test_a_long_chain_holds_few_arrays():
    def f(x):
        for _ in range(40):
            x = np.sin(x) + 0.1 * x
        return x

    x = np.linspace(0.1, 1.0, 120_000)
    g = stage(lambda x: dd.jvp(f, (x,), (np.cos(x),)))
    expected = dd.jvp(f, (x,), (np.cos(x),))
    for _ in range(3):
        assert all(map(same, g(x), expected))
    tracemalloc.start()
    g(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * x.nbytes


# The entrance.


def test_arguments_of_another_kind_after_the_entrance_is_open():
    def f(x, n=2, how="sum", more=None):
        y = x**n
        for part in (more or {}).values():
            y = y + part
        return np.sum(y) if how == "sum" else y

    g = stage(f)
    x = RNG.standard_normal(6)
    for _ in range(3):
        assert same(g(x), f(x))
    others = [
        (x[:5],), (x[::2],), (x[::-1],), (x.astype(np.float32),), (x.reshape(2, 3),), (x.reshape(2, 3).T,), (x, 3),
        (x, 3.0), (x, True), (x, 2, "all"), (x, 2, "sum", {"a": x}), (x, 2, "sum", {"b": x}),
        (x, 2, "sum", {"a": x, "b": 2 * x}), (x, 2, "sum", {"b": x, "a": 2 * x}), (x, 2, "sum", {}), (x > 0,),
        (np.arange(6),), (x + 0j,), (x[0],), (np.float64(0.5),), (0.5,), (x[:0],), (np.array(2.0),),
        (x.astype(">f8"),),
    ]  # fmt: skip
    for args in others:
        for _ in range(3):
            assert same(g(*args), f(*args))
            assert same(g(x), f(x))


def test_lists_and_tuples_are_told_apart_by_the_entrance():
    f = lambda pair: (len(pair), pair[0] * 2.0, type(pair) is list)
    g = stage(lambda pair: pair[0] * 2.0 + (1.0 if type(pair) is list else 0.0))
    x = np.ones(3)
    for _ in range(3):
        assert same(g([x, x]), x * 2.0 + 1.0)
        assert same(g((x, x)), x * 2.0)
        assert same(g((x,)), x * 2.0)
        assert same(g(x), x[0] * 2.0 + 0.0)
    assert f


def test_a_branch_and_a_nan_behind_the_entrance():
    g = stage(
        dd.grad(lambda x: np.where(x[0] > 1, 0.0, 1.0) * 0 + (x[0] ** 2 if x[0] > 0 else x[1] ** 3) + np.sqrt(x[2]))
    )
    u = dd.grad(lambda x: np.where(x[0] > 1, 0.0, 1.0) * 0 + (x[0] ** 2 if x[0] > 0 else x[1] ** 3) + np.sqrt(x[2]))
    with np.errstate(all="ignore"):
        for point in (
            [1.0, 2.0, 3.0],
            [1.5, 2.0, 3.0],
            [1.0, 2.0, 0.0],
            [-1.0, 2.0, 3.0],
            [2.0, 1.0, np.nan],
            [-1.0, 1.0, 1.0],
        ):
            for _ in range(3):
                x = np.array(point)
                assert same(g(x), u(x))


def test_errors_of_the_function_behind_the_entrance():
    g = stage(lambda A, b: np.linalg.solve(A, b))
    A, b = np.eye(2), np.ones(2)
    for _ in range(3):
        g(A, b)
    with pytest.raises(np.linalg.LinAlgError):
        g(np.zeros((2, 2)), b)
    with pytest.raises(TypeError):
        g(A)
    assert same(g(A, b), b)


def test_a_call_with_errors_asked_for():
    g, u = stage(dd.grad(lambda x: np.sum(1.0 / x))), dd.grad(lambda x: np.sum(1.0 / x))
    for x in (np.ones(3), np.array([1.0, 2.0, 3.0])):
        for _ in range(3):
            assert same(g(x), u(x))
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        g(np.array([0.0, 1.0, 2.0]))


def test_threads_that_call_with_arguments_of_different_kinds():
    f = lambda x: np.sum(np.sin(x) * x)
    g, u = stage(dd.grad(f)), dd.grad(f)
    points = [RNG.standard_normal(n) for n in (3, 4, 5, 3)]
    expected = [u(x) for x in points]
    wrong = []

    def run(i):
        for _ in range(200):
            if not same(g(points[i]), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_passes_are_switches():
    assert {"signs", "stacks", "stores"} <= ALL
    assert "v - " not in Staged(lambda x: x + -x, options=Options(frozenset())).source(np.ones(3))
    x = np.linspace(0.1, 1.0, 1000)
    assert "-" not in stage(lambda x: (x + x) * 3.0).source(x)
    assert "6.0" in stage(lambda x: (x + x) * 3.0).source(x)
    assert "[None]" not in stage(lambda A: (A @ A[None])[0]).source(np.eye(50))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.arctan2(np.sum(x * 0.0), -1.0),
        lambda x: np.sum(np.sin(x)),
        lambda x: x[:1].sum(),
        lambda x: np.sum(np.stack([x, x]), axis=0)[0] * 1.0,
        lambda x: np.sum(np.cumsum(x) * x[::-1]),
        lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2),
        lambda x: np.sum(x * x) * 0.5,
    ],
)
def test_sums_of_negative_zeros_begin_as_numpys(f):
    """NumPy's begins with 0.0: the sign decides on which side of a branch cut a program is."""
    points = [np.array(x) for x in ([1.0, 2.0, 3.0], [-0.0, -0.0, -0.0], [0.0, 0.0, 0.0], [-1.0, -2.0, -3.0])]
    for transform in (f, dd.value_and_grad(f), lambda x: dd.jvp(f, (x,), (x,))):
        check_calls(transform, *((x,) for x in points))


@pytest.mark.parametrize("factor", [np.ones(()), np.full((), 2.0)])
@pytest.mark.parametrize("x", [np.float64(1.17), np.array(1.17)])
def test_a_product_with_a_constant_of_no_dimension_is_a_scalar(x, factor):
    def f(x, v):
        y = np.where(True, x, np.zeros_like(x))
        return y, y * factor, factor * y, dd.jvp(lambda x: np.where(x > 0, x, 0.0) * factor, (x,), (v,))

    staged = stage(f)
    found, expected = staged(x, x), f(x, x)
    assert staged.programs
    assert all(map(same, flatten(found)[0], flatten(expected)[0]))


def test_zeros_of_both_signs_are_two_constants():
    agree(lambda x: (x * 0.0, x * -0.0, np.copysign(x, 0.0), np.copysign(x, -0.0)), (AT_EDGE,), (-AT_EDGE,))


@pytest.mark.parametrize(
    "unused",
    [
        lambda x, i: x[i],
        lambda x, i: np.add.reduceat(x, i),
        lambda x, i: np.take(x, i),
        lambda x, i: 2.0 / float(i[0]),
    ],
    ids=["index", "reduceat", "take", "division"],
)
def test_what_nobody_uses_still_raises(unused):
    def f(x, i):
        unused(x, i)
        return 2.0 * x

    staged, x = stage(f), np.array([1.0, 2.0, 3.0])
    for _ in range(3):
        np.testing.assert_array_equal(staged(x, np.array([1, 2])), 2.0 * x)

    bad = np.array([0, 7])
    with pytest.raises((IndexError, ZeroDivisionError)):
        f(x, bad)
    with pytest.raises((IndexError, ZeroDivisionError)):
        staged(x, bad)


def test_quotient_that_warns_is_not_the_one_that_does_not():
    def f(x):
        with np.errstate(divide="ignore"):
            silent = 1.0 / x
        return silent + 1.0 / x

    staged, x = stage(f), np.array([1.0, 0.0])
    for _ in range(4):
        with pytest.warns(RuntimeWarning, match="divide by zero"):
            assert staged(x)[0] == 2.0
