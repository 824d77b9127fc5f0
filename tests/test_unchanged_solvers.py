"""`scipy.optimize` under its own names, in adapted code: solutions differentiated as solutions, not step by step.
The solvers of differential equations in `scipy.integrate` likewise.
"""

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import dualdiff as dd

P = np.array([1.3, 0.7])


def root_of_cube(p):
    return brentq(lambda x: x**3 - p[0] * p[1], 0.0, 3.0)


def two_equations(p):
    return scipy.optimize.fsolve(lambda t: np.array([t[0] ** 2 - p[0], t[1] * t[0] - p[1]]), [1.0, 1.0])


def line(p):
    residual = lambda t: np.array([t[0] * p[0] - 1, t[1] - p[1] * t[0], t[0] + t[1] - 1])
    return scipy.optimize.least_squares(residual, [1.0, 1.0]).x


def on_a_plane(p):
    plane = {"type": "eq", "fun": lambda w: w[0] + w[1] - p[0]}
    return scipy.optimize.minimize(lambda w: np.sum((w - p) ** 2), np.zeros(2), constraints=(plane,)).x


def at_a_bound(p):
    loss = lambda t: (t[0] - p[0]) ** 2 + (t[1] - p[1] * t[0]) ** 2
    return scipy.optimize.minimize(loss, np.full(2, 0.2), bounds=[(0, 1), (0, None)]).x


a, b = P
LEFT = np.array([[a, 0.0], [-b, 1.0], [1.0, 1.0]])


def normal_equations(p, t):
    """The derivative of least squares A t = c in p: AᵀA ṫ = Ȧᵀ (c − A t) − Aᵀ Ȧ t."""
    c, columns = np.array([1.0, 0.0, 1.0]), []
    for place, slope in (((0, 0), 1.0), ((1, 0), -1.0)):
        change = np.zeros((3, 2))
        change[place] = slope
        columns.append(np.linalg.solve(LEFT.T @ LEFT, change.T @ (c - LEFT @ t) - LEFT.T @ (change @ t)))
    return np.stack(columns, axis=1)


TRUE = {
    root_of_cube: lambda p, x: np.array([b, a]) / (3 * (a * b) ** (2 / 3)),
    two_equations: lambda p, t: np.array([[0.5 / np.sqrt(a), 0.0], [-0.5 * b / a**1.5, 1 / np.sqrt(a)]]),
    line: normal_equations,
    on_a_plane: lambda p, w: np.array([[1.0, -0.5], [0.0, 0.5]]),
    at_a_bound: lambda p, t: np.array([[0.0, 0.0], [0.0, 1.0]]),
}


@pytest.mark.parametrize("f", TRUE, ids=lambda f: f.__name__)
def test_solution_is_differentiated_under_the_name_that_scipy_has_for_it(f):
    expected = TRUE[f](P, f(P))
    for transform in (dd.jacfwd, dd.jacrev):
        assert_allclose(transform(f)(P), expected, rtol=1e-6, atol=1e-7)


def test_second_derivative_of_a_root():
    r = (a * b) ** (1 / 3)
    expected = r / 9 * np.array([[-2 / a**2, 1 / (a * b)], [1 / (a * b), -2 / b**2]])
    assert_allclose(dd.hessian(root_of_cube)(P), expected, rtol=1e-9)


def beside_a_derivative(f):
    """What ``f(P)`` is in a function that is differentiated, where nothing enters it."""
    found = []

    def beside(z):
        found.append(f(P))
        return z * 2.0

    assert dd.derivative(beside)(1.0) == 2.0
    return found[0]


@pytest.mark.parametrize("f", TRUE, ids=lambda f: f.__name__)
def test_solver_that_nothing_enters_returns_what_scipy_returns(f):
    found = beside_a_derivative(f)
    assert_array_equal(found, f(P))
    assert type(found) is type(f(P))


@pytest.mark.parametrize(
    "f",
    [
        lambda p: scipy.optimize.fmin(lambda t: (t[0] - p[0]) ** 2, [0.0], disp=0),
        lambda p: scipy.optimize.linprog(p, A_ub=[[-1.0, -1.0]], b_ub=[-1.0]).x,
        lambda p: scipy.optimize.newton_krylov(lambda t: t - p, np.zeros(2)),
    ],
)
def test_solver_without_a_derivative_is_refused_and_not_run_through(f, capfd):
    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises(dd.UnsupportedFunction, match="no derivative of its solution"):
            transform(f)(P)
    assert capfd.readouterr().err == ""


def test_sparse_jacobian_of_a_loop_into_a_plain_buffer():
    def stencil(x):
        out = np.zeros(8)
        for i in range(1, 7):
            out[i] = x[i - 1] * x[i] - float(x[i + 1])
        return out

    x = np.linspace(0.3, 1.2, 8)
    expected = np.zeros((8, 8))
    for i in range(1, 7):
        expected[i, i - 1], expected[i, i], expected[i, i + 1] = x[i], x[i - 1], -1.0
    jacobian = dd.sparse_jacobian(stencil)(x)
    assert_allclose(jacobian.toarray(), expected, rtol=1e-15)
    assert jacobian.nnz == 18
    rows = np.stack([x, x + 1.0])
    scaled = dd.batch_jacobian(lambda x: np.array([r * float(r[0]) for r in x]))(rows)
    assert_allclose(scaled, [np.eye(8) * r[0] + np.outer(r, np.eye(8)[0]) for r in rows], rtol=1e-15)


# scipy.integrate under its own names.


def pendulum(p, method="RK45", **options):
    """A right-hand side as people write it: an array that is filled, math, float; an event with attributes."""

    def rate(t, y):
        out = np.zeros(2)
        out[0] = y[1]
        out[1] = -p[0] * math.sin(y[0]) - float(p[1]) * y[1]
        return out

    def low(t, y):
        return y[0]

    low.terminal, low.direction = 2, 0
    options = {"rtol": 1e-9, "atol": 1e-10} | options
    return solve_ivp(rate, (0.0, 10.0), [1.0, 0.0], method, events=[low], **options)


def swings(p):
    result = pendulum(p)
    return np.append(result.y[:, -1], result.t_events[0])


def swings_by_odeint(p):
    rate = lambda y, t: [y[1], -p[0] * math.sin(y[0]) - float(p[1]) * y[1]]
    return scipy.integrate.odeint(rate, [1.0, 0.0], np.linspace(0.0, 2.0, 3))[-1]


def hanging(p):
    fun = lambda x, y: np.vstack([y[1], float(p[0]) * np.sqrt(1 + y[1] ** 2)])
    ends = lambda ya, yb: np.array([ya[0] - 1.0, yb[0] - float(p[1])])
    return scipy.integrate.solve_bvp(fun, ends, np.linspace(0, 1, 9), np.ones((2, 9)), tol=1e-9).y[1, [0, -1]]


INTEGRATED = (swings, swings_by_odeint, hanging)


@pytest.mark.parametrize("f", INTEGRATED, ids=lambda f: f.__name__)
def test_differential_equations_under_the_names_that_scipy_has(f):
    h = 1e-4
    expected = np.stack([(f(P + h * e) - f(P - h * e)) / (2 * h) for e in np.eye(2)], axis=1)
    forward, backward = dd.jacfwd(f)(P), dd.jacrev(f)(P)
    for found in (forward, backward):
        assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    # The swing ends where the angle is 0 whatever p is: its derivative is a rounding of 0.
    assert_allclose(forward, backward, rtol=1e-8, atol=1e-14)
    assert_array_equal(dd.jvp(f, (P,), (P,))[0], f(P))


@pytest.mark.parametrize("method", ["RK23", "Radau", "BDF", "LSODA"])
def test_value_does_not_depend_on_whether_it_is_differentiated(method):
    f = lambda p: pendulum(p, method, rtol=1e-5, atol=1e-6).y
    expected = f(P)
    for found in (dd.jvp(f, (P,), (P,))[0], dd.vjp(f, P)[0]):
        assert_array_equal(found, expected)


@pytest.mark.parametrize("f", INTEGRATED, ids=lambda f: f.__name__)
def test_equations_that_nothing_enters_return_what_scipy_returns(f):
    assert_array_equal(beside_a_derivative(f), f(P))


def test_a_callable_object_is_a_right_hand_side():
    class Oscillator:
        def __init__(self, k):
            self.k = k

        def __call__(self, t, y):
            return [y[1], -float(self.k) * y[0]]

    f = lambda k: solve_ivp(Oscillator(k), (0, 1), (1.0, 0.0), rtol=1e-9, atol=1e-9).y[0, -1]
    expected = -np.sin(np.sqrt(2.0)) / (2 * np.sqrt(2.0))
    assert_allclose([dd.derivative(f)(2.0), dd.grad(f)(2.0)], expected, rtol=1e-6)


# Bounds and constraints of SciPy's own classes carry derivatives in plain sight, or in what a function closes over.


def of_bounds(a):
    bounds = scipy.optimize.Bounds(np.array([0.0, 0.0]), np.array([0.5, 3.0]) * a)
    return scipy.optimize.minimize(lambda x: np.sum((x - 2 * a) ** 2), np.array([0.2, 0.3]), bounds=bounds).x[0]


def of_linear_constraint(a):
    limit = scipy.optimize.LinearConstraint(np.array([[1.0, 1.0]]), -np.inf, a)
    return scipy.optimize.minimize(lambda x: np.sum((x - 2 * a) ** 2), np.array([0.2, 0.3]), constraints=[limit]).x[0]


def of_nonlinear_constraint(a):
    limit = scipy.optimize.NonlinearConstraint(lambda x: x[0] / a, -np.inf, 0.5)
    return scipy.optimize.minimize(lambda x: np.sum((x - 2 * a) ** 2), np.array([0.2, 0.3]), constraints=limit).x[0]


def of_linear_least_squares(a):
    return scipy.optimize.lsq_linear(np.array([[1.0, 2.0], [2.0, 1.0]]) * a, np.array([1.0, 3.0])).x[0] * a**2


@pytest.mark.parametrize("name", ["bounds", "linear_constraint", "nonlinear_constraint", "linear_least_squares"])
def test_limits_in_objects_of_scipys_are_differentiated(name):
    f = globals()[f"of_{name}"]
    slope = {"linear_least_squares": 5 / 3}.get(name, 0.5)
    assert_allclose([dd.derivative(f)(0.7), dd.grad(f)(0.7)], slope, rtol=1e-7)
    assert_allclose(dd.jvp(f, (0.7,), (1.0,))[0], f(0.7), rtol=1e-7)  # with exact gradients, not differences


def test_arrays_made_in_adapted_code_enter_solvers_of_dualdiff():
    from dualdiff.scipy import optimize

    f = lambda a: optimize.lsq_linear(np.array([[1.0, 2.0], [2.0, 1.0]]) * a, np.array([1.0, 3.0])).x[0] * a**2
    assert_allclose(dd.derivative(f)(0.7), 5 / 3, rtol=1e-7)


@pytest.mark.parametrize(("name", "reason"), [("linprog", "a vertex jumps"), ("milp", "whole numbers do not move")])
def test_what_has_no_derivative_says_why_under_scipys_own_name_too(name, reason):
    with pytest.raises(dd.UnsupportedFunction, match=reason):
        dd.grad(lambda a: getattr(scipy.optimize, name)([1.0, a]).fun)(0.7)


def test_a_solver_is_not_run_twice_where_a_derivative_enters():
    counts = []

    def solve(a):
        calls = 0

        def f(x):
            nonlocal calls
            calls += 1
            return (x[0] - a) ** 2 + (x[1] - 1.0) ** 2

        x = scipy.optimize.minimize(f, np.zeros(2), method="Nelder-Mead").x[0]
        counts.append(calls)
        return x

    solve(1.5)
    assert_allclose(dd.derivative(solve)(1.5), 1.0, rtol=1e-9)
    plain, differentiated = counts
    assert differentiated < plain + 20
