"""Declared rules that are none: what is found at the declaration or the first call raises."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd

X = np.array([0.3, 1.1, -0.7])


def declared(rule):
    return dd.rules.tangent_rule(lambda a: np.asarray(a) ** 2)(rule)


TRANSFORMS = {"forward": lambda f: dd.jvp(f, (X,), (X,))[1], "reverse": lambda f: dd.grad(lambda x: np.sum(f(x)))(X)}

NONE = {
    "a square": (lambda y, a, *, da: da * da, "product of two tangents"),
    "a constant added": (lambda y, a, *, da: da * a + 1.0, "sum with a constant"),
    "a constant taken off": (lambda y, a, *, da: da * a - a, "sum with a constant"),
    "a map that is not linear": (lambda y, a, *, da: da.map(lambda b: b**2, lambda c: c), "apply is not linear"),
    "an affine map": (lambda y, a, *, da: da.map(lambda b: b + a, lambda c: c), "apply is not linear"),
    "another transpose": (
        lambda y, a, *, da: da.map(lambda b: 2 * a * b, lambda c: 3 * a * c),
        "transpose is not that of apply",
    ),
    "a map of another shape": (lambda y, a, *, da: da.map(lambda b: b[:, :2], lambda c: c), r"shape \(2, 2\), where"),
    "a transpose of another shape": (
        lambda y, a, *, da: da.map(lambda b: 2 * b, lambda c: c[:, :1]),
        r"transpose returns an array of shape \(1, 1\)",
    ),
    "a map that mixes directions": (lambda y, a, *, da: da.map(lambda b: np.cumsum(b, 0), lambda c: c), "not linear"),
    "a map after a product": (lambda y, a, *, da: (da * a).map(np.abs, np.abs), "apply is not linear"),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize(("rule", "words"), NONE.values(), ids=NONE)
def test_a_rule_that_is_not_linear_or_has_another_transpose(rule, words, transform):
    with pytest.raises(TypeError, match=words):
        transform(declared(rule))


@pytest.mark.parametrize("transform", [dd.jacfwd, dd.jacrev])
def test_maps_may_write_into_what_they_are_given(transform):
    def doubled(block):
        block *= 2.0
        return block

    f = declared(lambda y, a, *, da: da.map(doubled, doubled) * a)

    assert_allclose(transform(lambda x: f(x) + x)(X), np.diag(2 * X + 1))
    assert_allclose(transform(lambda x: f(x) * x)(X), np.diag(3 * X**2))


def test_maps_of_complex_numbers_and_the_laws_once_for_each_shape():
    calls = []

    def conjugated(block):
        calls.append(block.shape)
        return np.conjugate(block)

    f = dd.rules.tangent_rule(lambda a: np.conjugate(np.asarray(a)))(lambda y, a, *, da: da.map(conjugated, conjugated))
    z = X + 1j
    for _ in range(2):
        assert_allclose(dd.jvp(f, (z,), (1j * z,))[1], np.conjugate(1j * z))
    assert calls == [(2, 3), (1, 3), (1, 3), (1, 3), (1, 3)]


def power(a, b, n=2):
    return np.asarray(a) * np.asarray(b) ** n


def test_parameters_are_those_of_the_function():
    with pytest.raises(TypeError, match="its rule has 'b' at place 0, and the function at place 1"):
        dd.rules.tangent_rule(power)(lambda y, b, a, n=2, *, da, db: da * b**n)
    with pytest.raises(TypeError, match="has 'n' at place 1"):
        dd.rules.composite(power)(lambda a, n=2: a)
    with pytest.raises(TypeError, match="n=3, and the function n=2"):
        dd.rules.composite(power)(lambda a, b, n=3: a)
    with pytest.raises(TypeError, match="n=3, and the function n=2"):
        dd.rules.tangent_rule(power)(lambda y, a, b, n=3, *, da: da)
    f = dd.rules.composite(power)(lambda a, b, n=2: a * b**n)
    assert_allclose(dd.grad(lambda x: np.sum(f(b=x, a=2.0)))(X), 4 * X)


NO_REARRANGEMENTS = {
    "a product": lambda a, b: np.asarray(a) * np.asarray(b),
    "a minimum": lambda a, b: np.minimum(np.asarray(a), np.asarray(b)),
    "a maximum": lambda a, b: np.where(np.asarray(a) > np.asarray(b), a, b),
    "a sum": lambda a, b: np.asarray(a) + np.asarray(b),
    "rounded": lambda a, b: np.round(a),
    "sorted": lambda a, b: np.sort(a),
    "an index": lambda a, b: np.asarray(a)[np.asarray(b).astype(int)],
}


@pytest.mark.parametrize("transform", [dd.jacfwd, dd.jacrev])
@pytest.mark.parametrize("function", NO_REARRANGEMENTS.values(), ids=NO_REARRANGEMENTS)
def test_what_does_more_than_rearrange(function, transform):
    f = dd.rules.rearranging(function, data=(0, 1))
    whole = np.array([1.0, 3.0, 2.0])

    with pytest.raises(dd.UnsupportedFunction, match="does not only move entries"):
        transform(lambda x: f(x, np.array([0.0, 1.0, 2.0])))(whole)


@pytest.mark.parametrize("transform", [dd.jacfwd, dd.jacrev])
def test_plain_arguments_of_a_rearrangement_are_constants(transform):
    f = dd.rules.rearranging(lambda a, b: np.concatenate([np.ravel(b), np.ravel(a)[::-1], [4.0]]), data=(0, 1))

    assert_allclose(transform(lambda x: f(x, [5.0, 0.0]))(X), np.eye(6, 3, -2)[[0, 1, 4, 3, 2, 5]])
    assert_allclose(transform(lambda x: f(np.ones((2, 1)), b=x))(X), np.eye(6, 3))
    assert_allclose(transform(lambda x: f(x, x)[:-1])(X.astype(np.float32)), np.vstack([np.eye(3), np.eye(3)[::-1]]))


def test_a_formula_without_a_return():
    def formula(a):
        np.sum(a * a)

    f = dd.rules.composite(lambda a: float(np.sum(np.square(a))))(formula)
    with pytest.raises(TypeError, match="the formula of a composite returned None"):
        dd.grad(lambda x: f(x) + np.sum(x))(X)


NOT_ELEMENTWISE = {
    "softmax": lambda x: np.exp(x) / np.sum(np.exp(x)),
    "reversed": lambda x: np.asarray(x)[::-1],
    "summed up": lambda x: np.cumsum(x, axis=0),
    "centred": lambda x: x - np.mean(x),
}


@pytest.mark.parametrize("transform", [dd.jacfwd, dd.jacrev, lambda f: dd.hessian(lambda x: np.sum(f(x)))])
@pytest.mark.parametrize("function", NOT_ELEMENTWISE.values(), ids=NOT_ELEMENTWISE)
def test_a_function_that_is_not_elementwise(function, transform):
    f = dd.rules.elementwise(function, lambda y, x: y * (1 - y))
    for x in (X, X, np.outer(X, X + 1)):
        with pytest.raises(dd.UnsupportedFunction, match="is not elementwise"):
            transform(f)(x)


def test_elementwise_is_tried_once_for_each_shape_and_not_of_random_numbers_or_one_shape():
    calls = []

    def square(x):
        calls.append(np.shape(x))
        return np.asarray(x) ** 2

    f = dd.rules.elementwise(square, lambda y, x: 2 * x)
    for _ in range(2):
        assert_allclose(dd.jacfwd(f)(X), np.diag(2 * X))
    assert calls == [(3,), (2,), (3,)]

    noise = np.random.default_rng(0)
    f = dd.rules.elementwise(lambda x: np.asarray(x) + noise.normal(size=np.shape(x)), dd.rules.ONE)
    assert_allclose(dd.jacfwd(f)(X), np.eye(3))

    def of_three(x):
        assert np.shape(x) == (3,)
        return np.asarray(x) ** 2

    assert_allclose(dd.jacfwd(dd.rules.elementwise(of_three, lambda y, x: 2 * x))(X), np.diag(2 * X))
    weights = np.array([1.0, 2.0])
    weighted = dd.rules.elementwise(lambda x: weights * np.asarray(x), lambda y, x: weights)
    assert_allclose(dd.jacfwd(weighted)(X[:2]), np.diag(weights))


def test_ufuncs_with_a_core_dimension_or_two_results_are_not_elementwise():
    from numpy.linalg import _umath_linalg

    for function in (_umath_linalg.det, np.divmod):
        with pytest.raises(TypeError, match="results or a core dimension"):
            dd.rules.elementwise(function, *[dd.rules.ONE] * function.nin)
