"""Callables among the arguments: their calls are adapted, and nothing else that can be seen of them differs."""

import contextlib
import functools
import heapq
import inspect
import itertools
import math
import threading
from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import integrate, optimize

import dualdiff as dd


class Law:
    """A callable object with everything that may be asked of one."""

    terminal = True
    direction = -1.0

    def __init__(self, scale):
        self.scale = scale

    def __call__(self, x):
        return math.exp(x) - self.scale

    def doubled(self, x):
        return 2.0 * self(x)

    @property
    def half(self):
        return self.scale / 2


class Level:
    terminal = True
    direction = -1

    def __init__(self, a):
        self.a = a

    def __call__(self, t, y):
        return y[0] - float(self.a)


def asked(law, x):
    """What a function may ask of an object that it is given."""
    assert type(law) is Law
    assert isinstance(law, Law)
    assert not inspect.ismethod(law)
    return law(x) * law.half + law.doubled(x)


def decay(t, y):
    return [-math.exp(0.1 * t) * y[0]]


THE_LAW = Law(3.0)


def is_the_law(law, x):
    return x * x if law is THE_LAW else 0.0 * x


CASES = {
    "partial": lambda a: functools.partial(asked, Law(a))(0.3),
    "partial by keyword": lambda a: functools.partial(asked, law=Law(a))(x=0.3),
    "partial of a partial": lambda a: functools.partial(functools.partial(asked, Law(a)), 0.3)(),
    "identity in a partial": lambda a: functools.partial(is_the_law, THE_LAW)(a),
    "partial of map": lambda a: sum(functools.partial(map, Law(a))([0.1, 0.2])),
    "map": lambda a: sum(map(Law(a), [0.1, 0.2])),
    "starmap": lambda a: sum(itertools.starmap(asked, [(Law(a), 0.1)])),
    "heapq": lambda a: heapq.nsmallest(1, [0.3 * a, a], key=lambda x: math.sin(float(x)))[0],
    "bisect": lambda a: a * bisect_left([0.1 * a, a, 2 * a], 0.9, key=lambda x: float(x)),
    "cmp_to_key": lambda a: min([a * 0.3, a], key=functools.cmp_to_key(lambda x, y: math.exp(x) - math.exp(y))),
    "executor": lambda a: ThreadPoolExecutor(1).submit(Law(a), 0.3).result(),
    "terminal event": lambda a: integrate.solve_ivp(decay, (0, 5), [1.0], events=Level(a), rtol=1e-10, atol=1e-12).t[
        -1
    ],
    "terminal events": lambda a: (
        a * integrate.solve_ivp(decay, (0, 5), [1.0], events=[Level(0.5), Level(0.1)], rtol=1e-9).t[-1]
    ),
    "brentq": lambda a: optimize.brentq(Law(a), -1.0, 4.0),
    "newton": lambda a: optimize.newton(Law(a), 1.0),
    "root_scalar": lambda a: optimize.root_scalar(Law(a), bracket=(-1.0, 4.0)).root,
    "method": lambda a: optimize.brentq(Law(a).doubled, -1.0, 4.0),
    "args handed on": lambda a: optimize.brentq(lambda x, law: is_the_law(law, x) - a, 0.0, 4.0, args=(THE_LAW,)),
    "args of a function": lambda a: optimize.brentq(lambda x, g: (g is decay) * x**2 - a, 0.0, 4.0, (decay,)),
    "quad": lambda a: integrate.quad(Law(a), 0.0, 1.0)[0],
    "quad, args": lambda a: integrate.quad(lambda x, law: is_the_law(law, x) * a, 0.0, 1.0, args=(THE_LAW,))[0],
    "fixed_quad": lambda a: integrate.fixed_quad(functools.partial(np.multiply, a), 0.0, 1.0)[0],
    "minimize_scalar": lambda a: optimize.minimize_scalar(lambda x: Law(a)(x) ** 2, bracket=(-1.0, 3.0)).x,
}


@pytest.mark.parametrize("name", CASES)
def test_called_as_adapted_and_seen_as_given(name):
    f = CASES[name]
    h = 1e-3
    expected = (8 * (f(0.7 + h) - f(0.7 - h)) - (f(0.7 + 2 * h) - f(0.7 - 2 * h))) / (12 * h)

    y, tangent = dd.jvp(f, (0.7,), (1.0,))
    assert y == pytest.approx(f(0.7), rel=1e-9)
    assert tangent == pytest.approx(expected, rel=1e-6)
    assert dd.grad(f)(0.7) == pytest.approx(tangent, rel=1e-9)
    assert expected != 0


def test_model_that_is_an_object_is_fitted():
    class Model:
        def __init__(self, scale):
            self.scale = scale

        def __call__(self, x, rate, offset):
            return float(self.scale) * np.exp(-rate * x) + offset

    x = np.linspace(0.0, 1.0, 9)
    y = 1.5 * np.exp(-0.8 * x) + 0.1
    fitted = lambda s: optimize.curve_fit(Model(s), x, y, p0=[1.0, 0.0])[0]
    exact = dd.jacfwd(fitted)(1.4)
    h = 1e-3
    assert exact == pytest.approx((fitted(1.4 + h) - fitted(1.4 - h)) / (2 * h), rel=1e-4)


def test_thread_is_named_after_what_it_runs():
    def names(a):
        made = [
            threading.Thread(target=target).name.partition(" ")[2]
            for target in (THE_LAW, THE_LAW.doubled, asked, functools.partial(asked, THE_LAW))
        ]
        assert made == ["", "(doubled)", "(asked)", ""]
        return a

    names(1.0)
    assert dd.derivative(names)(1.0) == 1.0


class Scaled(contextlib.ContextDecorator):
    """A context with a ``__call__`` of its own."""

    def __init__(self, factor):
        self.factor = factor

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    def __call__(self, f):
        inner = super().__call__(f)
        return lambda x: math.sin(self.factor) * inner(x)


scaled = Scaled(0.5)


@scaled
def cubed(x):
    return float(x) ** 3


def test_decorator_that_is_a_context_too():
    assert dd.derivative(lambda x: cubed(x))(2.0) == pytest.approx(math.sin(0.5) * 12.0)


def test_object_handed_to_a_solver_can_be_written_by_it():
    law = Law(0.7)

    def f(a):
        def event(t, y):
            return y[0] - a

        event.terminal = True
        return integrate.solve_ivp(decay, (0, 5), [1.0], events=event, rtol=1e-10, atol=1e-12).t[-1]

    h = 1e-3
    assert dd.derivative(f)(0.5) == pytest.approx((f(0.5 + h) - f(0.5 - h)) / (2 * h), rel=1e-5)
    from dualdiff.adapting.handing import handed

    lent = handed(law, lambda x: 1.0)
    lent.seen = True
    assert law.seen
    assert (lent(3.0), lent.scale, type(lent.doubled)) == (1.0, 0.7, type(law.doubled))
    assert inspect.signature(lent) == inspect.signature(law)
    assert repr(lent) == repr(law)


SOLVERS_WITH_ARGS = {
    "brentq": lambda f, args: optimize.brentq(f, 0.0, 4.0, args=args),
    "newton": lambda f, args: optimize.newton(f, 1.0, args=args),
    "fsolve": lambda f, args: optimize.fsolve(f, [1.0], args)[0],
    "root": lambda f, args: optimize.root(f, [1.0], args=args).x[0],
    "minimize_scalar": lambda f, args: optimize.minimize_scalar(lambda x, *a: f(x, *a) ** 2, (1.0, 2.0), args=args).x,
    "quad": lambda f, args: integrate.quad(f, 0.0, 1.0, args=args)[0],
    "solve_ivp": lambda f, args: integrate.solve_ivp(lambda t, y, *a: [f(y[0], *a)], (0, 1), [1.0], args=args).y[0, -1],
    "odeint": lambda f, args: integrate.odeint(lambda y, t, *a: [f(y[0], *a)], [1.0], [0.0, 1.0], args=args)[-1, 0],
}


@pytest.mark.parametrize("name", SOLVERS_WITH_ARGS)
def test_lists_that_are_handed_on_are_the_very_lists(name):
    def f(a, log, counts):
        def equation(x, log, counts):
            log.append(1)
            counts["calls"] += 1
            return x * x - a

        return SOLVERS_WITH_ARGS[name](equation, (log, counts)) + 0.0 * a

    for run in (f, dd.grad(f)):
        log, counts = [], {"calls": 0}
        with np.errstate(all="ignore"):
            run(2.0, log, counts)
        assert len(log) == counts["calls"] > 0
