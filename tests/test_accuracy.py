"""Derivatives in the tails of functions, against mpmath with 50 digits."""

import mpmath
import numpy as np
import pytest

import dualdiff as dd

MP = mpmath.MPContext()
MP.dps = 50
TAIL = [0.0, 1e-300, 1e-8, 0.3, 5.0, 40.0, 300.0, 600.0, 700.0]


def relative_error(found, true):
    return abs(float(MP.mpf(float(found)) / true - 1)) if true else abs(float(found))


@pytest.mark.parametrize("t", TAIL + [-t for t in TAIL])
@pytest.mark.parametrize("base", ["e", "2"])
def test_logaddexp_keeps_its_digits_to_second_order(t, base):
    log = MP.mpf(1) if base == "e" else MP.log(2)
    f = lambda t: (np.logaddexp if base == "e" else np.logaddexp2)(0.0, t)
    power = MP.exp(log * MP.mpf(t))
    first, second = power / (1 + power), log * power / (1 + power) ** 2
    for one in (dd.derivative, dd.grad):
        assert relative_error(one(f)(t), first) < 1e-13
        for other in (dd.derivative, dd.grad):
            assert relative_error(one(other(f))(t), second) < 1e-13


@pytest.mark.parametrize("t", [-2000.0, -800.0, -745.0, -710.0, 710.0, 2000.0])
def test_second_derivative_of_logaddexp_far_out_is_zero_and_not_nan(t):
    for f in (np.logaddexp, np.logaddexp2):
        for one in (dd.derivative, dd.grad):
            assert 0 <= one(dd.derivative(lambda t, f=f: f(0.0, t)))(t) < 1e-200
    narrow = dd.derivative(dd.derivative(lambda t: np.logaddexp(np.float32(0), t)))(np.float32(-89.0))
    assert narrow == pytest.approx(float(MP.exp(-89)), rel=1e-5)


@pytest.mark.parametrize("x", [0.0, 1.0, 30.0, 300.0, -300.0])
def test_logaddexp_of_two_active_arguments(x):
    true = 4 * MP.exp(2 * MP.mpf(x)) / (1 + MP.exp(2 * MP.mpf(x))) ** 2
    for one in (dd.derivative, dd.grad):
        assert relative_error(one(dd.derivative(lambda x: np.logaddexp(x, -x)))(x), true) < 1e-13


def test_logaddexp_of_infinities():
    assert dd.derivative(lambda x: np.logaddexp(-np.inf, x))(1.0) == 1.0
    assert dd.derivative(lambda x: np.logaddexp(-np.inf, -np.inf + x))(1.0) == 0.5  # equal, so shared evenly
    assert dd.grad(lambda x: np.logaddexp(x, np.inf))(1.0) == 0.0


def test_float_power_calculates_in_double_precision():
    a, b = np.float32([2.0, 3.0]), np.float32([2.5, -1.5])
    y, ydot = dd.jvp(np.float_power, (a, b), (np.ones(2, np.float32), np.zeros(2, np.float32)))
    assert y.dtype == ydot.dtype == np.float64
    np.testing.assert_allclose(ydot, b * np.float64(a) ** (b - 1), rtol=1e-15)
    y, ydot = dd.jvp(lambda b: np.float_power(a, b), (b,), (np.ones(2, np.float32),))
    assert ydot.dtype == np.float64
    np.testing.assert_allclose(ydot, y * np.log(np.float64(a)), rtol=1e-15)
    assert dd.jvp(lambda a: np.float_power(a, 2.5), (a[0],), (a[1],))[1].dtype == np.float64
