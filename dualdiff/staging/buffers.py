"""Where values live: what is written as one expression, and which dying array a result may take over.

Both look at *positions in the text*: an expression reads memory where the statement that holds it stands.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np

from .record import Instruction, Ref, Variable, refs
from .simplifying import Program, is_written

LARGE = 4096  # entries from which on a buffer is worth more than a short text
_ELEMENTWISE = frozenset({"__add__", "__sub__", "__mul__", "__truediv__"})
_UFUNCS = frozenset(
    {np.add, np.subtract, np.multiply, np.true_divide, np.negative, np.sin, np.cos, np.tan, np.exp, np.log, np.sqrt,
     np.tanh, np.sinh, np.cosh, np.arctan, np.log1p, np.expm1, np.square, np.absolute, np.reciprocal, np.maximum,
     np.minimum}
)  # fmt: skip


class Layout(NamedTuple):
    """``inlined``: variables written where they are used; ``taken``: results, and whose buffer each takes over."""

    inlined: set[int]
    taken: dict[int, int]


def laid_out(program: Program, nest: bool, reuse: bool) -> Layout:
    inlined, final = _nested(program) if nest else (set(), list(range(len(program.steps))))
    return Layout(inlined, _reused(program, final) if reuse else {})


def is_large(variable: Variable) -> bool:
    return variable.kind == "array" and math.prod(variable.shape) >= LARGE


def _nested(program: Program) -> tuple[set[int], list[int]]:
    """What is used once, by a statement that finds the same memory as it would have where it stood."""
    steps, variables = program.steps, program.variables
    uses = Counter(refs(program.outputs))
    consumer: dict[int, int] = {number: len(steps) for number in uses}
    for i, step in enumerate(steps):
        for number in step.reads:
            uses[number] += 1
            consumer[number] = i
    written = program.writes()
    inlined: set[int] = set()
    final = list(range(len(steps)))
    for i in range(len(steps) - 1, -1, -1):
        step = steps[i]
        if type(step.out) is not Ref or uses[step.out.number] != 1 or not step.is_pure or step.errstate is not None:
            continue
        number = step.out.number
        variable = variables[number]
        at = consumer[number]
        is_view = variable.root != number
        if is_large(variable) and not is_view:
            continue
        if at < len(steps):
            user = steps[at]
            if user.errstate is not None or not _takes_expressions(user, number, step, variable):
                continue
            end = final[at]
        else:
            end = at
        roots = set() if is_view else {variables[n].root for n in step.reads}
        if any(is_written(written.get(root, ()), i, end) for root in roots):
            continue
        inlined.add(number)
        final[i] = end
    return inlined, final


def _takes_expressions(user: Instruction, number: int, step: Instruction, variable: Variable) -> bool:
    if user.how in ("writeable", "block", "kernel"):
        return False
    if user.how == "guard":
        return bool(user.what == "bool")
    if number in user.written:
        # ``R[i] += w`` stores the view into itself: cheap where it is small.
        return user.how == "operator" and step.how == "get" and not is_large(variable)
    return True


def _reused(program: Program, final: list[int]) -> dict[int, int]:
    """Large results that take the buffer of an operand that nothing reads any more."""
    steps, variables = program.steps, program.variables
    last: dict[int, int] = defaultdict(int)
    for i, step in enumerate(steps):
        for number in step.reads:
            root = variables[number].root
            last[root] = max(last[root], final[i])
        for number in step.makes:
            last[variables[number].root] = max(last[variables[number].root], final[i])
    own = {step.out.number for step in steps if _makes_its_own(step)}
    own -= set(program.parameters)
    for number in refs(program.outputs):
        own.discard(variables[number].root)
    taken: dict[int, int] = {}
    for i, step in enumerate(steps):
        if not _is_elementwise(step) or step.written:
            continue
        out = variables[step.out.number]
        if not is_large(out) or out.dtype.char not in "df" or final[i] != i:
            continue
        for item in step.args:
            if type(item) is not Ref or item.number not in own:
                continue
            operand = variables[item.number]
            if operand.root != item.number or last[item.number] != i:
                continue
            if (operand.shape, operand.strides, operand.dtype) == (out.shape, out.strides, out.dtype):
                taken[step.out.number] = item.number
                break
    return taken


def _is_elementwise(step: Instruction) -> bool:
    if type(step.out) is not Ref or step.kwargs:
        return False
    if step.how == "operator":
        return step.what in _ELEMENTWISE
    return step.how == "call" and type(step.what) is not tuple and step.what in _UFUNCS


def _makes_its_own(step: Instruction) -> bool:
    """Whether the result is a fresh array that nobody else can hold."""
    if type(step.out) is not Ref or step.written:
        return False
    if step.how == "operator":
        return step.what in _ELEMENTWISE or step.what in ("__matmul__", "__neg__", "__pow__")
    if step.how != "call":
        return False
    if type(step.what) is tuple:
        return step.what == (np.add, "reduce") and "out" not in step.kwargs
    return step.what in (np.zeros, np.empty, np.copy) or (isinstance(step.what, np.ufunc) and not step.kwargs)
