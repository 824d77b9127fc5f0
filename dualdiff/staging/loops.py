"""Clusters of elementwise calls as loops over numbers, in the text of functions that a compiler takes.

A cluster is a run of calls that read and write arrays entry by entry, sums, stores, and guards.  An array is the flat
memory of its root; a view is where it reads there, so that slicing costs nothing.  Calls over one shape share a loop as
long as none reads or writes what another one has at another place (`Loops.fits`); what only one loop needs is a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .expressions import ARITHMETIC, EXPRESSIONS, SLOW, NotElementwise, literal, within
from .places import shown
from .record import Constant, Instruction, Ref, Variable, refs
from .simplifying import Program, may_raise

_FLOAT64, _BOOL = np.dtype(np.float64), np.dtype(bool)
_FEW = 256  # entries, above which NumPy's own exp, sin and the like, which take several at once, are quicker
FEWEST = 2  # calls that are worth a call of a compiled function


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


def clustered(program: Program) -> tuple[Program, list[Kernel]]:
    """The program with each cluster as one instruction."""
    kept: list[Instruction] = []
    kernels: list[Kernel] = []
    defined = set(program.parameters)
    cluster = Cluster(program, defined)

    def close(after: int) -> None:
        nonlocal cluster
        if cluster.worth >= FEWEST:
            kernel, steps = cluster.closed(f"loops{len(kernels)}", after)
            kernels.append(kernel)
            kept.extend(steps)
        else:
            kept.extend(cluster.taken)
        defined.update(number for step in cluster.taken for number in refs(step.out))
        cluster = Cluster(program, defined)

    for i, step in enumerate(program.steps):
        if cluster.take(step):
            continue
        close(i)
        if not cluster.take(step):
            cluster = Cluster(program, defined)
            kept.append(step)
            defined.update(refs(step.out))
    close(len(program.steps))
    return program._replace(steps=kept), kernels


class Cluster:
    """The calls of one compiled function, as they come."""

    def __init__(self, program: Program, defined: set[int]) -> None:
        self.program = program
        self.defined = defined  # the variables before it
        self.taken: list[Instruction] = []
        self.views: list[Instruction] = []
        self.steps: list[Step] = []
        self.made: dict[int, Variable] = {}  # by root, or of scalars
        self.inputs: dict[Any, None] = {}
        self.written: set[int] = set()
        self.fills: dict[int, str] = {}
        self.failures: list[tuple[str, str]] = []
        self.worth = 0

    def take(self, step: Instruction) -> bool:
        """Whether the call is one of those; nothing has changed if not."""
        before = len(self.steps), dict(self.made), dict(self.inputs), set(self.written), len(self.failures), self.worth
        views = len(self.views)
        try:
            self._take(step)
        except NotElementwise:
            at, self.made, self.inputs, self.written, failures, self.worth = before
            del self.steps[at:], self.failures[failures:], self.views[views:]
            return False
        self.taken.append(step)
        return True

    def _take(self, step: Instruction) -> None:
        how, what, args = step.how, step.what, step.args
        variables = self.program.variables
        if how == "guard":
            self._guard(step)
            return
        if how == "writeable" or may_raise(self.program, step):
            raise NotElementwise
        if how == "set":
            target = self._indexed(args[0], args[1])
            self._each(step, target.shape, args[2:], lambda a: a, self._writes(target))
            return
        if step.written:
            self._rewrite(step)
            return
        if type(step.out) is not Ref:
            raise NotElementwise
        out = variables[step.out.number]
        if out.kind == "array" and out.root != step.out.number:
            self._access(step.out.number, used=False)  # of known memory
            self.views.append(step)
            return
        self._check(out)
        if how == "get":
            place = self._indexed(args[0], args[1])
            if out.kind == "array" or place.shape:
                raise NotElementwise
            self._each(step, (), [place], lambda a: a, self._scalar(step.out.number))
            return
        if how == "call" and what in (np.zeros, np.empty, np.ones, np.full):
            self._filled(step)
            return
        if how == "call" and what == (np.add, "reduce"):
            self._sum(step)
            return
        if how == "call" and what in (np.array, np.stack, np.concatenate) and type(args[0]) in (list, tuple):
            self._joined(step)
            return
        text = self._text_of(step)
        if out.dtype in (bool, _BOOL) and what in ARITHMETIC:  # NumPy's "+" of truth values is "or"
            raise NotElementwise
        if what in SLOW and math.prod(out.shape) > _FEW:
            raise NotElementwise
        store = self._scalar(step.out.number) if out.kind != "array" else self._new(step.out.number)
        self._each(step, out.shape, self._operands(step), text, store)

    # What a step is made of.

    def _operands(self, step: Instruction) -> list[Any]:
        return list(step.args[:1] if step.how == "method" else step.args)

    def _text_of(self, step: Instruction) -> Callable[..., str]:
        how, what, kwargs = step.how, step.what, step.kwargs
        if how == "method":
            if what == "item" and len(step.args) == 1 and not kwargs:
                return lambda a: a
            if what == "copy" and not kwargs:
                return lambda a: a
            raise NotElementwise
        if how == "call" and what is np.copy and set(kwargs) <= {"order", "subok"}:
            return lambda a: a
        if how not in ("operator", "call") or kwargs or type(what) is tuple:
            raise NotElementwise
        if what in ("__pow__", np.power):
            return _power(step.args[1])
        try:
            return EXPRESSIONS[what]
        except (KeyError, TypeError):
            raise NotElementwise from None

    def _rewrite(self, step: Instruction) -> None:
        """``v += w`` and ``np.add(v, w, out=u)``"""
        if type(step.out) is Ref and step.out.number not in step.written:
            raise NotElementwise
        if step.how == "operator" and len(step.written) == 1:
            target, text = step.args[0], self._text_of(Instruction("operator", "__" + step.what[3:], step.args, {}))
        elif step.how == "call" and set(step.kwargs) == {"out"} and len(step.written) == 1:
            out = step.kwargs["out"]
            target = out[0] if type(out) is tuple else out
            text = self._text_of(Instruction("call", step.what, step.args, {}))
        else:
            raise NotElementwise
        if type(target) is not Ref:
            raise NotElementwise
        place = self._access(target.number)
        if self._dtype(place.root) != _FLOAT64 or (step.what in SLOW and math.prod(place.shape) > _FEW):
            raise NotElementwise
        self._each(step, place.shape, list(step.args), text, self._writes(place))

    def _filled(self, step: Instruction) -> None:
        args, kwargs, number = step.args, step.kwargs, step.out.number
        if not set(kwargs) <= {"dtype"} or kwargs.get("dtype") not in (None, float, np.float64, _FLOAT64):
            raise NotElementwise
        if len(args) > 1 + (step.what is np.full):
            raise NotElementwise
        fill: Any = {np.zeros: 0.0, np.ones: 1.0, np.empty: 0.0}.get(step.what, args[-1])
        place = self._new(number)
        if type(fill) is Ref or type(fill) is Constant:
            self._each(step, place.shape, [fill], lambda a: a, place)
            return
        self.fills[number] = literal(fill)  # before all loops: nothing can have read it

    def _sum(self, step: Instruction) -> None:
        if not set(step.kwargs) <= {"axis"} or len(step.args) != 1 or type(step.args[0]) is not Ref:
            raise NotElementwise
        place = self._access(step.args[0].number)
        axis = step.kwargs.get("axis", 0)
        if type(axis) is tuple and len(axis) == 1:
            axis = axis[0]
        if axis is None and place.strides == _strides(place.shape):
            place, axis = place._replace(shape=(math.prod(place.shape),), strides=(1,)), 0
        if type(axis) is not int or not place.shape or self._dtype(place.root) != _FLOAT64:
            raise NotElementwise
        axis %= len(place.shape)
        n, stride = place.shape[axis], place.strides[axis]
        if not n or (stride != 1 and math.prod(place.shape) > _FEW):
            raise NotElementwise
        rest = place._replace(
            shape=place.shape[:axis] + place.shape[axis + 1 :], strides=place.strides[:axis] + place.strides[axis + 1 :]
        )
        out = self.program.variables[step.out.number]
        store = self._scalar(step.out.number) if out.kind != "array" else self._new(step.out.number)
        text = lambda memory, at: f"pairwise({memory}, {at}, {n}, {stride})"
        self.steps.append(Step(out.shape, [rest], text, store, step.line, "sum"))
        self.worth += 1

    def _joined(self, step: Instruction) -> None:
        """Scalars and arrays into one new array."""
        kwargs = dict(step.kwargs)
        out = self.program.variables[step.out.number]
        items = list(step.args[0])
        if kwargs.pop("dtype", None) not in (None, float, np.float64, _FLOAT64) or len(items) > 64:
            raise NotElementwise
        if step.what is np.array:
            axis = 0
            if kwargs or len(step.args) > 1 or len(out.shape) != 1 or len(items) != out.shape[0]:
                raise NotElementwise
        else:
            axis = kwargs.pop("axis", step.args[1] if len(step.args) > 1 else 0)
            if kwargs or type(axis) is not int:
                raise NotElementwise
            axis %= len(out.shape)
        whole, at = self._new(step.out.number), 0
        for item in items:
            n = 1
            if step.what is np.concatenate:
                if type(item) is not Ref:
                    raise NotElementwise
                n = self.program.variables[item.number].shape[axis]
                shape = (*whole.shape[:axis], n, *whole.shape[axis + 1 :])
                strides = whole.strides
            else:
                shape = whole.shape[:axis] + whole.shape[axis + 1 :]
                strides = whole.strides[:axis] + whole.strides[axis + 1 :]
            part = Access(whole.root, whole.offset + at * whole.strides[axis], strides, shape)
            self._each(step, shape, [item], lambda a: a, part)
            at += n

    def _guard(self, step: Instruction) -> None:
        number = step.args[0].number if type(step.args[0]) is Ref else -1
        if number < 0 or step.what not in ("bool", "nan"):
            raise NotElementwise
        variable = self.program.variables[number]
        self._check(variable)
        kind = "NotANumber" if step.what == "nan" else "Miss"
        if (kind == "Miss") != (variable.dtype in (bool, _BOOL)) or (kind == "Miss" and variable.shape):
            raise NotElementwise
        self.failures.append((kind, step.line))
        status = len(self.failures)
        text = (lambda a: f"{a} != {a}") if kind == "NotANumber" else lambda a: f"{a} != {bool(step.args[1])}"
        read = self._read(step.args[0], variable.shape)
        self.steps.append(Step(variable.shape, [read], text, status, step.line, "status"))

    # Accesses.

    def _each(self, step: Any, shape: Any, operands: list[Any], text: Callable[..., str], store: Any) -> None:
        reads = [self._read(item, shape) for item in operands]
        if isinstance(store, Access):
            for read in reads:  # NumPy would read all of it first
                if isinstance(read, Access) and read.root == store.root and read != store:
                    raise NotElementwise
        self.steps.append(Step(shape, reads, text, store, step.line))
        self.worth += 1

    def _read(self, item: Any, shape: tuple[int, ...]) -> Access | str:
        kind = type(item)
        if kind is Access:
            return item.broadcast(shape)
        if kind is Ref:
            variable = self.program.variables[item.number]
            if variable.kind == "array":
                return self._access(item.number).broadcast(shape)
            self._check(variable)
            if item.number not in self.made:
                self.inputs.setdefault(item.number)
            return f"v{item.number}"
        if kind is Constant:
            array = self.program.trace.constants[item.number]
            if array.dtype not in (_FLOAT64, _BOOL):
                raise NotElementwise
            strides = tuple(s // array.itemsize for s in array.strides)
            if not _is_whole(array.shape, strides):
                raise NotElementwise
            self.inputs.setdefault(item)
            return Access(item, 0, strides, array.shape).broadcast(shape)
        return literal(item)

    def _access(self, number: int, used: bool = True) -> Access:
        variable = self.program.variables[number]
        root = self.program.variables[variable.root]
        self._check(variable)
        if variable.kind != "array" or root.kind != "array" or variable.dtype != root.dtype:
            raise NotElementwise
        size = variable.dtype.itemsize
        if variable.offset % size or any(s % size for s in (*variable.strides, *root.strides)):
            raise NotElementwise
        if variable.root not in self.made:
            if variable.root not in self.defined or not _is_whole(root.shape, tuple([s // size for s in root.strides])):
                raise NotElementwise
            if used:
                self.inputs.setdefault(variable.root)
        strides = tuple([s // size for s in variable.strides])
        return Access(variable.root, variable.offset // size, strides, variable.shape)

    def _indexed(self, target: Any, index: Any) -> Access:
        """What a basic index takes of an array."""
        if type(target) is not Ref:
            raise NotElementwise
        place = self._access(target.number)
        for part in index if type(index) is tuple else (index,):
            ends = (part.start, part.stop, part.step) if type(part) is slice else (part,)
            if not all(end is None or end is Ellipsis or type(end) is int for end in ends):
                raise NotElementwise
        parts = index if type(index) is tuple else (index,)
        whole = np.lib.stride_tricks.as_strided(np.empty(1, np.int8), place.shape, place.strides)
        taken = whole[(*parts, Ellipsis)] if Ellipsis not in parts else whole[parts]
        start = lambda array: array.__array_interface__["data"][0]
        offset = start(taken) - start(whole) if taken.size else 0
        return Access(place.root, place.offset + offset, taken.strides, taken.shape)

    def _writes(self, place: Access) -> Access:
        if any(n > 1 and not s for n, s in zip(place.shape, place.strides, strict=True)) or _folds(place):
            raise NotElementwise
        if place.root not in self.made:
            self.written.add(place.root)
        return place

    def _new(self, number: int) -> Access:
        variable = self.program.variables[number]
        size = variable.dtype.itemsize
        strides = tuple([s // size for s in variable.strides])
        if not variable.strides and variable.shape:  # made by a pass
            strides = _strides(variable.shape)
        if not _is_whole(variable.shape, strides):
            raise NotElementwise
        self.made[number] = variable
        return Access(number, 0, strides, variable.shape)

    def _scalar(self, number: int) -> int:
        self.made[number] = self.program.variables[number]
        return number

    def _check(self, variable: Variable) -> None:
        if variable.dtype not in (_FLOAT64, _BOOL, float, bool):
            raise NotElementwise

    def _dtype(self, root: Any) -> Any:
        return (
            self.program.trace.constants[root.number] if type(root) is Constant else self.program.variables[root]
        ).dtype

    # The text.

    def closed(self, name: str, after: int) -> tuple[Kernel, list[Instruction]]:
        """The function, and what the program calls in place of the cluster."""
        program = self.program
        used = {number for step in program.steps[after:] for number in (*step.reads, *step.written)}
        used |= {out.number for out in program.outputs if type(out) is Ref}
        views = []
        for view in reversed(self.views):
            if view.out.number in used:
                used.update(view.reads)
                views.append(view)
        outputs = [number for number in self.made if number in used]
        kernel = Loops(self, name, outputs).kernel()
        return kernel, [self._call(kernel, outputs), *reversed(views)]

    def _call(self, kernel: Kernel, outputs: list[int]) -> Instruction:
        args = tuple([item if type(item) is Constant else Ref(item) for item in self.inputs])
        written = tuple(number for number in self.inputs if type(number) is int and number in self.written)
        return Instruction("kernel", kernel, args, {}, tuple(map(Ref, outputs)), written, self.taken[0].line)


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
            fill = cluster.fills.get(number)
            made = f"np.empty({size}" if fill is None else f"np.zeros({size}" if fill == "0.0" else f"np.full({size}, {fill}"
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
        head = f"def {self.name}({', '.join(names)}):"
        kernel = Kernel(self.name, [head, *("    " + line for line in lines)], parameters, len(self.outputs))
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
        layout = "C" if strides == _strides(shape) or _is_row_major(shape, strides) else "F"
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
        if not variable.strides or _is_row_major(variable.shape, strides):
            return f"m{number}.reshape({_tuple(variable.shape)})"
        return f"m{number}.reshape({_tuple(variable.shape[::-1])}).T"

    def _group(self, group: list[Step]) -> None:
        shape = group[0].shape
        if 0 in shape:
            return
        flat = math.prod(shape)
        accesses = [p for step in group for p in [*step.reads, step.store] if isinstance(p, Access)]
        row_major = [p.strides == _strides(shape) or not any(p.strides) for p in accesses]
        sums = group[0].kind == "sum"
        names: list[str] = []
        if len(shape) > 1 and all(row_major) and not sums:
            names = ["i"]
            self.lines.append(f"for i in range({flat}):")
            at = lambda p: _sum_of([str(p.offset)] * bool(p.offset) + ["i"] * any(p.strides))
        else:
            names = [f"i{k}" for k in range(len(shape))]
            for k, n in enumerate(shape):
                self.lines.append("    " * k + f"for i{k} in range({n}):")
            at = lambda p: _sum_of(
                [str(p.offset)] * bool(p.offset) + [_times(f"i{k}", s) for k, s in enumerate(p.strides) if s and shape[k] > 1]
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
                self.lines += [f"if {'bad' if names else text}:{comment}", f"    status = {step.store}", f"    {self.end}"]
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


def _power(exponent: Any) -> Callable[..., str]:
    if type(exponent) in (int, float, np.float64) and float(exponent).is_integer() and abs(exponent) <= 4:
        n = int(exponent)
        times = lambda a: " * ".join([within(a)] * abs(n)) if n else "1.0"
        return lambda a, b: times(a) if n >= 0 else f"1.0 / ({times(a)})"
    if exponent == 0.5 and type(exponent) is not Constant and type(exponent) is not Ref:
        return lambda a, b: f"math.sqrt({a})"
    return lambda a, b: f"{within(a)} ** {within(b)}"


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    found, step = [], 1
    for n in reversed(shape):
        found.append(step)
        step *= max(n, 1)
    return tuple(found[::-1])


def _is_row_major(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    return 0 in shape or all(n == 1 or s == t for n, s, t in zip(shape, strides, _strides(shape), strict=True))


def _is_whole(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether the entries fill memory without holes, by rows or by columns."""
    return _is_row_major(shape, strides) or _is_row_major(shape[::-1], strides[::-1])


def _folds(place: Access) -> bool:
    """Whether two entries may be at one place."""
    reach = 0
    for s, n in sorted((abs(s), n) for s, n in zip(place.strides, place.shape, strict=True) if n > 1):
        if s <= reach:
            return True
        reach += s * (n - 1)
    return False


def _times(name: str, stride: int) -> str:
    return name if stride == 1 else f"{name} * {stride}"


def _sum_of(terms: list[str]) -> str:
    return " + ".join(terms) or "0"


def _tuple(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
