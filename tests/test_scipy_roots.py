"""Roots and fixed points: values are SciPy's, derivatives those of closed forms, to third order, in both modes."""

import warnings

import numpy as np
import pytest
import scipy.optimize
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.scipy import optimize
from tests.scipy_samples import check

D = dd.derivative


def cube(x, a):
    return x**3 - a


# x(a) = a^(1/3), found in every way there is.
CUBE_ROOTS = {
    "brentq": lambda a: optimize.brentq(lambda x: x**3 - a, 0.0, 3.0),
    "brentq args": lambda a: optimize.brentq(cube, 0.0, 3.0, args=(a,)),
    "brentq one argument": lambda a: optimize.brentq(cube, 0.0, 3.0, args=a),
    "brentq full": lambda a: optimize.brentq(cube, 0.0, 3.0, (a,), full_output=True)[1].root,
    "brentq moving bracket": lambda a: optimize.brentq(cube, 0.1 * a, 2.0 * a, (a,)),
    "brenth": lambda a: optimize.brenth(cube, 0.0, 3.0, (a,)),
    "ridder": lambda a: optimize.ridder(cube, 0.0, 3.0, (a,)),
    "bisect": lambda a: optimize.bisect(cube, 0.0, 3.0, (a,)),
    "bisect coarse": lambda a: optimize.bisect(cube, 0.0, 3.0, (a,), xtol=1e-3),
    "toms748": lambda a: optimize.toms748(cube, 0.0, 3.0, (a,)),
    "newton": lambda a: optimize.newton(cube, 1.3, args=(a,)),
    "newton fprime": lambda a: optimize.newton(cube, 1.3, lambda x, a: 3 * x**2, args=(a,)),
    "newton halley": lambda a: optimize.newton(cube, 1.3, lambda x, a: 3 * x**2, (a,), fprime2=lambda x, a: 6 * x),
    "newton secant": lambda a: optimize.newton(cube, 1.3, x1=1.2, args=(a,)),
    "newton warm": lambda a: optimize.newton(cube, 2.0 ** (1 / 3), args=(a,)),
    "newton start that moves": lambda a: optimize.newton(cube, a ** (1 / 3), args=(a,)),
    "newton array": lambda a: optimize.newton(cube, np.array([1.3, 1.2]), args=(a,))[1],
    "newton array full": lambda a: optimize.newton(cube, np.array([1.3, 1.2]), args=(a,), full_output=True).root[0],
    "root_scalar bracket": lambda a: optimize.root_scalar(cube, (a,), bracket=(0.0, 3.0)).root,
    "root_scalar newton": lambda a: optimize.root_scalar(cube, (a,), x0=1.3).root,
    "root_scalar halley": lambda a: optimize.root_scalar(cube, (a,), "halley", x0=1.3).root,
    "root_scalar secant": lambda a: optimize.root_scalar(cube, (a,), x0=1.3, x1=1.2).root,
    "root_scalar fprime=True": lambda a: optimize.root_scalar(lambda x: (x**3 - a, 3 * x**2), x0=1.3, fprime=True).root,
    "root": lambda a: optimize.root(lambda x: [x[0] ** 3 - a], [1.3]).x[0],
    "root lm": lambda a: optimize.root(cube, [1.3], (a,), "lm").x[0],
    "root lm, two equations": lambda a: optimize.root(lambda x: np.append(cube(x, a), x**3 - a), 1.3, method="lm").x[0],
    "root krylov": lambda a: optimize.root(cube, [1.3], (a,), "krylov").x[0],
    "root jac=True": lambda a: optimize.root(lambda x: (x**3 - a, np.diag(3 * x**2)), [1.3], jac=True).x[0],
    "root jac": lambda a: optimize.root(cube, [1.3], (a,), jac=lambda x, a: np.diag(3 * x**2)).x[0],
    "fsolve": lambda a: optimize.fsolve(cube, 1.3, (a,))[0],
    "fsolve full": lambda a: optimize.fsolve(cube, 1.3, (a,), full_output=True)[0][0],
    "fixed_point": lambda a: optimize.fixed_point(lambda x: (2 * x + a / x**2) / 3, 1.3),
    "fixed_point iteration": lambda a: optimize.fixed_point(lambda x: (2 * x + a / x**2) / 3, 1.3, method="iteration"),
    "fixed_point warm": lambda a: optimize.fixed_point(lambda x: (2 * x + a / x**2) / 3, 2.0 ** (1 / 3)),
    "fixed_point array": lambda a: optimize.fixed_point(lambda x: (2 * x + a / x**2) / 3, np.array([1.3, 1.1]))[1],
}


@pytest.mark.parametrize("name", CUBE_ROOTS)
def test_a_root_has_the_derivatives_of_its_closed_form(name):
    root, a = CUBE_ROOTS[name], 2.0
    first, second, third = a ** (-2 / 3) / 3, -2 / 9 * a ** (-5 / 3), 10 / 27 * a ** (-8 / 3)

    assert_allclose([D(root)(a), dd.grad(root)(a)], first, rtol=2e-14)
    nested = [D(D(root)), D(dd.grad(root)), dd.grad(D(root)), dd.grad(dd.grad(root))]
    assert_allclose([f(a) for f in nested], second, rtol=5e-14)
    assert_allclose([D(D(D(root)))(a), dd.grad(D(dd.grad(root)))(a)], third, rtol=1e-13)


@pytest.mark.parametrize("name", CUBE_ROOTS)
def test_the_value_of_a_differentiated_root_is_that_of_a_plain_call_bit_for_bit(name):
    root = CUBE_ROOTS[name]
    plain = root(2.0)

    for y in (dd.jvp(root, (2.0,), (1.0,))[0], dd.vjp(root, 2.0)[0], dd.value_and_grad(root)(2.0)[0]):
        assert type(y) is type(plain)
        assert np.asarray(y).tobytes() == np.asarray(plain).tobytes()


@pytest.mark.parametrize("name", CUBE_ROOTS)
def test_a_root_is_made_of_variables(name):
    a = dd.Variable(2.0)

    x = CUBE_ROOTS[name](a)
    x.backward()

    assert type(x) is dd.Variable
    assert_allclose(a.grad, 2.0 ** (-2 / 3) / 3, rtol=2e-14)


SAME_AS_SCIPY = ["brentq", "brenth", "ridder", "bisect", "toms748"]


@pytest.mark.parametrize("name", SAME_AS_SCIPY)
def test_bracketing_is_scipys_own(name):
    ours, plain = getattr(optimize, name), getattr(scipy.optimize, name)

    assert ours(cube, 0.0, 3.0, (2.0,)) == plain(cube, 0.0, 3.0, (2.0,))
    x, report = ours(cube, 0.0, 3.0, (2.0,), full_output=True)
    assert (x, report.function_calls) == (report.root, plain(cube, 0, 3, (2.0,), full_output=True)[1].function_calls)
    with pytest.raises(ValueError, match="different signs"):
        ours(cube, 2.0, 3.0, (2.0,))
    with pytest.raises(TypeError):
        ours(cube, 2.0)


def test_newton_takes_the_exact_derivative():
    f, start = lambda x: np.exp(x) - 3.0, np.array([1.5, 0.5, 1.0])

    ours = optimize.newton(f, start, full_output=True)
    exact = scipy.optimize.newton(f, start, np.exp, full_output=True)
    for part, theirs in zip(ours, exact, strict=True):
        assert part.tobytes() == theirs.tobytes()
    assert optimize.newton(f, start).tobytes() == exact.root.tobytes()
    assert optimize.newton(f, 1.5) == scipy.optimize.newton(f, 1.5, np.exp)
    ours, exact = optimize.root_scalar(f, x0=1.5), scipy.optimize.root_scalar(f, x0=1.5, fprime=np.exp)
    assert (ours.root, ours.iterations) == (exact.root, exact.iterations)


def test_newton_of_an_array_that_does_not_converge_does_as_scipy_does():
    f, start = lambda x: x**2 - 2.0, np.array([1.0, 3.0])

    for more in (
        {"maxiter": 3},
        {"maxiter": 4},
        {"maxiter": 5},
        {"maxiter": 6},
        {"maxiter": 7},
        {"disp": False, "maxiter": 2},
    ):
        results = []
        for newton, given in ((optimize.newton, {}), (scipy.optimize.newton, {})):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    results.append((newton(f, start, **given, **more), len(caught)))
                except RuntimeError as error:
                    results.append(str(error))
        assert type(results[0]) is type(results[1])
        if type(results[0]) is tuple:
            assert_allclose(results[0][0], results[1][0], rtol=0.5)
    zero = np.array([0.0, 1.0])  # a slope of 0: the secant method goes on
    assert_allclose(optimize.newton(f, zero), scipy.optimize.newton(f, zero), rtol=1e-12)


def test_newton_falls_back_to_the_secant_method_where_newtons_fails_or_the_function_takes_plain_numbers_only():
    import math

    flat = lambda x: x**2 - 2.0  # its derivative at the start is 0
    assert optimize.newton(flat, 0.0) == scipy.optimize.newton(flat, 0.0)
    plain_only = lambda x: math.exp(x) - 3.0
    assert optimize.newton(plain_only, 1.5) == scipy.optimize.newton(plain_only, 1.5)
    assert optimize.root_scalar(plain_only, x0=1.5).root == scipy.optimize.root_scalar(plain_only, x0=1.5).root
    system = lambda x: [math.exp(x[0]) - 3.0]
    assert optimize.fsolve(system, 1.5) == scipy.optimize.fsolve(system, 1.5)
    assert optimize.root(system, [1.5]).x == scipy.optimize.root(system, [1.5]).x


def test_root_gets_the_exact_jacobian():
    f = lambda x: np.stack([x[0] * x[1] - 2.0, np.exp(x[0]) - x[1]])
    jac = lambda x: np.array([[x[1], x[0]], [np.exp(x[0]), -1.0]])
    n = 8
    many = lambda x: np.exp(x) - x[::-1] - 2.0
    jac_of_many = lambda x: np.diag(np.exp(x)) - np.eye(n)[::-1]

    for function, by_hand, start in ((f, jac, [1.0, 1.0]), (many, jac_of_many, np.linspace(0.5, 1.5, n))):
        for method in ("hybr", "lm"):
            ours = optimize.root(function, start, method=method)
            theirs = scipy.optimize.root(function, start, method=method, jac=by_hand)
            assert_allclose(ours.x, theirs.x, rtol=1e-13)
            assert (ours.nfev, ours.njev) == (theirs.nfev, theirs.njev)
        for more in ({}, {"col_deriv": True}):
            exact = scipy.optimize.fsolve(function, start, fprime=by_hand)
            assert_allclose(optimize.fsolve(function, start, **more), exact, rtol=1e-12)
        counts = [m.fsolve(function, start, full_output=True)[1]["nfev"] for m in (optimize, scipy.optimize)]
        assert counts[0] < counts[1]


def test_what_carries_nothing_and_takes_no_derivative_is_scipys_own_call_bit_for_bit():
    f = lambda x: np.stack([x[0] * x[1] - 2.0, np.exp(x[0]) - x[1]])

    for method in ("broyden1", "krylov"):
        ours, theirs = (module.root(f, [1.0, 1.0], method=method) for module in (optimize, scipy.optimize))
        assert ours.keys() == theirs.keys()
        assert ours.x.tobytes() == theirs.x.tobytes()
        assert ours.nit == theirs.nit
    for solve in (
        lambda module: module.brentq(lambda x: x**3 - 2.0, 0.0, 2.0),
        lambda module: module.fixed_point(np.cos, 1.0),
        lambda module: module.minimize_scalar(lambda x: (x - 1.0) ** 2 + x**4).x,
        lambda module: module.golden(lambda x: (x - 1.0) ** 2 + x**4),
        lambda module: module.fminbound(lambda x: (x - 1.0) ** 2 + x**4, 0.0, 2.0),
    ):
        assert np.asarray(solve(optimize)).tobytes() == np.asarray(solve(scipy.optimize)).tobytes()


def test_a_derivative_that_a_function_returns_late_is_found():
    def solve(a):
        box = {"a": a}  # where no copy looks
        return optimize.brentq(lambda x: x**3 - 2.0 if x < 1.2 else x**3 - box["a"], 0.0, 3.0)

    assert_allclose(D(solve)(2.0), 2.0 ** (-2 / 3) / 3, rtol=1e-12)


def system(theta, n):
    """x + 0.1 tanh(A x) = theta"""
    A = np.random.default_rng(0).standard_normal((n, n))
    return lambda x: x + 0.1 * np.tanh(A @ x) - theta


def test_a_system_of_many_equations_agrees_with_differences():
    check(lambda theta: optimize.root(system(theta, 4), np.zeros(4)).x, np.array([0.3, -0.2, 0.5, 1.0]), float32=False)
    check(lambda theta: optimize.fsolve(system(theta, 3), np.zeros(3), xtol=1e-12), np.ones(3) * 0.3, float32=False)


def test_a_system_of_thirty_unknowns_has_the_jacobian_of_the_implicit_function_theorem():
    n = 30
    theta = np.linspace(-1.0, 1.0, n)
    solve = lambda theta: optimize.root(system(theta, n), np.zeros(n)).x
    expected = np.linalg.inv(dd.jacfwd(system(theta, n))(solve(theta)))

    assert_allclose(dd.jacfwd(solve)(theta), expected, rtol=1e-7, atol=1e-9)
    assert_allclose(dd.jacrev(solve)(theta), dd.jacfwd(solve)(theta), rtol=1e-12, atol=1e-14)


def test_the_residual_in_a_result_has_derivative_zero_and_what_the_iteration_left_is_withheld():
    solve = lambda a: optimize.root(lambda x: np.stack([x[0] ** 2 - a, x[1] - x[0]]), [1.0, 1.0])

    assert_allclose(dd.jacfwd(lambda a: solve(a).fun)(2.0), [0.0, 0.0], atol=1e-14)
    assert dd.jacfwd(lambda a: solve(a).x * solve(a).nfev)(2.0).shape == (2,)
    with pytest.raises(dd.UnsupportedFunction, match="fjac of the result"):
        dd.jacfwd(lambda a: solve(a).fjac @ solve(a).x)(2.0)
    with pytest.raises(dd.UnsupportedFunction, match="qtf"):
        D(lambda a: np.sum(optimize.fsolve(cube, 1.3, (a,), full_output=True)[1]["qtf"]))(2.0)
    assert_allclose(D(lambda a: optimize.fsolve(cube, 1.3, (a,), full_output=True)[1]["fvec"][0])(2.0), 0, atol=1e-14)


def test_complex_roots_of_holomorphic_functions():
    root = lambda a: optimize.newton(lambda z: z**2 + a, 0.1 + 1.0j)
    value = root(2.0)

    assert_allclose(value, 1j * np.sqrt(2.0))
    assert_allclose(D(lambda a: np.imag(root(a)))(2.0), 0.5 / np.sqrt(2.0), rtol=1e-14)
    assert_allclose(D(D(lambda a: np.imag(root(a))))(2.0), -0.25 * 2.0**-1.5, rtol=1e-13)
    with pytest.raises(TypeError, match="not holomorphic"):
        D(lambda a: np.real(optimize.fixed_point(lambda z: 0.5 * np.conj(z) + a + 1j, 1.0 + 1.0j)))(2.0)


def test_an_array_whose_entries_depend_on_each_other_has_the_whole_jacobian():
    A = np.array([[0.3, 0.2], [0.1, 0.4]])
    solve = lambda b: optimize.fixed_point(lambda x: A @ x + b, np.zeros(2), method="iteration", maxiter=2000)

    assert_allclose(dd.jacfwd(solve)(np.ones(2)), np.linalg.inv(np.eye(2) - A), rtol=1e-13)


REFUSED = {
    "a multiple root": (lambda a: optimize.newton(lambda x: (x - a) ** 2, 0.3), "multiple root|stops converging"),
    "a multiple root met exactly": (lambda a: optimize.newton(lambda x: (x - a) ** 3, 1.0), "singular"),
    "a kink": (lambda a: optimize.brentq(lambda x: np.maximum(x - a, 2 * (x - a)), 0.0, 3.0), "kink"),
    "a jump": (lambda a: optimize.brentq(lambda x: np.where(x < a, x - 5.0 * a, x + 5.0), 0.3, 1.9), "no derivative"),
    "no convergence of brentq": (lambda a: optimize.brentq(cube, 0, 3, (a,), maxiter=2, disp=False), "not converge"),
    "no convergence of newton": (lambda a: optimize.newton(cube, 9.0, args=(a,), maxiter=2, disp=False), "converge"),
    "no convergence of root_scalar": (lambda a: optimize.root_scalar(cube, (a,), x0=9.0, maxiter=2).root, "converge"),
    "no convergence of root": (lambda a: optimize.root(lambda x: x**2 + a, [1.0]).x[0], "not converge"),
    "no convergence of fsolve": (lambda a: optimize.fsolve(lambda x: x**2 + a, [1.0])[0], "not converge"),
    "a singular Jacobian": (
        lambda a: optimize.root(lambda x: [x[0] + x[1] - a, 2 * (x[0] + x[1] - a)], [0.0, 0.0], method="lm").x[0],
        "singular",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("transform", [dd.derivative, dd.grad])
def test_where_there_is_no_derivative_an_error_says_why(name, transform):
    f, text = REFUSED[name]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # SciPy's own
        with pytest.raises(ValueError, match=text):
            transform(f)(1.0)


def test_newton_on_an_array_that_converges_in_part_is_refused():
    f = lambda a: optimize.newton(lambda x: x**2 - a * np.array([1.0, -1.0]), np.array([1.0, 1.0]), maxiter=8)

    with pytest.warns(RuntimeWarning), pytest.raises(ValueError, match="not in all entries"):
        dd.jacfwd(f)(1.0)


def test_scipys_own_errors_of_convergence_stay():
    with pytest.raises(RuntimeError, match="Failed to converge"):
        D(lambda a: optimize.brentq(cube, 0.0, 3.0, (a,), maxiter=2))(2.0)
    with pytest.raises(RuntimeError, match="Failed to converge"):
        D(lambda a: optimize.fixed_point(lambda x: x + a, 1.0))(2.0)


def test_nothing_is_printed_from_callbacks_in_c(capfd):
    D(lambda a: optimize.brentq(cube, 0.0, 3.0, (a,)))(2.0)
    dd.grad(lambda a: optimize.fsolve(cube, 1.3, (a,))[0])(2.0)

    assert capfd.readouterr() == ("", "")


def test_a_root_inside_a_root_and_inside_jacobians_of_another():
    inner = lambda b: optimize.brentq(lambda y: y**2 - b, 0.0, 5.0)
    outer = lambda a: optimize.newton(lambda x: inner(x) - a, 2.0)  # sqrt(x) = a

    assert_allclose([D(outer)(1.5), D(D(outer))(1.5), dd.grad(dd.grad(outer))(1.5)], [3.0, 2.0, 2.0], rtol=1e-12)


# A Jacobian that is far from symmetric, in either order of its axes.

ROTATED = np.array([[1.0, 5.0, 0.0], [0.0, 1.0, 7.0], [2.0, 0.0, 1.0]])
RIGHT = np.array([1.0, 2.0, 3.0])


def rotated(x):
    return ROTATED @ x + 0.1 * x**3 - RIGHT


def rotated_slopes(x):
    return ROTATED + np.diag(0.3 * x**2)


def test_fsolve_gets_the_exact_jacobian_by_columns_where_it_asks_for_that():
    x0 = np.ones(3)

    _, found, status, _ = optimize.fsolve(rotated, x0, col_deriv=True, full_output=True)
    _, known, _, _ = scipy.optimize.fsolve(
        rotated, x0, fprime=lambda x: rotated_slopes(x).T, col_deriv=True, full_output=True
    )

    assert status == 1
    assert (found["nfev"], found["njev"]) == (known["nfev"], known["njev"])


def test_root_gets_no_jacobian_in_the_wrong_order():
    found = optimize.root(rotated, np.ones(3), options={"col_deriv": True})

    assert found.nfev == scipy.optimize.root(rotated, np.ones(3), options={"col_deriv": True}).nfev


def test_fsolve_gives_its_slopes_the_arguments_of_the_function():
    def root(a):
        return optimize.fsolve(cube, [1.0], args=(a,), fprime=lambda x, a: np.diag(3 * x**2) + 0 * a)[0]

    assert_allclose(D(root)(8.0), 1 / 12, rtol=1e-12)


def test_least_squares_root_of_more_equations_than_unknowns_moves_as_their_sum_of_squares():
    def equations(x, a):
        return np.stack([x[0] - a, x[1] - 1.0, x[0] + x[1] - 2.0 * a * a])

    A, a = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), 1.3
    known = np.linalg.lstsq(A, np.array([1.0, 0.0, 4 * a]), None)[0]
    assert_allclose(D(lambda a: optimize.root(equations, [1.0, 1.0], (a,), method="lm").x)(a), known, rtol=1e-9)


def test_fixed_point_of_matrices():
    """X = cos(p W X) has  Ẋ = −sin(p W X) (W X + p W Ẋ)."""
    W, p = np.array([[0.3, 0.1], [0.2, 0.4]]), 0.7

    x, xdot = dd.jvp(lambda p: optimize.fixed_point(lambda x: np.cos(p * W @ x), np.full((2, 3), 0.5)), (p,), (1.0,))

    assert x.shape == (2, 3)
    assert_allclose(xdot, -np.sin(p * W @ x) * (W @ x + p * W @ xdot), rtol=1e-9)


def test_rest_of_the_equations_is_level_along_their_root():
    def rest(a):
        return optimize.fsolve(cube, [1.0], (a,), full_output=True)[1]["fvec"]

    y, ydot = dd.jvp(rest, (2.0,), (1.0,))
    assert_allclose([y, ydot], 0.0, atol=1e-9)
    assert y.shape == ydot.shape == (1,)
