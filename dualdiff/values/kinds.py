"""The kinds of plain values: which types are arrays that live in memory as ndarrays do, and which are numbers.

`ARRAYS` are written in place, their views share memory, and they know ``strides``, ``flags`` and ``base``.  Whatever
is done with an ndarray is done with them in the same way; ``memory`` is the ndarray that holds their entries, and
``has_nan()`` answers for them.  Another kind (`dualdiff.staging.tracing`) enters by
`register`; the usual types are tested for first, so that it costs them nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_PLAIN_NUMBERS = (np.generic, float, int, complex)

ARRAYS: set[type] = {np.ndarray}
NUMBERS: set[type] = set()
PYTHON_NUMBERS: set[type] = {float}  # what is no array scalar
OTHERS: set[type] = set()  # the arrays and numbers that are not NumPy's and Python's own
# Those of which nothing is to be asked: neither wrappers of other packages, nor anything that could hide a Dual.
PLAIN: set[type] = {
    np.ndarray, float, int, complex, bool, str, bytes, type(None), slice, type(...), type, list, tuple, dict,
    np.float64, np.float32, np.complex128, np.int64, np.bool_,
}  # fmt: skip


def register(arrays: tuple[type, ...], numbers: tuple[type, ...], lifting: Any) -> None:
    """Another kind of values, which behave as NumPy's arrays and numbers do; ``lifting`` makes them of plain ones."""
    _LIFTS.append(lifting)
    ARRAYS.update(arrays)
    NUMBERS.update(numbers)
    OTHERS.update((*arrays, *numbers))
    PYTHON_NUMBERS.update(kind for kind in numbers if hasattr(kind, "is_python_float"))
    PLAIN.update((*arrays, *numbers))


def place_operations(lists: Any) -> None:
    """``lists`` makes the list that a record of operations keeps them in."""
    _LISTS.append(lists)


def innermost(value: Any) -> Any:
    """What is below all levels of a value."""
    while hasattr(value, "perturbation"):
        value = value.value
    return value


def note_written(argument: Any) -> None:
    """Tell a value of another kind that the function writes into its argument, in a copy of it."""
    argument = innermost(argument)
    if type(argument) in OTHERS:
        argument.run.writes_arguments = True


def is_number(value: Any) -> bool:
    """Whether a value is an immutable scalar: one of NumPy's, or a Python number."""
    return isinstance(value, _PLAIN_NUMBERS) or type(value) in NUMBERS


def type_of(value: Any) -> type:
    """The type of a value, or of what it is in place of."""
    return value.stands_for if type(value) in OTHERS else type(value)


def shown(value: Any) -> Any:
    """What a value is in place of, for questions about its type."""
    return value.memory if type(value) in OTHERS else value


def is_python_float(value: Any) -> bool:
    """Whether a value is a Python float, or in place of one."""
    return type(value) is float or (type(value) in OTHERS and value.stands_for is float)


def is_integer(value: Any) -> bool:
    """Whether a value is in place of an integer."""
    return type(value) in NUMBERS and issubclass(value.stands_for, (int, np.integer)) and value.stands_for is not bool


def as_scalar(x: Any, dtype: Any) -> Any:
    """A Python number as one of NumPy's."""
    return np.asarray(x, dtype, like=x)[()] if type(x) in OTHERS else dtype.type(x)


def as_python_float(x: Any) -> Any:
    """``float(x)``, of a value of any kind."""
    return x.item() if type(x) in OTHERS else float(x)


def zeros(shape: tuple[int, ...], dtype: Any, like: Any) -> Any:
    """Zeros of the kind of an array, to be written into."""
    return np.zeros(shape, dtype, like=like) if type(like) in OTHERS else np.zeros(shape, dtype)


def empty(shape: tuple[int, ...], dtype: Any, like: Any) -> Any:
    """An array of the kind of another, of which every entry will be written."""
    return np.empty(shape, dtype, like=like) if type(like) in OTHERS else np.empty(shape, dtype)


def beside(x: Any, like: Any) -> Any:
    """A plain array as one of the kind of another, which is to index it."""
    return np.array(x, like=like) if type(x) is np.ndarray and type(like) in OTHERS else x


_LIFTS: list[Any] = []
_LISTS: list[Any] = []
RUNNING = [0]  # how many runs there are, of any thread, in which values of another kind come up


def lift(x: Any) -> Any:
    """A plain array or number that is to meet, or to hold, values of another kind: as one of that kind, if it is on."""
    return _LIFTS[-1](x) if _LIFTS else x


def list_of_operations() -> list[Any]:
    """Where a record of operations keeps them while there are runs: a list that may know the user's line of each."""
    return _LISTS[-1]() if _LISTS else []


def call(function: Any, *args: Any, **kwargs: Any) -> Any:
    """A function of plain arrays and numbers, compiled perhaps, also where they are of another kind."""
    other = other_in((args, tuple(kwargs.values()))) if RUNNING[0] else None
    return function(*args, **kwargs) if other is None else other.called(function, *args, **kwargs)


def as_array(x: Any, dtype: Any = None) -> Any:
    """``np.asarray`` of an array, a number, or a list of them, of any kind."""
    other = other_in(x)
    return np.asarray(x, dtype) if other is None else np.asarray(x, dtype, like=other)


def other_in(x: Any) -> Any:
    """A value of another kind than NumPy's in a list or tuple, such as an index; None if there is none."""
    if type(x) in OTHERS:
        return x
    if isinstance(x, (list, tuple)):
        return next((found for item in x if (found := other_in(item)) is not None), None)
    return None


def in_memory(value: Any) -> bool:
    """Whether a plain value is known to be an array in memory, or a number."""
    return isinstance(value, (np.ndarray, *_PLAIN_NUMBERS)) or type(value) in ARRAYS or type(value) in NUMBERS
