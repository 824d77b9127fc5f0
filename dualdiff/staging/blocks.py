"""Cache blocks: runs of elementwise calls on long arrays, block by block, so that what lies between stays in the cache.

An elementwise call gives the same bits for a part of an array as for the whole.  Of a run of such calls only what is
used afterwards is written to memory; all else are blocks of 16384 entries, 128 kB each, which the allocator hands out
again and again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from .record import Constant, Instruction, Ref, Variable

if TYPE_CHECKING:
    from .emission import Writer
    from .simplifying import Program

LONG = 100_000  # entries of the arrays that run in blocks
BLOCK = 16_384
_OPERATORS = frozenset(
    {"__add__", "__sub__", "__mul__", "__truediv__", "__neg__", "__pow__", "__lt__", "__le__", "__gt__", "__ge__"}
)
_UFUNCS = frozenset(
    {np.add, np.subtract, np.multiply, np.true_divide, np.negative, np.sin, np.cos, np.tan, np.exp, np.log, np.sqrt,
     np.tanh, np.sinh, np.cosh, np.square, np.absolute, np.maximum, np.minimum, np.reciprocal, np.power, np.log1p,
     np.expm1, np.arctan, np.where}
)  # fmt: skip


def in_blocks(program: Program) -> Program:
    """Each run of three or more elementwise calls on arrays of one length as one instruction."""
    kept: list[Instruction] = []
    run: list[Instruction] = []
    shape: Any = None

    def close(after: int) -> None:
        if len(run) >= 3:
            kept.append(_block(program, run, after))
        else:
            kept.extend(run)
        run.clear()

    for i, step in enumerate(program.steps):
        here = _length_of(program, step)
        if run and here is None and _rewrites(program, step, {one.out.number for one in run if one.out}, shape):
            run.append(step)
            continue
        if run and here != shape:
            close(i)
        if here is None:
            kept.append(step)
        else:
            shape = here
            run.append(step)
    close(len(program.steps))
    return program._replace(steps=kept)


def _length_of(program: Program, step: Instruction) -> Any:
    """The length of the arrays of an elementwise call; None if it is no call that may run in blocks."""
    if not step.is_pure or type(step.out) is not Ref or step.kwargs:
        return None
    out = program.variables[step.out.number]
    if out.root != step.out.number or not _fits(program, step, out):
        return None
    return out.shape[0]


def _rewrites(program: Program, step: Instruction, made: set[int], length: Any) -> bool:
    """Whether a call writes over what the run has made: ``np.multiply(v, w, out=v)``."""
    if step.how != "call" or len(step.written) != 1 or set(step.kwargs) != {"out"} or type(step.what) is tuple:
        return False
    out = program.variables[step.written[0]]
    return step.written[0] in made and out.shape == (length,) and _fits(program, step, out)


def _fits(program: Program, step: Instruction, out: Variable) -> bool:
    if step.how == "operator":
        if step.what not in _OPERATORS:
            return False
    elif step.how != "call" or type(step.what) is tuple or step.what not in _UFUNCS:
        return False
    if not _is_long(out) or len(step.args) > 3:
        return False
    for item in step.args:
        if type(item) is Ref:
            variable = program.variables[item.number]
            if variable.kind == "array" and not (_is_long(variable) and variable.shape == out.shape):
                return False
        elif type(item) is Constant:
            array = program.trace.constants[item.number]
            if array.shape != out.shape or not array.flags.c_contiguous:
                return False
        elif not isinstance(item, (int, float, np.generic)):
            return False
    return True


def _is_long(variable: Variable) -> bool:
    return (
        variable.kind == "array"
        and len(variable.shape) == 1
        and variable.shape[0] >= LONG
        and variable.dtype.char in "df?"
        and variable.strides == (variable.dtype.itemsize,)
    )


def _block(program: Program, run: list[Instruction], after: int) -> Instruction:
    made = {step.out.number for step in run if step.out}
    used = {number for step in program.steps[after:] for number in step.reads}
    used |= {item.number for item in program.outputs if type(item) is Ref}
    results = tuple([step.out for step in run if step.out and step.out.number in used])
    taken = dict.fromkeys(number for step in run for number in step.reads if number not in made)
    return Instruction("block", tuple(run), tuple(map(Ref, taken)), {}, results, (), run[0].line)


def written(writer: Writer, step: Instruction) -> list[str]:
    """The loop over the blocks."""
    variables = writer.variables
    run: tuple[Instruction, ...] = step.what
    length = variables[run[0].out.number].shape[0]
    results = {ref.number for ref in step.out}
    lines = [f"{writer.name(number)} = np.empty({length}{_dtype(variables[number])})" for number in sorted(results)]
    lines.append(f"for start in range(0, {length}, {BLOCK}):")
    lines.append(f"    block = slice(start, start + {BLOCK})")
    inner = writer.within_block([ref.number for ref in step.args], [item for one in run for item in one.args])
    lines += [f"    {line}" for line in inner.heads]
    uses = Counter(number for one in run for number in one.reads)
    rewritten = {number for one in run for number in one.written}
    made = {one.out.number for one in run if one.out}
    for number in made:
        inner.names[number] = f"{writer.name(number)}_block"
    named: dict[int, set[int]] = {}  # by number of an expression, the arrays that it names
    statements: list[tuple[list[str], set[int]]] = []
    for one in run:
        found = {n for number in one.reads for n in named.get(number, (number,))}
        if one.written:
            target = inner.name(one.written[0])
            text = f"{inner.function(one.what)}({', '.join(map(inner.value, one.args))}, out={target})"
        else:
            number = one.out.number
            expression = inner.right_side(one)
            alone = uses[number] == 1 and number not in results and one.errstate is None
            if alone and len(expression.text) < 80 and not rewritten & {number, *one.reads}:
                inner.inline[number] = expression
                named[number] = found
                continue
            text = f"{inner.name(number)} = {expression.text}"
            found.add(number)
        head = [f"    {inner.errstate_line(one.errstate)}"] if one.errstate is not None else []
        statements.append(([*head, "    " * (1 + len(head)) + text], found))
    last = {number: i for i, (_, found) in enumerate(statements) for number in found}
    for i, (texts, found) in enumerate(statements):
        lines += texts
        dying = sorted(inner.name(number) for number in found & made - results if last[number] == i)
        if dying and i < len(statements) - 1:  # the next array of this length takes its memory, which is in the cache
            lines.append(f"    del {', '.join(dying)}")
    lines += [f"    {writer.name(number)}[block] = {inner.name(number)}" for number in sorted(results)]
    return lines


def _dtype(variable: Variable) -> str:
    return "" if variable.dtype == np.float64 else f", np.{variable.dtype.name}"
