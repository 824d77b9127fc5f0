"""The short way through an operation of two arguments gives what the rule's general call gives, on either side."""

import operator

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.rules.ufuncs import Elementwise
from dualdiff.table import RULES
from dualdiff.tangents.single import Single

A, B = np.array([0.75, 0.5, 0.25]), np.array([0.5, 0.625, 0.875])
BINARY = {
    rule.function.__name__: rule
    for rule in RULES.values()
    if isinstance(rule, Elementwise) and len(rule.partials) == 2 and type(rule) is Elementwise
    if getattr(np, rule.function.__name__, None) is rule.function and rule.function is not np.ldexp  # of an integer
}
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod]
OTHERS = {
    "float": 0.625,
    "int": 2,
    "scalar": np.float64(0.625),
    "array": B,
    "column": B[:, None],
    "float32": np.float32(0.5),
}


def both_modes(f, *args):
    """Value and the sums of the derivatives along each argument, by either mode."""
    found = []
    for i in range(len(args)):
        ones = [np.ones_like(arg) if j == i else np.zeros_like(arg) for j, arg in enumerate(args)]
        y, ydot = dd.jvp(f, args, tuple(ones))
        found += [y, ydot]
        found.append(np.sum(dd.vjp(f, *args)[1](np.ones_like(y))[i]))
    return found


def assert_same(f, general, *args):
    for one, other in zip(both_modes(f, *args), both_modes(general, *args), strict=True):
        assert_allclose(one, other, rtol=1e-14)


@pytest.mark.parametrize("name", BINARY)
def test_two_duals(name):
    rule = BINARY[name]

    assert_same(rule.function, lambda a, b: rule.operate(rule.function, a, b), A, B)
    assert_same(lambda a: rule.function(a, a), lambda a: rule.operate(rule.function, a, a), A)
    assert_same(rule.function, lambda a, b: rule.operate(rule.function, a, b), A, B[:, None])


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("name", BINARY)
def test_a_dual_and_a_constant(name, other):
    rule, c = BINARY[name], OTHERS[other]

    assert_same(lambda a: rule.function(a, c), lambda a: rule.operate(rule.function, a, c), A)
    assert_same(lambda a: rule.function(c, a), lambda a: rule.operate(rule.function, c, a), A)


@pytest.mark.parametrize("apply", OPERATORS)
def test_operators(apply):
    ufunc = {operator.sub: np.subtract, operator.truediv: np.divide, operator.mod: np.remainder}.get(apply)
    rule = RULES[ufunc or {operator.add: np.add, operator.mul: np.multiply, operator.pow: np.power}[apply]]

    assert_same(apply, lambda a, b: rule.operate(apply, a, b), A, B)
    for c in OTHERS.values():
        assert_same(lambda a, c=c: apply(a, c), lambda a, c=c: rule.operate(apply, a, c), A)
        assert_same(lambda a, c=c: apply(c, a), lambda a, c=c: rule.operate(apply, c, a), A)


@pytest.mark.parametrize("number", [3, 3.0, -0.0, 0, float("inf"), float("nan"), 2**70, 1e-320])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
def test_a_number_times_an_array_is_numpys_product_bit_by_bit(number, dtype):
    a = np.array([1.5, -0.0, 2.0, -3.25]).astype(dtype)

    with np.errstate(all="ignore"):
        found, wanted = Single().scale(number, a), number * a
    assert found.dtype == wanted.dtype
    assert found.tobytes() == wanted.tobytes()
