"""Losses against what is committed: ``python -m benchmarks --check``.

Answers first (`answers`).  Then counts, which have no noise: the Python functions that are entered, the bytecode
instructions that are executed, and the bytes that are held at the worst moment of one derivative.  They depend on the
versions of Python and NumPy alone, so each is committed for its version of Python, with a tolerance for NumPy's own
Python code.  Then ratios of times, which do have noise: a loss is one that remains in the best of several measurements.
``--quick`` leaves the ratios out; ``--update`` commits to what is measured now, and leaves what is committed for other
versions of Python.

The exit status is 1 after a wrong answer or a loss, 2 if something has nothing committed to be compared with.
"""

from __future__ import annotations

import gc
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import Progress

from . import overhead, rows
from .answers import Judge
from .counted import LARGEST_ERROR, others
from .measuring import environment, error_text, number, peak_memory
from .problems import Problem

COMMITTED = Path(__file__).parent / "committed.json"
TOLERANCE_OF_COUNTS = 1.05
FEW_BYTES = 2048  # fewer are no loss: a small object more or less
TOLERANCE_OF_RATIOS = 1.5
TRIES = 3


def problems() -> list[Problem]:
    """Small ones, where a change of the code can lose in the cost per operation, and two where entries cost more."""
    return [
        overhead.gradient_of_rosenbrock(10),
        overhead.jvp_of_rosenbrock(10),
        overhead.gradient_of_scalars(10),
        overhead.jvp_of_chain(10),
        overhead.jacobian_of_trajectory(steps=5),
        overhead.jacobian_of_layers("jacfwd", 100),
        overhead.jacobian_of_layers("jacrev", 100),
        overhead.gradient_of_network(batch=16, width=8),
        overhead.hvp_of_rosenbrock(10),
        overhead.hessian_of_rosenbrock(10),
        overhead.jacobian_of_layers("jacobian", 100),
        overhead.gradient_of_diffusion(100, steps=5),
        overhead.gradient_of_misfit(10),
        overhead.jvp_of_chain(10**5),
        overhead.gradient_of_network(batch=256, width=128),
    ]


def counts(call: Callable[[], Any]) -> dict[str, int]:
    """Python functions entered, bytecode instructions executed, and bytes held, by one call of a warm function."""
    for _ in range(3):
        call()
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()  # what a collection runs would be counted
    try:
        seen = counted_by_monitoring(call) if hasattr(sys, "monitoring") else counted_by_tracing(call)
        return {**seen, "bytes": peak_memory(call)}
    finally:
        if collecting:
            gc.enable()


def counted_by_monitoring(call: Callable[[], Any]) -> dict[str, int]:
    """From Python 3.12 on: the tracing of instructions misses some in 3.13."""
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined]
    events, tool = monitoring.events, monitoring.PROFILER_ID
    seen = Counter[str]()
    monitoring.use_tool_id(tool, "dualdiff's benchmarks")
    try:
        for event, what in (
            (events.PY_START, "functions"),
            (events.PY_RESUME, "functions"),
            (events.INSTRUCTION, "instructions"),
        ):
            monitoring.register_callback(tool, event, lambda *_, what=what: seen.update((what,)))
        monitoring.set_events(tool, events.PY_START | events.PY_RESUME | events.INSTRUCTION)
        call()
    finally:
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)
    return {what: seen[what] for what in ("functions", "instructions")}


def counted_by_tracing(call: Callable[[], Any]) -> dict[str, int]:
    seen = {"functions": 0, "instructions": 0}

    def traced(frame: Any, event: str, arg: Any) -> Any:
        if event == "call":
            seen["functions"] += 1
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            seen["instructions"] += 1
        return traced

    before = sys.gettrace()
    sys.settrace(traced)
    try:
        call()
    finally:
        sys.settrace(before)
    return seen


def run(console: Console, progress: Progress, *, quick: bool, update: bool, file: Path = COMMITTED) -> int:
    """Prints what is lost, and returns the exit status."""
    committed = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"counts": {}, "ratios": {}}
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    known_counts, known_ratios = committed["counts"].get(python, {}), committed["ratios"]
    new_counts: dict[str, dict[str, int]] = {}
    new_ratios: dict[str, float] = {}
    wrong, losses, gains, unknown = [], [], [], []

    items = checked()
    bar = progress.add_task("", total=len(items))
    for item in items:
        name = item.name
        progress.update(bar, description=name, refresh=True)
        if fault := item.fault():
            wrong.append(f"{name}: {fault}")
        new_counts[name] = counts(item.call)
        for what, count in new_counts[name].items():
            known = known_counts.get(name, {}).get(what)
            line = f"{name}: {count} {what}, committed {known}"
            if known is None:
                unknown.append(f"{name}: {count} {what}, none committed for Python {python}")
            elif count > TOLERANCE_OF_COUNTS * known + slack(what):
                losses.append(line)
            elif count * TOLERANCE_OF_COUNTS + slack(what) < known:
                gains.append(line)
        if not quick:
            allowed = TOLERANCE_OF_RATIOS * known_ratios.get(name, float("inf"))
            new_ratios[name] = round(item.ratio(0.0 if update else allowed), 2)
            if new_ratios[name] > allowed:
                losses.append(f"{name}: {number(new_ratios[name])} × the value, committed {number(known_ratios[name])}")
        progress.update(bar, advance=1, refresh=True)

    if update and not wrong:
        committed["counts"][python] = new_counts
        committed["ratios"] = {**known_ratios, **new_ratios}
        if new_ratios:
            committed["ratios measured with"] = environment()
        file.write_text(json.dumps(committed, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        console.print(f"{file.name} updated for Python {python}: {len(new_counts)} problems", highlight=False)
        return 0
    for title, lines in (
        ("WRONG answers", wrong),
        ("lost", losses),
        ("not comparable", unknown),
        ("gained (--check --update keeps it)", gains),
    ):
        if lines:
            console.print(f"\n{title}:", *(f"  {line}" for line in lines), sep="\n", highlight=False, markup=False)
    compared = "counts" if quick else "counts and ratios"
    if losses or wrong:
        console.print(
            f"\nWrong answers: {len(wrong)}. Losses: {len(losses)}, beyond {tolerances(quick)}.", style="bold red"
        )
    else:
        problems_compared = sum(name in known_counts for name in new_counts)
        console.print(f"\nNo loss in the {compared} of {problems_compared} problems, within {tolerances(quick)}.")
    return 1 if losses or wrong else 2 if unknown else 0


def tolerances(quick: bool) -> str:
    counts = f"{TOLERANCE_OF_COUNTS - 1:.0%} of counts"
    return counts if quick else f"{counts} and {TOLERANCE_OF_RATIOS - 1:.0%} of ratios (best of {TRIES})"


def slack(what: str) -> int:
    return FEW_BYTES if what == "bytes" else 0


class Item(NamedTuple):
    """One line of what is checked."""

    name: str
    fault: Callable[[], str]  # what is wrong with its answer; empty if nothing
    call: Callable[[], Any]  # what is counted
    ratio: Callable[[float], float]  # over the value; measured until it is not above what is allowed


def checked() -> list[Item]:
    """The problems, and derivatives that have a form of their own (`counted`)."""
    of_problems = [
        Item(
            title(problem),
            lambda problem=problem: fault_of(problem),
            problem.differentiated(),
            lambda allowed, problem=problem: measured(problem, allowed),
        )
        for problem in problems()
    ]
    of_others = [
        Item(
            other.name,
            lambda other=other: (
                "" if other.error <= LARGEST_ERROR else f"by {error_text(other.error)} to the differences"
            ),
            other.call,
            lambda allowed, other=other: best(other.ratio, allowed),
        )
        for other in others()
    ]
    return of_problems + of_others


def title(problem: Problem) -> str:
    return f"{problem.operator} of {problem.name}, {problem.size}"


def fault_of(problem: Problem) -> str:
    verdict = Judge(problem).verdict(problem.derivative())
    if verdict.passed:
        return ""
    exact = "" if verdict.exact is None else f"by {error_text(verdict.exact)}, "
    return f"{exact}by {error_text(verdict.differences)} to the differences"


def best(ratio: Callable[[], float], allowed: float) -> float:
    """The least of some measurements, of which there are a few unless the ratio is allowed before."""
    least = float("inf")
    for _ in range(TRIES):
        least = min(least, ratio())
        if least <= allowed:
            break
    return least


def measured(problem: Problem, allowed: float) -> float:
    """The ratio, of minima over measurements, of which there are a few unless the ratio is allowed before."""
    value = derivative = float("inf")
    for _ in range(TRIES):
        row = rows.measured(problem, "check", rounds=10)
        value, derivative = min(value, row.value), min(derivative, row.derivative)
        if derivative / value <= allowed:
            break
    return derivative / value
