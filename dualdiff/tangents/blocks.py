"""Blocks: k arrays of one shape side by side, shape ``(k, *shape)``; what NumPy does to each of them.

Tangents and cotangents both travel in blocks, so both modes use these.
A block may itself be a `Dual` of an outer level: only NumPy calls, no assumption of ``ndarray``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import numpy as np

from ..values.dual import is_lazy
from ..values.indexing import is_basic
from ..values.kinds import ARRAYS, as_array

_ALL = slice(None)
_add_reduce = np.add.reduce
_ndarray = np.ndarray
_FLOAT64 = np.dtype(np.float64)
_MOST_NUMBERS = 1000  # that are remembered as arrays


class Chosen:
    """A rearrangement by an order of the values: each entry may be any of those along an axis of its arrays."""

    __slots__ = ("axis", "move")

    def __init__(self, move: Callable[[Any], Any], axis: int) -> None:
        self.move = move
        self.axis = axis

    def __call__(self, block: Any) -> Any:
        return self.move(block)


_settled = False
FEW_BYTES = 2**16  # so many are below the threshold


def settle_allocator(nbytes: int) -> None:
    """Called once before many blocks of so many bytes are made and dropped.

    glibc hands memory above a threshold (128 kB at first) back to the system when it is freed, and each new block then
    costs page faults, several times what its arithmetic does.  Freeing one large block raises the threshold for the
    process (M_MMAP_THRESHOLD in mallopt(3)); elsewhere this does nothing.  ``jacfwd(rosenbrock)`` of
    1000 inputs in a fresh process: 18 -> 4.1 ms (`compare_modes`, one BLAS thread).
    """
    global _settled
    if nbytes > FEW_BYTES and not _settled:
        _settled = True
        np.empty(31 * 2**20, np.uint8)  # never touched; glibc's own bound is 32 MB


def silently(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function without NumPy's floating-point warnings.

    NumPy keeps its error state in the context: in a copy of that, an interrupt cannot leave it behind.
    """
    context = copy_context()
    context.run(np.seterr, all="ignore")
    return context.run(function, *args)


def summed(array: Any, axis: Any) -> Any:
    """The sum over axes; other arrays than NumPy's may know the function and not the ufunc's method."""
    return _add_reduce(array, axis=axis) if type(array) in ARRAYS else np.sum(array, axis)


def copied(array: Any) -> Any:
    """A copy, by an array's own method where it is not NumPy's."""
    return (
        array.copy("K")
        if isinstance(array, np.ndarray) or type(array) in ARRAYS or hasattr(array, "perturbation")
        else array.copy()
    )


_numbers: dict[Any, Any] = {}


def times_number(number: Any, array: Any) -> Any:
    """``number * array`` of a Python number, which NumPy takes as an array of no axes in half the time."""
    if type(array) is not _ndarray or array.dtype is not _FLOAT64:
        return number * array
    operand = _numbers.get(number)
    if operand is None:
        operand = np.array(float(number))
        if number and number == number:  # 0.0 is -0.0 to a dict, and nan never found again
            if len(_numbers) >= _MOST_NUMBERS:
                _numbers.clear()
            _numbers[number] = operand
    return operand * array


def get(block: Any, index: Any) -> Any:
    """``block[i][index]`` for every i."""
    if type(index) is slice:
        return block[_ALL, index]
    if type(index) in ARRAYS and index.dtype.kind == "i":
        return np.take(block, index, axis=1)  # which, unlike block[:, index], lays the block out as the value
    if type(index) is not tuple:
        index = (index,)
    if is_basic(index):
        return block[(_ALL, *index)]
    index, axis = _advanced(index, block.ndim - 1)
    return np.moveaxis(block[index], axis, 0) if axis else block[index]


def view(block: Any, index: Any) -> Any:
    """``block[i][index]`` for a basic index, as an array that writes to the block, even for one entry."""
    index = index if type(index) is tuple else (index,)
    return block[(_ALL, *index)]


def put(block: Any, index: Any, item: Any) -> None:
    """``block[i][index] = item[i]`` for every i; ``item`` a block (its trailing shape broadcasts) or a number."""
    if type(index) is not tuple:
        index = (index,)
    if isinstance(item, (int, float)):
        axis = 0
        index = (_ALL, *index) if is_basic(index) else _advanced(index, block.ndim - 1)[0]
    else:
        if is_basic(index):
            index, axis = (_ALL, *index), 0
        else:
            index, axis = _advanced(index, block.ndim - 1)
        item = fitted(item, block[index].ndim - 1)
        if axis:
            item = np.moveaxis(item, 0, axis)
    block[index] = item


def unbroadcast(array: Any, shape: tuple[int, ...], lead: int = 1) -> Any:
    """The sum over the axes along which an array of ``shape`` was repeated, behind ``lead`` axes."""
    extra = array.ndim - lead - len(shape)
    if extra < 0:  # an assigned item may carry extra leading axes of length 1
        inner = unbroadcast(array, shape[-extra:], lead)
        return inner.reshape((*inner.shape[:lead], *shape))
    if extra:
        array = np.sum(array, axis=tuple(range(lead, lead + extra)))
    repeated = tuple(i for i, n in enumerate(shape, lead) if n == 1 and array.shape[i] != 1)
    return np.sum(array, axis=repeated, keepdims=True) if repeated else array


def expand(block: Any, ndim: int) -> Any:
    """The block with axes of length 1 after axis 0, so that each of its arrays has ``ndim`` axes."""
    missing = ndim + 1 - block.ndim
    return block if missing <= 0 else block[(_ALL, *(None,) * missing)]


def fitted(block: Any, ndim: int) -> Any:
    """`expand`, or without leading axes of length 1, which NumPy lets an assigned item carry."""
    while block.ndim > ndim + 1 and block.shape[1] == 1:
        block = block[:, 0]
    return expand(block, ndim)


def _advanced(index: tuple[Any, ...], ndim: int) -> tuple[tuple[Any, ...], int]:
    """Index of the block, and where its axis 0 lands.

    Advanced indices that a slice separates put their axes first, before axis 0 as well:
    ``x[i, :, j]`` of shape (n, 5) becomes ``block[:, i, :, j]`` of shape (n, k, 5).
    """
    parts: list[Any] = []
    for part in index:
        if isinstance(part, (list, np.ndarray)) and as_array(part).dtype == bool and np.ndim(part) > 0:
            parts.extend(np.nonzero(part))  # a mask of d axes is d integer indices, kept together
        else:
            parts.append(part)
    if Ellipsis in [part for part in parts if part is Ellipsis]:
        at = next(i for i, part in enumerate(parts) if part is Ellipsis)
        # Spelled out as slices; an ellipsis of zero axes still separates advanced indices, so keep it then.
        used = sum(part is not None and not _is_bool(part) for part in parts) - 1
        if ndim > used:
            parts[at : at + 1] = [_ALL] * (ndim - used)
    advanced = [i for i, part in enumerate(parts) if not (part is None or part is Ellipsis or type(part) is slice)]
    separated = advanced[-1] - advanced[0] + 1 != len(advanced)
    axis = 0
    if separated:
        shapes = [() if _is_bool(parts[i]) else np.shape(parts[i]) for i in advanced]
        axis = len(np.broadcast_shapes(*shapes))
        if any(_is_bool(parts[i]) for i in advanced):
            axis = max(axis, 1)  # True or False alone adds an axis of length 1 or 0
    return (_ALL, *parts), axis


def _is_bool(part: Any) -> bool:
    return isinstance(part, (bool, np.bool_)) or (
        isinstance(part, np.ndarray) and part.dtype == bool and part.ndim == 0
    )


def duplicate(array: Any) -> Any:
    """What ``np.copy`` makes of an array; Dask lacks it, and would calculate the array for NumPy to copy."""
    return array.copy() if is_lazy(array) else np.copy(array, order="K")
