"""Derivatives in the tails of functions and close to their poles, against mpmath with 50 digits and more."""

import warnings

import mpmath
import numpy as np
import pytest
import scipy.special as sc

import dualdiff as dd
import dualdiff.special  # enters its rules
from benchmarks import accuracy
from dualdiff.rules.ufuncs import unknown
from dualdiff.scipy import stats
from dualdiff.table import RULES
from tests.laws import together

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


def true_partial(f, args, *which):
    """∂f/∂argument which[0] ∂argument which[1] ... at these floats, by differences of 150 digits."""
    args = [MP.mpf(float(arg)) for arg in args]
    with MP.workdps(150):
        steps = [MP.mpf(10) ** -30 * (abs(arg) or 1) for arg in args]

        def along(i, g):
            def slope(*args):
                up, down = ([*args[:i], args[i] + sign * steps[i], *args[i + 1 :]] for sign in (1, -1))
                return (g(*up) - g(*down)) / (2 * steps[i])

            return slope

        for i in which:
            f = along(i, f)
        return +f(*args)


def found_partial(f, args, i, one=dd.derivative):
    return one(lambda x: f(*args[:i], x, *args[i + 1 :]))(args[i])


def log_ndtr(x):
    return MP.log(MP.erfc(-x / MP.sqrt(2)) / 2)


def mills(x):
    return MP.exp(-x * x / 2) * MP.sqrt(2 / MP.pi) / MP.erfc(-x / MP.sqrt(2))


@pytest.mark.parametrize("x", [-1e150, -1e9, -300.0, -39.0, -38.0, -12.0, -10.0, -9.9, -1.0, 0.0, 3.0, 20.0, 37.0])
def test_log_ndtr_and_logcdf_have_their_second_derivative_in_both_tails(x):
    m = mills(MP.mpf(x)) if x > -1e5 else None
    first, second = (m, -m * (m + MP.mpf(x))) if x > -1e5 else (-MP.mpf(x), MP.mpf(-1))
    tolerance = 1e-13 * max(1.0, x * abs(x) / 50)  # φ(x) has a relative error of x²/2 roundings
    for f in (sc.log_ndtr, stats.norm.logcdf, lambda x: stats.norm.logsf(-x)):
        for one in (dd.derivative, dd.grad):
            assert relative_error(one(f)(x), first) < tolerance
            for other in (dd.derivative, dd.grad):
                assert relative_error(one(other(f))(x), second) < tolerance
    H = dd.hessian(lambda p: stats.norm.logcdf(p[0], p[1], p[2]))(np.array([x, 0.0, 1.0]))
    assert relative_error(H[0, 0], second) < tolerance and relative_error(H[0, 1], -second) < tolerance


@pytest.mark.parametrize("x", [-1e4, -100.0, -14.5, -14.0, -13.0, 13.0, 20.0, 1e10])
def test_log_ndtr_of_float32_has_its_second_derivative_in_both_tails(x):
    second = dd.derivative(dd.derivative(sc.log_ndtr))(np.float32(x))
    assert second.dtype == np.float32
    m = mills(MP.mpf(x)) if x < 1e5 else MP.mpf(0)
    np.testing.assert_allclose(second, float(-m * (m + MP.mpf(x))), rtol=3e-5, atol=1e-38)


def test_logcdf_whose_value_overflows_has_its_derivatives():
    for one in (dd.derivative, dd.grad):
        with np.errstate(over="ignore"):
            np.testing.assert_allclose(one(stats.norm.logcdf)(-1e160), 1e160, rtol=1e-15)
            np.testing.assert_allclose(one(dd.derivative(stats.norm.logcdf))(-1e160), -1.0, rtol=1e-15)


@pytest.mark.parametrize("x", [38.0, 40.0, 1e10, 1e200, np.inf])
def test_second_derivatives_of_the_normal_distribution_far_to_the_right_are_zero(x):
    for f in (sc.log_ndtr, sc.ndtr, sc.erf, sc.erfc):
        assert abs(dd.derivative(dd.derivative(f))(x)) < 1e-300
    for f in (sc.ndtr, sc.erf, sc.erfc):
        assert abs(dd.derivative(dd.derivative(f))(-x)) < 1e-300


GAMMAS = {
    "poch": lambda z, m: MP.gamma(z + m) * MP.rgamma(z),
    "beta": lambda a, b: MP.gamma(a) * MP.gamma(b) * MP.rgamma(a + b),
    "betaln": lambda a, b: MP.log(abs(MP.gamma(a) * MP.gamma(b) * MP.rgamma(a + b))),
    "binom": lambda n, k: MP.gamma(n + 1) * MP.rgamma(k + 1) * MP.rgamma(n - k + 1),
}
NEAR_POLES = [
    *((n + d, m) for n in (0, -1, -2, -3, -12) for d in (1e-8, -1e-8, 1e-12, -1e-4) for m in (1.0, 2.0, 0.5, 2.5, 5.0)),
    *((m, n + d) for n in (-1, -2, -5) for d in (1e-9, -1e-6) for m in (1.0, 2.0, 0.3, 4.5)),
    *((-1.3, 0.3 + d) for d in (1e-12, -1e-6)), *((-2.5, n - 0.5 + d) for n in (0, 2, -1) for d in (1e-9, -1e-6)),
    (-3 + 1e-10, -2.0), (-20.5, 7.3), (-160.3, 20.0), (3.5, 6.5 + 1e-10), (0.3, -0.3 + 1e-9), (1e-9, 1e-9),
    (-3 + 1e-9, -2.5), (-3 + 1e-9, -2 + 1e-9), (1e-8, -1 + 1e-3), (1e-8, -2.5),
]  # fmt: skip


@pytest.mark.parametrize("name", GAMMAS)
def test_gamma_quotients_keep_their_digits_close_to_the_poles(name):
    for args in NEAR_POLES:
        for i in range(2):
            with np.errstate(all="ignore"):
                found = found_partial(getattr(sc, name), args, i)
            poles = [x == np.rint(x) <= 0 for x in args]
            if np.isfinite(found) and not any(poles):
                assert relative_error(found, true_partial(GAMMAS[name], args, i)) < 1e-12, (name, args, i)
            else:
                assert any(poles), (name, args, i)


def test_poch_close_to_its_removable_poles_where_the_values_of_scipy_are_wrong():
    z = -1 + 1e-8
    np.testing.assert_allclose(found_partial(sc.poch, (z, 1.0), 0), 1.0, rtol=1e-15)
    np.testing.assert_allclose(dd.grad(lambda z: sc.poch(z, 1.0))(z), 1.0, rtol=1e-15)
    np.testing.assert_allclose(found_partial(sc.poch, (z, 2.0), 0), 2 * z + 1, rtol=1e-15)
    np.testing.assert_allclose(dd.derivative(dd.derivative(lambda z: sc.poch(z, 2.0)))(z), 2.0, rtol=1e-14)
    np.testing.assert_allclose(dd.derivative(dd.derivative(lambda z: sc.poch(z, 3.0)))(z), 6 * z + 6, rtol=1e-7)


@pytest.mark.parametrize("f", ["gamma", "gammaln", "rgamma", "psi"])
def test_gamma_functions_keep_their_digits_close_to_the_poles(f):
    true = {"gammaln": lambda x: MP.log(abs(MP.gamma(x))), "psi": lambda x: MP.psi(0, x)}.get(f) or getattr(MP, f)
    for n in (0, -1, -2, -30):
        for d in (1e-12, -1e-8, 1e-4, 0.1, -0.3):
            x = n + d
            assert relative_error(dd.derivative(getattr(sc, f))(x), true_partial(true, (x,), 0)) < 1e-13, x
            second = true_partial(true, (x,), 0, 0)
            assert relative_error(dd.grad(dd.derivative(getattr(sc, f)))(x), second) < 1e-12, x


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (sc.chndtrinc, (1.0, 3.0, 0.99)), (sc.chndtrinc, (1.0, 3.0, 0.19875)),
        (sc.ncfdtrinc, (3.0, 4.0, 0.99, 1.0)), (sc.stdtrit, (0.01, 0.9999)), (sc.betaincinv, (1e-3, 2.0, 0.1)),
        (sc.fdtri, (3.0, 0.01, 0.999)), (sc.gammaincinv, (1e-3, 0.1)),
    ],
    ids=lambda case: getattr(case, "__name__", ""),
)  # fmt: skip
def test_an_inverse_that_is_a_bound_of_the_search_of_scipy_has_derivatives_of_zero(f, args):
    rule = RULES[f]
    for i, partial in enumerate(rule.partials):
        if not isinstance(partial, unknown):
            assert found_partial(f, args, i) == 0.0
            assert found_partial(f, args, i, dd.grad) == 0.0
            assert found_partial(lambda *args, i=i: found_partial(f, args, i), args, i) == 0.0
            narrow = found_partial(f, tuple(np.float32(arg) for arg in args), i)
            assert narrow == 0.0 or f in (sc.stdtrit, sc.betaincinv, sc.fdtri)  # of SciPy's own values in float32


def test_an_inverse_inside_of_its_bounds_is_not_taken_for_one():
    p = np.array([0.01, 0.1, 0.19874, 0.99])  # chndtr(1, 3, 0) = 0.198748...
    slopes = dd.jvp(lambda p: sc.chndtrinc(1.0, 3.0, p), (p,), (np.ones(4),))[1]
    assert np.all(slopes[:3] < -10) and slopes[3] == 0


# The whole sweep is a command, python -m benchmarks --only accuracy; here some points of each function.
SLOW = ("kv(", "kve(", "yv(", "k0", "k1", "y0", "y1", "ndtri", "erfinv", "erfcinv", "hyp", "struve", "modstruve")
SWEPT = accuracy.context()


@together(accuracy.cases(SWEPT), ids=lambda case: case.name, of=8)
def test_derivatives_are_exact_to_rounding_at_some_points_of_the_sweep(case):
    slow = case.name.startswith(SLOW)
    count = 1 if slow else 6
    moderate = [args for args in case.points if all(1e-35 < abs(x) < 1e35 for x in args)]
    step = max(1, len(moderate) // count)
    points = moderate[len(case.name) % step :: step][:count]
    # In float32 at half of them: what it adds is the type, the formulas being the same.
    for dtype, some in [("float64", points), ("float32", points[::2])][: 1 if slow else 2]:
        for row in accuracy.swept(case, dtype, SWEPT, some, orders=(1,) if slow else (1, 2)):
            assert row.passed, f"{row.function} {row.derivative} {row.dtype}: {row.worst:.1e} at {row.at}"


def test_every_exception_of_the_sweep_is_one_of_its_functions_and_has_a_reason():
    names = {case.name for case in accuracy.cases(SWEPT)}
    assert set(accuracy.EXCEPTIONS) <= names
    assert all(bound > 1 and reason for bound, reason in accuracy.EXCEPTIONS.values())


def test_the_sweep_finds_an_error():
    wrong = accuracy.Case("x + 1e-12 x²", lambda x: x * (1 + 1e-12 * x), (lambda x: 1 + 0 * x,), [(1.0,), (2.0,)], True)
    row = next(accuracy.swept(wrong, "float64", SWEPT, orders=(1,)))
    assert row.beyond == 2 and not row.passed and 3e-12 < row.worst < 5e-12


SECOND = [
    *((n + d, m) for n, d in ((-1, 1e-8), (-1, 1e-12), (-3, -1e-6)) for m in (1.0, 0.5, 3.0)),
    *((m, n + d) for n, d in ((0, 1e-9), (-1, -1e-6), (-4, 1e-9)) for m in (2.0, 0.3)),
    (-3 + 1e-6, -2.5), (-2.5, 1.5 + 1e-9), (-1.3, 0.3 + 1e-12),
    (-30.2, 40.3), (-5.3, 90.0), (-0.5, 0.5), (-1.5, 0.5), (0.05, 0.3),
]  # fmt: skip


@pytest.mark.parametrize("name", ["poch", "beta"])
def test_second_derivatives_of_gamma_quotients_keep_their_digits_close_to_the_poles(name):
    f, case = getattr(sc, name), accuracy.Case(name, getattr(sc, name), None, [])
    case.truth = {
        "poch": lambda z, m: SWEPT.gamma(z + m) * SWEPT.rgamma(z),
        "beta": lambda a, b: SWEPT.gamma(a) * SWEPT.gamma(b) * SWEPT.rgamma(a + b),
    }[name]
    for args in SECOND:
        for which in ((0, 0), (0, 1), (1, 0), (1, 1)):
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                error = accuracy.error_at(case, tuple(np.float64(x) for x in args), which, SWEPT)
            assert isinstance(error, str) or error < 1e-12, (f, args, which, error)


@pytest.mark.parametrize("args", [(1e-9, 1e-9), (1e-5, -1e-5), (-3 + 1e-9, -2 + 1e-9)])
def test_mixed_derivative_of_beta_beside_two_poles_is_nan_rather_than_inexact(args):
    a, b = args
    assert np.isnan(dd.derivative(lambda b: dd.derivative(lambda a: sc.beta(a, b))(a))(b))
