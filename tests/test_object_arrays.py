"""Object arrays: what NumPy makes of a list of values that carry derivatives, and of np.asarray(x).

Every program runs as plain NumPy, forwards, backwards and backwards over forwards, against extrapolated differences.
"""

import collections
import functools
import math
import operator
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
import scipy.special
import scipy.stats
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.errors import name_of
from dualdiff.pytrees.trees import flatten
from dualdiff.testing import derivative_at_zero

from .samples import load_all

pytestmark = pytest.mark.usefixtures("as_written")  # adapted code hardly makes such arrays

A = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 2.0]])
X, V = np.array([0.35, 0.8, 0.6]), np.array([1.0, -0.5, 2.0])


def rotated(x):
    c, s = np.cos(x[0]), np.sin(x[0])
    return np.array([[c, -s], [s, c]]) @ np.array([1.0, 2.0])


def written(x):
    y = np.array([x[0], 1.0], dtype=object)
    y[1] = x[2]
    y *= x[:2]
    np.multiply(y, x[2], out=y, where=[True, False])
    return y


def shared_object_buffer(x):
    y = np.array([x[0], 1.0])
    alias = y
    y += x[:2]
    return alias * 2.0


def started_at_zero(x):
    total = 0
    for entry in x:
        total += entry**2
    return total


PROGRAMS = {
    "np.array of scalars": lambda x: np.array([x[0] ** 2, x[1] * x[2]]),
    "np.array of a scalar and a number": lambda x: 2 * np.array([1.0, x[0]]),
    "np.array of 0-d arrays": lambda x: np.array([np.array(x[0]), x[1]]),
    "np.array of rows": lambda x: A @ np.array([x, x**2]).T,
    "nested lists": lambda x: np.array([[x[0], 1.0], [0, x[1]]]).sum(axis=0),
    "nested lists like x": lambda x: np.linalg.inv(np.array([[x[0], 1.0], [0.5, x[1]]], like=x)),
    "rotation matrix": rotated,
    "list comprehension": lambda x: np.array([np.sin(entry) for entry in x]).prod(),
    "np.r_ of scalars": lambda x: np.r_[x[0], x[1], 3.0],
    "np.r_ of arrays": lambda x: np.r_[x, 0.0, x[::-1]],
    "np.r_ after a plain number": lambda x: np.r_[0.0, x] * 2,
    "np.r_ with a slice": lambda x: np.r_[0:3, x] * 2,
    "np.c_": lambda x: np.c_[x, x**2],
    "np.c_ with a plain column": lambda x: np.c_[np.ones(3), x] @ np.array([1.0, 2.0]),
    "np.full": lambda x: np.full(3, x[0]).sum() + np.exp(np.full((2, 3), x)).sum(),
    "np.vectorize": lambda x: np.vectorize(lambda t: t**2 if t > 0.5 else np.sin(t))(x),
    "np.vectorize of two arguments": lambda x: np.vectorize(lambda t, u: t * u)(x, np.array([1.0, 2.0, 3.0])),
    "np.vectorize with a signature": lambda x: np.vectorize(np.sum, signature="(n)->()")(np.stack([x, x * 2])),
    "np.frompyfunc": lambda x: np.frompyfunc(lambda s, t: (s * t, s + t), 2, 2)(x, x[0]),
    "np.frompyfunc, accumulate": lambda x: np.frompyfunc(lambda s, t: 0.3 * s + t * t, 2, 1).accumulate(x),
    "np.apply_along_axis": lambda x: np.apply_along_axis(lambda row: row / row.sum(), 0, np.stack([x, x**2])),
    "np.apply_along_axis of a plain array": lambda x: np.apply_along_axis(lambda row: np.sum(row * x), 1, A),
    "np.piecewise": lambda x: np.piecewise(x, [x < 0.5, x >= 0.5], [np.square, np.sin]),
    "np.fromfunction": lambda x: np.fromfunction(lambda i, j: i * x[0] + j, (2, 2)),
    "np.fromiter of objects": lambda x: np.fromiter((entry**2 for entry in x), object),
    "elementwise of np.asarray": lambda x: np.exp(np.asarray(x)) + np.hypot(np.asarray(x), 1.0),
    "np.asarray, sum": lambda x: np.sum(np.asarray(x) ** 2),
    "np.asarray, mean": lambda x: np.mean(np.asarray(x) ** 2),
    "np.asarray, var": lambda x: np.var(np.asarray(x)),
    "np.asarray, std": lambda x: np.asarray(x).std(ddof=1),
    "np.asarray, median": lambda x: np.median(np.asarray(x)),
    "np.asarray, max": lambda x: np.asarray(x).max(),
    "np.asarray, norm": lambda x: np.linalg.norm(np.asarray(x)),
    "np.asarray, sort": lambda x: np.sort(np.asarray(x)),
    "np.asarray, matmul": lambda x: A @ np.asarray(x),
    "np.asarray, dot": lambda x: A.dot(np.asarray(x)),
    "np.asarray, einsum": lambda x: np.einsum("i,ij->j", np.asarray(x), A),
    "np.asarray, cumsum and diff": lambda x: np.diff(np.cumsum(np.asarray(x) ** 2)),
    "np.asarray, trapezoid": lambda x: np.trapezoid(np.asarray(x)) if hasattr(np, "trapezoid") else x[0],
    "np.asarray with a Dual": lambda x: np.convolve(x, np.asarray(x)),
    "mean of a list": lambda x: np.mean([x[0], 1.0]),
    "std of a list": lambda x: np.std([x[0], x[1], 2.0]),
    "sum of a list": lambda x: np.sum([x[0], 1.0]) * np.max([x[0], x[1]]),
    "dot of lists": lambda x: np.dot([x[0], x[1]], [1.0, 2.0]),
    "plain matrix, method dot": lambda x: A.dot(x),
    "returned list": lambda x: [x[0], x[1] ** 2],
    "returned tuple": lambda x: (x[0], 1.0, [x * 2]),
    "sum()": lambda x: sum(entry**2 for entry in x),
    "sum started at plain 0": started_at_zero,
    "max() and min()": lambda x: max(x) * min(x[0], x[1]),
    "sorted()": lambda x: sorted(x, reverse=True),
    "zip()": lambda x: [a * b for a, b in zip(x, x[1:], strict=False)],  # noqa: RUF007  (the spelling of users),
    "math.prod": math.prod,
    "functools.reduce": lambda x: functools.reduce(operator.mul, x),
    "np.ndenumerate": lambda x: sum((i + 1) * entry for (i,), entry in np.ndenumerate(x)),
    "x.flat": lambda x: sum(entry**2 for entry in x.flat),
    "in place": written,
    "in place, with an alias": shared_object_buffer,
    "into a buffer of objects": lambda x: np.sum(np.outer(x, x), axis=0, out=np.zeros(3, dtype=object)),
    "poly1d": lambda x: np.poly1d([x[0], x[1]])(2.0),
    "Polynomial": lambda x: np.polynomial.Polynomial(x)(x[0]),
    "Polynomial arithmetic": lambda x: (np.polynomial.Polynomial(x) * np.polynomial.Polynomial([1.0, 2])).deriv().coef,
    "Chebyshev": lambda x: np.polynomial.Chebyshev(x)(0.3) * np.polynomial.Legendre([1.0, 2.0, 3.0])(x),
}


def leaves(tree):
    return [np.asarray(leaf, dtype=float) for leaf in flatten(tree)[0]]


@pytest.mark.parametrize("f", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_program_agrees_with_differences_in_every_mode(f):
    first = lambda x: dd.jvp(f, (x,), (V,))[1]
    slopes = derivative_at_zero(lambda t: leaves(f(X + t * V)), 1e-3)
    curvatures = derivative_at_zero(lambda t: leaves(first(X + t * V)), 1e-3)

    for value, plain in zip(leaves(dd.jvp(f, (X,), (V,))[0]), leaves(f(X)), strict=True):
        assert_allclose(value, plain, rtol=1e-14)
    for forward, backward, slope in zip(leaves(first(X)), leaves(dd.jacrev(f)(X)), slopes, strict=True):
        assert_allclose(forward, slope, rtol=1e-7, atol=1e-8)
        assert_allclose(backward @ V, slope, rtol=1e-7, atol=1e-8)
    for second, curvature in zip(leaves(dd.jacrev(first)(X)), curvatures, strict=True):
        assert_allclose(second @ V, curvature, rtol=1e-6, atol=1e-7)


@pytest.mark.usefixtures("as_written")
@pytest.mark.parametrize(
    ("f", "hint"),
    [
        (lambda x: np.exp(np.array([1.0, x[0]])), "np.stack"),
        (lambda x: np.linalg.inv(np.array([[x[0], 0.0], [1.0, x[1]]])), "like=x"),
        (lambda x: np.fft.fft(np.array([x[0], x[1]])), "np.stack"),
        (lambda x: np.isfinite(np.asarray(x)), "np.stack"),
        (lambda x: np.logaddexp(np.asarray(x), 0.0), "np.stack"),
        (lambda x: np.fromiter((entry for entry in x), float), "np.stack(list"),
        (lambda x: np.vectorize(np.sin, otypes=[float])(x), "otypes="),
        (lambda x: sum(entry * 1 for entry in np.nditer(x)), "np.ndenumerate"),
        (lambda x: scipy.linalg.solve(np.eye(3), x), "dualdiff.scipy"),
        (lambda x: scipy.special.logsumexp(x), "dualdiff.scipy"),
        (lambda x: scipy.stats.norm.logpdf(x), "dualdiff.scipy"),
        (lambda x: scipy.sparse.csr_matrix(np.eye(3)) @ list(x), "toarray"),
        (lambda x: np.polynomial.Polynomial.fit(np.arange(3.0), x, 1).coef, "np.polyfit"),
    ],
)
def test_error_of_numpy_about_objects_carries_the_next_step(f, hint):
    for transform in (dd.jacfwd, dd.jacrev, lambda f: dd.jacfwd(dd.jacrev(f))):
        with pytest.raises((TypeError, ValueError)) as error:
            transform(f)(X)
        assert sum(hint in note for note in error.value.__notes__) == 1


def test_error_that_has_nothing_to_do_with_objects_is_left_alone():
    def f(x):
        raise ValueError("negative radius")

    with pytest.raises(ValueError, match="negative radius") as error:
        dd.grad(f)(X)
    assert not hasattr(error.value, "__notes__")


@pytest.mark.usefixtures("as_written")
def test_0d_view_in_an_object_array_does_not_follow_a_later_write():
    """The object array holds the Dual itself, where NumPy's holds a copy of the number."""

    def f(x):
        entry = x[1, ...]
        row = np.array([entry, x[0]])
        x[1] = 5.0
        return row

    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises(TypeError, match="the object array does not"):
            transform(f)(X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.add(x, 1.0, dtype=object),
        lambda x: np.concatenate([x, x], dtype=object),
        lambda x: np.cumsum(x, dtype=object),
        lambda x: np.linspace(x[0], 1.0, 3, dtype=object),
        lambda x: np.asarray([x[0], 1.0], like=x, dtype=object),
        lambda x: np.multiply.outer(x, x, dtype=object),
    ],
)
def test_objects_asked_for_by_dtype_never_lose_the_derivative(f):
    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises(TypeError, match="dtype=object"):
            transform(f)(X)


# Beside a Dual, an array of objects without derivatives: numbers, whatever NumPy calls them.

OPERATIONS = {
    "+": operator.add,
    "-, reflected": lambda x, c: c - x,
    "*": operator.mul,
    "/, reflected": lambda x, c: c / x,
    "**": operator.pow,
    "**, reflected": lambda x, c: c**x,
    "scalar * array": lambda x, c: x[0] * c,
    "np.multiply": np.multiply,
    "np.arctan2": lambda x, c: np.arctan2(c, x),
    "np.maximum": np.maximum,
    "np.clip": lambda x, c: np.clip(x, None, c),
    "np.where": lambda x, c: np.where([True, False, True], x, c),
    "np.stack": lambda x, c: np.stack([x, np.broadcast_to(c, 3)]),
    "np.outer": np.outer,
    "np.dot": np.dot,
    "x[...] = c": lambda x, c: assigned(x * 1.0, c) * x,
    "functions of the product": lambda x, c: np.linalg.norm(np.exp(x * c)),
}


def assigned(y, c):
    y[...] = c
    return y


@pytest.mark.parametrize("f", OPERATIONS.values(), ids=OPERATIONS.keys())
@pytest.mark.parametrize(
    "constant",
    [
        np.array([2.0, 0.5, 3.0], dtype=object),
        np.array([2, True, 3.0], dtype=object),
        np.array([Fraction(1, 2), 3, np.float32(0.25)], dtype=object),
        Fraction(1, 2),
        np.array(1.5, dtype=object),
    ],
    ids=["floats", "mixed", "with a Fraction", "Fraction", "0-d"],
)
def test_objects_that_are_numbers_count_as_numbers_beside_a_dual(f, constant):
    if np.ndim(constant) == 0 and f is OPERATIONS["np.dot"]:
        constant = np.full(3, constant, dtype=object)
    plain = np.array([float(c) for c in constant.ravel()]).reshape(constant.shape) if np.ndim(constant) else (
        float(constant)
    )  # fmt: skip
    expected = f(X, plain)

    y, ydot = dd.jvp(lambda x: f(x, constant), (X,), (V,))
    assert np.asarray(y).dtype == np.asarray(ydot).dtype == float
    assert_allclose(y, expected, rtol=1e-14)
    slope = derivative_at_zero(lambda t: f(X + t * V, plain), 1e-3)[0]
    assert_allclose(ydot, slope, rtol=1e-7, atol=1e-8)
    assert_allclose(dd.jacrev(lambda x: f(x, constant))(X) @ V, slope, rtol=1e-7, atol=1e-8)
    w = dd.Variable(X)
    np.sum(f(w, constant)).backward()
    assert_allclose(w.grad @ V, np.sum(slope), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, c: x * c,
        lambda x, c: np.arctan2(x, c),
        lambda x, c: np.maximum(c, x),
        lambda x, c: np.where(x > 0.5, x, c),
        lambda x, c: np.where(x > 0.5, c, x),
    ],
)
@pytest.mark.parametrize("constant", [Decimal(2), np.array([Decimal(2), 1, 2], dtype=object), np.array(list("abc"))])
def test_objects_that_are_no_numbers_are_refused_beside_a_dual(f, constant):
    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises(TypeError):
            transform(lambda x: f(x, constant))(X)


def test_refusal_of_strange_objects_names_them():
    for f in (lambda x: np.maximum(x, Decimal(2)), lambda x: np.where(x > 0.5, x, Decimal(2))):
        with pytest.raises(TypeError, match=r"array of objects \(Decimal\) meets a Dual"):
            dd.grad(lambda x, f=f: np.sum(f(x)))(X)


def test_auxiliary_results_keep_their_objects():
    aux = np.array([1, "a", Fraction(1, 2)], dtype=object)
    assert dd.jvp(lambda x: (x, aux), (X,), (V,), has_aux=True)[2] is aux


def test_whole_numbers_that_fit_no_dtype_count_as_floats():
    assert_allclose(dd.jacfwd(lambda x: x * np.array([2**70, 1, 2]))(X), np.diag([2.0**70, 1, 2]))
    assert_allclose(dd.jacrev(lambda x: 2**70 * x)(X), 2.0**70 * np.eye(3))


# What NumPy decides by the dtype, no entry hears of: decided as for numbers, or refused in the words of the package.

TRANSFORMS = [dd.jacfwd, dd.jacrev, lambda f: dd.jacfwd(dd.jacrev(f))]


def pair(x):
    """Values that carry derivatives, in an array of objects that is a variable of the caller."""
    return np.array([x[0], x[1]])


COMPLEX_AMONG_OBJECTS = {
    "norm": lambda x: np.linalg.norm(np.array([x[0] + 1j * x[1], 1.0])),
    "correlate": lambda x: np.correlate(np.array([x[0] + 1j * x[1], 1.0]), np.array([1.0, 2.0])).real,
    "iscomplex": lambda x: np.iscomplex(np.array([x[0] + 1j * x[1], 1.0])) * x[0],
    "isreal": lambda x: np.isreal(np.array([x[0] + 1j * x[1], 1.0])) * x[0],
    "angle": lambda x: np.angle(np.array([x[0] + 1j * x[1], 1.0])),
    "real": lambda x: np.array([x[0] + 1j * x[1], 1.0]).real,
    "imag": lambda x: np.array([x[0] + 1j * x[1], 1.0]).imag,
    "asarray": lambda x: np.imag(np.asarray(x * 1j)),
    "vectorize": lambda x: np.vectorize(lambda t: t * 1j)(x).imag,
    "beside a complex number": lambda x: np.linalg.norm(np.array([x[0], 1j])),
    "times a complex number": lambda x: (np.array([x[0], 1.0]) * 1j).imag,
    "plus a complex array": lambda x: [(a + 1j * A[0, :2]).imag for a in [pair(x)]],
    "phases": lambda x: [np.exp(1j * (2 * a)).real for a in [pair(x)]],
    "a slice of phases": lambda x: [(a[:2] * 1j).imag for a in [pair(x)]],
    "np.multiply": lambda x: [np.multiply(a, 1j).imag for a in [pair(x)]],
}


@pytest.mark.parametrize("f", COMPLEX_AMONG_OBJECTS.values(), ids=COMPLEX_AMONG_OBJECTS.keys())
def test_complex_values_among_objects_are_refused(f):
    for transform in (*TRANSFORMS, lambda f: lambda x: f(dd.Variable(x))):
        with pytest.raises(TypeError, match=r"becomes an entry of an array of objects.*\n.*np\.stack"):
            transform(f)(X)


COMPLEX_SCALARS = {
    "by itself": lambda x: np.abs(np.exp(1j * x[0]) + x[1]),
    "of a variable that is an entry too": lambda x: [(c * 1j).imag * np.array([c, c]) for c in [x[0] ** 2]],
    "of a function of entries": lambda x: [(np.sin(a[0] * a[1]) * 1j + (a[0] + 2) * 1j).imag for a in [pair(x)]],
    "of a sum": lambda x: [(np.sum(a**2) * 1j + 1j * a.prod()).imag for a in [pair(x)]],
    "within an entry": lambda x: np.array([np.abs(np.exp(1j * x[0]) + x[1]), [x[2] * (1j * 1j).real, 1j][0]]),
    "of an entry": lambda x: [(a[0] * 1j + a[1] ** 2).imag for a in [pair(x)]],
    "sum()": lambda x: np.abs(sum([x[0], 1j * x[1]])),
    "operator.mul": lambda x: operator.mul(x[0], 2j).imag,
    "in np.stack": lambda x: np.linalg.norm(np.stack([x[0] + 1j * x[1], 1.0])),
    "in np.array like x": lambda x: np.angle(np.array([x[0] + 1j * x[1], 1.0], like=x)),
    "in a list that is returned": lambda x: [(x[0] + 1j * x[1]).real, x[2]],
    "in objects asked for": lambda x: np.abs(np.array([x[0] + 1j * x[1], 1.0], dtype=object)).sum(),
}


@pytest.mark.parametrize("f", COMPLEX_SCALARS.values(), ids=COMPLEX_SCALARS.keys())
def test_complex_scalars_outside_of_object_arrays_are_right(f):
    test_program_agrees_with_differences_in_every_mode(f)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.logical_or(np.array([x[0], 1.0]), np.array([0.0, x[1]])),
        lambda x: np.logical_and(np.array([x[0], 1.0]), 2.0) * x[0],
        lambda x: np.logical_or.reduce(np.array([x[0], x[1]])),
        lambda x: [combine(np.array([x[0], x[1]]), 0.0) for combine in [np.logical_or]],
    ],
)
def test_logical_functions_of_objects_return_no_operand(f):
    for transform in (*TRANSFORMS, lambda f: lambda x: f(dd.Variable(x))):
        with pytest.raises(TypeError, match=r"np\.logical_(or|and) of an array of objects returns one of its operands"):
            transform(f)(X)


def test_truth_of_values_that_are_no_operands_of_a_logical_function():
    def f(x):
        chosen = x[0] if bool(x[0]) and any(x) and all(x) and x[1] else x[2]
        assert np.all(pair(x)) and np.any(pair(x)) and pair(x).all() and not np.logical_not(pair(x)).any()
        assert np.logical_or(x, 0.0).dtype == bool
        return chosen * x[1]

    assert_allclose(dd.jacfwd(f)(X), [X[1], X[0], 0])
    assert_allclose(dd.jacrev(f)(X), [X[1], X[0], 0])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.nan_to_num(np.array([x[0] + np.inf, 1.0])),
        lambda x: np.nan_to_num([x[0] * np.nan, 1.0]),
        lambda x: np.max(np.array([x[0] * np.nan, 1.0])),
        lambda x: np.max(np.array([x[0], 1.0]) * np.nan),
        lambda x: np.maximum(np.array([x[0], 1.0]) * np.nan, np.array([0.5, 0.5])),
        lambda x: np.sort(np.array([x[0], x[1]]) * np.array([np.nan, 1.0])),
        lambda x: np.median(np.array([x[0], x[1], 1.0]) * np.array([np.nan, 1.0, 1.0])),
    ],
)
def test_nan_and_inf_among_objects_are_refused_where_numpy_would_not_see_them(f):
    for transform in TRANSFORMS:
        with pytest.raises(ValueError, match=r"is nan or inf, in an array of objects.*\n.*np\.stack"):
            transform(f)(X)


def test_comparison_with_nan_outside_of_object_arrays_is_false():
    def f(x):
        y = x[0] * np.nan
        return x[1] if y < 1.0 or y >= 1.0 or max(x[2], y) is y else x[2]

    assert_allclose(dd.jacfwd(f)(X), [0, 0, 1])


@pytest.mark.parametrize("function", [np.floor, np.ceil, np.trunc])
@pytest.mark.parametrize("scale", [9.0, np.inf])
def test_whole_numbers_of_objects_are_floats(function, scale):
    whole = {np.floor: lambda a: np.floor(a), np.ceil: lambda a: np.ceil(a), np.trunc: lambda a: np.trunc(a)}[function]
    y, ydot = dd.jvp(lambda x: whole(np.array([x[0], x[1]]) * scale) + 0 * x[:2], (X,), (V,))
    assert y.dtype == float
    assert_allclose(y, function(X[:2] * scale))
    assert_allclose(ydot, 0)


def test_whole_numbers_of_the_math_module_are_ints():
    def f(x):
        assert [type(y) for y in (math.floor(x[0]), math.ceil(x[0]), math.trunc(x[0]))] == [int] * 3
        return x * math.ceil(x[0])

    for transform in TRANSFORMS[:2]:
        assert_allclose(transform(f)(X), np.eye(3))
    f(dd.Variable(X))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.cov(np.array([x[0], x[1], 1.0])),
        lambda x: np.corrcoef(np.array([[x[0], x[1]], [1.0, 2.0]])),
        lambda x: np.average(np.array([x[0], x[1]]), returned=True),
        lambda x: np.angle(np.array([x[0], 1.0])),
        lambda x: np.hypot(np.array([1.0, x[0]]), 2.0),
        lambda x: np.arctan2(1.0, np.array([x[0], x[1]])),
        lambda x: np.fmod(np.array([x[0], 1.0]), np.array([1.0, x[1]])),
        lambda x: np.round(np.array([x[0], 1.0])),
    ],
)
def test_what_numpy_asks_a_plain_number_among_objects_is_a_type_error_with_the_next_step(f):
    for transform in TRANSFORMS:
        with pytest.raises(TypeError) as error:
            transform(f)(X)
        assert "np.stack" in str(error.value) + "".join(getattr(error.value, "__notes__", []))


def test_attribute_error_of_the_user_is_left_alone():
    for missing in (lambda x: (1.0).shapes, lambda x: x.nothing, lambda x: [].shape):
        with pytest.raises(AttributeError) as error:
            dd.grad(missing)(X)
        assert not hasattr(error.value, "__notes__")


# The sweep: samples of every rule, an array among the arguments taken for objects.


def as_objects(x):
    """As np.array([x[0], x[1], ...]) of scalars, row by row."""
    return np.array([as_objects(row) for row in x]) if np.ndim(x) > 1 else np.array(list(x))


def with_plain_entries(x):
    y = np.empty(np.shape(x), dtype=object)
    for number, index in enumerate(np.ndindex(y.shape)):
        y[index] = float(dd.stop_gradient(x[index])) if number % 2 else x[index]
    return y


def numbers_as_objects(x):
    y = np.empty(np.shape(x), dtype=object)
    for number, index in enumerate(np.ndindex(y.shape)):
        y[index] = Fraction(float(x[index])) if number % 2 else float(x[index])
    return y


def chosen_samples():
    """The first samples of every function of NumPy, each with the place of an argument that is an array."""
    count = collections.Counter()
    for one in load_all():
        for place, arg in enumerate(one.args):
            of_numpy = name_of(one.function).startswith("np.")
            if of_numpy and isinstance(arg, np.ndarray) and arg.dtype == float and 2 <= arg.size <= 12 and arg.ndim:
                count[one.function] += 1
                if count[one.function] <= 3:
                    yield one, place


# Only the places up to kth are stated, of the others the order is left open.
ORDER_LEFT_OPEN = {np.partition}


def of_argument(one, place, y):
    return one.f(*one.args[:place], y, *one.args[place + 1 :])


def values_of(f):
    return lambda x: dd.jvp(f, (x,), (np.ones_like(x),))[0]


def differ(found, expected):
    return len(found) != len(expected) or any(
        np.shape(a) != np.shape(b)
        or not (np.array_equal(a, b) or np.allclose(a, b, rtol=1e-7, atol=1e-9, equal_nan=True))
        for a, b in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("way", ["objects", "complex objects", "plain entries", "numbers beside"])
def test_every_function_of_objects_is_right_or_refuses(way):
    wrong, right = [], 0
    for one, place in chosen_samples():
        x = one.args[place]
        given = functools.partial(of_argument, one, place)
        plain = np.arange(x.size).reshape(x.shape) % 2 == 1
        if way == "objects":
            f, g = lambda x, given=given: given(as_objects(x)), given
        elif way == "complex objects":
            g = lambda x, given=given: given(x * (1 + 0.5j))
            f = lambda x, given=given: given(as_objects(x * (1 + 0.5j)))
        elif way == "plain entries":
            g = lambda x, given=given, plain=plain: given(np.where(plain, dd.stop_gradient(x), x))
            f = lambda x, given=given: given(with_plain_entries(x))
        else:
            others = [
                numbers_as_objects(arg) if isinstance(arg, np.ndarray) and arg.dtype == float and i != place else arg
                for i, arg in enumerate(one.args)
            ]
            g = given
            f = lambda x, one=one, others=others, place=place: one.f(*others[:place], x, *others[place + 1 :])
        try:
            y = [np.asarray(leaf) for leaf in flatten(g(x))[0]]
            expected = flatten(dd.jacfwd(g)(x))[0]
        except (TypeError, ValueError, np.exceptions.ComplexWarning):  # of real functions of complex numbers
            continue
        for transform, numbers in ((values_of, y), (dd.jacfwd, expected), (dd.jacrev, expected)):
            try:
                found = flatten(transform(f)(x))[0]
            except (TypeError, ValueError):
                continue
            except Exception as error:
                if not (one.function is np.linalg.matrix_power and "object arrays" in str(error)):  # NumPy's own
                    wrong.append((str(one), place, repr(error)))
                continue
            right += 1
            if one.function not in ORDER_LEFT_OPEN and differ(found, numbers):
                wrong.append((str(one), place, found, numbers))
    assert wrong == []
    assert right > (-1 if way == "complex objects" else 150)
