"""Products of arrays."""

import numpy as np

from . import sample

A23, A34 = np.random.default_rng(0).uniform(-1, 1, (2, 3)), np.random.default_rng(1).uniform(-1, 1, (3, 4))

# Matrix products.
for shapes in [((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((5, 2, 3), (3, 2)),
               ((4, 1, 2, 3), (5, 3, 2)), ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((3,), (2, 3, 2)),
               ((1, 3), (3, 1))]:  # fmt: skip
    sample(np.matmul, lambda a, b: np.matmul(a, b), *shapes)
sample(np.matmul, lambda a: a @ A34, (2, 3))
sample(np.matmul, lambda a: A23 @ a, (3, 4))
sample(np.matmul, lambda a: A23.tolist() @ a, (3,))
sample(np.matmul, lambda a: a @ a.T, (2, 3))
sample(np.matmul, lambda a: a @ np.arange(6).reshape(3, 2), (2, 3))
sample(np.matmul, lambda a, b: np.matmul(a, b, axes=[(0, 1), (-1, 0), (1, 2)]), (2, 3, 4), (3, 4, 3))
sample(np.matmul, lambda a, b: np.matmul(a, b, axes=[(0,), (-1, 0), (0,)]), (3,), (4, 3))
sample(np.matmul, lambda a, b: np.matmul(a, b, dtype=np.float64, casting="same_kind", order="F"), (2, 3), (3, 4))
sample(np.vecdot, lambda a, b: np.vecdot(a, b), (2, 3), (4, 1, 3))
sample(np.vecdot, lambda a, b: np.vecdot(a, b, axis=0), (3, 2), (3, 1))
sample(np.vecdot, lambda a, b: np.vecdot(a, b, axis=0, keepdims=True), (3, 2), (3, 2))
sample(np.vecdot, lambda a, b: np.vecdot(a, b, axes=[(0,), (1,), ()]), (3, 2), (2, 3))
sample(np.vecdot, lambda a, b: np.vecdot(a, b), (3,), (3,))
if hasattr(np, "matvec"):
    sample(np.matvec, lambda a, b: np.matvec(a, b), (5, 2, 3), (3,))
    sample(np.matvec, lambda a, b: np.matvec(a, b, axes=[(1, 0), 0, 0]), (3, 2), (3, 4))
    sample(np.vecmat, lambda a, b: np.vecmat(a, b), (4, 3), (3, 2))
sample(np.linalg.matmul, lambda a, b: np.linalg.matmul(a, b), (5, 2, 3), (3, 2))
sample(np.linalg.vecdot, lambda a, b: np.linalg.vecdot(a, b), (2, 3), (3,))
sample(np.linalg.vecdot, lambda a, b: np.linalg.vecdot(a, b, axis=0), (3, 2), (3, 2))

# dot, inner, outer and their kin.
for shapes in [((3,), (3,)), ((2, 3), (3, 4)), ((2, 3), (3,)), ((3,), (2, 3, 4)), ((2, 5, 3), (4, 3, 2)), ((), (2, 3)),
               ((2, 3), ()), ((), ()), ((0,), (0,))]:  # fmt: skip
    sample(np.dot, lambda a, b: np.dot(a, b), *shapes)
    sample(np.kron, lambda a, b: np.kron(a, b), *shapes)
sample(np.dot, lambda a: np.dot(a, 2.0), (3,))
sample(np.dot, lambda a: a.dot(a.T), (3, 2))
sample(np.dot, lambda a: np.dot(b=a, a=A23), (3, 4))
sample(np.inner, lambda a, b: np.inner(a, b), (2, 3), (4, 5, 3))
sample(np.inner, lambda a, b: np.inner(a, b), (3,), (3,))
sample(np.inner, lambda a, b: np.inner(a, b), (), (2,))
sample(np.outer, lambda a, b: np.outer(a, b), (2, 3), (2,))
sample(np.outer, lambda a: np.outer(a, [1.0, 2.0]), ())
sample(np.linalg.outer, lambda a, b: np.linalg.outer(a, b), (3,), (2,))
sample(np.vdot, lambda a, b: np.vdot(a, b), (2, 3), (3, 2))
sample(np.vdot, lambda a, b: np.vdot(a, b), (3,), (3,))
sample(np.tensordot, lambda a, b: np.tensordot(a, b), (2, 3, 4), (3, 4, 2))
sample(np.tensordot, lambda a, b: np.tensordot(a, b, axes=0), (2,), (3, 2))
sample(np.tensordot, lambda a, b: np.tensordot(a, b, 1), (2, 3), (3,))
sample(np.tensordot, lambda a, b: np.tensordot(a, b, axes=(-1, 0)), (2, 3), (3, 2))
sample(np.tensordot, lambda a, b: np.tensordot(a, b, axes=([0, 2], [-1, 0])), (2, 3, 4), (4, 3, 2))
sample(np.linalg.tensordot, lambda a, b: np.linalg.tensordot(a, b, axes=([0], [1])), (2, 3), (4, 2))

# einsum.
for subscripts, *shapes in [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ba,cb", (2, 3), (4, 2)), ("ij,ij->", (2, 3), (2, 3)),
    ("i,j->ji", (2,), (3,)), ("i,i->i", (3,), (3,)), ("ij->", (2, 3)), ("ij->j", (2, 3)), ("ij->ji", (2, 3)),
    ("ii", (3, 3)), ("ii->i", (3, 3)), ("iij->ji", (3, 3, 2)), ("iij->j", (3, 3, 2)), ("iii->i", (2, 2, 2)),
    ("...ij,...jk->...ik", (5, 2, 3), (3, 4)), ("...ij,...jk", (4, 1, 2, 3), (5, 3, 2)), ("i...->...", (2, 3, 4)),
    ("...i->i...", (2, 3, 4)), ("...,...", (2, 1), (3,)), ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("ij,jk,kl", (2, 3), (3, 4), (4, 2)), ("i,ij,j->", (3,), (3, 2), (2,)), ("ij,jk->ik", (2, 1), (3, 4)),
    ("ij,ij->ij", (2, 1), (2, 3)), ("ii,ij->j", (3, 3), (3, 2)), ("ij,k->i", (2, 3), (4,)),
    ("i,i,i", (3,), (3,), (3,)), (",i->i", (), (3,)), ("bij,bjk,bk->bi", (2, 3, 3), (2, 3, 3), (2, 3)),
    (" i j , j -> i ", (2, 3), (3,)), ("ij,jk->ik", (0, 3), (3, 2)), ("...a->...", (2, 3)),
    ("a...b,b...->a...", (2, 4, 3), (3, 1)),
]:  # fmt: skip
    sample(np.einsum, lambda *x, subscripts=subscripts: np.einsum(subscripts, *x), *shapes)
sample(np.einsum, lambda a, b, c: np.einsum("ij,jk,kl->il", a, b, c, optimize=True), (2, 3), (3, 4), (4, 2))
sample(np.einsum, lambda a: np.einsum("ij,jk,lj->ilk", a, A34, a, optimize="greedy"), (2, 3))
sample(np.einsum, lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [0, 2]), (2, 3), (3, 4))
sample(np.einsum, lambda a, b: np.einsum(a, [0, 30], b, [30, 2]), (2, 3), (3, 4))
sample(np.einsum, lambda a, b: np.einsum(a, [Ellipsis, 0], b, [0, 2], [Ellipsis, 2]), (5, 2, 3), (3, 4))
sample(np.einsum, lambda a: np.einsum("ij,j->i", a, [1.0, 2.0, 3.0], dtype=np.float64, order="F"), (2, 3))

# Traces, vectors, polynomials.
sample(np.trace, lambda a: np.trace(a), (3, 4))
sample(np.trace, lambda a: np.trace(a, 1, -1, 0), (3, 2, 4))
sample(np.trace, lambda a: np.trace(a, offset=-5), (3, 4))
sample(np.trace, lambda a: a.trace(dtype=np.float64), (3, 3))
sample(np.linalg.trace, lambda a: np.linalg.trace(a, offset=-1), (2, 3, 4))
sample(np.cross, lambda a, b: np.cross(a, b), (3,), (3,))
sample(np.cross, lambda a, b: np.cross(a, b, axisa=0, axisb=1, axisc=0), (3, 4), (4, 3))
sample(np.cross, lambda a, b: np.cross(a, b, axis=0), (3, 2), (3, 1))
sample(np.cross, lambda a: np.cross([1.0, 2.0, 3.0], a), (2, 3))
sample(np.linalg.cross, lambda a, b: np.linalg.cross(a, b), (2, 3), (3,))
sample(np.linalg.cross, lambda a, b: np.linalg.cross(a, b, axis=0), (3, 2), (3, 2))
for n, m in [(5, 3), (5, 2), (3, 5), (2, 5), (4, 4), (3, 3), (1, 3), (3, 1), (6, 4), (4, 6)]:
    for mode in ["full", "same", "valid"]:
        sample(np.convolve, lambda a, v, mode=mode: np.convolve(a, v, mode), (n,), (m,))
        sample(np.correlate, lambda a, v, mode=mode: np.correlate(a, v, mode=mode), (n,), (m,))
sample(np.convolve, lambda a: np.convolve(a, [1.0, -2.0, 1.0]), (4,))
sample(np.correlate, lambda v: np.correlate([1.0, -2.0, 1.0, 4.0], v), (3,))
