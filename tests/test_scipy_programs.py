"""Right-hand sides as programs: what is kept from call to call is never stale, and what cannot be known is not kept."""

import functools
import types
import warnings

import numpy as np
import pytest
import scipy.integrate
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.scipy import integrate, programs

RATE, MATRIX = 1.3, np.array([[-0.5, 1.0], [-1.0, -0.2]])


def helper(y, k):
    return -k * y


def solved(f, k, module=integrate, end=1.0, **options):
    given = {"rtol": 1e-9, "atol": 1e-10, "max_step": 0.05} | options
    return module.solve_ivp(f(k), (0.0, end), [1.0, 0.5], **given).y[:, -1]


def differences(f, k, **options):
    h = 1e-4
    run = lambda k: solved(f, k, scipy.integrate, **options)
    central = lambda h: (run(k + h) - run(k - h)) / (2 * h)
    return (4 * central(h / 2) - central(h)) / 3


def choosing(k, inner):
    """Takes no columns: it asks for the sign of one state."""
    return lambda t, y: inner(t, y, k) if y[0] > -1e9 else 0 * y


class Holder:
    def __init__(self, k):
        self.k = k

    def rate(self, t, y):
        return -self.k * y if y[0] > 0 else 0 * y


def of_global(t, y, k):
    return -k * y * RATE


def of_matrix(t, y, k):
    return k * (MATRIX @ y)


def of_helper(t, y, k):
    return helper(y, k)


def counting(k):
    count = 0

    def f(t, y):
        nonlocal count
        count += 1
        return -k * y if y[0] > 0 else 0 * y

    return f


def with_a_list(k):
    p = [k, 2.0]
    return lambda t, y: np.array([-p[0] * y[0], -p[1] * y[1] * p[0]]) if y[0] > 0 else 0 * y


def with_a_memory(k):
    seen = [False]

    def f(t, y):
        seen[0] = seen[0] or t > 0.5
        return -k * y if seen[0] else -2 * k * y

    return f


def with_a_collection(k):
    seen = []

    def f(t, y):
        seen.append(t)
        return -k * y if y[0] > 0 else 0 * y

    return f


def with_a_dict(k):
    p = {"k": k}
    return lambda t, y: -p["k"] * y if y[0] > 0 else 0 * y


def with_a_function(k):
    inner = lambda y: k * np.sin(y)
    return lambda t, y: -inner(y) if y[0] > 0 else 0 * y


def with_a_partial(k):
    return functools.partial(lambda k, t, y: -k * y if y[0] > 0 else 0 * y, k)


def with_a_default(k):
    return lambda t, y, k=k: -k * y if y[0] > 0 else 0 * y


def with_an_object(k):
    held = types.SimpleNamespace(k=k)
    return lambda t, y: -held.k * y if y[0] > 0 else 0 * y


def with_a_gradient(k):
    potential = lambda y: k * np.sum(np.cosh(y))
    return lambda t, y: -dd.grad(potential)(y) if y[0] > 0 else 0 * y


def with_a_buffer(k):
    def f(t, y):
        out = np.zeros(2)
        out[0], out[1] = -k * y[0], y[0] - k * y[1]
        return out if y[0] > 0 else 0 * y

    return f


FUNCTIONS = {
    "a global number": (lambda k: choosing(k, of_global), True),
    "a global matrix": (lambda k: choosing(k, of_matrix), True),
    "a global function": (lambda k: choosing(k, of_helper), True),
    "a counter": (counting, False),
    "a method": (lambda k: Holder(k).rate, False),
    "a list": (with_a_list, True),
    "a collection": (with_a_collection, False),
    "a dict": (with_a_dict, True),
    "a function": (with_a_function, True),
    "a partial": (with_a_partial, True),
    "a default": (with_a_default, True),
    "an object": (with_an_object, False),
    "a gradient": (with_a_gradient, None),
    "a buffer": (with_a_buffer, True),
}


def programs_made():
    return sum(kept.staged is not None and not kept.failed for kept in programs._KEPT_PROGRAMS.values())


@pytest.fixture(autouse=True)
def nothing_kept():
    programs._KEPT_PROGRAMS.clear()
    yield
    programs._KEPT_PROGRAMS.clear()


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("method", ["RK45", "LSODA"])
def test_what_a_function_closes_over(name, method):
    f, made = FUNCTIONS[name]
    for k in (1.3, 0.7):
        expected = differences(f, k, method=method, end=0.3)
        run = lambda k, **options: solved(f, k, method=method, end=0.3, **options)
        assert_allclose(dd.jacfwd(run)(k), expected, rtol=1e-6, atol=1e-8)
        assert_allclose(dd.jacrev(run)(k), expected, rtol=1e-6, atol=1e-8)
        forward = dd.jacfwd(lambda k: run(k, sensitivity="forward"))(k)
        assert_allclose(forward, expected, rtol=1e-6, atol=1e-8)
    assert made is None or (programs_made() > 0) == made


def test_a_global_that_changes_is_no_constant(monkeypatch):
    f = lambda k: choosing(k, of_global)
    for rate in (1.3, 0.4, 2.0):
        monkeypatch.setitem(globals(), "RATE", rate)
        for options in ({}, {"sensitivity": "forward"}):
            found = dd.jacfwd(lambda k: solved(f, k, **options))(0.9)
            assert_allclose(found, -rate * np.exp(-0.9 * rate) * np.array([1.0, 0.5]), rtol=1e-6)


def test_a_global_matrix_that_is_written_is_no_constant(monkeypatch):
    matrix = np.array([[-0.5, 1.0], [-1.0, -0.2]])
    monkeypatch.setitem(globals(), "MATRIX", matrix)
    f = lambda k: choosing(k, of_matrix)
    for entry in (1.0, -0.3, 2.0):
        matrix[0, 1] = entry
        for options in ({}, {"sensitivity": "forward"}):
            found = dd.jacfwd(lambda k: solved(f, k, **options))(0.9)
            assert_allclose(found, differences(f, 0.9), rtol=1e-6, atol=1e-8)


def test_another_function_of_the_same_code_is_another_function():
    for inner in (lambda t, y, k: -k * y, lambda t, y, k: -k * k * y, lambda t, y, k: k * np.sin(y)):
        f = lambda k, inner=inner: choosing(k, inner)
        for _ in range(2):
            found = dd.jacrev(lambda k: solved(f, k))(0.9)
            assert_allclose(found, differences(f, 0.9), rtol=1e-6, atol=1e-8)


def test_branches_are_variants_and_too_many_are_run_as_they_are():
    def f(k):
        def rate(t, y):
            for i in range(8):
                if t < (i + 1) / 8:
                    return -k * (i + 1) * y
            return -k * 9 * y

        return rate

    exact = -4.5 * np.exp(-0.3 * 4.5) * np.array([1.0, 0.5])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for options in ({}, {"sensitivity": "forward"}):
            for transform in (dd.jacfwd, dd.jacrev) if not options else (dd.jacfwd,):
                for _ in range(2):
                    found = transform(lambda k: solved(f, k, max_step=1 / 32, rtol=1e-5, **options))(0.3)
                    assert_allclose(found, exact, rtol=1e-3)


def test_a_function_with_a_memory_is_no_program():
    assert programs.opened(with_a_memory(1.3)) is None
    assert programs.opened(with_a_list(1.3)) is not None


def test_second_derivatives_go_another_way():
    f = lambda k: choosing(k, of_helper)
    for _ in range(2):
        found = dd.jacfwd(dd.jacrev(lambda k: solved(f, k)))(0.9)
        assert_allclose(found, np.exp(-0.9) * np.array([1.0, 0.5]), rtol=1e-7)
