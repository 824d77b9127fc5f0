"""`linear`: an opaque linear map, in both modes and nested, against the matrix that it is."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd
from tests.samples import well_conditioned

A = well_conditioned(4)
X = np.array([0.3, -0.7, 1.1, 0.4])


def opaque(matrix, **options):
    """The product with a matrix, by functions that take nothing but ndarrays."""

    def product(m):
        def apply(x):
            assert type(x) is np.ndarray
            return m @ x

        return apply

    return dd.linear(product(matrix), product(matrix.T), **options)


OPERATORS = {
    "grad": dd.grad,
    "jacfwd": dd.jacfwd,
    "jacrev": dd.jacrev,
    "hessian": dd.hessian,
    "forward over forward": lambda f: dd.jacfwd(dd.jacfwd(f)),
    "reverse over forward": lambda f: dd.jacrev(dd.jacfwd(f)),
    "reverse over reverse": lambda f: dd.jacrev(dd.jacrev(f)),
    "third": lambda f: dd.jacfwd(dd.hessian(f)),
}


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)
def test_derivatives_are_those_of_the_matrix(operator):
    L = opaque(A)

    assert_allclose(
        operator(lambda x: np.sum(L(np.sin(x)) ** 3 * x))(X),
        operator(lambda x: np.sum((A @ np.sin(x)) ** 3 * x))(X),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parametrize("shape", [(2, 4), (4, 2), (7, 4)])
def test_jacobian_is_the_matrix_whatever_its_shape(shape):
    M = np.random.default_rng(0).standard_normal((shape[0], 4))
    L = opaque(M)

    assert_allclose(dd.jacfwd(L)(X), M)
    assert_allclose(dd.jacrev(L)(X), M)
    assert_allclose(dd.jacrev(L.T)(np.ones(len(M))), M.T)
    assert_allclose(dd.linearize(L, X)[1](np.ones(4)), M @ np.ones(4))


def test_a_sparse_solver_is_differentiated():
    sparse, solvers = pytest.importorskip("scipy.sparse"), pytest.importorskip("scipy.sparse.linalg")
    n = 30
    M = sparse.diags([np.full(n - 1, -1.0), np.full(n, 2.5), np.full(n - 1, -0.5)], [-1, 0, 1]).tocsc()
    lu = solvers.splu(M)
    solve = dd.linear(lu.solve, lambda ct: lu.solve(ct, "T"))
    x, inverse = np.linspace(0.1, 1.0, n), np.linalg.inv(M.toarray())
    loss, same = (lambda x, s=s: np.sum(s(x**2) ** 3) for s in (solve, lambda b: inverse @ b))

    assert_allclose(dd.grad(loss)(x), dd.grad(same)(x), rtol=1e-12)
    assert_allclose(dd.hessian(loss)(x), dd.hessian(same)(x), rtol=1e-10, atol=1e-12)
    assert_allclose(dd.hvp(loss, x, x), dd.hvp(same, x, x), rtol=1e-12)


def test_complex_maps_transpose_without_conjugation():
    F = dd.linear(np.fft.fft, np.fft.fft)
    L = lambda x: np.fft.fft(x)
    rng = np.random.default_rng(0)
    z, v, c = (rng.standard_normal(5) + 1j * rng.standard_normal(5) for _ in range(3))
    for x, dx in ((z, v), (z.real, v.real)):  # a real argument takes the real part of what comes back
        assert_allclose(dd.jvp(F, (x,), (dx,))[1], dd.jvp(L, (x,), (dx,))[1], rtol=1e-12)
        found, expected = (dd.vjp(f, x)[1](c)[0] for f in (F, L))
        assert found.dtype == x.dtype
        assert_allclose(found, expected, rtol=1e-12)
    power = lambda f: lambda x: np.sum(np.abs(f(x)) ** 2)
    assert_allclose(dd.grad(power(F))(z), dd.grad(power(L))(z), rtol=1e-12)


def test_scalars_matrices_empty_results_and_float32():
    thrice = dd.linear(lambda t: 3 * t, lambda t: 3 * t)
    assert dd.grad(thrice)(2.0) == 3.0
    assert dd.derivative(lambda t: thrice(t) ** 2)(2.0) == 36.0

    turned = dd.linear(lambda m: m.T.copy(), lambda m: m.T.copy())
    m = np.arange(6.0).reshape(2, 3)
    assert_allclose(dd.grad(lambda m: np.sum(turned(m) * m.T * 0.5))(m), m)

    nothing = dd.linear(lambda x: x[:0], lambda ct: np.zeros(4))
    assert dd.jacfwd(nothing)(X).shape == dd.jacrev(nothing)(X).shape == (0, 4)

    L = opaque(A.astype(np.float32))
    for mode in (dd.jacfwd, dd.jacrev):
        assert mode(L)(X.astype(np.float32)).dtype == np.float32


def test_non_contiguous_arguments_and_arguments_that_are_written():
    def overwriting(x):
        x *= 2.0
        return x

    twice = dd.linear(overwriting, overwriting)
    x = np.repeat(X, 2)[::2]
    y, ydot = dd.jvp(twice, (x,), (x,))
    assert_allclose(y, 2 * X)
    assert_allclose(ydot, 2 * X)
    assert_allclose(x, X)  # nobody's array but its own was written
    assert_allclose(dd.grad(lambda x: np.sum(twice(x) * x))(x), 4 * X)


def test_variables_and_lists_of_duals():
    L = opaque(A)
    v = dd.Variable(X)
    loss = np.sum(L(v) ** 2)
    loss.backward()
    assert isinstance(loss, dd.Variable)
    assert_allclose(v.grad, 2 * A.T @ (A @ X))
    inner = dd.jvp(lambda x: L(x * v), (X,), (np.ones(4),))[1]
    assert isinstance(inner, dd.Variable)
    assert_allclose(dd.grad(lambda x: np.sum(L([x[0], 0.0, x[1], 1.0])))(X), A.sum(0)[[0, 2]].tolist() + [0.0, 0.0])


def test_plain_arguments_are_one_call_on_a_copy_as_of_a_dual():
    seen = []
    L = dd.linear(lambda x: seen.append(x) or x, lambda ct: ct)
    result = L(X)
    assert len(seen) == 1 and type(seen[0]) is np.ndarray
    assert result.tolist() == seen[0].tolist() == X.tolist()
    assert not any(np.shares_memory(a, b) for a, b in ((result, X), (seen[0], X), (result, seen[0])))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: dd.linear(lambda x: x + 1.0, lambda ct: ct), TypeError, "is not linear"),
        (lambda: dd.linear(lambda x: x * x, lambda ct: ct), TypeError, "is not linear"),
        (lambda: dd.linear(lambda x: x + 1e-5, lambda ct: ct), TypeError, r"L\(0\) is not 0, .* is 1e-05"),
        (lambda: dd.linear(lambda x: x * (x.sum() / x.sum()), lambda ct: ct), TypeError, r"L\(0\) is not 0"),
        (lambda: dd.linear(lambda x: A @ x, lambda ct: A @ ct), TypeError, "transpose is not that of the map"),
        (lambda: dd.linear(lambda x: x[:2], lambda ct: ct), ValueError, r"transpose returned an array of shape \(2,\)"),
        (
            lambda: dd.linear(lambda x: x[:2], lambda ct: ct, check=False),
            ValueError,
            r"transpose returned an array of shape \(2,\), where one of shape \(4,\) is meant",
        ),
    ],
)
def test_what_is_no_linear_map_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        dd.grad(lambda x: np.sum(make()(x)))(X)


def test_closing_over_a_value_with_a_derivative_is_refused():
    def f(a):
        return np.sum(dd.linear(lambda x: a * x, lambda ct: a * ct)(a))

    for mode in (dd.grad, dd.jacfwd):
        with pytest.raises(TypeError, match="closes over a value that carries a derivative"):
            mode(f)(X)
    # Of another argument it is NumPy's own code that runs.
    assert_allclose(dd.grad(lambda a: np.sum(dd.linear(lambda x: a * x, lambda ct: a * ct)(X)))(X), X)


def test_the_laws_are_tried_once_for_each_shape():
    calls = []

    def apply(x):
        calls.append(x.shape)
        return 2 * x

    L = dd.linear(apply, lambda ct: 2 * ct)
    for n in (3, 3, 4):
        dd.jvp(L, (np.ones(n),), (np.ones(n),))
    assert calls == [(3,)] * 6 + [(3,)] * 2 + [(4,)] * 6


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="linear"):
        dd.linear(A, A.T)


@pytest.mark.parametrize("f", [lambda x: [x[0], x[1]], lambda x: (x, x), lambda x: None])
def test_what_is_no_array_is_refused(f):
    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises(
            TypeError, match=r"a function given to it returned a (list|tuple|NoneType); it returns an array"
        ):
            transform(dd.linear(f, lambda ct: ct))(X)
