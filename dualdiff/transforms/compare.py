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
from typing import Any

import numpy as np

from ..pytrees.trees import flatten, paths, unflatten
from ..values.dual import primal
from . import forward, reverse
from . import rows as by_rows
from .argnums import checked_argnums, selected
from .arguments import check_leaves, primal_leaf, result_leaves
from .columns import Chunk, columns_at_once
from .evaluation import Arguments
from .mode_report import Mode, ModeReport, counted
from .recording import recorded
from .refusals import check_function, refuse_complex
from .workers import check_workers, mapped, side_by_side

_clock = time.perf_counter
_MOST_ROUNDS = 200  # repeats of what is fast
_MOST_ENTRIES = 2**25  # of a block of columns or rows that is measured: a quarter of a gigabyte
_SAMPLED = 16  # columns of the differences, where all of them would take too long


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
    check_function(f, "compare_modes")
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
                refuse_complex(leaf, "compare_modes", name, holomorphic=False)
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
        k = min(self.n, columns_at_once(self.n))

        one = Chunk(Arguments(self.f, self.args, {}, self.positions, "compare_modes"))

        def columns(stop: int) -> Any:
            chunks = [(start, min(start + k, stop)) for start in range(0, stop, k)]
            swept = mapped(one, chunks, self.workers, None)
            return np.concatenate([np.hstack([_flat(part) for part in blocks]) for blocks, _, _ in swept]).T

        whole = forward.jacfwd(self.f, self.argnums, workers=self.workers)
        sweeps = -(-self.n // k)
        work = f"{counted(sweeps, 'sweep')} of {counted(k, 'direction')}"
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
        work = f"{counted(sweeps, 'sweep')} of {'up to ' * (len(self.y) > 1)}{counted(k, 'cotangent')}"
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


def _name(f: Any) -> str:
    while hasattr(f, "func"):  # functools.partial
        f = f.func
    return str(getattr(f, "__name__", type(f).__name__))


def copied(tree: Any) -> Any:
    """An argument that the function may write into."""
    leaves, structure = flatten(tree)
    return structure.build(iter([np.copy(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]))
