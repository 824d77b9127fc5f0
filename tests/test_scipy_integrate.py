"""Integrals of samples: derivatives in the samples, the points and the spacings."""

import inspect

import numpy as np
import pytest
import scipy.integrate
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.scipy import integrate
from tests.scipy_samples import check

Y = np.random.default_rng(0).uniform(-1.0, 1.0, (3, 9, 5))
ROMB = np.random.default_rng(1).uniform(-1.0, 1.0, (2, 9, 2))


def points(n, seed=0):
    return np.cumsum(np.random.default_rng(seed).uniform(0.3, 1.0, n))


def points_along(shape, axis):
    return np.cumsum(np.random.default_rng(2).uniform(0.3, 1.0, shape), axis=axis)


SAMPLES = {
    "trapezoid": (integrate.trapezoid, [Y[0, :, 0]]),
    "trapezoid dx": (lambda y, h: integrate.trapezoid(y, dx=h, axis=1), [Y, 0.3]),
    "trapezoid x": (lambda y, x: integrate.trapezoid(y, x, axis=1), [Y, points(9)]),
    "trapezoid x n-d": (lambda y, x: integrate.trapezoid(y, x), [Y, points_along(Y.shape, 2)]),
    "trapezoid x only": (lambda x: integrate.trapezoid(np.arange(5), x), [points(5)]),
    "trapezoid complex": (lambda y, x: integrate.trapezoid(y, x=x), [Y[0, :, 0] + 1j * Y[1, :, 0], points(9)]),
    "cumulative_trapezoid": (integrate.cumulative_trapezoid, [Y]),
    "cumulative_trapezoid dx": (lambda y, h: integrate.cumulative_trapezoid(y, dx=h, axis=0), [Y, 0.3]),
    "cumulative_trapezoid x": (lambda y, x: integrate.cumulative_trapezoid(y, x, axis=-2), [Y, points(9)]),
    "cumulative_trapezoid initial": (lambda y, x: integrate.cumulative_trapezoid(y, x, initial=0), [Y, points(5)]),
    "cumulative_trapezoid x n-d": (
        lambda y, x: integrate.cumulative_trapezoid(y, x, axis=1, initial=0.0),
        [Y, points_along(Y.shape, 1)],
    ),
    "simpson odd": (integrate.simpson, [Y[0, :, 0]]),
    "simpson even": (lambda y, h: integrate.simpson(y, dx=h), [Y[0, :8, 0], 0.3]),
    "simpson even n-d": (lambda y: integrate.simpson(y, axis=1), [Y[:, :4]]),
    "simpson two": (lambda y, x: integrate.simpson(y, x=x, axis=0), [Y[:2], points(2)]),
    "simpson two dx": (lambda y, h: integrate.simpson(y, dx=h, axis=0), [Y[:2], 0.2]),
    "simpson odd x": (lambda y, x: integrate.simpson(y, x=x, axis=1), [Y, points(9)]),
    "simpson even x": (lambda y, x: integrate.simpson(y, x=x, axis=-2), [Y[:, :6], points(6)]),
    "simpson even x n-d": (lambda y, x: integrate.simpson(y, x=x, axis=-1), [Y[..., :4], points_along((3, 9, 4), 2)]),
    "simpson x one row": (lambda y, x: integrate.simpson(y, x=x), [Y[0], points(5)[None]]),
    "simpson x alone": (lambda x: integrate.simpson(np.arange(6.0) ** 2, x=x), [points(6)]),
    "simpson complex": (lambda y, x: integrate.simpson(y, x=x), [Y[0, :6, 0] + 1j * Y[1, :6, 0], points(6)]),
    "cumulative_simpson": (integrate.cumulative_simpson, [Y]),
    "cumulative_simpson even": (lambda y, h: integrate.cumulative_simpson(y, dx=h, axis=1), [Y[:, :4], 0.4]),
    "cumulative_simpson dx n-d": (lambda y, h: integrate.cumulative_simpson(y, dx=h, axis=1), [Y, Y[:, :1] + 2.0]),
    "cumulative_simpson x": (lambda y, x: integrate.cumulative_simpson(y, x=x, axis=1), [Y, points(9)]),
    "cumulative_simpson x even": (
        lambda y, x, a: integrate.cumulative_simpson(y, x=x, axis=1, initial=a),
        [Y[:, :6], points(6), 0.7],
    ),
    "cumulative_simpson x n-d": (
        lambda y, x, a: integrate.cumulative_simpson(y, x=x, axis=0, initial=a),
        [Y, points_along(Y.shape, 0), Y[:1] + 1.0],
    ),
    "cumulative_simpson two": (lambda y, x: integrate.cumulative_simpson(y, x=x), [Y[..., :2], points(2)]),
    "romb": (integrate.romb, [ROMB[0, :, 0]]),
    "romb dx": (lambda y, h: integrate.romb(y, dx=h, axis=1), [ROMB, 0.3]),
    "romb complex": (lambda y: integrate.romb(y, 0.1, 1), [ROMB * (1 + 0.5j)]),
    "fixed_quad constant limits": (
        lambda c: integrate.fixed_quad(lambda t, k: np.exp(-c * t * t) * k, 0.0, 2.0, (3.0,))[0],
        [0.6],
    ),
    "fixed_quad rows": (lambda b, c: integrate.fixed_quad(lambda t: np.stack([np.sin(c * t), t]), 0, b)[0], [0.7, 2.0]),
    "fixed_quad arguments": (lambda c: integrate.fixed_quad(np.power, 1.0, 2.0, (c,), n=3)[0], [2.5]),
    "fixed_quad": (
        lambda a, b, c: integrate.fixed_quad(lambda t: np.exp(-c * t * t), a, b, n=7)[0],
        [0.1, 1.7, 0.6],
    ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_derivatives_of_all_kinds_agree_with_differences(name):
    f, args = SAMPLES[name]

    check(f, *args)


def test_samples_are_of_scipys_own_value_and_signature():
    y = Y[0]

    for name in ("trapezoid", "cumulative_trapezoid", "simpson", "cumulative_simpson"):
        f, plain = getattr(integrate, name), getattr(scipy.integrate, name)
        assert inspect.signature(f) == inspect.signature(plain)
        assert f(y).tobytes() == plain(y).tobytes()


def test_a_list_of_duals_is_an_array():
    for f in (integrate.trapezoid, integrate.simpson, integrate.romb, integrate.cumulative_simpson):
        listed = dd.jacfwd(lambda x, f=f: f([x[0], x[1] ** 2, x[2]]))(np.array([1.0, 2.0, 3.0]))
        joined = dd.jacfwd(lambda x, f=f: f(np.stack([x[0], x[1] ** 2, x[2]])))(np.array([1.0, 2.0, 3.0]))
        assert_allclose(listed, joined)


def test_where_points_coincide_the_derivative_in_the_samples_is_that_of_scipys_sum():
    x = np.array([0.0, 0.5, 0.5, 1.0, 2.0, 2.0])
    for n in (5, 6):
        weights = dd.grad(lambda y, n=n: integrate.simpson(y, x=x[:n]))(Y[0, :n, 0])
        assert_allclose(weights, scipy.integrate.simpson(np.eye(n), x=x[:n]))


def test_where_points_coincide_there_is_no_derivative_in_them():
    x = np.array([0.0, 0.5, 0.5, 1.0, 2.0])

    with pytest.raises(dd.UnsupportedFunction, match="points coincide"):
        dd.grad(lambda x: integrate.simpson(x * x, x=x))(x)
    dd.grad(lambda x: integrate.trapezoid(x * x, x=x))(x)


def test_an_initial_value_that_may_only_be_zero_has_no_derivative():
    with pytest.raises(dd.UnsupportedFunction, match="initial"):
        dd.grad(lambda a: np.sum(integrate.cumulative_trapezoid(Y, initial=a)))(0.0)


def test_fixed_quad_of_numbers_is_scipys():
    assert integrate.fixed_quad(np.exp, 0.0, 1.0) == scipy.integrate.fixed_quad(np.exp, 0.0, 1.0)
    for limits in ((0.0, np.inf), (-np.inf, 0.0)):
        with pytest.raises(ValueError, match="finite limits"):
            dd.derivative(lambda c, limits=limits: integrate.fixed_quad(lambda t: c * t, *limits)[0])(1.0)


def test_functions_that_choose_their_points_work_on_numbers_and_refuse_duals():
    assert integrate.quad(np.exp, 0.0, 1.0) == scipy.integrate.quad(np.exp, 0.0, 1.0)

    with pytest.raises(dd.UnsupportedFunction, match=r"qmc_quad has no derivative rule"):
        dd.grad(lambda b: integrate.qmc_quad(np.hypot, 0.0, b)[0])(1.0)
    with pytest.raises(AttributeError):
        integrate.no_such_function  # noqa: B018


# quad, against closed forms.

QUAD = {
    "parameter": (lambda a: integrate.quad(lambda x: np.exp(-a * x), 0.0, 1.0)[0], lambda a: (1 - np.exp(-a)) / a),
    "args": (lambda a: integrate.quad(lambda x, a: np.exp(-a * x), 0, 1, (a,))[0], lambda a: (1 - np.exp(-a)) / a),
    "one argument": (lambda a: integrate.quad(lambda x, a: a * x, 0, 2, a)[0], lambda a: 2 * a),
    "upper limit": (lambda b: integrate.quad(np.cos, 0.0, b)[0], np.sin),
    "lower limit": (lambda a: integrate.quad(np.cos, a, 3.0)[0], lambda a: np.sin(3.0) - np.sin(a)),
    "both limits and the integrand": (lambda a: integrate.quad(lambda x: a * x**2, -a, 2 * a)[0], lambda a: 3 * a**4),
    "reversed": (lambda a: integrate.quad(lambda x: a * x**2, 2 * a, -a)[0], lambda a: -3 * a**4),
    "equal limits": (
        lambda a: integrate.quad(lambda x: a * x**2, a, 1.3 + 0 * a)[0],
        lambda a: a * (1.3**3 - a**3) / 3,
    ),
    "to infinity": (lambda a: integrate.quad(lambda x: np.exp(-a * x), 0.0, np.inf)[0], lambda a: 1 / a),
    "from a to infinity": (lambda a: integrate.quad(lambda x: np.exp(-x), a, np.inf)[0], lambda a: np.exp(-a)),
    "from minus infinity": (lambda b: integrate.quad(np.exp, -np.inf, b)[0], np.exp),
    "all numbers": (
        lambda a: integrate.quad(lambda x: np.exp(-a * x * x), -np.inf, np.inf)[0],
        lambda a: np.sqrt(np.pi / a),
    ),
    "all numbers, backwards": (
        lambda a: integrate.quad(lambda x: 1 / (a * a + x * x), np.inf, -np.inf)[0],
        lambda a: -np.pi / a,
    ),
    "a kink that moves": (
        lambda a: integrate.quad(lambda x: np.abs(x - a), 0.0, 3.0, points=[a])[0],
        lambda a: (a**2 + (3 - a) ** 2) / 2,
    ),
    "a jump that moves": (
        lambda a: integrate.quad(lambda x: np.where(x < a, 2.0 * x, x), 0.0, 3.0, points=[a])[0],
        lambda a: a**2 / 2 + 4.5,
    ),
    "points, reversed": (
        lambda a: integrate.quad(lambda x: np.abs(x - a) + np.abs(x - 2), 3.0, 0.0, points=[2.0, a])[0],
        lambda a: -(a**2 + (3 - a) ** 2) / 2 - 2.5,
    ),
    "a narrow peak": (
        lambda a: integrate.quad(lambda x: np.exp(-((x - a) ** 2) * 1e2), 0.0, 4.0 * a)[0] + a,
        lambda a: np.sqrt(np.pi) / 10 + a,
    ),
    "a parameter that is zero": (
        lambda a: integrate.quad(lambda x: (a - 1.3) * np.exp(-x * x) + np.exp(-50 * x * x), -9.0, 9.0)[0],
        lambda a: (a - 1.3) * np.sqrt(np.pi) + np.sqrt(np.pi / 50),
    ),
}


@pytest.mark.parametrize("name", QUAD)
def test_quad_has_the_derivatives_of_its_closed_form(name):
    f, closed = QUAD[name]
    D, a = dd.derivative, 1.3

    assert_allclose(f(a), closed(a), rtol=1e-8, atol=1e-12)
    assert_allclose([D(f)(a), dd.jacfwd(f)(a)], D(closed)(a), rtol=1e-10, atol=1e-11)
    assert_allclose([D(D(f))(a), dd.jacfwd(D(f))(a)], D(D(closed))(a), rtol=1e-9, atol=1e-9)
    assert dd.jvp(f, (a,), (1.0,))[0] == f(a)
    assert_allclose([dd.grad(f)(a), dd.jacrev(f)(a)], D(closed)(a), rtol=1e-10, atol=1e-11)
    nested = [dd.grad(D(f))(a), D(dd.grad(f))(a), dd.grad(dd.grad(f))(a)]
    assert_allclose(nested, D(D(closed))(a), rtol=1e-9, atol=1e-9)
    assert dd.value_and_grad(f)(a)[0] == f(a)


NOT_SMOOTH = {
    "a kink": lambda a: integrate.quad(lambda x: np.abs(x - a), 0.0, 3.0)[0],
    "a kink, resolved": lambda a: integrate.quad(lambda x: np.abs(x - a), 0.0, 3.0, epsabs=1e-13, epsrel=1e-13)[0],
    "a jump": lambda a: integrate.quad(lambda x: np.where(x < a, a, 2 * a), 0.0, 3.0, limit=200)[0],
    "a singularity inside": lambda a: integrate.quad(lambda x: np.abs(x - 0.4) ** (a - 1.5), 0.0, 1.0)[0],
    "a kink where SciPy cuts": lambda a: integrate.quad(lambda x: a * np.abs(x - 0.5), 0.0, 1.0)[0],
    "a limit at a singularity": lambda a: integrate.quad(lambda x: (x - 1.3) ** -0.5, a, 2.0)[0],
    "a kink that only the derivative has": lambda a: integrate.quad(
        lambda x: x**2 + (a - 1.3) * np.abs(x - 0.4), 0.0, 1.0
    )[0],
    "a derivative that diverges": lambda a: integrate.quad(lambda x: x**2 + (x + a - 1.3) ** -0.4, 0.0, 1.0)[0],
    "a divergent integral": lambda a: integrate.quad(lambda x: a / x, 0.0, 1.0)[0],
}


@pytest.mark.parametrize("name", NOT_SMOOTH)
@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
def test_quad_over_what_is_not_smooth_is_refused(name):
    for transform in (dd.derivative, dd.jacfwd, dd.grad):
        with pytest.raises(ValueError, match="quad: its solution has no derivative here"):
            transform(NOT_SMOOTH[name])(1.3)


def test_quad_refuses_a_principal_value_and_withholds_its_estimate_of_the_error():
    for options in ({"weight": "cauchy", "wvar": 0.4}, {"weight": "cos", "wvar": 2.0, "b": np.inf}):
        options = {"a": 0.0, "b": 1.0} | options
        with pytest.raises(dd.UnsupportedFunction, match=f"weight='{options['weight']}'"):
            dd.grad(lambda a, options=options: integrate.quad(lambda x: a * np.exp(-x), **options)[0])(1.0)
    with pytest.raises(dd.UnsupportedFunction, match="estimate of the error"):
        dd.derivative(lambda a: np.multiply(*integrate.quad(lambda x: a * x, 0.0, 1.0)))(1.0)
