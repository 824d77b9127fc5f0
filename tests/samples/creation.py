"""New arrays: like a Dual, with ``like=``, and between two ends."""

import io
import tempfile

import numpy as np

from . import sample


def filled(y, x):
    """The buffer with something in it that moves."""
    y[...] = x
    return y


def from_file(numbers, like):
    with tempfile.TemporaryFile() as file:
        file.write(numbers.tobytes())
        file.seek(0)
        return np.fromfile(file, like=like)


# Samples that write into the new buffer (duck=False) are the reason why it is a Dual.
sample(np.zeros_like, lambda x: np.zeros_like(x) + x, (2, 3))
sample(np.zeros_like, lambda x: filled(np.zeros_like(x, shape=(2, 3)), x), (3,), duck=False)
sample(np.zeros_like, lambda x: np.zeros_like(x, dtype=int) + x, (3,))
sample(np.zeros_like, lambda x: filled(np.zeros_like(x), x), (), duck=False)
sample(np.ones_like, lambda x: np.ones_like(x) * x, (2, 3))
sample(np.ones_like, lambda x: np.ones_like(x, bool) * x, (3,))
sample(np.empty_like, lambda x: filled(np.empty_like(x, order="F"), x), (2, 3), duck=False)
sample(np.full_like, lambda x: np.full_like(x, 2.0) * x, (2, 3))
sample(np.full_like, lambda x, y: np.full_like(x, y), (2, 3), (), duck=False)
sample(np.full_like, lambda x, y: np.full_like(x, y, shape=(2, 2)) * x[0], (3,), (2,), duck=False)
sample(np.zeros, lambda x: filled(np.zeros((2, 3), like=x), x), (3,), duck=False)
sample(np.zeros, lambda x: np.zeros(3, dtype=int, like=x) + x, (3,))
sample(np.ones, lambda x: np.ones((2, 3), like=x) * x, (3,))
sample(np.empty, lambda x: filled(np.empty(3, order="F", like=x), x), (3,), duck=False)
sample(np.eye, lambda x: np.eye(2, 3, 1, like=x) * x, (3,))
sample(np.identity, lambda x: np.identity(3, like=x) * x, (3,))
sample(np.tri, lambda x: np.tri(2, 3, k=-1, like=x) * x, (3,))
sample(np.full, lambda x: np.full((2, 3), 2.0, like=x) * x, (3,))
sample(np.full, lambda x: np.full((2, 3), x, like=x), (3,), duck=False)
sample(np.full, lambda x: np.full(2, x[0], like=x), (3,), duck=False)
sample(np.full, lambda x: np.full(2, 5 * x[0], dtype=int, like=x) * x[:2], (3,), duck=False)
sample(np.arange, lambda x: np.arange(3.0, like=x) * x, (3,))
sample(np.arange, lambda x: np.arange(x[0], x[0] + 2.4, 0.5, like=x), (3,))
sample(np.arange, lambda x: np.arange(0.0, 3.0, x[1] + 0.1, like=x), (3,))
sample(np.arange, lambda x: np.arange(x[0], stop=4.0, step=x[1] + 0.3, like=x), (3,))
sample(np.arange, lambda x: np.arange(start=x[0], stop=3.4, like=x), (3,))
sample(np.arange, lambda x: np.arange(3, like=x) * x, (3,))
sample(np.fromfunction, lambda x: np.fromfunction(lambda i, j: i + 2.0 * j, (2, 3), like=x) * x, (3,))
sample(np.fromfunction, lambda x: np.fromfunction(lambda i: x[0] * i, (3,), like=x), (3,))
sample(np.fromiter, lambda x: np.fromiter((2.0, 3.0), float, like=x) * x, (2,))
sample(np.fromiter, lambda x: np.fromiter((t * t for t in x), x.dtype, like=x), (2,), duck=False)  # iterates
sample(np.frombuffer, lambda x: np.frombuffer(b"\1\0\2\0", dtype=np.int16, like=x) * x, (2,))
sample(np.frombuffer, lambda x: np.frombuffer(np.array([1.5, 2.0]).tobytes(), like=x) * x, (2,))
sample(np.fromstring, lambda x: np.fromstring("1.5 2", sep=" ", like=x) * x, (2,))
sample(np.fromfile, lambda x: from_file(np.array([1.5, 2.0]), like=x) * x, (2,))
sample(np.loadtxt, lambda x: np.loadtxt(["1.5 2"], like=x) * x, (2,))
sample(np.genfromtxt, lambda x: np.genfromtxt(io.BytesIO(b"1.5 2"), like=x) * x, (2,))

# Conversions.
sample(np.array, lambda x: np.array([x[0], x[1] ** 2], like=x), (2,))
sample(np.array, lambda x: np.array(x, ndmin=2, like=x), (2,))
sample(np.array, lambda x: np.array(x, order="F", like=x), (2, 3))
sample(np.array, lambda x: np.array([1.0, 2.0], like=x) * x, (2,))
sample(np.array, lambda x: np.array([[x[0], 1.0], [2.0, x[1]]], dtype=np.float64, like=x), (2,))
sample(np.asarray, lambda x: np.asarray(x, like=x), (2, 3))
sample(np.asarray, lambda x: np.asarray([x, x + 1], like=x), (2,))
sample(np.asarray, lambda x: np.abs(np.asarray(x, dtype=np.complex128, like=x) + 1j), (2, 3))
sample(np.asarray, lambda x: np.asarray(10 * x, dtype=int, like=x) * x, (3,))
sample(np.asanyarray, lambda x: np.asanyarray(x[0], like=x), (2,))
sample(np.ascontiguousarray, lambda x: np.ascontiguousarray(x.T, like=x), (2, 3))
sample(np.ascontiguousarray, lambda x: np.ascontiguousarray(x[0], like=x), (2,))
sample(np.asfortranarray, lambda x: np.asfortranarray(x, like=x), (2, 3))
sample(np.require, lambda x: np.require(x, requirements=["F", "W"], like=x), (2, 3))
sample(np.require, lambda x: np.require([x[0], 1.0], requirements="C", like=x), (2,))
sample(np.require, lambda x: np.require([1.0, 2.0], like=x) * x, (2,))

# Between two ends.
sample(np.linspace, lambda a, b: np.linspace(a, b, 5), (), ())
sample(np.linspace, lambda a: np.linspace(a, 2.0, 4, endpoint=False), ())
sample(np.linspace, lambda b: np.linspace([0.0, 1.0], b, 3, axis=-1), (2, 1))
sample(np.linspace, lambda a, b: np.linspace(a, b, 4, axis=1, retstep=True), (2, 3), (3,))
sample(np.linspace, lambda a, b: np.linspace(a, b, 1), (2,), (2,))
sample(np.linspace, lambda a, b: np.linspace(a, b, 0), (2,), (2,))
sample(np.linspace, lambda a, b: np.linspace(9 * a, b, 4, dtype=int) * a, (), ())
sample(np.linspace, lambda a: np.linspace([a[0], 1.0], a, 3), (2,))
sample(np.logspace, lambda a, b: np.logspace(a, b, 4), (), ())
sample(np.logspace, lambda a, b, c: np.logspace(a, b, 3, base=c + 1.0, endpoint=False, axis=1), (2, 1), (3,), ())
sample(np.logspace, lambda a, c: np.logspace(a, 2.0, 3, base=c + 1.0), (2, 1), (3,))
sample(np.geomspace, lambda a, b: np.geomspace(a, b, 4), (), ())
sample(np.geomspace, lambda a, b: np.geomspace(-a, -b, 4, endpoint=False, axis=-1), (2,), (2,))
sample(np.geomspace, lambda a, b: np.abs(np.geomspace(a + 0.5j, 1j * b - 1, 4) + 1), (2,), ())

# Functions that write into their argument.


def buffered(write):
    """The program that writes into a buffer made from x, half of which is x itself."""

    def program(x, *rest):
        y = np.zeros_like(x, shape=(3, 3))
        y += x * x
        write(y, *rest)
        return y

    return program


sample(np.copyto, buffered(lambda y, v: np.copyto(y, v)), (3,), (3, 1), duck=False)
sample(np.copyto, buffered(lambda y, v: np.copyto(y, v, where=[True, False, True])), (3,), (), duck=False)
sample(np.copyto, buffered(lambda y: np.copyto(y, 1.5, where=np.eye(3, dtype=bool))), (3,), duck=False)
sample(np.put, buffered(lambda y, v: np.put(y, [0, -2, 4, 0], v)), (3,), (3,), duck=False)
sample(np.put, buffered(lambda y, v: np.put(y, [10, -12], v, mode="wrap")), (3,), (2,), duck=False)
sample(np.put, buffered(lambda y, v: y.T.put([[1, 99]], v, mode="clip")), (3,), (), duck=False)
sample(np.place, buffered(lambda y, v: np.place(y, y > 0.3, v)), (3,), (2,), duck=False)
sample(np.putmask, buffered(lambda y, v: np.putmask(y, y > 0.3, v)), (3,), (2,), duck=False)
sample(np.putmask, buffered(lambda y: np.putmask(y, y > 0.3, 2.0)), (3,), duck=False)
sample(
    np.put_along_axis,
    buffered(lambda y, v: np.put_along_axis(y, np.array([[0, 2]]), v, axis=1)),
    (3,), (3, 2), duck=False,
)  # fmt: skip
sample(
    np.put_along_axis, buffered(lambda y, v: np.put_along_axis(y, np.array([7, 1]), v, None)), (3,), (2,), duck=False
)
sample(np.fill_diagonal, buffered(lambda y, v: np.fill_diagonal(y, v)), (3,), (3,), duck=False)
sample(np.fill_diagonal, buffered(lambda y, v: np.fill_diagonal(y, v)), (3,), (), duck=False)
sample(np.fill_diagonal, lambda x: tall(x), (3,), duck=False)


def tall(x):
    y = np.zeros_like(x, shape=(9, 2))
    np.fill_diagonal(y, x, wrap=True)
    return y
