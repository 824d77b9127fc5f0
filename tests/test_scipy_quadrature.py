"""Integrals of functions: singular ends, several variables, many values; derivatives of closed forms, in both modes."""

import math

import mpmath
import numpy as np
import pytest
import scipy.integrate
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.scipy import integrate, nodes, panels

D = dd.derivative

# (integral as a function of one parameter, its closed form in mpmath, the parameter)
SINGULAR = {
    "x**(a-1)": (lambda a: integrate.quad(lambda x: x ** (a - 1), 0, 1), lambda a: 1 / a, 0.3),
    "log(x) x**a": (lambda a: integrate.quad(lambda x: np.log(x) * x**a, 0, 1), lambda a: -1 / (a + 1) ** 2, 0.7),
    "a root": (lambda a: integrate.quad(lambda x: np.sqrt(x) * a**2, 0, 1), lambda a: a**2 * mpmath.mpf(2) / 3, 0.7),
    "beta function": (
        lambda a: integrate.quad(lambda x: x ** (a - 1) * (1 - x) ** (a / 2 - 1), 0, 1),
        lambda a: mpmath.beta(a, a / 2),
        1.3,
    ),
    "gamma function": (
        lambda a: integrate.quad(lambda x: x ** (a - 1) * np.exp(-x), 0, np.inf),
        lambda a: mpmath.gamma(a),
        0.6,
    ),
    "a slow tail": (lambda a: integrate.quad(lambda x: x ** (-1 - a), 1, np.inf), lambda a: 1 / a, 0.7),
    "Student's": (
        lambda a: integrate.quad(lambda x: (1 + x * x / a) ** (-(a + 1) / 2), -np.inf, np.inf),
        lambda a: mpmath.sqrt(mpmath.pi * a) * mpmath.gamma(a / 2) / mpmath.gamma((a + 1) / 2),
        2.0,
    ),
    "a limit": (lambda b: integrate.quad(lambda x: 1 / np.sqrt(x), 0, b), lambda b: 2 * mpmath.sqrt(b), 0.7),
    "a limit, reversed": (lambda b: integrate.quad(lambda x: 1 / np.sqrt(x), b, 0), lambda b: -2 * mpmath.sqrt(b), 0.7),
    "both limits, and a root there": (
        lambda r: integrate.quad(lambda x: np.sqrt(r * r - x * x), -r, r),
        lambda r: mpmath.pi * r * r / 2,
        0.7,
    ),
    "log at the upper end": (
        lambda a: integrate.quad(lambda x: np.log(1 - x) * a * x**a, 0, 1),
        lambda a: -a * (mpmath.digamma(a + 2) + mpmath.euler) / (a + 1),
        0.7,
    ),
    "weight alg": (
        lambda a: integrate.quad(lambda x: np.exp(a * x), 0, 1, weight="alg", wvar=(-0.5, -0.25)),
        lambda a: mpmath.beta(0.5, 0.75) * mpmath.hyp1f1(0.5, 1.25, a),
        0.7,
    ),
    "weight alg-loga, exponent": (
        lambda a: integrate.quad(lambda x: 1.0, 0, 1, weight="alg-loga", wvar=(a, 0.0)),
        lambda a: -1 / (a + 1) ** 2,
        0.7,
    ),
    "weight cos, frequency": (
        lambda a: integrate.quad(lambda x: x, 0, 1, weight="cos", wvar=10 * a),
        lambda a: mpmath.sin(10 * a) / (10 * a) + (mpmath.cos(10 * a) - 1) / (10 * a) ** 2,
        0.7,
    ),
}
SEVERAL = {
    "a rectangle": (
        lambda a: integrate.dblquad(lambda y, x: np.exp(-a * x) * y, 0, 1, 0, a),
        lambda a: (1 - mpmath.exp(-a)) / a * a**2 / 2,
        0.7,
    ),
    "a triangle": (
        lambda a: integrate.dblquad(lambda y, x, c: c * x * y, 0, a, 0, lambda x: x * a, args=(a,)),
        lambda a: a**7 / 8,
        0.7,
    ),
    "nquad": (
        lambda a: integrate.nquad(lambda x, y, c: c * x * y, [lambda y, c: (0, y * c), (0, a)], args=(a,)),
        lambda a: a**3 * a**4 / 8,
        0.7,
    ),
    "nquad with points that move": (
        lambda a: integrate.nquad(
            lambda x, y: np.abs(x - a * y), [[0, 1], [0, 1]], opts=[lambda y: {"points": [a * y]}, {}]
        ),
        lambda a: a**2 / 3 + 0.5 - a / 2,
        0.7,
    ),
    "many values": (
        lambda a: [np.sum(integrate.quad_vec(lambda x: np.array([np.exp(-a * x), a * x]), 0, a)[0])],
        lambda a: (1 - mpmath.exp(-a * a)) / a + a**3 / 2,
        0.7,
    ),
    "many singular values": (
        lambda a: [np.sum(integrate.quad_vec(lambda x: x ** (np.array([-0.5, 0.0]) * a), 0, 1)[0])],
        lambda a: 1 / (1 - a / 2) + 1,
        0.7,
    ),
    "one value of quad_vec, to infinity": (
        lambda a: integrate.quad_vec(lambda x: np.exp(-a * x), a, np.inf),
        lambda a: mpmath.exp(-a * a) / a,
        0.7,
    ),
    "a complex one": (
        lambda a: [integrate.quad(lambda x: np.exp(1j * a * x), 0, 1, complex_func=True)[0].imag],
        lambda a: (1 - mpmath.cos(a)) / a,
        0.7,
    ),
}


@pytest.mark.parametrize("name", [*SINGULAR, *SEVERAL])
def test_an_integral_has_the_derivatives_of_its_closed_form(name):
    call, closed, a = (SINGULAR | SEVERAL)[name]
    f = lambda a: call(a)[0]
    value, first, second = (float(mpmath.diff(closed, a, n)) for n in range(3))

    assert_allclose(f(a), value, rtol=1e-7)
    assert_allclose([D(f)(a), dd.grad(f)(a)], first, rtol=1e-9)
    assert_allclose([D(D(f))(a), dd.grad(D(f))(a)], second, rtol=1e-8, atol=1e-9)
    # Once more, which is often enough for a program.
    assert dd.jvp(f, (a,), (1.0,))[0] == dd.value_and_grad(f)(a)[0] == f(a)


def test_integrals_within_integrals():
    f = lambda a: integrate.tplquad(lambda z, y, x: a * x * y * z, 0, a, 0, lambda x: x, 0, lambda x, y: y)[0]
    assert_allclose([D(f)(0.7), dd.grad(f)(0.7)], 7 * 0.7**6 / 48, rtol=1e-10)
    f = lambda a: integrate.quad(lambda x: integrate.quad(lambda y: a * a * x * y, 0, x)[0], 0, a)[0]
    assert_allclose([D(f)(0.7), dd.grad(f)(0.7)], 6 * 0.7**5 / 8, rtol=1e-10)


def test_the_moment_of_a_disc_whose_radius_moves():
    def moment(r):
        return integrate.dblquad(
            lambda y, x: x * x + r * y * y, -r, r, lambda x: -np.sqrt(r * r - x * x), lambda x: np.sqrt(r * r - x * x)
        )[0]

    assert_allclose(D(moment)(0.7), np.pi / 4 * (4 * 0.7**3 + 5 * 0.7**4), rtol=1e-9)


def test_gradients_in_a_vector_of_parameters_agree_in_both_modes():
    p = np.array([0.3, 0.7, 1.1])
    f = lambda p: integrate.quad(lambda x: np.polyval(p, x) * np.exp(-p[0] * x), 0, p[2])[0]

    assert_allclose(dd.grad(f)(p), dd.jacfwd(f)(p), rtol=1e-12)
    assert_allclose(dd.hessian(f)(p), dd.jacfwd(dd.jacfwd(f))(p), rtol=1e-10)
    dd.check_grads(f, (p,))


def test_a_variable_enters_an_integral():
    a = dd.Variable(0.7)
    integral = integrate.quad(lambda x: np.exp(-a * x), 0.0, 1.0)[0]
    integral.backward()

    assert_allclose(a.grad, D(lambda a: (1 - np.exp(-a)) / a)(0.7), rtol=1e-12)


def math_of(y, x, a):
    return math.exp(-a * x) * y


UNCHANGED = {
    "quad": lambda a: scipy.integrate.quad(lambda x: math.exp(-a * x), 0, 1)[0],
    "dblquad": lambda a: scipy.integrate.dblquad(math_of, 0, a, 0, lambda x: math.sqrt(x), args=(a,))[0],
    "nquad": lambda a: scipy.integrate.nquad(math_of, [lambda x, a: [0, math.sqrt(a) * x], [0, 1]], args=[a])[0],
    "quad_vec": lambda a: scipy.integrate.quad_vec(lambda x: math.exp(-a * x), 0, a)[0],
}


@pytest.mark.parametrize("name", UNCHANGED)
def test_scipys_own_functions_in_a_users_code_have_derivatives(name):
    f = UNCHANGED[name]
    slope = (f(0.7001) - f(0.6999)) / 0.0002

    assert_allclose([D(f)(0.7), dd.grad(f)(0.7)], slope, rtol=1e-6)
    assert dd.value_and_grad(f)(0.7)[0] == f(0.7)


def test_without_derivatives_everything_is_scipys():
    f = lambda y, x: np.exp(-x * y)
    for name, args, options in (
        ("quad", (np.exp, 0, 1), {"full_output": True, "limit": 3}),
        ("dblquad", (f, 0, 1, 0, lambda x: x), {}),
        ("tplquad", (lambda z, y, x: x * y * z, 0, 1, 0, 1, 0, lambda x, y: x + y), {"epsabs": 1e-6}),
        ("nquad", (f, [[0, 1], lambda: (0, 1)]), {"full_output": True}),
        ("quad_vec", (np.exp, 0, 1), {}),
    ):
        theirs, ours = getattr(scipy.integrate, name)(*args, **options), getattr(integrate, name)(*args, **options)
        assert ours[:2] == theirs[:2]
    with pytest.raises(TypeError, match="missing"):
        integrate.dblquad(f)


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
@pytest.mark.parametrize("transform", [D, dd.grad])
def test_what_diverges_is_refused(transform):
    for f in (
        lambda a: integrate.quad(lambda x: a / x, 0, 1)[0],
        lambda a: integrate.quad(lambda x: a * x**-1.5, 0, 1)[0],
        lambda a: integrate.quad(lambda x: np.sin(a * x) / x, 0, np.inf)[0],
        lambda a: integrate.quad_vec(lambda x: np.array([x, np.log(x + a - 1.0 + 1e-300)]), 0, 1)[0][1],
        lambda a: integrate.dblquad(lambda y, x: np.log(x + a - 1.0) * y, 0, 1, 0, 1)[0],
    ):
        with pytest.raises(ValueError, match="its solution has no derivative here"):
            transform(f)(1.0)


def test_integrands_of_unusual_kinds():
    assert D(lambda a: integrate.quad_vec(lambda x: a * np.zeros(0), 0, 1)[0])(0.7).shape == (0,)
    f = lambda a: integrate.quad(lambda x: 1.0 if x < a else 2.0 + 0 * a, 0, 1, points=[a, 5.0])[0]
    assert_allclose([D(f)(0.7), dd.grad(f)(0.7)], -1.0, rtol=1e-12)
    f = lambda a: integrate.quad(lambda x: np.abs(x - a) ** -0.5, 0, 2, points=[a])[0]
    assert_allclose([D(f)(0.7), dd.grad(f)(0.7)], 0.7**-0.5 - 1.3**-0.5, rtol=1e-9)
    for scale in (1e30, 1e-30):
        f = lambda a, scale=scale: integrate.quad(lambda x: scale * np.exp(-a * x), 0, np.array(1.0))[0]
        assert_allclose(dd.grad(f)(0.7) / scale, D(lambda a: (1 - np.exp(-a)) / a)(0.7), rtol=1e-12)
    with pytest.raises(ZeroDivisionError):
        dd.grad(lambda a: integrate.quad(lambda x: a * (1 / 0), 0, 1)[0])(0.7)


def test_parts_of_results_without_a_derivative_say_so():
    a = 0.7
    with pytest.raises(dd.UnsupportedFunction, match="estimate of the error"):
        D(lambda a: np.sum(integrate.dblquad(lambda y, x: a * x * y, 0, 1, 0, 1)))(a)
    with pytest.raises(dd.UnsupportedFunction, match="weight"):
        D(lambda a: integrate.nquad(lambda x: a * x, [[0, 1]], opts={"weight": "cos", "wvar": 1.0})[0])(a)
    found = []
    D(lambda a: found.append(integrate.quad(lambda x: a * x, 0, 1, full_output=True)) or found[0][0])(a)
    assert found[0][2]["neval"] == 21


# Nodes all at once, or one by one.

TRAPS = {
    "takes arrays": (lambda x, p: np.exp(-p * x), True),
    "a choice": (lambda x, p: p * x if x > 0.3 else p * x + 0.0, False),
    "the largest of all": (lambda x, p: np.exp(p * (x - np.max(x))) * x * p, False),
    "another function of arrays": (lambda x, p: np.sin(p * x) if np.ndim(x) == 0 else np.sin(p * x) + x * 1e-9, False),
    "one value for all": (lambda x, p: p * np.sum(x), False),
    "another derivative of arrays": (
        lambda x, p: np.sin(p * x) if np.ndim(x) == 0 else np.sin(dd.stop_gradient(p) * x),
        False,
    ),
}


@pytest.mark.parametrize("name", TRAPS)
def test_nodes_at_once_and_one_by_one_have_the_same_derivatives(name, patched):
    f, works = TRAPS[name]
    run = lambda p: integrate.quad(f, 0.0, p, args=(p,))[0]
    transforms = (dd.derivative(run), dd.grad(run), dd.derivative(dd.grad(run)), dd.grad(dd.grad(run)))
    whole, used = nodes.at_nodes, []

    def seen(*args):
        used.append(whole(*args))
        return used[-1]

    patched(panels, "at_nodes", seen)
    found = [transform(1.2) for transform in transforms]
    patched(panels, "at_nodes", lambda *args: None)
    assert_allclose(found, [transform(1.2) for transform in transforms], rtol=1e-11)
    assert all((pair is not None) == works for pair in used)


def test_an_integrand_is_called_about_as_often_as_without_derivatives():
    calls = []

    def f(x, p):
        calls.append(x)
        return np.exp(-p * x)

    scipy.integrate.quad(f, 0.0, 1.0, args=(1.3,))
    without = len(calls)
    calls.clear()
    dd.grad(lambda p: integrate.quad(f, 0.0, 1.0, args=(p,))[0])(1.3)
    assert len(calls) <= 5 * without


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.filterwarnings("ignore:The maximum number of subdivisions")
def test_integral_that_scipy_gave_up_has_no_derivative(full):
    def cut_short(a):
        return integrate.quad(lambda x: a * np.sin(50 * x), 0.0, 1.0, limit=1, full_output=full)[0]

    with pytest.raises(ValueError, match="maximum number of subdivisions"):
        D(cut_short)(1.0)
