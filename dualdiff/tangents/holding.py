"""What a record holds on to: the arrays of the primal program that its nodes read again, as they were.

Plain operands are copied when they are recorded (`keep`), values of Duals just before they are overwritten
(`before_write`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..values.kinds import ARRAYS
from . import Perturbation
from .blocks import settle_allocator
from .operations import Node

_ndarray = np.ndarray


class Holding(Perturbation):
    """The part of a `Tape` that remembers whose memory its nodes read."""

    __slots__ = ("foreign", "holders", "kept")

    def __init__(self) -> None:
        super().__init__()
        self.foreign: set[int] = set()  # memory of the caller's arrays, who may write it through another name
        self.holders: dict[int, list[Node]] = {}
        self.kept: dict[int, tuple[Any, Any]] = {}

    def keep(self, constant: Any) -> Any:
        if type(constant) is _ndarray:
            if not constant.flags.writeable and constant.base is None:
                return constant
            # A loop that uses one operand again and again needs one copy of it, as long as it does not change.
            kept = self.kept.get(id(constant))
            if kept is not None and kept[0] is constant and _same_bits(constant, kept[1]):
                return kept[1]
            settle_allocator(constant.nbytes)
            copy = constant.copy("K")
            self.kept[id(constant)] = (constant, copy)
            return copy
        if type(constant) in ARRAYS:
            return constant.copy("K")
        if isinstance(constant, (tuple, list)):
            items = [self.keep(item) for item in constant]
            return type(constant)(*items) if hasattr(constant, "_fields") else type(constant)(items)
        if hasattr(constant, "perturbation") and hasattr(constant, "shape") and constant.shape != ():
            return np.copy(constant)
        return constant

    def _hold(self, node: Node, array: Any) -> None:
        """Remember whose memory a node reads."""
        memory = memory_of(array)
        if memory is None:
            return
        if id(memory) in self.foreign:
            node.let_go(array, self.keep(array))
        else:
            self.holders.setdefault(id(memory), []).append(node)

    def beware(self, array: Any) -> None:
        """The memory of this argument is the caller's: nodes hold copies of it."""
        if type(array) is _ndarray and array.base is None:
            self.foreign.add(id(array))
        elif (memory := memory_of(array)) is not None:
            self.foreign.add(id(memory))

    def protect(self, arrays: Iterable[Any]) -> None:
        """Copy what nodes read in the memory of arrays that are handed to the user, who may write into them."""
        for array in arrays:
            self.before_write(array)

    def before_write(self, value: Any) -> None:
        memory = memory_of(value)
        if memory is None:
            return
        for node in self.holders.pop(id(memory), ()):
            for array in list(node.held()):
                if memory_of(array) is memory:
                    node.let_go(array, np.copy(array, order="K"))


def memory_of(array: Any) -> Any:
    """The array that owns the memory of a value; None if it cannot be written."""
    while hasattr(array, "perturbation"):
        array = array.value
    if type(array) is not _ndarray:
        if type(array) not in ARRAYS:
            return None
        array = array.memory
    base = array.base
    while base is not None:
        if type(base) is not _ndarray:
            base = getattr(base, "base", None)  # as_strided, and with it sliding_window_view, puts an object between
            if type(base) is not _ndarray:
                return array
        array = base
        base = array.base
    return array


def _same_bits(a: Any, b: Any) -> bool:
    if a.dtype is not b.dtype or a.shape != b.shape or a.strides != b.strides:
        return False
    bits = _BITS.get(a.dtype.itemsize) if a.dtype.kind == "f" else None
    if bits is not None:  # 0.0 and -0.0 differ, and nan does not
        a, b = a.view(bits), b.view(bits)
    return bool(np.array_equal(a, b))


_BITS = {2: np.int16, 4: np.int32, 8: np.int64}
