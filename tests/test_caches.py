"""A Dual is not a number to be remembered by: caches, sets, dict keys, text, and results that depend on nothing."""

import functools
import json
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import dualdiff as dd

X = np.array([0.3, 0.8])
each_transform = pytest.mark.parametrize("transform", [dd.jacfwd, dd.jacrev, dd.jacobian], ids=lambda t: t.__name__)


# Hashing.


@dataclass(frozen=True)
class Point:
    x: object


MEMO = {}


def memoised(x):
    if x not in MEMO:
        MEMO[x] = np.sin(x)
    return MEMO[x]


CACHED = {
    "functools.cache": functools.cache(np.sin),
    "lru_cache": functools.lru_cache(maxsize=8)(lambda x: x * x),
    "memo dict": memoised,
    "tuple as key": lambda x: {(x, 1): x}[(x, 1)],
    "frozen dataclass": lambda x: {Point(x): x}[Point(x)],
    "set": lambda x: next(iter({x})),
    "dict.fromkeys": lambda x: next(iter(dict.fromkeys([x]))),
    "hash": lambda x: x * hash(x),
}


@pytest.mark.usefixtures("as_written")
@pytest.mark.parametrize("kind", CACHED)
def test_a_cache_keyed_by_value_says_that_it_would_lose_the_derivative(kind):
    g = CACHED[kind]
    g(1.0)
    for transform in (dd.derivative, dd.grad, lambda f: dd.derivative(dd.derivative(f)), lambda f: dd.grad(dd.grad(f))):
        with pytest.raises(TypeError, match=r"cannot be hashed.*\n.*g\.__wrapped__"):
            transform(g)(1.0)
    with pytest.raises(TypeError, match=r"a Variable of shape .* cannot be hashed"):
        g(dd.Variable(1.0))


def test_the_way_out_of_a_cache_works():
    g = functools.cache(np.sin)
    g(1.0)
    assert dd.derivative(g.__wrapped__)(1.0) == np.cos(1.0)
    assert isinstance({id(w): w for w in [dd.Variable(1.0)]}, dict)


def test_equal_entries_are_not_taken_for_each_other():
    with pytest.raises(TypeError, match="cannot be hashed"):
        dd.grad(lambda x: sum(set(x)))(np.array([1.0, 1.0]))


def test_weights_need_no_hash():
    v, w = dd.Variable(2.0), dd.Variable(2.0)
    assert dd.grad(lambda: v * w * w, argnums=None, weights={"v": v, "w": w})() == {"v": 4.0, "w": 8.0}


# The size of the result.


@pytest.mark.usefixtures("as_written")
def test_jacobian_never_runs_the_function_on_plain_numbers():
    kinds = set()

    def f(x):
        kinds.add(type(x))
        return x[:m] * 2.0

    for n in (2, 16, 17, 40):
        for m in (1, n // 2, n):
            for _ in range(2):
                assert_array_equal(dd.jacobian(f)(np.ones(n)), 2.0 * np.eye(n)[:m])
    assert kinds == {dd.Dual}


def test_jacobian_takes_the_same_mode_when_the_number_of_results_changes():
    sizes = iter([30, 2, 30, 30])
    j = dd.jacobian(lambda x: np.cumsum(x)[: next(sizes)])
    for m in (30, 30):  # recorded: 30 results, then forwards, where 2 are found ...
        found = j(np.ones(40))
        assert found.shape[1] == 40 and found.shape[0] in (2, m)
        assert_array_equal(found, np.tril(np.ones((40, 40)))[: len(found)])


@pytest.mark.usefixtures("as_written")
def test_a_memo_of_plain_numbers_is_not_filled_by_jacobian():
    seen = {}

    def f(x):
        if type(x) is np.ndarray:
            seen[x.tobytes()] = True
        return np.array([np.sum(x)])

    dd.jacobian(f)(np.ones(40))
    assert not seen


# Text.


def texts_of(x):
    return [str(x), f"{x}", f"{x}", "%s" % x, repr(x), np.array2string(x), np.array_str(x), np.array_repr(x)]  # noqa: UP031


@pytest.mark.parametrize("make", [lambda x: x, lambda x: x[0], lambda x: x[0] * 1j, lambda x: x[:0]])
@pytest.mark.parametrize("transform", [dd.jacfwd, dd.jacrev], ids=lambda t: t.__name__)
def test_text_does_not_read_back_as_a_number(make, transform):
    found = []
    transform(lambda x: found.extend(texts_of(make(x))) or x)(X)
    found += texts_of(make(dd.Variable(X)))[:5]
    assert len(found) == 13
    for text in found:
        assert text.startswith(("Dual(", "Variable(")) and text.endswith(")")
        for read in (float, complex, json.loads):
            with pytest.raises(ValueError):
                read(text)


def test_text_is_for_people():
    found = {}

    def f(x):
        found[str] = str(x)
        found["spec"] = f"{x[0]:.3f}"
        found["forward"] = repr(x)
        found["nested"] = repr(dd.grad(lambda y: found.update(inner=repr(y)) or np.sum(y * y))(x))
        found["matrix"] = str(np.outer(x, x))
        found["list"] = str([x[0]])
        return x

    kept = []
    dd.jvp(lambda x: kept.append(x) or f(x), (np.array([1.0, 2.0]),), (X,))
    assert found == {
        str: "Dual([1. 2.])",
        "spec": "Dual(1.000)",
        "forward": "Dual([1. 2.], forward)",
        "inner": "Dual(Dual([1. 2.], forward), reverse)",
        "nested": "Dual([2. 4.], forward)",
        "matrix": "Dual([[1. 2.]\n      [2. 4.]])",
        "list": "[Dual(1.0, forward)]",
    }
    assert repr(kept[0]) == "Dual([1. 2.], forward, ended)"  # a debugger shows it without an error
    assert f"{dd.Variable(2.0):.2f}" == "Variable(2.00)" and str(dd.Variable(2.0)) == "Variable(2.0)"


LOST_AS_TEXT = {
    "%f": lambda x: "%f" % x[0],  # noqa: UP031
    "json": lambda x: json.dumps(x[0]),
    "a json list": lambda x: json.dumps(x.tolist()),
    "savetxt": lambda x: np.savetxt("never written", x),
    "astype(str)": lambda x: x.astype(str).astype(float),
    "format_float_positional": lambda x: np.format_float_positional(x[0]),
    "fromstring": lambda x: np.array(str(x).split(), dtype=float),
    "float of text": lambda x: float(str(x[0])),
}


@pytest.mark.parametrize("kind", LOST_AS_TEXT)
def test_no_way_through_text_loses_the_derivative(kind):
    for transform in (dd.grad, dd.jacfwd):
        with pytest.raises((TypeError, ValueError)):
            transform(lambda x: np.sum(np.asarray(LOST_AS_TEXT[kind](x))))(X)


# Results that depend on nothing.


class Remembering:
    """A cache that compares values, as people write them."""

    def __init__(self):
        self.last = self.result = None

    def __call__(self, x):
        if self.last is not None and np.max(np.abs(x - self.last)) < 1e-12:
            return self.result
        self.last, self.result = x, np.sum(np.sin(x))
        return self.result


def newton(x, y=1.0):
    """The square root of x, by steps until nothing changes."""
    while not np.all(np.abs(y * y - x) <= 1e-12):
        y = 0.5 * (y + x / y)
    return y


@pytest.mark.filterwarnings("error::dualdiff.IndependentResult")
@pytest.mark.parametrize(
    "same",
    [
        np.array_equal,
        np.allclose,
        np.array_equiv,
        lambda x, last: np.all(x == last),
        lambda x, last: np.all(last == x),
        lambda x, last: not (x != last).any(),
        lambda x, last: np.equal(x, last).all(),
    ],
)
def test_a_part_of_the_result_from_a_cache_that_compares_values_warns(same):
    def f(x):
        return np.sum(x * x) + (0.9 if same(x, X) else np.sum(np.sin(x)))  # half of its gradient would be lost

    for transform in (dd.grad, dd.jacfwd):
        with pytest.raises(dd.IndependentResult, match="equals a plain array entry by entry, bit for bit"):
            transform(f)(X)
        assert_array_equal(transform(f)(X + 0.1), 2 * (X + 0.1) + np.cos(X + 0.1))


@pytest.mark.filterwarnings("error::dualdiff.IndependentResult")
def test_honest_comparisons_do_not_warn():
    def f(x):
        assert np.array_equal(x * 0, np.zeros(2)) and np.all(x == dd.stop_gradient(x))
        assert np.array_equal(x, x + 0.0) and not np.array_equal(x, [1.0, 2.0]) and x[0] == X[0]
        return np.sum(x)

    assert_array_equal(dd.grad(f)(X), [1.0, 1.0])


INDEPENDENT = {
    "a cache that compares values": Remembering(),
    "a constant branch": lambda x: np.sum(x) if np.all(x > 1) else 0.0,
    "an iteration that starts at its solution": lambda x: newton(np.sum(x * x), np.sqrt(0.73)),
    "a piecewise constant function": lambda x: np.sum(np.floor(x)),
    "a comparison": lambda x: np.sum(x > 0.5) * 1.0,
    "a tree of constants": lambda x: {"a": 1.0, "b": (2.0, np.ones(3))},
}
INDEPENDENT["a cache that compares values"](X)
raising = pytest.mark.filterwarnings("error::dualdiff.IndependentResult")


@raising
@pytest.mark.parametrize("kind", INDEPENDENT)
def test_a_result_that_depends_on_nothing_warns(kind):
    f = INDEPENDENT[kind]
    for transform in (dd.jacfwd, dd.jacrev, dd.jacobian, lambda f: lambda x: dd.jvp(f, (x,), (x,))):
        with pytest.raises(dd.IndependentResult, match="nothing in the result depends on"):
            transform(f)(X)
    for transform in (lambda f: dd.vjp(f, X), lambda f: dd.linearize(f, X)):
        with pytest.raises(dd.IndependentResult, match="Is there a cache that compares values"):
            transform(f)


@raising
def test_the_gradient_of_a_remembered_result_warns_and_is_zero():
    f = Remembering()
    f(X)
    with pytest.raises(dd.IndependentResult, match=r"^grad: "):
        dd.grad(f)(X)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert_array_equal(dd.grad(f)(X), [0.0, 0.0])
    assert [w.category for w in caught] == [dd.IndependentResult]
    assert caught[0].filename == __file__  # the user's call, not the inside of the package


@raising
def test_one_warning_for_all_chunks_of_a_jacobian():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dd.jacfwd(lambda x: np.ones(3), chunk_size=2)(np.ones(10))
    assert len(caught) == 1


HONEST = {
    "an inner derivative that is constant": lambda x: dd.grad(lambda y: 3.0 * np.sum(y))(x),
    "an inner function of a constant": lambda x: x * dd.derivative(lambda y: 2.0)(1.0),
    "one of two results": lambda x: (x, 1.0),
    "an empty result": lambda x: np.zeros(0),
    "stopped on purpose": lambda x: dd.stop_gradient(x) * 2.0,
    "a zero": lambda x: 0.0 * x,
    "a selection": lambda x: np.where(x > 5, x, 1.0),
}


@raising
@pytest.mark.parametrize("kind", HONEST)
@each_transform
def test_honest_programs_do_not_warn(kind, transform):
    transform(HONEST[kind])(X)


@raising
def test_hessian_of_a_linear_function_does_not_warn():
    assert_array_equal(dd.hessian(np.sum)(X), np.zeros((2, 2)))
    assert_array_equal(dd.hvp(np.sum, (X,), (X,)), np.zeros(2))
    assert dd.derivative(dd.derivative(lambda x: 3.0 * x))(1.0) == 0.0


@raising
def test_a_result_that_depends_on_a_variable_alone_does_not_warn():
    w = dd.Variable(2.0)
    assert dd.grad(lambda x: w * w)(3.0) == 0.0
    assert dd.grad(lambda x: w * w, argnums=0, weights=[w])(3.0) == (0.0, [4.0])
