"""Bessel, elliptic, hypergeometric and orthogonal functions of scipy.special: accuracy, special points, errors.

SciPy's own accuracy bounds ours: kerp and keip near their zeros (1e-11), hyperu (1e-10 and less), besselpoly far out
(1e-9), j0 and y0 beyond 1e4 (its reduction of the argument), itairy.
"""

import warnings

import mpmath as mp
import numpy as np
import pytest
import scipy.special as sc
from numpy.testing import assert_allclose
from scipy.special import _ufuncs

import dualdiff as dd
import dualdiff.special  # enters the rules
from dualdiff.errors import UnsupportedFunction

inf, pi = np.inf, np.pi


def slope(f, x):
    return dd.jvp(f, (x,), (1.0,))[1]


def exactly(f, x):
    """The derivative at 16 digits and more: a central difference, its step 1e-16 of ``x``, its values at 55 digits."""
    with mp.workdps(55):
        x = mp.mpmathify(x)
        h = mp.mpf(10) ** -16 * (abs(x) or 1)
        return (f(x + h) - f(x - h)) / (2 * h)


def assert_accurate(f, reference, points, rtol=1e-12):
    for x in points:
        expected = exactly(reference, x)
        assert_allclose(slope(f, x), complex(expected) if mp.im(expected) else float(mp.re(expected)), rtol=rtol)


# Accuracy.

EVERYWHERE = [-30.0, -3.3, -1e-3, 1e-8, 0.3, 2.2, 24.0, 26.0, 500.0]
POSITIVE = [x for x in EVERYWHERE if x > 0] + [3000.0]
CYLINDER = {
    "jv": (mp.besselj, lambda v, x: 1),
    "yv": (mp.bessely, lambda v, x: 1),
    "iv": (mp.besseli, lambda v, x: 1),
    "kv": (mp.besselk, lambda v, x: 1),
    "ive": (mp.besseli, lambda v, x: mp.exp(-abs(x))),
    "kve": (mp.besselk, lambda v, x: mp.exp(x)),
    "hankel1": (mp.hankel1, lambda v, x: 1),
    "hankel1e": (mp.hankel1, lambda v, x: mp.exp(-1j * x)),
    "hankel2e": (mp.hankel2, lambda v, x: mp.exp(1j * x)),
}


@pytest.mark.parametrize("name", CYLINDER)
@pytest.mark.parametrize("v", [0, 1, 2, 0.5, 3.7, -1, -2.3])
def test_bessel_functions_of_any_order_are_accurate_near_and_far(name, v):
    function, (reference, scale) = getattr(sc, name), CYLINDER[name]
    points = EVERYWHERE if v == int(v) and name in ("jv", "iv", "ive") else POSITIVE
    if name in ("iv", "kv"):  # not those that overflow
        points = [x for x in points if x < 600]

    assert_accurate(lambda x: function(v, x), lambda x: reference(v, x) * scale(v, x), points)


@pytest.mark.parametrize(("name", "v"), [("i0e", 0), ("i1e", 1), ("k0e", 0), ("k1e", 1)])
def test_scaled_functions_of_fixed_order_are_accurate_where_they_change_slowly(name, v):
    reference = mp.besseli if name[0] == "i" else mp.besselk
    sign = -1 if name[0] == "i" else 1
    points = EVERYWHERE if name[0] == "i" else POSITIVE

    assert_accurate(getattr(sc, name), lambda x: reference(v, x) * mp.exp(sign * abs(x)), [*points, 1e5])


@pytest.mark.parametrize("name", ["jve", "yve", "ive", "kve", "hankel1e"])
@pytest.mark.parametrize("z", [0.3 + 0.2j, 2.0 - 1.5j, -3.0 + 0.5j, 30.0 + 7.0j, -2.0 - 40.0j])
def test_scaled_functions_of_complex_numbers_are_differentiated_along_every_direction(name, z):
    reference, scale = {
        "jve": (mp.besselj, lambda z: mp.exp(-abs(mp.im(z)))),
        "yve": (mp.bessely, lambda z: mp.exp(-abs(mp.im(z)))),
        "ive": (mp.besseli, lambda z: mp.exp(-abs(mp.re(z)))),
        "kve": (mp.besselk, mp.exp),
        "hankel1e": (mp.hankel1, lambda z: mp.exp(-1j * z)),
    }[name]
    for direction in (1.0 + 0j, 1j, 0.6 - 0.8j):
        along = lambda t, d=direction: reference(1.5, mp.mpc(z) + t * mp.mpc(d)) * scale(mp.mpc(z) + t * mp.mpc(d))
        with mp.workdps(40):
            expected = complex(mp.diff(along, 0, h=mp.mpf(10) ** -12))
        assert_allclose(dd.jvp(lambda z: getattr(sc, name)(1.5, z), (z,), (direction,))[1], expected, rtol=2e-12)


AIRY = [mp.airyai, lambda x: mp.airyai(x, derivative=1), mp.airybi, lambda x: mp.airybi(x, derivative=1)]


@pytest.mark.parametrize("i", range(4))
def test_airy_functions_are_accurate(i):
    zeta = lambda x: mp.mpf(2) / 3 * x * mp.sqrt(x)
    scale = lambda x: mp.exp(zeta(x)) if i < 2 else mp.exp(-abs(mp.re(zeta(x))))

    assert_accurate(lambda x: sc.airy(x)[i], AIRY[i], [-30.0, -2.0, 0.3, 5.0, 15.0])
    positive = [1e-3, 0.3, 5.0, 15.9, 16.1, 40.0, 1e4]
    assert_accurate(
        lambda x: sc.airye(x)[i], lambda x: AIRY[i](x) * scale(x), positive if i < 2 else [-30.0, -2.0, *positive]
    )


@pytest.mark.parametrize("i", range(4))
def test_kelvin_functions_are_accurate(i):
    reference = [
        lambda x: mp.besselj(0, x * mp.expjpi(0.75)),
        lambda x: mp.besselk(0, x * mp.expjpi(0.25)),
        lambda x: -mp.expjpi(0.75) * mp.besselj(1, x * mp.expjpi(0.75)),
        lambda x: -mp.expjpi(0.25) * mp.besselk(1, x * mp.expjpi(0.25)),
    ][i]
    real, imaginary = [("ber", "bei"), ("ker", "kei"), ("berp", "beip"), ("kerp", "keip")][i]
    for x in (0.001, 2.2, 24.0):
        expected = complex(exactly(reference, x))
        assert_allclose(slope(lambda x: sc.kelvin(x)[i], x), expected, rtol=1e-11)
        assert_allclose(slope(getattr(sc, real), x), expected.real, rtol=1e-11)
        assert_allclose(slope(getattr(sc, imaginary), x), expected.imag, rtol=1e-11)


@pytest.mark.parametrize("v", [-1, -0.5, 0, 1, 2, 3.7])
def test_struve_functions_are_accurate(v):
    points = [1e-8, 1e-3, 0.9, 1.1, 7.0, 40.0, 400.0]

    assert_accurate(lambda x: sc.struve(v, x), lambda x: mp.struveh(v, x), points, rtol=1e-11)
    assert_accurate(lambda x: sc.modstruve(v, x), lambda x: mp.struvel(v, x), points)


ELLIPTIC_PARAMETERS = [-1e4, -3.0, -1e-9, 1e-9, 0.3, 0.99, 1 - 1e-6]


def test_complete_elliptic_integrals_are_accurate_close_to_0_and_1():
    assert_accurate(sc.ellipk, mp.ellipk, ELLIPTIC_PARAMETERS)
    assert_accurate(sc.ellipe, mp.ellipe, ELLIPTIC_PARAMETERS)
    assert_accurate(sc.ellipkm1, lambda p: mp.ellipk(1 - p), [1e-20, 1e-5, 0.3, 1.0, 100.0])


@pytest.mark.parametrize("phi", [-7.0, -1.5, 1e-3, 0.7, 1.6, 4.0])
def test_incomplete_elliptic_integrals_are_accurate_beyond_a_quarter_turn(phi):
    assert_accurate(lambda m: sc.ellipkinc(phi, m), lambda m: mp.ellipf(phi, m), ELLIPTIC_PARAMETERS[1:])
    assert_accurate(lambda m: sc.ellipeinc(phi, m), lambda m: mp.ellipe(phi, m), ELLIPTIC_PARAMETERS[1:])
    for m in (-3.0, 0.0, 0.999):
        assert_accurate(lambda p, m=m: sc.ellipkinc(p, m), lambda p, m=m: mp.ellipf(p, m), [phi])
        assert_accurate(lambda p, m=m: sc.ellipeinc(p, m), lambda p, m=m: mp.ellipe(p, m), [phi])


@pytest.mark.parametrize(("i", "kind"), [(0, "sn"), (1, "cn"), (2, "dn")])
def test_jacobi_functions_are_accurate_in_both_arguments(i, kind):
    for u in (-3.0, 0.1, 2.5):
        assert_accurate(
            lambda m, u=u: sc.ellipj(u, m)[i], lambda m, u=u: mp.ellipfun(kind, u, m), [1e-9, 0.3, 0.99, 0.999999]
        )
    for m in (0.4, 0.99):
        assert_accurate(lambda u, m=m: sc.ellipj(u, m)[i], lambda u, m=m: mp.ellipfun(kind, u, m), [-3.0, 0.1, 2.5])


def test_arithmetic_geometric_mean_is_accurate_for_numbers_of_different_size():
    for b in (1.0, 1e-5):
        assert_accurate(lambda a, b=b: sc.agm(a, b), lambda a, b=b: mp.agm(a, b), [1e-12, 0.5, 1.0, 1.0 + 1e-9, 1e6])
    assert_accurate(lambda a: sc.agm(a, 2e200), lambda a: mp.agm(a, 2e200), [1e200])


ARGUMENTS = [1e-10, 1e-3, 0.3, 1.0, 1 + 1e-9, 1.1, 1e4]
CARLSON = {
    "elliprf": [(1.0, 2.5), (1.0, 1.0), (0.0, 1.0)],
    "elliprd": [(1.0, 2.5), (1.0, 1.0), (0.0, 1.0), (1e-8, 1.0)],
    "elliprg": [(1.0, 2.5), (1.0, 1.0), (0.0, 1.0)],
    "elliprj": [(1.0, 2.5, 1.5), (1.0, 1.0, 1.0), (0.0, 1.0, 2.0), (1e-8, 1.0, 1e-3)],
    "elliprc": [(1.0,), (3.0,)],
}


@pytest.mark.parametrize("name", CARLSON)
def test_symmetric_elliptic_integrals_are_accurate_for_equal_and_for_very_different_arguments(name):
    for others in CARLSON[name]:
        for i in range(len(others) + 1):
            at = lambda f, x, i=i, others=others: f(*others[:i], x, *others[i:])
            rtol = 2e-12 if name == "elliprg" else 1e-12
            assert_accurate(
                lambda x, at=at: at(getattr(sc, name), x), lambda x, at=at: at(getattr(mp, name), x), ARGUMENTS, rtol
            )


def test_principal_values_of_elliptic_integrals_have_derivatives():
    assert_accurate(lambda y: sc.elliprc(1.0, y), lambda y: mp.re(mp.elliprc(1, y)), [-1e-3, -0.5, -100.0])
    assert_accurate(lambda x: sc.elliprc(x, -2.0), lambda x: mp.re(mp.elliprc(x, -2)), [0.3, 2.0])
    assert_accurate(lambda p: sc.elliprj(1.0, 2.0, 3.0, p), lambda p: mp.re(mp.elliprj(1, 2, 3, p)), [-0.1, -2.0])
    assert_accurate(lambda x: sc.elliprj(x, 2.0, 3.0, -1.5), lambda x: mp.re(mp.elliprj(x, 2, 3, -1.5)), [0.3, 1e4])


def test_symmetric_elliptic_integrals_are_analytic():
    z, w = 1.0 + 1.0j, 1.0 + 0.1j
    for name, f in {
        "elliprd": lambda r: lambda x: r(x, w, 2.0),
        "elliprf": lambda r: lambda x: r(1.0, x, w),
        "elliprg": lambda r: lambda x: r(1.0, x, w),
        "elliprj": lambda r: lambda x: r(w, 1.0, x, 1.5),
        "elliprc": lambda r: lambda x: r(x, w),
    }.items():
        with mp.workdps(40):
            expected = complex(mp.diff(f(getattr(mp, name)), z, h=mp.mpf(10) ** -15))
        assert_allclose(dd.jvp(f(getattr(sc, name)), (z,), (1.0 + 0j,))[1], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "parameters", "points"),
    [
        ("hyp0f1", (0.5,), [-50.0, -3.0, 0.0, 20.0]),
        ("hyp0f1", (-2.5,), [-3.0, 0.4]),
        ("hyp1f1", (0.5, 1.5), [-20.0, -3.0, 0.0, 20.0]),
        ("hyp1f1", (-2, 1.5), [-3.0, 0.0, 20.0]),
        ("hyp1f1", (1.2, -0.5), [-3.0, 0.4]),
        ("hyp2f1", (0.5, 1.5, 2.2), [-20.0, -0.9, 0.0, 0.4, 0.95, 0.999999]),
        ("hyp2f1", (1, 1, 2), [-3.0, 0.95, 0.999999]),
        ("hyp2f1", (-2, 3, 1.5), [-20.0, 0.4, 0.999999]),
        ("hyp2f1", (-1, 2, -2), [-3.0, 0.4]),
        ("hyperu", (0.5, 1.5), [0.1, 3.0, 20.0]),
    ],
    ids=str,
)
def test_hypergeometric_functions_are_accurate(name, parameters, points):
    assert_accurate(lambda x: getattr(sc, name)(*parameters, x), lambda x: getattr(mp, name)(*parameters, x), points)


@pytest.mark.parametrize(("m", "v"), [(0, 3), (1, 3), (2, 5), (2, 1), (0, 2.5), (1, 2.5), (2, 2.5), (-1, 3), (-2, 5)])
def test_associated_legendre_functions_are_accurate_close_to_the_ends(m, v):
    assert_accurate(
        lambda x: sc.lpmv(m, v, x), lambda x: mp.re(mp.legenp(v, m, x, type=2)), [-0.9, 0.1, 1 - 1e-7], rtol=1e-10
    )


# Special points.

POLYNOMIALS = {
    "eval_legendre": np.polynomial.Legendre,
    "eval_chebyt": np.polynomial.Chebyshev,
    "eval_hermite": np.polynomial.Hermite,
    "eval_hermitenorm": np.polynomial.HermiteE,
    "eval_laguerre": np.polynomial.Laguerre,
}


@pytest.mark.parametrize("name", POLYNOMIALS)
@pytest.mark.parametrize("n", range(7))
def test_orthogonal_polynomials_have_numpys_derivative_at_the_ends_too(name, n):
    series = POLYNOMIALS[name].basis(n)
    x = np.array([-1.0, -0.3, 0.0, 0.7, 1.0])

    assert_allclose(slope_of(lambda x: getattr(sc, name)(n, x), x), series.deriv()(x), rtol=1e-12, atol=1e-12)
    second = slope_of(lambda x: slope_of(lambda x: getattr(sc, name)(n, x), x), x)
    assert_allclose(second, series.deriv(2)(x), rtol=1e-12, atol=1e-12)


def slope_of(f, x):
    return dd.jvp(f, (x,), (np.ones_like(x),))[1]


@pytest.mark.parametrize(
    ("f", "end", "expected"),
    [
        (lambda x: sc.eval_chebyu(4, x), 1.0, 40.0),  # n (n + 1) (n + 2) / 3
        (lambda x: sc.eval_chebyu(4, x), -1.0, -40.0),
        (lambda x: sc.eval_chebyu(-6, x), 1.0, -40.0),
        (lambda x: sc.eval_legendre(-5, x), 1.0, 10.0),  # P₄
        (lambda x: sc.eval_legendre(4.0, x), 1.0, 10.0),
        (lambda x: sc.eval_legendre(np.uint8(0), x), 1.0, 0.0),
        (lambda x: sc.eval_legendre(0.0, x), -1.0, 0.0),
        (lambda x: sc.eval_sh_legendre(4, x), 1.0, 20.0),
        (lambda x: sc.eval_sh_chebyt(3, x), 0.0, 18.0),
        (lambda x: sc.eval_chebyc(3, x), 2.0, 9.0),
        (lambda x: sc.eval_chebys(3, x), 2.0, 10.0),
        (lambda x: sc.eval_jacobi(0, 0.5, 1.5, x), 1.0, 0.0),
        (lambda x: sc.eval_jacobi(2, 0.0, 0.0, x), 1.0, 3.0),
        (lambda x: sc.eval_gegenbauer(3, 1.5, x), 1.0, 45.0),  # P₄''
        (lambda x: sc.eval_genlaguerre(2, 1.0, x), 0.0, -3.0),
        (lambda x: sc.lpmv(0, 3, x), 1.0, 6.0),
        (lambda x: sc.lpmv(0, 3, x), -1.0, 6.0),
        (lambda x: sc.lpmv(1, 3, x), 1.0, inf),
        (lambda x: sc.lpmv(1, 3, x), -1.0, -inf),
        (lambda x: sc.lpmv(2, 3, x), 1.0, -30.0),
        (lambda x: sc.lpmv(3, 3, x), 1.0, 0.0),
        (lambda x: sc.lpmv(2, 2, x), -1.0, 6.0),
    ],
)
def test_polynomials_at_the_ends_have_the_true_slope(f, end, expected):
    assert_allclose(slope(f, end), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("f", "x", "first", "second"),
    [
        (sc.j0, 0.0, 0.0, -0.5),
        (sc.j1, 0.0, 0.5, 0.0),
        (lambda x: sc.jv(0, x), 0.0, 0.0, -0.5),
        (lambda x: sc.jv(1, x), 0.0, 0.5, 0.0),
        (lambda x: sc.jv(2, x), 0.0, 0.0, 0.25),
        (lambda x: sc.jv(0.5, x), 0.0, inf, -inf),
        (lambda x: sc.jv(1.5, x), 0.0, 0.0, inf),
        (lambda x: sc.iv(0.5, x), 0.0, inf, -inf),
        (lambda x: sc.iv(2, x), 0.0, 0.0, 0.25),
        (lambda x: sc.ive(1, x), 0.0, 0.5, 0.0),
        (lambda x: sc.ive(0.5, x), 0.0, inf, None),
        (sc.i0, 0.0, 0.0, 0.5),
        (sc.i0e, 0.0, 0.0, None),  # a kink, as of |x|
        (sc.y0, 0.0, inf, -inf),
        (sc.y1, 0.0, inf, -inf),
        (lambda x: sc.yn(2, x), 0.0, inf, -inf),
        (sc.k0, 0.0, -inf, inf),
        (sc.k0e, 0.0, -inf, inf),
        (lambda x: sc.kve(1, x), 0.0, -inf, inf),
        (lambda x: sc.iv(0, x), 800.0, inf, inf),
        (lambda x: sc.kve(0, x), 1e8, -6.2665706571e-13, None),
        (lambda x: sc.ive(0, x), -1e8, 1.9947114020e-13, None),
        (sc.ber, 0.0, 0.0, 0.0),
        (sc.bei, 0.0, 0.0, 0.5),
        (sc.beip, 0.0, 0.5, 0.0),
        (sc.ker, 0.0, -inf, inf),
        (sc.kei, 0.0, 0.0, inf),
        (lambda x: sc.struve(0, x), 0.0, 2 / pi, 0.0),
        (lambda x: sc.struve(1, x), 0.0, 0.0, 4 / (3 * pi)),
        (lambda x: sc.struve(-1, x), 0.0, 0.0, -4 / (3 * pi)),
        (lambda x: sc.modstruve(0, x), 0.0, 2 / pi, 0.0),
        (sc.it2struve0, 0.0, -2 / pi, 0.0),
        (lambda x: sc.it2j0y0(x)[0], 0.0, 0.0, 0.25),
        (lambda x: sc.it2i0k0(x)[0], 0.0, 0.0, 0.25),
        (lambda a: sc.besselpoly(a, 1.0, 1), 0.0, 1 / 3, 0.0),
        (sc.ellipk, 0.0, pi / 8, 9 * pi / 64),
        (sc.ellipe, 0.0, -pi / 8, -3 * pi / 64),
        (sc.ellipkm1, 1.0, -pi / 8, 9 * pi / 64),
        (sc.ellipk, 1.0, inf, None),
        (sc.ellipe, 1.0, -inf, -inf),
        (sc.ellipkm1, 0.0, -inf, None),
        (lambda p: sc.ellipeinc(p, 0.5), 0.0, 1.0, 0.0),
        (lambda m: sc.ellipkinc(0.0, m), 0.5, 0.0, 0.0),
        (lambda u: sc.ellipj(u, 1.0)[0], 0.0, 1.0, 0.0),
        (lambda m: sc.ellipj(0.0, m)[2], 0.3, 0.0, 0.0),
        (lambda a: sc.agm(a, 2.0), 2.0, 0.5, -1 / 16),
        (lambda a: sc.agm(a, 2.0), 0.0, inf, None),
        (lambda x: sc.elliprf(x, 1.0, 1.0), 1.0, -1 / 6, 3 / 20),
        (lambda x: sc.elliprf(x, x, x), 4.0, -1 / 16, 3 / 128),
        (lambda x: sc.elliprd(x, x, x), 1.0, -1.5, 3.75),
        (lambda x: sc.elliprj(x, x, x, x), 1.0, -1.5, 3.75),
        (lambda x: sc.elliprg(x, x, x), 4.0, 0.25, -1 / 32),
        (lambda x: sc.elliprc(x, x), 4.0, -1 / 16, 3 / 128),
        (lambda x: sc.elliprf(x, 1.0, 2.0), 0.0, -inf, None),
        (lambda x: sc.elliprj(x, 1.0, 2.0, 3.0), 0.0, -inf, None),
        (lambda x: sc.hyp1f1(0, 1.5, x), 0.3, 0.0, 0.0),
        (lambda x: sc.hyp2f1(0.5, 0.5, 1.5, x), 1.0, inf, inf),
        (lambda x: sc.airy(x)[3], 0.0, 0.0, sc.airy(0.0)[2]),
    ],
)
def test_special_points_have_the_true_first_and_second_derivative(f, x, first, second):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_allclose(slope(f, x), first, rtol=1e-9, atol=1e-15)
        if second is not None:
            assert_allclose(slope(lambda x: slope(f, x), x), second, rtol=1e-12, atol=1e-15)


def test_derivatives_of_bessel_functions_at_zero_nest_to_any_order():
    taylor, f = [], sc.j1
    for _ in range(6):
        taylor.append(float(f(0.0)))
        f = lambda x, f=f: slope(f, x)

    assert_allclose(taylor, [0, 1 / 2, 0, -3 / 8, 0, 5 / 16], atol=1e-15)


def test_third_derivatives_of_elliptic_integrals_nest():
    third = lambda f, x: slope(lambda x: slope(lambda x: slope(f, x), x), x)

    assert_allclose(third(sc.ellipk, 0.0), pi / 2 * 6 * (15 / 48) ** 2, rtol=1e-12)
    assert_allclose(third(lambda x: sc.elliprj(x, x, x, x), 1.0), -1.5 * 2.5 * 3.5, rtol=1e-12)
    assert_allclose(third(lambda x: sc.elliprd(x, 1.0, 1.0), 1.0), float(mp.diff(lambda x: mp.elliprd(x, 1, 1), 1, 3)))


def test_an_infinite_derivative_leaves_other_entries_alone():
    x = np.array([0.0, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for f, derivative in ((sc.y0, lambda x: -sc.y1(x)), (sc.k0, lambda x: -sc.k1(x)), (sc.ellipkm1, None)):
            for jacobian in (dd.jacfwd(f)(x), dd.jacrev(f)(x)):
                assert np.isinf(jacobian[0, 0])
                assert jacobian[0, 1] == 0
                assert jacobian[1, 0] == 0
                if derivative:
                    assert_allclose(jacobian[1, 1], derivative(1.0))


# Wave functions.


def test_spherical_harmonics_of_older_scipy_have_derivatives_at_the_poles():
    if not isinstance(getattr(sc, "sph_harm", None), np.ufunc):
        pytest.skip("SciPy has no sph_harm")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert_allclose(slope(lambda phi: sc.sph_harm(0, 2, 0.4, phi), 0.0), 0.0, atol=1e-15)
        expected = -np.sqrt(15 / (8 * pi)) * np.exp(0.4j)
        assert_allclose(slope(lambda phi: sc.sph_harm(1, 2, 0.4, phi), 0.0), expected)


@pytest.mark.parametrize("name", ["mathieu_cem", "mathieu_sem", "pbdv", "pbvv", "pbwa"])
def test_first_derivative_of_a_wave_function_is_scipys_own(name):
    parameters = {"m": (2, 1.3), "p": (1.5,)}[name[0]]
    x = 0.4
    scale = pi / 180 if name.startswith("mathieu") else 1.0
    _, derivative = getattr(sc, name)(*parameters, x)

    assert_allclose(slope(lambda x: getattr(sc, name)(*parameters, x)[0], x), scale * derivative)


@pytest.mark.parametrize("name", ["pro_ang1", "obl_ang1", "pro_rad1", "obl_rad1", "pro_rad2", "obl_rad2"])
def test_spheroidal_functions_are_refused_before_scipy_is_called(name):
    """SciPy 1.13 to 1.17: a double free in obl_cv, and values that break the Wronskian relation."""
    with pytest.raises(UnsupportedFunction, match="write beyond their memory"):
        slope(lambda x: getattr(sc, name)(1, 2, 1.3, x)[0], 1.5)


# Types and errors.


@pytest.mark.parametrize("name", ["hankel1", "hankel2", "hankel1e", "hankel2e"])
def test_hankel_functions_of_real_numbers_have_complex_derivatives(name):
    f = getattr(sc, name)
    for order in (1, 1.0, np.float64(1.0), np.array(1.0)):
        x = np.array([0.7, 1.5])
        ydot = slope_of(lambda x, order=order: f(order, x), x)
        assert ydot.dtype == np.complex128
        assert np.all(np.imag(ydot) != 0)
        cotangent = np.array([1.0 + 2.0j, 0.5j])
        pulled = dd.vjp(lambda x, order=order: f(order, x), x)[1](cotangent)[0]
        assert_allclose(pulled, np.real(cotangent * ydot))


def test_single_precision_with_a_python_int_keeps_the_dtype_of_the_value():
    x = np.float32([0.3, 0.7])
    for f in (
        lambda x: sc.jv(2, x),
        lambda x: sc.yn(2, x),
        lambda x: sc.kn(2, x),
        lambda x: sc.eval_legendre(2, x),
        lambda x: sc.lpmv(1, 2, x),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # SciPy takes the int for a float, and warns of it
            y, ydot = dd.jvp(f, (x,), (np.ones_like(x),))
        assert y.dtype == ydot.dtype
        assert_allclose(ydot, slope_of(f, x.astype(float)), rtol=1e-5)


ORDERS = [
    ("jv", "v"), ("jve", "v"), ("yv", "v"), ("yve", "v"), ("iv", "v"), ("ive", "v"), ("kv", "v"), ("kve", "v"),
    ("yn", "n"), ("kn", "n"), ("hankel1", "v"), ("hankel2e", "v"), ("struve", "v"), ("modstruve", "v"),
    ("hyp0f1", "v"), ("eval_legendre", "n"), ("eval_laguerre", "n"), ("pbdv", "v"), ("pbwa", "a"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "argument"), ORDERS)
def test_a_dual_in_the_order_raises_and_says_so(name, argument):
    f = getattr(sc, name)
    for program in (lambda v: f(v, 0.7), lambda v: f(v, v + 0.5), lambda v: f(v, np.array([0.7, 0.8]))):
        with pytest.raises(UnsupportedFunction, match=f"{name} has no derivative in its argument '{argument}'"):
            slope(program, 2.0)
    # The order of an outer level, too.
    with pytest.raises(UnsupportedFunction, match="no derivative in its argument"):
        slope(lambda v: slope(lambda x: f(v, x), 0.7), 2.0)


@pytest.mark.parametrize("name", ["jve", "yve", "ive"])
def test_a_dual_in_the_order_raises_beside_a_complex_argument(name):
    with pytest.raises(UnsupportedFunction, match="no derivative in its argument"):
        slope(lambda v: getattr(sc, name)(v, 0.7 + 0.2j), 2.0)


@pytest.mark.parametrize(
    ("name", "args", "place"),
    [
        ("hyp1f1", (0.5, 1.5, 0.3), 0),
        ("hyp1f1", (0.5, 1.5, 0.3), 1),
        ("hyp2f1", (0.5, 1.5, 2.5, 0.3), 2),
        ("hyperu", (0.5, 1.5, 0.3), 1),
        ("eval_jacobi", (2.0, 0.5, 1.5, 0.3), 1),
        ("eval_gegenbauer", (2.0, 0.5, 0.3), 1),
        ("eval_genlaguerre", (2.0, 0.5, 0.3), 1),
        ("lpmv", (1.0, 2.0, 0.3), 1),
        ("besselpoly", (0.5, 1.5, 0.3), 2),
        ("mathieu_cem", (2.0, 0.5, 30.0), 1),
    ],
)
def test_a_dual_in_a_parameter_raises(name, args, place):
    with pytest.raises(UnsupportedFunction, match=f"{name} has no derivative in its argument"):
        slope(lambda t: getattr(sc, name)(*args[:place], t, *args[place + 1 :]), args[place])


@pytest.mark.parametrize("name", ["mathieu_a", "mathieu_b"])
def test_characteristic_values_are_refused_with_a_reason(name):
    with pytest.raises(UnsupportedFunction, match="integral of the square"):
        slope(lambda q: getattr(sc, name)(1, q), 0.5)


def test_spherical_bessel_ufuncs_have_rules_for_both_of_their_forms():
    for name, reference in (("jn", mp.besselj), ("yn", mp.bessely), ("in", mp.besseli), ("kn", mp.besselk)):
        function = getattr(_ufuncs, f"_spherical_{name}")
        derivative = getattr(_ufuncs, f"_spherical_{name}_d")
        for n in (0, 1, 4):
            exact = lambda x, n=n, f=reference: mp.sqrt(mp.pi / (2 * x)) * f(n + mp.mpf(1) / 2, x)
            assert_accurate(lambda x, n=n, f=function: f(np.array(n), x), exact, [0.3, 2.0, 30.0])
            assert_allclose(
                slope(lambda x, n=n, f=derivative: f(np.array(n), x), 2.0), float(mp.diff(exact, 2, 2)), rtol=1e-12
            )


# Parameters where SciPy's own functions overflow, fail or are wrong.


def nearly(f, x):
    with mp.workdps(40):
        return float(mp.diff(f, mp.mpf(x)))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("legendre", ()), ("sh_legendre", ()), ("chebyt", ()), ("chebyu", ()), ("chebyc", ()), ("chebys", ()),
        ("sh_chebyt", ()), ("sh_chebyu", ()), ("gegenbauer", (1.5,)), ("jacobi", (1.5, 0.3)), ("sh_jacobi", (2.5, 1.3)),
        ("laguerre", ()), ("genlaguerre", (0.4,)),
    ],
)  # fmt: skip
def test_polynomials_of_a_high_degree_of_type_float_have_the_slope_of_those_of_type_int(name, parameters):
    function = getattr(sc, f"eval_{name}")
    for degree in (3, 171, 200, 500):
        expected = slope(lambda x, n=degree: function(n, *parameters, x), 0.1)
        assert_allclose(slope(lambda x, n=degree: function(float(n), *parameters, x), 0.1), expected, rtol=1e-14)
    degrees = np.array([3, 200])
    mixed = np.array([3.0, 2.5, 200.0])
    got = slope(lambda x: function(mixed, *parameters, x), 0.1)
    assert_allclose(got[[0, 2]], slope(lambda x: function(degrees, *parameters, x), 0.1), rtol=1e-14)
    assert_allclose(got[1], slope(lambda x: function(2.5, *parameters, x), 0.1), rtol=1e-14)


def test_slope_of_a_legendre_polynomial_of_degree_500_is_that_of_mpmath():
    assert_allclose(slope(lambda x: sc.eval_legendre(500.0, x), 0.1), nearly(lambda x: mp.legendre(500, x), 0.1), 1e-11)
    assert_allclose(slope(lambda x: sc.eval_chebyu(200.0, x), 0.1), nearly(lambda x: mp.chebyu(200, x), 0.1), 1e-11)


@pytest.mark.parametrize("n", [1e-300, -1e-300, 1e-17])
def test_polynomials_of_a_degree_next_to_0_are_nearly_constant(n):
    assert_allclose(slope(lambda x: sc.eval_legendre(n, x), 0.3), n / 1.3, rtol=1e-14)
    theta = np.arccos(0.3)
    expected = n * (theta - np.sin(theta) * np.cos(theta)) / np.sin(theta) ** 3
    assert_allclose(slope(lambda x: sc.eval_chebyu(n, x), 0.3), expected, rtol=1e-13)
    for function in (sc.eval_chebyt, sc.eval_chebyc):
        assert abs(slope(lambda x, f=function: f(n, x), 0.3)) < 1e-33


@pytest.mark.parametrize(("a", "b", "x"), [
    (40.0, -0.37, -0.37), (100.0, 50.0, -10.0), (2.5, 1.5, -30.0), (1e-10, 0.5, 0.3), (5.5, -3.3, 20.0),
    (0.5, 1.5, -500.0), (-7.3, 2.2, 30.0), (0.5, 1.5, 0.0), (-3.0, 1.5, 1e-12),
])  # fmt: skip
def test_kummers_function_has_the_slope_that_two_expressions_confirm(a, b, x):
    with mp.workdps(40):
        expected = float(mp.mpf(a) / mp.mpf(b) * mp.hyp1f1(a + 1, mp.mpf(b) + 1, x))

    assert_allclose(slope(lambda x: sc.hyp1f1(a, b, x), x), expected, rtol=1e-12)


@pytest.mark.parametrize("b", [0.8, 0.2, -1e-6, 1e-9])
def test_kummers_function_has_the_slope_nan_where_no_two_expressions_agree(b):
    with mp.workdps(40):
        expected = float(mp.mpf(300) / mp.mpf(b) * mp.hyp1f1(301, mp.mpf(b) + 1, mp.mpf(-0.37)))
    got = slope(lambda x: sc.hyp1f1(300.0, b, x), -0.37)

    assert np.isnan(got) or abs(got / expected - 1) < 1e-8


@pytest.mark.parametrize(("a", "b", "coefficients"), [
    (-1.0, -2.0, [0.5]), (-1.0, -1.0, [1.0]), (-2.0, -2.0, [1.0, 1.0]), (-2.0, -3.0, [2 / 3, 1 / 3]),
    (-1.0, 2.5, [-0.4]),
])  # fmt: skip
def test_kummers_polynomials_of_a_negative_whole_second_parameter_have_slopes(a, b, coefficients):
    for x in (0.0, 0.7, -3.0):
        expected = np.polynomial.polynomial.polyval(x, coefficients)
        assert_allclose(slope(lambda x: sc.hyp1f1(a, b, x), x), expected, rtol=1e-13)
        second = np.polynomial.polynomial.polyval(x, np.polynomial.polynomial.polyder(coefficients))
        assert_allclose(slope(lambda x: slope(lambda x: sc.hyp1f1(a, b, x), x), x), second, rtol=1e-12)


def test_tricomis_function_and_a_jacobi_function_have_slopes_where_their_neighbours_fail():
    expected = nearly(lambda x: mp.hyperu(mp.mpf(0.8), 40, x), 1.7)
    assert_allclose(slope(lambda x: sc.hyperu(0.8, 40.0, x), 1.7), expected, rtol=1e-11)
    expected = nearly(lambda x: mp.jacobi(0.5, mp.mpf(-0.3), 0.5, x), 15.0)
    assert_allclose(slope(lambda x: sc.eval_jacobi(0.5, -0.3, 0.5, x), 15.0), expected, rtol=1e-12)
    expected = nearly(lambda x: mp.legendre(mp.mpf(-7.3), 2 * x - 1), 1e-6)
    assert_allclose(slope(lambda x: sc.eval_sh_legendre(-7.3, x), 1e-6), expected, rtol=1e-9)


def test_orders_that_scipy_truncates_are_truncated_in_the_slope_too():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy's own about the order
        for function in (sc.kn, sc.yn):
            for v in (0.1, 1.9, 2.5):
                got = slope(lambda x, f=function, v=v: f(v, x), 1.0)
                assert_allclose(got, slope(lambda x, f=function, v=v: f(int(v), x), 1.0), rtol=1e-14)
        assert_allclose(slope(lambda x: sc.kn(0.1, x), 1.0), -sc.k1(1.0), rtol=1e-14)


def test_modified_struve_functions_of_high_order_do_not_overflow_in_a_factor():
    expected = nearly(lambda x: mp.struvel(mp.mpf(170.3), x), 500.0)
    assert_allclose(slope(lambda x: sc.modstruve(170.3, x), 500.0), expected, rtol=1e-11)
    assert slope(lambda x: sc.modstruve(500.0, x), 33.0) == 0.0


def test_elliptic_integrals_of_zeros_and_means_of_very_different_numbers_have_slopes():
    for place in range(3):
        arguments = lambda x, i=place: [x if j == i else 0.0 for j in range(3)]
        assert_allclose(slope(lambda x: sc.elliprg(*arguments(x)), 4.0), 0.125, rtol=1e-15)
        assert_allclose(slope(lambda x: slope(lambda x: sc.elliprg(*arguments(x)), x), 4.0), -1 / 64, rtol=1e-14)
    # The mixed derivative is infinite.
    mixed = slope(lambda y: slope(lambda x: sc.elliprg(x, y, 0.0), 1.0), 0.0)
    assert not np.isfinite(mixed)
    for a, b in ((500.0, 1e-200), (1e12, 3.0), (1e9, 3.0), (1e-9, 3.0), (1e-12, 3.0)):
        assert_allclose(
            slope(lambda a, b=b: sc.agm(a, b), a), nearly(lambda a, b=b: mp.agm(a, mp.mpf(b)), a), rtol=1e-12
        )
    assert slope(lambda a: sc.agm(a, 0.0), 3.0) == 0.0
