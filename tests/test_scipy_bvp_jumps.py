"""Boundary values whose right-hand side jumps at a place that moves: no value of the equations shows it.

y'' = -k, y(0) = y(1) = 0.  At a tolerance that is coarse beside the jump SciPy converges.
"""

import numpy as np
import pytest
import scipy.integrate
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.scipy import integrate
from dualdiff.testing import derivative_at_zero

X = np.linspace(0.0, 1.0, 41)


def slope_at_start(force, module=integrate, tol=0.1):
    """y'(0), of y'' = -force(x, y)."""
    fun = lambda x, y: np.stack([y[1], -force(x, y[0])])
    bc = lambda ya, yb: np.stack([ya[0], yb[0]])
    return module.solve_bvp(fun, bc, X, np.full((2, X.size), 0.05), tol=tol).y[1, 0]


class Beyond:
    """1.3 where y is beyond a, else 1."""

    def __init__(self, a):
        self.a = a

    def force(self, x, y):
        return np.where(y > self.a, 1.3, 1.0)


JUMPS = {
    "at a state": lambda a: lambda x, y: np.where(y > a, 1.3, 1.0),
    "at a place": lambda a: lambda x, y: np.where(x > 5 * a, 1.3, 1.0),
    "of a method": lambda a: Beyond(a).force,
    "heaviside": lambda a: lambda x, y: 1.0 + 0.3 * np.heaviside(y - a, 0.5),
    "sign": lambda a: lambda x, y: 1.0 + 0.2 * np.sign(y - a),
    "floor": lambda a: lambda x, y: 1.0 + 0.3 * np.floor(y / a),
    "mask": lambda a: lambda x, y: np.ones(y.shape) * (1.0 + 0.3 * (y >= a)),
}
CONTINUOUS = {
    "abs": lambda a: lambda x, y: np.abs(y - a),
    "maximum": lambda a: lambda x, y: np.maximum(y, a),
    "clip": lambda a: lambda x, y: np.clip(y, 0.01, a) + 1.0,
    "where": lambda a: lambda x, y: np.where(y > a, 2 * y - a, y) + 1.0,
    "smooth": lambda a: lambda x, y: np.cos(a * y) + a,
}


@pytest.mark.parametrize("module", [integrate, scipy.integrate], ids=["dualdiff", "scipy"])
@pytest.mark.parametrize("transform", [dd.derivative, dd.grad])
@pytest.mark.parametrize("name", JUMPS)
def test_a_jump_that_moves_is_refused(name, transform, module):
    with pytest.raises(dd.NoDerivative, match="`fun` jumps at x = "):
        transform(lambda a: slope_at_start(JUMPS[name](a), module))(0.07)


@pytest.mark.parametrize("transform", [dd.derivative, dd.grad])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_kink_has_its_first_derivative(name, transform):
    f = lambda a: slope_at_start(CONTINUOUS[name](a), tol=1e-6)
    expected = derivative_at_zero(lambda t: [f(0.07 + t)], 1e-3)[0]
    assert_allclose(transform(f)(0.07), expected, rtol=1e-4)


def test_a_second_derivative_across_a_kink_is_refused_and_else_exact():
    second = dd.derivative(dd.derivative(lambda a: slope_at_start(CONTINUOUS["where"](a), tol=1e-4)))
    with pytest.raises(dd.NoDerivative, match="the derivative of `fun` jumps at x = "):
        second(0.07)
    f = lambda a: slope_at_start(CONTINUOUS["smooth"](a), tol=1e-6)
    expected = derivative_at_zero(lambda t: [dd.derivative(f)(0.07 + t)], 1e-2)[0]
    assert_allclose(dd.derivative(dd.derivative(f))(0.07), expected, rtol=1e-4)


def test_a_jump_at_a_fixed_place_is_nothing_to_refuse():
    f = lambda a: slope_at_start(lambda x, y: a * np.where(x > 0.35, 1.3, 1.0))
    assert_allclose(dd.derivative(f)(0.07), f(1.0), rtol=1e-9)


def test_a_jump_on_the_way_of_parameters():
    """An unknown parameter of the problem; the place moves with it, or with nothing."""

    def p(a, force):
        fun = lambda x, y, p: np.stack([y[1], -p[0] * force(x, y[0], a)])
        bc = lambda ya, yb, p: np.stack([ya[0], yb[0], ya[1] - 0.5 * (1 + a)])
        return integrate.solve_bvp(fun, bc, X, np.full((2, X.size), 0.05), [1.0], tol=0.1).p[0]

    fixed = lambda x, y, a: np.where(x > 0.35, 1.3, 1.0)
    assert_allclose(dd.derivative(lambda a: p(a, fixed))(0.2), p(0.0, fixed), rtol=1e-8)
    with pytest.raises(dd.NoDerivative, match="`fun` jumps at x = "):
        dd.derivative(lambda a: p(a, lambda x, y, a: np.where(y > 0.05, 1.3, 1.0)))(0.2)


@pytest.mark.parametrize("transform", [dd.derivative, dd.grad])
def test_a_jump_at_a_fixed_place_moves_between_nodes_that_move_with_the_end(transform):
    """y'(0) of y'' = -k(x) on (0, a), y(0) = 0, y(a) = 1, is (1 + ∫ (a - s) k ds) / a."""

    def slope(a, force, tol):
        fun = lambda x, y: np.stack([y[1], -force(x)])
        bc = lambda ya, yb: np.stack([ya[0], yb[0] - 1.0])
        return integrate.solve_bvp(fun, bc, X * a, np.full((2, X.size), 0.05), tol=tol).y[1, 0]

    with pytest.raises(dd.NoDerivative, match=r"`fun` jumps at x = 0\.32"):
        transform(lambda a: slope(a, lambda x: np.where(x > 0.32, 1.5, 1.0), 0.1))(1.0)
    kinked = transform(lambda a: slope(a, lambda x: 1.0 + np.maximum(x - 0.32, 0.0), 1e-7))(1.0)
    exact = lambda a: (1.0 + a**2 / 2 + (a - 0.32) ** 3 / 6) / a
    assert_allclose(kinked, derivative_at_zero(lambda t: [exact(1.0 + t)], 1e-3)[0], rtol=1e-5)
