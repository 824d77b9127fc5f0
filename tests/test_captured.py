"""Functions over plain numbers: a solver runs a copy without what was captured of a derivative, unseen."""

import functools
import sys
from typing import ClassVar

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.scipy import integrate, optimize
from dualdiff.scipy.captured import on_numbers
from dualdiff.values.objects import carries


def loss(x, a):
    return np.sum((x - a) ** 2) + np.sum(x**4)


def by_default(a):
    return lambda x, a=a: loss(x, a)


def by_keyword_default(a):
    def f(x, *, a=a):
        return loss(x, a)

    return f


def by_inner_function(a):
    def inner(x):
        return loss(x, a)

    return lambda x: inner(x) + 0.0


def by_tuple(a):
    pair = (a, 1.0)
    return lambda x: loss(x, pair[0]) * pair[1]


def by_dict(a):
    parameters = {"a": a}
    return lambda x: loss(x, parameters["a"])


def by_list(a):
    parameters = [a]
    return lambda x: loss(x, parameters[0])


def by_partial(a):
    return functools.partial(loss, a=a)


def by_partial_of_a_closure(a):
    return functools.partial(lambda x, b: loss(x, a) + 0.0 * b, b=a)


def by_recursion(a):
    def f(x, times=2):
        return f(x, times - 1) if times else loss(x, a)

    return f


def by_two_that_call_each_other(a):
    def even(x, times):
        return odd(x, times - 1) if times else loss(x, a)

    def odd(x, times):
        return even(x, times - 1)

    return lambda x: even(x, 2)


class Model:
    def __init__(self, a):
        self.a = a

    def value(self, x):
        return loss(x, self.a)

    __call__ = value


def by_method(a):
    return Model(a).value


def by_instance(a):
    return Model(a)


def by_object(a):
    model = Model(a)
    return lambda x: model.value(x)


def by_assignment(a):
    """The captured name is bound anew in each call, to what it was."""

    def f(x):
        nonlocal a
        a = a * 2.0
        a = a / 2.0
        return loss(x, a)

    return f


def by_assignment_elsewhere(a):
    b = a * 2.0

    def halve():
        nonlocal b
        b = a * 1.0

    def f(x):
        halve()
        return loss(x, b)

    return f


def by_buffer(a):
    """A captured array is written to."""
    work = np.stack([a * 0.0, a])

    def f(x):
        work[0] = x[0]
        return (work[0] - work[1]) ** 2 + x[0] ** 4

    return f


def by_attribute(a):
    """What a Dual alone has."""

    def f(x):
        return loss(x, a.reshape(1))

    return f


WAYS = [
    by_default,
    by_keyword_default,
    by_inner_function,
    by_tuple,
    by_dict,
    by_list,
    by_partial,
    by_partial_of_a_closure,
    by_recursion,
    by_two_that_call_each_other,
    by_method,
    by_instance,
    by_object,
    by_assignment,
    by_assignment_elsewhere,
    by_attribute,
]


def exact(a):
    """The derivative of the root of 2 (x - a) + 4 x³."""
    x = 0.5
    for _ in range(50):
        x = x - (2 * (x - a) + 4 * x**3) / (2 + 12 * x**2)
    return x, 2 / (2 + 12 * x**2)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("transform", [dd.derivative, dd.grad])
def test_a_minimum_is_differentiated_in_whatever_way_its_objective_holds_a_parameter(way, transform):
    solve = lambda a: optimize.minimize(way(a), np.array([0.5]), tol=1e-9).x[0]
    x, slope = exact(1.3)

    assert_allclose(solve(np.float64(1.3)), x, rtol=1e-6)
    assert_allclose(transform(solve)(1.3), slope, rtol=1e-9)
    x_of = lambda a: exact(a)[1]
    assert_allclose(dd.derivative(transform(solve))(1.3), (x_of(1.3 + 1e-5) - x_of(1.3 - 1e-5)) / 2e-5, rtol=1e-6)


@pytest.mark.parametrize("way", WAYS[:11], ids=lambda way: way.__name__)
def test_values_are_those_of_a_plain_call_bit_for_bit(way):
    solve = lambda a: optimize.minimize(way(a), np.array([0.5])).x
    plain = solve(np.float64(1.3))

    assert dd.jvp(solve, (1.3,), (1.0,))[0].tobytes() == plain.tobytes()
    assert dd.vjp(solve, 1.3)[0].tobytes() == plain.tobytes()


def test_the_solver_meets_plain_numbers_alone_until_it_is_done():
    met = []

    def watch(frame, event, _):
        if event == "call" and frame.f_code.co_name == "squares":
            met.append(carries(frame.f_locals["a"]))

    def solve(a):
        def squares(x):
            return np.sum((x - a) ** 2)

        return optimize.minimize(squares, np.zeros(2), method="Nelder-Mead").x[0]

    sys.setprofile(watch)
    try:
        dd.derivative(solve)(1.0)
    finally:
        sys.setprofile(None)
    assert met.index(True) > 20
    assert not any(met[: met.index(True)])
    assert len(met) - met.index(True) < 10


def memo(solve):
    """A result that depends on a number kept at the first call."""

    def solved(k):
        kept = {}

        def square(k=k):
            if "k" not in kept:
                kept["k"] = k * k
            return kept["k"]

        return solve(square)

    return solved


def by_name(solve):
    """The same, kept by a name of the enclosing function."""

    def solved(k):
        kept = None

        def square():
            nonlocal kept
            if kept is None:
                kept = k * k
            return kept

        return solve(square)

    return solved


def by_list(solve):
    def solved(k):
        kept = []

        def square(k=k, keep=kept.append):
            if not kept:
                keep(k * k)
            return kept[0]

        return solve(square)

    return solved


SOLVES = {
    "brentq": lambda c: optimize.brentq(lambda x: x - c(), 0.0, 5.0),
    "root": lambda c: optimize.root(lambda x: x - c(), np.ones(1)).x[0],
    "newton": lambda c: optimize.newton(lambda x: x - c(), 1.0),
    "fixed_point": lambda c: optimize.fixed_point(lambda x: 0.5 * x + 0.5 * c(), 1.0),
    "minimize": lambda c: optimize.minimize(lambda x: np.sum((x - c()) ** 2), np.ones(1)).x[0],
    "least_squares": lambda c: optimize.least_squares(lambda x: x - c(), np.ones(1)).x[0],
    "quad": lambda c: integrate.quad(lambda x: c() * x, 0.0, 2.0**0.5)[0],
    "solve_ivp": lambda c: integrate.solve_ivp(lambda t, y: [c()], (0.0, 1.0), [0.0]).y[0, -1],
    "Radau": lambda c: integrate.solve_ivp(lambda t, y: [c()], (0.0, 1.0), [0.0], method="Radau").y[0, -1],
    "odeint": lambda c: integrate.odeint(lambda y, t: [c()], [0.0], [0.0, 1.0])[-1, 0],
}


@pytest.mark.parametrize("remembering", [memo, by_name, by_list])
@pytest.mark.parametrize("name", SOLVES)
def test_what_a_function_keeps_from_a_plain_run_loses_no_derivative(name, remembering):
    f = remembering(SOLVES[name])
    for transform in (dd.derivative(f), dd.grad(f), dd.derivative(dd.as_written(f))):
        assert_allclose(transform(1.3), 2.6, rtol=1e-6)


def test_a_name_that_another_function_assigns_is_followed():
    def solve(k):
        gain = k

        def event(t, y):
            nonlocal gain
            if t > 0.5:
                gain = 2 * k
            return y[0] - 100

        return integrate.solve_ivp(lambda t, y: -gain * y, (0, 1), [1.0], events=event, max_step=1e-2).y[0, -1]

    with pytest.raises(dd.NoDerivative, match="gives other values"):
        dd.derivative(solve)(1.3)
    assert_allclose(dd.jvp(lambda k: dd.stop_gradient(solve(dd.stop_gradient(k))) * k, (1.3,), (1.0,))[1], solve(1.3))


def test_counters_and_caches_are_shared_with_the_copy():
    def solve(a):
        calls, cache = 0, {}

        def f(x):
            nonlocal calls
            calls += 1
            cache[len(cache)] = 1
            return np.sum((x - a) ** 2)

        x = optimize.minimize(f, np.zeros(2)).x[0]
        counted.append((calls, len(cache)))
        return x

    counted = []
    dd.grad(solve)(1.0)
    assert counted[0][0] == counted[0][1] > 3


def test_nothing_is_copied_where_no_derivative_is_held():
    a = 1.0
    for f in (
        loss,
        lambda x: x - a,
        lambda x, a=a: x,
        functools.partial(loss, a=a),
        np.sin,
        Model(1.0),
        Model(1.0).value,
    ):
        assert on_numbers(f) is f


def test_a_captured_parameter_that_plays_no_part_leaves_a_plain_result():
    results = []

    def solve(a):
        unused = lambda x: np.sum((x - 1.0) ** 2) if a is not None else a
        results.append(optimize.minimize(unused, np.zeros(2)))
        results.append(optimize.root(lambda x: x**2 + 1.0 if a is not None else a, [1.0]))
        results.append(optimize.minimize(lambda x: np.abs(x[0]) if a is not None else a, [1.0], method="Powell"))
        return a

    dd.derivative(solve)(1.0)
    minimum, no_root, kink = results
    assert type(minimum.hess_inv) is np.ndarray
    assert not no_root.success
    assert type(kink.x) is np.ndarray


@pytest.mark.parametrize("transform", [dd.derivative, dd.grad])
def test_a_captured_array_that_a_function_writes_its_argument_to_is_refused(transform):
    with pytest.raises(dd.EscapedDual):
        transform(lambda a: optimize.minimize(by_buffer(a), np.array([0.5])).x[0])(1.3)


def test_errors_of_the_user_pass_through():
    class Stop(Exception):
        pass

    def solve(a):
        def f(x):
            if x[0] > 0.1:
                raise Stop
            return np.sum((x - a) ** 2)

        return optimize.minimize(f, np.zeros(1)).x[0]

    with pytest.raises(Stop):
        dd.derivative(solve)(1.0)


def kept_by_a_decorator(f):
    kept = {}

    def first(k):
        if "value" not in kept:
            kept["value"] = f(k)
        return kept["value"]

    first.kept = kept
    return first


@kept_by_a_decorator
def decorated_square(k):
    return k * k


class Store:
    kept: ClassVar[dict] = {}


def square_in_a_class(k):
    if "value" not in Store.kept:
        Store.kept["value"] = k * k
    return Store.kept["value"]


@pytest.mark.parametrize("square", [decorated_square, square_in_a_class])
@pytest.mark.parametrize("name", SOLVES)
def test_what_a_global_function_keeps_loses_no_derivative(name, square):
    f = lambda k: SOLVES[name](lambda: square(k))
    for transform in (dd.derivative(f), dd.grad(f), dd.derivative(dd.as_written(f))):
        decorated_square.kept.clear()
        Store.kept.clear()
        assert_allclose(transform(1.3), 2.6, rtol=1e-6)
