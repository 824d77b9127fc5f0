"""Derivatives that move faster than the solution whose steps SciPy chose: to thirty tolerances all the same."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.scipy import accuracy, integrate

METHODS = ("RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA")


def forced(p, **options):
    """y' = p cos 20 t from 0, of which nothing is seen at p = 0."""
    return integrate.solve_ivp(lambda t, y: p * np.cos(20 * t) + 0 * y, (0.0, 1.5), [0.0], **options).y[0, -1]


def perturbed(p, **options):
    """y' = -2 (y - 1) (1 + sin 5 t) from 1 + p: it rests at p = 0."""
    f = lambda t, y: -2.0 * (y - 1.0) * (1.0 + np.sin(5.0 * t))
    return integrate.solve_ivp(f, (0.0, 2.0), np.stack([1.0 + p]), **options).y[0, -1]


def driven(p, **options):
    """y'' = -25 y + p cos 3 t from rest."""
    f = lambda t, y: [y[1], -25.0 * y[0] + p * np.cos(3.0 * t)]
    return integrate.solve_ivp(f, (0.0, 2.0), [0.0, 0.0], **options).y[0, -1]


def offset(p, **options):
    """p cos 8 t beside something large that rests."""
    return integrate.solve_ivp(lambda t, y: p * np.cos(8.0 * t) + 0 * y, (0.0, 3.0), [1e6], **options).y[0, -1]


EXACT = {
    forced: np.sin(30.0) / 20.0,
    perturbed: np.exp(-2.0 * (2.0 + (1.0 - np.cos(10.0)) / 5.0)),
    driven: (np.cos(6.0) - np.cos(10.0)) / 16.0,
    offset: np.sin(24.0) / 8.0,
}
SIZE = {forced: 0.05, perturbed: 1.0, driven: 0.1, offset: 0.125}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("f", EXACT)
def test_derivatives_around_what_rests(f, method):
    for rtol in (1e-3, 1e-6):
        options = {"method": method, "rtol": rtol, "atol": rtol * 1e-2}
        run = lambda p, o=options: f(p, **o)
        y, slope = dd.jvp(run, (0.0,), (1.0,))
        assert y == run(0.0)
        for found in (slope, dd.grad(run)(0.0)):
            assert abs(found - EXACT[f]) <= 30 * rtol * SIZE[f]


@pytest.mark.parametrize("method", METHODS)
def test_the_adjoint_is_as_accurate(method):
    found = dd.grad(lambda p: forced(p, method=method, rtol=1e-4, atol=1e-6, sensitivity="adjoint"))(0.0)
    assert abs(found - EXACT[forced]) <= 30 * 1e-4 * SIZE[forced]


@pytest.mark.parametrize("method", ["RK45", "DOP853", "Radau", "LSODA"])
@pytest.mark.parametrize("f", [forced, perturbed, offset])
def test_variational_equations_are_not_misled_by_a_solution_without_control(f, method):
    options = {"method": method, "rtol": 1e-6, "atol": 1e-8, "sensitivity": "forward"}
    found = dd.derivative(lambda p: f(p, **options))(0.0)
    assert abs(found - EXACT[f]) <= 100 * 1e-6 * SIZE[f]


def test_states_on_the_way_and_events_too():
    def run(p):
        late = lambda t, y: t + y[0] - 2.0
        solution = integrate.solve_ivp(
            lambda t, y: p * np.cos(20 * t) + 0 * y, (0.0, 3.0), [0.0], t_eval=[0.3, 1.7], dense_output=True,
            events=late, rtol=1e-6, atol=1e-8,
        )  # fmt: skip
        return np.stack([*solution.y[0], solution.sol(2.9)[0], solution.t_events[0][0]])

    expected = np.array([np.sin(6.0), np.sin(34.0), np.sin(58.0), -np.sin(40.0)]) / 20.0
    for transform in (dd.jacfwd, dd.jacrev):
        assert_allclose(transform(run)(0.0), expected, atol=2e-6)


def test_odeint():
    run = lambda p: integrate.odeint(lambda y, t: p * np.cos(20 * t) + 0 * y, [0.0], [0.0, 1.3, 3.0])[1:, 0]
    for transform in (dd.jacfwd, dd.jacrev):
        assert_allclose(transform(run)(0.0), np.sin([26.0, 60.0]) / 20.0, atol=1e-7)


def test_second_derivatives_where_even_the_first_ones_rest():
    squared = lambda p: forced(p * p, rtol=1e-6, atol=1e-8)
    for nested in (dd.hessian(squared), dd.derivative(dd.derivative(squared)), dd.grad(dd.grad(squared))):
        assert_allclose(nested(0.0), 2.0 * EXACT[forced], atol=2e-6)


def test_several_parameters_of_which_one_moves_fast():
    def run(p):
        f = lambda t, y: [-p[0] * y[0] + p[1] * np.cos(30.0 * t), p[2]]
        return integrate.solve_ivp(f, (0.0, 2.0), [1.0, 0.0], rtol=1e-5, atol=1e-7).y[:, -1]

    p = np.array([1.3, 0.0, 1.0])
    fast = (1.3 * np.cos(60.0) + 30.0 * np.sin(60.0) - 1.3 * np.exp(-2.6)) / (1.69 + 900.0)
    expected = np.array([[-2.0 * np.exp(-2.6), fast, 0.0], [0.0, 0.0, 2.0]])
    for transform in (dd.jacfwd, dd.jacrev):
        assert_allclose(transform(run)(p), expected, atol=1e-5)
    assert_allclose(dd.grad(lambda p: run(p)[0])(p), expected[0], atol=1e-5)


def test_what_no_division_follows_is_refused(monkeypatch):
    monkeypatch.setattr(accuracy, "_MOST_STEPS", 4_000)
    wild = lambda p: integrate.solve_ivp(lambda t, y: p * np.cos(1e7 * t) + 0 * y, (0.0, 3.0), [0.0]).y[0, -1]
    with pytest.raises(dd.NoDerivative, match="no division of its steps follows it"):
        dd.derivative(wild)(0.0)
