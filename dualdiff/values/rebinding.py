"""``plain += dual``: when may the name simply be bound to the new Dual?  And the like for an entry of an object array.

Python assigns what ``__iadd__`` returns to the target, so returning a Dual keeps the derivative, provided that nothing
else sees the plain buffer.  That is known in one case, and everything else raises:

* the call is the statement ``plain += dual`` itself: the caller's frame stands at an in-place operator;
* its target is a local name, or a cell, of that frame: the next instruction stores it there.  An attribute, an item or
  a global is stored by code that cannot be seen from here, and need not be where the buffer came from: an attribute of
  the class, a property, a ChainMap, a tuple;
* nobody else refers to the buffer, which owns its memory: its reference count is what it is for a buffer so used alone.

The last is measured, once for names and once for cells, and believed only if one more reference (another name, a list,
a closure, a view) is seen to raise the count.  So it holds where CPython counts differently: from 3.14 on
a name may be lent to the operator without a reference of its own (LOAD_FAST_BORROW), and free-threaded builds may defer
counting.  Where the count tells nothing, no name is rebound.
"""

from __future__ import annotations

import dis
import functools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

_BINARY_OP = dis.opmap["BINARY_OP"]
_IN_PLACE = range(13, 26)  # NB_INPLACE_ADD to NB_INPLACE_XOR among the arguments of BINARY_OP
_SKIPPED = {dis.opmap["CACHE"], dis.opmap["EXTENDED_ARG"]}
_INSTRUCTION = 2  # bytes


def may_rebind(buffer: Any, references: int, caller: FrameType) -> bool:
    """Whether ``buffer``, with that many references inside ``__array_ufunc__``, is an unshared ``name += dual``."""
    if type(buffer) is not np.ndarray or not buffer.flags.owndata or not buffer.flags.writeable:
        return False
    target = _target(caller)
    return target is not None and references <= _references_alone(target)


def _target(caller: FrameType) -> str | None:
    """Where the in-place operator at which a frame stands will store its result: in a "name" or "cell", None elsewhere.

    An instruction may store one name and go on with another (STORE_FAST_LOAD_FAST); its first part counts.
    """
    code, at = caller.f_code.co_code, caller.f_lasti
    if code[at] != _BINARY_OP or code[at + 1] not in _IN_PLACE:
        return None
    at += _INSTRUCTION
    while code[at] in _SKIPPED:
        at += _INSTRUCTION
    operation = dis.opname[code[at]]
    return "name" if operation.startswith("STORE_FAST") else "cell" if operation == "STORE_DEREF" else None


def is_entry_of_objects(x: Any, caller: FrameType) -> bool:
    """Whether the caller's statement is ``array[i] += y``, for an object array that holds ``x``.

    np.array([x]) of an array without axes holds ``x`` itself, where NumPy's array has a number of its own: the entry
    becomes a new number, and ``x`` stays as it is.  The array is found where it is a variable by name.
    """
    code = [one for one in dis.get_instructions(caller.f_code) if one.opname not in ("CACHE", "EXTENDED_ARG")]
    at = next(i for i, one in enumerate(code) if one.offset == caller.f_lasti)
    after = [one.opname for one in code[at + 1 : at + 4]]
    if not code[at].argrepr.endswith("=") or after != ["SWAP", "SWAP", "STORE_SUBSCR"]:
        return False
    got = max((i for i in range(2, at) if code[i].opname == "BINARY_SUBSCR" or code[i].argrepr == "[]"), default=0)
    while got and [(one.opname, one.arg) for one in code[got - 2 : got]] != [("COPY", 2)] * 2:  # one inside of y
        got = max((i for i in range(2, got) if code[i].opname == "BINARY_SUBSCR" or code[i].argrepr == "[]"), default=0)
    loads = [name for one in code[max(got - 4, 0) : max(got - 2, 0)] for name in _loaded(one)][-2:]
    name = loads[0] if len(loads) == 2 else None
    array = caller.f_locals.get(name, caller.f_globals.get(name)) if isinstance(name, str) else None
    return type(array) is np.ndarray and array.dtype == object and any(entry is x for entry in array.flat)


def _loaded(one: dis.Instruction) -> tuple[Any, ...]:
    """What an instruction loads: names of variables, or a constant; nothing certain of any other instruction."""
    if not one.opname.startswith(("LOAD_FAST", "LOAD_NAME", "LOAD_GLOBAL", "LOAD_DEREF", "LOAD_CONST", "LOAD_SMALL")):
        return (None, None)
    if one.opname.startswith(("LOAD_CONST", "LOAD_SMALL")):
        return (None,)
    return one.argval if isinstance(one.argval, tuple) else (one.argval,)


@functools.cache
def _references_alone(target: str) -> int:
    """References that ``__array_ufunc__`` counts in ``buffer += x`` when nobody else holds the buffer.

    0, so that nothing is rebound, where another reference would not be counted.
    """
    count = _count_for_name if target == "name" else _count_for_cell
    alone = count(lambda buffer: None)
    shared = (count(lambda buffer: buffer), count(lambda buffer: [buffer]), count(lambda buffer: buffer[:]))
    return alone if all(more > alone for more in (*shared, count(lambda buffer: lambda: buffer))) else 0


def _count_for_name(share: Callable[[Any], Any]) -> int:
    buffer = np.zeros(1)
    other = share(buffer)
    buffer += _Probe()  # type: ignore[call-overload]
    del other  # held until here
    return int(buffer[0])


def _count_for_cell(share: Callable[[Any], Any]) -> int:
    buffer = np.zeros(1)
    other = share(buffer)

    def update() -> None:
        nonlocal buffer
        buffer += _Probe()  # type: ignore[call-overload]

    update()
    del other  # held until here
    return int(buffer[0])


class _Probe:
    """Answers ``buffer += probe`` with the count, taken as `dualdiff.values.protocols` takes it."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return np.array([float(sys.getrefcount(kwargs["out"][0]))])
