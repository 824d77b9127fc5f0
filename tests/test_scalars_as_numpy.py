"""A scalar and an array without axes behave as in plain NumPy: value, type, shape, derivative and errors.

A 0-d ndarray is memory that can be written and viewed; ``np.float64`` and Python's float are numbers that cannot.
A function receives what its user passed, so one program may have three meanings.  Every program runs in plain NumPy and
in each mode on each of the three; what NumPy refuses must be refused with the same kind of error.

Where a scalar has less in NumPy than it has here, that is on purpose, and not among the programs: the methods of arrays
on a Python float, ``x.dot``, ``x.mT`` and ``x.partition`` of ``np.float64``, ``like=x``, ``copy=False``.
"""

import operator
import re
import warnings
from collections import defaultdict

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from dualdiff.testing import derivative_at_zero
from tests.closeness import assert_allclose

AXES = ["axis=0", "axis=-1", "axis=()", "axis=None", "axis=(0,)", "axis=1"]
OPTIONS = ["", *AXES, "keepdims=True", *(f"{axis}, keepdims=True" for axis in AXES)]
SELECTED = [
    "where=True",
    "where=False",
    "where=np.array(True)",
    "where=np.array(False)",
    "where=[True]",
    "where=[1, 0]",
]
REDUCTIONS = [
    "sum", "prod", "mean", "std", "var", "max", "min", "amax", "amin", "ptp", "any", "all", "argmax", "argmin",
    "count_nonzero", "average", "median", "nansum", "nanprod", "nanmean", "nanstd", "nanvar", "nanmax", "nanmin",
    "nanargmax", "nanargmin", "nanmedian", "cumsum", "cumprod", "nancumsum", "nancumprod", "sort", "argsort",
    "flip", "squeeze", "expand_dims", "diff", "trapezoid", "unwrap", "gradient", "linalg.norm",
    "linalg.vector_norm", "fft.fft", "fft.ifft", "fft.rfft", "fft.fftshift", "add.reduce", "subtract.reduce",
    "multiply.reduce", "maximum.reduce", "minimum.reduce", "logaddexp.reduce", "hypot.reduce", "logical_and.reduce",
    "add.accumulate", "multiply.accumulate", "subtract.accumulate", "maximum.accumulate",
]  # fmt: skip
METHODS = [
    "sum",
    "prod",
    "mean",
    "std",
    "var",
    "max",
    "min",
    "any",
    "all",
    "argmax",
    "argmin",
    "cumsum",
    "cumprod",
    "argsort",
    "squeeze",
]
WITH_INITIAL = ["sum", "prod", "max", "min", "nansum", "nanprod", "nanmax", "nanmin"]
WITH_WHERE = [*WITH_INITIAL, "mean", "std", "var", "nanmean", "nanstd", "nanvar", "any", "all"]

CALLS = [
    *(f"np.{name}(x{', ' * bool(option)}{option})" for name in REDUCTIONS for option in OPTIONS),
    *(f"x.{name}({option})" for name in METHODS for option in OPTIONS),
    *(f"np.{name}(x, {where})" for name in WITH_WHERE for where in SELECTED),
    *(
        f"np.{name}({call}, {where})"
        for name in WITH_INITIAL
        for where in SELECTED
        for call in ("x, initial=0.5", "x, initial=0.9, axis=0", "x, initial=0.1, keepdims=True", "x, initial=x")
    ),
    *(f"np.{name}(x, {k}{axis})" for name in ("partition", "argpartition") for k in ("0", "-1", "1", "[0]")
      for axis in ("", ", axis=0", ", axis=-1", ", axis=None")),
    *(f"np.{name}(x, {q}{option})" for name in ("quantile", "percentile", "nanquantile", "nanpercentile")
      for q in ("0.5", "[0.2, 0.5]") for option in ("", ", axis=0", ", axis=-1", ", axis=()", ", keepdims=True")),
    *"""
np.take(x, 0)
np.take(x, [0, 0])
np.take(x, 0, axis=0)
np.take(x, 0, axis=-1)
np.take(x, 1)
x.take(0)
x.take([0])
x.take(0, axis=0)
np.repeat(x, 3)
np.repeat(x, 3, axis=0)
x.repeat(2)
np.tile(x, 2)
np.tile(x, (2, 2))
np.ravel(x)
x.ravel()
x.flatten()
x.reshape(1)
x.reshape(())
x.reshape(1, 1)
x.reshape(-1)
np.reshape(x, (1,))
np.atleast_1d(x)
np.atleast_2d(x)
np.atleast_3d(x)
x[None]
x[()]
x[...]
x[..., None]
x[0]
x[:]
x[True]
x[False]
x[np.array(True)]
x[[]]
np.broadcast_to(x, (2, 3))
np.broadcast_to(x, ())
np.broadcast_arrays(x, np.ones(2))
x.T
np.transpose(x)
x.transpose()
np.swapaxes(x, 0, 0)
x.swapaxes(0, 1)
np.moveaxis(x, 0, 0)
np.moveaxis(x, (), ())
np.rollaxis(x, 0)
np.roll(x, 1)
np.roll(x, 1, axis=0)
np.roll(x, 1, axis=-1)
np.rot90(x)
np.fliplr(x)
np.flipud(x)
np.copy(x)
x.copy()
np.array(x)
np.asarray(x)
np.array([x, x])
np.stack([x, x])
np.stack([x, x], axis=-1)
np.stack([x, x], axis=1)
np.concatenate([x, x])
np.concatenate([x, x], axis=None)
np.hstack([x, x])
np.vstack([x, x])
np.dstack([x, x])
np.column_stack([x, x])
np.append(x, x)
np.append(x, x, axis=0)
np.insert(x, 0, 1.0)
np.delete(x, 0)
np.delete(x, [])
np.split(x, 1)
np.trace(x)
np.diag(x)
np.diagonal(x)
np.diagflat(x)
np.tril(x)
np.triu(x)
np.dot(x, x)
np.dot(x, np.ones(2))
np.inner(x, x)
np.outer(x, x)
np.matmul(x, x)
np.vdot(x, x)
np.kron(x, x)
np.kron(x, np.ones(2))
np.tensordot(x, x, 0)
np.tensordot(x, x, axes=0)
np.tensordot(x, x)
np.einsum('->', x)
np.einsum(',->', x, x)
np.einsum('...->...', x)
np.cross(x, x)
np.linalg.det(x)
np.linalg.inv(x)
np.where(True, x, 0.0)
np.where(x > 0, x, 0.0)
np.where(x)
np.nonzero(x)
np.argwhere(x)
x.nonzero()
np.select([x > 0], [x])
np.choose(0, [x, x])
np.compress([True], x)
np.extract([True], x)
x.compress([True])
np.clip(x, 0, 1)
x.clip(0, 1)
x.clip(0.5)
x.round()
x.round(1)
np.round(x, 1)
np.nan_to_num(x)
np.real(x)
np.imag(x)
x.real
x.imag
np.angle(x)
np.isclose(x, x)
np.maximum(x, 0.1)
np.interp(x, [0, 1], [0, 2])
np.searchsorted([0, 1], x)
np.histogram(x, 2)
np.bincount(np.array([0]), weights=x)
np.digitize(x, [0, 1])
np.convolve(x, x)
np.correlate(x, x)
np.polyval([1, 2, 3], x)
np.vander(x)
np.ediff1d(x)
np.cov(x)
np.corrcoef(x)
np.meshgrid(x, x)
np.ix_(x)
np.squeeze(x)
np.squeeze(x, axis=0)
np.expand_dims(x, 0)
np.expand_dims(x, 1)
np.expand_dims(x, (0, 1))
np.resize(x, 3)
np.resize(x, (2, 2))
np.zeros_like(x)
np.ones_like(x)
np.full_like(x, 2.0)
np.full_like(x, x)
np.astype(x, np.float32)
x.astype(np.float32)
x.astype(complex)
np.lexsort((x,))
np.sort_complex(x)
np.apply_along_axis(np.sum, 0, x)
np.apply_over_axes(np.sum, x, 0)
np.fft.fftn(x)
np.fft.fftn(x, axes=())
np.put_along_axis(x*1.0, np.array([0]), 1.0, 0)
np.take_along_axis(x, np.array(0), 0)
np.take_along_axis(x, np.array([0]), None)
np.pad(x, 1)
np.pad(x, ())
np.block([x, x])
np.block(x)
x.item()
x.tolist()
x.item(0)
x.item(())
list(x)
x.flat[0]
x.flat[:]
x.searchsorted(0.5)
np.ravel(x, order='F')
x.squeeze()
x.squeeze(axis=0)
x.view()
x.diagonal()
x.trace()
x.choose([1.0])
np.unwrap(x)
np.i0(x)
np.sinc(x)
np.linalg.norm(x)
np.linalg.norm(x, axis=0)
np.linalg.norm(x, 2)
np.average(x, weights=x)
np.average(x, weights=x, axis=0)
np.frexp(x)
np.modf(x)
np.divmod(x, 0.3)
np.add.outer(x, x)
np.add.reduceat(x, [0])
""".strip().splitlines(),
]  # fmt: skip
if hasattr(np, "cumulative_sum"):  # NumPy 2.1
    CALLS += [f"np.cumulative_{name}(x{axis})" for name in ("sum", "prod") for axis in ("", ", axis=0", ", axis=-1")]

# Programs that write, or write what they see through a view; of statements, the last returns.
WRITING = [
    "x[...] *= 2; return x*x",
    "x[...] = 3.0; return x*2",
    "x[()] = x*2; return x*x",
    "x[()] *= 2; return x*x",
    "x += 1; return x*x",
    "x *= x; return x*x",
    "x -= 1; return x",
    "x /= 2; return x*x",
    "x **= 2; return x*x",
    "x //= 0.2; return x",
    "x %= 0.4; return x*x",
    "x += np.ones(2); return x",
    "x.fill(2.0); return x*x",
    "x.fill(x*2); return x*x",
    "np.copyto(x, 2.0); return x*x",
    "np.copyto(x, x*3); return x*x",
    "np.copyto(x, np.ones(2)); return x",
    "np.copyto(x, 2.0, where=False); return x*x",
    "y = x[...]; y += 2; return x*x",
    "y = x[...]; y[...] = 2*x; return x*x, y",
    "y = x.reshape(1); y += 2; return x*x",
    "y = x.reshape(1); y[0] = 2*x; return x*x",
    "y = x.reshape(1, 1); y *= y; return x*x, y",
    "y = np.atleast_1d(x); y += 2; return x*x",
    "y = np.atleast_1d(x); y[0] *= 2; return x*x",
    "y = np.atleast_2d(x); y += 2; return x*x",
    "y = np.atleast_3d(x); y[...] = x*3; return x*x",
    "y = x[None]; y += 2; return x*x",
    "y = x[None]; y[0] = 7*x; return x*x, y",
    "y = x[..., None]; y *= 3; return x*x",
    "y = x.ravel(); y += 2; return x*x",
    "y = np.ravel(x); y[0] = x*4; return x*x, y",
    "y = np.broadcast_to(x, (2,)); x[...] *= 3; return y*x",
    "y = np.broadcast_to(x, (2,)); y += 1; return x",
    "y = np.broadcast_to(x, ()); x += 1; return y*x",
    "y = x.T; y += 2; return x*x",
    "y = x.T; y *= x; return x*x, y",
    "y = np.transpose(x); y += 2; return x*x",
    "y = x.transpose(); x += 2; return y*x",
    "y = np.squeeze(x); y += 2; return x*x",
    "y = x.squeeze(); y += 2; return x*x",
    "y = np.expand_dims(x, 0); y += 2; return x*x",
    "y = x.view(); y += 2; return x*x",
    "y = x.real; y += 2; return x*x",
    "y = x.imag; return y",
    "x.real = 3*x; return x*x",
    "x.real[...] = 3.0; return x*x",
    "y = np.real(x); y += 2; return x*x",
    "y = x.flatten(); y += 2; return x*x",
    "y = x.copy(); y += 2; return x*x, y*x",
    "y = np.copy(x); y += 2; return x*x, y*x",
    "y = np.array(x); y += 2; return x*x",
    "y = x; y += 2; return x*x",
    "y = x[()]; y += 2; return x*x, y",
    "y = x[()]; x[...] = 5*x; return x*x, y*x",
    "y = x*1; y += 2; return x*x, y",
    "y = +x; y += 2; return x, y",
    "y = x.astype(float); y += 2; return x*x, y",
    "y = x.astype(float, copy=False); y += 2; return x*x, y",
    "x.flat[0] = 3*x; return x*x",
    "x.flat = 4*x; return x*x",
    "x.flat[:] = 2.0; return x*x",
    "y = np.diagonal(x[None, None]); x += 1; return y*x",
    "y = np.moveaxis(x, (), ()); y += 2; return x*x",
    "y = np.asarray(x); return x*x",
    "np.add(x, 1, out=x); return x*x",
    "np.multiply(x, x, out=x); return x*x",
    "np.add(x, x, x); return x*x",
    "np.sin(x, out=x); return x*x",
    "np.add.at(x, (), 2.0); return x*x",
    "np.add.at(x, ..., x); return x*x",
    "np.put(x, 0, 2*x); return x*x",
    "x.put(0, 3*x); return x*x",
    "np.place(x, True, 2.0); return x*x",
    "np.putmask(x, True, 2*x); return x*x",
    "np.put_along_axis(x, np.array([0]), 3.0, None); return x*x",
    "np.fill_diagonal(x, 1.0); return x",
    "x.sort(); return x",
    "np.clip(x, 0, 0.5, out=x); return x*x",
    "np.sum(np.stack([x, x]), out=x); return x*x",
    "np.cumsum(x, out=x[None]); return x*x",
    "y = x[None]; z = y[0]; x += 1; return z*x, y",
    "y = x[None]; z = y[0:1]; z += 1; return x*x",
    "y = x[None]; x += 1; return y*x",
    "y = x.reshape(1); x[...] = 2.0; return y*y",
    "b = np.stack([x, x]); x += 1; return b*x",
    "b = np.concatenate([x[None], x[None]]); x *= 2; return b*x",
    "y = x; x = x*2; y += 1; return x*y",
    "x[...] = np.sin(x); x[...] *= x; return x",
    "x[None][0] = 2.0; return x*x",
    "x[True] = 4*x; return x*x",
    "x[np.array(True)] *= 2; return x*x",
    "x[False] = 4*x; return x*x",
    "x[0] = 1.0; return x",
    "x[:] = 1.0; return x",
    "y = np.sum(x); x += 1; return y*x",
    "y = np.maximum(x, 0); x += 1; return y*x",
    "y = x*x; x += 1; return y*x",
    "y = np.exp(x); x[...] = y; return y*x",
    "y = np.where(True, x, 0); x += 1; return y*x",
    "y = np.flip(x); y += 1; return x*x",
    "y = np.swapaxes(x[None, None], 0, 1); y += 1; return x*x",
    "y, = np.broadcast_arrays(x); return y*x",
    "y = np.broadcast_arrays(x, np.ones(2))[0]; x += 1; return y*x",
    "y = np.einsum('...->...', x); x += 1; return y*x",
    "y = np.require(x); return y*x",
    "y = np.ascontiguousarray(x); return y*x",
    "return x",
    "return x[...]",
    "return x[()]",
    "return x, x",
    "return x, x[...]",
    "return x*1.0",
    "return np.positive(x)",
]
NUMBERS = {"0-d array": lambda x: np.array(x), "np.float64": np.float64, "float": float}


def function(program):
    """The program, one expression or several statements, as a function of ``x``."""
    *statements, last = program.split("; ")
    body = [*statements, last if last.startswith("return") else f"return {last}"]
    names = {"np": np}
    exec("def f(x):\n    " + "\n    ".join(body), names)
    return names["f"]


def leaves(tree):
    return flatten(tree)[0]


def outcome(call):
    """What a call returned, or the error that it raised."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return call(), None
    except Exception as error:
        return None, error


def nested(f):
    """The value and derivative of f as the derivative of the value of an inner jvp."""
    return lambda x: dd.jvp(lambda u: dd.jvp(f, (u,), (1.0,))[0], (x,), (1.0,))


def of_reverse_mode(f):
    def both(x):
        y, pullback = dd.vjp(f, x)
        cotangents = [
            [np.ones_like(a, float) if i == j else np.zeros_like(a, float) for j, a in enumerate(leaves(y))]
            for i in range(len(leaves(y)))
        ]
        given = flatten(y)[1]
        return y, [np.sum(pullback(given.build(iter(ct)))[0]) for ct in cotangents]

    return both


MODES = {
    "jvp": lambda f: lambda x: dd.jvp(f, (x,), (1.0,)),
    "jacfwd": lambda f: lambda x: (None, dd.jacfwd(f)(x)),
    "vjp": of_reverse_mode,
    "nested": nested,
}


def assert_same_as_numpy(f, make, at, number):
    plain, fault = outcome(lambda: f(make(at)))
    if isinstance(fault, AttributeError) and make is float:
        return  # a method of arrays
    slopes = None
    if fault is None:
        kinds = [np.asarray(leaf).dtype for leaf in leaves(plain)]
        if any(kind.kind not in "biufc" for kind in kinds):
            return
        slopes = outcome(lambda: derivative_at_zero(lambda t: [numbers(y) for y in leaves(f(make(at + t)))], 1e-3))[0]
    for name, mode in MODES.items():
        label = f"{number}, {name}"
        x = make(at)
        found, error = outcome(lambda mode=mode, x=x: mode(f)(x))
        if fault is not None:
            assert error is not None, f"{label}: NumPy raises {fault!r}"
            alike = isinstance(error, type(fault)) or isinstance(fault, type(error))  # UFuncTypeError is a TypeError
            assert alike, f"{label}: {error!r} for {fault!r}"
            continue
        if isinstance(error, TypeError) and "should return numbers" in str(error):
            continue  # an empty list of results
        assert error is None, f"{label}: {error!r}"
        assert np.array_equal(x, at), label  # the caller's own
        y, ydot = found
        if y is not None:
            same(plain, y, label)
        right = [np.sum(slope) for slope in slopes] if name == "vjp" else slopes
        for slope, kind, a, exact in zip(right, kinds, leaves(plain), leaves(ydot), strict=True):
            real_linear = kind.kind == "f" or (kind.kind == "c" and name != "vjp")  # vjp pairs without conjugation
            if real_linear and kind.itemsize >= 8 and np.all(a == a):
                assert_allclose(exact, slope, rtol=1e-7, atol=1e-7, err_msg=label)


def numbers(y):
    return np.array(y, float) if np.asarray(y).dtype.kind in "biu" else np.array(y)


def same(plain, y, name):
    assert [type(leaf) for leaf in leaves(y)] == [type(leaf) for leaf in leaves(plain)], name
    for a, b in zip(leaves(plain), leaves(y), strict=True):
        assert np.shape(a) == np.shape(b) and np.asarray(a).dtype == np.asarray(b).dtype, name
        if np.asarray(b).tobytes() != np.asarray(a).tobytes():
            assert_array_equal(b, a, err_msg=name)  # any NaN is one


def each(programs):
    """Makes of the check of one program a test for each function or method that programs name first."""
    by_name = defaultdict(list)
    for program in programs:
        named = re.search(r"np(\.[a-z]\w*)+|(?<=x)\.[a-z]\w*", program)
        by_name[named[0] if named else "operators"].append(program)

    def test_of(check):
        @pytest.mark.parametrize("name", by_name)
        def test(name):
            faults = []
            for program in by_name[name]:
                try:
                    check(program)
                except Exception as fault:
                    fault.add_note(f"program {program}")
                    faults.append(fault)
            if faults:
                raise ExceptionGroup(f"{len(faults)} of {len(by_name[name])} programs", faults)

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return test_of


@each(CALLS)
def test_functions_and_methods_of_a_scalar_are_those_of_numpy(program):
    for number, make in NUMBERS.items():
        assert_same_as_numpy(function(program), make, 0.7, number)


@each(WRITING)
def test_writing_into_a_scalar_or_a_view_of_it_is_as_in_numpy(program):
    for number, make in NUMBERS.items():
        assert_same_as_numpy(function(program), make, 0.7, number)


@each([p for p in CALLS if "initial" not in p] + WRITING)
def test_a_variable_without_axes_is_as_in_numpy(program):
    """Of a copy, which may be written: a Variable itself may not."""
    f = function(program)
    plain, fault = outcome(lambda: leaves(f(np.array(0.7))))
    w = dd.Variable(np.array(0.7))
    found, error = outcome(lambda: leaves(f(np.copy(w))))

    if fault is not None:
        assert isinstance(error, type(fault)) or isinstance(fault, type(error))
        return
    assert error is None
    for a, b in zip(plain, found, strict=True):
        assert_array_equal(b.value if isinstance(b, dd.Variable) else b, a)
    real = [
        (i, b)
        for i, b in enumerate(found)
        if isinstance(b, dd.Variable) and b.dtype == float and np.all(plain[i] == plain[i])
    ]
    if real:
        slopes = derivative_at_zero(lambda t: [numbers(y) for y in leaves(f(np.array(0.7 + t)))], 1e-3)
        sum(np.sum(b) for _, b in real).backward()
        found = 0.0 if w.grad is None else w.grad  # of zeros like it
        assert_allclose(found, sum(np.sum(slopes[i]) for i, _ in real), rtol=1e-7, atol=1e-7)


def test_the_write_of_a_view_reaches_an_argument_without_axes():
    """value (x + 2)², derivative 2 (x + 2); of a number, which nothing can write, x² and 2x."""

    def f(x):
        y = np.atleast_1d(x)
        y += 2
        return x * x

    for x, value, slope in ((np.array(3.0), 25.0, 10.0), (np.float64(3.0), 9.0, 6.0), (3.0, 9.0, 6.0)):
        assert dd.jvp(f, (x,), (1.0,)) == (value, slope)
        assert dd.value_and_grad(f)(x) == (value, slope)
        assert dd.derivative(f)(x) == dd.jacfwd(f)(x) == dd.jacrev(f)(x) == dd.elementwise_grad(f)(x) == slope
        assert dd.hessian(f)(x) == dd.hvp(f, x, 1.0) == dd.derivative(dd.derivative(f))(x) == 2.0
        assert dd.grad(lambda p, f=f: f(p["x"]) * p["a"])({"x": x, "a": 2.0})["x"] == 2 * slope
        assert dd.vjp(f, x)[1](1.0)[0] == dd.linearize(f, x)[1](1.0) == slope
        assert x == 3.0


def test_an_argument_without_axes_is_a_copy_that_the_caller_does_not_see():
    def f(x, y):
        x[...] *= 2
        y[...] = x * y
        return x * y

    x, y = np.array(3.0), np.array(5.0)  # 2x · 2x y = 4 x² y
    value, slopes = dd.value_and_grad(f, (0, 1))(x, y)

    assert (value, *slopes) == (180.0, 120.0, 36.0)
    assert (x, y) == (3.0, 5.0)
    assert dd.jvp(f, (x, y), (1.0, 0.0)) == (180.0, 120.0)
    assert (x, y) == (3.0, 5.0)


def test_a_loop_writes_an_argument_without_axes_in_every_step():
    def f(x):
        for _ in range(3):
            x *= x
        return x

    for x in (np.array(1.1), np.float64(1.1), 1.1):
        value, slope = dd.value_and_grad(f)(x)
        assert value == f(np.copy(x))
        assert_allclose(slope, 8 * 1.1**7, rtol=1e-14)
        assert_allclose(dd.derivative(dd.derivative(f))(x), 56 * 1.1**6, rtol=1e-14)


def test_a_number_in_an_array_of_objects_is_not_the_array_that_it_was_made_of():
    def f(x):
        b = np.array([x, 2.0])
        i = 0
        b[i] *= b[1] + x
        b[0] += x
        return b[0] * x  # x² (2 + x) + x²

    for x in (np.array(3.0), np.float64(3.0), 3.0):
        assert dd.jvp(f, (x,), (1.0,)) == (54.0, 45.0)
        assert dd.value_and_grad(f)(x) == (54.0, 45.0)


@pytest.mark.usefixtures("as_written")
def test_an_array_without_axes_that_an_array_of_objects_holds_is_not_written():
    def held_by_name(x):
        b = np.array([x, 2.0])
        x += 1
        return b[0] * x

    def held_by_a_list(x):
        b, listed = np.array([x, 2.0]), [x]
        listed[0] += 1
        return b[0] * x

    def in_an_attribute(x):
        held = type("Held", (), {"b": np.array([x, 2.0])})
        held.b[0] += 1
        return held.b[0] * x

    for f in (held_by_name, held_by_a_list, in_an_attribute):
        with pytest.raises(TypeError, match=r"(?s)shape \(\) is written after np.asarray.* np.stack"):
            dd.jvp(f, (np.array(3.0),), (1.0,))
    assert dd.jvp(held_by_name, (np.float64(3.0),), (1.0,)) == (12.0, 7.0)


def test_a_number_is_not_written():
    for x, name in ((np.float64(1.0), "numpy.float64"), (1.0, "float")):
        for write in (lambda x: x.__setitem__((), 2.0), lambda x: np.copyto(x, 2.0), lambda x: np.sin(x, out=x)):
            for mode in (dd.derivative, dd.grad, lambda f: dd.derivative(dd.derivative(f))):
                with pytest.raises(TypeError):
                    mode(lambda x, write=write: (write(x), x)[1])(x)
        with pytest.raises(TypeError, match=f"'{name}' object does not support item assignment"):
            dd.derivative(dd.derivative(lambda x: x.__setitem__((), 2.0)))(x)


# A power of a NumPy scalar is the C library's, that of np.power a loop's of NumPy: they differ in the last bit.

SCALAR_POWERS = [
    lambda c, x: c**x,
    lambda c, x: pow(c, x),
    lambda c, x: operator.pow(c, x),
    lambda c, x: operator.ipow(c, x),
    lambda c, x: np.power(c, x),
    lambda c, x: np.pow(c, x),
    lambda c, x: power(c, x),
    lambda c, x: x**c,
    lambda c, x: np.power(x, c),
]
power = np.power


def _raised(c, x):
    c **= x
    return c


@pytest.mark.parametrize("f", [*SCALAR_POWERS, _raised])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, float])
@pytest.mark.parametrize("as_adapted", [True, False])
def test_powers_of_scalars_have_the_bits_of_their_own_way(f, kind, as_adapted):
    rng = np.random.default_rng(3)
    bases, xs = rng.uniform(0.3, 5.0, 60), rng.uniform(0.3, 3.0, 60)
    bases = np.ceil(bases) if kind is np.int64 else bases
    slopes, at_one = (derivative_at_zero(lambda t, at=at: f(bases * 1.0, at + t), 0.05)[0] for at in (xs, np.ones(60)))
    for base, x, slope, slope_at_one in zip(bases, xs, slopes, at_one, strict=True):
        c = kind(base)

        def of_x(x, c=c):
            return f(c, x)

        of_x = of_x if as_adapted else dd.as_written(of_x)
        for point, expected in ((float(x), slope), (x, slope), (np.array([x, 1.0]), np.array([slope, slope_at_one]))):
            plain = np.asarray(f(c, point))
            y, found = dd.jvp(of_x, (point,), (np.ones_like(point)[()],))
            for value in (y, dd.vjp(of_x, point)[0], f(c, dd.Variable(point)).value):
                assert np.asarray(value).dtype == plain.dtype
                assert np.asarray(value).tobytes() == plain.tobytes()
            if kind is not np.float32:
                assert_allclose(found, expected, rtol=1e-7)


@pytest.mark.parametrize("c", [np.float64(1.2345), np.float32(1.3), np.int64(3), 1.2345])
def test_powers_of_scalars_have_their_bits_in_staged_programs_too(c):
    def f(x):
        return c**x

    staged = [dd.stage(dd.value_and_grad(f)), dd.stage(lambda x: dd.jvp(f, (x,), (1.0,)))]
    for x in np.random.default_rng(4).uniform(-3.0, 3.0, 100).tolist():
        for program in staged:
            assert program(x)[0] == f(x)
