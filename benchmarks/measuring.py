"""Times, memory and errors: how every number of the tables is taken.

Times: calls take turns in rounds, each long enough for the clock, so slow moments of the machine meet all alike; the
minimum over the rounds is what is reported, and all rounds are kept.  Memory: the peak that Python's allocator traced
during the call (`tracemalloc`, to which NumPy reports its arrays).  Errors: relative to the largest entry.
"""

from __future__ import annotations

import gc
import math
import os
import platform
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

import dualdiff as dd
from dualdiff.pytrees.trees import flatten

Call = Callable[[], Any]
LARGEST_ERROR = 1e-11  # an answer farther from the one that it is checked against is a failed check


def rounds_of_times(
    rounds: int, calls: Sequence[Call], *, shortest: float = 0.01, patience: float = 1.5
) -> list[list[float]]:
    """Seconds of each call in each round.

    A round gives every call its turn of ``shortest`` seconds, or of one call if that takes longer.  A call that would
    need more than ``patience`` seconds in all takes part in the first rounds only; one that takes so long by itself is
    measured once.
    """
    counts, turns = [], []
    seconds: list[list[float]] = [[] for _ in calls]
    for call, taken in zip(calls, seconds, strict=True):
        count = 1
        while count < 10**6 and (elapsed := repeated(call, count)) < shortest:
            count = max(2 * count, int(count * shortest / max(elapsed, 1e-9)))
        counts.append(count)
        turns.append(min(rounds, int(patience / elapsed)))
        if elapsed > patience:
            taken.append(elapsed / count)
    for i in range(rounds):
        for call, count, turn, taken in zip(calls, counts, turns, seconds, strict=True):
            if i < turn:
                taken.append(repeated(call, count) / count)
    return seconds


def times(rounds: int, calls: Sequence[Call], *, shortest: float = 0.01) -> list[float]:
    """Seconds of each call: the minimum of `rounds_of_times`."""
    return [min(taken) for taken in rounds_of_times(rounds, calls, shortest=shortest)]


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


def largest_error(answer: Any, right: Any) -> float:
    """Largest difference, relative to the largest entry of what is right; over nested results the worst.

    An answer that is not finite where the right one is, or of another shape or structure, has the error inf.
    """
    answers, rights = flatten(answer)[0], flatten(right)[0]
    if len(answers) != len(rights):
        return float("inf")
    errors = [error_of_leaf(np.asarray(a), np.asarray(b)) for a, b in zip(answers, rights, strict=True)]
    return max(errors, default=0.0)


def error_of_leaf(answer: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> float:
    if answer.shape != right.shape:
        return float("inf")
    if not right.size or np.array_equal(answer, right):
        return 0.0
    error = float(np.max(np.abs(answer - right)) / max(float(np.max(np.abs(right))), np.finfo(float).tiny))
    return error if np.isfinite(error) else float("inf")


def environment(packages: Sequence[str] = ("scipy",)) -> dict[str, Any]:
    """What the times depend on: versions, threads, machine."""
    installed = {}
    for package in packages:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "dualdiff": dd.__version__,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        **installed,
        "blas": blas(),
        "blas threads": os.environ.get("OPENBLAS_NUM_THREADS", "not pinned"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def blas() -> str:
    found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[index,call-overload]
    return f"{found['name']} {found['version']}"


def duration(seconds: float) -> str:
    unit, factor = ("s", 1.0) if seconds >= 0.9995 else ("ms", 1e3) if seconds >= 0.9995e-3 else ("µs", 1e6)
    return f"{number(seconds * factor)} {unit}"


def megabytes(size: float) -> str:
    return f"{size / 1e6:.1f} MB"


def number(x: float) -> str:
    """Three digits, and no exponent of a large one: 0.123, 12.3, 1 230."""
    return f"{x:.3g}" if not abs(x) >= 999.5 else f"{x:,.0f}".replace(",", " ")


def error_text(error: float) -> str:
    """Its size: 3e-16; as a number where it is large."""
    return f"{error:.0e}" if 0 < error < 0.95 else number(error)


def in_json(tree: Any) -> Any:
    """The same with numbers that JSON has no word for as text: "inf", "nan"."""
    if isinstance(tree, dict):
        return {str(name): in_json(value) for name, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [in_json(value) for value in tree]
    return str(float(tree)) if isinstance(tree, float) and not math.isfinite(tree) else tree
