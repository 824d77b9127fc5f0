"""Solves that come again and again: by programs, with the values, derivatives and refusals of the first one."""

import math
import sys

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.scipy import integrate, moving, optimize, staged_derivatives
from dualdiff.scipy.readings import read
from dualdiff.testing import derivative_at_zero

SCALE, TABLE = 1.0, np.array([1.0, 2.0])
X = np.linspace(0.0, 3.0, 40)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(staged_derivatives, "AFTER", 3)
    monkeypatch.setattr(staged_derivatives, "GAIN", 1e9)
    monkeypatch.setattr(moving, "SOON", 2)


def circle(x):
    return np.array([x[0] ** 2 + x[1] ** 2 - 4.0 * SCALE, x[0] - x[1] * TABLE[0]])


def valley(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (SCALE - x[:-1]) ** 2)


def model(x, a, b):
    return a * np.exp(-b * x) * SCALE


SOLVES = {
    "root": lambda m: m.root(circle, [1.0, 1.5]).x,
    "root lm": lambda m: m.root(circle, [1.0, 1.5], method="lm").x,
    "fsolve": lambda m: m.fsolve(circle, [1.0, 1.5]),
    "least_squares": lambda m: m.least_squares(circle, [1.0, 1.5], bounds=([0, 0], [5, 5])).x,
    "leastsq": lambda m: m.leastsq(circle, [1.0, 1.5])[0],
    "newton": lambda m: m.newton(lambda x: x**3 - 2.0 * SCALE, 1.0),
    "newton of an array": lambda m: m.newton(lambda x: x**3 - 2.0 * SCALE, np.array([1.0, 1.5])),
    "root_scalar": lambda m: m.root_scalar(lambda x: x**3 - 2.0 * SCALE, x0=1.0).root,
    "brentq": lambda m: m.brentq(lambda x: x**3 - 2.0 * SCALE, 0.0, 3.0),
    "curve_fit": lambda m: m.curve_fit(model, X, np.exp(-X), [0.9, 1.1])[0],
    "minimize": lambda m: m.minimize(valley, np.full(3, 2.0), method="L-BFGS-B", tol=1e-10).x,
    "minimize trust-exact": lambda m: (
        m.minimize(valley, np.full(3, 2.0), method="trust-exact").x
        if m is optimize
        else m.minimize(valley, np.full(3, 2.0), tol=1e-9).x
    ),
    "quad": lambda m: (integrate if m is optimize else scipy.integrate).quad(lambda x: np.exp(-x * SCALE), 0, 1)[0],
}  # fmt: skip


@pytest.mark.parametrize("name", SOLVES)
def test_the_tenth_solve_is_the_first_to_the_last_bit_until_a_global_changes(name, monkeypatch):
    solve = SOLVES[name]
    first = np.asarray(solve(optimize))
    for _ in range(9):
        assert np.asarray(solve(optimize)).tobytes() == first.tobytes()
    assert_allclose(first, solve(scipy.optimize), rtol=1e-4, atol=1e-6)

    monkeypatch.setitem(globals(), "SCALE", 1.3)
    for _ in range(6):
        assert_allclose(solve(optimize), solve(scipy.optimize), rtol=1e-4, atol=1e-6)
    assert not np.allclose(solve(optimize), first, rtol=1e-3)


def test_an_array_among_the_globals_that_is_written_is_another(monkeypatch):
    table = np.array([1.0, 2.0])
    monkeypatch.setitem(globals(), "TABLE", table)
    for factor in (1.0, 1.0, 1.0, 1.0, 2.0, 0.5, 2.0):
        table[0] = factor
        x = optimize.fsolve(circle, [1.0, 1.5])
        assert_allclose(x, [factor * x[1], 2.0 / np.sqrt(1 + factor**2)], rtol=1e-8)


def test_closures_made_anew_share_a_program_and_not_their_numbers():
    def root(a, b):
        return optimize.fsolve(lambda x: np.array([x[0] ** 2 - a, x[1] ** 3 - b[0]]), [1.0, 1.0])

    for i in range(12):
        a, b = 1.0 + i, np.array([2.0 + i, 0.0])
        assert_allclose(root(a, b), [np.sqrt(a), np.cbrt(b[0])], rtol=1e-9)


def test_at_the_start_the_values_of_two_functions_may_be_the_same():
    """0 for every slope: only what is read tells them apart."""

    def fitted(k):
        return optimize.least_squares(lambda p: k * p - np.array([0.0, 2.0]) * (p != 0), np.zeros(2)).jac

    for k in (1.0, 1.0, 1.0, 1.0, 3.0, 5.0):
        assert_allclose(fitted(k)[0, 0], k)


def test_a_helper_that_is_replaced_or_has_other_defaults(monkeypatch):
    def helper(x, k=1.0):
        return k * x

    monkeypatch.setitem(globals(), "HELPER", helper)
    f = lambda x: HELPER(x) - 1.0  # noqa: F821
    for _ in range(6):
        assert optimize.newton(f, 0.3) == pytest.approx(1.0)
    helper.__defaults__ = (2.0,)
    assert optimize.newton(f, 0.3) == pytest.approx(0.5)
    monkeypatch.setitem(globals(), "HELPER", lambda x: x**3)
    assert optimize.newton(f, 0.3) == pytest.approx(1.0)
    helper.__code__ = (lambda x, k=1.0: k * x * x).__code__
    monkeypatch.setitem(globals(), "HELPER", helper)
    assert optimize.newton(f, 0.3) == pytest.approx(np.sqrt(0.5))


def test_a_builtin_that_gets_a_namesake(monkeypatch):
    f = lambda x: abs(x) - 2.0
    for _ in range(6):
        assert optimize.newton(f, 1.0) == pytest.approx(2.0)
    monkeypatch.setitem(globals(), "abs", lambda x: x * x * x)
    assert optimize.newton(f, 1.0) == pytest.approx(2 ** (1 / 3))


def test_functions_that_keep_something_are_none_of_these():
    kept = []

    class Holder:
        k = 2.0

    holder = Holder()

    def with_a_list(x):
        kept.append(x)
        return x - 1.0

    def with_an_object(x):
        return holder.k * x - 1.0

    def with_a_dict_within(x, memo=({},)):
        memo[0][x] = x
        return x - 1.0

    for f in (with_a_list, with_an_object, with_a_dict_within):
        assert read(f) is None
    assert not kept
    for k in (2.0, 2.0, 2.0, 2.0, 4.0):
        holder.k = k
        assert optimize.newton(with_an_object, 1.0) == pytest.approx(1 / k)


def test_evaluations_are_fewer_than_scipys():
    def counted(solve):
        """Calls of any Python function of that name, from anywhere."""
        calls = 0

        def watch(frame, event, arg):
            nonlocal calls
            calls += event == "call" and frame.f_code.co_name == "circle"

        sys.setprofile(watch)
        try:
            solve()
        finally:
            sys.setprofile(None)
        return calls

    for name in ("root", "fsolve", "leastsq", "least_squares"):
        for _ in range(6):
            SOLVES[name](optimize)
        ours, theirs = counted(lambda: SOLVES[name](optimize)), counted(lambda: SOLVES[name](scipy.optimize))
        assert ours < theirs


def test_what_scipy_says_of_failures_stays():
    f = lambda x: np.array([x[0] ** 2 + 1.0])
    for _ in range(6):
        with pytest.warns(RuntimeWarning, match="progress"):
            optimize.fsolve(f, [1.0])
    g = lambda x: x * x + 1.0
    for _ in range(6):
        with pytest.raises(RuntimeError, match="converge"):
            optimize.newton(g, 0.3, maxiter=20)
    for _ in range(6):
        with pytest.raises(TypeError, match="mismatch between the input and output shape"):
            optimize.fsolve(lambda x: np.array([x[0], x[1], x[0]]), [1.0, 2.0])


def test_other_ways_through_branches_and_other_shapes():
    f = lambda x: x**3 - 8.0 if x[0] > 0.5 else x - 2.0
    for start in (1.0, 1.0, 1.0, 1.0, 0.1, 0.2, 3.0):
        assert_allclose(optimize.fsolve(f, [start]), 2.0, rtol=1e-8)
    g = lambda x: x**2 - 4.0
    for n in (1, 1, 1, 1, 2, 3, 1, 5):
        assert_allclose(optimize.root(g, np.ones(n)).x, 2.0, rtol=1e-8)
        assert_allclose(optimize.root(g, np.ones(n, np.float32)).x, 2.0, rtol=1e-8)
        assert_allclose(optimize.root(g, [1] * n).x, 2.0, rtol=1e-8)


# Derivatives of minima.


def shrunk(penalty, data, n=3):
    weights = np.arange(1.0, n + 1.0)
    f = lambda w: np.sum((w - data) ** 2 * weights) + penalty * np.sum(np.cosh(w)) + 0.1 * w[0] * w[1]
    return optimize.minimize(f, np.zeros(n), tol=1e-7)


def with_arguments(penalty, data):
    def f(w, data, penalty):
        return np.sum((w - data) ** 2) + penalty * np.sum(w**4)

    return optimize.minimize(f, np.zeros(3), args=(data, penalty), method="L-BFGS-B", tol=1e-10)


def implicit(solve, penalty, data):
    """Differences of minima to the last digits."""
    h = 1e-4

    def central(h):
        return (solve(penalty + h, data).x - solve(penalty - h, data).x) / (2 * h)

    return (4 * central(h / 2) - central(h)) / 3


@pytest.mark.parametrize("solve", [shrunk, with_arguments])
def test_the_derivative_of_a_minimum_stays_what_it_is(solve):
    data = np.array([0.5, -1.0, 2.0])
    x = lambda p, d: solve(p, d).x
    expected = [dd.jacfwd(x, 0)(0.7, data), dd.jacfwd(x, 1)(0.7, data), dd.jacfwd(lambda p: solve(p, data).fun)(0.7)]
    assert_allclose(expected[0], implicit(solve, 0.7, data), rtol=1e-4, atol=1e-5)
    for _ in range(12):
        found = [dd.jacfwd(x, 0)(0.7, data), dd.jacfwd(x, 1)(0.7, data), dd.jacfwd(lambda p: solve(p, data).fun)(0.7)]
        back = [dd.jacrev(x, 0)(0.7, data), dd.jacrev(x, 1)(0.7, data), dd.grad(lambda p: solve(p, data).fun)(0.7)]
        for a, b, c in zip(expected, found, back, strict=True):
            assert_allclose(b, a, rtol=1e-11, atol=1e-13)
            assert_allclose(c, a, rtol=1e-11, atol=1e-13)
        value = x(0.7, data)
        assert dd.jvp(lambda p: x(p, data), (0.7,), (1.0,))[0].tobytes() == value.tobytes()


def test_programs_of_derivatives_are_used():
    data = np.array([0.5, -1.0, 2.0])
    moving._kept.clear()
    for i in range(12):
        dd.grad(lambda p: np.sum(shrunk(p, data).x))(0.7 + 0.01 * i)
    assert any(known.staged.programs and not known.over for known in moving._kept.values())


def test_second_derivatives_of_a_minimum_and_both_at_once():
    data = np.array([0.5, -1.0, 2.0])
    f = lambda p: np.sum(np.sin(shrunk(p, data).x))
    first = [dd.derivative(dd.derivative(f))(0.7), dd.derivative(dd.grad(f))(0.7), dd.grad(dd.derivative(f))(0.7)]
    both = dd.jacfwd(dd.grad(lambda z: np.sum(np.sin(shrunk(z[0], z[1:]).x))))(np.append(0.7, data))
    for _ in range(8):
        again = [dd.derivative(dd.derivative(f))(0.7), dd.derivative(dd.grad(f))(0.7), dd.grad(dd.derivative(f))(0.7)]
        assert_allclose(again, first, rtol=1e-9)
        dd.grad(f)(0.7)
        more = dd.jacfwd(dd.grad(lambda z: np.sum(np.sin(shrunk(z[0], z[1:]).x))))(np.append(0.7, data))
        assert_allclose(more, both, rtol=1e-9, atol=1e-11)
    assert_allclose(first, first[0], rtol=1e-9)


def test_a_kink_and_a_flat_minimum_are_refused_in_the_tenth_solve_too():
    kinked = lambda a: optimize.minimize(lambda x: np.sum((x - a) ** 2) + np.sum(np.abs(x)), np.array([0.3])).x[0]
    flat = lambda a: optimize.minimize(lambda x: np.sum((x - a) ** 4), np.array([0.3])).x[0]
    for _ in range(10):
        assert dd.derivative(kinked)(2.0) == pytest.approx(1.0)
        with pytest.raises(ValueError, match="minimize"):
            dd.derivative(kinked)(0.1)
        with pytest.raises(ValueError, match="minimize"):
            dd.derivative(flat)(1.0)


def test_a_derivative_that_hides_in_an_object_is_found_in_the_tenth_solve_too():
    class Held:
        pass

    def x(a):
        held = Held()
        held.a = a
        return optimize.newton(lambda x: x**2 - held.a, 1.0) + optimize.fsolve(lambda x: x**2 - held.a, [1.0])[0]

    for _ in range(8):
        assert dd.derivative(x)(4.0) == pytest.approx(0.5)
        assert dd.grad(x)(4.0) == pytest.approx(0.5)
        assert x(4.0) == pytest.approx(4.0)


def test_a_name_that_is_assigned_between_solves():
    def total(a):
        k = 1.0

        def f(x):
            return np.array([x[0] ** 2 - k * a])

        y = optimize.fsolve(f, [1.0])[0]
        k = 4.0
        return y + optimize.fsolve(f, [1.0])[0]

    for _ in range(8):
        assert total(4.0) == pytest.approx(6.0)
        assert dd.derivative(total)(4.0) == pytest.approx(0.75)


def test_an_argument_that_carries_and_one_that_does_not_take_turns():
    f = lambda x, a: x**3 - a
    for _ in range(8):
        assert optimize.newton(f, 1.0, args=(8.0,)) == pytest.approx(2.0)
        assert dd.derivative(lambda a: optimize.newton(f, 1.0, args=(a,)))(8.0) == pytest.approx(1 / 12)
        assert dd.grad(lambda a: optimize.root(f, [1.0], args=(a,)).x[0])(8.0) == pytest.approx(1 / 12)
        v = dd.Variable(8.0)
        optimize.newton(f, 1.0, args=(v,)).backward()
        assert v.grad == pytest.approx(1 / 12)


def test_the_pattern_of_a_minimum_is_whole():
    """A number that happens to be 0 is no structural zero."""
    x = lambda a: optimize.minimize(lambda x: np.sum((x - a) ** 2) + x[0] * x[1] * a[0], np.zeros(2)).x
    first = dd.sparsity(x)(np.array([0.5, 1.0])).toarray()
    for _ in range(8):
        dd.jacfwd(x)(np.array([0.5, 1.0]))
    assert np.array_equal(dd.sparsity(x)(np.array([0.5, 1.0])).toarray(), first)


# Integrals.

Q = integrate.quad
INTEGRALS = {
    "of NumPy": (lambda a: Q(lambda x: np.exp(-a * x * x), 0, 1)[0], 1.5),
    "of math": (lambda a: Q(lambda x: math.exp(-a * x * x), 0, 1)[0], 1.5),
    "over a half line": (lambda a: Q(lambda x: np.exp(-a * x * x), 0, np.inf)[0], 1.5),
    "over the line, of math": (lambda a: Q(lambda x: math.exp(-a * x * x), -np.inf, np.inf)[0], 1.5),
    "singular at an end": (lambda a: Q(lambda x: x ** (a - 1) * np.exp(-x), 0, 1)[0], 0.7),
    "with points": (lambda a: Q(lambda x: a * x if x < 0.5 else a * a * x, 0, 1, points=[0.5])[0], 1.5),
    "with arguments": (lambda a: Q(lambda x, a, b: np.sin(a * x) / (b + x), 0, 3, args=(a, 1.0))[0], 1.5),
    "back": (lambda a: Q(lambda x: np.cos(a * x), 2, 0)[0], 1.5),
    "of a table": (lambda a: Q(lambda x: np.interp(x, [0.0, 1.0], [a, a * a]), 0, 1)[0], 1.5),
    "to a limit that moves": (lambda a: Q(lambda x: np.exp(-a * x), 0, a)[0], 1.5),
    "of a constant": (lambda a: Q(lambda x: a, 0, 2)[0], 1.5),
}


@pytest.mark.parametrize("name", INTEGRALS)
def test_the_derivative_of_an_integral_stays_what_it_is(name):
    f, a = INTEGRALS[name]
    moving._kept.clear()
    value, first, second = f(a), dd.derivative(f)(a), dd.derivative(dd.grad(f))(a)
    assert_allclose(first, derivative_at_zero(lambda t: [f(a + t)], 1e-2)[0], rtol=1e-6)
    for _ in range(4):
        y, dy = dd.jvp(f, (a,), (1.0,))
        assert (y, type(y)) == (value, type(value))
        assert_allclose([dy, dd.grad(f)(a)], first, rtol=1e-10)
        assert_allclose(dd.derivative(dd.grad(f))(a), second, rtol=1e-8)


def test_several_parameters_of_an_integral():
    def f(p):
        return Q(lambda x: p[0] * np.exp(-p[1] * x) + np.sum(p) * x**2, 0, 1)[0]

    p = np.array([1.5, 0.5, 2.0])
    first = dd.grad(f)(p)
    assert_allclose(first, dd.jacfwd(f)(p), rtol=1e-12)
    for _ in range(6):
        assert_allclose(dd.grad(f)(p), first, rtol=1e-11)
        assert_allclose(dd.jacfwd(f)(p), first, rtol=1e-11)
        assert_allclose(dd.grad(f)(p[:2] * 1.1), dd.jacfwd(f)(p[:2] * 1.1), rtol=1e-11)


@pytest.mark.parametrize(
    ("f", "a"),
    [
        (lambda a: Q(lambda x: np.abs(x - a), 0, 1)[0], 0.3),
        (lambda a: Q(lambda x: 1.0 if x < a else 0.0, 0, 1)[0], 0.3),
        (lambda a: Q(lambda x: np.sqrt(np.abs(x - a)), 0, 1)[0], 0.3),
        (lambda a: Q(lambda x: x**a, 0, 1)[0], -1.5),
    ],
)
@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
@pytest.mark.filterwarnings("ignore::dualdiff.IndependentResult")
def test_what_has_no_derivative_is_refused_in_the_tenth_integral_too(f, a):
    def outcome(g):
        try:
            return g(a)
        except ValueError as error:
            return str(error)

    with np.errstate(all="ignore"):
        first = [outcome(dd.derivative(f)), outcome(dd.grad(f))]
        for _ in range(9):
            assert [outcome(dd.derivative(f)), outcome(dd.grad(f))] == first


def test_a_global_of_an_integrand_that_changes(monkeypatch):
    f = lambda a: Q(lambda x: SCALE * a * x, 0, 1)[0]
    for scale in (1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 5.0):
        monkeypatch.setitem(globals(), "SCALE", scale)
        assert dd.grad(f)(2.0) == pytest.approx(scale / 2)
        assert f(2.0) == pytest.approx(scale)
