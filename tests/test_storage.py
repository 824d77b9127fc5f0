"""In-place code is differentiated as NumPy runs it: views alias, writes reach everybody, arguments stay untouched."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.testing import derivative_at_zero
from dualdiff.transforms.recording import recorded
from tests.programs import IN_PLACE

X = np.array([0.3, 0.7, 0.45, 0.9])
U = np.array([1.0, -0.5, 0.25, 2.0])
V = np.array([-0.3, 1.1, 0.6, 0.2])
# np.zeros(n, like=x) and friends need an array as like: plain programs get one.
each_program = pytest.mark.parametrize("f", IN_PLACE, ids=lambda f: f.__name__)


@each_program
def test_value_is_that_of_plain_numpy(f):
    y, _ = dd.jvp(f, (X,), (V,))

    assert_array_equal(y, f(X.copy()), strict=True)


@each_program
def test_tangent_is_the_difference(f):
    _, ydot = dd.jvp(f, (X,), (V,))
    (estimate,) = derivative_at_zero(lambda t: f(X + t * V), 1e-3)

    assert_allclose(ydot, estimate, rtol=1e-9, atol=1e-9)


@each_program
def test_second_derivative_is_the_difference_of_the_first(f):
    def first(x):
        return dd.jvp(f, (x,), (U,))[1]

    _, second = dd.jvp(first, (X,), (V,))
    (estimate,) = derivative_at_zero(lambda t: first(X + t * V), 1e-3)

    assert_allclose(second, estimate, rtol=1e-8, atol=1e-8)


@each_program
@pytest.mark.parametrize("layout", [np.s_[:], np.s_[::-1], np.s_[::2]])
def test_argument_is_left_as_it_was(f, layout):
    whole = np.repeat(X, 2) if layout == np.s_[::2] else X.copy()
    before = whole.copy()
    x = whole[layout]
    y, ydot = dd.jvp(f, (x,), (V,))

    assert_array_equal(whole, before)
    assert_array_equal(y, f(before[layout]))
    assert_allclose(ydot, dd.jvp(f, (x.copy(),), (V,))[1], rtol=1e-14)


@each_program
def test_all_directions_at_once(f):
    jacobian = dd.jacfwd(f)(X)

    assert_allclose(np.tensordot(jacobian, V, 1), dd.jvp(f, (X,), (V,))[1], rtol=1e-13, atol=1e-13)


def test_buffer_of_an_outer_level_takes_an_inner_dual():
    def f(x):
        work = np.zeros_like(x)  # made at the outer level
        tail = work[1:]

        def g(z):
            work[0] = z**2
            tail[0] = z * x[0]
            tail[1:] *= 2.0
            return np.sum(work * x)  # z² x0 + z x0 x1

        return dd.derivative(g)(x[1] * 1.0)  # 2 x1 x0 + x0 x1

    y, ydot = dd.jvp(f, (X,), (V,))
    assert y == pytest.approx(3 * X[0] * X[1])
    assert ydot == pytest.approx(3 * (V[0] * X[1] + X[0] * V[1]))


def test_buffer_of_an_inner_level_takes_an_outer_dual():
    def f(x):
        def g(z):
            work = np.zeros_like(z)
            view = work[:2]
            work[:] = x
            view[0] = z[0] * x[1]
            return np.sum(view * work[1:3] * z[:2])  # z0² x1² + x1 x2 z1

        return dd.jvp(g, (x * 1.0,), (U,))[1]

    _, ydot = dd.jvp(f, (X,), (V,))
    (estimate,) = derivative_at_zero(lambda t: f(X + t * V), 1e-3)
    assert_allclose(ydot, estimate, rtol=1e-9)


def test_write_that_numpy_refuses_changes_nothing():
    def f(x):
        y = x * 2.0
        with pytest.raises(ValueError, match="broadcast"):
            y[:2] = x[:3]
        return y

    _, ydot = dd.jvp(f, (X,), (V,))
    assert_array_equal(ydot, 2 * V)


def test_read_only_view_cannot_be_written():
    def f(x):
        y = np.broadcast_to(x, (2, 4))
        with pytest.raises(ValueError, match="read-only"):
            y[0, 0] = 1.0
        return y

    dd.jvp(f, (X,), (V,))


def test_many_views_do_not_accumulate():
    def f(x):
        y = x * 1.0
        for i in range(1000):
            y[i % 3 : i % 3 + 1] *= 1.0
        return len(y.storage.aliases)

    seen = []
    dd.jvp(lambda x: (seen.append(f(x)), x)[1], (X,), (V,))
    assert seen[0] < 200


def test_in_place_operation_keeps_identity():
    def f(x):
        y = x * 2.0
        z = y
        y += x
        assert y is z
        return z

    assert_array_equal(dd.jvp(f, (X,), (V,))[1], 3 * V)


def test_in_place_operation_does_not_broadcast_the_buffer():
    def f(x):
        y = x[:1] * 1.0
        with pytest.raises(ValueError, match="non-broadcastable"):
            y += x
        return y

    dd.jvp(f, (X,), (V,))


@each_program
def test_reverse_mode_is_the_adjoint(f):
    _, ydot = dd.jvp(f, (X,), (V,))
    y, pullback = dd.vjp(f, X)
    y_bar = np.linspace(-1.0, 1.0, np.size(y)).reshape(np.shape(y)) + 0.3
    (x_bar,) = pullback(y_bar)

    assert np.sum(x_bar * V) == pytest.approx(np.sum(y_bar * ydot), rel=1e-12)
    assert_array_equal(y, f(X.copy()))
    assert_allclose(dd.jacrev(f)(X), dd.jacfwd(f)(X), rtol=1e-12, atol=1e-12)


@each_program
def test_second_derivatives_in_all_four_combinations(f):
    expected = dd.jacfwd(dd.jacfwd(f))(X)
    for outer, inner in ((dd.jacfwd, dd.jacrev), (dd.jacrev, dd.jacfwd), (dd.jacrev, dd.jacrev)):
        assert_allclose(outer(inner(f))(X), expected, rtol=1e-10, atol=1e-10)


@each_program
def test_pushforward_of_the_record(f):
    _, pushforward = dd.linearize(f, X)
    assert_allclose(pushforward(V), dd.jvp(f, (X,), (V,))[1], rtol=1e-12, atol=1e-12)


def test_record_survives_what_the_caller_does_afterwards():
    x, c = X.copy(), np.ones(4)
    y, pullback = dd.vjp(lambda x: np.exp(x * c) * x, x)
    _, pushforward = dd.linearize(lambda x: np.exp(x * c) * x, x)
    x[:], c[:], y[:] = 0.0, 5.0, 7.0

    expected = np.exp(X) * (1 + X)
    assert_allclose(pullback(np.ones(4))[0], expected, rtol=1e-14)
    assert_allclose(pullback(np.ones(4))[0], expected, rtol=1e-14)  # as often as one likes
    assert_allclose(pushforward(np.ones(4)), np.exp(x * 1.0) * 0 + expected, rtol=1e-14)


@pytest.mark.usefixtures("as_written")
def test_asarray_of_a_dual_is_a_likeness_that_nobody_may_write_past():
    def reads(x):
        y = np.asarray(x * 1.0)
        return y * np.sum(y)

    assert_allclose(dd.jvp(reads, (X,), (V,))[1], V * X.sum() + X * V.sum(), rtol=1e-14)

    def writes_the_array(x):
        y = x * 1.0
        np.asarray(y)[0] = 3.0
        return y

    with pytest.raises(ValueError, match="read-only"):
        dd.jvp(writes_the_array, (X,), (V,))

    def writes_the_dual(x):
        y = x * 1.0
        seen = np.asarray(y)
        y *= 2.0
        return seen

    with pytest.raises(TypeError, match=r"np\.array\(x\), which copies"):
        dd.jvp(writes_the_dual, (X,), (V,))

    def writes_beside_a_copy(x):
        y = x * 1.0
        copy = np.array(y)
        y *= 2.0
        copy[0] = 5.0
        return y * copy

    y, ydot = dd.jvp(writes_beside_a_copy, (X,), (V,))
    assert_allclose(y, 2 * X * np.array([5.0, *X[1:]]), rtol=1e-14)
    assert_allclose(ydot, [10 * V[0], *(4 * X * V)[1:]], rtol=1e-14)


def test_number_in_an_object_array_is_a_copy():
    def f(t):
        a = np.full(3, t)
        b = np.array([t, t])
        a[0] += 1.0
        a[1] *= 5.0
        b[0] *= 2.0
        return np.concatenate([a * 1.0, b * 1.0])

    t = np.array(0.7)
    y, ydot = dd.jvp(f, (t,), (np.array(1.0),))
    assert_allclose(y, [1.7, 3.5, 0.7, 1.4, 0.7])
    assert_array_equal(ydot, [1.0, 5.0, 1.0, 2.0, 1.0])
    assert t == 0.7


def test_what_where_leaves_out_is_not_calculated():
    x = np.array([0.0, 2.0])
    with np.errstate(all="raise"):
        y, ydot = dd.jvp(lambda x: np.divide(1, x, out=np.ones_like(x), where=x != 0), (x,), (np.ones(2),))
    assert_array_equal(y, [1.0, 0.5])
    assert_array_equal(ydot, [0.0, -0.25])


def test_nan_to_num_in_place_writes_the_dual_and_not_the_caller():
    x = np.array([np.nan, 2.0, 3.0, np.inf])
    before = x.copy()

    def f(x):
        y = np.nan_to_num(x, copy=False, nan=1.0, posinf=5.0)
        return y * x

    for value, tangent in (dd.jvp(f, (x,), (V,)), (f(x.copy()), dd.jacrev(f)(x) @ V)):
        assert_array_equal(value, [1.0, 4.0, 9.0, 25.0])
        assert_allclose(tangent, [0.0, 4 * V[1], 6 * V[2], 0.0], rtol=1e-14)
    assert_array_equal(x, before)
    with pytest.raises(dd.UnsupportedFunction, match="nan"):
        dd.jvp(lambda x: np.nan_to_num(x, nan=x[1]), (x,), (V,))


def test_clip_with_where_but_no_out_is_refused():
    mask = np.array([True, False, True, False])  # the rest of the result would be whatever was in memory
    with pytest.raises(dd.UnsupportedFunction, match="where="):
        dd.jvp(lambda x: np.clip(x, 0.4, 0.6, where=mask), (X,), (V,))


@pytest.mark.parametrize("start", [lambda x: np.array(x[0]), lambda x: np.zeros(())])
def test_0d_buffer_stays_one_when_a_dual_is_added_to_it(start):
    def f(x):
        total = start(x)
        total += x[1] * x[2]
        alias = total
        total[...] = total * x[3]
        alias *= 2.0
        return total * 1.0

    x = np.array([1.0, 2.0, 3.0, 4.0])
    _, expected = dd.jvp(f, (x,), (V,))
    assert dd.jvp(f, (x,), (V,))[0] == f(x.copy())
    assert_allclose(expected, (f(x + 1e-6 * V) - f(x - 1e-6 * V)) / 2e-6, rtol=1e-8)
    assert_allclose(dd.grad(f)(x) @ V, expected, rtol=1e-14)


# Many views of one buffer, and writes to all of them.


def rows_in_a_list(x, n):
    y = np.zeros((n, 4), like=x) + x
    rows = list(y)
    for row in rows:
        row += x
    for row in rows:
        row *= row
    return y


def rows_of_a_loop(x, n):
    y = np.zeros((n, 4), like=x) + x
    for row in y:
        row[1:] = row[:-1] * x[0]
        row[:] = row * x
    return y


def columns_in_a_list(x, n):
    y = np.zeros((4, n), like=x) + x[:, None]
    columns = [y[:, i] for i in range(n)]
    for before, column in zip([columns[-1], *columns], columns, strict=False):
        column *= before
    return y


def views_that_overlap(x, n):
    y = np.zeros((n, 4), like=x) + x
    tails = [y[i:] for i in range(n)]
    flat = y.reshape(-1)
    for i, tail in enumerate(tails):
        tail[0] *= x
        tail[-1, 0] += flat[i] * x[1] / n
        flat[2 * i + 1] = tail[0, 0]
    return y


def views_of_views(x, n):
    y = np.zeros((n, 2, 2), like=x) + x.reshape(2, 2)
    whole = y[...]
    corners = [whole[i].T[1:][0, :1] for i in range(n)]
    for i, corner in enumerate(corners):
        corner[...] = corners[i - 1] * x[2]
        whole[i, 0] += corner
    return y


def one_entry_after_the_other(x, n):
    y = np.zeros((n, 4), like=x) + x
    flat, turned = y.reshape(-1), y[::-1].T
    for i in range(n):
        flat[i + 1] = flat[i] * x[0]
        turned[3, i] = flat[i]
    return y


def advanced_indices_of_views(x, n):
    y = np.zeros((n, 4), like=x) + x
    rows = list(y)
    for row in rows:
        row[[2, 0, 2]] = row[[0, 1, 3]] * x[:3]
        row[row > 0.5] *= x[3]
        row[[-1, 3]] = x[:2]
    return y


def ufuncs_into_views(x, n):
    y = np.zeros((n, 4), like=x) + x
    rows = list(y)
    for row in rows:
        np.multiply(row, x, out=row)
        np.add.at(row, [0, 0], x[1])
        row[1:].sort()
    return y


def parts_of_complex_numbers(x, n):
    z = np.zeros((n, 4), complex, like=x) + x * (1 - 0.5j)
    rows = list(z.imag)
    for row, whole in zip(rows, z, strict=True):
        row += x * whole.real
        whole.real[::2] = row[1::2]
        row[[0, 1]] = x[2:]
        whole *= 1j
    return (z * z).imag


VIEWS = [
    rows_in_a_list, rows_of_a_loop, columns_in_a_list, views_that_overlap, views_of_views, one_entry_after_the_other,
    advanced_indices_of_views, ufuncs_into_views, parts_of_complex_numbers,
]  # fmt: skip
each_view = pytest.mark.parametrize("f", VIEWS, ids=lambda f: f.__name__)


@each_view
def test_writes_to_many_views_are_differentiated_as_numpy_runs_them(f):
    expected = f(X, 5)
    (difference,) = derivative_at_zero(lambda t: f(X + t * V, 5), 1e-3)
    y_bar = np.linspace(-1.0, 1.0, expected.size).reshape(expected.shape) + 0.3

    y, pullback = dd.vjp(lambda x: f(x, 5), X)
    assert_array_equal(y, expected)
    assert np.sum(pullback(y_bar)[0] * V) == pytest.approx(np.sum(y_bar * difference), rel=1e-8)
    assert_allclose(dd.linearize(lambda x: f(x, 5), X)[1](V), difference, rtol=1e-8, atol=1e-8)
    assert_allclose(dd.jvp(lambda x: f(x, 5), (X,), (V,))[1], difference, rtol=1e-8, atol=1e-8)
    assert_allclose(dd.jacrev(lambda x: f(x, 5))(X) @ V, difference, rtol=1e-8, atol=1e-8)
    v = dd.Variable(X)
    f(v, 5).backward(y_bar)
    assert_allclose(v.grad, pullback(y_bar)[0], rtol=1e-13)


@each_view
def test_writes_to_many_views_in_nested_modes(f):
    first = lambda x: dd.grad(lambda x: np.sum(f(x, 3)))(x)
    (expected,) = derivative_at_zero(lambda t: first(X + t * V), 1e-3)

    assert_allclose(dd.jvp(first, (X,), (V,))[1], expected, rtol=1e-7, atol=1e-7)
    assert_allclose(dd.grad(lambda x: np.sum(first(x) * V))(X), expected, rtol=1e-7, atol=1e-7)
    pushed = lambda x: np.sum(dd.jvp(lambda x: f(x, 3), (x,), (V,))[1])
    assert_allclose(dd.grad(pushed)(X), expected, rtol=1e-7, atol=1e-7)


@each_view
def test_record_of_writes_grows_as_the_number_of_operations(f):
    nodes = [len(recorded(lambda x, n=n: f(x, n), (X,), {}, (0,), "grad").tape.nodes) for n in (10, 110, 210)]

    assert nodes[2] - nodes[1] == nodes[1] - nodes[0] <= 100 * 40


@pytest.mark.parametrize("run", [lambda f: dd.grad(lambda x: np.sum(f(x)))(X), lambda f: dd.linearize(f, X)[1](V)])
@pytest.mark.parametrize("f", [rows_in_a_list, views_that_overlap, one_entry_after_the_other])
def test_sweep_over_many_writes_does_not_copy_the_buffer_each_time(f, run):
    n = 400
    tracemalloc.start()
    try:
        run(lambda x: f(x, n))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 400 * n * X.nbytes  # the record included; a copy for each write would be 800 to 1200


def test_write_is_taken_from_the_cotangent_of_the_buffer_in_place(patched):
    copied, copy = [], np.copy

    def counted(a, *args, **options):
        copied.append(np.size(a))
        return copy(a, *args, **options)

    patched(np, "copy", counted)
    gradients = [dd.grad(lambda x, n=n: np.sum(rows_in_a_list(x, n)))(X) for n in (50, 100)]
    assert 0 < sum(copied) < 10 * 4 * 150
    assert_allclose(gradients[0] * 2, gradients[1], rtol=1e-14)


def test_shared_tangent_of_a_view_is_that_of_its_time():
    def f(x):
        y = x * 1.0
        head = y[:2]
        head *= x[:2]
        shifted = head + 1.0  # has the tangent of head, as it is now
        again = head.astype(float, copy=True)
        y *= 3.0
        return shifted * 1.0, again * 1.0, head, y

    for found, expected in zip(dd.jacrev(f)(X), dd.jacfwd(f)(X), strict=True):
        assert_array_equal(found, expected)
    expected = np.zeros((2, 4))
    expected[[0, 1], [0, 1]] = 2 * X[:2]
    for found, factor in zip(dd.jacrev(f)(X)[:3], (1, 1, 3), strict=True):
        assert_allclose(found, factor * expected, rtol=1e-15)


def test_structural_zeros_in_written_views_stay_zeros():
    def f(x):
        y = np.stack([x, x * 0.0 + x])
        first, second = y
        with np.errstate(all="ignore"):
            first[...] = np.where(x > 0.0, np.log(x), 0.0)
            second[1:] = np.sqrt(x)[1:]
            second.reshape(2, 2).T[0, 0] = 0.0
        return np.sum(y * y)

    x = np.array([0.0, 0.7, 0.0, 0.9])
    expected = np.where(x > 0, 2 * np.log(np.where(x > 0, x, 1.0)) / np.where(x > 0, x, 1.0), 0.0) + [0, 1, 1, 1]
    expected[2] = dd.jacfwd(f)(x)[2]
    assert_allclose(dd.grad(f)(x), expected, rtol=1e-14)
    assert_allclose(dd.linearize(f, x)[1](np.array([0.0, 1.0, 0.0, 2.0])), expected[[1, 3]] @ [1.0, 2.0], rtol=1e-14)


# The argument's memory is the caller's until the first view or write.


def test_results_that_are_the_argument_own_their_memory():
    seed = V.copy()
    y, ydot = dd.jvp(lambda x: (x, x, x + 1.0, x[1:]), (X,), (seed,))
    parts = [*y[:1], *ydot]

    for i, part in enumerate(parts):
        assert not np.shares_memory(part, seed)
        assert not any(np.shares_memory(part, other) for other in parts[:i])
    assert_array_equal(ydot[1], V)


@pytest.mark.parametrize("transform", [lambda f, x: dd.jvp(f, (x,), (x,)), dd.vjp, dd.linearize])
def test_a_view_that_cannot_be_made_of_the_argument_is_refused(transform):
    crossing = np.arange(6.0).reshape(2, 3).T

    with pytest.raises(ValueError, match="Unable to avoid creating a copy"):
        transform(lambda x: x.reshape(6, copy=False), crossing)


def test_an_array_required_to_own_its_memory_is_not_the_argument():
    def f(x):
        own = np.require(x, requirements="O")
        own[0] = 0.0
        return own + x

    y, ydot = dd.jvp(f, (X,), (V,))
    assert_array_equal(y, [X[0], *2 * X[1:]])
    assert_array_equal(ydot, [V[0], *2 * V[1:]])


@pytest.mark.parametrize("start", [np.array(2.0), np.array([[2.0]])])
def test_an_argument_of_one_entry_written_whole(start):
    def f(x):
        x[...] = x * 3.0
        x += 1.0
        return np.sum(x * x)

    x = start.copy()
    assert dd.grad(f)(x) == 42.0
    assert dd.jvp(f, (x,), (np.ones_like(x),))[1] == 42.0
    assert_array_equal(x, start)
