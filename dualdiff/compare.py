"""`compare_modes`: which mode differentiates this function best, measured on the function itself.

Forward mode sends one tangent through the function for each input, many side by side; reverse mode records once and
sends one cotangent back for each output; finite differences call the function once more for each input.  All three
are run, timed and compared with each other.  Where a whole Jacobian would take longer than the time allowed, some of
its sweeps are timed, and the report says so.

The recommendation is what was measured; `jacobian` with ``mode="auto"`` cannot measure, and goes by sizes alone
(`dualdiff.higher.mode_for_sizes`), with constants that ``python -m benchmarks --only modes`` measures.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import forward, reverse
from .higher import chosen_mode, copied
from .pytrees import flatten, paths, unflatten
from .seeding import check_leaves, primal_leaf, result_leaves, selected

_AGREEMENT = 1e-7  # relative difference of the two exact modes above which something is wrong
_ROUNDS = 5  # at least so many repeats of what is fast enough
_SAMPLED = 16  # columns of the differences, where all of them would take too long


class Mode(NamedTuple):
    """What one way to the Jacobian took; times in seconds, memory in bytes."""

    name: str  # "forward", "reverse" or "differences"
    work: str  # how many sweeps, of how many directions
    time: float
    memory: int
    error: float  # largest difference from the exact Jacobian, relative to its largest entry
    measured: str  # "" where the whole Jacobian was measured, else what part of it was


class ModeReport:
    """What `compare_modes` found; prints as a table, shows as HTML in a notebook.

    ``value_time`` (seconds), ``modes`` (one `Mode` each for "forward", "reverse" and "differences"), ``n_inputs``,
    ``n_outputs``, ``agree`` (whether the two exact modes agree), ``recommended`` ("fwd" or "rev"), ``why``, and
    ``auto``, the mode that ``jacobian(mode="auto")`` takes.
    """

    def __init__(
        self, name: str, value_time: float, modes: list[Mode], n_inputs: int, n_outputs: int, agree: bool, auto: str
    ) -> None:
        self.name, self.value_time, self.modes = name, value_time, modes
        self.n_inputs, self.n_outputs, self.agree, self.auto = n_inputs, n_outputs, agree, auto
        by_name = {mode.name: mode for mode in modes}
        fwd, rev = by_name["forward"], by_name["reverse"]
        self.recommended = "fwd" if fwd.time <= rev.time else "rev"
        better, worse = (fwd, rev) if fwd.time <= rev.time else (rev, fwd)
        self.why = f"{better.name} mode was {worse.time / better.time:.2g} times faster than {worse.name} mode"
        if worse.time < 1.1 * better.time:
            self.why = "the two modes took the same time within 10 %"
        if worse.memory < 0.5 * better.memory:
            self.why += f", {worse.name} mode took {better.memory / worse.memory:.2g} times less memory"

    @property
    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                mode.name,
                mode.work,
                _seconds(mode.time) + ("*" if mode.measured else ""),
                f"{mode.time / self.value_time:.3g}",
                _bytes(mode.memory),
                f"{mode.error:.0e}",
            )
            for mode in self.modes
        ]

    @property
    def _notes(self) -> list[str]:
        notes = [f"* {mode.name}: {mode.measured}" for mode in self.modes if mode.measured]
        if not self.agree:
            notes.append("FORWARD AND REVERSE MODE DISAGREE: does the function return the same at every call?")
        auto = f'jacobian(mode="auto") takes "{self.auto}"'
        if self.auto != self.recommended:
            auto += f', which goes by sizes alone; here pass mode="{self.recommended}"'
        return [*notes, f'recommended: mode="{self.recommended}": {self.why}.', f"{auto}."]

    def __str__(self) -> str:
        table = [_HEADINGS, *self._rows]
        widths = [max(len(row[i]) for row in table) for i in range(len(_HEADINGS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        return "\n".join(line.rstrip() for line in [self._title, *lines, *self._notes])

    __repr__ = __str__

    @property
    def _title(self) -> str:
        sizes = f"{_count(self.n_inputs, 'input')}, {_count(self.n_outputs, 'output')}"
        return f"{self.name}: {sizes}, value in {_seconds(self.value_time)}"

    def _repr_html_(self) -> str:
        from html import escape

        row = lambda cells, tag: "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
        body = "".join(row(cells, "td") for cells in self._rows)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self._notes)
        return f"<table><caption>{escape(self._title)}</caption>{row(_HEADINGS, 'th')}{body}</table>{notes}"

    def plot(self, ax: Any = None) -> Any:
        """Bars of the times over that of the value, with the peak memory; needs matplotlib.  Returns the axes."""
        try:
            import matplotlib.pyplot as plt
        except ImportError:
            raise ImportError("plot() needs matplotlib: pip install matplotlib; print(report) needs nothing.") from None
        ax = ax or plt.subplots(figsize=(6.4, 2.2), layout="constrained")[1]
        names = [mode.name for mode in self.modes][::-1]
        ratios = [mode.time / self.value_time for mode in self.modes][::-1]
        best = {"fwd": "forward", "rev": "reverse"}[self.recommended]
        ax.barh(names, ratios, color=["#0072b2" if name == best else "#b0b0b0" for name in names], height=0.6)
        for i, (mode, ratio) in enumerate(zip(self.modes[::-1], ratios, strict=True)):
            text = f" {_seconds(mode.time)}, {_bytes(mode.memory)}, error {mode.error:.0e}"
            ax.text(ratio, i, text, va="center", fontsize="small")
        ax.set_xscale("log")
        ax.axvline(1.0, color="black", linewidth=0.8)
        ax.set_xlim(min(0.8, *ratios), 40 * max(ratios))  # room for the text
        ax.set_xlabel("time / time of the value (log scale)")
        ax.set_title(self._title, fontsize="medium")
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(left=False)
        return ax


_HEADINGS = ("mode", "work", "time", "/ value", "peak memory", "error")


def compare_modes(
    f: Callable[..., Any], *args: Any, argnums: int | tuple[int, ...] = 0, seconds: float = 0.5
) -> ModeReport:
    """Forward mode, reverse mode and finite differences on your own function, side by side.

    Each computes the Jacobian of ``f(*args)`` with respect to ``argnums`` (for a scalar result, the gradient).  The
    report has the time (least of some repeats), peak memory, sweeps and error of each, whether the exact modes agree,
    the recommended mode and why, and what ``jacobian(mode="auto")`` takes.  Print it, or call its ``plot()``.
    Cost: about ``seconds`` for each of the three, and one more run of each with memory traced; a Jacobian that takes
    longer is measured in part, and its whole time estimated from that.
    Raises: what `jacobian` raises for such a function and arguments.

    >>> import numpy as np
    >>> report = compare_modes(lambda x: np.sum(x**2), np.ones(300), seconds=0.01)
    >>> report.recommended, report.auto, report.agree
    ('rev', 'rev', True)
    """
    problem = _Problem(f, args, argnums)
    value_time = _least(problem.value, seconds / 4)
    exact, fwd = problem.forward(seconds)
    rows, rev = problem.reverse(seconds)
    approximate, differences = problem.differences(seconds, value_time)
    disagreement = _difference(rows, exact)
    # Against reverse mode where forward mode ran over fewer columns.
    reference = exact if exact.shape[1] >= approximate.shape[1] else rows
    modes = [
        fwd._replace(error=0.0),
        rev._replace(error=disagreement),
        differences._replace(error=_difference(approximate, reference)),
    ]
    return ModeReport(
        getattr(f, "__name__", repr(f)),
        value_time,
        modes,
        problem.n,
        problem.m,
        bool(disagreement <= _AGREEMENT),
        chosen_mode(f, args, {}, argnums),
    )


class _Problem:
    """A function with its differentiated arguments as one row of numbers; Jacobians of it by three ways, or parts."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], argnums: Any) -> None:
        forward._check_function(f, "compare_modes")
        self.f, self.args, self.argnums = f, args, argnums
        self.positions = selected(argnums, len(args), "compare_modes")
        self.trees = [flatten(args[i]) for i in self.positions]
        self.leaves = []
        for i, (leaves, structure) in zip(self.positions, self.trees, strict=True):
            check_leaves(leaves, args[i], f"compare_modes: argument {i}")
            for leaf, name in zip(leaves, paths(structure, f"argument {i}"), strict=True):
                leaf = primal_leaf(leaf, f"compare_modes: {name}")
                forward._refuse_complex(leaf, "compare_modes", name, holomorphic=False)
                self.leaves.append(leaf)
        self.n = sum(np.size(leaf) for leaf in self.leaves)
        self.y = [np.asarray(leaf) for leaf in result_leaves(self.value(), "compare_modes")[0]]
        self.m = sum(leaf.size for leaf in self.y)

    def value(self) -> Any:
        return self.f(*(copied(arg) if i in self.positions else arg for i, arg in enumerate(self.args)))

    def forward(self, seconds: float) -> tuple[Any, Mode]:
        k = min(self.n, forward.columns_at_once(self.n))
        sweeps = -(-self.n // k)

        def columns(stop: int) -> Any:
            blocks = [
                forward.sweep(
                    self.f, self.args, {}, self.positions, self.trees, self.leaves, start, min(start + k, stop)
                )[0]
                for start in range(0, stop, k)
            ]
            return np.concatenate([np.hstack([_flat(part) for part in block]) for block in blocks]).T

        return _measured("forward", columns, self.n, k, sweeps, "direction", seconds)

    def reverse(self, seconds: float) -> tuple[Any, Mode]:
        m = max((leaf.size for leaf in self.y), default=1)
        k = min(m, reverse.rows_at_once(self.n, m))
        sweeps = sum(-(-leaf.size // k) for leaf in self.y)

        def rows(stop: int) -> Any:
            record = reverse.recorded(self.f, self.args, {}, self.positions, "compare_modes")
            found, done = [], 0
            for node, y in zip(record.outputs, self.y, strict=True):
                for start in range(0, min(y.size, stop - done), k):
                    end = min(start + k, y.size, stop - done)
                    parts = reverse.rows(record, node, y.shape, start, end)
                    found.append(np.hstack([_flat(part) for part in parts]))
                done += y.size
            return np.concatenate(found)

        return _measured("reverse", rows, self.m, k, sweeps, "cotangent", seconds)

    def differences(self, seconds: float, value_time: float) -> tuple[Any, Mode]:
        whole = value_time * (self.n + 1) <= max(seconds, 64 * value_time)
        count = self.n if whole else min(self.n, _SAMPLED)
        flat = np.concatenate([np.ravel(leaf) for leaf in self.leaves])

        def at(x: Any) -> Any:
            parts, start = [], 0
            for leaf in self.leaves:
                part = np.array(x[start : start + np.size(leaf)], getattr(leaf, "dtype", float))
                parts.append(part.reshape(np.shape(leaf)) if np.ndim(leaf) else part[0])
                start += np.size(leaf)
            leaves, call = iter(parts), list(self.args)
            for i, (_, structure) in zip(self.positions, self.trees, strict=True):
                call[i] = unflatten(structure, [next(leaves) for _ in range(len(flatten(self.args[i])[0]))])
            return np.concatenate([np.ravel(leaf) for leaf in result_leaves(self.f(*call), "compare_modes")[0]])

        def columns(stop: int) -> Any:
            """As SciPy's 2-point differences: (f(x + h e) - f(x)) / h, h = sqrt(eps) max(1, |x|)."""
            y, steps = at(flat), math.sqrt(np.finfo(flat.dtype).eps) * np.maximum(1.0, np.abs(flat))
            slopes = []
            for j in range(stop):
                moved = flat.copy()
                moved[j] += steps[j]
                slopes.append((at(moved) - y) / (moved[j] - flat[j]))
            return np.stack(slopes, axis=1)

        took = _least(lambda: columns(count), seconds)
        mode = Mode("differences", f"{self.n + 1} evaluations", took, 0, 0.0, "")
        if count < self.n:
            scale = (self.n + 1) / (count + 1)
            mode = mode._replace(time=took * scale, measured=f"estimated from {count} of {self.n} columns")
        return columns(count), mode._replace(memory=_peak(lambda: columns(count)))


def _measured(
    name: str, part: Callable[[int], Any], total: int, k: int, sweeps: int, seed: str, seconds: float
) -> tuple[Any, Mode]:
    """``part(stop)`` computes the first ``stop`` of ``total`` columns or rows, ``k`` of them in a sweep."""
    begin = time.perf_counter()
    found = part(k)
    one = time.perf_counter() - begin
    stop = total if one * sweeps <= max(seconds, 2 * one) else k
    took = _least(lambda: part(stop), seconds)
    if stop == total and stop > k:
        found = part(total)
    work = f"{_count(sweeps, 'sweep')} of {_count(k, seed)}"
    mode = Mode(name, work, took, _peak(lambda: part(stop)), 0.0, "")
    if stop < total:
        mode = mode._replace(time=took * sweeps, measured=f"estimated from 1 of {sweeps} sweeps")
    return found, mode


def _flat(block: Any) -> Any:
    return np.reshape(block, (len(block), -1))


def _difference(a: Any, b: Any) -> float:
    """Largest difference of the entries that two Jacobians, or parts of them, have in common."""
    m, n = min(a.shape[0], b.shape[0]), min(a.shape[1], b.shape[1])
    if m * n == 0:
        return 0.0
    a, b = a[:m, :n], b[:m, :n]
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        gap = np.where(same, 0.0, np.abs(a - b))
    return float(np.max(gap) / (np.max(np.abs(b), initial=0.0, where=np.isfinite(b)) or 1.0))


def _least(run: Callable[[], Any], seconds: float) -> float:
    """Least time of repeats that take about ``seconds`` together."""
    clock = time.perf_counter
    least, begin, rounds = math.inf, clock(), 0
    while True:
        before = clock()
        run()
        after = clock()
        least, rounds = min(least, after - before), rounds + 1
        if after - begin > seconds and (rounds >= _ROUNDS or after - begin > 4 * seconds):
            return least


def _peak(run: Callable[[], Any]) -> int:
    """Peak of the memory that one run allocates."""
    import tracemalloc

    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    run()
    peak = tracemalloc.get_traced_memory()[1] - before
    if not tracing:
        tracemalloc.stop()
    return peak


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _seconds(t: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if t >= size:
            return f"{t / size:.3g} {unit}"
    return f"{t / 1e-9:.3g} ns"


def _bytes(n: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n:.0f} B"
