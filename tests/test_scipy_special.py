"""Python-level functions of `scipy.special`: derivatives of all kinds, special points, refusals."""

import inspect

import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.scipy import special
from tests.scipy_samples import check

INF = np.inf
RNG = np.random.default_rng(0)
X = RNG.uniform(0.3, 2.0, (3, 4))
B = RNG.uniform(0.3, 2.0, (3, 4))
SIGNED = B * np.array([1.0, -0.3, 1.0, -0.2])
Z = X + 1j * RNG.uniform(-1.0, 1.0, (3, 4))
W = B - 1j * RNG.uniform(-1.0, 1.0, (3, 4))
REAL = X * np.array([1.0, -1.0, 2.0, 3.0])


SAMPLES = {
    "logsumexp": (special.logsumexp, [X]),
    "logsumexp number": (special.logsumexp, [0.3]),
    "logsumexp axis": (lambda a: special.logsumexp(a, axis=-1, keepdims=True), [X]),
    "logsumexp axes": (lambda a: special.logsumexp(a, axis=(0, -1)), [RNG.standard_normal((2, 3, 4))]),
    "logsumexp b": (lambda a, b: special.logsumexp(a, 1, b), [X, B]),
    "logsumexp b broadcast": (lambda a, b: special.logsumexp(a, 0, b), [X, B[:, :1]]),
    "logsumexp a broadcast": (lambda a, b: special.logsumexp(a, 0, b), [X[0], B]),
    "logsumexp b alone": (lambda b: special.logsumexp(np.arange(4), b=b), [B]),
    "logsumexp sign": (lambda a, b: special.logsumexp(a, axis=1, b=-b, return_sign=True), [X, SIGNED]),
    "logsumexp complex": (lambda a: special.logsumexp(a, axis=1), [Z]),
    "logsumexp complex b": (lambda a, b: special.logsumexp(a, axis=1, b=b, keepdims=True), [X, W]),
    "logsumexp complex sign": (lambda a, b: special.logsumexp(a, axis=0, b=b, return_sign=True), [Z, W]),
    "logsumexp large": (lambda a: special.logsumexp(1000.0 * a, axis=0), [1.0 + X / 1000.0]),
    "logsumexp -inf": (lambda a: special.logsumexp(np.where([True, False, True, True], a, -INF), axis=1), [X]),
    "logsumexp b 0": (lambda a, b: special.logsumexp(a, b=b * np.array([1.0, 0.0, 1.0, 0.0]), axis=1), [X, B]),
    "softmax": (special.softmax, [X]),
    "softmax number": (special.softmax, [0.3]),
    "softmax axis": (lambda x: special.softmax(x, axis=0), [X]),
    "softmax axes": (lambda x: special.softmax(x, axis=(-1, 0)), [RNG.standard_normal((2, 3, 4))]),
    "softmax complex": (lambda x: special.softmax(x, axis=1), [Z]),
    "log_softmax": (special.log_softmax, [X]),
    "log_softmax number": (special.log_softmax, [0.3]),
    "log_softmax axis": (lambda x: special.log_softmax(x, axis=-2), [X]),
    "log_softmax axes": (lambda x: special.log_softmax(x, axis=(1, 2)), [RNG.standard_normal((2, 3, 4))]),
    "polygamma": (lambda x: special.polygamma(2, x), [X]),
    "polygamma orders": (lambda x: special.polygamma([[0], [1], [3]], x), [X]),
    "polygamma negative": (lambda x: special.polygamma(0, x), [-X - 0.05]),
    "zeta": (lambda q: special.zeta(2.5, q), [X]),
    "zeta broadcast": (lambda q: special.zeta([[2], [3], [5]], q), [X]),
    "multigammaln": (lambda a: special.multigammaln(a, 3), [X + 1.5]),
    "multigammaln number": (lambda a: special.multigammaln(a, 2), [2.5]),
    "factorial": (special.factorial, [X]),
    "factorial negative": (special.factorial, [REAL]),
    "factorial number": (special.factorial, [1.5]),
    "comb": (special.comb, [X + 2.5, B]),
    "comb outside": (special.comb, [X + 0.05, REAL]),
    "comb in N": (lambda N: special.comb(N, 2), [X + 2.0]),
    "comb in k": (lambda k: special.comb(5, k), [X]),
    "comb repetition": (lambda N, k: special.comb(N, k, repetition=True), [X, B]),
    "perm": (special.perm, [X + 2.5, B]),
    "perm outside": (special.perm, [X + 0.05, REAL]),
    "perm numbers": (special.perm, [4.5, 1.5]),
    "jvp": (lambda z: special.jvp(1.5, z), [X]),
    "jvp n": (lambda z: special.jvp([0, 1, 2, 3], z, 2), [X]),
    "jvp complex": (lambda z: special.jvp(2, z), [Z]),
    "yvp": (lambda z: special.yvp(1, z, 0), [X]),
    "kvp": (lambda z: special.kvp(1.5, z, 3), [X]),
    "ivp": (lambda z: special.ivp(0, z), [X]),
    "h1vp": (lambda z: special.h1vp(1, z), [X]),
    "h2vp": (lambda z: special.h2vp(1, z, n=2), [Z]),
    "lambertw": (special.lambertw, [X]),
    "lambertw branches": (lambda z: special.lambertw(z, [-1, 0, 1, 2]), [Z]),
    "lambertw real branch": (lambda z: special.lambertw(-z, -1).real, [0.1 * X]),
    "diric": (lambda x: special.diric(x, 5), [REAL]),
    "diric orders": (lambda x: special.diric(x, np.array([1, 2, 3, 4])), [REAL]),
    "sinc": (special.sinc, [X]),
    "assoc_laguerre": (lambda x: special.assoc_laguerre(x, 3, 1.5), [X]),
}
for _name in ("spherical_jn", "spherical_yn", "spherical_in", "spherical_kn"):
    _f = getattr(special, _name)
    SAMPLES[_name] = (lambda z, f=_f: f([0, 1, 2, 5], z), [X + 0.5])
    SAMPLES[_name + " derivative"] = (lambda z, f=_f: f([0, 1, 2, 5], z, derivative=True), [X + 0.5])
    SAMPLES[_name + " number"] = (lambda z, f=_f: f(2, z), [0.7])
    SAMPLES[_name + " complex"] = (lambda z, f=_f: f(3, z, True), [Z + 0.5])
if hasattr(special, "softplus"):
    SAMPLES["softplus"] = (special.softplus, [REAL])
# Rounding of a function that falls as steeply as z⁻⁷ or grows like 1000 a.
LOOSE = {"spherical_yn derivative", "spherical_kn derivative", "spherical_yn", "spherical_kn", "logsumexp large"}


@pytest.mark.parametrize("name", SAMPLES)
def test_derivatives_of_all_kinds_agree_with_differences(name):
    f, args = SAMPLES[name]

    check(f, *args, rtol=1e-5 if name in LOOSE else 1e-7)


def test_functions_have_scipys_signatures():
    for name in ("logsumexp", "softmax", "polygamma", "zeta", "comb", "spherical_jn", "lambertw"):
        assert inspect.signature(getattr(special, name)) == inspect.signature(getattr(scipy.special, name))


def test_a_list_of_duals_is_an_array():
    x = np.array([1.0, 2.0])

    assert_allclose(
        dd.grad(lambda x: special.logsumexp([x[0], x[1] ** 2]))(x), special.softmax(x ** [1, 2]) * (1, 2 * x[1])
    )


# Special points.


def both(f, *args):
    """The Jacobians by forward and by reverse mode, which are the same."""
    forward, backward = dd.jacfwd(f)(*args), dd.jacrev(f)(*args)
    assert_array_equal(forward, backward)
    return forward


@pytest.mark.parametrize(
    ("a", "expected"),
    [
        ([-INF, 0.0], [0.0, 1.0]),
        ([-INF, 0.0, 0.0], [0.0, 0.5, 0.5]),
        ([-INF], [1.0]),
        ([-INF, -INF], [0.5, 0.5]),
        ([INF], [1.0]),
        ([INF, 0.0], [1.0, 0.0]),
        ([INF, INF, 0.0, -INF], [0.5, 0.5, 0.0, 0.0]),
        ([800.0, 0.0], [1.0, 0.0]),
        ([-800.0, -800.0], [0.5, 0.5]),
    ],
)
def test_logsumexp_at_infinity(a, expected):
    a = np.array(a)

    assert_allclose(both(special.logsumexp, a), expected)
    # The third entry of a row does not know of the others.
    rows = np.stack([a, np.zeros_like(a)])
    assert_allclose(both(lambda a: special.logsumexp(a, axis=1)[0], rows)[0], expected)
    assert_array_equal(dd.jacfwd(dd.grad(lambda a: special.logsumexp(a)))(a)[~np.isfinite(a)], 0.0)


def test_logsumexp_with_weights_of_zero():
    a, b = np.array([INF, 0.0, np.nan, 1.0]), np.array([0.0, 1.0, 0.0, 2.0])
    share = np.array([0.0, 1.0, 0.0, 2.0 * np.e]) / (1.0 + 2.0 * np.e)

    assert_allclose(both(lambda a: special.logsumexp(a, b=b), a), share)
    a[2] = 0.0
    assert_allclose(both(lambda b: special.logsumexp(a, b=b), b), np.exp(a) / (1.0 + 2.0 * np.e))


def test_logsumexp_of_infinite_entries_shares_as_the_weights_say():
    b = np.array([1.0, 3.0, 5.0])

    assert_allclose(both(lambda a: special.logsumexp(a, b=b), np.array([INF, INF, 0.0])), [0.25, 0.75, 0.0])
    assert_allclose(both(lambda a: special.logsumexp(a, b=b), np.array([-INF, -INF, 0.0])), [0.0, 0.0, 1.0])


def test_logsumexp_of_a_sum_of_zero_is_infinite_on_the_side_of_the_logarithm():
    a, b = np.zeros(2), np.array([1.0, -1.0])

    assert_array_equal(both(lambda a: special.logsumexp(a, b=b, return_sign=True)[0], a), [INF, -INF])


def test_softmax_of_masked_scores():
    x = np.array([0.0, -INF, np.log(3.0)])
    p = np.array([0.25, 0.0, 0.75])

    assert_allclose(both(special.softmax, x), np.diag(p) - np.outer(p, p))
    assert_allclose(both(special.log_softmax, x)[[0, 2]], (np.eye(3) - p)[[0, 2]])


def test_empty_rows_have_empty_derivatives():
    a = np.zeros((2, 0))
    try:
        scipy.special.logsumexp(a, axis=1)
    except ValueError:
        pytest.skip("not in this version of SciPy")

    assert dd.jacfwd(lambda a: special.logsumexp(a, axis=1))(a).shape == (2, 2, 0)
    assert dd.jacrev(lambda a: special.logsumexp(a, axis=1))(a).shape == (2, 2, 0)


def test_diric_is_smooth_where_its_sines_vanish():
    """cos((n − 1)x/2) + ... at 2π m: the slope is 0, the curvature −(n² − 1)/12 times the value ±1."""
    x = np.array([0.0, 2.0 * np.pi, -4.0 * np.pi])

    for n, value in ((5, [1.0, 1.0, 1.0]), (4, [1.0, -1.0, 1.0])):
        f = lambda x, n=n: special.diric(x, n)
        slope, curvature = dd.jvp(lambda x: dd.jvp(f, (x,), (np.ones(3),))[1], (x,), (np.ones(3),))
        assert_allclose(slope, 0.0, atol=1e-13)
        assert_allclose(curvature, -(n**2 - 1) / 12.0 * np.array(value))
    assert np.all(np.isnan(both(lambda x: special.diric(x, 2.5), np.array([0.3]))))


def test_spherical_bessel_functions_at_zero():
    """Taylor series: j₀ = 1 − z²/6 + z⁴/120, j₁ = z/3 − z³/30, j₂ = z²/15; iₙ alike."""
    jn = [(1.0, 0.0, -1 / 3, 0.0, 1 / 5), (0.0, 1 / 3, 0.0, -1 / 5), (0.0, 0.0, 2 / 15)]
    i_n = [(1.0, 0.0, 1 / 3, 0.0, 1 / 5), (0.0, 1 / 3, 0.0, 1 / 5), (0.0, 0.0, 2 / 15)]
    for f, table in ((special.spherical_jn, jn), (special.spherical_in, i_n)):
        for n, expected in enumerate(table):
            g = lambda z, f=f, n=n: f(n, z)
            for value in expected:
                assert_allclose(g(0.0), value, atol=1e-15)
                g = dd.derivative(g)
            assert_allclose(dd.derivative(lambda z, f=f, n=n: f(n, z, True))(0.0), expected[2], atol=1e-15)
    assert [dd.derivative(lambda z, n=n: special.spherical_yn(n, z))(0.0) for n in range(3)] == [INF] * 3
    assert [dd.derivative(lambda z, n=n: special.spherical_kn(n, z))(0.0) for n in range(3)] == [-INF] * 3


def test_lambertw_at_zero_and_at_the_branch_point():
    assert dd.derivative(special.lambertw)(0.0) == 1.0
    assert dd.derivative(dd.derivative(special.lambertw))(0.0) == -2.0


def test_factorials_and_binomials_at_the_border_are_one_sided():
    gamma = np.euler_gamma

    assert_allclose(dd.derivative(special.factorial)(0.0), -gamma)
    assert_allclose(dd.derivative(lambda k: special.comb(3, k))(0.0), 11 / 6)
    assert_allclose(dd.derivative(lambda k: special.comb(3, k))(3.0), -11 / 6)
    assert_array_equal(dd.derivative(lambda k: special.comb(3, k))(3.5), 0.0)
    assert np.isnan(dd.derivative(special.factorial)(np.nan))


# What is refused.


@pytest.mark.parametrize(
    ("f", "x", "message"),
    [
        (lambda n: special.polygamma(n, 1.5), 1.0, "'n'"),
        (lambda x: special.zeta(x, 1.5), 2.0, "'x'"),
        (lambda x: special.zeta(x), 2.0, "'x'"),
        (lambda d: special.multigammaln(4.0, d), 2.0, "'d'"),
        (lambda v: special.jvp(v, 1.0), 2.0, "'v'"),
        (lambda v: special.spherical_jn(v, 1.0), 2.0, "'n'"),
        (lambda k: special.lambertw(1.0, k), 0.0, "'k'"),
        (lambda N: special.comb(N, 2.0, repetition=True), -1.5, "repetition"),
        (lambda n: special.factorial2(n), 3.0, "factorial2 has no derivative rule"),
        (lambda x: special.ellip_harm(5.0, 8.0, 1, 1, x), 2.5, "ellip_harm has no derivative rule"),
    ],
)
def test_what_has_no_derivative_raises(f, x, message):
    for transform in (dd.derivative, dd.grad):
        with pytest.raises(dd.UnsupportedFunction, match=message):
            transform(f)(x)
    with pytest.raises(dd.UnsupportedFunction, match=message):
        f(dd.Variable(x))


def test_counting_with_whole_numbers_raises():
    for f in (special.comb, special.perm):
        for x in (3.0, dd.Variable(3.0)):
            # Of a float, SciPy 1.13 says so itself.
            with pytest.raises(TypeError, match=r"exact|integer"):
                dd.derivative(lambda N, f=f: f(N, 2.0, exact=True))(x) if isinstance(x, float) else f(x, 2, exact=True)


def test_ufuncs_and_everything_else_come_from_here_too():
    assert special.erf is scipy.special.erf
    assert special.roots_legendre(3)[0].tobytes() == scipy.special.roots_legendre(3)[0].tobytes()
    assert dd.derivative(special.erf)(0.0) == 2.0 / np.sqrt(np.pi)
    with pytest.raises(AttributeError):
        special.no_such_function  # noqa: B018


def test_second_derivatives_of_logsumexp_at_weight_zero():
    """∂²/∂a∂b of log(b eᵃ + e) is eᵃ⁻¹ and ∂²/∂b² is −e²ᵃ⁻² at b = 0."""
    f = lambda p: special.logsumexp(np.stack([p[0], 1.0]), b=np.stack([p[1], 1.0]))
    e = np.exp(0.3 - 1.0)

    for outer in (dd.jacfwd, dd.jacrev):
        for inner in (dd.jacfwd, dd.jacrev):
            np.testing.assert_allclose(outer(inner(f))(np.array([0.3, 0.0])), [[0.0, e], [e, -e * e]], rtol=1e-13)
