"""Object arrays: what NumPy makes of a list of values that carry derivatives, and of np.asarray(x).

Every program runs as plain NumPy, forwards, backwards and backwards over forwards, against extrapolated differences.
"""

import functools
import math
import operator

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
import scipy.special
import scipy.stats
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from dualdiff.testing import derivative_at_zero

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
        (lambda x: scipy.sparse.csr_matrix(np.eye(3)) @ x, "toarray"),
        (lambda x: np.polynomial.Polynomial.fit(np.arange(3.0), x, 1).coef, "np.polyfit"),
    ],
)
def test_error_of_numpy_about_objects_carries_the_next_step(f, hint):
    for transform in (dd.jacfwd, dd.jacrev, lambda f: dd.jacfwd(dd.jacrev(f))):
        with pytest.raises((TypeError, ValueError)) as error:
            transform(f)(X)
        assert [hint in note for note in error.value.__notes__] == [True]


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
