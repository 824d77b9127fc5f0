"""Watching: which calls of the user's function came into this package, from which line, and what became of them.

The function runs as any transform runs it, on one tape, while Python's profile hook (`sys.setprofile`) sees each call
and return.  Nothing in the package knows of it, so nothing costs more, and what is watched is the run itself: writes
in place, Python numbers and memory that is shared are as in `grad`, which they would not be on a recording value.
The hook holds no array: whether anybody else does decides what ``plain += x`` may do.

A call is one that the user's code, or NumPy on its behalf, makes into this package with a value that carries the
derivative.  The nodes that it adds to the tape are its own: so a place in the record has a line of the user's.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import numpy as np

from .. import errors
from ..adapting import entering
from ..pytrees.trees import flatten
from ..tangents.tape import Tape
from ..tangents.views import ViewNow
from ..values.dual import Dual
from ..values.levels import duals_in
from . import naming, places, precision
from .findings import Findings, array_of, is_number, plain, results_of
from .kinks import KINKS, kinks
from .places import Place

_ERRORS = errors.__file__
_REMEMBERED = errors.remembered.__code__
_ADAPTING = entering.__file__  # as_written and its kin, when they are the function itself

KINDS = ("differentiated", "adapted", "passive", "stopped", "refused")


class Call:
    """All calls of one operation at one place.

    ``kind``: "differentiated"; "adapted" (the same, by what adapted code calls in place of the original);
    "passive" (what it returns has derivative 0); "stopped" (by `stop_gradient`); "refused".
    ``name``, ``place``, ``count``, ``shapes`` (of the first call's arguments), ``nbytes`` (of all results).
    """

    def __init__(self, kind: str, operation: naming.Operation, place: Place | None, shapes: list[Any]) -> None:
        self.kind, self.name, self.place, self.shapes = kind, operation.name, place, shapes
        self.function = operation.function
        self.count = 0
        self.scalars = 0  # how many of them gave a single number
        self.nbytes = 0
        self.reason = ""
        self.remembered = False
        self.parents: set[int] = set()  # nodes that went in, of calls from which no derivative comes out
        self.last_node = -1

    def __repr__(self) -> str:
        times = f" x {self.count}" if self.count > 1 else ""
        return f"{self.place}: {self.name}{times}, {self.kind}"


class Open:
    """A call that has not returned."""

    __slots__ = ("at", "frame", "given", "line", "refusal", "remembered", "start")

    def __init__(self, frame: FrameType, at: tuple[CodeType, int] | None, line: int, start: int) -> None:
        self.frame, self.at, self.line, self.start = frame, at, line, start
        self.refusal, self.remembered = "", False
        self.given = naming.arguments_before(frame)


class Watch:
    """One watched run of a function: its calls, its tape, and the call that each node of the tape came from."""

    def __init__(self) -> None:
        self.start: CodeType | None = None
        self.tape: Tape | None = None
        self.calls: list[Call] = []
        self.owners: list[int] = []  # of each node: the number of its call, or -1
        self.findings = Findings()
        self.swallowed: list[tuple[Call, str]] = []  # refusals that did not come out of the function
        self.faults: list[str] = []  # of the watching itself
        self._known: dict[Any, int] = {}
        self._codes: list[Any] = []
        self._open: list[Open] = []

    def running(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """The function, watched while it runs; the first tape among its arguments is the one."""

        def watched(*args: Any, **kwargs: Any) -> Any:
            duals = [leaf for leaf in flatten((args, kwargs))[0] if type(leaf) is Dual]
            self.tape = next((d.perturbation for d in duals if isinstance(d.perturbation, Tape)), None)
            self.start = watched.__code__  # whose calls into the package are those of the function itself
            before = sys.getprofile()
            sys.setprofile(self._see)
            try:
                return f(*args, **kwargs)
            finally:
                restored(before)

        watched.__name__ = getattr(f, "__name__", type(f).__name__)
        return watched

    # The hook.

    def _see(self, frame: FrameType, event: str, arg: Any) -> None:
        # Most events are of calls within this package, or of functions in C: they end here.
        if event == "call":
            if places.OWNERS.get(frame.f_code.co_filename) == "user":
                return
            caller = frame.f_back
            inner = caller is not None and places.OWNERS.get(caller.f_code.co_filename) == "dualdiff"
            if inner and caller.f_code is not self.start:  # type: ignore[union-attr]
                return
            self._guarded(self._enter, frame)
        elif event == "return" and self._open:
            if self._open[-1].frame is frame:
                self._guarded(self._leave, self._open.pop(), arg)
            elif frame.f_code.co_filename == _ERRORS:  # what it says of the call that runs
                if frame.f_code is _REMEMBERED:
                    self._open[-1].remembered = True
                elif isinstance(arg, Exception):
                    self._open[-1].refusal = str(arg)

    def _guarded(self, step: Callable[..., None], *args: Any) -> None:
        try:
            step(*args)
        except RecursionError:  # the function is at the end of the stack, and will say so itself
            return
        except Exception as error:  # an error here would be raised in the user's function
            self.faults.append(f"{type(error).__name__}: {error}")

    def _enter(self, frame: FrameType) -> None:
        if frame.f_code is self.start or places.owner_of(frame) != "dualdiff":
            return
        caller = frame.f_back
        while caller is not None:
            whose = places.owner_of(caller)
            if whose == "user":
                self._open.append(Open(frame, (caller.f_code, caller.f_lasti), caller.f_lineno or 0, self._count()))
                return
            if whose == "dualdiff":
                if caller.f_code is self.start and frame.f_code.co_filename != _ADAPTING:
                    self._open.append(Open(frame, None, 0, self._count()))
                return  # a call within this package
            caller = caller.f_back

    def _count(self) -> int:
        return len(self.tape.nodes) if self.tape is not None else 0

    def _leave(self, opened: Open, result: Any) -> None:
        frame = opened.frame
        raised = result is None and not _returns(frame)
        tape, count = self.tape, self._count()
        if tape is None:
            return
        operation = naming.operation(frame, opened.given)
        given = [d for d in map(self._own, duals_in(operation.args, operation.kwargs)) if d is not None]
        made = [d for d in map(self._own, duals_in(result)) if d is not None]
        if isinstance(result, np.ndarray) and result.dtype == object:
            made += [d for d in map(self._own, duals_in(result.ravel().tolist())) if d is not None]
        new = count > opened.start
        if not (given or made or new) or (operation.quiet and not new):
            return
        if raised:
            if not opened.refusal:
                return  # an error of the user's own, on its way
            kind = "refused"
        elif operation.name == "dualdiff.stop_gradient":
            kind = "stopped"
        elif made or new:
            kind = "adapted" if operation.stand_in else "differentiated"
        elif _is_plain(result):
            kind = "passive"
        else:
            return  # an iterator, say, of what is still to come
        number = self._call(kind, operation, opened, given)
        call = self.calls[number]
        call.count += 1
        call.remembered |= opened.remembered
        self.owners += [-1] * (count - len(self.owners))
        for at in range(opened.start, count):
            if self.owners[at] < 0:
                self.owners[at] = number
        if kind == "refused":
            call.reason = opened.refusal
            self.swallowed.append((call, opened.refusal))
            return
        if kind in ("passive", "stopped"):
            call.parents.update(self._index(dual) for dual in given)
            call.reason = _reason(operation.name, result)
        else:
            call.last_node = count - 1
            call.nbytes += sum(dual.nbytes for dual in made)
            call.scalars += any(not dual.shape for dual in made)
        nodes = tape.nodes[opened.start : count]
        if operation.function not in KINKS and precision.unremarkable(operation, result, nodes):
            return
        with np.errstate(all="ignore"):
            operands, value = [array_of(arg) for arg in operation.args], results_of(result)
            active = [array_of(arg) for arg in operation.args if self._own(arg) is not None]
            precision.not_finite(self.findings, call, operation, operands, value, nodes)
            kinks(self.findings, call, operation, operands, value, result)
            precision.digits(self.findings, call, operation, operands, active, value, nodes)

    def _own(self, dual: Any) -> Any:
        """The part of a Dual that belongs to the tape watched, below perturbations of transforms inside."""
        while type(dual) is Dual and dual.perturbation is not self.tape:
            dual = dual.value
        return dual if type(dual) is Dual else None

    def _index(self, dual: Dual) -> int:
        tangent: Any = dual.tangent
        return int((tangent.node if type(tangent) is ViewNow else tangent).index)

    def _call(self, kind: str, operation: naming.Operation, opened: Open, given: list[Any]) -> int:
        key = (opened.at and (id(opened.at[0]), opened.at[1]), operation.name, kind)  # a code's own hash reads it all
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = len(self.calls)
            self._codes.append(opened.at)  # so that its id stays its own
            place = None if opened.at is None else places.of_code(*opened.at, opened.line)
            shapes = [np.shape(plain(arg)) for arg in operation.args if is_number(arg)]
            self.calls.append(Call(kind, operation, place, shapes))
        return number


def restored(before: Any) -> None:
    """The profile hook as it was; a profiler in C hands out itself, and is switched on again."""
    if before is None or callable(before):
        sys.setprofile(before)
    else:
        sys.setprofile(None)
        before.enable()


def _returns(frame: FrameType) -> bool:
    """Whether a frame that ends returns, rather than lets an error through."""
    name = dis.opname[frame.f_code.co_code[frame.f_lasti]]
    return name.startswith(("RETURN", "YIELD", "SEND", "INSTRUMENTED_RETURN", "INSTRUMENTED_YIELD"))


def _is_plain(result: Any) -> bool:
    """Whether a result is a number, an array, a truth value or a text, or some of these."""
    if type(result) in (tuple, list):
        return all(map(_is_plain, result))
    return isinstance(result, (bool, int, float, complex, str, np.ndarray, np.generic)) or hasattr(result, "value")


def _reason(name: str, result: Any) -> str:
    """Why no derivative comes out."""
    if name == "dualdiff.stop_gradient":
        return "stop_gradient"
    kind = getattr(result, "dtype", np.dtype(type(result) if type(result) in (bool, int, float) else object)).kind
    if kind == "b":
        return "a truth value"
    if kind in "iu":
        return "whole numbers"
    return "piecewise constant"
