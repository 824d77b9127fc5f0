"""Vectors that a matrix does not determine: the derivative of LAPACK's own, or nan; never a finite guess.

The oracles are extrapolated differences of NumPy's results, of what does not depend on a choice, and hand formulas.
"""

import warnings

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.scipy import linalg

RNG = np.random.default_rng(11)
W = RNG.standard_normal((9, 9))


def matrix(m, n, kind="complex"):
    a = RNG.standard_normal((m, n))
    return a if kind == "real" else a + 1j * RNG.standard_normal((m, n))


def hermitian(n):
    z = matrix(n, n)
    return z + np.conj(z.T)


def difference(f, x, v, step=1e-3):
    """Of order six."""
    central = lambda h: (f(x + h * v) - f(x - h * v)) / (2 * h)
    return (64 * central(step / 4) - 20 * central(step / 2) + central(step)) / 45


def along(f, x, v):
    """The derivative along v by all modes: forward, forward by columns, reverse, by a linear record, by Variables."""
    parts = lambda y: (np.real(y), np.imag(y)) if np.iscomplexobj(y) else (y,)
    found = parts(dd.jvp(f, (x,), (v,))[1])
    t = np.float64(0.0)
    line = lambda t: np.stack(parts(f(x + t * v)))
    others = [
        dd.jacfwd(line)(t),
        dd.jacrev(line)(t),
        dd.linearize(line, t)[1](np.float64(1.0)),
        np.stack(found),
    ]
    for other in others:
        assert_allclose(np.stack(found), other, rtol=1e-8, atol=1e-9)
    return found[0] + 1j * found[1] if len(found) == 2 else found[0]


def assert_true(f, x, v=None, rtol=1e-8, atol=1e-8):
    v = matrix(*x.shape[-2:], "complex" if np.iscomplexobj(x) else "real") if v is None else v
    assert_allclose(along(f, x, v), difference(f, x, v), rtol=rtol, atol=atol)


# Phases of complex vectors.


def test_imaginary_part_of_a_hermitian_eigenvector_has_the_slope_of_lapacks():
    """v = (real, s), s along the imaginary part of the coupling: .629 by differences."""
    a, v = np.array([[1, 0.5 - 0.3j], [0.5 + 0.3j, 2]]), np.array([[0, -1j], [1j, 0]])
    f = lambda t: np.linalg.eigh(a + t * v)[1][1, 0].imag
    for mode in (dd.derivative, dd.grad, dd.jacfwd, dd.jacrev):
        assert_allclose(mode(f)(0.0), difference(f, 0.0, 1.0), rtol=1e-9)
    assert_allclose(dd.derivative(f)(0.0), 0.6287165, rtol=1e-7)
    w = dd.Variable(0.0)
    f(w).backward()
    assert_allclose(w.grad, 0.6287165, rtol=1e-7)
    second = difference(dd.derivative(f), 0.0, 1.0)
    for mode in (dd.derivative, dd.grad):
        assert_allclose(mode(dd.grad(f))(0.0), second, rtol=1e-8)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("uplo", ["L", "U"])
def test_hermitian_eigenvectors_move_as_lapacks(n, uplo):
    assert_true(lambda a: np.linalg.eigh(a, uplo)[1], hermitian(n), matrix(n, n))
    assert_true(lambda a: linalg.eigh(a, lower=uplo == "L", driver="evd")[1], hermitian(n), matrix(n, n))


@pytest.mark.parametrize("kind", [1, 2, 3])
@pytest.mark.parametrize("lower", [True, False])
def test_eigenvectors_of_two_hermitian_matrices_move_as_lapacks(kind, lower):
    a, z = hermitian(3), matrix(3, 3)
    b = z @ np.conj(z.T) + np.eye(3)
    assert_true(lambda a: linalg.eigh(a, b, lower=lower, type=kind)[1], a, matrix(3, 3))
    assert_true(lambda b: linalg.eigh(a, b, lower=lower, type=kind)[1], b, matrix(3, 3))


SHAPES = [(1, 1), (2, 2), (4, 3), (3, 4), (9, 3), (3, 9), (3, 1), (1, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["real", "complex"])
def test_singular_vectors_move_as_lapacks(shape, kind):
    a = matrix(*shape, kind)
    for svd in (np.linalg.svd, linalg.svd, lambda a, full: linalg.svd(a, full, lapack_driver="gesvd")):
        assert_true(lambda a, svd=svd: svd(a, False)[0], a, atol=1e-7)
        assert_true(lambda a, svd=svd: svd(a, False)[2], a, atol=1e-7)


def test_eigenvector_that_lacks_the_component_that_lapack_makes_real_has_no_phase():
    """Its phase jumps, those of others do not; what does not depend on it has a derivative."""
    a = scipy.linalg.block_diag(1.0, hermitian(2) + 9 * np.eye(2)).astype(complex)
    v = hermitian(3)
    vectors = lambda a: np.linalg.eigh(a)[1]
    found = dd.jvp(vectors, (a,), (v,))[1]
    assert np.all(np.isnan(found[:, 1:][vectors(a)[:, 1:] != 0])) and np.all(np.isfinite(found[:, 0]))
    assert_true(lambda a: np.abs(vectors(a)) ** 2, a, v)

    def function(a):
        w, V = np.linalg.eigh(a)
        return (V * np.exp(w)) @ np.conj(V.T)

    assert_allclose(along(function, a, v), scipy.linalg.expm_frechet(a, v)[1], rtol=1e-9)
    gradient = dd.grad(lambda a: vectors(a)[1, 1].imag)(a)
    assert_array_equal(np.isnan(gradient.real), np.tri(3, dtype=bool))


def test_bases_of_two_null_spaces_do_not_turn_together():
    """Nor is it the other way round: the same basis, found twice, is the same."""
    a, v = matrix(5, 3, "real"), matrix(5, 3, "real")
    null = lambda a: np.linalg.svd(a)[0][:, 3:]
    assert np.isnan(dd.jvp(lambda a: null(a) @ null(a * a).T, (a,), (v,))[1]).all()
    assert np.isnan(dd.grad(lambda a: np.sum(null(a) @ null(a * a).T))(a)).all()
    found = dd.jvp(lambda a: null(a) @ null(a).T, (a,), (v,))[1]
    assert_allclose(found, difference(lambda a: null(a) @ null(a).T, a, v), atol=1e-8)


def test_phase_of_an_eigenvector_with_two_largest_components_is_free():
    """A rotation: both components of its vectors are largest.  exp(A), by way of them, has its derivative."""
    a, v = np.array([[0.0, -1.0], [1.0, 0.0]]), matrix(2, 2, "real")

    def exponential(a):
        w, V = np.linalg.eig(a)
        return np.real((V * np.exp(w)) @ np.linalg.inv(V))

    assert_allclose(along(exponential, a, v), scipy.linalg.expm_frechet(a, v)[1], rtol=1e-12)
    vectors = dd.jvp(lambda a: np.linalg.eig(a)[1], (a,), (v,))[1]
    assert np.isnan(vectors).all()
    assert np.isnan(dd.grad(lambda a: np.sum(np.linalg.eig(a)[1][0]).imag)(a)).all()


# Null spaces.


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_basis_of_a_null_space_has_no_derivative_and_its_projector_has(kind):
    tall = matrix(5, 3, kind)
    null = lambda a: np.linalg.svd(a)[0][:, 3:]
    for a, f in ((tall, null), (tall.T, lambda a: np.conj(np.linalg.svd(a)[2][3:].T))):
        v = matrix(*a.shape, kind)
        assert np.isnan(dd.jvp(f, (a,), (v,))[1]).all()
        assert np.isnan(dd.grad(lambda a, f=f: np.real(f(a)[0, 0]))(a)).all()

        def projector(a, f=f):
            basis = f(a)
            return basis @ np.conj(basis.T)

        assert_true(projector, a, v)
        curvature = difference(lambda x, f=projector, v=v: dd.jvp(f, (x,), (v,))[1], a, v)
        assert_allclose(
            dd.jvp(lambda x, f=projector, v=v: dd.jvp(f, (x,), (v,))[1], (a,), (v,))[1], curvature, atol=1e-7
        )


def test_full_matrices_leave_the_determined_columns_alone():
    a, v = matrix(5, 2, "real"), matrix(5, 2, "real")
    u = dd.jvp(lambda a: np.linalg.svd(a)[0], (a,), (v,))[1]
    assert_allclose(u[:, :2], difference(lambda a: np.linalg.svd(a)[0][:, :2], a, v), atol=1e-8)
    assert np.isnan(u[:, 2:]).all()
    gradient = dd.grad(lambda a: np.sum(W[:5, :2] * np.linalg.svd(a)[0][:, :2]))(a)
    assert_allclose(np.sum(gradient * v), np.sum(W[:5, :2] * u[:, :2]), rtol=1e-10)


def test_one_null_vector_is_determined_up_to_its_sign():
    normal = lambda a: np.linalg.svd(a)[2][-1] * np.sign(np.linalg.svd(a)[2][-1, 0])
    assert_true(normal, matrix(2, 3, "real"))
    a = np.outer(RNG.standard_normal(4), [1.0, 2.0])
    assert_true(normal, a, a @ np.array([[0.1, 0.7], [-0.2, 0.3]]))  # of rank 1 all along the line


def test_a_turn_of_a_float32_null_space_is_not_mistaken_for_rounding():
    a, v = matrix(5, 3, "real").astype(np.float32), matrix(5, 3, "real").astype(np.float32)
    projector = lambda a: np.linalg.svd(a)[0][:, 3:] @ np.linalg.svd(a)[0][:, 3:].T
    wide = dd.jvp(projector, (a.astype(float),), (v.astype(float),))[1]
    found = dd.jvp(projector, (a,), (v,))[1]
    assert found.dtype == np.float32
    assert_allclose(found, wide, atol=1e-4)
    assert np.isnan(dd.jvp(lambda a: np.linalg.svd(a)[0][:, 3:], (a,), (v,))[1]).all()


# Matrices without full rank.

DEFICIENT = [np.outer([1.0, 2.0, 3.0], [1.0, -1.0]), np.ones((3, 3)), np.zeros((3, 2)), matrix(4, 2) @ matrix(2, 3)]


@pytest.mark.parametrize("a", [*DEFICIENT, *(a.T.copy() for a in DEFICIENT)], ids=lambda a: str(a.shape))
def test_product_of_the_factors_of_a_deficient_matrix_is_never_a_wrong_number(a):
    """A itself; on the side with more zeros, the vectors of a singular value of 0 do not go with those of the other."""
    v = matrix(*a.shape, "complex" if np.iscomplexobj(a) else "real")
    for full in (True, False):
        u = dd.jvp(lambda a, full=full: np.linalg.svd(a, full)[0], (a,), (v,))[1]
        vh = dd.jvp(lambda a, full=full: np.linalg.svd(a, full)[2], (a,), (v,))[1]
        assert np.isnan(u).any() or np.isnan(vh).any()

    def whole(a):
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return np.real(np.sum(W[: a.shape[0], : a.shape[1]] * ((u * s) @ vh)))

    def kept(a):
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        r = np.linalg.matrix_rank(dd.stop_gradient(a))
        return np.real(np.sum(W[: a.shape[0], : a.shape[1]] * ((u[:, :r] * s[:r]) @ vh[:r])))

    assert np.isnan(dd.jvp(whole, (a,), (v,))[1])
    assert np.isnan(dd.grad(whole)(a)).all()
    # The best approximation of rank r, whose derivative leaves out what maps the null space outside the range.
    u, _, vh = np.linalg.svd(a)
    r = np.linalg.matrix_rank(a)
    outside, inside = u[:, r:] @ np.conj(u[:, r:].T), np.conj(vh[r:].T) @ vh[r:]
    expected = np.sum(W[: a.shape[0], : a.shape[1]] * (v - outside @ v @ inside)).real
    assert_allclose(dd.jvp(kept, (a,), (v,))[1], expected, atol=1e-12)
    assert_allclose(np.sum(dd.grad(kept)(a) * v).real, expected, atol=1e-12)


def test_sum_of_squares_of_singular_values_has_no_second_derivative_where_one_is_zero():
    f = lambda a: np.sum(np.linalg.svdvals(a) ** 2)
    for a in DEFICIENT[:3]:
        v = matrix(*a.shape, "real")
        assert_allclose(dd.jvp(f, (a,), (v,))[1], 2 * np.sum(a * v), atol=1e-12)
        assert np.isnan(dd.jvp(lambda x, v=v: dd.jvp(f, (x,), (v,))[1], (a,), (v,))[1])
        assert np.isnan(dd.jvp(dd.grad(f), (a,), (v,))[1]).any()


def test_nuclear_norm_of_a_deficient_matrix_does_not_see_the_rounding_of_its_zeros():
    a = np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 0.5])
    expected = a / np.linalg.norm(a)
    for f in (lambda a: np.linalg.norm(a, "nuc"), lambda a: np.sum(np.linalg.svd(a)[1])):
        assert_allclose(dd.grad(f)(a), expected, atol=1e-13)
        assert_allclose(dd.jacfwd(f)(a), expected, atol=1e-13)


def test_nearly_equal_largest_singular_values_share_the_spectral_norm():
    q = np.linalg.qr(matrix(3, 3, "real"))[0]
    a = q * np.array([1.0, 1.0, 0.25])  # singular values of 1 that rounding tells apart
    u, _, vh = np.linalg.svd(a)
    assert_allclose(dd.grad(lambda a: np.linalg.norm(a, 2))(a), u[:, :2] @ vh[:2] / 2, atol=1e-13)


# QR.

MIDDLE = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 1.0], [0.0, 0.0, 5.0], [1.0, 2.0, 7.0]])


@pytest.mark.parametrize("qr", [np.linalg.qr, lambda a, mode: linalg.qr(a, mode="economic")], ids=["numpy", "scipy"])
def test_columns_of_q_from_a_pivot_of_zero_on_have_no_derivative(qr):
    v = matrix(4, 3, "real")
    dq, dr = dd.jvp(lambda a: tuple(qr(a, "reduced")), (MIDDLE,), (v,))[1]
    expected = difference(lambda a: np.linalg.qr(a)[0][:, :1], MIDDLE, v)
    assert_allclose(dq[:, :1], expected, atol=1e-8)
    assert np.isnan(dq[:, 1:]).all()
    assert_allclose(dr[0], difference(lambda a: np.linalg.qr(a)[1][0], MIDDLE, v), atol=1e-8)
    assert_array_equal(np.isnan(dr), [[False] * 3, [False, True, True], [False, False, True]])
    assert not dr[1, 0] and not dr[2, :2].any()
    j = dd.jacrev(lambda a: qr(a, "reduced")[1])(MIDDLE)
    assert_allclose(np.tensordot(j[0], v, 2), dr[0], atol=1e-12)
    assert np.isnan(j[1, 1:]).all() and np.isnan(j[2, 2]).all()
    assert np.isnan(dd.grad(lambda a: qr(a, "reduced")[0][0, 1])(MIDDLE)).all()


@pytest.mark.parametrize("mode", ["reduced", "complete", "r"])
@pytest.mark.parametrize("a", [DEFICIENT[0], np.outer(np.ones(3), np.arange(1.0, 6)), np.zeros((3, 2)), MIDDLE])
def test_every_finite_entry_of_a_deficient_qr_is_that_of_lapack(a, mode):
    leaves = lambda a: np.linalg.qr(a, mode) if mode == "r" else tuple(np.linalg.qr(a, mode))
    v = matrix(*a.shape, "real")
    _, found = dd.jvp(leaves, (a,), (v,))
    parts = (found,) if mode == "r" else found
    assert any(np.isnan(part).any() for part in parts)
    for i, part in enumerate(parts):
        expected = difference(lambda a, i=i: leaves(a) if mode == "r" else leaves(a)[i], a, v)
        if not a.any():
            expected = np.zeros_like(expected)  # below the diagonal of R
        known = np.isfinite(part)
        if mode == "r" or i == 1:
            known &= np.triu(np.ones(part.shape, bool))
            assert not part[~np.triu(np.ones(part.shape, bool))].any()
        assert_allclose(part[known], expected[known], atol=1e-7)


def test_last_column_of_a_square_q_is_the_normal_of_the_others_whatever_its_pivot():
    for a in (np.ones((2, 2)), matrix(4, 3, "real") @ matrix(3, 4, "real"), matrix(2, 4, "real")):
        assert_true(lambda a: np.linalg.qr(a)[0], a)
        assert_true(lambda a: np.linalg.qr(a)[1], a)


def test_pivoted_qr_of_a_deficient_matrix_knows_its_range():
    a, v = matrix(4, 2, "real") @ matrix(2, 3, "real"), matrix(4, 3, "real")
    dq = dd.jvp(lambda a: linalg.qr(a, mode="economic", pivoting=True)[0], (a,), (v,))[1]
    assert_allclose(
        dq[:, :2], difference(lambda a: scipy.linalg.qr(a, mode="economic", pivoting=True)[0][:, :2], a, v), atol=1e-7
    )
    assert np.isnan(dq[:, 2]).all()


# Equal values.

EQUAL = {
    "identity": np.eye(3),
    "diagonal": np.diag([1.0, 1.0, 3.0]),
    "nearly": np.diag([1.0, 1.0 + 1e-12, 3.0]),
    "turned": (lambda q: (q * [1.0, 1.0, 3.0]) @ q.T)(np.linalg.qr(matrix(3, 3, "real"))[0]),
    "complex": np.eye(3) + 0j,
}


@pytest.mark.parametrize("a", EQUAL.values(), ids=EQUAL)
def test_functions_by_way_of_vectors_of_equal_eigenvalues_are_never_wrong(a):
    """V f(W) Vᴴ has a derivative there, by divided differences; by way of V, which has none, it is nan."""
    v = hermitian(3) if np.iscomplexobj(a) else matrix(3, 3, "real")

    def function(a):
        w, V = np.linalg.eigh(a)
        return np.real(np.sum(W[:3, :3] * ((V * np.exp(w)) @ np.conj(V.T))))

    def by_svd(a):
        u, s, vh = np.linalg.svd(a)
        return np.real(np.sum(W[:3, :3] * ((u * s) @ vh)))

    for f in (function, by_svd):
        assert np.isnan(dd.jvp(f, (a,), (v,))[1])
        assert np.isnan(dd.grad(f)(a)).any()


@pytest.mark.parametrize("a", EQUAL.values(), ids=EQUAL)
def test_sums_over_equal_eigenvalues_have_one_derivative_and_no_second(a):
    v = hermitian(3) if np.iscomplexobj(a) else matrix(3, 3, "real")
    v = v + np.conj(v.T)
    for f, expected in (
        (lambda a: np.sum(np.linalg.eigvalsh(a) ** 2), 2 * np.sum(np.conj(a) * v).real),
        (lambda a: np.sum(np.exp(np.linalg.eigh(a)[0])), np.trace(scipy.linalg.expm_frechet(a, v)[1]).real),
        (lambda a: np.sum(np.linalg.svdvals(a) ** 2), 2 * np.sum(np.conj(a) * v).real),
    ):
        assert_allclose(dd.jvp(f, (a,), (v,))[1], expected, rtol=1e-10)
        assert_allclose(np.sum(dd.grad(f)(a) * v).real, expected, rtol=1e-10)
        assert np.isnan(dd.jvp(lambda x, f=f: dd.jvp(f, (x,), (v,))[1], (a,), (v,))[1])
        assert np.isnan(dd.jvp(dd.grad(f), (a,), (v,))[1]).any()


def test_equal_eigenvalues_share_evenly_in_every_basis():
    v = matrix(3, 3, "real")
    for f in (np.linalg.eigvalsh, np.linalg.eigvals, np.linalg.svdvals, linalg.eigvalsh):
        assert_allclose(dd.jvp(f, (np.eye(3),), (v,))[1], np.full(3, np.trace(v) / 3), rtol=1e-13)
        jacobian = dd.jacrev(lambda a, f=f: np.real(f(a)))(np.eye(3))  # eigvals are complex from NumPy 2.5 on
        assert_allclose(np.tensordot(jacobian, v, 2), np.full(3, np.trace(v) / 3), rtol=1e-13)


def test_a_single_eigenvalue_beside_equal_ones_has_two_derivatives():
    a, v = np.diag([1.0, 1.0, 3.0]), matrix(3, 3, "real")
    v = v + v.T
    f = lambda a: np.linalg.eigvalsh(a)[2]
    assert dd.jvp(f, (a,), (v,))[1] == pytest.approx(v[2, 2])
    second = dd.jvp(lambda x: dd.jvp(f, (x,), (v,))[1], (a,), (v,))[1]
    assert second == pytest.approx(v[2, 0] ** 2 + v[2, 1] ** 2)  # 2 Σ |vᵢⱼ|² / (3 − 1)


def test_a_subset_that_divides_equal_eigenvalues_has_no_derivative():
    f = lambda a: linalg.eigvalsh(a, subset_by_index=[1, 2])
    found = dd.jvp(f, (np.diag([1.0, 1.0, 3.0]),), (np.ones((3, 3)),))[1]
    assert_array_equal(found, [np.nan, 1.0])


DEFECTIVE = {
    "upper": np.array([[1.0, 1.0], [0.0, 1.0]]),
    "nilpotent": np.array([[0.0, 1.0], [0.0, 0.0]]),
    "turned": np.array([[3.0, 1.0], [-1.0, 1.0]]),
    "of order 3": np.array([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 2.0]]),
}


@pytest.mark.parametrize("a", DEFECTIVE.values(), ids=DEFECTIVE)
def test_eigenvalues_of_a_defective_matrix_have_no_derivative(a):
    v = matrix(*a.shape, "real")
    for f in (np.linalg.eigvals, lambda a: np.linalg.eig(a)[0], lambda a: np.linalg.eig(a)[1], linalg.eigvals):
        assert np.isnan(dd.jvp(f, (a,), (v,))[1]).all()
        assert np.isnan(dd.grad(lambda a, f=f: np.real(np.sum(np.ravel(f(a))[:1])))(a)).all()


def test_a_single_eigenvalue_beside_a_defective_pair_has_its_derivative():
    a, v = scipy.linalg.block_diag([[1.0, 1.0], [0.0, 1.0]], 3.0), matrix(3, 3, "real")
    for f in (lambda a: np.linalg.eigvals(a)[2], lambda a: np.linalg.eig(a)[0][2]):
        assert dd.jvp(f, (a,), (v,))[1] == pytest.approx(v[2, 2])
        assert_allclose(dd.grad(lambda a, f=f: np.real(f(a)))(a), np.diag([0.0, 0.0, 1.0]), atol=1e-14)


# Batches, dead code, empty matrices.


def test_one_bad_matrix_of_a_batch_does_not_spoil_the_others():
    good = matrix(3, 3, "real")
    good = good + good.T
    batch, v = np.stack([np.eye(3), good, np.ones((3, 3))]), matrix(3, 3, "real") + np.zeros((3, 1, 1))
    for f in (
        lambda a: np.linalg.eigh(a)[1],
        lambda a: np.linalg.svd(a)[0],
        lambda a: np.linalg.qr(a)[0],
        lambda a: np.linalg.eig(a)[1],
    ):
        alone = dd.jvp(f, (good,), (v[0],))[1]
        found = dd.jvp(f, (batch,), (v,))[1]
        assert_allclose(found[1], alone, rtol=1e-9, atol=1e-12)
        assert np.isnan(found[[0, 2]]).any()
        gradient = dd.grad(lambda a, f=f: np.real(np.sum(W[:3, :3] * f(a))))(batch)
        assert_allclose(np.sum(gradient[1] * v[0]), np.sum(W[:3, :3] * alone), rtol=1e-9)
        assert np.isnan(gradient[[0, 2]]).any()


SINGULAR = [np.ones((2, 2)), np.zeros((2, 2)), np.array([[0.0, 1.0], [0.0, 0.0]]), np.ones((3, 2)), np.eye(3)]


@pytest.mark.parametrize("a", [*SINGULAR, *(a + 0j for a in SINGULAR)], ids=lambda a: f"{a.shape} {a.dtype}")
def test_dead_code_neither_raises_nor_spoils_a_gradient(a):
    def f(a):
        for mode in ("reduced", "complete", "r"):
            np.linalg.qr(a, mode)
        np.linalg.svd(a)
        np.linalg.svd(a, False)
        linalg.polar(a)
        linalg.qr(a, pivoting=True)
        linalg.svd(a)
        if a.shape[0] == a.shape[1]:
            for decomposition in (np.linalg.eig, np.linalg.eigvals, np.linalg.eigh, np.linalg.slogdet, linalg.eigh):
                decomposition(a)
            linalg.eig(a, left=True)
        return np.sum(np.real(a) ** 2)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_array_equal(dd.grad(f)(a), 2 * np.real(a))
        assert dd.jvp(f, (a,), (np.ones_like(a),))[1] == 2 * np.sum(np.real(a))
        assert_allclose(dd.jvp(dd.grad(f), (a,), (np.ones_like(a),))[1], 2.0 * np.ones(a.shape))


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (2, 0, 0), (0, 2, 2)], ids=str)
def test_empty_matrices_have_empty_or_constant_vectors(shape):
    for dtype in (float, complex):
        a = np.zeros(shape, dtype)
        functions = [lambda a: tuple(np.linalg.svd(a, False)), lambda a: tuple(np.linalg.qr(a))]
        if shape[-1] == shape[-2]:
            functions += [lambda a: tuple(np.linalg.eigh(a)), lambda a: tuple(np.linalg.eig(a))]
        for f in functions:
            for part in dd.jvp(f, (a,), (a,))[1]:
                assert not np.any(part)


def test_polar_factor_of_a_matrix_without_full_rank_has_no_derivative():
    for a in (np.ones((2, 2)), np.ones((3, 2)), np.ones((2, 3))):
        for side in ("left", "right"):
            u, p = dd.jvp(lambda a, side=side: linalg.polar(a, side), (a,), (a * a,))[1]
            assert np.isnan(u).all() and np.isnan(p).all()
            assert np.isnan(dd.grad(lambda a, side=side: np.sum(linalg.polar(a, side)[0]))(a)).all()


def test_a_direction_that_leaves_a_matrix_alone_leaves_its_vectors_alone():
    a = np.stack([np.eye(2), np.diag([1.0, 2.0])])
    j = dd.jacfwd(lambda a: np.linalg.eigh(a)[1])(a)
    assert np.isnan(j[0][..., 0, 0, 0]).all()
    assert not j[0][..., 1, :, :].any() and not j[1][..., 0, :, :].any()
    assert np.isfinite(j[1]).all()
