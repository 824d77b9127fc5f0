"""Values and partials that are not finite, and digits that are lost, in one call that has just returned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tangents import Trivial
from ..values.dual import Dual
from .findings import Findings, array_of, entry_of

LOST = 1e8  # a relative error grows by that: half of the digits of double precision
_MOST_ENTRIES = 2**22  # of an operand that is looked at for lost digits


def unremarkable(operation: Any, result: Any, nodes: list[Any]) -> bool:
    """Whether a call on single numbers has nothing for the two below to say: most calls of a loop, and much quicker."""
    y = _number(result)
    if y is None or not math.isfinite(y):
        return False
    largest = 0.0
    if operation.function is not None:
        for arg in operation.args:
            x = _number(arg)
            if x is None or not math.isfinite(x):
                return False
            largest = max(largest, abs(x))
        if y and largest > LOST * abs(y) and operation.function in (np.add, np.subtract):
            return False
    for node in nodes:
        for partial in node.held():
            if type(partial) is Trivial:
                continue
            slope = _number(partial)
            if slope is None or not abs(slope) <= LOST or (y and abs(slope) * largest > LOST * abs(y)):
                return False
    return True


def _number(x: Any) -> float | None:
    """A single real number, or None."""
    while type(x) is Dual:
        x = x.value
    return float(x) if type(x) in _REAL else None


_REAL = frozenset({float, int, np.float64, np.float32, np.int64})


def not_finite(
    findings: Findings, call: Any, operation: Any, operands: list[Any], value: Any, nodes: list[Any]
) -> None:
    """The first nan and the first infinity, of values and of partials."""
    written = operation.name.endswith("= y")
    if value is not None and value.dtype.kind in "fc" and not written and not np.all(np.isfinite(value)):
        for name, test in (("nan", np.isnan), ("infinite", np.isinf)):
            where = test(value)
            if not np.any(where) or not findings.first(("value", name)):
                continue
            if any(a is not None and a.dtype.kind in "fc" and np.any(test(a)) for a in operands):
                text = f"{operation.name} has {_a(name)} operand, made outside of what is differentiated"
            else:
                text = f"{operation.name} is the first value that is {name}{entry_of(where)}{_of(operands, where)}"
            findings.note(("value", name), "not finite", text, call, _fix_of(operation.name))
    for node in nodes:
        for partial in node.held():
            array = array_of(partial)
            if array is None or array.dtype.kind not in "fc" or np.all(np.isfinite(array)):
                continue
            for name, test in (("nan", np.isnan), ("infinite", np.isinf)):
                if np.any(where := test(array)) and findings.first(("value", name)):
                    text = f"{operation.name} has the first partial derivative that is {name}{entry_of(where)}"
                    text += _of(operands, where)
                    findings.note(("partial", name), "not finite", text, call, _fix_of(operation.name))


def _a(name: str) -> str:
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _of(operands: list[Any], where: Any) -> str:
    """The operands at the first place of a mask."""
    shape = np.shape(where)
    shown: list[str] = []
    for operand in operands:
        if operand is None or operand.size == 0 or len(shown) == 2:
            continue
        try:
            entry = np.broadcast_to(operand, shape)[tuple(np.argwhere(where)[0])] if shape else operand.reshape(-1)[0]
        except ValueError:
            return ""
        shown.append(f"{entry.item():.6g}")
    return f", of {' and '.join(shown)}" if shown else ""


def _fix_of(name: str) -> str:
    if any(word in name for word in ("sqrt", "cbrt", "**", "power", "norm", "arcsin", "arccos", "log", "divide", "/")):
        return (
            "keep the operand away from the edge before the call, np.where(ok, x, 1.0) inside and "
            "np.where(ok, ..., 0.0) outside, so that neither branch meets it"
        )
    return ""


# Digits.


def digits(
    findings: Findings, call: Any, operation: Any, operands: list[Any], active: list[Any], value: Any, nodes: list[Any]
) -> None:
    """Cancellation and steep partials: where the relative error of an operand grows beyond `LOST`."""
    numbers = [a for a in operands if a is not None and a.dtype.kind in "fc"]
    if value is None or value.size > _MOST_ENTRIES or value.dtype.kind not in "fc" or not numbers:
        return
    growth, what, size = 1.0, "", max(float(np.max(np.abs(x), initial=0.0)) for x in numbers)
    if operation.function in (np.add, np.subtract) and len(numbers) == 2:
        growth, what = _largest(np.maximum(np.abs(numbers[0]), np.abs(numbers[1])), value), "cancels"
    elif operation.function is np.sum or operation.name in ("np.add.reduce", "x.sum", "sum"):
        axis = operation.kwargs.get("axis", operation.args[1] if len(operation.args) > 1 else None)
        if axis is None or isinstance(axis, (int, tuple)):
            total = np.sum(np.abs(numbers[0]), axis=axis, keepdims=operation.kwargs.get("keepdims") is True)
            growth, what = _largest(total, value) if np.shape(total) == value.shape else 1.0, "cancels"
    elif operation.function in (np.dot, np.matmul, np.vdot) and len(numbers) == 2:
        products = operation.function(np.abs(numbers[0]), np.abs(numbers[1]))
        growth, what = _largest(products, value), "cancels"
    elif isinstance(operation.function, np.ufunc) and len(nodes) == 1:
        for partial, x in zip(nodes[0].held(), active, strict=False):
            slope = None if isinstance(partial, Trivial) else array_of(partial)
            if slope is not None and x is not None and slope.dtype.kind in "fc" and np.all(np.isfinite(slope)):
                with_x = _largest(np.abs(slope) * np.abs(x), value) if _fits(slope, x, value) else 1.0
                growth, what = max((growth, what), (with_x, "is steep"))
                size = max(size, float(np.max(np.abs(slope), initial=0.0)) * float(np.max(np.abs(x), initial=0.0)))
    if growth > LOST:
        text = (
            f"{operation.name} {what}: errors of its operands are {growth:.1g} times as large in the result, relative "
            f"to it, so about {min(16, round(math.log10(growth)))} of 16 digits are lost"
        )
        fix = "write it another way (np.log1p, np.expm1, np.hypot, a difference of squares as a product), or scale"
        if nodes and findings.first(("digits", id(call))):
            findings.sizes[call.place, text] = (nodes[-1].index, size)
        findings.note(("digits", id(call)), "digits", text, call, fix)
    for node in nodes:
        for partial in node.held():
            slope = None if isinstance(partial, Trivial) else array_of(partial)
            if slope is not None and slope.dtype.kind in "fc" and slope.size and growth <= LOST:
                largest = np.max(np.abs(slope), where=np.isfinite(slope), initial=0.0)
                scale = max((float(np.max(np.abs(x), initial=0.0)) for x in numbers), default=1.0) or 1.0
                if largest > LOST and largest > LOST * max(1.0, scale) and isinstance(operation.function, np.ufunc):
                    text = f"{operation.name} has a partial derivative of {largest:.1g}: it hangs on the last digits"
                    findings.note(("digits", id(call)), "digits", text, call, serious=False)


def _largest(size: Any, value: Any) -> float:
    """The largest quotient of a size and the result, where neither is zero."""
    ratio = np.abs(size) / np.abs(value)
    usable = np.isfinite(ratio)
    return float(np.max(ratio, where=usable, initial=1.0))


def _fits(*arrays: Any) -> bool:
    try:
        return np.broadcast_shapes(*(a.shape for a in arrays)) == arrays[-1].shape
    except ValueError:
        return False
