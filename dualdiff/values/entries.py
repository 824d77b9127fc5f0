"""Object arrays: what an entry is asked by NumPy's loops, and when the answer would be a wrong one.

``np.array([x[0], 1.0])`` is to NumPy an array of objects, whose loops call the operators and methods of the entries.
What NumPy decides by the dtype instead (``a.real`` of objects is ``a``, ``np.iscomplex`` is false, ``np.nan_to_num``
does nothing) no entry hears of.  So what would be decided wrongly is refused where an entry does hear of it: when it
is put into such an array, when it meets a complex number there, when it is compared.  An array made with
``dtype=object`` is what plain NumPy would have too, and is left alone.

Not all of it is heard: an array of objects that is no variable (``g(x) * 1j``, ``self.a * 1j``), a plain nan among the
entries, an interpreter without positions (``-X no_debug_ranges``); guide/what_cannot_work.md says so.

Who calls is told by the instruction at which the caller's frame stands: the names in its part of the source.
All of this is off the usual path: complex numbers, NaN, ``bool(x)``, ``np.array([x[0], ...])``.
"""

from __future__ import annotations

import dis
import operator
import sys
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np

from .. import errors
from .choices import WATCHES, note
from .dual import Dual, primal

_PICKING = frozenset(
    {
        "maximum", "minimum", "fmax", "fmin", "max", "min", "argmax", "argmin", "sort", "argsort", "partition",
        "argpartition", "searchsorted", "clip",
    }
)  # fmt: skip


def array_of(self: Dual, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
    """``__array__``: what ``np.asarray(x)`` asks for, and ``np.array([x[0], ...])`` of each entry."""
    caller = sys._getframe(1)
    if caller.f_code.co_name == "_matmul_dispatch":
        return self.as_objects_of_scipy()
    check(self, dtype, caller)
    return self.as_objects(dtype, copy)


def check(x: Dual, dtype: Any, caller: FrameType) -> None:
    """Refuse what would be decided wrongly among objects."""
    if caller.f_code.co_name == "as_strided":
        raise errors.DerivativeLost(
            "np.lib.stride_tricks.as_strided of a Dual: byte strides say nothing about its derivative.\n"
            "  Use indexing, or np.lib.stride_tricks.sliding_window_view."
        )
    if dtype is None:
        if _reads_objects_as_numbers(caller):
            raise errors.objects_in_c(x)
        value = primal(x)
        if np.iscomplexobj(value):
            raise errors.complex_among_objects(x.shape)
        if not np.all(np.isfinite(value)):
            raise errors.not_finite_among_objects("in which NumPy's functions find neither nan nor inf")
        if not x.shape and _beside_complex(caller):
            raise errors.complex_among_objects(x.shape)


def _reads_objects_as_numbers(caller: FrameType) -> bool:
    """Whether a function in C asks, as `adapting.compiled` calls it, or one of scipy.ndimage, which takes whatever
    array it gets for the memory of numbers."""
    module = str(caller.f_globals.get("__name__", ""))
    return module.startswith("scipy.ndimage.") or (
        caller.f_code.co_name == "as_c" and module == "dualdiff.adapting.compiled"
    )


def _beside_complex(caller: FrameType) -> bool:
    """Whether a call, ``np.array([x[0], 1j])``, has a complex number, named or written, among what it takes."""
    if _from_numpy(caller):
        return False
    running = _running(caller)
    return any(isinstance(value, (complex, np.complexfloating)) for _, value in _values(running.items, caller))


def refuse_complex(entry: Dual, caller: FrameType) -> None:
    """Refuse a real entry that meets a complex number in a loop over objects: ``np.array([x[0], 1.0]) * 1j``."""
    if entry.shape:
        return
    caller = _beyond_variables(caller)
    named = [(one, value.__dual__() if hasattr(type(value), "__dual__") else value) for one, value in _named(caller)]
    operands = [] if _calls(caller) else _operands(caller)
    if any(value is entry for _, value in named) or any(_is_entry(one, caller) for one in operands):
        return
    made = any(_callee(one, caller) in ("array", "asarray") for one in operands)
    entries = [place for one in _within(caller) if _is_entry(one, caller) and (place := _place(one))]
    arrays = [
        value
        for one, value in named
        if type(value) is np.ndarray
        and value.dtype == object
        # in a[i], an array is no operand
        and not any((at := _place(one)) and _inside(at, place) for place in entries)
    ]
    if all(array.ndim < 2 for array in arrays) and any(_callee(one, caller) in _TO_SCALARS for one in operands):
        return
    if made or arrays:
        raise errors.complex_among_objects(())


def _operands(caller: FrameType) -> list[dis.Instruction]:
    """The instructions that made the operands of the running operator: the first and the last within it, the widest."""
    parts = [(place, one) for one in _within(caller) if (place := _place(one)) is not None]
    if not parts:
        return []
    first = min(start for (start, _), _ in parts)
    last = max(end for (_, end), _ in parts)
    left = max(((end, one.offset) for (start, end), one in parts if start == first), default=None)
    right = min(((start, -one.offset) for (start, end), one in parts if end == last), default=None)
    assert left is not None and right is not None
    return [one for _, one in parts if one.offset in (left[1], -right[1])]


def _is_entry(one: dis.Instruction, caller: FrameType) -> bool:
    """Whether an operand is ``a[i]``, and no slice."""
    if one.opname != "BINARY_SUBSCR" and one.argrepr != "[]":  # the latter from Python 3.14 on
        return False
    whole = _place(one)
    inner = [other for other in _within(caller) if (place := _place(other)) and whole and _inside(place, whole)]
    return not any(other.opname == "BUILD_SLICE" or isinstance(other.argval, slice) for other in inner)


def _callee(call: dis.Instruction, caller: FrameType) -> Any:
    """The last name in front of the parenthesis of a call."""
    if not call.opname.startswith("CALL"):
        return None
    begin = _place(call)
    names = [
        one.argval
        for one in _within(caller)
        if one.offset < call.offset
        and one.opname.startswith(("LOAD_ATTR", "LOAD_METHOD", "LOAD_GLOBAL"))
        and begin is not None
        and (place := _place(one)) is not None
        and place[0] == begin[0]
    ]
    return names[-1] if names else None


def truth_of(self: Dual) -> bool:
    """``bool(x)``; refused for ``np.logical_or`` of objects, which asks for it and returns one of its operands."""
    caller = sys._getframe(1)
    if caller.f_code.co_code[caller.f_lasti] in _CALLS or caller.f_globals.get("__name__") == _OF_VARIABLES:
        for function in (np.logical_or, np.logical_and):
            if asked_by(caller, function):
                raise errors.of_operands(function)
    truth = bool(primal(self))
    if WATCHES:
        note(bool, (self,), truth)
    return truth


def asked_by(caller: FrameType, function: np.ufunc) -> bool:
    """Whether the call that runs, outside of NumPy, is one of this ufunc, by name or by a variable that holds it."""
    caller = _beyond_variables(caller)
    if not _calls(caller) or _from_numpy(caller):
        return False
    for _, value in _named(caller):
        if value is function or (isinstance(value, ModuleType) and _has(value, function, caller)):
            return True
    return False


def is_power_of_scalar(base: Any, caller: FrameType) -> bool:
    """Whether NumPy was asked for ``base ** x`` of a NumPy scalar, which rounds otherwise than ``np.power``."""
    if not isinstance(base, np.number) or isinstance(base, np.complexfloating):
        return False
    caller = _beyond_variables(caller)
    if not _calls(caller):
        return _running(caller).symbol in ("**", "**=")
    running = _running(caller)
    if _POWERS.isdisjoint(one.argval for one in running.loads):
        return False
    return "__pow__" in running.attributes or any(
        (value is None and one.argval == "pow")  # a builtin
        or value is operator.pow
        or value is operator.ipow
        or (value is operator and not _POWERS.isdisjoint(running.attributes))
        for one, value in _values(running.loads, caller)
    )


_POWERS = frozenset({"pow", "ipow", "__pow__"})


def _has(module: ModuleType, function: np.ufunc, caller: FrameType) -> bool:
    """Whether ``module.name`` is this ufunc, of a name in the call: ``np.floor``, not ``math.floor``."""
    name = function.__name__
    return getattr(module, name, None) is function and name in _attributes(caller)


def refuse_nan(caller: FrameType) -> None:
    """Refuse a comparison with NaN for a loop over objects: ``np.max`` would pick any of them."""
    caller = _beyond_variables(caller)
    if _from_numpy(caller) or (_calls(caller) and _PICKING.intersection(_attributes(caller))):
        raise errors.not_finite_among_objects("whose comparisons with nan are all false: NumPy would pick any entry")


# What the running instruction names.

_OF_VARIABLES = "dualdiff.transforms.variable"
_OF_OBJECTS = ("LOAD_ATTR", "LOAD_METHOD")
_OF_LISTS = ("BUILD_", "LIST_", "LOAD_CONST")  # LOAD_CONST: what the compiler has calculated
_TO_SCALARS = frozenset({"sum", "mean", "prod", "max", "min", "norm", "item", "vdot"})  # of arrays with one axis

_Place = tuple[tuple[int, int], tuple[int, int]]  # begin and end: line, column
_CALLS = frozenset(number for name, number in dis.opmap.items() if name.startswith(("CALL", "PRECALL")))


def _calls(caller: FrameType) -> bool:
    return caller.f_code.co_code[caller.f_lasti] in _CALLS


def _beyond_variables(caller: FrameType) -> FrameType:
    """The frame that called a Variable, which asks the Dual that it holds."""
    while caller.f_globals.get("__name__") == _OF_VARIABLES and caller.f_back is not None:
        caller = caller.f_back
    return caller


def _from_numpy(caller: FrameType) -> bool:
    return str(caller.f_globals.get("__name__", "")).partition(".")[0] == "numpy"


class _Running:
    """What the source says of a running instruction; worked out once for each place."""

    def __init__(
        self,
        code: CodeType,
        within: tuple[dis.Instruction, ...],
        loads: tuple[dis.Instruction, ...],
        items: tuple[dis.Instruction, ...],
        attributes: frozenset[Any],
        symbol: str,
    ) -> None:
        self.code = code  # held, and so its id
        self.within = within  # of its part of the source, itself left out
        self.loads = loads
        self.items = items  # loads that are in no expression of their own
        self.attributes = attributes
        self.symbol = symbol  # of the running instruction, if it is an operator


_known: dict[tuple[int, int], _Running] = {}


def _running(caller: FrameType) -> _Running:
    code, at = caller.f_code, caller.f_lasti
    known = _known.get((id(code), at))
    if known is None:
        if len(_known) > 10_000:
            _known.clear()
        known = _known[id(code), at] = _read(code, at)
    return known


def _read(code: CodeType, at: int) -> _Running:
    instructions = list(dis.get_instructions(code))
    itself = next((one for one in instructions if one.offset == at), None)
    whole = _place(itself)
    placed = [(one, place) for one in instructions if one.offset < at and (place := _place(one)) is not None]
    inner = [(one, place) for one, place in placed if whole is not None and _inside(place, whole)]
    if inner and whole is not None and (merged := _merged(instructions, inner, whole)):
        inner.insert(0, merged)
    # np.array([np.abs(x[0] + 1j), 1.0]) has no complex entry.
    wider = {place for one, place in inner if not one.opname.startswith(_OF_LISTS) and place != whole}
    loads = [(one, place) for one, place in inner if one.opname.startswith("LOAD_")]
    items = [one for one, at in loads if not any(place != at and _inside(at, place) for place in wider)]
    attributes = frozenset(one.argval for one, _ in loads if one.opname.startswith(_OF_OBJECTS))
    symbol = itself.argrepr if itself is not None else ""
    return _Running(
        code, tuple(one for one, _ in inner), tuple(one for one, _ in loads), tuple(items), attributes, symbol
    )


def _merged(instructions: list[dis.Instruction], inner: list[Any], whole: _Place) -> Any:
    """The leading load, where Python 3.13 has merged it with the store or load in front of it, and puts it there."""
    starts = [place[0] for one, place in inner if one.opname.startswith("LOAD_")]
    before = instructions[max(instructions.index(inner[0][0]) - 1, 0)]
    if (
        (starts and min(starts) == whole[0])
        or not isinstance(before.argval, tuple)
        or "_LOAD_FAST" not in before.opname
    ):
        return None
    begin = min(place[0] for _, place in inner)
    return before._replace(opname="LOAD_FAST", argval=before.argval[-1]), (begin, begin)


def _within(caller: FrameType) -> tuple[dis.Instruction, ...]:
    """The instructions in the part of the source to which the running one belongs."""
    return _running(caller).within


def _inside(place: _Place, whole: _Place) -> bool:
    return whole[0] <= place[0] and place[1] <= whole[1]


def _place(one: dis.Instruction | None) -> _Place | None:
    where = one.positions if one is not None else None
    if where is None or where.lineno is None or where.col_offset is None:
        return None
    assert where.end_lineno is not None and where.end_col_offset is not None
    return (where.lineno, where.col_offset), (where.end_lineno, where.end_col_offset)


def _named(caller: FrameType) -> list[tuple[dis.Instruction, Any]]:
    """What the running instruction's part of the source loads, with its value where that is known."""
    return _values(_running(caller).loads, caller)


def _values(loads: tuple[dis.Instruction, ...], caller: FrameType) -> list[tuple[dis.Instruction, Any]]:
    found: list[tuple[dis.Instruction, Any]] = []
    variables = None
    for one in loads:
        if one.opname.startswith(("LOAD_CONST", "LOAD_SMALL")):
            found.append((one, one.argval))
        elif one.opname.startswith("LOAD_GLOBAL"):
            found.append((one, caller.f_globals.get(one.argval)))
        elif not one.opname.startswith(_OF_OBJECTS):
            if variables is None:
                variables = caller.f_locals
            for name in one.argval if isinstance(one.argval, tuple) else (one.argval,):
                found.append((one, variables.get(name, caller.f_globals.get(name))))
    return found


def _attributes(caller: FrameType) -> frozenset[Any]:
    return _running(caller).attributes
