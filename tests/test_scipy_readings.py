"""Numbers that a module holds are arguments of the programs of its functions, as those of cells and defaults are."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.scipy import integrate, optimize
from dualdiff.scipy.readings import opened, read

DATA = np.linspace(0.0, 1.0, 3000)
SEEN = np.exp(-DATA)
WEIGHT = 2.0
PAIR = (DATA[:3], 0.5)


def model(a):
    return a * DATA - SEEN


def weighted(a):
    return np.sum(model(a) ** 2) * WEIGHT


def through_both(a):
    return weighted(a) + np.sum(model(a)) * PAIR[1] + PAIR[0] @ PAIR[0]


def inside(a):
    return np.sum(np.array([(lambda k: k * WEIGHT)(a) for _ in range(2)]))


FUNCTIONS = [model, weighted, through_both, inside]
OTHERS = {"DATA": np.linspace(1.0, 2.0, 3000), "SEEN": np.sin(DATA), "WEIGHT": 0.3, "PAIR": (DATA[3:6], 1.5)}


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_function_is_built_from_the_numbers_that_its_module_holds(f, monkeypatch):
    key, leaves, build = opened(f)
    expected = f(0.7)
    for name, other in OTHERS.items():
        monkeypatch.setitem(globals(), name, other)
    assert opened(f).key == key
    assert np.any(f(0.7) != expected)
    assert_allclose(build(iter(leaves))(0.7), expected, rtol=0)  # of the numbers that it had
    assert_allclose(build(iter(opened(f).leaves))(0.7), f(0.7), rtol=0)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_it_is_known_again_with_others_in_the_same_order(f, monkeypatch):
    reading, leaves = read(f)
    for name, other in OTHERS.items():
        monkeypatch.setitem(globals(), name, other)
    again, others = read(f)
    assert again is reading and len(others) == len(leaves)
    assert all(a is b for a, b in zip(others, opened(f).leaves, strict=True))
    monkeypatch.setitem(globals(), "WEIGHT", 2)  # a constant of a program
    assert f is model or read(f)[0] is not reading


def test_fits_of_data_that_a_module_holds_follow_them(monkeypatch):
    """By one program, after many fits."""
    fit = lambda: optimize.minimize(lambda a: weighted(a[0]), np.zeros(1)).x[0]
    for i in range(24):
        if i >= 12:
            monkeypatch.setitem(globals(), "SEEN", np.sin(DATA + i))
        assert_allclose(fit(), DATA @ SEEN / (DATA @ DATA), rtol=1e-6)
    SEEN[::2] = 0.0
    assert_allclose(fit(), DATA @ SEEN / (DATA @ DATA), rtol=1e-6)


def test_derivatives_of_a_solution_are_of_the_table_that_a_module_holds(monkeypatch):
    def at_end(k):
        rate = lambda t, y: -k * y * np.interp(t, DATA, SEEN)
        return integrate.solve_ivp(rate, (0.0, 1.0), [1.0], rtol=1e-8).y[0, -1]

    for factor in (1.0, 1.0, 1.0, 1.0, 2.0, 0.5):
        monkeypatch.setitem(globals(), "SEEN", np.cos(DATA) * factor)
        area = np.trapezoid(SEEN, DATA)
        assert_allclose(dd.derivative(at_end)(0.8), -area * np.exp(-0.8 * area), rtol=1e-6)


def test_what_is_filled_by_the_function_is_not_a_number_of_its_module(monkeypatch):
    calls = []
    monkeypatch.setitem(globals(), "CALLS", calls)

    def counting(x):
        CALLS.append(x)  # noqa: F821
        return x * x - WEIGHT

    assert opened(counting) is None
    assert_allclose(optimize.newton(counting, 1.0), np.sqrt(WEIGHT))
    assert len(calls) > 3
