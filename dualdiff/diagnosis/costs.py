"""What a derivative costs and what would make it cheaper: measured on the function itself, each way by itself.

Whatever cannot be measured is left out, with the reason: a diagnosis never fails for it.
"""

from __future__ import annotations

import functools
import importlib
import math
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import adapting
from ..errors import IndependentResult, NotStaged
from ..pytrees.trees import flatten, tree_map
from ..transforms import compare, forward
from ..transforms.jacobian import jacobian
from ..transforms.mode_report import ModeReport
from ..transforms.recording import Recording, recorded
from ..transforms.reverse import grad
from . import places, timing
from .findings import Finding, plain
from .places import Place
from .timing import Line
from .watching import Watch

_LOOPS = 50  # calls for single numbers at one line that make it a loop over entries
_SHARE = 0.2  # of the time of a mode, from which a slow line is worth a word
_LONGEST_PROGRAM = 5000  # operations of a record beyond which it is not written out
_PAYS = 1.3  # quotient of times from which another way is recommended
_SMALLEST = 16  # inputs and outputs below which a Jacobian is dense


class Way(NamedTuple):
    """Another way to the derivative: whether it pays, and the time of the usual way over its own.

    ``factor`` is nan where it was not measured; ``note`` says why, or what was measured.
    """

    name: str
    pays: bool
    factor: float
    note: str


class Costs:
    """``lines`` (the dearest first), seconds of ``value``, ``forward`` (one direction) and ``reverse`` (the gradient
    of the sum of the results); ``modes``, the `ModeReport` of `compare_modes` or None; ``ways``; ``notes``.
    """

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.value = self.forward = self.reverse = math.nan
        self.modes: ModeReport | None = None
        self.ways: list[Way] = []
        self.notes: list[str] = []


def measured(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    positions: tuple[int, ...],
    watch: Watch,
    seconds: float,
) -> Costs:
    costs = Costs()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        warnings.simplefilter("ignore", IndependentResult)
        _lines(costs, f, args, positions, watch, seconds)
        _modes(costs, f, args, positions, seconds)
        operations = 0 if watch.tape is None else len(watch.tape.nodes)
        _staging(costs, f, args, positions, seconds, operations)
        _sparse(costs, f, args, positions, seconds)
    return costs


def _try(costs: Costs, what: str, run: Callable[[], Any]) -> Any:
    try:
        return run()
    except Exception as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        costs.notes.append(f"{what}: not measured: {said}")
        return None


def _lines(
    costs: Costs, f: Any, args: tuple[Any, ...], positions: tuple[int, ...], watch: Watch, seconds: float
) -> None:
    fresh = lambda: [compare.copied(arg) if i in positions else arg for i, arg in enumerate(args)]

    def value() -> Any:
        return f(*fresh())

    def along() -> Any:
        return along_ones(f, args, positions)

    def record() -> Recording:
        return recorded(f, fresh(), {}, positions, "diagnose")

    found: dict[str, dict[Any, float]] = {"value": {}, "forward": {}, "reverse": {}}
    names: dict[Any, str] = {}
    runs: list[tuple[str, Callable[[], Any]]] = [("value", value), ("forward", along), ("reverse", record)]
    for mode, run in runs:
        timed = _try(costs, f"{mode} by line", functools.partial(_timed, run, seconds))
        if timed is not None:
            took, found[mode], of_lines = timed
            names |= of_lines
            setattr(costs, mode, took)
    back = _try(costs, "the way back", lambda: _back(record(), watch))
    for line, took in (back or {}).items():
        found["reverse"][line] = found["reverse"].get(line, 0.0) + took
    costs.reverse += sum((back or {}).values())
    _collect(costs, found, names, watch)


def along_ones(f: Any, args: tuple[Any, ...], positions: tuple[int, ...]) -> Any:
    """Forward mode along ones."""
    viewed = adapting.adapted(f)
    given = tuple(compare.copied(args[i]) for i in positions)
    direction = tuple(tree_map(_one, arg) for arg in given)

    def of_some(*some: Any) -> Any:
        at = dict(zip(positions, some, strict=True))
        return viewed(*[at.get(i, arg) for i, arg in enumerate(args)])

    return forward.jvp(of_some, given, direction)


def _one(leaf: Any) -> Any:
    leaf = np.asarray(plain(leaf))
    return np.ones_like(leaf, dtype=None if leaf.dtype.kind in "fc" else float)


def _timed(run: Callable[[], Any], seconds: float) -> tuple[float, dict[Any, float], dict[Any, str]]:
    whole = compare._least(run, seconds / 8)
    rounds = max(1, min(5, int(seconds / 16 / max(whole * 5, 1e-6))))
    found, timer = timing.by_line(run, whole, rounds)
    return whole, found, timer.functions


def _back(record: Recording, watch: Watch) -> dict[Any, float]:
    """The record is another one of the same calls; where it is not, its nodes have no lines."""
    same = watch.tape is not None and len(record.tape.nodes) == len(watch.tape.nodes)
    if not same:
        return {}
    first = timing.way_back(watch, record)
    again = timing.way_back(watch, record)
    return {line: min(took, again.get(line, took)) for line, took in first.items()}


def _collect(costs: Costs, found: dict[str, dict[Any, float]], names: dict[Any, str], watch: Watch) -> None:
    held = timing.recorded_bytes(watch)
    of_line: dict[Any, list[int]] = {}
    known: dict[Any, Place] = {}
    for call in watch.calls:
        if call.place is None or call.kind not in ("differentiated", "adapted"):
            continue
        line = (call.place.file, call.place.line)
        known.setdefault(line, call.place)
        sums = of_line.setdefault(line, [0, 0, 0])
        for i, n in enumerate((call.count, call.scalars, call.nbytes)):
            sums[i] += n
    for line in {*of_line, *(line for times in found.values() for line in times)}:
        place = known.get(line) or places.of_line(line[0], line[1], names.get(line, ""))
        calls, scalars, nbytes = of_line.get(line, [0, 0, 0])
        value, ahead, back = (found[mode].get(line, 0.0) for mode in ("value", "forward", "reverse"))
        costs.lines.append(Line(place, calls, scalars, value, ahead, back, nbytes, held.get(line, 0)))
    costs.lines.sort(key=lambda line: -(line.value + line.forward + line.reverse))


def slow(costs: Costs, watch: Watch, staged: bool) -> list[Finding]:
    """Lines that are slow for a reason that can be named."""
    found = []
    total = sum(line.reverse for line in costs.lines) or math.nan
    for line in costs.lines:
        if line.calls >= _LOOPS and line.scalars > 0.7 * line.calls and not line.reverse / total < _SHARE:
            share = "" if math.isnan(total) else f", {100 * line.reverse / total:.0f} % of the time of reverse mode"
            text = f"{line.calls} operations on single numbers{share}: a Python loop over entries"
            fix = "write it as one operation on the whole array"
            fix += ", or let dualdiff.stage write the loop out once" if staged else ""
            found.append(Finding("slow", text, line.place, fix))
    for call in watch.calls:
        if call.name == "np.asarray" and call.kind in ("differentiated", "adapted"):
            text = f"an array of objects is made of values that carry derivatives, entry by entry ({call.count} times)"
            fix = "make the array with np.stack([...]), np.concatenate([...]) or np.array([...], like=x)"
            found.append(Finding("slow", text, call.place, fix))
    return found


# Modes, and other ways.


def _argnums(positions: tuple[int, ...]) -> Any:
    return positions[0] if len(positions) == 1 else positions


def _modes(costs: Costs, f: Any, args: tuple[Any, ...], positions: tuple[int, ...], seconds: float) -> None:
    run = lambda: compare.compare_modes(f, *args, argnums=_argnums(positions), seconds=seconds / 4)
    costs.modes = _try(costs, "the modes", run)


def _of_dense(
    costs: Costs, quick: Callable[[], Any], f: Any, args: tuple[Any, ...], positions: tuple[int, ...], seconds: float
) -> float:
    """The time of the dense derivative in the better mode over another: measured, or estimated where that is long."""
    modes = costs.modes
    assert modes is not None
    estimate = min(mode.time for mode in modes.modes[:2])
    if estimate > max(1.0, 4 * seconds) or modes.n_inputs * modes.n_outputs > compare._MOST_ENTRIES:
        return estimate / compare._least(quick, seconds / 8)
    whole = jacobian(f, _argnums(positions), mode=modes.recommended)
    return _factor(lambda: whole(*args), quick, seconds / 4)


def _staging(
    costs: Costs, f: Any, args: tuple[Any, ...], positions: tuple[int, ...], seconds: float, operations: int
) -> None:
    stage = getattr(sys.modules[__name__.partition(".")[0]], "stage", None)
    if stage is None:
        return
    if costs.modes is None:
        costs.ways.append(Way("staging", False, math.nan, "not measured, since no mode could be"))
        return
    if operations > _LONGEST_PROGRAM:
        costs.ways.append(Way("staging", False, math.nan, f"not tried: a program of {operations} operations"))
        return
    scalar = costs.modes.n_outputs == 1
    transform = grad if scalar else jacobian
    name = f"dualdiff.stage(dualdiff.{transform.__name__}(f))"
    try:
        usual = transform(f, _argnums(positions))
        with warnings.catch_warnings():
            warnings.simplefilter("error", NotStaged)  # it would run as it is
            staged = stage(usual)
            same = _same(usual(*args), staged(*args))
        if not same:
            costs.ways.append(Way("staging", False, math.nan, f"{name} gives another result at this point"))
            return
        factor = _factor(lambda: usual(*args), lambda: staged(*args), seconds / 8)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        costs.ways.append(Way("staging", False, math.nan, f"{name} cannot be used: {reason}"))
        return
    costs.ways.append(Way("staging", factor > _PAYS, factor, f"{name}, once made, against the same unstaged"))


def _same(a: Any, b: Any) -> bool:
    """Whether two derivatives are the same but for rounding."""
    pairs = zip(flatten(a)[0], flatten(b)[0], strict=True)
    return all(np.allclose(plain(x), plain(y), rtol=1e-6, atol=1e-12, equal_nan=True) for x, y in pairs)


def _factor(slow: Callable[[], Any], quick: Callable[[], Any], seconds: float) -> float:
    """Least time over least time, of runs in turns: what disturbs one disturbs the other."""
    least = [math.inf, math.inf]
    begin = time.perf_counter()
    for i in range(_MOST_TURNS):
        for k, run in enumerate((slow, quick)):
            before = time.perf_counter()
            run()
            least[k] = min(least[k], time.perf_counter() - before)
        if time.perf_counter() - begin > (seconds if i >= _FEWEST_TURNS else 10 * seconds):
            break
    return least[0] / least[1]


_FEWEST_TURNS, _MOST_TURNS = 5, 200


def _sparse(costs: Costs, f: Any, args: tuple[Any, ...], positions: tuple[int, ...], seconds: float) -> None:
    modes = costs.modes
    if modes is None or min(modes.n_inputs, modes.n_outputs) < _SMALLEST:
        return
    try:
        sparse = importlib.import_module("dualdiff.transforms.sparse")
        pattern = sparse.sparsity(f, _argnums(positions))(*args)
        density = pattern.nnz / (pattern.shape[0] * pattern.shape[1])
        name = f"{pattern.nnz} of {pattern.shape[0]} x {pattern.shape[1]} entries can be nonzero"
        if density > 0.5:
            costs.ways.append(Way("sparse Jacobian", False, math.nan, name))
            return
        J = sparse.sparse_jacobian(f, _argnums(positions))
        J(*args)
        factor = _of_dense(costs, lambda: J(*args), f, args, positions, seconds)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        costs.ways.append(Way("sparse Jacobian", False, math.nan, f"not measured: {reason}"))
        return
    costs.ways.append(
        Way(
            "sparse Jacobian",
            factor > _PAYS,
            factor,
            f"{name}; dualdiff.sparse_jacobian, its pattern found, against the better mode",
        )
    )
