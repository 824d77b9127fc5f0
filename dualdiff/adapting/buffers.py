"""Lazy buffers: plain memory, until the first Dual is written into it.

``out = np.zeros(n)`` in an adapted function is a `Buffer`.  While nothing that carries a derivative is written, it
behaves as its array, and operations on it give plain results: constants stay constants.  The first Dual written
turns it into a `Dual` over the same memory, of the perturbation of what was written, and every view of it, taken
before or after, into the same view of that Dual (`turn`).  From then on it *is* a Dual: the class of the object
changes, which has the slots of a Dual, and costs what a Dual costs.

To code that asks for an array (C, or Python that is not adapted) a plain view is handed out, and remembered: a Dual
that is written while it lives raises, for that code would not see it.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from .. import errors
from ..values import kinds, storage
from ..values.dual import Cells, Dual
from ..values.indexing import is_basic
from ..values.kinds import ARRAYS
from ..values.objects import fused

_ndarray = np.ndarray
NUMBERS = frozenset({float, int, np.float64, complex, bool, np.complex128, np.float32, np.int64})


class Buffer(Cells):
    """A real or complex array that may come to hold Duals."""

    __slots__ = ()
    __array_priority__ = 999.0
    __takes_calls__ = True  # a Dual leaves calls with a buffer among their arguments to the buffer

    def __init__(self, memory: Any) -> None:
        self.value = memory
        self.tangent: Any = None
        self.perturbation: Any = None
        self.storage: Any = None
        self.origin: Any = None
        self.shares = False

    def __dual__(self) -> Any:
        """The array itself: nothing is written that carries a derivative."""
        return self.value

    # Entries.

    def __getitem__(self, index: Any) -> Any:
        part = self.value[index]
        if type(part) in ARRAYS:
            if is_basic(index):
                return attached(part, self, (operator.getitem, index))
            return buffered(part)
        return part

    def __setitem__(self, index: Any, item: Any) -> None:
        if type(item) not in NUMBERS:
            item = fused(item)
            if type(item) is Dual:
                turn(self, item.perturbation)
                self[index] = item  # a Dual now
                return
        self.value[index] = item

    def __iter__(self) -> Iterator[Any]:
        if self.value.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self.value)))

    def __len__(self) -> int:
        return len(self.value)

    def __contains__(self, item: Any) -> bool:
        return plain(item) in self.value

    # Conversions.

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __index__(self) -> int:
        return operator.index(self.value)

    def __complex__(self) -> complex:
        return complex(self.value)

    def __repr__(self) -> str:
        return repr(self.value)

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    def __hash__(self) -> NoReturn:
        raise TypeError("unhashable type: 'numpy.ndarray'")

    def __copy__(self) -> Any:
        return buffered(self.value.copy("K"))

    def __deepcopy__(self, memo: Any) -> Any:
        return buffered(self.value.copy("K"))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.value.__reduce_ex__(protocol)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """A plain view, remembered, for code that asks for an array."""
        if copy or (dtype is not None and np.dtype(dtype) != self.value.dtype):
            return np.array(self.value, dtype=dtype)
        return exported(self)


def plain(x: Any) -> Any:
    """An argument with a buffer, or buffers in a list, as their arrays; a list without any is left as it is."""
    kind = type(x)
    if kind is Buffer:
        return x.value
    if kind is list or kind is tuple:
        items = [plain(item) for item in x]
        return kind(items) if any(map(operator.is_not, items, x)) else x
    return x


def stripped_of(tree: Any, found: list[Buffer]) -> Any:
    """The same for whole arguments; the buffers are put into ``found``."""
    kind = type(tree)
    if kind is Buffer:
        found.append(tree)
        return tree.value
    if isinstance(tree, (list, tuple)):
        items = [stripped_of(item, found) for item in tree]
        if not any(map(operator.is_not, items, tree)):
            return tree
        return items if kind is list else tuple(items)
    if kind is dict:
        named = {name: stripped_of(item, found) for name, item in tree.items()}
        return named if any(map(operator.is_not, named.values(), tree.values())) else tree
    return tree


def buffered(array: Any) -> Any:
    """A fresh array as a buffer, if its numbers can have derivatives."""
    if kinds.RUNNING[0]:
        array = kinds.lift(array)
    if type(array) in ARRAYS and array.dtype.kind in "fc":
        return Buffer(array)
    return array


def settled(tree: Any) -> Any:
    """Results for somebody who is not adapted: buffers as their arrays."""
    kind = type(tree)
    if kind is Buffer:
        return tree.value
    if kind is list:
        tree[:] = [settled(item) for item in tree]
        return tree
    if kind is dict:
        for name, item in tree.items():
            tree[name] = settled(item)
        return tree
    if kind is tuple or (isinstance(tree, tuple) and hasattr(tree, "_fields")):
        items = [settled(item) for item in tree]
        if not any(map(operator.is_not, items, tree)):
            found = tree
        elif kind is tuple:
            return tuple(items)
        else:  # its constructor may take more than its items, as those of SciPy's results
            found = tuple.__new__(kind, items)
        if getattr(found, "__dict__", None) is not None:
            found.__dict__.update({name: settled(item) for name, item in tree.__dict__.items()})
        return found
    return tree


# Turning into a Dual.


def turn(buffer: Buffer, perturbation: Any) -> None:
    """Make a buffer, and every view of its memory, a Dual of one perturbation, with zero tangent."""
    root = buffer
    while root.origin is not None:
        root = root.origin[0]
    shared = root.storage
    if shared is not None:
        shared.exports = [export for export in shared.exports if export() is not None]
        if shared.exports:
            raise errors.exported_buffer(root.value.shape)
    memory = root.value
    root.tangent, root.perturbation = perturbation.zeros(memory), perturbation
    root.__class__ = Dual  # type: ignore[assignment]
    if shared is None:
        shared = storage.anchor(root)  # type: ignore[arg-type]
    else:
        root.tangent = perturbation.as_buffer(root.tangent, memory)
    if type(memory) is _ndarray:
        shared.before, shared.plain_again = {perturbation: memory.copy()}, Buffer
    for view in shared.living()[1:]:
        _follow(view, shared, memory)


def _follow(view: Any, shared: Any, memory: Any) -> None:
    parent, (function, *arguments), _ = view.origin
    fresh = function(parent, *arguments)
    if type(fresh) is not Dual or (fresh.storage is not shared and view.value.size):
        view.value = None
        raise TypeError(
            f"a Dual is written into an array of shape {memory.shape} of which there is a view that cannot hold a "
            "derivative (by view(dtype), as_strided, ...).\n  Take the view later, or work on a copy."
        )
    view.value, view.tangent, view.perturbation = fresh.value, fresh.tangent, fresh.perturbation
    view.origin, view.storage = fresh.origin, fresh.storage
    view.__class__ = Dual


def attached(array: Any, parent: Any, again: tuple[Any, ...]) -> Buffer:
    """A view of a buffer, which can be taken anew by ``again``."""
    if parent.storage is None:
        parent.storage = storage.Storage(parent, False)
    view = Buffer(array)
    view.storage = parent.storage
    view.origin = (parent, again, None)
    aliases = parent.storage.aliases
    aliases.append(weakref.ref(view))
    if len(aliases) > parent.storage.crowded:
        parent.storage.living()
    return view


class _Holder:
    """The base of a plain view that was handed out: views of the view keep it alive."""

    __slots__ = ("__array_interface__", "__weakref__", "memory")

    def __init__(self, memory: Any) -> None:
        self.memory = memory
        self.__array_interface__ = memory.__array_interface__


def exported(buffer: Buffer) -> Any:
    """A plain view of a buffer that is remembered for as long as it, or a view of it, lives."""
    holder = _Holder(buffer.value)
    if buffer.storage is None:
        buffer.storage = storage.Storage(buffer, False)  # type: ignore[arg-type]
    buffer.storage.exports.append(weakref.ref(holder))
    return np.asarray(holder)
