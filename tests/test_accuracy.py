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


TANH = [0.0, 1e-300, 1e-9, 0.01, 0.4569, 1.0, 3.0, 10.0, 19.0, 30.0, 100.0, 340.0]


@pytest.mark.parametrize("t", TANH + [-t for t in TANH[1:]])
@pytest.mark.parametrize(
    "kind", [float, np.float64, np.array, lambda t: np.full(3, t)], ids=["float", "scalar", "0-d", "1-d"]
)
def test_tanh_keeps_its_digits_to_third_order(t, kind):
    t, x = kind(t), MP.mpf(t)
    entry = lambda found: np.ravel(found)[-1]
    y, square = MP.tanh(x), MP.sech(x) ** 2
    for derivative in (dd.elementwise_grad, lambda f: lambda x: dd.jvp(f, (x,), (np.ones_like(x) * 1.0,))[1]):
        first = derivative(np.tanh)
        second = derivative(first)
        assert relative_error(entry(first(t)), square) < 1e-15
        assert relative_error(entry(second(t)), -2 * y * square) < 2e-15
        assert relative_error(entry(derivative(second)(t)), square * (6 * y**2 - 2)) < 1e-14


def test_slope_of_tanh_far_out():
    assert dd.derivative(np.tanh)(1e300) == dd.grad(np.tanh)(-800.0) == 0.0  # without a warning
    np.testing.assert_array_equal(dd.elementwise_grad(np.tanh)(np.array([-np.inf, 711.0, np.inf])), 0.0)
    assert np.isnan(dd.derivative(np.tanh)(np.nan))
    assert np.isnan(dd.elementwise_grad(np.tanh)(np.array([np.nan, 1.0]))).tolist() == [True, False]
    narrow = np.float32([-40.0, -8.0, 0.0, 1e-4, 0.5, 8.0, 20.0])
    found = dd.elementwise_grad(np.tanh)(narrow)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [float(MP.sech(float(x)) ** 2) for x in narrow], rtol=5e-7)


@pytest.mark.parametrize("z", [30.0 + 1.0j, -30.0 + 1.0j, 0.2 - 0.4j, -1e-3j, -300 + 2j, 0.0 + 1.5j])
def test_slope_of_complex_tanh(z):
    true = MP.sech(MP.mpc(z)) ** 2
    found = dd.jvp(np.tanh, (np.array([z]),), (np.array([1.0 + 0.0j]),))[1][0]
    assert abs(MP.mpc(found) / true - 1) < 1e-13
