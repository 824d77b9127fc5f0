"""Matrices of scipy.sparse inside a function: products in every format and mode, and systems of equations."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd

sparse = pytest.importorskip("scipy.sparse")

from dualdiff.scipy.sparse import factorized, spilu, splu, spsolve  # noqa: E402

rng = np.random.default_rng(0)
D = rng.normal(size=(5, 5)) * (rng.random((5, 5)) < 0.5) + np.diag(np.full(5, 3.0))
WIDE = rng.normal(size=(3, 5)) * (rng.random((3, 5)) < 0.6)
X = rng.normal(size=5)
FORMATS = [
    f"{name}_{kind}" for name in ("csr", "csc", "coo", "dia", "bsr", "lil", "dok") for kind in ("array", "matrix")
]
PRODUCTS = {
    "A @ x": (lambda A, x: A @ x, lambda D, x: D @ x),
    "x @ A": (lambda A, x: x @ A, lambda D, x: x @ D),
    "A.dot(x)": (lambda A, x: A.dot(x), lambda D, x: D @ x),
    "A * x": (lambda A, x: A * x, lambda D, x: D @ x),
    "x * A": (lambda A, x: x * A, lambda D, x: x @ D),
}


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("name", FORMATS)
def test_products_in_every_format_mode_and_order(name, product):
    if "*" in product and name.endswith("array"):
        return
    of_sparse, of_dense = PRODUCTS[product]
    A = getattr(sparse, name)(D)
    for x in (X, np.outer(np.arange(1.0, 4.0), X) if product.startswith("x") else np.outer(X, np.arange(1.0, 4.0))):
        f = lambda x: np.sin(of_sparse(A, x)) * np.sum(x**2)
        g = lambda x: np.sin(of_dense(D, x)) * np.sum(x**2)
        assert_array_equal(dd.jvp(lambda x: of_sparse(A, x), (x,), (x,))[0], of_sparse(A, x))
        for jacobian in (dd.jacfwd, dd.jacrev):
            assert_allclose(jacobian(f)(x), jacobian(g)(x), rtol=1e-12, atol=1e-13)
        squared = lambda h: lambda x: np.sum(h(x) ** 2)
        assert_allclose(dd.hessian(squared(f))(x), dd.hessian(squared(g))(x), rtol=1e-11, atol=1e-11)
        v = dd.Variable(x)
        np.sum(of_sparse(A, v) ** 2).backward()
        assert_allclose(v.grad, dd.grad(lambda x: np.sum(of_dense(D, x) ** 2))(x), rtol=1e-12)


@pytest.mark.parametrize("product", ["A @ x", "x @ A"])
def test_the_pattern_of_a_product_is_that_of_the_matrix(product):
    of_sparse, of_dense = PRODUCTS[product]
    for x in (X, np.outer(X, X)):
        expected = dd.jacfwd(lambda x: of_dense(D, x))(x).reshape(x.size, x.size)
        assert_array_equal(dd.sparsity(lambda x: of_sparse(sparse.csr_array(D), x))(x).toarray(), expected != 0)


def test_matrices_that_are_not_square_complex_and_of_single_precision():
    A = sparse.csr_array(WIDE)
    assert_allclose(dd.jacrev(lambda x: A @ x)(X), WIDE)
    assert_allclose(dd.jacfwd(lambda x: x @ A)(X[:3]), WIDE.T)
    assert_allclose(dd.jacfwd(lambda x: (A * (1 + 2j)) @ x)(X), WIDE * (1 + 2j))
    assert dd.jacfwd(lambda x: A.astype(np.float32) @ x)(X.astype(np.float32)).dtype == np.float32
    assert_allclose(dd.grad(lambda x: np.sum(np.abs((A * 1j) @ x) ** 2))(X), 2 * WIDE.T @ (WIDE @ X))
    empty = sparse.csr_array((0, 5))
    assert dd.jacfwd(lambda x: empty @ x)(X).shape == (0, 5)


def test_a_matrix_that_is_overwritten_later_is_the_one_it_was():
    A = sparse.csr_array(D)

    def f(x):
        y = A @ x
        A.data[:] = 0.0
        return y

    assert_allclose(dd.jacrev(f)(X), D)


def test_a_heat_equation_written_with_sparse_matrices_has_a_sparse_jacobian():
    n = 200
    L = sparse.diags_array([1.0, -2.0, 1.0], offsets=[-1, 0, 1], shape=(n, n))
    J = dd.sparse_jacobian(lambda u: L @ u + np.exp(u))
    u = np.linspace(0.0, 1.0, n)

    assert_allclose(J(u).toarray(), L.toarray() + np.diag(np.exp(u)))
    assert J.colors.max() + 1 == 3


@pytest.mark.parametrize(
    "f",
    [
        lambda A, x: x * A,
        lambda A, x: A + x,
        lambda A, x: x - A,
        lambda A, x: x[0] / A,
    ],
)
def test_what_would_be_a_sparse_matrix_of_duals_is_refused(f):
    for jacobian in (dd.jacfwd, dd.jacrev):
        with pytest.raises(dd.UnsupportedFunction, match=r"A\.toarray\(\)"):
            jacobian(lambda x: f(sparse.csr_array(D), x))(X)


SOLVERS = {
    "spsolve": lambda A, b: spsolve(A, b),
    "factorized": lambda A, b: factorized(A)(b),
    "splu": lambda A, b: splu(A).solve(b),
    "splu T": lambda A, b: splu(sparse.csc_array(A.T)).solve(b, "T"),
    "splu H": lambda A, b: splu(sparse.csc_array(A.T)).solve(b, "H"),
    "spilu": lambda A, b: spilu(A, drop_tol=0.0).solve(b),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_systems_of_equations_with_a_constant_matrix(name):
    A, solve = sparse.csc_array(D), SOLVERS[name]
    g = lambda b: np.linalg.solve(D, b)
    f = lambda b: solve(A, b)

    assert_array_equal(dd.jvp(f, (X,), (X,))[0], f(X))
    for jacobian in (dd.jacfwd, dd.jacrev):
        assert_allclose(jacobian(f)(X), np.linalg.inv(D), rtol=1e-10, atol=1e-13)
    assert_allclose(
        dd.hessian(lambda x: np.sum(f(x**2) ** 2))(X),
        dd.hessian(lambda x: np.sum(g(x**2) ** 2))(X),
        rtol=1e-9,
        atol=1e-12,
    )
    v = dd.Variable(X)
    np.sum(f(v) ** 2).backward()
    assert_allclose(v.grad, dd.grad(lambda x: np.sum(g(x) ** 2))(X), rtol=1e-10)
    if name != "factorized":
        B = np.outer(X, np.arange(1.0, 4.0))
        assert_allclose(dd.jacrev(f)(B), dd.jacrev(g)(B), rtol=1e-9, atol=1e-13)


def test_complex_systems():
    Z = D + 0.3j * np.diag(X)
    for trans, matrix in (("N", Z), ("T", Z.T), ("H", Z.conj().T)):
        f = lambda b: splu(sparse.csc_array(Z)).solve(b * (1 + 0j), trans)
        assert_allclose(dd.jacfwd(f)(X), np.linalg.inv(matrix), rtol=1e-10, atol=1e-13)
        assert_allclose(dd.jacrev(lambda b: f(b).imag)(X), np.linalg.inv(matrix).imag, rtol=1e-9, atol=1e-13)


def test_plain_arguments_are_scipys_own():
    A = sparse.csc_array(D)
    assert_array_equal(spsolve(A, X), sparse.linalg.spsolve(A, X))
    assert_array_equal(splu(A).perm_c, sparse.linalg.splu(A).perm_c)
