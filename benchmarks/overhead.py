"""The figures: what a derivative costs, beside the plain value and beside the derivative written by hand.

Each figure checks its answer first, then measures.  Times are the minimum over rounds in which the plain value, the
derivative by hand and dualdiff take turns, each long enough for the clock; so a ratio is of one run, on one machine,
and slow moments of the machine meet all three alike.  Memory is the peak that Python's allocator traced during the
call (`tracemalloc`, to which NumPy reports its arrays), the same way for the value and for the derivative.

A derivative by hand is what an expert would write: shared subexpressions, products with a diagonal as scalings,
one product of matrices where one is enough.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import dualdiff as dd

Call = Callable[[], Any]
LARGEST_ERROR = 1e-11  # an answer farther from the one by hand is a failed check


@dataclass
class Row:
    """One figure: ``measured`` in ``unit`` (a ratio to the value or to the derivative by hand, or an amount)."""

    problem: str
    size: str
    operator: str
    value: str
    by_hand: str
    derivative: str
    measured: float
    unit: str
    limit: float
    checked: float | None  # error of the answer; None where there is no answer but the measurement

    @property
    def passed(self) -> bool:
        return self.checked is None or self.checked <= LARGEST_ERROR

    @property
    def within_limit(self) -> bool:
        return self.measured <= self.limit


# The problems: the function, and its derivative by hand.


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


def steps(x):
    for _ in range(50):
        x = np.sin(x) * 0.5 + x
    return x


def steps_jvp(x, v):
    for _ in range(50):
        x, v = np.sin(x) * 0.5 + x, (np.cos(x) * 0.5 + 1) * v
    return x, v


def steps_gradient(x):
    """Gradient of the sum of the results."""
    inputs = []
    for _ in range(50):
        inputs.append(x)
        x = np.sin(x) * 0.5 + x
    g = np.ones_like(x)
    while inputs:
        g *= np.cos(inputs.pop()) * 0.5 + 1
    return g


def pointwise(x):
    return np.sin(x) * x


def pointwise_derivative(x):
    return np.cos(x) * x + np.sin(x)


# The figures.


def rosenbrock_figure(rounds: int) -> Row:
    x, v = points(10)
    calls = (
        lambda: rosenbrock(x),
        lambda: rosenbrock_jvp(x, v),
        lambda: dd.jvp(rosenbrock, (x,), (v,)),
    )
    return ratio_of_times("rosenbrock", "10", "jvp", calls, rounds, to="value", limit=4.5)


def chain_figure(rounds: int) -> Row:
    x, v = points(10**6)
    calls = (
        lambda: chain(x),
        lambda: chain_jvp(x, v),
        lambda: dd.jvp(chain, (x,), (v,)),
    )
    return ratio_of_times("chain", "1e6", "jvp", calls, rounds, to="by hand", limit=1.5)


def layers_figure(rounds: int) -> Row:
    n = 100
    x, b = points(n)
    A = np.random.default_rng(1).standard_normal((n, n)) / np.sqrt(n)
    jacobian = dd.jacfwd(layers)
    calls = (
        lambda: layers(x, A, b),
        lambda: layers_jacobian(x, A, b),
        lambda: jacobian(x, A, b),
    )
    return ratio_of_times("layers", "100", "jacfwd", calls, rounds, to="by hand", limit=3.0)


def gradient_of_rosenbrock_figure(rounds: int) -> Row:
    x, _ = points(10)
    gradient = dd.grad(rosenbrock)
    calls = (lambda: rosenbrock(x), lambda: rosenbrock_gradient(x), lambda: gradient(x))
    return ratio_of_times("rosenbrock", "10", "grad", calls, rounds, to="value", limit=8.0)


def gradient_of_long_rosenbrock_figure(rounds: int) -> Row:
    x, _ = points(10**5)
    gradient = dd.grad(rosenbrock)
    calls = (lambda: rosenbrock(x), lambda: rosenbrock_gradient(x), lambda: gradient(x))
    return ratio_of_times("rosenbrock", "1e5", "grad", calls, rounds, to="by hand", limit=4.0)


def gradient_of_scalars_figure(rounds: int) -> Row:
    x, _ = points(10)
    gradient = dd.grad(scalars)
    calls = (lambda: scalars(x), lambda: scalars_gradient(x), lambda: gradient(x))
    return ratio_of_times("loop of scalars", "10", "grad", calls, rounds, to="value", limit=38.0)


def gradient_of_network_figure(rounds: int) -> Row:
    batch, width = 256, 128
    rng = np.random.default_rng(0)
    parameters = [(rng.standard_normal((width, width)) / np.sqrt(width), rng.standard_normal(width)) for _ in range(3)]
    x, target = rng.standard_normal((2, batch, width))
    gradient = dd.grad(network)
    calls = (
        lambda: network(parameters, x, target),
        lambda: network_gradient(parameters, x, target),
        lambda: gradient(parameters, x, target),
    )
    return ratio_of_times("tanh network", "3 × 128", "grad", calls, rounds, to="value", limit=4.0)


def rows_of_layers_figure(rounds: int) -> Row:
    n = 100
    x, b = points(n)
    A = np.random.default_rng(1).standard_normal((n, n)) / np.sqrt(n)
    jacobian = dd.jacrev(layers)
    calls = (
        lambda: layers(x, A, b),
        lambda: layers_jacobian(x, A, b),
        lambda: jacobian(x, A, b),
    )
    return ratio_of_times("layers", "100", "jacrev", calls, rounds, to="by hand", limit=4.0)


def memory_of_grad_figure(rounds: int) -> Row:
    x, _ = points(200_000)
    gradient = dd.grad(lambda x: np.sum(steps(x)))
    calls = (lambda: np.sum(steps(x)), lambda: steps_gradient(x), lambda: gradient(x))
    checked = largest_error(calls[2](), calls[1]())
    value, by_hand, derivative = (peak_memory(call) for call in calls)
    shown = megabytes(value), megabytes(by_hand), megabytes(derivative)
    return Row("grad's memory", "2e5", "grad", *shown, derivative / 1e6, "MB", 95.0, checked)


def memory_of_jvp_figure(rounds: int) -> Row:
    x, v = points(200_000)
    calls = (
        lambda: steps(x),
        lambda: steps_jvp(x, v),
        lambda: dd.jvp(steps, (x,), (v,)),
    )
    checked = largest_error(calls[2](), calls[1]())
    value, by_hand, derivative = (peak_memory(call) for call in calls)
    shown = megabytes(value), megabytes(by_hand), megabytes(derivative)
    return Row("jvp's memory", "2e5", "jvp", *shown, derivative / value, "× value", 3.5, checked)


def memory_of_jacfwd_figure(rounds: int) -> Row:
    n = 5000
    x, _ = points(n)
    jacobian = dd.jacfwd(pointwise)
    calls = (
        lambda: pointwise(x),
        lambda: np.diag(pointwise_derivative(x)),
        lambda: jacobian(x),
    )
    checked = largest_error(calls[2](), calls[1]())
    value, by_hand, derivative = (peak_memory(call) for call in calls)
    shown = megabytes(value), megabytes(by_hand), megabytes(derivative)
    beyond = derivative - n * n * x.itemsize
    return Row("jacfwd's memory", "5000", "jacfwd", *shown, beyond / 1e6, "MB extra", 100.0, checked)


def import_figure(rounds: int) -> Row:
    program = (
        "import sys, time, numpy; start = time.perf_counter(); import dualdiff; print(time.perf_counter() - start); "
        "assert 'scipy' not in sys.modules"
    )
    command = [sys.executable, "-c", program]
    with tempfile.TemporaryDirectory() as compiled:
        # As an installed package: compiled by the first run, whatever the caller's environment says of bytecode.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        seconds = min(
            float(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
            for _ in range(1 + rounds)
        )
    return Row("import", "", "import", "", "", duration(seconds), seconds * 1e3, "ms", 20.0, None)


FIGURES: dict[str, Callable[[int], Row]] = {
    "rosenbrock": rosenbrock_figure,
    "chain": chain_figure,
    "layers": layers_figure,
    "grad of rosenbrock": gradient_of_rosenbrock_figure,
    "grad of long rosenbrock": gradient_of_long_rosenbrock_figure,
    "grad of scalars": gradient_of_scalars_figure,
    "grad of network": gradient_of_network_figure,
    "jacrev of layers": rows_of_layers_figure,
    "jvp's memory": memory_of_jvp_figure,
    "jacfwd's memory": memory_of_jacfwd_figure,
    "grad's memory": memory_of_grad_figure,
    "import": import_figure,
}


def run(names: list[str], quick: bool = False) -> Iterator[Row]:
    for name in names:
        yield FIGURES[name](5 if quick else 20)


# Measuring.


def points(n: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    return rng.standard_normal(n), rng.standard_normal(n)


def ratio_of_times(
    problem: str, size: str, operator: str, calls: tuple[Call, Call, Call], rounds: int, *, to: str, limit: float
) -> Row:
    """The figure for a plain value, its derivative by hand, and dualdiff's; ``to`` says what the ratio is to."""
    checked = largest_error(calls[2](), calls[1]())
    value, by_hand, derivative = times(rounds, calls)
    shown = duration(value), duration(by_hand), duration(derivative)
    ratio = derivative / (value if to == "value" else by_hand)
    return Row(problem, size, operator, *shown, ratio, f"× {to}", limit, checked)


def times(rounds: int, calls: tuple[Call, ...], shortest: float = 0.01) -> list[float]:
    """Seconds of each call: the minimum over rounds in which they take turns, ``shortest`` seconds or one call each."""
    counts = []
    for call in calls:
        count = 1
        while count < 10**6 and (elapsed := repeated(call, count)) < shortest:
            count = max(2 * count, int(count * shortest / max(elapsed, 1e-9)))
        counts.append(count)
    best = [float("inf")] * len(calls)
    for _ in range(rounds):
        for i, (call, count) in enumerate(zip(calls, counts, strict=True)):
            best[i] = min(best[i], repeated(call, count) / count)
    return best


def repeated(call: Call, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        call()
    return time.perf_counter() - start


def peak_memory(call: Call) -> int:
    """Bytes allocated at the worst moment of a call, the result included."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def largest_error(ours: Any, by_hand: Any) -> float:
    """Largest difference, relative to the largest entry by hand; over nested results."""
    if isinstance(ours, (tuple, list)):
        return max(largest_error(a, b) for a, b in zip(ours, by_hand, strict=True))
    return float(np.max(np.abs(ours - by_hand)) / np.max(np.abs(by_hand)))


def duration(seconds: float) -> str:
    unit, factor = ("s", 1.0) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)
    return f"{seconds * factor:.3g} {unit}"


def megabytes(size: float) -> str:
    return f"{size / 1e6:.1f} MB"
