"""What a record holds on to: the arrays of the primal program that its nodes read again, as they were.

Plain operands are copied when they are recorded (`keep`), values of Duals just before they are overwritten
(`before_write`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from . import Perturbation
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
            copy = constant.copy("K")
            self.kept[id(constant)] = (constant, copy)
            return copy
        if isinstance(constant, (tuple, list)):
            items = [self.keep(item) for item in constant]
            return type(constant)(*items) if hasattr(constant, "_fields") else type(constant)(items)
        if hasattr(constant, "perturbation") and hasattr(constant, "shape") and constant.shape != ():
            return np.copy(constant)
        return constant

    def _hold(self, node: Node, array: Any) -> None:
        """Remember whose memory a node reads."""
        memory = _memory(array)
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
        elif (memory := _memory(array)) is not None:
            self.foreign.add(id(memory))

    def protect(self, arrays: Iterable[Any]) -> None:
        """Copy what nodes read in the memory of arrays that are handed to the user, who may write into them."""
        for array in arrays:
            self.before_write(array)

    def before_write(self, value: Any) -> None:
        memory = _memory(value)
        if memory is None:
            return
        for node in self.holders.pop(id(memory), ()):
            for array in list(node.held()):
                if _memory(array) is memory:
                    node.let_go(array, np.copy(array, order="K"))


def _memory(array: Any) -> Any:
    """The array that owns the memory of a value; None if it cannot be written."""
    while hasattr(array, "perturbation"):
        array = array.value
    if type(array) is not _ndarray:
        return None
    while type(array.base) is _ndarray:
        array = array.base
    return array


def _same_bits(a: Any, b: Any) -> bool:
    return a.dtype is b.dtype and a.shape == b.shape and a.strides == b.strides and bool(np.array_equal(a, b))
