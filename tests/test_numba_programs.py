"""``stage(compile="numba")``: the same programs compiled, near to the last digits; and its refusals."""

import pickle
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.staging import numba_programs, staged
from dualdiff.staging.numba_programs import alike

pytest.importorskip("numba")


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def total(x):
    s = 0.0
    for i in range(len(x) - 1):
        s = s + 100 * (x[i + 1] - x[i] ** 2) ** 2 + np.sin(x[i]) * np.exp(-x[i + 1])
    return s


def network(weights, X, y):
    return np.mean((np.tanh(X @ weights["w"] + weights["b"]) @ weights["v"] - y) ** 2)


def filled(x):
    out = np.zeros((3, x.size))
    out[0] = x
    out[1] = np.where(x > 0.5, x**3, x**0.5)
    out[2, ::-1] = out[0] * out[1]
    out[:, 1:] += out[:, :-1] * 0.5
    return np.sum(out**2, axis=0)


def kinked(x):
    return np.sum(x**2) if x[0] > 0.5 else np.sum(x**3)


WEIGHTS = {"w": np.linspace(-1, 1, 12).reshape(4, 3), "b": np.array([0.1, 0.2, 0.3]), "v": np.array([1.0, -1.0, 0.5])}
X = np.cos(np.arange(20.0)).reshape(5, 4)
CASES = [
    (dd.grad(rosenbrock), (np.linspace(0.2, 1.1, 10),)),
    (dd.grad(rosenbrock), (np.linspace(0.2, 1.1, 5000),)),
    (dd.value_and_grad(rosenbrock), (np.linspace(0.2, 1.1, 300),)),
    (dd.hessian(rosenbrock), (np.linspace(0.2, 1.1, 6),)),
    (dd.grad(total), (np.linspace(0.2, 1.1, 8),)),
    (dd.jacfwd(lambda x: np.array([x[0] * x[1], np.sin(x[1]), x[0] / x[1]])), (np.array([0.4, 0.7]),)),
    (dd.grad(network), (WEIGHTS, X, np.ones(5))),
    (dd.jacfwd(filled), (np.linspace(0.1, 1.3, 7),)),
    (dd.jacrev(filled), (np.linspace(0.1, 1.3, 7),)),
    (dd.derivative(lambda x: x * np.exp(-x) / (1 + x**2)), (0.3,)),
    (lambda x, v: dd.jvp(filled, (x,), (v,)), (np.linspace(0.1, 1.3, 7), np.ones(7))),
    (dd.jacfwd(lambda A: np.linalg.inv(A) * A.T + np.cumsum(A, axis=0)), (np.eye(3) + 0.1,)),
    (filled, (np.linspace(0.1, 1.3, 7),)),
    (dd.grad(lambda x: np.sum(np.sort(x)[::2] * x[[0, 1, 1]])), (np.array([0.3, 0.1, 0.2, 0.7, 0.5]),)),
]


def near(found, expected):
    return alike(found, expected)


@pytest.mark.parametrize("number", range(len(CASES)))
def test_results_are_near_to_the_last_digits(number):
    f, args = CASES[number]
    g = dd.stage(f, compile="numba")
    for scale in (1.0, 1.001, 1.3):
        point = [{k: v * scale for k, v in a.items()} if isinstance(a, dict) else a * scale for a in args]
        assert near(g(*point), f(*point))
    assert sum(program.calls for program in g.programs) >= 2
    assert all(program.kernels for program in g.programs)


def test_float32_complex_and_integers_stay_with_numpy():
    for x in (np.ones(4, np.float32) * 0.3, np.ones(4) * (1 + 2j), np.arange(1.0, 5.0)[::2]):
        f = lambda x: np.abs(np.sin(x) * x + x**2) ** 2
        g = dd.stage(f, compile="numba")
        assert all(np.array_equal(g(x), f(x)) and g(x).dtype == f(x).dtype for _ in range(3))


@pytest.mark.parametrize("x", [np.zeros((0,)), np.float64(0.4), np.array(0.4), np.ones((2, 1, 3)), np.ones((3, 2)).T])
def test_shapes(x):
    f = lambda x: np.sin(x) * x + x / (1 + x * x)
    transforms = [f, lambda x: dd.jvp(f, (x,), (x,)), lambda x: dd.vjp(f, x)[1](x)]
    if np.size(x) > 1:  # one program of loops, which numba takes long for
        of_each = transforms.copy()
        transforms = [lambda x: [transform(x) for transform in of_each]]
    for transform in transforms:
        g = dd.stage(transform, compile="numba")
        for _ in range(2):
            assert near(g(x), transform(x))
        assert all(program.kernels for program in g.programs)


def test_guards_choose_variants():
    f = dd.grad(kinked)
    g = dd.stage(f, compile="numba")
    for first in (0.9, 0.1, 0.9, 0.2, 0.7):
        x = np.array([first, 0.3, 0.4])
        assert near(g(x), f(x))
    assert len(g.programs) == 2


def test_a_nan_runs_the_function_itself():
    f = dd.grad(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)))
    g = dd.stage(f, compile="numba")
    for x in (np.ones(3), np.array([0.0, 1.0, 4.0]), np.ones(3) * 2):
        with np.errstate(all="ignore"):
            assert np.array_equal(g(x), f(x))


def test_what_python_would_raise_goes_to_numpy():
    """In a scalar program: a quotient of floats, a domain, an overflow."""

    def f(x):
        return 1.0 / (1.0 / x[0]) + np.log(x[1]) * x[0]

    g = dd.stage(dd.grad(f), compile="numba")
    with np.errstate(all="ignore"):
        for x in ([1.0, 2.0], [0.0, 2.0], [1.0, 0.0], [1e308, 1e-300], [np.inf, 1.0], [np.nan, 1.0], [1.0, 3.0]):
            found, expected = g(np.array(x)), dd.grad(f)(np.array(x))
            np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
            np.testing.assert_allclose(found, expected, rtol=1e-13)
    h = dd.stage(lambda x: 1.0 / x, compile="numba")
    assert h(2.0) == 0.5
    with pytest.raises(ZeroDivisionError):
        h(0.0)


def test_arguments_that_are_written_and_that_overlap():
    def f(x, y):
        x[1:] += y[:-1] * x[:-1]
        y *= 2.0
        return x * y + np.sin(y)

    g = dd.stage(f, compile="numba")
    for _ in range(2):
        for pair in ((np.linspace(0, 1, 5), np.ones(5)), ((b := np.linspace(0.0, 1.0, 7))[:5], b[2:])):
            one, other = pair
            memory = (b.copy(), [a.copy() for a in pair])
            expected = f(one, other)
            left = [a.copy() for a in pair]
            b[...] = memory[0]
            for a, kept in zip(pair, memory[1], strict=True):
                if a.base is not b:
                    a[...] = kept
            assert near(g(one, other), expected)
            assert all(near(a, kept) for a, kept in zip(pair, left, strict=True))


def test_read_only_arguments_and_results_of_their_own():
    g = dd.stage(dd.grad(rosenbrock), compile="numba")
    x = np.linspace(0.2, 1.1, 10)
    x.flags.writeable = False
    first = g(x)
    second = g(x)
    first[:] = 0.0
    assert near(second, dd.grad(rosenbrock)(x))


def test_table_source_and_saved_module(tmp_path):
    g = dd.stage(dd.grad(rosenbrock), compile="numba")
    x = np.linspace(0.2, 1.1, 10)
    assert g.source(x) == dd.stage(dd.grad(rosenbrock)).source(x)
    assert str(g.programs).startswith("program")
    path = g.save(tmp_path / "gradient.py", x)
    code = "import numpy, gradient, sys; gradient.rosenbrock(numpy.ones(10)); assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=path.parent, check=True)


def test_pickled_with_its_programs():
    g = dd.stage(dd.grad(rosenbrock), compile="numba")
    x = np.linspace(0.2, 1.1, 10)
    g(x)
    again = pickle.loads(pickle.dumps(g))
    assert again.programs[0].kernels
    calls = again.programs[0].calls
    assert np.array_equal(again(x), g(x))
    assert again.programs[0].calls == calls + 1
    scalar = dd.stage(dd.grad(total), compile="numba")
    scalar(x)
    assert np.array_equal(pickle.loads(pickle.dumps(scalar))(x), scalar(x))


def test_threads():
    g = dd.stage(dd.grad(rosenbrock), compile="numba")
    points = [np.linspace(0.2, 1.0 + i, 50) for i in range(8)]
    expected = [dd.grad(rosenbrock)(x) for x in points]
    wrong = []

    def work(i):
        for _ in range(50):
            if not near(g(points[i]), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_more_lines_than_numba_can_take_are_refused(monkeypatch):
    monkeypatch.setattr(numba_programs, "MOST_LINES", 60)

    def long(x):
        for _ in range(40):
            x = x * 0.5 + np.sin(x[0]) * x[1]
        return x[0] + x[1]

    for f in (long, lambda x: np.sum(np.cumsum(long(np.sin(x)) * x))):
        g = dd.stage(dd.grad(f), compile="numba")
        for _ in range(2):
            with pytest.raises(dd.DualdiffError, match="lines for numba") as caught:
                g(np.ones(3))
        assert "Without compile" in str(caught.value)


def test_counters_are_not_staged():
    calls = []

    def f(x):
        calls.append(1)
        return x * len(calls)

    g = dd.stage(f, compile="numba")
    with pytest.warns(dd.NotStaged):
        g(np.ones(3))
    assert g(np.ones(3))[0] == len(calls)


def test_where_a_compiled_program_differs_the_numpy_program_runs(patched):
    patched(staged, "alike", lambda found, expected: False)
    g = dd.stage(dd.grad(rosenbrock), compile="numba")
    x = np.linspace(0.2, 1.1, 10)
    with pytest.warns(dd.NotStaged, match="not compiled by numba"):
        assert np.array_equal(g(x), dd.grad(rosenbrock)(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(g(x), dd.grad(rosenbrock)(x))
    assert not g.programs[0].kernels
    assert numba_programs.has_numba()


def test_seterr_that_raises_is_not_compiled():
    with np.errstate(divide="raise"):
        g = dd.stage(lambda x: 1.0 / x + x * x, compile="numba")
        g(np.ones(3))
        assert not g.programs[0].kernels
        with pytest.raises(FloatingPointError):
            g(np.zeros(3))


def test_nested_and_other_values():
    g = dd.stage(dd.grad(rosenbrock), compile="numba")
    x = np.linspace(0.2, 1.1, 6)
    assert near(dd.jacfwd(g)(x), dd.hessian(rosenbrock)(x))
    assert near(dd.stage(lambda x: g(x) * 2, compile="numba")(x), 2 * dd.grad(rosenbrock)(x))
    assert dd.stage(g, compile="numba") is g
    assert dd.stage(dd.stage(rosenbrock), compile="numba").compile == "numba"
    with pytest.raises(ValueError, match="compile"):
        dd.stage(rosenbrock, compile="jax")
