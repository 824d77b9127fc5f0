"""A pass about stacks of tangents: what begins with unit vectors is computed row by row, without their zeros and ones.

``J = v * [[1.0], [0.0]] + b * (w * [[0.0], [1.0]])`` is ``J[0] = v + 0.0; J[1] = 0.0 + b * w``: a row meets the ones
and zeros of its own seed alone, so a product is its other factor, or a zero whose sign is known or is made.  Every
entry that is finite is the same to the last bit, the signs of zeros included:

* a sum with a zero is its other term, unless that may be -0.0, and the zero not (`Signs`);
* where the sign of a zero cannot reach the result, since a 0.0 is added to it on the way, it is not kept.
* where a result in which no zero was seen has none in a call, the signs of zeros on the way do not matter: that is a
  guard, and the program for the other case keeps them.

What a product with zero would make of an infinite factor is nan, and that is gone from the rows that do not need the
factor.  But the row that does need it has an infinity or a nan there, since sums, products and quotients keep one.  So
the guard after the stack, for nan before, is for all that is not finite: the unstaged function runs for it.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from .known_signs import Signs
from .record import Constant, Instruction, Ref, Variable, refs
from .simplifying import Program
from .single_rows import FLOAT64, LARGEST, SYMBOLS, Dense, Rows, row_major

WORTH = 0.85  # of the time that a stack takes: what its rows may take at most
_MOST_ROWS = 64
_MOST_STEPS = 150  # of a stack: of more, rows would be a long text


def rows(program: Program) -> Program:
    """Write stacks of tangents row by row, where that is less work."""
    variables = program.variables
    candidates = [step.args[0] for step in program.steps if step.how == "guard" and step.what == "nan"]
    candidates = [item for item in candidates if type(item) is Ref and _may_be_stack(variables[item.number])]
    candidates = [item for item in candidates if program.trace.seen_rows.get(item.number) is not None]
    if not candidates:
        return program
    written = program.writes()
    signs = Signs(program, written)
    uses = Counter(refs(program.outputs))
    at: dict[int, int] = {}
    for i, step in enumerate(program.steps):
        uses.update(step.reads)
        if type(step.out) is Ref:
            at[step.out.number] = i
    inserted: dict[int, list[Instruction]] = {}
    guards: dict[int, list[tuple[str, tuple[Any, ...]]]] = {}
    for item in dict.fromkeys(candidates):
        if item.number not in at or not _guard_comes_first(program.steps, item):
            continue
        try:
            stack = _Stack(program, item, at, uses, written)
            made, guards_of_rows = stack.by_rows(signs)
        except (Dense, RecursionError):
            continue
        inserted[at[item.number]], guards[item.number] = made, guards_of_rows
    steps: list[Instruction] = []
    for i, step in enumerate(program.steps):
        if step.how == "guard" and step.what == "nan" and type(step.args[0]) is Ref and step.args[0].number in guards:
            for what, args in guards[step.args[0].number]:
                steps.append(Instruction("guard", what, args, {}, None, (), step.line, step.errstate))
        else:
            steps += inserted.get(i, [step])
    return program._replace(steps=steps)


def _may_be_stack(variable: Variable) -> bool:
    shape = variable.shape
    return (
        variable.kind == "array"
        and variable.dtype == FLOAT64
        and len(shape) > 0
        and 2 <= shape[0] <= _MOST_ROWS
        and 0 not in shape
        and variable.strides == row_major(shape)
    )


def _guard_comes_first(steps: list[Instruction], item: Ref) -> bool:
    """Whether nothing reads a stack before the guard."""
    first = next(step for step in steps if item.number in step.reads)
    return first.how == "guard" and first.what == "nan"


class _Stack:
    """The instructions that make one stack, and what is written in their place."""

    def __init__(
        self, program: Program, root: Ref, at: dict[int, int], uses: Counter[int], written: dict[int, list[int]]
    ) -> None:
        self.program = program
        self.variables = program.variables
        self.constants = program.trace.constants
        self.root = root
        self.k = self.variables[root.number].shape[0]
        self.written = written
        self.steps: dict[int, Instruction] = {}  # by number, what makes each part of the stack
        self._collect(at)
        inner = Counter(number for step in self.steps.values() for number in step.reads)
        if any(inner[number] != uses[number] for number in self.steps if number != root.number):
            raise Dense  # somebody else reads a part

    def _collect(self, at: dict[int, int]) -> None:
        pending = [self.root.number]
        while pending:
            number = pending.pop()
            if number in self.steps:
                continue
            variable = self.variables[number]
            if number not in at or len(self.steps) > _MOST_STEPS or variable.root in self.written:
                raise Dense
            step = self.steps[number] = self.program.steps[at[number]]
            if variable.dtype != FLOAT64 or step.errstate is not None or step.kwargs or step.written:
                raise Dense
            pending += [item.number for item in self._operands(step, variable) if type(item) is Ref]

    def _operands(self, step: Instruction, variable: Variable) -> list[Any]:
        """The operands that are stacks, of a step that keeps rows apart."""
        if step.how == "get":  # ``v[:, None]`` of numbers
            item, index = step.args
            newaxes = type(index) is tuple and index[:1] == (slice(None),) and all(part is None for part in index[1:])
            if not newaxes or type(item) is not Ref or self.variables[item.number].shape != (self.k,):
                raise Dense
            return [item]
        if step.how not in ("operator", "call") or type(step.what) is tuple or variable.root != step.out.number:
            raise Dense
        symbol = SYMBOLS.get(step.what)
        if symbol is None:
            raise Dense
        stacks = [self._is_stack(item, variable) for item in step.args]
        if symbol in "+-":
            fits = all(stacks)
        elif symbol == "/":
            fits = stacks == [True, False] and self._is_of_numpy(step.args[1])
        else:
            fits = sum(stacks) == 1
        if not fits:
            raise Dense
        return [item for item, is_stack in zip(step.args, stacks, strict=True) if is_stack]

    def _is_stack(self, item: Any, variable: Variable) -> bool:
        """Whether an operand has a row for each; if not, it is the same for all of them."""
        if type(item) is Ref:
            known = self.variables[item.number]
            shape, dtype, strides = known.shape, known.dtype, known.strides
            if known.root in self.written:
                raise Dense
        elif type(item) is Constant:
            array = self.constants[item.number]
            shape, dtype, strides = array.shape, array.dtype, array.strides
        elif type(item) in (int, float, np.float64) and abs(item) < LARGEST:
            return False
        else:
            raise Dense
        if dtype is not float and (type(dtype) is type or dtype != FLOAT64):
            raise Dense
        if len(shape) == len(variable.shape):
            if shape[0] != self.k:
                raise Dense
            return True
        if len(shape) > 1 and strides != row_major(shape):
            raise Dense  # of whose layout a result might be
        return False

    def _is_of_numpy(self, item: Any) -> bool:
        """Whether a quotient with it is NumPy's, which does not raise."""
        return type(item) in (Constant, np.float64) or (
            type(item) is Ref and self.variables[item.number].kind != "number"
        )

    def split(self, step: Instruction) -> tuple[Any, Any, bool]:
        """The stack of a product or quotient, its other operand, and whether the stack comes first."""
        a, b = step.args
        return (a, b, True) if self._is_stack(a, self.variables[step.out.number]) else (b, a, False)

    def by_rows(self, signs: Signs) -> tuple[list[Instruction], list[tuple[str, tuple[Any, ...]]]]:
        """The same as instructions on rows, and the guards that they need."""
        root, made_as = self.root, self.steps[self.root.number]
        found = Rows(self.program, self.steps, signs, self.split)
        seen = self.program.trace.seen_rows[root.number] or ()
        values = tuple(i for i in range(self.k) if not found.is_zero(root, i))
        care = not all(seen[i] for i in values)
        sets = [
            Instruction("set", None, (root, i, found.item(root, i, care)), {}, None, (root.number,), made_as.line)
            for i in range(self.k)
        ]
        self._check_factors(found)
        live = {number for step in sets for number in step.reads}
        made = []
        for step in reversed(found.made):
            if step.out.number in live:
                live.update(step.reads)
                made.append(step)
        if self._cost([*made, *sets]) > WORTH * self._cost(self.steps.values()):
            raise Dense
        new = Instruction("call", np.empty, (self.variables[root.number].shape,), {}, root, (), made_as.line)
        guards: list[tuple[str, tuple[Any, ...]]] = [("finite", (root,))]
        if not care:
            guards.append(("nonzero", (root, values)))
        return [*made[::-1], new, *sets], guards

    def _check_factors(self, found: Rows) -> None:
        """Each factor and divisor is in a row that is no zero, where what is infinite or nan in it is found."""
        for step in self.steps.values():
            if step.how != "get" and SYMBOLS[step.what] in "*/":
                stack = self.split(step)[0]
                if all(found.is_zero(stack, i) for i in range(self.k)):
                    raise Dense

    def _cost(self, steps: Any) -> float:
        """About how many nanoseconds the steps take."""
        total = 0.0
        for step in steps:
            if step.how == "set":
                total += 150 + 0.2 * math.prod(self.variables[self.root.number].shape[1:])
                continue
            out = self.variables[step.out.number]
            if out.kind != "array":
                total += 80
                continue
            shapes = [self._shape(item) for item in step.args if step.how != "get"]
            alike = all(shape == out.shape for shape in shapes)
            scalars = any(not shape for shape in shapes)
            size = math.prod(out.shape)
            total += 280 + (0.3 * size if alike or scalars else 500 + 0.7 * size) + 180 * scalars
        return total

    def _shape(self, item: Any) -> tuple[int, ...]:
        if type(item) is Ref:
            return self.variables[item.number].shape
        return self.constants[item.number].shape if type(item) is Constant else ()
