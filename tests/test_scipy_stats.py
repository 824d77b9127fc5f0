"""`dualdiff.scipy.stats`: every method of every distribution, ends of the support, tails, what is refused."""

from functools import partial

import mpmath
import numpy as np
import pytest
import scipy.stats as plain
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.errors import UnsupportedFunction
from dualdiff.scipy import stats
from dualdiff.scipy.distributions import Continuous, Discrete
from tests.scipy_samples import check as check_all

check = partial(check_all, step=1e-4, rtol=1e-6)

SHAPES = {
    "gamma": (2.3,), "chi2": (3.4,), "chi": (2.2,), "beta": (2.2, 1.4), "f": (3.3, 5.1), "weibull_min": (1.7,),
    "powerlaw": (1.6,), "pareto": (2.4,), "lomax": (1.9,), "lognorm": (0.7,), "invgamma": (2.1,), "t": (3.3,),
    "skewnorm": (1.4,), "vonmises": (1.3,), "truncnorm": (-0.5, 1.9),
}  # fmt: skip
POINTS = {
    "pareto": [1.3, 2.2],
    "beta": [0.2, 0.7],
    "powerlaw": [0.3, 0.8],
    "uniform": [0.2, 0.7],
    "truncnorm": [-0.2, 1],
}
COUNTS = {"poisson": (2.3,), "binom": (5, 0.3), "bernoulli": (0.3,), "geom": (0.3,), "nbinom": (2.5, 0.4)}
CONTINUOUS = [name for name in stats.__all__ if isinstance(getattr(stats, name), Continuous)]
DISCRETE = [name for name in stats.__all__ if isinstance(getattr(stats, name), Discrete)]
LOC, SCALE = np.float64(0.3), np.float64(1.7)


def of(name):
    return getattr(stats, name), tuple(np.float64(shape) for shape in SHAPES.get(name, ()))


def test_every_distribution_is_tested():
    assert {*CONTINUOUS} >= {"norm", "gamma", "t"} and {*SHAPES} <= {*CONTINUOUS}
    assert {*DISCRETE} == {*COUNTS, "betabinom"}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_densities_in_all_arguments(name):
    d, shapes = of(name)
    x = LOC + SCALE * np.array(POINTS.get(name, [0.4, 1.3]))
    check(lambda *args: (d.logpdf(*args), d.pdf(*args)), x, *shapes, LOC, SCALE)


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("methods", [("cdf", "sf", "logcdf", "logsf"), ("ppf", "isf")], ids=" ".join)
def test_integrals_and_quantiles_in_all_arguments_that_have_a_formula(name, methods):
    d, shapes = of(name)
    x = LOC + SCALE * np.array(POINTS.get(name, [0.4, 1.3]))
    if "ppf" in methods:
        x = np.array([0.2, 0.7])
    f = lambda *args: [getattr(d, method)(*args) for method in methods]
    if shapes and d.formulas["cdf"] is None:
        for method in methods:
            text = f"{method} has no derivative in its argument {d.shapes[0]!r}"
            with pytest.raises(UnsupportedFunction, match=text):
                dd.jacfwd(lambda shape, m=method: getattr(d, m)(x, shape, *shapes[1:]))(shapes[0])
        check(lambda x, loc, scale: f(x, *shapes, loc, scale), x, LOC, SCALE)
    else:
        check(f, x, *shapes, LOC, SCALE)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("methods", [("logpmf", "pmf"), ("cdf", "sf", "logcdf", "logsf")], ids=" ".join)
def test_probabilities_of_counts(name, methods):
    d, k = getattr(stats, name), np.array([0, 1, 2, 4, 7, 2.5, -1])
    functions = [getattr(d, method) for method in methods]
    pairs = [(f, k[np.isfinite(f(k, *COUNTS[name]))]) for f in functions]  # no differences of infinities
    fixed = len(d.whole) + (name == "nbinom" and "pmf" not in methods)
    passive, active = COUNTS[name][:fixed], COUNTS[name][fixed:]

    def of_numbers_and_arrays(*shapes):
        rows = [np.stack([shape, shape]) for shape in shapes]
        of_numbers = [f(k, *passive, *shapes) for f, k in pairs]
        return of_numbers, [f(k[:, None] + 1, *passive, *rows, loc=1) for f, k in pairs]

    check(of_numbers_and_arrays, *(np.float64(shape) for shape in active))


def test_beta_binomial_probabilities():
    k = np.arange(6)
    for f in (stats.betabinom.logpmf, stats.betabinom.pmf):
        check(lambda a, b, f=f: f(k, 5, a, b), np.float64(1.2), np.float64(2.3))


def test_quantiles_of_counts_are_constant():
    assert_array_equal(
        dd.jacfwd(lambda mu: stats.poisson.ppf([0.1, 0.5], mu) * mu)(3.0), plain.poisson.ppf([0.1, 0.5], 3)
    )


# Broadcasting, other ways to call.


def test_arguments_broadcast_and_may_be_numbers_lists_or_integers():
    x, df = np.linspace(0.5, 2, 6).reshape(2, 3), np.array([[2.0], [5.0]])
    check(lambda x, df, loc: stats.t.logpdf(x, df, loc), x, df, np.array([0.1, 0.2, 0.3]))
    assert_allclose(dd.grad(lambda a: np.sum(stats.norm.logpdf([a, 2 * a], [a, 1], 2)))(1.0), -0.5)
    assert dd.grad(stats.expon.logpdf, 2)(1, 0, 1.0) == 0.0
    assert dd.grad(lambda x: stats.gamma.logpdf(x, 2, scale=2))(1) == 0.5
    assert_allclose(dd.grad(lambda s: stats.norm.pdf(x=1.0, scale=s))(2.0), dd.grad(stats.norm.pdf, 2)(1.0, 0.0, 2.0))


def test_frozen_distributions():
    x = np.array([0.3, 1.2, 2.0])
    check(lambda x, loc, scale: stats.norm(loc, scale=scale).logpdf(x), x, x * x, x + 1)
    check(lambda x, a: stats.gamma(a, scale=2.0).cdf(x) if a is None else stats.gamma(a).logpdf(x), x, x + 1)
    check(lambda p: stats.binom(5, p).pmf([0, 2]), np.float64(0.4))


def test_empty_arrays():
    assert dd.jacrev(stats.norm.logpdf)(np.zeros(0)).shape == (0, 0)


# Special points.


def test_outside_the_support_the_derivative_is_zero_in_both_modes():
    for jacobian in (dd.jacfwd, dd.jacrev):
        for f in (stats.expon.logpdf, stats.lognorm.logpdf, stats.gamma.logpdf):
            shapes = () if f is stats.expon.logpdf else (2.0,)
            x = np.array([-1.0, 0.5])
            J = jacobian(lambda x, f=f, shapes=shapes: f(x, *shapes))(x)
            assert np.all(J[0] == 0) and J[1, 0] == 0 and np.isfinite(J[1, 1])
            scale = jacobian(lambda s, f=f, shapes=shapes: f(x, *shapes, scale=s))(1.0)
            assert scale[0] == 0 and np.isfinite(scale[1])


def test_ends_of_the_support_have_the_one_sided_derivative():
    d = dd.derivative
    assert d(stats.expon.pdf)(0.0) == -1.0
    assert d(stats.expon.cdf)(0.0) == 1.0
    assert d(stats.uniform.cdf)(1.0) == 1.0
    assert d(lambda x: stats.gamma.pdf(x, 2.0))(0.0) == 1.0
    assert d(lambda x: stats.gamma.pdf(x, 1.0))(0.0) == -1.0
    assert d(lambda x: stats.gamma.logpdf(x, 2.0))(0.0) == np.inf
    assert_allclose([d(lambda x: stats.beta.pdf(x, 2.0, 2.0))(x) for x in (0.0, 1.0)], [6.0, -6.0])
    assert_allclose(d(lambda x: stats.weibull_min.pdf(x, 2.0))(0.0), 2.0)
    assert_allclose(d(stats.rayleigh.pdf)(0.0), 1.0)
    assert d(lambda x: stats.lognorm.pdf(x, 0.5))(0.0) == 0.0
    assert d(lambda x: stats.lognorm.logpdf(x, 0.5))(0.0) == np.inf
    assert d(stats.laplace.logpdf)(0.0) == 0.0  # a kink: as for np.abs


def test_probabilities_at_the_ends_of_the_parameter_range_are_the_true_ones():
    d = dd.derivative
    assert_array_equal(d(lambda mu: stats.poisson.pmf([0, 1, 2], mu))(0.0), [-1.0, 1.0, 0.0])
    assert_array_equal(d(lambda mu: stats.poisson.logpmf([0, 1], mu))(0.0), [-1.0, np.inf])
    assert_allclose(d(lambda p: stats.binom.pmf([0, 1, 4, 5], 5, p))(0.0), [-5.0, 5.0, 0.0, 0.0], rtol=1e-14)
    assert_allclose(d(lambda p: stats.binom.pmf([0, 1, 4, 5], 5, p))(1.0), [0.0, 0.0, -5.0, 5.0], rtol=1e-14)
    assert d(lambda p: stats.binom.logpmf(5, 5, p))(1.0) == 5.0
    assert_array_equal(d(lambda p: stats.bernoulli.pmf([0, 1, 2, 0.5], p))(0.3), [-1.0, 1.0, 0.0, 0.0])


def test_where_the_value_is_nan_the_derivative_is_nan():
    cases = [
        (lambda s: stats.norm.logpdf(1.0, 0.0, s), -1.0),
        (lambda s: stats.norm.cdf(1.0, 0.0, s), -1.0),
        (lambda s: stats.gamma.cdf(1.0, -1.0, 0.0, s), 1.0),
        (lambda a: stats.gamma.logpdf(1.0, a), -1.0),
        (stats.norm.pdf, np.nan),
        (stats.expon.sf, np.nan),
        (stats.norm.ppf, 1.5),
        (lambda loc: stats.norm.ppf(-0.1, loc), 0.0),
        (lambda mu: stats.poisson.logpmf(1, mu), -1.0),
        (lambda p: stats.binom.cdf(1, 5, p), 1.5),
    ]
    for f, x in cases:
        assert np.isnan(f(x))
        assert np.isnan(dd.derivative(f)(x)) and np.isnan(dd.grad(f)(x))


def test_far_out_the_integral_is_constant():
    x = np.array([-np.inf, np.inf])
    for f in (stats.norm.cdf, stats.norm.logsf, stats.expon.cdf, stats.cauchy.pdf):
        for argnum in (0, 1, 2):
            J = dd.jacfwd(f, argnum)(x, 0.0, 1.0)
            assert not np.any(J)


@pytest.mark.filterwarnings("error")
def test_derivatives_in_the_tails_keep_their_digits():
    """Against 40 digits, where densities underflow and differences cancel."""
    with mpmath.workdps(40):
        log_norm = lambda x: mpmath.log(mpmath.erfc(-mpmath.mpf(x) / mpmath.sqrt(2)) / 2)
        for x in (-40.0, -8.0, 3.0):
            assert_allclose(dd.derivative(stats.norm.logcdf)(x), float(mpmath.diff(log_norm, x)), rtol=1e-13)
            assert_allclose(dd.derivative(stats.norm.logsf)(-x), -float(mpmath.diff(log_norm, x)), rtol=1e-13)
        log_logistic = lambda x: -mpmath.log(1 + mpmath.exp(-mpmath.mpf(x)))
        for x in (-800.0, 0.0, 30.0):
            expected = mpmath.diff(log_logistic, x)
            assert_allclose(dd.derivative(stats.logistic.logcdf)(x), float(expected), rtol=1e-13)
        log_mass = lambda b: -mpmath.log(mpmath.erfc(30 / mpmath.sqrt(2)) - mpmath.erfc(b / mpmath.sqrt(2)))
        for b in (30.5, 32.0):
            expected = float(mpmath.diff(log_mass, b))
            assert_allclose(dd.grad(lambda b: stats.truncnorm.logpdf(30.2, 30.0, b))(b), expected, rtol=1e-10)
        ratio = lambda n: mpmath.loggamma((n + 1) / 2) - mpmath.loggamma(n / 2) - mpmath.log(n) / 2
        student = lambda n: ratio(n) - (n + 1) / 2 * mpmath.log(1 + mpmath.mpf(9) / n)
        for n in (59.0, 61.0, 200.0, 1e4):
            found = dd.derivative(lambda n: stats.t.logpdf(3.0, n))(n)
            assert_allclose(found, float(mpmath.diff(student, n)), rtol=1e-11)
    assert dd.derivative(lambda z: stats.weibull_min.logsf(z, 2.0))(100.0) == -200.0
    assert dd.derivative(lambda c: stats.weibull_min.logsf(100.0, c))(2.0) == pytest.approx(-1e4 * np.log(100))


def test_logistic_and_student_have_second_derivatives_at_the_centre():
    assert_allclose(dd.grad(dd.grad(stats.logistic.logpdf))(0.0), -0.5)
    assert_allclose(dd.grad(dd.grad(lambda z: stats.t.logpdf(z, np.inf)))(0.0), -1.0)


# Vectors and matrices.

A = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 3)) + 2 * np.eye(3)
X = np.random.default_rng(1).uniform(-1, 1, (4, 3))
M = np.array([0.2, -0.3, 0.5])


def spd(a):
    return a @ a.T


def on_simplex(u):
    return np.exp(u) / np.sum(np.exp(u), axis=0)


@pytest.mark.parametrize("method", ["logpdf", "pdf"])
def test_multivariate_normal_and_student(method):
    normal, student = getattr(stats.multivariate_normal, method), getattr(stats.multivariate_t, method)
    check(lambda x, m, a: normal(x, m, spd(a)), X, M, A)
    check(lambda x, m, a: normal(x, m, spd(a)), X[0], M, A)
    check(lambda x, m, a: normal(np.reshape(x, (2, 2, 3)), m, spd(a)), X, M, A)
    check(normal, X, M, np.float64(1.3))
    check(normal, X, M, np.array([1.3, 0.4, 2.0]))
    check(lambda x, s: normal(x, 0.3, s), X[:, 0], np.float64(1.3))
    check(lambda x, a: normal(x, cov=spd(a)), X, A)
    check(lambda x, m: normal(x, m, allow_singular=True), X, M)
    check(lambda x, m: normal(x, m, plain.Covariance.from_diagonal([1.0, 2, 3])), X, M)
    flat = np.array([1.0, 1.0, 0.0])
    check(lambda x, m: normal(x * flat, m * flat, np.diag([1.0, 2.0, 0.0]), allow_singular=True), X, M)
    check(lambda x, m, a, df: student(x, m, spd(a), df), X, M, A, np.float64(3.3))


def test_student_of_infinite_freedom_is_normal():
    try:
        plain.multivariate_t.logpdf(X, M, spd(A), df=np.inf)
    except TypeError:
        pytest.skip("SciPy 1.13 raises there itself")
    check(lambda x, m, a: stats.multivariate_t.logpdf(x, m, spd(a), df=np.inf), X, M, A)


def test_frozen_multivariate_normal():
    check(lambda x, m, a: stats.multivariate_normal(m, spd(a)).logpdf(x), X, M, A)


@pytest.mark.parametrize("log", ["log", ""])
def test_dirichlet_and_multinomial(log):
    f, g = getattr(stats.dirichlet, log + "pdf"), getattr(stats.multinomial, log + "pmf")
    alpha = np.array([1.3, 2.0, 0.7])
    # In float32 the parts do not add up to 1 as SciPy demands.
    check(lambda u, a: f(on_simplex(u), a), M, alpha, float32=False)
    check(lambda u, a: f(on_simplex(u), a), X.T, alpha, float32=False)
    check(lambda u, a: f(on_simplex(u)[:-1], a), X.T, alpha)
    check(lambda u: g([[2, 1, 3], [6, 0, 0], [0, 6, 0]], 6, on_simplex(u)), M, float32=False)
    check(lambda u: g([2, 1, 3], 6, on_simplex(u)), M, float32=False)


@pytest.mark.parametrize("method", ["logpdf", "pdf"])
@pytest.mark.parametrize("name", ["wishart", "invwishart"])
def test_wishart(name, method):
    f, df, B = getattr(getattr(stats, name), method), np.float64(4.5), A.T + 1
    check(lambda a, b, df: f(spd(a), df, spd(b)), A, B, df)
    check(lambda a, b, df: f(np.stack([spd(a), spd(b)], axis=-1), df, spd(b)), A, B, df)
    check(lambda a, d, df: f(spd(a), df, d), A, np.array([0.4, 1.2, 0.7]), df)
    check(f, np.float64(1.3), df, np.float64(0.4))


# What is refused.


def test_what_has_no_derivative_says_so():
    cases = [
        (lambda k: stats.poisson.logpmf(k, 2.0), "argument 'k'"),
        (lambda loc: stats.poisson.logpmf(1, 2.0, loc), "argument 'loc'"),
        (lambda n: stats.binom.logpmf(1, n, 0.3), "argument 'n'"),
        (lambda a: stats.gamma.ppf(0.3, a), "gamma.ppf has no derivative in its argument 'a'"),
        (lambda a: stats.betabinom.cdf(1, 5, a, 0.4), "argument 'a'"),
        (lambda n: stats.nbinom.cdf(1, n, 0.4), "argument 'a'"),
        (lambda n: stats.multinomial.logpmf([1, 1], n, [0.5, 0.5]), "argument 'n'"),
        (
            lambda s: stats.multivariate_normal.logpdf([0.0, 0.0], None, np.diag([s, 0 * s]), allow_singular=True),
            "a covariance that is singular",
        ),
    ]  # fmt: skip
    for f, reason in cases:
        for transform in (dd.grad, dd.derivative):
            with pytest.raises(UnsupportedFunction, match=reason):
                transform(f)(2.0)


def test_names_that_are_not_there_raise_and_say_what_is():
    for missing in (lambda: stats.alpha, lambda: stats.norm.rvs, lambda: stats.norm(0, 1).fit):
        with pytest.raises(AttributeError, match="it has"):
            missing()
    with pytest.raises(AttributeError, match="it has logpdf, pdf"):
        stats.multivariate_normal.rvs  # noqa: B018


def test_wrong_arguments_raise_what_scipy_raises():
    for f in (
        lambda x: stats.norm.logpdf(x, 1, 2, 3),
        lambda x: stats.norm.pdf(x, foo=2),
        lambda x: stats.gamma.pdf(x),
    ):
        with pytest.raises(TypeError):
            dd.grad(f)(1.0)


@pytest.mark.parametrize(("a", "b"), [(9.0, 12.0), (40.0, 43.0)])
def test_truncated_normal_far_to_the_right(a, b):
    """∂ log p/∂a = φ(a) / (Q(a) − Q(b)), Q = 1 − Φ."""
    with mpmath.workdps(50):
        tail = lambda u: mpmath.erfc(u / mpmath.sqrt(2)) / 2
        between = tail(mpmath.mpf(a)) - tail(mpmath.mpf(b))
        known = float(mpmath.npdf(a) / between), float(-mpmath.npdf(b) / between)

    found = dd.grad(lambda a, b: stats.truncnorm.logpdf(41.0 if a > 20 else 9.5, a, b), (0, 1))(a, b)

    assert_allclose(found, known, rtol=1e-10)


@pytest.mark.parametrize("n", [7.0, 20.0, 59.0, 61.0, 1e4])
def test_student_density_in_its_degrees_of_freedom(n):
    with mpmath.workdps(40):
        log_density = lambda n: (
            mpmath.log(mpmath.gamma((n + 1) / 2) / mpmath.gamma(n / 2) / mpmath.sqrt(n * mpmath.pi))
            - (n + 1) / 2 * mpmath.log(1 + mpmath.mpf(1.3) ** 2 / n)
        )
        known = float(mpmath.diff(log_density, mpmath.mpf(n)))

    assert_allclose(dd.derivative(lambda n: stats.t.logpdf(1.3, n))(n), known, rtol=1e-9)


def test_probability_of_a_coin_that_is_certain_has_a_derivative():
    for k, slope in ((0, -1.0), (1, 1.0)):
        for p in (0.0, 1.0):
            assert dd.derivative(lambda p, k=k: stats.bernoulli.pmf(k, p))(p) == slope
