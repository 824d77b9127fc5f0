"""Sparse matrices whose entries carry derivatives, made in adapted functions by SciPy's own names."""

import functools

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spl
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.testing import derivative_at_zero

INDICES, INDPTR = np.array([0, 2, 1, 0, 2]), np.array([0, 2, 3, 5])
ROW, COL = np.array([2, 0, 1, 0, 2]), np.array([2, 2, 1, 0, 0])
X = np.array([3.0, 0.5, 2.0, -0.7, 4.0])
B = np.array([1.0, -2.0, 0.5])
L = sp.csr_array([[0.0, 1.0, 0.0], [2.0, 0.0, 3.0], [0.0, 0.0, 4.0]])

MADE = {
    "csr_array": lambda x: sp.csr_array((x, INDICES, INDPTR), shape=(3, 3)),
    "csr_matrix": lambda x: sp.csr_matrix((x, INDICES, INDPTR)),
    "csc_array": lambda x: sp.csc_array((x, INDICES, INDPTR)),
    "csc_matrix": lambda x: sp.csc_matrix((x, (ROW, COL)), shape=(3, 3)),
    "coo_array": lambda x: sp.coo_array((x, (ROW, COL)), shape=(3, 3)),
    "coo_matrix": lambda x: sp.coo_matrix((x, (ROW, COL))),
    "duplicates": lambda x: sp.coo_array((x, ([0, 0, 1, 2, 2], [0, 0, 1, 2, 2])), shape=(3, 3)),
    "csr of coo": lambda x: sp.coo_array((x, (ROW, COL)), shape=(3, 3)).tocsr(),
    "dia_array": lambda x: sp.dia_array((np.stack([x[:3], x[2:]]), [0, 1]), shape=(3, 3)),
    "bsr_array": lambda x: sp.bsr_array((x[:4].reshape(1, 2, 2), [0], [0, 1]), shape=(2, 2)),
    "diags": lambda x: sp.diags([x[:3], x[3:], 0.5], [0, 1, -1], shape=(3, 3)),
    "diags csc": lambda x: sp.diags([x[:3], x[3:]], [0, -1], format="csc"),
    "diags_array": lambda x: sp.diags_array([x[:3], x[3:]], offsets=[0, 1]),
    "diags_array one": lambda x: sp.diags_array(x[:3]),
    "dense": lambda x: sp.csr_array(np.diag(x[:3]) + np.outer(x[:3], x[:3])),
    "scaled": lambda x: x[0] * L + sp.eye_array(3),
    "divided": lambda x: sp.eye_array(3) - L / x[0],
    "sum": lambda x: sp.diags_array(x[:3]) + L - sp.csc_array((x, INDICES, INDPTR)),
    "product": lambda x: L.T @ sp.diags_array(x[:3]) @ L + sp.eye_array(3),
    "product of two": lambda x: sp.csr_array((x, INDICES, INDPTR)) @ sp.csc_array((x, INDICES, INDPTR)),
    "transposed": lambda x: sp.csr_array((x, INDICES, INDPTR)).T,
    "negative": lambda x: -sp.csr_array((x, INDICES, INDPTR)),
    "multiply rows": lambda x: sp.csr_array((x, INDICES, INDPTR)).multiply(x[:3, None]),
    "constant multiply": lambda x: sp.csr_array(L + sp.eye_array(3)).multiply(x[None, :3]),
    "multiply number": lambda x: L.multiply(x[1]) + sp.eye_array(3),
    "hstack": lambda x: sp.hstack([sp.csr_array((x, INDICES, INDPTR))[:, :2], L[:, 2:]]),
    "vstack": lambda x: sp.vstack([sp.csr_matrix((x, INDICES, INDPTR))[:2], sp.csr_matrix(L.toarray()[2:])]),
    "block_array": lambda x: sp.block_array([[sp.diags_array(x[:2]), None], [None, x[4:, None]]]),
    "bmat": lambda x: sp.bmat([[sp.diags(x[:2]), None], [None, sp.coo_matrix([[2.0]])]]),
    "block_diag": lambda x: sp.block_diag([sp.diags_array(x[:2]), np.array([[3.0]])]),
    "tril": lambda x: sp.tril(sp.csr_array((x, INDICES, INDPTR)), format="csc"),
    "triu": lambda x: sp.triu(sp.coo_matrix((x, (ROW, COL))), 1),
    "kron": lambda x: sp.kron(sp.eye_array(1), sp.csr_array((x, INDICES, INDPTR)), format="csr"),
    "kron of two": lambda x: sp.kron(sp.diags_array(x[:1]), sp.csc_array((x, INDICES, INDPTR)), format="csc"),
    "rows": lambda x: sp.csr_array((x, INDICES, INDPTR))[[2, 0, 1]],
}  # fmt: skip


def dense(make):
    """The matrix by differences: the dense array of the plain one."""
    return lambda x: make(x).toarray()


def jacobians_by_differences(f, x):
    """Of each of the results of ``f``."""
    columns = [derivative_at_zero(lambda t, e=e: f(x + t * e), 1e-2, enough=1e-10) for e in np.eye(len(x))]
    return [np.stack(of_one, axis=-1) for of_one in zip(*columns, strict=True)]


def jacobian_by_differences(f, x):
    return jacobians_by_differences(lambda x: [f(x)], x)[0]


@pytest.mark.parametrize("name", MADE)
def test_entries_and_products(name):
    make = MADE[name]
    b = B[: make(X).shape[1]]
    wide = np.outer(b, [1.0, 2.0])
    products = (
        lambda A, x: A @ b,
        lambda A, x: A @ wide,
        lambda A, x: b @ A,
        lambda A, x: A.dot(b),
        lambda A, x: A.T @ (b * x[0]),
        lambda A, x: A @ x[: len(b)],
    )
    functions = (lambda x: make(x).toarray(), *(lambda x, g=g: g(make(x), x) for g in products))

    def of_the_dense_array(x):
        A = make(x).toarray()
        return A, *(g(A, x) for g in products)

    for f, expected in zip(functions, jacobians_by_differences(of_the_dense_array, X), strict=True):
        y, _ = dd.jvp(f, (X,), (X,))
        assert_array_equal(y, f(X))
        assert type(y) is np.ndarray
        for jacobian in (dd.jacfwd, dd.jacrev):
            assert_allclose(jacobian(f)(X), expected, rtol=1e-8, atol=1e-9)
    f = lambda x: np.sum(np.sin(make(x) @ b) ** 2)
    expected = jacobian_by_differences(dd.grad(f), X)
    assert_allclose(dd.hessian(f)(X), expected, rtol=1e-7, atol=1e-8)
    assert_allclose(dd.jacrev(dd.grad(f))(X), expected, rtol=1e-7, atol=1e-8)


SOLVERS = {
    "spsolve": lambda A, b: spl.spsolve(A, b),
    "spsolve csr": lambda A, b: spl.spsolve(A.tocsr(), b),
    "splu": lambda A, b: spl.splu(A.tocsc()).solve(b),
    "splu T": lambda A, b: spl.splu(A.tocsc().T).solve(b, "T"),
    "splu H": lambda A, b: spl.splu(A.tocsc().T).solve(b, "H"),
    "factorized": lambda A, b: spl.factorized(A.tocsc())(b),
}


RIGHT_SIDES = {
    "constant": lambda x: B,
    "of x": lambda x: B * x[:3],
    "columns": lambda x: np.outer(B, x[:2]),
}


def squares(f):
    return lambda x: np.sum(f(x) ** 2)


@functools.cache
def of_the_dense_system(matrix, right):
    """Jacobian by differences, Jacobian, and Hessian of squares, of NumPy's solution of the plain dense system."""
    make, side = MADE[matrix], RIGHT_SIDES[right]
    g = lambda x: np.linalg.solve(make(x).toarray(), side(x))
    return jacobian_by_differences(g, X), dd.jacfwd(g)(X), dd.hessian(squares(g))(X)


@pytest.mark.filterwarnings("ignore:.*:scipy.sparse.SparseEfficiencyWarning")
@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("matrix", ["csc_array", "csr_matrix", "scaled", "product", "diags csc"])
def test_systems_of_equations(name, matrix):
    make, solve = MADE[matrix], SOLVERS[name]
    for right in ("constant", "of x"):
        f = lambda x, side=RIGHT_SIDES[right]: solve(make(x), side(x))
        differences, expected, curvature = of_the_dense_system(matrix, right)
        assert_array_equal(dd.jvp(f, (X,), (X,))[0], f(X))
        assert_allclose(f(X), np.linalg.solve(make(X).toarray(), RIGHT_SIDES[right](X)), rtol=1e-12)
        for jacobian in (dd.jacfwd(f)(X), dd.jacrev(f)(X)):
            assert_allclose(jacobian, differences, rtol=1e-7, atol=1e-9)
            assert_allclose(jacobian, expected, rtol=1e-9, atol=1e-12)
        assert_allclose(dd.hessian(squares(f))(X), curvature, rtol=1e-8, atol=1e-10)
        assert_allclose(dd.jacrev(dd.grad(squares(f)))(X), curvature, rtol=1e-8, atol=1e-10)
    if name in ("spsolve", "splu", "splu T"):
        f = lambda x: solve(make(x), RIGHT_SIDES["columns"](x))
        backwards = dd.jacrev(f)(X)
        assert_allclose(backwards, of_the_dense_system(matrix, "columns")[0], rtol=1e-7, atol=1e-9)
        assert_allclose(dd.jacfwd(f)(X), backwards, rtol=1e-10, atol=1e-13)


def test_factors_that_scipy_made_outside_solve_inside():
    A = sp.csc_array(np.diag([2.0, 4.0, 5.0]) + L.toarray())
    factors, solve = spl.splu(A), spl.factorized(A)
    inverse = np.linalg.inv(A.toarray())
    for f in (
        lambda b: factors.solve(b),
        lambda b: solve(b),
        lambda b: spl.spsolve(A, b),
        lambda b: spl.splu(A).solve(b),
    ):
        for jacobian in (dd.jacfwd, dd.jacrev):
            assert_allclose(jacobian(f)(B), inverse, rtol=1e-12)


def test_an_implicit_step_with_a_diffusivity_per_cell():
    """The sensitivity of a linear solve inside a loop, as PDE code has it."""
    n = 6
    G = sp.diags_array([1.0, -1.0], offsets=[0, -1], shape=(n + 1, n)).tocsr()
    start = np.linspace(0.0, 1.0, n) ** 2

    def final(k):
        u = start
        A = sp.eye_array(n) + 0.1 * (G.T @ sp.diags_array(k) @ G)
        factors = spl.splu(A.tocsc())
        for _ in range(4):
            u = factors.solve(u)
        return u

    k = np.linspace(0.5, 1.5, n + 1)
    expected = jacobian_by_differences(final, k)
    assert_allclose(dd.jacfwd(final)(k), expected, rtol=1e-7, atol=1e-10)
    assert_allclose(dd.jacrev(final)(k), expected, rtol=1e-7, atol=1e-10)
    assert_allclose(dd.sparse_jacobian(final)(k).toarray(), expected, rtol=1e-7, atol=1e-10)


def test_the_pattern_is_that_of_the_entries():
    f = lambda x: sp.diags_array([x[:3], x[3:]], offsets=[0, 1]) @ B
    assert_array_equal(dd.sparsity(f)(X).toarray(), dd.jacfwd(f)(X) != 0)
    f = lambda x: sp.csr_array((x, INDICES, INDPTR)) @ (B * x[:3])
    assert not ((dd.jacfwd(f)(X) != 0) & ~dd.sparsity(f)(X).toarray()).any()


@pytest.mark.parametrize("dtype", [np.float32, complex])
def test_other_dtypes(dtype):
    x = X.astype(dtype) * (1 + 0.5j if dtype is complex else 1)
    f = lambda x: sp.csr_array((x, INDICES, INDPTR)) @ B.astype(x.dtype)
    g = lambda x: spl.spsolve(sp.csc_array((x, INDICES, INDPTR)), B.astype(x.dtype))
    h = lambda x: np.linalg.solve(sp.csc_array((x, INDICES, INDPTR)).toarray(), B.astype(x.dtype))
    for one in (f, g):
        assert dd.jvp(one, (x,), (x,))[0].dtype == dd.jvp(one, (x,), (x,))[1].dtype == dtype
    options = {"holomorphic": True} if dtype is complex else {}
    tolerance = 1e-10 if dtype is complex else 1e-4
    for jacobian in (dd.jacfwd, dd.jacrev):
        assert_allclose(jacobian(g, **options)(x), jacobian(h, **options)(x), rtol=tolerance, atol=tolerance)
    if dtype is complex:
        of = lambda x: spl.splu(sp.csc_array((x, INDICES, INDPTR))).solve(B + 0j, "H")
        want = lambda x: np.linalg.solve(np.conj(sp.csc_array((x, INDICES, INDPTR)).toarray()).T, B + 0j)
        assert_allclose(dd.jvp(of, (x,), (x[::-1],))[1], dd.jvp(want, (x,), (x[::-1],))[1], rtol=1e-10)
        loss = lambda solve: lambda x: np.sum(np.abs(solve(x)) ** 2)
        assert_allclose(dd.grad(loss(of))(x), dd.grad(loss(want))(x), rtol=1e-10)


def test_variables_by_the_names_of_dualdiff():
    from dualdiff.scipy import sparse as ours

    v = dd.Variable(X)
    y = np.sum(ours.csr_array((v, INDICES, INDPTR)) @ B) + np.sum(ours.spsolve(ours.csc_array((v, INDICES, INDPTR)), B))
    y.backward()
    f = lambda x: np.sum(MADE["csr_array"](x) @ B) + np.sum(spl.spsolve(MADE["csc_array"](x), B))
    assert_allclose(v.grad, dd.grad(f)(X), rtol=1e-12)


def test_entries_written_after_the_matrix_was_made():
    def f(x):
        data = np.zeros_like(x)
        data[:] = x
        A = sp.csr_array((data, INDICES, INDPTR))
        y = A @ B
        data[0] = 7.0 * x[1]
        return y + A @ B

    for jacobian in (dd.jacfwd, dd.jacrev):
        assert_allclose(jacobian(f)(X), jacobian_by_differences(f, X), rtol=1e-8, atol=1e-9)


def test_solutions_and_entries_written_later():
    def f(x):
        data = x * 1.0
        A = sp.csc_array((data, INDICES, INDPTR))
        y = spl.spsolve(A, B)
        z = y * 1.0
        y[:] = 0.0
        return z

    for jacobian in (dd.jacfwd, dd.jacrev):
        assert_allclose(jacobian(f)(X), jacobian_by_differences(f, X), rtol=1e-8, atol=1e-9)


def test_questions_about_the_matrix_are_answered():
    def f(x):
        A = MADE["csr_array"](x)
        assert sp.issparse(A)
        assert (A.shape, A.nnz, A.format, A.ndim) == ((3, 3), 5, "csr", 2)
        assert_array_equal(A.indices, INDICES)
        assert_array_equal(A.indptr, INDPTR)
        assert A.size == 5
        B = A.tocsc()
        B.data = B.data * x[0]
        B.data[1] = 2.0 * x[4]
        extra = np.sum(A) + A.trace() * A.mean() + (abs(A) @ A.T.tocsr() @ np.ones(3))[0] + B.data + A[[1]].sum()
        return extra + A.data * 2.0 + A.sum() + A[0, 0] + np.sum(A.diagonal()) + A.sum(axis=0)[0] + A[1, 0]

    assert_allclose(dd.jacrev(f)(X), jacobian_by_differences(f, X), rtol=1e-8)


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")  # SciPy's own
@pytest.mark.parametrize("transform", [dd.jacfwd, dd.jacrev, lambda f: dd.jacfwd(dd.jacrev(f))])
def test_comparisons_are_those_of_the_values(transform):
    """They were Python's own, of identity: ``A == A.copy()`` was false, and ``A != B`` true."""
    plain = MADE["csr_array"](X)

    def f(x):
        A, other = MADE["csr_array"](x), MADE["csr_array"](x[::-1])
        for found, expected in (
            (A.copy() == A, plain == plain.copy()),
            (other != A, plain != MADE["csr_array"](X[::-1])),
            (other != A.tocsc(), MADE["csr_array"](X[::-1]) != plain),
            (A > 1.0, plain > 1.0),
            (x[1] < A, plain > X[1]),
            (plain.toarray() <= A, plain >= plain.toarray()),
            (other > A, plain < MADE["csr_array"](X[::-1])),
            (A <= 2.0, plain <= 2.0),
        ):
            dense = [getattr(matrix, "toarray", lambda matrix=matrix: matrix)() for matrix in (found, expected)]
            assert_array_equal(*dense)
        return (A @ B) * (2.0 if (other != A).nnz else 1.0)

    assert_allclose(transform(f)(X), 2.0 * transform(lambda x: MADE["csr_array"](x) @ B)(X))


@pytest.mark.parametrize(
    "f",
    [
        lambda A, x: spl.inv(A.tocsc()),
        lambda A, x: spl.expm(A),
        lambda A, x: spl.cg(A, B)[0],
        lambda A, x: spl.norm(A),
        lambda A, x: spl.spilu(A.tocsc()).solve(B),
        lambda A, x: spl.splu(A.tocsc()).L @ B,
        lambda A, x: A.power(2) @ B,
        lambda A, x: A**2 @ B,
        lambda A, x: np.sin(A) @ B,
        lambda A, x: np.asarray(A) @ B,
        lambda A, x: np.linalg.solve(A, B),
        lambda A, x: A.multiply(A) @ B,
        lambda A, x: A / A,
        lambda A, x: A,
        lambda A, x: spl.spsolve(A, sp.csc_array(np.eye(3))) @ B,
        lambda A, x: sp.csr_array((np.ones(5), (x, COL))) @ B,
        lambda A, x: sp.csr_array((x, INDICES, INDPTR), dtype=int) @ B,
        lambda A, x: float(A),
        lambda A, x: A[1] @ B,
        lambda A, x: A.setdiag(x[:3]),
        lambda A, x: A.__setitem__((0, 0), 1.0),
        lambda A, x: spl.aslinearoperator(A) @ B,
        lambda A, x: spl.spsolve_triangular(A, B),
    ],
)
def test_what_has_no_rule_raises(f):
    for jacobian in (dd.jacfwd, dd.jacrev):
        with pytest.raises((dd.UnsupportedFunction, TypeError, AttributeError, NotImplementedError)) as raised:
            jacobian(lambda x: f(MADE["csr_array"](x), x))(X)
        assert "object" not in str(raised.value) or "ActiveMatrix" in str(raised.value)


def test_shapes_that_do_not_fit_raise():
    with pytest.raises(ValueError, match=r"shape \(3, 3\) and an array of shape \(4,\)"):
        dd.jacfwd(lambda x: MADE["csr_array"](x) @ np.ones(4))(X)
    with pytest.raises(ValueError, match="inconsistent shapes"):
        dd.jacfwd(lambda x: MADE["csr_array"](x) + sp.eye_array(4))(X)
    with pytest.raises(ValueError, match="shapes"):
        dd.jacfwd(lambda x: MADE["csr_array"](x) @ sp.eye_array(4))(X)


def test_plain_matrices_are_scipys_own():
    def f(x):
        A = sp.csr_array((X, INDICES, INDPTR))
        assert type(A) is sp.csr_array
        assert type(sp.diags_array([np.ones(3)], offsets=[0])).__module__.startswith("scipy")
        assert type(spl.splu(A.tocsc())).__name__ == "SuperLU"
        return A @ x

    assert_array_equal(dd.jacfwd(f)(B), sp.csr_array((X, INDICES, INDPTR)).toarray())


@pytest.mark.usefixtures("as_written")
def test_as_written_the_names_are_those_of_dualdiff():
    from dualdiff.scipy import sparse as ours

    with pytest.raises(TypeError) as raised:
        dd.jacfwd(lambda x: sp.csr_array((x, INDICES, INDPTR)) @ B)(X)
    assert "dualdiff.scipy.sparse" in raised.value.__notes__[0]
    found = dd.jacfwd(lambda x: ours.csr_array((x, INDICES, INDPTR)) @ B)(X)
    assert_allclose(found, jacobian_by_differences(lambda x: MADE["csr_array"](x) @ B, X), rtol=1e-9)


def test_empty_matrices():
    f = lambda x: sp.csr_array((x, (np.zeros(0, int), np.zeros(0, int))), shape=(2, 3)) @ B
    assert dd.jacfwd(f)(np.zeros(0)).shape == (2, 0)
    assert_array_equal(dd.jacrev(lambda x: (sp.diags_array(x) @ sp.csr_array((3, 3))).toarray())(X[:3]), 0.0)
