"""The graph of all Variables: a record that is no list, but the nodes that results refer to, freed with them.

Variables share one perturbation of level 0, outside every transform: inside a transform a Variable is a constant of an
outer level, so the result is right with respect to both.
"""

from __future__ import annotations

import itertools
import weakref
from collections import defaultdict
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..tangents import Perturbation, blocks
from ..tangents.operations import Node
from ..tangents.running import Sweep
from ..tangents.single import Single
from ..tangents.structural_zeros import Supported
from ..tangents.tape import Renewing, Tape
from ..values.dual import Dual, has_nan

# Duals that stand for Variables while a transform with weights= runs (weights.py), by identity of the Variable.
STAND_INS: ContextVar[dict[int, tuple[Dual, ...]] | None] = ContextVar("dualdiff_stand_ins", default=None)


class _Numbering:
    """In place of a tape's list of nodes: numbers them, holds none."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return next(self._numbers)

    def append(self, node: Node) -> None:
        """The results refer to their nodes; nobody else does."""


class Graph(Tape):
    """The perturbation of all Variables."""

    __slots__ = ()
    shown_as: Callable[[Dual], Any]  # a Variable: see variable.py

    def __init__(self) -> None:
        super().__init__()
        self.level = 0
        self.nodes = _Numbering()  # type: ignore[assignment]

    def _hold(self, node: Node, array: Any) -> None:
        """Copy at once what a node reads: a graph outlives the statement that made it."""
        if type(array) is np.ndarray:
            node.let_go(array, array.copy("K"))

    def keep(self, constant: Any) -> Any:
        return constant.copy("K") if type(constant) is np.ndarray else super().keep(constant)

    def present(self, dual: Dual) -> Any:
        return self.shown_as(dual)

    def backward(self, node: Node, block: Any) -> None:
        """Send a cotangent to every Variable that a node came from."""
        order = ancestors(node)
        leaves = [node for node in order if type(node) is Leaf]
        gradients = blocks.silently(self._sent_back, Single(), order, leaves, block)
        if any(gradient is not None and has_nan(gradient) for gradient in gradients):
            # A structural zero may have met an infinite partial: see tangents/structural_zeros.py.
            gradients = blocks.silently(self._sent_back, Supported(1), order, leaves, block)
        for leaf, gradient in zip(leaves, gradients, strict=True):
            if gradient is not None:
                leaf.receive(gradient)

    def _sent_back(self, kind: Perturbation, order: list[Node], leaves: list[Leaf], block: Any) -> list[Any]:
        sweep = Sweep(kind, defaultdict(lambda: None), defaultdict(bool))
        sweep.send(order[0], kind.seed(block))
        for node in order:
            if type(node) is not Leaf and (found := sweep.found.pop(node.index, None)) is not None:
                node.pull(found, sweep)
        found = [sweep.found[leaf.index] for leaf in leaves]
        return [None if cotangent is None else kind.direction_of(cotangent) for cotangent in found]


def ancestors(node: Node) -> list[Node]:
    """A node and everything it came from, newest first."""
    from heapq import heappop, heappush

    queue = [(-node.index, node)]
    seen = {node.index}
    order = []
    while queue:
        _, node = heappop(queue)
        order.append(node)
        for parent in node.sources():
            if parent.index not in seen:
                seen.add(parent.index)
                heappush(queue, (-parent.index, parent))
    return order


class _RenewingGraph(Renewing, Graph):
    """The same, once a buffer that Variables view was written."""

    __slots__ = ()


Graph.renewing = _RenewingGraph
GRAPH = Graph()


class Leaf(Node):
    """The tangent of a Variable that the user made."""

    __slots__ = ("variable",)

    def __init__(self, value: Any, variable: Any) -> None:
        super().__init__(len(GRAPH.nodes), np.shape(value), np.result_type(value))
        self.variable = weakref.ref(variable)  # a Variable that nobody holds needs no gradient

    def receive(self, gradient: Any) -> None:
        variable = self.variable()
        if variable is not None:
            variable._receive(np.array(gradient)[()])
