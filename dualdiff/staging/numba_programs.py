"""Programs compiled by numba: scalar programs whole, of others the clusters of elementwise calls (`loops`).

All else, such as linear algebra, stays NumPy between the compiled functions.  These are compiled for the types that the
trace knows, without fast math and with NumPy's rules of division; another type or layout is an error, which runs the
unstaged function.  Results may differ from those of the NumPy program in their last digits, since numba's functions and
orders of summation are its own; `alike` says by how much, and where one differs by more the NumPy program runs.
"""

from __future__ import annotations

import importlib.util
import linecache
import math
import re
import threading
from collections.abc import Callable
from functools import cache, lru_cache
from types import FunctionType
from typing import Any

import numpy as np

from ..pytrees.trees import flatten
from .compiled import Program
from .emission import NAMES, Writer, compiled
from .floats import ScalarText, of_scalars
from .kernels import Kernel
from .loops import clustered
from .record import Ref, StagingRefused
from .simplifying import Program as Steps

MOST_LINES = 1000  # numba takes seconds for so many, and more than twice as long for twice as many
_MOST_PER_STEP = 6  # scalar operations for each call: with more, arrays are worth a loop
_LARGEST_ERROR = 1e-13  # of the largest number of a result

Written = Callable[[Writer, Steps], list[str]]


def has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None


def require_numba() -> None:
    if not has_numba():
        raise ImportError(
            'stage(compile="numba") needs numba, which is not installed: pip install ".[numba]" where this project is '
            "checked out, or pip install numba; without compile the program is NumPy's."
        )


class NumbaProgram(Program):
    """A `Program` that also runs compiled: ``text`` is the NumPy program, ``fast`` the one that calls ``kernels``."""

    fast = ""
    kernels: tuple[Kernel, ...] = ()
    _lock = threading.Lock()

    def compile_by(self, fast: str, kernels: tuple[Kernel, ...], constants: dict[str, Any]) -> None:
        """Compile at the next call."""
        self.in_numpy = self.run
        self.fast, self.kernels, self.fast_constants = fast, kernels, constants
        if kernels:
            self.run = self._first_run

    def _first_run(self, *leaves: Any) -> Any:
        with self._lock:
            if self.run == self._first_run:
                self.run = self._ready()
        return self.run(*leaves)

    def _ready(self) -> Callable[..., Any]:
        if not has_numba():  # where a pickled one is loaded
            return self.in_numpy
        functions = {kernel.name: jitted(kernel) for kernel in self.kernels}
        namespace = {**NAMES, **self.fast_constants, **functions, f"{self.name}_in_numpy": self.in_numpy}
        return compiled(self.name, self.fast, namespace)

    def plain(self, *leaves: Any) -> Any:
        return self._built(self.in_numpy(*leaves))

    def give_up(self) -> None:
        """The NumPy program from here on."""
        self.run, self.kernels, self.fast = self.in_numpy, (), ""

    def __reduce__(self) -> Any:
        made, args = super().__reduce__()
        return _restored, (made, args, self.fast, self.kernels, _by_name(self.fast_constants))


def _by_name(constants: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in constants.items() if not _is_module(item)} | {
        name: _Module(item.__name__) for name, item in constants.items() if _is_module(item)
    }


def _is_module(item: Any) -> bool:
    return type(item) is type(math)


class _Module(str):
    """The name of a module, in place of it."""

    __slots__ = ()


def _restored(made: Any, args: Any, fast: str, kernels: tuple[Kernel, ...], constants: dict[str, Any]) -> Any:
    program = made(*args, kind=NumbaProgram)
    found = {k: importlib.import_module(v) if type(v) is _Module else v for k, v in constants.items()}
    program.compile_by(fast, kernels, found)
    return program


# The text.


def with_numba(
    program: Steps, names: dict[int, str], name: str, body_of: Written, returned: Callable[[Writer, list[str]], str]
) -> tuple[str, list[Kernel], Writer]:
    """The text of a program that calls compiled functions, and these: none where there is nothing to compile."""
    head = f"def {name}({', '.join(names[number] for number in program.parameters)}):"
    writer = Writer(program.variables, program.trace.constants, names)
    if any(how in ("raise", "call", "log") for how in program.trace.errstate.values()):
        return "", [], writer  # which compiled code does not know
    scalar = _scalar_kernel(program, names, name)
    if scalar is not None:
        kernel, results = scalar
        arguments = ", ".join(names[number] for number in program.parameters)
        outs = [f"out{k}" for k in range(len(results))]
        lines = [
            head,
            f"    {', '.join(['status', *outs])} = {kernel.name}({arguments})",
            "    if status == 1:",
            "        raise Miss",
            "    if status == 2:  # where NumPy has inf or nan, and warns",
            f"        return {name}_in_numpy({arguments})",
        ]
        lines.append(f"    return {returned(writer, results)}")
        return "\n".join(lines) + "\n", [kernel], writer
    steps, kernels = clustered(program)
    check_length(kernels, name)
    body = body_of(writer, steps)
    return "\n".join([head, *body]) + "\n", kernels, writer


class TooLongToCompile(StagingRefused):
    """A program has more lines than numba compiles in a reasonable time."""


def check_length(kernels: list[Kernel], name: str) -> None:
    lines = sum(len(kernel.lines) for kernel in kernels)
    if lines > MOST_LINES:
        raise TooLongToCompile(
            f'stage(compile="numba"): the program of {name} has {lines} lines for numba, which takes some ten seconds '
            f"for {MOST_LINES}.\n"
            "  Without compile it runs at once:  dualdiff.stage(f);  or stage a part of f, such as a step of a loop."
        )


class _Compiled(ScalarText):
    """Scalar operations as a function that numba takes: what raises in Python has the status 2."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.outs: list[str] = []
        self.risky: list[str] = []

    def _write(self, place: int, lists: dict[int, str]) -> None:
        what = self.operations[place][0]
        if what in ("/", "//", "%") or what.startswith("math."):
            self.uses[place] += 1  # in a line of its own
            super()._write(place, lists)
            self.risky.append(self.text[place][0])
        else:
            super()._write(place, lists)

    def _unpack(self, number: int, entries: dict[int | None, int], lists: dict[int, str]) -> None:
        """Entries are read where they are."""
        variable, name = self.lowering.program.variables[number], self.names[number]
        if variable.kind == "array":
            lists[number] = f"{name}_"
            ravel = "" if len(variable.shape) == 1 else ".ravel()"
            self.body.append(f"{name}_ = {name}{ravel}.tolist()")

    def _result(self, out: Any, item: Any) -> str:
        for i in range(0, len(self.risky), 40):
            total = " + ".join(f"abs({text})" for text in self.risky[i : i + 40])
            self.body += [f"if not math.isfinite({total}):", "    raise OverflowError"]
        self.risky.clear()
        known = self.lowering.program.variables[item.number] if type(item) is Ref else None
        name = f"out{len(self.outs)}"
        if known is None or known.kind != "array":
            self.body.append(f"{name} = {self.text[int(out)][0]}")
            self.outs.append(name)
            return f"np.float64({name})" if self._is_scalar(known, item) else name
        flat = np.ravel(out).tolist()
        self.body.append(f"{name} = np.empty({len(flat)})")
        self.body += [f"{name}[{i}] = {self.text[place][0]}" for i, place in enumerate(flat)]
        self.outs.append(name if len(known.shape) == 1 else f"{name}.reshape({known.shape!r})")
        return name

    def _is_scalar(self, known: Any, item: Any) -> bool:
        return (known.kind if known is not None else "scalar" if isinstance(item, np.generic) else "number") == "scalar"


def _scalar_kernel(program: Steps, names: dict[int, str], name: str) -> tuple[Kernel, list[str]] | None:
    found = of_scalars(program)
    if found is None or any(type(out) is not Ref for out in program.outputs):
        return None
    lowering, outputs = found
    variables = program.variables
    kinds = [variables[out.number] for out in program.outputs]
    if any(known.dtype not in (float, np.dtype(np.float64)) for known in kinds):
        return None
    if any(known.kind == "array" and not known.shape for known in kinds):
        return None
    calls = sum(step.how != "guard" for step in program.steps)
    if len(lowering.places.operations) > _MOST_PER_STEP * calls:
        return None
    text = _Compiled(lowering, outputs, names)
    body, results = text.lines()
    statuses = {"raise Miss": 1, "raise OverflowError": 2}
    lines = []
    empty = []
    for k, known in enumerate(kinds):
        empty.append(f"out{k} = {'0.0' if known.kind != 'array' else f'np.empty({math.prod(known.shape)})'}")
    returned = ", ".join(text.outs)
    for line in body:
        taken = re.fullmatch(r"(\w+) = (\w+)(\.ravel\(\))?\.tolist\(\)", line)
        if taken:
            size = math.prod(variables[_number(names, taken[2])].shape)
            lines.append(f"{taken[1]} = {taken[2]}" + (f".reshape({size})" if taken[3] else ""))
        elif line.strip() in statuses:
            lines.append(f"    return {statuses[line.strip()]}, {returned}")
        elif not re.fullmatch(r"(\w+) = float\(\1\)", line):
            lines.append(line)
    parameters: list[tuple[str, ...]] = []
    for number in program.parameters:
        known = variables[number]
        parameters.append(
            ("float64", str(len(known.shape)), "C", "readonly") if known.kind == "array" else ("float64",)
        )
    arguments = ", ".join(names[number] for number in program.parameters)
    head = f"def scalars({arguments}):"
    kernel = Kernel(
        "scalars", [head, *(f"    {line}" for line in [*empty, *lines, f"return 0, {returned}"])], parameters, 0
    )
    check_length([kernel], name)
    return kernel, results


def _number(names: dict[int, str], name: str) -> int:
    return next(number for number, known in names.items() if known == name)


# Compiling.

_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}  # nobody calls it from C


def jitted(kernel: Kernel) -> Any:
    return _jitted(kernel.name, re.sub(r"  # .*", "", kernel.text), tuple(kernel.parameters))


# Numba takes a tenth of a second and more for each, and threads, copies and functions staged again write the same text.
@lru_cache(maxsize=256)
def _jitted(name: str, text: str, parameters: tuple[tuple[str, ...], ...]) -> Any:
    import numba
    from numba import types

    array: Any = types.Array

    def type_of(parameter: tuple[str, ...]) -> Any:
        kind = getattr(types, parameter[0])
        if len(parameter) == 1:
            return kind
        _, axes, layout, access = parameter
        return array(kind, int(axes), layout, readonly=access == "readonly")

    filename = f"<compiled {name} {hash(text)}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    namespace: dict[str, Any] = {
        "np": np,
        "math": math,
        **({"pairwise": _pairwise()} if "pairwise(" in text else {}),
    }
    exec(compile(text, filename, "exec"), namespace)
    signature = tuple(map(type_of, parameters))
    return numba.njit(signature, **_OPTIONS)(namespace[name])


def pairwise(a, start, n, step):  # type: ignore[no-untyped-def]
    """A sum in NumPy's order, for numba."""
    if n < 8:
        total = a[start] if n else 0.0
        for i in range(1, n):
            total += a[start + i * step]
        return total
    if n <= 128:
        r0, r1, r2, r3 = a[start], a[start + step], a[start + 2 * step], a[start + 3 * step]
        r4, r5, r6, r7 = a[start + 4 * step], a[start + 5 * step], a[start + 6 * step], a[start + 7 * step]
        stop = n - n % 8
        for i in range(8, stop, 8):
            at = start + i * step
            r0 += a[at]
            r1 += a[at + step]
            r2 += a[at + 2 * step]
            r3 += a[at + 3 * step]
            r4 += a[at + 4 * step]
            r5 += a[at + 5 * step]
            r6 += a[at + 6 * step]
            r7 += a[at + 7 * step]
        total = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
        for i in range(stop, n):
            total += a[start + i * step]
        return total
    half = n // 2
    half -= half % 8
    return pairwise(a, start, half, step) + pairwise(a, start + half * step, n - half, step)


@cache
def _pairwise() -> Any:
    import numba

    namespace: dict[str, Any] = {}  # in which it finds itself, compiled
    function = FunctionType(pairwise.__code__, namespace, "pairwise")
    namespace["pairwise"] = numba.njit(**{**_OPTIONS, "no_cpython_wrapper": True})(function)
    return namespace["pairwise"]


# What comes out.


def alike(found: Any, expected: Any) -> bool:
    """Whether two trees of results are of the same types and shapes, with nans at the same places, and nearly equal."""
    given, wanted = flatten(found)[0], flatten(expected)[0]
    if len(given) != len(wanted):
        return False
    largest = max(map(_largest, wanted), default=0.0)  # a result may be the rounding of what cancels
    return all(_near(a, b, largest) for a, b in zip(given, wanted, strict=True))


def _largest(leaf: Any) -> float:
    x = np.asarray(leaf)
    return float(np.max(np.abs(x[np.isfinite(x)]), initial=0.0)) if x.dtype.kind in "fc" else 0.0


def _near(a: Any, b: Any, largest: float) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, (str, type(None))):
        return bool(a == b)
    x, y = np.asarray(a), np.asarray(b)
    if x.shape != y.shape or x.dtype != y.dtype:
        return False
    if x.dtype.kind not in "fc":
        return bool(np.array_equal(x, y))
    finite = np.isfinite(y)
    if not np.array_equal(np.isnan(x), np.isnan(y)) or not np.array_equal(finite, np.isfinite(x)):
        return False
    rest = ~finite & ~np.isnan(y)
    return bool(np.all(x[rest] == y[rest]) and np.all(np.abs(x[finite] - y[finite]) <= _LARGEST_ERROR * largest))
