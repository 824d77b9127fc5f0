"""The record of one traced run: the calls in their order, what they read and write, and what is known of each result.

A `Trace` holds no example array: of every variable it keeps shape, dtype, strides and whose memory it is in
(`Variable`).  Constants, what a call read that is no traced value, are copied when they are recorded: whoever holds
them may write them later.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, NoReturn

import numpy as np

from .. import errors
from ..rules.edges import AT_EDGE
from ..values import kinds
from .places import users_line

_ndarray = np.ndarray
SILENT = dict.fromkeys(("divide", "over", "under", "invalid"), "ignore")
_ACTIVE = threading.local()
_COUNTING = threading.Lock()


class StagingRefused(errors.StagingRefused):
    """A refusal, which the running trace keeps in mind: the function may catch it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        trace = active()
        if trace is not None and args and not _is_tried():
            trace.caught = str(args[0])


def _is_tried() -> bool:
    """Whether the engine tries a move on a plain array first, and expects a refusal (`tangents.transposes`)."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        if frame.f_globals.get("__name__") == "dualdiff.tangents.transposes":
            return True
        frame = frame.f_back
    return False


class Ref(NamedTuple):
    """A variable of the program, where a call takes it."""

    number: int


class Constant(NamedTuple):
    """A captured array, where a call takes it."""

    number: int


class Variable(NamedTuple):
    """What is known of a variable: no array, but all that a layout depends on."""

    kind: str  # array, scalar (NumPy's), number (Python's)
    shape: tuple[int, ...]
    dtype: Any
    strides: tuple[int, ...]
    root: int  # the variable in whose memory it is: itself, unless it is a view
    offset: int  # of its first entry, in bytes


class Instruction:
    """One call of the program.

    ``how``: "call" (what: a function), "method" (what: its name), "operator" (what: a name of `operator`),
    "attribute", "get", "set", "guard" (args: the variable and the value that it must have).
    """

    __slots__ = ("_pure", "_reads", "args", "errstate", "how", "kwargs", "line", "out", "what", "written")

    def __init__(
        self, how: str, what: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any = None,
        written: tuple[int, ...] = (), line: str = "", errstate: Any = None,
    ) -> None:  # fmt: skip
        self.how = how
        self.what = what
        self.args = args
        self.kwargs = kwargs
        self.out = out  # Ref, a tuple or list of what is one, or None
        self.written = written  # the variables in whose memory it writes
        self.line = line
        self.errstate = errstate
        self._reads: list[int] | None = None
        self._pure: bool | None = None

    @property
    def reads(self) -> list[int]:
        """The variables among its arguments, each as often as it is there."""
        if self._reads is None:
            self._reads = refs(self.args)
            if self.kwargs:
                self._reads += refs(self.kwargs)
        return self._reads

    @property
    def makes(self) -> list[int]:
        """The variables of its result."""
        out = self.out
        return [out.number] if type(out) is Ref else [] if out is None else refs(out)

    @property
    def is_pure(self) -> bool:
        """Whether it only makes its result: no write, no guard, no function of the user's in it."""
        if self._pure is None:
            apart = self.written or self.how in ("guard", "set", "writeable")
            self._pure = not apart and not (_has_callable(self.args) or (self.kwargs and _has_callable(self.kwargs)))
        return self._pure

    def replaced(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Instruction:
        return Instruction(self.how, self.what, args, kwargs, self.out, self.written, self.line, self.errstate)

    def __repr__(self) -> str:
        return f"{self.out} = {self.how} {self.what} {self.args} {self.kwargs or ''}"


def _has_callable(tree: Any) -> bool:
    kind = type(tree)
    if kind is tuple or kind is list:
        return any(type(item) not in _PLAIN and _has_callable(item) for item in tree)
    if kind is dict:
        return any(map(_has_callable, tree.values()))
    return callable(tree) and not isinstance(tree, (type, np.ufunc))


def refs(tree: Any) -> list[int]:
    """The variables in the arguments of a call."""
    found: list[int] = []
    _collect(tree, found)
    return found


def _collect(tree: Any, found: list[int]) -> None:
    kind = type(tree)
    if kind is Ref:
        found.append(tree[0])
    elif kind is tuple or kind is list:
        for item in tree:
            if type(item) is Ref:
                found.append(item[0])
            elif type(item) in _NESTED:
                _collect(item, found)
    elif kind is dict:
        for item in tree.values():
            _collect(item, found)
    elif kind is slice:
        _collect((tree.start, tree.stop, tree.step), found)


_PLAIN = frozenset({Ref, Constant, int, float, str, bool, type(None), slice})
_NESTED = frozenset({tuple, list, dict, slice})


def mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    """The arguments of a call with each `Ref` changed."""
    kind = type(tree)
    if kind is Ref:
        return change(tree)
    if kind is tuple:
        return tuple([mapped(item, change) for item in tree])
    if kind is list:
        return [mapped(item, change) for item in tree]
    if kind is dict:
        return {name: mapped(item, change) for name, item in tree.items()}
    if kind is slice:
        return slice(mapped(tree.start, change), mapped(tree.stop, change), mapped(tree.step, change))
    return tree


class Written(BaseException):
    """A borrowed argument is about to be written, or is captured too: the run begins anew, on copies."""


class Trace:
    """The program of one run, under construction."""

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.variables: list[Variable] = []
        self.as_recorded: list[Variable] | None = None  # the variables, before any pass
        self.constants: list[Any] = []
        self.parameters: set[int] = set()
        self._seen: dict[Any, int] = {}  # captured arrays by where they are
        self.errstate = np.geterr()
        self.filters = warnings.filters
        self.receiver = getattr(warnings, "_showwarnmsg_impl", None)
        self.thread = threading.get_ident()
        self.ended = False
        # Of what a guard for nan looked at in this run: which of its rows had no zero, or None if not all was finite.
        # Programs may be written in another way for it, and never with another result.
        self.seen_rows: dict[int, tuple[bool, ...] | None] = {}
        self.caught = ""  # an error that depended on values
        self.writes_arguments = False  # or copies of them that are made for that
        self.borrowed: dict[int, Any] = {}  # arguments that are the caller's own arrays, and whose memory each is in
        self.returned = False  # whether they must be copied after all

    # Variables.

    def variable(self, example: Any, owners: Iterable[tuple[int, Any]] = ()) -> int:
        """A new variable for a result; ``owners`` are the traced arrays (number, example) that it may be a view of."""
        number = len(self.variables)
        if type(example) is _ndarray:
            root, offset = number, 0
            owner = owner_of(example)
            for other, array in owners:
                if owner_of(array) is owner:
                    address = example.__array_interface__["data"][0]
                    known = self.variables[other]
                    root = known.root
                    offset = known.offset + address - array.__array_interface__["data"][0]
                    break
            made = Variable("array", example.shape, example.dtype, example.strides, root, offset)
        elif isinstance(example, np.generic):
            made = Variable("scalar", (), example.dtype, (), number, 0)
        else:
            made = Variable("number", (), type(example), (), number, 0)
        self.variables.append(made)
        return number

    def constant(self, array: Any) -> Any:
        """A captured array: a copy that nobody writes."""
        if array.dtype.hasobject:
            raise StagingRefused("an array of objects meets a traced value")
        if self.borrowed:
            owner = owner_of(array)
            if any(owner is other for other in self.borrowed.values()):
                self.give_back()  # a view of the captured array would be one of the argument
        place = array.__array_interface__["data"][0], array.shape, array.strides, array.dtype
        known = self._seen.get(place)
        if known is not None and _same(array, self.constants[known]):
            return Constant(known)
        copy = _laid_out_as(array)
        copy.flags.writeable = False
        self._seen[place] = len(self.constants)
        self.constants.append(copy)
        return Constant(len(self.constants) - 1)

    def before_write(self, number: int) -> None:
        """An array is about to be written, or asked whether it may be."""
        if self.borrowed and self.variables[number].root in self.borrowed:
            self.give_back()

    def give_back(self) -> NoReturn:
        self.returned = True  # whoever catches it
        raise Written

    # Recording.

    def add(self, instruction: Instruction) -> None:
        if self.ended:
            raise StagingRefused(
                "a traced value was used after its run had ended: the function keeps values of one call for another, "
                "in a cache or a list of its own; return them instead, or stage it without that"
            )
        if threading.get_ident() != self.thread:
            raise StagingRefused("a traced value was used in another thread")
        if warnings.filters is not self.filters and _heeds_warnings(self):
            raise StagingRefused("warnings are made errors, or recorded, on which the program could not depend")
        state: Any = np.geterr()
        if state != self.errstate:
            if AT_EDGE.get():
                state = SILENT
            if any(how in ("raise", "call", "log") for how in state.values()):
                raise StagingRefused("np.errstate asks for errors, on which the program could not depend")
            instruction.errstate = state
        instruction.line = self.line()
        self.instructions.append(instruction)

    def raised(self, name: str, error: Exception) -> None:
        """An error came of a call with these values; it may not with others, whether or not it is caught."""
        if not isinstance(error, TypeError):  # of what kind the arguments are, which does not change
            self.caught = f"{name} raised {type(error).__name__}, which was caught"

    def line(self) -> str:
        """The user's line that is running, in the backward part the one that recorded the operation."""
        return users_line(sys._getframe(2))


def _heeds_warnings(trace: Trace) -> bool:
    """Whether the function would notice a warning of NumPy's, as it has asked for since its run began."""
    if getattr(warnings, "_showwarnmsg_impl", None) is not trace.receiver:
        return True
    for action, message, category, module, line in warnings.filters:
        if action == "error":
            return warnings.filters != trace.filters
        if category is Warning and message is None and module is None and not line:
            return False
    return False


def owner_of(array: Any) -> Any:
    while (base := array.base) is not None:
        if type(base) is not _ndarray:
            base = getattr(base, "base", None)  # of np.lib.stride_tricks
            if type(base) is not _ndarray:
                break
        array = base
    return array


def _same(a: Any, b: Any) -> bool:
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.itemsize in (1, 2, 4, 8):  # bit by bit, and without copies
        whole = f"i{a.dtype.itemsize}"
        return bool(np.array_equal(a.view(whole), b.view(whole)))
    return a.tobytes() == b.tobytes()


def _laid_out_as(array: Any) -> Any:
    """A copy with the entries in the order of the original."""
    from ..values.storage import copied

    return copied(array)


# The trace that is running.


def active() -> Trace | None:
    return getattr(_ACTIVE, "trace", None)


def activate(trace: Trace | None) -> None:
    with _COUNTING:
        kinds.RUNNING[0] += (trace is not None) - (active() is not None)
    _ACTIVE.trace = trace
