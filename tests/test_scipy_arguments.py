"""The guide's table of SciPy's arguments: each expression, given to SciPy, is what it wants."""

import re

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from numpy.testing import assert_allclose
from scipy.sparse.linalg import LinearOperator, lsmr

import dualdiff as dd
from tests.test_readme import PAGES

X0 = np.array([0.8, 0.6])
T = np.linspace(0.0, 4.0, 12)
Y = 2.5 * np.exp(-1.3 * T) + 0.01 * np.cos(9.0 * T)
so = scipy.optimize


def f(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def c(x):
    return np.stack([1.5 - x @ x, x[0] - x[1] ** 2 + 1.0])


def model(t, a, b):
    return a * np.exp(-b * t)


def r(p):
    return model(T, *p) - Y


def F(x):
    return np.stack([x[0] * x[1] - 2.0, np.exp(x[0]) - x[1]])


def g(x):
    return x**3 - 2.0


def rhs(t, y):
    return np.stack([-50.0 * y[0] + y[1] ** 2, y[0] - y[1]])


def right(y, t):
    return rhs(t, y)


def fun(x, y):
    return np.stack([y[1], -np.exp(y[0])])


def bc(a, b):
    return np.stack([a[0], b[0] ** 2 + b[0]])


SCOPE = {"dd": dd, "np": np, "f": f, "c": c, "r": r, "model": model, "F": F, "g": g, "rhs": rhs, "right": right}
SCOPE |= {"fun": fun, "bc": bc, "x0": np.array([1.0, 1.0])}
IVP = {"method": "Radau", "rtol": 1e-8, "atol": 1e-10}


def same(a, b):
    assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def minimised(e, **more):
    assert so.check_grad(f, dd.grad(f), X0) < 1e-4
    same(so.minimize(f, X0, **({"jac": e} | more)).x, [1.0, 1.0])
    same(so.fmin_bfgs(f, X0, fprime=e, disp=False), [1.0, 1.0])


def constrained(e):
    expected = so.minimize(f, X0, constraints={"type": "ineq", "fun": c}).x
    same(so.minimize(f, X0, constraints={"type": "ineq", "fun": c, "jac": e}).x, expected)
    limit = so.NonlinearConstraint(c, 0.0, np.inf, jac=e)
    assert_allclose(so.minimize(f, X0, jac=dd.grad(f), constraints=limit, method="trust-constr").x, expected, rtol=1e-3)


def with_hessian(e):
    limit = so.NonlinearConstraint(c, 0.0, np.inf, jac=dd.jacobian(c), hess=e)
    found = so.minimize(f, X0, jac=dd.grad(f), hess=dd.hessian(f), constraints=limit, method="trust-constr")
    assert_allclose(found.x, so.minimize(f, X0, constraints={"type": "ineq", "fun": c}).x, rtol=1e-3)
    differences = so.approx_fprime(X0, lambda x: dd.jacobian(c)(x).T @ [0.3, 0.7], 1e-7)
    same(e(X0, np.array([0.3, 0.7])), differences)


def fitted(e):
    expected = so.least_squares(r, [1.0, 1.0]).x
    same(so.least_squares(r, [1.0, 1.0], jac=e).x, expected)
    same(so.leastsq(r, [1.0, 1.0], Dfun=e)[0], expected)


def roots(e):
    for x in (so.root(F, [1.0, 1.0], jac=e).x, so.fsolve(F, [1.0, 1.0], fprime=e)):
        assert_allclose(F(x), 0.0, atol=1e-9)


def newton(**slopes):
    assert_allclose(so.newton(g, 1.2, **slopes), 2.0 ** (1 / 3))
    assert_allclose(so.newton(g, np.array([1.2, 1.4]), **slopes), 2.0 ** (1 / 3))


def stiff(e):
    expected = scipy.integrate.solve_ivp(rhs, (0.0, 1.0), [1.0, 0.5], **IVP)
    found = scipy.integrate.solve_ivp(rhs, (0.0, 1.0), [1.0, 0.5], jac=e, **IVP)
    assert_allclose(found.y[:, -1], expected.y[:, -1], rtol=1e-6)
    assert found.nfev <= expected.nfev


def old_ode(e):
    expected = scipy.integrate.odeint(right, [1.0, 0.5], [0.0, 1.0], rtol=1e-10)
    assert_allclose(scipy.integrate.odeint(right, [1.0, 0.5], [0.0, 1.0], Dfun=e, rtol=1e-10), expected, rtol=1e-6)


def boundary_values(**jacobians):
    x = np.linspace(0.0, 1.0, 5)
    jacobians = {"fun_jac": None, "bc_jac": None} | jacobians
    expected = scipy.integrate.solve_bvp(fun, bc, x, np.zeros((2, 5)), tol=1e-6)
    found = scipy.integrate.solve_bvp(fun, bc, x, np.zeros((2, 5)), tol=1e-6, **jacobians)
    assert_allclose(found.sol(x), expected.sol(x), atol=1e-6)


def operator(**products):
    shape = (12, 2)
    J = dd.jacfwd(r)(SCOPE["x0"])
    whole = LinearOperator(shape, **({"matvec": lambda v: J @ v, "rmatvec": lambda u: J.T @ u} | products))
    assert_allclose(whole @ np.array([0.3, 0.7]), J @ [0.3, 0.7])
    assert_allclose(whole.rmatvec(T), J.T @ T)
    assert_allclose(lsmr(whole, Y, atol=1e-13, btol=1e-13)[0], np.linalg.lstsq(J, Y, rcond=None)[0], rtol=1e-6)


USES = {
    "minimize(f, x0, jac=...)": minimised,
    "minimize(..., x0, jac=True)": lambda e: same(so.minimize(e, X0, jac=True).x, [1.0, 1.0]),
    "minimize(f, x0, hess=...)": lambda e: same(
        so.minimize(f, X0, jac=dd.grad(f), hess=e, method="trust-exact").x, [1.0, 1.0]
    ),
    "minimize(f, x0, hessp=...)": lambda e: same(
        so.minimize(f, X0, jac=dd.grad(f), hessp=e, method="Newton-CG").x, [1.0, 1.0]
    ),
    '{"type": "ineq", "fun": c, "jac": ...}': constrained,
    "NonlinearConstraint(c, lb, ub, hess=...)": with_hessian,
    "least_squares(r, x0, jac=...)": fitted,
    "curve_fit(model, t, y, p0, jac=...)": lambda e: same(
        so.curve_fit(model, T, Y, [1.0, 1.0], jac=e)[0], so.curve_fit(model, T, Y, [1.0, 1.0])[0]
    ),
    "root(F, x0, jac=...)": roots,
    "newton(g, x0, fprime=...)": lambda e: newton(fprime=e),
    "newton(g, x0, fprime2=...)": lambda e: newton(fprime=dd.elementwise_grad(g), fprime2=e),
    "solve_ivp(rhs, t_span, y0, jac=...)": stiff,
    "odeint(right, y0, t, Dfun=...)": old_ode,
    "solve_bvp(fun, bc, x, y, fun_jac=...)": lambda e: boundary_values(fun_jac=e),
    "solve_bvp(fun, bc, x, y, bc_jac=...)": lambda e: boundary_values(bc_jac=e),
    "LinearOperator(shape, matvec=...)": lambda e: operator(matvec=e),
    "LinearOperator(shape, rmatvec=...)": lambda e: operator(rmatvec=e),
}


def rows():
    """SciPy's first argument of each row, and dualdiff's expression."""
    table = PAGES["scipy.md"].partition("| SciPy's argument | dualdiff's expression |\n")[2].partition("\n\n")[0]
    return dict(re.match(r"\| `(.*?)`.*\| `(.*?)`", line).groups() for line in table.splitlines()[1:])


def test_each_row_of_the_table_has_its_use():
    assert list(rows()) == list(USES)


@pytest.mark.parametrize("argument", USES)
def test_an_expression_is_what_the_argument_takes(argument):
    USES[argument](eval(rows()[argument], dict(SCOPE)))
