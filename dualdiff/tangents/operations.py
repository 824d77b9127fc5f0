"""The nodes of a tape: each kind of linear operation, its transpose, and what it reads.

`pull` sends a cotangent of a node back to its parents, `push` makes its tangent from theirs, `held` names the arrays
of the primal program that both read.  A `Sweep` collects the cotangents found so far.  Blocks of k cotangents have
shape ``(k, *node.shape)``; one cotangent of a scalar may travel as a scalar.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..values.dual import Dual, primal
from ..values.indexing import is_basic
from . import MINUS_ONE, ONE, Like, Trivial, blocks
from .dense import Dense, as_block, contracted, real_part
from .structural_zeros import Marked, contracted_on_support, plain, reached_through

_ndarray = np.ndarray
_zeros = np.zeros
_BOOL = np.dtype(bool)
_PLAIN = (np.ndarray, np.generic)


class Node:
    """One operation of the linear program: the tangent of one primal of known shape and dtype."""

    __slots__ = ("dtype", "index", "shape")

    def __init__(self, index: int, shape: tuple[int, ...], dtype: Any) -> None:
        self.index = index
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        """Send a cotangent of this node to its parents; an input or a zero has none."""

    def pull_one(self, cotangent: Any, sweep: OneSweep) -> None:
        """`pull` of one cotangent, which has the shape of this node: no axis of directions."""
        self.pull(as_block(cotangent), sweep.blocks)

    def pull_on_support(self, cotangent: Any, support: Any, sweep: Sweep, supports: Sweep) -> None:
        """`pull`, and the same for the support (entries that a seed reached are positive).

        What is off the support stays zero, even where a partial is infinite.
        """
        self.pull(cotangent, sweep)
        self.pull(support, supports)

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        """The tangent of this node from those of its parents (None is zero), by forward mode's operations."""
        return None

    def sources(self) -> Iterable[Node]:
        """The parents."""
        return ()

    def held(self) -> Iterable[Any]:
        """Arrays of the primal program that this node reads again."""
        return ()

    def let_go(self, array: Any, copy: Any) -> None:
        """Hold ``copy`` in place of ``array``."""


class Combine(Node):
    """Σ partialᵢ · tangentᵢ"""

    __slots__ = ("terms",)

    def __init__(self, index: int, shape: tuple[int, ...], dtype: Any, terms: tuple[tuple[Any, Node], ...]) -> None:
        self.index = index
        self.shape = shape
        self.dtype = dtype
        self.terms = terms

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        for partial, parent in self.terms:
            if partial is ONE:
                term = cotangent
            elif partial is MINUS_ONE:
                term = -cotangent
            else:
                term = _times(partial, cotangent)
            sweep.send(parent, term if parent.shape == self.shape else _unbroadcast(term, parent.shape))

    def pull_one(self, cotangent: Any, sweep: OneSweep) -> None:
        shape, found = self.shape, sweep.found
        for partial, parent in self.terms:
            if partial is ONE:
                term = cotangent
            elif partial is MINUS_ONE:
                term = -cotangent
            elif type(partial) is _ndarray and partial.dtype is not _BOOL:
                term = partial * cotangent
            else:
                term = _times(partial, cotangent)
            if parent.shape != shape:
                term = _unbroadcast(as_block(term), parent.shape)[0]
            at = parent.index
            if found[at] is None and type(term) is _ndarray and term.dtype is parent.dtype:
                found[at] = term  # what send() does most often
            else:
                sweep.send(parent, term)

    def pull_on_support(self, cotangent: Any, support: Any, sweep: Sweep, supports: Sweep) -> None:
        for partial, parent in self.terms:
            reached = support
            if type(partial) is not Trivial and getattr(partial, "dtype", None) == _BOOL:
                reached = np.where(partial, support, 0.0)
            term = cotangent if partial is ONE else -cotangent
            if type(partial) is not Trivial:
                term = np.where(plain(reached) > 0, _times(partial, cotangent), 0.0)
            sweep.send(parent, _unbroadcast(term, parent.shape))
            supports.send(parent, _unbroadcast(reached, parent.shape))

    def sources(self) -> Iterable[Node]:
        return [parent for _, parent in self.terms]

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        terms = [(partial, block) for partial, parent in self.terms if (block := tangent_of(parent)) is not None]
        return forward.combine(terms, Like(self.shape, self.dtype)) if terms else None

    def held(self) -> Iterable[Any]:
        return (partial for partial, _ in self.terms)

    def let_go(self, array: Any, copy: Any) -> None:
        self.terms = tuple((copy if partial is array else partial, parent) for partial, parent in self.terms)


class ScalarCombine(Combine):
    """Σ partialᵢ · tangentᵢ of float64 scalars with numbers for partials: half of what `Combine` takes"""

    __slots__ = ()
    shape = ()
    dtype = np.dtype(np.float64)

    def __init__(self, index: int, terms: tuple[tuple[Any, Node], ...]) -> None:
        self.index = index
        self.terms = terms

    def pull_one(self, cotangent: Any, sweep: OneSweep) -> None:
        found = sweep.found
        for partial, parent in self.terms:
            at = parent.index
            total = found[at]
            term = cotangent if partial is ONE else -cotangent if partial is MINUS_ONE else partial * cotangent
            found[at] = term if total is None else total + term


class Rearrange(Node):
    """Entries copied, dropped, repeated or zero-filled"""

    __slots__ = ("move", "parents", "positions")

    def __init__(self, index: int, like: Any, dtype: Any, parents: tuple[Node, ...], move: Callable[..., Any]) -> None:
        super().__init__(index, like.shape, dtype)
        self.parents = parents
        self.move = move
        self.positions: Any = None

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        if self.positions is None:
            self.positions = getattr(self.move, "positions", None)
        memory = type(plain(cotangent)) is _ndarray
        if self.positions is None and memory and len(self.parents) == 1 and sweep.send_into_view(self, cotangent):
            return
        if self.positions is None:
            self.positions = _positions(self.move, self.parents, None if memory else cotangent)
        parts = _scatter(self.positions, cotangent, [parent.shape for parent in self.parents])
        for parent, part in zip(self.parents, parts, strict=True):
            sweep.send(parent, part)

    def sources(self) -> Iterable[Node]:
        return self.parents

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        given = [tangent_of(parent) for parent in self.parents]
        if all(block is None for block in given):
            return None
        filled = [
            _zero_tangent(parent, forward) if block is None else block
            for block, parent in zip(given, self.parents, strict=True)
        ]
        return forward.rearrange(tuple(filled), self.move, Like(self.shape, self.dtype))


class Join(Node):
    """Arrays laid end to end along an axis: each part of the cotangent goes back to where it came from"""

    __slots__ = ("axis", "parts")

    def __init__(
        self, index: int, shape: Any, dtype: Any, parts: list[tuple[Node | None, tuple[int, ...]]], axis: int
    ) -> None:
        super().__init__(index, shape, dtype)
        self.parts = parts
        self.axis = axis

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        before = (slice(None),) * (self.axis + 1)
        stop = 0
        for parent, shape in self.parts:
            start, stop = stop, stop + shape[self.axis]
            if parent is not None:
                part = cotangent[(*before, slice(start, stop))]
                sweep.send(parent, part.reshape((part.shape[0], *parent.shape)))

    def sources(self) -> Iterable[Node]:
        return [parent for parent, _ in self.parts if parent is not None]

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        given = [(None if parent is None else tangent_of(parent), shape) for parent, shape in self.parts]
        return None if all(block is None for block, _ in given) else forward.join(given, self.axis, self)


class View(Node):
    """A rearrangement that is a view: its transpose adds into the same view of zeros"""

    __slots__ = ("move", "parent")

    def __init__(self, index: int, shape: tuple[int, ...], parent: Node, move: Callable[[Any], Any]) -> None:
        self.index = index
        self.shape = shape
        self.dtype = parent.dtype
        self.parent = parent
        self.move = move

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        sweep.send_into(self.parent, self.move, cotangent)

    def sources(self) -> Iterable[Node]:
        return (self.parent,)

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        block = tangent_of(self.parent)
        return None if block is None else forward.view(block, self.move, Like(self.shape, self.dtype))


class IndexView(View):
    """A view by a basic index"""

    __slots__ = ("at",)

    def __init__(self, index: int, shape: tuple[int, ...], parent: Node, at: Any) -> None:
        self.index = index
        self.shape = shape
        self.dtype = parent.dtype
        self.parent = parent
        self.at = at

    def move(self, block: Any) -> Any:
        return blocks.get(block, self.at)

    def pull_one(self, cotangent: Any, sweep: OneSweep) -> None:
        parent = self.parent
        total = sweep.buffer(parent, cotangent)
        if total is None:
            sweep.blocks.send_into(parent, self.move, as_block(cotangent))
        elif cotangent.dtype is not parent.dtype:
            total[self.at] += real_part(cotangent, parent.dtype)
        else:
            total[self.at] += cotangent


class Entry(IndexView):
    """One entry, a scalar"""

    __slots__ = ()

    def __init__(self, index: int, parent: Node, at: Any) -> None:
        super().__init__(index, (), parent, at if type(at) is tuple else (at,))

    def move(self, block: Any) -> Any:
        return blocks.view(block, self.at)


class Contract(Node):
    """``einsum(subscripts, tangent, operand)``"""

    __slots__ = ("operand", "parent", "subscripts")

    def __init__(self, index: int, shape: Any, dtype: Any, parent: Node, subscripts: str, operand: Any) -> None:
        super().__init__(index, shape, dtype)
        self.parent = parent
        self.subscripts = subscripts
        self.operand = operand

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        subscripts, order, spread = _pulled(self.subscripts)
        block = cotangent if self.operand is None else contracted(cotangent, subscripts, self.operand)
        if order is not None:
            block = np.transpose(block, order)
        if spread is not None:
            block = _spread(block[spread], (block.shape[0], *self.parent.shape))
        sweep.send(self.parent, block)

    def pull_one(self, cotangent: Any, sweep: OneSweep) -> None:
        if self.operand is not None or not isinstance(cotangent, _PLAIN):
            super().pull_one(cotangent, sweep)
            return
        _, order, spread = _pulled(self.subscripts)
        if order is not None or spread is None:
            super().pull_one(cotangent, sweep)
            return
        whole = np.empty(self.parent.shape, self.dtype)
        whole[...] = cotangent[spread[1:]] if self.shape else cotangent  # type: ignore[index]
        sweep.send(self.parent, whole)

    def pull_on_support(self, cotangent: Any, support: Any, sweep: Sweep, supports: Sweep) -> None:
        if self.operand is None:
            super().pull_on_support(cotangent, support, sweep, supports)
            return
        subscripts, _, spread = _pulled(self.subscripts)
        for block, where in (
            (contracted_on_support(cotangent, plain(support) > 0, subscripts, self.operand), sweep),
            (contracted(support, subscripts, np.ones(np.shape(plain(self.operand)))), supports),
        ):
            whole = block if spread is None else np.broadcast_to(block[spread], (block.shape[0], *self.parent.shape))
            where.send(self.parent, whole)

    def sources(self) -> Iterable[Node]:
        return (self.parent,)

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        block = tangent_of(self.parent)
        return None if block is None else forward.contract(block, self.subscripts, self.operand)

    def held(self) -> Iterable[Any]:
        return (self.operand,)

    def let_go(self, array: Any, copy: Any) -> None:
        if self.operand is array:
            self.operand = copy


class LinearMap(Node):
    """Any other linear map"""

    __slots__ = ("apply", "parent", "transpose")

    def __init__(self, index: int, like: Any, parent: Node, apply: Any, transpose: Any) -> None:
        super().__init__(index, like.shape, like.dtype)
        self.parent = parent
        self.apply = apply
        self.transpose = transpose

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        sweep.send(self.parent, self.transpose(cotangent))

    def pull_on_support(self, cotangent: Any, support: Any, sweep: Sweep, supports: Sweep) -> None:
        self.pull(cotangent, sweep)
        supports.send(self.parent, reached_through(self.transpose, plain(support) != 0, cotangent) * 1.0)

    def sources(self) -> Iterable[Node]:
        return (self.parent,)

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        block = tangent_of(self.parent)
        if block is None:
            return None
        return forward.linear_map(block, self.apply, self.transpose, Like(self.shape, self.dtype))


class Pullback(Node):
    """A linear map of several parents that is known by its transpose alone: ``custom_vjp``"""

    __slots__ = ("parents", "transpose")

    def __init__(self, index: int, like: Any, parents: tuple[Node, ...], transpose: Callable[[Any], Any]) -> None:
        super().__init__(index, like.shape, like.dtype)
        self.parents = parents
        self.transpose = transpose

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        for parent, block in zip(self.parents, self.transpose(cotangent), strict=True):
            if block is not None:
                sweep.send(parent, block)

    def pull_on_support(self, cotangent: Any, support: Any, sweep: Sweep, supports: Sweep) -> None:
        self.pull(cotangent, sweep)
        for parent in self.parents:
            supports.send(parent, np.ones((support.shape[0], *parent.shape)))

    def sources(self) -> Iterable[Node]:
        return self.parents

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        raise TypeError(
            "a custom_vjp function has a rule for reverse mode only; linearize and jvp need forward mode.\n"
            "  Give it a rule with custom_jvp, which serves both modes."
        )


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
        if type(plain(cotangent)) is not _ndarray:
            self._pull_apart(cotangent, sweep)
            return
        # A buffer that is written n times has one cotangent, which each write takes its own part of.
        rest = cotangent
        if not (sweep.owned[self.index] and type(rest) is _ndarray and rest.flags.c_contiguous):
            rest = np.copy(rest, order="C")
        view = self.move(rest)
        part = self.taken(view if self.part is None else getattr(view, self.part))
        if self.item is not None:
            # Re(conj(i) · z̄), as for every product with a constant: the transpose does not conjugate.
            sweep.send(self.item, _unbroadcast(-part if self.part == "imag" else part, self.item.shape))
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
            sweep.send(self.item, _unbroadcast(part, self.item.shape))
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
            supports.send(self.item, _unbroadcast(self.taken(view), self.item.shape))
        supports.send(self.before, support)

    def sources(self) -> Iterable[Node]:
        return (self.before,) if self.item is None else (self.before, self.item)

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense, spare: bool = False) -> Any:
        """As every `push`; with ``spare`` into the tangent that the buffer had before, which nobody needs again."""
        before = tangent_of(self.before)
        item = None if self.item is None else tangent_of(self.item)
        if before is None and item is None:
            return None
        if before is None:
            before = _zero_tangent(self, forward)
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
    numbers = np.asarray(advanced[0])
    if numbers.dtype.kind == "b":
        return False
    return numbers.size > 1 and bool(numbers.min() < 0 or np.unique(numbers).size < numbers.size)


def _winners(index: Any, shape: tuple[int, ...], target: tuple[int, ...]) -> Any:
    last = np.zeros(shape, np.intp)
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
    return np.unravel_index(_positions(move, (before,)) - 1, before.shape)


class Sweep:
    """The cotangents found so far, by node index, and which of them are ours to add into."""

    __slots__ = ("cast", "found", "owned")

    def __init__(self, found: Any, owned: Any, cast: bool = True) -> None:
        self.found = found
        self.owned = owned
        self.cast = cast  # whether blocks take the dtype of their primal

    def send(self, parent: Node, block: Any) -> None:
        """Add a block to the cotangent of a node."""
        if type(block) is float or (self.cast and block.dtype is not parent.dtype and block.dtype != parent.dtype):
            block = real_part(parent.dtype.type(block) if type(block) is float else block, parent.dtype)
        at = parent.index
        total = self.found[at]
        if total is None:
            self.found[at] = block
        elif self.owned[at] and type(total) is _ndarray and type(block) is _ndarray:
            np.add(total, block, total)
        else:
            self.found[at] = total + block
            self.owned[at] = 1

    def pass_on(self, parent: Node, block: Any) -> None:
        """`send` of a block that nobody else holds."""
        self.send(parent, block)
        at = parent.index
        if self.found[at] is block:
            self.owned[at] = 1

    def send_into(self, parent: Node, move: Callable[[Any], Any], block: Any) -> None:
        """Add a block to a view of the cotangent of a node."""
        at = parent.index
        total = self.found[at]
        if type(block) is not _ndarray or not (total is None or type(total) is _ndarray):
            self.send(parent, _put_back(move, block, parent))
            return
        if self.cast and block.dtype is not parent.dtype and block.dtype != parent.dtype:
            block = real_part(block, parent.dtype)
        if total is None:
            self.found[at] = total = _zeros((len(block), *parent.shape), parent.dtype if self.cast else block.dtype)
            self.owned[at] = 1
            move(total)[...] = block
            return
        if not self.owned[at]:
            self.found[at] = total = total.copy()
            self.owned[at] = 1
        view = move(total)
        np.add(view, block, view)

    def send_into_view(self, node: Rearrange, block: Any) -> bool:
        """Do so if the rearrangement takes a view that can be added into; whether it does."""
        (parent,) = node.parents
        if not takes_view(node):
            return False
        total = self.found[parent.index]
        if type(total) is _ndarray and not total.flags.c_contiguous:  # the view might be a copy there
            self.found[parent.index] = total.copy()
            self.owned[parent.index] = 1
        self.send_into(parent, node.move, block)
        return True


def takes_view(node: Rearrange) -> bool:
    """Whether a rearrangement of one tangent takes a view that shows no entry twice."""
    probe = np.empty((1, *node.parents[0].shape), bool)
    view = node.move(probe)
    if (
        type(view) is not _ndarray
        or view.size > probe.size
        or not view.flags.writeable
        or not np.may_share_memory(view, probe)
    ):
        return False
    return not any(stride == 0 and n > 1 for stride, n in zip(view.strides, view.shape, strict=True))


class OneSweep:
    """The cotangents found so far where there is one: arrays of the shape of their nodes, scalars of scalars."""

    __slots__ = ("found", "owned")

    def __init__(self, found: Any, owned: Any) -> None:
        self.found = found
        self.owned = owned

    @property
    def blocks(self) -> Any:
        return _BlocksOfOne(self)

    def send(self, parent: Node, cotangent: Any) -> None:
        """Add to the cotangent of a node."""
        if type(cotangent) is float or (cotangent.dtype is not parent.dtype and cotangent.dtype != parent.dtype):
            cotangent = parent.dtype.type(cotangent) if type(cotangent) is float else cotangent
            cotangent = real_part(cotangent, parent.dtype)
        at = parent.index
        total = self.found[at]
        if total is None:
            self.found[at] = cotangent
        elif self.owned[at] and type(total) is _ndarray and type(cotangent) is _ndarray:
            np.add(total, cotangent, total)
        else:
            self.found[at] = total + cotangent
            self.owned[at] = 1

    def pass_on(self, parent: Node, cotangent: Any) -> None:
        """`send` of an array that nobody else holds."""
        self.send(parent, cotangent)
        at = parent.index
        if self.found[at] is cotangent:
            self.owned[at] = 1

    def buffer(self, parent: Node, cotangent: Any) -> Any:
        """The cotangent of a node as an array of our own, to add into; None where a Dual is in the way."""
        at = parent.index
        total = self.found[at]
        if not isinstance(cotangent, _PLAIN) or not (total is None or type(total) is _ndarray):
            return None
        if not self.owned[at]:
            self.found[at] = total = _zeros(parent.shape, parent.dtype) if total is None else total.copy()
            self.owned[at] = 1
        return total


class _BlocksOfOne(Sweep):
    """A `OneSweep` as nodes that know only blocks see it."""

    __slots__ = ("one",)

    def __init__(self, one: OneSweep) -> None:
        super().__init__(one.found, one.owned)
        self.one = one

    def send(self, parent: Node, block: Any) -> None:
        self.one.send(parent, block[0])

    def pass_on(self, parent: Node, block: Any) -> None:
        # A block of one scalar gives a scalar, which is nobody's.
        self.one.pass_on(parent, block[0])

    def send_into(self, parent: Node, move: Callable[[Any], Any], block: Any) -> None:
        total = self.one.buffer(parent, block)
        if total is None:
            self.send(parent, _put_back(move, block, parent))
            return
        view = move(total[None])
        np.add(view, block if block.dtype == parent.dtype else real_part(block, parent.dtype), view)


# Blocks, and blocks with their supports, on their way forward.


def _zero_tangent(node: Node, forward: Dense) -> Any:
    return forward.seed(np.zeros((forward.k, *node.shape), node.dtype))


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


# Cotangent blocks.


def _times(partial: Any, cotangent: Any) -> Any:
    if getattr(partial, "dtype", None) is _BOOL:
        return np.where(partial, cotangent, 0.0)
    # In the other order np.float64 would leave Python's complex, which has no dtype.
    return cotangent * partial if type(partial) is complex else partial * cotangent


def _unbroadcast(block: Any, shape: tuple[int, ...]) -> Any:
    """The sum over the axes along which an array of ``shape`` was repeated."""
    extra = block.ndim - 1 - len(shape)
    if extra:
        block = np.sum(block, axis=tuple(range(1, extra + 1)))
    repeated = tuple(i for i, n in enumerate(shape, 1) if n == 1 and block.shape[i] != 1)
    return np.sum(block, axis=repeated, keepdims=True) if repeated else block


def _spread(block: Any, shape: tuple[int, ...]) -> Any:
    """The block repeated to a shape; a small one is written out, which is quicker than `np.broadcast_to`."""
    if type(block) is _ndarray and math.prod(shape) <= 4096:
        whole = np.empty(shape, block.dtype)
        whole[...] = block
        return whole
    return np.broadcast_to(block, shape)


@functools.lru_cache(maxsize=1024)
def _pulled(subscripts: str) -> tuple[str, list[int] | None, Any]:
    """The transpose of a contraction: subscripts of the cotangent and operand, the order of the axes that they give
    (None if it is that of the tangent), and the index that inserts the axes which were only summed over."""
    letters, operand, out = terms_of(subscripts)
    known = "".join(c for c in letters if c in operand or c in out)
    order = None
    if not operand:
        positions = sorted(range(len(out)), key=lambda i: letters.index(out[i]))
        if positions != list(range(len(out))):
            order = [0, *(i + 1 for i in positions)]
    spread = None if known == letters else (slice(None), *(slice(None) if c in known else None for c in letters))
    return f"{out},{operand}->{known}", order, spread


@functools.lru_cache(maxsize=1024)
def terms_of(subscripts: str) -> tuple[str, str, str]:
    inputs, _, out = subscripts.partition("->")
    tangent, _, operand = inputs.partition(",")
    return tangent, operand, out


def _positions(move: Callable[..., Any], parents: Sequence[Node], like: Any = None) -> Any:
    """Where each entry of the result comes from, counted through all parents from 1; 0 is zero-filled.

    An array of the kind of ``like``, which is no ndarray, where the move itself depends on such arrays.
    """
    places = []
    start = 1
    for parent in parents:
        size = int(np.prod(parent.shape))
        # Floats, since a move may join them with zeros of its own; exact far beyond any array's size.
        places.append(np.arange(start, start + size, dtype=float).reshape(1, *parent.shape))
        start += size
    if like is None:
        return np.asarray(move(*places)[0]).astype(np.intp)
    try:
        found = move(*places)[0]
    except Exception:  # a plain array does not take an index of that kind
        kind = plain(like)
        found = move(*(np.zeros_like(kind, dtype=float, shape=np.shape(place)) + place for place in places))[0]
    return found.astype(np.intp)


def _scatter(positions: Any, cotangent: Any, shapes: list[tuple[int, ...]]) -> list[Any]:
    """The transpose of gathering by positions."""
    k = cotangent.shape[0]
    sizes = [int(np.prod(shape)) for shape in shapes]
    total = sum(sizes)
    flat = np.ravel(positions)
    if type(plain(cotangent)) is not _ndarray:
        sums = _gathered_back(flat, cotangent, total)
        return [
            sums[:, stop - size : stop].reshape((k, *shape))
            for size, stop, shape in zip(sizes, np.cumsum(sizes).tolist(), shapes, strict=True)
        ]
    values = cotangent.reshape(k, -1)
    counts = np.bincount(flat, minlength=total + 1)
    if counts[1:].max(initial=0) <= 1 and type(cotangent) is _ndarray:
        sums = np.zeros((k, total + 1), cotangent.dtype)
        sums[:, flat] = values
    else:
        sums = np.zeros((k, total + 1), cotangent.dtype, like=cotangent)
        columns: Any = (slice(None), flat)
        np.add.at(sums, columns, values)
    parts = []
    at = 1
    for size, shape in zip(sizes, shapes, strict=True):
        parts.append(sums[:, at : at + size].reshape(k, *shape))
        at += size
    return parts


def _put_back(move: Callable[[Any], Any], block: Any, parent: Node) -> Any:
    """Zeros of the shape of a node, with the block in the view of them that ``move`` takes."""
    if type(plain(block)) is not _ndarray:
        flat = np.ravel(_positions(move, (parent,)))
        whole = _gathered_back(flat, block, math.prod(parent.shape))
        return whole.reshape((block.shape[0], *parent.shape))
    whole = np.zeros((block.shape[0], *parent.shape), block.dtype, like=block)
    move(whole)[...] = block
    return whole


def _gathered_back(positions: Any, cotangent: Any, size: int) -> Any:
    """The transpose of gathering, of a value that may not be written in place: a gather for each repetition.

    ``positions`` count from 1; what comes from 0 is dropped.  Positions that are not to be seen in memory either are
    compared with all that there are.
    """
    k = cotangent.shape[0]
    if type(positions) is not _ndarray:
        here = positions[:, None] == np.arange(1, size + 1)
        return np.sum(np.where(here, cotangent.reshape((k, -1, 1)), 0.0), axis=1)
    nothing = np.zeros((k, 1), cotangent.dtype, like=cotangent)
    order = np.argsort(positions, kind="stable")
    places = positions[order]
    start = np.searchsorted(places, places)  # of each run of equal places
    total: Any = None
    padded = np.concatenate([nothing, cotangent.reshape((k, -1))], axis=1)
    nth = np.arange(places.size) - start
    for repetition in range(int(nth[places > 0].max(initial=0)) + 1):
        here = (nth == repetition) & (places > 0)
        source = np.zeros(size, np.intp)
        source[places[here] - 1] = order[here] + 1
        part = np.take(padded, source, axis=1)
        total = part if total is None else total + part
    return total
