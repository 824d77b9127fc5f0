"""Passes: from the record of a run to fewer and quicker calls that compute the same bits.

Each takes the instructions and gives fewer, in one walk.  What they rely on:

* numbers and NumPy's scalars do not change; an array changes only by an instruction that says so (``written``), which
  changes all that is in the memory of its root;
* a result that is no view has memory of its own, which is in no other variable;
* nothing is concluded from the example: what is folded is executed anew, on constants.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .arithmetic import direct, identities
from .blocks import in_blocks
from .memory import copies, fills, stores, updates, views
from .record import Constant, Instruction, Ref, Trace, Variable, refs
from .rows import rows
from .signs import signs
from .silence import gathered
from .simplifying import Program, changed, finished, may_raise, without_result
from .stacks import stacks

_ndarray = np.ndarray
_FOLDED = 2**25  # bytes of the largest constant that folding makes
ALL = frozenset(
    {"fold", "views", "copies", "stores", "identities", "common", "stacks", "rows", "signs", "silence", "dead",
     "direct", "nest", "reuse", "blocks", "floats"}
)  # fmt: skip


class Options(NamedTuple):
    """Which passes run."""

    names: frozenset[str] = ALL


ALL_PASSES = Options()


def simplified(
    trace: Trace, parameters: list[int], outputs: list[Any], options: Options
) -> tuple[list[Instruction], list[Any]]:
    """The instructions of a trace after all passes that are on."""
    if trace.as_recorded is None:
        trace.as_recorded = list(trace.variables)
    trace.variables[: len(trace.as_recorded)] = trace.as_recorded  # which passes may change, another time
    program = Program(trace, [without_result(step) for step in trace.instructions], parameters, list(outputs))
    for name, apply in _PASSES:
        if name in options.names:
            program = apply(program)
    return program.steps, program.outputs


# Dead code.


def dead(program: Program) -> Program:
    """Drop what no result, guard or argument of the caller's depends on."""
    roots = [variable.root for variable in program.variables]
    live: set[int] = set(refs(program.outputs))
    live_roots: set[int] = {roots[number] for number in (*program.parameters, *live)}
    kept = []
    written: set[int] = set()
    for step in reversed(program.steps):
        if step.how == "writeable":  # which matters to later writes alone
            needed = type(step.args[0]) is Ref and roots[step.args[0].number] in written
        elif type(step.out) is Ref:
            needed = step.out[0] in live
        else:
            needed = not live.isdisjoint(step.makes)
        if step.written:
            needed = needed or any(roots[number] in live_roots for number in step.written)
        elif not needed and step.how != "writeable":
            needed = step.how == "guard" or not step.is_pure
        if needed or (step.how != "writeable" and may_raise(program, step)):
            reads = step.reads
            live.update(reads)
            live_roots.update([roots[number] for number in reads])
            written.update([roots[number] for number in step.written])
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
    return finished(program, kept, known)


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
    if step.what == "finite":
        return bool(np.all(np.isfinite(value)))
    if step.what == "nonzero":
        return bool(np.all(value[list(args[1])] != 0))
    if step.what == "shape":
        return bool((value.shape, value.dtype, value.strides)[: len(args) - 1] == args[1:])
    if step.what == "type":
        return type(value) is args[1]
    return int(value) == args[1]


def _nbytes(variable: Variable) -> int:
    return math.prod(variable.shape) * int(variable.dtype.itemsize) if variable.kind == "array" else 0


# Common subexpressions.


def common(program: Program) -> Program:
    """What has been computed, of memory that has not changed since, is not computed again."""
    written = program.writes()
    seen: dict[Any, Ref] = {}
    known: dict[int, Any] = {}
    version: Counter[int] = Counter()
    kept = []

    def versions(numbers: list[int]) -> Any:
        """How often the memory of each has been written so far."""
        roots = [program.root(number) for number in numbers]
        return tuple([version[root] for root in roots]) if any(root in version for root in roots) else None

    for step in program.steps:
        step = changed(step, known)
        if step.is_pure and type(step.out) is Ref:
            out = step.out.number
            root = program.root(out)
            if root == out and not written.get(root) and step.what is not np.empty:
                at = versions(step.reads)
                given = _known(step.args), _known(step.kwargs) if step.kwargs else None
                key = (step.how, _identity(step.what), given, at, _state(step))
                if key in seen:
                    known[out] = seen[key]
                    continue
                seen[key] = step.out
        elif step.how == "guard":
            at = versions(step.reads)
            key = ("guard", step.what, _known(step.args), at, None)
            if key in seen:
                continue
            seen[key] = Ref(-1)
        for number in step.written:
            version[program.root(number)] += 1
        kept.append(step)
    return finished(program, kept, known)


def _known(tree: Any) -> Any:
    """Arguments as a key: what is no number, text or variable is known by its identity, not by how it prints."""
    kind = type(tree)
    if kind is Ref or kind is Constant:
        return kind, tree[0]
    if kind is float:
        return kind, tree, math.copysign(1.0, tree)
    if kind is tuple or kind is list:
        return (kind, *[_known(item) for item in tree])
    if kind is dict:
        return (kind, *((name, _known(item)) for name, item in tree.items()))
    if kind is slice:
        return (kind, _known(tree.start), _known(tree.stop), _known(tree.step))
    if tree is None or tree is Ellipsis or isinstance(tree, _LITERALS):
        return (kind, repr(tree))
    return id(tree)


_LITERALS = (str, bytes, bool, int, float, complex, np.generic, np.dtype)


def _identity(what: Any) -> Any:
    return what if isinstance(what, (str, type(None))) else (id(what[0]), what[1]) if type(what) is tuple else id(what)


def _state(step: Instruction) -> Any:
    return None if step.errstate is None else tuple(step.errstate.items())


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
    ("stacks", stacks),
    ("rows", rows),
    ("signs", signs),
    ("stores", updates),
    ("dead", dead),
    ("silence", gathered),
    ("direct", direct),
    ("blocks", in_blocks),
]
