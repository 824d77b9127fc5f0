"""Passes about memory: one variable for each view; copies and stores that change nothing; arrays made of content."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np

from .record import Constant, Instruction, Ref, Variable, refs
from .simplifying import Program, changed, finished, is_written


def views(program: Program) -> Program:
    """One variable for each view: the same entries of the same memory are the same array."""
    seen: dict[Any, int] = {}
    known: dict[int, Any] = {}
    kept = []
    # Of what has another shape for other values it is asked which it has.
    asked = {
        getattr(step.args[0], "number", -1) for step in program.steps if step.how == "guard" and step.what == "shape"
    }
    for number in program.parameters:
        seen[_geometry(program.variables[number])] = number
    for step in program.steps:
        step = changed(step, known)
        if type(step.out) is Ref and step.out.number not in step.written:
            variable = program.variables[step.out.number]
            if variable.kind == "array":
                place = _geometry(variable)
                same = seen.setdefault(place, step.out.number)
                apart = step.out.number in asked or variable.root == step.out.number or step.written
                if same != step.out.number and not apart:
                    known[step.out.number] = Ref(same)
                    continue
        kept.append(step)
    return finished(program, kept, known)


def _geometry(variable: Variable) -> Any:
    # Of an axis of length 1 any stride will do, but a call may ask for it all the same.
    return variable.root, variable.offset, variable.shape, variable.strides, variable.dtype


def copies(program: Program) -> Program:
    """A copy of what does not change is the original, if nobody writes into the copy."""
    written = program.writes()
    known: dict[int, Any] = {}
    kept = []
    for i, step in enumerate(program.steps):
        step = changed(step, known)
        if type(step.out) is Ref and _is_copy(step) and not written.get(program.root(step.out.number)):
            source = step.args[0]
            variable = program.variables[step.out.number]
            if type(source) is Constant:
                array = program.trace.constants[source.number]
                if (array.strides, array.shape, array.dtype) == (variable.strides, variable.shape, variable.dtype):
                    known[step.out.number] = source
                    continue
            elif type(source) is Ref:
                original = program.variables[source.number]
                unchanged = not is_written(written.get(original.root, ()), i)
                if (
                    unchanged
                    and original.kind == "array"
                    and (original.strides, original.shape, original.dtype)
                    == (variable.strides, variable.shape, variable.dtype)
                ):
                    known[step.out.number] = source
                    continue
        kept.append(step)
    return finished(program, kept, known)


def _is_copy(step: Instruction) -> bool:
    if step.how == "method":
        return bool(step.what == "copy" and not step.kwargs)
    if step.how == "call" and step.what is np.copy:
        return set(step.kwargs) <= {"order"} and len(step.args) == 1
    return step.how == "call" and step.what is np.array and not step.kwargs and len(step.args) == 1


def stores(program: Program) -> Program:
    """``v = R[i]; v += w; R[i] = v``: the last of these does nothing."""
    made_by: dict[int, Instruction] = {}
    kept = []
    for step in program.steps:
        if step.how == "set" and type(step.args[2]) is Ref and not refs(step.args[1]):
            source = made_by.get(step.args[2].number)
            if (
                source is not None
                and source.how == "get"
                and source.args[0] == step.args[0]
                and _equal(source.args[1], step.args[1])
                and program.variables[step.args[2].number].root != step.args[2].number
            ):
                continue
        if type(step.out) is Ref:
            made_by.setdefault(step.out.number, step)
        kept.append(step)
    return program._replace(steps=kept)


def _equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and repr(a) == repr(b)


_OPERATIONS = {"__add__": np.add, "__sub__": np.subtract, "__mul__": np.multiply, "__truediv__": np.true_divide}


def updates(program: Program) -> Program:
    """``w = v * 1.1; v[...] = w``: the product is written where it goes to."""
    steps, variables = list(program.steps), program.variables
    written = program.writes()
    uses = Counter(refs(program.outputs))
    made: dict[int, int] = {}
    for i, step in enumerate(steps):
        uses.update(step.reads)
        if type(step.out) is Ref and step.is_pure and not step.kwargs and variables[step.out.number].kind == "array":
            elementwise = step.how == "operator" and step.what in _OPERATIONS
            if elementwise or (step.how == "call" and type(step.what) is np.ufunc and step.what.signature is None):
                made[step.out.number] = i
    kept: list[Any] = steps[:]
    for i, step in enumerate(steps):
        if step.how != "set" or step.args[1] is not Ellipsis or type(step.args[2]) is not Ref:
            continue
        number, target = step.args[2].number, step.args[0]
        at = made.get(number)
        if at is None or uses[number] != 1 or step.errstate or steps[at].errstate or type(target) is not Ref:
            continue
        one, other = variables[number], variables[target.number]
        if (one.shape, one.strides, one.dtype) != (other.shape, other.strides, other.dtype) or one.root != number:
            continue
        if one.dtype.char not in "df" or any(
            is_written(written.get(program.root(n), ()), at, i) for n in steps[at].reads
        ):
            continue
        source = steps[at]
        function = _OPERATIONS[source.what] if source.how == "operator" else source.what
        kept[at] = None
        kept[i] = Instruction("call", function, source.args, {"out": (target,)}, None, step.written, source.line, None)
    return program._replace(steps=[step for step in kept if step is not None])


_NEW = (np.empty, np.zeros)


def fills(program: Program) -> Program:
    """``R = np.empty(n); R[...] = c``: an array that is made of its content."""
    steps, written = program.steps, program.writes()
    touched: dict[int, list[int]] = defaultdict(list)
    for i, step in enumerate(steps):
        for number in step.reads:
            touched[program.root(number)].append(i)
    made: dict[int, int] = {
        step.out.number: i
        for i, step in enumerate(steps)
        if step.how == "call" and type(step.out) is Ref and type(step.what) is not tuple and step.what in _NEW
    }
    dropped: set[int] = set()
    replaced: dict[int, Instruction] = {}
    for number, i in made.items():
        first = touched[number][0] if touched[number] else None
        if first is None or written.get(number, ())[:1] != [first]:
            continue
        step = steps[first]
        if step.how != "set" or step.args[0] != Ref(number) or step.args[1] is not Ellipsis or step.errstate:
            continue
        item, variable = step.args[2], program.variables[number]
        if type(item) is Ref and program.root(item.number) == number:  # of itself
            continue
        if variable.strides != np.empty(variable.shape, variable.dtype).strides:  # in another order
            continue
        if type(item) in (Ref, Constant) or isinstance(item, (float, int, np.generic)):
            dropped.add(i)
            shape, dtype = variable.shape, variable.dtype
            replaced[first] = Instruction(
                "call", np.full, (shape, item), {"dtype": dtype}, Ref(number), (), step.line, step.errstate
            )
    kept = [replaced.get(i, step) for i, step in enumerate(steps) if i not in dropped]
    return program._replace(steps=kept)
