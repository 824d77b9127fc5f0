"""Every rule of the table against something independent, at every sample."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.errors import name_of
from dualdiff.pytrees.trees import flatten
from dualdiff.table import RULES
from dualdiff.testing import derivative_at_zero
from tests.duck import Duck, unwrapped
from tests.samples import load_all

SAMPLES = load_all()
each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=str)


def directions(sample, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(np.shape(arg)) for arg in sample.args)


def leaves_of(tree):
    return [leaf for leaf in flatten(tree)[0] if np.asarray(leaf).dtype.kind in "fc"]


def assert_same(actual, expected, **options):
    actual, expected = leaves_of(actual), leaves_of(expected)
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected, strict=True):
        assert_allclose(a, b, **options)


@each_sample
def test_value_is_bit_for_bit_that_of_plain_numpy(sample):
    y, _ = dd.jvp(sample.f, sample.args, directions(sample))
    plain = sample.f(*sample.args)

    for a, b in zip(flatten(y)[0], flatten(plain)[0], strict=True):
        assert type(a) is type(b)
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert np.shape(a) == np.shape(b)
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


@each_sample
def test_jvp_is_the_extrapolated_difference(sample):
    v = directions(sample)
    _, ydot = dd.jvp(sample.f, sample.args, v)

    def along(t):
        return leaves_of(sample.f(*(x + t * d for x, d in zip(sample.args, v, strict=True))))

    for exact, estimate in zip(leaves_of(ydot), derivative_at_zero(along, 2e-4), strict=True):
        assert_allclose(exact, estimate, rtol=2e-8, atol=2e-8)


@each_sample
def test_tangent_is_linear(sample):
    u, v = directions(sample, 1), directions(sample, 2)
    mixed = tuple(2.0 * a - 0.5 * b for a, b in zip(u, v, strict=True))
    du, dv, dmixed = (leaves_of(dd.jvp(sample.f, sample.args, w)[1]) for w in (u, v, mixed))

    for a, b, c in zip(du, dv, dmixed, strict=True):
        assert_allclose(c, 2.0 * a - 0.5 * b, rtol=1e-10, atol=1e-10)


@each_sample
def test_block_of_directions_is_the_directions_one_by_one(sample):
    argnums = tuple(range(len(sample.args)))
    v = directions(sample)
    f = sample.f
    jacobian = dd.jacfwd(lambda *args: leaves_of_duals(f(*args)), argnums)(*sample.args)
    _, ydot = dd.jvp(f, sample.args, v)

    for row, expected in zip(jacobian, leaves_of(ydot), strict=True):
        total = sum(np.tensordot(np.asarray(part), d, axes=np.ndim(d)) for part, d in zip(row, v, strict=True))
        assert_allclose(total, expected, rtol=1e-10, atol=1e-10)


def leaves_of_duals(tree):
    return [leaf for leaf in flatten(tree)[0] if isinstance(leaf, dd.Dual) or np.asarray(leaf).dtype.kind in "fc"]


@each_sample
def test_second_derivative_by_nesting_is_the_difference_of_the_first(sample):
    if not sample.second:
        pytest.skip("no second derivative at this point")
    u, v = directions(sample, 1), directions(sample, 2)

    def first(*args):
        return leaves_of_duals(dd.jvp(sample.f, args, u)[1])

    _, second = dd.jvp(first, sample.args, v)

    def along(t):
        return leaves_of(first(*(x + t * d for x, d in zip(sample.args, v, strict=True))))

    for exact, estimate in zip(leaves_of(second), derivative_at_zero(along, 2e-4), strict=True):
        assert_allclose(exact, estimate, rtol=1e-7, atol=1e-7)


@each_sample
def test_float32_stays_float32(sample):
    args = tuple(np.float32(arg) for arg in sample.args)
    v = tuple(np.float32(d) for d in directions(sample))
    y, ydot = dd.jvp(sample.f, args, v)
    _, wide = dd.jvp(sample.f, sample.args, directions(sample))

    plain = sample.f(*args)
    for a, b in zip(leaves_of(ydot), leaves_of(plain), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
    for a, b in zip(leaves_of(ydot), leaves_of(wide), strict=True):
        assert_allclose(a, b, rtol=5e-3, atol=5e-3)
    assert_same(y, plain, rtol=0)


@each_sample
@pytest.mark.parametrize("layout", ["strided", "backwards", "fortran"])
def test_memory_layout_of_the_arguments_does_not_matter(sample, layout):
    def laid_out(x):
        x = np.asarray(x)
        if x.ndim == 0:
            return x
        if layout == "fortran":
            return np.asfortranarray(x)
        if layout == "backwards":
            return np.ascontiguousarray(x[::-1])[::-1]
        return np.repeat(x, 2, axis=-1)[..., ::2]

    args, v = tuple(map(laid_out, sample.args)), directions(sample)
    before = [arg.copy() for arg in args]
    y, ydot = dd.jvp(sample.f, args, v)
    for arg, original in zip(args, before, strict=True):
        assert arg.tobytes() == original.tobytes()

    _, expected = dd.jvp(sample.f, tuple(arg.copy("K") for arg in args), v)
    assert_same(ydot, expected, rtol=1e-10, atol=1e-10)
    # NumPy may round differently for another layout (and NumPy 2.0 has np.max(backwards, out=...) wrong).
    contiguous = leaves_of(sample.f(*(arg.copy() for arg in args)))
    for a, b, c in zip(leaves_of(y), leaves_of(sample.f(*args)), contiguous, strict=True):
        assert np.asarray(a).tobytes() in (np.asarray(b).tobytes(), np.asarray(c).tobytes())


@each_sample
def test_rule_never_converts_a_value_to_ndarray(sample):
    """On an array that refuses conversion: what keeps nesting, tracing and other array types possible."""
    if not sample.duck:
        pytest.skip("the sample itself needs ndarray")
    calls = []
    args = tuple(Duck(np.asarray(arg), calls) for arg in sample.args)
    v = tuple(Duck(np.asarray(d), calls) for d in directions(sample))
    _, ydot = dd.jvp(sample.f, args, v)
    _, expected = dd.jvp(sample.f, tuple(np.asarray(arg) for arg in sample.args), directions(sample))

    assert calls or all(np.size(arg) == 0 for arg in sample.args)
    assert_same(unwrapped(ydot), expected, rtol=1e-12, atol=1e-12)


def test_every_rule_has_a_sample():
    sampled = {sample.function for sample in SAMPLES}
    missing = [
        name_of(function)
        for function, rule in RULES.items()
        if rule.form not in ("passive", "refused")
        and function not in sampled
        and rule.function is function  # those behind dualdiff.scipy have tests of their own
    ]
    assert not missing


@each_sample
def test_pullback_is_the_adjoint_of_the_pushforward(sample):
    """⟨ȳ, J ẋ⟩ = ⟨Jᵀ ȳ, ẋ⟩: reverse mode runs the same rule backwards."""
    v = directions(sample)
    f = lambda *args: leaves_of_duals(sample.f(*args))
    _, ydot = dd.jvp(f, sample.args, v)
    y, pullback = dd.vjp(f, *sample.args)
    assert_adjoint(y, ydot, pullback, v)


@each_sample
def test_forward_over_reverse_and_reverse_over_forward_agree_with_nested_forward(sample):
    if not sample.second:
        pytest.skip("no second derivative at this point")
    u, v = directions(sample, 1), directions(sample, 2)
    f = lambda *args: leaves_of_duals(sample.f(*args))
    first = lambda *args: dd.jvp(f, args, u)[1]
    y, second = dd.jvp(first, sample.args, v)
    rng = np.random.default_rng(3)
    y_bar = [cotangent_like(a, rng) for a in y]
    expected = sum(np.sum(np.real(a * b)) for a, b in zip(y_bar, second, strict=True))
    size = 1e-9 * (1 + sum(np.sum(np.abs(a * b)) for a, b in zip(y_bar, second, strict=True)))

    x_bar = dd.vjp(first, *sample.args)[1](y_bar)
    assert abs(sum(np.sum(a * b) for a, b in zip(x_bar, v, strict=True)) - expected) < size
    gradient = lambda *args: dd.vjp(f, *args)[1](y_bar)
    for by in (dd.jvp(gradient, sample.args, v)[1], dd.vjp(gradient, *sample.args)[1](v)):
        assert abs(sum(np.sum(a * b) for a, b in zip(by, u, strict=True)) - expected) < size


def cotangent_like(y, rng):
    y = np.asarray(y)
    if y.dtype.kind == "c":
        return (rng.standard_normal(y.shape) + 1j * rng.standard_normal(y.shape)).astype(y.dtype)
    return rng.standard_normal(y.shape).astype(y.dtype)


def assert_adjoint(y, ydot, pullback, v):
    rng = np.random.default_rng(3)
    y_bar = [cotangent_like(a, rng) for a in y]
    x_bar = pullback(y_bar)
    terms = [np.real(a * b) for a, b in zip(y_bar, ydot, strict=True)]
    size = 1e-10 * (1 + sum(np.sum(np.abs(term)) for term in terms))
    assert abs(sum(np.sum(term) for term in terms) - sum(np.sum(a * b) for a, b in zip(x_bar, v, strict=True))) < size
    for a, b in zip(x_bar, v, strict=True):
        assert np.shape(a) == np.shape(b)
