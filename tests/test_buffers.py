"""Lazy buffers: arrays of adapted functions that become Duals when one is written into them."""

import copy
import gc
import warnings
import weakref
import zlib

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import dualdiff as dd
from dualdiff.adapting.buffers import Buffer
from dualdiff.testing import derivative_at_zero
from tests.closeness import assert_allclose
from tests.laws import law
from tests.samples import of_their_form

X = np.array([0.5, 1.5, 2.0])
V = np.array([1.0, -0.5, 0.25])


def written_before(x):
    """The argument in a buffer, filled before it is used."""
    buffer = np.zeros(x.shape)
    buffer[...] = x
    return buffer


def viewed_before_written(x):
    """A view of a buffer, taken before the buffer is filled."""
    buffer = np.zeros(x.shape)
    view = buffer[...]
    buffer[...] = x
    return view


def row_of_a_larger_one(x):
    """A row of a buffer, filled through another view of it."""
    buffer = np.zeros((2, *x.shape))
    row = buffer[1, ...]  # a view also where a row is a number
    buffer.T[..., 1] = x.T
    return row


def of_real_arrays(sample):
    return of_their_form(sample) and all(
        isinstance(arg, np.ndarray) and arg.dtype.kind == "f" and arg.size for arg in sample.args
    )


@law(of=of_real_arrays)
def test_every_rule_gives_the_same_through_buffers(sample):
    directions = tuple(np.full_like(arg, 0.75) for arg in sample.args)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", dd.IndependentResult)
        y, ydot = dd.jvp(sample.f, sample.args, directions)
        y_plain, pullback = dd.vjp(sample.f, *sample.args)
        seed = ones_like(y_plain)
        cotangents = pullback(seed)
        ways = (written_before, viewed_before_written, row_of_a_larger_one)
        backwards = in_turn(ways, 1, sample)
        for through in ways:

            def f(*args, through=through):
                return sample.f(*[through(arg) for arg in args])

            found, found_dot = dd.jvp(f, sample.args, directions)
            for one, other in zip(leaves(found), leaves(y), strict=True):
                assert_allclose(one, other, rtol=1e-13)
            for one, other in zip(leaves(found_dot), leaves(ydot), strict=True):
                assert_allclose(one, other, rtol=1e-12, atol=1e-13)
            if through in backwards:
                for one, other in zip(dd.vjp(f, *sample.args)[1](seed), cotangents, strict=True):
                    assert_allclose(one, other, rtol=1e-11, atol=1e-12)


def in_turn(ways, number, sample):
    """So many of the ways to get at a buffer, others for other samples; all of them where the result may be a view.

    What a rule makes of a buffer depends on how one came by it only if the result is a view of the buffer again.
    """
    args = [arg.copy() for arg in sample.args]
    if any(np.may_share_memory(leaf, arg) for leaf in leaves(sample.f(*args)) for arg in args):
        return ways
    start = zlib.crc32(str(sample).encode())
    return [ways[(start + i) % len(ways)] for i in range(number)]


def leaves(tree):
    return [leaf for part in tree for leaf in leaves(part)] if isinstance(tree, (tuple, list)) else [tree]


def ones_like(tree):
    if isinstance(tree, (tuple, list)):
        parts = [ones_like(part) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return np.ones_like(tree, dtype=np.result_type(tree, np.float32) if np.result_type(tree).kind in "biu" else None)


# Before anything is written that carries a derivative: its array.


@law(of=of_real_arrays)
def test_a_buffer_that_nothing_was_written_into_gives_what_its_array_gives(sample):
    buffers = [Buffer(arg.copy()) for arg in sample.args]
    with np.errstate(all="ignore"):
        plain = leaves(sample.f(*[arg.copy() for arg in sample.args]))
        for one, other in zip(leaves(sample.f(*buffers)), plain, strict=True):
            array = one.__dual__() if type(one) is Buffer else one
            assert type(array) is type(other)
            assert_array_equal(array, other)
            assert np.result_type(array) == np.result_type(other)


@pytest.mark.parametrize("name", [name for name in dir(np.ndarray) if not name.startswith("_")])
def test_a_buffer_has_every_public_name_of_ndarray(name):
    array = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    if not hasattr(array, name):
        pytest.skip("gone from this NumPy")
    if name == "resize":
        assert not hasattr(Buffer(array), name)
        return
    plain, found = getattr(array, name), getattr(Buffer(array), name)
    if isinstance(plain, (int, str, tuple, np.dtype, np.ndarray)):
        assert_array_equal(found, plain)


def test_conversions_text_and_copies_are_those_of_the_array():
    array = np.array([[1.5, 2.0]])
    buffer = Buffer(array)

    assert repr(buffer) == repr(array)
    assert str(buffer) == str(array)
    assert float(Buffer(np.array(1.5))) == 1.5
    assert int(Buffer(np.array(1.5))) == 1
    assert complex(Buffer(np.array(1.5))) == 1.5
    assert bool(Buffer(np.array([1.5])))
    assert 2.0 in buffer
    assert len(buffer) == 1
    for copied in (copy.copy(buffer), copy.deepcopy(buffer), buffer.copy()):
        assert type(copied) is Buffer
        assert_array_equal(copied, array)
        copied[0, 0] = 9.0
    assert buffer[0, 0] == 1.5
    with pytest.raises(TypeError, match="unhashable"):
        hash(buffer)


# Writes, and who sees them.


def writes():
    def views(x):
        b = np.zeros((2, 3))
        v, r, row, d = b.T, b.reshape(-1), b[1], np.diagonal(b)
        b[1, 1] = x[0]
        row[2] = x[1] ** 2
        return v[1, 1] * r[4] + r[5] * v[2, 1] + d[1]

    def without_axes(x):
        b = np.zeros(())
        c = b[...]
        b[...] = x[0]
        return c * x[1]

    def in_place(x):
        b = np.ones(3)
        c = b
        b += x
        b *= np.array([2.0, 1.0, 3.0])
        b /= x
        b **= 2
        b -= x[0]
        return c.sum()

    def in_place_without_axes(x):
        b = np.zeros(())
        b += x[0]
        return float(b) * x[1]

    def ufunc_at(x):
        b = np.zeros(3)
        np.add.at(b, [0, 0, 1], x)
        return b[0] * b[1]

    def out_of_a_plain_and_a_dual_operand(x):
        b = np.zeros(3)
        np.multiply(np.ones(3), x, out=b)
        return b.prod()

    def out_among_its_operands(x):
        b = np.ones(3)
        np.add(b, x, b)
        return b.prod()

    def out_by_position(x):
        b = np.zeros(())
        np.sum(x * x, 0, None, b)
        return b * x[0]

    def functions_that_write(x):
        b, c = np.zeros(3), np.zeros((3, 3))
        np.copyto(b, x)
        b.put([1], x[0] ** 2)
        np.fill_diagonal(c, x)
        np.put(b, [0], 3 * x[2])
        np.place(b, [False, False, True], [x[1]])
        np.putmask(c, c == 0, x[0])
        return b.prod() + c.sum()

    def fill_and_flat(x):
        b, c = np.zeros(3), np.zeros((2, 2))
        b.fill(x[0])
        c.flat = x[1]
        c.flat[1] = x[2] ** 2
        return b.prod() * c.prod()

    def masks_and_lists(x):
        b = np.zeros((3, 3))
        b[1:, 0] = [x[0], x[1] ** 2]
        b[[0, 1]] = b[[1, 0]]
        b[b > 0.1] *= 2
        return b.sum() + b[0, 0]

    def rows(x):
        m = np.zeros((3, 3))
        for i, row in enumerate(m):
            row[:] = x**i
        return np.linalg.det(m)

    def real_and_imaginary_parts(x):
        z = np.zeros(3, complex)
        z.real = x
        z.imag[1] = x[0] ** 2
        w = np.zeros((), complex)
        w.imag = x[2]
        return np.sum(np.abs(z) ** 2) + np.abs(w)

    def copies(x):
        b = np.arange(3.0).copy()
        c = np.arange(3).astype(float)
        b[0], c[1] = x[0], x[1]
        d = np.array(b)
        b[0] = 7.0
        return (d * c).sum() + b[0]

    def parts_by_functions(x):
        b = np.zeros(4)
        u, v = np.split(b, 2)
        w = np.atleast_2d(b)
        b[0] = x[0]
        v[1] = x[1] ** 2
        return u[0] * b[3] + w[0, 3]

    def results_of_operations(x):
        b = np.ones(3) * np.nan
        c = np.zeros(3) + 1.0
        d = np.sqrt(np.ones(3))
        b[:], c[0], d[1] = x, x[1], x[2]
        return (b * c * d).sum()

    def enumerated(x):
        b = np.zeros((3, 2))
        for (i, j), entry in np.ndenumerate(b):
            b[i, j] = x[i] * (j + 1) + entry
        return b.prod()

    def beside_a_dual(x):
        b = np.zeros(2)
        u, v = np.atleast_1d(b, x)
        b[0] = x[0]
        return u[0] * v[1]

    return [function for function in locals().values() if callable(function)]


@pytest.mark.parametrize("f", writes(), ids=lambda f: f.__name__)
def test_writes_are_seen_wherever_numpy_shows_them(f):
    step = 1e-5
    numerical = np.array(
        [(8 * (f(X + e) - f(X - e)) - (f(X + 2 * e) - f(X - 2 * e))) / (12 * step) for e in step * np.eye(3)]
    )

    assert_allclose(dd.grad(f)(X), numerical, rtol=1e-7, atol=1e-8)
    assert_allclose(dd.jacfwd(f)(X), numerical, rtol=1e-7, atol=1e-8)
    assert_allclose(dd.jacrev(f)(X), numerical, rtol=1e-7, atol=1e-8)
    assert_allclose(dd.hessian(f)(X), dd.jacrev(dd.jacrev(f))(X), rtol=1e-10, atol=1e-10)
    assert_array_equal(dd.jvp(f, (X,), (V,))[0], f(X))
    assert_array_equal(dd.adapt(f)(X), f(X))


def test_levels_lift_both_ways():
    def f(x):
        b = np.zeros(3)

        def inner(y):
            b[0] = x
            view = b[:2]
            b[1] = y * x
            c = np.zeros(2)
            c[0] = b[0] * y
            return view[0] * b[1] * c[0] * y

        return dd.derivative(inner)(2.0)

    # x · y x · x y · y, its derivative in y at 2 is 3 · 4 x³
    assert dd.derivative(f)(0.5) == pytest.approx(36 * 0.25)
    assert dd.grad(f)(0.5) == pytest.approx(36 * 0.25)


def test_whole_numbers_stay_plain():
    def f(x):
        n = np.zeros(3, int)
        n[1] = int(x * 10)
        assert type(n) is np.ndarray
        return n[1] * x

    assert dd.derivative(f)(0.55) == 5.0


def test_results_and_aux_are_arrays_again():
    def f(x):
        b, c = np.zeros(3), np.ones(2)
        b[0] = x
        return (b, c), np.ones(1)

    (y, constant), (ydot, zero), aux = dd.jvp(f, (2.0,), (1.0,), has_aux=True)

    assert [type(part) for part in (y, constant, ydot, zero, aux)] == [np.ndarray] * 5
    assert_array_equal(ydot, [1, 0, 0])
    assert_array_equal(zero, [0, 0])


# Loud.


def test_a_plain_view_handed_out_forbids_the_write_while_it_lives():
    def f(x, keep):
        b = np.zeros(3)
        seen = dd.as_written(np.asarray)(b)
        part = seen[1:]
        del seen
        if not keep:
            del part
            gc.collect()
        b[0] = x
        return b.sum()

    assert dd.derivative(lambda x: f(x, False))(2.0) == 1.0
    with pytest.raises(TypeError, match="plain view"):
        dd.derivative(lambda x: f(x, True))(2.0)


@pytest.mark.parametrize("take", [lambda b: b.data, lambda b: b.ctypes, lambda b: b.view(np.int64)])
def test_memory_that_was_handed_out_forbids_the_write(take):
    def f(x):
        b = np.zeros(3)
        memory = take(b)
        b[0] = x
        return b.sum(), memory

    with pytest.raises(TypeError, match="view"):
        dd.jvp(f, (2.0,), (1.0,))


def test_code_for_numbers_does_not_take_a_dual_buffer():
    def f(x):
        b = np.zeros(1)
        b[0] = x
        return memoryview(b)[0]

    with pytest.raises(TypeError):
        dd.derivative(f)(2.0)


def test_a_buffer_is_freed_with_its_views():
    seen = []

    def f(x):
        b = np.zeros(3)
        v = b[:2]
        b[0] = x
        seen.append(weakref.ref(b))
        return v[0]

    dd.derivative(f)(2.0)
    gc.collect()
    assert seen[0]() is None


# Loudness: each rule with a buffer in each of its arguments, before and after a Dual is written.


def _of_itself(buffer):
    return buffer


def _everything(buffer):
    return buffer[...]


def _turned_twice(buffer):
    return buffer.T.T


def _by_method(buffer):
    return buffer.view()


def _in_another_shape(buffer):
    return buffer.reshape(-1).reshape(buffer.shape)


def _by_function(buffer):
    return np.moveaxis(buffer[None], 0, 0)[0, ...]


VIEWS = [_of_itself, _everything, _turned_twice, _by_method, _in_another_shape, _by_function]


@law(of=of_real_arrays)
def test_before_and_after_a_dual_is_written_a_rule_is_right_or_raises(sample):
    for i, arg in enumerate(sample.args):

        def expected(x, i=i, f=sample.f, args=sample.args):
            return leaves(f(*[x * 1.0 if j == i else a for j, a in enumerate(args)]))

        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            direction = np.full_like(arg, 0.75)
            try:
                right, right_dot = dd.jvp(expected, (arg,), (direction,))
            except (TypeError, ValueError):  # no derivative in this argument alone
                continue
            for view in in_turn(VIEWS, 2, sample):

                def f(x, i=i, view=view, f=sample.f, args=sample.args):
                    buffer = np.zeros(x.shape, x.dtype)
                    seen = view(buffer)
                    buffer[...] = args[i]
                    given = [np.copy(a) for a in args]
                    given[i] = seen
                    before = [np.copy(leaf) for leaf in leaves(f(*given))]  # not as a view of what is written
                    seen[...] = x * 1.0
                    given = [np.copy(a) for a in args]
                    given[i] = seen
                    return before, leaves(f(*given))

                (before, after), (before_dot, after_dot) = dd.jvp(f, (arg,), (direction,))
                assert all(np.all(d == 0) for d in before_dot)
                for one, two, other in zip(before, after, right, strict=True):
                    assert_allclose(one, other, rtol=1e-12)
                    assert_allclose(two, other, rtol=1e-12)
                for one, other in zip(after_dot, right_dot, strict=True):
                    assert_allclose(one, other, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("write", ["index", "out", "at", "copyto", "operator"])
@pytest.mark.parametrize("take", [np.asarray, lambda b: np.asarray(b)[1:], lambda b: b.data, memoryview, np.frombuffer])
def test_what_was_handed_out_never_sees_a_write_without_its_derivative(take, write):
    writes = {
        "index": lambda b, x: b.__setitem__(0, x),
        "out": lambda b, x: np.multiply(x, np.ones(3), out=b),
        "at": lambda b, x: np.add.at(b, [0], x),
        "copyto": lambda b, x: np.copyto(b, x),
        "operator": lambda b, x: b.__iadd__(x),
    }

    def f(x):
        buffer = np.zeros(3)
        held = dd.as_written(take)(buffer)
        writes[write](buffer, x)
        return np.sum(np.asarray(held)) + x

    for transform in (dd.derivative, dd.grad):
        with pytest.raises((TypeError, ValueError, BufferError)):
            transform(f)(0.5)


# Arguments that overlap what is written: NumPy's functions are called once, and read what NumPy reads.

OVERLAPPING = {
    "cumsum rev": lambda a: np.cumsum(a[::-1], out=a),
    "cumsum meth": lambda a: a[::-1].cumsum(out=a),
    "cumprod rev": lambda a: np.cumprod(a[::-1], out=a),
    "add.accumulate": lambda a: np.add.accumulate(a[::-1], out=a),
    "add": lambda a: np.add(a[::-1], a, out=a),
    "add shift": lambda a: np.add(a[1:], a[:-1], out=a[1:]),
    "copyto": lambda a: np.copyto(a, a[::-1]),
    "assign": lambda a: a.__setitem__(slice(None), a[::-1]),
    "take": lambda a: np.take(a, [3, 2, 1, 0], out=a),
    "clip": lambda a: np.clip(a[::-1], 0.5, 1.5, out=a),
    "round": lambda a: np.round(a[::-1], 1, out=a),
    "sum": lambda a: np.sum(a.reshape(2, 2), axis=0, out=a[:2]),
    "mean": lambda a: np.mean(a.reshape(2, 2), axis=0, out=a[1:3]),
    "dot": lambda a: np.dot(a.reshape(2, 2), a.reshape(2, 2).copy(), out=a.reshape(2, 2)),
    "matmul": lambda a: np.matmul(a.reshape(2, 2), a.reshape(2, 2), out=a.reshape(2, 2)),
    "max": lambda a: np.max(a.reshape(2, 2), axis=1, out=a[:2]),
    "cumsum axis": lambda a: np.cumsum(a.reshape(2, 2).T, axis=0, out=a.reshape(2, 2)),
    "nancumsum": lambda a: np.nancumsum(a[::-1], out=a),
    "diff": lambda a: np.subtract(a[1:], a[:-1], out=a[:-1]),
    "einsum": lambda a: np.einsum("ij,jk->ik", a.reshape(2, 2), a.reshape(2, 2), out=a.reshape(2, 2)),
    "put": lambda a: np.put(a, [0, 1, 2, 3], a[::-1]),
    "place": lambda a: np.place(a, a > 0.5, a[::-1]),
    "putmask": lambda a: np.putmask(a, a > 0.5, a[::-1]),
    "choose": lambda a: np.choose([0, 1, 0, 1], [a[::-1], a], out=a),
    "compress": lambda a: np.compress([1, 0, 1, 1], a[::-1], out=a[:3]),
    "concatenate": lambda a: np.concatenate([a[2:], a[:2]], out=a),
    "stack": lambda a: np.stack([a[2:], a[:2]], out=a.reshape(2, 2)),
    "outer": lambda a: np.multiply.outer(a[:2], a[2:], out=a.reshape(2, 2)),
    "reduceat": lambda a: np.add.reduceat(a[::-1], [0, 1, 2, 3], out=a),
    "reduce": lambda a: np.add.reduce(a.reshape(2, 2), axis=0, out=a[:2]),
    "at": lambda a: np.add.at(a, [0, 1, 2, 3], a[::-1]),
    "iadd": lambda a: a.__iadd__(a[::-1]),
    "imul": lambda a: a[1:].__imul__(a[:-1]),
    "fill_diag": lambda a: np.fill_diagonal(a.reshape(2, 2), a[::-1]),
    "median": lambda a: np.median(a.reshape(2, 2), axis=0, out=a[:2]),
    "std": lambda a: np.std(a.reshape(2, 2), axis=0, out=a[:2]),
    "percentile": lambda a: np.percentile(a.reshape(2, 2), 30, axis=0, out=a[:2]),
    "flat": lambda a: a.flat.__setitem__(slice(None), a[::-1]),
    "sort": lambda a: a[::-1].sort(),
    "partition": lambda a: a[::-1].partition(2),
    "where out": lambda a: np.sqrt(a[::-1], out=a, where=a > 1),
    "ptp": lambda a: np.ptp(a.reshape(2, 2), axis=0, out=a[:2]),
    "trace": lambda a: np.trace(np.stack([a.reshape(2, 2)] * 2, -1), out=a[:2]),
    "prod": lambda a: np.prod(a.reshape(2, 2), axis=1, out=a[2:]),
    "linspace": lambda a: a.__setitem__(slice(0, 2), np.linspace(a[0], a[1], 2)),
    "fft": lambda a: np.fft.fft(a).real,
    "all": lambda a: np.any(a.reshape(2, 2), axis=0, out=np.empty(2, bool)),
    "take_along": lambda a: np.put_along_axis(a, np.array([3, 2, 1, 0]), a[::-1] ** 2, 0),
    "divmod": lambda a: np.divmod(a[::-1], 0.3, out=(a, np.empty(4))),
    "modf": lambda a: np.modf(a[::-1], out=(a, np.empty(4))),
}


@pytest.mark.parametrize("name", OVERLAPPING)
def test_functions_that_write_over_their_arguments(name):
    write = OVERLAPPING[name]
    x = np.array([0.71, 1.33, 2.23, 0.42])

    def of_constants(x):
        a = np.copy(x)
        write(a)
        return a

    def of_a_product(s):
        a = x * s
        write(a)
        return a

    def of_an_entry(s):
        a = np.copy(x)
        a[0] = a[0] * s
        write(a)
        return a

    expected = of_constants(x)
    for f in (
        lambda: dd.adapt(of_constants)(x),
        *(lambda f=f: dd.jvp(f, (1.0,), (1.0,))[0] for f in (of_a_product, of_an_entry)),
    ):
        try:
            assert_array_equal(f(), expected)
        except dd.DerivativeLost as error:
            assert "share memory" in str(error)  # noqa: PT017
    slope = derivative_at_zero(lambda t: of_a_product(1.0 + t), 1e-3)[0]
    try:
        tangent = dd.jvp(of_a_product, (1.0,), (1.0,))[1]
    except dd.DerivativeLost:
        return
    assert_allclose(tangent, slope, rtol=1e-7, atol=1e-9)


def test_results_whose_class_takes_more_than_their_items():
    from scipy import stats

    data = np.array([0.71, 1.33, 2.23, 0.42])
    for function in (lambda: stats.ttest_1samp(data, 0.0), lambda: stats.linregress(np.arange(4.0), data)):
        plain, adapted = function(), dd.adapt(function)()
        assert type(adapted) is type(plain)
        assert adapted == plain
        assert vars(adapted) == vars(plain)


DATA = np.arange(12.0).reshape(3, 4) ** 1.5
# Methods of plain arrays that write into ``out``, by position and by name.
INTO = {
    "mean": lambda out: DATA.mean(0, None, out),
    "mean by name": lambda out: DATA.mean(axis=0, out=out),
    "var": lambda out: DATA.var(0, None, out, 1),
    "std": lambda out: DATA.std(0, out=out),
    "round": lambda out: DATA[1].round(1, out),
    "cumsum": lambda out: DATA[2].cumsum(out=out),
    "cumprod": lambda out: DATA[1].cumprod(0, None, out),
    "take": lambda out: DATA[1].take([3, 0, 1, 1], 0, out),
    "trace": lambda out: np.stack([DATA] * 2).trace(0, 0, 1, None, out),
    "compress": lambda out: DATA[2].compress([1, 1, 1, 1], 0, out),
    "choose": lambda out: np.array([0, 1, 1, 0]).choose(DATA[0], DATA[1], out=out),
    "choose of a list": lambda out: np.array([0, 1, 1, 0]).choose([DATA[0], DATA[1]], out=out),
}


@pytest.mark.parametrize("name", INTO)
def test_methods_of_plain_arrays_write_into_buffers(name):
    write = INTO[name]

    def fresh(x):
        out = np.zeros(4)
        write(out)
        return np.sum(out * x) + np.sum(x**2)

    def holds_a_derivative(x):
        out = np.zeros(4)
        out[0] = x[1]
        result = write(out)
        return np.sum(out * x) + np.sum(result * x**2)

    x = np.array([1.0, 2.0, 3.0, 4.0])
    for f in (fresh, holds_a_derivative):
        assert dd.adapt(f)(x) == f(x)
        expected = [derivative_at_zero(lambda t, e=e, f=f: f(x + t * e), 1e-2)[0] for e in np.eye(4)]
        for transform in (dd.grad, dd.jacfwd, lambda f: dd.stage(dd.grad(f))):
            assert_allclose(transform(f)(x), expected, rtol=1e-8)


def test_a_mean_into_a_buffer_by_code_that_is_not_adapted_is_refused():
    for name in ("mean", "var", "std"):
        into = dd.as_written(lambda out, name=name: getattr(DATA, name)(0, out=out))

        def f(x, into=into):
            out = np.zeros(4)
            into(out)
            return np.sum(out * x)

        with pytest.raises(TypeError, match=r"a plain array cannot write into this out="):
            dd.grad(f)(np.ones(4))
