"""Functions with a rule for reverse mode alone under `hessian`, `hvp` and `jacobian`; scalars of shape (1,); lists."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.errors import NoForwardRule

X, V = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, -2.0])


@dd.custom_vjp
def cubes(x):
    assert type(x) in (np.ndarray, np.float64, float)  # a library that knows no Duals
    return x**3


cubes.defvjp(lambda x: (cubes(x), x), lambda x, ct: (3 * x**2 * ct,))

LOSSES = {
    "sum": (lambda x: np.sum(cubes(x)), lambda x: np.sum(x**3)),
    "inside": (lambda x: np.sum(cubes(np.sin(x)) * x), lambda x: np.sum(np.sin(x) ** 3 * x)),
    "twice": (lambda x: np.sum(cubes(cubes(0.5 * x))), lambda x: np.sum(((0.5 * x) ** 3) ** 3)),
    "of two results": (lambda x: (np.sum(cubes(x)), np.sum(x * x)), lambda x: (np.sum(x**3), np.sum(x * x))),
}


@pytest.mark.parametrize(("f", "same"), LOSSES.values(), ids=LOSSES)
def test_hessian_goes_back_twice(f, same):
    found, expected = dd.hessian(f)(X), dd.hessian(same)(X)

    assert type(found) is type(expected)
    assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(("f", "same"), list(LOSSES.values())[:3], ids=list(LOSSES)[:3])
def test_hvp_goes_back_twice(f, same):
    assert_allclose(dd.hvp(f, X, V), dd.hvp(same, X, V), rtol=1e-12)
    assert_allclose(dd.hvp(f, (X,), (V,)), dd.hvp(same, (X,), (V,)), rtol=1e-12)


def test_hvp_of_several_arguments_and_of_trees():
    f, same = (lambda x, y, c=c: np.sum(c(x["a"] * y) * x["b"]) for c in (cubes, lambda x: x**3))
    x, v = {"a": X, "b": 2.0}, {"a": V, "b": -1.0}
    found, expected = (dd.hvp(g, (x, X + 1), (v, V)) for g in (f, same))

    assert found.keys() == expected.keys()
    assert_allclose(found["a"], expected["a"], rtol=1e-12)
    assert_allclose(found["b"], expected["b"], rtol=1e-12)


def test_hvp_of_complex_arguments():
    z, v = X + 0.5j * V, V - 1j * X
    f, same = (lambda z, c=c: np.sum(c(np.real(z)) * np.imag(z)) for c in (cubes, lambda x: x**3))

    assert_allclose(dd.hvp(f, z, v), dd.hvp(same, z, v), rtol=1e-12)


def test_hessian_of_several_arguments():
    f, same = (lambda x, y, c=c: np.sum(c(x * y)) for c in (cubes, lambda x: x**3))
    for row, expected in zip(dd.hessian(f, (0, 1))(X, X + 1), dd.hessian(same, [0, 1])(X, X + 1), strict=True):
        for part, other in zip(row, expected, strict=True):
            assert_allclose(part, other, rtol=1e-12)


def test_jacobian_takes_reverse_where_forward_has_no_rule():
    assert_allclose(dd.jacobian(cubes)(X), np.diag(3 * X**2))
    assert dd.jacobian(lambda x: (cubes(x), "aux"), has_aux=True)(X)[1] == "aux"
    wide = np.linspace(0.5, 1.0, 20)  # recorded, and then, for its sizes, forwards
    jacobian = dd.jacobian(cubes)
    for _ in range(2):
        assert_allclose(jacobian(wide), np.diag(3 * wide**2))
    with pytest.raises(NoForwardRule, match="its rule serves reverse mode only"):
        dd.jacobian(cubes, mode="fwd")(X)


def test_forward_mode_says_what_serves():
    with pytest.raises(TypeError, match="Use grad, vjp, jacrev, jacobian, hessian or hvp, or give it a rule"):
        dd.jvp(cubes, (X,), (V,))


def test_an_error_of_the_way_back_is_the_one_shown():
    @dd.custom_vjp
    def broken(x):
        return x

    broken.defvjp(lambda x: (broken(x), None), lambda _, ct: ct)
    with pytest.raises(TypeError, match="bwd of a custom_vjp function returns a tuple"):
        dd.hessian(lambda x: np.sum(broken(x) ** 2))(X)


@pytest.mark.parametrize("shape", [(1,), (1, 1), (1, 1, 1)])
def test_a_result_of_one_entry_is_a_scalar(shape):
    f = lambda x: np.reshape(np.sum(x**3), shape)
    plain = f(X)
    y, gradient = dd.value_and_grad(f)(X)

    assert y.shape == shape
    assert_allclose(y, plain)
    assert_allclose(gradient, 3 * X**2)
    assert_allclose(dd.grad(f)(X), 3 * X**2)
    assert_allclose(dd.hvp(f, X, V), 6 * X * V)
    assert_allclose(dd.grad(lambda a: np.sum(dd.grad(f)(a)))(X), 6 * X)
    assert dd.hessian(f)(X).shape == (*shape, 3, 3)


def test_a_result_of_one_entry_that_is_no_real_scalar_is_refused():
    with pytest.raises(TypeError, match="complex number"):
        dd.grad(lambda x: 1j * x[:1])(X)
    with pytest.raises(TypeError, match=r"shape \(2,\); grad needs a scalar"):
        dd.grad(lambda x: x[:2])(X)
    with pytest.raises(TypeError, match=r"shape \(0,\); grad needs a scalar"):
        dd.grad(lambda x: x[:0])(X)


@pytest.mark.parametrize(
    "operator", [dd.grad, dd.value_and_grad, dd.jacfwd, dd.jacrev, dd.jacobian, dd.hessian, dd.elementwise_grad]
)
def test_argnums_may_be_a_list(operator):
    f = lambda x, y: np.sum(x * y**2)
    as_list, as_tuple = operator(f, [0, -1])(X, V), operator(f, (0, -1))(X, V)

    np.testing.assert_equal(as_list, as_tuple)
    assert type(as_list) is type(as_tuple)
    assert type(dd.derivative(lambda s, t: s * t, [1])(2.0, 3.0)) is tuple


def test_bwd_may_write_into_its_residuals_and_runs_again():
    @dd.custom_vjp
    def squares(x):
        return x * x

    def bwd(residuals, ct):
        slope, passes = residuals
        passes.append(1.0)
        slope *= ct * len(passes)
        return (slope,)

    squares.defvjp(lambda x: (x * x, [2 * x, []]), bwd)
    pullback = dd.vjp(squares, X)[1]

    assert_allclose(dd.jacrev(squares)(X), np.diag(2 * X))
    for _ in range(2):
        assert_allclose(pullback(V)[0], 2 * X * V)
