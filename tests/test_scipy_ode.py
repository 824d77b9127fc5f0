"""`solve_ivp`, `odeint` and `solve_bvp`: SciPy's values, and derivatives in all that enters."""

import functools

import numpy as np
import pytest
import scipy.integrate
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.scipy import columns, integrate, optimize, trajectories

METHODS = ("RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA")
Q = np.array([0.7, 0.3, 1.3, 1.5])


# A linear equation with a closed form: y' = t - k y, y(a) = y0.


def closed(q, t):
    k, a, _, y0 = q
    particular = lambda t: t / k - 1 / k**2
    return particular(t) + (y0 - particular(a)) * np.exp(-k * (t - a))


def linear(q, method, rtol=1e-7, **options):
    k, a, b, y0 = q
    return integrate.solve_ivp(
        lambda t, y: np.array([t - k * y[0]]), (a, b), [y0], method, rtol=rtol, atol=rtol * 1e-2, **options
    )


OUTPUTS = {
    "at the end": (lambda q, m: linear(q, m).y[:, -1], lambda q: np.stack([closed(q, q[2])])),
    "at times": (
        lambda q, m: linear(q, m, t_eval=[0.4, 1.0, 1.3]).y[0],
        lambda q: np.stack([closed(q, t) for t in (0.4, 1.0, 1.3 + 0 * q[2])]),
    ),
    "at times that move": (
        lambda q, m: linear(q, m, t_eval=[q[1], q[1] + 0.3 * q[0], q[2]]).y[0],
        lambda q: np.stack([closed(q, t) for t in (q[1], q[1] + 0.3 * q[0], q[2])]),
    ),
    "dense, also at a time that moves": (
        lambda q, m: (lambda sol: np.stack([*sol([0.5, 1.2])[0], sol(0.5 * q[2] * q[0])[0]]))(
            linear(q, m, dense_output=True).sol
        ),
        lambda q: np.stack([closed(q, t) for t in (0.5, 1.2, 0.5 * q[2] * q[0])]),
    ),
    "an event and the state there": (
        lambda q, m: (lambda r: np.stack([r.t_events[0][0], r.y_events[0][0, 0]]))(
            linear(q, m, events=lambda t, y: t * q[0] - 0.8)
        ),
        lambda q: np.stack([0.8 / q[0], closed(q, 0.8 / q[0])]),
    ),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", OUTPUTS)
def test_derivatives_of_both_modes_and_their_nestings_are_those_of_the_closed_form(name, method):
    f, exact = functools.partial(OUTPUTS[name][0], m=method), OUTPUTS[name][1]
    first, second = dd.jacfwd(exact)(Q), dd.jacfwd(dd.jacfwd(exact))(Q)

    for transform in (dd.jacfwd, dd.jacrev):
        assert_allclose(transform(f)(Q), first, rtol=2e-6, atol=2e-6)
    for nested in (dd.jacfwd(dd.jacrev(f)), dd.jacrev(dd.jacfwd(f))):
        assert_allclose(nested(Q), second, rtol=1e-5, atol=1e-5)
    assert_array_equal(dd.jvp(f, (Q,), (Q,))[0], f(Q))
    assert_array_equal(dd.vjp(f, Q)[0], f(Q))


def test_third_derivative():
    for method in ("RK45", "Radau"):
        f = lambda q, method=method: linear(q, method).y[0, -1]
        exact = dd.jacfwd(dd.hessian(lambda q: closed(q, q[2])))(Q)
        assert_allclose(dd.jacfwd(dd.hessian(f))(Q), exact, rtol=1e-5, atol=1e-6)


# Nonlinear systems, against differences of tight solutions.


def predators(t, y, p):
    return np.array([p[0] * y[0] - p[1] * y[0] * y[1], p[1] * y[0] * y[1] - p[2] * y[1]])


def robertson(t, y, p):
    slow, fast = p[0] * y[0] - p[1] * y[1] * y[2], p[2] * y[1] ** 2
    return [-slow, slow - fast, fast]


PROBLEMS = {
    "predators": (predators, 5.0, [1.0, 2.0], np.array([1.1, 0.4, 0.7])),
    "robertson": (robertson, 40.0, [1.0, 0.0, 0.0], np.array([0.04, 1e4, 3e7])),
}


@functools.cache
def tight_jacobian(name):
    f, end, y0, p = PROBLEMS[name]
    tight = {"tfirst": True, "rtol": 1e-11, "atol": 1e-14, "mxstep": 10_000}
    at = lambda p: scipy.integrate.odeint(f, y0, (0, end), args=(p,), **tight)[-1]
    columns = []
    for h in np.diag(1e-3 * p):
        columns.append((8 * (at(p + h) - at(p - h)) - (at(p + 2 * h) - at(p - 2 * h))) / (12 * h.sum()))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize(
    ("name", "method"),
    [("predators", method) for method in METHODS] + [("robertson", method) for method in ("Radau", "BDF", "LSODA")],
)
def test_errors_are_within_thirty_tolerances(name, method):
    f, end, y0, p = PROBLEMS[name]
    expected = tight_jacobian(name)
    size = np.max(np.abs(expected), axis=0)
    for rtol in (1e-4, 1e-6):
        options = {"rtol": rtol, "atol": rtol * 1e-3}
        at = lambda p, **more: integrate.solve_ivp(f, (0, end), y0, method, args=(p,), **(options | more)).y[:, -1]
        of_sensitivities = dd.jacfwd(lambda p, at=at: at(p, sensitivity="forward"))(p)
        # The adjoint takes the steps of any gradient, and the way back through them.
        back = at if rtol == 1e-4 else lambda p, at=at: at(p, sensitivity="adjoint")
        for found in (dd.jacfwd(at)(p), dd.jacrev(back)(p), of_sensitivities):
            assert np.max(np.abs(found - expected) / size) < 30 * rtol


@pytest.mark.parametrize("method", ["RK23", "RK45", "DOP853"])
def test_replay_is_the_derivative_of_the_steps_taken(method):
    """With the same steps, differences agree with it far below the error of either."""
    f, end, y0, p = PROBLEMS["predators"]
    fixed = {"rtol": 1e3, "atol": 1e3, "max_step": 0.25, "first_step": 0.25}
    at = lambda p: integrate.solve_ivp(f, (0, end), y0, method, t_eval=[1.1, end], args=(p,), **fixed).y
    h = 1e-3
    for i, exact in enumerate(np.moveaxis(dd.jacfwd(at)(p), -1, 0)):
        e = h * np.eye(3)[i]
        differences = (8 * (at(p + e) - at(p - e)) - (at(p + 2 * e) - at(p - 2 * e))) / (12 * h)
        assert_allclose(exact, differences, rtol=1e-7, atol=1e-8)


def test_variational_equations_nest():
    f = lambda q: linear(q, "RK45", sensitivity="forward").y[0, -1]
    for transform in (dd.jacfwd, dd.jacrev):
        exact = dd.hessian(lambda q: closed(q, q[2]))(Q)
        assert_allclose(transform(dd.jacfwd(f))(Q), exact, rtol=1e-6, atol=1e-6)


def test_sensitivity_is_one_of_three_and_fits_the_mode():
    run = lambda kind: lambda k: linear(Q * k, "RK45", sensitivity=kind).y[0, -1]
    with pytest.raises(ValueError, match="must be one of"):
        run("backward")(1.0)
    with pytest.raises(ValueError, match="runs forwards"):
        dd.grad(run("forward"))(1.0)
    with pytest.raises(ValueError, match="runs backwards"):
        dd.derivative(run("adjoint"))(1.0)


# Values, results and errors are SciPy's.


OPTIONS = {
    "plain": {},
    "times": {"t_eval": np.linspace(0.0, 5.0, 7)},
    "dense": {"dense_output": True},
    "dense at times": {"dense_output": True, "t_eval": [1.0, 2.0]},
    "events": {"events": [lambda t, y, p: y[0] - 1.2, lambda t, y, p: y[1] - 1.0]},
    "vectorized": {"vectorized": True},
    "backwards": {"t_span": (5.0, 0.0)},
    "no way to go": {"t_span": (1.0, 1.0)},
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", OPTIONS)
def test_results_are_scipys_bit_for_bit(name, method):
    f, end, y0, p = PROBLEMS["predators"]
    given = {"t_span": (0, end), "y0": y0, "method": method, "args": (p,)} | OPTIONS[name]
    if method in ("Radau", "BDF", "LSODA"):
        given["jac"] = lambda t, y, p: np.array([[p[0] - p[1] * y[1], -p[1] * y[0]], [p[1] * y[1], p[1] * y[0] - p[2]]])
    expected = scipy.integrate.solve_ivp(f, **given)
    plain = integrate.solve_ivp(f, **given)
    times = np.linspace(0.3, 4.0, 5) if name != "no way to go" else np.ones(2)
    found = []

    def entered(p):
        result = integrate.solve_ivp(f, **(given | {"args": (p,)}))
        copy = type(result)({k: dd.stop_gradient(v) for k, v in result.items() if k != "sol"})
        if result.sol is not None:
            assert isinstance(result.sol, scipy.integrate.OdeSolution)
            copy.sol = [dd.stop_gradient(result.sol(t)) for t in (times, expected.t)]
        found.append(copy)
        return result.y

    y = dd.jvp(entered, (p,), (np.ones(3),))[0]
    for result in (plain, found[0]):
        assert type(result) is type(expected)
        assert (result.nfev, result.njev, result.nlu) == (expected.nfev, expected.njev, expected.nlu)
        assert (result.status, result.message, result.success) == (expected.status, expected.message, expected.success)
        assert_array_equal(result.t, expected.t)
        assert_array_equal(result.y, expected.y)
        if expected.t_events is not None:
            pairs = zip(result.t_events + result.y_events, expected.t_events + expected.y_events, strict=True)
            for a, b in pairs:
                assert_array_equal(a, b)
    assert_array_equal(y, expected.y)
    if expected.sol is not None:
        for i, t in enumerate((times, expected.t)):
            assert_array_equal(plain.sol(t), expected.sol(t))
            assert_array_equal(found[0].sol[i], expected.sol(t))


def test_exact_jacobians_replace_differences_and_those_given_are_kept():
    f, end, y0, p = PROBLEMS["robertson"]
    count = 0

    def counted(t, y, p):
        nonlocal count
        count += 1
        return f(t, y, p)

    for method in ("Radau", "BDF", "LSODA"):
        given = {"t_span": (0, end), "y0": y0, "method": method, "args": (p,), "rtol": 1e-6, "atol": 1e-9}
        counts = []
        for solve in (integrate.solve_ivp, scipy.integrate.solve_ivp):
            count = 0
            solve(counted, **given)
            counts.append(count)
        assert counts[0] < counts[1]
        calls = []
        jac = lambda t, y, p, calls=calls: calls.append(t) or dd.jacfwd(f, 1)(t, y, p)
        more = {"fun": f, "jac": jac}
        dd.grad(lambda p, given=given | more: integrate.solve_ivp(**(given | {"args": (p,)})).y[0, -1])(p)
        assert calls


def test_a_wrong_jacobian_for_newtons_method_does_not_make_a_wrong_derivative():
    f = lambda t, y, k: -k * y
    run = lambda k: integrate.solve_ivp(f, (0, 1), [1.0], "Radau", args=(k,), jac=[[-1.5]], rtol=1e-8, atol=1e-10).y[
        0, -1
    ]
    assert_allclose(dd.derivative(run)(2.0), -np.exp(-2.0), rtol=1e-7)


def test_large_systems_have_sparse_jacobians():
    n = 60

    def heat(t, y, k):
        padded = np.concatenate([[0.0], y, [0.0]])
        return k * (padded[2:] - 2 * y + padded[:-2]) * n**2 - y**3

    y0 = np.sin(np.linspace(0, np.pi, n + 2)[1:-1])
    run = lambda k: integrate.solve_ivp(heat, (0, 0.1), y0, "BDF", args=(k,), rtol=1e-6, atol=1e-8)
    at = lambda k: run(k).y[n // 2, -1]
    tight = lambda k: scipy.integrate.solve_ivp(heat, (0, 0.1), y0, "Radau", args=(k,), rtol=1e-11, atol=1e-12).y[
        n // 2, -1
    ]
    expected = (tight(1.001) - tight(0.999)) / 0.002
    assert_allclose([dd.derivative(at)(1.0), dd.grad(at)(1.0)], expected, rtol=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "RK4"},
        {"t_span": (0.0,)},
        {"t_span": "ab"},
        {"y0": [[1.0, 2.0]]},
        {"y0": [np.nan, 1.0]},
        {"args": 3.0},
        {"t_eval": [0.0, 9.0]},
        {"t_eval": [1.0, 0.5]},
        {"t_eval": [[1.0]]},
        {"method": "Radau", "jac": np.eye(3)},
        {"rtol": -1.0, "atol": -1.0},
        {"first_step": -1.0},
        {"max_step": 0.0},
        {"method": "LSODA", "y0": [1j, 0.0]},
    ],
)
@pytest.mark.filterwarnings("ignore:At least one element of `rtol`")
def test_errors_of_bad_input_are_scipys(wrong):
    f = lambda t, y, *args: -y
    given = {"t_span": (0.0, 1.0), "y0": [1.0, 2.0]} | wrong
    with pytest.raises(Exception) as expected:
        scipy.integrate.solve_ivp(f, **given)
    for run in (
        lambda k: integrate.solve_ivp(f, **given),
        lambda k: integrate.solve_ivp(lambda t, y, *args: -k * y, **given).y[0, -1],
    ):
        with pytest.raises(type(expected.value)) as found:
            run(1.0)
        assert str(found.value) == str(expected.value)
        with pytest.raises(type(expected.value)) as found:
            dd.derivative(run)(1.0)
        assert str(found.value).startswith(str(expected.value))


def test_a_solution_that_did_not_reach_the_end_has_no_derivative():
    blows_up = lambda k: integrate.solve_ivp(lambda t, y: k * y**2, (0, 2), [1.0])
    expected = scipy.integrate.solve_ivp(lambda t, y: y**2, (0, 2), [1.0])
    assert blows_up(1.0).status == expected.status == -1
    assert_array_equal(blows_up(1.0).y, expected.y)
    for transform in (dd.derivative, dd.grad):
        with pytest.raises(
            ValueError, match=r"solve_ivp: its solution has no derivative here: .* did not reach the end"
        ):
            transform(lambda k: blows_up(k).y[0, -1])(1.0)


def test_an_error_of_the_right_hand_side_passes_through_in_silence(capfd):
    def fails(t, y):
        raise ZeroDivisionError("of the user's")

    for method in METHODS:
        with pytest.raises(ZeroDivisionError, match="of the user's"):
            dd.derivative(
                lambda k, method=method: integrate.solve_ivp(lambda t, y: k * fails(t, y), (0, 1), [k], method).y
            )(1.0)
    assert capfd.readouterr().err == ""


# Events.


def thrown(p, **options):
    """Height h and gravity g of a fall: it takes √(2 h / g)."""
    hit = lambda t, y: y[0]
    hit.terminal, hit.direction = True, -1
    f = lambda t, y: np.array([y[1], -p[1]])
    return integrate.solve_ivp(f, (0.0, 10.0), [p[0], 0.0], events=hit, rtol=1e-8, **options)


def test_a_terminal_event_has_a_time_a_state_and_a_hessian():
    p = np.array([2.0, 9.81])
    time, speed = (lambda p: np.sqrt(2 * p[0] / p[1])), (lambda p: -np.sqrt(2 * p[0] * p[1]))

    def times(p, **options):
        r = thrown(p, **options)
        return np.stack([r.t_events[0][0], r.t[-1], r.t_events[0][-1]])

    def speeds(p, **options):
        r = thrown(p, dense_output=True, **options)
        return np.stack([r.y[1, -1], r.y_events[0][0, 1], r.sol(r.t[-1])[1]])

    for method in METHODS:
        for f, exact in ((times, time), (speeds, speed)):
            of = lambda p, f=f, method=method: f(p, method=method)
            for transform in (dd.jacrev, dd.jacfwd):
                assert_allclose(transform(of)(p), np.tile(dd.grad(exact)(p), (3, 1)), rtol=1e-6)
    assert_allclose(dd.hessian(lambda p: thrown(p).t[-1])(p), dd.hessian(time)(p), rtol=1e-6)


def test_an_event_that_only_touches_zero_is_refused():
    def grazes(k):
        event = lambda t, y: np.minimum(y[0] - 1.0, 0.0) * 0.0
        return integrate.solve_ivp(lambda t, y: k * np.ones(1), (0.0, 2.0), [0.0], events=event)

    assert len(grazes(1.0).t_events[0])
    with pytest.raises(ValueError, match="no simple root"):
        dd.derivative(lambda k: grazes(k).t_events[0][0])(1.0)


def test_a_solution_that_only_an_event_enters():
    event = lambda level: lambda t, y: y[0] - level
    f = lambda level: integrate.solve_ivp(lambda t, y: y, (0, 2), [1.0], events=event(level), rtol=1e-9, atol=1e-9)
    assert_allclose(dd.derivative(lambda c: f(c).t_events[0][0])(3.0), 1 / 3, rtol=1e-7)
    assert dd.derivative(lambda c: f(c).y[0, -1])(3.0) == 0.0


# What a right-hand side may look like.


def test_functions_of_all_kinds():
    class Decay:
        def __init__(self, k):
            self.k = k

        def __call__(self, t, y):
            return -self.k * y

        def rate(self, t, y):
            return [-self.k * y[0]]

    kinds = (
        lambda k: lambda t, y: -k * y,
        Decay,
        lambda k: Decay(k).rate,
        lambda k: functools.partial(lambda k, t, y: -k * y, k),
        lambda k: lambda t, y, k=k: (-k * y[0],),
        lambda k: lambda t, y: np.stack([-k * y[0]]),
        lambda k: lambda t, y: -k * y[0],
    )
    for make in kinds:
        for method in ("RK45", "Radau"):
            f = lambda k, make=make, method=method: integrate.solve_ivp(make(k), (0, 1), [1], method, rtol=1e-8).y[
                0, -1
            ]
            assert_allclose([dd.derivative(f)(2.0), dd.grad(f)(2.0)], -np.exp(-2.0), rtol=1e-5)


def test_a_dependence_that_begins_on_the_way_is_found():
    for method in ("RK45", "BDF"):
        f = lambda k, m=method: integrate.solve_ivp(
            lambda t, y: k * y if t > 0.5 else y, (0, 1), [1.0], m, max_step=0.01
        )
        assert_allclose(dd.derivative(lambda k, f=f: f(k).y[0, -1])(1.0), np.exp(1.0) / 2, rtol=2e-2)


def test_what_a_function_counts_it_counts_on():
    calls = 0

    def f(k):
        def rate(t, y):
            nonlocal calls
            calls += 1
            return -k * y

        return integrate.solve_ivp(rate, (0, 1), [1.0])

    nfev = f(2.0).nfev
    assert calls == nfev
    dd.derivative(lambda k: f(k).y[0, -1])(2.0)
    assert calls > 2 * nfev


def test_complex_states():
    f = lambda w: integrate.solve_ivp(lambda t, y: 1j * w * y, (0, 1), [1.0 + 0j], rtol=1e-9, atol=1e-9).y[0, -1]
    assert_allclose(dd.jvp(f, (2.0,), (1.0,))[1], 1j * np.exp(2j), rtol=1e-7)
    assert_allclose(dd.grad(lambda w: np.imag(f(w)))(2.0), np.cos(2.0), rtol=1e-7)


def test_states_of_single_precision_an_empty_state_and_no_interval():
    f = lambda y0: integrate.solve_ivp(lambda t, y: -y, (0, 1), y0, rtol=1e-8).y[:, -1]
    J = dd.jacfwd(f)(np.ones(2, np.float32))
    assert_allclose(J, np.exp(-1.0) * np.eye(2), rtol=1e-4)
    assert dd.jacfwd(lambda k: k + np.sum(f(np.zeros(0)) * k))(1.0) == 1.0
    still = lambda y0: integrate.solve_ivp(lambda t, y: -y, (1, 1), y0).y[:, -1]
    assert_array_equal(dd.jacfwd(still)(np.ones(2)), np.eye(2))
    assert_array_equal(dd.jacrev(still)(np.ones(2)), np.eye(2))
    ends = lambda q: integrate.solve_ivp(lambda t, y: -2 * y, q, [3.0])
    for transform in (dd.jacfwd, dd.jacrev):
        assert_array_equal(transform(lambda q: ends(q).y[0])(np.ones(2)), [[0.0, 0.0], [6.0, -6.0]])
        assert_array_equal(transform(lambda q: ends(q).t)(np.ones(2)), np.eye(2))


def test_variables():
    k = dd.Variable(2.0)
    y = integrate.solve_ivp(lambda t, y: -k * y, (0, 1), [1.0], rtol=1e-9, atol=1e-9).y[0, -1]
    y.backward()
    assert_allclose(k.grad, -np.exp(-2.0), rtol=1e-6)


def test_many_parameters_in_one_gradient():
    rng = np.random.default_rng(0)
    W = rng.standard_normal((10, 10)) * 0.3
    f = lambda W, run: np.sum(run(lambda t, y: np.tanh(W @ y), (0, 2), np.linspace(-1, 1, 10), rtol=1e-8).y[:, -1] ** 2)
    gradient = dd.grad(lambda W: f(W, integrate.solve_ivp))(W)
    d = rng.standard_normal(W.shape)
    along = lambda h: f(W + h * d, functools.partial(scipy.integrate.solve_ivp, method="DOP853", atol=1e-12))
    assert_allclose(np.sum(gradient * d), (along(1e-4) - along(-1e-4)) / 2e-4, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_few_runs_of_a_function_that_takes_columns_are_enough(method):
    """Beside SciPy's own, some for all stages together, and for collocation the numbers at three points a step."""
    f, end, y0, p = PROBLEMS["predators"]
    count = 0

    def counted(t, y, p):
        nonlocal count
        count += 1
        return f(t, y, p)

    run = lambda p: integrate.solve_ivp(counted, (0, end), y0, method, args=(p,), rtol=1e-6)
    result = run(p)
    expected = count
    for transform in (dd.jacfwd, dd.grad):
        count = 0
        transform(lambda p: np.sum(run(p).y[:, -1]))(p)
        assert count <= expected + 10 + (0 if method in ("RK23", "RK45", "DOP853") else 3 * len(result.t))


def test_a_fit_of_a_differential_equation_is_a_function_of_its_data():
    f, _, y0, p = PROBLEMS["predators"]
    t = np.linspace(0.5, 2.0, 4)
    model = lambda p: integrate.solve_ivp(f, (0, 2.0), y0, "DOP853", t, args=(p,), rtol=1e-9, atol=1e-9).y
    data = model(p)

    def fitted(data):
        return optimize.least_squares(lambda p: np.ravel(model(p) - data), 1.02 * p, xtol=1e-12).x

    A = dd.jacfwd(model)(p).reshape(-1, 3)  # at a perfect fit, the pseudo-inverse
    found = dd.jacrev(fitted)(data).reshape(3, -1)
    assert_allclose(found, np.linalg.pinv(A), rtol=1e-4, atol=1e-6)


def test_what_the_interpolants_hold_is_withheld():
    def f(k):
        return integrate.solve_ivp(lambda t, y: -k * y, (0, 1), [1.0], dense_output=True).sol.interpolants[0](0.01)[0]

    with pytest.raises(dd.UnsupportedFunction, match="interpolants"):
        dd.derivative(f)(1.0)


# odeint


def decay_and_drift(q, **options):
    k, a, b, y0 = q
    return integrate.odeint(lambda y, t, k: [t - k * y[0]], [y0], [a, 0.9, b], args=(k,), **options)


def test_odeint_has_the_derivatives_of_the_closed_form():
    exact = lambda q: np.stack([q[3], closed(q, 0.9), closed(q, q[2])])
    f = lambda q: decay_and_drift(q)[:, 0]
    expected = scipy.integrate.odeint(lambda y, t, k: [t - k * y[0]], Q[3], [Q[1], 0.9, Q[2]], args=(Q[0],))
    assert_allclose(f(Q), expected[:, 0], rtol=1e-6)
    for transform in (dd.jacfwd, dd.jacrev):
        assert_allclose(transform(f)(Q), dd.jacfwd(exact)(Q), rtol=1e-6, atol=2e-7)
        assert_allclose(transform(dd.jacfwd(f))(Q), dd.jacfwd(dd.jacfwd(exact))(Q), rtol=1e-5, atol=1e-6)


def test_odeint_takes_and_returns_what_scipys_does():
    f, _, y0, p = PROBLEMS["predators"]
    t = np.linspace(0, 3, 5)
    jac = lambda y, t, p: dd.jacfwd(f, 1)(t, y, p)
    g = lambda y, t, p: f(t, y, p)
    for func, more in (
        (f, {"tfirst": True, "Dfun": lambda t, y, p: jac(y, t, p)}),
        (g, {"Dfun": jac}),
        (g, {"Dfun": lambda y, t, p: jac(y, t, p).T, "col_deriv": True}),
        (g, {"ml": 1, "mu": 1}),
        (g, {"Dfun": jac, "rtol": 1e-10, "atol": [1e-10, 1e-11], "hmax": 0.5, "h0": 1e-3, "mxordn": 5}),
    ):
        expected = scipy.integrate.odeint(func, y0, t, args=(p,), **more)
        run = lambda p, func=func, more=more: integrate.odeint(func, y0, t, args=(p,), **more)
        assert_array_equal(run(p), expected)
        assert_array_equal(dd.vjp(run, p)[0], expected)
        assert_allclose(dd.jacfwd(run)(p), dd.jacrev(run)(p), rtol=1e-10, atol=1e-12)
    _, report = integrate.odeint(g, y0, t, args=(p,), full_output=True)
    assert set(report) == set(scipy.integrate.odeint(g, y0, t, args=(p,), full_output=True)[1])
    backwards = lambda p: integrate.odeint(g, y0, -t, args=(p,))[-1]
    assert_allclose(dd.jacfwd(backwards)(p), dd.jacrev(backwards)(p), rtol=1e-9)


def test_odeint_of_a_number_and_of_repeated_times():
    f = lambda y0: integrate.odeint(lambda y, t: -y, y0, [0.0, 0.0, 1.0, 1.0])[:, 0]
    expected = np.exp([0.0, 0.0, -1.0, -1.0])
    assert_allclose(dd.jacfwd(f)(2.0), expected, rtol=1e-6)
    assert_allclose(dd.jacrev(f)(2.0), expected, rtol=1e-6)
    assert dd.derivative(lambda k: integrate.odeint(lambda y, t: -k * y, [2.0], [1.0])[0, 0] + k)(1.0) == 1.0


def test_odeint_of_a_stiff_system_gets_a_jacobian_that_helps():
    f, end, y0, p = PROBLEMS["robertson"]
    for more, func in (
        ({}, lambda y, t, p: f(t, y, p)),
        ({"tfirst": True}, f),
        ({"col_deriv": True}, lambda y, t, p: f(t, y, p)),
    ):
        y, report = integrate.odeint(func, y0, [0.0, end], args=(p,), full_output=True, **more)
        more.pop("col_deriv", None)
        expected, by_differences = scipy.integrate.odeint(func, y0, [0.0, end], args=(p,), full_output=True, **more)
        assert_allclose(y, expected, rtol=1e-5)
        assert report["nst"][-1] < 1.2 * by_differences["nst"][-1]
        assert report["nfe"][-1] < by_differences["nfe"][-1]


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
def test_an_array_that_a_function_fills_again_and_again_stays_plain(method):
    out = np.zeros(2)

    def f(t, y):
        out[0], out[1] = y[1], -2.0 * y[0]
        return out

    expected = scipy.integrate.solve_ivp(f, (0, 1), [1.0, 0.0], method)
    found = integrate.solve_ivp(f, (0, 1), [1.0, 0.0], method)
    assert_array_equal(found.y, expected.y)
    assert type(out) is np.ndarray


def test_odeint_keeps_scipys_warning_and_refuses_then():
    blows_up = lambda k: integrate.odeint(lambda y, t: k * y**2, 1.0, [0.0, 2.0])[-1, 0]
    with pytest.warns(scipy.integrate.ODEintWarning):
        blows_up(1.0)
    with (
        pytest.warns(scipy.integrate.ODEintWarning),
        pytest.raises(ValueError, match="odeint: its solution has no derivative here"),
    ):
        dd.derivative(blows_up)(1.0)


# solve_bvp


def oscillation(q, **options):
    """y'' = -k² y, y(0) = u, y(b) = v."""
    k, u, v, b = q
    fun = lambda x, y: np.vstack([y[1], -(k**2) * y[0]])
    bc = lambda ya, yb: np.array([ya[0] - u, yb[0] - v])
    return integrate.solve_bvp(fun, bc, np.linspace(0, 1, 11) * b, np.zeros((2, 11)), tol=1e-7, **options)


def test_boundary_values_have_the_derivatives_of_the_closed_form():
    q = np.array([1.3, 0.5, 0.7, 1.2])
    f = lambda q: (lambda r: np.stack([r.sol(0.4)[0], r.y[1, 0], r.yp[1, -1], r.x[-1]]))(oscillation(q))

    def exact(q):
        k, u, v, b = q
        A = (v - u * np.cos(k * b)) / np.sin(k * b)
        return np.stack([u * np.cos(0.4 * k) + A * np.sin(0.4 * k), A * k, -(k**2) * v, b])

    assert_allclose(f(q), exact(q), rtol=1e-7)
    for transform in (dd.jacfwd, dd.jacrev):
        assert_allclose(transform(f)(q), dd.jacfwd(exact)(q), rtol=1e-6, atol=1e-7)
        assert_allclose(transform(dd.jacfwd(f))(q), dd.jacfwd(dd.jacfwd(exact))(q), rtol=1e-4, atol=1e-5)
    assert_array_equal(dd.jvp(f, (q,), (q,))[0], f(q))


def test_an_unknown_parameter_of_a_boundary_value_problem():
    def eigenvalue(L):
        fun = lambda x, y, p: np.vstack([y[1], -(p[0] ** 2) * y[0] * L])
        bc = lambda ya, yb, p: np.array([ya[0], yb[0], ya[1] - p[0]])
        x, y = np.linspace(0, 1, 5), np.zeros((2, 5))
        y[0, [1, 3]] = 1, -1
        return integrate.solve_bvp(fun, bc, x, y, p=[6.0], tol=1e-6).p[0]

    assert_allclose([dd.derivative(eigenvalue)(1.0), dd.grad(eigenvalue)(1.0)], -np.pi, rtol=1e-6)
    assert_allclose(dd.derivative(dd.grad(eigenvalue))(1.0), 1.5 * np.pi, rtol=1e-6)


def test_a_singular_term():
    """y'' + c y' / x + k y⁵ = 0; in k and in c."""

    def centre(q):
        fun = lambda x, y: np.vstack([y[1], -q[0] * y[0] ** 5])
        bc = lambda ya, yb: np.array([ya[1], yb[0] - 0.75**0.5])
        S = np.zeros((2, 2))
        S[1, 1] = -q[1]
        return integrate.solve_bvp(fun, bc, np.linspace(0, 1, 5), np.ones((2, 5)), S=S, tol=1e-8).y[0, 0]

    q, h = np.array([1.0, 2.0]), 1e-3
    differences = [(centre(q + h * e) - centre(q - h * e)) / (2 * h) for e in np.eye(2)]
    for transform in (dd.grad, dd.jacfwd):
        assert_allclose(transform(centre)(q), differences, rtol=1e-5)


def test_boundary_value_problems_without_a_derivative_are_refused():
    bratu = lambda k: integrate.solve_bvp(
        lambda x, y: np.vstack([y[1], -k * np.exp(y[0])]),
        lambda ya, yb: np.array([ya[0], yb[0]]),
        np.linspace(0, 1, 9),
        np.zeros((2, 9)),
    )
    assert not bratu(5.0).success  # beyond the fold at 3.51
    with pytest.raises(ValueError, match="solve_bvp: its solution has no derivative here"):
        dd.derivative(lambda k: bratu(k).y[1, 0])(5.0)


def test_results_of_boundary_value_problems_are_scipys():
    fun, bc = (lambda x, y: np.vstack([y[1], -np.exp(y[0])])), (lambda ya, yb: np.array([ya[0], yb[0]]))
    jacobians = {
        "fun_jac": lambda x, y: np.array([[0 * x, 0 * x + 1], [-np.exp(y[0]), 0 * x]]),
        "bc_jac": lambda ya, yb: (np.array([[1.0, 0], [0, 0]]), np.array([[0, 0], [1.0, 0]])),
    }
    x, y = np.linspace(0, 1, 5), np.zeros((2, 5))
    expected = scipy.integrate.solve_bvp(fun, bc, x, y, **jacobians)
    found = integrate.solve_bvp(fun, bc, x, y, **jacobians)
    for name in ("x", "y", "yp", "rms_residuals"):
        assert_array_equal(found[name], expected[name])
    assert_allclose(integrate.solve_bvp(fun, bc, x, y).y, expected.y, rtol=1e-6, atol=1e-12)
    for wrong in ({"x": x[::-1]}, {"y": np.zeros(5)}, {"S": np.eye(3)}, {"verbose": 7}):
        given = {"x": x, "y": y} | wrong
        with pytest.raises(ValueError) as one:
            scipy.integrate.solve_bvp(fun, bc, **given)
        with pytest.raises(ValueError) as other:
            integrate.solve_bvp(fun, bc, **given)
        assert str(one.value) == str(other.value)


# All stages at once, or one by one: the same derivatives.


COLUMNS = {
    "takes columns": (
        lambda t, y, p: np.array([p[0] * y[0] - p[1] * y[0] * y[1], p[1] * y[0] * y[1] - 0.7 * y[1]]),
        np.array([1.1, 0.4]),
        [1.0, 2.0],
        True,
    ),
    "a list with a constant": (lambda t, y, p: [-p * y[0] * np.sin(t), 1.0], np.array(1.3), [1.0, 2.0], True),
    "a vector of parameters": (lambda t, y, b: np.tanh(y) + b - y, np.zeros(2), [1.0, 2.0], False),
    "a sum over states": (lambda t, y, p: -p * y / np.sum(y), np.array(1.3), [1.0, 2.0, 3.0], False),
    "a mean that is conserved": (
        lambda t, y, p: np.array([-p * y[0] * y[1] / y.mean(), (p * y[0] / y.mean() - 1) * y[1], y[1]]),
        np.array(1.3),
        [0.9, 0.1, 0.0],
        False,
    ),
    "a choice by the time": (lambda t, y, p: -p * y if t < 0.5 else p * y, np.array(1.3), [1.0, 2.0], False),
}
# Of these the accuracy is looked at as well, and steps may be divided; with the large rtol of the others none are.
RESOLVED = ("takes columns", "a choice by the time")


def one_by_one(self, *args, **kwargs):
    return None


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", COLUMNS)
def test_stages_at_once_and_one_by_one_have_the_same_derivatives(name, method, patched):
    f, p, y0, works = COLUMNS[name]
    options = {"t_eval": [0.4, 1.2], "max_step": 0.25, "rtol": 1e-3 if name in RESOLVED else 0.2}
    run = lambda p: integrate.solve_ivp(f, (0, 1.2), y0, method, args=(p,), **options).y
    used = {"derivatives": 0} if works else {"by_program": 0}  # columns, or a program from the second use on

    def watch(way):
        whole = getattr(columns.Columns, way)

        def seen(self, *args, **kwargs):
            found = whole(self, *args, **kwargs)
            used[way] += found is not None
            return found

        patched(columns.Columns, way, seen)

    transforms = (dd.jacfwd(run), dd.jacrev(run), dd.jacfwd(dd.jacrev(run)))
    for way in used:
        watch(way)
    found = [transform(p) for transform in transforms]
    patched(trajectories.Steps, "_all_at_once", one_by_one)
    for a, b in zip(found, [transform(p) for transform in transforms], strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    assert all(used.values())


def test_a_layer_as_wide_as_there_are_columns_is_not_mistaken_for_them(patched):
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((80, 2)) * 0.1, rng.standard_normal((2, 80)) * 0.1
    for width in range(30, 64):
        f = lambda t, y, b, w=width: second[:, :w] @ np.tanh(first[:w] @ y + b)
        run = lambda b, f=f: integrate.solve_ivp(f, (0, 1), [1.0, 2.0], "RK23", args=(b,), max_step=0.1).y[:, -1]
        found = dd.jacrev(run)(np.zeros(width))
        expected = dd.jacrev(lambda b, run=run: run(b + 1e-300 * np.arange(width)))(np.zeros(width))
        e, h = np.eye(width)[1], 1e-4
        assert_allclose(found @ e, (run(h * e) - run(-h * e)) / (2 * h), rtol=1e-5, atol=1e-9)
        assert_allclose(found, expected, rtol=1e-12)


def test_event_of_one_direction_is_found_in_that_direction_alone():
    """y = cos(ω t) rises through 0 at t = 3π/(2ω)."""

    def rising(t, y):
        return y[0]

    rising.direction = 1

    def times(w):
        turning = lambda t, y: np.stack([w * y[1], -w * y[0]])
        return integrate.solve_ivp(turning, (0.0, 6.0), [1.0, 0.0], events=rising, rtol=1e-8, atol=1e-10).t_events[0]

    t, tdot = dd.jvp(times, (1.0,), (1.0,))
    assert_allclose(t, [1.5 * np.pi], rtol=1e-6)
    assert_allclose(tdot, [-1.5 * np.pi], rtol=1e-6)


@pytest.mark.parametrize("way", [1.0, -1.0])
@pytest.mark.parametrize("last", [False, True])
def test_event_that_ends_a_solution_is_the_last_on_its_way(way, last):
    """y = 0.1 exp(w t) passes 0.3 and ends at 0.5: t = log(5) / w."""

    def passed(t, y):
        return y[0] - 0.3

    def end(t, y):
        return y[0] - 0.5

    end.terminal = True
    events = [passed, end] if last else [end, passed]

    def time(w):
        grown = lambda t, y: way * w * y
        return integrate.solve_ivp(grown, (0.0, 10.0 * way), [0.1], events=events, rtol=1e-8).t[-1]

    t, tdot = dd.jvp(time, (1.0,), (1.0,))
    assert_allclose(t, way * np.log(5.0), rtol=1e-4)
    assert_allclose(tdot, -t, rtol=1e-4)


@pytest.mark.parametrize("method", ["BDF", "LSODA"])
@pytest.mark.parametrize("end", [2.0, -2.0])
def test_dense_solution_is_scipys_at_the_ends_of_steps(method, end):
    options = {"method": method, "dense_output": True, "jac": [[-1.3]] if method == "BDF" else None}
    f = lambda t, y: -1.3 * y

    ours = integrate.solve_ivp(f, (0.0, end), [1.0], **options)
    known = scipy.integrate.solve_ivp(f, (0.0, end), [1.0], **options)

    assert_array_equal(ours.sol(known.t), known.sol(known.t))
