"""``x.flags`` and ``x.flat`` of a traced array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .record import Instruction, Ref, StagingRefused
from .traced import TracedArray


class Flags:
    """``x.flags``, of which ``writeable`` may be set."""

    def __init__(self, array: TracedArray) -> None:
        self.__dict__["array"] = array

    def __getattr__(self, name: str) -> Any:
        _refuse_if_unknown(self.array, f".flags.{name}", name in _OF_LAYOUT)
        return getattr(self.array.example.flags, name)

    def __getitem__(self, name: str) -> Any:
        _refuse_if_unknown(self.array, f".flags[{name!r}]", name in _OF_LAYOUT)
        return self.array.example.flags[name]

    def __setattr__(self, name: str, value: Any) -> None:
        array = self.array
        array.run.before_write(array.number)
        setattr(array.example.flags, name, value)  # what a write then raises it raises while traced
        if name == "writeable" and value:
            array.run.add(Instruction("writeable", None, (Ref(array.number),), {}))


_OF_LAYOUT = frozenset({"c_contiguous", "f_contiguous", "C_CONTIGUOUS", "F_CONTIGUOUS", "C", "F", "contiguous", "fnc"})


def _refuse_if_unknown(array: TracedArray, what: str, known: bool) -> None:
    """Programs are for one layout, but not for who owns an argument's memory, and whether it may be written."""
    trace = array.run
    if not known and trace.variables[array.number].root in trace.parameters:
        raise StagingRefused(f"{what} of an argument, which is another for other arguments of the same layout")


def base(array: TracedArray) -> TracedArray | None:
    """``x.base``: the traced array that a view is of."""
    _refuse_if_unknown(array, ".base", False)
    found, root = array.example.base, array.run.variables[array.number].root
    if found is None:
        return None
    owner = array.run.variables[root]
    if type(found) is not np.ndarray or (found.shape, found.strides, found.dtype) != (owner[1], owner[3], owner[2]):
        raise StagingRefused(".base of a traced view, which is no array of the program")
    return TracedArray(array.run, found, root)


class Flat:
    """``x.flat``: its entries in row-major order, written through; an iterator, which begins anew after an index."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.index = 0

    def _places(self, index: Any) -> Any:
        self.index = 0
        places = np.arange(self.array.example.size)[index]
        return np.unravel_index(places, self.array.example.shape)

    def __getitem__(self, index: Any) -> Any:
        return self.array[self._places(index)]

    def __setitem__(self, index: Any, item: Any) -> None:
        places = self._places(index)
        size = places[0].size if places else 1
        if np.size(item) not in (1, size):  # NumPy repeats or cuts it
            item = np.resize(item, size) if size else item
        elif np.ndim(item) > 1:
            item = np.ravel(item)
        self.array[places] = item

    def __len__(self) -> int:
        return int(self.array.example.size)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        place = self.index
        if place >= len(self):
            raise StopIteration
        item = self[place]
        self.index = place + 1
        return item
