"""Solutions of `scipy.optimize`: exact whatever the solver left, SciPy's own errors, exact Jacobians where they pay."""

import numpy as np
import pytest
import scipy.optimize
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.scipy import optimize

BAD = {
    "start": lambda module: module.minimize(np.sum, "abc"),
    "method": lambda module: module.minimize(np.sum, [1.0], method="foo"),
    "no function": lambda module: module.minimize(np.sum, [1.0], constraints={"type": "eq"}),
    "no type": lambda module: module.minimize(np.sum, [1.0], constraints={"fun": np.sum}),
    "unknown type": lambda module: module.minimize(np.sum, [1.0], constraints={"type": "foo", "fun": np.sum}),
    "a matrix as start": lambda module: module.minimize(np.sum, np.ones((2, 2))),
    "reversed bounds": lambda module: module.minimize(np.sum, [1.0], bounds=[(1.0, 0.0)]),
    "no scalar": lambda module: module.minimize(lambda x: x, [1.0, 2.0]),
    "seed and rng": lambda module: module.differential_evolution(np.sum, [(0.0, 1.0)], seed=1, rng=1),
    "infinite bounds": lambda module: module.differential_evolution(np.sum, [(0.0, np.inf)]),
    "bounds of a line": lambda module: module.fminbound(np.sum, 2.0, 1.0),
    "no bounds of a line": lambda module: module.minimize_scalar(np.square, method="bounded"),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_of_bad_input_are_scipys_own(name):
    said = []
    for module in (optimize, scipy.optimize):
        with pytest.raises(Exception) as error:
            BAD[name](module)
        said.append((type(error.value), str(error.value)))
    assert said[0] == said[1]


@pytest.mark.parametrize("more", [{"seed": 1}, {"rng": 1}], ids=["seed", "rng"])
def test_searches_take_a_seed_or_a_generator(more):
    f = lambda x, a: (x[0] - a) ** 2 + np.sum(x[1:] ** 2)
    bounds = [(-2.0, 2.0), (-2.0, 2.0)]
    theirs = scipy.optimize.differential_evolution(f, bounds, args=(1.0,), **more)

    assert optimize.differential_evolution(f, bounds, args=(1.0,), **more).x.tobytes() == theirs.x.tobytes()
    solve = lambda a: optimize.differential_evolution(f, bounds, args=(a,), tol=1e-10, **more).x[0]
    assert_allclose(dd.derivative(solve)(1.0), 1.0, rtol=1e-9)


def quartic(x, a):
    """Not quadratic, so that the Hessian of a point nearby is not that of the minimum."""
    return np.sum(np.exp(x - a) - x) + 0.1 * np.sum(x**4) + x[0] * x[1] * a


@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-6, 1e-9])
def test_derivatives_of_a_minimum_are_exact_whatever_the_solver_left(tol):
    """From one Hessian and more steps, or from another Hessian: the same to the last digits, in all orders."""
    solve = lambda a: optimize.minimize(quartic, np.zeros(3), (a,), tol=tol).x
    best = lambda a: optimize.minimize(quartic, solve(dd.stop_gradient(a)), (a,), tol=1e-10, method="Newton-CG").x

    assert_allclose(dd.jacfwd(solve)(0.3), dd.jacfwd(best)(0.3), rtol=1e-11)
    assert_allclose(dd.jacrev(solve)(0.3), dd.jacfwd(best)(0.3), rtol=1e-11)
    assert_allclose(dd.jacfwd(dd.jacrev(solve))(0.3), dd.jacfwd(dd.jacfwd(best))(0.3), rtol=1e-9)
    value = lambda a: optimize.minimize(quartic, np.zeros(3), (a,), tol=tol).fun
    assert_allclose(dd.derivative(value)(0.3), dd.derivative(lambda a: quartic(best(a), a))(0.3), rtol=1e-11)
    assert_allclose(
        dd.derivative(dd.grad(value))(0.3), dd.derivative(dd.derivative(lambda a: quartic(best(a), a)))(0.3), rtol=1e-9
    )


def test_minpack_gets_exact_jacobians_of_eight_parameters_or_more():
    t, p = np.linspace(0.0, 2.0, 30), np.linspace(1.0, 2.0, 8)
    waves = lambda t, *p: sum(p[i] * np.cos((i + p[i]) * t) for i in range(8))
    data, start = waves(t, *p) + 0.01 * np.sin(9 * t), p + 0.01
    jac = lambda t, *p: np.stack([np.cos((i + p[i]) * t) - p[i] * t * np.sin((i + p[i]) * t) for i in range(8)], 1)
    f = lambda p: waves(t, *p) - data

    ours = optimize.leastsq(f, start, full_output=True)
    theirs = scipy.optimize.leastsq(f, start, Dfun=lambda p: jac(t, *p), full_output=True)
    assert_allclose(ours[0], theirs[0], rtol=1e-10)
    assert ours[2]["nfev"] == theirs[2]["nfev"]
    ours = optimize.curve_fit(waves, t, data, start, full_output=True)
    theirs = scipy.optimize.curve_fit(waves, t, data, start, jac=jac, full_output=True)
    assert_allclose(ours[0], theirs[0], rtol=1e-10)
    assert ours[2]["nfev"] == theirs[2]["nfev"]


def test_which_bounds_are_active_is_told_in_a_result_with_derivatives():
    def active(s):
        result = optimize.least_squares(lambda p: np.stack([p[0] - s, p[1] * p[0] - 1.0]), [1.0, 1.0])
        return np.sum(result.x) + 0.0 * np.sum(result.active_mask)

    assert np.isfinite(dd.derivative(active)(1.5))
