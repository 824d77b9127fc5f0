"""A pass about signs and powers of two: ``a + -b`` is ``a - b``, ``a + b * -c`` is ``a - b * c``, ``(b + b) * 3.0`` is
``b * 6.0``.

Rounding is the same for both signs and all binary exponents, so that these are the same to the last bit, zeros and
infinities included; only the sign of a nan is another.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from .record import Instruction, Ref, Variable, refs
from .simplifying import Program, is_written

_FLIPPED: dict[Any, Any] = {
    "__add__": "__sub__", "__sub__": "__add__", "__iadd__": "__isub__", "__isub__": "__iadd__",
    np.add: np.subtract, np.subtract: np.add,
}  # fmt: skip
_SUMS = frozenset({"__add__", np.add})
_PRODUCTS = frozenset({"__mul__", "__truediv__", np.multiply, np.true_divide})
_NEGATIVES = frozenset({"__neg__", np.negative})
_MULTIPLY = frozenset({"__mul__", np.multiply})
_TERMS = _NEGATIVES | _PRODUCTS
_ALL = frozenset(_FLIPPED) | _TERMS


class _Found(NamedTuple):
    """An instruction whose result is used once, and where it stands."""

    at: int
    step: Instruction


def signs(program: Program) -> Program:
    """Take negatives into the sums that they end in, and doubles into the factors that they meet."""
    steps = list(program.steps)
    if not any(_is_one_of(step, _NEGATIVES) or _is_double(step) for step in steps):
        return program
    written = program.writes()
    uses = Counter(refs(program.outputs))
    for step in steps:
        uses.update(step.reads)
    made: dict[int, _Found] = {}  # negatives, doubles and products

    def negative(item: Any, until: int) -> Any:
        """What an operand is the negative of, if that may be read in its place."""
        found = made.get(item.number) if type(item) is Ref else None
        return of(found, item, until) if found is not None and _is_one_of(found.step, _NEGATIVES) else None

    def of(found: _Found, item: Ref, until: int) -> Any:
        """The operand of what is used once, if that may be read in its place."""
        inner = found.step.args[0]
        if type(inner) is not Ref or not _alike(program.variables[inner.number], program.variables[item.number]):
            return None
        if is_written(written.get(program.root(inner.number), ()), found.at, until):
            return None
        return inner

    def flipped(item: Any, until: int) -> Any:
        """The operand whose negative this one is."""
        inner = negative(item, until)
        found = made.get(item.number) if type(item) is Ref else None
        if inner is not None or found is None or not _is_one_of(found.step, _PRODUCTS):
            return inner
        for i, part in enumerate(found.step.args):
            inner = negative(part, found.at)
            if inner is not None:
                args = (inner, found.step.args[1]) if i == 0 else (found.step.args[0], inner)
                steps[found.at] = found.step.replaced(args, {})
                made[item.number] = found._replace(step=steps[found.at])
                return item
        return None

    def subtracted(step: Instruction, i: int) -> Instruction | None:
        """A sum with one term's sign taken into it."""
        a, b = step.args
        inner = flipped(b, i)
        if inner is not None:
            args = (a, inner)
        elif step.what in _SUMS and (inner := flipped(a, i)) is not None:
            args = (b, inner)
        else:
            return None
        return Instruction(step.how, _FLIPPED[step.what], args, {}, step.out, step.written, step.line)

    def multiplied(step: Instruction, i: int) -> Instruction | None:
        """A product of a double and a number."""
        for k, (item, factor) in enumerate((step.args, step.args[::-1])):
            found = made.get(item.number) if type(item) is Ref else None
            if found is None or not _is_double(found.step) or not _is_factor(factor):
                continue
            inner = of(found, item, i)
            if inner is not None and program.variables[step.out.number].dtype == program.variables[item.number].dtype:
                return step.replaced((inner, factor + factor) if k == 0 else (factor + factor, inner), {})
        return None

    for i, step in enumerate(steps):
        if step.kwargs or step.errstate is not None or not _is_one_of(step, _ALL):
            continue
        if step.what in _FLIPPED and _is_float_sum(program, step):
            step = steps[i] = subtracted(step, i) or step
        elif _is_one_of(step, _MULTIPLY) and not step.written and type(step.out) is Ref:
            step = steps[i] = multiplied(step, i) or step
        if type(step.out) is Ref and uses[step.out.number] == 1 and not step.written:
            variable = program.variables[step.out.number]
            kept = _is_one_of(step, _TERMS) or _is_double(step)
            if kept and _is_float(variable) and variable.root == step.out.number:
                made[step.out.number] = _Found(i, step)
    return program._replace(steps=steps)


def _is_one_of(step: Instruction, names: frozenset[Any]) -> bool:
    return (step.how == "operator" or (step.how == "call" and type(step.what) is np.ufunc)) and step.what in names


def _is_double(step: Instruction) -> bool:
    return (
        _is_one_of(step, _SUMS) and len(step.args) == 2 and type(step.args[0]) is Ref and step.args[0] == step.args[1]
    )


def _is_factor(item: Any) -> bool:
    """Whether a factor may be doubled: of less than 1 a double that overflows would not."""
    return type(item) in (int, float, np.float64) and 1 <= abs(item) <= 1e30


def _is_float(variable: Variable) -> bool:
    return variable.dtype is float or (variable.kind != "number" and variable.dtype.char in "df")


def _is_float_sum(program: Program, step: Instruction) -> bool:
    numbers = step.written or ([step.out.number] if type(step.out) is Ref else [])
    return bool(numbers) and all(_is_float(program.variables[number]) for number in numbers)


def _alike(one: Variable, other: Variable) -> bool:
    """Whether a call makes the same of both, in the same layout."""
    if (one.kind, one.shape, one.dtype) != (other.kind, other.shape, other.dtype):
        return False
    return one.strides == other.strides or (len(one.shape) == 1 and one.strides[0] > 0)
