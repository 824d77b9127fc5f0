"""`compare_modes`: which mode differentiates this function best, measured on the function itself.

Forward mode sends one tangent through the function for each input, many side by side; reverse mode records once and
sends one cotangent back for each output; finite differences call the function once more for each input.  All three
are run, timed and compared with each other.  Where a whole Jacobian would take longer than the time allowed, one sweep
and two are timed, the rest is extrapolated, and the report says so.

The recommendation is what was measured; `jacobian` with ``mode="auto"`` cannot measure, and goes by sizes alone
(`dualdiff.transforms.jacobian.mode_for_sizes`), with constants that ``python -m benchmarks --only modes`` measures.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..pytrees.trees import flatten, paths, unflatten
from ..values.dual import primal
from . import forward, reverse
from . import rows as by_rows
from .arguments import check_leaves, checked_argnums, primal_leaf, result_leaves, selected
from .columns import Chunk
from .evaluation import Arguments
from .jacobian import mode_for_sizes
from .recording import recorded
from .workers import check_workers, mapped, side_by_side

_clock = time.perf_counter
_MOST_ROUNDS = 200  # repeats of what is fast
_MOST_ENTRIES = 2**25  # of a block of columns or rows that is measured: a quarter of a gigabyte
_SAMPLED = 16  # columns of the differences, where all of them would take too long
_A_TIE = 1.1  # quotient of times within which two modes are equally fast
_SUSPECT = 1e-2  # relative error of differences that their step does not explain


class Mode(NamedTuple):
    """What one way to the Jacobian took."""

    name: str  # "forward", "reverse" or "differences"
    work: str  # how many sweeps, of how many directions
    time: float  # seconds; infinite where the mode cannot be used
    memory: float  # peak of what is allocated, in bytes
    error: float  # largest difference from the reference, relative to its largest entry
    note: str = ""  # what was estimated, or why the mode cannot be used


class ModeReport:
    """What `compare_modes` found; prints as a table, shows as HTML in a notebook.

    ``value_time`` (seconds), ``modes`` (one `Mode` each for "forward", "reverse" and "differences"), ``n_inputs``,
    ``n_outputs``, ``agree`` (whether forward mode, reverse mode and differences agree, each within what it can),
    ``recommended`` ("fwd" or "rev"), ``why``, and ``auto``, the mode that ``jacobian(mode="auto")`` takes.
    """

    def __init__(
        self, name: str, value_time: float, modes: list[Mode], n_inputs: int, n_outputs: int, tolerance: float
    ) -> None:
        self.name, self.value_time, self.modes = name, value_time, modes
        self.n_inputs, self.n_outputs = n_inputs, n_outputs
        self.auto = mode_for_sizes(n_inputs, n_outputs)
        fwd, rev, differences = modes
        self.disagreements = []
        if rev.error > tolerance:
            self.disagreements.append(
                f"forward and reverse mode differ by {_error(rev.error)}: "
                "is the function the same at every call, or very ill-conditioned?"
            )
        if differences.error > _SUSPECT:
            self.disagreements.append(
                f"the differences are off by {_error(differences.error)}: a kink, a jump, stop_gradient, a constant "
                "of a custom rule, or a wrong one? dualdiff.check_grads looks closer."
            )
        self.agree = not self.disagreements
        better, worse = (fwd, rev) if fwd.time <= rev.time else (rev, fwd)
        if math.isinf(worse.time):
            self.why = f"{worse.name} mode cannot be used"
        elif worse.time > _A_TIE * better.time:
            self.why = f"{better.name} mode was {_number(worse.time / better.time)} times faster than {worse.name} mode"
            if worse.memory < 0.5 * better.memory:
                self.why += f", with {_number(better.memory / worse.memory)} times the memory"
        else:
            self.why = "the two modes took the same time within 10 %"
            lean, fat = sorted((fwd, rev), key=lambda mode: mode.memory)
            better = {"fwd": fwd, "rev": rev}[self.auto]
            if lean.memory < 0.5 * fat.memory:
                better = lean
                self.why += f", and {fat.name} mode took {_number(fat.memory / lean.memory)} times the memory"
        self.recommended = "fwd" if better is fwd else "rev"

    @property
    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for mode in self.modes:
            if math.isinf(mode.time):
                rows.append((mode.name, "cannot be used", "", "", "", ""))
                continue
            mark = "*" if mode.note else ""
            error = "reference" if math.isnan(mode.error) else _error(mode.error)
            ratio = _number(mode.time / self.value_time)
            rows.append((mode.name, mode.work, _seconds(mode.time) + mark, ratio, _bytes(mode.memory) + mark, error))
        return rows

    @property
    def _notes(self) -> list[str]:
        notes = [f"* {mode.name}: {mode.note}" for mode in self.modes if mode.note]
        notes += [f"! {text}" for text in self.disagreements]
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
        drawn = [(mode, row) for mode, row in zip(self.modes, self._rows, strict=True) if math.isfinite(mode.time)][
            ::-1
        ]
        best = {"fwd": "forward", "rev": "reverse"}[self.recommended]
        names, ratios = [mode.name for mode, _ in drawn], [mode.time / self.value_time for mode, _ in drawn]
        ax.barh(names, ratios, color=["#0072b2" if name == best else "#b0b0b0" for name in names], height=0.6)
        for i, (_, (_, _, took, _, memory, error)) in enumerate(drawn):
            ax.text(ratios[i], i, f" {took}, {memory}, error {error}", va="center", fontsize="small")
        ax.set_xscale("log")
        ax.axvline(1.0, color="black", linewidth=0.8)
        ax.set_xlim(min(0.8, *ratios), 40 * max(ratios))  # room for the text
        ax.set_xlabel("time / time of the value (log scale" + (", * estimated)" if "*" in str(self._rows) else ")"))
        ax.set_title(self._title, fontsize="medium")
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(left=False)
        return ax


_HEADINGS = ("mode", "work", "time", "/ value", "peak memory", "error")


def compare_modes(
    f: Callable[..., Any],
    *args: Any,
    argnums: int | Sequence[int] = 0,
    seconds: float = 0.5,
    workers: Any = None,
    progress: Any = None,
) -> ModeReport:
    """Forward mode, reverse mode and finite differences on your own function, side by side.

    Each computes the Jacobian of ``f(*args)`` with respect to ``argnums`` (for a scalar result, the gradient).

    Parameters
    ----------
    f : callable
        The function.
    *args : array, number or tree
        Its arguments.
    argnums : int or sequence of int, default 0
        The arguments to differentiate, negative counts from the end.
    seconds : float, default 0.5
        About how long each of the three is measured.
    workers : int or callable, optional
        The chunks of all three go to them, as `jacfwd` and `jacrev` send them, and what is measured is that (memory: of
        this process alone).
    progress : bool or callable, optional
        True for a bar (tqdm), or a function of how many of the four steps are done, and of 4.

    Returns
    -------
    ModeReport
        Time (least of some repeats), peak memory, sweeps and error of each, whether they agree, the recommended mode
        and why, and what ``jacobian(mode="auto")`` takes.  Print it, or call its ``plot()``.

    Raises
    ------
    TypeError
        For a complex result; and what `jacobian` raises for such arguments.
    ValueError
        If there are no inputs or outputs.

    Notes
    -----
    Cost: about ``seconds`` for each of the three, or two sweeps where these take longer; ``f`` is called about a
    thousand times at the most, plus once for each input.  A Jacobian that takes longer is measured in part and
    extrapolated, and the report says so.

    Examples
    --------
    >>> import numpy as np
    >>> report = compare_modes(lambda x: np.sum(x**2), np.ones(300), seconds=0.01)
    >>> report.recommended, report.auto, report.agree
    ('rev', 'rev', True)
    """
    forward._check_function(f, "compare_modes")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
        raise ValueError(f"compare_modes: seconds is a positive number, not {seconds!r}.")
    check_workers(workers, progress, "compare_modes")
    problem = _Problem(f, args, argnums, workers)
    steps: list[Callable[[], Any]] = [
        lambda: problem.value_time(seconds / 4),
        lambda: _or_note(problem.forward, seconds, "forward"),
        lambda: _or_note(problem.reverse, seconds, "reverse"),
        lambda: problem.differences(seconds),
    ]
    value_time, (columns, fwd), (rows, rev), (approximate, differences) = mapped(_run, steps, None, progress)
    if columns is None and rows is None:
        problem.forward(seconds)  # its own error
    if columns is not None and rows is not None:
        rev = rev._replace(error=_difference(rows, columns))
    # Against the mode that ran over more columns.
    reference = rows if columns is None or (rows is not None and columns.shape[1] < approximate.shape[1]) else columns
    differences = differences._replace(error=_difference(approximate, reference))
    modes = [fwd, rev, differences]
    return ModeReport(_name(f), value_time, modes, problem.n, problem.m, problem.tolerance)


def _run(step: Callable[[], Any]) -> Any:
    return step()


class _Problem:
    """A function and its differentiated arguments: Jacobians of it by three ways, or parts of them."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], argnums: Any, workers: Any = None) -> None:
        self.workers = workers
        argnums = checked_argnums(argnums, f, "compare_modes")
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
        self.n = sum(np.size(primal(leaf)) for leaf in self.leaves)
        self.y = self.outputs(f(*self.fresh()))
        self.m = sum(leaf.size for leaf in self.y)
        if self.n == 0 or self.m == 0:
            raise ValueError(f"compare_modes: {self.n} inputs and {self.m} outputs leave nothing to compare.")
        if any(leaf.dtype.kind == "c" for leaf in self.y):
            raise TypeError(
                "compare_modes: the result is complex, which reverse mode takes one real direction of at a time.\n"
                "  Compare the modes for its real and imaginary parts."
            )
        dtypes = [getattr(primal(leaf), "dtype", np.dtype(float)) for leaf in self.leaves]
        floats = [dtype for dtype in (*dtypes, *(leaf.dtype for leaf in self.y)) if dtype.kind == "f"]
        # Half of the digits of the narrowest dtype, a little less: 1e-7 in double precision.
        self.tolerance = float(max(np.finfo(dtype).eps for dtype in floats)) ** 0.45 if floats else 1e-7

    def fresh(self) -> list[Any]:
        """The arguments, in memory that the function may write into."""
        return [copied(arg) if i in self.positions else arg for i, arg in enumerate(self.args)]

    @staticmethod
    def outputs(result: Any) -> list[Any]:
        return [np.asarray(primal(leaf)) for leaf in result_leaves(result, "compare_modes")[0]]

    def value_time(self, seconds: float) -> float:
        self.took = _least(self.f, seconds, prepare=self.fresh)
        return self.took

    def forward(self, seconds: float) -> tuple[Any, Mode]:
        k = min(self.n, forward.columns_at_once(self.n))

        one = Chunk(Arguments(self.f, self.args, {}, self.positions, "compare_modes"))

        def columns(stop: int) -> Any:
            chunks = [(start, min(start + k, stop)) for start in range(0, stop, k)]
            swept = mapped(one, chunks, self.workers, None)
            return np.concatenate([np.hstack([_flat(part) for part in blocks]) for blocks, _, _ in swept]).T

        whole = forward.jacfwd(self.f, self.argnums, workers=self.workers)
        sweeps = -(-self.n // k)
        work = f"{_count(sweeps, 'sweep')} of {_count(k, 'direction')}"
        columns_of_all, mode = self.measured(
            "forward", work, columns, lambda: whole(*self.args), self.n, k, sweeps, seconds
        )
        return columns_of_all, mode._replace(error=math.nan)  # the reference

    def reverse(self, seconds: float) -> tuple[Any, Mode]:
        largest = max(leaf.size for leaf in self.y)
        k = min(largest, by_rows.rows_at_once(self.n, largest))

        def rows(stop: int) -> Any:
            record = recorded(self.f, self.args, {}, self.positions, "compare_modes")
            one = by_rows.RowChunk(
                self.f, self.args, {}, self.positions, False, "compare_modes", record if self.workers is None else None
            )
            chunks, done = [], 0
            for number, y in enumerate(self.y):
                last = min(y.size, stop - done)
                chunks += [(number, start, min(start + k, last)) for start in range(0, last, k)]
                done += y.size
            found = mapped(one, chunks, self.workers, None)
            return np.concatenate([np.hstack([_flat(part) for part in parts]) for parts in found])

        whole = reverse.jacrev(self.f, self.argnums, workers=self.workers)
        sweeps = sum(-(-leaf.size // k) for leaf in self.y)
        work = f"{_count(sweeps, 'sweep')} of {'up to ' * (len(self.y) > 1)}{_count(k, 'cotangent')}"
        return self.measured("reverse", work, rows, lambda: whole(*self.args), self.m, k, sweeps, seconds)

    def measured(
        self,
        name: str,
        work: str,
        part: Callable[[int], Any],
        whole: Callable[[], Any],
        total: int,
        k: int,
        sweeps: int,
        seconds: float,
    ) -> tuple[Any, Mode]:
        """The Jacobian by ``part(total)`` where the ``whole`` fits into the time, else ``part`` for two sweeps."""
        whole_fits = self.m * self.n <= _MOST_ENTRIES
        if not whole_fits:
            k = max(1, min(k, _MOST_ENTRIES * total // (self.m * self.n)))
        begin = _clock()
        found = part(min(k, total))
        one = _clock() - begin
        if whole_fits and (sweeps <= 2 or one * sweeps <= seconds):
            mode = Mode(name, work, _least(whole, seconds), _peak(whole), 0.0)
            return found if sweeps == 1 else part(total), mode
        if self.workers is not None:
            k = min(k * side_by_side(self.workers), max(1, total // 2))
        one = _least(lambda: part(k), seconds / 2)
        two = _least(lambda: part(2 * k), seconds / 2)
        memory = _peak(lambda: part(k)) + 8.0 * self.m * self.n
        note = f"estimated from 1 and 2 sweeps of {k}, and the size of the result"
        return found, Mode(name, work, one + (total / k - 1) * max(two - one, 0.0), memory, 0.0, note)

    def differences(self, seconds: float) -> tuple[Any, Mode]:
        plain = [np.array(primal(leaf), getattr(primal(leaf), "dtype", float)) for leaf in self.leaves]
        places = [(i, j) for i, leaf in enumerate(plain) for j in range(leaf.size)]
        count = self.n if self.took * (self.n + 1) <= seconds else min(self.n, _SAMPLED)
        at = _Moved(self.f, self.args, self.positions, plain)

        def columns(stop: int) -> Any:
            """As SciPy's 2-point differences: (f(x + h e) - f(x)) / h, h = sqrt(eps) max(1, |x|)."""
            steps = [(0, 0, 0.0)]
            for i, j in places[:stop]:
                step = math.sqrt(np.finfo(plain[i].dtype).eps) * max(1.0, abs(float(plain[i].reshape(-1)[j])))
                steps.append((i, j, step))
            (y, _), *moved = mapped(at, steps, self.workers, None)
            return np.stack([(ahead - y) / step for ahead, step in moved], axis=1)

        begin = _clock()
        found = columns(count)
        took = _clock() - begin
        if took < seconds:
            took = min(took, _least(lambda: columns(count), seconds - took, most=max(1, 200 // (count + 1))))
        memory = _peak(lambda: columns(1)) + 8.0 * self.m * self.n
        mode = Mode("differences", f"{self.n + 1} evaluations", took, memory, 0.0)
        if count < self.n:
            note = f"estimated from {count} of {self.n} columns"
            mode = mode._replace(time=took * (self.n + 1) / (count + 1), note=note)
        return found, mode


class _Moved:
    """The results with one entry of the arguments moved, which a worker may get by pickle."""

    def __init__(
        self, f: Callable[..., Any], args: tuple[Any, ...], positions: Sequence[int], plain: list[Any]
    ) -> None:
        self.f, self.args, self.positions, self.plain = f, args, positions, plain

    def __call__(self, place: tuple[int, int, float]) -> tuple[Any, float]:
        i, j, step = place
        moved = [leaf.copy() for leaf in self.plain]
        entry = moved[i].reshape(-1)[j : j + 1]
        before = float(entry[0])
        entry += step
        scalars = iter([leaf if leaf.ndim else leaf[()] for leaf in moved])
        call = list(self.args)
        for position in self.positions:
            leaves, structure = flatten(self.args[position])
            call[position] = unflatten(structure, [next(scalars) for _ in leaves])
        y = np.concatenate([np.ravel(leaf) for leaf in _Problem.outputs(self.f(*call))])
        return y, float(entry[0]) - before


def _or_note(measure: Callable[[float], tuple[Any, Mode]], seconds: float, name: str) -> tuple[Any, Mode]:
    """A mode, or a row that says why it cannot be used: custom_vjp has no forward mode."""
    try:
        return measure(seconds)
    except TypeError as error:
        return None, Mode(name, "", math.inf, math.inf, math.nan, str(error).split("\n")[0])


def _flat(block: Any) -> Any:
    return np.reshape(primal(block), (len(block), -1))


def _difference(a: Any, b: Any) -> float:
    """Largest difference of the entries that two Jacobians, or parts of them, have in common."""
    m, n = min(a.shape[0], b.shape[0]), min(a.shape[1], b.shape[1])
    a, b = a[:m, :n], b[:m, :n]
    usable = np.isfinite(a) & np.isfinite(b)
    gap = np.abs(np.subtract(a, b, out=np.zeros((m, n)), where=usable))
    return float(np.max(gap) / (np.max(np.abs(b), initial=0.0, where=usable) or 1.0))


def _least(
    run: Callable[..., Any], seconds: float, most: int = _MOST_ROUNDS, prepare: Callable[[], Any] = tuple
) -> float:
    """Least time of repeats that take about ``seconds`` together; what ``prepare`` makes for each is not counted."""
    least, begin = math.inf, _clock()
    for _ in range(most):
        given = prepare()
        before = _clock()
        run(*given)
        after = _clock()
        least = min(least, after - before)
        if after - begin > seconds:
            break
    return least


def _peak(run: Callable[[], Any]) -> int:
    """Peak of the memory that one run allocates."""
    import tracemalloc

    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        run()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not tracing:
            tracemalloc.stop()


# What a person reads.


def _name(f: Any) -> str:
    while hasattr(f, "func"):  # functools.partial
        f = f.func
    return str(getattr(f, "__name__", type(f).__name__))


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _number(x: float) -> str:
    """Three digits, never an exponent."""
    return f"{x:.3g}" if x < 100 else f"{float(f'{x:.3g}'):.0f}"


def _error(x: float) -> str:
    return "0" if x == 0 else f"{x:.0e}"


def _seconds(t: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if t >= size:
            return f"{_number(t / size)} {unit}"
    return f"{t / 1e-9:.3g} ns"


def _bytes(n: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= size:
            return f"{_number(n / size)} {unit}"
    return f"{n:.0f} B"


def copied(tree: Any) -> Any:
    """An argument that the function may write into."""
    leaves, structure = flatten(tree)
    return structure.build(iter([np.copy(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]))
