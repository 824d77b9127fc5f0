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

    with pytest.raises(dd.UnsupportedFunction, match=r"quad has no derivative rule"):
        dd.grad(lambda b: integrate.quad(np.exp, 0.0, b)[0])(1.0)
    with pytest.raises(AttributeError):
        integrate.no_such_function  # noqa: B018
