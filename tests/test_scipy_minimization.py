"""Minima: free, at bounds, under constraints, global; derivatives against closed forms and tightly converged minima."""

import functools
import warnings

import numpy as np
import pytest
import scipy.optimize
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.scipy import optimize
from dualdiff.scipy.constraints import constraints_of
from dualdiff.scipy.optimize import minimize
from dualdiff.testing import derivative_at_zero
from tests.scipy_samples import check

D = dd.derivative


def valley(x, a):
    """Its minimum is at (1 - a/20, a (1 - a/20)²)."""
    return (1 - x[0]) ** 2 + 100 * (x[1] - a * x[0] ** 2) ** 2 + 0.1 * a * x[0]


def lowest(a):
    return np.stack([1 - a / 20, a * (1 - a / 20) ** 2])


ALL = ["Nelder-Mead", "Powell", "CG", "BFGS", "Newton-CG", "L-BFGS-B", "TNC", "COBYQA", "SLSQP", "trust-constr"]
ALL += ["dogleg", "trust-ncg", "trust-exact", "trust-krylov"]


@pytest.mark.parametrize("method", [None, *ALL])
def test_a_minimum_has_the_derivatives_of_its_closed_form_by_every_method(method):
    solve = lambda a: (
        minimize(valley, [0.8, 0.6], (a,), method, options={"maxfun" if method == "TNC" else "maxiter": 5000}).x
    )

    for J in (dd.jacfwd, dd.jacrev):
        assert_allclose(J(solve)(1.2), dd.jacfwd(lowest)(1.2), rtol=2e-11)
        assert_allclose(dd.jacfwd(J(solve))(1.2), dd.jacfwd(dd.jacfwd(lowest))(1.2), atol=1e-9)
    plain = solve(1.2)
    for y in (dd.jvp(solve, (1.2,), (1.0,))[0], dd.vjp(solve, 1.2)[0]):
        assert y.tobytes() == plain.tobytes()


def test_what_did_not_come_near_a_minimum_is_refused():
    for method in ("COBYLA",):
        with pytest.raises(ValueError, match="no derivative here"):
            dd.jacfwd(lambda a: minimize(valley, [0.8, 0.6], (a,), method).x)(1.2)
    with pytest.raises(ValueError, match="not converge"):
        dd.jacfwd(lambda a: minimize(valley, [0.8, 0.6], (a,), options={"maxiter": 2}).x)(1.2)


def test_two_parameters_and_a_closure_agree_with_differences():
    def solve(a, b):
        f = lambda x: np.sum(np.cosh(x - a)) + 0.1 * np.sum(x * b) ** 2
        return minimize(f, np.zeros(3), method="trust-exact", tol=1e-11).x

    check(solve, np.array([0.3, -0.2, 0.5]), np.array([1.0, 0.4, -0.3]), float32=False)


def test_variables_of_a_closure():
    a = dd.Variable(1.2)

    minimize(lambda x: valley(x, a), [0.8, 0.6]).x[1].backward()

    assert_allclose(a.grad, dd.jacfwd(lowest)(1.2)[1], rtol=1e-11)


SUPPLIED = {
    "BFGS": {"jac"},
    "L-BFGS-B": {"jac"},
    "Newton-CG": {"jac", "hessp"},
    "trust-exact": {"jac", "hess"},
    "trust-constr": {"jac", "hess"},
    "trust-krylov": {"jac", "hessp"},
}


@pytest.mark.parametrize("method", SUPPLIED)
def test_a_method_gets_the_exact_derivatives_that_it_takes(method):
    f = lambda x: valley(x, 1.2)
    exact = {
        "jac": dd.grad(f),
        "hess": dd.hessian(f),
        "hessp": lambda x, p: dd.hvp(f, (x,), (p,)),
    }
    ours = minimize(f, np.array([0.8, 0.6]), method=method)
    theirs = scipy.optimize.minimize(
        f, np.array([0.8, 0.6]), method=method, **{name: exact[name] for name in SUPPLIED[method]}
    )

    assert_allclose(ours.x, theirs.x, rtol=1e-12)
    assert (ours.nfev, ours.nit) == (theirs.nfev, theirs.nit)


def test_the_function_runs_once_for_value_and_gradient():
    runs = []

    def f(x):
        runs.append(1)
        return valley(x, 1.2)

    report = minimize(f, np.array([0.8, 0.6]))

    assert len(runs) == report.nfev  # the first of them is the check that f can be differentiated


def test_what_the_user_gives_is_respected():
    used = []

    def jac(x, a):
        used.append(1)
        return dd.grad(valley)(x, a)

    x = dd.jacfwd(lambda a: minimize(valley, [0.8, 0.6], (a,), jac=jac).x)(1.2)
    assert used
    assert_allclose(x, dd.jacfwd(lowest)(1.2), rtol=1e-11)
    together = lambda a: minimize(lambda x: (valley(x, a), dd.grad(valley)(x, a)), [0.8, 0.6], jac=True).x
    assert_allclose(dd.jacrev(together)(1.2), dd.jacfwd(lowest)(1.2), rtol=1e-11)
    theirs = scipy.optimize.minimize(valley, [0.8, 0.6], (1.2,), jac="2-point")
    assert minimize(valley, [0.8, 0.6], (1.2,), jac="2-point").x.tobytes() == theirs.x.tobytes()


def test_a_function_of_plain_numbers_only_is_minimised_as_scipy_does():
    import math

    f = lambda x: math.cosh(x[0] - 1.0) + math.cosh(x[1])
    assert minimize(f, [0.3, 0.2]).x.tobytes() == scipy.optimize.minimize(f, [0.3, 0.2]).x.tobytes()


# The parts of a result.


def test_the_value_at_the_minimum_has_the_derivative_of_the_envelope():
    fun = lambda a: minimize(valley, [0.8, 0.6], (a,)).fun
    closed = lambda a: valley(lowest(a), a)

    assert_allclose([D(fun)(1.2), dd.grad(fun)(1.2)], D(closed)(1.2), rtol=1e-9)
    assert_allclose(D(dd.grad(fun))(1.2), D(D(closed))(1.2), rtol=1e-9)


def test_the_gradient_in_a_result_has_its_total_derivative():
    solve = lambda a: minimize(lambda x: np.sum((x - a) ** 2), [0.5, 0.5], bounds=[(None, 0.2), (None, None)])

    # At the bound the gradient is 2 (0.2 - a), inside it stays 0.
    assert_allclose(dd.jacfwd(lambda a: solve(a).jac)(1.0), [-2.0, 0.0], atol=1e-12)


def test_what_the_iteration_left_behind_is_withheld_and_counts_stay():
    solve = lambda a: minimize(valley, [0.8, 0.6], (a,))

    assert dd.jacfwd(lambda a: solve(a).x * solve(a).nit)(1.2).shape == (2,)
    for use in (
        lambda h: h @ np.ones(2),
        lambda h: np.linalg.inv(h),
        lambda h: np.asarray(h),
        lambda h: 2.0 * h,
        lambda h: h[0, 0],
        lambda h: h.sum(),
        lambda h: np.sqrt(h),
        lambda h: h * np.ones(2),
        lambda h: np.ones(2) * h,
        lambda h: float(h),
    ):
        with pytest.raises(dd.UnsupportedFunction, match="minimize: hess_inv of the result"):
            D(lambda a, use=use: solve(a).x[0] * 1.0 + use(solve(a)["hess_inv"]))(1.2)
    assert isinstance(solve(1.2).hess_inv, np.ndarray)


# Bounds.

Q = np.array([[3.0, 0.5, 0.2], [0.5, 2.0, 0.3], [0.2, 0.3, 1.5]])
c = np.array([1.0, -2.0, 3.0])


def bowl(x, a):
    return 0.5 * x @ Q @ x - a * c @ x + 0.1 * np.sum(np.exp(0.1 * x * a))


def bounded(a, method, **options):
    """The last entry is at its upper bound, which moves."""
    limits = [(0, None), (None, -0.1 * a), (0, a)]
    return minimize(bowl, np.array([0.3, -0.3, 0.3]), (a,), method, bounds=limits, **options)


def free_block(a):
    """The first two entries by Newton's method, with the last one at a."""
    whole = lambda y: np.stack([y[0], y[1], a])
    y = np.array([0.5, -1.0])
    for _ in range(8):
        F = dd.grad(lambda y: bowl(whole(y), a))
        y = y - np.linalg.solve(dd.jacfwd(F)(y), F(y))
    return whole(y)


@functools.cache
def derivatives_of_free_block():
    """The first by differences, the second by differences of the derivative of Newton's iteration."""
    of_first = derivative_at_zero(lambda t: free_block(1.1 + t), 1e-2)[0]
    return of_first, derivative_at_zero(lambda t: dd.jacfwd(free_block)(1.1 + t), 1e-2, 1e-9)[0]


@pytest.mark.parametrize("method", ["L-BFGS-B", "TNC", "SLSQP", "trust-constr", None])
def test_at_an_active_bound_only_the_free_block_moves_and_the_rest_with_the_bound(method):
    expected, second = derivatives_of_free_block()
    solve = lambda a: bounded(a, method).x

    for J in (dd.jacfwd, dd.jacrev):
        assert_allclose(J(solve)(1.1), expected, rtol=1e-8)
    assert_allclose(dd.jacfwd(dd.jacrev(solve))(1.1), second, rtol=1e-6, atol=1e-9)


def test_bounds_as_an_object_and_fixed_entries():
    f = lambda x, a: np.sum((x - a) ** 4 + (x - a) ** 2) + x[0] * x[1]
    solve = lambda low: minimize(f, [1.0, 1.0], (0.3,), bounds=scipy.optimize.Bounds(low, np.inf)).x
    check(solve, np.array([0.7, 0.9]), float32=False, second=False)
    assert_allclose(dd.jacfwd(solve)(np.array([0.7, 0.9])), np.eye(2))

    pinned = lambda a: minimize(f, [0.5, 1.0], (0.3,), bounds=[(0.5 * a, 0.5 * a), (None, None)]).x
    assert_allclose(dd.jacfwd(pinned)(1.0)[0], 0.5)


def test_the_derivative_in_a_bound_that_is_not_active_is_zero():
    solve = lambda low: minimize(valley, [0.8, 0.6], (1.2,), bounds=[(low, None), (None, None)]).x

    assert_allclose(dd.jacfwd(solve)(-3.0), [0.0, 0.0], atol=1e-14)


WEAK = {
    "a bound": lambda a: minimize(lambda x: np.sum((x - a) ** 2), [1.5], bounds=[(1.0, None)]).x,
    "a bound, SLSQP": lambda a: minimize(lambda x: np.sum((x - a) ** 2), [1.5], bounds=[(1.0, None)], method="SLSQP").x,
    "a constraint": lambda a: (
        minimize(
            lambda x: np.sum((x - a) ** 2), [1.5, 2.0], constraints={"type": "ineq", "fun": lambda x: x[0] - 1.0}
        ).x
    ),
    "nnls": lambda a: optimize.nnls(np.eye(2), np.stack([a, 0.0 * a]))[0],
}


@pytest.mark.parametrize("name", WEAK)
def test_weakly_active_bounds_and_constraints_are_refused(name):
    for J in (dd.jacfwd, dd.jacrev):
        with pytest.raises(ValueError, match="weakly active"):
            J(WEAK[name])(1.0)


KINKS = {
    "a kink": lambda a: optimize.minimize_scalar(lambda x: np.abs(x - a) + 0.1 * x**2).x,
    "a kink in several unknowns": lambda a: (
        minimize(lambda x: np.sum(np.abs(x - a)) + 0.1 * np.sum(x**2), [0.3, 0.4], method="Nelder-Mead").x
    ),
    "a flat minimum": lambda a: minimize(lambda x: np.sum((x - a) ** 4), [0.3]).x,
    "a flat valley": lambda a: minimize(lambda x: (x[0] + x[1] - a) ** 2, [0.3, 0.3]).x,
    "a line of least squares": lambda a: optimize.least_squares(lambda x: np.stack([x[0] + x[1] - a] * 2), [0, 0.0]).x,
}


@pytest.mark.parametrize("name", KINKS)
def test_kinked_and_flat_minima_are_refused(name):
    for J in (dd.jacfwd, dd.jacrev):
        with pytest.raises(ValueError, match="no derivative here"):
            J(KINKS[name])(1.0)


# Constraints.

CONSTRAINED = {
    # Closed forms of the minimum of |x|² / 2 - w.x under each.
    "equality": (
        lambda a: {"type": "eq", "fun": lambda x: np.sum(x) - a},
        lambda a, w: w + (a - np.sum(w)) / w.size,
    ),
    "equality with args": (
        lambda a: [{"type": "eq", "fun": lambda x, b: np.sum(x) - b, "args": (a,)}],
        lambda a, w: w + (a - np.sum(w)) / w.size,
    ),
    "linear equality": (
        lambda a: scipy.optimize.LinearConstraint(np.ones((1, 3)), np.stack([a]), np.stack([a])),
        lambda a, w: w + (a - np.sum(w)) / w.size,
    ),
    "inequality": (
        lambda a: [
            {"type": "ineq", "fun": lambda x: a**2 - x @ x},
            {"type": "ineq", "fun": lambda x: x[0] + 10.0},
        ],
        lambda a, w: a * w / np.sqrt(w @ w),
    ),
    "nonlinear limits": (
        lambda a: scipy.optimize.NonlinearConstraint(lambda x: [x[0] * a, x @ x], [-9.0, 0.0], np.stack([9.0, a * a])),
        lambda a, w: a * w / np.sqrt(w @ w),
    ),
    "a matrix that moves": (
        lambda a: scipy.optimize.NonlinearConstraint(lambda x: x[0] + a * x[1], 0.0, 0.0),
        lambda a, w: w - (w[0] + a * w[1]) / (1 + a * a) * np.stack([1.0, a, 0.0 * a]),
    ),
    "inactive": (
        lambda a: [{"type": "ineq", "fun": lambda x: x[0] + 9.0 + a}],
        lambda a, w: w,
    ),
}


@pytest.mark.parametrize("name", CONSTRAINED)
@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
def test_a_constrained_minimum_has_the_derivatives_of_the_kkt_conditions(name, method):
    constraint, closed = CONSTRAINED[name]
    w = np.array([1.0, 2.0, 0.5])

    def solve(a, w):
        f = lambda x: 0.5 * x @ x - w @ x
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of SciPy's quasi-Newton updates
            return minimize(f, np.array([0.4, 0.3, 0.2]), method=method, constraints=constraint(a)).x

    plain = solve(1.3, w)
    assert_allclose(plain, closed(1.3, w), rtol=1e-3, atol=1e-3)
    expected = dd.jacfwd(closed, argnums=(0, 1))(1.3, w)
    for J in (dd.jacfwd, dd.jacrev):
        for found, wanted in zip(J(solve, argnums=(0, 1))(1.3, w), expected, strict=True):
            assert_allclose(found, wanted, rtol=1e-7, atol=1e-8)
    second = dd.jacfwd(dd.jacfwd(closed))(1.3, w)
    assert_allclose(dd.jacfwd(dd.jacrev(solve))(1.3, w), second, rtol=1e-6, atol=1e-7)
    assert dd.jvp(lambda a: solve(a, w), (1.3,), (1.0,))[0].tobytes() == plain.tobytes()


def test_constraints_get_exact_jacobians():
    calls = []

    def constraint(x):
        calls.append(type(x))
        return 1.0 - x @ x

    minimize(valley, [0.3, 0.2], (1.2,), constraints={"type": "ineq", "fun": constraint})

    assert dd.Dual in calls


# One unknown.


def test_minima_over_one_number():
    f = lambda x, a: np.cosh(x - a) + 0.5 * (x - a) ** 2
    solvers = {
        "golden": lambda a: optimize.golden(f, (a,)),
        "brent": lambda a: optimize.brent(f, (a,)),
        "brent full": lambda a: optimize.brent(f, (a,), full_output=True)[0],
        "fminbound": lambda a: optimize.fminbound(f, -1.0, 3.0, (a,)),
        "minimize_scalar": lambda a: optimize.minimize_scalar(f, args=(a,)).x,
        "minimize_scalar golden": lambda a: optimize.minimize_scalar(f, args=(a,), method="golden").x,
        "minimize_scalar bounded": lambda a: optimize.minimize_scalar(f, bounds=(-1.0, 3.0), args=(a,)).x,
    }
    for name, solve in solvers.items():
        plain = solve(1.1)
        assert_allclose([D(solve)(1.1), dd.grad(solve)(1.1)], 1.0, rtol=1e-13, err_msg=name)
        assert_allclose([D(D(solve))(1.1), D(dd.grad(solve))(1.1)], 0.0, atol=1e-9, err_msg=name)
        assert dd.jvp(solve, (1.1,), (1.0,))[0] == plain


def test_a_minimum_at_an_end_moves_with_it():
    for solve in (
        lambda b: optimize.minimize_scalar(lambda x: (x - 3.0) ** 2, bounds=(0.0, b)).x,
        lambda b: optimize.fminbound(lambda x: (x - 3.0) ** 2, 0.0, b),
    ):
        assert_allclose([D(solve)(2.0), dd.grad(solve)(2.0)], 1.0)


# Global minima.


def hilly(x, a):
    return np.sum((x - 0.3 * a) ** 2) + 0.3 * np.sum(np.cos(5.0 * x * a))


GLOBAL = {
    "differential_evolution": lambda f: optimize.differential_evolution(f, [(-2, 2), (-1, 2)], rng=1).x,
    "differential_evolution vectorized": lambda f: optimize.differential_evolution(
        lambda x: np.stack([f(column) for column in x.T]), [(-2, 2), (-1, 2)], rng=1, vectorized=True,
        updating="deferred",
    ).x,
    "dual_annealing": lambda f: optimize.dual_annealing(f, [(-2, 2), (-1, 2)], rng=1, maxiter=100).x,
    "shgo": lambda f: optimize.shgo(f, [(-2, 2), (-1, 2)]).x,
    "basinhopping": lambda f: optimize.basinhopping(f, [0.3, 0.6], niter=5, rng=1).x,
    "brute": lambda f: optimize.brute(f, [(-2, 2), (-1, 2)], finish=scipy.optimize.fmin, Ns=15, disp=False),
}  # fmt: skip


@pytest.mark.parametrize("name", GLOBAL)
def test_a_global_minimum_has_the_derivative_of_the_local_one(name):
    a = 1.1
    solve = lambda a: GLOBAL[name](lambda x: hilly(x, a))
    x = solve(a)
    F = dd.grad(hilly)
    for _ in range(5):
        x = x - np.linalg.solve(dd.hessian(hilly)(x, a), F(x, a))
    expected = -np.linalg.solve(dd.hessian(hilly)(x, a), D(lambda a: F(x, a))(a))

    assert_allclose(dd.jacfwd(solve)(a), expected, rtol=1e-9)
    assert_allclose(dd.jacrev(solve)(a), expected, rtol=1e-9)


def test_a_search_that_ends_beside_a_minimum_is_refused():
    f = lambda a: lambda x: hilly(x, a)
    limits = [(-2, 2), (-1, 2)]
    for solve in (
        lambda a: optimize.brute(f(a), limits, finish=None),
        lambda a: optimize.differential_evolution(f(a), limits, rng=1, integrality=[True, False]).x,
        lambda a: optimize.direct(f(a), limits, maxiter=3).x,
    ):
        with pytest.raises(ValueError, match="no derivative here"):
            dd.jacfwd(solve)(1.1)
    assert optimize.direct(f(1.1), limits).x.tobytes() == scipy.optimize.direct(f(1.1), limits).x.tobytes()


# What has no derivative.


def test_linear_and_discrete_programs_are_refused_with_a_reason_and_work_on_numbers():
    ours, theirs = optimize.linprog([1.0, 1.0], A_ub=[[-1, -2]], b_ub=[-1]), scipy.optimize.linprog
    assert ours.x.tobytes() == theirs([1.0, 1.0], A_ub=[[-1, -2]], b_ub=[-1]).x.tobytes()
    with pytest.raises(dd.UnsupportedFunction, match="vertex"):
        dd.jacfwd(lambda b: optimize.linprog([1.0, 1.0], A_ub=[[-1, -2]], b_ub=np.stack([b])).x)(-1.0)
    with pytest.raises(dd.UnsupportedFunction, match="assignment"):
        dd.jacfwd(lambda x: optimize.linear_sum_assignment(x * np.eye(2))[0])(1.0)


def test_other_solvers_refuse_functions_that_carry_derivatives_by_closure():
    with pytest.raises(dd.UnsupportedFunction, match="use minimize"):
        D(lambda a: optimize.fmin_bfgs(lambda x: (x[0] - a) ** 2, [1.0], disp=False)[0])(1.0)
    with pytest.raises(dd.UnsupportedFunction, match="use root"):
        D(lambda a: optimize.broyden1(lambda x: x - a, [0.5])[0])(1.0)
    assert_allclose(optimize.fmin_bfgs(lambda x: (x[0] - 1) ** 2, [2.0], disp=False), 1.0, rtol=1e-6)
    assert optimize.Bounds is scipy.optimize.Bounds
    with pytest.raises(AttributeError):
        optimize.no_such_solver  # noqa: B018


def test_a_minimum_inside_a_minimum():
    inner = lambda a: minimize(lambda y: np.sum(np.cosh(y - a)) - np.sum(y), np.zeros(1), tol=1e-12).x[0]
    outer = lambda b: minimize(lambda x: (inner(x[0]) - b) ** 2 + 0.1 * x[0] ** 2, np.zeros(1), tol=1e-10).x[0]
    # inner(a) = a + arcsinh(1); the outer minimum is at (b - arcsinh(1)) / 1.1.

    assert_allclose([D(outer)(2.0), dd.grad(outer)(2.0)], 1 / 1.1, rtol=1e-10)


def test_type_of_a_constraint_may_be_in_capitals():
    def lowest(a):
        equal = {"type": "Eq", "fun": lambda x: x[0] + x[1] - a}
        return minimize(lambda x: x[0] ** 2 + 2 * x[1] ** 2, [1.0, 1.0], method="SLSQP", constraints=equal).x

    assert_allclose(D(lowest)(-1.0), [2 / 3, 1 / 3], rtol=1e-9)


def test_linear_constraint_with_limits_that_move_stays_feasible_on_the_way_if_asked():
    asked = []

    def limits(a):
        below = scipy.optimize.LinearConstraint(np.eye(2), a * np.ones(2), np.ones(2), keep_feasible=True)
        asked.append(constraints_of(below, np.zeros(2))[1].keep_feasible)
        return a

    D(limits)(0.5)
    assert np.all(asked)


@pytest.mark.parametrize("solve", [optimize.golden, optimize.brent])
def test_search_along_a_line_that_stops_early_has_no_derivative(solve):
    with pytest.raises(ValueError, match="did not converge"):
        D(lambda a: solve(lambda x: (x - a) ** 2 + 0.1 * (x - a) ** 4, brack=(0.0, 1.0, 3.0), maxiter=2))(1.1)


@pytest.mark.parametrize("a", [0.0, 1.0])
def test_bound_that_holds_without_a_force_has_no_derivative(a):
    with pytest.raises(ValueError, match="weakly active"):
        D(lambda a: minimize(lambda x: np.sum((x - a) ** 2), [0.5], method="L-BFGS-B", bounds=[(0.0, 1.0)]).x)(a)


def test_linear_constraint_that_alone_carries_a_derivative():
    def nearest(s):
        on = scipy.optimize.LinearConstraint(np.array([[1.0, 1.0]]) * s, 1.0, 1.0)
        return minimize(lambda x: np.sum((x - 1) ** 2), [1.0, 1.0], method="SLSQP", constraints=on).x

    assert_allclose(D(nearest)(1.0), [-0.5, -0.5], rtol=1e-9)
