"""One row of a stack of tangents: what is left of its sums and products where its seed is 0 and where it is 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .known_signs import Signs
from .record import Constant, Instruction, Ref, Variable
from .simplifying import Program

LARGEST = 1e300  # of numbers that are computed with here
FLOAT64 = np.dtype(np.float64)
SYMBOLS: dict[Any, str] = {
    "__add__": "+", "__sub__": "-", "__mul__": "*", "__truediv__": "/", "__neg__": "neg",
    np.add: "+", np.subtract: "-", np.multiply: "*", np.true_divide: "/", np.negative: "neg",
}  # fmt: skip
_OPERATORS = {"+": "__add__", "-": "__sub__", "*": "__mul__", "/": "__truediv__", "neg": "__neg__"}
_NUMBERS = frozenset({int, float, np.float64})


class Dense(Exception):
    """A stack that stays one: something else than sums and products is in it."""


class Zero(NamedTuple):
    """A row of zeros; ``sign`` 0 is one that depends on values."""

    sign: int


class Row(NamedTuple):
    """A row as it is written: a variable, a constant or a number, or the negative of it."""

    negative: bool
    item: Any

    def minus(self, really: bool = True) -> Row:
        return self._replace(negative=self.negative != really)


class Rows:
    """The rows of one stack, each instruction on them made once.

    ``steps`` are the instructions of the stack by what they make; ``split`` tells apart the operand of a product that
    is a stack, the other one, and whether the stack comes first.
    """

    def __init__(
        self, program: Program, steps: dict[int, Instruction], signs: Signs,
        split: Callable[[Instruction], tuple[Any, Any, bool]],
    ) -> None:  # fmt: skip
        self.variables = program.variables
        self.constants = program.trace.constants
        self.steps = steps
        self.signs = signs
        self.split = split
        self.made: list[Instruction] = []
        self._known: dict[Any, Ref] = {}
        self._rows: dict[Any, Zero | Row] = {}

    def row(self, item: Any, i: int, care: bool) -> Zero | Row:
        """Row ``i`` of a stack; without ``care`` its zeros may have another sign."""
        if type(item) is Constant:
            return self._of_constant(item, i)
        key = item.number, i, care
        if key not in self._rows:
            self._rows[key] = self._of_step(self.steps[item.number], i, care)
        return self._rows[key]

    def item(self, of: Ref, i: int, care: bool) -> Any:
        """Row ``i`` of a stack as an operand."""
        found = self.row(of, i, care)
        return self.zeros(of, i) if isinstance(found, Zero) else self._written_out(found, self.steps[of.number])

    def is_zero(self, item: Any, i: int) -> bool:
        return isinstance(self.row(item, i, False), Zero)

    def _of_constant(self, item: Constant, i: int) -> Zero | Row:
        part = self.constants[item.number][i]
        first = float(part.flat[0])
        if not np.all(part == first) or not abs(first) < LARGEST:
            raise Dense
        if first != 0:
            return Row(first < 0, abs(first))
        bits = np.signbit(part)
        if bits.any() and not bits.all():
            raise Dense
        return Zero(-1 if bits.all() else 1)

    def _of_step(self, step: Instruction, i: int, care: bool) -> Zero | Row:
        if step.how == "get":
            return self.row(step.args[0], i, care)
        symbol = SYMBOLS[step.what]
        if symbol == "neg":
            one = self.row(step.args[0], i, care)
            return Zero(-one.sign) if isinstance(one, Zero) else one.minus()
        if symbol in "*/":
            stack, factor, first = self.split(step)
            one = self.row(stack, i, care)
            if isinstance(one, Zero):
                return Zero(one.sign * self.signs.of(factor))
            if symbol == "*" and type(one.item) is float and one.item == 1.0:
                return Row(one.negative, float(factor) if type(factor) is int else factor)
            pair = (one.item, factor) if first else (factor, one.item)
            return Row(one.negative, self._make(symbol, pair, step))
        return self._sum(step, i, care)

    def _sum(self, step: Instruction, i: int, care: bool) -> Zero | Row:
        a, b = step.args
        minus = SYMBOLS[step.what] == "-"
        one, other = self.row(a, i, False), self.row(b, i, False)
        if isinstance(one, Zero) and isinstance(other, Zero):
            signs = one.sign, -other.sign if minus else other.sign
            return Zero(1 if 1 in signs else -1 if signs == (-1, -1) else 0)
        if isinstance(one, Row) and isinstance(other, Row):
            if care:
                one, other = self.row(a, i, True), self.row(b, i, True)
                assert isinstance(one, Row)
                assert isinstance(other, Row)
            return self._total(one, other.minus(minus), care, step)
        if isinstance(one, Zero):
            return self._beside_zero(a, one.sign, False, b, minus, i, care, step)
        assert isinstance(other, Zero)
        return self._beside_zero(b, -other.sign if minus else other.sign, minus, a, False, i, care, step)

    def _beside_zero(
        self, zero: Any, sign: int, minus_zero: bool, term: Any, minus_term: bool, i: int, care: bool, step: Instruction
    ) -> Row:
        """A sum with zeros of a sign, the zeros or the term subtracted: where the term is -0.0, it may be 0.0."""
        found = self.row(term, i, care and sign <= 0)
        assert isinstance(found, Row)
        found = found.minus(minus_term)
        if not care or sign < 0 or not self._may_be_minus_zero(found):
            return found
        zeros = 0.0 if sign > 0 else self.zeros(zero, i)
        if sign == 0 and minus_zero:
            return Row(False, self._make("-", (self._written_out(found, step), zeros), step))
        if found.negative:
            return Row(False, self._make("-", (zeros, found.item), step))
        return Row(False, self._make("+", (found.item, zeros), step))

    def _total(self, one: Row, other: Row, care: bool, step: Instruction) -> Row:
        if one.negative and other.negative:
            if care:  # the sum of 1.0 and -1.0 is 0.0, and so is that of their negatives
                return Row(False, self._make("-", (self._written_out(one, step), other.item), step))
            return Row(True, self._make("+", (one.item, other.item), step))
        if one.negative:
            return Row(False, self._make("-", (other.item, one.item), step))
        return Row(False, self._make("-" if other.negative else "+", (one.item, other.item), step))

    def _may_be_minus_zero(self, row: Row) -> bool:
        if not row.negative:
            return self.signs.may_be_minus_zero(row.item)
        if type(row.item) in _NUMBERS:
            return bool(row.item == 0)
        return self.signs.of(row.item) >= 0

    def zeros(self, item: Any, i: int) -> Any:
        """The zeros of a row, made as the stack would have made them."""
        found = self.row(item, i, True)
        assert isinstance(found, Zero)
        if found.sign:
            return 0.0 * found.sign
        step = self.steps[item.number]
        if step.how == "get":
            return self.zeros(step.args[0], i)
        symbol = SYMBOLS[step.what]
        if symbol in "*/":
            stack, factor, first = self.split(step)
            zero, sign = self.zeros(stack, i), self.signs.of(factor)
            if sign:
                return zero if sign > 0 else self._make("neg", (zero,), step)
            return self._make(symbol, (zero, factor) if first else (factor, zero), step)
        return self._make(symbol, tuple(self.zeros(part, i) for part in step.args), step)

    # Instructions.

    def _written_out(self, row: Row, step: Instruction) -> Any:
        return self._make("neg", (row.item,), step) if row.negative else row.item

    def _make(self, symbol: str, args: tuple[Any, ...], like: Instruction) -> Any:
        """The result of an operation on rows, made once."""
        if all(type(item) in _NUMBERS for item in args):
            a, b = (*map(float, args), 0.0)[:2]
            found = {"+": a + b, "-": a - b, "*": a * b, "neg": -a}.get(symbol)
            if found is None or not abs(found) < LARGEST:
                raise Dense
            return found
        key = symbol, *[(type(item), item if type(item) in (Ref, Constant) else repr(item)) for item in args]
        if key not in self._known:
            operands = [self._variable(item) for item in args]
            shape = np.broadcast_shapes(*(one.shape for one in operands))
            kinds = {one.kind for one in operands}
            kind = "array" if shape else "scalar" if kinds & {"array", "scalar"} else "number"
            number = len(self.variables)
            strides = row_major(shape) if kind == "array" else ()
            self.variables.append(Variable(kind, shape, float if kind == "number" else FLOAT64, strides, number, 0))
            step = Instruction("operator", _OPERATORS[symbol], args, {}, Ref(number), (), like.line)
            self.made.append(step)
            self.signs.note(step)
            self._known[key] = step.out
        return self._known[key]

    def _variable(self, item: Any) -> Variable:
        if type(item) is Ref:
            return self.variables[item.number]
        if type(item) is Constant:
            array = self.constants[item.number]
            return Variable("array", array.shape, array.dtype, array.strides, -1, 0)
        return Variable("number", (), float, (), -1, 0)


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a new array of floats."""
    return tuple(8 * math.prod(shape[i + 1 :]) for i in range(len(shape)))
