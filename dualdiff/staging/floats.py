"""The text of a program in Python's floats: each scalar operation once, where it is first needed."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import Any

import numpy as np

from .agreement import OF_MATH
from .operations import NotScalar
from .record import Instruction, Ref
from .scalars import Lowering
from .simplifying import Program, may_raise


def lowered(program: Program, names: dict[int, str]) -> tuple[list[str], list[Any]] | None:
    """The lines of a program in Python's floats and the texts of its results; None if it is no such program."""
    found = of_scalars(program)
    if found is None:
        return None
    lowering, outputs = found
    operations = lowering.places.operations
    if sum(map(_cost, operations)) > _CALL * sum(step.how != "guard" for step in program.steps):
        return None  # NumPy's calls take many entries at once
    return ScalarText(lowering, outputs, names).lines()


def of_scalars(program: Program) -> tuple[Lowering, list[Any]] | None:
    """A program as scalar operations, and the places of its results; None if it is no such program."""
    if not program.steps or any(step.errstate is not None and step.how == "guard" for step in program.steps):
        return None
    calls = sum(step.how != "guard" for step in program.steps)
    if sum(map(_at_least, [program] * len(program.steps), program.steps)) > _CALL * calls:
        return None  # seen without running it
    lowering = Lowering(program, int(_CALL * calls / _cost(("+",))))
    try:
        return lowering, lowering.run()
    except (NotScalar, IndexError, ValueError, TypeError):
        return None


_CALL = 0.8  # microseconds of one of NumPy's calls, about


def _cost(operation: tuple[Any, ...]) -> float:
    what = operation[0]
    return 0.0 if what == "literal" else 0.8 if what.startswith("float(") else 0.08 if what[0] == "m" else 0.035


def _at_least(program: Program, step: Instruction) -> float:
    """About how many microseconds an elementwise step takes, entry by entry."""
    if type(step.out) is not Ref or step.how not in ("operator", "call") or type(step.what) is tuple:
        return 0.0
    if step.how == "call" and type(step.what) is not np.ufunc:
        return 0.0
    count = math.prod(program.variables[step.out.number].shape)
    return count * (0.08 if step.what in OF_MATH else 0.035)


class ScalarText:
    """Writes scalar operations: each once, where it is first needed, or within the one that needs it."""

    def __init__(self, lowering: Lowering, outputs: list[Any], names: dict[int, str]) -> None:
        self.lowering = lowering
        self.operations = lowering.places.operations
        self.outputs = outputs
        self.names = names
        self.uses: Counter[int] = Counter()
        self.text: dict[int, tuple[str, bool]] = {}  # by place: its text, and whether that is a name or a number
        self.body: list[str] = []
        self.counter = 0
        self.checked: set[int] = set()

    def lines(self) -> tuple[list[str], list[Any]]:
        program = self.lowering.program
        roots = 2 * [place for out in self.outputs for place in np.ravel(out).tolist()]  # they are looked at, too
        roots += [place for _, _, places in self.lowering.guards for place in np.ravel(places).tolist()]
        # What raises an error does so though nobody needs its result.
        raising = [step.out.number for step in program.steps if type(step.out) is Ref and may_raise(program, step)]
        raised = [place for number in raising for place in np.ravel(self.lowering.values[number]).tolist()]
        needed = self._needed(roots + raised)
        for place in needed:
            for operand in self._operands(place):
                self.uses[operand] += 1
        self.uses.update(roots + 2 * raised)  # in a statement of its own
        used: dict[int, dict[int | None, int]] = defaultdict(dict)  # by parameter, the places of its entries
        for place in needed:
            if self.operations[place][0] == "input":
                used[self.operations[place][1]][self.operations[place][2]] = place
        lists: dict[int, str] = {}
        for number in program.parameters:
            if number in used:
                self._unpack(number, used[number], lists)
        guards = sorted(
            ((max(np.ravel(places).tolist(), default=-1), step, places) for _, step, places in self.lowering.guards),
            key=lambda guard: guard[0],
        )
        for place in sorted(needed):
            while guards and guards[0][0] < place:
                self._guard(*guards.pop(0)[1:])
            self._write(place, lists)
        for _, step, places in guards:
            self._guard(step, places)
        results = []
        self._finite([place for out in self.outputs for place in np.ravel(out).tolist()])
        for out, item in zip(self.outputs, program.outputs, strict=True):
            results.append(self._result(out, item))
        return self.body, results

    def _unpack(self, number: int, entries: dict[int | None, int], lists: dict[int, str]) -> None:
        """A parameter as floats: a name for each entry, or a list of which few are used."""
        variable, name = self.lowering.program.variables[number], self.names[number]
        if variable.kind != "array":
            if variable.kind == "scalar":  # which keeps its name, for the NumPy program
                self.body.append(f"v{self.counter} = float({name})")
                self.text[entries[None]] = f"v{self.counter}", True
                self.counter += 1
            return
        size = int(np.prod(variable.shape))
        items = f"{name}{'' if len(variable.shape) == 1 else '.ravel()'}.tolist()"
        if 2 * len(entries) < size:
            lists[number] = f"{name}_"
            self.body.append(f"{lists[number]} = {items}")
            return
        named = ["_"] * size
        for at, place in entries.items():
            assert at is not None
            named[at] = f"v{self.counter}"
            self.counter += 1
            self.text[place] = named[at], True
        rows = ",\n".join(", ".join(named[i : i + 16]) for i in range(0, size, 16))
        self.body += f"[{rows}] = {items}".split("\n")

    def _needed(self, roots: list[int]) -> list[int]:
        seen: set[int] = set()
        pending = list(roots)
        while pending:
            place = pending.pop()
            if place not in seen:
                seen.add(place)
                pending += self._operands(place)
        return sorted(seen)

    def _operands(self, place: int) -> tuple[int, ...]:
        operation = self.operations[place]
        return () if operation[0] in ("literal", "input") else operation[1:]

    def _write(self, place: int, lists: dict[int, str]) -> None:
        if place in self.text:
            return
        operation = self.operations[place]
        what, simple = operation[0], False
        if len(operation) == 3 and what in _INFIX:
            text = f"{self._tight(operation[1])} {what} {self._tight(operation[2])}"
        elif what == "literal":
            self.text[place] = _literal(operation[1]), True
            return
        elif what == "input":
            number, at = operation[1:]
            text, simple = (self.names[number] if at is None else f"{lists[number]}[{at}]"), at is None
        elif what == "neg":
            text = f"-{self._tight(operation[1])}"
        else:
            operands = ", ".join([self.text[operand][0] for operand in operation[1:]])
            text = f"{what}({operands})" + (")" if what.startswith("float(") else "")
        if simple or (self.uses[place] == 1 and len(text) < 70):
            self.text[place] = text, simple
            return
        name = f"v{self.counter}"
        self.counter += 1
        self.body.append(f"{name} = {text}")
        self.text[place] = name, True

    def _tight(self, place: int) -> str:
        text, simple = self.text[place]
        what = self.operations[place][0]
        return text if simple or what in ("input", "abs") or what[0] in "mf" else f"({text})"

    def _guard(self, step: Instruction, places: Any) -> None:
        if step.what == "bool":
            self.body.append(f"if {'not ' if step.args[1] else ''}({self.text[int(places)][0]}):")
            self.body.append("    raise Miss")
            return
        if step.what == "int":
            self.body.append(f"if int({self.text[int(places)][0]}) != {step.args[1]}:")
            self.body.append("    raise Miss")
            return
        if step.what == "nonzero":
            texts = [self._tight(place) for place in dict.fromkeys(np.ravel(places).tolist())]
            for i in range(0, len(texts), 40):
                self.body.append(f"if not ({' and '.join(texts[i : i + 40])}):")
                self.body.append("    raise Miss")
            return
        self._finite(np.ravel(places).tolist())

    def _finite(self, places: list[int]) -> None:
        if self.checked.issuperset(places):
            return
        self.checked.update(places)
        texts = [self._tight(place) for place in dict.fromkeys(places)]
        texts = [text for text in texts if not _is_number(text)]
        for i in range(0, len(texts), 40):
            # What is not finite is for the NumPy program, which also warns as NumPy does.  A sum of what is infinite
            # or a nan stays so.
            total = " + ".join(texts[i : i + 40])
            self.body.append(f"if not math.isfinite({total}):")
            self.body.append("    raise OverflowError")

    def _result(self, out: Any, item: Any) -> str:
        variable = self.lowering.program.variables[item.number] if type(item) is Ref else None
        if variable is None or variable.kind != "array":
            text = self.text[int(out)][0]
            kind = variable.kind if variable is not None else "scalar" if isinstance(item, np.generic) else "number"
            return f"np.float64({text})" if kind == "scalar" else text
        rest = iter([self.text[place][0] for place in np.ravel(out).tolist()])

        def nested(shape: tuple[int, ...]) -> str:
            if not shape:
                return next(rest)
            return "[" + ", ".join(nested(shape[1:]) for _ in range(shape[0])) + "]"

        return f"np.array({nested(variable.shape)})" if 0 not in variable.shape else f"np.zeros({variable.shape})"


_INFIX = frozenset({"+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!="})


def _literal(value: float) -> str:
    if math.isfinite(value):
        return f"({value!r})" if math.copysign(1.0, value) < 0 else repr(value)
    return "math.nan" if value != value else "math.inf" if value > 0 else "(-math.inf)"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text.strip("()")))
    except ValueError:
        return False
