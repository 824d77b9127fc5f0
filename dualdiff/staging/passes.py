"""Passes: from the record of a run to fewer and quicker calls that compute the same bits.

Each takes the instructions and gives fewer, in one walk.  What they rely on:

* numbers and NumPy's scalars do not change; an array changes only by an instruction that says so (``written``), which
  changes all that is in the memory of its root;
* a result that is no view has memory of its own, which is in no other variable;
* nothing is concluded from the example: what is folded is executed anew, on constants.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .record import SILENT, Constant, Instruction, Ref, Trace, Variable, mapped, refs

_ndarray = np.ndarray
_FOLDED = 2**20  # bytes of the largest constant that folding makes
ALL = frozenset(
    {"fold", "views", "copies", "stores", "identities", "common", "dead", "direct", "nest", "reuse", "blocks", "floats"}
)


class Options(NamedTuple):
    """Which passes run."""

    names: frozenset[str] = ALL


ALL_PASSES = Options()


class Program(NamedTuple):
    """Instructions on their way through the passes."""

    trace: Trace
    steps: list[Instruction]
    parameters: list[int]
    outputs: list[Any]

    @property
    def variables(self) -> list[Variable]:
        return self.trace.variables

    def root(self, number: int) -> int:
        return self.trace.variables[number].root

    def writes(self) -> dict[int, list[int]]:
        """By root, the positions of the instructions that write into its memory."""
        found: dict[int, list[int]] = defaultdict(list)
        for i, step in enumerate(self.steps):
            for number in step.written:
                found[self.root(number)].append(i)
        return found


def simplified(
    trace: Trace, parameters: list[int], outputs: list[Any], options: Options
) -> tuple[list[Instruction], list[Any]]:
    """The instructions of a trace after all passes that are on."""
    program = Program(trace, [without_result(step) for step in trace.instructions], parameters, list(outputs))
    for name, apply in _PASSES:
        if name in options.names:
            program = apply(program)
    return program.steps, program.outputs


def changed(step: Instruction, known: dict[int, Any]) -> Instruction:
    """An instruction with what is known to be the same in place of its arguments."""
    if not known or not any(number in known for number in step.reads):
        return step
    replace = lambda ref: known.get(ref.number, ref)
    return step.replaced(mapped(step.args, replace), mapped(step.kwargs, replace))


def without_result(step: Instruction) -> Instruction:
    """An instruction that writes into its result, which is there already, makes none."""
    if type(step.out) is not Ref or step.out.number not in step.written:
        return step
    step = step.replaced(step.args, step.kwargs)
    step.out = None
    return step


def may_raise(program: Program, step: Instruction) -> bool:
    """Whether an error may come of the values, where NumPy would have inf or nan."""
    if step.errstate is SILENT:  # where it is expected, and caught
        return False
    if step.how == "operator" and step.what in _RAISING and type(step.out) is Ref:
        if program.variables[step.out.number].kind != "number":
            return False
        other = step.args[1]
        return step.what == "__pow__" or type(other) is Ref or not other
    if step.how != "call" or type(step.what) is tuple:
        return False
    module = getattr(step.what, "__module__", None)
    return module == "math" or (module == "numpy.linalg" and step.what not in (np.linalg.det, np.linalg.norm))


_RAISING = frozenset({"__truediv__", "__floordiv__", "__mod__", "__pow__", "divmod"})


# Dead code.


def dead(program: Program) -> Program:
    """Drop what no result, guard or argument of the caller's depends on."""
    live: set[int] = set()
    live_roots: set[int] = {program.root(number) for number in program.parameters}

    def use(tree: Any) -> None:
        for number in refs(tree):
            live.add(number)
            live_roots.add(program.root(number))

    use(program.outputs)
    kept = []
    written: set[int] = set()
    for step in reversed(program.steps):
        if step.how == "writeable":  # which matters to later writes alone
            needed = type(step.args[0]) is Ref and program.root(step.args[0].number) in written
        else:
            needed = step.how == "guard" or not (step.is_pure or step.written) or may_raise(program, step)
        needed = needed or any(number in live for number in refs(step.out))
        needed = needed or any(program.root(number) in live_roots for number in step.written)
        if needed:
            use((step.args, step.kwargs))
            written.update(program.root(number) for number in step.written)
            kept.append(step)
    return program._replace(steps=kept[::-1])


# Constants.


def executed(step: Instruction, args: Any, kwargs: Any) -> Any:
    """An instruction executed on constants."""
    import operator

    with np.errstate(all="ignore"):
        if step.how == "operator":
            return getattr(operator, step.what, divmod)(*args)
        if step.how == "call":
            function = getattr(*step.what) if type(step.what) is tuple else step.what
            return function(*args, **kwargs)
        if step.how == "method":
            return getattr(args[0], step.what)(*args[1:], **kwargs)
        if step.how == "attribute":
            return getattr(args[0], step.what)
        return args[0][args[1]]


def fold(program: Program) -> Program:
    """Execute what depends on constants alone."""
    trace, written = program.trace, program.writes()
    known: dict[int, Any] = {}
    kept = []
    value_of = lambda tree: _with_constants(tree, trace.constants)
    for step in program.steps:
        step = changed(step, known)
        out = step.out
        if step.how == "writeable" and type(step.args[0]) is Constant:  # nobody writes it: see below
            continue
        if step.how == "guard" and not refs(step.args):
            if _holds(step, value_of(step.args)):
                continue
            kept.append(step)
            continue
        if (
            type(out) is not Ref
            or not step.is_pure
            or step.reads
            or program.root(out.number) in written
            or _nbytes(program.variables[out.number]) > _FOLDED
            or step.what in (np.empty, np.empty_like)
        ):
            kept.append(step)
            continue
        made = executed(step, value_of(step.args), value_of(step.kwargs))
        if type(made) is _ndarray:
            known[out.number] = _as_constant(trace, made)
        elif isinstance(made, (float, int, complex, np.generic)):
            known[out.number] = made
        else:
            kept.append(step)
    return _finished(program, kept, known)


def _with_constants(tree: Any, constants: list[Any]) -> Any:
    kind = type(tree)
    if kind is Constant:
        return constants[tree.number]
    if kind is tuple:
        return tuple([_with_constants(item, constants) for item in tree])
    if kind is list:
        return [_with_constants(item, constants) for item in tree]
    if kind is dict:
        return {name: _with_constants(item, constants) for name, item in tree.items()}
    if kind is slice:
        return slice(*(_with_constants(item, constants) for item in (tree.start, tree.stop, tree.step)))
    return tree


def _as_constant(trace: Trace, array: Any) -> Constant:
    if array.flags.writeable:
        array.flags.writeable = False
    trace.constants.append(array)
    return Constant(len(trace.constants) - 1)


def _holds(step: Instruction, args: Any) -> bool:
    value = args[0]
    if step.what == "bool":
        return bool(value) == args[1]
    if step.what == "nan":
        return not np.any(np.isnan(value))
    if step.what == "shape":
        return bool(value.shape == args[1] and value.dtype == args[2])
    if step.what == "type":
        return type(value) is args[1]
    return int(value) == args[1]


def _nbytes(variable: Variable) -> int:
    return int(np.prod(variable.shape)) * variable.dtype.itemsize if variable.kind == "array" else 0


def _finished(program: Program, steps: list[Instruction], known: dict[int, Any]) -> Program:
    replace = lambda ref: known.get(ref.number, ref)
    return program._replace(steps=steps, outputs=[mapped(out, replace) for out in program.outputs])


# Views and copies.


def views(program: Program) -> Program:
    """One variable for each view: the same entries of the same memory are the same array."""
    seen: dict[Any, int] = {}
    known: dict[int, Any] = {}
    kept = []
    for number in program.parameters:
        seen[_geometry(program.variables[number])] = number
    for step in program.steps:
        step = changed(step, known)
        if type(step.out) is Ref and step.out.number not in step.written:
            variable = program.variables[step.out.number]
            if variable.kind == "array":
                place = _geometry(variable)
                same = seen.setdefault(place, step.out.number)
                if same != step.out.number and variable.root != step.out.number and not step.written:
                    known[step.out.number] = Ref(same)
                    continue
        kept.append(step)
    return _finished(program, kept, known)


def _geometry(variable: Variable) -> Any:
    # Of an axis of length 1 any stride will do, but a call may ask for it all the same.
    return variable.root, variable.offset, variable.shape, variable.strides, variable.dtype


def copies(program: Program) -> Program:
    """A copy of what does not change is the original, if nobody writes into the copy."""
    written = program.writes()
    known: dict[int, Any] = {}
    kept = []
    for i, step in enumerate(program.steps):
        step = changed(step, known)
        if type(step.out) is Ref and _is_copy(step) and not written.get(program.root(step.out.number)):
            source = step.args[0]
            variable = program.variables[step.out.number]
            if type(source) is Constant:
                array = program.trace.constants[source.number]
                if (array.strides, array.shape, array.dtype) == (variable.strides, variable.shape, variable.dtype):
                    known[step.out.number] = source
                    continue
            elif type(source) is Ref:
                original = program.variables[source.number]
                unchanged = not any(at > i for at in written.get(original.root, ()))
                if (
                    unchanged
                    and original.kind == "array"
                    and (original.strides, original.shape, original.dtype)
                    == (variable.strides, variable.shape, variable.dtype)
                ):
                    known[step.out.number] = source
                    continue
        kept.append(step)
    return _finished(program, kept, known)


def _is_copy(step: Instruction) -> bool:
    if step.how == "method":
        return bool(step.what == "copy" and not step.kwargs)
    if step.how == "call" and step.what is np.copy:
        return set(step.kwargs) <= {"order"} and len(step.args) == 1
    return step.how == "call" and step.what is np.array and not step.kwargs and len(step.args) == 1


def stores(program: Program) -> Program:
    """``v = R[i]; v += w; R[i] = v``: the last of these does nothing."""
    made_by: dict[int, Instruction] = {}
    kept = []
    for step in program.steps:
        if step.how == "set" and type(step.args[2]) is Ref and not refs(step.args[1]):
            source = made_by.get(step.args[2].number)
            if (
                source is not None
                and source.how == "get"
                and source.args[0] == step.args[0]
                and _equal(source.args[1], step.args[1])
                and program.variables[step.args[2].number].root != step.args[2].number
            ):
                continue
        if type(step.out) is Ref:
            made_by.setdefault(step.out.number, step)
        kept.append(step)
    return program._replace(steps=kept)


def _equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and repr(a) == repr(b)


_NEW = (np.empty, np.zeros)


def fills(program: Program) -> Program:
    """``R = np.empty(n); R[...] = c``: an array that is made of its content."""
    steps, written = program.steps, program.writes()
    touched: dict[int, list[int]] = defaultdict(list)
    for i, step in enumerate(steps):
        for number in step.reads:
            touched[program.root(number)].append(i)
    made: dict[int, int] = {
        step.out.number: i
        for i, step in enumerate(steps)
        if step.how == "call" and type(step.out) is Ref and type(step.what) is not tuple and step.what in _NEW
    }
    dropped: set[int] = set()
    replaced: dict[int, Instruction] = {}
    for number, i in made.items():
        first = touched[number][0] if touched[number] else None
        if first is None or written.get(number, ())[:1] != [first]:
            continue
        step = steps[first]
        if step.how != "set" or step.args[0] != Ref(number) or step.args[1] is not Ellipsis or step.errstate:
            continue
        item, variable = step.args[2], program.variables[number]
        if type(item) is Ref and program.root(item.number) == number:  # of itself
            continue
        if variable.strides != np.empty(variable.shape, variable.dtype).strides:  # in another order
            continue
        if type(item) in (Ref, Constant) or isinstance(item, (float, int, np.generic)):
            dropped.add(i)
            shape, dtype = variable.shape, variable.dtype
            replaced[first] = Instruction(
                "call", np.full, (shape, item), {"dtype": dtype}, Ref(number), (), step.line, step.errstate
            )
    kept = [replaced.get(i, step) for i, step in enumerate(steps) if i not in dropped]
    return program._replace(steps=kept)


# Arithmetic that is none.

_MULTIPLY = ("__mul__", np.multiply)


def identities(program: Program) -> Program:
    """``x * 1`` is x; an array of equal entries in a product is a number."""
    written = program.writes()
    constants = program.trace.constants
    known: dict[int, Any] = {}
    kept = []
    uniform: dict[int, float | None] = {}

    def number_in(item: Any, out: Variable, other: Any) -> float | None:
        if type(item) is not Constant or type(other) is not Ref or out.dtype != np.float64:
            return None
        variable = program.variables[other.number]
        if (variable.kind, variable.shape, variable.dtype) != ("array", out.shape, out.dtype):
            return None
        if variable.strides != out.strides:
            return None
        if item.number not in uniform:
            array = constants[item.number]
            equal = array.dtype == np.float64 and array.size and bool(np.all(array == array.flat[0]))
            first = float(array.flat[0]) if equal else 0.0
            uniform[item.number] = first if equal and (first != 0.0 or not np.any(np.signbit(array))) else None
        return uniform[item.number]

    for i, step in enumerate(program.steps):
        step = changed(step, known)
        if (
            step.how in ("operator", "call")
            and type(step.what) is not tuple
            and step.what in _MULTIPLY
            and not step.kwargs
            and not step.written
            and len(step.args) == 2
        ):
            out = program.variables[step.out.number]
            for mine, other in ((0, 1), (1, 0)):
                item, x = step.args[mine], step.args[other]
                value = number_in(item, out, x)
                if value is None and type(item) in (float, np.float64) and type(x) is Ref:
                    kind = program.variables[x.number]
                    if (kind.kind, kind.shape, kind.dtype, kind.strides) == (
                        out.kind,
                        out.shape,
                        out.dtype,
                        out.strides,
                    ):
                        value = float(item)
                if value is None:
                    continue
                still = not written.get(out.root) and not any(at > i for at in written.get(program.root(x.number), ()))
                if value == 1.0 and still:
                    known[step.out.number] = x
                elif type(item) is Constant:
                    args = (value, x) if mine == 0 else (x, value)
                    step = step.replaced(args, step.kwargs)
                break
        if type(step.out) is Ref and step.out.number in known:
            continue
        kept.append(step)
    return _finished(program, kept, known)


# Common subexpressions.


def common(program: Program) -> Program:
    """What has been computed, of memory that has not changed since, is not computed again."""
    written = program.writes()
    seen: dict[Any, Ref] = {}
    known: dict[int, Any] = {}
    version: Counter[int] = Counter()
    kept = []
    for step in program.steps:
        step = changed(step, known)
        if step.is_pure and type(step.out) is Ref:
            out = step.out.number
            if not written.get(program.root(out)) and program.root(out) == out and step.what not in (np.empty,):
                at = tuple([(n, version[program.root(n)]) for n in step.reads])
                key = (step.how, _identity(step.what), repr((step.args, step.kwargs)), at, _state(step))
                if key in seen:
                    known[out] = seen[key]
                    continue
                seen[key] = step.out
        elif step.how == "guard":
            at = tuple([(n, version[program.root(n)]) for n in refs(step.args)])
            key = ("guard", step.what, repr(step.args), at, None)
            if key in seen:
                continue
            seen[key] = Ref(-1)
        for number in step.written:
            version[program.root(number)] += 1
        kept.append(step)
    return _finished(program, kept, known)


def _identity(what: Any) -> Any:
    return what if isinstance(what, (str, type(None))) else (id(what[0]), what[1]) if type(what) is tuple else id(what)


def _state(step: Instruction) -> Any:
    return None if step.errstate is None else tuple(step.errstate.items())


# The same by a shorter way.


def direct(program: Program) -> Program:
    """NumPy's functions as the calls that they make themselves."""
    return program._replace(steps=[_direct(program, step) for step in program.steps])


def _direct(program: Program, step: Instruction) -> Instruction:
    if step.how != "call" or type(step.what) is tuple or step.written:
        return step
    args, kwargs = step.args, step.kwargs
    how, what = step.how, step.what
    array = bool(args) and _is_array(program, args[0])
    if what is np.sum and array and len(args) <= 2 and set(kwargs) <= {"axis", "keepdims"}:
        axis = args[1] if len(args) == 2 else kwargs.get("axis")
        what, args, kwargs = (np.add, "reduce"), args[:1], {**kwargs, "axis": axis}
    elif what is np.moveaxis and array and not kwargs and all(type(x) is int for x in args[1:]):
        ndim = len(program.variables[args[0].number].shape)
        source, target = (x % ndim for x in args[1:])
        order = [axis for axis in range(ndim) if axis != source]
        order.insert(target, source)
        how, what, args = "method", "transpose", (args[0], *order)
    elif what is np.matmul and not kwargs and array and _is_array(program, args[1]):
        how, what = "operator", "__matmul__"
    elif what is np.copy and array and kwargs == {"order": "K"}:
        how, what, args, kwargs = "method", "copy", (args[0], "K"), {}
    elif what in (np.zeros, np.empty) and len(args) == 2 and not kwargs and args[1] == np.dtype(np.float64):
        args = args[:1]
    elif what is np.full and kwargs.get("dtype") == np.dtype(np.float64) and isinstance(args[1], float):
        kwargs = {}
    else:
        return step
    return Instruction(how, what, args, kwargs, step.out, step.written, step.line, step.errstate)


def _is_array(program: Program, item: Any) -> bool:
    return type(item) is Ref and program.variables[item.number].kind == "array"


_PASSES: list[tuple[str, Callable[[Program], Program]]] = [
    ("dead", dead),
    ("views", views),
    ("stores", stores),
    ("stores", fills),
    ("fold", fold),
    ("copies", copies),
    ("fold", fold),
    ("identities", identities),
    ("views", views),
    ("common", common),
    ("dead", dead),
    ("direct", direct),
]
