"""What `dd.stage` makes of a derivative: small arrays, scalar loops, Jacobians, networks, models of fits, a long chain.

rosenbrock       three slices, one sum                 loop          numbers one by one
lorenz           a Runge-Kutta method of scalars, and its Jacobian: the state transition matrix
two matrices     a layer between two products     dict of weights   the loss of a network
chain            elementwise, memory-bound         lstm          64 items, two layers (`lstm`)
Misra1a, ...     six of NIST's models, at the certified parameters: the Jacobians that a fit takes

Where numba is installed it compiles the same programs, as far as it takes them.
"""

from __future__ import annotations

import numpy as np

from . import lstm, nist
from .problems import Problem

SIZES = {"rosenbrock": (10, 1000, 100_000), "loop": (10, 50), "two matrices": (100, 300), "chain": (10, 1_000_000)}


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_gradient(x):
    step = x[1:] - x[:-1] ** 2
    gradient = np.zeros_like(x)
    gradient[:-1] = -400 * x[:-1] * step - 2 * (1 - x[:-1])
    gradient[1:] += 200 * step
    return gradient


def loop(x):
    total = 0.0
    for i in range(len(x) - 1):
        total = total + 100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
    return total


def lorenz(state, steps=200, h=0.01):
    x, y, z = state

    def slope(x, y, z):
        return 10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z

    for _ in range(steps):
        a = slope(x, y, z)
        b = slope(x + h / 2 * a[0], y + h / 2 * a[1], z + h / 2 * a[2])
        c = slope(x + h / 2 * b[0], y + h / 2 * b[1], z + h / 2 * b[2])
        d = slope(x + h * c[0], y + h * c[1], z + h * c[2])
        x = x + h / 6 * (a[0] + 2 * b[0] + 2 * c[0] + d[0])
        y = y + h / 6 * (a[1] + 2 * b[1] + 2 * c[1] + d[1])
        z = z + h / 6 * (a[2] + 2 * b[2] + 2 * c[2] + d[2])
    return np.array([x, y, z])


def layer(x, A, B):
    return B @ np.tanh(A @ x)


def layer_jacobian(x, A, B):
    t = np.tanh(A @ x)
    return B @ ((1 - t * t)[:, None] * A)


def network(weights, inputs, targets):
    hidden = np.tanh(inputs @ weights["first"] + weights["offset"])
    return np.mean((hidden @ weights["second"] - targets) ** 2)


def chain(x):
    return np.sin(x) * np.exp(-x * x) + np.tanh(x) / (1 + x * x)


def chain_jvp(x, v):
    e, t, q = np.exp(-x * x), np.tanh(x), 1 + x * x
    return (
        np.sin(x) * e + t / q,
        v * (e * (np.cos(x) - 2 * x * np.sin(x)) + (1 - t * t) / q - 2 * x * t / (q * q)),
    )


# Models of NIST's, beside those of `nist`, whose data are not needed here: where they are measured, the certified
# parameters.


def lanczos1(b, x):
    return b[0] * np.exp(-b[1] * x) + b[2] * np.exp(-b[3] * x) + b[4] * np.exp(-b[5] * x)


def gauss1(b, x):
    return b[0] * np.exp(-b[1] * x) + b[2] * np.exp(-((x - b[3]) ** 2) / b[4] ** 2) + b[5] * np.exp(
        -((x - b[6]) ** 2) / b[7] ** 2
    )  # fmt: skip


def enso(b, x):
    year, first, second = 2 * np.pi * x / 12, 2 * np.pi * x / b[3], 2 * np.pi * x / b[6]
    return (
        b[0] + b[1] * np.cos(year) + b[2] * np.sin(year) + b[4] * np.cos(first) + b[5] * np.sin(first)
        + b[7] * np.cos(second) + b[8] * np.sin(second)
    )  # fmt: skip


NIST = {
    "Lanczos1": (lanczos1, np.arange(24) * 0.05, [0.0951, 1.0, 0.8607, 3.0, 1.5576, 5.0]),
    "Gauss1": (
        gauss1, np.arange(1.0, 251.0),
        [98.778210871, 0.010497276517, 100.4899063, 67.481111276, 23.12977336, 71.994503004, 178.99805021,
         18.389389025],
    ),
    "ENSO": (
        enso, np.arange(1.0, 169.0),
        [10.510749193, 3.0762128085, 0.53280138227, 44.3110887, -1.6231428586, 0.52554493756, 26.887614440,
         0.21232288488, 1.4966870418],
    ),
}  # fmt: skip


def models() -> list[Problem]:
    """The Jacobians of six models in their parameters."""
    found = []
    for name, model in nist.MODELS.items():
        data = nist.read(name)
        found.append(Problem(name, f"{data.certified.size} x {data.x.size}", "jacfwd", model, (data.certified, data.x)))
    for name, (f, x, b) in NIST.items():
        found.append(Problem(name, f"{len(b)} x {x.size}", "jacfwd", f, (np.array(b), x)))
    return found


def problems(quick: bool = False) -> list[Problem]:
    rng = np.random.default_rng(0)
    few = {name: sizes[:1] if quick else sizes for name, sizes in SIZES.items()}
    found = [
        Problem("rosenbrock", str(n), "grad", rosenbrock, (np.linspace(0.2, 1.1, n),), 0, rosenbrock_gradient)
        for n in few["rosenbrock"]
    ]
    found += [Problem("loop", str(n), "grad", loop, (np.linspace(0.2, 1.1, n),)) for n in few["loop"]]
    found.append(
        Problem("lorenz", f"{20 if quick else 200} steps", "jacfwd", lorenz, (np.ones(3), 20 if quick else 200))
    )
    for n in few["two matrices"]:
        A, B = rng.standard_normal((2, n, n)) / n
        found.append(
            Problem("two matrices", str(n), "jacfwd", layer, (rng.standard_normal(n), A, B), 0, layer_jacobian)
        )
    for rows, width in ((64, 32),) if quick else ((64, 32), (256, 128)):
        weights = {
            "first": rng.standard_normal((width, width)) / width,
            "offset": np.zeros(width),
            "second": rng.standard_normal((width, 1)) / width,
        }
        data = rng.standard_normal((rows, width)), rng.standard_normal((rows, 1))
        found.append(Problem("dict of weights", f"{rows} x {width}", "grad", network, (weights, *data)))
    items = 8 if quick else 64
    weights = lstm.sample(2, items, 14)
    found.append(Problem("lstm", f"2 layers, {items} items", "grad", lstm.loss, weights, (0, 1), lstm.gradient))
    found += models()
    for n in few["chain"]:
        x = np.linspace(-1.0, 1.0, n)
        found.append(Problem("chain", str(n), "jvp", chain, (x,), 0, chain_jvp, tangents=(np.cos(x),)))
    return found
