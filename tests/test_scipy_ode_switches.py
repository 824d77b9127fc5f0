"""Right-hand sides that switch at a state, or at a time that moves: the jump is in the derivative, or it is refused."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import odeint, solve_ivp

import dualdiff as dd
from dualdiff.scipy import integrate
from dualdiff.values.choices import watched

METHODS = ("RK45", "DOP853", "Radau", "BDF", "LSODA")
TIGHT = {"rtol": 1e-8, "atol": 1e-10}
END = 0.8


def end(f, p, tf=END, y0=(1.0,), method="RK45", **options):
    return integrate.solve_ivp(f, (0.0, tf), y0, method, args=(p,), **(TIGHT | options)).y[:, -1]


# y' = -k y above a half and -k² y below: the time of the switch is log(2) / k.


def by_branch(t, y, k):
    return -k * y if y[0] > 0.5 else -k * k * y


def by_mask(t, y, k):
    return np.where(y > 0.5, -k * y, -k * k * y)


def by_sign(t, y, k):
    above = 0.5 + 0.5 * np.sign(y - 0.5)
    return -(k * above + k * k * (1.0 - above)) * y


def by_step(t, y, k):
    above = np.heaviside(y - 0.5, 1.0)
    return -(k * above + k * k * (1.0 - above)) * y


def by_floor(t, y, k):
    above = np.floor(y + 0.5)
    return -(k * np.minimum(above, 1.0) + k * k * (1.0 - np.minimum(above, 1.0))) * y


def by_int(t, y, k):
    above = min(int(y[0] + 0.5), 1)
    return [-(k * above + k * k * (1 - above)) * y[0]]


def by_table(t, y, k):
    return np.stack([-k * k, -k])[np.searchsorted([0.5], y[0])] * y


def by_selection(t, y, k):
    return np.select([y > 0.5, y <= 0.5], [-k * y, -k * k * y])


def by_vector(t, y, k):
    """Two that switch at different times, of which the first is the one above."""
    return np.where(y > np.array([0.5, 0.7]), -k * y, -k * k * y)


def halved(k):
    return 0.5 * np.exp(-k * k * (END - np.log(2.0) / k))


SWITCHES = [by_branch, by_mask, by_sign, by_step, by_floor, by_int, by_table, by_selection]


@pytest.mark.parametrize("f", SWITCHES)
def test_what_the_jump_adds_is_in_derivatives_of_both_modes(f):
    run = lambda k, **options: end(f, k, **options)[0]
    expected = dd.derivative(halved)(1.3)
    y, slope = dd.jvp(run, (1.3,), (1.0,))
    assert y == run(1.3)
    assert_allclose(slope, expected, rtol=1e-6)
    assert_allclose(dd.derivative(lambda k: run(k, sensitivity="forward"))(1.3), expected, rtol=1e-6)
    assert_allclose(dd.grad(run)(1.3), expected, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_it_and_second_derivatives(method):
    run = lambda k: end(by_branch, k, method=method)[0]
    assert_allclose(dd.grad(run)(1.3), dd.derivative(halved)(1.3), rtol=1e-6)
    expected = dd.derivative(dd.derivative(halved))(1.3)
    assert_allclose(dd.derivative(dd.grad(run))(1.3), expected, rtol=1e-6)
    assert_allclose(dd.grad(dd.derivative(run))(1.3), expected, rtol=1e-6)


def test_the_adjoint_has_it_too():
    """With the steps, and the way back through them, of a gradient without ``sensitivity``."""
    run = lambda k: end(by_mask, k, sensitivity="adjoint")[0]
    assert_allclose(dd.grad(run)(1.3), dd.derivative(halved)(1.3), rtol=1e-6)


def test_masks_of_vectors_switch_entry_by_entry():
    run = lambda k: end(by_vector, k, y0=[1.0, 1.2])
    second = lambda k: 0.7 * np.exp(-k * k * (END - np.log(1.2 / 0.7) / k))
    for transform in (dd.jacfwd, dd.jacrev):
        assert_allclose(transform(run)(1.3), [dd.derivative(halved)(1.3), dd.derivative(second)(1.3)], rtol=2e-6)


def test_several_that_switch_together_are_one_if_they_stay_together():
    alike = lambda k: end(by_mask, k, y0=np.ones(3) * 1.0)
    assert_allclose(dd.jacrev(alike)(1.3), np.full(3, dd.derivative(halved)(1.3)), rtol=1e-6)
    twice = lambda t, y, k: -k * y if y[0] > 0.5 and not y[0] <= 0.5 else -k * k * y
    assert_allclose(dd.grad(lambda k: end(twice, k)[0])(1.3), dd.derivative(halved)(1.3), rtol=1e-6)
    with pytest.raises(dd.NoDerivative, match="several of its comparisons switch at once"):
        dd.jacfwd(lambda y0: end(by_mask, 1.3, y0=y0))(np.ones(2))


def test_odeint():
    f = lambda y, t, k: -k * y if y[0] > 0.5 else -k * k * y
    run = lambda k: odeint(f, [1.0], [0.0, 0.3, END], args=(k,), rtol=1e-9, atol=1e-11)[:, 0]
    expected = [0.0, -0.3 * np.exp(-0.39), dd.derivative(halved)(1.3)]
    for transform in (dd.jacfwd, dd.jacrev):
        assert_allclose(transform(run)(1.3), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_both_ways_through_time(direction):
    f = lambda t, y, k: direction * by_branch(t, y, k)
    run = lambda k: integrate.solve_ivp(f, (0.0, direction * END), [1.0], args=(k,), **TIGHT).y[0, -1]
    assert_allclose(dd.grad(run)(1.3), dd.derivative(halved)(1.3), rtol=1e-6)


def test_states_on_the_way_dense_output_and_events_have_it():
    def run(k):
        later = lambda t, y, k: y[0] - 0.4
        solution = integrate.solve_ivp(
            by_branch, (0.0, END), [1.0], args=(k,), t_eval=[0.2, 0.7], dense_output=True, events=later, **TIGHT
        )
        return np.stack([*solution.y[0], *solution.sol([0.3, 0.75])[0], solution.t_events[0][0]])

    def exact(k):
        switch = np.log(2.0) / k
        after = lambda t: 0.5 * np.exp(-k * k * (t - switch))
        return np.stack([np.exp(-0.2 * k), after(0.7), np.exp(-0.3 * k), after(0.75), switch + np.log(1.25) / k**2])

    for transform in (dd.jacfwd, dd.jacrev):
        assert_allclose(transform(run)(1.3), transform(exact)(1.3), rtol=1e-6)


def test_a_threshold_in_time_that_moves():
    until = lambda t, y, p: -y if t < 0.5 * p else -2.0 * y
    exact = lambda p: np.exp(-0.5 * p - 2.0 * (END - 0.5 * p))
    for transform in (dd.derivative, dd.grad):
        assert_allclose(transform(lambda p: end(until, p)[0])(1.3), dd.derivative(exact)(1.3), rtol=2e-6)
    window = lambda t, y, p: [np.where((t > p) & (t < p + 0.3), 1.0, 0.0) * t]
    area = lambda p: 0.5 * (p + 0.3) ** 2 - 0.5 * p**2
    for transform in (dd.derivative, dd.grad):
        found = transform(lambda p: end(window, p, y0=[0.0], max_step=0.1)[0])(0.4)
        assert_allclose(found, dd.derivative(area)(0.4), rtol=2e-6)


def test_a_threshold_in_time_that_is_a_constant_adds_nothing():
    dose = lambda t, y, k: [-k * y[0] + (1.0 if t > 0.5 else 0.0)]
    exact = lambda k: np.exp(-END * k) + (1.0 - np.exp(-(END - 0.5) * k)) / k
    for transform in (dd.derivative, dd.grad):
        assert_allclose(transform(lambda k: end(dose, k, max_step=0.1)[0])(1.3), dd.derivative(exact)(1.3), rtol=1e-5)
    clock = lambda t, y, k: [-k * y[0] + (1.0 if y[1] > 0.5 else 0.0), 1.0]
    for transform in (dd.derivative, dd.grad):
        found = transform(lambda k: end(clock, k, y0=[1.0, 0.0])[0])(1.3)
        assert_allclose(found, dd.derivative(exact)(1.3), rtol=1e-6)


def test_crossed_twice_within_a_step():
    """A throw, and how long it is above a height: 2 √(v² - 2 g c) / g."""
    above = lambda t, y, p: [y[1], -p[0], 1.0 if y[0] > p[1] else 0.0]
    exact = lambda p: 2.0 * np.sqrt(1.0 - 2.0 * p[0] * p[1]) / p[0]
    p = np.array([1.0, 0.45])
    for transform in (dd.jacfwd, dd.jacrev):
        found = transform(lambda p: end(above, p, 2.0, [0.0, 1.0, 0.0])[2])(p)
        assert_allclose(found, dd.grad(exact)(p), rtol=1e-6)


def test_friction_from_rest():
    """A force f against dry friction r: x = (f - r) t² / 2."""
    pushed = lambda t, y, p: np.stack([y[1], p[0] - p[1] * np.sign(y[1])])
    for transform in (dd.jacfwd, dd.jacrev):
        found = transform(lambda p: end(pushed, p, 2.0, [0.0, 0.0])[0])(np.array([1.0, 0.3]))
        assert_allclose(found, [2.0, -2.0], rtol=1e-6)
    with pytest.raises(dd.NoDerivative, match="it begins where it jumps"):
        dd.derivative(lambda v: end(pushed, np.array([1.0, 0.3]), 2.0, np.stack([0.0 * v, v]))[0])(0.0)


@pytest.mark.parametrize("transform", [dd.derivative, dd.grad])
def test_a_solution_that_slides_is_refused(transform):
    relay = lambda t, y, k: [k - 2.0 * (1.0 if y[0] > 0.5 else 0.0)]
    with pytest.raises(dd.NoDerivative, match=r"jumps at t = 0\.3"):
        transform(lambda k: end(relay, k, 0.4, [0.2], rtol=1e-3, atol=1e-3)[0])(1.0)


def test_what_is_chosen_by_something_without_a_known_derivative_is_refused():
    rank = lambda t, y, k: [-k * y[0], -y[1] * float(np.sum(np.isclose(y, 0.5, rtol=0.0, atol=0.1)))]
    with pytest.raises(dd.NoDerivative, match=r"isclose.* no derivative there that is known"):
        dd.derivative(lambda k: end(rank, k, y0=[1.0, 1.0])[1])(1.3)


def test_complex_states_methods_of_objects_and_ends_that_move():
    masked = lambda t, y, k: np.where(np.abs(y) > 0.5, -k * y, -k * k * y)

    class Model:
        def __init__(self, k):
            self.k = k

        def rate(self, t, y):
            return -self.k * y if y[0] > 0.5 else -self.k * self.k * y

    for transform in (dd.derivative, dd.grad):
        expected = dd.derivative(halved)(1.3)
        of_complex = transform(lambda k: np.real(end(masked, k, y0=np.array([1.0 + 0j]))[0]))(1.3)
        of_object = transform(
            lambda k: integrate.solve_ivp(Model(k).rate, (0.0, END), [1.0], **TIGHT).y[0, -1],
        )(1.3)
        assert_allclose([of_complex, of_object], expected, rtol=1e-6)
        assert_allclose(transform(lambda s: end(by_mask, 1.3, s)[0])(END), -1.69 * halved(1.3), rtol=1e-6)
        assert_allclose(
            transform(lambda y0: end(by_mask, 1.3, y0=np.stack([y0]))[0])(1.0), 1.3 * halved(1.3), rtol=1e-6
        )


# Kinks: nothing is missing from a first derivative, something is from a second one.


def bent(t, y, k):
    return -np.maximum(k * y, 0.5)


def bent_exactly(k):
    """From 0.6, after 0.45."""
    switch = np.log(1.2 * k) / k
    return 0.5 / k - 0.5 * (0.45 - switch)


@pytest.mark.parametrize(
    "f",
    [
        bent,
        lambda t, y, k: -np.clip(k * y, 0.5, None),
        lambda t, y, k: [-max(k * y[0], 0.5)],
        lambda t, y, k: -np.where(k * y > 0.5, k * y, 0.5),
        lambda t, y, k: -0.5 * (k * y + 0.5 + np.abs(k * y - 0.5)),
        lambda t, y, k: -np.max(np.stack([k * y, 0.5 + 0.0 * y]), axis=0),
        lambda t, y, k: -np.sort(np.stack([k * y[0], 0.5]))[1:],
    ],
)
def test_kinks(f):
    run = lambda k: end(f, k, 0.45, [0.6], max_step=0.05)[0]
    for transform in (dd.derivative, dd.grad):
        assert_allclose(transform(run)(1.3), dd.derivative(bent_exactly)(1.3), rtol=1e-6)
    assert_allclose(dd.hessian(run)(1.3), dd.hessian(bent_exactly)(1.3), rtol=1e-5)


def test_the_guides_terminal_event_is_no_switch():
    def switched(k):
        half = lambda t, y: y[0] - 0.5
        half.terminal = True
        first = solve_ivp(lambda t, y: -k * y if y[0] > 0.5 else -7.0 * y, (0, END), [1.0], events=half, **TIGHT)
        rest = solve_ivp(lambda t, y: -k * k * y, (first.t_events[0][0], END), first.y_events[0][0], **TIGHT)
        return rest.y[0, -1]

    for transform in (dd.derivative, dd.grad):
        assert_allclose(transform(switched)(1.3), dd.derivative(halved)(1.3), rtol=1e-6)


def test_a_smooth_function_is_looked_at_once():
    calls = []

    def f(t, y, k):
        calls.append(t)
        return -k * y

    dd.grad(lambda k: end(f, k)[0])(1.3)
    assert len(calls) <= 2 * integrate.solve_ivp(f, (0.0, END), [1.0], args=(1.3,), **TIGHT).nfev + 20


def test_choices_are_noted_where_they_are_made():
    def f(x):
        with watched() as choices:
            x > 0.3, np.floor(x), x // 2.0, x % 2.0, np.sign(x), np.heaviside(x, 0.5), x.astype(int), np.abs(x)
            np.maximum(x, 0.5), np.argmax(x), x.max(), np.copysign(1.0, x), np.arctan2(x, -1.0), np.modf(x), np.sort(x)
            round(x[0]), int(x[0]), math.floor(x[0]), math.fmod(x[0], 1.0), bool(x[0]), np.fmod(x, 1.0), np.shape(x)
        seen.extend(choice.function for choice in choices)
        return np.sum(x)

    seen = []
    dd.grad(f)(np.array([0.1, 0.6]))
    assert seen == [
        np.greater, np.floor, np.floor_divide, np.remainder, np.sign, np.heaviside, np.trunc, np.absolute,
        np.maximum, np.argmax, np.argmax, np.copysign, np.arctan2, np.modf, np.argsort,
        round, np.trunc, math.floor, np.fmod, bool, np.fmod,
    ]  # fmt: skip


def test_the_refusal_says_what_comes_out_otherwise_and_what_to_do():
    stick = lambda t, y, k: [y[1], k - 3.0 * y[0] - 2.0 * np.sign(y[1])]
    with pytest.raises(dd.NoDerivative) as raised:
        dd.grad(lambda k: end(stick, k, 1.2, [1.0, 0.0], rtol=1e-3, atol=1e-4)[0])(1.0)
    text = str(raised.value)
    assert "jumps at t =" in text
    assert "sign(" in text
    assert "Make the jump a terminal event" in text
