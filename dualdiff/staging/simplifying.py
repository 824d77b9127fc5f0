"""A program on its way through the passes, and what they all ask of it."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .record import SILENT, Instruction, Ref, Trace, Variable, mapped, refs


class Program(NamedTuple):
    """Instructions on their way through the passes."""

    trace: Trace
    steps: list[Instruction]
    parameters: list[int]
    outputs: list[Any]

    @property
    def variables(self) -> list[Variable]:
        return self.trace.variables

    def root(self, number: int) -> int:
        return self.trace.variables[number].root

    def writes(self) -> dict[int, list[int]]:
        """By root, the positions of the instructions that write into its memory."""
        found: dict[int, list[int]] = defaultdict(list)
        for i, step in enumerate(self.steps):
            for number in step.written:
                found[self.root(number)].append(i)
        return found


def is_written(positions: Sequence[int], after: int, before: float = math.inf) -> bool:
    """Whether one of the positions, which ascend, lies between two others."""
    at = bisect_right(positions, after)
    return at < len(positions) and positions[at] < before


def changed(step: Instruction, known: dict[int, Any]) -> Instruction:
    """An instruction with what is known to be the same in place of its arguments."""
    if not known or known.keys().isdisjoint(step.reads):
        return step
    replace = lambda ref: known.get(ref.number, ref)
    return step.replaced(mapped(step.args, replace), mapped(step.kwargs, replace))


def without_result(step: Instruction) -> Instruction:
    """An instruction that writes into its result, which is there already, makes none."""
    if type(step.out) is not Ref or step.out.number not in step.written:
        return step
    step = step.replaced(step.args, step.kwargs)
    step.out = None
    return step


def may_raise(program: Program, step: Instruction) -> bool:
    """Whether an error may come of the values, where NumPy would have inf or nan."""
    if step.errstate is SILENT:  # where it is expected, and caught
        return False
    how, what = step.how, step.what
    if how in ("get", "set"):
        return _has_integers(program, step.args[1])
    if what in ("__pow__", np.power) and step.makes and _is_integer(program.variables[step.makes[0]]):
        return type(step.args[1]) is not int
    if how == "operator":
        if any(program.variables[number].kind != "number" for number in step.makes):
            return False
        if what not in _RAISING:
            return _converts_an_int(program, step)
        other = step.args[1]
        return what == "__pow__" or type(other) is Ref or not other
    if how == "method":
        return what in _TAKING and _has_integers(program, step.args)
    if how != "call":
        return False
    if type(what) is tuple:
        return what[1] in ("at", "reduceat") and _has_integers(program, step.args[1:])
    if what in (float, complex):
        return _converts_an_int(program, step)
    if what in _AT_PLACES:
        return _has_integers(program, (step.args, step.kwargs))
    module = getattr(what, "__module__", None)
    return what in _OF_VALUES or module == "math" or (module == "numpy.linalg" and what not in _SAFE)


# Functions that take whole numbers as places or counts, of which some are none; and those that ask more of numbers.
_TAKING = frozenset({"take", "choose", "item", "put", "repeat", "partition", "argpartition"})
_AT_PLACES = frozenset(
    {np.take, np.choose, np.take_along_axis, np.unravel_index, np.ravel_multi_index, np.put, np.put_along_axis,
     np.searchsorted, np.partition, np.argpartition}
)  # fmt: skip
_OF_VALUES = frozenset(
    {np.percentile, np.quantile, np.nanpercentile, np.nanquantile, np.digitize, np.average, np.nanargmax,
     np.nanargmin, np.polyfit}
)  # fmt: skip
_SAFE = frozenset({np.linalg.det, np.linalg.norm})


def _has_integers(program: Program, tree: Any) -> bool:
    return any(_is_integer(program.variables[number]) for number in refs(tree))


def _converts_an_int(program: Program, step: Instruction) -> bool:
    """Whether one of Python's ints becomes a float, for which it may be too large."""
    whole = any(program.variables[number].dtype is int for number in step.reads)
    return whole and any(program.variables[number].dtype is not int for number in step.makes)


def _is_integer(variable: Variable) -> bool:
    return variable.kind != "number" and variable.dtype.kind in "iu"


_RAISING = frozenset({"__truediv__", "__floordiv__", "__mod__", "__pow__", "divmod"})


def finished(program: Program, steps: list[Instruction], known: dict[int, Any]) -> Program:
    replace = lambda ref: known.get(ref.number, ref)
    return program._replace(steps=steps, outputs=[mapped(out, replace) for out in program.outputs])
