"""The figures that the design sets as limits: ratios, amounts of memory, the import.

Each figure checks its answer first, then measures; one over its limit stays in the table, marked.  A ratio is to the
plain value where operations cost more than entries, and to the derivative by hand where entries do; for losses of
optimisation on manifolds to autograd's derivative, where that is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import dualdiff as dd

from . import manifolds, overhead, startup
from .answers import Judge
from .measuring import LARGEST_ERROR, Call, duration, largest_error, megabytes, peak_memory, times
from .overhead import points
from .peers import Autograd
from .problems import Problem


@dataclass
class Figure:
    """``measured`` in ``unit`` (a ratio to the value or to the derivative by hand, or an amount); costs as shown."""

    problem: str
    size: str
    operator: str
    value: str
    by_hand: str
    derivative: str
    measured: float
    unit: str
    limit: float
    error: float | None  # None where there is no answer but the measurement
    section: str = "figures"

    @property
    def passed(self) -> bool:
        return self.error is None or self.error <= LARGEST_ERROR

    @property
    def within_limit(self) -> bool:
        return self.measured <= self.limit

    def record(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed, "within limit": self.within_limit}


def ratio_to_value(problem: Problem, limit: float) -> Callable[[int], Figure]:
    return lambda rounds: ratio_of_times(problem, rounds, "value", limit)


def ratio_to_hand(problem: Problem, limit: float) -> Callable[[int], Figure]:
    return lambda rounds: ratio_of_times(problem, rounds, "by hand", limit)


def ratio_of_times(problem: Problem, rounds: int, to: str, limit: float) -> Figure:
    by_hand, ours = problem.written_by_hand(), problem.differentiated()
    assert by_hand is not None
    error = Judge(problem).verdict(ours()).error
    seconds = times(rounds, (problem.value, by_hand, ours))
    value, hand, derivative = (duration(taken) for taken in seconds)
    ratio = seconds[2] / seconds[("value", "by hand").index(to)]
    row = problem.name, problem.size, problem.operator
    return Figure(*row, value, hand, derivative, ratio, f"× {to}", limit, error)


def ratio_to_autograd(problem: Problem) -> Callable[[int], Figure]:
    return lambda rounds: beside_autograd(problem, rounds)


def beside_autograd(problem: Problem, rounds: int) -> Figure:
    """The derivative over that of autograd, in the same rounds; autograd's answer is checked too."""
    by_hand, ours, judge = problem.written_by_hand(), problem.differentiated(), Judge(problem)
    assert by_hand is not None
    error = judge.verdict(ours()).error
    theirs, _, _ = Autograd().ready(problem, judge)
    seconds = times(rounds, (problem.value, by_hand, ours, theirs))
    value, hand, derivative = (duration(taken) for taken in seconds[:3])
    row = problem.name, problem.size, problem.operator
    return Figure(*row, value, hand, derivative, seconds[2] / seconds[3], "× autograd", 1.0, error)


# Memory.

N, N_OF_JACOBIAN, N_OF_CHAIN = 200_000, 5_000, 10**6  # entries: so many that what is kept beside arrays does not count


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


def memory_of_grad(rounds: int) -> Figure:
    x, _ = points(N)
    gradient = dd.grad(lambda x: np.sum(steps(x)))
    (_, derivative), shown, error = peaks(lambda: np.sum(steps(x)), lambda: steps_gradient(x), lambda: gradient(x))
    return Figure("grad's memory", f"{N:.0e}", "grad", *shown, derivative / 1e6, "MB", 475.0 * N / 1e6, error)


def memory_of_jvp(rounds: int) -> Figure:
    x, v = points(N)
    (value, derivative), shown, error = peaks(
        lambda: steps(x), lambda: steps_jvp(x, v), lambda: dd.jvp(steps, (x,), (v,))
    )
    return Figure("jvp's memory", f"{N:.0e}", "jvp", *shown, derivative / value, "× value", 3.5, error)


def memory_of_jacfwd(rounds: int) -> Figure:
    n = N_OF_JACOBIAN
    x, _ = points(n)
    jacobian = dd.jacfwd(pointwise)
    (_, derivative), shown, error = peaks(
        lambda: pointwise(x), lambda: np.diag(pointwise_derivative(x)), lambda: jacobian(x)
    )
    beyond = derivative - n * n * x.itemsize
    return Figure("jacfwd's memory", f"{n}", "jacfwd", *shown, beyond / 1e6, "MB extra", 4.0 * n * n / 1e6, error)


def memory_of_staged(name: str, operator: str, limit: float, tracing: bool = False) -> Callable[[int], Figure]:
    """The peak of a staged call, or of the call that traces it, over that of the unstaged one."""

    def measured(rounds: int) -> Figure:
        x, v = points(N)
        value, by_hand = (lambda: np.sum(steps(x))), (lambda: steps_gradient(x))
        derivative = dd.grad(lambda x: np.sum(steps(x)))
        if operator == "jvp":
            value, by_hand = (lambda: steps(x)), (lambda: steps_jvp(x, v))
            derivative = lambda x: dd.jvp(steps, (x,), (v,))
        staged = dd.stage(derivative)
        call = (lambda: dd.stage(derivative)(x)) if tracing else (lambda: staged(x))
        (_, peak), shown, error = peaks(value, by_hand, call)
        return Figure(
            name, f"{N:.0e}", operator, *shown, peak / peak_memory(lambda: derivative(x)), "× unstaged", limit, error
        )

    return measured


def peaks(value: Call, by_hand: Call, derivative: Call) -> tuple[tuple[int, int], tuple[str, ...], float]:
    """Peaks of the value and of the derivative, all three as shown, and the error of the answer."""
    error = largest_error(derivative(), by_hand())
    found = [peak_memory(call) for call in (value, by_hand, derivative)]
    return (found[0], found[2]), tuple(megabytes(peak) for peak in found), error


def import_of_dualdiff(rounds: int) -> Figure:
    beyond_numpy = startup.fresh(startup.OURS, 1 + rounds)["import"]
    seconds = min(beyond_numpy)
    return Figure("import", "", "import", "", "", duration(seconds), seconds * 1e3, "ms", 20.0, None)


FIGURES: dict[str, Callable[[int], Figure]] = {
    "jvp of rosenbrock": ratio_to_value(overhead.jvp_of_rosenbrock(10), 4.5),
    "jvp of chain": lambda rounds: ratio_to_hand(overhead.jvp_of_chain(N_OF_CHAIN), 1.5)(rounds),
    "jacfwd of layers": ratio_to_hand(overhead.jacobian_of_layers("jacfwd", 100), 3.0),
    "grad of rosenbrock": ratio_to_value(overhead.gradient_of_rosenbrock(10), 8.0),
    "grad of long rosenbrock": ratio_to_hand(overhead.gradient_of_rosenbrock(10**5), 4.0),
    "grad of scalars": ratio_to_value(overhead.gradient_of_scalars(10), 38.0),
    "grad of network": ratio_to_value(overhead.gradient_of_network(256, 128), 4.0),
    "jacrev of layers": ratio_to_hand(overhead.jacobian_of_layers("jacrev", 100), 4.0),
    "jvp's memory": memory_of_jvp,
    "jacfwd's memory": memory_of_jacfwd,
    "grad's memory": memory_of_grad,
    "staged jvp's memory": memory_of_staged("staged jvp's memory", "jvp", 1.0),
    "staged grad's memory": memory_of_staged("staged grad's memory", "grad", 1.0),
    "memory of staging jvp": memory_of_staged("memory of staging jvp", "jvp", 1.5, tracing=True),
    "memory of staging grad": memory_of_staged("memory of staging grad", "grad", 1.5, tracing=True),
    "import of dualdiff": import_of_dualdiff,
}


if Autograd().version() is not None:
    for _problem in manifolds.problems():
        FIGURES[f"{_problem.name} {_problem.size}"] = ratio_to_autograd(_problem)


def measured(name: str, quick: bool = False) -> Figure:
    return FIGURES[name](5 if quick else 20)
