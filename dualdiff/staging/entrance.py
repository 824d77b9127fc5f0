"""The way into a program: one compiled function that looks at the arguments of a call and passes them on.

`Staged` finds the program of a call by a key of all its arguments.  Who calls again with arguments of the same kind
need not make that key: what is equal for equal keys is compared in place, argument by argument, until one differs.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from ..pytrees.kinds import sorted_keys

_ndarray = np.ndarray
OTHER = object()  # what the entrance gives for arguments of another kind


def entrance(run: Callable[..., Any], args: tuple[Any, ...], simple: frozenset[Any]) -> Callable[..., Any]:
    """``run`` of the leaves of ``args``, or `OTHER` where other arguments than these would have another key."""
    return _Writer(simple).compiled(run, args)


class _Writer:
    """Writes the comparisons, each the counterpart of what goes into a key."""

    def __init__(self, simple: frozenset[Any]) -> None:
        self.simple = simple  # the types of what is compared by value
        self.names: dict[str, Any] = {"OTHER": OTHER, "ndarray": _ndarray}
        self.lines: list[str] = []
        self.leaves: list[str] = []
        self.counter = 0
        self.arrays: dict[Any, list[str]] = {}  # by layout

    def compiled(self, run: Callable[..., Any], args: tuple[Any, ...]) -> Callable[..., Any]:
        self.names["run"] = run
        self.items(args, "args")
        self.apart()
        lines = ["def enter(args):", *self.lines, f"    return run({', '.join(self.leaves)})"]
        exec(compile("\n".join(lines), "<entrance>", "exec"), self.names)
        entered: Callable[..., Any] = self.names["enter"]
        return entered

    def apart(self) -> None:
        """No array is given twice, as ``x is y`` would find."""
        for names in self.arrays.values():
            if len(names) > 3:
                self.unless(f"len({{{', '.join(f'id({name})' for name in names)}}}) != {len(names)}")
            elif len(names) > 1:
                self.unless(*[f"{a} is {b}" for i, a in enumerate(names) for b in names[i + 1 :]])

    def constant(self, value: Any) -> str:
        name = f"C{len(self.names)}"
        self.names[name] = value
        return name

    def unless(self, *conditions: str) -> None:
        self.lines += [f"    if {' or '.join(conditions)}:", "        return OTHER"]

    def items(self, tree: Any, name: str) -> None:
        self.unless(f"len({name}) != {len(tree)}")
        names = [f"x{self.counter + i}" for i in range(len(tree))]
        self.counter += len(tree)
        if names:
            self.lines.append(f"    {', '.join(names)}, = {name}")
        for item, part in zip(names, tree, strict=True):
            self.one(part, item)

    def one(self, tree: Any, name: str) -> None:
        kind = type(tree)
        if kind is _ndarray:
            dtype = self.constant(tree.dtype)
            self.unless(
                f"type({name}) is not ndarray",
                f"{name}.shape != {tree.shape!r}",
                f"{name}.strides != {tree.strides!r}",
                f"{name}.dtype is not {dtype} and {name}.dtype != {dtype}",
            )
            self.leaves.append(name)
            self.arrays.setdefault((tree.shape, tree.strides, tree.dtype), []).append(name)
            return
        self.unless(f"type({name}) is not {self.constant(kind)}")
        if kind is tuple or kind is list:
            self.items(tree, name)
        elif kind is dict:
            self.unless(f"tuple({name}) != {self.constant(tuple(tree))}")
            if any(type(key) is not str for key in tree):
                self.unless(f"tuple(map(type, {name})) != {self.constant(tuple(map(type, tree)))}")
            for key in sorted_keys(tree):
                item = f"x{self.counter}"
                self.counter += 1
                self.lines.append(f"    {item} = {name}[{self.constant(key)}]")
                self.one(tree[key], item)
        elif kind in self.simple or kind is FunctionType:
            self.unless(f"{name} != {self.constant(tree)}")
        else:
            self.leaves.append(name)
