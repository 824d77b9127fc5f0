"""hessian_diagonal, gauss_newton_product, propagate, standard_errors, ravel."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd

X = np.array([0.3, -0.7, 1.1, 0.2])


def coupled(x):
    return np.sum(np.cosh(x)) * np.prod(np.cos(x)) + np.sum(x) ** 3


# hessian_diagonal


@pytest.mark.parametrize("chunk_size", [None, 1, 3, 4, 9])
def test_the_diagonal_is_that_of_the_hessian(chunk_size):
    diagonal = dd.hessian_diagonal(coupled, chunk_size=chunk_size)

    assert_allclose(diagonal(X), np.diagonal(dd.hessian(coupled)(X)), rtol=1e-13)
    table = lambda x: coupled(np.reshape(x, (-1,)))
    assert_allclose(dd.hessian_diagonal(table)(X.reshape(2, 2)), diagonal(X).reshape(2, 2), rtol=1e-13)


def test_a_diagonal_against_its_closed_form_for_every_kind_of_argument():
    f = lambda x: np.sum(x**4) / 12.0

    for x in (X, X[::2], np.asfortranarray(X.reshape(2, 2)), np.empty(0), np.empty((0, 3)), X.astype(np.float32)):
        found = dd.hessian_diagonal(f)(x)
        assert found.shape == x.shape
        assert found.dtype == x.dtype
        assert_allclose(found, x**2, rtol=1e-6)
    assert dd.hessian_diagonal(f)(3.0) == 9.0
    assert_allclose(dd.hessian_diagonal(f)(np.arange(3)), [0.0, 1.0, 4.0])


def test_a_diagonal_nests_and_takes_further_arguments():
    trace = lambda x, k: np.sum(dd.hessian_diagonal(lambda x, k: k * np.sum(x**4))(x, k))

    assert_allclose(dd.grad(trace)(X, 2.0), 48.0 * X)
    assert_allclose(dd.jvp(trace, (X, 2.0), (np.ones(4), 1.0))[1], np.sum(48.0 * X + 12.0 * X**2))
    assert_allclose(dd.hessian(trace)(X, 2.0), 48.0 * np.eye(4))
    x = dd.Variable(X)
    np.sum(dd.hessian_diagonal(lambda x: np.sum(x**4))(x)).backward()
    assert_allclose(x.grad, 24.0 * X)
    assert pickle.loads(pickle.dumps(dd.hessian_diagonal(coupled)))(X).shape == (4,)


def test_a_diagonal_refuses_what_is_no_scalar_function():
    with pytest.raises(TypeError):
        dd.hessian_diagonal(lambda x: x**2)(X)
    with pytest.raises(TypeError):
        dd.hessian_diagonal(3.0)


# gauss_newton_product


def residual(p):
    return np.stack([p["a"] * np.exp(-p["b"][0]), p["a"] * p["b"][1], p["b"][0] * p["b"][1], np.sin(p["a"])])


P = {"a": 1.3, "b": np.array([0.4, -0.8])}
V = {"a": 0.7, "b": np.array([0.2, 1.5])}


def matrix(tree):
    vector, tree_of = dd.ravel(tree)
    return dd.jacfwd(lambda vector: residual(tree_of(vector)))(vector)


def test_a_gauss_newton_product_is_that_of_the_matrix():
    J, v = matrix(P), dd.ravel(V)[0]
    W = np.diag([1.0, 2.0, 3.0, 4.0]) + 0.5
    losses = {
        None: np.eye(4),
        (lambda y: 0.5 * y @ W @ y): W,
        (lambda y: np.sum(np.cosh(y))): np.diag(np.cosh(residual(P))),
    }
    for loss, H in losses.items():
        found = dd.gauss_newton_product(residual, P, V, loss)
        assert_allclose(dd.ravel(found)[0], J.T @ H @ J @ v, rtol=1e-13)


def test_a_gauss_newton_product_nests():
    along = lambda s: dd.gauss_newton_product(lambda x: x**3, s * X, np.ones(4))

    assert_allclose(dd.derivative(lambda s: np.sum(along(s)))(1.0), np.sum(36.0 * X**4))
    assert_allclose(dd.grad(lambda s: np.sum(along(s)))(1.0), np.sum(36.0 * X**4))


def test_a_gauss_newton_product_refuses_complex_results():
    with pytest.raises(TypeError, match="complex"):
        dd.gauss_newton_product(lambda x: x * 1j, X, X)


# propagate


def test_a_covariance_is_propagated_by_the_jacobian():
    C = np.cov(np.random.default_rng(0).standard_normal((4, 30)))
    J = np.array([[1.0, 2.0, 0.0, -1.0], [0.0, 1.0, 3.0, 0.5]])

    y, cov = dd.propagate(lambda x: J @ x, X, C)
    assert_allclose(y, J @ X)
    assert_allclose(cov, J @ C @ J.T)
    y, cov = dd.propagate(lambda x: np.prod(x), X, C)
    gradient = np.prod(X) / X
    assert (np.shape(y), np.shape(cov)) == ((), ())
    assert_allclose(cov, gradient @ C @ gradient)
    y, cov = dd.propagate(np.sin, 0.4, 0.01)
    assert_allclose([y, cov], [np.sin(0.4), 0.01 * np.cos(0.4) ** 2])
    y, cov = dd.propagate(lambda x: x**2, X.reshape(2, 2), C.reshape(2, 2, 2, 2))
    assert_allclose(cov.reshape(4, 4), 4 * X[:, None] * C * X)


def test_a_propagated_covariance_is_that_of_samples():
    C = 1e-4 * (np.eye(2) + 0.5)
    samples = np.random.default_rng(0).multivariate_normal([1.0, 2.0], C, 200_000)
    f = lambda x: np.stack([x[0] * x[1], np.exp(x[0]) / x[1]])

    assert_allclose(dd.propagate(f, [1.0, 2.0], C)[1], np.cov(f(samples.T)), rtol=0.02)


def test_propagation_is_differentiable():
    f = lambda s: dd.propagate(np.sin, s, 0.01)[1]

    assert_allclose([dd.derivative(f)(0.4), dd.grad(f)(0.4)], -0.01 * np.sin(0.8))
    by_cov = dd.grad(lambda C: dd.propagate(np.prod, X[:2], C)[1])(np.eye(2))
    assert_allclose(by_cov, np.outer(X[1::-1], X[1::-1]))


def test_propagation_refuses_a_covariance_of_another_shape():
    with pytest.raises(ValueError, match=r"np.diag\(s\*\*2\)"):
        dd.propagate(np.sin, X, np.ones(4))


# standard_errors


def test_standard_errors_of_a_linear_model_are_the_textbooks():
    A = np.random.default_rng(1).standard_normal((30, 3))
    y = A @ [1.0, 2.0, 3.0] + 0.1 * np.random.default_rng(2).standard_normal(30)
    fit = np.linalg.lstsq(A, y, rcond=None)[0]
    likelihood = lambda p: np.sum((A @ p - y) ** 2) / (2 * 0.1**2)

    assert_allclose(dd.standard_errors(likelihood, fit), 0.1 * np.sqrt(np.diag(np.linalg.inv(A.T @ A))))
    tree = dd.standard_errors(lambda p: likelihood(np.stack([*p["slopes"], p["last"]])), {"slopes": fit[:2], "last": 3})
    assert_allclose([*tree["slopes"], tree["last"]], dd.standard_errors(likelihood, fit))


def test_standard_errors_refuse_what_is_no_minimum():
    with pytest.raises(ValueError, match="not positive definite"):
        dd.standard_errors(lambda x: -np.sum(x**2), X)
    with pytest.raises(ValueError, match="told apart"):
        dd.standard_errors(lambda x: (x[0] + x[1]) ** 2, X[:2])


# ravel


def test_a_tree_becomes_a_vector_and_comes_back():
    tree = {"w": np.arange(6.0).reshape(2, 3), "b": (1.5, [np.float32(2.0), np.zeros((0, 2))]), "n": np.arange(2)}
    vector, tree_of = dd.ravel(tree)
    back = tree_of(vector)

    assert vector.shape == (10,)
    assert vector.dtype == np.float64
    assert back.keys() == tree.keys()
    assert_allclose(back["w"], tree["w"])
    assert back["b"][0] == 1.5
    assert back["b"][1][0].dtype == np.float32
    assert back["b"][1][1].shape == (0, 2)
    assert back["n"].dtype == np.float64
    with pytest.raises(ValueError, match="10 numbers"):
        tree_of(np.zeros(9))


def test_trees_of_one_leaf_empty_trees_and_complex_parts():
    vector, tree_of = dd.ravel(2.0)
    assert (vector.shape, tree_of(vector)) == ((1,), 2.0)
    vector, tree_of = dd.ravel([])
    assert (vector.shape, tree_of(vector)) == ((0,), [])
    vector, tree_of = dd.ravel([np.array([1.0 + 2.0j]), 3.0])
    assert vector.dtype == complex
    assert tree_of(vector)[1].dtype == float
    with pytest.raises(TypeError, match="cannot be differentiated"):
        dd.ravel({"name": "text"})


def test_ravel_is_differentiable_both_ways():
    f = lambda s: dd.ravel({"a": s, "b": np.stack([s * s, 1.0])})[0]
    assert_allclose(dd.jacfwd(f)(3.0), [1.0, 6.0, 0.0])
    assert_allclose(dd.jacrev(f)(3.0), [1.0, 6.0, 0.0])

    vector, tree_of = dd.ravel(P)
    loss = lambda p: np.sum(residual(p) ** 2)
    g = dd.grad(lambda vector: loss(tree_of(vector)))(vector)
    assert_allclose(g, dd.ravel(dd.grad(loss)(P))[0])
    assert_allclose(dd.hessian(lambda vector: loss(tree_of(vector)))(vector), dd.jacrev(dd.jacfwd(
        lambda vector: loss(tree_of(vector))))(vector), rtol=1e-12)  # fmt: skip


def test_parameters_of_a_network_meet_minimize():
    from scipy.optimize import minimize

    rng = np.random.default_rng(0)
    inputs = np.linspace(-2.0, 2.0, 40)
    tree = {"in": (rng.standard_normal((1, 6)), np.zeros(6)), "out": (rng.standard_normal((6, 1)), np.zeros(1))}

    def loss(p):
        hidden = np.tanh(inputs[:, None] @ p["in"][0] + p["in"][1])
        return np.mean((hidden @ p["out"][0] + p["out"][1] - np.sin(2 * inputs)[:, None]) ** 2)

    x0, tree_of = dd.ravel(tree)
    fit = minimize(
        dd.value_and_grad(lambda x: loss(tree_of(x))), x0, jac=True, method="L-BFGS-B", options={"maxiter": 60}
    )
    assert loss(tree_of(fit.x)) < 0.05 * loss(tree)
