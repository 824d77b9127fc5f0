"""A compiled program: what it takes, what it gives, and how often it was called; as a row of a table, and as bytes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ..pytrees.trees import Structure
from .emission import NAMES, compiled

_ndarray = np.ndarray


class Program:
    """One compiled program: what it takes, what it gives, and what it stands for."""

    apart = True  # whether arrays among its arguments must not share memory, since the function writes into one

    def __init__(
        self, text: str, name: str, namespace: dict[str, Any], structure: Structure, whole: bool,
        saves: tuple[int, ...], records: int, key: Any, guards: list[str], imports: list[str],
        parameters: dict[str, Any], inputs: list[bool],
    ) -> None:  # fmt: skip
        self.text = text
        self.name = name
        self.structure = structure
        self.whole = whole  # whether it returns the tree of results, or a tuple of its leaves
        self.saves = saves  # the positions of arguments that it writes, to be put back where a guard fails
        self.records = records  # the calls that were written down
        self.key = key
        self.guards = guards  # the user's lines where something was asked of a value
        self.imports = imports
        self.parameters = parameters  # by name, what is known of each
        self.inputs = inputs  # which leaves of the arguments are parameters
        self.constants = {name: item for name, item in namespace.items() if type(item) is _ndarray}
        self.functions = {
            name: item
            for name, item in namespace.items()
            if name not in self.constants and name[0] in "FC" and name[1:].isdigit()
        }
        self.enter: Callable[..., Any] | None = None  # its entrance, once it is called again
        self.calls = 0
        self.misses = 0
        self.run = compiled(name, text, dict(namespace))

    def __reduce__(self) -> Any:
        """Text and constants: no code."""
        modules = [line.split()[1] for line in self.imports]
        return _restored, (
            self.text, self.name, {**self.constants, **self.functions}, modules, self.structure, self.whole, self.saves,
            self.records, self.key, self.guards, self.imports, self.parameters, self.inputs,
        )  # fmt: skip

    @property
    def by_rows(self) -> bool:
        """Whether it is for finite numbers alone (see rows.py)."""
        return "math.isfinite(probe)" in self.text

    @property
    def lines(self) -> int:
        return self.text.count("\n") - 1

    def __call__(self, *leaves: Any) -> Any:
        return self._built(self.run(*leaves))

    def plain(self, *leaves: Any) -> Any:
        """The result of the NumPy program, where another runs (`NumbaProgram`)."""
        return self(*leaves)

    def _built(self, result: Any) -> Any:
        return result if self.whole else self.structure.build(iter(result), bare=True)

    def __repr__(self) -> str:
        return f"<program {self.name}: {self.lines} lines, {len(self.guards)} guards, {self.calls} calls>"


def _restored(
    text: str, name: str, constants: dict[str, Any], modules: list[str], *rest: Any, kind: type[Program] = Program
) -> Program:
    namespace = {module.replace(".", "_"): importlib.import_module(module) for module in modules}
    return kind(text, name, {**NAMES, **namespace, **constants}, *rest)


class Programs(list[Program]):
    """The programs of a staged function; prints as a table."""

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("program", "lines", "guards", "calls", "misses", "for")]
        for one in self:
            what = ", ".join(_described(known) for known in one.parameters.values())
            rows.append((one.name, *map(str, (one.lines, len(one.guards), one.calls, one.misses)), what))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    __repr__ = __str__


def _described(known: Any) -> str:
    if known.kind != "array":
        return str(getattr(known.dtype, "__name__", known.dtype))
    return (
        f"{known.dtype}{list(known.shape)}"
        if known.kind == "array"
        else str(getattr(known.dtype, "__name__", known.dtype))
    )
