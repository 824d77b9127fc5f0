"""jvp, derivative, jacfwd: shapes, structures, argument selection, conventions of the interface."""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd

X = np.array([0.5, 1.5, -0.7])


def test_jvp_of_several_arguments_is_the_sum_over_them():
    y, ydot = dd.jvp(lambda x, a: a * np.sin(x), (X, 2.0), (np.ones(3), 3.0))
    assert_array_equal(y, 2.0 * np.sin(X))
    assert_allclose(ydot, 2 * np.cos(X) + 3 * np.sin(X), rtol=1e-15)


def test_jvp_hands_out_auxiliary_results_without_derivatives():
    _, ydot, aux = dd.jvp(lambda x: (x * x, {"n": 3, "x": x, "s": "text"}), (X,), (X,), has_aux=True)
    assert_array_equal(ydot, 2 * X * X)
    assert type(aux["x"]) is np.ndarray
    assert aux["n"] == 3 and aux["s"] == "text"


def test_result_that_does_not_depend_on_the_argument_has_zero_tangent():
    _, ydot = dd.jvp(lambda x: np.arange(4.0), (X,), (X,))
    assert_array_equal(ydot, np.zeros(4), strict=True)
    assert dd.derivative(lambda x: 3)(1.0) == 0.0
    assert_array_equal(dd.jacfwd(lambda x: np.ones(2, np.float32))(X), np.zeros((2, 3), np.float32), strict=True)


def test_integer_arguments_are_promoted():
    assert dd.derivative(lambda x: x**3)(2) == 12.0
    assert_array_equal(dd.jacfwd(lambda x: x * x)(np.arange(3)), np.diag([0.0, 2.0, 4.0]), strict=True)


def test_derivative_of_scalar_function_is_a_python_float():
    assert type(dd.derivative(lambda x: x * x)(2.0)) is float


def test_derivative_of_array_valued_function():
    assert_allclose(dd.derivative(lambda t: np.array([np.cos(t), np.sin(t)]))(0.3), [-np.sin(0.3), np.cos(0.3)])


def test_argnums_selects_and_may_be_negative_or_a_tuple():
    def f(x, y, z):
        return x * x * y * z

    assert dd.derivative(f)(3.0, 5.0, 1.0) == 30.0
    assert dd.derivative(f, -1)(3.0, 5.0, 1.0) == 45.0
    assert dd.derivative(f, (0, 1))(3.0, 5.0, 1.0) == (30.0, 9.0)
    j = dd.jacfwd(lambda a, b: a @ b, (1, 0))(np.ones((2, 3)), X)
    assert j[0].shape == (2, 3) and j[1].shape == (2, 2, 3)


def test_keyword_arguments_pass_through():
    assert dd.derivative(lambda x, power: x**power)(3.0, power=2) == 6.0


@given(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
def test_jacobian_has_the_shape_of_result_and_argument(shape):
    x = np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape)
    j = dd.jacfwd(lambda x: np.stack([np.sin(x), x * x]))(x)
    assert j.shape == (2, *shape, *shape)
    size = x.size
    assert_array_equal(j.reshape(2, size, size)[1], np.diag(2 * x.ravel()))


@given(st.integers(1, 9))
def test_chunks_do_not_change_the_jacobian(chunk_size):
    def f(x):
        return np.outer(x, np.sin(x)), x[0]

    x = np.linspace(0.1, 0.8, 7)
    whole, part = dd.jacfwd(f)(x), dd.jacfwd(f, chunk_size=chunk_size)(x)
    assert_allclose(part[0], whole[0], rtol=1e-15)
    assert_array_equal(part[1], whole[1])


def test_jacobian_of_jacobian_in_chunks():
    def f(x):
        return np.sum(x**3) * x

    x = np.linspace(0.1, 0.5, 4)
    assert_allclose(dd.jacfwd(dd.jacfwd(f, chunk_size=3), chunk_size=2)(x), dd.jacfwd(dd.jacfwd(f))(x), rtol=1e-14)


Point = namedtuple("Point", "x y")


@dataclass
class Line:
    slope: float
    start: Point
    name: str = "line"


def test_nested_arguments_and_results():
    params = {"w": np.ones((2, 3)), "b": [np.zeros(2), 1.0]}
    j = dd.jacfwd(lambda p: (p["w"] @ X + p["b"][0], {"s": p["b"][1] ** 2}))(params)
    assert j[0]["w"].shape == (2, 2, 3)
    assert_array_equal(j[0]["b"][0], np.eye(2))
    assert j[1]["s"]["b"][1] == 2.0
    y, ydot = dd.jvp(lambda p: Point(p.y, p.x * p.y), (Point(2.0, 3.0),), (Point(1.0, 0.0),))
    assert y == Point(3.0, 6.0) and ydot == Point(0.0, 3.0)


def test_list_of_scalars_is_a_nested_result():
    j = dd.jacfwd(lambda x: [x[0] * x[1], x[2]])(X)
    assert isinstance(j, list)
    assert_array_equal(j[0], [1.5, 0.5, 0.0])


def test_object_array_of_results_is_one_array():
    j = dd.jacfwd(lambda x: np.array([[x[0] * x[1], 1.0], [x[2], x[0]]]))(X)
    assert j.shape == (2, 2, 3)
    assert_array_equal(j[0, 0], [1.5, 0.5, 0.0])


def test_float32_results():
    x = X.astype(np.float32)
    j = dd.jacfwd(lambda x: np.tanh(x) * 2.0 + np.sum(x))(x)
    assert j.dtype == np.float32


def test_wider_operand_widens_the_tangent():
    _, ydot = dd.jvp(lambda x: x + np.ones(3), (X.astype(np.float32),), (X.astype(np.float32),))
    assert ydot.dtype == np.float64


def test_complex_argument_of_jvp_is_real_linear():
    z = np.array([1 + 2j])
    _, ydot = dd.jvp(lambda z: np.abs(z) ** 2, (z,), (np.array([1j]),))
    assert_allclose(ydot, [4.0])
    assert ydot.dtype == np.float64


def test_complex_jacobian_needs_holomorphic():
    z = np.array([1 + 2j, 0.5j])
    with pytest.raises(TypeError, match="holomorphic=True"):
        dd.jacfwd(np.exp)(z)
    assert_allclose(dd.jacfwd(np.exp, holomorphic=True)(z), np.diag(np.exp(z)))
    with pytest.raises(TypeError, match="complex array"):
        dd.jacfwd(np.exp, holomorphic=True)(X)
    with pytest.raises(TypeError, match="holomorphic"):
        dd.derivative(np.exp)(1j)


def test_stop_gradient_at_every_level_and_in_trees():
    assert dd.derivative(lambda x: x * dd.stop_gradient(x))(3.0) == 3.0
    assert dd.derivative(dd.derivative(lambda x: x * dd.stop_gradient(x) ** 2))(3.0) == 0.0
    tree = dd.stop_gradient({"a": X, "b": (1.0, "s")})
    assert tree["b"] == (1.0, "s")


def test_constant_is_not_changed_by_later_writes():
    def f(x):
        c = dd.stop_gradient(x)
        x[0] = 0.0
        return c * x

    assert_array_equal(dd.jvp(f, (X,), (np.ones(3),))[1], [0.0, 1.5, -0.7])


def test_function_keeps_its_name():
    def model(x):
        """A model."""
        return x

    assert dd.jacfwd(model).__name__ == "model"
    text = dd.derivative(model).__doc__
    assert text.startswith("derivative of model.  Function computing") and text.endswith("A model.")


# custom_jvp


@dd.custom_jvp
def root(x):
    return np.sqrt(x)


@root.defjvp
def root_jvp(primals, tangents):
    (x,), (xdot,) = primals, tangents
    y = root(x)
    return y, np.where(x == 0, 0.0, xdot * 0.5 / np.where(x == 0, 1.0, y))


def test_custom_rule_is_used():
    x = np.array([0.0, 4.0])
    y, ydot = dd.jvp(root, (x,), (np.ones(2),))
    assert_array_equal(y, [0.0, 2.0])
    assert_array_equal(ydot, [0.0, 0.25])
    assert_array_equal(root(x), [0.0, 2.0])


def test_custom_rule_with_many_directions_and_nesting():
    x = np.array([1.0, 4.0])
    assert_array_equal(dd.jacfwd(root)(x), np.diag([0.5, 0.25]))
    assert dd.derivative(dd.derivative(root))(4.0) == pytest.approx(-0.25 * 4.0**-1.5)


def test_custom_rule_of_several_arguments_and_trees():
    @dd.custom_jvp
    def f(p, s):
        return {"y": p[0] * p[1] * s}

    @f.defjvp
    def rule(primals, tangents):
        (p, s), (dp, ds) = primals, tangents
        return f(p, s), {"y": dp[0] * p[1] * s + p[0] * dp[1] * s + p[0] * p[1] * ds}

    def g(x):
        return f((x, 2.0 * x), 3.0)["y"]

    assert dd.derivative(g)(5.0) == 60.0


def test_custom_rule_with_constant_arguments():
    @dd.custom_jvp
    def unused(x):
        return x

    f = dd.custom_jvp(lambda name, x: x * 2, nondiff_argnums=(0,))
    f.defjvp(lambda name, primals, tangents: (f(name, *primals), tangents[0] * {"double": 2.0}[name]))
    assert dd.derivative(lambda x: f("double", x))(1.0) == 2.0
    with pytest.raises(TypeError, match="without a rule"):
        dd.derivative(unused)(1.0)


def test_custom_rule_that_returns_the_wrong_shape():
    @dd.custom_jvp
    def f(x):
        return x

    f.defjvp(lambda primals, tangents: (primals[0], np.sum(tangents[0])))
    with pytest.raises(ValueError, match=r"ydot of shape \(\)"):
        dd.jvp(f, (X,), (X,))


# check_grads


def test_check_grads_accepts_right_derivatives():
    dd.check_grads(lambda x, a: {"y": a * np.exp(np.sin(x))}, (X, 2.0), order=3)


def test_check_grads_finds_a_wrong_rule():
    @dd.custom_jvp
    def f(x):
        return np.sin(x)

    f.defjvp(lambda primals, tangents: (f(*primals), tangents[0] * np.sin(primals[0])))
    with pytest.raises(AssertionError, match="differences"):
        dd.check_grads(f, (X,))


# Arguments of functions with a rule, by keyword.


@dd.custom_jvp
def scaled_power(x, n=2, factor=1.0):
    return factor * x**n


@scaled_power.defjvp
def scaled_power_jvp(primals, tangents):
    return scaled_power(*primals), 100.0 * tangents[0]


def test_custom_rule_is_used_whether_arguments_come_by_position_or_keyword():
    for call in (
        lambda x: scaled_power(x),
        lambda x: scaled_power(x=x),
        lambda x: scaled_power(x, n=3),
        lambda x: scaled_power(factor=2.0, x=x),
    ):
        assert dd.derivative(call)(3.0) == dd.grad(call)(3.0) == 100.0
    assert scaled_power(2.0, factor=3.0) == 12.0
    with pytest.raises(TypeError, match="unexpected keyword"):
        dd.derivative(lambda x: scaled_power(x, nonsense=1))(3.0)


def test_keyword_without_a_position_is_refused_where_a_rule_would_not_see_it():
    @dd.custom_jvp
    def f(x, *, n):
        return x**n

    f.defjvp(lambda primals, tangents: (primals[0] ** 2, tangents[0]))
    assert f(3.0, n=2) == 9.0
    with pytest.raises(TypeError, match="by position only, and n= has none"):
        dd.derivative(lambda x: f(x, n=2))(3.0)


def test_custom_vjp_takes_keywords():
    @dd.custom_vjp
    def f(x, y):
        return x * y

    f.defvjp(lambda x, y: (x * y, None), lambda _, ct: (7.0 * ct, 8.0 * ct))
    assert dd.grad(lambda x: f(y=x, x=3.0))(2.0) == 8.0


def test_derivative_of_an_array_names_what_is_meant():
    with pytest.raises(ValueError, match="elementwise_grad"):
        dd.derivative(np.sin)(np.ones(3))


# Unit directions, whose products with a matrix are no work: many of them, so that the short ways are taken.

MANY = np.linspace(1.0, 2.0, 130)


def test_sums_with_the_seed_leave_the_other_term_as_it_was():
    def f(x):
        y = 3.0 * x
        return np.stack([y + x, y - x, x - y, y])

    assert_array_equal(dd.jacfwd(f)(MANY), np.multiply.outer([4.0, 2.0, -2.0, 3.0], np.eye(130)))


def test_partial_that_broadcasts_over_the_seed_in_chunks():
    expected = MANY[0] * np.eye(130)
    expected[:, 0] += MANY

    assert_array_equal(dd.jacfwd(lambda x: x * x[:1], chunk_size=65)(MANY), expected)


def test_result_of_a_product_with_a_matrix_is_written_without_the_matrix():
    matrix = np.arange(130.0 * 3).reshape(130, 3)
    before = matrix.copy()

    def f(x):
        y = x @ matrix
        y[0] = 0.0
        return y

    assert_array_equal(dd.jacfwd(f)(MANY), before.T * np.array([[0.0], [1.0], [1.0]]))
    assert_array_equal(matrix, before)


def test_index_of_scalars_and_a_truth_value_adds_an_axis():
    x = np.arange(6.0).reshape(2, 3)

    for mode in (dd.jacfwd, dd.jacrev):
        j = mode(lambda x: x[True, :, 1] * 2.0)(x)
        assert j.shape == (1, 2, 2, 3)
        assert_array_equal(np.tensordot(j, x, 2), 2.0 * x[True, :, 1])


def test_assignment_by_separated_indices_of_arrays():
    x, w = np.arange(1.0, 6.0), np.arange(30.0).reshape(2, 5, 3)

    def f(x):
        y = np.zeros((2, 5, 3), like=x)
        y[[0, 1], :, [1, 2]] = x
        y[[0, 1], :, [0, 1]] = np.stack([x, x * x])
        return np.sum(w * y, axis=(0, 2))

    for mode in (dd.jacfwd, dd.jacrev):
        assert_allclose(mode(f)(x), np.diag(w[0, :, 1] + w[1, :, 2] + w[0, :, 0] + 2 * x * w[1, :, 1]))
