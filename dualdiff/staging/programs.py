"""From one run to one program: trace, simplify, write, compile."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import adapting
from ..errors import name_of_user_function
from ..pytrees.trees import Structure, flatten
from ..transforms.transformed import Transformed
from . import passes, places
from .buffers import Layout, is_large, laid_out
from .compiled import Program
from .emission import NAMES, Writer, errstate_line
from .floats import lowered
from .keys import overlap
from .numba_programs import NumbaProgram, with_numba
from .parameters import argument_names, copied_argument, identifier, is_borrowed, is_dynamic
from .record import Constant, Instruction, Ref, StagingRefused, Trace, activate, active, owner_of, refs
from .simplifying import Program as Steps
from .traced import KINDS, TracedArray, TracedNumber, TracedScalar, arguments

_ndarray = np.ndarray


def traced_run(
    f: Callable[..., Any], leaves: list[Any], structure: Structure
) -> tuple[Trace, list[int | None], Any, Structure]:
    """Run ``f(*args, **kwargs)`` on traced values; the trace, the inputs' numbers and the leaves of the result.

    Large arrays are the caller's own, as long as nobody writes them; then there is a second run, on copies.
    """
    if active() is not None:
        raise StagingRefused("staging within a staged run")
    if any(map(is_borrowed, leaves)) and not overlap(leaves):
        trace = Trace()
        try:
            run = _run(trace, f, leaves, structure, True)
            if not trace.returned:
                return run
        except BaseException:
            if not trace.returned:
                raise
    return _run(Trace(), f, leaves, structure, False)


def _run(
    trace: Trace, f: Callable[..., Any], leaves: list[Any], structure: Structure, borrow: bool
) -> tuple[Trace, list[int | None], Any, Structure]:
    traced: list[Any] = []
    arrays: dict[int, Any] = {}
    inputs: list[int | None] = []
    for leaf in leaves:
        if not is_dynamic(leaf):
            traced.append(leaf)
            inputs.append(None)
            continue
        if type(leaf) is _ndarray and id(leaf) in arrays:  # the same object, for who asks ``x is y``
            traced.append(arrays[id(leaf)])
            inputs.append(trace.variable(arrays[id(leaf)].example))
            continue
        borrowed = borrow and is_borrowed(leaf)
        example = leaf.view() if borrowed else copied_argument(leaf)
        number = trace.variable(example)
        trace.parameters.add(number)
        if borrowed:
            example.flags.writeable = False
            trace.borrowed[number] = owner_of(leaf)
        if type(leaf) is _ndarray:  # gaps between entries may be shorter in the copy
            trace.variables[number] = trace.variables[number]._replace(strides=leaf.strides)
        kind = TracedArray if type(leaf) is _ndarray else TracedScalar if isinstance(leaf, np.generic) else TracedNumber
        traced.append(kind(trace, example, number))
        if type(leaf) is _ndarray:
            arrays[id(leaf)] = traced[-1]
        inputs.append(number)
    args, kwargs = structure.build(iter(traced), bare=True)
    if not isinstance(f, Transformed):
        f = adapting.adapt(f)
    activate(trace)
    try:
        result = f(*args, **kwargs)
        if trace.caught:
            raise StagingRefused(trace.caught)
        left = flatten((args, kwargs))[0]
        if len(left) != len(traced) or any(a is not b for a, b in zip(left, traced, strict=True)):
            raise StagingRefused("it changes a list or dict among its arguments")
        results, result_structure = flatten(result)
        outputs = []
        for leaf in results:
            if type(leaf) in KINDS or type(leaf) is _ndarray:
                outputs.append(arguments(trace, leaf))
            elif isinstance(leaf, (np.generic, float, int, complex, str, type(None))):
                outputs.append(leaf)
            else:
                raise StagingRefused(f"the function returned a {type(leaf).__name__}")
    finally:
        activate(None)
        trace.ended = True
    return trace, inputs, outputs, result_structure


def program_of(
    f: Callable[..., Any], leaves: list[Any], structure: Structure, key: Any, options: passes.Options,
    compile: str | None = None,
) -> Program:  # fmt: skip
    """Trace ``f`` at these arguments, and compile what it did."""
    run = traced_run(f, leaves, structure)
    collecting = gc.isenabled()
    gc.disable()  # what follows makes many small tuples, and no cycles
    try:
        return _compiled(f, structure, key, options, compile, *run)
    finally:
        if collecting:
            gc.enable()


def _compiled(
    f: Callable[..., Any], structure: Structure, key: Any, options: passes.Options, compile: str | None,
    trace: Trace, inputs: list[int | None], outputs: list[Any], result_structure: Structure,
) -> Program:  # fmt: skip
    parameters = [x for x in inputs if x is not None]
    recorded = list(outputs)
    steps, outputs = passes.simplified(trace, parameters, outputs, options)
    steps = with_separate_results(trace, steps, parameters, outputs)
    program = Steps(trace, steps, parameters, outputs)
    layout = laid_out(program, "nest" in options.names, "reuse" in options.names)
    saves = _written_arguments(trace, steps, parameters)
    name = identifier(name_of_user_function(f), "program")
    names = argument_names(f, structure, inputs)
    writer = Writer(trace.variables, trace.constants, names)
    body, whole = written(writer, program, layout, result_structure)
    head = f"def {name}({', '.join(names[number] for number in parameters)}):"
    lines = [head, *body]
    found = lowered(program, names) if "floats" in options.names else None
    if found is not None:
        results, writer_of_results = found[1], Writer(trace.variables, trace.constants, names)
        returned, whole_tree = result_text(writer_of_results, result_structure, results, texts=True)
        if whole_tree == whole:
            lines = [
                head,
                "    try:",
                *(f"        {line}" for line in found[0]),
                f"        return {returned}",
                "    except (OverflowError, ValueError, ZeroDivisionError):  # where NumPy has inf or nan",
                f"        return {name}_in_numpy({', '.join(names[number] for number in parameters)})",
                "",
                "",
                head.replace(f"def {name}(", f"def {name}_in_numpy("),
                *body,
            ]
    guards = [step.line for step in steps if step.how == "guard" and step.what not in ("nan", "finite", "nonzero")]
    by_name = {names[number]: trace.variables[number] for number in parameters}
    made = (Program if compile is None else NumbaProgram)(
        "\n".join(lines) + "\n", name, writer.namespace, result_structure, whole, saves, len(trace.instructions), key,
        guards, list(writer.imports.values()), by_name, [number is not None for number in inputs],
    )  # fmt: skip
    made.apart = bool(saves) or trace.writes_arguments
    if isinstance(made, NumbaProgram):
        _compile(made, trace, parameters, recorded, names, options)
    return made


def _compile(
    made: NumbaProgram, trace: Trace, parameters: list[int], outputs: list[Any], names: dict[int, str],
    options: passes.Options,
) -> None:  # fmt: skip
    """The same once more, for numba: long arrays in loops of its own in place of blocks."""
    kept = options.names - {"blocks"}
    steps, outputs = passes.simplified(trace, parameters, outputs, passes.Options(kept))
    steps = with_separate_results(trace, steps, parameters, outputs)
    structure = made.structure

    def body(writer: Writer, program: Steps) -> list[str]:
        return written(writer, program, laid_out(program, "nest" in kept, "reuse" in kept), structure)[0]

    fast, kernels, writer = with_numba(
        Steps(trace, steps, parameters, outputs), names, made.name, body,
        lambda writer, texts: result_text(writer, structure, texts, texts=True)[0],
    )  # fmt: skip
    constants = {name: item for name, item in writer.namespace.items() if name not in NAMES}
    made.compile_by(fast, tuple(kernels), constants)


_WIDTH = 88  # of an expression that is written where it is used


def written(writer: Writer, program: Steps, layout: Layout, structure: Structure) -> tuple[list[str], bool]:
    """The lines of a program, and whether it returns the tree of results itself."""
    lines: list[str] = []
    parameters, variables = program.parameters, program.variables
    last = last_uses(program, layout)
    state = None
    shown = ""
    for i, step in enumerate(program.steps):
        if type(step.out) is Ref and step.out.number in layout.inlined:
            expression = writer.right_side(step)
            if len(expression.text) <= _WIDTH:
                writer.inline[step.out.number] = expression
                continue
        if step.errstate != state:
            state = step.errstate
            if state is not None:
                lines.append("    " + errstate_line(state))
        indent = "    " if state is None else "        "
        taken = layout.taken.get(step.out.number) if type(step.out) is Ref else None
        for j, text in enumerate(writer.statement(step) if taken is None else writer.taking(step, taken)):
            comment = ""
            if not j and step.line and step.line != shown:
                comment, shown = f"  # {places.shown(step.line)}", step.line
            lines.append(indent + text + comment)
        dying = [
            writer.name(number)
            for number in last.get(i, ())
            if number not in parameters and number not in writer.inline and is_large(variables[number])
        ]
        if dying:
            lines.append(f"{indent}del {', '.join(sorted(dying))}")
    result, whole = result_text(writer, structure, program.outputs)
    lines.append("    return " + result)
    return lines, whole


def result_text(writer: Writer, structure: Structure, outputs: list[Any], texts: bool = False) -> tuple[str, bool]:
    """The result of a program as text, and whether that is the tree itself or the tuple of its leaves."""
    rest = iter(outputs if texts else [writer.value(out) for out in outputs])

    def build(part: Structure) -> str:
        if part.container is None:
            return str(next(rest))
        if part.container is dict:
            texts = dict(zip(part.names, [build(child) for child in part.children], strict=True))
            return "{" + ", ".join(f"{name!r}: {texts[name]}" for name in part.example) + "}"
        if part.container is _NONE:
            return "None"
        items = ", ".join(map(build, part.children))
        if part.container is list:
            return f"[{items}]"
        return f"({items},)" if len(part.children) == 1 else f"({items})"

    if _is_plain(structure):
        return build(structure), True
    return f"({', '.join(rest)},)", False


def _is_plain(structure: Structure) -> bool:
    if structure.container is None:
        return True
    named = structure.container is not dict or all(type(name) in (str, int) for name in structure.names)
    return structure.container in (tuple, list, dict, _NONE) and named and all(map(_is_plain, structure.children))


_NONE = type(None)


def last_uses(program: Steps, layout: Layout) -> dict[int, list[int]]:
    """By position, the variables that no later statement names."""
    steps = program.steps
    consumer: dict[int, int] = {}
    for i in range(len(steps) - 1, -1, -1):
        for number in (*steps[i].reads, *steps[i].makes):
            consumer.setdefault(number, i)
    final = list(range(len(steps)))
    for i in range(len(steps) - 1, -1, -1):
        out = steps[i].out
        if type(out) is Ref and out.number in layout.inlined:
            final[i] = final[consumer[out.number]] if consumer[out.number] != i else len(steps)
    last: dict[int, int] = {}
    for i, step in enumerate(steps):
        for number in (*step.reads, *step.makes):
            last[number] = max(last.get(number, 0), final[i])
    for number in refs(program.outputs):
        last[number] = len(steps)
    moved = set(layout.taken.values())  # their names live on
    by_position: dict[int, list[int]] = {}
    for number, at in last.items():
        if number not in moved:
            by_position.setdefault(at, []).append(number)
    return by_position


def with_separate_results(
    trace: Trace, steps: list[Instruction], parameters: list[int], outputs: list[Any]
) -> list[Instruction]:
    """Copies of results that are views of arguments, of constants or of each other."""
    steps = list(steps)
    taken = {trace.variables[number].root for number in parameters}
    for i, out in enumerate(outputs):
        if type(out) is Constant:
            example = trace.constants[out.number]
        elif type(out) is Ref and trace.variables[out.number].kind == "array":
            root = trace.variables[out.number].root
            if root not in taken:
                taken.add(root)
                continue
            example = None
        else:
            continue
        number = len(trace.variables)
        known = trace.variables[out.number] if example is None else None
        shape = example.shape if known is None else known.shape
        dtype = example.dtype if known is None else known.dtype
        trace.variables.append(
            type(trace.variables[0])("array", shape, dtype, (), number, 0)
            if trace.variables
            else _variable(shape, dtype, number)
        )
        steps.append(Instruction("method", "copy", (out, "K"), {}, Ref(number)))
        outputs[i] = Ref(number)
    return steps


def _variable(shape: Any, dtype: Any, number: int) -> Any:
    from .record import Variable

    return Variable("array", shape, dtype, (), number, 0)


def _written_arguments(trace: Trace, steps: list[Instruction], parameters: list[int]) -> tuple[int, ...]:
    roots = {trace.variables[number].root for step in steps for number in step.written}
    return tuple(i for i, number in enumerate(parameters) if number in roots)
