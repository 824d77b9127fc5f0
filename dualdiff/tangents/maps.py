"""Nodes of a tape that rearrange entries, or are any other linear map."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..values.kinds import ARRAYS
from ..values.kinds import innermost as plain
from . import Like
from .dense import Dense
from .operations import Node
from .transposes import positions_of, scatter, takes_view

if TYPE_CHECKING:
    from .running import Sweep

_ndarray = np.ndarray


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
        kind = sweep.kind
        given = kind.parts(cotangent)
        memory = type(plain(given[0])) in ARRAYS
        if self.positions is None and memory and len(self.parents) == 1 and takes_view(self):
            sweep.send_into(self.parents[0], self.move, cotangent)
            return
        if self.positions is None:
            self.positions = positions_of(
                self.move, self.parents, None if type(plain(given[0])) is _ndarray else given[0]
            )
        shapes = [parent.shape for parent in self.parents]
        parts = zip(*(scatter(self.positions, block, shapes) for block in given), strict=True)
        for parent, part in zip(self.parents, parts, strict=True):
            sweep.send(parent, kind.whole(part))

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
        kind = sweep.kind
        given = kind.parts(cotangent)
        stop = 0
        for parent, shape in self.parts:
            start, stop = stop, stop + shape[self.axis]
            if parent is not None:
                here = (*before, slice(start, stop))
                sweep.send(parent, kind.whole([part[here].reshape((len(part), *parent.shape)) for part in given]))

    def sources(self) -> Iterable[Node]:
        return [parent for parent, _ in self.parts if parent is not None]

    def text(self) -> str:
        parts = ", ".join(f"zeros{list(shape)}" if node is None else f"%{node.index}" for node, shape in self.parts)
        return f"join({parts}, axis={self.axis})"

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        given = [(None if parent is None else tangent_of(parent), shape) for parent, shape in self.parts]
        return None if all(block is None for block, _ in given) else forward.join(given, self.axis, self)


class LinearMap(Node):
    """Any other linear map"""

    __slots__ = ("apply", "parent", "transpose")

    def __init__(self, index: int, like: Any, parent: Node, apply: Any, transpose: Any) -> None:
        super().__init__(index, like.shape, like.dtype)
        self.parent = parent
        self.apply = apply
        self.transpose = transpose

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        sweep.send(self.parent, sweep.kind.pull_back(cotangent, self.transpose))

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
        kind = sweep.kind
        block, *support = kind.parts(cotangent)
        for parent, of_parent in zip(self.parents, self.transpose(block), strict=True):
            if of_parent is not None:
                # A rule of the user's is not asked again for what it reaches: everything.
                sweep.send(parent, kind.whole([of_parent, *(np.ones(of_parent.shape, bool) for _ in support)]))

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


def _numbers(nodes: Iterable[Node]) -> str:
    return ", ".join(f"%{node.index}" for node in nodes)
