"""Searches by comparisons: differentiated by their equation where the function is an argument, told of elsewhere.

Whatever finds a number by comparing alone has a derivative of 0 (or that of its first bracket) step by step.  So one of
two things has to happen: the right derivative, or a warning that names the lines.  And everyday loops that look a
little like a search say nothing.
"""

import math
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd

GOLDEN = (math.sqrt(5) - 1) / 2


def golden(a):
    f = lambda t: (t - a) ** 2 + 1
    lo, hi = (0.0, 4.0)
    g = GOLDEN
    while hi - lo > 1e-08:
        c = hi - g * (hi - lo)
        d = lo + g * (hi - lo)
        if f(c) < f(d):
            hi = d
        else:
            lo = c
    return (lo + hi) / 2


def sqrt(a):
    lo, hi = (0.0, max(a, 1.0))
    for _ in range(60):
        m = 0.5 * (lo + hi)
        lo, hi = (m, hi) if m * m < a else (lo, m)
    return lo


def vec(a):
    lo = np.zeros(3)
    hi = np.full(3, 10.0)
    for _ in range(60):
        m = (lo + hi) / 2
        up = m**2 < a
        lo = np.where(up, m, lo)
        hi = np.where(up, hi, m)
    return np.sum(lo)


def tern(a):
    lo, hi = (0, 10)
    for _ in range(100):
        m1 = lo + (hi - lo) / 3
        m2 = hi - (hi - lo) / 3
        if (m1 - a) ** 2 < (m2 - a) ** 2:
            hi = m2
        else:
            lo = m1
    return lo


def grid(a):
    lo, hi = (0.0, 4.0)
    for _ in range(8):
        xs = np.linspace(lo, hi, 11)
        i = int(np.argmin([(x - a) ** 2 for x in xs]))
        lo, hi = (xs[max(i - 1, 0)], xs[min(i + 1, 10)])
    return 0.5 * (lo + hi)


def grid2(a):
    best, w = (2.0, 2.0)
    for _ in range(12):
        xs = np.linspace(best - w, best + w, 9)
        best = xs[np.argmin((xs - a) ** 2)]
        w /= 3
    return best


def bis_sign(a):
    f = lambda t: t * t - a
    lo, hi = (0.0, 4.0)
    flo = f(lo)
    for _ in range(50):
        m = (lo + hi) / 2
        fm = f(m)
        if np.sign(fm) == np.sign(flo):
            lo, flo = (m, fm)
        else:
            hi = m
    return m


def golden_carry(a):
    f = lambda t: math.cosh(t - a)
    A, B = (0.0, 4.0)
    g = GOLDEN
    c = B - g * (B - A)
    d = A + g * (B - A)
    fc = f(c)
    fd = f(d)
    while abs(B - A) > 1e-07:
        if fc < fd:
            B = d
            d = c
            fd = fc
            c = B - g * (B - A)
            fc = f(c)
        else:
            A = c
            c = d
            fc = fd
            d = A + g * (B - A)
            fd = f(d)
    return (A + B) / 2


def digits(a):
    x, step = (0.0, 2.0)
    while step > 1e-09:
        if (x + step) ** 2 < a:
            x += step
        step /= 2
    return x


def compass(a):
    x, s = (0.0, 1.0)
    f = lambda t: (t - a) ** 2
    while s > 1e-08:
        if f(x + s) < f(x):
            x = x + s
        elif f(x - s) < f(x):
            x = x - s
        else:
            s = s * 0.5
    return x


def gs(f, lo, hi, tol=1e-08):
    g = GOLDEN
    while hi - lo > tol:
        c = hi - g * (hi - lo)
        d = lo + g * (hi - lo)
        if f(c) < f(d):
            hi = d
        else:
            lo = c
    return (lo + hi) / 2


def bis(pred, lo, hi):
    while hi - lo > 1e-09:
        m = (lo + hi) / 2
        if pred(m):
            hi = m
        else:
            lo = m
    return (lo + hi) / 2


def illinois(t):
    a, b = (0.0, 4.0)
    fa, fb = (a * a - t, b * b - t)
    for _ in range(60):
        if abs(fb - fa) < 1e-300:
            break
        x = (a * fb - b * fa) / (fb - fa)
        fx = x * x - t
        if fx * fb < 0:
            a, fa = (b, fb)
        else:
            fa = fa / 2
        b, fb = (x, fx)
        if abs(fx) < 1e-13:
            break
    return b


def illinois2(t):
    f = lambda x: x * x - t
    a, b = (0.0, 4.0)
    fa, fb = (f(a), f(b))
    for _ in range(60):
        x = (a * fb - b * fa) / (fb - fa)
        fx = f(x)
        if fx * fb < 0:
            a, fa = (b, fb)
        else:
            fa = fa / 2
        b, fb = (x, fx)
        if abs(fx) < 1e-13:
            break
    return b


def agm(a):
    x, y = (a, 1.0)
    while abs(x - y) > 1e-15:
        x, y = ((x + y) / 2, math.sqrt(x * y))
    return x


def adaptive(k):
    t, y, h = (0.0, 1.0, 0.5)
    while t < 2:
        if t + h > 2:
            h = 2 - t
        e = -k * y
        y1 = y + h * e
        y2 = y + h / 2 * e
        y2 = y2 + h / 2 * (-k * y2)
        if abs(y1 - y2) < 0.0001:
            t += h
            y = 2 * y2 - y1
            h *= 1.5
        else:
            h /= 2
    return y


def table(x):
    xs = np.linspace(0, 3, 200)
    lo, hi = (0, 199)
    while hi - lo > 1:
        m = (lo + hi) // 2
        if xs[m] < x:
            lo = m
        else:
            hi = m
    return np.sin(xs[lo]) + (x - xs[lo]) * (np.sin(xs[hi]) - np.sin(xs[lo])) / (xs[hi] - xs[lo])


def line(a):
    x = 0.0
    for _ in range(40):
        g = 2 * (x - a)
        s = 1.0
        while (x - s * g - a) ** 2 > (x - a) ** 2 - 0.0001 * s * g * g:
            s /= 2
        x = x - s * g
    return x


def minmax(a):
    lo, hi = (1000000000.0, -1000000000.0)
    for i in range(20):
        v = math.sin(a * i)
        if v < lo:
            lo = v
        if v > hi:
            hi = v
    return hi - lo


def count(a):
    i = 0
    x = a
    while x < 100:
        x = x * 1.5
        i += 1
    return x


def told(f, x, transform=dd.derivative):
    """The derivative, and the warnings that are of searches."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        found = transform(f)(x)
    return found, [one for one in seen if one.category is dd.OnlyCompared]


def of_three(a):
    return vec(np.stack([a, 2 * a, 3 * a]))


def by_truth(a):
    return bis(lambda t: t**2 > a, 0.0, 4.0)


def as_method(a):
    class Finder:
        def __init__(self, a):
            self.a = a

        def f(self, t):
            return math.cosh(t - self.a) - 2.0

        def find(self):
            low, high = self.a, self.a + 5.0
            while abs(high - low) > 1e-10 * abs(high):
                middle = low + (high - low) / 2
                if self.f(middle) * self.f(low) > 0:
                    low = middle
                else:
                    high = middle
            return 0.5 * (low + high)

    return Finder(a).find()


def in_a_branch(a):
    if a > 0:
        low = 0.0
        high = 10.0
    else:
        low, high = -10.0, 0.0
    k = 0
    while k < 100:
        middle = (low + high) / 2
        if math.exp(middle) > 5.0 * a:
            high = middle
        elif math.exp(middle) < 5.0 * a:
            low = middle
        else:
            break
        k += 1
    return middle


def begun_in_the_loop(a):
    low = high = None
    for _ in range(40):
        if low is None:
            low, high = 0.0, 4.0
        middle = (low + high) / 2
        if middle * middle < a:
            low = middle
        else:
            high = middle
    return low


def in_a_generator(a):
    def points():
        low, high = 0.0, 4.0
        while high - low > 1e-6:
            middle = (low + high) / 2
            if middle * middle < a:
                low = middle
            else:
                high = middle
            yield middle

    return list(points())[-1]


def in_float32(a):
    low, high = np.float32(0), np.float32(4)
    for _ in range(20):
        middle = (low + high) / np.float32(2)
        if middle**3 < a:
            low = middle
        else:
            high = middle
    return high


SEARCHES = [
    golden, sqrt, of_three, tern, grid, grid2, bis_sign, golden_carry, digits, compass, by_truth, as_method,
    in_a_branch, in_float32, begun_in_the_loop, in_a_generator,
]  # fmt: skip


@pytest.mark.parametrize("f", SEARCHES)
@pytest.mark.parametrize("transform", [dd.derivative, dd.grad])
def test_a_search_that_is_written_out_is_told_of(f, transform):
    def mixed(a):
        return f(a) + a**2  # something else in the result carries a derivative

    for g in (f, mixed):
        _, seen = told(g, 1.3, transform)
        assert len(seen) == 1
        text = str(seen[0].message)
        assert "close in on a limit" in text
        assert __file__ in text
        assert seen[0].filename == __file__
        assert "minimize_scalar" in text


def test_the_line_is_that_of_the_loop():
    _, seen = told(golden, 1.3)
    first = golden.__code__.co_firstlineno
    assert seen[0].lineno == first + 4
    assert f"line {first + 4} of {__file__}" in str(seen[0].message)
    assert "hi and lo" in str(seen[0].message)


def test_nested_and_second_derivatives_tell_too():
    for transform in (lambda f: dd.derivative(dd.derivative(f)), dd.hessian, lambda f: lambda x: dd.vjp(f, x)[1](1.0)):
        assert told(lambda a: golden(a) * a, 1.3, transform)[1]


def test_as_an_error_it_names_the_place():
    with warnings.catch_warnings():
        warnings.simplefilter("error", dd.OnlyCompared)
        with pytest.raises(dd.OnlyCompared):
            dd.grad(golden)(1.3)


def test_a_step_function_that_is_meant():
    def meant(a):
        low, high = 0.0, 4.0
        while high - low > 1e-6:
            middle = (low + high) / 2
            low, high = (middle, high) if dd.stop_gradient(middle * middle - a) < 0 else (low, middle)
        return low * a

    found, seen = told(meant, 2.0)
    assert not seen
    assert_allclose(found, math.sqrt(2.0), rtol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", dd.OnlyCompared)
        dd.derivative(lambda a: golden(a) + a)(1.3)
        warnings.simplefilter("ignore", dd.IndependentResult)  # of which the other is one
        dd.derivative(golden)(1.3)


# Where the function is an argument, the equation is known.


def minimum_of(f):
    return lambda a: gs(lambda t: f(t, a), 0.0, 4.0)


MINIMA = {
    "parabola": (lambda t, a: (t - a) ** 2, lambda a: 1.0, lambda a: 0.0),
    "with a value": (lambda t, a: (t - a * a) ** 2 + math.cos(a), lambda a: 2.0 * a, lambda a: 2.0),
    "cosh": (lambda t, a: math.cosh(t - math.sin(a)), math.cos, lambda a: -math.sin(a)),
    "of numpy": (lambda t, a: -np.exp(-((t - a) ** 2)), lambda a: 1.0, lambda a: 0.0),
    "logs": (lambda t, a: t - a * math.log(t), lambda a: 1.0, lambda a: 0.0),
}


@pytest.mark.parametrize("name", MINIMA)
def test_a_minimum_has_the_derivative_of_its_equation(name):
    f, slope, bend = MINIMA[name]
    for transform in (dd.derivative, dd.grad):
        found, seen = told(minimum_of(f), 1.3, transform)
        assert not seen
        assert_allclose(found, slope(1.3), rtol=1e-6)
    second, seen = told(minimum_of(f), 1.3, lambda f: dd.derivative(dd.derivative(f)))
    assert not seen
    assert_allclose(second, bend(1.3), rtol=1e-5, atol=1e-6)
    assert dd.jvp(minimum_of(f), (1.3,), (1.0,))[0] == minimum_of(f)(1.3)


def test_a_maximum_and_a_bracket_that_moves_with_the_argument():
    def highest(f, low, high):
        for _ in range(60):
            c, d = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
            if f(c) > f(d):
                high = d
            else:
                low = c
        return 0.5 * (low + high)

    def of(a):
        return highest(lambda t: math.exp(-((t - 2 * a) ** 2)), a - 1.0, 4.0 * a)

    for transform in (dd.derivative, dd.grad):
        found, seen = told(of, 0.8, transform)
        assert not seen
        assert_allclose(found, 2.0, rtol=1e-6)


def test_a_minimum_at_a_kink_is_told_of():
    def of(a):
        return gs(lambda t: abs(t - a), 0.0, 4.0)

    try:
        found, seen = told(of, 1.3)
    except dd.NoDerivative:
        return
    assert seen or found == 1.0


def test_the_least_of_a_grid_is_a_step_function():
    def least(f, points):
        best, value = points[0], f(points[0])
        for p in points[1:]:
            if f(p) < value:
                best, value = p, f(p)
        return best

    points = np.linspace(0.0, 2.0, 41)
    found, seen = told(lambda a: least(lambda t: (t - a) ** 2, points) * a, 1.0)
    assert found == 1.0
    assert not seen


# What looks a little like a search, and is right step by step.


def series(x):
    total, term, n = 1.0, 1.0, 0
    while abs(term) > 1e-16:
        n += 1
        term = term * x / n
        total = total + term
    return total


def backtracking(a):
    x = np.array([0.0, 0.0])
    for _ in range(30):
        g = 2 * (x - a * np.array([1.0, 2.0]))
        step, value = 1.0, np.sum((x - a * np.array([1.0, 2.0])) ** 2)
        while np.sum((x - step * g - a * np.array([1.0, 2.0])) ** 2) > value - 0.1 * step * np.sum(g**2):
            step *= 0.5
        x = x - step * g
    return np.sum(x)


def secant(a):
    x, y = 1.0, 3.0
    fx, fy = x * x - a, y * y - a
    while abs(fy) > 1e-12:
        x, y = y, y - fy * (y - x) / (fy - fx)
        fx, fy = fy, y * y - a
    return y


def of_interval(x):
    low, high = 0.0, 10.0
    for knot in np.linspace(0.0, 10.0, 30):
        if knot <= x:
            low = knot
        elif knot < high:
            high = knot
    return np.sin(low) + (x - low) * (np.sin(high) - np.sin(low)) / (high - low)


def euclid(a):
    x, y = 34.0, 21.0
    while y > 1e-9:
        if x < y:
            x, y = y, x
        x = x - y
    return x * a


def decided_by_plain_numbers(a):
    low, high = 0.0, 4.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        if middle**2 < 2.0:
            low = middle
        else:
            high = middle
    return low * a


def mean_of_both(a):
    low, high = a, 2.0 * a
    for _ in range(40):
        low, high = math.sqrt(low * high), (low + high) / 2
    return low


QUIET = [
    illinois, illinois2, agm, adaptive, table, line, minmax, count, series, backtracking, secant, of_interval, euclid,
    decided_by_plain_numbers, mean_of_both,
]  # fmt: skip


@pytest.mark.parametrize("f", QUIET)
def test_everyday_loops_say_nothing_and_are_right(f):
    for transform in (dd.derivative, dd.grad):
        found, seen = told(f, 1.3, transform)
        assert not seen
        assert_allclose(found, (f(1.3 + 1e-6) - f(1.3 - 1e-6)) / 2e-6, rtol=1e-5)
    assert dd.jvp(f, (1.3,), (1.0,))[0] == f(1.3)


@pytest.mark.parametrize("f", [*SEARCHES[:2], *SEARCHES[3:], *QUIET])
def test_plain_numbers_run_as_ever(f):
    assert dd.adapt(f)(1.3) == f(1.3)


def test_names_that_are_not_bound_are_not_asked_for():
    def f(a, on=False):
        for _ in range(3):
            if on:
                middle = (low + high) / 2  # noqa: F821
                low, high = (middle, high) if middle < a else (low, middle)  # noqa: F821, RUF059
        return math.sin(a) * 2

    assert told(f, 0.0) == (2.0, [])

    def g(a, on=True):
        if not on:
            low, high = 0.0, 1.0
        for _ in range(3):
            if not on:
                middle = (low + high) / 2
                low, high = (middle, high) if middle < a else (low, middle)
        return math.sin(a) * 2

    assert told(g, 0.0) == (2.0, [])


def test_a_view_has_no_names_beside_those_of_the_source_where_they_are_asked_for():
    def f(a):
        low, high = 0.0, 1.0
        while high - low > 1e-3:
            middle = (low + high) / 2
            low, high = (middle, high) if middle < a else (low, middle)
        return len(locals()) * math.sin(a)

    assert dd.adapt(f)(0.3) == f(0.3)
