"""Programs of few numbers in plain Python: floats, ``math`` and no array at all between arguments and results.

The instructions are run once more, on *places* in place of entries: an array is an array of the numbers of its
places, so that views, writes, reshapes and joins are NumPy's own, on those.  An elementwise operation makes a place
for each entry, a sum a chain of additions in NumPy's order.  What comes out is one list of scalar operations, in which
equal ones are one.

Every function is used only where it agrees with NumPy's to the last bit on this machine (`agrees`); what raises in
Python where NumPy has an infinity or a nan (`ERRORS`) is left to the NumPy program.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .agreement import (
    OF_MATH,
    agrees,
    begins_at_zero,
    in_turn,
    is_same_in_all_layouts,
    powers_agree,
    summed,
    sums_agree,
)
from .operations import MOST, NotScalar, Places
from .record import Constant, Instruction, Ref
from .simplifying import Program

_ndarray = np.ndarray
ERRORS = (OverflowError, ValueError, ZeroDivisionError)
_FLOAT64 = np.dtype(np.float64)


_SYMBOLS: dict[Any, str] = {
    "__add__": "+", "__sub__": "-", "__mul__": "*", "__truediv__": "/",
    np.add: "+", np.subtract: "-", np.multiply: "*", np.true_divide: "/",
    "__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">=", "__eq__": "==", "__ne__": "!=",
    np.less: "<", np.less_equal: "<=", np.greater: ">", np.greater_equal: ">=", np.equal: "==", np.not_equal: "!=",
}  # fmt: skip
_TRUTHS = frozenset({"<", "<=", ">", ">=", "==", "!=", "math.isfinite"})
_MOVES = frozenset({np.reshape, np.transpose, np.concatenate, np.stack, np.ravel, np.moveaxis, np.swapaxes, np.copy,
                    np.broadcast_to, np.expand_dims, np.squeeze, np.array, np.asarray, np.take, np.diagonal, np.roll,
                    np.flip, np.vstack, np.hstack, np.atleast_1d, np.matrix_transpose, np.repeat, np.tile})  # fmt: skip
_HOW = frozenset({"axis", "axes", "axis1", "axis2", "offset", "shape", "order", "copy", "ndmin", "dtype", "shift",
                  "repeats", "source", "destination", "mode"})  # fmt: skip
_MOVING_METHODS = frozenset({"reshape", "transpose", "copy", "ravel", "swapaxes", "squeeze", "flatten", "item",
                             "take", "diagonal", "repeat"})  # fmt: skip


class Lowering:
    """The run of a program on places."""

    def __init__(self, program: Program, most: int = MOST) -> None:
        self.program = program
        self.places = Places(most)
        self.values: dict[int, Any] = {}  # of variables: arrays of places, or one place
        self.guards: list[tuple[int, Instruction, Any]] = []

    def run(self) -> list[Any]:
        variables, constants = self.program.variables, self.program.trace.constants
        for number in self.program.parameters:
            variable = variables[number]
            if variable.kind == "array":
                if variable.dtype != _FLOAT64:
                    raise NotScalar("an argument of another dtype")
                count = math.prod(variable.shape)
                if count > self.places.left:
                    raise NotScalar("too many entries")
                places = [self.places.make("input", number, i) for i in range(count)]
                self.values[number] = np.array(places, np.intp).reshape(variable.shape)
                if self.values[number].strides != variable.strides:
                    raise NotScalar("an argument in another layout")
            else:
                if variable.dtype not in (float, _FLOAT64):
                    raise NotScalar("an argument of another dtype")
                self.values[number] = self.places.make("input", number, None)
        self.constants = constants
        for step in self.program.steps:
            self.execute(step)
        if any(type(out) is not Ref and isinstance(out, (bool, int, np.generic)) for out in self.program.outputs):
            raise NotScalar("a result that is no float")
        return [self.value(out) for out in self.program.outputs]

    # Arguments as places.

    def value(self, item: Any) -> Any:
        kind = type(item)
        if kind is Ref:
            if item.number not in self.values:
                raise NotScalar("a result that is no number")
            return self.values[item.number]
        if kind is Constant:
            array = self.constants[item.number]
            if array.dtype != _FLOAT64 or array.size > self.places.left:
                raise NotScalar("a constant of another dtype, or a large one")
            return np.array([self.places.literal(x) for x in array.ravel().tolist()], np.intp).reshape(array.shape)
        if kind in (float, int) or isinstance(item, np.float64):
            if kind is int and abs(item) >= 2**53:
                raise NotScalar("a long whole number")
            return self.places.literal(item)
        raise NotScalar(f"a {kind.__name__}")

    def raw(self, item: Any) -> Any:
        """An argument of a moving function: places for values, anything else as it is."""
        kind = type(item)
        if kind is Ref:
            return self.value(item)
        if kind is Constant:
            array = self.constants[item.number]
            return array if array.dtype.kind in "iub" else self.value(item)
        if kind is tuple or kind is list:
            return kind([self.raw(part) for part in item])
        if kind is slice and any(type(end) is Ref for end in (item.start, item.stop, item.step)):
            raise NotScalar("a computed index")
        return item

    def index(self, item: Any) -> Any:
        if _has_ref(item):
            raise NotScalar("a computed index")
        return self.raw(item)

    # Instructions.

    def execute(self, step: Instruction) -> None:
        if step.how == "guard":
            self.guard(step)
            return
        if step.how == "set":
            target = self.value(step.args[0])
            if self.program.root(step.args[0].number) in self.program.parameters:
                raise NotScalar("an argument is written")
            index = self.index(step.args[1])
            item = step.args[2]
            if (
                type(item) is int
                or type(item) is float
                or isinstance(item, np.float64)
                or type(item) in (Ref, Constant)
            ):
                target[index] = self.value(item)
                return
            raise NotScalar("an item that is a list")
        if step.how == "operator" and step.what.startswith("__i") and step.written:
            self.assign(step.args[0], self.elementwise(step, "__" + step.what[3:], step.args))
            return
        if step.written:
            self.written(step)
            return
        out = self.result(step)
        variable = self.program.variables[step.out.number] if type(step.out) is Ref else None
        if variable is None:
            raise NotScalar("several results")
        if variable.kind == "array":
            if not isinstance(out, _ndarray):
                out = np.asarray(out)
            if out.shape != variable.shape or out.strides != variable.strides:
                raise NotScalar("another layout")
            if variable.root == step.out.number:
                out = out if out.base is None else out.copy()
            elif not np.may_share_memory(out, self.value(Ref(variable.root))):
                raise NotScalar("a view that is a copy here")
            if variable.dtype != _FLOAT64 and variable.dtype != bool:
                raise NotScalar("another dtype")
            self.checked_truths(out, variable.dtype)
        else:
            if variable.dtype not in (float, bool, _FLOAT64, np.dtype(bool)):
                raise NotScalar("another dtype")
            out = int(out)
            self.checked_truths(out, variable.dtype)
        self.values[step.out.number] = out

    def checked_truths(self, places: Any, dtype: Any) -> None:
        """Truth values are comparisons or the like, numbers are none: ``+`` of two is "or", or a sum in Python."""
        truths = dtype in (bool, np.dtype(bool))
        for place in np.ravel(places).tolist():
            if (self.places.operations[place][0] in _TRUTHS) != truths:
                raise NotScalar("arithmetic of truth values")

    def written(self, step: Instruction) -> None:
        """``np.add(a, b, out=c)``"""
        out = step.kwargs.get("out")
        if step.how != "call" or set(step.kwargs) != {"out"} or type(step.what) is tuple:
            raise NotScalar("a write")
        target = out[0] if type(out) is tuple else out
        self.assign(target, self.elementwise(step, step.what, step.args))

    def assign(self, target: Any, places: Any) -> None:
        if self.program.root(target.number) in self.program.parameters:
            raise NotScalar("an argument is written")
        self.value(target)[...] = places

    def result(self, step: Instruction) -> Any:
        how, what, args, kwargs = step.how, step.what, step.args, step.kwargs
        if how == "get":
            return self.value(args[0])[self.index(args[1])]
        if how == "attribute" and what in ("T", "mT"):
            return getattr(self.value(args[0]), what)
        if how == "attribute" and what == "real":
            return self.value(args[0])
        if how == "method" and what in _MOVING_METHODS:
            found = self.value(args[0])
            if not isinstance(found, _ndarray):
                found = np.asarray(found)
            return getattr(found, what)(*map(self.raw, args[1:]), **{k: self.raw(v) for k, v in kwargs.items()})
        if how == "operator":
            return self.elementwise(step, what, args)
        if how == "call":
            variable = self.program.variables[step.out.number] if type(step.out) is Ref else None
            if variable is not None and math.prod(variable.shape) > MOST:
                raise NotScalar("too many entries")
            if what in (np.zeros, np.empty) and not _has_ref(args):
                return np.full(args[0], self.places.literal(0.0), np.intp)
            if what is np.full:
                whole = np.empty(args[0], np.intp)
                whole[...] = self.value(args[1])
                return whole
            if what is np.all and len(args) == 1 and not kwargs and np.size(self.value(args[0])) == 1:
                return int(np.ravel(self.value(args[0]))[0])  # of one, whatever its shape
            if what == (np.add, "reduce") and set(kwargs) <= {"axis"}:
                return self.sum_of(self.value(args[0]), kwargs.get("axis", 0))
            if type(what) is not tuple and what in _MOVES:
                if kwargs.get("dtype") is not None or (what in (np.array, np.asarray) and len(args) > 1):
                    dtypes = [*args[1:2], kwargs.get("dtype")]
                    if any(d is not None and np.dtype(d) != _FLOAT64 for d in dtypes):
                        raise NotScalar("another dtype")
                    args, kwargs = args[:1], {k: v for k, v in kwargs.items() if k != "dtype"}
                if not args or not _HOW.issuperset(kwargs):
                    raise NotScalar("values by name")
                values = args if what is np.atleast_1d else args[:1]
                places = [self.places_in(arg) for arg in values] + [self.raw(arg) for arg in args[len(values) :]]
                return what(*places, **{k: self.raw(v) for k, v in kwargs.items()})
            if getattr(what, "__module__", None) == "math" and not kwargs:
                return self.places.make(f"math.{what.__name__}", *[int(self.value(arg)) for arg in args])
            if isinstance(what, np.ufunc) and not kwargs:
                return self.elementwise(step, what, args)
        raise NotScalar(f"{how} {what}")

    def places_in(self, item: Any) -> Any:
        """The first argument of a moving function: a value, or a list of values, all numbers in it literals."""
        if type(item) in (list, tuple):
            return [self.places_in(part) for part in item]
        return self.value(item)

    def elementwise(self, step: Instruction, what: Any, args: Any) -> Any:
        values = [self.value(arg) for arg in args]
        if what in OF_MATH and not is_same_in_all_layouts(what):
            arrays = [self.values[number] for number in step.written] + values
            if any(isinstance(array, _ndarray) and any(stride < 0 for stride in array.strides) for array in arrays):
                raise NotScalar("a function that rounds in another way where an array is reversed")
        make = self.operation(what, args)
        if not any(isinstance(value, _ndarray) for value in values):
            return make(*values)
        given = np.broadcast_arrays(*values)
        shape = given[0].shape
        rows = zip(*(x.ravel().tolist() for x in given), strict=True)
        return np.array([make(*row) for row in rows], np.intp).reshape(shape)

    def is_scalar(self, item: Any) -> bool:
        return type(item) is not Constant and (
            type(item) is not Ref or self.program.variables[item.number].kind != "array"
        )

    def operation(self, what: Any, args: Any) -> Callable[..., int]:
        places = self.places
        if what in _SYMBOLS:
            symbol = _SYMBOLS[what]
            return lambda a, b: places.binary(symbol, a, b)
        if what in ("__neg__", np.negative):
            return places.negative
        if what in ("__abs__", np.absolute, np.fabs):
            return lambda a: places.make("abs", a)
        if what in (np.square,):
            return lambda a: places.make("*", a, a)
        if what in (np.reciprocal,):
            return lambda a: places.binary("/", places.literal(1.0), a)
        if what in ("__pow__", np.power):
            exponent, scalars = args[1], all(map(self.is_scalar, args))
            known = type(exponent) in (int, float) or isinstance(exponent, np.float64)
            # NumPy squares an array; the power of a scalar is C's.
            if known and exponent == 2 and what == "__pow__" and not scalars:
                return lambda a, b: places.make("*", a, a)
            if known and exponent == 1 and what == "__pow__" and not scalars:
                return lambda a, b: a
            if scalars and what == "__pow__" and powers_agree():
                return lambda a, b: places.make("math.pow", a, b)
            raise NotScalar("a power of an array")
        if what is np.isfinite:
            return lambda a: places.make("math.isfinite", a)
        if what in OF_MATH and agrees(what):
            name = "math." + OF_MATH[what]
            return lambda *given: places.make(name, *given)
        if isinstance(what, np.ufunc) and what in OF_MATH:
            name = f"float(np.{what.__name__}"
            return lambda *given: places.make(name, *given)
        raise NotScalar(f"{what}")

    def sum_of(self, places: Any, axis: Any) -> Any:
        """The sum in NumPy's order: `sums_agree` says whether that is known."""
        array = np.asarray(places)
        if axis is None and array.ndim == 1:
            axis = 0
        if type(axis) is tuple and len(axis) == 1:
            axis = axis[0]
        if type(axis) is not int or array.ndim > 2 or not array.flags.c_contiguous:
            raise NotScalar("a sum over several axes")
        axis %= array.ndim
        if not sums_agree(array.shape, axis):
            raise NotScalar("a sum in another order")
        add = lambda a, b: self.places.binary("+", a, b)
        if array.ndim == 1:
            return self._begun(array.tolist(), summed(array.tolist(), add))
        if axis == 1:
            return np.array([self._begun(row, summed(row, add)) for row in array.tolist()], np.intp)
        return np.array([self._begun(column, in_turn(column, add)) for column in array.T.tolist()], np.intp)

    def _begun(self, items: list[int], total: int) -> int:
        """A sum that begins with 0.0, as NumPy's: else one of negative zeros would be another."""
        if not begins_at_zero(len(items)) or any(map(self.places.is_never_minus_zero, items)):
            return total
        return self.places.binary("+", total, self.places.literal(0.0))

    def guard(self, step: Instruction) -> None:
        if step.what in ("nan", "finite"):  # all that is not finite is for the NumPy program
            self.guards.append((len(self.places.operations), step, np.array(self.value(step.args[0]))))
        elif step.what == "nonzero":
            self.guards.append((len(self.places.operations), step, self.value(step.args[0])[list(step.args[1])]))
        elif step.what in ("bool", "int"):
            self.guards.append((len(self.places.operations), step, self.value(step.args[0])))
        elif step.what != "type" or step.args[1] is not float:  # a power is a float here, or raises
            raise NotScalar(f"a guard of {step.what}")


def _has_ref(tree: Any) -> bool:
    kind = type(tree)
    if kind in (tuple, list):
        return any(map(_has_ref, tree))
    if kind is slice:
        return any(map(_has_ref, (tree.start, tree.stop, tree.step)))
    return kind is Ref
