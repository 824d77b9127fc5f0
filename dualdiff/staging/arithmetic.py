"""Passes about calls: products that are none, and NumPy's functions as the calls that they make themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from .record import Constant, Instruction, Ref, Variable
from .simplifying import Program, changed, finished, is_written

_MULTIPLY = ("__mul__", np.multiply)


def identities(program: Program) -> Program:
    """``x * 1`` is x; an array of equal entries in a product is a number."""
    written = program.writes()
    constants = program.trace.constants
    known: dict[int, Any] = {}
    kept = []
    uniform: dict[int, float | None] = {}

    filled = {
        step.out.number: float(step.args[1])
        for step in program.steps
        if step.how == "call" and step.what is np.full and isinstance(step.args[1], float) and type(step.out) is Ref
        if not written.get(step.out.number) and program.variables[step.out.number].dtype == np.float64
    }

    def number_in(item: Any, out: Variable, other: Any) -> float | None:
        if out.kind != "array":  # a product of arrays of no dimension is a scalar
            return None
        if type(item) is Ref and item.number in filled and type(other) is Ref:
            variable = program.variables[other.number]
            alike = (variable.kind, variable.shape, variable.dtype) == ("array", out.shape, out.dtype)
            return filled[item.number] if alike and variable.strides == out.strides else None
        if type(item) is not Constant or type(other) is not Ref or out.dtype != np.float64:
            return None
        variable = program.variables[other.number]
        if (variable.kind, variable.shape, variable.dtype) != ("array", out.shape, out.dtype):
            return None
        if variable.strides != out.strides:
            return None
        if item.number not in uniform:
            array = constants[item.number]
            equal = array.dtype == np.float64 and array.size and bool(np.all(array == array.flat[0]))
            first = float(array.flat[0]) if equal else 0.0
            uniform[item.number] = first if equal and (first != 0.0 or not np.any(np.signbit(array))) else None
        return uniform[item.number]

    for i, step in enumerate(program.steps):
        step = changed(step, known)
        if (
            step.how in ("operator", "call")
            and type(step.what) is not tuple
            and step.what in _MULTIPLY
            and not step.kwargs
            and not step.written
            and len(step.args) == 2
        ):
            out = program.variables[step.out.number]
            for mine, other in ((0, 1), (1, 0)):
                item, x = step.args[mine], step.args[other]
                value = number_in(item, out, x)
                if value is None and type(item) in (float, np.float64) and type(x) is Ref:
                    kind = program.variables[x.number]
                    if (kind.kind, kind.shape, kind.dtype, kind.strides) == (
                        out.kind,
                        out.shape,
                        out.dtype,
                        out.strides,
                    ):
                        value = float(item)
                if value is None:
                    continue
                still = not written.get(out.root) and not is_written(written.get(program.root(x.number), ()), i)
                real = out.dtype is float or getattr(out.dtype, "kind", "") == "f"
                if value == 1.0 and still and real:  # a product of complex numbers forgets signs of 0
                    known[step.out.number] = x
                elif type(item) is Constant or (type(item) is Ref and item.number in filled):
                    args = (value, x) if mine == 0 else (x, value)
                    step = step.replaced(args, step.kwargs)
                break
        if type(step.out) is Ref and step.out.number in known:
            continue
        kept.append(step)
    return finished(program, kept, known)


# The same by a shorter way.


def direct(program: Program) -> Program:
    """NumPy's functions as the calls that they make themselves."""
    return program._replace(steps=[_direct(program, step) for step in program.steps])


def _direct(program: Program, step: Instruction) -> Instruction:
    if _is_transpose(program, step):
        return Instruction("attribute", "T", step.args[:1], {}, step.out, (), step.line, step.errstate)
    if step.how != "call" or type(step.what) is tuple or step.written:
        return step
    args, kwargs = step.args, step.kwargs
    how, what = step.how, step.what
    array = bool(args) and _is_array(program, args[0])
    if what is np.sum and array and len(args) <= 2 and set(kwargs) <= {"axis", "keepdims"}:
        axis = args[1] if len(args) == 2 else kwargs.get("axis")
        axis = axis[0] if type(axis) is tuple and len(axis) == 1 else axis
        what, args, kwargs = (np.add, "reduce"), args[:1], {**kwargs, "axis": axis}
    elif what is np.moveaxis and array and not kwargs and all(type(x) is int for x in args[1:]):
        ndim = len(program.variables[args[0].number].shape)
        source, target = (x % ndim for x in args[1:])
        order = [axis for axis in range(ndim) if axis != source]
        order.insert(target, source)
        how, what, args = "method", "transpose", (args[0], *order)
    elif what is np.matmul and not kwargs and array and _is_array(program, args[1]):
        how, what = "operator", "__matmul__"
    elif what is np.copy and array and kwargs == {"order": "K"}:
        how, what, args, kwargs = "method", "copy", (args[0], "K"), {}
    elif what in (np.zeros, np.empty) and len(args) == 2 and not kwargs and args[1] == np.dtype(np.float64):
        args = args[:1]
    elif what is np.full and kwargs.get("dtype") == np.dtype(np.float64) and isinstance(args[1], float):
        kwargs = {}
    else:
        return step
    made = Instruction(how, what, args, kwargs, step.out, step.written, step.line, step.errstate)
    return _direct(program, made) if how == "method" else made


def _is_transpose(program: Program, step: Instruction) -> bool:
    """Whether a call gives all axes in reverse: a method, or a function, of ``[1, 0]`` or ``1, 0``."""
    named = (step.how == "method" and step.what == "transpose") or (step.how == "call" and step.what is np.transpose)
    if not named or step.kwargs or step.written or not _is_array(program, step.args[0]):
        return False
    axes = step.args[1] if len(step.args) == 2 and type(step.args[1]) in (list, tuple) else step.args[1:]
    last = len(program.variables[step.args[0].number].shape) - 1
    return len(axes) == last + 1 > 1 and all(type(axis) is int and axis == last - i for i, axis in enumerate(axes))


def _is_array(program: Program, item: Any) -> bool:
    return type(item) is Ref and program.variables[item.number].kind == "array"
