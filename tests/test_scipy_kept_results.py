"""What a solver's function keeps of its runs, in containers, attributes or names outside, and is read afterwards."""

import functools
import operator
import types

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.scipy import integrate, optimize

SOLVERS = {
    "brentq": lambda o, F: o.brentq(F, 0.5, 9.0),
    "newton": lambda o, F: o.newton(F, 1.0),
    "root_scalar": lambda o, F: o.root_scalar(F, x0=1.0, x1=1.3).root,
    "fixed_point": lambda o, F: o.fixed_point(lambda x: x - 0.3 * F(x), 1.0),
    "fsolve": lambda o, F: o.fsolve(lambda x: [F(x[0])], [1.0])[0],
    "root": lambda o, F: o.root(lambda x: np.stack([F(x[0])]), [1.0]).x[0],
    "least_squares": lambda o, F: o.least_squares(lambda x: np.stack([F(x[0])]), [1.0], xtol=1e-14).x[0],
    "leastsq": lambda o, F: o.leastsq(lambda x: np.stack([F(x[0])]), [1.0])[0][0],
    "curve_fit": lambda o, F: o.curve_fit(lambda t, x: t * F(x), [1.0, 2.0], [0.0, 0.0], [1.0])[0][0],
    "minimize": lambda o, F: o.minimize(lambda x: F(x[0]) ** 2, [1.0]).x[0],
    "minimize_scalar": lambda o, F: o.minimize_scalar(lambda x: F(x) ** 2, bounds=(0.5, 5.0)).x,
}


class Kept:
    last = None


def in_a_dict(a, solve):
    kept = {}

    def F(x):
        kept["flow"] = a * x
        return x**2 - a

    solve(F)
    return kept["flow"]


def in_a_list(a, solve):
    kept = []

    def F(x):
        kept.append(a * x)
        return x**2 - a

    solve(F)
    return kept[-1]


def in_an_attribute(a, solve, make=Kept):
    kept = make()

    def F(x):
        kept.last = a * x
        return x**2 - a

    solve(F)
    return kept.last


in_a_namespace = functools.partial(in_an_attribute, make=types.SimpleNamespace)


def in_a_name_outside(a, solve):
    flow = None

    def F(x):
        nonlocal flow
        flow = a * x
        return x**2 - a

    solve(F)
    return flow


def noted(kept, flow):
    kept.append(flow)


def entered(kept, flow):
    kept[0] = flow


def filled(kept, flow):
    kept.fill(0.0)
    np.add.at(kept, [0], flow)


NOTES = []


def by_a_helper(a, solve):
    kept = []

    def F(x):
        noted(kept, a * x)
        return x**2 - a

    solve(F)
    return kept[-1]


def by_a_helper_in_an_array(a, solve, write=entered):
    kept = np.zeros(2)

    def F(x):
        write(kept, a * x)
        return x**2 - a

    solve(F)
    return kept[0] * 1.0


def by_a_helper_in_a_list_of_the_module(a, solve):
    NOTES.clear()

    def F(x):
        noted(NOTES, a * x)
        return x**2 - a

    solve(F)
    return NOTES[-1]


HELPED = [
    by_a_helper,
    by_a_helper_in_an_array,
    functools.partial(by_a_helper_in_an_array, write=filled),
    functools.partial(by_a_helper_in_an_array, write=lambda kept, flow: operator.setitem(kept, 0, flow)),
    by_a_helper_in_a_list_of_the_module,
]


@pytest.mark.parametrize("keep", HELPED, ids=range(len(HELPED)))
@pytest.mark.parametrize("module", [scipy.optimize, optimize], ids=["scipy", "dualdiff"])
@pytest.mark.parametrize("name", ["brentq", "newton", "fsolve", "minimize_scalar"])
def test_who_fills_what_is_kept_does_not_matter(name, module, keep):
    flow = lambda a: keep(a, functools.partial(SOLVERS[name], module))

    assert_allclose(flow(2.0), 2.0**1.5, rtol=1e-5)
    for transform in (dd.derivative, dd.grad):
        assert_allclose(transform(flow)(2.0), 1.5 * 2.0**0.5, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.*ovariance.*")
@pytest.mark.parametrize(
    "keep",
    [in_a_dict, in_a_list, in_an_attribute, in_a_namespace, in_a_name_outside],
    ids=["dict", "list", "attribute", "namespace", "name"],
)
@pytest.mark.parametrize("module", [scipy.optimize, optimize], ids=["scipy", "dualdiff"])
@pytest.mark.parametrize("name", SOLVERS)
def test_what_a_function_keeps_is_of_the_solution_with_its_derivatives(name, module, keep):
    """x = √a, and a x is kept: its derivative is 3/2 √a, not the √a of a run with a number for x."""
    flow = lambda a: keep(a, functools.partial(SOLVERS[name], module))

    assert_allclose(flow(2.0), 2.0**1.5, rtol=1e-5)
    for transform in (dd.derivative, dd.grad):
        assert_allclose(transform(flow)(2.0), 1.5 * 2.0**0.5, rtol=1e-6)


@pytest.mark.parametrize("solve", [optimize.brentq, scipy.optimize.brentq], ids=["dualdiff", "scipy"])
def test_a_method_and_an_argument_that_is_filled_keep_too(solve):
    class Pipe:
        def __init__(self, a):
            self.a = a

        def residual(self, x):
            self.flow = self.a * x
            return x**2 - self.a

        def solved(self):
            solve(self.residual, 0.5, 9.0)
            return self.flow

    def by_an_argument(a):
        kept = []
        solve(lambda x, a, out: out.append(a * x) or x**2 - a, 0.5, 9.0, args=(a, kept))
        return kept[-1]

    for flow in (lambda a: Pipe(a).solved(), by_an_argument):
        assert_allclose(dd.derivative(flow)(2.0), 1.5 * 2.0**0.5, rtol=1e-10)
        assert_allclose(dd.grad(dd.grad(flow))(2.0), 0.75 * 2.0**-0.5, rtol=1e-10)


def test_what_is_kept_of_an_array_of_unknowns_is_in_the_shape_that_the_solver_uses():
    def product(a):
        kept = {}

        def F(X):
            kept["X"] = a * X
            return X**2 - a * np.array([[1.0, 4.0], [9.0, 16.0]])

        optimize.newton(F, np.ones((2, 2)))
        return kept["X"]

    assert_allclose(dd.jacfwd(product)(2.0), 1.5 * 2.0**0.5 * np.array([[1.0, 2.0], [3.0, 4.0]]), rtol=1e-10)


@pytest.mark.parametrize("module", [scipy.integrate, integrate], ids=["scipy", "dualdiff"])
@pytest.mark.parametrize("method", ["RK45", "DOP853", "Radau", "BDF", "LSODA", "odeint"])
def test_what_a_right_hand_side_keeps_is_of_the_end(method, module):
    """k y(1) = k exp(-k) is kept."""

    def flow(k):
        kept = {}

        def right(t, y):
            kept["flow"] = k * y[0]
            return [-kept["flow"]]

        if method == "odeint":
            module.odeint(right, [1.0], [0.0, 1.0], tfirst=True, rtol=1e-9, atol=1e-11)
        else:
            module.solve_ivp(right, (0.0, 1.0), [1.0], method, rtol=1e-8, atol=1e-10)
        return kept["flow"]

    for transform in (dd.derivative, dd.grad):
        assert_allclose(transform(flow)(1.3), -0.3 * np.exp(-1.3), rtol=1e-5)
    assert np.shape(flow(1.3)) == ()


def test_what_is_kept_where_an_event_ends_the_solution_moves_with_it():
    def flow(k):
        kept = {}

        def right(t, y):
            kept["t"] = t
            return -k * y

        half = lambda t, y: y[0] - 0.5
        half.terminal = True
        integrate.solve_ivp(right, (0.0, 5.0), [1.0], events=half, rtol=1e-8, atol=1e-10)
        return kept["t"]

    assert_allclose(dd.derivative(flow)(1.3), -np.log(2.0) / 1.3**2, rtol=1e-6)
