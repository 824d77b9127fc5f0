"""Clusters of elementwise calls as loops over numbers, in the text of functions that a compiler takes.

A cluster is a run of calls that read and write arrays entry by entry, sums, stores, and guards.  An array is the flat
memory of its root; a view is where it reads there, so that slicing costs nothing.  Calls over one shape share a loop as
long as none reads or writes what another one has at another place (`Loops.fits`); what only one loop needs is a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .agreement import begins_at_zero
from .expressions import ARITHMETIC, EXPRESSIONS, SLOW, NotElementwise, literal, within
from .kernels import Access, Kernel, Loops, Step, is_whole, row_major
from .record import Constant, Instruction, Ref, Variable, refs
from .simplifying import Program, may_raise

_FLOAT64, _BOOL = np.dtype(np.float64), np.dtype(bool)
_FEW = 256  # entries, above which NumPy's own exp, sin and the like, which take several at once, are quicker
FEWEST = 2  # calls that are worth a call of a compiled function


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
            self._each(step, target.shape, list(args[2:]), lambda a: a, self._writes(target))
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
        if axis is None and place.strides == row_major(place.shape):
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
        begin = " + 0.0" if begins_at_zero(n) else ""
        text = lambda memory, at: f"pairwise({memory}, {at}, {n}, {stride}){begin}"
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
        if number < 0 or step.what not in ("bool", "nan", "finite", "nonzero"):
            raise NotElementwise
        variable = self.program.variables[number]
        self._check(variable)
        is_bool = step.what == "bool"
        if is_bool != (variable.dtype in (bool, _BOOL)) or (is_bool and variable.shape):
            raise NotElementwise
        if step.what == "nonzero" and len(step.args[1]) != variable.shape[0]:
            raise NotElementwise
        kind = "Miss" if step.what in ("bool", "nonzero") else "NotANumber"
        self.failures.append((kind, step.line))
        status = len(self.failures)
        fails: dict[str, Callable[[str], str]] = {
            "nan": lambda a: f"{a} != {a}",
            "finite": lambda a: f"({a}) - ({a}) != 0.0",
            "nonzero": lambda a: f"{a} == 0.0",
            "bool": lambda a: f"{a} != {bool(step.args[1])}",
        }
        text = fails[step.what]
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
            if not is_whole(array.shape, strides):
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
            if variable.root not in self.defined or not is_whole(root.shape, tuple([s // size for s in root.strides])):
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
            strides = row_major(variable.shape)
        if not is_whole(variable.shape, strides):
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


def _power(exponent: Any) -> Callable[..., str]:
    if type(exponent) in (int, float, np.float64) and float(exponent).is_integer() and abs(exponent) <= 4:
        n = int(exponent)
        times = lambda a: " * ".join([within(a)] * abs(n)) if n else "1.0"
        return lambda a, b: times(a) if n >= 0 else f"1.0 / ({times(a)})"
    if exponent == 0.5 and type(exponent) is not Constant and type(exponent) is not Ref:
        return lambda a, b: f"math.sqrt({a})"
    return lambda a, b: f"{within(a)} ** {within(b)}"


def _folds(place: Access) -> bool:
    """Whether two entries may be at one place."""
    reach = 0
    for s, n in sorted((abs(s), n) for s, n in zip(place.strides, place.shape, strict=True) if n > 1):
        if s <= reach:
            return True
        reach += s * (n - 1)
    return False
