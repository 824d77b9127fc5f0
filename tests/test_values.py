"""Other arrays than NumPy's as values: a duck that refuses conversion, and Dask's."""

import functools
import warnings

import dask
import dask.array as da
import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.errors import name_of
from dualdiff.table import RULES
from dualdiff.testing import check_value_type
from tests.duck import Calls, Duck, unwrapped
from tests.samples import load_all

pytestmark = pytest.mark.filterwarnings("ignore:The .* function is not implemented by Dask:FutureWarning")


@functools.cache
def chosen_samples():
    """Every sample of a hand-written rule of NumPy, and one of each elementwise function or special function."""
    chosen, seen = [], set()
    for sample in load_all():
        alike = RULES[sample.function].form == "elementwise" or name_of(sample.function).startswith("scipy")
        if sample.duck and not (alike and sample.function in seen):
            seen.add(sample.function)
            chosen.append(sample)
    return chosen


# Steps of a recurrence, as many as the largest argument says: int(np.max(...)).
COUNTS = ("scipy.special.beta-", "scipy.special.betaln-", "scipy.special.poch-", "scipy.special.binom-")


@pytest.mark.parametrize("part", range(8))
def test_derivatives_on_an_array_that_refuses_conversion(part):
    """In every mode at the first sample of each rule, in reverse mode at the others (in jvp at all: test_rules.py)."""
    everything, calls = chosen_samples(), Calls()
    duck = lambda array: Duck(np.asarray(array), calls)
    of_each = {id(sample) for sample in {sample.function: sample for sample in reversed(everything)}.values()}
    for sample in everything[part::8]:
        if sample.second:
            modes = ("jacfwd", "vjp", "jvp of jvp", "jvp of vjp") if id(sample) in of_each else ("vjp",)
            program = (str(sample), sample.f, tuple(map(np.asarray, sample.args)))
            refused = check_value_type(duck, unwrapped, [program], modes=modes, rtol=1e-8)
            assert [line for line in refused if not line.startswith(COUNTS)] == []
    assert calls.number > 5000


def on_dask(array):
    return da.from_array(array, chunks=4) if array.ndim else da.from_array(array)


@pytest.fixture
def computations():
    """How often Dask calculates."""
    counted = []

    def scheduler(graph, keys, **options):
        counted.append(keys)
        return dask.get(graph, keys, **options)

    with dask.config.set(scheduler=scheduler):
        yield counted


@pytest.mark.long
def test_typical_programs_on_dask(computations):
    """Each result is calculated once, when it is asked for, and nothing before."""
    asked_for = []

    def back(lazy):
        asked_for.append(lazy)
        return lazy.compute()

    assert check_value_type(on_dask, back) == []
    assert all(isinstance(lazy, da.Array) for lazy in asked_for)
    assert len(computations) == len(asked_for) > 24 * 5


LOSSES = {
    "neighbours": lambda x: np.dot(x[1:], x[:-1]),
    "Rosenbrock": lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
    "logsumexp": lambda x: np.log(np.sum(np.exp(x))),
    "layer": lambda x: np.sum(np.tanh(np.outer(x, x))),
    "in place": lambda x: np.sum(overwritten(x) ** 2),
}


def overwritten(x):
    y = x * 1.0
    y[2] = x[0] * x[1]
    y[5:8] = np.sin(y[:3])
    return y


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_of_a_dask_array_is_calculated_when_it_is_asked_for(name, computations):
    x = np.linspace(0.2, 1.1, 12)
    gradient = dd.grad(LOSSES[name])(da.from_array(x, chunks=4))
    pushed = dd.jvp(LOSSES[name], (da.from_array(x, chunks=4),), (da.ones(12, chunks=4),))[1]
    assert isinstance(gradient, da.Array) and not computations
    expected = dd.grad(LOSSES[name])(x)
    assert_allclose(gradient.compute(), expected, rtol=1e-12)
    assert_allclose(pushed.compute(), np.sum(expected), rtol=1e-12)
    assert len(computations) == 2


def test_what_dask_cannot_tell_is_refused_by_name():
    x = da.from_array(np.linspace(0.2, 1.1, 12), chunks=4)

    def written_below_a_view(x):
        y = x * 1.0
        tail = y[1:]
        y[2] = x[0]
        return np.sum(tail**2)

    for transform in (dd.grad, dd.jacfwd):
        with pytest.raises(TypeError, match=r"dask\.array\.core\.Array of shape \(12,\) is written while a view"):
            transform(written_below_a_view)(x)
        with pytest.raises(TypeError, match=r"gives one of shape \(nan,\), which is not known"):
            transform(lambda x: np.sum(x[x > 0.5] ** 2))(x)


def test_zeros_of_a_dask_array_can_be_filled():
    def f(x):
        y = np.zeros_like(x)
        y[3] = x[0] * x[1]
        y[:2] = x[2:4] ** 2
        return np.sum(y * y)

    x = np.linspace(0.2, 1.1, 12)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for derivative in (dd.grad, dd.jacfwd, lambda f: dd.jacrev(dd.grad(f))):
            assert_allclose(np.asarray(derivative(f)(da.from_array(x, chunks=4))), derivative(f)(x), rtol=1e-12)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # Dask divides by zero when it calculates
def test_structural_zeros_of_dask_arrays_are_zero(computations):
    """Whether a nan came out is not known before it is calculated: the sweep runs with supports."""
    x, v = np.array([0.0, 4.0, 1.0]), np.array([0.0, 1.0, 1.0])

    def written(x):
        y = np.zeros_like(x)
        y[1:] = x[1:]
        return np.sum(np.sqrt(y * x[2]))

    found = {
        "jvp": dd.jvp(np.sqrt, (on_dask(x),), (on_dask(v),))[1],
        "vjp": dd.vjp(np.sqrt, on_dask(x))[1](on_dask(v))[0],
        "grad": dd.grad(lambda x: np.sum(np.sqrt(x)[1:]))(on_dask(x)),
        "where": dd.grad(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)))(on_dask(x)),
        "pushed": dd.linearize(np.sqrt, on_dask(x))[1](on_dask(v)),
    }
    columns, buffer = dd.jacfwd(np.sqrt)(on_dask(x)), dd.grad(written)(on_dask(x))
    assert not computations
    assert_runs_once(lambda f: dd.jvp(f, (on_dask(x),), (on_dask(v),)))
    assert_runs_once(lambda f: dd.jacfwd(f)(on_dask(x)))

    for mode, lazy in found.items():
        assert_allclose(lazy.compute(), [0.0, 0.25, 0.5], err_msg=mode)
    assert_allclose(columns.compute(), np.diag([np.inf, 0.25, 0.5]))
    assert_allclose(buffer.compute(), dd.grad(written)(x))


def test_ties_of_dask_arrays_are_shared_whether_there_are_any_or_not(computations):
    weights = np.array([1.0, 2.0, 4.0])
    for x in (np.array([0.5, 0.2, 0.9]), np.array([0.4, 0.2, 0.9])):
        f = lambda x: np.sum(np.maximum(x, 0.5) * weights)
        gradient = dd.grad(f)(on_dask(x))
        pushed = dd.jvp(f, (on_dask(x),), (on_dask(weights),))[1]
        assert not computations
        expected = weights * np.where(x == 0.5, 0.5, x > 0.5)
        assert_allclose(gradient.compute(), expected, rtol=1e-14)
        assert_allclose(pushed.compute(), np.sum(expected * weights), rtol=1e-14)
        computations.clear()


def assert_runs_once(transform):
    """With supports from the start, not after a sweep of which nothing can be known."""
    runs = []

    def counted(x):
        runs.append(x)
        return np.sqrt(x)

    transform(counted)
    assert len(runs) == 1


def test_check_value_type_sees_a_wrong_number_and_names_what_is_refused():
    with pytest.raises(AssertionError, match="sum of squares, jvp"):
        check_value_type(lambda array: array + 0.01)
    programs = [("mask", lambda x: x[x > 0.5] ** 2, (np.linspace(0.1, 1.0, 6),))]
    refused = check_value_type(on_dask, programs=programs)
    assert len(refused) == 5 and all(line.startswith("mask, ") and "not known" in line for line in refused)


def test_every_function_has_a_sample_on_the_duck():
    run = {sample.function for sample in chosen_samples()}
    missing = {sample.function for sample in load_all() if sample.duck} - run
    assert not missing, sorted(map(name_of, missing))
