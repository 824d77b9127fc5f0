"""``x.flags`` and ``x.flat`` of a traced array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .record import Instruction, Ref
from .traced import TracedArray

_ABOUT_WRITING = frozenset({"writeable", "W", "WRITEABLE", "owndata", "O", "OWNDATA", "carray", "CA", "CARRAY",
                            "behaved", "B", "BEHAVED", "farray", "FA", "FARRAY"})  # fmt: skip


class Flags:
    """``x.flags``, of which ``writeable`` may be set."""

    def __init__(self, array: TracedArray) -> None:
        self.__dict__["array"] = array

    def __getattr__(self, name: str) -> Any:
        if name in _ABOUT_WRITING:
            self.array.run.before_write(self.array.number)
        return getattr(self.array.example.flags, name)

    def __getitem__(self, name: str) -> Any:
        if name in _ABOUT_WRITING:
            self.array.run.before_write(self.array.number)
        return self.array.example.flags[name]

    def __setattr__(self, name: str, value: Any) -> None:
        array = self.array
        array.run.before_write(array.number)
        setattr(array.example.flags, name, value)  # what a write then raises it raises while traced
        if name == "writeable" and value:
            array.run.add(Instruction("writeable", None, (Ref(array.number),), {}))


class Flat:
    """``x.flat``: its entries in row-major order, written through."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def _places(self, index: Any) -> Any:
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
        return (self[i] for i in range(len(self)))
