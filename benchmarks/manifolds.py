"""Losses of optimisation on manifolds, as its users write them: small to middling arrays, a few products and a norm.

    gram matrix            a Gram matrix close to a given one
    low rank               a product of orthonormal factors and a diagonal close to a given matrix
    packing on a sphere    points far from each other: the largest inner product, smoothed
    PCA residual           what is left of samples outside a subspace
    dominant eigenvector   the Rayleigh quotient

Gradients are in the surrounding space; projecting them is the optimiser's.
Source: the examples of Pymanopt (Townsend, Koep, Weichwald, JMLR 17 (2016) 137), which differentiates with autograd.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .problems import Problem

SIZES = (5, 50, 300)
EPSILON = 0.0015  # how far the smoothed maximum is from the largest inner product


def gram_matrix(Y, A):
    return np.linalg.norm(Y.T @ Y - A) ** 2


def gram_matrix_gradient(Y, A):
    return 4 * Y @ (Y.T @ Y - A)  # of a symmetric A


def low_rank(u, s, vt, M):
    return np.linalg.norm(u * s @ vt - M) ** 2


def low_rank_gradient(u, s, vt, M):
    us = u * s
    R = 2 * (us @ vt - M)
    u_bar = R @ vt.T
    return u_bar * s, np.sum(u_bar * u, axis=0), us.T @ R


def packing(X):
    Y = X @ X.T
    largest = np.triu(Y, 1).max()
    shifted = np.exp((Y - largest) / EPSILON)
    shifted -= np.diag(np.diag(shifted))
    return largest + EPSILON * np.log(np.triu(shifted, 1).sum())


def packing_gradient(X):
    Y = np.triu(X @ X.T, 1)
    shifted = np.triu(np.exp((Y - Y.max()) / EPSILON), 1)  # the largest inner product cancels
    weights = shifted / np.sum(shifted)
    return (weights + weights.T) @ X


def residual(w, samples):
    return np.linalg.norm(samples - samples @ w @ w.T) ** 2


def residual_gradient(w, samples):
    projected = samples @ w
    R = -2 * (samples - projected @ w.T)
    return R.T @ projected + samples.T @ (R @ w)


def rayleigh_quotient(x, A):
    return -x.T @ A @ x


def rayleigh_quotient_gradient(x, A):
    return -(x @ A) - A @ x


def problems(sizes: Sequence[int] = SIZES) -> list[Problem]:
    return [make(n) for make in (of_gram_matrix, of_low_rank, of_packing, of_residual, of_quotient) for n in sizes]


def of_gram_matrix(n: int) -> Problem:
    rng = np.random.default_rng(0)
    Y, B = rng.standard_normal((2, 3, n)) / np.sqrt(n)
    return Problem("gram matrix", str(n), "grad", gram_matrix, (Y, B.T @ B), 0, gram_matrix_gradient)


def of_low_rank(n: int) -> Problem:
    rng = np.random.default_rng(0)
    (u, _), (v, _) = (np.linalg.qr(rng.standard_normal((n, 3))) for _ in range(2))
    arguments = u, np.array([3.0, 2.0, 1.0]), v.T.copy(), rng.standard_normal((n, n)) / n
    return Problem("low rank", str(n), "grad", low_rank, arguments, (0, 1, 2), low_rank_gradient)


def of_packing(n: int) -> Problem:
    X = np.random.default_rng(0).standard_normal((n, 3))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return Problem("packing on a sphere", str(n), "grad", packing, (X,), 0, packing_gradient)


def of_residual(n: int) -> Problem:
    rng = np.random.default_rng(0)
    w, _ = np.linalg.qr(rng.standard_normal((5, 2)))
    return Problem("PCA residual", str(n), "grad", residual, (w, rng.standard_normal((n, 5))), 0, residual_gradient)


def of_quotient(n: int) -> Problem:
    rng = np.random.default_rng(0)
    x, B = rng.standard_normal(n), rng.standard_normal((n, n))
    return Problem(
        "dominant eigenvector", str(n), "grad", rayleigh_quotient, (x, B + B.T), 0, rayleigh_quotient_gradient
    )
