"""Linear algebra: special points, conventions, complex matrices, errors."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.testing import check_grads
from tests.samples import symmetric, well_conditioned
from tests.test_contractions import check_real_linear

RNG = np.random.default_rng(3)
A = well_conditioned(3)
V = RNG.standard_normal((3, 3))
Z = A + 1j * RNG.uniform(-0.5, 0.5, (3, 3))
HERMITIAN = Z + Z.conj().T
POSITIVE = Z @ Z.conj().T + np.eye(3)
TALL = RNG.uniform(-1, 1, (4, 3)) + 1j * RNG.uniform(-1, 1, (4, 3))
U = np.linalg.qr(RNG.standard_normal((4, 4)))[0]


def slope(f, x, v):
    return dd.jvp(f, (x,), (v,))[1]


@pytest.mark.parametrize(
    ("f", "a"),
    [
        (np.linalg.inv, Z),
        (np.linalg.det, Z),
        (lambda a: tuple(np.linalg.slogdet(a)), Z),
        (lambda a: np.linalg.solve(a, a[:, 0] ** 2), Z),
        (np.linalg.cholesky, POSITIVE),
        (lambda a: tuple(np.linalg.qr(a)), TALL),
        (lambda a: tuple(np.linalg.qr(a, "complete")), TALL),
        (lambda a: tuple(np.linalg.qr(a.T)), TALL),
        (np.linalg.eigvalsh, HERMITIAN),
        (lambda a: np.abs(np.linalg.eigh(a)[1]), HERMITIAN),
        (lambda a: tuple(np.linalg.eig(a)), Z),
        (np.linalg.eigvals, Z),
        (np.linalg.svdvals, TALL),
        (lambda a: np.abs(np.linalg.svd(a)[0][:, :3]), TALL),
        (lambda a: np.linalg.svd(a, hermitian=True).S, HERMITIAN),
        (np.linalg.pinv, TALL),
        (lambda a: np.linalg.pinv(a, hermitian=True), HERMITIAN),
        (lambda a: np.linalg.lstsq(a, a[:, 0] * 1j + 1)[:2], TALL),
        (lambda a: np.linalg.matrix_power(a, -3), Z),
        (np.linalg.cond, Z),
        (lambda a: np.linalg.multi_dot([a, a, a]), Z),
        (lambda a: [np.linalg.norm(a, p) for p in (None, "nuc", 1, -1, 2, -2, np.inf, -np.inf)], TALL),
        (lambda a: [np.linalg.vector_norm(a, ord=p) for p in (1, 2, 3, np.inf, -np.inf, -1, 0.5)], TALL),
    ],
)
def test_complex_matrices_have_the_real_linear_derivative(f, a):
    check_real_linear(f, (a,), rtol=2e-6, atol=1e-7, step=1e-3)


# Determinants.


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_determinant_of_a_singular_matrix_has_true_derivatives_of_every_order(rank):
    """det is a polynomial: along a line its coefficients are known from its values at five points."""
    x = U[:, :rank] @ np.diag([1.0, 1.0, 2.0][:rank]) @ U[:rank, :]
    v = np.random.default_rng(0).standard_normal((4, 4))
    t = np.linspace(-1, 1, 5)
    coefficients = np.linalg.solve(np.vander(t, increasing=True), np.linalg.det(x + t[:, None, None] * v))

    f = lambda t: np.linalg.det(x + t * v)
    for order, factorial in enumerate([1, 1, 2, 6, 24]):
        assert_allclose(f(0.0), factorial * coefficients[order], rtol=1e-9, atol=1e-9)
        f = dd.derivative(f)


def test_derivative_of_the_determinant_of_an_exactly_singular_matrix_is_its_cofactors():
    x = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 3.0]])
    assert np.linalg.det(x) == 0
    assert_allclose(dd.jacfwd(np.linalg.det)(x), [[12, -6, 0], [-6, 3, 0], [0, 0, 0]], atol=1e-13)
    assert_array_equal(dd.jacfwd(np.linalg.det)(np.zeros((3, 3))), np.zeros((3, 3)))
    assert_array_equal(dd.jacfwd(np.linalg.det)(np.zeros((1, 1))), [[1.0]])


def test_determinant_of_a_complex_singular_matrix_has_a_complex_second_derivative():
    a = np.array([[1.0, 2j, 1.0], [1j, 1.0, 0.5], [1.0 + 1j, 1.0 + 2j, 1.5]])
    t = np.arange(-2.0, 3.0)

    for k in (1.0, 1j):
        cubic = np.polyfit(t, [np.linalg.det(a + k * s * V) for s in t], 3)
        for part in (np.real, np.imag):
            second = dd.derivative(dd.derivative(lambda s, k=k, part=part: part(np.linalg.det(a + k * s * V))))(0.0)
            assert_allclose(second, part(2 * cubic[1]), rtol=1e-12)


def test_determinant_of_equal_singular_values_has_a_second_derivative():
    hessian = dd.jacfwd(dd.jacfwd(np.linalg.det))(np.eye(2))
    expected = np.zeros((2, 2, 2, 2))
    expected[0, 0, 1, 1] = expected[1, 1, 0, 0] = 1
    expected[0, 1, 1, 0] = expected[1, 0, 0, 1] = -1
    assert_allclose(hessian, expected, atol=1e-15)


def test_one_singular_matrix_of_a_batch_spoils_only_its_own_log_determinant():
    batch = np.stack([A, np.zeros((3, 3))])
    with np.errstate(all="ignore"):
        _, log_det = np.linalg.slogdet(batch)
        derivative = slope(lambda x: np.linalg.slogdet(x)[1], batch, np.stack([V, V]))
    assert log_det[1] == -np.inf
    assert_allclose(derivative[0], np.trace(np.linalg.solve(A, V)), rtol=1e-12)
    assert np.isnan(derivative[1])


def test_tensor_equation_takes_its_axes_in_the_order_given():
    a, b = RNG.uniform(-1, 1, (2, 4, 2)) + 0.0, RNG.uniform(-1, 1, 4)
    v = RNG.uniform(-1, 1, a.shape)

    x, xdot = dd.jvp(lambda a: np.linalg.tensorsolve(a, b, axes=(2, 0)), (a,), (v,))

    assert_allclose(np.einsum("kij,ji->k", a.transpose(1, 0, 2), x), b, atol=1e-12)
    assert_allclose(np.einsum("kij,ji->k", a.transpose(1, 0, 2), xdot), -np.einsum("ikj,ji->k", v, x), atol=1e-11)


def test_singular_matrix_without_inverse_raises_as_in_numpy():
    for f in (np.linalg.inv, lambda a: np.linalg.solve(a, np.ones(2))):
        with pytest.raises(np.linalg.LinAlgError):
            dd.jvp(f, (np.ones((2, 2)),), (np.ones((2, 2)),))


# One triangle.


@pytest.mark.parametrize("uplo", ["L", "U"])
def test_functions_of_one_triangle_do_not_see_the_other(uplo):
    s = symmetric(3)
    other = np.triu(np.ones((3, 3)), 1) if uplo == "L" else np.tril(np.ones((3, 3)), -1)

    assert not slope(lambda a: np.linalg.eigvalsh(a, uplo), s, other).any()
    assert not slope(lambda a: np.linalg.eigh(a, uplo)[1], s, other).any()
    assert not slope(lambda a: np.linalg.cholesky(a, upper=uplo == "U"), s @ s + np.eye(3), other).any()


# Eigenvalues and singular values that are equal, or zero.


def test_eigenvalues_of_the_identity_have_derivatives_whose_sum_is_the_trace():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for f in (np.linalg.eigvalsh, lambda a: np.linalg.eigh(a)[0], np.linalg.eigvals, lambda a: np.linalg.eig(a)[0]):
            assert_allclose(np.sum(slope(f, np.eye(3), V)), np.trace(V), rtol=1e-12)


def test_eigenvectors_of_the_identity_have_no_derivative():
    derivative = slope(lambda a: np.linalg.eigh(a)[1], np.eye(2), np.array([[1.0, 2.0], [2.0, 3.0]]))
    assert not np.isfinite(derivative).any()


def test_equal_eigenvalues_leave_other_eigenvectors_alone():
    s, v = np.diag([1.0, 1.0, 3.0]), V + V.T
    derivative = slope(lambda a: np.linalg.eigh(a)[1][:, 2], s, v)
    assert_allclose(derivative, [v[0, 2] / 2, v[1, 2] / 2, 0], rtol=1e-12)


def test_singular_value_of_zero_has_derivative_zero():
    x = np.diag([2.0, 0.0])
    assert_array_equal(slope(np.linalg.svdvals, x, np.ones((2, 2))), [1.0, 0.0])
    assert_array_equal(slope(lambda a: np.linalg.svd(a)[1], x, np.ones((2, 2))), [1.0, 0.0])


def test_eigenvectors_keep_the_normalization_of_lapack():
    """Length 1, and the largest component real: the differences of NumPy's own vectors."""
    rotating = np.array([[1.0, -2.0, 0.3], [1.5, 0.5, 0.1], [0.2, 0.4, 3.0]])
    for a in (rotating, Z):
        _, vectors = np.linalg.eig(a)
        derivative = slope(lambda a: np.linalg.eig(a)[1], a, V.astype(a.dtype))
        largest = np.argmax(np.abs(vectors), axis=0)
        assert_allclose(np.real(np.sum(np.conj(vectors) * derivative, axis=0)), 0, atol=1e-12)
        assert_allclose(np.imag(derivative[largest, range(3)]), 0, atol=1e-12)


# Pseudoinverses.


def test_singular_values_of_an_indefinite_matrix_are_in_the_order_of_their_size():
    w = np.diag([1.0, -3.0, 2.0]) + 0.3

    s = np.sort(np.abs(np.linalg.eigvalsh(w)))[::-1]

    by_w = dd.jacfwd(lambda w: np.linalg.svd(w, hermitian=True)[1])(w)
    assert_allclose(np.tensordot(by_w, w, 2), s, rtol=1e-13)


def test_singular_vectors_of_an_indefinite_matrix_make_it_again():
    def again(w):
        U, s, Vh = np.linalg.svd(0.5 * (w + w.T), hermitian=True)
        return (U * s) @ Vh, U @ np.sign(U).T

    w = np.diag([1.0, -3.0, 2.0]) + 0.3
    product, vectors = (np.tensordot(j, V + V.T, 2) for j in dd.jacfwd(again)(w))
    assert_allclose(product, V + V.T, atol=1e-13)
    h = 1e-6
    signs = np.sign(np.linalg.svd(w, hermitian=True)[0])
    step = [np.linalg.svd(w + t * (V + V.T), hermitian=True)[0] @ signs.T for t in (-h, h)]
    assert_allclose(vectors, (step[1] - step[0]) / (2 * h), atol=1e-8)


def test_truncated_pseudoinverse_knows_the_singular_values_that_it_drops():
    x = U @ np.diag([3.0, 2.0, 0.4, 0.3])[:, :3] @ well_conditioned(3)
    check_grads(lambda a: np.linalg.pinv(a, rcond=0.3), (x,), rtol=1e-6, atol=1e-7, step=1e-4)
    check_grads(lambda a: np.linalg.lstsq(a, np.arange(4.0), rcond=0.3)[0], (x,), rtol=1e-6, atol=1e-7, step=1e-4)


def test_pseudoinverse_with_equal_singular_values_has_two_derivatives():
    check_grads(np.linalg.pinv, (np.eye(4)[:, :2] * 2.0,), order=2)


def test_residuals_of_least_squares_are_differentiable():
    check_grads(lambda a, b: np.linalg.lstsq(a, b)[1], (TALL.real, TALL.imag), order=2)


def test_least_squares_of_a_narrow_matrix_is_as_exact_as_its_wide_right_side():
    a = TALL.real.astype(np.float32)
    b = TALL.imag.copy()
    for f in (lambda b: np.linalg.lstsq(a, b)[0], lambda b: np.linalg.solve(a[:3], b[:3])):
        assert_allclose(slope(f, b, b), f(b), rtol=1e-12)


def test_singular_value_at_the_cutoff_of_least_squares_raises():
    s = np.linalg.svdvals(A)
    cuts = [np.nextafter(s[2] / s[0], towards) for towards in (0.0, 0.5, 1.0)] + [s[2] / s[0]]
    for rcond in cuts:
        rank = np.linalg.lstsq(A, V[0], rcond)[2]
        if rank == np.sum(s > rcond * s[0]):
            assert np.all(np.isfinite(slope(lambda a, r=rcond: np.linalg.lstsq(a, V[0], r)[0], A, V)))
        else:
            with pytest.raises(np.linalg.LinAlgError, match="cutoff"):
                slope(lambda a, r=rcond: np.linalg.lstsq(a, V[0], r)[0], A, V)


def test_negative_cutoff_of_least_squares_is_the_rounding():
    a = np.array([[2.0, 0.0], [0.0, 0.0], [0.0, 0.0]])

    by_b = dd.jacfwd(lambda b: np.linalg.lstsq(a, b, rcond=-1.0)[0])(np.ones(3))

    assert_array_equal(by_b, [[0.5, 0.0, 0.0], [0.0, 0.0, 0.0]])


def test_constant_array_stays_constant_in_least_squares():
    def f(b):
        x, squares, rank, s = np.linalg.lstsq(TALL.real, b)
        assert isinstance(x, dd.Dual) and isinstance(squares, dd.Dual)
        assert rank == 3
        assert type(s) is np.ndarray
        return x

    dd.jvp(f, (np.ones(4),), (np.ones(4),))


# Norms.


@pytest.mark.parametrize("ord", [None, 1, 2, 3, 0.5, -1, np.inf, -np.inf])
def test_vector_norm_has_derivative_zero_at_zero(ord):
    x = np.zeros((2, 3))
    with np.errstate(all="ignore"):
        assert_array_equal(slope(lambda x: np.linalg.norm(x, ord, axis=1), x, np.ones((2, 3))), np.zeros(2))
        complex_zero = x.astype(complex)
        assert_array_equal(slope(lambda x: np.linalg.norm(x, ord, axis=1), complex_zero, complex_zero + 1), np.zeros(2))


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf])
def test_matrix_norm_has_derivative_zero_at_zero(ord):
    assert slope(lambda x: np.linalg.norm(x, ord, axis=(0, 1)), np.zeros((2, 3)), np.ones((2, 3))) == 0


def test_ties_of_the_maximum_norm_share_evenly():
    gradient = dd.jacfwd(lambda x: np.linalg.norm(x, np.inf))
    assert_array_equal(gradient(np.array([2.0, -2.0, 1.0])), [0.5, -0.5, 0.0])
    assert_array_equal(gradient(np.array([[1.0, -1.0], [2.0, 0.0]])), [[0.5, -0.5], [0.5, 0.0]])
    assert_allclose(dd.jacfwd(lambda x: np.linalg.norm(x, 2))(np.eye(2)), np.eye(2) / 2, atol=1e-15)
    assert_allclose(dd.jacfwd(lambda x: np.linalg.norm(x, -2))(np.eye(2)), np.eye(2) / 2, atol=1e-15)


def test_norm_that_counts_is_constant():
    y, ydot = dd.jvp(lambda x: np.linalg.norm(x, 0), (np.array([0.0, 1.0]),), (np.ones(2),))
    assert y == 1
    assert ydot == 0


def test_norm_that_underflows_to_zero_has_derivative_zero():
    x = np.array([1e-120, 0.0])

    assert np.linalg.norm(x, 3) == 0
    assert_array_equal(dd.jacfwd(lambda x: np.linalg.norm(x, 3))(x), [0.0, 0.0])


@pytest.mark.parametrize(("ord", "a"), [(np.inf, [[1.0, np.nan], [3.0, 4.0]]), (1, [[1.0, 3.0], [np.nan, 4.0]])])
def test_sum_that_nan_made_the_largest_has_the_weights(ord, a):
    weights = dd.jacfwd(lambda a: np.linalg.norm(a, ord))(np.array(a))

    assert_array_equal(weights, [[1.0, np.nan], [0.0, 0.0]] if ord == np.inf else [[1.0, 0.0], [np.nan, 0.0]])


def test_entry_of_zero_does_not_spoil_a_norm_of_order_below_one():
    assert_allclose(dd.jacfwd(lambda x: np.linalg.norm(x, 0.5))(np.array([4.0, 0.0, 4.0])), [2.0, 0.0, 2.0])


def test_norm_of_nan_is_nan_with_its_derivative():
    x = np.array([1.0, np.nan])
    for ord in (None, 1, 3, np.inf):
        assert np.isnan(slope(lambda x, ord=ord: np.linalg.norm(x, ord), x, np.ones(2))) or ord in (1, np.inf)


# Errors.


def test_householder_vectors_are_refused_with_a_reason():
    with pytest.raises(dd.UnsupportedFunction, match="reduced"):
        dd.jvp(lambda a: np.linalg.qr(a, mode="raw"), (A,), (V,))


def test_dual_as_a_cutoff_is_refused():
    with pytest.raises(dd.UnsupportedFunction, match="'rcond'"):
        dd.jvp(lambda a: np.linalg.pinv(a * A, rcond=a), (1.0,), (1.0,))
