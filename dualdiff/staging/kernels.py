"""The text of a compiled function: loops over the entries of flat memory, and how a program calls it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .expressions import NotElementwise
from .places import shown
from .record import Constant, Instruction

if TYPE_CHECKING:
    from .loops import Cluster

_FLOAT64, _BOOL = np.dtype(np.float64), np.dtype(bool)


class Access(NamedTuple):
    """Where an array has its entries, in the flat memory of its root."""

    root: Any  # the number of a variable, or a Constant
    offset: int
    strides: tuple[int, ...]
    shape: tuple[int, ...]

    def broadcast(self, shape: tuple[int, ...]) -> Access:
        missing = len(shape) - len(self.shape)
        if missing < 0:  # ``x[0] = w`` with w of one row
            if any(n != 1 for n in self.shape[:-missing]):
                raise NotElementwise
            return self._replace(shape=self.shape[-missing:], strides=self.strides[-missing:]).broadcast(shape)
        given = zip(self.shape, self.strides, shape[missing:], strict=True)
        strides = [0 if n == 1 and m != 1 else s for n, s, m in given]
        return self._replace(shape=shape, strides=tuple([0] * missing + strides))


class Step(NamedTuple):
    """One call within a loop over ``shape``: ``store[...] = text`` of what ``reads`` find."""

    shape: tuple[int, ...]
    reads: list[Access | str]
    text: Callable[..., str]
    store: Access | int  # or the number of a scalar
    line: str
    kind: str = "each"  # or "sum", "status"


class Kernel:
    """A compiled function: its text, and how it is called."""

    def __init__(self, name: str, lines: list[str], parameters: list[tuple[str, ...]], outputs: int) -> None:
        self.name = name
        self.lines = lines
        self.parameters = parameters  # kind, number of axes, layout, "readonly"
        self.outputs = outputs
        self.failures: list[tuple[str, str]] = []  # Miss or NotANumber, and the user's line

    def called(self, writer: Any, step: Instruction) -> list[str]:
        """The lines that call it, in a program."""
        names = [writer.name(ref.number) for ref in step.out]
        call = f"{self.name}({', '.join(map(writer.value, step.args))})"
        lines = []
        if self.failures:
            lines = [f"{', '.join(['status', *names])}{',' * (not names)} = {call}", "if status:"]
            told = [f"{kind}({shown(line)!r})" for kind, line in self.failures]
            lines.append(f"    raise (None, {', '.join(told)})[status]")
        else:
            lines = [f"{', '.join(names)} = {call}" if names else call]
        for ref, name in zip(step.out, names, strict=True):
            known = writer.variables[ref.number]
            if known.kind == "scalar":
                lines.append(f"{name} = np.{'bool_' if known.dtype == _BOOL else 'float64'}({name})")
        return lines

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


class Loops:
    """Writes the loops of a cluster."""

    def __init__(self, cluster: Cluster, name: str, outputs: list[int]) -> None:
        self.cluster = cluster
        self.name = name
        self.outputs = outputs
        self.groups = self._groups()
        self.arrays = self._in_memory()
        self.lines: list[str] = []
        self.shown = ""

    def _groups(self) -> list[list[Step]]:
        groups: list[list[Step]] = []
        for step in self.cluster.steps:
            if not groups or not self._fits(groups[-1], step):
                groups.append([])
            groups[-1].append(step)
        return groups

    def _fits(self, group: list[Step], step: Step) -> bool:
        if step.shape != group[0].shape or not step.shape:
            return not step.shape and not group[0].shape
        if step.kind != "each" or group[0].kind != "each":
            return False
        for other in group:
            for a, b in ((step, other), (other, step)):
                if isinstance(a.store, Access):
                    for place in [*b.reads, b.store]:
                        if isinstance(place, Access) and place.root == a.store.root and place != a.store:
                            return False
        return True

    def _in_memory(self) -> set[int]:
        """What is made here and needs memory: a result, or what another loop reads."""
        needed = {number for number in self.outputs if self.cluster.made[number].kind == "array"}
        needed |= set(self.cluster.fills) & set(self.cluster.made)
        home: dict[int, int] = {}
        for i, group in enumerate(self.groups):
            for step in group:
                for place in [*step.reads, step.store]:
                    if isinstance(place, Access) and place.root in self.cluster.made:
                        number = place.root
                        whole = place.offset == 0 and place.shape == self.cluster.made[number].shape
                        if home.setdefault(number, i) != i or not whole or step.kind == "sum" or not place.shape:
                            needed.add(number)
        return needed

    def kernel(self) -> Kernel:
        cluster, lines = self.cluster, self.lines
        parameters: list[tuple[str, ...]] = []
        names = []
        for item in cluster.inputs:
            text, parameter, head = self._parameter(item)
            names.append(text)
            parameters.append(parameter)
            lines += head
        variables = cluster.program.variables
        for number in sorted(self.arrays):
            size = math.prod(cluster.made[number].shape)
            fill = cluster.fills.get(number, "")
            made = {"": f"np.empty({size}", "0.0": f"np.zeros({size}"}.get(fill, f"np.full({size}, {fill}")
            lines.append(f"m{number} = {made}{'' if variables[number].dtype == _FLOAT64 else ', np.bool_'})")
        results = [number for number in self.outputs if cluster.made[number].kind != "array"]
        if cluster.failures:
            lines.append("status = 0")
            lines += [f"v{n} = {'False' if variables[n].dtype in (bool, _BOOL) else '0.0'}" for n in results]
        returned = [self._returned(number) for number in self.outputs]
        if cluster.failures:
            returned.insert(0, "status")
        self.end = f"return {', '.join(returned)}{',' if len(returned) == 1 and cluster.failures else ''}"
        for group in self.groups:
            self._group(group)
        if returned:
            lines.append(self.end)
        first = f"def {self.name}({', '.join(names)}):"
        kernel = Kernel(self.name, [first, *("    " + line for line in lines)], parameters, len(self.outputs))
        kernel.failures = list(cluster.failures)
        return kernel

    def _parameter(self, item: Any) -> tuple[str, tuple[str, ...], list[str]]:
        cluster = self.cluster
        if type(item) is Constant:
            array, name = cluster.program.trace.constants[item.number], f"k{item.number}"
            shape, strides, dtype = array.shape, array.strides, array.dtype
        else:
            variable = cluster.program.variables[item]
            name, dtype = f"v{item}", variable.dtype
            if variable.kind != "array":
                return name, ("boolean" if dtype in (bool, _BOOL) else "float64",), []
            shape, strides = variable.shape, variable.strides
        strides = tuple([s // dtype.itemsize for s in strides])
        layout = "C" if strides == row_major(shape) or is_row_major(shape, strides) else "F"
        flat = name if len(shape) == 1 else f"{name}.reshape({math.prod(shape)})"
        if layout == "F" and len(shape) > 1:
            flat = f"{name}.T.reshape({math.prod(shape)})"
        access = "" if item in cluster.written else "readonly"
        kind = "boolean" if dtype == _BOOL else "float64"
        return name, (kind, str(len(shape)), layout, access), [f"{self._memory(item)} = {flat}"]

    def _memory(self, root: Any) -> str:
        return f"mk{root.number}" if type(root) is Constant else f"m{root}"

    def _returned(self, number: int) -> str:
        variable = self.cluster.made[number]
        if variable.kind != "array":
            return f"v{number}"
        if len(variable.shape) == 1:
            return f"m{number}"
        strides = tuple(s // variable.dtype.itemsize for s in variable.strides)
        if not variable.strides or is_row_major(variable.shape, strides):
            return f"m{number}.reshape({_tuple(variable.shape)})"
        return f"m{number}.reshape({_tuple(variable.shape[::-1])}).T"

    def _group(self, group: list[Step]) -> None:
        shape = group[0].shape
        if 0 in shape:
            return
        flat = math.prod(shape)
        accesses = [p for step in group for p in [*step.reads, step.store] if isinstance(p, Access)]
        in_order = [p.strides == row_major(shape) or not any(p.strides) for p in accesses]
        sums = group[0].kind == "sum"
        names: list[str] = []
        if len(shape) > 1 and all(in_order) and not sums:
            names = ["i"]
            self.lines.append(f"for i in range({flat}):")
            at = lambda p: _sum_of([str(p.offset)] * bool(p.offset) + ["i"] * any(p.strides))
        else:
            names = [f"i{k}" for k in range(len(shape))]
            for k, n in enumerate(shape):
                self.lines.append("    " * k + f"for i{k} in range({n}):")
            at = lambda p: _sum_of(
                [str(p.offset)] * bool(p.offset)
                + [_times(f"i{k}", s) for k, s in enumerate(p.strides) if s and shape[k] > 1]
            )
        indent = "    " * len(names)
        if group[0].kind == "status" and names:
            self.lines.insert(-len(names), "bad = False")
        for step in group:
            comment = ""
            if step.line and step.line != self.shown:
                comment, self.shown = f"  # {shown(step.line)}", step.line
            if step.kind == "sum":
                place = step.reads[0]
                assert isinstance(place, Access)
                text = step.text(self._memory(place.root), at(place))
            else:
                text = step.text(*[self._operand(p, at) for p in step.reads])
            if step.kind == "status":
                if names:
                    self.lines.append(f"{indent}bad = bad | ({text})")
                self.lines += [
                    f"if {'bad' if names else text}:{comment}",
                    f"    status = {step.store}",
                    f"    {self.end}",
                ]
                continue
            self.lines.append(f"{indent}{self._target(step.store, at)} = {text}{comment}")

    def _operand(self, place: Access | str, at: Callable[[Access], str]) -> str:
        if isinstance(place, str):
            return place
        if place.root in self.cluster.made and place.root not in self.arrays:
            return f"v{place.root}"
        return f"{self._memory(place.root)}[{at(place)}]"

    def _target(self, store: Access | int, at: Callable[[Access], str]) -> str:
        if not isinstance(store, Access):
            return f"v{store}"
        return self._operand(store, at)


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    found, step = [], 1
    for n in reversed(shape):
        found.append(step)
        step *= max(n, 1)
    return tuple(found[::-1])


def is_row_major(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    return 0 in shape or all(n == 1 or s == t for n, s, t in zip(shape, strides, row_major(shape), strict=True))


def is_whole(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether the entries fill memory without holes, by rows or by columns."""
    return is_row_major(shape, strides) or is_row_major(shape[::-1], strides[::-1])


def _times(name: str, stride: int) -> str:
    return name if stride == 1 else f"{name} * {stride}"


def _sum_of(terms: list[str]) -> str:
    return " + ".join(terms) or "0"


def _tuple(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
