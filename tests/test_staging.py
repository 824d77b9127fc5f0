"""What once was silently different in staged functions: the unstaged result, or run unstaged and say why."""

import threading
import warnings

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.errors import NotStaged
from dualdiff.pytrees.trees import flatten
from dualdiff.staging.staged import same

X = np.array([0.7, -0.4, 1.3])


def check_calls(f, *calls, warns=False, unadapted=False):
    """One staged function, called in turn, gives what the function gives and does to its arguments."""
    staged = dd.stage(f)
    for args in calls:
        given, expected_args = copies(args), copies(args)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            try:
                expected = f(*expected_args)
            except Exception as error:
                with pytest.raises(type(error)):
                    staged(*given)
                continue
            seen.clear()
            found = staged(*given)
        a, b = flatten(expected)[0], flatten(found)[0]
        assert len(a) == len(b)
        assert all(map(same, a, b)), (a, b, str(staged.programs))
        assert all(map(same, flatten(expected_args)[0], flatten(given)[0])), "an argument was changed in another way"
        assert warns or not [w for w in seen if issubclass(w.category, NotStaged)], seen[0].message
    return staged


def copies(args):
    return tuple(np.copy(a) if isinstance(a, np.ndarray) and a.flags.owndata else a for a in args)


# Arguments.


def test_argument_written_before_a_guard_fails():
    def f(x, y):
        x[0] += 1.0
        if y[0] > 0:
            x[1] *= 3.0
        return x * y

    check_calls(f, (X, X), (X, -X), (X, X), (-X, -X))


def test_static_arguments_before_a_written_one():
    def f(n, x):
        x[0] += n
        return x * 2.0 if x[1] > 0 else x

    check_calls(f, (2, X), (2, -X), (3, X))


def test_arrays_of_integers_booleans_and_masks_are_inputs():
    f = dd.grad(lambda x, i, m: np.sum(x[i] ** 2) + np.sum(np.where(m, x, 0.0)))
    check_calls(
        f,
        (X, np.array([0, 1]), np.array([True, False, True])),
        (X, np.array([2, 2]), np.array([True, False, True])),
        (X, np.array([2, 1]), np.array([False, False, True])),
    )


def test_masks_as_arguments_select_other_numbers():
    f = dd.grad(lambda x, m: np.sum(x[m] ** 3))
    check_calls(f, (X, X > 0), (X, X < 0), (X, X > 5), (X, X < 5))


def test_numpy_integers_are_inputs():
    check_calls(dd.grad(lambda x, i: x[i] ** 2), (X, np.int64(0)), (X, np.int64(2)), (X, np.int64(-1)))


def test_rows_at_traced_places_are_views_of_their_own():
    def f(x, i, j):
        v = x * 1.0
        a, b = v[i], v[j]
        a[0] = 5.0
        b[1] = b[1] * 2.0 + a[0]
        return np.sum(v**2)

    m = np.arange(9.0).reshape(3, 3)
    two = tuple(map(np.int64, (0, 2)))
    check_calls(dd.grad(f), (m, *two), (m, *two[::-1]), (m, two[0], two[0]))
    check_calls(f, (m, *two), (m, *two[::-1]), (m, two[0], two[0]))


def test_slices_by_traced_bounds():
    f = dd.grad(lambda x, i: np.sum(x[i : i + 2] ** 2))
    check_calls(f, (X, np.int64(0)), (X, np.int64(1)))


@pytest.mark.parametrize("view", [lambda x: x.ravel(), lambda x: x.reshape(-1), lambda x: x.ravel("K")])
def test_other_strides_are_another_program(view):
    def f(x):
        y = x * 1.0
        v = view(y)
        v[0] = 7.0
        return np.sum(y**2) + np.sum(v)

    m = np.arange(6.0).reshape(2, 3) + 0.1
    layouts = (m, np.asfortranarray(m), np.repeat(m, 2, axis=1)[:, ::2], m[::-1], m[:, ::-1])
    check_calls(f, *((layout,) for layout in layouts))
    check_calls(dd.grad(f), *((layout,) for layout in layouts))


def test_products_with_one_forget_the_signs_of_complex_zeros():
    zeros = np.array([-1j, complex(-0.0, 2.0), complex(3.0, -0.0), 1.0])
    for f in (lambda z: [z, z * 1.0], lambda z: [1.0 * z, z * np.ones(4)], lambda z: (z.real + 0j) * 1.0):
        check_calls(f, (zeros,), (zeros.conj(),), (-zeros,))
        check_calls(lambda z, f=f: dd.jvp(f, (z,), (-zeros,)), (zeros,), (zeros.conj(),), (-zeros,))
        for dtype in (np.float32, np.float64):
            check_calls(f, (np.array([-0.0, 0.0, 1.0, -2.0], dtype),))


def test_factors_that_are_pythons_complex_keep_their_side_of_a_product():
    """With fused multiply-adds a product of complex numbers is another one the other way round, in the last bit."""
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=40) + 1j * rng.normal(size=40)
    f = lambda z: z.item(-1) * z + z / z.item(3)
    for transform in (lambda z: dd.jvp(f, (z,), (z[::-1],)), lambda z: dd.vjp(f, z)[1](z[::-1])):
        check_calls(transform, (numbers,), (numbers * 1j,), (numbers[::-1].copy(),))


def test_sums_in_the_order_of_the_strides():
    m = np.random.default_rng(0).normal(size=(37, 53))
    f = lambda x: np.sum(x) + np.sum(x, axis=0)[3]
    check_calls(f, (m,), (np.asfortranarray(m),), (m[::-1],))
    check_calls(dd.value_and_grad(f), (m,), (np.asfortranarray(m),), (m[::-1],))


def test_arguments_that_share_memory():
    def f(x, y):
        x[0] = 9.0
        return x * y

    a = np.arange(4.0) + 1
    staged = dd.stage(f)
    for args in (
        (lambda: (a.copy(), a.copy())),
        (lambda: (lambda b: (b, b))(a.copy())),
        (lambda: (lambda b: (b[:2], b[1:3]))(a.copy())),
    ):
        given, expected = args(), args()
        if given[0].shape == (2,):
            staged(a[:2].copy(), a[:2].copy())
        assert same(f(*expected), staged(*given))
        assert same(expected[1], given[1])


def test_arguments_of_a_transform_that_share_memory():
    def f(x, y):
        x[0] = x[0] ** 2
        return np.sum(x * y)

    g = dd.grad(f)
    staged = dd.stage(g)
    a = np.arange(4.0) + 1
    assert same(g(a.copy(), a.copy()), staged(a.copy(), a.copy()))
    b, c = a.copy(), a.copy()
    try:
        expected = g(b, b)
    except Exception as error:
        with pytest.raises(type(error)):
            staged(c, c)
    else:
        assert same(expected, staged(c, c))


# Values that become something else.


def test_text_of_a_value_as_data():
    f = lambda x: x * len(f"{x[0]:.3f}") + x * len(str(x[1]))
    staged = dd.stage(f)
    with pytest.warns(NotStaged, match="text"):
        assert same(staged(X), f(X))
    assert same(staged(X * 100), f(X * 100))


@pytest.mark.parametrize("order", [lambda f: f, dd.derivative, lambda f: dd.derivative(dd.derivative(f))])
def test_python_floats_keep_their_errors(order):
    check_calls(order(lambda x: x**-1.0), (0.5,), (0.0,), (2.0,))
    check_calls(order(lambda x: 1.0 / x), (0.5,), (0.0,), (-2.0,))
    check_calls(order(lambda x: x**0.5), (0.5,), (0.0,), (2.0,), (-1.0,))
    check_calls(order(lambda x: np.exp(x)), (0.5,), (800.0,))
    check_calls(order(lambda x: np.log(x)), (0.5,), (0.0,), (-1.0,))
    check_calls(order(lambda x: np.sqrt(x)), (0.5,), (0.0,), (-1.0,))
    check_calls(order(lambda x: 10.0 ** (x * x)), (0.5,), (40.0,))


@pytest.mark.parametrize("order", [lambda f: f, dd.grad, dd.derivative, lambda f: dd.jacfwd(dd.grad(f))])
@pytest.mark.parametrize("x", [0.5, np.float64(0.5), np.array(0.5), np.float32(0.5), np.array(0.5, np.float32)])
def test_result_types(order, x):
    check_calls(order(lambda x: x * x), (x,))
    check_calls(order(lambda x: 3.0 * np.sin(x)), (x,))
    check_calls(order(lambda x: x[()] if isinstance(x, np.ndarray) else x + 1), (x,))


def test_results_of_every_type():
    check_calls(
        lambda x: {"a": x[0], "b": [x[0].item(), x > 0, x.argmax(), 3, "s", None], "c": (float(x[1]),)}, (X,), (-X,)
    )


def test_reduced_results_keep_their_types():
    for f in (np.sum, np.max, np.mean, lambda x: x.sum(keepdims=True), lambda x: x[0], lambda x: x[0, ...], np.argmax):
        check_calls(f, (X,), (X * 2,))


# Writes.


def test_writes_through_traced_masks():
    def f(x):
        v = x * 1.0
        v[v > 0] = v[v > 0] ** 2
        v[v < 0] *= 3.0
        v[x > 1] = 0.5
        return np.sum(v**2)

    calls = ((X,), (-X,), (X * 2,), (np.zeros(3),))
    check_calls(f, *calls)
    check_calls(dd.grad(f), *calls)
    check_calls(dd.jacfwd(dd.grad(f)), *calls)


def test_ufunc_at():
    def f(x, i):
        v = x * 1.0
        np.add.at(v, i, x[0])
        np.multiply.at(v, i, x[1])
        return np.sum(v * x)

    check_calls(dd.grad(f), (X, np.array([0, 0, 1])), (X, np.array([0, 2, 1])), (-X, np.array([0, 0, 1])))
    check_calls(dd.grad(lambda x: f(x, [0, 0])), (X,), (-X,))


def test_flat():
    def f(x):
        v = x * 1.0
        v.flat[1::2] = x.flat[0]
        v.flat[0] = 3.0 * x.flat[-1]
        return np.sum(v**2)

    m = np.arange(6.0).reshape(2, 3) + 0.1
    check_calls(f, (m,), (m.T,), (-m,))
    check_calls(dd.grad(f), (m,), (m.T,), (-m,))


# What is not a value.


def test_errstate_that_asks_for_errors():
    def f(x):
        with np.errstate(divide="raise", invalid="raise"):
            try:
                return np.log(x)
            except FloatingPointError:
                return x * 0.0 - 7.0

    check_calls(f, (X**2,), (X * 0.0,), (X**2,), warns=True)


def test_warnings_of_the_unstaged_function():
    f = lambda x: np.log(x)
    staged = dd.stage(f)
    staged(X**2)
    with pytest.warns(RuntimeWarning):
        f(np.zeros(3))
    with pytest.warns(RuntimeWarning):
        staged(np.zeros(3))


def test_counter():
    count = [0]

    def f(x):
        count[0] += 1
        return x * count[0]

    staged = dd.stage(f)
    with pytest.warns(NotStaged):
        staged(X)
    before = count[0]
    assert same(staged(X), X * (before + 1))


def test_unseeded_random_numbers():
    f = lambda x: x + np.random.default_rng().normal()
    staged = dd.stage(f)
    with pytest.warns(NotStaged, match="random"):
        first = staged(X)
    assert not same(first, staged(X))


def test_seeded_random_numbers_are_constants():
    check_calls(dd.grad(lambda x: np.sum(x * np.random.default_rng(3).normal(size=3) ** 2)), (X,), (-X,))


def test_captured_arrays_are_constants_of_their_time():
    a = np.array([1.0, 2.0, 3.0])
    staged = dd.stage(dd.grad(lambda x: np.sum(a * x)))
    assert same(staged(X), np.array([1.0, 2.0, 3.0]))
    a[...] = 7.0  # as documented: pass what changes as an argument
    assert same(staged(X), np.array([1.0, 2.0, 3.0]))


def test_captured_array_that_the_function_writes():
    scratch = np.zeros(3)

    def f(x):
        scratch[...] = x
        return scratch * 2.0

    check_calls(f, (X,), (-X,), warns=True)


def test_variables_are_refused():
    w = dd.Variable(np.ones(3))
    for f in (lambda x: dd.grad(lambda x: np.sum(w * x))(x), lambda x: np.sum(w.value * x)):
        staged = dd.stage(f)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotStaged)
            assert same(staged(X), f(X))
            w.value = w.value * 2.0
            assert same(staged(X), f(X))


def test_error_that_the_function_catches():
    def f(x):
        m = np.outer(x, x) + np.diag(x * x)
        try:
            return np.linalg.inv(m)
        except np.linalg.LinAlgError:
            return m * 0.0

    check_calls(f, (X,), (X * 0.0,), (X,), warns=True)
    check_calls(f, (X * 0.0,), (X,), (X * 0.0,), warns=True)


# Results.


def test_results_are_nobodys_memory():
    m = np.arange(6.0).reshape(2, 3)
    constant = np.arange(3.0)
    staged = dd.stage(lambda x: (x[0], x.T, x, constant, constant[:2], x[0], x * 2.0))
    for _ in range(2):
        results = staged(m)
        for i, a in enumerate(results):
            assert not np.shares_memory(a, m)
            assert not np.shares_memory(a, constant)
            assert a.flags.writeable
            assert not any(np.shares_memory(a, b) for b in results[i + 1 :])
            a[...] = 0.0
    assert same(staged(m)[3], constant)


def test_threads():
    def f(x):
        v = x * 1.0
        for i in range(1, 20):
            v[i % 3] += np.sin(v[(i + 1) % 3])
        return np.sum(v**2) if x[0] > 0 else np.sum(v)

    g = dd.grad(f)
    staged = dd.stage(g)
    points = [X * s for s in (1.0, -1.0, 0.5, -2.0)]
    expected = [g(p) for p in points]
    wrong = []

    def run(number):
        for i in range(50):
            at = (i + number) % 4
            if not same(staged(points[at]), expected[at]):
                wrong.append(at)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_error_of_what_no_result_needs():
    def f(x):
        1 / x
        return 2.0 * x

    def g(m):
        np.linalg.inv(m)
        return m * 2.0

    for transform in (lambda f: f, dd.derivative, dd.grad):
        check_calls(transform(f), (2.0,), (0.0,), (1.0,))
    check_calls(g, (np.eye(2),), (np.zeros((2, 2)),), (np.eye(2) * 2,))
