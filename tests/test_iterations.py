"""Roots and fixed points that somebody's Python code finds: differentiated by the equation that they solve."""

import ast
import functools
import math
import textwrap

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.adapting.loops import iteration_of
from dualdiff.testing import derivative_at_zero


def bisect(f, a, b, tol=1e-12):
    fa = f(a)
    while b - a > tol:
        middle = 0.5 * (a + b)
        fm = f(middle)
        if fm == 0.0:
            return middle
        if fa * fm < 0:
            b = middle
        else:
            a, fa = middle, fm
    return 0.5 * (a + b)


def secant(f, x0, x1, args=(), tol=1e-7):
    f0, f1 = f(x0, *args), f(x1, *args)
    for _ in range(50):
        x2 = x1 - f1 * (x1 - x0) / (f1 - f0)
        if abs(x2 - x1) < tol:
            return x2
        x0, f0, x1, f1 = x1, f1, x2, f(x2, *args)
    raise ValueError("no root")


def false_position(func, low, high, eps=1e-13):
    of_low, of_high = func(low), func(high)
    for _ in range(500):
        x = (low * of_high - high * of_low) / (of_high - of_low)
        fx = func(x)
        if abs(fx) < eps:
            break
        if fx * of_low < 0:
            high, of_high = x, fx
        else:
            low, of_low = x, fx
    return x


def newton(f, x, tol=1e-3):
    """The function returns its derivative too; the step is returned with the root."""
    while True:
        value, slope = f(x)
        step = value / slope
        x = x - step
        if abs(step) < tol:
            return x, step


def fixed(g, x, tol=1e-5):
    for _ in range(1000):
        y = g(x)
        if math.isclose(y, x, rel_tol=tol):
            return y
        x = y
    raise ValueError("no fixed point")


def illinois(f, a, b):
    """Keywords, another name of the function, an exit by break."""
    g = f
    fa, fb, side = g(a), g(b), 0
    for _ in range(200):
        c = (fa * b - fb * a) / (fa - fb)
        fc = g(c)
        if abs(b - a) < 1e-11 or fc == 0:
            break
        if fc * fb > 0:
            b, fb = c, fc
            if side == -1:
                fa /= 2
            side = -1
        else:
            a, fa = c, fc
            if side == 1:
                fb /= 2
            side = 1
    return c


def halved(f, low, high):
    """So many rounds, however near: nothing of its derivative is left."""
    at_low = f(low)
    for _ in range(60):
        middle = 0.5 * (low + high)
        if f(middle) * at_low > 0:
            low = middle
        else:
            high = middle
    return middle


def root_in_class(a):
    class Solver:
        def solve(self, f, low, high):
            while high - low > 1e-11:
                middle = (low + high) / 2
                low, high = (middle, high) if f(middle) < 0 else (low, middle)
            return low

    return Solver().solve(lambda x: x**3 - a, 0.0, 4.0)


def shifted(x, a, power):
    return x**power - a


ROOTS = {
    "bisection": lambda a: bisect(lambda x: x**3 - a, 0.0, 4.0),
    "bisection that hits it": lambda a: bisect(lambda x: x - a / 2, 0.0, 2.0),
    "bisection of few digits": lambda a: bisect(lambda x: math.exp(x) - a, 0.0, 4.0, tol=1e-3),
    "secant": lambda a: secant(lambda x: math.exp(x) - a, 0.5, 1.0),
    "secant, by args": lambda a: secant(shifted, 0.5, 1.0, args=(a, 3)),
    "secant, partial": lambda a: secant(functools.partial(shifted, a=a, power=3), 0.5, 1.0),
    "false position": lambda a: false_position(lambda x: x * math.tanh(x) - a, 0.5, 4.0),
    "Newton, few digits": lambda a: newton(lambda x: (math.exp(x) - a, math.exp(x)), 0.8)[0],
    "fixed point": lambda a: fixed(lambda x: 1.0 + 0.3 * math.sin(a * x), 1.0),
    "Illinois": lambda a: illinois(f=lambda x: x**3 - a, a=0.0, b=4.0),
    "so many halves": lambda a: halved(lambda x: x**3 - a, 0.0, 4.0),
    "a method": root_in_class,
    "in an iteration": lambda a: bisect(lambda x: x - secant(shifted, 0.5, 1.0, args=(a, 3)), 0.0, 4.0),
    "NumPy's numbers": lambda a: bisect(lambda x: np.exp(x) - a, np.float64(0.0), np.float64(4.0)),
}
EXPECTED = {
    "bisection of few digits": np.log, "secant": np.log, "Newton, few digits": np.log, "NumPy's numbers": np.log,
    "bisection that hits it": lambda a: a / 2,
}  # fmt: skip


@pytest.mark.parametrize("name", ROOTS)
def test_the_derivative_is_that_of_the_equation(name):
    f = ROOTS[name]
    a = 2.0
    if name in EXPECTED:
        smooth = EXPECTED[name]
    elif name == "false position":
        smooth = lambda a: false_position(lambda x: x * math.tanh(x) - a, 0.5, 4.0, eps=1e-15)
    elif name == "fixed point":
        smooth = lambda a: fixed(lambda x: 1.0 + 0.3 * math.sin(a * x), 1.0, tol=1e-15)
    else:
        smooth = np.cbrt
    expected = derivative_at_zero(lambda t: smooth(a + t), 0.05)[0]
    slope = lambda t: derivative_at_zero(lambda s: smooth(a + t + s), 0.05)[0]

    y, tangent = dd.jvp(f, (a,), (1.0,))
    assert y == f(a)
    assert type(y) is type(f(a))
    assert tangent == pytest.approx(expected, rel=1e-7)
    assert dd.grad(f)(a) == pytest.approx(tangent, rel=1e-12)
    second = dd.derivative(dd.derivative(f))(a)
    assert second == pytest.approx((slope(0.01) - slope(-0.01)) / 0.02, rel=1e-3, abs=1e-6)
    assert dd.hessian(f)(a) == pytest.approx(second, rel=1e-9, abs=1e-12)


def total(f, n, tol):
    """A sum whose terms shrink: its points do not gather about it."""
    whole = 0.0
    for k in range(n):
        term = f(k / n) / 2**k
        whole = whole + term
        if abs(term) < tol:
            break
    return whole


def euler(f, y, n, tol=0.0):
    """A rate that is integrated: near its end it may rest."""
    for _ in range(n):
        rate = f(y)
        if abs(rate) <= tol:
            break
        y = y + 0.01 * rate
    return y


def until(f, y, end, step=0.01):
    """The same by the clock; it may stop short of its rest by little."""
    t = 0.0
    while t < end:
        y = y + step * f(y)
        t += step
    return y


def clipped(f, y, n, tol=0.0):
    for _ in range(n):
        rate = f(y)
        if rate > 5.0:
            rate = 5.0
        y = y + 0.01 * rate
    return y


def scanned(f, n):
    """The largest of values on a grid, and no root."""
    best, at = -np.inf, 0.0
    for i in range(n):
        value = f(i / n)
        if value < best:
            return best
        best, at = value, i / n
    return best + 0 * at


def descent(f, x, rate=0.1):
    for _ in range(20):
        slope = f(x)
        if abs(slope) < 1e-14:
            return x
        x = x - rate * slope
    return x


def adaptive(f, y, end):
    """Heun's method, whose steps are chosen by the rates: the time that they reach depends on values."""
    t, used, h = 0.0, 0, 0.05
    while t < end and used < 10_000:
        h = min(h, end - t)
        first = f(y)
        second = f(y + h * first)
        y = y + 0.5 * h * (first + second)
        t, used = t + h, used + 1
        h = 0.05 / (1.0 + abs(second - first))
    return y


def adaptive_until(f, y, end):
    """The same, left in the middle."""
    t = 0.0
    while True:
        rate = f(y)
        h = 0.05 / (1.0 + rate * rate)
        if t + h >= end:
            return y + (end - t) * rate
        y += h * rate
        t += h


def refined(f, a, b):
    """The trapezoidal rule, refined until it stays; of an integrand that is 0 it stays at once, at a point of f."""
    n, old = 1, 0.5 * (b - a) * (f(a) + f(b))
    while True:
        n, h = 2 * n, 0.5 * (b - a) / n
        new = h * (0.5 * f(b) + sum(f(b - i * h) for i in range(1, n)) + 0.5 * f(a))
        if abs(new - old) < 1e-9:
            return new
        old = new


def series(term):
    whole, k = 0.0, 0
    while True:
        part = term(k)
        whole, k = whole + part, k + 1
        if abs(part) < 1e-14 and k > 3:
            return whole


OTHERS = {
    "quadrature of 0": lambda a: refined(lambda t: (a - 2.0) * t, 0.0, 1.0),
    "quadrature that cancels": lambda a: refined(lambda t: math.sin(2 * math.pi * t) + (a - 2.0), 0.0, 1.0),
    "series of powers of 0": lambda a: series(lambda k: (a - 2.0) ** (k + 1) * 1.3),
    "series of floats": lambda a: series(lambda k: (a - 2.0) * math.exp(-40.0 * float(k))),
    "at rest, steps of its own choice": lambda a: adaptive(lambda y: y * (1 - y), a - 2.0, 1.0),
    "at rest, an exit in the middle": lambda a: adaptive_until(lambda y: 2.0 * y * (1 - y), a - 1.0, 1.0),
    "nearly at rest, steps of its own choice": lambda a: adaptive(lambda y: -a * y, 1.0, 7.0),
    "nearly at rest, and logarithm": lambda a: math.log(adaptive(lambda y: -3.0 * y, a, 7.0)),
    "sum": lambda a: total(lambda x: a * math.cos(a * x), 30, 1e-9),
    "trajectory": lambda a: euler(lambda y: a - y * y, 1.0, 50),
    "nearly at rest, by the clock": lambda a: until(lambda y: a * (0.5 - y), 1.7, 6.0),
    "nearly at rest, start": lambda a: until(lambda y: 2.0 * (0.5 - y), a, 6.0),
    "nearly at rest, a choice on the way": lambda a: clipped(lambda y: 2.0 * (0.5 - y), a, 600),
    "nearly at rest, an exit by values": lambda a: euler(lambda y: 2.0 * (0.5 - y), a, 600),
    "largest": lambda a: scanned(lambda x: a * x - a * x * x, 30),
    "unconverged": lambda a: descent(lambda x: 2 * (x - a), 0.0),
    "of a plain function": lambda a: a * bisect(lambda x: x * x - 2.0, 0.0, 2.0),
    "number beside": lambda a: a * euler(math.sin, 1.0, 50),
}


@pytest.mark.parametrize("name", OTHERS)
def test_loops_of_another_kind_keep_the_derivative_of_their_steps(name):
    f = OTHERS[name]
    expected = derivative_at_zero(lambda t: f(2.0 + t), 0.01)[0]

    y, tangent = dd.jvp(f, (2.0,), (1.0,))
    assert y == f(2.0)
    assert tangent == pytest.approx(expected, rel=1e-7)
    assert dd.grad(f)(2.0) == pytest.approx(tangent, rel=1e-12)


def test_rate_that_comes_to_rest_has_the_derivative_of_its_rest():
    f = lambda a: euler(lambda y: a - y * y, 1.0, 4000)
    assert dd.derivative(f)(2.0) == pytest.approx(0.5 / math.sqrt(2.0), rel=1e-10)


def test_function_that_nothing_enters_is_called_as_often_as_plainly():
    calls = []

    def f(x):
        calls.append(x)
        return x * x - 2.0

    g = lambda a: a * bisect(f, 0.0, 2.0)
    plain = g(3.0)
    points = calls.copy()
    calls.clear()
    assert dd.value_and_grad(g)(3.0)[0] == plain
    assert calls == points
    assert all(type(x) is float for x in calls)


def test_root_without_a_derivative_is_refused_and_named():
    jump = lambda a: bisect(lambda x: (x - a) if x > a else 3 * (x - a), 0.0, 4.0, tol=1e-9)
    with pytest.raises(dd.NoDerivative, match=r"bisect \(a root\)"):
        dd.derivative(jump)(math.sqrt(2.0))


def test_errors_of_the_iteration_are_its_own():
    with pytest.raises(ValueError, match="no fixed point"):
        dd.derivative(lambda a: fixed(lambda x: a * x + 1.0, 1.0))(2.0)
    with pytest.raises(TypeError, match=r"bisect\(\) missing 1 required positional argument: 'b'"):
        dd.derivative(lambda a: bisect(lambda x: x - a, 0.0))(2.0)


def test_variables():
    a = dd.Variable(2.0)
    root = bisect_of_variable(a)
    assert root.value == bisect(lambda x: x * x - 2.0, 0.0, 2.0)
    root.backward()
    assert a.grad == pytest.approx(0.5 / math.sqrt(2.0))


@dd.adapt
def bisect_of_variable(a):
    return bisect(lambda x: x * x - a, 0.0, 2.0)


# What ends a loop, as it is read in the source.

ENDS = {
    "while its values say so": ("while abs(f(x)) > tol: x = x - f(x)", "always"),
    "rounds that may be all done": (
        "for _ in range(9):\n  y = f(x)\n  if abs(y) < tol: return x\n  x = x - y",
        "perhaps",
    ),
    "rounds, else it raises": (
        "for _ in range(9):\n  y = f(x)\n  if abs(y) < tol: return x\n  x = x - y\nelse: raise ValueError",
        "always",
    ),
    "rounds, then it raises": (
        "for _ in range(9):\n  y = f(x)\n  if abs(y) < tol: return x\n  x = x - y\nraise ValueError",
        "always",
    ),
    "a count beside them": (
        "while True:\n  y = f(x)\n  n += 1\n  if abs(y) < tol: return x\n  if n > most: return x\n  x = x - y",
        "perhaps",
    ),
    "its way alone": ("for _ in range(9):\n  x = x + 1.0 if f(x) > 0 else x - 1.0", "never"),
}


@pytest.mark.parametrize(("body", "ends"), ENDS.values(), ids=ENDS)
def test_what_ends_an_iteration_is_read_in_its_loop(body, ends):
    function = ast.parse("def solve(f, x, n, tol, most):\n" + textwrap.indent(body + "\nreturn x", "  ")).body[0]

    assert iteration_of(function) == ("f", ends)
