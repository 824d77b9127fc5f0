"""Functions with sparse Jacobians and Hessians, as people write them."""

import numpy as np

from benchmarks.sparse import arrowhead, bratu, brusselator, burgers, heat, rosenbrock


def stepped(u):
    """Ten steps of a loop that writes in place."""
    u = u.copy()
    for _ in range(10):
        u[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2]) * u[1:-1]
    return u


def with_dense_row(x):
    return np.concatenate([x[1:] * x[:-1], [np.sum(x**2)]])


def with_dense_column(x):
    return x[1:] * x[0] + np.sin(x[1:])


def spring_chain(x):
    p = x.reshape(-1, 2)
    length = np.sqrt(np.sum((p[1:] - p[:-1]) ** 2, axis=1))
    return np.sum((length - 0.7) ** 2) + np.sum(p[:, 1])


VECTOR = [heat, burgers, bratu, brusselator, stepped, with_dense_row, with_dense_column]
SCALAR = [rosenbrock, arrowhead, spring_chain]


def point(f, n=None):
    n = n or {bratu: 49, brusselator: 50}.get(f, 40)
    return np.random.default_rng(n).uniform(0.5, 1.5, n)
