"""How a program names functions, modules and literals: by what anybody would write, or else by a name of its own."""

from __future__ import annotations

import math
import sys
from typing import Any, NamedTuple

import numpy as np


class Text(NamedTuple):
    """An expression, and how tightly it binds."""

    text: str
    binding: float = 9

    def within(self, binding: float) -> str:
        return self.text if self.binding >= binding else f"({self.text})"


class Names:
    """The names that the text of a program uses, and what they stand for."""

    def __init__(self, known: dict[str, Any]) -> None:
        self.namespace: dict[str, Any] = dict(known)
        self.functions: dict[int, str] = {}
        self.imports: dict[str, str] = {}

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
