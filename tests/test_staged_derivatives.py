"""Derivatives that solvers ask for often are staged where that pays; nobody sees it but by the clock."""

import gc
import sys
import weakref

import numpy as np
import pytest
import scipy.optimize

import dualdiff as dd
from dualdiff.scipy import optimize, staged_derivatives
from dualdiff.scipy.callbacks import vector_and_jacobian
from dualdiff.scipy.readings import read
from dualdiff.scipy.staged_derivatives import staged_where_it_pays

X = np.linspace(0.0, 3.0, 40)


def decay(x, a, b):
    return a * np.exp(-b * x)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(staged_derivatives, "AFTER", 3)
    monkeypatch.setattr(staged_derivatives, "GAIN", 1e9)


def repeated(f):
    """Of a function that has been asked for often."""
    return next(iter(read(f)[0].known_by.values()))


def test_fits_are_the_same_to_the_last_bit():
    model = lambda x, a, b: a * np.exp(-b * x)
    expected = [optimize.curve_fit(lambda x, a, b: decay(x, a, b), X, decay(X, 2.0, 1.0 + i)) for i in range(1)]
    for i in range(6):
        popt, pcov = optimize.curve_fit(model, X, decay(X, 2.0, 1.0 + i))
        if not i:
            assert np.array_equal(popt, expected[0][0])
            assert np.array_equal(pcov, expected[0][1])
        np.testing.assert_allclose(popt, [2.0, 1.0 + i], rtol=1e-7)
    assert repeated(model).ready


def test_residuals_with_arguments():
    residual = lambda p, y: decay(X, *p) - y
    for i in range(6):
        found = optimize.least_squares(residual, np.ones(2), args=(decay(X, 2.0, 1.0 + i),))
        np.testing.assert_allclose(found.x, [2.0, 1.0 + i], rtol=1e-7)
    assert repeated(residual).ready
    assert repeated(residual).staged.programs[0].calls > 3


def jacobians(f, xs, between=lambda i: None):
    """As a solver takes them, and as the transform gives them."""
    fast, found, expected = staged_where_it_pays(f, vector_and_jacobian), [], []
    for i, x in enumerate(xs):
        between(i)
        found.append(fast(x))
        expected.append(dd.jacobian(lambda x: np.ravel(f(x)))(x))
    return found, expected


def all_the_same(found, expected):
    return all(a.tobytes() == b.tobytes() and a.shape == b.shape for a, b in zip(found, expected, strict=True))


def test_a_function_that_becomes_another_is_noticed():
    state = {"scale": 1.0, "array": np.ones(3), "on": True}

    def f(x):
        y = state["scale"] * x**2 * state["array"]
        return y if state["on"] else y * x[0]

    def change(i):
        if i == 6:
            state["scale"] = 3.0
        if i == 9:
            state["array"][1] = 7.0
        if i == 12:
            state["on"] = False

    assert all_the_same(*jacobians(f, [np.linspace(0.5, 1.0 + i, 3) for i in range(15)], change))
    assert not repeated(f).over


def test_what_no_analysis_sees_is_seen_in_the_value():
    """NumPy's own state, say."""
    f = lambda x: x**2 * np.get_printoptions()["precision"]

    def change(i):
        if i == 6:
            np.set_printoptions(precision=5)

    with np.printoptions():
        for i in range(9):  # solves
            change(i)
            assert all_the_same(*jacobians(f, [np.linspace(0.5, 1.0 + i, 3)]))
    assert repeated(f).over


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if x[0] > 0.7 else x * 2,  # branches
        lambda x: [x[0] ** 2, x[1] * x[0]],  # a list
        lambda x: np.outer(x, x),  # a matrix
        lambda x: x * len(f"{x[0]}"),  # what cannot be staged
        lambda x: np.where(x > 0.7, np.sqrt(np.abs(x - 0.7)), 0.0),
    ],
)
def test_functions_of_many_kinds(f):
    assert all_the_same(*jacobians(f, [np.array([0.1, 0.4]) * i for i in range(12)]))


def test_counters_and_random_numbers_are_not_staged():
    rng, calls = np.random.default_rng(0), []

    def f(x):
        calls.append(1)
        return x * len(calls) + 0 * rng.standard_normal()

    fast = staged_where_it_pays(f, vector_and_jacobian)
    for _ in range(8):
        before = len(calls)
        J = fast(np.ones(2))
        assert J[0, 0] in range(before + 1, len(calls) + 1)
    assert read(f) is None


def test_many_shapes_and_what_is_no_array():
    f = lambda x: np.cumsum(x**2)
    xs = [np.ones(1 + i % 40) for i in range(200)]
    assert all_the_same(*jacobians(f, xs))
    assert repeated(f).over  # too many kinds
    fast = staged_where_it_pays(lambda x, other: x * other.real, vector_and_jacobian)
    for _ in range(6):
        assert np.array_equal(fast(np.ones(2), np.float64(2.0)), 2 * np.eye(2))


def test_derivatives_of_a_fit_between_plain_fits():
    residual = lambda p, y: decay(X, *p) - y
    y = decay(X, 2.0, 1.0)
    fit = lambda y: optimize.least_squares(residual, np.ones(2), args=(y,), xtol=1e-14, ftol=1e-14).x
    expected = np.linalg.pinv(dd.jacfwd(lambda p: decay(X, *p))(np.array([2.0, 1.0])))
    for _ in range(4):
        fit(y)
        np.testing.assert_allclose(dd.jacobian(fit)(y), expected, rtol=1e-6, atol=1e-9)
    assert repeated(residual).ready


def test_a_model_that_closes_over_what_is_differentiated():
    def fitted(shift):
        def f(p):
            return decay(X, *p) - decay(X, 2.0, 1.0) - shift * X

        for _ in range(3):
            x = optimize.least_squares(f, np.ones(2)).x
        return x

    for _ in range(2):
        slope = dd.derivative(fitted)(0.0)
        np.testing.assert_allclose(
            slope, np.linalg.pinv(dd.jacfwd(lambda p: decay(X, *p))(np.array([2.0, 1.0]))) @ X, rtol=1e-5
        )


def test_programs_keep_no_function_alive():
    data = np.ones(3)
    f = lambda x: x * data
    fast = staged_where_it_pays(f, vector_and_jacobian)
    for _ in range(6):
        fast(np.ones(3))
    assert repeated(f).ready
    gone = weakref.ref(f)
    del f, fast
    gc.collect()
    assert gone() is None


def test_bound_methods_and_objects():
    class Fit:
        def __init__(self, y):
            self.y = y

        def residual(self, p):
            return decay(X, *p) - self.y

        __call__ = residual

    fit = Fit(decay(X, 2.0, 1.0))
    for f in (fit, fit.residual):
        np.testing.assert_allclose(optimize.least_squares(f, np.ones(2)).x, [2.0, 1.0], rtol=1e-7)
        assert read(f) is None


EXPONENT = 1


def test_a_function_that_reads_another_number_begins_anew(monkeypatch):
    """At a start of ones its value is the same to the last bit, and its slope another."""
    model = lambda x, a: x * a**EXPONENT
    x = np.array([1.0, 2.0, 3.0])
    y = x + np.array([0.2, -0.1, 0.0])
    for _ in range(40):
        optimize.curve_fit(model, x, 2 * y, p0=[0.5])
    monkeypatch.setattr(sys.modules[__name__], "EXPONENT", 2)
    np.testing.assert_allclose(optimize.curve_fit(model, x, y)[1], scipy.optimize.curve_fit(model, x, y)[1], rtol=1e-6)


def test_slow_functions_and_those_that_gain_nothing(monkeypatch):
    monkeypatch.setattr(staged_derivatives, "GAIN", 0.0)
    f = lambda x: x**2
    assert all_the_same(*jacobians(f, [np.ones(2)] * 6))
    assert not repeated(f).ready


def test_scipy_unpatched_is_left_alone():
    assert scipy.optimize.curve_fit is not optimize.curve_fit
