"""Ufuncs of scipy.special: accuracy against mpmath, special points, complex arguments, errors, and the partition."""

import subprocess
import sys
import warnings

import mpmath as mp
import numpy as np
import pytest
import scipy.special as sc
from numpy.testing import assert_allclose
from scipy.special import _ufuncs

import dualdiff as dd
import dualdiff.special  # enters its rules
from dualdiff.errors import UnsupportedFunction, name_of
from dualdiff.rules.ufuncs import unknown
from dualdiff.table import RULES


def partial(f, i, *args):
    """∂f/∂argument i, in forward mode."""
    g = lambda x: f(*args[:i], x, *args[i + 1 :])
    return dd.jvp(g, (np.asarray(args[i], float)[()],), (np.ones(np.shape(args[i]))[()],))[1]


def exactly(f, i, *args):
    """∂f/∂argument i at these floats, by differences of 160 digits."""
    args = [mp.mpf(arg) if isinstance(arg, float) else arg for arg in args]
    with mp.workdps(160):
        x = args[i]
        h = mp.mpf(10) ** -30 * (abs(x) or 1)
        g = lambda t: f(*args[:i], t, *args[i + 1 :])
        return mp.mpf((8 * (g(x + h) - g(x - h)) - (g(x + 2 * h) - g(x - 2 * h))) / (12 * h))


def id_of(part):
    return str(part) if isinstance(part, (str, int)) else ""


def grid(*axes):
    return list(zip(*(axis.ravel().tolist() for axis in np.meshgrid(*axes)), strict=True))


def log_beta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def boxcox(x, lam):
    return (x**lam - 1) / lam


def voigt(x, sigma, gamma):
    z = (x + 1j * gamma) / (sigma * mp.sqrt(2))
    return (mp.exp(-z * z) * mp.erfc(-1j * z)).real / (sigma * mp.sqrt(2 * mp.pi))


def pseudo_huber(delta, r):
    return delta * (mp.sqrt(delta * delta + r * r) - delta)


def kl(x, y):
    return x * mp.log(x / y) - x + y


POSITIVE = [1e-9, 0.3, 1.0, 3.5, 20.0, 1e3, 1e8]
STEPS = [1e-9, 0.01, 0.3, 1.0, 2.0, 7.5, 30.0]
LINE = [-8.0, -3.3, -0.3, -1e-9, 1e-3, 1.0, 5.5, 6.9, 7.1, 12.0]

# function, argument, the function at many digits, points
VALUES = [
    ("erfc", 0, mp.erfc, LINE),
    ("erfi", 0, mp.erfi, LINE),
    ("erfcx", 0, lambda x: mp.exp(x * x) * mp.erfc(x), [*LINE, 50.0, 1e5]),
    ("dawsn", 0, lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x), [0.1, 0.9, 5.0, 6.9, 7.1, 12.0]),
    ("erfinv", 0, mp.erfinv, [-0.999, -0.5, 1e-9, 0.9, 0.999999]),
    ("voigt_profile", 0, voigt, grid([0.3, -12.0, 900.0], [0.5, 1.0, 30.0], [0.0, 1e-9, 0.1, 40.0])),
    ("voigt_profile", 1, voigt, grid([0.3, -12.0, 900.0], [0.5, 30.0], [1e-9, 0.1, 40.0])),
    ("voigt_profile", 2, voigt, grid([0.3, -12.0, 900.0], [0.5, 1.0, 30.0], [1e-9, 0.1, 40.0])),
    ("log_ndtr", 0, lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2), [-100.0, -40.0, -5.0, 0.0, 1.0, 8.0]),
    ("gamma", 0, mp.gamma, [1e-20, 0.5, 3.7, 171.3, -0.5, -1.5, -3.7, -20.3]),
    ("gammaln", 0, lambda x: mp.log(abs(mp.gamma(x))), [1e-20, 0.5, 1.0, 2.0, 50.0, 1e9, -0.5, -20.3]),
    ("rgamma", 0, mp.rgamma, [0.0, -1.0, -2.0, -30.0, -3 + 1e-9, 0.49, 0.51, 2.0, 50.0]),
    ("psi", 0, lambda x: mp.psi(0, x), [1e-9, 1.0, 1.46, 50.0, 1e9, -0.5, -20.3, -1e3 - 0.7]),
    ("poch", 0, mp.rf, [*grid(POSITIVE, STEPS), (-3.0, 2.0), (-3.0, 5.0), (-3.0, 0.5), (-7.2, 3.0)]),
    ("poch", 1, mp.rf, grid(POSITIVE, STEPS)),
    ("beta", 0, mp.beta, grid(POSITIVE[:-1], STEPS)),
    ("betaln", 1, log_beta, grid(STEPS, POSITIVE)),
    ("binom", 0, mp.binomial, [*grid([1.0, 3.5, 20.0, 1e8], STEPS), (3.0, 5.0), (3.0, 4.0), (-5.5, 2.0)]),
    ("binom", 1, mp.binomial, [*grid([1.0, 3.5, 20.0, 1e8], STEPS[1:]), (3.0, 5.0), (3.0, -2.0)]),
    ("exp1", 0, mp.e1, [1e-10, 0.1, 1.0, 10.0, 100.0, 600.0]),
    ("expi", 0, mp.ei, [-20.0, 1e-10, 1.0, 100.0, 600.0]),
    ("expn", 1, mp.expint, [(n, x) for n in (0, 1, 2, 5, 30) for x in (1e-5, 0.1, 1.0, 10.0, 100.0)]),
    ("spence", 0, lambda z: mp.polylog(2, 1 - z), [1e-10, 0.1, 0.49, 0.51, 0.9999999, 1.0, 1.2, 1.49, 1.51, 30.0]),
    ("exprel", 0, lambda x: mp.expm1(x) / x, [-700.0, -1.01, -0.99, -1e-8, 0.2, 0.99, 1.01, 100.0, 700.0]),
    ("expit", 0, lambda x: 1 / (1 + mp.exp(-x)), [-300.0, -40.0, -1.0, 0.0, 1.0, 40.0]),
    ("log_expit", 0, lambda x: -mp.log1p(mp.exp(-x)), [-700.0, -1.0, 0.0, 1.0, 40.0]),
    ("logit", 0, lambda x: mp.log(x / (1 - x)), [1e-100, 1e-20, 0.3, 0.97, 1 - 1e-5, 1 - 1e-12]),
    ("powm1", 1, lambda x, y: x**y - 1, [(0.3, 0.2), (1.000001, 3.0), (5.0, 1e-9)]),
    ("boxcox", 0, boxcox, grid([1e-8, 1.0001, 40.0], [-3.0, -1e-9, 1e-12, 0.5, 2.5])),
    ("boxcox", 1, boxcox, grid([1e-8, 1.0001, 40.0], [-3.0, -1e-9, 1e-12, 0.5, 2.5])),
    ("boxcox1p", 1, lambda x, lam: boxcox(1 + x, lam), grid([1e-8, 1.0001, 40.0], [-3.0, -1e-9, 0.5, 2.5])),
    ("inv_boxcox", 0, lambda y, lam: (1 + lam * y) ** (1 / lam), grid([-0.9, 1e-9, 5.0, 100.0], [1e-12, 0.2, 1.0])),
    ("inv_boxcox", 1, lambda y, lam: (1 + lam * y) ** (1 / lam), grid([-0.9, 1e-9, 5.0, 100.0], [1e-12, 0.2, 1.0])),
    ("kl_div", 0, kl, [(0.3, 0.2), (1.0, 1.0000001), (1e200, 1e-200), (1.0, 11.0)]),
    ("kl_div", 1, kl, [(0.3, 0.2), (1.0, 1.0000001), (1.0, 11.0)]),
    ("rel_entr", 0, lambda x, y: x * mp.log(x / y), [(0.3, 0.2), (1.0, 1.0000001), (1e200, 1e-200)]),
    ("pseudo_huber", 0, pseudo_huber, grid([1e-5, 0.3, 100.0], [1e-6, -0.4, 3.0, 1e5])),
    ("pseudo_huber", 1, pseudo_huber, grid([1e-5, 0.3, 100.0], [1e-6, -0.4, 3.0, 1e5])),
    ("wrightomega", 0, lambda z: mp.lambertw(mp.exp(z)).real, [-50.0, -3.0, 0.0, 1.0, 30.0, 300.0]),
]


@pytest.mark.parametrize(("name", "i", "f", "points"), VALUES, ids=id_of)
def test_partial_is_that_of_the_function_at_many_digits(name, i, f, points):
    for point in points:
        args = point if isinstance(point, tuple) else (point,)
        expected = float(exactly(f, i, *args))
        assert_allclose(partial(getattr(sc, name), i, *args), expected, rtol=2e-12, err_msg=f"{name}{args}")


def gamma_density(a, x):
    return mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a))


def beta_density(a, b, x):
    return mp.exp((a - 1) * mp.log(x) + (b - 1) * mp.log(1 - x) - log_beta(a, b))


def student_density(v, t):
    return mp.exp(-log_beta(v / 2, mp.mpf(0.5)) - (v + 1) / 2 * mp.log(1 + t * t / v)) / mp.sqrt(v)


def fisher_density(m, n, x):
    return beta_density(m / 2, n / 2, m * x / (n + m * x)) * m * n / (n + m * x) ** 2


def chi2_density(x, v, nc):
    return mp.exp(-(x + nc) / 2) / 2 * (x / nc) ** (v / 4 - 0.5) * mp.besseli(v / 2 - 1, mp.sqrt(nc * x))


def noncentral_fisher_density(m, n, nc, x):
    w = m * x / (n + m * x)
    return mp.exp(-nc / 2) * fisher_density(m, n, x) * mp.hyp1f1((m + n) / 2, m / 2, nc * w / 2)


def kolmogorov_slope(x):
    return -8 * x * mp.fsum((-1) ** (k - 1) * k * k * mp.exp(-2 * k * k * x * x) for k in range(1, 400))


SHAPES = [1e-5, 0.3, 1.0, 5.0, 40.0, 1e5, 1e9]
GAMMAS = [(a, a * x) for a in (1e-5, 0.3, 2.5, 9.9, 10.1, 1e3, 1e6, 1e10) for x in (0.01, 0.5, 0.999, 1.0, 1.3, 5.0)]
CHI2 = [
    c
    for c in grid([0.1, 30.0, 1e3], [0.5, 2.0, 100.0, 1e3], [1e-3, 20.0, 900.0, 4e3])
    if chi2_density(*map(mp.mpf, c)) > 1e-200
]
FISHERS = grid([1.0, 4.0, 100.0], [1.0, 7.0, 1e4], [1e-5, 0.3, 1.0, 50.0])
DENSITIES = [
    ("gammainc", 1, gamma_density, [*GAMMAS, (0.3, 99.0), (9.9, 101.0), (0.3, 600.0)]),
    ("gammaincc", 1, lambda a, x: -gamma_density(a, x), [(2.5, 3.0)]),
    ("chdtr", 1, lambda v, x: gamma_density(v / 2, x / 2) / 2, [(3.0, 2.0)]),
    ("chdtrc", 1, lambda v, x: -gamma_density(v / 2, x / 2) / 2, [(3.0, 2.0)]),
    ("gdtr", 0, lambda a, b, x: gamma_density(b, a * x) * x, [(2.0, 1.5, 0.7)]),
    ("gdtrc", 2, lambda a, b, x: -gamma_density(b, a * x) * a, [(2.0, 1.5, 0.7)]),
    ("pdtr", 1, lambda k, m: -(m**k) * mp.exp(-m) / mp.factorial(k), [(3.0, 2.0), (400.0, 380.0)]),
    ("betainc", 2, beta_density, grid(SHAPES, SHAPES, [1e-10, 0.1, 0.5, 0.7, 0.9999])),
    ("betaincc", 2, lambda a, b, x: -beta_density(a, b, x), [(2.0, 3.5, 0.3)]),
    ("bdtrc", 2, lambda k, n, p: beta_density(k + 1, n - k, p), [(3, 9, 0.2), (300, 700, 0.4)]),
    ("nbdtr", 2, lambda k, n, p: beta_density(mp.mpf(n), k + 1, p), [(3, 9, 0.2), (300, 700, 0.7)]),
    ("stdtr", 1, student_density, grid([0.1, 1.0, 30.0, 1e3, 1e8], [0.0, 1e-5, -2.0, 30.0, 1e9])),
    ("fdtr", 2, fisher_density, FISHERS),
    ("chndtr", 0, chi2_density, CHI2),
    ("chndtr", 2, lambda x, v, nc: -chi2_density(x, v + 2, nc), CHI2),
    ("ncfdtr", 3, noncentral_fisher_density, grid([1.0, 30.0], [3.0, 20.0], [0.01, 30.0, 300.0], [0.1, 1.0, 5.0])),
    ("kolmogorov", 0, kolmogorov_slope, [0.4, 0.5, 0.8, 0.84, 0.86, 1.0, 2.0, 5.0]),
]


@pytest.mark.parametrize(
    ("name", "i", "density", "points"), DENSITIES, ids=lambda v: v if isinstance(v, (str, int)) else ""
)
def test_partial_of_a_distribution_function_is_the_density_at_many_digits(name, i, density, points):
    for point in points:
        args = point if isinstance(point, tuple) else (point,)
        with mp.workdps(60):
            expected = float(density(*(mp.mpf(arg) if isinstance(arg, float) else arg for arg in args)))
        args = [np.array(arg) if isinstance(arg, int) else arg for arg in args]
        slope = partial(getattr(sc, name), i, *args)
        assert_allclose(slope, expected, rtol=1e-12, atol=1e-290, err_msg=f"{name}{args}")


# inverse(args) = y solves f(..., y, ...) = args[place]:  f's partials at the solution give those of the inverse.
INVERSES = [
    ("chndtrix", (0.4, 3.0, 2.0), 0, lambda y, p, v, nc: (y, v, nc), "chndtr", {0: None, 2: 2}),
    ("chndtrinc", (1.5, 3.0, 0.2), 2, lambda y, x, v, p: (x, v, y), "chndtr", {2: None, 0: 0}),
    ("ncfdtri", (3.0, 5.0, 1.5, 0.4), 3, lambda y, m, n, nc, p: (m, n, nc, y), "ncfdtr", {3: None, 2: 2}),
    ("ncfdtrinc", (3.0, 5.0, 0.2, 1.0), 2, lambda y, m, n, p, x: (m, n, y, x), "ncfdtr", {2: None, 3: 3}),
    ("gdtria", (0.3, 1.5, 0.7), 0, lambda y, p, b, x: (y, b, x), "gdtr", {0: None, 2: 2}),
    ("gdtrix", (2.0, 1.5, 0.3), 2, lambda y, a, b, p: (a, b, y), "gdtr", {2: None, 0: 0}),
    ("chdtri", (3.0, 0.2), 1, lambda y, v, p: (v, y), "chdtrc", {1: None}),
    ("pdtri", (2, 0.3), 1, lambda y, k, p: (k, y), "pdtr", {1: None}),
    ("smirnovi", (6, 0.2), 1, lambda y, n, p: (n, y), "smirnov", {1: None}),
    ("fdtri", (3.0, 5.0, 0.2), 2, lambda y, m, n, p: (m, n, y), "fdtr", {2: None}),
    ("ndtri_exp", (-40.0,), 0, lambda y, p: (y,), "log_ndtr", {0: None}),
]


@pytest.mark.parametrize(("name", "args", "place", "forward", "function", "partials"), INVERSES, ids=lambda v: "")
def test_partial_of_an_inverse_is_the_inverse_partial(name, args, place, forward, function, partials):
    inverse, f = getattr(sc, name), getattr(sc, function)
    y = inverse(*args)
    point = forward(y, *args)
    for i, j in partials.items():
        if j is None:
            unknown_place = next(k for k, arg in enumerate(point) if arg is y)
            assert_allclose(partial(inverse, place, *args), 1 / partial(f, unknown_place, *point), rtol=1e-12)
        else:
            of_y = partial(f, next(k for k, arg in enumerate(point) if arg is y), *point)
            assert_allclose(partial(inverse, args.index(point[i]), *args), -partial(f, i, *point) / of_y, rtol=1e-12)


@pytest.mark.parametrize("lam", [-0.5, 0.3, 1.0, 2.5])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.93])
def test_tukey_lambda_is_the_inverse_of_its_quantile(lam, p):
    q = 1 - p
    x = (p**lam - q**lam) / lam
    slope = 1 / (p ** (lam - 1) + q ** (lam - 1))
    of_lam = lambda u: (u**lam * np.log(u) - (u**lam - 1) / lam) / lam

    assert_allclose(partial(sc.tklmbda, 0, x, lam), slope, rtol=1e-9)
    assert_allclose(partial(sc.tklmbda, 1, x, lam), -slope * (of_lam(p) - of_lam(q)), rtol=1e-8, atol=1e-12)


INF = np.inf
AT_POINTS = [
    (sc.xlogy, 0, (0.0, 2.0), np.log(2)),
    (sc.xlogy, 0, (0.0, 0.0), -INF),
    (sc.xlogy, 1, (0.0, 0.0), 0),
    (sc.xlog1py, 1, (0.0, -1.0), 0),
    (sc.entr, 0, (0.0,), INF),
    (sc.kl_div, 0, (0.0, 1.0), -INF),
    (sc.kl_div, 1, (0.0, 0.0), 1),
    (sc.kl_div, 1, (1.0, 1.0), 0),
    (sc.rel_entr, 0, (0.0, 1.0), -INF),
    (sc.rel_entr, 1, (0.0, 0.0), 0),
    (sc.logit, 0, (0.0,), INF),
    (sc.logit, 0, (1.0,), INF),
    (sc.log1p, 0, (-1.0,), INF),
    (sc.cbrt, 0, (0.0,), INF),
    (sc.erfinv, 0, (1.0,), INF),
    (sc.ndtri, 0, (0.0,), INF),
    (sc.exprel, 0, (0.0,), 0.5),
    (sc.spence, 0, (1.0,), -1),
    (sc.spence, 0, (0.0,), -INF),
    (sc.exp1, 0, (0.0,), -INF),
    (sc.expn, 1, (3, 0.0), -1),
    (sc.expn, 1, (2, 0.0), -INF),
    (sc.boxcox, 1, (2.0, 0.0), np.log(2) ** 2 / 2),
    (sc.boxcox, 1, (0.0, 2.0), 0.25),
    (sc.boxcox, 0, (2.0, 0.0), 0.5),
    (sc.inv_boxcox, 0, (0.5, 0.0), np.exp(0.5)),
    (sc.inv_boxcox, 1, (0.5, 0.0), -0.125 * np.exp(0.5)),
    (sc.inv_boxcox1p, 0, (-1.0, 1.0), 1),
    (sc.huber, 1, (1.0, 1.0), 1),
    (sc.huber, 0, (1.0, -3.0), 2),
    (sc.pseudo_huber, 0, (0.0, -3.0), 3),
    (sc.pseudo_huber, 1, (0.0, 0.0), 0),
    (sc.gammainc, 1, (1.0, 0.0), 1),
    (sc.gammainc, 1, (2.0, 0.0), 0),
    (sc.gammainc, 1, (0.5, 0.0), INF),
    (sc.gammainc, 1, (50.0, 0.0), 0),
    (sc.gammainc, 1, (2.0, INF), 0),
    (sc.betainc, 2, (1.0, 3.0, 0.0), 3),
    (sc.betainc, 2, (2.0, 1.0, 1.0), 2),
    (sc.betainc, 2, (0.5, 0.5, 0.0), INF),
    (sc.bdtr, 2, (4, 4, 0.3), 0),
    (sc.stdtr, 1, (INF, 0.5), np.exp(-0.125) / np.sqrt(2 * np.pi)),
    (sc.voigt_profile, 1, (1.0, 0.0, 2.0), 0),
    (sc.voigt_profile, 2, (1.0, 0.0, 2.0), -3 / 25 / np.pi),
    (sc.voigt_profile, 0, (1.0, 0.0, 2.0), -4 / 25 / np.pi),
    (sc.log_ndtr, 0, (60.0,), 0),
    (sc.kolmogorov, 0, (0.0,), 0),
    (sc.tklmbda, 0, (3.0, 0.5), 0),
    (sc.gamma, 0, (1.0,), -np.euler_gamma),
    (sc.powm1, 1, (0.0, 2.0), 0),
    (sc.powm1, 0, (0.0, 1.0), 1),
    (sc.nrdtrimn, 2, (0.3, 1.0, 2.0), 1),
]


@pytest.mark.parametrize(("f", "i", "args", "expected"), AT_POINTS, ids=lambda v: getattr(v, "__name__", None))
def test_special_points_have_the_true_value_or_the_one_sided_limit(f, i, args, expected):
    assert_allclose(partial(f, i, *args), expected, rtol=1e-13, atol=1e-15)

    g = lambda x: f(*args[:i], x, *args[i + 1 :])
    assert_allclose(dd.grad(g)(np.float64(args[i])), expected, rtol=1e-13, atol=1e-15)


def test_an_infinite_partial_leaves_the_other_columns_of_a_jacobian_alone():
    x = np.array([0.0, 0.5, 1.0])

    for f in (sc.logit, sc.erfinv, sc.ndtri, sc.entr):
        J = dd.jacfwd(f)(x)
        assert np.isinf(J[0, 0]) or f is sc.erfinv
        assert_allclose(J[~np.eye(3, dtype=bool)], 0)
        assert_allclose(J, dd.jacrev(f)(x))


HOLOMORPHIC = [
    "erf", "erfc", "erfcx", "erfi", "dawsn", "ndtr", "log_ndtr", "wofz", "gamma", "loggamma", "rgamma", "psi", "exp1",
    "expi", "spence", "expm1", "log1p", "wrightomega",
]  # fmt: skip
POINTS = np.array([0.3 + 0.4j, 1.5 - 0.7j, 2.5 + 3j, -1.2 + 0.5j, 0.1 - 3j, -3.3 + 0.4j])


@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_complex_derivative_is_the_difference_along_every_direction(name):
    f = getattr(sc, name)
    for direction in (1.0, 1j, 0.6 - 0.8j):
        ydot = dd.jvp(f, (POINTS,), (np.full(POINTS.shape, direction),))[1]
        h = 2e-3 * direction
        one, two = f(POINTS + h) - f(POINTS - h), f(POINTS + 2 * h) - f(POINTS - 2 * h)
        three = f(POINTS + 3 * h) - f(POINTS - 3 * h)
        assert_allclose(ydot, (45 * one - 9 * two + three) / (60 * 2e-3), rtol=1e-8)


@pytest.mark.parametrize("name", ["fresnel", "sici", "shichi"])
def test_complex_derivative_of_two_results_is_the_difference(name):
    f, z = getattr(sc, name), np.array([0.3 + 0.4j, 1.5 - 0.7j, 0.1 - 2j])
    ydot = dd.jvp(f, (z,), (np.ones(3) + 0j,))[1]

    for d, up, down in zip(ydot, f(z + 1e-5), f(z - 1e-5), strict=True):
        assert_allclose(d, (up - down) / 2e-5, rtol=1e-8)


def test_complex_trigamma_and_its_derivatives_are_those_of_mpmath():
    for z in (0.3 + 0.4j, -3.3 + 0.2j, -1.2 - 5j, 30 - 40j, -2 - 100j):
        third = lambda x: dd.jvp(lambda u: dd.jvp(sc.psi, (u,), (1.0 + 0j,))[1], (x,), (1.0 + 0j,))[1]
        assert_allclose(dd.jvp(sc.psi, (z,), (1.0 + 0j,))[1], complex(mp.psi(1, z)), rtol=1e-12)
        assert_allclose(third(z), complex(mp.psi(2, z)), rtol=1e-12)


@pytest.mark.parametrize("k", [-1, 0, 3])
def test_lambert_w_has_a_derivative_on_every_branch(k):
    z = np.array([0.7 + 0.2j, -2.0 + 1j, 30.0 - 5j])
    w = sc.lambertw(z, k)
    ydot = dd.jvp(lambda z: sc.lambertw(z, k), (z,), (np.ones(3) + 0j,))[1]

    assert_allclose(ydot, w / (z * (1 + w)), rtol=1e-13)
    assert_allclose(dd.jvp(sc.lambertw, (0.0,), (1.0,))[1], 1)


def test_derivatives_of_high_order_nest():
    """ψ and 1/Γ to the fifth derivative, at poles and on both sides of 0."""
    for f, exact in ((sc.psi, lambda x: mp.psi(5, x)), (sc.rgamma, lambda x: mp.diff(mp.rgamma, x, 5))):
        for x in (0.3, 4.0, -1.3, -3.0 if f is sc.rgamma else -2.6):
            g = f
            for _ in range(5):
                g = dd.derivative(g)
            with mp.workdps(60):
                expected = float(exact(mp.mpf(x)))
            assert_allclose(g(x), expected, rtol=1e-11)


def second(f, x):
    with mp.workdps(60):
        return float(mp.diff(f, x, 2))


SECOND = [
    (lambda x: sc.betainc(2.0, 3.0, x), 0.0, 12),
    (lambda x: sc.betainc(1.0, 3.0, x), 0.0, -6),
    (lambda x: sc.gammainc(2.0, x), 0.0, 1),
    (lambda x: sc.gammainc(2.0, x), 100.0, -99 * np.exp(-100) + np.exp(-100)),
    (lambda x: sc.xlogy(x, 2 + x), 0.0, 1),
    (lambda x: sc.exprel(x), 0.0, 1 / 3),
    (lambda x: sc.spence(x), 1.0, 0.5),
    (lambda x: sc.boxcox(2.0, x), 0.0, np.log(2) ** 3 / 3),
    (lambda x: sc.boxcox(1.0 + x, x), 0.0, -1),
    (lambda x: sc.inv_boxcox(0.5, x), 0.0, np.exp(0.5) * (2 / 24 + 1 / 64)),
    (lambda x: sc.poch(x, 4.0), -2.0, -2),
    (lambda x: sc.poch(x, 4.0), -3.0, 22),
    (lambda x: sc.binom(x, 3.0), 1.0, 0),
    (lambda x: sc.binom(x, 5.0), 3.0, -5 / 60),
    (lambda x: sc.kl_div(x, x), 1.0, 0),
    (lambda x: sc.xlog1py(x, x), 0.0, 2),
    (lambda x: sc.sici(x)[0] + sc.shichi(x)[0], 0.0, 0),
    (lambda x: sc.dawsn(x), 20.0, second(lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x), 20)),
    (lambda x: sc.erfcx(x), 6.0, second(lambda x: mp.exp(x * x) * mp.erfc(x), 6)),
    (lambda x: sc.erfcx(x), 30.0, second(lambda x: mp.exp(x * x) * mp.erfc(x), 30)),
    (lambda x: sc.log_ndtr(x), -40.0, second(lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2), -40)),
    (lambda x: sc.stdtr(1e8, x), 1.0, -np.exp(-0.5) / np.sqrt(2 * np.pi)),  # nearly normal
]


@pytest.mark.parametrize(("f", "x", "expected"), SECOND, ids=lambda v: "")
def test_second_derivative_at_special_points_is_the_true_one(f, x, expected):
    rtol = 1e-7 if x == 1.0 else 1e-11
    assert_allclose(dd.derivative(dd.derivative(f))(x), expected, rtol=rtol, atol=1e-14)
    assert_allclose(dd.grad(dd.grad(f))(x), expected, rtol=rtol, atol=1e-14)


@pytest.mark.usefixtures("as_written")
def test_zeta_is_differentiated_in_its_second_argument_only():
    assert_allclose(partial(sc.zeta, 1, 3.0, 0.7), -3 * sc.zeta(4.0, 0.7), rtol=1e-15)
    with pytest.raises(UnsupportedFunction):
        partial(sc.zeta, 0, 3.0, 0.7)
    with pytest.raises(UnsupportedFunction, match="Riemann"):
        partial(sc.zeta, 0, 3.0)
    with pytest.raises(UnsupportedFunction, match="Riemann"):
        partial(sc.zetac, 0, 3.0)


@pytest.mark.usefixtures("as_written")
def test_an_argument_without_a_derivative_raises_and_names_itself():
    for f, args, i, name in (
        (sc.gammainc, (2.0, 1.0), 0, "a"),
        (sc.expn, (2.0, 1.0), 0, "n"),
        (sc.stdtr, (2.0, 1.0), 0, "df"),
        (sc.betainc, (2.0, 1.0, 0.3), 1, "b"),
        (sc.pdtr, (2.0, 1.0), 0, "k"),
    ):
        with pytest.raises(UnsupportedFunction, match=repr(name)):
            partial(f, i, *args)
        with pytest.raises(UnsupportedFunction, match=repr(name)):
            dd.grad(lambda x: f(*(x if j == i else arg for j, arg in enumerate(args))))(args[i])
    with pytest.raises(UnsupportedFunction, match="k or tol"):
        dd.jvp(lambda tol: np.real(sc.lambertw(1.0, 0, tol)), (1e-8,), (1.0,))


def test_second_derivative_of_smirnov_raises():
    with pytest.raises(UnsupportedFunction, match="second derivative"):
        dd.derivative(dd.derivative(lambda d: sc.smirnov(5, d)))(0.3)


def test_whole_number_arguments_may_be_python_ints_and_arrays_of_ints():
    n = np.array([0, 1, 2, 5])
    for f in (lambda n, x: sc.expn(n, x), lambda k, x: sc.pdtr(k, x), lambda k, x: sc.bdtr(k, np.array(7), x)):
        together = partial(f, 1, n, np.full(4, 0.4))
        single = [partial(f, 1, int(i), 0.4) for i in n]
        assert_allclose(together, single, rtol=1e-15)
    for dtype in (np.uint8, np.int32):
        assert_allclose(partial(sc.expn, 1, np.array([0, 3], dtype), 0.4), partial(sc.expn, 1, np.array([0, 3]), 0.4))


def test_result_wider_than_its_argument_keeps_a_tangent_of_its_own_width():
    for f in (lambda x: sc.expn(2, x), lambda x: sc.pdtri(2, x), sc.wofz, sc.modfresnelm, sc.lambertw):
        y, ydot = dd.jvp(f, (np.float32([0.3]),), (np.float32([1.0]),))
        for a, b in zip(np.atleast_2d(y), np.atleast_2d(ydot), strict=True):
            assert a.dtype == b.dtype
    y, ydot = dd.jvp(sc.psi, (np.float16([0.3]),), (np.float16([1.0]),))
    assert y.dtype == ydot.dtype != np.float16


def test_out_and_where_work_as_for_numpys_ufuncs():
    def f(x):
        out = np.zeros_like(x)
        sc.erf(x, out=out, where=np.array([True, False, True]))
        return out

    x = np.array([0.1, 0.2, 0.3])
    assert_allclose(dd.jvp(f, (x,), (np.ones(3),))[1], 2 / np.sqrt(np.pi) * np.exp(-x * x) * [1, 0, 1])


def test_passive_functions_are_constant():
    assert np.all(dd.jvp(lambda x: x * sc.gammasgn(x) * sc.round(x + 1), (np.array([-0.5]),), (np.ones(1),))[1] == -0.0)


def public_ufuncs():
    return {name for name in dir(sc) if isinstance(getattr(sc, name), np.ufunc)}


def test_every_ufunc_of_scipy_special_has_a_rule_or_a_reason():
    missing = sorted(name for name in public_ufuncs() if getattr(sc, name) not in RULES)

    assert not missing, f"without a rule: {', '.join(missing)}"
    assert len(public_ufuncs()) > 220


def test_every_refusal_of_an_argument_names_its_own_function():
    for function, rule in RULES.items():
        for part in getattr(rule, "partials", ()) or ():
            if isinstance(part, unknown):
                assert part.function in (function, sc.zeta), function


def test_importing_dualdiff_and_using_numpy_never_imports_scipy():
    code = (
        "import sys, numpy as np, dualdiff as dd\n"
        "x = np.linspace(0.1, 0.9, 5)\n"
        "dd.grad(lambda x: np.sum(np.sin(x) * x + np.linalg.norm(np.outer(x, x))))(x)\n"
        "dd.jacfwd(lambda x: np.cumsum(np.exp(x)))(x)\n"
        "assert not any(name.split('.')[0] == 'scipy' for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_ufuncs_that_scipy_reaches_by_private_names_have_rules():
    for name in ("_zeta", "_riemann_zeta", "_lambertw"):
        assert getattr(_ufuncs, name) in RULES


def test_whole_numbers_that_scipy_truncates_are_truncated_in_the_slope_too():
    cases = [
        (sc.bdtr, (1.0, 8.3), (1.0, 8), 0.2),
        (sc.bdtrc, (1.0, 8.3), (1.0, 8), 0.2),
        (sc.bdtr, (7.5, 8.3), (7.0, 8), 0.2),
        (sc.bdtri, (0.0, 1.7), (0.0, 1), 0.001),
        (sc.nbdtr, (2.6, 1.7), (2, 1), 0.5),
        (sc.nbdtr, (-0.5, 2.0), (0, 2), 0.5),
        (sc.nbdtrc, (2.0, 1.7), (2, 1), 0.5),
        (sc.nbdtri, (2.0, 1.7), (2, 1), 0.5),
        (sc.pdtri, (2.7,), (2,), 0.5),
        (sc.expn, (1e-12,), (0,), 1.5),
        (sc.expn, (1.9,), (1,), 1.5),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy's own about the truncation
        for function, fraction, whole, x in cases:
            assert function(*fraction, x) == function(*whole, x)
            got = partial(function, len(fraction), *fraction, x)
            assert_allclose(got, partial(function, len(whole), *whole, x), rtol=1e-14)
        assert_allclose(partial(sc.bdtr, 2, 1.0, 8.3, 0.2), -56 * 0.2 * 0.8**6, rtol=1e-14)
        assert_allclose(partial(sc.bdtri, 2, 0.0, 1.7, 0.001), -1.0, rtol=1e-14)
        assert_allclose(partial(sc.nbdtrc, 2, 2.0, 1.7, 0.5), -0.75, rtol=1e-14)
        assert_allclose(partial(sc.expn, 1, 1e-12, 1.5), -np.exp(-1.5) * (1 / 1.5 + 1 / 1.5**2), rtol=1e-14)


def test_mixed_derivative_of_powm1_at_the_exponent_0_is_that_of_the_power():
    of_x = lambda y: dd.derivative(lambda x: sc.powm1(x, y))(2.0)
    of_y = lambda x: dd.derivative(lambda y: sc.powm1(x, y))(0.0)
    assert dd.derivative(of_x)(0.0) == 0.5
    assert_allclose(dd.derivative(of_y)(2.0), 0.5, rtol=1e-15)
    assert partial(sc.powm1, 0, 0.0, 0.0) == 0


def test_beta_and_binomial_functions_have_slopes_at_their_zeros_and_removable_poles():
    product = lambda a: 24 / (a * (a + 1) * (a + 2) * (a + 3) * (a + 4))
    with mp.workdps(40):
        assert_allclose(partial(sc.beta, 0, -33.0, 5.0), float(mp.diff(product, -33)), rtol=1e-13)
        assert_allclose(partial(sc.beta, 1, 5.0, -33.0), float(mp.diff(product, -33)), rtol=1e-13)
        for k in (-3.0, -1.0):
            expected = float(mp.diff(lambda k: mp.binomial(6.5, k), k))
            assert_allclose(partial(sc.binom, 1, 6.5, k), expected, rtol=1e-12)
        assert_allclose(partial(sc.binom, 1, 6.0, 9.0), float(mp.diff(lambda k: mp.binomial(6, k), 9)), rtol=1e-12)
    assert_allclose(partial(sc.betaln, 0, -5.0, 2.0), 0.45, rtol=1e-14)
    expected = float(mp.gamma(mp.mpf(0.1)) * mp.gamma(mp.mpf(-0.1)))
    assert_allclose(partial(sc.beta, 0, 0.1, -0.1), expected, rtol=1e-13)
    assert_allclose(partial(sc.beta, 1, -0.1, 0.1), expected, rtol=1e-13)
    assert_allclose(partial(sc.binom, 0, 2.0, 1e4), -2 / (1e4 * 9999 * 9998), rtol=1e-10)
    assert_allclose(partial(sc.binom, 1, 1e8, -1.0), 1 / (1e8 + 1), rtol=1e-10)
    # The derivative in the second argument is infinite at a pole, and the mixed one no number.
    mixed = dd.derivative(lambda b: dd.derivative(lambda a: sc.beta(a, b))(-33.0))(5.0)
    assert not np.isfinite(mixed)


@pytest.mark.parametrize(("f", "i", "args"), [
    (sc.betainc, 2, (1.7, 0.0, 0.3)),
    (sc.betaincc, 2, (0.0, 1.7, 0.3)),
    (sc.chdtr, 1, (0.0, 0.3)),
    (sc.chdtr, 1, (0.0, 500.0)),
    (sc.gammainc, 1, (0.0, 500.0)),
    (sc.gdtr, 0, (1.3, 0.7, 0.0)),
    (sc.gdtr, 0, (1.3, 2.0, 0.0)),
    (sc.chndtrix, 2, (0.0, 3.0, 1.5)),
])  # fmt: skip
def test_distribution_functions_are_constant_where_all_mass_is_at_an_end(f, i, args):
    assert partial(f, i, *args) == 0


def test_errors_name_the_function_before_a_private_ufunc():
    names = {
        "_lambertw": "lambertw",
        "_zeta": "zeta",
        "_riemann_zeta": "zeta",
        "_spherical_jn": "spherical_jn",
        "_spherical_kn_d": "spherical_kn",
        "_lgam1p": "_ufuncs._lgam1p",
    }
    for private, public in names.items():
        assert name_of(getattr(_ufuncs, private)) == f"scipy.special.{public}"
    assert name_of(np.exp) == "np.exp"


# Where a formula cancels, in the complex plane.


@pytest.mark.parametrize("z", [-1.0 + 1e4j, -3.0 - 200.0j, 1e4j, 2.0 + 1e3j])
def test_scaled_error_function_far_up_in_the_plane(z):
    with mp.workdps(60):
        w = lambda s: mp.exp(s * s) * mp.erfc(s)
        known = complex(2 * mp.mpc(z) * w(mp.mpc(z)) - 2 / mp.sqrt(mp.pi))

    found = dd.jacfwd(sc.erfcx, holomorphic=True)(z)

    assert abs(found - known) < 1e-13 * abs(known)


def test_faddeeva_function_far_out_on_the_real_line():
    x = 1e4
    with mp.workdps(60):
        known = complex(2j / mp.sqrt(mp.pi) - 2 * x * mp.exp(-(mp.mpf(x) ** 2)) * mp.erfc(-1j * mp.mpf(x)))

    assert abs(dd.jacfwd(sc.wofz)(x) - known) < 1e-13 * abs(known)


def test_fresnel_integrals_of_many_turns():
    z = 1e6 + 0.3
    with mp.workdps(40):
        phase = mp.pi * mp.mpf(z) ** 2 / 2
        known = float(mp.sin(phase)), float(mp.cos(phase))

    assert_allclose(dd.jacfwd(lambda z: np.stack(sc.fresnel(z)))(z), known, rtol=1e-9)


def test_dawsons_integral_far_out_where_its_exponential_counts():
    z = 8.0 + 8.5j
    with mp.workdps(60):
        s = mp.mpc(z)
        known = complex(1 - 2 * s * (mp.sqrt(mp.pi) / 2 * mp.exp(-s * s) * mp.erfi(s)))

    assert abs(dd.jacfwd(sc.dawsn, holomorphic=True)(z) - known) < 1e-12 * abs(known)


def test_voigt_profile_of_a_lorentzian_has_no_known_second_derivative_in_its_width():
    slope = dd.derivative(lambda sigma: sc.voigt_profile(1.0, sigma, 0.5))

    assert slope(0.0) == 0.0
    assert np.isnan(dd.derivative(slope)(0.0))
