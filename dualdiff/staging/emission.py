"""The text of a program: plain NumPy, one statement a call, with the user's line behind it."""

from __future__ import annotations

import linecache
import math
import operator
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import blocks
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


class Text(NamedTuple):
    """An expression, and how tightly it binds."""

    text: str
    binding: float = 9

    def within(self, binding: float) -> str:
        return self.text if self.binding >= binding else f"({self.text})"


class Writer:
    """Writes the instructions of one program."""

    def __init__(self, variables: Any, constants: Any, names: dict[int, str]) -> None:
        self.variables = variables
        self.constants = constants
        self.names = dict(names)  # of variables
        self.namespace: dict[str, Any] = dict(NAMES)
        self.functions: dict[int, str] = {}
        self.used = set(names.values())
        self.imports: dict[str, str] = {}
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

    def function(self, function: Any) -> str:
        known = self.functions.get(id(function))
        if known is None:
            known = self._public(function) or self._by_name(function)
            self.functions[id(function)] = known
        return known

    def _public(self, function: Any) -> str | None:
        """The public name of a function of NumPy, SciPy or the standard library."""
        name = getattr(function, "__name__", "")
        if isinstance(function, np.ufunc):
            if getattr(np, name, None) is function:
                return f"np.{name}"
            special = sys.modules.get("scipy.special")
            if special is not None and getattr(special, name, None) is function:
                return self._module("scipy.special", name)
            return None
        module = getattr(function, "__module__", None) or ""
        for place, prefix in ((np, "np"), (np.linalg, "np.linalg"), (np.fft, "np.fft"), (np.emath, "np.emath")):
            if getattr(place, name, None) is function:
                return f"{prefix}.{name}"
        if module == "math" and getattr(math, name, None) is function:
            return f"math.{name}"
        found = sys.modules.get(module)
        if found is not None and getattr(found, name, None) is function and name.isidentifier():
            return self._module(module, name)
        return None

    def _module(self, module: str, name: str) -> str:
        alias = module.replace(".", "_")
        self.namespace[alias] = sys.modules[module]
        self.imports[alias] = f"import {module} as {alias}"
        return f"{alias}.{name}"

    def _by_name(self, function: Any) -> str:
        name = f"F{sum(key.startswith('F') for key in self.namespace)}"
        self.namespace[name] = function
        return name

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

    def literal(self, item: Any) -> Text:
        kind = type(item)
        if kind is float:
            if math.isfinite(item):
                return Text(repr(item), 6 if math.copysign(1.0, item) < 0 else 9)
            return Text("np.nan" if item != item else "np.inf" if item > 0 else "-np.inf", 6)
        if kind in (int, bool, str, type(None), bytes):
            return Text(repr(item), 6 if kind is int and item < 0 else 9)
        if item is Ellipsis:
            return Text("...")
        if kind is complex and math.isfinite(item.real) and math.isfinite(item.imag):
            return Text(f"complex({item.real!r}, {item.imag!r})")
        if isinstance(item, np.dtype):
            if item.isbuiltin == 1 and getattr(np, item.name, None) is item.type:
                return Text(f"np.dtype(np.{item.name})")
            if not item.hasobject:
                return Text(f"np.dtype({item.str!r})")
        if isinstance(item, type):
            name: str = item.__name__
            if getattr(np, name, None) is item:
                return Text(f"np.{name}")
            if item in (float, int, bool, complex):
                return Text(name)
        if isinstance(item, np.generic) and (
            item.dtype.kind in "iub" or (item.dtype.char in "dfe" and np.isfinite(item))
        ):
            return Text(f"np.{item.dtype.name}({item.item()!r})")
        if callable(item):
            return Text(self.function(item))
        name = f"C{len(self.namespace)}"
        self.namespace[name] = item
        return Text(name)

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
        right = self.right_side(step).text
        if step.out is None or (type(step.out) is Ref and step.out.number in step.written):
            return [right]
        return [f"{self._targets(step.out)} = {right}"]

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
        if step.what == "nan":
            known = self.variables[step.args[0].number]
            fail = f"raise NotANumber({_short(step.line)!r})"
            if known.kind != "array":
                return [f"if {value} != {value}:", f"    {fail}"]
            if known.dtype.char not in "df":
                return [f"if np.isnan({value}).any():", f"    {fail}"]
            if int(np.prod(known.shape)) <= 4096:
                probe = f"{value}.dot({value})" if len(known.shape) == 1 else f"np.vdot({value}, {value})"
            else:
                probe = f"np.maximum.reduce({value}, axis=None)"
            return [f"probe = {probe}", "if probe != probe:", f"    {fail}"]
        if step.what == "shape":
            condition = f"{value}.shape != {step.args[1]!r} or {value}.dtype != {step.args[2].str!r}"
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
    exec(compile(text, filename, "exec"), namespace)
    function: Callable[..., Any] = namespace[name]
    return function
