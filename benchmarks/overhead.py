"""Small operations, where the cost per operation is what counts: from 2 numbers to a million.

Plain NumPy functions, and their derivatives as an expert would write them: shared subexpressions, products with a
diagonal as scalings, one product of matrices where one is enough.

    rosenbrock    a handful of operations on short and long vectors
    chain         elementwise functions one after another
    scalars       a Python loop over single entries
    lorenz        a Python loop over time, of an ODE's three states (Runge-Kutta of order 4)
    layers        two products with a matrix: the Jacobian of as many outputs as inputs
    network       three dense layers: the gradient in all weights
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .problems import Problem

# The functions, and their derivatives by hand.


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_gradient(x):
    d = x[1:] - x[:-1] ** 2
    g = np.empty_like(x)
    g[:-1] = -400 * x[:-1] * d - 2 * (1 - x[:-1])
    g[-1] = 0
    g[1:] += 200 * d
    return g


def rosenbrock_jvp(x, v):
    d, e = x[1:] - x[:-1] ** 2, 1 - x[:-1]
    y = np.sum(100 * d**2 + e**2)
    return y, np.sum(200 * d * (v[1:] - 2 * x[:-1] * v[:-1]) - 2 * e * v[:-1])


def rosenbrock_hvp(x, v):
    d, e = x[1:] - x[:-1] ** 2, v[1:] - 2 * x[:-1] * v[:-1]
    h = np.empty_like(x)
    h[:-1] = -400 * (v[:-1] * d + x[:-1] * e) + 2 * v[:-1]
    h[-1] = 0
    h[1:] += 200 * e
    return h


def rosenbrock_hessian(x):
    diagonal = np.zeros_like(x)
    diagonal[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    diagonal[1:] += 200
    beside = -400 * x[:-1]
    return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)


def chain(x):
    y = np.sin(x) * x + np.exp(-x * x)
    z = np.tanh(y) / (1 + x**2)
    return np.sqrt(1 + z * z)


def chain_jvp(x, v):
    s, e = np.sin(x), np.exp(-x * x)
    y, dy = s * x + e, (np.cos(x) * x + s - 2 * x * e) * v
    t, q = np.tanh(y), 1 + x**2
    z, dz = t / q, ((1 - t * t) * dy - 2 * x * (t / q) * v) / q
    w = np.sqrt(1 + z * z)
    return w, z * dz / w


def scalars(x):
    s = 0.0
    for i in range(x.size - 1):
        a, b = x[i], x[i + 1]
        s += 100 * (b - a * a) ** 2 + (1 - a) ** 2 + np.sin(a) * np.exp(-b)
    return s


def scalars_gradient(x):
    g = np.zeros_like(x)
    for i in range(x.size - 1):
        a, b = x[i], x[i + 1]
        d, e = 200 * (b - a * a), np.exp(-b)
        g[i] += -2 * a * d - 2 * (1 - a) + np.cos(a) * e
        g[i + 1] += d - np.sin(a) * e
    return g


def lorenz(state):
    x, y, z = state
    return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])


def trajectory(state, steps, h):
    """Where the state is after so many steps of length h."""
    for _ in range(steps):
        k1 = lorenz(state)
        k2 = lorenz(state + h / 2 * k1)
        k3 = lorenz(state + h / 2 * k2)
        k4 = lorenz(state + h * k3)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return state


def trajectory_jacobian(state, steps, h):
    """The variational equation, J' = D(state) J, in the same steps."""

    def slope(state, J):
        x, y, z = state
        D = np.array([[-10.0, 10.0, 0.0], [28 - z, -1.0, -x], [y, x, -8 / 3]])
        return np.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]), D @ J

    J = np.eye(3)
    for _ in range(steps):
        k1, K1 = slope(state, J)
        k2, K2 = slope(state + h / 2 * k1, J + h / 2 * K1)
        k3, K3 = slope(state + h / 2 * k2, J + h / 2 * K2)
        k4, K4 = slope(state + h * k3, J + h * K3)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        J = J + h / 6 * (K1 + 2 * K2 + 2 * K3 + K4)
    return J


def network(parameters, x, target):
    """Mean squared error of three layers of tanh."""
    for W, b in parameters:
        x = np.tanh(x @ W + b)
    return np.mean((x - target) ** 2)


def network_gradient(parameters, x, target):
    activations = [x]
    for W, b in parameters:
        activations.append(np.tanh(activations[-1] @ W + b))
    y = activations[-1]
    y_bar = (y - target) * (2 / y.size)
    gradient = []
    for i in reversed(range(len(parameters))):
        y_bar *= 1 - activations[i + 1] ** 2
        gradient.append((activations[i].T @ y_bar, y_bar.sum(axis=0)))
        if i:
            y_bar = y_bar @ parameters[i][0].T
    return gradient[::-1]


def layers(x, A, b):
    h = np.tanh(A @ x + b)
    h = np.tanh(A @ h + x)
    return np.sin(h) * x


def layers_jacobian(x, A, b):
    h = np.tanh(A @ x + b)
    g = np.tanh(A @ h + x)
    s = np.sin(g)
    J = A @ ((1 - h * h)[:, None] * A)
    diagonal = J.ravel()[:: x.size + 1]
    diagonal += 1.0
    J *= (np.cos(g) * x * (1 - g * g))[:, None]
    diagonal += s
    return J


def diffusion(u, steps):
    """Energy after so many explicit steps, each written into the state."""
    u = u.copy()
    for _ in range(steps):
        u[1:-1] += 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u * u)


def diffusion_gradient(u, steps):
    u = u.copy()
    for _ in range(steps):
        u[1:-1] += 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
    g = 2 * u
    for _ in range(steps):
        d = 0.2 * g[1:-1]
        g[2:] += d
        g[:-2] += d
        g[1:-1] -= 2 * d
    return g


def misfit(A, b):
    """Minus twice the log-density of b, normal with the covariance I + A Aᵀ, less its constant."""
    S = np.eye(b.size) + A @ A.T
    return np.linalg.slogdet(S)[1] + b @ np.linalg.solve(S, b)


def misfit_gradient(A, b):
    S = np.eye(b.size) + A @ A.T
    s = np.linalg.solve(S, b)
    return 2 * (np.linalg.solve(S, A) - np.outer(s, s @ A)), 2 * s


# The problems.


def problems(longest: int = 10**6, steps: int = 200) -> list[Problem]:
    """Each function over its sizes, so that a plot shows where the cost per operation ends to count."""
    return [
        *(gradient_of_rosenbrock(n) for n in (2, 10, 100, 1000, 10**4, 10**5)),
        *(jvp_of_rosenbrock(n) for n in (2, 10, 100, 1000, 10**4, 10**5)),
        *(jvp_of_chain(n) for n in (10, 1000, 10**5, 10**6) if n <= longest),
        *(gradient_of_scalars(n) for n in (2, 10, 100)),
        jacobian_of_trajectory(steps),
        *(jacobian_of_layers("jacfwd", n) for n in (10, 30, 100, 300)),
        *(jacobian_of_layers("jacrev", n) for n in (10, 30, 100, 300)),
        gradient_of_network(batch=256, width=128),
    ]


def gradient_of_rosenbrock(n: int) -> Problem:
    x, _ = points(n)
    return Problem("rosenbrock", power_of_ten(n), "grad", rosenbrock, (x,), 0, rosenbrock_gradient)


def jvp_of_rosenbrock(n: int) -> Problem:
    x, v = points(n)
    return Problem("rosenbrock", power_of_ten(n), "jvp", rosenbrock, (x,), 0, rosenbrock_jvp, tangents=(v,))


def hvp_of_rosenbrock(n: int) -> Problem:
    x, v = points(n)
    return Problem("rosenbrock", power_of_ten(n), "hvp", rosenbrock, (x,), 0, rosenbrock_hvp, tangents=(v,))


def hessian_of_rosenbrock(n: int) -> Problem:
    x, _ = points(n)
    return Problem("rosenbrock", power_of_ten(n), "hessian", rosenbrock, (x,), 0, rosenbrock_hessian)


def gradient_of_diffusion(n: int, steps: int) -> Problem:
    u, _ = points(n)
    return Problem("diffusion", f"{n}, {steps} steps", "grad", diffusion, (u, steps), 0, diffusion_gradient)


def gradient_of_misfit(n: int) -> Problem:
    A = np.random.default_rng(1).standard_normal((n, n)) / np.sqrt(n)
    b, _ = points(n)
    return Problem("normal density", str(n), "grad", misfit, (A, b), (0, 1), misfit_gradient)


def jvp_of_chain(n: int) -> Problem:
    x, v = points(n)
    return Problem("chain", power_of_ten(n), "jvp", chain, (x,), 0, chain_jvp, tangents=(v,))


def gradient_of_scalars(n: int) -> Problem:
    x, _ = points(n)
    return Problem("loop of scalars", power_of_ten(n), "grad", scalars, (x,), 0, scalars_gradient)


def jacobian_of_trajectory(steps: int) -> Problem:
    arguments = np.array([1.0, 2.0, 20.0]), steps, 0.01
    return Problem("lorenz", f"{steps} steps", "jacfwd", trajectory, arguments, 0, trajectory_jacobian)


def jacobian_of_layers(operator: str, n: int) -> Problem:
    x, b = points(n)
    A = np.random.default_rng(1).standard_normal((n, n)) / np.sqrt(n)
    return Problem("layers", power_of_ten(n), operator, layers, (x, A, b), 0, layers_jacobian)


def gradient_of_network(batch: int, width: int) -> Problem:
    rng = np.random.default_rng(0)
    parameters = [(rng.standard_normal((width, width)) / np.sqrt(width), rng.standard_normal(width)) for _ in range(3)]
    x, target = rng.standard_normal((2, batch, width))
    arguments = parameters, x, target
    return Problem("tanh network", f"3 × {width}", "grad", network, arguments, 0, network_gradient)


def points(n: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    return rng.standard_normal(n), rng.standard_normal(n)


def power_of_ten(n: int) -> str:
    """Long sizes in short: 100000 as 1e5."""
    return f"1e{len(str(n)) - 1}" if n > 1000 and str(n).strip("0") == "1" else str(n)
