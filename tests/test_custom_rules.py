"""Custom rules and `stop_gradient` meet everything that carries a derivative: Duals, Variables, object arrays, trees.

The right values are worked out by hand: of the rules as they are declared, not of the functions they belong to.
"""

import functools
import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.values.objects import carries
from tests.sharing_functions import calling_twice, filled, overwritten, returned, reversed_view

X = np.array([0.3, 0.8])


@dd.custom_vjp
def clip(x):
    return x


clip.defvjp(lambda x: (x, None), lambda _, ct: (np.clip(ct, -1.0, 1.0),))


@dd.custom_jvp
def mul(a, b):
    return a * b


@mul.defjvp
def mul_jvp(primals, tangents):
    (a, b), (da, db) = primals, tangents
    return mul(a, b), 10.0 * (da * b + a * db)


@dd.custom_vjp
def mul_back(a, b):
    return a * b


mul_back.defvjp(lambda a, b: (a * b, (a, b)), lambda ab, ct: (10.0 * ct * ab[1], 10.0 * ct * ab[0]))


@dd.custom_jvp
def straight_through(x):
    return np.round(x)


straight_through.defjvp(lambda primals, tangents: (np.round(primals[0]), tangents[0]))


# Does this carry a derivative?


def test_one_question_knows_duals_variables_object_arrays_and_containers():
    w = dd.Variable(X)
    assert carries(w) and carries([1.0, (w,)]) and carries({"w": w}) and carries(np.array([w[0], 1.0]))
    assert not any(map(carries, (X, 1.0, None, "x", [X, 2], {"x": (X,)}, np.array([1, "x", None], dtype=object))))
    seen = []

    def f(x):
        for door in (x, x[0], np.asarray(x), np.array([x[0], 1.0]), [x], {"x": (1, x)}, np.array(None)):
            seen.append(carries(door))
        return np.sum(x)

    dd.grad(f)(X)
    assert seen == [True] * 6 + [False]


# Variables.


def test_custom_vjp_of_a_variable_uses_its_rule():
    w = dd.Variable(X)
    np.sum(5 * clip(w)).backward()
    assert_array_equal(w.grad, [1.0, 1.0])
    assert_array_equal(dd.grad(lambda: np.sum(5 * clip(w)), argnums=None, weights=[w])()[0], [1.0, 1.0])


def test_custom_jvp_of_a_variable_uses_its_rule_and_returns_a_variable():
    w = dd.Variable(X)
    y = straight_through(w * 3)
    assert type(y) is dd.Variable
    assert_array_equal(y.value, [1.0, 2.0])
    np.sum(y).backward()
    assert_array_equal(w.grad, [3.0, 3.0])


@pytest.mark.parametrize("product", [mul, mul_back])
def test_one_dual_and_one_captured_weight_both_get_their_gradient(product):
    w = dd.Variable(2.0)
    of_x, (of_w,) = dd.grad(lambda x: product(x, w), argnums=0, weights=[w])(3.0)
    assert (of_x, of_w) == (20.0, 30.0)
    assert type(of_x) is float and type(of_w) is not dd.Variable
    assert dd.grad(lambda x: product(w, x), argnums=None, weights=[w])(3.0)[0] == 30.0


@pytest.mark.parametrize("product", [mul, mul_back])
def test_a_variable_that_is_no_weight_is_a_constant_of_an_outer_level(product):
    w = dd.Variable(2.0)
    gradient = dd.grad(lambda x: product(x, w) * x)(3.0)  # 10 w x + product(x, w)
    assert gradient.value == 66.0
    gradient.backward()
    # The rule of mul calls mul for its result, whose derivative is 10 x again; fwd of mul_back differentiates a * b.
    assert w.grad == (30.0 + 30.0 if product is mul else 30.0 + 3.0)


def test_custom_rules_of_trees_of_variables():
    @dd.custom_jvp
    def total(p):
        return p["a"] * p["b"][0]

    total.defjvp(lambda p, t: (total(*p), 7.0 * t[0]["a"] + 8.0 * t[0]["b"][0]))
    a, b = dd.Variable(2.0), dd.Variable(5.0)
    total({"a": a, "b": [b]}).backward()
    assert (a.grad, b.grad) == (7.0, 8.0)


def test_custom_rules_of_variables_by_keyword():
    w = dd.Variable(2.0)
    mul(3.0, b=w).backward()
    assert w.grad == 30.0


# Object arrays.


def test_custom_rules_of_object_arrays_are_used():
    f = lambda x: np.sum(straight_through(np.asarray(x)))
    assert_array_equal(dd.grad(f)(X), [1.0, 1.0])
    assert_array_equal(dd.jacfwd(f)(X), [1.0, 1.0])
    assert_array_equal(dd.grad(lambda x: np.sum(straight_through(np.array([x[1], 2.0]))))(X), [0.0, 1.0])
    assert_array_equal(dd.grad(lambda x: 5 * np.sum(clip(np.asarray(x))))(X), [1.0, 1.0])
    w = dd.Variable(X)
    np.sum(straight_through(np.array([w[1], w[0]])) * np.array([2.0, 3.0])).backward()
    assert_array_equal(w.grad, [3.0, 2.0])


def test_a_rule_may_build_its_results_with_np_array():
    @dd.custom_jvp
    def f(x):
        return np.array([x[0] ** 2, x[1]])

    f.defjvp(lambda p, t: (np.array([p[0][0] ** 2, p[0][1]]), np.array([2 * t[0][0], 3 * t[0][1]])))
    for jacobian in (dd.jacfwd, dd.jacrev):
        assert_array_equal(jacobian(f)(X), np.diag([2.0, 3.0]))
    g = dd.custom_vjp(lambda x: x)
    g.defvjp(lambda x: (np.array([x[0], x[1]]), x), lambda x, ct: (np.array([ct[0] * x[1], ct[1]]),))
    assert_array_equal(dd.jacrev(g)(X), np.diag([0.8, 1.0]))
    assert_array_equal(dd.jacfwd(dd.grad(lambda x: np.sum(g(x))))(X), [[0.0, 1.0], [0.0, 0.0]])


# Rules that are not linear.


def with_rule(rule):
    f = dd.custom_jvp(lambda x: np.sin(x))
    f.defjvp(rule)
    return f


NOT_LINEAR = {
    "power": lambda p, t: (np.sin(p[0]), t[0] ** 2),
    "constant": lambda p, t: (np.sin(p[0]), np.ones(np.shape(p[0]))),
    "numpy's maximum": lambda p, t: (np.sin(p[0]), np.maximum(t[0], 0.0)),
    "absolute": lambda p, t: (np.sin(p[0]), np.abs(t[0])),
    "affine": lambda p, t: (np.sin(p[0]), t[0] + 1),
    "product": lambda p, t: (np.sin(p[0]), t[0] * t[0] * p[0]),
    "clipped": lambda p, t: (np.sin(p[0]), np.clip(t[0], -1, 1)),
    "selected": lambda p, t: (np.sin(p[0]), np.where(t[0] > 0, t[0], 2 * t[0])),
    "extreme": lambda p, t: (np.sin(p[0]), np.max(t[0]) + 0.0 * t[0]),
    "sine": lambda p, t: (np.sin(p[0]), np.sin(t[0])),
}


@pytest.mark.parametrize("kind", NOT_LINEAR)
@pytest.mark.parametrize("x", [X, X[:, None], np.ones((2, 3), np.float32)], ids=["vector", "matrix", "float32"])
def test_a_rule_that_is_not_linear_in_its_tangents_raises(kind, x):
    f = with_rule(NOT_LINEAR[kind])
    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises(TypeError, match="not linear in the tangents"):
            transform(f)(x)
    with pytest.raises(TypeError, match="not linear in the tangents"):
        np.sum(f(dd.Variable(x))).backward()


def test_a_branch_on_a_tangent_raises():
    f = with_rule(lambda p, t: (np.sin(p[0]), max(t[0], 0)))
    for transform in (dd.derivative, dd.grad):
        with pytest.raises(TypeError, match="no power, product, maximum or branch of a tangent"):
            transform(f)(0.4)


LOOKING = {
    "any": lambda p, t: (np.sin(p[0]), np.cos(p[0]) * t[0] if np.any(t[0]) else np.zeros_like(p[0])),
    "where": lambda p, t: (np.sin(p[0]), np.where(t[0] == 0, 0.0, np.cos(p[0]) * t[0])),
    "nonzero": lambda p, t: (np.sin(p[0]), np.cos(p[0]) * t[0] * (t[0] != 0)),
}


@pytest.mark.parametrize("transform", [dd.jacfwd, dd.jacrev])
@pytest.mark.parametrize("rule", LOOKING.values(), ids=LOOKING)
def test_a_rule_that_asks_whether_a_tangent_is_zero_raises(rule, transform):
    with pytest.raises(dd.DerivativeLost, match="not linear"):
        transform(with_rule(rule))(X)


def test_linearity_is_tried_for_each_option():
    f = dd.custom_jvp(lambda way, x, flag: x**2, nondiff_argnums=0)
    f.defjvp(lambda way, p, t: (p[0] ** 2, 2 * p[0] * t[0] ** (2 if way == "squared" or p[1] else 1)))

    assert_array_equal(dd.jacfwd(lambda x: f("plain", x, False))(X), np.diag(2 * X))
    for way, flag in (("squared", False), ("plain", True)):
        with pytest.raises(dd.DerivativeLost, match="not linear"):
            dd.jacfwd(lambda x, way=way, flag=flag: f(way, x, flag))(X)


def test_a_rule_that_mixes_two_tangents_raises():
    f = dd.custom_jvp(lambda x, y: x * y)
    f.defjvp(lambda p, t: (p[0] * p[1], t[0] * p[1] + t[1] * p[0] + t[0] * t[1]))
    with pytest.raises(TypeError, match="not linear"):
        dd.grad(lambda x: f(x, x))(0.4)


def test_linearity_is_tried_once_for_each_shape():
    calls = []

    def rule(p, t):
        calls.append(np.shape(p[0]))
        return np.sin(p[0]), 2 * t[0]

    f = with_rule(rule)
    for _ in range(3):
        assert dd.derivative(f)(0.3) == 2.0
    assert len(calls) == 3 + 3
    assert_array_equal(dd.jacfwd(f)(X), 2 * np.eye(2))
    assert len(calls) == 6 + 4


def test_linear_rules_of_every_kind_are_accepted():
    A = np.array([[4.0, 1.0], [1.0, 3.0]])
    f = with_rule(lambda p, t: (np.sin(p[0]), np.linalg.solve(A, t[0]) + np.cumsum(t[0])[::-1] * p[0] - 0.0 * t[0]))
    expected = np.linalg.inv(A) + X[:, None] * np.tril(np.ones((2, 2)))[::-1]
    assert_allclose(dd.jacfwd(f)(X), expected, rtol=1e-14)
    assert_allclose(dd.jacrev(f)(X), expected, rtol=1e-14)
    zero = with_rule(lambda p, t: (np.sin(p[0]), np.zeros_like(p[0])))
    assert_array_equal(dd.jacrev(zero)(X), np.zeros((2, 2)))
    in_place = with_rule(lambda p, t: (np.sin(p[0]), t[0].__imul__(3.0)))
    assert_array_equal(dd.jacfwd(in_place)(X), 3 * np.eye(2))


def test_an_infinite_partial_is_no_sign_of_a_rule_that_is_not_linear():
    @dd.custom_jvp
    def root(x):
        return np.sqrt(x)

    def rule(p, t):
        with np.errstate(divide="ignore"):
            return root(p[0]), t[0] * (0.5 / np.sqrt(p[0]))

    root.defjvp(rule)
    assert_array_equal(dd.jvp(root, (np.array([0.0, 4.0]),), (np.ones(2),))[1], [np.inf, 0.25])


# What a function closes over.


def test_a_custom_jvp_that_closes_over_a_differentiated_value():
    def f(a):
        s = dd.custom_jvp(lambda x: x * a)
        s.defjvp(lambda p, t: (p[0] * a, a * t[0]))
        return s(2 * a)  # 2 a²

    for transform in (dd.derivative, dd.grad):
        assert transform(f)(3.0) == 12.0
        assert transform(transform(f))(3.0) == 4.0
    w = dd.Variable(3.0)
    f(w).backward()
    assert w.grad == 12.0


def test_a_custom_vjp_that_closes_over_a_differentiated_value():
    def f(a):
        s = dd.custom_vjp(lambda x: x * a)
        s.defvjp(lambda x: (x * a, a), lambda a, ct: (a * ct,))
        return s(2 * a)

    assert dd.grad(f)(3.0) == 12.0
    assert dd.grad(dd.grad(f))(3.0) == 4.0
    w = dd.Variable(3.0)
    f(w).backward()
    assert w.grad == 12.0 and type(w.grad) is not dd.Variable


class Spring:
    """Methods with rules of their own: k x² stretched by a."""

    def __init__(self, k):
        self.k = k

    @dd.custom_jvp
    def forward(self, x, a):
        return self.k * x**2 * a

    @forward.defjvp
    def _(primals, tangents):  # noqa: N805
        (self, x, a), (_, xdot, adot) = primals, tangents
        return self.forward(x, a), self.k * (2 * x * a * xdot + x**2 * adot)

    @functools.partial(dd.custom_vjp, nondiff_argnums=(0,))
    def backward(self, x, a):
        return self.k * x**2 * a

    backward.defvjp(
        lambda self, x, a: (self.k * x**2 * a, (self.k, x, a)),
        lambda self, kept, ct: (2 * kept[0] * kept[1] * kept[2] * ct, np.sum(kept[0] * kept[1] ** 2 * ct)),
    )


@pytest.mark.parametrize("name", ["forward", "backward"])
def test_a_method_with_a_rule_of_its_own(name):
    x, squares = np.array([0.5, -1.5]), 2.5
    of = lambda k: getattr(Spring(k), name)

    assert_array_equal(of(7.0)(x, 2.0), 14 * x**2)
    assert_array_equal(dd.grad(lambda x: np.sum(of(7.0)(x, 1.0) - of(0.5)(x, a=3.0)))(x), 11.0 * x)
    assert_array_equal(dd.grad(lambda x: np.sum(getattr(Spring, name)(Spring(2.0), x, 1.0)))(x), 4 * x)
    assert dd.grad(lambda a: np.sum(of(0.5)(x, a)))(3.0) == 0.5 * squares
    # What the object holds is what a rule closes over.
    assert dd.grad(lambda k: np.sum(of(k)(x, 2.0)))(2.0) == 2 * squares
    assert dd.grad(lambda k: np.sum(of(k)(k * x, 1.0)))(2.0) == 12 * squares
    assert dd.grad(dd.grad(lambda k: np.sum(of(k)(k * x, 1.0))))(2.0) == 12 * squares
    if name == "forward":
        assert_array_equal(dd.jvp(of(7.0), (x, 1.0), (x, 0.0))[1], 14 * x**2)


def test_bwd_that_closes_over_a_differentiated_value_says_how_to_pass_it():
    def f(a):
        s = dd.custom_vjp(lambda x: x * a)
        s.defvjp(lambda x: (x * a, None), lambda _, ct: (a * ct,))
        return s(2 * a)

    with pytest.raises(dd.EscapedDual) as caught:
        dd.grad(f)(3.0)
    assert "Return the value from fwd, among the residuals." in caught.value.__notes__[0]


def test_inner_derivatives_of_what_a_rule_closes_over():
    def f(x):
        def inner(b):
            s = dd.custom_jvp(lambda y: y * b)
            s.defjvp(lambda p, t: (p[0] * b, b * t[0]))
            return s(x * x)  # x² b, where x belongs to the outer level

        return dd.derivative(inner)(2.0) * x  # x³

    assert dd.derivative(f)(3.0) == 27.0
    assert dd.grad(f)(3.0) == 27.0

    def g(x):
        s = dd.custom_jvp(lambda y: y * x)
        s.defjvp(lambda p, t: (p[0] * x, x * t[0]))
        return dd.derivative(lambda b: s(b * b))(2.0)  # 4 x

    assert dd.derivative(g)(3.0) == 4.0


@pytest.mark.parametrize("closed_over", ["jvp", "vjp"])
def test_a_weight_that_a_rule_closes_over_gets_its_gradient(closed_over):
    w = dd.Variable(2.0)
    if closed_over == "jvp":
        f = dd.custom_jvp(lambda x: x * w)
        f.defjvp(lambda p, t: (p[0] * w, 10.0 * w * t[0]))
    else:
        f = dd.custom_vjp(lambda x: x * w)
        f.defvjp(lambda x: (x * w, None), lambda _, ct: (10.0 * w * ct,))
    of_x, (of_w,) = dd.grad(f, argnums=0, weights=[w])(3.0)
    assert (of_x, of_w) == (20.0, 3.0)
    assert not isinstance(of_x, dd.Variable) and not isinstance(of_w, dd.Variable)
    v = dd.Variable(3.0)
    f(v).backward()
    assert (v.grad, w.grad) == (20.0, 3.0)
    assert not isinstance(v.grad, dd.Variable)


def test_a_derivative_in_an_argument_that_has_none_is_refused():
    f = dd.custom_jvp(lambda n, x: n * x, nondiff_argnums=(0,))
    f.defjvp(lambda n, p, t: (n * p[0], n * t[0]))
    w = dd.Variable(3.0)
    assert dd.derivative(lambda x: f(2, x))(3.0) == 2.0
    for n in (lambda x: x, lambda x: [x], lambda x: w):
        with pytest.raises(TypeError, match="argument 0 is among nondiff_argnums, and carries a derivative"):
            dd.grad(lambda x, n=n: f(n(x), x))(3.0)
    assert dd.grad(lambda x: f(dd.stop_gradient(x), x))(3.0) == 3.0


# stop_gradient.


def test_stop_gradient_of_a_variable():
    w = dd.Variable(X)
    np.sum(dd.stop_gradient(w) * w).backward()
    assert_array_equal(w.grad, X)
    assert type(dd.stop_gradient(w)) is np.ndarray
    (g,) = dd.grad(lambda: np.sum(dd.stop_gradient(w) * w), argnums=None, weights=[w])()
    assert_array_equal(g, X)


STOPPED = {
    "object array": lambda x: np.sum(dd.stop_gradient(np.asarray(x)) * x),
    "object array with plain entries": lambda x: np.sum(dd.stop_gradient(np.array([x[0], 0.8])) * x),
    "dict": lambda x: np.sum(dd.stop_gradient({"a": x, "b": 1.0})["a"] * x),
    "nested": lambda x: np.sum(dd.stop_gradient([(x, None), {"c": np.asarray(x)}])[1]["c"] * x),
    "complex entries": lambda x: np.sum(np.real(dd.stop_gradient(np.array([x[0] + 1j, x[1] + 0j], object))) * x),
    "complex": lambda x: np.sum(np.real(dd.stop_gradient(x + 1j * x)) * x),
    "a list of scalars": lambda x: sum(a * b for a, b in zip(dd.stop_gradient([x[0], x[1]]), x, strict=True)),
}


@pytest.mark.parametrize("kind", STOPPED)
def test_stop_gradient_stops_whatever_carries_a_derivative(kind):
    f = STOPPED[kind]
    assert_allclose(dd.grad(f)(X), X, rtol=1e-15)
    assert_allclose(dd.jacfwd(f)(X), X, rtol=1e-15)
    # x·sg(x) t of the inner derivative: every level is stopped.
    assert_allclose(dd.grad(lambda x: dd.derivative(lambda t: f(x * t))(1.0))(X), X, rtol=1e-15)
    w = dd.Variable(X)
    f(w).backward()
    assert_allclose(w.grad, X, rtol=1e-15)


def test_stop_gradient_of_an_object_that_hides_a_dual_is_refused():
    class Box:
        def __init__(self, value):
            self.value = value

    for transform in (dd.grad, dd.jacfwd):
        with pytest.raises(TypeError, match="stop_gradient: a Box holds values that carry a derivative"):
            transform(lambda x: np.sum(dd.stop_gradient(Box(x)).value * x))(X)


def test_stop_gradient_leaves_what_carries_nothing_alone():
    entries = np.array([1, "x", None], dtype=object)
    assert dd.stop_gradient(entries) is entries
    assert dd.stop_gradient("x") == "x"


# Results have memory of their own, and the caller's arrays stay as they are


def _of_custom_jvp(f):
    function = dd.custom_jvp(f)
    function.defjvp(lambda primals, tangents: (f(primals[0]), f(tangents[0])))
    return function


def _of_custom_vjp(f):
    function = dd.custom_vjp(f)
    function.defvjp(lambda x: (f(x), None), lambda _, cotangent: (f(cotangent).copy(),))
    return function


def _of_linear(f):
    return dd.linear(f, f)


@pytest.mark.parametrize(
    ("make", "f"),
    [
        *itertools.product([_of_custom_jvp, _of_custom_vjp, _of_linear], [returned, reversed_view, overwritten]),
        (_of_linear, filled),  # a plain work array has no room for what the others are given
    ],
)
def test_what_a_rule_returns_shares_no_memory(make, f):
    program, x = calling_twice(make(f)), np.array([0.7, -1.3, 2.1])
    M = np.eye(3)[::-1] if f is reversed_view else np.eye(3)
    expected = 3 * (np.diag(x) @ M + np.diag(M @ x)) + M @ np.diag(2 * x)
    if f is not overwritten:
        np.testing.assert_allclose(program(x), 3 * (M @ x) * x + M @ x**2, rtol=1e-14)
    transforms = [dd.jacrev, dd.jacobian]
    transforms += [] if make is _of_custom_vjp else [dd.jacfwd]
    transforms += [] if f is filled else [lambda f: dd.stage(dd.jacrev(f))]
    for transform in transforms:
        given = x.copy()
        np.testing.assert_allclose(transform(program)(given), expected, rtol=1e-14)
        np.testing.assert_array_equal(given, x)
    hessian = dd.hessian(lambda x: np.sum(program(x)))(x)
    np.testing.assert_allclose(hessian, 3 * (M + M.T) + 2 * np.eye(3), rtol=1e-14)


def test_results_in_containers_share_no_memory_either():
    def parted(x):
        return {"all": x, "some": (x[1:], [x[:1]])}

    parts = _of_custom_jvp(parted)
    x = np.array([0.5, 2.0])

    def program(x):
        found = parts(x)
        found["all"][...] = 7.0
        found["some"][0][...] *= found["some"][1][0]
        return x * found["some"][0][0]

    np.testing.assert_allclose(program(x), x * x[0] * x[1])
    for transform in (dd.jacfwd, dd.jacrev):
        np.testing.assert_allclose(transform(program)(x), [[2 * x[0] * x[1], x[0] ** 2], [x[1] ** 2, 2 * x[0] * x[1]]])
    np.testing.assert_array_equal(x, [0.5, 2.0])


@pytest.mark.parametrize("tangent", ["zero", object(), {1.0}])
def test_a_tangent_that_is_no_number_is_not_taken_for_zero(tangent):
    @dd.custom_jvp
    def doubled(x):
        return 2.0 * x

    doubled.defjvp(lambda primals, tangents: (2.0 * primals[0], tangent))
    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises((TypeError, ValueError), match="ydot of type"):
            transform(doubled)(3.0)


def test_results_beside_the_numbers_have_no_tangent():
    @dd.custom_jvp
    def labelled(x):
        return x**2, "label", 3

    labelled.defjvp(lambda p, t: ((p[0] ** 2, "label", 3), (2.0 * p[0] * t[0], "label", 0)))
    for transform in (dd.jacfwd, dd.jacrev):
        assert transform(lambda x: labelled(x)[0])(2.0) == 4.0
    assert labelled(2.0) == (4.0, "label", 3)


# Several results, rules declared anew, what happens to residuals.


def test_results_of_a_custom_vjp_have_their_own_parts_of_the_cotangent():
    both = dd.custom_vjp(lambda x: (2 * x, np.sum(x * x)))
    both.defvjp(lambda x: ((2 * x, np.sum(x * x)), x), lambda x, ct: (2 * ct[0] + 2 * x * ct[1],))

    j = dd.jacrev(lambda x: both(x)[0] * both(x)[1])(X)

    assert_allclose(j, 2 * np.sum(X**2) * np.eye(2) + 4 * np.outer(X, X), rtol=1e-15)


def test_residual_that_is_overwritten_before_the_way_back_is_what_it_was():
    work = np.zeros(2)

    def fwd(x):
        work[:] += 1.0
        return x * x, work

    counted = dd.custom_vjp(lambda x: x * x)
    counted.defvjp(fwd, lambda work, ct: (work * ct,))

    assert_array_equal(dd.grad(lambda x: np.sum(counted(x) + 10 * counted(x)))(X), [21.0, 21.0])


def test_cotangent_of_a_custom_vjp_reaches_all_of_its_argument_beside_an_infinite_slope():
    turned = dd.custom_vjp(lambda x: 2.0 * x[::-1])
    turned.defvjp(lambda x: (2.0 * x[::-1], None), lambda _, ct: (2.0 * ct[::-1],))

    def f(x):
        return turned(3.0 * x) + np.sqrt(x[0]) * x[1]

    with np.errstate(all="ignore"):
        j = dd.jacrev(f)(np.array([0.0, 0.0, 2.0]))

    assert_array_equal(j[:, 1:], [[0.0, 6.0], [6.0, 0.0], [0.0, 0.0]])


def test_rule_of_a_custom_jvp_that_is_declared_anew_is_tried_anew():
    square = dd.custom_jvp(lambda x: x * x)
    square.defjvp(lambda x, xdot: (x[0] ** 2, 2 * x[0] * xdot[0]))
    assert dd.derivative(square)(3.0) == 6.0

    square.defjvp(lambda x, xdot: (x[0] ** 2, 2 * x[0] * xdot[0] * np.abs(xdot[0])))
    with pytest.raises(dd.DerivativeLost, match="not linear"):
        dd.derivative(square)(3.0)


def test_constant_that_a_branch_of_the_rule_adds_to_a_tangent_is_found_there():
    square = dd.custom_jvp(lambda x: x * x)
    square.defjvp(lambda x, xdot: (x[0] ** 2, 2 * x[0] * xdot[0] if x[0] < 5 else xdot[0] + 1.0))
    assert dd.derivative(square)(3.0) == 6.0

    with pytest.raises(dd.DerivativeLost, match="not linear"):
        dd.derivative(square)(6.0)
