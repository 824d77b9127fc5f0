"""Methods that return the array itself: what is written into either is seen in both, in every mode."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd

METHODS = {
    "astype": lambda A: A.astype(float, copy=False),
    "astype, any order": lambda A: A.astype("f8", order="A", copy=False),
    "astype, rows": lambda A: A.astype(float, order="C", copy=False),
    "astype, columns": lambda A: A.astype(float, order="F", copy=False),
    "astype, a view": lambda A: A[:, ::2].astype(float, order="A", copy=False),
    "conj": lambda A: A.conj(),
    "conjugate": lambda A: A.conjugate().T,
    "conj, a view": lambda A: A[1:].conj(),
    "numpy.conj": lambda A: np.conj(A),
    "clip": lambda A: A.clip(-50.0, 50.0, A),
    "clip, by name": lambda A: A.clip(-50.0, None, out=A),
    "clip, into a view": lambda A: A.clip(-50.0, 50.0, A[:]),
    "round": lambda A: A.clip(-9.0, 9.0, out=A).conj().astype(float, copy=False),
}
BUFFERS = {
    "zeros": lambda x: np.zeros((3, 4)),
    "columns": lambda x: np.ones((3, 4), order="F"),
    "written": lambda x: np.outer(x[:3], x[2:]),
    "written, columns": lambda x: np.asfortranarray(np.outer(x[:3], x[2:])),
}
X = np.array([0.7, -1.3, 2.4, 0.2, 1.9, -0.6])


@pytest.mark.parametrize(("method", "buffer"), list(itertools.product(METHODS, BUFFERS)))
def test_both_are_one(method, buffer):
    def f(x):
        A = BUFFERS[buffer](x)
        V = METHODS[method](A)
        A[1] = x[:4] ** 2
        V[0] += x[1]
        again = METHODS[method](A)
        again *= 1.0 + x[0]
        A[2, 1:] -= x[3]
        return np.concatenate([A.ravel(), V.ravel(), again.ravel()])

    expected = f(X.copy())
    slopes = np.stack([(f(X + step) - f(X - step)) / 2e-5 for step in 1e-5 * np.eye(6)], -1)
    for value in (dd.jvp(f, (X,), (X,))[0], dd.vjp(f, X)[0], dd.stage(f)(X)):
        assert_array_equal(value, expected)
    for jacobian in (dd.jacfwd(f), dd.jacrev(f), dd.stage(dd.jacrev(f))):
        assert_allclose(jacobian(X), slopes, rtol=1e-7, atol=1e-7)
