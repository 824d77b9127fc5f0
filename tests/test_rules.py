"""Every rule of the table against something independent, at every sample.

A test is one law for one rule, and reports each sample that breaks it.  Linearity, blocks, float32, memory layout and
the agreement of nested modes are properties of the form of a rule: they are asked at every sample of the rules written
by hand, and of declared rules (one partial a line) at the largest sample of each, and at one of each line of samples
and set of shapes; so is that a second derivative is the difference of the first, beyond each rule's own partials.
"""

import functools

import numpy as np

import dualdiff as dd
from dualdiff import table
from dualdiff.errors import name_of
from dualdiff.pytrees.trees import flatten
from dualdiff.table import RULES
from dualdiff.testing import derivative_at_zero
from tests.closeness import assert_allclose
from tests.duck import Calls, Duck, unwrapped
from tests.laws import CHECKED, law
from tests.samples import functions, load_all, of_their_form


def once_for_a_sample(calculated):
    """What several laws use is calculated once (samples are made once, and have no hash)."""
    known = {}

    @functools.wraps(calculated)
    def remembered(sample, *seed):
        key = (id(sample), *seed)
        if key not in known:
            known[key] = calculated(sample, *seed)
        return known[key]

    return remembered


@once_for_a_sample
def directions(sample, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(np.shape(arg)) for arg in sample.args)


@once_for_a_sample
def pushed(sample):
    return dd.jvp(sample.f, sample.args, directions(sample))


def numbers_of(sample):
    """The function of a sample, and its derivative along the directions that nested derivatives begin with."""
    f = lambda *args: leaves_of_duals(sample.f(*args))
    u = directions(sample, 1)
    return f, lambda *args: dd.jvp(f, args, u)[1]


@once_for_a_sample
def pushed_twice(sample):
    return dd.jvp(numbers_of(sample)[1], sample.args, directions(sample, 2))


def leaves_of(tree):
    return [leaf for leaf in flatten(tree)[0] if np.asarray(leaf).dtype.kind in "fc"]


def assert_same(actual, expected, **options):
    actual, expected = leaves_of(actual), leaves_of(expected)
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected, strict=True):
        assert_allclose(a, b, **options)


@law()
def test_value_is_bit_for_bit_that_of_plain_numpy(sample):
    y, _ = pushed(sample)
    plain = sample.f(*sample.args)

    for a, b in zip(flatten(y)[0], flatten(plain)[0], strict=True):
        assert type(a) is type(b)
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert np.shape(a) == np.shape(b)
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


@law()
def test_jvp_is_the_extrapolated_difference(sample):
    v = directions(sample)

    def along(t):
        return leaves_of(sample.f(*(x + t * d for x, d in zip(sample.args, v, strict=True))))

    for exact, estimate in zip(leaves_of(pushed(sample)[1]), derivative_at_zero(along, 2e-4, enough=1e-9), strict=True):
        assert_allclose(exact, estimate, rtol=2e-8, atol=2e-8)


@law(of=of_their_form)
def test_tangent_is_linear(sample):
    u, v = directions(sample), directions(sample, 1)
    mixed = tuple(2.0 * a - 0.5 * b for a, b in zip(u, v, strict=True))
    dmixed = leaves_of(dd.jvp(sample.f, sample.args, mixed)[1])
    dv = leaves_of(pushed_twice(sample)[0] if sample.second else dd.jvp(sample.f, sample.args, v)[1])

    for a, b, c in zip(leaves_of(pushed(sample)[1]), dv, dmixed, strict=True):
        assert_allclose(c, 2.0 * a - 0.5 * b, rtol=1e-10, atol=1e-10)


@law(of=of_their_form)
def test_block_of_directions_is_the_directions_one_by_one(sample):
    argnums = tuple(range(len(sample.args)))
    v = directions(sample)
    f = sample.f
    jacobian = dd.jacfwd(lambda *args: leaves_of_duals(f(*args)), argnums)(*sample.args)

    for row, expected in zip(jacobian, leaves_of(pushed(sample)[1]), strict=True):
        total = sum(np.tensordot(np.asarray(part), d, axes=np.ndim(d)) for part, d in zip(row, v, strict=True))
        assert_allclose(total, expected, rtol=1e-10, atol=1e-10)


def leaves_of_duals(tree):
    return [leaf for leaf in flatten(tree)[0] if isinstance(leaf, dd.Dual) or np.asarray(leaf).dtype.kind in "fc"]


@law(of=lambda sample: sample.second and of_their_form(sample))
def test_second_derivative_by_nesting_is_the_difference_of_the_first(sample):
    _, first = numbers_of(sample)
    _, second = pushed_twice(sample)
    v = directions(sample, 2)

    def along(t):
        return leaves_of(first(*(x + t * d for x, d in zip(sample.args, v, strict=True))))

    for exact, estimate in zip(leaves_of(second), derivative_at_zero(along, 2e-4, enough=1e-9), strict=True):
        assert_allclose(exact, estimate, rtol=1e-7, atol=1e-7)


@law(of=of_their_form)
def test_float32_stays_float32(sample):
    args = tuple(np.float32(arg) for arg in sample.args)
    v = tuple(np.float32(d) for d in directions(sample))
    y, ydot = dd.jvp(sample.f, args, v)

    plain = sample.f(*args)
    for a, b in zip(leaves_of(ydot), leaves_of(plain), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
    for a, b in zip(leaves_of(ydot), leaves_of(pushed(sample)[1]), strict=True):
        assert_allclose(a, b, rtol=5e-3, atol=5e-3)
    assert_same(y, plain, rtol=0)


@law(of=of_their_form)
def test_memory_layout_of_the_arguments_does_not_matter(sample):
    v = directions(sample)
    contiguous = leaves_of(sample.f(*(np.array(x, order="C") for x in sample.args)))
    tried = [[getattr(x, "strides", None) for x in sample.args]]  # a number has none, and becomes an array
    for lay_out in (strided, backwards, np.asfortranarray):
        args = tuple(lay_out(np.asarray(x)) if np.ndim(x) else np.asarray(x) for x in sample.args)
        if [arg.strides for arg in args] in tried:
            continue
        tried.append([arg.strides for arg in args])
        before = [arg.copy() for arg in args]
        y, ydot = dd.jvp(sample.f, args, v)
        for arg, original in zip(args, before, strict=True):
            assert arg.tobytes() == original.tobytes()

        # NumPy may round differently for another layout (and NumPy 2.0 has np.max(backwards, out=...) wrong).
        plain = leaves_of(sample.f(*args))
        for a, b, c in zip(leaves_of(y), plain, contiguous, strict=True):
            assert np.asarray(a).tobytes() in (np.asarray(b).tobytes(), np.asarray(c).tobytes())
        # The results of some functions are those of the order in memory.
        same = all(
            np.array_equal(b, c) or np.allclose(b, c, equal_nan=True) for b, c in zip(plain, contiguous, strict=True)
        )
        expected = pushed(sample)[1] if same else dd.jvp(sample.f, tuple(arg.copy("K") for arg in args), v)[1]
        assert_same(ydot, expected, rtol=1e-10, atol=1e-10)


def strided(x):
    return np.repeat(x, 2, axis=-1)[..., ::2]


def backwards(x):
    return np.ascontiguousarray(x[::-1])[::-1]


@law(of=lambda sample: sample.duck)
def test_rule_never_converts_a_value_to_ndarray(sample):
    """On an array that refuses conversion: what keeps nesting, tracing and other array types possible."""
    calls = Calls()
    args = tuple(Duck(np.asarray(arg), calls) for arg in sample.args)
    v = tuple(Duck(np.asarray(d), calls) for d in directions(sample))
    _, ydot = dd.jvp(sample.f, args, v)

    assert calls.number or all(np.size(arg) == 0 for arg in sample.args)
    assert_same(unwrapped(ydot), pushed(sample)[1], rtol=1e-12, atol=1e-12)


def test_every_rule_has_a_sample():
    sampled = {sample.function for sample in load_all()}

    assert not [name_of(function) for function in functions() if function not in sampled]
    assert not [name_of(function) for function in sampled if function not in RULES]


def test_laws_are_asked_of_every_rule():
    """Rules enter the table as they are needed: a list made too early has those of np.linalg and np.fft left out."""
    table.complete("numpy")

    assert {name_of(function) for function in functions()} == {name_of(function) for function in CHECKED}
    assert {"np.linalg.det", "np.fft.fft"} <= {*map(name_of, CHECKED)}


@law()
def test_pullback_is_the_adjoint_of_the_pushforward(sample):
    """⟨ȳ, J ẋ⟩ = ⟨Jᵀ ȳ, ẋ⟩: reverse mode runs the same rule backwards."""
    v = directions(sample)
    f = lambda *args: leaves_of_duals(sample.f(*args))
    y, pullback = dd.vjp(f, *sample.args)
    assert_adjoint(y, leaves_of(pushed(sample)[1]), pullback, v)


@law(of=lambda sample: sample.second and of_their_form(sample))
def test_forward_over_reverse_and_reverse_over_forward_agree_with_nested_forward(sample):
    u, v = directions(sample, 1), directions(sample, 2)
    f, first = numbers_of(sample)
    y, second = pushed_twice(sample)
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
