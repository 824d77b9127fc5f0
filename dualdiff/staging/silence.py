"""What ignores NumPy's warnings, brought together: a change of the state of errors costs as much as a small call.

Rules make their partials with warnings off, each between calls of the function itself, which keep theirs.  Such a call
may wait until its result is read, and then goes with those that came meanwhile.
"""

from __future__ import annotations

from .buffers import is_large
from .record import Instruction, Ref
from .simplifying import Program, may_raise


def gathered(program: Program) -> Program:
    """Let calls under one state of errors wait for each other, and for nothing else."""
    kept: list[Instruction] = []
    waiting: list[Instruction] = []
    made: set[int] = set()
    memory: set[int] = set()  # what those that wait read, by its root
    for step in program.steps:
        waits = _may_wait(program, step)
        if waiting and (
            (waits and step.errstate != waiting[0].errstate)
            or (not waits and not made.isdisjoint(step.reads))
            or any(program.root(number) in memory for number in step.written)
        ):
            kept += waiting
            waiting, made, memory = [], set(), set()
        if waits:
            waiting.append(step)
            made.add(step.out.number)
            memory.update(map(program.root, step.reads))
        else:
            kept.append(step)
    return program._replace(steps=kept + waiting)


def _may_wait(program: Program, step: Instruction) -> bool:
    if step.errstate is None or not step.is_pure or type(step.out) is not Ref or may_raise(program, step):
        return False
    numbers = step.out.number, *step.reads
    # What a large array waits for would be kept in memory meanwhile.
    return program.root(numbers[0]) == numbers[0] and not any(is_large(program.variables[n]) for n in numbers)
