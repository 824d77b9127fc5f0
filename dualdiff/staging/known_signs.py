"""What is known of the signs of values before a program runs: of squares, exponentials, and what is made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .record import Constant, Instruction, Ref
from .simplifying import Program

_POSITIVE = frozenset({np.exp, np.exp2, np.cosh, np.absolute, np.fabs, np.square, np.hypot, "__abs__"})
_MULTIPLY = frozenset({"__mul__", np.multiply})
_DIVIDE = frozenset({"__truediv__", np.true_divide})
_ADD = frozenset({"__add__", np.add})
_SUBTRACT = frozenset({"__sub__", np.subtract})
_NEGATE = frozenset({"__neg__", np.negative})
_POWER = frozenset({"__pow__", np.power})
_DEPTH = 40  # of expressions looked into


class Signs:
    """The signs of the values of one program.

    `of` gives 1 where no entry of a value has its sign bit set, -1 where all have, 0 where neither is known; what is
    nan has any.  `may_be_minus_zero` tells whether an entry may be -0.0.
    """

    def __init__(self, program: Program, written: dict[int, list[int]]) -> None:
        self.program = program
        self.written = written
        self.made = {step.out.number: step for step in program.steps if type(step.out) is Ref}
        self._known: dict[int, int] = {}

    def note(self, step: Instruction) -> None:
        """An instruction that is new in the program."""
        self.made[step.out.number] = step

    def of(self, item: Any, depth: int = 0) -> int:
        if type(item) is Ref:
            number = item.number
            if number not in self._known:
                if depth > _DEPTH or self.program.root(number) in self.written:
                    return 0
                step = self.made.get(number)
                self._known[number] = 0 if step is None else self._of_step(step, depth + 1)
            return self._known[number]
        if type(item) is Constant:
            array = self.program.trace.constants[item.number]
            if array.dtype.kind != "f" or not array.size:
                return 0
            bits = np.signbit(array)
            return 1 if not bits.any() else -1 if bits.all() else 0
        if type(item) in (int, float, np.float64):
            return -1 if math.copysign(1.0, item) < 0 else 1
        return 0

    def _is_real(self, item: Ref) -> bool:
        dtype = self.program.variables[item.number].dtype
        return dtype is float or getattr(dtype, "char", "") in ("d", "f")

    def _of_step(self, step: Instruction, depth: int) -> int:
        what, args = step.what, step.args
        if step.kwargs or step.written or type(what) is tuple or not self._is_real(step.out):
            return 0
        if step.how in ("get", "attribute"):
            shown = step.how == "get" or what in ("T", "mT")
            return self.of(args[0], depth) if shown and type(args[0]) is Ref else 0
        if step.how not in ("operator", "call"):
            return 0
        if what in _POSITIVE:
            return 1
        if what in _NEGATE:
            return -self.of(args[0], depth)
        if what in _POWER and type(args[1]) in (int, float):
            return 1 if args[1] % 2 == 0 else 0
        if what in _MULTIPLY and type(args[0]) is type(args[1]) is Ref and args[0] == args[1]:
            return 1
        if what in _MULTIPLY or what in _DIVIDE:
            return self.of(args[0], depth) * self.of(args[1], depth)
        if what in _ADD or what in _SUBTRACT:
            one, other = self.of(args[0], depth), self.of(args[1], depth)
            return one if one == (other if what in _ADD else -other) else 0
        return 0

    def may_be_minus_zero(self, item: Any, depth: int = 0) -> bool:
        """Whether that cannot be excluded: a sum is -0.0 only where both its terms are."""
        if self.of(item) > 0:
            return False
        if type(item) is Constant:
            array = self.program.trace.constants[item.number]
            return array.dtype.kind != "f" or bool(np.any((array == 0) & np.signbit(array)))
        if type(item) in (int, float, np.float64):
            return bool(item == 0)
        if type(item) is not Ref or depth > _DEPTH or self.program.root(item.number) in self.written:
            return True
        step = self.made.get(item.number)
        if step is None or step.kwargs or step.written or step.how not in ("operator", "call"):
            return True
        if not self._is_real(item) or type(step.what) is tuple or step.what not in _ADD | _SUBTRACT:
            return True
        a, b = step.args
        if not self.may_be_minus_zero(a, depth + 1):
            return False
        if step.what in _ADD:
            return self.may_be_minus_zero(b, depth + 1)
        return self.of(b) >= 0  # a - b: of a zero b that is not 0.0 the difference is 0.0
