"""From a function and a point to a `Diagnosis`."""

from __future__ import annotations

import inspect
import math
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import adapting, errors
from ..pytrees.trees import flatten, paths
from ..transforms import compare
from ..transforms.argnums import checked_argnums, selected
from ..transforms.arguments import result_leaves
from ..transforms.recording import Recording, recorded
from ..values.dual import primal
from . import costs, dependence, places, refusals
from .findings import Finding, plain
from .report import Diagnosis, order
from .watching import Watch


def examined(
    f: Callable[..., Any], args: tuple[Any, ...], argnums: int | Sequence[int] | None, seconds: float
) -> Diagnosis:
    """The report on ``f`` at ``args``."""
    if not callable(f):
        raise TypeError(f"diagnose: the first argument is a function, not {f!r}; its arguments follow it.")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds >= 0:
        raise ValueError(f"diagnose: seconds is a number, 0 or more, not {seconds!r}.")
    if not args:
        raise TypeError(f"diagnose: {errors.name_of_user_function(f)} is given no arguments: diagnose(f, x, ...).")
    positions = _positions(f, args, argnums)
    report = Diagnosis(errors.name_of_user_function(f), _defined_at(f))
    expected = _plain_run(report, f, args, positions)
    watch = Watch()
    record = _watched_run(report, watch, f, args, positions)
    report.calls = watch.calls
    report.findings += watch.findings
    if record is not None and expected is not None:
        names = [f"result{path}" for path in paths(record.structure, "")]
        of_arguments = _names(f, args, positions)
        _compare(report, expected, record, names)
        report.findings += refusals.swallowed(watch)
        found = dependence.Dependence(watch, record, of_arguments, names)
        report.independent = found.independent
        report.findings += found.findings
        _gradient(report, found, of_arguments)
        report.findings = dependence.digits(watch, record, report.findings)
        if seconds:
            report.costs = costs.measured(f, args, positions, watch, seconds)
        report.findings += costs.slow(report.costs, watch, _has_stage())
    if watch.faults:
        report.notes.append(f"{len(watch.faults)} calls could not be looked at: {watch.faults[0]}")
    report.findings = sorted(_once(report.findings), key=order)
    return report


def _once(findings: list[Finding]) -> list[Finding]:
    """Findings without those that say the same of the same line again."""
    seen = {(f.kind, f.text, f.place and (f.place.file, f.place.line)): f for f in reversed(findings)}
    return list(reversed(seen.values()))


def _has_stage() -> bool:
    return hasattr(sys.modules[__name__.partition(".")[0]], "stage")


# Arguments.


def _positions(f: Any, args: tuple[Any, ...], argnums: Any) -> tuple[int, ...]:
    if argnums is not None:
        return selected(checked_argnums(argnums, f, "diagnose"), len(args), "diagnose")
    kinds = [_kinds(arg) for arg in args]
    for wanted in ("fc", "fciu"):
        found = tuple(i for i, of_arg in enumerate(kinds) if of_arg & set(wanted) and of_arg <= set("fciu"))
        if found:
            return found
    return tuple(i for i, of_arg in enumerate(kinds) if of_arg & set("fciu")) or tuple(range(len(args)))


def _kinds(arg: Any) -> set[str]:
    """The kinds of number among the leaves of an argument; "O" for what is none."""
    try:
        leaves = flatten(arg)[0]
    except Exception:
        return {"O"}
    return {_kind(leaf) for leaf in leaves}


def _kind(leaf: Any) -> str:
    if hasattr(type(leaf), "__dual__"):
        return "f"
    dtype = getattr(leaf, "dtype", None)
    if isinstance(dtype, np.dtype):
        return dtype.kind
    return {float: "f", complex: "c", int: "i"}.get(type(leaf), "O")


def _names(f: Any, args: tuple[Any, ...], positions: tuple[int, ...]) -> list[str]:
    """What the user calls each leaf of the arguments."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    found = []
    for i in positions:
        name = named[i] if i < len(named) else f"argument {i}"
        found += paths(flatten(args[i])[1], name)
    return found


def _defined_at(f: Any) -> str:
    place = places.of_function(f)
    return "" if place is None else f" ({os.path.basename(place.file)}:{place.line})"


# The two runs.


def _fresh(args: tuple[Any, ...], positions: tuple[int, ...]) -> list[Any]:
    return [compare.copied(arg) if i in positions else arg for i, arg in enumerate(args)]


def _plain_run(report: Diagnosis, f: Any, args: tuple[Any, ...], positions: tuple[int, ...]) -> Any:
    """What the function returns for plain arguments, as leaves; an error there is its own."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = f(*_fresh(args, positions))
    except Exception as error:
        report.error = error
        text = f"for plain arguments already, {type(error).__name__}: {error}"
        fix = "call it without dualdiff first"
        report.findings.append(Finding("raised", text, places.of_traceback(error.__traceback__), fix))
        return None
    try:
        return [np.asarray(primal(leaf)) for leaf in result_leaves(result, "diagnose")[0]]
    except TypeError as error:
        report.error = error
        what, lines = refusals.parts(str(error).removeprefix("diagnose: "))
        report.findings.append(Finding("raised", what, None, "\n".join(lines)))
        return None


def _watched_run(
    report: Diagnosis, watch: Watch, f: Any, args: tuple[Any, ...], positions: tuple[int, ...]
) -> Recording | None:
    """The recording of the function; None if it was refused, which is a finding then."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            viewed = watch.running(adapting.adapted(f))
            return recorded(viewed, _fresh(args, positions), {}, positions, "diagnose")
    except Exception as error:
        if report.error is None or isinstance(error, errors.DualdiffError):  # not the same error once more
            found = refusals.refusal(error, watch)
            fix = "\n".join(filter(None, [found.fix, _forward(f, args, positions)]))
            report.findings.append(found._replace(fix=fix))
        report.error = report.error or error
        return None


def _forward(f: Any, args: tuple[Any, ...], positions: tuple[int, ...]) -> str:
    """A word on forward mode, where that takes what reverse mode refuses."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            costs.along_ones(f, args, positions)
    except Exception:
        return ""
    return "Forward mode takes it: dualdiff.jvp, derivative, jacfwd."


# What the runs show together.


def _compare(report: Diagnosis, expected: list[Any], record: Recording, names: list[str]) -> None:
    """Whether the differentiated run calculated what the plain one did."""
    values = [np.asarray(plain(leaf)) for leaf in record.y]
    if [a.shape for a in values] != [b.shape for b in expected]:
        text = "the result has another shape or structure when it is differentiated"
        report.findings.append(Finding("changed", text, None, _CHANGED))
        return
    for name, a, b in zip(names, values, expected, strict=True):
        if not np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"):
            gap = float(np.nanmax(np.abs(a - b))) if a.dtype.kind in "fciu" and a.size else math.nan
            text = f"{name} is another value when it is differentiated, by {gap:.3g}"
            report.findings.append(Finding("changed", text, None, _CHANGED))


_CHANGED = (
    "does the function keep state from one call to the next, draw random numbers, or look at the type of its argument?"
)


def _gradient(report: Diagnosis, depends: dependence.Dependence, arguments: list[str]) -> None:
    """Where the gradient of the sum of the results stops being finite."""
    record = depends.record
    try:
        report.findings += dependence.zeros(depends)
        found = dependence.not_finite(depends.watch, record, arguments)
    except Exception as error:
        report.findings.append(Finding("refused", f"the way back: {str(error).splitlines()[0]}", None))
        return
    report.findings += found
    reached = bool(found) or any(not np.all(np.isfinite(np.asarray(plain(y)))) for y in record.y)
    if not reached:  # dropped by where, or by a structural zero
        report.findings[:] = [
            finding._replace(text=f"{finding.text}; neither the result nor the gradient has it", serious=False)
            if finding.kind == "not finite"
            else finding
            for finding in report.findings
        ]
