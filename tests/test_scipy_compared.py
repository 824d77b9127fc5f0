"""Functions that only compare or round what carries a derivative: a solution may move with that nevertheless."""

import numpy as np
import pytest
import scipy
import scipy.integrate
import scipy.optimize
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
import dualdiff.scipy
from dualdiff.scipy import integrate, optimize


class Step:
    """1 beyond a, else 0."""

    def __init__(self, a):
        self.a = a

    def at(self, *x):
        return 1.0 if np.prod(x) > self.a else 0.0


def closure(a):
    return lambda *x: 1.0 if np.prod(x) > a else 0.0


def method(a):
    return Step(a).at


def held(a):
    step = Step(a)
    return lambda *x: step.at(*x)


def rounded(a):
    return lambda *x: np.floor(np.prod(x) - a) + 1.0


COARSE = {"epsabs": 0.5, "epsrel": 0.5}  # whatever the value, it moves

# Each of these moves with the place of the step; none can be told from values of the function.
MOVING = {
    "quad": lambda o, step: o.quad(step, 0.0, 1.0)[0],
    "quad_vec": lambda o, step: o.quad_vec(lambda x: np.array([step(x), x]), 0.0, 1.0, epsabs=1e-3)[0][0],
    "dblquad": lambda o, step: o.dblquad(step, 0.0, 1.0, 0.0, 1.0, **COARSE)[0],
    "nquad": lambda o, step: o.nquad(step, [(0.0, 1.0), (0.0, 1.0)], opts=COARSE)[0],
    "brentq": lambda o, step: o.brentq(lambda x: step(x) - 0.5, 0.0, 1.0),
    "bisect": lambda o, step: o.bisect(lambda x: x if step(x) else -x, 0.1, 1.0),
    "bounded": lambda o, step: o.minimize_scalar(lambda x: (x - 0.8) ** 2 + step(x), bounds=(0.0, 1.0)).x,
    "minimize": lambda o, step: o.minimize(lambda x: (x[0] - 0.8) ** 2 + step(x[0]), [0.3], method="Nelder-Mead").x[0],
}


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
@pytest.mark.parametrize("transform", [dd.derivative, dd.grad])
@pytest.mark.parametrize("make", [closure, method, held, rounded])
@pytest.mark.parametrize("ours", [False, True], ids=["scipy", "dualdiff"])
@pytest.mark.parametrize("name", MOVING)
def test_what_moves_with_the_place_of_a_step_is_refused(name, ours, make, transform):
    quad = "quad" in name
    module = (integrate if quad else optimize) if ours else (scipy.integrate if quad else scipy.optimize)

    with pytest.raises(dd.NoDerivative, match=name if quad else "has no derivative here"):
        transform(lambda a: MOVING[name](module, make(a)))(0.4)


@pytest.mark.parametrize("transform", [dd.derivative, dd.grad])
@pytest.mark.parametrize("make", [closure, method, held])
def test_a_step_in_time_of_a_right_hand_side_moves_the_solution(make, transform):
    """y' = 1 for t > a: y(1) = 1 - a."""
    for module in (scipy.integrate, integrate):

        def end(a, module=module):
            step = make(a)
            return module.solve_ivp(lambda t, y: [step(t)], (0.0, 1.0), [0.0], max_step=0.02).y[0, -1]

        assert_allclose(transform(end)(0.4), -1.0, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::dualdiff.IndependentResult")
def test_what_is_compared_and_changes_nothing_leaves_plain_results():
    def checked(a, f):
        def g(x):
            if a < 0.0:
                raise ValueError("a is negative")
            return f(x)

        return g

    found = []

    def solve(a):
        g = lambda f: checked(a, f)
        found.append(integrate.quad(g(np.exp), 0.0, 1.0)[0] - np.expm1(1.0))
        found.append(integrate.quad_vec(g(np.exp), 0.0, 1.0)[0] - np.expm1(1.0))
        found.append(optimize.brentq(g(np.cos), 0.0, 3.0) - 0.5 * np.pi)
        found.append(optimize.brentq(lambda x: x - np.floor(a), 0.0, 3.0) - 1.0)
        found.append(optimize.minimize(g(lambda x: np.sum((x - 1.0) ** 2)), [0.0]).x[0] - 1.0)
        return a

    dd.derivative(solve)(1.3)
    assert all(isinstance(x, float) for x in found)
    assert_allclose(found, 0.0, atol=1e-8)


def test_steps_at_points_of_an_integral_leave_what_does_not_move():
    """The step is at a point that is given, and moves with it."""
    f = lambda a: integrate.quad(closure(a), 0.0, 1.0, points=[a])[0]

    assert_array_equal(np.round([dd.derivative(f)(0.4), dd.grad(f)(0.4)], 12), -1.0)


def slope(x):
    """A derivative that the function takes itself, of something that compares and rounds."""
    return dd.derivative(lambda z: z * z if z > 0.25 else (0.5 - np.floor(z)) * z)(x)


WITH_INNER_DERIVATIVES = {
    "root of a step": lambda m: m.optimize.brentq(lambda x: slope(x) - 0.6, 0.0, 1.0),
    "minimum at a kink": lambda m: m.optimize.minimize(
        lambda x: abs(slope(x[0]) - 0.5), [0.3], method="Nelder-Mead", options={"maxiter": 5}
    ).x,
    "integral over a jump": lambda m: m.integrate.quad(slope, 0.0, 1.0, limit=3)[0],
    "solution": lambda m: m.integrate.solve_ivp(lambda t, y: -slope(y[0]) * np.ones(1), (0, 1), [1.0]).y,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WITH_INNER_DERIVATIVES)
def test_a_derivative_that_a_function_takes_itself_decides_nothing_outside(name):
    solve = WITH_INNER_DERIVATIVES[name]
    assert_allclose(solve(dualdiff.scipy), solve(scipy), rtol=1e-6)
    _, slope_of_y = dd.jvp(lambda a: solve(dualdiff.scipy) * a, (2.0,), (1.0,))
    assert_allclose(slope_of_y, solve(scipy), rtol=1e-6)
