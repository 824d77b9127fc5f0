"""Integrands that jump at an end or point that has the number of the place of the jump, and does not move with it."""

import numpy as np
import pytest
import scipy.integrate
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.scipy import integrate

JUMPS = {
    "an indicator": lambda a: integrate.quad(lambda x: 1.0 if x > a else 0.0, 0.0, 2.0, points=[0.7])[0],
    "a branch": lambda a: integrate.quad(lambda x: x * a if x > a else 0.0, 0.0, 2.0, points=[0.7])[0],
    "half the way": lambda a: integrate.quad(lambda x: x * a if x > a else 0.0, 0.0, 2.0, points=[0.35 + a / 2])[0],
    "at a limit": lambda a: integrate.quad(lambda x: np.exp(-x) if x > a else 0.0, 0.7, 2.0)[0],
    "at the end of an infinite range": lambda a: integrate.quad(lambda x: np.exp(-x) if x > a else 0.0, 0.7, np.inf)[0],
    "of SciPy's": lambda a: scipy.integrate.quad(lambda x: x * a if x > a else 0.0, 0.0, 2.0, points=[0.7])[0],
    "a floor": lambda a: integrate.quad(lambda x: np.floor(x / a) * x, 0.0, 1.3, points=[0.7])[0],
    "of an array": lambda a: integrate.quad_vec(lambda x: np.where(x > a, x, x * a), 0.0, 2.0, points=[0.7])[0],
    "in an inner variable": lambda a: integrate.nquad(
        lambda y, x: x if y > a else a, [(0.0, 2.0), (0.0, 1.0)], opts=[{"points": [0.7]}, {}]
    )[0],
}


@pytest.mark.parametrize("transform", [dd.derivative, dd.jacrev])
@pytest.mark.parametrize("case", JUMPS)
def test_a_jump_that_moves_past_a_standing_point_is_refused_also_by_a_program(case, transform):
    for _ in range(6):  # from the fourth one on there may be a program
        with pytest.raises(dd.NoDerivative, match=r"at 0\.7, an end or one of the points, the integrand jumps"):
            transform(JUMPS[case])(0.7)


def test_a_kink_at_a_standing_point_counts_in_second_derivatives():
    """∫|x − a| = (a² + (2 − a)²) / 2."""
    for kink in (lambda x, a: abs(x - a), lambda x, a: 2 * np.maximum(x - a, 0.0) - (x - a)):
        for _ in range(5):
            standing = lambda a, kink=kink: integrate.quad(lambda x: kink(x, a), 0.0, 2.0, points=[0.7])[0]
            assert_allclose([dd.derivative(standing)(0.7), dd.grad(standing)(0.7)], 2 * 0.7 - 2.0, rtol=1e-9)
            with pytest.raises(dd.NoDerivative, match="jumps or has a kink"):
                dd.derivative(dd.grad(standing))(0.7)
            moving = lambda a, kink=kink: integrate.quad(lambda x: kink(x, a), 0.0, 2.0, points=[a])[0]
            assert_allclose(dd.grad(dd.derivative(moving))(0.7), 2.0, rtol=1e-9)


@pytest.mark.parametrize("transform", [dd.derivative, dd.grad])
def test_points_that_move_with_the_jump_and_jumps_that_stand_are_exact(transform):
    a = 0.7
    branch = lambda x, a, at: x * a if x > at else a**2
    for _ in range(6):
        moving = transform(lambda a: integrate.quad(lambda x: branch(x, a, a**2), 0.0, 2.0, points=[a**2])[0])(a)
        assert_allclose(moving, 2 - 5 * a**4 / 2 + 4 * a**3, rtol=1e-9)
        standing = transform(lambda a: integrate.quad(lambda x: branch(x, a, 0.7), 0.0, 2.0, points=[0.7])[0])(a)
        assert_allclose(standing, (4 - 0.49) / 2 + 2 * a * 0.7, rtol=1e-9)
        checked = transform(lambda a: integrate.quad(lambda x: x**a if a > 0.0 else np.nan, 0.0, 1.0)[0])(a)
        assert_allclose(checked, -1 / (1 + a) ** 2, rtol=1e-9)
        rounded = transform(lambda a: integrate.quad(lambda x: np.floor(x / a), 0.0, 2.0, points=[a, 2 * a])[0])(a)
        assert_allclose(rounded, -3.0, rtol=1e-9)
