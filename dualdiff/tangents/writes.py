"""Writes into a buffer, as operations of a record: the buffer after the write, from the buffer before and the item."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import errors
from ..values import kinds
from ..values.dual import Dual, primal
from ..values.indexing import is_basic
from ..values.kinds import ARRAYS
from ..values.kinds import innermost as plain
from . import blocks
from .dense import Dense
from .maps import LinearMap, Rearrange, zero_tangent
from .operations import Node, View
from .transposes import positions_of
from .views import PARTS, Index, Place, Windows

if TYPE_CHECKING:
    from .running import Sweep

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
        view[...] = 0.0 if item is None else blocks.fitted(item, view.ndim - 1)

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        kind = sweep.kind
        given = kind.parts(cotangent)
        if type(plain(given[0])) not in ARRAYS:
            self._pull_apart(given, sweep)
            return
        # A buffer that is written n times has one cotangent, which each write takes its own part of.
        owned = sweep.owned[self.index]
        rest = [
            part if owned and type(part) in ARRAYS and part.flags.c_contiguous else np.copy(part, order="C")
            for part in given
        ]
        if self.item is not None:
            taken = kind.whole([self._part_of(block, self.taken) for block in rest])
            # Re(conj(i) · z̄), as for every product with a constant: the transpose does not conjugate.
            taken = -taken if self.part == "imag" else taken
            sweep.send(self.item, kind.summed_to(taken, self.item.shape))
        else:
            for block in rest:
                self._part_of(block, self.taken)
        sweep.pass_on(self.before, kind.whole(rest))

    def _part_of(self, block: Any, taken: Callable[[Any], Any]) -> Any:
        """What is taken of a block; of a complex entry's support, either part may have been reached."""
        if self.part is None:
            return taken(self.move(block))
        if block.dtype == _BOOL:
            return taken(self.move(np.copy(block)))
        return taken(getattr(self.move(block), self.part))

    def _pull_apart(self, given: Sequence[Any], sweep: Sweep) -> None:
        """`pull` of a cotangent that may not be written in place."""
        if self.part is not None:
            raise TypeError("x.real or x.imag of complex numbers was written, in arrays that are not NumPy's.")
        kind = sweep.kind
        written: Any = np.zeros((1, *self.shape))
        view = self.move(written)
        self.put(view, np.ones((1,)))
        if self.item is not None:
            taken = kind.whole([self.found(self.move(part)) for part in given])
            sweep.send(self.item, kind.summed_to(taken, self.item.shape))
        sweep.send(self.before, kind.whole([np.where(written > 0, 0.0, part) for part in given]))

    def found(self, view: Any) -> Any:
        """What was written over."""
        return view

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
        parts = [part if spare else np.copy(part, order="C") for part in forward.parts(before)]
        items = (None,) * len(parts) if item is None else forward.parts(item)
        if type(items[0]) is Dual and type(parts[0]) is not Dual:  # of an outer level
            parts[0] = Dual(parts[0], items[0].perturbation.zeros(parts[0]), items[0].perturbation)
        for block, written in zip(parts, items, strict=True):
            view = self.move(block)
            if self.part is None:
                self.put(view, written)
            elif primal(block).dtype is not _BOOL:
                self.put(getattr(view, self.part), written)
            elif written is not None:  # the other part stays what it was
                self.put(view, view | np.broadcast_to(blocks.fitted(written, view.ndim - 1), view.shape))
        return forward.whole(parts)


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


def overwritten(
    number: int, before: Node, views: Sequence[tuple[Any, Any]], index: Any, item: Node | None
) -> Overwrite:
    """The operation that writes an item into a view of a buffer: see `Perturbation.after_write`."""
    part, moves, indexed, windows = None, [], True, False
    for move, at in views:
        if move in PARTS:
            part = PARTS[move]
        elif move is None:
            moves.append(Index(at))
        else:
            moves.append(move)
            indexed, windows = False, windows or type(move) is Windows
    if windows:
        written = positions_of(Place(moves), (before,))[index]
        if np.unique(written).size < np.size(written):
            raise errors.windows_overlap()
    basic = is_basic(index)
    place = Place([*moves, lambda block: blocks.view(block, index)] if basic else moves)
    if indexed or keeps_memory(place, before):
        if basic:
            return Overwrite(number, before, place, item, part)
        return OverwriteAt(number, before, place, index, item, part)
    at = places_of(place, before)
    at = at if basic else tuple(places[index] for places in at)
    return OverwriteAt(number, before, Place([]), at, item, part)


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
