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
    if step.how == "get" and any(_is_integer(program.variables[number]) for number in refs(step.args[1])):
        return True
    if step.what in ("__pow__", np.power) and step.makes and _is_integer(program.variables[step.makes[0]]):
        return type(step.args[1]) is not int
    if step.how == "operator" and step.what in _RAISING and type(step.out) is Ref:
        if program.variables[step.out.number].kind != "number":
            return False
        other = step.args[1]
        return step.what == "__pow__" or type(other) is Ref or not other
    if step.how != "call" or type(step.what) is tuple:
        return False
    module = getattr(step.what, "__module__", None)
    return module == "math" or (module == "numpy.linalg" and step.what not in (np.linalg.det, np.linalg.norm))


def _is_integer(variable: Variable) -> bool:
    return variable.kind != "number" and variable.dtype.kind in "iu"


_RAISING = frozenset({"__truediv__", "__floordiv__", "__mod__", "__pow__", "divmod"})


def finished(program: Program, steps: list[Instruction], known: dict[int, Any]) -> Program:
    replace = lambda ref: known.get(ref.number, ref)
    return program._replace(steps=steps, outputs=[mapped(out, replace) for out in program.outputs])
