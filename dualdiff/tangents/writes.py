"""Writes into a buffer, as operations of a record: the buffer after the write, from the buffer before and the item."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..values import kinds
from ..values.dual import Dual, primal
from ..values.indexing import is_basic
from ..values.kinds import ARRAYS
from . import blocks
from .dense import Dense
from .operations import LinearMap, Node, Rearrange, View, zero_tangent
from .structural_zeros import Marked, plain
from .sweep import Sweep, positions_of, unbroadcast

_ndarray = np.ndarray
_BOOL = np.dtype(bool)


class Overwrite(Node):
    """A buffer after ``move(buffer)[...] = item``, where ``move`` takes a view of a block in row-major order.

    ``part`` is "real" or "imag" where that part of the view was written, of complex numbers.
    """

    __slots__ = ("before", "item", "move", "part")

    def __init__(
        self, index: int, before: Node, move: Callable[[Any], Any], item: Node | None, part: str | None = None
    ) -> None:
        super().__init__(index, before.shape, before.dtype)
        self.before = before
        self.move = move
        self.item = item
        self.part = part

    def taken(self, view: Any) -> Any:
        """What was written over, as an array of its own, which then holds zeros."""
        part = np.copy(view)
        view[...] = 0.0
        return part

    def put(self, view: Any, item: Any) -> None:
        view[...] = 0.0 if item is None else blocks.expand(item, view.ndim - 1)

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        if type(plain(cotangent)) not in ARRAYS:
            self._pull_apart(cotangent, sweep)
            return
        # A buffer that is written n times has one cotangent, which each write takes its own part of.
        rest = cotangent
        if not (sweep.owned[self.index] and type(rest) in ARRAYS and rest.flags.c_contiguous):
            rest = np.copy(rest, order="C")
        view = self.move(rest)
        part = self.taken(view if self.part is None else getattr(view, self.part))
        if self.item is not None:
            # Re(conj(i) · z̄), as for every product with a constant: the transpose does not conjugate.
            sweep.send(self.item, unbroadcast(-part if self.part == "imag" else part, self.item.shape))
        sweep.pass_on(self.before, rest)

    def _pull_apart(self, cotangent: Any, sweep: Sweep) -> None:
        """`pull` of a cotangent that may not be written in place."""
        if self.part is not None:
            raise TypeError("x.real or x.imag of complex numbers was written, in arrays that are not NumPy's.")
        written: Any = np.zeros((1, *self.shape))
        view = self.move(written)
        self.put(view, np.ones((1,)))
        if self.item is not None:
            part = self.found(self.move(cotangent))
            sweep.send(self.item, unbroadcast(part, self.item.shape))
        sweep.send(self.before, np.where(written > 0, 0.0, cotangent))

    def found(self, view: Any) -> Any:
        """What was written over."""
        return view

    def pull_on_support(self, cotangent: Any, support: Any, sweep: Sweep, supports: Sweep) -> None:
        self.pull(cotangent, sweep)
        if self.part is None:
            self.pull(support, supports)
            return
        # What reached a complex entry may have reached either part.
        if self.item is not None:
            view = self.move(np.copy(support, order="C"))
            supports.send(self.item, unbroadcast(self.taken(view), self.item.shape))
        supports.send(self.before, support)

    def text(self) -> str:
        written = "0" if self.item is None else f"%{self.item.index}"
        return f"write(%{self.before.index}, {written})"

    def sources(self) -> Iterable[Node]:
        return (self.before,) if self.item is None else (self.before, self.item)

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense, spare: bool = False) -> Any:
        """As every `push`; with ``spare`` into the tangent that the buffer had before, which nobody needs again."""
        before = tangent_of(self.before)
        item = None if self.item is None else tangent_of(self.item)
        if before is None and item is None:
            return None
        if before is None:
            before = zero_tangent(self, forward)
        whole = _buffer(before if spare else _copied(before), item)
        for block, written in _parts(whole, item):
            view = self.move(block)
            if self.part is None:
                self.put(view, written)
            elif primal(block).dtype is not _BOOL:
                self.put(getattr(view, self.part), written)
            elif written is not None:  # the other part stays what it was
                self.put(view, view | np.broadcast_to(blocks.expand(written, view.ndim - 1), view.shape))
        return whole


class OverwriteAt(Overwrite):
    """A buffer after ``move(buffer)[at] = item`` with advanced indices; of repeated places the last wins"""

    __slots__ = ("at", "winners")

    def __init__(
        self, index: int, before: Node, move: Callable[[Any], Any], at: Any, item: Node | None, part: str | None = None
    ) -> None:
        super().__init__(index, before, move, item, part)
        self.at = at
        self.winners: Any = None  # places that nothing overwrote again; True for all

    def taken(self, view: Any) -> Any:
        part = self.found(view)
        blocks.put(view, self.at, 0.0)
        return part

    def found(self, view: Any) -> Any:
        part = blocks.get(view, self.at)
        if self.winners is None:
            self.winners = _winners(self.at, view.shape[1:], part.shape[1:]) if _may_repeat(self.at) else True
        return part if self.winners is True else np.where(self.winners, part, 0.0)

    def put(self, view: Any, item: Any) -> None:
        blocks.put(view, self.at, 0.0 if item is None else item)


def spare_buffers(nodes: Sequence[Node], outputs: Sequence[Node]) -> dict[int, Overwrite]:
    """The writes, by index, whose buffer is the memory of a write before that nothing after them reads."""
    until = [0] * len(nodes)  # the last node that reads the memory of each, itself or through a view
    for node in outputs:
        until[node.index] = len(nodes)
    for node in reversed(nodes):
        at = node.index
        reader = max(at, until[at]) if isinstance(node, (View, Rearrange, LinearMap)) else at
        for parent in node.sources():
            until[parent.index] = max(until[parent.index], reader)
    return {
        node.index: node
        for node in nodes
        if isinstance(node, Overwrite) and isinstance(node.before, Overwrite) and until[node.before.index] == node.index
    }


def _may_repeat(index: Any) -> bool:
    """Whether an advanced index may name an entry twice: one mask does not, nor do different numbers."""
    advanced = [i for i in (index if type(index) is tuple else (index,)) if not is_basic(i)]
    if len(advanced) != 1:
        return True
    if kinds.other_in(advanced[0]) is not None:
        return getattr(advanced[0], "dtype", None) != _BOOL
    numbers = np.asarray(advanced[0])
    if numbers.dtype.kind == "b":
        return False
    return numbers.size > 1 and bool(numbers.min() < 0 or np.unique(numbers).size < numbers.size)


def _winners(index: Any, shape: tuple[int, ...], target: tuple[int, ...]) -> Any:
    other = kinds.other_in(index)
    last = np.zeros(shape, np.intp) if other is None else np.zeros(shape, np.intp, like=other)
    order = np.arange(1, math.prod(target) + 1).reshape(target)
    last[index] = order
    return last[index] == order


def keeps_memory(move: Callable[[Any], Any], like: Any) -> bool:
    """Whether ``move``, which took a view of a value, takes one of a block in row-major order too.

    ``ravel(order="F")`` is a view of a value in column-major order, and a copy of a block in row-major order.
    """
    probe = np.empty((1, *like.shape), like.dtype)
    return np.may_share_memory(move(probe), probe)


def places_of(move: Callable[[Any], Any], before: Node) -> tuple[Any, ...]:
    """The index that gathers from an array of the shape of ``before`` what ``move`` takes of it."""
    return np.unravel_index(positions_of(move, (before,)) - 1, before.shape)


def _copied(tangent: Any) -> Any:
    return Marked(*map(_copied, tangent)) if isinstance(tangent, Marked) else np.copy(tangent, order="C")


def _buffer(whole: Any, item: Any) -> Any:
    """A block that can hold what is to be written into it, which may be of an outer level."""
    if isinstance(whole, Marked):
        return whole if item is None else whole._replace(block=_buffer(whole.block, item.block))
    if type(item) is Dual and type(whole) is not Dual:
        return Dual(whole, item.perturbation.zeros(whole), item.perturbation)
    return whole


def _parts(whole: Any, item: Any) -> Iterable[tuple[Any, Any]]:
    """A block with what is written into it, then the supports of both."""
    if not isinstance(whole, Marked):
        return [(whole, item)]
    return zip(whole, (None, None) if item is None else item, strict=True)
