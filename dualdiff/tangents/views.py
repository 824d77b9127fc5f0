"""Views of buffers on a tape, whose tangents are no memory: what a write goes through, what a view shows after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import blocks
from .operations import Node


class Place:
    """The view of a block that a write goes to: one move after the other"""

    __slots__ = ("moves",)

    def __init__(self, moves: Sequence[Callable[[Any], Any]]) -> None:
        self.moves = moves

    def __call__(self, block: Any) -> Any:
        for move in self.moves:
            block = move(block)
        return block


class Index:
    """The view by a basic index"""

    __slots__ = ("at",)

    def __init__(self, at: Any) -> None:
        self.at = at

    def __call__(self, block: Any) -> Any:
        return blocks.get(block, self.at)


class Move:
    """A move of blocks, of which its class says more"""

    __slots__ = ("move",)

    def __init__(self, move: Callable[[Any], Any]) -> None:
        self.move = move

    def __call__(self, block: Any) -> Any:
        return self.move(block)


class Windows(Move):
    """A view of a block that may show an entry several times"""

    __slots__ = ()


PARTS: dict[Any, str] = {np.real: "real", np.imag: "imag"}


class ViewNow:
    """In place of the node of a view of a buffer that is written: gives one of the buffer as it is now.

    A write makes one node, whatever the number of views; a view makes another when it is used after a write.
    """

    __slots__ = ("dtype", "node", "origin", "shape", "storage", "writes")

    def __init__(self, view: Any) -> None:
        self.node = view.tangent
        self.shape, self.dtype = self.node.shape, self.node.dtype
        self.origin, self.storage = view.origin, view.storage
        self.writes = self.storage.writes  # how many the node has seen

    def now(self) -> Node:
        writes = self.storage.writes
        if self.writes != writes:
            parent, (function, *arguments), _ = self.origin
            self.node = now(function(parent, *arguments).tangent)
            self.writes = writes
        return self.node


def now(tangent: Any) -> Any:
    return tangent.now() if type(tangent) is ViewNow else tangent
