"""A buffer that holds a derivative is written by every function of plain arrays that has ``out=``: that ends there."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd

M = np.arange(12.0).reshape(3, 4) + 0.5
CUBE = np.stack([M, M + 20.0])
ROW = M[1]

# The arguments before ``out`` of those functions that do not take an array and an axis.
ARGUMENTS = {
    np.trace: (CUBE, 0, 0, 1, None),
    np.take: (M, [0, 2, 1], 1),
    np.choose: (np.array([0, 1, 0, 1]), [M[0], M[1]]),
    np.compress: ([1, 0, 1], M, 0),
    np.clip: (M, 1.0, 5.0),
    np.dot: (np.ones(3), M),
    np.outer: (np.ones(3), ROW),
    np.concatenate: ((M, M), 0),
    np.stack: ((M, M), 0),
    np.einsum: ("ij,j->i", M, ROW),
    np.round: (M, 0),
    np.around: (M, 0),
    np.quantile: (M, 0.3, 0),
    np.percentile: (M, 30.0, 0),
    np.nanquantile: (M, 0.3, 0),
    np.nanpercentile: (M, 30.0, 0),
    np.linalg.multi_dot: ([np.ones((1, 3)), M, ROW[:, None]],),
}
# Of whole numbers, truth values, dates: their buffers hold no derivative.  np.fix is deprecated in NumPy 2.5.
OTHER = {
    np.all, np.any, np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.isneginf, np.isposinf, np.busday_count,
    np.busday_offset, np.is_busday, np.fix,
}  # fmt: skip


def with_out():
    for module in (np, np.linalg, np.fft):
        for name in vars(module):
            function = getattr(module, name)
            if callable(function) and not isinstance(function, (np.ufunc, type)) and not name.startswith("_"):
                try:
                    parameters = inspect.signature(function).parameters
                except (TypeError, ValueError):
                    continue
                if "out" in parameters and function not in OTHER:
                    yield function


def called(function, out=None):
    args = ARGUMENTS.get(function, (CUBE,) if "fft" in function.__module__ else (M, 0))
    options = {"axis": 0} if function.__name__.startswith("cumulative") else {}
    return function(*(args[:1] if options else args), out=out, **options)


def is_written_by_numpy(function):
    """Not all that have ``out=`` heed it: NumPy 2.4's ifft2, irfft2 and hfft do not."""
    expected = called(function)
    out = np.full_like(expected, np.nan)
    called(function, out)
    return np.array_equal(out, expected)


FUNCTIONS = sorted(
    filter(is_written_by_numpy, set(with_out()) | set(ARGUMENTS)), key=lambda f: f"{f.__module__}.{f.__name__}"
)


def test_most_are_asked():
    assert len(FUNCTIONS) > 45


@pytest.mark.parametrize("transform", [dd.derivative, dd.grad], ids=["forward", "reverse"])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f"{f.__module__}.{f.__name__}")
def test_it_is_written(function, transform):
    expected = called(function)
    weights = np.linspace(1.0, 2.0, expected.size).reshape(expected.shape)

    def f(x):
        out = np.zeros(expected.shape, expected.dtype)
        out[...] = x * x
        result = called(function, out)
        return np.sum(np.real(weights * out) * x) + np.sum(np.real(result)) * x

    slope = np.sum(np.real(weights * expected)) + np.sum(np.real(expected))
    assert_allclose(f(1.7), 1.7 * slope, rtol=1e-14)
    assert_allclose(transform(f)(1.7), slope, rtol=1e-12)


def test_by_position_too():
    def f(x):
        out, rows = np.zeros(4), np.zeros(4)
        out[...] = rows[...] = x
        np.trace(CUBE, 0, 0, 1, None, out)
        np.sum(M, 0, None, rows)
        return np.sum((out + rows) * x)

    slope = np.sum(np.trace(CUBE)) + np.sum(M)
    for transform in (dd.derivative, dd.grad, lambda f: dd.stage(dd.grad(f))):
        assert_allclose(transform(f)(1.7), slope, rtol=1e-12)
