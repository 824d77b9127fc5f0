"""The kinds of plain values: which types are arrays that live in memory as ndarrays do, and which are numbers.

`ARRAYS` are written in place, their views share memory, and they know ``strides``, ``flags`` and ``base``.  Whatever
is done with an ndarray is done with them in the same way.  Another kind (`dualdiff.staging.tracing`) enters by
`register`; the usual types are tested for first, so that it costs them nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_PLAIN_NUMBERS = (np.generic, float, int, complex)

ARRAYS: set[type] = {np.ndarray}
NUMBERS: set[type] = set()
# Those of which nothing is to be asked: neither wrappers of other packages, nor anything that could hide a Dual.
PLAIN: set[type] = {
    np.ndarray, float, int, complex, bool, str, bytes, type(None), slice, type(...), type, list, tuple, dict,
    np.float64, np.float32, np.complex128, np.int64, np.bool_,
}  # fmt: skip


def register(arrays: tuple[type, ...], numbers: tuple[type, ...]) -> None:
    """Another kind of values, which behave as NumPy's arrays and numbers do."""
    ARRAYS.update(arrays)
    NUMBERS.update(numbers)
    PLAIN.update((*arrays, *numbers))


def is_number(value: Any) -> bool:
    """Whether a value is an immutable scalar: one of NumPy's, or a Python number."""
    return isinstance(value, _PLAIN_NUMBERS) or type(value) in NUMBERS


def in_memory(value: Any) -> bool:
    """Whether a plain value is known to be an array in memory, or a number."""
    return isinstance(value, (np.ndarray, *_PLAIN_NUMBERS)) or type(value) in ARRAYS or type(value) in NUMBERS
