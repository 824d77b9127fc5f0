"""The nodes of a tape: each kind of linear operation, its transpose, and what it reads.

`pull` sends a cotangent of a node back to its parents, `push` makes its tangent from theirs, `held` names the arrays
of the primal program that both read.  A `Sweep` collects the cotangents found so far.  Blocks of k cotangents have
shape ``(k, *node.shape)``; one cotangent of a scalar may travel as a scalar.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..values import kinds
from ..values.kinds import ARRAYS
from . import MINUS_ONE, ONE, Like, Trivial, blocks
from .dense import Dense, as_block, real_part
from .einsum import contracted, pulled
from .structural_zeros import contracted_on_support, plain, reached_through
from .sweep import OneSweep, Sweep, positions_of, scatter, unbroadcast

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

    def text(self) -> str:
        """The operation as a line of a program, its parents by their numbers."""
        return "input"

    def __str__(self) -> str:
        return f"%{self.index}: {self.dtype}{list(self.shape)} = {self.text()}"


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
            sweep.send(parent, term if parent.shape == self.shape else unbroadcast(term, parent.shape))

    def pull_one(self, cotangent: Any, sweep: OneSweep) -> None:
        shape, found = self.shape, sweep.found
        for partial, parent in self.terms:
            if partial is ONE:
                term = cotangent
            elif partial is MINUS_ONE:
                term = -cotangent
            elif type(partial) in ARRAYS and partial.dtype is not _BOOL:
                term = partial * cotangent
            else:
                term = _times(partial, cotangent)
            if parent.shape != shape:
                term = unbroadcast(as_block(term), parent.shape)[0]
            at = parent.index
            if found[at] is None and type(term) in ARRAYS and term.dtype is parent.dtype:
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
            sweep.send(parent, unbroadcast(term, parent.shape))
            supports.send(parent, unbroadcast(reached, parent.shape))

    def sources(self) -> Iterable[Node]:
        return [parent for _, parent in self.terms]

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        terms = [(partial, block) for partial, parent in self.terms if (block := tangent_of(parent)) is not None]
        return forward.combine(terms, Like(self.shape, self.dtype)) if terms else None

    def text(self) -> str:
        return " + ".join(f"{_factor(partial)}%{parent.index}" for partial, parent in self.terms).replace("+ -", "- ")

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
        memory = type(plain(cotangent)) in ARRAYS
        if self.positions is None and memory and len(self.parents) == 1 and sweep.send_into_view(self, cotangent):
            return
        if self.positions is None:
            self.positions = positions_of(
                self.move, self.parents, None if type(plain(cotangent)) is _ndarray else cotangent
            )
        parts = scatter(self.positions, cotangent, [parent.shape for parent in self.parents])
        for parent, part in zip(self.parents, parts, strict=True):
            sweep.send(parent, part)

    def sources(self) -> Iterable[Node]:
        return self.parents

    def text(self) -> str:
        return f"rearrange({_numbers(self.parents)})"

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        given = [tangent_of(parent) for parent in self.parents]
        if all(block is None for block in given):
            return None
        filled = [
            zero_tangent(parent, forward) if block is None else block
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

    def text(self) -> str:
        parts = ", ".join(f"zeros{list(shape)}" if node is None else f"%{node.index}" for node, shape in self.parts)
        return f"join({parts}, axis={self.axis})"

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

    def text(self) -> str:
        return f"view(%{self.parent.index})"

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

    def text(self) -> str:
        at = self.at if type(self.at) is tuple else (self.at,)
        return f"%{self.parent.index}[{', '.join(map(_index, at))}]"

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
        subscripts, order, spread = pulled(self.subscripts)
        block = cotangent if self.operand is None else contracted(cotangent, subscripts, self.operand)
        if order is not None:
            block = np.transpose(block, order)
        if spread is not None:
            block = _spread(block[spread], (block.shape[0], *self.parent.shape))
        sweep.send(self.parent, block)

    def pull_one(self, cotangent: Any, sweep: OneSweep) -> None:
        if self.operand is not None or not (isinstance(cotangent, _PLAIN) or kinds.in_memory(cotangent)):
            super().pull_one(cotangent, sweep)
            return
        _, order, spread = pulled(self.subscripts)
        if order is not None or spread is None:
            super().pull_one(cotangent, sweep)
            return
        whole = _empty(self.parent.shape, self.dtype, cotangent)
        whole[...] = cotangent[spread[1:]] if self.shape else cotangent  # type: ignore[index]
        sweep.send(self.parent, whole)

    def pull_on_support(self, cotangent: Any, support: Any, sweep: Sweep, supports: Sweep) -> None:
        if self.operand is None:
            super().pull_on_support(cotangent, support, sweep, supports)
            return
        subscripts, _, spread = pulled(self.subscripts)
        for block, where in (
            (contracted_on_support(cotangent, plain(support) > 0, subscripts, self.operand), sweep),
            (contracted(support, subscripts, np.ones(np.shape(plain(self.operand)))), supports),
        ):
            whole = block if spread is None else np.broadcast_to(block[spread], (block.shape[0], *self.parent.shape))
            where.send(self.parent, whole)

    def sources(self) -> Iterable[Node]:
        return (self.parent,)

    def text(self) -> str:
        operand = "" if self.operand is None else f", {_factor(self.operand).strip()}"
        return f"einsum({self.subscripts!r}, %{self.parent.index}{operand})"

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

    def text(self) -> str:
        return f"linear_map(%{self.parent.index})"

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

    def text(self) -> str:
        return f"pullback({_numbers(self.parents)})"

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        raise TypeError(
            "a custom_vjp function has a rule for reverse mode only; linearize and jvp need forward mode.\n"
            "  Give it a rule with custom_jvp, which serves both modes."
        )


def zero_tangent(node: Node, forward: Dense) -> Any:
    return forward.seed(np.zeros((forward.k, *node.shape), node.dtype))


# Cotangent blocks.


def _empty(shape: tuple[int, ...], dtype: Any, like: Any) -> Any:
    return np.empty(shape, dtype) if isinstance(like, _PLAIN) else np.empty(shape, dtype, like=like)


def _times(partial: Any, cotangent: Any) -> Any:
    if getattr(partial, "dtype", None) is _BOOL:
        return np.where(partial, cotangent, 0.0)
    # In the other order np.float64 would leave Python's complex, which has no dtype.
    return cotangent * partial if type(partial) is complex else partial * cotangent


def _spread(block: Any, shape: tuple[int, ...]) -> Any:
    """The block repeated to a shape; a small one is written out, which is quicker than `np.broadcast_to`."""
    if type(block) in ARRAYS and math.prod(shape) <= 4096:
        whole = kinds.empty(shape, block.dtype, block)
        whole[...] = block
        return whole
    return np.broadcast_to(block, shape)


# The record as text.


def _factor(partial: Any) -> str:
    if type(partial) is Trivial:
        return "" if partial is ONE else "-"
    shape = getattr(partial, "shape", ())
    return f"{partial.dtype}{list(shape)} " if shape else f"{float(np.real(plain(partial))):.6g} "


def _numbers(nodes: Iterable[Node]) -> str:
    return ", ".join(f"%{node.index}" for node in nodes)


def _index(part: Any) -> str:
    if type(part) is not slice:
        return "..." if part is Ellipsis else str(part)
    ends = ["" if end is None else str(end) for end in (part.start, part.stop)]
    return ":".join(ends if part.step is None else [*ends, str(part.step)])
