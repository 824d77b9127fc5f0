"""Log-likelihood of a Gaussian mixture with a Wishart prior: the gradient in all parameters.

    L(α, μ, q, l) = Σₙ log Σₖ exp(αₖ + Σ qₖ − ½ |Qₖ (xₙ − μₖ)|²) − N log Σₖ exp αₖ − ½ N D log 2π
                    + Σₖ (½ γ² (|exp qₖ|² + |lₖ|²) − m Σ qₖ) − K C

Qₖ is lower triangular, with exp qₖ on its diagonal and lₖ below it, column after column: the factor of an inverse
covariance.  C is the constant of the prior, (D + m + 1) D (log γ − ½ log 2) − log Γ_D(½ (D + m + 1)).

Conventions: K components, D dimensions, N points; α is (K,), μ (K, D), q and l are the rows of one array
(K, D (D + 1) / 2), x is (N, D).
Source: Šrajer, Kukelova, Fitzgibbon, "A benchmark of selected algorithmic differentiation tools on some problems in
computer vision and machine learning", Optimization Methods & Software 33 (2018) 889; the signs of the prior as there.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .problems import Problem

DATA = Path(__file__).parent / "data"
FILES = ("gmm_d2_K5", "gmm_d10_K25")


class Prior(NamedTuple):
    """Wishart prior of the inverse covariances."""

    gamma: float
    m: int


def problems() -> list[Problem]:
    rows = []
    for name in FILES:
        arguments = read(name)
        (K, D), N = arguments[1].shape, len(arguments[3])
        size = f"{N} × {D}, {K} parts"
        rows.append(
            Problem("gaussian mixture", size, "grad", log_likelihood, arguments, (0, 1, 2), gradient, "ADBench")
        )
    return rows


def read(name: str) -> tuple[Any, ...]:
    """The arguments of `log_likelihood`: ``D K N``, then α, μ, the factors, the points, and γ and m of the prior."""
    numbers = (DATA / f"{name}.txt").read_text().split()
    D, K, N = (int(number) for number in numbers[:3])
    factor = D * (D + 1) // 2
    alphas, means, factors, x, prior = np.split(
        np.array(numbers[3:], dtype=float), np.cumsum([K, K * D, K * factor, N * D])
    )
    gamma, m = prior
    return alphas, means.reshape(K, D), factors.reshape(K, factor), x.reshape(N, D), Prior(float(gamma), int(m))


# The function.


def log_likelihood(alphas, means, factors, x, prior):
    N, D = x.shape
    q, l = factors[:, :D], factors[:, D:]
    z = (x - means[:, None]) @ np.swapaxes(inverse_covariance_factors(q, l), 1, 2)
    inner = (alphas + np.sum(q, axis=1))[:, None] - 0.5 * np.sum(z * z, axis=2)
    likelihood = np.sum(logsumexp(inner)) - N * logsumexp(alphas) - 0.5 * N * D * math.log(2 * math.pi)
    return likelihood + log_prior(q, l, prior)


def inverse_covariance_factors(q, l):
    """(K, D, D): lower triangular, exp q on the diagonal.

    Taken from the numbers of each factor and a zero, without assignment, as packages need that have none.
    """
    D = q.shape[1]
    numbers = np.concatenate([np.exp(q), l, np.zeros_like(q[:, :1])], axis=1)
    return numbers[:, places(D)]


def places(D):
    """(D, D): where the entries of a factor stand in its D + D (D − 1) / 2 numbers and the zero after them."""
    index = np.full((D, D), D * (D + 1) // 2)
    column, row = np.triu_indices(D, 1)
    index[row, column] = np.arange(D, D * (D + 1) // 2)
    np.fill_diagonal(index, np.arange(D))
    return index


def logsumexp(a):
    """Over the first axis."""
    largest = np.max(a, axis=0)
    return np.log(np.sum(np.exp(a - largest), axis=0)) + largest


def log_prior(q, l, prior):
    K, D = q.shape
    squares = np.sum(np.exp(2 * q)) + np.sum(l * l)
    return 0.5 * prior.gamma**2 * squares - prior.m * np.sum(q) - K * log_constant(D, prior)


def log_constant(D, prior):
    n = D + prior.m + 1
    log_gamma = 0.25 * D * (D - 1) * math.log(math.pi) + sum(math.lgamma(0.5 * (n - j)) for j in range(D))
    return n * D * (math.log(prior.gamma) - 0.5 * math.log(2)) - log_gamma


# Its gradient by hand: r are the responsibilities, the weights of the components for each point.


def gradient(alphas, means, factors, x, prior):
    N, D = x.shape
    q, l = factors[:, :D], factors[:, D:]
    Q, diagonal = inverse_covariance_factors(q, l), np.exp(q)
    centred = x - means[:, None]
    z = centred @ Q.mT
    r = softmax((alphas + np.sum(q, axis=1))[:, None] - 0.5 * np.sum(z * z, axis=2))
    share = np.sum(r, axis=1)
    z *= r[:, :, None]
    Q_bar = -(z.mT @ centred)
    column, row = np.triu_indices(D, 1)
    factors_bar = np.empty_like(factors)
    factors_bar[:, :D] = share[:, None] + np.diagonal(Q_bar, axis1=1, axis2=2) * diagonal
    factors_bar[:, :D] += prior.gamma**2 * diagonal**2 - prior.m
    factors_bar[:, D:] = Q_bar[:, row, column] + prior.gamma**2 * l
    return share - N * softmax(alphas), (np.sum(z, axis=1)[:, None] @ Q)[:, 0], factors_bar


def softmax(a):
    e = np.exp(a - np.max(a, axis=0))
    return e / np.sum(e, axis=0)
