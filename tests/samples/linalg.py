"""Linear algebra.  Vectors whose phase LAPACK chooses are sampled through results that do not depend on it."""

import numpy as np

from . import sample, symmetric, well_conditioned

A3, A4, B3 = well_conditioned(3), well_conditioned(4, 1), well_conditioned(3, 2, (2,))
S3, S4 = symmetric(3), symmetric(4, 1, (2,))
POSITIVE = S3 @ S3.T + np.eye(3)
TALL = np.random.default_rng(3).uniform(-1, 1, (2, 5, 3))
WIDE = np.swapaxes(TALL, -1, -2).copy()
EMPTY = np.zeros((0, 0))


def ih(a):
    return np.conjugate(np.swapaxes(a, -1, -2))


# Inverses and systems.
for a in [A3, B3, EMPTY]:
    sample(np.linalg.inv, lambda a: np.linalg.inv(a), a)
    sample(np.linalg.det, lambda a: np.linalg.det(a), a)
    sample(np.linalg.slogdet, lambda a: tuple(np.linalg.slogdet(a)), a)
sample(np.linalg.inv, lambda a, b: np.linalg.inv(a + 1j * b), A3, (3, 3))
sample(np.linalg.det, lambda a, b: np.linalg.det(a + 1j * b), B3, (2, 3, 3))
sample(np.linalg.slogdet, lambda a, b: tuple(np.linalg.slogdet(a + 1j * b)), B3, (3, 3))
sample(np.linalg.slogdet, lambda a: np.linalg.slogdet(a).logabsdet, -A3)
sample(np.linalg.det, lambda a: np.linalg.det(a), np.outer([1.0, 2.0, 3.0], [1.0, 1.0, 2.0]))
sample(np.linalg.det, lambda a: np.linalg.det(a), np.diag([1.0, 0.0, 0.0, 2.0]))
sample(np.linalg.det, lambda a: np.linalg.det(a), np.stack([np.zeros((3, 3)), np.eye(3), A3]))
sample(np.linalg.det, lambda a: np.linalg.det(a), np.arange(9.0).reshape(3, 3))
sample(np.linalg.det, lambda a: np.linalg.det(a), np.zeros((1, 1)))
for a, b in [
    (A3, (3,)),
    (A3, (3, 2)),
    (B3, (3,)),
    (B3, (3, 2)),
    (B3, (2, 3, 1)),
    (A3, (2, 3, 2)),
    (B3, (4, 1, 3, 2)),
    (A3, (3, 0)),
]:
    sample(np.linalg.solve, lambda a, b: np.linalg.solve(a, b), a, b)
sample(np.linalg.solve, lambda b: np.linalg.solve(A3, b), (3, 2))
sample(np.linalg.solve, lambda b: np.linalg.solve(B3, b), (3, 2))
sample(np.linalg.solve, lambda a: np.linalg.solve(a, [1.0, 2.0, 3.0]), A3)
sample(np.linalg.solve, lambda a, b: np.linalg.solve(a, 1j * b), A3, (3,))
sample(np.linalg.solve, lambda a, b, c: np.linalg.solve(a + 1j * b, c), A3, (3, 3), (3,))
sample(np.linalg.tensorinv, lambda a: np.linalg.tensorinv(a), well_conditioned(6).reshape(2, 3, 3, 2))
sample(np.linalg.tensorinv, lambda a: np.linalg.tensorinv(a, ind=1), well_conditioned(6).reshape(6, 3, 2))
sample(np.linalg.tensorsolve, lambda a, b: np.linalg.tensorsolve(a, b), well_conditioned(6).reshape(2, 3, 6), (2, 3))
sample(
    np.linalg.tensorsolve,
    lambda a, b: np.linalg.tensorsolve(a, b, axes=(0, 2)),
    well_conditioned(6).reshape(2, 6, 3),
    (6,),
)
sample(np.linalg.tensorsolve, lambda b: np.linalg.tensorsolve(A3, b), (3,))

# Decompositions.
sample(np.linalg.cholesky, lambda a: np.linalg.cholesky(a), POSITIVE)
sample(np.linalg.cholesky, lambda a: np.linalg.cholesky(a), np.stack([POSITIVE, np.eye(3)]))
sample(np.linalg.cholesky, lambda a: np.linalg.cholesky(a, upper=True), POSITIVE)
sample(np.linalg.cholesky, lambda a, b: np.linalg.cholesky(a + 1j * b), POSITIVE, (3, 3))
sample(np.linalg.cholesky, lambda a, b: np.linalg.cholesky(a + 1j * b, upper=True), POSITIVE, (3, 3))
for a in [A3, B3, TALL, WIDE, np.zeros((2, 0)), np.zeros((0, 2))]:
    sample(np.linalg.qr, lambda a: tuple(np.linalg.qr(a)), a)
    sample(np.linalg.qr, lambda a: np.linalg.qr(a, "r"), a)
    if a.size:
        sample(np.linalg.qr, lambda a: tuple(np.linalg.qr(a, mode="complete")), a)
        sample(np.linalg.qr, lambda a, b: tuple(np.linalg.qr(a + 1j * b)), a, a.shape)
        sample(np.linalg.qr, lambda a, b: tuple(np.linalg.qr(a + 1j * b, mode="complete")), a, a.shape)
sample(np.linalg.qr, lambda a: tuple(np.linalg.qr(a, mode="complete")), TALL[0, :, :1])
for a in [S3, S4]:
    for uplo in ["L", "U"]:
        sample(np.linalg.eigh, lambda a, uplo=uplo: tuple(np.linalg.eigh(a, UPLO=uplo)), a)
        sample(np.linalg.eigvalsh, lambda a, uplo=uplo: np.linalg.eigvalsh(a, uplo), a)
sample(np.linalg.eigh, lambda a, b: np.abs(np.linalg.eigh(a + 1j * b)[1]), S4, (2, 4, 4))
sample(np.linalg.eigvalsh, lambda a, b: np.linalg.eigvalsh(a + 1j * b), S4, (2, 4, 4))
sample(np.linalg.eigh, lambda a: tuple(np.linalg.eigh(a)), EMPTY)
ROTATING = np.array([[1.0, -2.0, 0.3], [1.5, 0.5, 0.1], [0.2, 0.4, 3.0]])
for a in [A3, np.stack([A3, A3.T]), ROTATING, np.stack([A3, ROTATING])]:
    sample(np.linalg.eig, lambda a: tuple(np.linalg.eig(a)), a)
    sample(np.linalg.eigvals, lambda a: np.linalg.eigvals(a), a)
sample(np.linalg.eig, lambda a, b: tuple(np.linalg.eig(a + 1j * b)), B3, (2, 3, 3))
sample(np.linalg.eigvals, lambda a, b: np.linalg.eigvals(a + 1j * b), B3, (2, 3, 3))
sample(np.linalg.eigvals, lambda a: np.linalg.eigvals(a), EMPTY)

# Singular values.
for a in [A3, B3, TALL, WIDE]:
    sample(np.linalg.svd, lambda a: tuple(np.linalg.svd(a, full_matrices=False)), a)
    sample(np.linalg.svd, lambda a: np.linalg.svd(a, compute_uv=False), a)
    sample(np.linalg.svdvals, lambda a: np.linalg.svdvals(a), a)
sample(np.linalg.svd, lambda a: tuple(np.linalg.svd(a)), A3)


def without_choice(usv, p):
    """What does not depend on phases and on the basis of the null space."""
    u, s, vh = usv
    return (
        u[..., :p] * (s + s * s)[..., None, :] @ vh[..., :p, :],
        u[..., p:] @ ih(u[..., p:]),
        ih(vh[..., p:, :]) @ vh[..., p:, :],
        np.abs(u[..., :p]),
        s,
    )


for a in [TALL, WIDE]:
    sample(np.linalg.svd, lambda a: without_choice(np.linalg.svd(a, True), 3), a)
    sample(np.linalg.svd, lambda a, b: without_choice(np.linalg.svd(a + 1j * b), 3), a, a.shape)
sample(np.linalg.svd, lambda a, b: without_choice(np.linalg.svd(a + 1j * b, full_matrices=False), 3), B3, (2, 3, 3))
sample(np.linalg.svd, lambda a: tuple(np.linalg.svd(a, hermitian=True)), S3 - 2 * np.eye(3))
sample(np.linalg.svd, lambda a: np.linalg.svd(a, hermitian=True, compute_uv=False), S4 - 9 * np.eye(4))

# Pseudoinverses and least squares.
for a in [A3, TALL, WIDE]:
    sample(np.linalg.pinv, lambda a: np.linalg.pinv(a), a)
    sample(np.linalg.pinv, lambda a: np.linalg.pinv(a, rcond=0.4), a)
    sample(np.linalg.pinv, lambda a, b: np.linalg.pinv(a + 1j * b), a, a.shape)
    sample(np.linalg.pinv, lambda a, b: np.linalg.pinv(a + 1j * b, rcond=0.5), a, a.shape)
sample(np.linalg.pinv, lambda a: np.linalg.pinv(a, hermitian=True), S4)
sample(np.linalg.pinv, lambda a: np.linalg.pinv(a, rtol=None), TALL)
sample(np.linalg.pinv, lambda a: np.linalg.pinv(a, rcond=[1e-3, 0.4]), TALL)
sample(np.linalg.pinv, lambda a, b: np.linalg.pinv(a @ b, rcond=1e-4), (4, 2), (2, 3))
sample(np.linalg.pinv, lambda a: np.linalg.pinv(a), np.zeros((0, 2)))


def without_rank(x, squares, rank, s):
    return x, squares, s


for a in [A3, TALL[0], WIDE[0]]:
    m = a.shape[0]
    sample(np.linalg.lstsq, lambda a, b: without_rank(*np.linalg.lstsq(a, b)), a, (m,))
    sample(np.linalg.lstsq, lambda a, b: without_rank(*np.linalg.lstsq(a, b, rcond=None)), a, (m, 2))
    sample(np.linalg.lstsq, lambda a, b: without_rank(*np.linalg.lstsq(a, b, rcond=0.5)), a, (m, 2))
    sample(np.linalg.lstsq, lambda a, b, c: without_rank(*np.linalg.lstsq(a + 1j * b, c)), a, a.shape, (m,))
sample(np.linalg.lstsq, lambda b: without_rank(*np.linalg.lstsq(TALL[0], b)), (5,))
sample(np.linalg.lstsq, lambda a, b: without_rank(*np.linalg.lstsq(a, b)), (3, 0), (3, 2))
sample(np.linalg.lstsq, lambda a, b: without_rank(*np.linalg.lstsq(a, b)), (0, 3), (0,))
sample(np.linalg.lstsq, lambda a: without_rank(*np.linalg.lstsq(a, [1.0, 2.0, 3.0, 4.0, 5.0])), TALL[0])
sample(np.linalg.lstsq, lambda a, b, c: np.linalg.lstsq(a @ b, c, rcond=1e-4)[0], (5, 2), (2, 3), (5,))

# Norms.
sample(np.linalg.norm, lambda x: np.linalg.norm(x), (3,))
sample(np.linalg.norm, lambda x: np.linalg.norm(x), (2, 3, 4))
sample(np.linalg.norm, lambda x: np.linalg.norm(x), ())
sample(np.linalg.norm, lambda x, y: np.linalg.norm(x + 1j * y, keepdims=True), (2, 3), (2, 3))
SIGNED = np.array([[0.3, -0.5, 0.9], [-0.7, 0.2, 0.45]])
for p in [None, 2, 1, np.inf, -np.inf, 3, 0.5, -1, -2.5, 2.0, 4]:
    sample(np.linalg.norm, lambda x, p=p: np.linalg.norm(x, p, axis=1), SIGNED)
    sample(np.linalg.norm, lambda x, p=p: np.linalg.norm(x, ord=p, axis=-2, keepdims=True), SIGNED)
    sample(np.linalg.norm, lambda x, y, p=p: np.linalg.norm(x + 1j * y, p, axis=(0,)), SIGNED, (2, 3))
    sample(np.linalg.vector_norm, lambda x, p=2 if p is None else p: np.linalg.vector_norm(x, ord=p), SIGNED)
    sample(
        np.linalg.vector_norm,
        lambda x, p=2 if p is None else p: np.linalg.vector_norm(x, axis=(0, -1), keepdims=True, ord=p),
        (2, 3, 2),
    )
for p in [None, "fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf]:
    sample(np.linalg.norm, lambda x, p=p: np.linalg.norm(x, p, axis=(0, 1)), SIGNED)
    sample(np.linalg.norm, lambda x, p=p: np.linalg.norm(x, p, axis=(2, 0), keepdims=True), (2, 2, 3))
    sample(np.linalg.norm, lambda x, y, p=p: np.linalg.norm(x + 1j * y, p, axis=(-1, 0)), (2, 3), (2, 3))
    sample(np.linalg.matrix_norm, lambda x, p=p or "fro": np.linalg.matrix_norm(x, ord=p, keepdims=True), TALL)
sample(np.linalg.norm, lambda x: np.linalg.norm(x, "fro"), SIGNED)
sample(np.linalg.norm, lambda x: np.linalg.norm(x, 1), SIGNED)
sample(np.linalg.norm, lambda x: np.linalg.norm(x, 2), (3,))
for p in [None, 2, -2]:
    sample(np.linalg.cond, lambda x, p=p: np.linalg.cond(x, p), TALL)
for p in ["fro", "nuc", 1, -1, np.inf, -np.inf]:
    sample(np.linalg.cond, lambda x, p=p: np.linalg.cond(x, p), B3)

# Products of several matrices.
sample(np.linalg.multi_dot, lambda a, b: np.linalg.multi_dot([a, b]), (2, 3), (3, 4))
sample(np.linalg.multi_dot, lambda a, b, c: np.linalg.multi_dot([a, b, A3, c]), (2, 4), (4, 3), (3, 2))
sample(np.linalg.multi_dot, lambda a, b, c: np.linalg.multi_dot([a, b, c]), (4,), (4, 3), (3,))
sample(np.linalg.multi_dot, lambda a: np.linalg.multi_dot([A3, a, A3, [1.0, 2.0, 3.0]]), (3, 3))
for n in [0, 1, 2, 3, 5, -1, -3]:
    sample(np.linalg.matrix_power, lambda a, n=n: np.linalg.matrix_power(a, n), B3)
