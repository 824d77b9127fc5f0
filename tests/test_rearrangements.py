"""Views are views where NumPy's are, and copies where NumPy copies, in every memory layout."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import dualdiff as dd
from dualdiff.table import RULES
from tests.laws import together

WINDOW = np.lib.stride_tricks.sliding_window_view
# name -> a function of an array of shape (4, 4) that may or may not share memory with it
FUNCTIONS = {
    "slice": lambda x: x[1:, ::-2],
    "integer": lambda x: x[1],
    "newaxis": lambda x: x[None, ..., None],
    "fancy": lambda x: x[[0, 1]],
    "mask": lambda x: x[x > 2.5],
    "reshape": lambda x: np.reshape(x, (2, 8)),
    "reshape F": lambda x: np.reshape(x, (2, 8), order="F"),
    "reshape A": lambda x: np.reshape(x, (2, 8), order="A"),
    "reshape split": lambda x: np.reshape(x, (2, 2, 4)),
    "reshape -1": lambda x: np.reshape(x, -1),
    "ravel": lambda x: np.ravel(x),
    "ravel F": lambda x: np.ravel(x, "F"),
    "ravel A": lambda x: np.ravel(x, "A"),
    "ravel K": lambda x: np.ravel(x, "K"),
    "flatten": lambda x: x.flatten(),
    "transpose": lambda x: np.transpose(x),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "swapaxes": lambda x: np.swapaxes(x, 0, 1),
    "matrix_transpose": lambda x: np.matrix_transpose(x),
    "moveaxis": lambda x: np.moveaxis(x, 0, -1),
    "rollaxis": lambda x: np.rollaxis(x, 1),
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "squeeze": lambda x: np.squeeze(x[:1]),
    "flip": lambda x: np.flip(x),
    "flipud": lambda x: np.flipud(x),
    "fliplr": lambda x: np.fliplr(x),
    "rot90": lambda x: np.rot90(x, 3),
    "rot90 none": lambda x: np.rot90(x, 0),
    "diagonal": lambda x: np.diagonal(x, 1),
    "diag": lambda x: np.diag(x),
    "linalg.diagonal": lambda x: np.linalg.diagonal(x),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 4, 4)),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, np.zeros((4, 1)))[0],
    "windows": lambda x: WINDOW(x, (2, 2)),
    "writeable windows": lambda x: WINDOW(x, 2, 0, writeable=True)[::2],
    "atleast_1d": lambda x: np.atleast_1d(x),
    "atleast_2d": lambda x: np.atleast_2d(x[0]),
    "atleast_3d": lambda x: np.atleast_3d(x),
    "split": lambda x: np.split(x, 2, axis=1)[1],
    "array_split": lambda x: np.array_split(x, 3)[0],
    "hsplit": lambda x: np.hsplit(x, 2)[0],
    "vsplit": lambda x: np.vsplit(x, [1])[1],
    "dsplit": lambda x: np.dsplit(x[:, None], 2)[0],
    "meshgrid": lambda x: np.meshgrid(x[0], x[1], copy=False, sparse=True)[0],
    "meshgrid copy": lambda x: np.meshgrid(x[0], x[1])[0],
    "ix_": lambda x: np.ix_(x[0], x[1])[1],
    "real": lambda x: np.real(x),
    "imag": lambda x: np.imag(x),
    "real_if_close": lambda x: np.real_if_close(x),
    "copy": lambda x: np.copy(x),
    "roll": lambda x: np.roll(x, 1),
    "tril": lambda x: np.tril(x),
    "repeat": lambda x: np.repeat(x, 1, axis=0),
    "tile": lambda x: np.tile(x, 1),
    "take": lambda x: np.take(x, [0, 1, 2, 3], axis=0),
    "delete": lambda x: np.delete(x, [], axis=0),
    "resize": lambda x: np.resize(x, (4, 4)),
    "concatenate": lambda x: np.concatenate([x]),
    "diff of order 0": lambda x: np.diff(x, n=0),
    "asarray like": lambda x: np.asarray(x, like=x),
    "array like": lambda x: np.array(x, like=x),
    "array ndmin": lambda x: np.array(x, copy=None, ndmin=3, like=x),
    "ascontiguousarray": lambda x: np.ascontiguousarray(x, like=x),
    "asfortranarray": lambda x: np.asfortranarray(x, like=x),
    "polyder of order 0": lambda x: np.polyder(x[0], 0),
    "apply_over_axes": lambda x: np.apply_over_axes(np.sum, x, []),
}
if hasattr(np, "unstack"):
    FUNCTIONS["unstack"] = lambda x: np.unstack(x, axis=1)[2]
if hasattr(np, "astype"):
    FUNCTIONS["astype"] = lambda x: np.astype(x, x.dtype, copy=False)

LAYOUTS = {
    "C": lambda x: np.copy(x, "C"),
    "F": lambda x: np.copy(x, "F"),
    "strided": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: np.copy(x[::-1])[::-1],
    "one of three": lambda x: np.stack([x, x, x], axis=1)[:, 1],
    "fortran strided": lambda x: np.repeat(np.copy(x, "F"), 2, axis=0)[::2].T[::-1].T,
}
START = np.arange(16.0).reshape(4, 4)
RATES = 1.0 + np.arange(16.0).reshape(4, 4) ** 2
WORK = {f"{name}, {layout}": (FUNCTIONS[name], LAYOUTS[layout]) for layout in LAYOUTS for name in FUNCTIONS}
each_function_and_layout = together(WORK.values(), ids=WORK)
each_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def work_in(x, layout, dtype):
    """A buffer of that layout and dtype; the complex one has an imaginary part."""
    return layout(x * (1 + 2j) if dtype is complex else x * 1.0)


def written_through(x, function, layout, dtype):
    """What the buffer and the result hold after a write through the result."""
    buffer = work_in(x, layout, dtype)
    result = function(buffer)
    if writeable(result):
        result[...] = np.reshape(np.arange(result.size), result.shape) * x[1, 2]
    return buffer, result


def read_back(x, function, layout, dtype):
    """What the result holds after writes to the buffer, before and after which other views were taken."""
    buffer = work_in(x, layout, dtype)
    early = buffer[1:]
    result = function(buffer)
    buffer[::2] = x[1, 2] * 3.0
    buffer[1] *= x[2]
    return early, result, buffer


def writeable(x):
    while type(x) is dd.Dual:
        x = x.value
    return isinstance(x, np.ndarray) and x.flags.writeable


@pytest.mark.filterwarnings("ignore:future versions will not create a writeable array from broadcast_array")
@pytest.mark.filterwarnings("ignore:Numpy has detected that you")  # the same
@each_function_and_layout
def test_writes_reach_whom_they_reach_in_numpy(function, layout):
    for program in (written_through, read_back):
        for dtype in (float, complex):
            check_writes(lambda x, program=program, dtype=dtype: program(x, function, layout, dtype))


def check_writes(f):
    y, ydot = dd.jvp(f, (START,), (RATES,))
    # Every program here is a polynomial of low degree in x: complex steps and long differences are exact enough.
    h = 1e-3
    up, down = f(START + h * RATES), f(START - h * RATES)

    for a, plain in zip(y, f(START), strict=True):
        assert_array_equal(a, plain, strict=True)
    for a, after, before in zip(ydot, up, down, strict=True):
        np.testing.assert_allclose(a, (after - before) / (2 * h), rtol=1e-8, atol=1e-6)


@each_function_and_layout
def test_second_derivatives_see_the_same_views(function, layout):
    def f(x):
        early, result, buffer = read_back(x, function, layout, float)
        return np.sum(result * result) * 1e-3 + np.sum(early * early) * 1e-3 + np.sum(buffer) * 1e-3

    def slope(x):
        return dd.jvp(f, (x,), (RATES * 1e-2,))[1]

    _, second = dd.jvp(slope, (START,), (np.cos(START),))
    h = 1e-4
    estimate = (slope(START + h * np.cos(START)) - slope(START - h * np.cos(START))) / (2 * h)
    assert second == pytest.approx(estimate, rel=1e-6)


@pytest.mark.usefixtures("as_written")
@each_function_and_layout
def test_result_shares_memory_exactly_where_that_of_numpy_does(function, layout):
    plain = layout(START * 1.0)
    shares = np.shares_memory(function(plain), plain)

    def f(x):
        buffer = layout(x * 1.0)
        result = function(buffer)
        if type(result) is dd.Dual:
            assert (result is buffer or (result.storage is not None and result.storage is buffer.storage)) == shares
            assert np.shares_memory(result.value, buffer.value) == shares
            assert np.shares_memory(result.tangent, buffer.tangent) == shares
        else:
            assert not shares
        return x

    dd.jvp(f, (START,), (RATES,))


def test_parts_of_a_complex_buffer_are_written_apart():
    x = np.array([0.5, 1.5, 2.0])
    _, ydot = dd.jvp(_parts, (x,), (np.ones(3),))

    assert_array_equal(ydot, np.array([1.0, 3.0, 4.0]) + 1j * 4.0 * x)


def _parts(x):
    z = x * (1.0 + 2.0j)
    z.real[1:] = x[1:] ** 2
    z.imag *= x
    return z


def test_part_and_its_transpose_are_adjoint():
    """⟨c, Re t⟩ and ⟨c, Im t⟩ are the real parts of ⟨transpose(c), t⟩, sums without conjugation."""
    rng = np.random.default_rng(0)
    t, c = rng.standard_normal((1, 5)) + 1j * rng.standard_normal((1, 5)), rng.standard_normal((1, 5))
    maps = []

    class Recording:
        live, level = True, 1

        def as_buffer(self, tangent, value):
            return tangent

        def linear_map(self, tangent, apply, transpose, like):
            maps.append((apply, transpose))
            return apply(tangent)

    for function in (np.real, np.imag):
        RULES[function](dd.Dual(np.zeros(5, complex), t, Recording()))
    assert len(maps) == 2
    for (apply, transpose), part in zip(maps, (t.real, t.imag), strict=True):
        assert_array_equal(apply(t), part)
        np.testing.assert_allclose(np.sum(transpose(c) * t).real, np.sum(c * part))


def test_imaginary_part_of_a_real_dual_is_the_constant_zero():
    def f(x):
        y = np.imag(x)
        assert type(y) is np.ndarray
        return x

    dd.jvp(f, (START,), (RATES,))


def test_dropped_entries_are_zero_even_where_their_tangent_is_infinite():
    def f(x):
        y = np.sqrt(x)
        return (
            np.where(x > 0, y, 0.0),
            np.where(np.bool_(x[0] > 0), y, 1.0),
            np.pad(y, 1, "edge")[-1],
            np.tril(y[None], 1),
        )

    _, ydot = dd.jvp(f, (np.array([0.0, 4.0]),), (np.ones(2),))
    assert_array_equal(ydot[0], [0.0, 0.25])
    assert_array_equal(ydot[1], [0.0, 0.0])
    assert ydot[2] == 0.25
    assert_array_equal(ydot[3], [[np.inf, 0.25]])


def test_condition_that_is_overwritten_afterwards_changes_nothing():
    def f(x):
        mask = np.array([True, False])
        y = np.where(mask, x, 0.0)
        mask[:] = False
        return y

    assert_array_equal(dd.jacfwd(f)(np.array([1.0, 2.0])), [[1.0, 0.0], [0.0, 0.0]])


@pytest.mark.usefixtures("as_written")
@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.roll(np.arange(3.0), x[0]),
        lambda x: np.repeat(x, x),
        lambda x: np.split(x, x),
        lambda x: np.reshape(x, x),
        lambda x: np.take(np.arange(3.0), x),
        lambda x: np.delete(x, x),
        lambda x: np.take(x, [0], 0, np.zeros(1)),
        lambda x: np.concatenate([x, x], out=np.zeros(4)),
        lambda x: np.stack([x, x], out=np.zeros((2, 2))),
    ],
)
def test_dual_where_no_derivative_can_go_raises(call):
    with pytest.raises(TypeError):
        dd.jvp(lambda x: call(x), (np.array([1.0, 2.0]),), (np.ones(2),))


def test_insertion_into_whole_numbers_is_constant_as_the_value_is():
    def f(x):
        y = np.insert(np.arange(3), 1, 5 * x)
        assert type(y) is np.ndarray
        return x

    dd.jvp(f, (0.5,), (1.0,))


def test_matrices_with_no_columns_have_jacobians_of_no_columns():
    for function in (np.ravel, np.roll, np.sort, lambda x, *_: np.concatenate([x, np.ones(2)], axis=None)):
        if function is np.sort and np.sort not in RULES:
            continue
        jacobian = dd.jacfwd(lambda x, f=function: f(x, *((1,) if f is np.roll else ())))(np.zeros(0))
        assert jacobian.shape[1:] == (0,)


@each_layout
def test_buffer_lifted_to_an_inner_level_keeps_its_views(layout):
    """A buffer of the outer level, of any layout, has a view when an inner Dual is written into it."""

    def f(x):
        work = layout(x * 1.0)
        views = np.reshape(work, (2, 8)), np.ravel(work, "F"), np.ravel(work, "K"), work.T

        def g(z):
            work[1:3, 2] = z * x[0, 1]
            return sum(np.sum(view * np.reshape(np.arange(16.0), view.shape)) for view in (work, *views))

        return dd.derivative(g)(x[2, 2])

    y, ydot = dd.jvp(f, (START + 1.0,), (RATES,))

    def plain(x):
        """The derivative of the inner program, by a difference: it is linear in z."""

        def g(z):
            work = layout(x * 1.0)
            views = np.reshape(work, (2, 8)), np.ravel(work, "F"), np.ravel(work, "K"), work.T
            work[1:3, 2] = z * x[0, 1]
            return sum(np.sum(view * np.reshape(np.arange(16.0), view.shape)) for view in (work, *views))

        return g(1.0) - g(0.0)

    assert y == pytest.approx(plain(START + 1.0))
    estimate = (plain(START + 1.0 + 1e-3 * RATES) - plain(START + 1.0 - 1e-3 * RATES)) / 2e-3
    assert ydot == pytest.approx(estimate)


@pytest.mark.parametrize("place", range(3))
def test_scalar_joined_with_parts_that_are_as_many_as_the_result_has_entries(place):
    """Three parts make three entries here, but not one each: of the two constant parts one is empty, one has two."""
    weights = np.array([1.0, 10.0, 100.0])

    def f(x):
        parts = [np.zeros(0), np.ones(2)]
        parts.insert(place, x[0] * x[1])
        return np.hstack(parts) * weights

    x, v = np.array([2.0, 3.0]), np.array([1.0, 0.0])
    expected = np.zeros(3)
    at = 2 if place == 2 else 0
    expected[at] = 3.0 * weights[at]
    for tangent in (dd.jvp(f, (x,), (v,))[1], dd.jacfwd(f)(x) @ v, dd.jacrev(f)(x) @ v):
        assert_array_equal(tangent, expected)
