"""Random programs in every run of the suite, and the shortened programs that were wrong once."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import dualdiff as dd
from tests.random_programs import check, check_program, programs


@pytest.mark.long
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(programs())
def test_random_program(program):
    check_program(program)


def test_item_counts_from_the_end():
    check("np.array([[0.5, 2.0], [3.0, 4.0]])", program="v0 = x0.item(-1)")


def test_item_and_tolist_give_numbers_of_python_which_leave_float32_as_it_is():
    check(
        "np.array([[0.5, 2.0], [3.0, 4.0]], np.float32)",
        program="""
v0 = x0.item(1)
v1 = x0 * v0
v2 = x0.tolist()[1][0]
v3 = x0[:1, :1].item() * x0
v4 = np.ones(2) * v2
""",
    )


def test_item_of_an_array_without_axes_is_a_copy():
    check(
        "np.array([0.5, 2.0])",
        program="""
v0 = np.zeros((), like=x0)
v0[...] = x0[0]
v1 = v0.item()
v0[...] = x0[1]
""",
    )


@pytest.mark.parametrize("x", ["np.float64(0.5)", "np.complex128(0.5 + 1j)", "np.float32(0.5)"])
def test_real_if_close_of_a_scalar_is_an_array_that_can_be_written(x):
    check(x, program="v0 = np.real_if_close(x0)\nv1 = v0 * 1.0\nv0[...] = -1.0")


def test_flat_assigned_from_nothing_stays_as_it_is():
    check("np.array([0.5, 2.0])", "np.zeros(0)", program="v0 = x0 * x0\nv0.flat = x1\nx0.flat[:] = x1")


def test_flat_of_an_array_without_axes():
    check(
        "np.array([0.5, 2.0])",
        program="""
v0 = np.zeros((), like=x0)
v0.flat[[0]] = x0[:1]
v1 = v0.flat[0] * x0
v0.flat[:] = x0[1]
""",
    )


@pytest.mark.parametrize("x", ["np.array([[0.5, 2.0], [3.0, 4.0]])[::-1]", "np.arange(1.0, 9.0).reshape(2, 4)[:, ::2]"])
def test_written_argument_has_the_views_and_copies_of_its_own_strides(x):
    """Of the contiguous copy that was made on the first write, reshape and ravel took views."""
    check(
        x,
        program="""
x0[0] *= x0[1]
x0.reshape(-1)[0] = 5.0
np.ravel(x0)[1] *= 3.0
x0.ravel(order="A")[...] = 0.0
x0.T[0] = x0[1] * 2.0
""",
    )


def test_write_through_a_column_major_ravel_takes_the_gradient_away():
    """In reverse mode the cotangent block is in row-major order, where that ravel is a copy."""
    check(
        "np.asfortranarray(np.array([[0.5, 2.0], [3.0, 4.0]]))",
        program="""
v0 = x0.ravel(order="F")
v0[...] = v0
v1 = np.asfortranarray(x0 * x0, like=x0)
v2 = v1.ravel(order="F")
v2[1:3] *= v2[:2]
v3 = v2[:3]
v3 += v2[1]
v1.T.reshape(-1)[0] = 2.0
""",
    )


@pytest.mark.parametrize("at", ["np.multiply.at({}, v0[{}])", "np.arctan2.at({}, 0.3)", "np.sin.at({})"])
def test_ufunc_at_rounds_as_its_loop_over_indices(at):
    line = at.format("v0, [0, -1, 0]", "[0, -1, 0]")
    x = np.random.default_rng(0).standard_normal((2, 7))
    values = x + 1j * x[::-1] if "arctan2" not in at else x
    check(f"np.array({values.tolist()})", program=f"v0 = x0 * x0\n{line}")


@pytest.mark.parametrize(
    "write",
    [
        lambda x: np.place(x, x > 1.0, x),
        lambda x: np.fill_diagonal(x, x[0]),
        lambda x: x.flat.__setitem__(slice(1, None), x[0]),
    ],
)
def test_write_of_what_numpy_has_just_overwritten_is_refused(write):
    def f(x):
        y = x * 1.0
        write(y)
        return y

    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises(TypeError, match="share memory"):
            transform(f)(np.array([[0.5, 2.0], [3.0, 4.0]]))


def test_largest_size_of_complex_numbers_is_found_in_any_memory_order():
    """|x| was compared with NumPy's result, which rounds differently for another layout: the gradient was zero."""
    check(
        "np.array([0.92 - 0.64j, 0.92 - 1.34j, 0.05 - 0.35j])[::-1]",
        program="v0 = np.linalg.norm(x0, np.inf, axis=0)\nv1 = np.linalg.norm(x0, -np.inf)",
    )


def test_what_is_read_through_a_sliding_window_is_kept_when_it_is_overwritten():
    """Its memory was not found behind the object that NumPy puts between: gradients were those of later values."""
    check(
        "np.array([1.15, -0.81, -0.27])",
        program="""
v0 = x0 * 1.0
v1 = np.lib.stride_tricks.sliding_window_view(v0, 2)
v2 = np.sin(v1) * v1
v0 *= 2.0
""",
    )


def test_empty_tangent_is_broadcast():
    check(
        "np.zeros(0)",
        program="v0 = np.add.outer(np.ones((3, 3)), x0)\nv1 = np.subtract(np.ones((2, 1)), x0)\nv2 = v0[:2] * x0",
    )


@pytest.mark.parametrize("operator", ["*=", "/=", "**="])
def test_complex_numbers_are_rounded_in_place_as_by_numpy(operator):
    x = np.random.default_rng(0).standard_normal((2, 9))
    for source in (f"np.array({(x[0] + 1j * x[1]).tolist()})", f"np.array({(x[0] + 1j * x[1]).tolist()})[::2]"):
        check(source, program=f"x0 {operator} np.cos(x0)\nv0 = x0[1:]\nv0 {operator} 2\nx0 *= x0")


def test_linearize_keeps_structural_zeros():
    """The other modes did; the pushforward gave nan, and a warning about 0 times infinity."""
    check(
        "np.array([0.0, 1.0, 2.0])",
        program="""
v0 = np.where(x0 > 0.5, np.sqrt(np.abs(x0)), 0.0)
v1 = np.zeros_like(x0)
v1[1:] = np.sqrt(x0[1:] - x0[1:])
v1[[0, 2]] = x0[1]
v2 = v1 * np.zeros_like(x0)
""",
    )
    x, v = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    np.testing.assert_array_equal(dd.linearize(np.sqrt, x)[1](v), [0.0, 0.5])
    np.testing.assert_array_equal(dd.linearize(np.cbrt, x)[1](v), dd.jvp(np.cbrt, (x,), (v,))[1])


def test_infinite_slope_of_an_inverse_function_is_no_cause_for_a_warning():
    check("np.array([-1.0, 0.5, 2.0, 1.0])", program="v0 = np.emath.arcsin(x0)\nv1 = np.emath.arccos(x0)")
    check("np.array([1j, -1j, 0.5j])", program="v0 = np.arcsinh(x0)")


def test_sum_of_two_infinite_tangents_is_no_cause_for_a_warning():
    check("np.array([-1.0, 0.5])", program="v0 = np.emath.arcsin(x0)\nv0 /= np.abs(v0) + 1.0")


@pytest.mark.usefixtures("as_written")
def test_likeness_of_an_argument_is_not_rebound():
    """``y *= x`` bound ``y`` to a new array, where NumPy's own would have changed ``x``, of which ``y`` is an alias."""

    def f(x):
        y = np.asarray(x)
        y *= x
        return x * 1.0

    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises(ValueError, match="read-only"):
            transform(f)(np.array([3.0]))


def test_arrays_made_like_a_variable_hold_variables():
    x = dd.Variable(np.array([1.0, 2.0]))
    y = np.zeros(2, like=x)
    y[0] = x[0] * x[1]
    np.sum(y * y).backward()
    np.testing.assert_array_equal(x.grad, [8.0, 4.0])


def test_parts_of_a_computed_variable_are_assigned():
    x = dd.Variable(np.array([1.0, 2.0]))
    y = x * 1.0
    y.flat[0] = x[1]
    y.flat = y * 2.0
    z = y * (1 + 0j)
    z.imag = x
    np.sum(np.abs(z) ** 2).backward()
    np.testing.assert_allclose(x.grad, [2.0, 36.0])
    with pytest.raises(TypeError, match="Variable"):
        x.flat = 0.0


def test_variables_are_tangents_of_an_inner_derivative():
    x = dd.Variable(np.array([1.0, 2.0]))
    y = x * x
    z = dd.jvp(lambda u: u * u * x, (y,), (y,))[1] + dd.vjp(lambda u: u * x, y)[1](y)[0]
    np.sum(z).backward()  # 2 y² x + x y = 2 x⁵ + x³
    np.testing.assert_allclose(x.grad, 10 * x.value**4 + 3 * x.value**2)


def test_object_array_of_variables_becomes_one_variable():
    x = dd.Variable(np.array([1.0, 2.0]))
    y = np.tanh(np.array([x[0] * x[1], x[1]]) + np.zeros(2, like=x))
    np.sum(y).backward()
    np.testing.assert_allclose(x.grad, [2 / np.cosh(2) ** 2, 1 / np.cosh(2) ** 2 + 1 / np.cosh(2) ** 2])


def test_variable_as_a_cotangent_is_a_constant():
    x = dd.Variable(np.array([1.0, 2.0]))
    y = x * x
    y.backward(x * 1.0)
    assert x.grad.dtype == np.float64
    np.testing.assert_array_equal(x.grad, [2.0, 8.0])


def test_entry_that_was_taken_before_a_write_keeps_its_tangent_in_a_pushforward():
    check(
        "np.array([1.18, 1.08, -0.54])",
        program="""
x0[x0.real <= 0.5] *= -0.4
v0 = list(x0)[0]
v1 = x0.T
for i in range(3): x0 *= np.cos(x0)
v2 = v1[1:] * v0
""",
    )
