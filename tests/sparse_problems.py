"""Functions with sparse Jacobians and Hessians, as people write them."""

import numpy as np


def heat(u):
    """Written by slices into a buffer."""
    du = np.zeros_like(u)
    du[1:-1] = u[2:] - 2 * u[1:-1] + u[:-2]
    du[0] = u[1] - u[0]
    du[-1] = u[-2] - u[-1]
    du += u**3
    return du


def burgers(u):
    left, right = np.roll(u, 1), np.roll(u, -1)
    return 0.1 * (right - 2 * u + left) - u * (right - left)


def bratu(u):
    n = int(np.sqrt(u.size))
    v = np.pad(u.reshape(n, n), 1)
    inner = v[1:-1, 1:-1]
    return (
        v[2:, 1:-1] + v[:-2, 1:-1] + v[1:-1, 2:] + v[1:-1, :-2] - 4 * inner + 5 / (n + 1) ** 2 * np.exp(inner)
    ).ravel()


def brusselator(x):
    n = int(np.sqrt(x.size // 2))
    u, v = x.reshape(2, n, n)

    def laplacian(w):
        return np.roll(w, 1, 0) + np.roll(w, -1, 0) + np.roll(w, 1, 1) + np.roll(w, -1, 1) - 4 * w

    return np.stack([1 + u * u * v - 4.4 * u + 0.1 * laplacian(u), 3.4 * u - u * u * v + 0.1 * laplacian(v)]).ravel()


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


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def arrowhead(x):
    return np.sum(x[0] * x[1:] ** 2) + np.sum(np.cos(x))


def spring_chain(x):
    p = x.reshape(-1, 2)
    length = np.sqrt(np.sum((p[1:] - p[:-1]) ** 2, axis=1))
    return np.sum((length - 0.7) ** 2) + np.sum(p[:, 1])


VECTOR = [heat, burgers, bratu, brusselator, stepped, with_dense_row, with_dense_column]
SCALAR = [rosenbrock, arrowhead, spring_chain]


def point(f, n=None):
    n = n or {bratu: 49, brusselator: 50}.get(f, 40)
    return np.random.default_rng(n).uniform(0.5, 1.5, n)
