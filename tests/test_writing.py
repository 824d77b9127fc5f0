"""Functions that write into their argument, buffers made with ``like=``, and what they refuse."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.errors import EscapedDual
from dualdiff.table import RULES
from dualdiff.testing import derivative_at_zero
from dualdiff.transforms.recording import recorded
from tests.laws import together

X = np.array([0.3, 0.7, 0.45])
V = np.array([1.0, -0.5, 2.0])
MASK = np.array([[True, False, True], [False, True, True]])

# Each writes x into a buffer through whatever the buffer is.
WRITES = {
    "copyto": lambda a, x: np.copyto(a, x),
    "copyto where": lambda a, x: np.copyto(a, x * x, where=MASK),
    "copyto plain": lambda a, x: np.copyto(a, 2.0, where=MASK),
    "put": lambda a, x: np.put(a, [0, -1, 3, 0], x),
    "put wrap": lambda a, x: np.put(a, [7, -8], x, mode="wrap"),
    "put clip": lambda a, x: np.put(a, [[99, -5]], x[::-1], mode="clip"),
    "put nothing": lambda a, x: np.put(a, [], x),
    "place": lambda a, x: np.place(a, MASK, x[1:]),
    "putmask": lambda a, x: np.putmask(a, MASK, x[1:]),
    "put_along_axis": lambda a, x: np.put_along_axis(a, np.array([[2], [0]]), x[:2, None], axis=1),
    "put_along_axis repeated": lambda a, x: np.put_along_axis(a, np.array([[1, 1, 1]]), x[None], axis=1),
    "fill_diagonal": lambda a, x: np.fill_diagonal(a, x),
    "fill_diagonal number": lambda a, x: np.fill_diagonal(a, x[1] ** 2),
    "add.at repeated": lambda a, x: np.add.at(a, ([0, 1, 0], [2, -1, 2]), x),
    "add.at rows": lambda a, x: np.add.at(a, [1, 1, 0], x),
    "add.at number": lambda a, x: np.add.at(a, (slice(None), [0, 0]), x[1]),
    "add.at nothing": lambda a, x: np.add.at(a, ([], []), x[:0]),
    "subtract.at mask": lambda a, x: np.subtract.at(a, MASK, x[0] * x[0]),
    "subtract.at constant": lambda a, x: np.subtract.at(a, ([0, 0], [1, 1]), [0.1, 0.2]),
    "method put": lambda a, x: a.put([1, 4], x),
    "method fill": lambda a, x: a.fill(x[0]),
}
BUFFERS = {
    "C": lambda x: np.zeros((2, 3), like=x),
    "F": lambda x: np.zeros((2, 3), order="F", like=x),
    "slice": lambda x: np.ones((4, 6), like=x)[1:3, ::-2],
    "transposed": lambda x: np.zeros_like(x, shape=(3, 2)).T,
    "moving": lambda x: np.stack([x * x, x + 1.0]),
}
each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
INTO = {f"{write}, {buffer}": (WRITES[write], BUFFERS[buffer]) for buffer in BUFFERS for write in WRITES}
each_write_into_each_buffer = together(INTO.values(), ids=INTO)


@each_write_into_each_buffer
def test_write_and_its_views_have_the_derivative_of_the_difference(write, buffer):
    def f(x):
        a = buffer(x)
        column, last = a[:, 1], a[-1]
        write(a, x)
        last *= x
        return a, column * 1.0

    y, ydot = dd.jvp(f, (X,), (V,))

    def along(t):
        return f(X + t * V)

    for value, plain in zip(y, f(X), strict=True):
        assert_array_equal(value, plain, strict=True)
    for exact, estimate in zip(ydot, derivative_at_zero(along, 1e-3), strict=True):
        assert_allclose(exact, estimate, rtol=1e-9, atol=1e-9)


@each_write_into_each_buffer
def test_second_derivative_of_a_write(write, buffer):
    def f(x):
        a = buffer(x)
        write(a, x)
        return a * a

    def first(x):
        return dd.jvp(f, (x,), (V,))[1]

    _, second = dd.jvp(first, (X,), (X,))
    (estimate,) = derivative_at_zero(lambda t: first(X + t * X), 1e-3)
    assert_allclose(second, estimate, rtol=1e-8, atol=1e-8)


@each_write
def test_inner_dual_written_into_a_buffer_of_the_outer_level(write):
    def f(x, buffer):
        def g(z):
            a = np.zeros_like(z, shape=(2, 3)) if buffer is None else buffer
            write(a, z * x)
            return np.sum(a * a * np.arange(1.0, 7.0).reshape(2, 3))

        return dd.jvp(g, (X,), (V,))[1]

    _, ydot = dd.jvp(lambda x: f(x, np.zeros_like(x, shape=(2, 3))), (X,), (V,))
    (estimate,) = derivative_at_zero(lambda t: f(X + t * V, None), 1e-3)
    assert_allclose(ydot, estimate, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.complex64, np.complex128])
@pytest.mark.parametrize(("ufunc", "sign"), [(np.add, 1), (np.subtract, -1)])
def test_what_is_added_at_repeated_places_is_one_sum_in_every_dtype(ufunc, sign, dtype):
    """As many rounds as a place has repetitions would be 600 operations here: it is one node of a record."""
    places = np.random.default_rng(0).integers(-5, 5, 600)
    x = np.random.default_rng(1).standard_normal(600).astype(dtype)
    if x.dtype.kind == "c":
        x = x * dtype(1 + 2j)
    A = np.zeros((5, 600))
    np.add.at(A, (places, np.arange(600)), float(sign))

    def f(x):
        y = np.zeros_like(x, shape=5)
        ufunc.at(y, places, x)
        return y

    plain = f(x)
    y, ydot = dd.jvp(f, (x,), (x,))
    _, pullback = dd.vjp(f, x)
    assert y.tobytes() == plain.tobytes()
    assert ydot.dtype == dtype
    tolerance = 1e3 * np.finfo(dtype).eps
    assert_allclose(ydot, A @ x, atol=tolerance, rtol=tolerance)
    assert_allclose(pullback(y)[0], A.T @ y, atol=tolerance, rtol=tolerance)
    if dtype is np.float64:
        for jacobian in (dd.jacfwd, dd.jacrev):
            assert_allclose(jacobian(f)(x), A)
        assert len(print_of(f, x)) < 12


def print_of(f, x):
    """The lines of a record."""
    return str(recorded(f, (x,), {}, (0,), "vjp").tape).splitlines()


PLAIN_WRITES = {
    name: write for name, write in WRITES.items() if name not in ("copyto plain", "put nothing", "subtract.at constant")
}


@pytest.mark.usefixtures("as_written")
@pytest.mark.parametrize("write", PLAIN_WRITES.values(), ids=PLAIN_WRITES)
def test_plain_buffer_refuses_a_dual(write):
    def f(x):
        a = np.zeros((2, 3))
        with pytest.raises((TypeError, ValueError)):
            write(a, x)
        assert not a.any()
        return x

    dd.jvp(f, (X,), (V,))


@pytest.mark.usefixtures("as_written")
def test_message_says_how_to_make_a_buffer():
    with pytest.raises(TypeError, match=r"Make the array with np\.zeros_like"):
        dd.jvp(lambda x: np.copyto(np.zeros(3), x), (X,), (V,))
    with pytest.raises(TypeError, match="plain array cannot hold a Dual"):
        dd.jvp(lambda x: np.full_like(np.zeros(3), x[0]), (X,), (V,))


def test_condition_may_come_from_a_dual():
    def f(x):
        plain = np.zeros(3)
        np.copyto(plain, 1.0, where=x > 0.4)
        np.putmask(plain, x > 0.6, 5.0)
        np.place(plain, x < 0.4, [7.0])
        return plain * x

    assert_array_equal(dd.jvp(f, (X,), (np.ones(3),))[1], [7.0, 5.0, 1.0])


def test_object_array_takes_a_dual():
    def f(x):
        objects = np.zeros(2, dtype=object)
        np.copyto(objects, x[0] ** 2)
        return objects * np.array([1.0, 2.0])

    assert_allclose(dd.jvp(f, (X,), (V,))[1], [2 * X[0] * V[0], 4 * X[0] * V[0]])


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (TypeError, lambda a, x: np.put(a, x, 1.0)),
        (IndexError, lambda a, x: np.put(a, [9], x)),
        (ValueError, lambda a, x: np.copyto(a, np.stack([x] * 3))),
        (TypeError, lambda a, x: np.copyto(a, x + 1j)),
        (TypeError, lambda a, x: np.copyto(a, x, casting="nonsense")),
        (ValueError, lambda a, x: np.place(a, MASK, x[:0])),
        (ValueError, lambda a, x: np.putmask(a, [True], x)),
        (TypeError, lambda a, x: np.put_along_axis(a, x, 1.0, 0)),
        (ValueError, lambda a, x: np.fill_diagonal(a[0], x)),
    ],
)
def test_what_numpy_refuses_is_refused_and_changes_nothing(error, call):
    def f(x):
        a = np.zeros_like(x, shape=(2, 3)) + 0.0 * x
        with pytest.raises((error, TypeError, ValueError)):
            call(a, x)
        return a

    y, ydot = dd.jvp(f, (X,), (V,))
    assert not y.any() and not ydot.any()


@pytest.mark.usefixtures("as_written")
def test_buffers_of_whole_numbers_are_plain():
    def f(x):
        for buffer in (np.zeros(3, dtype=int, like=x), np.zeros_like(x, dtype=bool), np.arange(3, like=x)):
            assert type(buffer) is np.ndarray
        for buffer in (np.zeros(3, like=x), np.empty_like(x), np.arange(3.0, like=x), np.array([1.0], like=x)):
            assert type(buffer) is dd.Dual
        return x

    dd.jvp(f, (X,), (V,))


def test_dtype_of_a_buffer_is_that_of_numpy():
    x = X.astype(np.float32)

    def f(x):
        return np.zeros_like(x), np.full(2, x[0], like=x), np.array([x[0], x[1]], like=x), np.zeros(2, like=x)

    for part, plain in zip(dd.jvp(f, (x,), (np.ones_like(x),))[1], f(x), strict=True):
        assert part.dtype == plain.dtype


def test_plain_argument_of_asarray_is_not_written_behind_its_back():
    plain = np.ones(3)

    def f(x):
        y = np.asarray(plain, like=x)
        y[:] = x
        return y

    assert_array_equal(dd.jvp(f, (X,), (V,))[1], V)
    assert_array_equal(plain, np.ones(3))


def test_array_copies_and_asarray_does_not():
    def f(x):
        a = x * 1.0
        copied, same = np.array(a, like=x), np.asarray(a, like=x)
        a[0] = 5.0
        return copied, same

    copied, same = dd.jvp(f, (X,), (V,))[1]
    assert_array_equal(copied, V)
    assert_array_equal(same, [0.0, *V[1:]])


def test_like_a_dual_that_has_escaped_raises():
    kept = []
    dd.jvp(lambda x: kept.append(x) or x, (X,), (V,))
    for function in (
        lambda x: np.zeros(2, like=x),
        lambda x: np.zeros_like(x),
        lambda x: np.asarray([1.0], like=x),
        lambda x: np.fromfunction(lambda i: i, (2,), like=x),
        lambda x: np.copy(x),
        lambda x: np.real(x),
        lambda x: np.split(x, 3),
        lambda x: np.atleast_1d(x),
        lambda x: np.broadcast_arrays(x, 1.0),
        lambda x: np.meshgrid(x, x),
        lambda x: np.ix_(x),
        lambda x: np.diff(x),
        lambda x: np.linspace(x, 1.0),
    ):
        with pytest.raises(EscapedDual):
            function(kept[0])


def test_negative_step_and_default_start_of_arange():
    def f(x):
        return np.arange(x[0] + 2.0, 0.0, -x[1], like=x), np.arange(x[0] + 2.0, like=x)

    (down, up), (ddown, dup) = dd.jvp(f, (X,), (V,))
    assert_array_equal(down, np.arange(2.3, 0.0, -0.7))
    assert_allclose(ddown, V[0] - np.arange(4) * V[1])
    assert_array_equal(up, [0.0, 1.0, 2.0])
    assert not dup.any()


def test_integer_linspace_is_constant():
    y, ydot = dd.jvp(lambda x: np.linspace(x[0], 9 * x[1], 4, dtype=int) * 1.0, (X,), (V,))
    assert_array_equal(y, np.linspace(X[0], 9 * X[1], 4, dtype=int))
    assert not ydot.any()


def test_every_writing_function_is_declared_here():
    assert {f.__name__ for f, rule in RULES.items() if rule.form == "writing"} == {
        "copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask",
    }  # fmt: skip


@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.multiply, np.maximum])
def test_operand_of_at_is_repeated_for_an_index_of_several_axes(ufunc):
    """NumPy reads beyond the end of the shorter one; what it means is the operand in the shape of the index."""
    index, x = np.array([[0, 1], [1, 5]]), np.array([0.4, 0.9])

    def f(x, like=np.asarray):
        y = np.full(6, 0.5, like=x)
        ufunc.at(y, index, like(x))
        return y * y

    repeated = lambda x: f(x, lambda x: np.broadcast_to(x, (2, 2)).copy())
    y, ydot = dd.jvp(lambda x: f(x, lambda x: x), (x,), (np.array([1.0, -2.0]),))
    assert_array_equal(y, repeated(x))
    (expected,) = derivative_at_zero(lambda t: repeated(x + t * np.array([1.0, -2.0])), 1e-3)
    assert_allclose(ydot, expected, rtol=1e-9, atol=1e-12)
    assert_allclose(dd.jacrev(lambda x: f(x, lambda x: x))(x) @ [1.0, -2.0], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "write",
    [
        lambda y, x: y.__setitem__(..., x.reshape(1, 3)),
        lambda y, x: y.__setitem__(slice(1, None), x[None, None, :2]),
        lambda y, x: y.__setitem__(([0, 2],), x[None, None, 1:]),
        lambda y, x: y[::-1].__setitem__(slice(0, 3), x[None]),
        lambda y, x: y.reshape(3, 1).__setitem__(slice(None), x.reshape(1, 3, 1)),
        lambda y, x: y.__setitem__(slice(0, 1), x[None, None, 2:]),
    ],
)
def test_an_item_may_carry_extra_leading_axes_of_length_1_as_in_numpy(write):
    def f(x):
        y = np.zeros(3, like=x) + x[0]
        write(y, x * x)
        return y * np.array([1.0, 10.0, 100.0])

    (expected,) = derivative_at_zero(lambda t: [f(X + t * V)], 1e-3)
    jacobian = dd.jacfwd(f)(X)

    assert_allclose(jacobian @ V, expected, rtol=1e-8)
    assert_allclose(dd.jacrev(f)(X), jacobian)
    assert_allclose(dd.grad(lambda x: np.sum(f(x)))(X), jacobian.sum(axis=0))
    assert_allclose(dd.linearize(f, X)[1](V), jacobian @ V)
    assert_allclose(dd.jacobian_operator(f)(X) @ np.eye(3), jacobian)  # the record, run forward with three directions
    loss = lambda x: np.sum(np.sqrt(f(x - X[0]))) + np.sum(f(x))  # sent back on supports
    assert_allclose(dd.grad(loss)(X)[1:], dd.jacfwd(loss)(X)[1:])
