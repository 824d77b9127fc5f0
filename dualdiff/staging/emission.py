"""The text of a program: plain NumPy, one statement a call, with the user's line behind it."""

from __future__ import annotations

import linecache
import math
import operator
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from . import blocks
from .names import Names, Text
from .record import Constant, Instruction, Ref

_OPERATORS = {
    "__add__": "+", "__sub__": "-", "__mul__": "*", "__truediv__": "/", "__floordiv__": "//", "__mod__": "%",
    "__pow__": "**", "__matmul__": "@", "__and__": "&", "__or__": "|", "__xor__": "^", "__lshift__": "<<",
    "__rshift__": ">>", "__lt__": "<", "__le__": "<=", "__eq__": "==", "__ne__": "!=", "__gt__": ">", "__ge__": ">=",
}  # fmt: skip
_UFUNCS = {
    np.add: "+", np.subtract: "-", np.multiply: "*", np.true_divide: "/",
}  # fmt: skip
_FUNCTIONS = {"__add__": np.add, "__sub__": np.subtract, "__mul__": np.multiply, "__truediv__": np.true_divide}
_UNARY = {"__neg__": "-", "__pos__": "+", "__invert__": "~"}
# How tightly an expression binds: 0 needs brackets everywhere, 9 nowhere.
_BINDING = {
    "**": 7,
    "*": 5,
    "/": 5,
    "//": 5,
    "%": 5,
    "@": 5,
    "+": 4,
    "-": 4,
    "<<": 3,
    ">>": 3,
    "&": 2,
    "^": 1.5,
    "|": 1,
}


class Miss(Exception):
    """A guard failed: the program is not for these values."""


class NotANumber(Miss):
    """A nan came up, which may stand for a structural zero: the unstaged function knows."""


# What every program knows.
NAMES = {"np": np, "math": math, "Miss": Miss, "NotANumber": NotANumber}


class Writer(Names):
    """Writes the instructions of one program."""

    def __init__(self, variables: Any, constants: Any, names: dict[int, str]) -> None:
        super().__init__(NAMES)
        self.variables = variables
        self.constants = constants
        self.names = dict(names)  # of variables
        self.used = set(names.values())
        self.inline: dict[int, Text] = {}
        self.counter = 0
        self.heads: list[str] = []  # within a loop over blocks: its first lines
        self.blocked: set[int] = set()  # and the constants of which it takes a block

    # Names.

    def name(self, number: int) -> str:
        known = self.names.get(number)
        if known is None:
            while True:
                known = f"v{self.counter}"
                self.counter += 1
                if known not in self.used:
                    break
            self.names[number] = known
        return known

    # Expressions.

    def value(self, item: Any, within: float = 0) -> str:
        return self.expression(item).within(within)

    def expression(self, item: Any) -> Text:
        kind = type(item)
        if kind is Ref:
            return self.inline[item.number] if item.number in self.inline else Text(self.name(item.number))
        if kind is Constant:
            return self.constant(item.number)
        if kind is tuple:
            inner = ", ".join(self.value(part) for part in item)
            return Text(f"({inner},)" if len(item) == 1 else f"({inner})")
        if kind is list:
            return Text(f"[{', '.join(self.value(part) for part in item)}]")
        if kind is dict:
            return Text("{" + ", ".join(f"{key!r}: {self.value(part)}" for key, part in item.items()) + "}")
        if kind is slice:
            return Text(f"slice({self.value(item.start)}, {self.value(item.stop)}, {self.value(item.step)})")
        return self.literal(item)

    def constant(self, number: int) -> Text:
        name = f"K{number}"
        self.namespace[name] = self.constants[number]
        return Text(f"{name}[block]" if number in self.blocked else name)

    # Statements.

    def right_side(self, step: Instruction) -> Text:
        args, kwargs = step.args, step.kwargs
        if step.how == "operator":
            if step.what in _OPERATORS:
                return self._binary(_OPERATORS[step.what], *args)
            if step.what in _UNARY:
                return Text(_UNARY[step.what] + self.value(args[0], 6), 6)
            if step.what == "__abs__":
                return Text(f"abs({self.value(args[0])})")
            return Text(f"divmod({self.value(args[0])}, {self.value(args[1])})")
        if step.how == "call":
            symbol = None if type(step.what) is tuple else _UFUNCS.get(step.what)
            if symbol is not None and not kwargs and len(args) == 2 and any(map(self._is_numpy, args)):
                return self._binary(symbol, *args)
            if step.what is operator.matmul:  # with a sparse matrix
                return self._binary("@", *args)
            if type(step.what) is tuple:
                function = f"{self.function(step.what[0])}.{step.what[1]}"
            else:
                function = self.function(step.what)
            return Text(f"{function}({self._given(args, kwargs)})")
        if step.how == "method":
            return Text(f"{self.value(args[0], 9)}.{step.what}({self._given(args[1:], kwargs)})")
        if step.how == "attribute":
            return Text(f"{self.value(args[0], 9)}.{step.what}")
        assert step.how == "get"
        return Text(f"{self.value(args[0], 9)}[{self._index(args[1])}]")

    def _is_numpy(self, item: Any) -> bool:
        """Whether an operator of this operand is a call of the ufunc."""
        if type(item) is Ref:
            return self.variables[item.number].kind == "array"
        return type(item) is Constant

    def _binary(self, symbol: str, a: Any, b: Any) -> Text:
        binding = _BINDING.get(symbol, 0.5)
        if symbol == "**":
            return Text(f"{self.value(a, 8)} ** {self.value(b, 8)}", binding)
        if binding < 1:  # comparisons do not chain
            return Text(f"{self.value(a, 1)} {symbol} {self.value(b, 1)}", binding)
        return Text(f"{self.value(a, binding)} {symbol} {self.value(b, binding + 0.5)}", binding)

    def _given(self, args: Any, kwargs: Any) -> str:
        return ", ".join([*(self.value(arg) for arg in args), *(f"{k}={self.value(v)}" for k, v in kwargs.items())])

    def _index(self, index: Any) -> str:
        if type(index) is tuple and index:
            return ", ".join(map(self._index_part, index)) + ("," if len(index) == 1 else "")
        return self._index_part(index)

    def _index_part(self, part: Any) -> str:
        if type(part) is slice:
            ends = ["" if end is None else self.value(end) for end in (part.start, part.stop)]
            return ":".join(ends if part.step is None else [*ends, self.value(part.step)])
        return self.value(part)

    def within_block(self, arrays: list[int], items: list[Any]) -> Writer:
        """A writer of what stands in a loop over blocks: arrays from outside are their blocks."""
        inner = Writer(self.variables, self.constants, self.names)
        inner.namespace, inner.functions, inner.imports = self.namespace, self.functions, self.imports
        inner.used, inner.counter = self.used, self.counter + 1000
        for number in arrays:
            if self.variables[number].kind == "array":
                inner.names[number] = f"{self.name(number)}_block"
                inner.heads.append(f"{inner.names[number]} = {self.name(number)}[block]")
            elif number in self.inline:
                inner.inline[number] = self.inline[number]
        inner.blocked = {item.number for item in items if type(item) is Constant}
        return inner

    def errstate_line(self, state: dict[str, str]) -> str:
        return errstate_line(state)

    def statement(self, step: Instruction) -> list[str]:
        if step.how == "block":
            return blocks.written(self, step)
        if step.how == "kernel":  # a compiled function: see loops.py
            return step.what.called(self, step)
        if step.how == "guard":
            return self._guard(step)
        if step.how == "writeable":
            return [f"{self.value(step.args[0], 9)}.flags.writeable = True"]
        if step.how == "set":
            target = self.value(step.args[0], 9)
            return [f"{target}[{self._index(step.args[1])}] = {self.value(step.args[2])}"]
        if step.how == "operator" and step.what.startswith("__i") and step.written:
            symbol = _OPERATORS["__" + step.what[3:]]
            return [f"{self.value(step.args[0], 9)} {symbol}= {self.value(step.args[1])}"]
        if step.how == "call" and step.written and not step.out and list(step.kwargs) == ["out"]:
            return [self._into(step)]
        right = self.right_side(step).text
        if step.out is None or (type(step.out) is Ref and step.out.number in step.written):
            return [right]
        return [f"{self._targets(step.out)} = {right}"]

    def _into(self, step: Instruction) -> str:
        """``np.multiply(v, w, out=v)`` as ``v *= w``."""
        out = step.kwargs["out"]
        if type(out) is tuple and len(out) == 1:
            out = out[0]
        symbol = None if type(step.what) is tuple or type(out) is not Ref else _UFUNCS.get(step.what)
        if symbol is not None and len(step.args) == 2 and step.args[0] == out and out.number not in self.inline:
            return f"{self.name(out.number)} {symbol}= {self.value(step.args[1])}"
        return self.right_side(step.replaced(step.args, {"out": out})).text

    def taking(self, step: Instruction, operand: int) -> list[str]:
        """A result written into the buffer of an operand, whose name it takes."""
        name = self.name(operand)
        first = type(step.args[0]) is Ref and step.args[0].number == operand
        symbol = _OPERATORS[step.what] if step.how == "operator" else _UFUNCS.get(step.what)
        self.names[step.out.number] = name
        if first and symbol is not None and len(step.args) == 2:
            return [f"{name} {symbol}= {self.value(step.args[1])}"]
        function = _FUNCTIONS[step.what] if step.how == "operator" else step.what
        return [f"{self.function(function)}({self._given(step.args, {})}, out={name})"]

    def _targets(self, out: Any) -> str:
        if type(out) is Ref:
            return self.name(out.number)
        if out is None:
            return "_"
        inner = ", ".join(map(self._targets, out))
        return f"({inner},)" if len(out) == 1 else f"({inner})" if out else "[]"

    def _guard(self, step: Instruction) -> list[str]:
        value = self.value(step.args[0], 9)
        fail = f"raise Miss({_short(step.line)!r})"
        if step.what == "bool":
            return [f"if {'not ' if step.args[1] else ''}{value}:", f"    {fail}"]
        if step.what == "finite":  # of a new array, in row-major order
            probe = f"np.vdot({value}, {value})"
            condition = f"not math.isfinite(probe) and not np.isfinite({value}).all()"
            return [f"probe = {probe}", f"if {condition}:", f"    raise NotANumber({_short(step.line)!r})"]
        if step.what == "nonzero":  # the other rows are zeros
            count = len(step.args[1]) * math.prod(self.variables[step.args[0].number].shape[1:])
            return [f"if np.count_nonzero({value}) != {count}:", f"    {fail}"]
        if step.what == "nan":
            known = self.variables[step.args[0].number]
            fail = f"raise NotANumber({_short(step.line)!r})"
            if known.kind != "array":
                return [f"if {value} != {value}:", f"    {fail}"]
            if known.dtype.char not in "df":
                return [f"if np.isnan({value}).any():", f"    {fail}"]
            if len(known.shape) == 1 and known.shape[0] <= 4096:
                probe = f"{value}.dot({value})"
            elif math.prod(known.shape) <= 4096:
                probe = f"np.vdot({value}, {value})"
            else:
                probe = f"np.maximum.reduce({value}, axis=None)"
            return [f"probe = {probe}", "if probe != probe:", f"    {fail}"]
        if step.what == "shape":
            condition = f"{value}.shape != {step.args[1]!r} or {value}.dtype != {step.args[2].str!r}"
            if len(step.args) > 3:
                condition += f" or {value}.strides != {step.args[3]!r}"
        elif step.what == "type":
            condition = f"type({value}) is not {self.literal(step.args[1]).text}"
        else:
            how = "int" if step.what == "int" else step.what
            if how == "operator.index":
                how = "int"
            condition = f"{how}({value}) != {step.args[1]!r}"
        return [f"if {condition}:", f"    {fail}"]


def _short(line: str) -> str:
    return os.path.basename(line)


def errstate_line(state: dict[str, str]) -> str:
    if len(set(state.values())) == 1:
        return f'with np.errstate(all="{state["divide"]}"):'
    return "with np.errstate(" + ", ".join(f'{key}="{how}"' for key, how in state.items()) + "):"


_number = 0


def compiled(name: str, text: str, namespace: dict[str, Any]) -> Callable[..., Any]:
    """The program as a function, its text known to tracebacks."""
    global _number
    _number += 1
    filename = f"<staged {name} {_number}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    first, _, second = text.partition(f"\n\n\ndef {name}_in_numpy(")
    if second:  # which is compiled where it is needed, if ever
        namespace[f"{name}_in_numpy"] = _later(f"{name}_in_numpy", text, first.count("\n") + 3, filename, namespace)
    exec(compile(first + "\n", filename, "exec"), namespace)
    function: Callable[..., Any] = namespace[name]
    return function


def _later(name: str, text: str, start: int, filename: str, namespace: dict[str, Any]) -> Callable[..., Any]:
    """The function that begins in a line of a text, compiled at its first call."""

    def first(*args: Any) -> Any:
        lines = text.splitlines(True)[start:]
        exec(compile("\n" * start + "".join(lines), filename, "exec"), namespace)
        return namespace[name](*args)

    return first
