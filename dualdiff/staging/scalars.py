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
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from .passes import Program, may_raise
from .record import Constant, Instruction, Ref

_ndarray = np.ndarray
ERRORS = (OverflowError, ValueError, ZeroDivisionError)
MOST = 200_000  # operations
_FLOAT64 = np.dtype(np.float64)


class NotScalar(Exception):
    """The program does something else than arithmetic of single numbers."""


_SYMBOLS: dict[Any, str] = {
    "__add__": "+", "__sub__": "-", "__mul__": "*", "__truediv__": "/",
    np.add: "+", np.subtract: "-", np.multiply: "*", np.true_divide: "/",
    "__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">=", "__eq__": "==", "__ne__": "!=",
    np.less: "<", np.less_equal: "<=", np.greater: ">", np.greater_equal: ">=", np.equal: "==", np.not_equal: "!=",
}  # fmt: skip
_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})
_MATH: dict[Any, str] = {
    np.sin: "sin", np.cos: "cos", np.tan: "tan", np.exp: "exp", np.log: "log", np.sqrt: "sqrt", np.tanh: "tanh",
    np.sinh: "sinh", np.cosh: "cosh", np.arctan: "atan", np.arcsin: "asin", np.arccos: "acos", np.log1p: "log1p",
    np.expm1: "expm1", np.log2: "log2", np.log10: "log10", np.arctan2: "atan2", np.hypot: "hypot", np.arcsinh: "asinh",
    np.arccosh: "acosh", np.arctanh: "atanh", np.exp2: "exp2",
}  # fmt: skip
_MOVES = frozenset({np.reshape, np.transpose, np.concatenate, np.stack, np.ravel, np.moveaxis, np.swapaxes, np.copy,
                    np.broadcast_to, np.expand_dims, np.squeeze, np.array, np.asarray, np.take, np.diagonal, np.roll,
                    np.flip, np.vstack, np.hstack, np.atleast_1d, np.matrix_transpose, np.repeat, np.tile})  # fmt: skip
_MOVING_METHODS = frozenset({"reshape", "transpose", "copy", "ravel", "swapaxes", "squeeze", "flatten", "item",
                             "take", "diagonal", "repeat"})  # fmt: skip


@cache
def agrees(function: Any) -> bool:
    """Whether ``math`` has this function to the last bit, as NumPy has it for one number and for many."""
    twin = getattr(math, _MATH[function], None)
    if twin is None:
        return False
    rng = np.random.default_rng(0)
    low, high = {"log": (1e-8, 50.0), "log2": (1e-8, 50.0), "log10": (1e-8, 50.0), "sqrt": (0.0, 1e3),
                 "asin": (-1.0, 1.0), "acos": (-1.0, 1.0), "atanh": (-1.0, 1.0), "acosh": (1.0, 50.0),
                 "log1p": (-0.99, 50.0)}.get(_MATH[function], (-20.0, 20.0))  # fmt: skip
    points = [rng.uniform(low, high, 4000) for _ in range(function.nin)]
    found = function(*points)
    for i, args in enumerate(zip(*(x.tolist() for x in points), strict=True)):
        if twin(*args) != found[i]:
            return False
        if i < 300 and function(*map(np.float64, args)) != found[i]:
            return False
    return True


@cache
def powers_agree() -> bool:
    """Whether a power of one of NumPy's scalars is C's."""
    rng = np.random.default_rng(0)
    return all(
        np.float64(a) ** b == math.pow(a, b) and np.float64(a) ** np.float64(b) == math.pow(a, b)
        for b in (2, 3, -1, 0.5, 1.5, -2.7)
        for a in rng.uniform(0.01, 9.0, 400).tolist()
    )


class Places:
    """The scalar operations so far: what each is, and who is equal."""

    def __init__(self) -> None:
        self.operations: list[tuple[Any, ...]] = []
        self.known: dict[tuple[Any, ...], int] = {}

    def make(self, *operation: Any) -> int:
        """The place of an operation: a literal, an input, or a symbol or function of places."""
        key = operation if operation[0] != "literal" else ("literal", repr(operation[1]))
        found = self.known.get(key)
        if found is None:
            if len(self.operations) >= MOST:
                raise NotScalar("too many operations")
            found = self.known[key] = len(self.operations)
            self.operations.append(operation)
        return found

    def literal(self, value: Any) -> int:
        return self.make("literal", float(value))

    def binary(self, symbol: str, a: int, b: int) -> int:
        one, other = self.operations[a], self.operations[b]
        if one[0] == "literal" and other[0] == "literal" and symbol in "+-*":
            return self.literal({"+": one[1] + other[1], "-": one[1] - other[1], "*": one[1] * other[1]}[symbol])
        if symbol == "*" and one[0] == "literal" and one[1] == 1.0:
            return b
        if symbol == "*" and other[0] == "literal" and other[1] == 1.0:
            return a
        return self.make(symbol, a, b)


class Lowering:
    """The run of a program on places."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.places = Places()
        self.values: dict[int, Any] = {}  # of variables: arrays of places, or one place
        self.guards: list[tuple[int, Instruction, Any]] = []

    def run(self) -> list[Any]:
        variables, constants = self.program.variables, self.program.trace.constants
        for number in self.program.parameters:
            variable = variables[number]
            if variable.kind == "array":
                if variable.dtype != _FLOAT64:
                    raise NotScalar("an argument of another dtype")
                count = int(np.prod(variable.shape))
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
            if array.dtype != _FLOAT64:
                raise NotScalar("a constant of another dtype")
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
            out = np.asarray(out)
            if out.shape != variable.shape or out.strides != variable.strides:
                raise NotScalar("another layout")
            if variable.root == step.out.number:
                out = out if out.base is None else out.copy()
            elif not np.may_share_memory(out, self.value(Ref(variable.root))):
                raise NotScalar("a view that is a copy here")
            if variable.dtype != _FLOAT64 and variable.dtype != bool:
                raise NotScalar("another dtype")
        else:
            if variable.dtype not in (float, bool, _FLOAT64, np.dtype(bool)):
                raise NotScalar("another dtype")
            out = int(out)
        self.values[step.out.number] = out

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
            if what in (np.zeros, np.empty) and not _has_ref(args):
                return np.full(args[0], self.places.literal(0.0), np.intp)
            if what is np.full:
                whole = np.empty(args[0], np.intp)
                whole[...] = self.value(args[1])
                return whole
            if what == (np.add, "reduce") and set(kwargs) <= {"axis"}:
                return self.sum_of(self.value(args[0]), kwargs.get("axis", 0))
            if type(what) is not tuple and what in _MOVES:
                if kwargs.get("dtype") is not None or (what in (np.array, np.asarray) and len(args) > 1):
                    dtypes = [*args[1:2], kwargs.get("dtype")]
                    if any(d is not None and np.dtype(d) != _FLOAT64 for d in dtypes):
                        raise NotScalar("another dtype")
                    args, kwargs = args[:1], {k: v for k, v in kwargs.items() if k != "dtype"}
                return what(*[self.places_in(arg) for arg in args], **{k: self.raw(v) for k, v in kwargs.items()})
            if getattr(what, "__module__", None) == "math" and not kwargs:
                return self.places.make(f"math.{what.__name__}", *[int(self.value(arg)) for arg in args])
            if isinstance(what, np.ufunc) and not kwargs:
                return self.elementwise(step, what, args)
        raise NotScalar(f"{how} {what}")

    def places_in(self, item: Any) -> Any:
        """The first argument of a moving function: a list of values may hold literals."""
        if type(item) in (list, tuple) and _has_ref(item):
            return [self.places_in(part) for part in item]
        if type(item) is float or isinstance(item, np.float64):
            return self.places.literal(item)
        return self.raw(item)

    def elementwise(self, step: Instruction, what: Any, args: Any) -> Any:
        given = np.broadcast_arrays(*[np.asarray(self.value(arg)) for arg in args])
        scalars = all(self.is_scalar(arg) for arg in args)
        make = self.operation(what, scalars, args)
        shape = given[0].shape
        rows = zip(*(x.ravel().tolist() for x in given), strict=True)
        return np.array([make(*row) for row in rows], np.intp).reshape(shape)

    def is_scalar(self, item: Any) -> bool:
        return type(item) is not Constant and (
            type(item) is not Ref or self.program.variables[item.number].kind != "array"
        )

    def operation(self, what: Any, scalars: bool, args: Any) -> Callable[..., int]:
        places = self.places
        if what in _SYMBOLS:
            symbol = _SYMBOLS[what]
            return lambda a, b: places.binary(symbol, a, b)
        if what in ("__neg__", np.negative):
            return lambda a: places.make("neg", a)
        if what in ("__abs__", np.absolute, np.fabs):
            return lambda a: places.make("abs", a)
        if what in (np.square,):
            return lambda a: places.make("*", a, a)
        if what in (np.reciprocal,):
            return lambda a: places.binary("/", places.literal(1.0), a)
        if what in ("__pow__", np.power):
            exponent = args[1]
            known = type(exponent) in (int, float) or isinstance(exponent, np.float64)
            # NumPy squares an array; the power of a scalar is C's.
            if known and exponent == 2 and what == "__pow__" and not scalars:
                return lambda a, b: places.make("*", a, a)
            if known and exponent == 1 and what == "__pow__" and not scalars:
                return lambda a, b: a
            if scalars and what == "__pow__" and powers_agree():
                return lambda a, b: places.make("math.pow", a, b)
            raise NotScalar("a power of an array")
        if what in _MATH and agrees(what):
            name = "math." + _MATH[what]
            return lambda *given: places.make(name, *given)
        if isinstance(what, np.ufunc) and what in _MATH:
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
            return summed(array.tolist(), add)
        if axis == 1:
            return np.array([summed(row, add) for row in array.tolist()], np.intp)
        return np.array([_in_turn(column, add) for column in array.T.tolist()], np.intp)

    def guard(self, step: Instruction) -> None:
        if step.what == "nan":
            self.guards.append((len(self.places.operations), step, np.array(self.value(step.args[0]))))
        elif step.what in ("bool", "int"):
            self.guards.append((len(self.places.operations), step, self.value(step.args[0])))
        else:
            raise NotScalar(f"a guard of {step.what}")


def _has_ref(tree: Any) -> bool:
    kind = type(tree)
    if kind in (tuple, list):
        return any(map(_has_ref, tree))
    if kind is slice:
        return any(map(_has_ref, (tree.start, tree.stop, tree.step)))
    return kind is Ref


# Sums.


def summed(items: list[Any], add: Callable[[Any, Any], Any]) -> Any:
    """The sum of a contiguous row as NumPy makes it: pairwise."""
    n = len(items)
    if n < 8:
        return _in_turn(items, add)
    if n <= 128:
        runs = items[:8]
        stop = n - n % 8
        for i in range(8, stop, 8):
            runs = [add(run, item) for run, item in zip(runs, items[i : i + 8], strict=True)]
        total = add(
            add(add(runs[0], runs[1]), add(runs[2], runs[3])), add(add(runs[4], runs[5]), add(runs[6], runs[7]))
        )
        for item in items[stop:]:
            total = add(total, item)
        return total
    half = n // 2
    half -= half % 8
    return add(summed(items[:half], add), summed(items[half:], add))


def _in_turn(items: list[Any], add: Callable[[Any, Any], Any]) -> Any:
    total = items[0]
    for item in items[1:]:
        total = add(total, item)
    return total


@cache
def sums_agree(shape: tuple[int, ...], axis: int) -> bool:
    """Whether NumPy sums an array of this shape in the order known here."""
    if 0 in shape:
        return False
    for number in range(3):
        array = np.random.default_rng(number).standard_normal(shape) * 10.0 ** np.random.default_rng(9).uniform(
            -3, 3, shape
        )
        found = np.add.reduce(array, axis=axis)
        add = lambda a, b: a + b
        if array.ndim == 1:
            expected: Any = summed(array.tolist(), add)
        elif axis == 1:
            expected = [summed(row, add) for row in array.tolist()]
        else:
            expected = [_in_turn(column, add) for column in array.T.tolist()]
        if not np.array_equal(found, expected):
            return False
    return True


# The text.


def lowered(program: Program, names: dict[int, str]) -> tuple[list[str], list[Any]] | None:
    """The lines of a program in Python's floats and the texts of its results; None if it is no such program."""
    if not program.steps or any(step.errstate is not None and step.how == "guard" for step in program.steps):
        return None
    lowering = Lowering(program)
    try:
        outputs = lowering.run()
    except (NotScalar, IndexError, ValueError, TypeError):
        return None
    operations = lowering.places.operations
    if sum(map(_cost, operations)) > _CALL * sum(step.how != "guard" for step in program.steps):
        return None  # NumPy's calls take many entries at once
    return _Text(lowering, outputs, names).lines()


_CALL = 0.8  # microseconds of one of NumPy's calls, about


def _cost(operation: tuple[Any, ...]) -> float:
    what = operation[0]
    return 0.0 if what == "literal" else 0.8 if what.startswith("float(") else 0.08 if what[0] == "m" else 0.035


class _Text:
    """Writes scalar operations: each once, where it is first needed, or within the one that needs it."""

    def __init__(self, lowering: Lowering, outputs: list[Any], names: dict[int, str]) -> None:
        self.lowering = lowering
        self.operations = lowering.places.operations
        self.outputs = outputs
        self.names = names
        self.uses: Counter[int] = Counter()
        self.text: dict[int, tuple[str, bool]] = {}  # by place: its text, and whether that is a name or a number
        self.body: list[str] = []
        self.counter = 0
        self.checked: set[int] = set()

    def lines(self) -> tuple[list[str], list[Any]]:
        program = self.lowering.program
        roots = [place for out in self.outputs for place in np.ravel(out).tolist()]
        roots += [place for _, _, places in self.lowering.guards for place in np.ravel(places).tolist()]
        # What raises an error does so though nobody needs its result.
        raising = [step.out.number for step in program.steps if type(step.out) is Ref and may_raise(program, step)]
        raised = [place for number in raising for place in np.ravel(self.lowering.values[number]).tolist()]
        needed = self._needed(roots + raised)
        for place in needed:
            for operand in self._operands(place):
                self.uses[operand] += 1
        self.uses.update(roots + 2 * raised)  # in a statement of its own
        used = {self.operations[place][1] for place in needed if self.operations[place][0] == "input"}
        lists: dict[int, str] = {}
        for number in program.parameters:
            variable = program.variables[number]
            if number in used:
                if variable.kind == "array":
                    ravel = "" if len(variable.shape) == 1 else ".ravel()"
                    lists[number] = f"{self.names[number]}_"
                    self.body.append(f"{lists[number]} = {self.names[number]}{ravel}.tolist()")
                elif variable.kind == "scalar":
                    self.body.append(f"{self.names[number]} = float({self.names[number]})")
        guards = sorted(
            ((max(np.ravel(places).tolist(), default=-1), step, places) for _, step, places in self.lowering.guards),
            key=lambda guard: guard[0],
        )
        for place in sorted(needed):
            while guards and guards[0][0] < place:
                self._guard(*guards.pop(0)[1:])
            self._write(place, lists)
        for _, step, places in guards:
            self._guard(step, places)
        results = []
        self._finite([place for out in self.outputs for place in np.ravel(out).tolist()])
        for out, item in zip(self.outputs, program.outputs, strict=True):
            results.append(self._result(out, item))
        return self.body, results

    def _needed(self, roots: list[int]) -> list[int]:
        seen: set[int] = set()
        pending = list(roots)
        while pending:
            place = pending.pop()
            if place not in seen:
                seen.add(place)
                pending += self._operands(place)
        return sorted(seen)

    def _operands(self, place: int) -> tuple[int, ...]:
        operation = self.operations[place]
        return () if operation[0] in ("literal", "input") else operation[1:]

    def _write(self, place: int, lists: dict[int, str]) -> None:
        operation = self.operations[place]
        what = operation[0]
        if what == "literal":
            value = operation[1]
            text = (
                repr(value)
                if math.isfinite(value)
                else "math.nan"
                if value != value
                else f"{'-' * (value < 0)}math.inf"
            )
            self.text[place] = (f"({text})" if text.startswith("-") else text), True
            return
        if what == "input":
            number, at = operation[1:]
            text, simple = (self.names[number] if at is None else f"{lists[number]}[{at}]"), at is None
        else:
            operands = [self.text[operand][0] for operand in operation[1:]]
            if what == "neg":
                text = f"-{self._tight(operation[1])}"
            elif what == "abs":
                text = f"abs({operands[0]})"
            elif what.startswith("float("):
                text = f"{what}({', '.join(operands)}))"
            elif what.startswith("math."):
                text = f"{what}({', '.join(operands)})"
            else:
                text = f"{self._tight(operation[1])} {what} {self._tight(operation[2])}"
            simple = False
        if simple or (self.uses[place] == 1 and len(text) < 70):
            self.text[place] = text, simple
            return
        name = f"v{self.counter}"
        self.counter += 1
        self.body.append(f"{name} = {text}")
        self.text[place] = name, True

    def _tight(self, place: int) -> str:
        text, simple = self.text[place]
        what = self.operations[place][0]
        return text if simple or what == "input" or what[0] in "mf" or what == "abs" else f"({text})"

    def _guard(self, step: Instruction, places: Any) -> None:
        if step.what == "bool":
            self.body.append(f"if {'not ' if step.args[1] else ''}({self.text[int(places)][0]}):")
            self.body.append("    raise Miss")
            return
        if step.what == "int":
            self.body.append(f"if int({self.text[int(places)][0]}) != {step.args[1]}:")
            self.body.append("    raise Miss")
            return
        self._finite(np.ravel(places).tolist())

    def _finite(self, places: list[int]) -> None:
        if set(places) <= self.checked:
            return
        self.checked.update(places)
        texts = [self.text[place][0] for place in dict.fromkeys(places)]
        texts = [text for text in texts if not _is_number(text)]
        for i in range(0, len(texts), 40):
            # What is not finite is for the NumPy program, which also warns as NumPy does.
            total = " + ".join(f"abs({text})" for text in texts[i : i + 40])
            self.body.append(f"if not math.isfinite({total}):")
            self.body.append("    raise OverflowError")

    def _result(self, out: Any, item: Any) -> str:
        variable = self.lowering.program.variables[item.number] if type(item) is Ref else None
        if variable is None or variable.kind != "array":
            text = self.text[int(out)][0]
            kind = variable.kind if variable is not None else "scalar" if isinstance(item, np.generic) else "number"
            return f"np.float64({text})" if kind == "scalar" else text
        rest = iter([self.text[place][0] for place in np.ravel(out).tolist()])

        def nested(shape: tuple[int, ...]) -> str:
            if not shape:
                return next(rest)
            return "[" + ", ".join(nested(shape[1:]) for _ in range(shape[0])) + "]"

        return f"np.array({nested(variable.shape)})" if 0 not in variable.shape else f"np.zeros({variable.shape})"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text.strip("()")))
    except ValueError:
        return False
