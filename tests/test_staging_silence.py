"""Calls with NumPy's warnings off wait for each other: one change of the state of errors in place of many."""

import warnings

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.staging.passes import ALL, Options
from dualdiff.staging.staged import Staged, same

X = np.linspace(0.5, 1.5, 7)
B = np.array([1.2, 0.7, -0.4])


def layers(b):
    return np.sum(np.tanh(b[0] * np.tanh(b[1] * np.tanh(b[2] * X))))


def quotients(b):
    return X / (b[0] / (X + b[1] / (X + b[2])))


def bells(b):
    return b[0] * np.exp(-((X - b[1]) ** 2) / b[2] ** 2) + np.exp(-((X - b[2]) ** 2) / b[0] ** 2)


def work_array(b):
    """What waits reads memory that is written meanwhile."""
    w = X * b[0]
    first = np.tanh(w)
    w[1:3] = b[1] / X[1:3]
    second = np.tanh(w)
    w *= first
    return w * second


def branched(b):
    y = np.tanh(b[0] * X)
    if y[0] > 0:
        return np.sum(y / b[1])
    return np.sum(y * b[2])


def warned(b):
    """The function's own division warns, its partials do not."""
    return np.sum((b[0] * X) / (X - X[0])) * np.tanh(b[1])


FUNCTIONS = [layers, quotients, bells, work_array, branched, warned]
TRANSFORMS = [dd.jacfwd, dd.jacrev, lambda f: dd.jacfwd(dd.jacfwd(f))]


def with_messages(f, *args):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        return f(*args), {str(one.message) for one in found if one.category is RuntimeWarning}


@pytest.mark.parametrize("transform", TRANSFORMS, ids=["jacfwd", "jacrev", "second"])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_results_and_warnings_are_those_of_the_unstaged_transform(f, transform):
    staged = Staged(transform(f))
    apart = Staged(transform(f), options=Options(ALL - {"silence"}))
    for b in (B, -B, B[::-1].copy()):
        with_messages(staged, b), with_messages(apart, b)
    for b in (B, 2 * B, -B):
        expected, messages = with_messages(transform(f), b)
        for g in (staged, apart):
            found, shown = with_messages(g, b)
            assert same(found, expected)
            assert shown == messages


@pytest.mark.parametrize("f", [layers, quotients, bells], ids=lambda f: f.__name__)
def test_the_state_of_errors_changes_once(f):
    together = Staged(dd.jacrev(f)).source(B)
    apart = Staged(dd.jacrev(f), options=Options(ALL - {"silence"})).source(B)
    assert together.count("np.errstate") == 1 < apart.count("np.errstate")


def test_large_arrays_do_not_wait():
    wide = np.linspace(0.5, 1.5, 5000)
    f = lambda b: np.sum(np.tanh(b[0] * np.tanh(b[1] * wide)))
    assert Staged(dd.grad(f), options=Options(ALL - {"blocks"})).source(B).count("np.errstate") == 2
