"""What it takes to write a program: ``python -m benchmarks --only building``.

Seconds of the processor, from the first call of a staged function to its result, the check against the unstaged run
included; and of these the part of the passes.  Per record: per call that was written down.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import dualdiff as dd
from dualdiff.staging import passes
from dualdiff.staging.staged import Staged

from . import staged
from .figures import Figure
from .measuring import duration, largest_error, megabytes, peak_memory


def arrays(x, n):
    """A loop over short arrays."""
    v = x
    for _ in range(n):
        v = np.sin(v) * x
    return np.sum(v)


def built(derivative: Callable[..., Any], args: tuple[Any, ...], rounds: int) -> tuple[float, float, int, float]:
    """Least seconds to build, least of the passes, how many records, and the error of the program's second call."""
    whole, simplifying = [], []
    kept = passes.simplified

    def timed(*args: Any) -> Any:
        start = time.process_time()
        try:
            return kept(*args)
        finally:
            simplifying[-1] += time.process_time() - start

    with np.errstate(all="ignore"):
        expected = derivative(*args)
        passes.simplified = timed
        try:
            for _ in range(rounds):
                simplifying.append(0.0)
                start = time.process_time()
                made = Staged(derivative)
                made(*args)
                whole.append(time.process_time() - start)
        finally:
            passes.simplified = kept
        return min(whole), min(simplifying), made.programs[0].records, largest_error(made(*args), expected)


def per_record(name: str, loop: Callable[..., Any], n: int, of_passes: bool, limit: float) -> Callable[[int], Figure]:
    def measured(rounds: int) -> Figure:
        args = (np.linspace(0.2, 1.1, n),) if loop is staged.loop else (np.linspace(0.1, 0.2, 20), n)
        whole, simplifying, records, error = built(dd.grad(loop), args, min(rounds, 3))
        taken = (simplifying if of_passes else whole) / records * 1e6
        shown = "", "", duration(whole)
        return Figure(name, f"{records} records", "grad", *shown, taken, "µs a record", limit, error, "building")

    return measured


def to_running(rounds: int) -> Figure:
    x = np.linspace(0.2, 1.1, 10)
    whole, _, records, error = built(dd.grad(staged.rosenbrock), (x,), 5 * rounds)
    row = "staging rosenbrock", f"{records} records", "grad", "", "", duration(whole)
    return Figure(*row, whole * 1e3, "ms to running", 3.0, error, "building")


def memory_of_layers(rounds: int) -> Figure:
    """The peak of the call that traces the Jacobian of two matrices, over that of the unstaged one."""
    n = 300
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, n, n)) / n
    args = rng.standard_normal(n), A, B
    jacobian = dd.jacfwd(staged.layer)
    error = largest_error(dd.stage(jacobian)(*args), staged.layer_jacobian(*args))
    unstaged, tracing = (peak_memory(call) for call in (lambda: jacobian(*args), lambda: dd.stage(jacobian)(*args)))
    shown = "", megabytes(unstaged), megabytes(tracing)
    row = "memory of staging layers", str(n), "jacfwd", *shown
    return Figure(*row, tracing / unstaged, "× unstaged", 1.5, error, "building")


FIGURES: dict[str, Callable[[int], Figure]] = {
    "staging per record": per_record("staging a loop over scalars", staged.loop, 560, False, 60.0),
    "staging per record of 1e5": per_record("staging a loop over scalars", staged.loop, 3450, False, 60.0),
    "staging per record of arrays": per_record("staging a loop over arrays", arrays, 2000, False, 60.0),
    "staging per record of 1e5 of arrays": per_record("staging a loop over arrays", arrays, 12500, False, 60.0),
    "passes per record": per_record("passes over a loop over scalars", staged.loop, 560, True, 20.0),
    "passes per record of 1e5": per_record("passes over a loop over scalars", staged.loop, 3450, True, 20.0),
    "passes per record of arrays": per_record("passes over a loop over arrays", arrays, 2000, True, 20.0),
    "staging rosenbrock": to_running,
    "memory of staging layers": memory_of_layers,
}


def measured(name: str, quick: bool = False) -> Figure:
    return FIGURES[name](1 if quick else 3)
