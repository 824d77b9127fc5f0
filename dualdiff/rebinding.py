"""``plain += dual``: when may the name simply be bound to the new Dual?

Python assigns what ``__iadd__`` returns to the name, so returning a Dual keeps the derivative, provided that nothing
else sees the plain buffer: it owns its memory, nobody else refers to it, and the call is the statement
``plain += dual`` (with ``np.add(plain, dual, out=plain)`` no name is bound).
"""

from __future__ import annotations

import dis
import functools
import sys
from types import FrameType
from typing import Any

import numpy as np

_BINARY_OP = dis.opmap["BINARY_OP"]
_FIRST_INPLACE = 13  # NB_INPLACE_ADD; the in-place operators are the last of BINARY_OP's arguments


def may_rebind(buffer: Any, references: int, caller: FrameType) -> bool:
    """Whether ``buffer``, with that many references inside ``__array_ufunc__``, is an unshared ``buffer += dual``."""
    if type(buffer) is not np.ndarray or not buffer.flags.owndata or not buffer.flags.writeable:
        return False
    code, at = caller.f_code.co_code, caller.f_lasti
    if code[at] != _BINARY_OP or code[at + 1] < _FIRST_INPLACE:
        return False
    return references <= _references_alone()


@functools.cache
def _references_alone() -> int:
    """References that ``__array_ufunc__`` counts in ``buffer += x`` when nobody else holds the buffer."""
    buffer = np.zeros(1)
    buffer += _Probe()  # type: ignore[call-overload]
    return int(buffer[0])


class _Probe:
    """Answers ``buffer += probe`` with the count, taken as `dualdiff.dispatch` takes it."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return np.array([float(sys.getrefcount(kwargs["out"][0]))])
